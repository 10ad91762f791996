//! SUMMARY    The line between two messages: `From `, who sent it, when it came.
//! STANDARDS  RFC 4155 Appendix A (the asctime of UTC); in files of others: zones, offsets, dates of ISO 8601, `-` for the sender
//! INVARIANTS A written line is one line of ASCII graphics and single spaces, but for addresses with UTF-8.

use base::Timestamp;
use base::limits::MBOX_SENDER_BYTES_MAX;
use jiff::{civil::Weekday, tz::Offset};
use wire::mime::parse_date;

use super::FROM;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds of the years that a date of four digits has, but for the last two days: jiff leaves room for offsets there.
const SECS_MIN: i64 = -62_167_219_200;
const SECS_MAX: i64 = 253_402_207_200;

/// Writes the line. An empty sender is the null path's.
pub(super) fn render(sender: &str, received: Timestamp, out: &mut Vec<u8>) {
    let clean: String = sender.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let clean = clean.get(..clean.floor_char_boundary(MBOX_SENDER_BYTES_MAX)).unwrap_or_default();
    let sender = if clean.is_empty() { "MAILER-DAEMON" } else { clean };
    out.extend_from_slice(FROM);
    out.extend_from_slice(format!("{sender} {}\n", asctime(received)).as_bytes());
}

/// `Mon Nov 23 19:23:32 2026`, in UTC.
fn asctime(at: Timestamp) -> String {
    let stamp =
        jiff::Timestamp::from_second(at.secs().clamp(SECS_MIN, SECS_MAX)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let t = Offset::UTC.to_datetime(stamp);
    let day = match t.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    };
    let month = usize::try_from(t.month() - 1).ok().and_then(|n| MONTHS.get(n)).copied().unwrap_or_default();
    format!("{day} {month} {:>2} {:02}:{:02}:{:02} {:04}", t.day(), t.hour(), t.minute(), t.second(), t.year())
}

/// Whether a line that begins with `From ` after an empty line is likely none of a text: it has a time of day, and a month or a date.
pub(super) fn divides(line: &[u8]) -> bool {
    let words = || line.split(u8::is_ascii_whitespace).skip(1);
    let digits = |text: Option<&[u8]>| text.is_some_and(|t| t.iter().all(u8::is_ascii_digit));
    let is_time =
        |word: &[u8]| word.windows(4).any(|w| digits(w.get(..1)) && w.get(1) == Some(&b':') && digits(w.get(2..)));
    let is_month = |word: &[u8]| MONTHS.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(word));
    let is_date = |word: &[u8]| {
        digits(word.get(..4)) && word.get(4) == Some(&b'-') && digits(word.get(5..7)) && word.get(7) == Some(&b'-')
    };
    words().any(is_time) && words().any(|w| is_month(w) || is_date(w))
}

/// Who a message is from as the line says; None for `-`, or no word at all.
pub(super) fn sender(line: &[u8]) -> Option<String> {
    let (word, _) = halves(line);
    (!word.is_empty() && word != b"-").then(|| String::from_utf8_lossy(word).into_owned())
}

/// When it was received as the line says. A time without a zone is taken for UTC.
pub(super) fn received(line: &[u8]) -> Option<Timestamp> {
    let (_, date) = halves(line);
    let iso = || {
        let text = str::from_utf8(date).ok()?.trim();
        let stamp = text.parse::<jiff::Timestamp>().ok();
        let local = || text.parse::<jiff::civil::DateTime>().ok().and_then(|t| Offset::UTC.to_timestamp(t).ok());
        stamp.or_else(local).map(|t| Timestamp(t.as_millisecond()))
    };
    parse_date(date).or_else(iso)
}

/// The first word after `From `, and what follows it.
fn halves(line: &[u8]) -> (&[u8], &[u8]) {
    let rest = line.get(FROM.len()..).unwrap_or_default().trim_ascii();
    rest.split_at(rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_programs() {
        let check = |line: &str, who: Option<&str>, secs: Option<i64>| {
            let line = line.as_bytes();
            assert_eq!(sender(line).as_deref(), who, "{}", line.escape_ascii());
            assert_eq!(received(line).map(Timestamp::secs), secs, "{}", line.escape_ascii());
            assert_eq!(divides(line), secs.is_some(), "{}", line.escape_ascii());
        };
        let at = Some(1_795_461_812);
        check("From ann@example.org Mon Nov 23 19:23:32 2026\n", Some("ann@example.org"), at);
        check("From ann@example.org  Mon Nov 23 19:23:32 2026\r\n", Some("ann@example.org"), at);
        check("From - Mon Nov 23 19:23:32 2026\n", None, at);
        check("From MAILER-DAEMON Mon Nov 23 20:23:32 2026 +0100\n", Some("MAILER-DAEMON"), at);
        check("From 1793457489474839@xxx Mon Nov 23 19:23:32 +0000 2026\r\n", Some("1793457489474839@xxx"), at);
        check("From ???@??? Mon Nov 23 14:23:32 EST 2026\n", Some("???@???"), at);
        check("From ann Mon, 23 Nov 2026 19:23:32 +0000\n", Some("ann"), at);
        check("From ann Mon Nov 23 19:23:32 2026 remote from host\n", Some("ann"), at);
        check("From ann@example.org 2026-11-23T19:23:32Z\n", Some("ann@example.org"), at);
        check("From ann@example.org 2026-11-23 19:23:32\n", Some("ann@example.org"), at);
        check("From now on, it is all different\n", Some("now"), None);
        check("From 10:30 on we meet\n", Some("10:30"), None);
        check("From ann@example.org\n", Some("ann@example.org"), None);
        check("From \n", None, None);
    }

    #[test]
    fn a_written_line_is_one_line_whoever_sent_it() {
        let check = |sender: &str, secs: i64, expect: &str| {
            let mut out = Vec::new();
            render(sender, Timestamp::from_secs(secs), &mut out);
            assert_eq!(String::from_utf8(out.clone()).unwrap(), expect);
            assert!(divides(&out));
        };
        check("ann@example.org", 1_795_461_812, "From ann@example.org Mon Nov 23 19:23:32 2026\n");
        check("", 0, "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
        check("a\r\nFrom b\u{2028}", -1, "From aFromb Wed Dec 31 23:59:59 1969\n");
        check("ä@x", i64::MAX / 1000, "From ä@x Thu Dec 30 22:00:00 9999\n");
        check("x", i64::MIN / 1000, "From x Sat Jan  1 00:00:00 0000\n");
        check(&"ü".repeat(200), 0, &format!("From {} Thu Jan  1 00:00:00 1970\n", "ü".repeat(160)));
    }
}
