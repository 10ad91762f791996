//! SUMMARY    Whom the outgoing side believes: any certificate, those of an authority, or a few that are named one by one.
//! STANDARDS  RFC 5280, RFC 6125 through rustls; RFC 7672 §3.1.1 for what a named certificate means (its key counts, not its dates)
//! SECURITY   Nothing here skips the proof that the peer holds the key of its certificate.
//! INVARIANTS Given authorities stand instead of the public ones, not beside them.

use rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{path::Path, sync::Arc};
use tokio_rustls::TlsConnector;

/// Certificates of one file at most.
const TRUSTED_MAX: usize = 1_000;

/// Whose certificates pass where they must be verified.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The public authorities.
    #[default]
    Public,
    /// These authorities, and these very certificates.
    Only(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// TLS towards hosts whose certificates it verifies.
    pub fn verifying(&self) -> TlsConnector {
        connectors(self).1
    }

    /// From a PEM file of authorities or servers' own certificates; one at least.
    pub fn from_file(path: &Path) -> Result<Trust, String> {
        let at = |e: String| format!("{}: {e}", path.display());
        let read = CertificateDer::pem_file_iter(path).map_err(|e| at(e.to_string()))?;
        let found = read.take(TRUSTED_MAX).collect::<Result<Vec<_>, _>>().map_err(|e| at(e.to_string()))?;
        match found.is_empty() {
            true => Err(at("no certificate in it".to_owned())),
            false => Ok(Trust::Only(found)),
        }
    }
}

/// Connectors: one that takes any certificate, one that verifies.
pub(crate) fn connectors(trust: &Trust) -> (TlsConnector, TlsConnector) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let any = Arc::new(AnyCertificate(provider.clone()));
    let builder = || rustls::ClientConfig::builder();
    let open = builder().dangerous().with_custom_certificate_verifier(any).with_no_client_auth();
    let verified = match trust {
        Trust::Public => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            builder().with_root_certificates(roots).with_no_client_auth()
        }
        Trust::Only(trusted) => {
            let named = Arc::new(Named::new(provider, trusted));
            builder().dangerous().with_custom_certificate_verifier(named).with_no_client_auth()
        }
    };
    (TlsConnector::from(Arc::new(open)), TlsConnector::from(Arc::new(verified)))
}

/// A certificate that is named passes; any other needs one of the authorities among them.
#[derive(Debug)]
struct Named {
    trusted: Vec<CertificateDer<'static>>,
    /// `None` when none of them can be an authority.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    proof: AnyCertificate,
}

impl Named {
    fn new(provider: Arc<CryptoProvider>, trusted: &[CertificateDer<'static>]) -> Named {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted.iter().cloned());
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        Named { trusted: trusted.to_vec(), authorities: authorities.ok(), proof: AnyCertificate(provider) }
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trusted.iter().any(|t| t == shown) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(shown, chain, name, ocsp, now),
            None => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proof.verify_tls12_signature(message, cert, signed)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proof.verify_tls13_signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.proof.supported_verify_schemes()
    }
}

/// Checks that the peer holds the key of its certificate, and nothing about the name.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
