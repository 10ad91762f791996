//! SUMMARY    Which part of a file a request is for.
//! STANDARDS  RFC 9110 §13.1 (If-Match, If-None-Match, If-Range), §14.1.2 (byte ranges), §14.2 (Range)
//! INVARIANTS A range that cannot be read, several of them, and one of another version of the file are as if there were none: the whole file.

use axum::http::{HeaderMap, header};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// From this byte on, before that one.
    Part(u64, u64),
    /// It has this file (304).
    Unchanged,
    /// It wants another one (412).
    Another,
    /// Nothing of the file is in the range (416).
    Beyond,
}

/// `etag`: of the file, a strong one, in its quotes.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_MATCH).is_some_and(|list| !names(list, etag)) {
        return Wanted::Another;
    }
    // Weak comparison: the tag may stand behind W/.
    if text(header::IF_NONE_MATCH).is_some_and(|list| names(&list.replace("W/", ""), etag)) {
        return Wanted::Unchanged;
    }
    let Some(range) = text(header::RANGE) else { return Wanted::All };
    if text(header::IF_RANGE).is_some_and(|tag| tag.trim() != etag) {
        return Wanted::All;
    }
    part(range, size).unwrap_or(Wanted::All)
}

/// Whether a list of tags names one.
fn names(list: &str, etag: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|tag| tag.trim() == etag)
}

/// One range of bytes; `None`: it is none, or there are several.
fn part(range: &str, size: u64) -> Option<Wanted> {
    let (unit, spec) = range.split_once('=')?;
    let (first, last) = spec.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || last.contains([',', '-']) {
        return None;
    }
    let (from, end) = match (first, last) {
        // The last so many.
        ("", count) => match number(count)? {
            0 => return Some(Wanted::Beyond),
            count => (size.saturating_sub(count), size),
        },
        (first, "") => (number(first)?, size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(size))
        }
    };
    Some(if from < end { Wanted::Part(from, end) } else { Wanted::Beyond })
}

/// Digits only; more than there are numbers is the highest.
fn number(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const ETAG: &str = "\"abc\"";

    fn asked(headers: &[(HeaderName, &'static str)], size: u64) -> Wanted {
        let map = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        wanted(&map, ETAG, size)
    }

    #[test]
    fn e3_a_range_is_a_part_of_the_file() {
        for (range, size, expected) in [
            ("bytes=0-0", 10, Wanted::Part(0, 1)),
            ("bytes=0-", 10, Wanted::Part(0, 10)),
            ("bytes=4-7", 10, Wanted::Part(4, 8)),
            ("bytes=4-99", 10, Wanted::Part(4, 10)),
            ("Bytes= 9-", 10, Wanted::Part(9, 10)),
            ("bytes=-3", 10, Wanted::Part(7, 10)),
            ("bytes=-30", 10, Wanted::Part(0, 10)),
            ("bytes=0-99999999999999999999999", 10, Wanted::Part(0, 10)),
            ("bytes=10-", 10, Wanted::Beyond),
            ("bytes=99999999999999999999999-", 10, Wanted::Beyond),
            ("bytes=-0", 10, Wanted::Beyond),
            ("bytes=0-", 0, Wanted::Beyond),
            ("bytes=7-4", 10, Wanted::All),
            ("bytes=0-1,4-5", 10, Wanted::All),
            ("bytes=a-b", 10, Wanted::All),
            ("bytes=--5", 10, Wanted::All),
            ("bytes=+1-2", 10, Wanted::All),
            ("lines=0-1", 10, Wanted::All),
            ("bytes", 10, Wanted::All),
            ("bytes=-", 10, Wanted::All),
        ] {
            assert_eq!(asked(&[(header::RANGE, range)], size), expected, "{range} of {size}");
        }
    }

    #[test]
    fn conditions_compare_tags() {
        let range = (header::RANGE, "bytes=2-3");
        for (name, value, expected) in [
            (header::IF_RANGE, "\"abc\"", Wanted::Part(2, 4)),
            (header::IF_RANGE, "\"abd\"", Wanted::All),
            (header::IF_RANGE, "W/\"abc\"", Wanted::All),
            (header::IF_RANGE, "Sat, 28 Nov 2026 10:00:00 GMT", Wanted::All),
            (header::IF_NONE_MATCH, "\"x\", W/\"abc\"", Wanted::Unchanged),
            (header::IF_NONE_MATCH, "*", Wanted::Unchanged),
            (header::IF_NONE_MATCH, "\"x\"", Wanted::Part(2, 4)),
            (header::IF_MATCH, "\"x\"", Wanted::Another),
            (header::IF_MATCH, "W/\"abc\"", Wanted::Another),
            (header::IF_MATCH, "\"abc\"", Wanted::Part(2, 4)),
        ] {
            assert_eq!(asked(&[range.clone(), (name.clone(), value)], 10), expected, "{name}: {value}");
        }
        assert_eq!(asked(&[], 10), Wanted::All);
    }
}
