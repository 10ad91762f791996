//! SUMMARY    SMTP: the harnesses of the fuzz targets over random input.

use proptest::prelude::*;

#[path = "harness/smtp_client_reply.rs"]
mod smtp_client_reply;

proptest! {
    #[test]
    fn replies_never_panic(data in proptest::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n]{0,200}") {
        smtp_client_reply::run(&data);
        smtp_client_reply::run(text.as_bytes());
    }
}
