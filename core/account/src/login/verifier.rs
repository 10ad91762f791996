//! SUMMARY    Verifiers of app passwords: a digest, and for those from before it their SCRAM verifier. Pure.
//! STANDARDS  RFC 5802 and RFC 5803 (SCRAM verifier), NIST SP 800-63B §5.1.2.2 (look-up secrets of 112 bits and more need no slow hash)
//! SECURITY   What a verifier is compared with is compared in constant time.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac, pbkdf2};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::num::NonZeroU32;

/// Iterations of a verifier that are computed at most: what the control plane writes has 4096.
const ITERATIONS_MAX: u32 = 100_000;

/// What is stored of an app password: generated, of 120 bits, so that nobody finds it by trying.
pub(super) fn app_digest(password: &str) -> String {
    let digest = digest::digest(&digest::SHA256, password.as_bytes());
    format!("{}{}", control::APP_DIGEST, STANDARD.encode(digest))
}

/// Whether the password is the one of `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
pub(super) fn scram_matches(verifier: &str, password: &str) -> bool {
    let parts = || {
        let (cost, keys) = verifier.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = cost.split_once(':')?;
        let iterations = iterations.parse::<NonZeroU32>().ok().filter(|n| n.get() <= ITERATIONS_MAX)?;
        Some((iterations, STANDARD.decode(salt).ok()?, STANDARD.decode(keys.split_once(':')?.0).ok()?))
    };
    let Some((iterations, salt, stored)) = parts() else { return false };
    verify_slices_are_equal(stored_key(password, iterations, &salt).as_ref(), &stored).is_ok()
}

/// StoredKey of RFC 5802 §3.
fn stored_key(password: &str, iterations: NonZeroU32, salt: &[u8]) -> digest::Digest {
    let mut salted = [0u8; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
    let client = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), b"Client Key");
    digest::digest(&digest::SHA256, client.as_ref())
}

#[cfg(test)]
pub(super) fn scram(password: &str, salt: &[u8]) -> String {
    let stored = stored_key(password, NonZeroU32::MIN.saturating_add(4095), salt);
    format!("SCRAM-SHA-256$4096:{}${}:", STANDARD.encode(salt), STANDARD.encode(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_rfc_7677_is_its_passwords() {
        // RFC 7677 §3: user `user`, password `pencil`; StoredKey computed from its salt and iterations.
        let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:";
        assert!(scram_matches(verifier, "pencil"));
        assert!(!scram_matches(verifier, "Pencil"));
        for broken in ["", "SCRAM-SHA-256$0:W22Z$WG5d:", "SCRAM-SHA-256$4096:W22Z", "SCRAM-SHA-1$1:W22Z$WG5d:"] {
            assert!(!scram_matches(broken, "pencil"), "{broken}");
        }
    }
}
