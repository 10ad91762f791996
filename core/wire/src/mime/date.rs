//! SUMMARY    Dates of header fields, read tolerantly and written strictly.
//! STANDARDS  RFC 5322 §3.3, §4.3
//! INVARIANTS A date without day, month, year and time is None; an unknown zone is UTC (RFC 5322 §4.3).

use base::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Words of a date that are looked at.
const DATE_WORDS_MAX: usize = 20;

#[derive(Default)]
struct Parts {
    day: Option<i64>,
    month: Option<i64>,
    year: Option<i64>,
    time_secs: Option<i64>,
    zone_secs: i64,
}

/// Reads a Date value (RFC 5322, obsolete forms, asctime, `23-Nov-26`).
pub fn parse_date(value: &[u8]) -> Option<Timestamp> {
    let mut parts = Parts::default();
    let text = without_comments(value);
    let words = text.split(|b| b.is_ascii_whitespace() || *b == b',').filter(|w| !w.is_empty()).take(DATE_WORDS_MAX);
    for word in words {
        let dashed = parts.day.is_none() && word.first().is_some_and(u8::is_ascii_digit) && word.contains(&b'-');
        if dashed {
            for piece in word.split(|b| *b == b'-') {
                take_word(piece, &mut parts);
            }
        } else {
            take_word(word, &mut parts);
        }
    }
    let (year, month, day) = (parts.year?, parts.month?, parts.day?);
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let secs = days_from_civil(year, month, day) * 86_400 + parts.time_secs? - parts.zone_secs;
    Some(Timestamp::from_secs(secs))
}

fn without_comments(value: &[u8]) -> Vec<u8> {
    let mut depth = 0_usize;
    let mut out = Vec::with_capacity(value.len().min(256));
    for b in value {
        match b {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b if depth == 0 => out.push(*b),
            _ => {}
        }
    }
    out
}

fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 6 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

fn take_word(word: &[u8], parts: &mut Parts) {
    let Some(first) = word.first().copied() else { return };
    if first.is_ascii_digit() && word.contains(&b':') && parts.time_secs.is_none() {
        parts.time_secs = time_of(word, parts);
    } else if matches!(first, b'+' | b'-') {
        parts.zone_secs = offset_of(word).unwrap_or(parts.zone_secs);
    } else if let Some(n) = number(word) {
        if parts.day.is_none() && word.len() <= 2 {
            parts.day = Some(n);
        } else if parts.year.is_none() {
            parts.year = Some(full_year(n, word.len()));
        }
    } else if first.is_ascii_alphabetic() {
        let head = word.get(..3).unwrap_or_default();
        let month = MONTHS.iter().position(|m| m.as_bytes().eq_ignore_ascii_case(head));
        match month {
            Some(m) if parts.month.is_none() => parts.month = i64::try_from(m + 1).ok(),
            _ if parts.time_secs.is_some() => parts.zone_secs = zone_of(word).unwrap_or(parts.zone_secs),
            _ => {}
        }
    }
}

/// RFC 5322 §4.3: two digits below 50 are 20xx, others and three digits count from 1900.
fn full_year(n: i64, digits: usize) -> i64 {
    match digits {
        0..=2 if n < 50 => 2000 + n,
        0..=3 => 1900 + n,
        _ => n,
    }
}

/// `hh:mm[:ss[.fraction]]`, a zone may be glued to it.
fn time_of(word: &[u8], parts: &mut Parts) -> Option<i64> {
    let end = word.iter().position(|b| matches!(b, b'+' | b'-') || b.is_ascii_alphabetic()).unwrap_or(word.len());
    let (clock, zone) = word.split_at(end);
    let mut fields = clock.split(|b| *b == b':');
    let hour = number(fields.next()?)?;
    let minute = number(fields.next()?)?;
    let second = match fields.next() {
        Some(s) => number(s.split(|b| *b == b'.').next()?)?,
        None => 0,
    };
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    parts.zone_secs = offset_of(zone).or_else(|| zone_of(zone)).unwrap_or(parts.zone_secs);
    Some(hour * 3600 + minute * 60 + second.min(59))
}

/// `+hhmm`, `+hh:mm` or `+hmm`.
fn offset_of(word: &[u8]) -> Option<i64> {
    let (sign, digits) = match word {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let digits: Vec<u8> = digits.iter().copied().filter(|b| *b != b':').take(5).collect();
    let n = number(&digits)?;
    let (hours, minutes) = if digits.len() <= 2 { (n, 0) } else { (n / 100, n % 100) };
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn zone_of(word: &[u8]) -> Option<i64> {
    let at = word.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(word.len());
    let (name, rest) = word.split_at(at);
    let name = name.to_ascii_uppercase();
    let hours = match name.as_slice() {
        b"EST" | b"CDT" => -5,
        b"EDT" => -4,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        b"CET" | b"MET" | b"BST" => 1,
        b"CEST" | b"MEST" => 2,
        b"JST" => 9,
        b"" => return None,
        _ => 0,
    };
    Some(offset_of(rest).unwrap_or(hours * 3600))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let mp = (5 * of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * mp + 2) / 5 + 1)
}

/// Writes a date of RFC 5322 §3.3 in UTC: `Mon, 23 Nov 2026 19:23:32 +0000`. Years outside 0-9999 are clamped.
pub fn render_date(at: Timestamp) -> String {
    let secs = at.secs().clamp(-62_167_219_200, 253_402_300_799);
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let name =
        |names: &[&'static str], n: i64| usize::try_from(n).ok().and_then(|n| names.get(n)).copied().unwrap_or("");
    let (weekday, month) = (name(&DAYS, days.rem_euclid(7)), name(&MONTHS, month - 1));
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(parse_date(text.as_bytes()).map(Timestamp::secs), expect, "{text}");
    }

    #[test]
    fn dates() {
        check("Mon, 23 Nov 2026 19:23:32 +0000", Some(1_795_461_812));
        check("23 Nov 2026 20:23:32 +0100 (CET)", Some(1_795_461_812));
        check("Mon, 23 Nov 26 14:23:32 EST", Some(1_795_461_812));
        check("Mon 23 Nov 2026 19:23:32GMT", Some(1_795_461_812));
        check("Mon Nov 23 19:23:32 2026", Some(1_795_461_812));
        check("23-Nov-2026 19:23:32 +0000", Some(1_795_461_812));
        check("Mon, 23 Nov 2026 19:23 Z", Some(1_795_461_780));
        check("Mon,\r\n 23 Nov\r\n 2026 19:23:32 -0000", Some(1_795_461_812));
        check("Thu, 1 Jan 1970 00:00:00 +0000", Some(0));
        check("Thu, 1 Jan 70 00:00:00 GMT+0100", Some(-3600));
        check("Thu, 1 Jan 99 00:00:00 PST", Some(915_177_600));
        check("29 Feb 2027 00:00:00 +0000", None);
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn written_dates_are_read_again() {
        for secs in [0, 951_782_400, 1_795_461_812, 4_102_444_799, -1] {
            check(&render_date(Timestamp::from_secs(secs)), Some(secs));
        }
        assert_eq!(render_date(Timestamp::from_secs(1_795_461_812)), "Mon, 23 Nov 2026 19:23:32 +0000");
    }
}
