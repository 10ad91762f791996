//! SUMMARY    Who a submitted message says it is from, and what its writer left out.
//! STANDARDS  RFC 5322 §2.2, §3.6.2; RFC 6409 §6.1, §8
//! SECURITY   A header that readers could understand in two ways is refused: a line that is no field, a second From, a bare CR or LF.
//! LIMITS     HEADER_BYTES_MAX, HEADER_ADDRESSES_MAX
//! INVARIANTS Only the header section is read. Resent fields name nobody: who sends again answers for From like anybody else.

use super::header::{Field, Next, field_at};
use super::mailbox_list::mailbox_list;
use base::{Address, limits::HEADER_BYTES_MAX};
use std::fmt;

/// What the header says of its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originator {
    /// At least one.
    pub from: Vec<Address>,
    pub sender: Option<Address>,
    /// Whether there is a Date field.
    pub is_dated: bool,
    /// Whether there is a Message-ID field.
    pub is_identified: bool,
}

/// Why a header names nobody who could answer for it. The text is for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginatorError {
    TooLong,
    /// The line, from 1.
    NotAField(usize),
    LineEnd,
    NoFrom,
    Repeated(&'static str),
    Malformed {
        field: &'static str,
        why: &'static str,
    },
    /// Several authors and no Sender.
    NoSender,
}

impl fmt::Display for OriginatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginatorError::TooLong => {
                write!(f, "The header is longer than {HEADER_BYTES_MAX} bytes (HEADER_BYTES_MAX)")
            }
            OriginatorError::NotAField(line) => write!(f, "Line {line} of the header is not a field"),
            OriginatorError::LineEnd => f.write_str("A line of the header does not end with CR LF"),
            OriginatorError::NoFrom => f.write_str("The header has no From field"),
            OriginatorError::Repeated(field) => write!(f, "The header has more than one {field} field"),
            OriginatorError::Malformed { field, why } => write!(f, "The {field} field is malformed: {why}"),
            OriginatorError::NoSender => f.write_str("A message of several authors needs a Sender field"),
        }
    }
}

impl std::error::Error for OriginatorError {}

/// Reads the header section of a message that is being submitted.
pub fn originator(message: &[u8]) -> Result<Originator, OriginatorError> {
    let head = message.get(..message.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
    let (mut from, mut sender, mut dated, mut identified) = (None, None, None, None);
    let (mut at, mut line) = (0, 1);
    while let Next::Field(field) = field_at(head, at) {
        let text = field.line.of(head);
        if field.name.is_empty() {
            return Err(OriginatorError::NotAField(line));
        }
        if !has_whole_lines(text, message.len() == head.len()) {
            return Err(OriginatorError::LineEnd);
        }
        let slots =
            [("From", &mut from), ("Sender", &mut sender), ("Date", &mut dated), ("Message-ID", &mut identified)];
        for (name, slot) in slots {
            once(name, slot, field)?;
        }
        line += memchr::memchr_iter(b'\n', text).count();
        at = field.line.end as usize;
    }
    if at == head.len() && head.len() < message.len() {
        return Err(OriginatorError::TooLong);
    }
    let list = |name, field: Field<'_>| {
        mailbox_list(field.value.of(head)).map_err(|why| OriginatorError::Malformed { field: name, why })
    };
    let from = list("From", from.ok_or(OriginatorError::NoFrom)?)?;
    let sender = sender.map(|field| one("Sender", list("Sender", field)?)).transpose()?;
    match from.len() {
        0 => Err(OriginatorError::Malformed { field: "From", why: "it has no address" }),
        2.. if sender.is_none() => Err(OriginatorError::NoSender),
        _ => Ok(Originator { from, sender, is_dated: dated.is_some(), is_identified: identified.is_some() }),
    }
}

fn once<'a>(name: &'static str, slot: &mut Option<Field<'a>>, field: Field<'a>) -> Result<(), OriginatorError> {
    if !field.name.eq_ignore_ascii_case(name.as_bytes()) {
        return Ok(());
    }
    if slot.replace(field).is_some() { Err(OriginatorError::Repeated(name)) } else { Ok(()) }
}

fn one(field: &'static str, list: Vec<Address>) -> Result<Address, OriginatorError> {
    match <[Address; 1]>::try_from(list) {
        Ok([address]) => Ok(address),
        Err(_) => Err(OriginatorError::Malformed { field, why: "it names exactly one address" }),
    }
}

/// Whether every CR and LF of a field is part of a CR LF; the last line of a message that ends in its header may lack it.
fn has_whole_lines(text: &[u8], is_last: bool) -> bool {
    let feeds = memchr::memchr_iter(b'\n', text);
    let returns = memchr::memchr_iter(b'\r', text).count();
    let whole = feeds.clone().filter(|at| at.checked_sub(1).and_then(|cr| text.get(cr)) == Some(&b'\r')).count();
    whole == feeds.count() && whole == returns && (whole > 0 || is_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Originator, OriginatorError> {
        originator(format!("{header}\r\n\r\nFrom: body@evil.example\r\n").as_bytes())
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn tells_authors_sender_and_what_is_missing() {
        let found = read("Subject: x\r\nFROM : Ann\r\n <ann@a.example>\r\nDate: now").unwrap();
        let expected =
            Originator { from: vec![address("ann@a.example")], sender: None, is_dated: true, is_identified: false };
        assert_eq!(found, expected);
        let found = read("From: ann@a.example, bea@a.example\r\nSender: ann@a.example\r\nMessage-Id: <1@x>").unwrap();
        assert_eq!((found.from.len(), found.sender, found.is_identified), (2, Some(address("ann@a.example")), true));
    }

    #[test]
    fn refuses_a_header_that_names_nobody_or_too_many() {
        let malformed = |field| OriginatorError::Malformed { field, why: "" };
        let cases = [
            ("Subject: x", OriginatorError::NoFrom),
            ("Resent-From: ann@a.example", OriginatorError::NoFrom),
            ("From: ann@a.example\r\nfrom: bob@evil.example", OriginatorError::Repeated("From")),
            ("From: ann@a.example\r\nFrom : bob@evil.example", OriginatorError::Repeated("From")),
            ("From: ann@a.example\r\nSender: a@a.example\r\nSender: b@a.example", OriginatorError::Repeated("Sender")),
            ("From: ann@a.example, bea@a.example", OriginatorError::NoSender),
            ("From: ann@a.example\r\nno field", OriginatorError::NotAField(2)),
            (" From: ann@a.example", OriginatorError::NotAField(1)),
            ("X: 1\r\n\tfolded\r\nFr\u{f6}m: ann@a.example", OriginatorError::NotAField(3)),
            ("From: ann@a.example\nSubject: x", OriginatorError::LineEnd),
            ("From: ann@a.example\rFrom: bob@evil.example", OriginatorError::LineEnd),
            ("From: nobody:;", malformed("From")),
            ("From: <ann@a.example> <bob@evil.example>", malformed("From")),
            ("From: ann@a.example\r\nSender:", malformed("Sender")),
            ("From: ann@a.example\r\nSender: a@a.example, b@a.example", malformed("Sender")),
        ];
        for (header, expected) in cases {
            let refused = match read(header).unwrap_err() {
                OriginatorError::Malformed { field, .. } => malformed(field),
                other => other,
            };
            assert_eq!(refused, expected, "{header}");
        }
    }

    #[test]
    fn a_message_may_end_in_its_header() {
        assert!(originator(b"From: ann@a.example").is_ok());
        assert!(originator(b"From: ann@a.example\r\n").is_ok());
        assert_eq!(originator(b""), Err(OriginatorError::NoFrom));
        assert_eq!(originator(b"\r\nFrom: ann@a.example\r\n"), Err(OriginatorError::NoFrom));
    }

    #[test]
    fn a_header_without_end_is_refused() {
        let long = format!("From: ann@a.example\r\n{}", "X: y\r\n".repeat(HEADER_BYTES_MAX / 5));
        assert!(matches!(originator(long.as_bytes()), Err(OriginatorError::TooLong | OriginatorError::NotAField(_))));
        let folded = format!("From: ann@a.example\r\nX: {}", " y\r\n".repeat(HEADER_BYTES_MAX / 3));
        assert!(originator(folded.as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(message: Vec<u8>) {
            let _ = originator(&message);
        }
    }
}
