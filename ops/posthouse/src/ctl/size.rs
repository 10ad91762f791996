//! SUMMARY    Sizes as `ctl` takes and shows them: `5G`, `500M`. Pure.
//! INVARIANTS Powers of 1024, as in the files of `mailboxImport`. `MB` and `GB` mean two things, and are refused.

use serde_json::Value;

const UNITS: [(&str, u32); 4] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
/// Fields of rows that are sizes in bytes. What `quota` compares is shown to the byte, and is not here.
const FIELDS: &[&str] =
    &["used_bytes", "usage.usedBytes", "quota_bytes_max", "quotaBytesMax", "storage_bytes_max", "storageBytesMax"];

/// Bytes of `1000`, `500M`, `5G`, `5GiB`.
pub fn read(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: a whole number of bytes, or of K, M, G, T (powers of 1024), as 5G");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let unit = unit.strip_suffix("iB").filter(|letter| !letter.is_empty()).unwrap_or(unit);
    let shift = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, shift)) => *shift,
        None if matches!(unit, "" | "B") => 0,
        None => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(wrong)
}

/// The largest unit of which there is one: `5G` exactly, `1.4G` rounded to a tenth. Below 1024: bytes.
pub fn write(bytes: u64) -> String {
    let Some((name, shift)) = UNITS.iter().find(|(_, shift)| bytes >> shift > 0) else { return bytes.to_string() };
    let unit = 1_u128 << shift;
    let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
    match tenths % 10 {
        0 => format!("{}{name}", tenths / 10),
        tenth => format!("{}.{tenth}{name}", tenths / 10),
    }
}

/// A field that is a size, for people; None: it is none.
pub fn shown(field: &str, value: &Value) -> Option<String> {
    let number = || value.as_u64().or_else(|| value.as_str()?.parse().ok());
    FIELDS.contains(&field).then(number).flatten().map(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1_000),
            ("7B", 7),
            ("1K", 1_024),
            ("500M", 500 << 20),
            ("5g", 5 << 30),
            ("5GiB", 5 << 30),
            ("2T", 2 << 40),
        ] {
            assert_eq!(read(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "G", "iB", "5 G", "5GB", "5MB", "1.5G", "-1G", "+5G", "5X", "99999999999T", "5GiBs", "5iB"] {
            assert!(read(wrong).is_err_and(|why| why.contains("powers of 1024")), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_with_the_largest_unit() {
        for (bytes, text) in [
            (0, "0"),
            (1_023, "1023"),
            (1_024, "1K"),
            (500 << 20, "500M"),
            (5 << 30, "5G"),
            (1_000_000, "976.6K"),
            ((3 << 30) / 2, "1.5G"),
            (u64::MAX, "16777216T"),
        ] {
            assert_eq!(write(bytes), text);
        }
        assert_eq!(shown("usage.usedBytes", &Value::from("2048")), Some("2K".to_owned()));
        assert_eq!(shown("quotaBytesMax", &Value::Null), None);
        assert_eq!(shown("drift_bytes", &Value::from(2_048)), None);
    }
}
