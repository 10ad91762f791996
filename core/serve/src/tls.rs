//! SUMMARY    Certificates: from files, or self-signed at the first start; chosen by SNI.
//! STANDARDS  RFC 6066 §3 (SNI), RFC 8446, RFC 7817 (names of mail servers)
//! INVARIANTS TLS 1.2 at least. A name without a certificate of its own gets the default one.

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{collections::HashMap, fmt, io, path::Path, sync::Arc};
use tokio_rustls::TlsAcceptor;

/// A certificate chain with its key.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<CertifiedKey>);

impl Certificate {
    /// From PEM files: the chain, leaf first, and its key.
    pub fn from_files(chain: &Path, key: &Path) -> io::Result<Self> {
        let chain = CertificateDer::pem_file_iter(chain).map_err(bad)?.collect::<Result<Vec<_>, _>>().map_err(bad)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(bad)?;
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(bad)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A kind of key that does not tell its public half is tried as it is.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(bad("the key does not belong to the certificate")),
        }
        Ok(Certificate(Arc::new(certified)))
    }

    /// Self-signed for these names; kept in `folder`, so that the next start shows the same one.
    pub fn self_signed(folder: &Path, names: &[String]) -> io::Result<Self> {
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        if !(chain.exists() && key.exists()) {
            std::fs::create_dir_all(folder)?;
            let made = rcgen::generate_simple_self_signed(names).map_err(bad)?;
            write_private(&key, &made.signing_key.serialize_pem())?;
            std::fs::write(&chain, made.cert.pem())?;
        }
        Certificate::from_files(&chain, &key)
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

fn bad(e: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e.to_string())
}

struct Certificates {
    default: Certificate,
    by_name: HashMap<String, Certificate>,
}

/// The certificates of a server; they can be replaced while it runs.
#[derive(Clone)]
pub struct TlsStore(Arc<ArcSwap<Certificates>>);

impl fmt::Debug for TlsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStore").field("names", &self.0.load().by_name.len()).finish()
    }
}

impl TlsStore {
    /// `by_name`: certificates for particular names (SNI).
    pub fn new(default: Certificate, by_name: Vec<(String, Certificate)>) -> Self {
        TlsStore(Arc::new(ArcSwap::from_pointee(Certificates { default, by_name: by_name.into_iter().collect() })))
    }

    /// Takes other certificates for new connections.
    pub fn replace(&self, default: Certificate, by_name: Vec<(String, Certificate)>) {
        self.0.store(Arc::new(Certificates { default, by_name: by_name.into_iter().collect() }));
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|b| b.with_no_client_auth().with_cert_resolver(Arc::new(self.clone())))
            .unwrap_or_else(|_| unreachable_config(self));
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The provider supports the default versions; kept total instead of panicking.
fn unreachable_config(store: &TlsStore) -> ServerConfig {
    ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(store.clone()))
}

impl ResolvesServerCert for TlsStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = self.0.load();
        let named = hello.server_name().and_then(|name| certificates.by_name.get(&name.to_ascii_lowercase()));
        Some(named.unwrap_or(&certificates.default).0.clone())
    }
}
