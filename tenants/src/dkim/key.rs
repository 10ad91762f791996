//! SUMMARY    DKIM keys: made, and as the text of their record.
//! STANDARDS  RFC 6376 §3.6.1, RFC 8301 §3.2 (RSA of 2048 bits), RFC 8463 (Ed25519)

use crate::{Code, Error, Result};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{self, KeySize},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::DkimAlgorithm;

/// A key that was just made.
pub(super) struct Made {
    pub(super) algorithm: DkimAlgorithm,
    /// PKCS#8, DER.
    pub(super) private: Vec<u8>,
    /// The `p=` of its record.
    pub(super) public: String,
}

/// Makes a key. It takes a while: not on a thread that serves.
pub(super) fn make(algorithm: DkimAlgorithm) -> Result<Made> {
    let failed = |_| Error::new(Code::Internal, "", "making a key failed");
    let (private, public) = match algorithm {
        DkimAlgorithm::RsaSha256 => {
            let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
            (private.as_ref().to_vec(), public.as_ref().to_vec())
        }
        DkimAlgorithm::Ed25519Sha256 => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            // RFC 8463 §4.2: the bare key.
            (private.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
        }
    };
    Ok(Made { algorithm, private, public: STANDARD.encode(public) })
}

/// As SQL and selectors spell it.
pub(super) fn name(algorithm: DkimAlgorithm) -> &'static str {
    match algorithm {
        DkimAlgorithm::RsaSha256 => "rsa",
        DkimAlgorithm::Ed25519Sha256 => "ed25519",
    }
}

pub(super) fn parse(text: &str) -> DkimAlgorithm {
    if text == "ed25519" { DkimAlgorithm::Ed25519Sha256 } else { DkimAlgorithm::RsaSha256 }
}

/// The record of a key; one that was revoked has no key in it (RFC 6376 §3.6.1).
pub(super) fn record(algorithm: DkimAlgorithm, public: &str, revoked: bool) -> String {
    let public = if revoked { "" } else { public };
    format!("v=DKIM1; k={}; p={public}", name(algorithm))
}
