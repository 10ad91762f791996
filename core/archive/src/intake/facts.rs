//! SUMMARY    What a message says of itself in its header: when it came, labels of Gmail, flags as mbox files have them.
//! STANDARDS  RFC 5322 §3.6.1, §3.6.7; Status and X-Status (mutt, Dovecot, Pine), X-Keywords (Dovecot), X-Mozilla-Status, X-Mozilla-Keys
//! SECURITY   Anybody can send such fields. Labels are only believed at the very top, where Google writes them and no relay does.
//! LIMITS     KEYWORDS_MAX, KEYWORD_BYTES_MAX

use std::collections::BTreeSet;

use base::Timestamp;
use base::limits::{KEYWORD_BYTES_MAX, KEYWORDS_MAX};
use memchr::memrchr;
use wire::mime::{first, headers, parse_date};

use crate::mbox::{Labels, gmail_labels};

/// Times before 1980 are none: files say 0 for what they do not know.
const SECS_MIN: i64 = 315_532_800;
/// System flags that may stand beside KEYWORDS_MAX keywords.
const SYSTEM_MAX: usize = 5;

/// A time that a file's name or a `From ` line says, if it may be one.
pub(super) fn plausible(at: Option<Timestamp>) -> Option<Timestamp> {
    at.filter(|at| at.secs() >= SECS_MIN)
}

/// When it was received, as the header says.
pub(super) fn received(head: &[u8]) -> Option<Timestamp> {
    let delivered = || plausible(parse_date(first(head, b"delivery-date")?));
    let relayed = || {
        let value = first(head, b"received")?;
        let date = memrchr(b';', value).and_then(|at| value.get(at + 1..))?;
        plausible(parse_date(date))
    };
    let written = || parse_date(first(head, b"date")?);
    delivered().or_else(relayed).or_else(written)
}

/// Whether there is any field at all.
pub(super) fn is_message(head: &[u8]) -> bool {
    headers(head).any(|field| !field.name.is_empty())
}

/// What Google Takeout writes at the top of each message.
#[derive(Debug, Default)]
pub(super) struct Gmail {
    pub thread: Option<u64>,
    pub labels: Option<Labels>,
}

pub(super) fn gmail(head: &[u8]) -> Gmail {
    let mut out = Gmail::default();
    for field in headers(head) {
        let value = field.value.of(head);
        if field.name.eq_ignore_ascii_case(b"x-gm-thrid") {
            out.thread = str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
        } else if field.name.eq_ignore_ascii_case(b"x-gmail-labels") {
            out.labels = Some(gmail_labels(value));
        } else {
            break;
        }
    }
    out
}

/// The message's id of Gmail, from the sender in the `From ` line of Takeout: `1793457489474839@xxx`.
pub(super) fn gmail_id(sender: &str) -> Option<u64> {
    sender.strip_suffix("@xxx")?.parse().ok()
}

/// Keywords as programs write them into messages of an mbox. None: there are no such fields.
pub(super) fn status(head: &[u8]) -> Option<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    let mut any = false;
    for field in headers(head) {
        let value = field.value.of(head);
        let is = |name: &str| field.name.eq_ignore_ascii_case(name.as_bytes());
        if is("status") || is("x-status") {
            any = true;
            out.extend(value.iter().filter_map(|letter| of_letter(*letter)).map(str::to_owned));
        } else if is("x-mozilla-status") {
            any = true;
            let bits = str::from_utf8(value).ok().and_then(|text| u32::from_str_radix(text.trim(), 16).ok());
            let set = MOZILLA.iter().filter(|(bit, _)| bits.unwrap_or(0) & bit != 0);
            out.extend(set.map(|(_, keyword)| (*keyword).to_owned()));
        } else if is("x-keywords") || is("x-mozilla-keys") {
            let words = value.split(u8::is_ascii_whitespace).filter_map(|word| str::from_utf8(word).ok());
            keep(words, &mut out);
        }
    }
    (any || !out.is_empty()).then_some(out)
}

/// Bits of X-Mozilla-Status.
const MOZILLA: [(u32, &str); 5] =
    [(0x1, "$seen"), (0x2, "$answered"), (0x4, "$flagged"), (0x8, "$deleted"), (0x1000, "$forwarded")];

/// Letters of Status and X-Status.
fn of_letter(letter: u8) -> Option<&'static str> {
    match letter {
        b'R' => Some("$seen"),
        b'A' => Some("$answered"),
        b'F' => Some("$flagged"),
        b'T' => Some("$draft"),
        b'D' => Some("$deleted"),
        _ => None,
    }
}

/// Adds those that can be kept, in lower case; whether all could.
pub(super) fn keep<'a>(words: impl IntoIterator<Item = &'a str>, out: &mut BTreeSet<String>) -> bool {
    let mut all = true;
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        let good = is_keyword(word) && out.len() < KEYWORDS_MAX + SYSTEM_MAX;
        if good {
            out.insert(word.to_ascii_lowercase());
        }
        all &= good;
    }
    all
}

/// An atom of IMAP (RFC 8621 §4.1.1).
fn is_keyword(text: &str) -> bool {
    let atom = |b: u8| b.is_ascii_graphic() && !b"(){]%*\"\\".contains(&b);
    !text.is_empty() && text.len() <= KEYWORD_BYTES_MAX && text.bytes().all(atom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(head: &str) -> Option<String> {
        status(head.as_bytes()).map(|set| set.into_iter().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn flags_of_mbox_files() {
        assert_eq!(words("Subject: x\r\n\r\nStatus: R\r\n"), None);
        assert_eq!(words("Status: O\r\n").as_deref(), Some(""));
        assert_eq!(
            words("Status: RO\r\nX-Status: AF\r\nX-Keywords: Work  a(b\r\n").as_deref(),
            Some("$answered $flagged $seen work")
        );
        assert_eq!(
            words("X-Mozilla-Status: 1005\r\nX-Mozilla-Keys: $label1   \r\n").as_deref(),
            Some("$flagged $forwarded $label1 $seen")
        );
        assert_eq!(words("X-Mozilla-Keys:      \r\n"), None);
        assert_eq!(words("X-Mozilla-Status: zz\r\n").as_deref(), Some(""));
    }

    #[test]
    fn times_of_a_header() {
        let at = |head: &str| received(head.as_bytes()).map(Timestamp::secs);
        let date = "Date: Mon, 23 Nov 2026 19:23:32 +0000\r\n";
        let trace = "Received: from a by b; Mon, 23 Nov 2026 19:23:33\r\n +0000\r\nReceived: x; Mon, 23 Nov 2026 19:23:31 +0000\r\n";
        assert_eq!(at(date), Some(1_795_461_812));
        assert_eq!(at(&format!("{date}{trace}")), Some(1_795_461_813));
        assert_eq!(at(&format!("{trace}Delivery-date: Mon, 23 Nov 2026 19:23:34 +0000\r\n")), Some(1_795_461_814));
        assert_eq!(at(&format!("Received: no date\r\n{date}")), Some(1_795_461_812));
        assert_eq!(at("Subject: x\r\n"), None);
    }

    #[test]
    fn labels_are_believed_at_the_top_only() {
        let labels = |head: &str| gmail(head.as_bytes()).labels.is_some();
        assert!(labels("X-GM-THRID: 7\r\nX-Gmail-Labels: Inbox\r\nReceived: x\r\n"));
        assert!(!labels("Received: x\r\nX-Gmail-Labels: Inbox\r\n"));
        assert_eq!(gmail(b"X-GM-THRID: 1793457489474839\r\n").thread, Some(1_793_457_489_474_839));
        assert_eq!((gmail_id("17@xxx"), gmail_id("17@example.org"), gmail_id("a@xxx")), (Some(17), None, None));
    }
}
