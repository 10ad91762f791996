//! SUMMARY    Whether a webhook is Stripe's: `Stripe-Signature: t=…,v1=…`.
//! STANDARDS  docs.stripe.com/webhooks/signature; RFC 2104 (HMAC) with SHA-256
//! SECURITY   The header and the body are anybody's. Compared in constant time; nothing is read of the body before.
//! LIMITS     SIGNATURE_AGE_MS_MAX, SIGNATURES_MAX

use aws_lc_rs::hmac::{HMAC_SHA256, Key, verify};
use base::Timestamp;
use billing::{Failure, FailureKind};

/// A webhook is not older, and not further in the future: what was overheard cannot be played again later.
pub const SIGNATURE_AGE_MS_MAX: i64 = 5 * 60 * 1_000;
/// While secrets are rotated there are two; more are not looked at.
pub const SIGNATURES_MAX: usize = 8;
const DIGEST_BYTES: usize = 32;

fn forged(text: &str) -> Failure {
    Failure::new(FailureKind::Forged, text)
}

/// Errors: `Forged`.
pub fn check(secrets: &[String], body: &[u8], header: &str, now: Timestamp) -> Result<(), Failure> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts().find(|(name, _)| *name == "t").map(|(_, value)| value);
    let at = at.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
    let at = at.ok_or_else(|| forged("the signature has no time"))?;
    let seconds: i64 = at.parse().map_err(|_| forged("the signature's time is none"))?;
    let ms = seconds.checked_mul(1_000).ok_or_else(|| forged("the signature's time is none"))?;
    if now.0.abs_diff(ms) > SIGNATURE_AGE_MS_MAX.unsigned_abs() {
        return Err(forged("the signature is too old, or its time is to come"));
    }
    let signed = [at.as_bytes(), b".", body].concat();
    let signatures = parts().filter(|(name, _)| *name == "v1").take(SIGNATURES_MAX).filter_map(|(_, hex)| bytes(hex));
    let signatures: Vec<_> = signatures.collect();
    let is_ours = |secret: &String| {
        let key = Key::new(HMAC_SHA256, secret.as_bytes());
        signatures.iter().any(|signature| verify(&key, &signed, signature).is_ok())
    };
    // An empty secret would be everybody's.
    if secrets.iter().filter(|secret| !secret.is_empty()).any(is_ours) {
        return Ok(());
    }
    Err(forged("no signature is by one of our secrets"))
}

fn bytes(hex: &str) -> Option<[u8; DIGEST_BYTES]> {
    let mut out = [0; DIGEST_BYTES];
    if hex.len() != 2 * DIGEST_BYTES {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let text = std::str::from_utf8(pair).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const GOOD: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn kind(secrets: &[&str], body: &[u8], header: &str, now: Timestamp) -> Option<FailureKind> {
        let secrets: Vec<String> = secrets.iter().map(|s| (*s).to_owned()).collect();
        check(&secrets, body, header, now).err().map(|e| e.kind)
    }

    #[test]
    fn a_known_signature_holds() {
        let other = "0".repeat(64);
        for header in [
            format!("t=1700000000,v1={GOOD}"),
            format!("t=1700000000, v1={other},v1={GOOD},v0=abc"),
            format!("v1={},t=1700000000", GOOD.to_uppercase()),
        ] {
            assert_eq!(kind(&["whsec_test"], BODY, &header, NOW), None, "{header}");
            assert_eq!(kind(&["whsec_old", "whsec_test"], BODY, &header, NOW), None, "rotated");
        }
    }

    #[test]
    fn everything_else_is_forged() {
        let good = format!("t=1700000000,v1={GOOD}");
        let late = Timestamp(NOW.0 + SIGNATURE_AGE_MS_MAX);
        assert_eq!(kind(&["whsec_test"], BODY, &good, late), None, "at the edge");
        let forged = Some(FailureKind::Forged);
        assert_eq!(kind(&["whsec_test"], BODY, &good, Timestamp(late.0 + 1)), forged, "too old");
        assert_eq!(kind(&["whsec_test"], BODY, &good, Timestamp(NOW.0 - SIGNATURE_AGE_MS_MAX - 1)), forged, "to come");
        assert_eq!(kind(&["whsec_other"], BODY, &good, NOW), forged);
        assert_eq!(kind(&[], BODY, &good, NOW), forged);
        assert_eq!(kind(&[""], BODY, &good, NOW), forged);
        assert_eq!(kind(&["whsec_test"], br#"{"id":"evt_2"}"#, &good, NOW), forged);
        for header in [
            String::new(),
            format!("v1={GOOD}"),
            format!("t=,v1={GOOD}"),
            format!("t=+1700000000,v1={GOOD}"),
            format!("t=1700000001,v1={GOOD}"),
            format!("t=99999999999999999999,v1={GOOD}"),
            format!("t=9223372036854775807,v1={GOOD}"),
            format!("t=1700000000,v0={GOOD}"),
            "t=1700000000,v1=".to_owned(),
            format!("t=1700000000,v1={}", "é".repeat(32)),
            format!("t=1700000000,v1={}{GOOD}", format!("{},v1=", "0".repeat(64)).repeat(SIGNATURES_MAX)),
        ] {
            assert_eq!(kind(&["whsec_test"], BODY, &header, NOW), forged, "{header}");
        }
    }
}
