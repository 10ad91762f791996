//! SUMMARY    The certificates the configuration names, read at the start and again at SIGHUP.
//! INVARIANTS A file that cannot be used changes nothing: the certificates in force stay. Open connections are not touched.

use crate::{config::Config, stores::at};
use serve::{Certificate, TlsStore};
use std::path::PathBuf;

type Certificates = (Certificate, Vec<(String, Certificate)>);

/// The certificates of a server.
pub fn open(config: &Config) -> Result<TlsStore, String> {
    let (default, by_name) = read(config)?;
    Ok(TlsStore::new(default, by_name))
}

/// Reads the files again, for new connections.
pub fn reload(config: &Config, tls: &TlsStore) -> Result<(), String> {
    let (default, by_name) = read(config)?;
    tls.replace(default, by_name);
    Ok(())
}

fn read(config: &Config) -> Result<Certificates, String> {
    let default = match &config.tls {
        Some(tls) => Certificate::from_files(&tls.chain, &tls.key).map_err(|e| at(&tls.chain, e))?,
        None => {
            let names = vec![config.hostname.clone(), "localhost".into()];
            let folder: PathBuf = config.data.join("tls");
            Certificate::self_signed(&folder, &names).map_err(|e| at(&folder, e))?
        }
    };
    let mut by_name = Vec::new();
    for sni in &config.sni {
        let certificate = Certificate::from_files(&sni.chain, &sni.key).map_err(|e| at(&sni.chain, e))?;
        by_name.push((sni.name.to_ascii_lowercase(), certificate));
    }
    Ok((default, by_name))
}
