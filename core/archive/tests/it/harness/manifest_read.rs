//! SUMMARY    Fuzz harness: any bytes are a manifest or an error; one that was read is written and read again as the same.

use archive::Error;
use archive::manifest::{FORMAT_MAJOR, PublicKey, read, verify, write};

pub fn run(data: &[u8]) {
    match read(data) {
        Ok(manifest) => {
            let written = write(&manifest).expect("what was read can be written");
            assert_eq!(read(&written).expect("what was written can be read"), manifest);
            assert_eq!(write(&read(&written).expect("again")).expect("again"), written);
        }
        Err(Error::Version { major, .. }) => assert_ne!(major, FORMAT_MAJOR),
        Err(_) => {}
    }
    assert!(verify(data, data, &[PublicKey([7; 32])]).is_err(), "nobody signed it");
}
