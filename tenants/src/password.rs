//! SUMMARY    Verifiers of passwords: argon2id and SCRAM-SHA-256; generated app passwords.
//! STANDARDS  RFC 9106 (argon2id), RFC 5802 and RFC 5803 (SCRAM verifier)
//! INVARIANTS A password is never stored or logged; hashing runs off the async workers.

mod phc;

use crate::{Code, Error, Result, rows::random};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use aws_lc_rs::{digest, hmac, pbkdf2};
use base::aside::{Answer, Aside};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{net::IpAddr, num::NonZeroU32, sync::LazyLock};
use tokio::sync::oneshot;

/// Shortest password.
const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password.
const PASSWORD_BYTES_MAX: usize = 512;
/// Iterations of the SCRAM verifier (RFC 7677 §4 asks for 4096 at least).
const SCRAM_ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

/// Work of argon2id.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for PasswordCost {
    /// OWASP's first choice: 19 MiB, 2 passes.
    fn default() -> Self {
        PasswordCost { memory_kib: 19_456, passes: 2 }
    }
}

/// How the password of a mailbox is given.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum NewPassword {
    /// None yet: nobody logs in with one until it is set.
    #[default]
    Unset,
    Plain(String),
    /// A PHC string of argon2id, from another system.
    Hash(String),
}

impl NewPassword {
    /// What tells it from others; a secret all the same.
    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            NewPassword::Unset => None,
            NewPassword::Plain(text) | NewPassword::Hash(text) => Some(text),
        }
    }

    /// What is stored of it. `Invalid` when it is too short, too long, or a hash that is not taken.
    pub(crate) async fn verifiers(&self, cost: PasswordCost) -> Result<Option<Verifiers>> {
        match self {
            NewPassword::Unset => Ok(None),
            NewPassword::Plain(password) => verifiers(password, cost).await.map(Some),
            NewPassword::Hash(hash) => phc::verifiers(hash).map(Some),
        }
    }
}

impl From<&str> for NewPassword {
    fn from(password: &str) -> Self {
        NewPassword::Plain(password.to_owned())
    }
}

impl From<String> for NewPassword {
    fn from(password: String) -> Self {
        NewPassword::Plain(password)
    }
}

/// Which way only.
impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NewPassword::Unset => "Unset",
            NewPassword::Plain(_) => "Plain",
            NewPassword::Hash(_) => "Hash",
        })
    }
}

pub(crate) struct Verifiers {
    /// Of a generated password its digest.
    pub(crate) argon2: String,
    pub(crate) scram: String,
}

/// Where hashes are computed: behind everything else that wants a core, half of the cores' number at the same time, whoever asks and
/// however many do, so that the others have the rest. Networks take turns.
static ASIDE: LazyLock<Aside> = LazyLock::new(|| Aside::half_of_the_cores("hash", usize::MAX));

/// Runs the work of a hash off the async workers, for who has proved who it is; it may run twice and gives the same either time.
pub(crate) async fn hashed<T: Send + 'static>(work: impl Fn() -> Option<T> + Send + Sync + 'static) -> Result<T> {
    hashed_for(None, work).await
}

/// The same for whoever asks from an address: it waits for one of each other network.
pub(crate) async fn hashed_for<T: Send + 'static>(
    from: Option<IpAddr>,
    work: impl Fn() -> Option<T> + Send + Sync + 'static,
) -> Result<T> {
    let failed = || Error::new(Code::Internal, "", "hashing the password failed");
    let (tell, told) = oneshot::channel();
    // Who asked may have gone away.
    let answer = Answer { to: tell, is_gone: oneshot::Sender::is_closed, tell: |to, result| drop(to.send(result)) };
    ASIDE.compute(from, work, answer);
    told.await.ok().flatten().ok_or_else(failed)
}

/// Both verifiers of a password; `Invalid` when it is too short or too long.
pub(crate) async fn verifiers(password: &str, cost: PasswordCost) -> Result<Verifiers> {
    if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
        let message = format!("A password has {PASSWORD_CHARS_MIN} characters at least");
        return Err(Error::new(Code::Invalid, "password", message));
    }
    let (password, salt) = (password.to_owned(), random::<16>()?);
    let hashing = hashed(move || {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let argon2 = argon2.hash_password_with_salt(password.as_bytes(), &salt).ok()?.to_string();
        Some(Verifiers { argon2, scram: scram(&password, &salt) })
    });
    hashing.await
}

/// Both verifiers of a password of `generate`: nobody finds 120 random bits by trying, so a digest will do, and a login finds out by
/// one digest which of all app passwords it is.
pub(crate) async fn app_verifiers(generated: &str) -> Result<Verifiers> {
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, generated.as_bytes()));
    let (generated, salt, argon2) = (generated.to_owned(), random::<16>()?, format!("{}{digest}", control::APP_DIGEST));
    hashed(move || Some(Verifiers { argon2: argon2.clone(), scram: scram(&generated, &salt) })).await
}

/// The argon2id verifier alone, of somebody who signs in over HTTP only; `Invalid` as above.
pub(crate) async fn argon2(password: &str, cost: PasswordCost) -> Result<String> {
    Ok(verifiers(password, cost).await?.argon2)
}

/// What tells passwords from others without giving them away: argon2id of them all, as hex. Same salt, same text. Of those that
/// are hashes already there is nothing to guess: a digest is enough.
pub(crate) async fn fingerprint(passwords: &[&str], salt: &str, cost: PasswordCost) -> Result<String> {
    if passwords.iter().all(|p| phc::verifiers(p).is_ok()) {
        let all = passwords.iter().fold(salt.to_owned(), |all, p| format!("{all} {p}"));
        return Ok(hex(&digest::digest(&digest::SHA256, all.as_bytes())));
    }
    let joined: Vec<u8> =
        passwords.iter().flat_map(|p| [p.len().to_be_bytes().as_slice(), p.as_bytes()].concat()).collect();
    let salt = digest::digest(&digest::SHA256, salt.as_bytes());
    let hashing = hashed(move || {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).ok()?;
        let secret = digest::digest(&digest::SHA256, &joined);
        let mut out = [0u8; 32];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(secret.as_ref(), salt.as_ref(), &mut out).ok()?;
        Some(hex(&out))
    });
    hashing.await
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
    bytes.as_ref().iter().fold(String::new(), |text, b| format!("{text}{b:02x}"))
}

fn scram(password: &str, salt: &[u8]) -> String {
    let mut salted = [0u8; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, SCRAM_ITERATIONS, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let stored = digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${SCRAM_ITERATIONS}:{}${}:{}", b64(salt), b64(stored.as_ref()), b64(server.as_ref()))
}

/// A generated password: 24 letters and digits in groups, 120 bits.
pub fn generate() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstvwxyz0123456789";
    let letters: Vec<char> =
        random::<24>()?.iter().filter_map(|b| LETTERS.get(usize::from(*b) % 32)).map(|b| *b as char).collect();
    Ok(letters.chunks(6).map(|g| g.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}
