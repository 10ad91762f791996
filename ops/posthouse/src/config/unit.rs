//! SUMMARY    Amounts with units, as people write them: sizes and durations. Pure.
//! INVARIANTS Strict: a number, a unit, nothing else. What would have to be guessed is refused with the forms that are known.

use std::time::Duration;

/// Powers of ten and of two, as written.
const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Bytes of `50MB`, `512MiB`.
pub fn size(text: &str) -> Result<u64, String> {
    amount(text, &SIZES)
        .ok_or_else(|| format!("{text:?} is not a size; write a whole number and one of {}", names(&SIZES)))
}

/// `5m`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let found = amount(text, &TIMES).map(Duration::from_millis);
    found.ok_or_else(|| format!("{text:?} is not a time; write a whole number and one of {}", names(&TIMES)))
}

/// The shortest exact way to write a size.
pub fn write_size(bytes: u64) -> String {
    write(bytes, &SIZES)
}

/// The shortest exact way to write a time.
pub fn write_duration(time: Duration) -> String {
    write(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn names(units: &[(&str, u64)]) -> String {
    units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn write(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().filter(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor));
    let (name, factor) = exact.max_by_key(|(_, factor)| *factor).copied().unwrap_or(("", 1));
    let name = if name.is_empty() { units.first().map_or("", |u| u.0) } else { name };
    format!("{}{name}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_strictly() {
        assert_eq!(size("50MB"), Ok(50_000_000));
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "50", "50 MB", "50mb", "50M", "5.5MB", "-1MB", "MB", "50MBs", "99999999999TiB", "+5MB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "5", "5 m", "5min", "1h30m", "5M", "-5s", "s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_are_written_as_they_are_read() {
        for text in ["512MiB", "50MB", "1B", "0B", "1GiB"] {
            assert_eq!(write_size(size(text).unwrap()), text);
        }
        for text in ["20s", "15m", "1d", "1ms", "0ms"] {
            assert_eq!(write_duration(duration(text).unwrap()), text);
        }
    }
}
