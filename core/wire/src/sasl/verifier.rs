//! SUMMARY    What a server keeps of a password for SCRAM-SHA-256: it can check a proof, and cannot make one.
//! STANDARDS  RFC 5802 §3; RFC 5803 §2 (form); RFC 7677
//! LIMITS     SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX, SCRAM_SALT_BYTES_MAX

use super::prepare_password;
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base::limits::{SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN, SCRAM_SALT_BYTES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fmt, num::NonZeroU32};

/// SHA-256 output.
pub(super) const HASH_BYTES: usize = 32;
pub(super) type Hash = [u8; HASH_BYTES];

/// Stored form of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Hash,
    server_key: Hash,
}

/// Why a verifier cannot be read or derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierError {
    /// Not `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
    Form,
    /// Outside SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX.
    Iterations,
    /// Empty, or over SCRAM_SALT_BYTES_MAX.
    Salt,
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VerifierError::Form => "not a SCRAM-SHA-256 verifier",
            VerifierError::Iterations => "the iterations of a SCRAM verifier are out of range",
            VerifierError::Salt => "the salt of a SCRAM verifier is empty or too long",
        })
    }
}
impl std::error::Error for VerifierError {}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramVerifier({} iterations, ..)", self.iterations)
    }
}

impl ScramVerifier {
    /// Derives from a password. Slow on purpose: run it off the event loop.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, VerifierError> {
        let iterations = checked_iterations(iterations)?;
        let salt = checked_salt(salt)?;
        let salted = salted_password(password, &salt, iterations);
        Ok(Self::from_salted(&salted, salt, iterations))
    }

    /// Reads the stored form (RFC 5803 §2 as PostgreSQL and others write it).
    pub fn parse(text: &str) -> Result<Self, VerifierError> {
        let rest = text.strip_prefix("SCRAM-SHA-256$").ok_or(VerifierError::Form)?;
        let (cost, keys) = rest.split_once('$').ok_or(VerifierError::Form)?;
        let (iterations, salt) = cost.split_once(':').ok_or(VerifierError::Form)?;
        let (stored, server) = keys.split_once(':').ok_or(VerifierError::Form)?;
        let bytes = |t: &str| STANDARD.decode(t).map_err(|_| VerifierError::Form);
        let hash = |t: &str| Hash::try_from(bytes(t)?.as_slice()).map_err(|_| VerifierError::Form);
        Ok(ScramVerifier {
            iterations: checked_iterations(iterations.parse().map_err(|_| VerifierError::Form)?)?,
            salt: checked_salt(&bytes(salt)?)?,
            stored_key: hash(stored)?,
            server_key: hash(server)?,
        })
    }

    /// The stored form.
    pub fn format(&self) -> String {
        format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key),
            STANDARD.encode(self.server_key)
        )
    }

    /// Stands for a user that does not exist: the same salt at every try, and no password fits. `secret` is the server's own and stays
    /// the same over restarts; `iterations` is what real users have.
    pub fn fake(secret: &[u8], user: &str, iterations: u32) -> Result<Self, VerifierError> {
        let part = |label: &str| hmac_sha256(secret, &[label.as_bytes(), b"\0", user.as_bytes()].concat());
        let salt = part("scram salt");
        Ok(ScramVerifier {
            iterations: checked_iterations(iterations)?,
            salt: salt.get(..16).unwrap_or(&salt).to_vec(),
            stored_key: part("scram stored key"),
            server_key: part("scram server key"),
        })
    }

    /// Checks a password that came in plain text. As slow as `derive`.
    pub fn verify_password(&self, password: &str) -> bool {
        let salted = salted_password(password, &self.salt, self.iterations);
        let other = Self::from_salted(&salted, Vec::new(), self.iterations);
        constant_time::verify_slices_are_equal(&other.stored_key, &self.stored_key).is_ok()
    }

    pub fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    fn from_salted(salted: &Hash, salt: Vec<u8>, iterations: NonZeroU32) -> Self {
        let stored_key = sha256(&hmac_sha256(salted, b"Client Key"));
        ScramVerifier { iterations, salt, stored_key, server_key: hmac_sha256(salted, b"Server Key") }
    }

    /// Whether a client's proof fits (RFC 5802 §3).
    pub(super) fn check(&self, auth_message: &[u8], proof: &Hash) -> bool {
        let client_key = xor(&hmac_sha256(&self.stored_key, auth_message), proof);
        constant_time::verify_slices_are_equal(&sha256(&client_key), &self.stored_key).is_ok()
    }

    /// The server's own proof.
    pub(super) fn signature(&self, auth_message: &[u8]) -> Hash {
        hmac_sha256(&self.server_key, auth_message)
    }
}

fn checked_iterations(n: u32) -> Result<NonZeroU32, VerifierError> {
    let ok = (SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&n);
    NonZeroU32::new(n).filter(|_| ok).ok_or(VerifierError::Iterations)
}

fn checked_salt(salt: &[u8]) -> Result<Vec<u8>, VerifierError> {
    if salt.is_empty() || salt.len() > SCRAM_SALT_BYTES_MAX { Err(VerifierError::Salt) } else { Ok(salt.to_vec()) }
}

pub(super) fn salted_password(password: &str, salt: &[u8], iterations: NonZeroU32) -> Hash {
    let mut out = [0; HASH_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, prepare_password(password).as_bytes(), &mut out);
    out
}

pub(super) fn hmac_sha256(key: &[u8], data: &[u8]) -> Hash {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let mut out = [0; HASH_BYTES];
    out.iter_mut().zip(tag.as_ref()).for_each(|(o, t)| *o = *t);
    out
}

pub(super) fn sha256(data: &[u8]) -> Hash {
    let hash = digest::digest(&digest::SHA256, data);
    let mut out = [0; HASH_BYTES];
    out.iter_mut().zip(hash.as_ref()).for_each(|(o, t)| *o = *t);
    out
}

pub(super) fn xor(a: &Hash, b: &Hash) -> Hash {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(o, x)| *o ^= x);
    out
}
