//! SUMMARY    A message of the server itself to a person: written, and accepted for delivery or the queue.
//! STANDARDS  RFC 5322 §3.6, RFC 2047 (subjects), RFC 2045 §6.8 (base64), RFC 3834 §5 (Auto-Submitted), RFC 3282 (Content-Language)
//! INVARIANTS Durable when the call returns. The same letter has the same Message-ID. The envelope has the null sender and asks for no
//!            report, so nothing comes back, and nothing is answered by a further letter.

use crate::{Accept, EnvelopeRecipient, Mail, Result, Source};
use account::{RouteError, Sender};
use base::{Address, TenantId, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use wire::mime;

/// NOTIFY=NEVER (RFC 3461 §4.1).
const NEVER: u32 = 1;
/// Bytes of a text in one line of base64 (RFC 2045 §6.8: at most 76 characters).
const LINE_BYTES: usize = 57;
/// Bytes of a subject in one encoded word (RFC 2047 §2: at most 75 characters).
const WORD_BYTES: usize = 42;
/// Bytes of a subject that stands in one line as it is (RFC 5322 §2.1.1: at most 78 characters with its name).
const SUBJECT_BYTES: usize = 60;

/// What is written, and to whom.
pub struct Letter<'a> {
    /// Answers for its way out.
    pub tenant: TenantId,
    /// Left of the Message-ID's `@`: letters with the same one are the same.
    pub id: &'a str,
    pub from: &'a Address,
    pub to: &'a Address,
    /// What it is written in: a language tag (RFC 5646).
    pub language: &'a str,
    pub subject: &'a str,
    /// Lines end with `\n`.
    pub text: &'a str,
}

/// What became of a letter.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in a mailbox, or in the queue.
    Accepted,
    /// Nobody here has the address, or may not receive.
    Nobody,
}

impl Mail {
    /// Sends a letter. `Err`: try again later.
    pub async fn send_letter(&self, letter: &Letter<'_>) -> Result<Sent> {
        let route = match self.accounts().route(letter.to, Sender::Stranger).await {
            Ok(route) => Some(route),
            Err(RouteError::NotLocal) => None,
            Err(RouteError::Unknown | RouteError::Held(_) | RouteError::Closed(_) | RouteError::Forbidden(_)) => {
                return Ok(Sent::Nobody);
            }
            Err(RouteError::Failed(e)) => return Err(e),
        };
        let message = render(letter, self.hostname(), self.accounts().clock().now());
        let to = [EnvelopeRecipient { address: letter.to.clone(), route, notify: NEVER, orcpt: String::new() }];
        let source = Source::System(letter.tenant);
        let accept = Accept { smtp_utf8: !message.is_ascii(), ..Accept::new(source, None, &to, &message) };
        match self.accept(accept).await?.results.into_iter().next() {
            Some(Err(e)) => Err(e),
            Some(Ok(())) | None => Ok(Sent::Accepted),
        }
    }
}

fn render(letter: &Letter<'_>, hostname: &str, now: Timestamp) -> Vec<u8> {
    let lines = [
        format!("From: <{}>", letter.from),
        format!("To: <{}>", letter.to),
        format!("Subject: {}", words(letter.subject)),
        format!("Date: {}", mime::render_date(now)),
        format!("Message-ID: <{}@{hostname}>", letter.id),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        format!("Content-Language: {}", letter.language),
        String::new(),
    ];
    let mut message = lines.join("\r\n");
    message.push_str("\r\n");
    for line in letter.text.replace('\n', "\r\n").as_bytes().chunks(LINE_BYTES) {
        message.push_str(&STANDARD.encode(line));
        message.push_str("\r\n");
    }
    message.into_bytes()
}

/// A subject: as it is in ASCII, in encoded words otherwise. No line ends are left in it.
fn words(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_ascii() && text.len() <= SUBJECT_BYTES {
        return text;
    }
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|w| w.len() + c.len_utf8() > WORD_BYTES) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words: Vec<String> = words.iter().map(|w| format!("=?utf-8?B?{}?=", STANDARD.encode(w))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_language_it_is_in_and_its_text_reads_as_it_was() {
        let (from, to) = (Address::parse("post@mx.example").unwrap(), Address::parse("ann@x.example").unwrap());
        let (subject, text) = ("Schließung: für Ihr Postfach", "Früher\nspäter\n");
        for language in ["de", "fr"] {
            let letter = Letter { tenant: TenantId(1), id: "ntc_1", from: &from, to: &to, language, subject, text };
            let message = String::from_utf8(render(&letter, "mx.example", Timestamp(0))).unwrap();
            assert!(message.is_ascii(), "{message}");
            let (head, body) = message.split_once("\r\n\r\n").unwrap();
            let field = |name: &str| head.split("\r\n").find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap();
            assert_eq!(field("Content-Language"), language);
            assert_eq!(mime::decode_text(field("Subject").as_bytes()), subject);
            let decoded = STANDARD.decode(body.replace("\r\n", "")).unwrap();
            assert_eq!(decoded, "Früher\r\nspäter\r\n".as_bytes());
        }
    }

    #[test]
    fn a_subject_is_one_line_of_ascii_and_reads_as_it_was() {
        for text in ["short", "Müller & Söhne\r\nBcc: eve@x.example", &"langer Betreff über vieles ".repeat(9)] {
            let written = words(text);
            assert!(written.is_ascii() && written.split("\r\n").all(|l| l.len() <= 76), "{written}");
            assert!(written.split("\r\n").skip(1).all(|l| l.starts_with(' ')), "{written}");
            assert_eq!(mime::decode_text(mime::unfold(written.as_bytes()).as_ref()), text.replace(['\r', '\n'], " "));
        }
    }
}
