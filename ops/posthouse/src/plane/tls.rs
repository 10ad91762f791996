//! SUMMARY    Mutual TLS between the planes, from three PEM files.
//! STANDARDS  RFC 8446 §4.4.2.4 (the client's certificate)
//! INVARIANTS TLS 1.3 only. The one authority is the file's: no public one is believed.

use crate::stores::at;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use std::{path::PathBuf, sync::Arc};

/// `[plane] certificate, key, ca`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Own chain, leaf first.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who signs the other side's.
    pub ca: PathBuf,
}

impl Files {
    fn own(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(|e| at(&self.certificate, e))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|e| at(&self.certificate, e))?;
        if chain.is_empty() {
            return Err(at(&self.certificate, "no certificate in it"));
        }
        Ok((chain, PrivateKeyDer::from_pem_file(&self.key).map_err(|e| at(&self.key, e))?))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&self.ca).map_err(|e| at(&self.ca, e))? {
            roots.add(certificate.map_err(|e| at(&self.ca, e))?).map_err(|e| at(&self.ca, e))?;
        }
        if roots.is_empty() { Err(at(&self.ca, "no certificate in it")) } else { Ok(roots) }
    }

    /// For the data plane.
    pub(super) fn server(&self) -> Result<ServerConfig, String> {
        let (chain, key) = self.own()?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), provider()).build();
        let verifier = verifier.map_err(|e| at(&self.ca, e))?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        let builder = builder.map_err(|e| e.to_string())?.with_client_cert_verifier(verifier);
        builder.with_single_cert(chain, key).map_err(|e| at(&self.certificate, e))
    }

    /// For the control plane.
    pub(super) fn client(&self) -> Result<ClientConfig, String> {
        let (chain, key) = self.own()?;
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        let builder = builder.map_err(|e| e.to_string())?.with_root_certificates(self.roots()?);
        builder.with_client_auth_cert(chain, key).map_err(|e| at(&self.certificate, e))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
