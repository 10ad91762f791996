//! SUMMARY    Times as JMAP writes them: `2026-11-23T19:23:32Z`, with thousandths where there are any.
//! STANDARDS  RFC 8620 §1.4 (UTCDate), RFC 3339
//! INVARIANTS Years outside 0 to 9999 are clamped, as the form has four digits.

use std::fmt;

use base::Timestamp;
use serde::{Deserializer, Serializer, de};

/// Milliseconds of the years that the form can say, but for the last two days: jiff leaves room for offsets there.
const MS_MIN: i64 = -62_167_219_200_000;
const MS_MAX: i64 = 253_402_207_200_000;

pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    let at = jiff::Timestamp::from_millisecond(at.0.clamp(MS_MIN, MS_MAX)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    to.collect_str(&at)
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    from.deserialize_str(Reader)
}

struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = Timestamp;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as 2026-11-23T19:23:32Z")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        let at: jiff::Timestamp = text.parse().map_err(E::custom)?;
        Ok(Timestamp(at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(transparent)]
    struct Date(#[serde(with = "super")] Timestamp);

    #[test]
    fn times_come_back() {
        let check = |ms: i64, text: &str| {
            let json = serde_json::to_string(&Date(Timestamp(ms))).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Date>(&json).unwrap().0.0, ms.clamp(MS_MIN, MS_MAX));
        };
        check(1_795_461_812_000, "2026-11-23T19:23:32Z");
        check(1_795_461_812_120, "2026-11-23T19:23:32.12Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(i64::MAX, "9999-12-30T22:00:00Z");
        check(i64::MIN, "0000-01-01T00:00:00Z");
        assert!(serde_json::from_str::<Date>("\"yesterday\"").is_err());
    }
}
