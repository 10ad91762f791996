//! SUMMARY    Password hashes that come from elsewhere.
//! STANDARDS  RFC 9106 (argon2id), the PHC string format
//! SECURITY   A login costs what the hash says: its memory and passes are bounded, so that nobody's logins stop the others';
//!            and not below what makes guessing slow. No other scheme is taken: the doors check argon2id only.
//! LIMITS     HASH_MEMORY_KIB_MIN, HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, HASH_LANES_MAX,
//!            HASH_WORK_KIB_MAX

use super::Verifiers;
use crate::{
    Code, Error, Result,
    limits::{HASH_LANES_MAX, HASH_MEMORY_KIB_MAX, HASH_MEMORY_KIB_MIN, HASH_PASSES_MAX, HASH_WORK_KIB_MAX},
};
use argon2::{Algorithm, Params, PasswordHash, Version};
use std::ops::RangeInclusive;

/// Bytes of the salt; RFC 9106 §3.1 asks for 16, some systems give 8.
const SALT_BYTES: RangeInclusive<usize> = 8..=48;
/// Bytes of the output.
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// What is stored of a hash: there is no SCRAM without the password. `Invalid` when it is none that is taken.
pub(super) fn verifiers(hash: &str) -> Result<Verifiers> {
    let invalid = |why: String| Error::new(Code::Invalid, "passwordHash", why);
    let form = "A password hash looks like $argon2id$v=19$m=19456,t=2,p=1$salt$hash; other schemes are not taken";
    let parsed = PasswordHash::new(hash).map_err(|_| invalid(form.into()))?;
    let version = parsed.version.and_then(|v| Version::try_from(v).ok());
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok();
    if algorithm != Some(Algorithm::Argon2id) || version != Some(Version::V0x13) {
        return Err(invalid(form.into()));
    }
    let params = Params::try_from(&parsed).map_err(|_| invalid(form.into()))?;
    let memory = HASH_MEMORY_KIB_MIN..=HASH_MEMORY_KIB_MAX;
    if !memory.contains(&params.m_cost()) {
        let why = "HASH_MEMORY_KIB_MIN, HASH_MEMORY_KIB_MAX";
        return Err(invalid(format!("m is {HASH_MEMORY_KIB_MIN} to {HASH_MEMORY_KIB_MAX} ({why})")));
    }
    if params.t_cost() > HASH_PASSES_MAX || params.p_cost() > HASH_LANES_MAX {
        let why = "HASH_PASSES_MAX, HASH_LANES_MAX";
        return Err(invalid(format!("t is at most {HASH_PASSES_MAX}, p at most {HASH_LANES_MAX} ({why})")));
    }
    if params.m_cost().saturating_mul(params.t_cost()) > HASH_WORK_KIB_MAX {
        return Err(invalid(format!("m times t is at most {HASH_WORK_KIB_MAX} (HASH_WORK_KIB_MAX)")));
    }
    let salt = parsed.salt.as_ref().map_or(0, |s| s.len());
    let output = parsed.hash.as_ref().map_or(0, argon2::password_hash::phc::Output::len);
    if !SALT_BYTES.contains(&salt) || !OUTPUT_BYTES.contains(&output) || !params.keyid().is_empty() {
        return Err(invalid("The hash has a salt of 8 bytes and an output of 16 bytes at least, and no key".into()));
    }
    Ok(Verifiers { argon2: parsed.to_string(), scram: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2id_within_the_bounds_is_taken_and_nothing_else() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";
        let taken = verifiers(good).ok().unwrap();
        assert_eq!((taken.argon2.as_str(), taken.scram.as_str()), (good, ""));
        assert!(verifiers(&good.replace("m=19456,t=2", "m=65536,t=4")).is_ok(), "what PHP makes");
        let refused = [
            ("".to_owned(), "looks like"),
            ("$2y$10$abcdefghijklmnopqrstuv".to_owned(), "looks like"),
            ("{SSHA}abc".to_owned(), "looks like"),
            ("$6$salt$hash".to_owned(), "looks like"),
            (good.replace("argon2id", "argon2i"), "looks like"),
            (good.replace("v=19", "v=16"), "looks like"),
            (good.replace("$v=19", ""), "looks like"),
            (good.replace("m=19456", "m=1024"), "HASH_MEMORY_KIB_MIN"),
            (good.replace("m=19456", "m=4194304"), "HASH_MEMORY_KIB_MAX"),
            (good.replace("t=2", "t=1000"), "HASH_PASSES_MAX"),
            (good.replace("p=1", "p=64"), "HASH_LANES_MAX"),
            (good.replace("m=19456,t=2", "m=131072,t=3"), "HASH_WORK_KIB_MAX"),
            (good.replace("$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU", ""), "salt"),
        ];
        for (hash, why) in refused {
            let e = verifiers(&hash).err().unwrap();
            assert_eq!((e.code, e.field), (Code::Invalid, "passwordHash"));
            assert!(e.message.contains(why), "{hash}: {}", e.message);
        }
    }
}
