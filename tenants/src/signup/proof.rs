//! SUMMARY    Proofs of work: what a signup costs a machine, and the wait that stands for it where there is no script.
//! STANDARDS  RFC 2104 (HMAC), FIPS 180-4 (SHA-256); product.md §5
//! SECURITY   A challenge is a text that only we could have made: none is stored. It is good once, by the table of those that were used.
//!            Who waits instead of working is told apart: a risk more, no wall.
//! LIMITS     SIGNUP_PROOF_LIFE, SIGNUP_PROOF_BITS, SIGNUP_PROOF_STEPS, SIGNUP_WAIT, SIGNUP_CHALLENGES

use super::{not_open, velocity::network};
use crate::{
    Code, Error, Result, Seen, Service,
    auth::Keys,
    db::query,
    limits::{SIGNUP_CHALLENGES, SIGNUP_PROOF_BITS, SIGNUP_PROOF_LIFE, SIGNUP_PROOF_STEPS, SIGNUP_WAIT},
    password::hex,
    rows::fresh_id,
};
use aws_lc_rs::digest;
use base::{TenantId, Timestamp};

/// What a proof says that was not worked for but waited for.
const WAITED: &str = "wait";
/// Bytes of a counter.
const COUNTER_BYTES_MAX: usize = 20;

/// Something to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// A proof is this text, a colon and a number, such that the SHA-256 of the whole begins with `bits` zero bits.
    pub challenge: String,
    pub bits: u32,
    /// This, a colon and `wait` are a proof too, from then on.
    pub wait_seconds: u32,
    pub expires_at: Timestamp,
}

/// A proof that was checked.
pub(super) struct Proved {
    pub(super) hash: String,
    pub(super) waited: bool,
    expires_at: Timestamp,
}

fn wrong(why: &str) -> Error {
    Error::new(Code::Invalid, "proof", why)
}

fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

impl Challenge {
    /// For a network with so many signups of late.
    fn new(keys: &Keys, now: Timestamp, begun: u32) -> Result<Challenge> {
        let steps = begun.min(SIGNUP_PROOF_STEPS);
        let (bits, wait) = (SIGNUP_PROOF_BITS + steps, SIGNUP_WAIT.as_secs() << steps);
        let (nonce, issued) = (fresh_id("")?, seconds(now.0));
        let body = format!("1.{bits}.{wait}.{issued}.{nonce}");
        let challenge = format!("{body}.{}", keys.ticket(&["signup-proof", &body]));
        let wait_seconds = u32::try_from(wait).unwrap_or(u32::MAX);
        Ok(Challenge { challenge, bits, wait_seconds, expires_at: now.plus(SIGNUP_PROOF_LIFE) })
    }
}

/// Whether a hash begins with so many zero bits.
fn has_zeros(hash: &[u8], bits: u32) -> bool {
    let mut zeros = 0;
    for byte in hash {
        zeros += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    zeros >= bits
}

/// Reads a proof. `Invalid` for what is none, is too early or too late.
fn check(keys: &Keys, now: Timestamp, proof: &str) -> Result<Proved> {
    let no_proof = || wrong("This is no proof of work for a challenge of ours");
    let (challenge, counter) = proof.split_once(':').ok_or_else(no_proof)?;
    let (body, ticket) = challenge.rsplit_once('.').ok_or_else(no_proof)?;
    if !keys.is_ticket(&["signup-proof", body], ticket) {
        return Err(no_proof());
    }
    let mut parts = body.split('.').skip(1).map(str::parse::<i64>);
    let mut part = || parts.next().and_then(std::result::Result::ok).ok_or_else(no_proof);
    let (bits, wait, issued) = (part()?, part()?, part()?);
    let life = i64::try_from(SIGNUP_PROOF_LIFE.as_secs()).unwrap_or(i64::MAX);
    let end = issued.saturating_add(life);
    if seconds(now.0) >= end {
        return Err(wrong("The proof of work is too old: ask for another challenge"));
    }
    let waited = counter == WAITED;
    if waited && seconds(now.0) < issued.saturating_add(wait) {
        let left = issued.saturating_add(wait) - seconds(now.0);
        let seconds = u32::try_from(left).unwrap_or(u32::MAX);
        return Err(Error::new(Code::Throttled { seconds }, "proof", format!("Wait {seconds} s more")));
    }
    if !waited {
        let number =
            !counter.is_empty() && counter.len() <= COUNTER_BYTES_MAX && counter.bytes().all(|b| b.is_ascii_digit());
        let hash = digest::digest(&digest::SHA256, proof.as_bytes());
        if !number || !has_zeros(hash.as_ref(), u32::try_from(bits).unwrap_or(u32::MAX)) {
            return Err(no_proof());
        }
    }
    let hash = hex(&digest::digest(&digest::SHA256, challenge.as_bytes()));
    Ok(Proved { hash, waited, expires_at: Timestamp(end.saturating_mul(1000)) })
}

impl Service {
    /// Something to work on, harder for a network that signs up often. `NotOpen`, `Throttled`.
    pub async fn signup_challenge(&self, seller: Option<TenantId>, seen: &Seen) -> Result<Challenge> {
        self.shop.get().ok_or_else(not_open)?;
        let from = network(seen.peer);
        self.attempts.admit_signup("challenge", &from, SIGNUP_CHALLENGES, self.now())?;
        let mut connection = self.pool().acquire().await?;
        self.open_seller(&mut connection, seller).await?;
        let begun = self.begun_from(&mut connection, &from).await?;
        Challenge::new(&self.keys, self.now(), u32::try_from(begun).unwrap_or(u32::MAX))
    }

    /// Checks a proof. `Invalid`, `Throttled`.
    pub(super) fn checked_proof(&self, proof: &str) -> Result<Proved> {
        check(&self.keys, self.now(), proof)
    }

    /// Uses a proof up, in a transaction of its own: whatever comes after, it is not good again. `false`: it was used before.
    pub(super) async fn spend(&self, proof: &Proved) -> Result<bool> {
        let mut txn = self.begin().await?;
        let spent = query("INSERT INTO signup_spent (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&proof.hash)
            .bind(proof.expires_at.0)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(spent == 1)
    }
}

pub(super) fn used_up() -> Error {
    wrong("The proof of work was used before: ask for another challenge")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn solved(challenge: &Challenge) -> String {
        let proof = |n: u64| format!("{}:{n}", challenge.challenge);
        let good =
            |proof: &String| has_zeros(digest::digest(&digest::SHA256, proof.as_bytes()).as_ref(), challenge.bits);
        (0..).map(proof).find(good).unwrap()
    }

    #[test]
    fn a_proof_is_good_for_its_challenge_and_time() {
        let keys = Keys::new(b"a", b"b").unwrap();
        let now = Timestamp(1_700_000_000_000);
        let challenge = Challenge::new(&keys, now, 0).unwrap();
        let proof = solved(&challenge);
        let proved = check(&keys, now, &proof).unwrap();
        assert!(!proved.waited);
        let late = challenge.expires_at;
        assert!(check(&keys, late, &proof).is_err());
        assert!(check(&keys, Timestamp(late.0 - 1), &proof).is_ok());
        assert!(check(&Keys::new(b"x", b"b").unwrap(), now, &proof).is_err(), "another server's");
        let easier = proof.replacen(&format!("1.{SIGNUP_PROOF_BITS}."), "1.1.", 1);
        for bad in
            [&easier, "", ":", "1.2:3", &format!("{}:x", challenge.challenge), &format!("{}:", challenge.challenge)]
        {
            assert_eq!(check(&keys, now, bad).err().unwrap().code, Code::Invalid, "{bad}");
        }
    }

    #[test]
    fn a_wait_ticket_is_good_after_its_wait_only() {
        let keys = Keys::new(b"a", b"b").unwrap();
        let now = Timestamp(1_700_000_000_000);
        let challenge = Challenge::new(&keys, now, 2).unwrap();
        assert_eq!(u64::from(challenge.wait_seconds), SIGNUP_WAIT.as_secs() * 4);
        let ticket = format!("{}:wait", challenge.challenge);
        let early = now.plus(Duration::from_secs(u64::from(challenge.wait_seconds) - 1));
        assert!(matches!(check(&keys, early, &ticket).err().unwrap().code, Code::Throttled { seconds: 1 }));
        let then = now.plus(Duration::from_secs(u64::from(challenge.wait_seconds)));
        assert!(check(&keys, then, &ticket).unwrap().waited);
        assert!(check(&keys, challenge.expires_at, &ticket).is_err());
    }

    #[test]
    fn work_and_wait_rise_with_what_a_network_did_and_not_for_ever() {
        let keys = Keys::new(b"a", b"b").unwrap();
        let bits = |begun| Challenge::new(&keys, Timestamp(0), begun).unwrap().bits;
        assert_eq!(
            (bits(0), bits(1), bits(1000)),
            (SIGNUP_PROOF_BITS, SIGNUP_PROOF_BITS + 1, SIGNUP_PROOF_BITS + SIGNUP_PROOF_STEPS)
        );
    }

    #[test]
    fn zeros_are_counted_from_the_front() {
        for (hash, bits) in [([0u8, 0, 1], 23), ([0, 0, 0], 24), ([0x80, 0, 0], 0), ([0x0f, 0, 0], 4)] {
            assert!(has_zeros(&hash, bits) && !has_zeros(&hash, bits + 1), "{hash:?}");
        }
    }
}
