//! SUMMARY    Writes a report.
//! STANDARDS  RFC 3464 §2; RFC 6522 §3; RFC 6533 §4, §5; RFC 5322 §2.1.1, §2.2.3 (folding)
//! LIMITS     DSN_ORIGINAL_BYTES_MAX, DSN_HEADER_BYTES_MAX
//! INVARIANTS Every line ends in CRLF; no written field holds another line break. The lines of the original are copied as they are.

use super::{Action, Built, RecipientReport, Report};
use crate::smtp::{Ret, xtext};
use base::{
    Address, Timestamp,
    limits::{DSN_HEADER_BYTES_MAX, DSN_ORIGINAL_BYTES_MAX},
};
use jiff::fmt::rfc2822::DateTimePrinter;

/// Builds the notification. English; the fields of message/delivery-status are for programs.
pub fn build(report: &Report<'_>) -> Built {
    let smtputf8 = needs_utf8(report);
    let boundary = boundary(report.boundary);
    let mut out = Writer::default();
    header(&mut out, report, &boundary);
    out.line(&format!("--{boundary}"));
    notification(&mut out, report);
    out.line(&format!("--{boundary}"));
    status(&mut out, report, smtputf8);
    out.line(&format!("--{boundary}"));
    original(&mut out, report, smtputf8);
    out.line(&format!("--{boundary}--"));
    Built { message: out.0, smtputf8 }
}

fn needs_utf8(report: &Report<'_>) -> bool {
    let recipient = |r: &RecipientReport| {
        r.to.needs_utf8() || r.original.as_ref().is_some_and(|o| o.kind == "utf-8" && !o.address.is_ascii())
    };
    report.to.needs_utf8() || report.recipients.iter().any(recipient)
}

/// The boundary reduced to characters that need no care.
fn boundary(text: &str) -> String {
    const BYTES_MAX: usize = 60;
    let ok = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut out: String = text.chars().filter(ok).take(BYTES_MAX).collect();
    if out.is_empty() {
        out.push_str("=_report");
    }
    out
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn line(&mut self, text: &str) {
        self.0.extend(clean(text).bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    /// A field, folded at spaces before column 78 where that is possible, at 900 bytes where it is not.
    fn field(&mut self, name: &str, value: &str) {
        const FOLD_AT: usize = 76;
        const BREAK_AT: usize = 900;
        let mut line = format!("{name}:");
        for word in clean(value).split(' ').filter(|w| !w.is_empty()) {
            if line.len() + 1 + word.len() > FOLD_AT && line.len() > name.len() + 1 {
                self.line(&line);
                line.clear();
            }
            line.push(' ');
            for c in word.chars() {
                if line.len() >= BREAK_AT {
                    self.line(&line);
                    line = " ".to_owned();
                }
                line.push(c);
            }
        }
        self.line(&line);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if !bytes.ends_with(b"\r\n") {
            self.0.extend_from_slice(b"\r\n");
        }
    }
}

/// Controls become spaces.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

fn date(at: Timestamp) -> String {
    let ts = jiff::Timestamp::from_second(at.secs()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    DateTimePrinter::new()
        .timestamp_to_string(&ts)
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
        .replace("-0000", "+0000")
}

/// The report is as grave as its gravest recipient.
fn subject(report: &Report<'_>) -> &'static str {
    let any = |a: Action| report.recipients.iter().any(|r| r.action == a);
    if any(Action::Failed) {
        "Undelivered mail: your message could not be delivered"
    } else if any(Action::Delayed) {
        "Delayed mail: your message has not been delivered yet"
    } else {
        "Delivery report for your message"
    }
}

fn header(out: &mut Writer, report: &Report<'_>, boundary: &str) {
    out.field("From", &format!("Mail Delivery System <mailer-daemon@{}>", report.reporting_mta));
    out.field("To", &format!("<{}>", report.to));
    out.field("Subject", subject(report));
    out.field("Date", &date(report.date));
    out.field("Message-ID", report.message_id);
    out.line("Auto-Submitted: auto-replied");
    out.line("MIME-Version: 1.0");
    out.line("Content-Type: multipart/report; report-type=delivery-status;");
    out.line(&format!(" boundary=\"{boundary}\""));
    out.line("");
}

fn notification(out: &mut Writer, report: &Report<'_>) {
    out.line("Content-Type: text/plain; charset=utf-8");
    out.line("Content-Transfer-Encoding: 8bit");
    out.line("");
    out.line(&format!("This is the mail system at {}.", report.reporting_mta));
    let parts = [
        (Action::Failed, "Your message could not be delivered to:", "It will not be tried again."),
        (
            Action::Delayed,
            "Your message has not been delivered yet to:",
            "You need not send it again: delivery is still being tried.",
        ),
        (Action::Delivered, "Your message was delivered to:", ""),
        (Action::Relayed, "Your message was passed on to a server that sends no further reports, for:", ""),
        (Action::Expanded, "Your message was sent on to the members of:", ""),
    ];
    for (action, before, after) in parts {
        let mut those = report.recipients.iter().filter(|r| r.action == action).peekable();
        if those.peek().is_none() {
            continue;
        }
        out.line("");
        out.line(before);
        out.line("");
        for r in those {
            out.line(&format!("  {}", r.to));
            if let Some(text) = &r.diagnostic {
                let who = r.remote_mta.as_deref().unwrap_or("this system");
                out.field("    The reason given by", &format!("{who} is: {text}"));
            }
            if let Some(until) = r.will_retry_until {
                out.line(&format!("    It will be tried until {}.", date(until)));
            }
        }
        if !after.is_empty() {
            out.line("");
            out.line(after);
        }
    }
    out.line("");
}

fn status(out: &mut Writer, report: &Report<'_>, utf8: bool) {
    if utf8 {
        out.line("Content-Type: message/global-delivery-status");
        out.line("Content-Transfer-Encoding: 8bit");
    } else {
        out.line("Content-Type: message/delivery-status");
    }
    out.line("");
    if let Some(envid) = report.envid {
        out.field("Original-Envelope-Id", &xtext::encode(envid));
    }
    out.field("Reporting-MTA", &format!("dns; {}", report.reporting_mta));
    if let Some(at) = report.arrival {
        out.field("Arrival-Date", &date(at));
    }
    for r in report.recipients {
        out.line("");
        recipient(out, r, utf8);
    }
    out.line("");
}

fn recipient(out: &mut Writer, r: &RecipientReport, utf8: bool) {
    if let Some(o) = &r.original {
        let address = if o.kind == "utf-8" { xtext::encode_utf8(&o.address, !utf8) } else { xtext::encode(&o.address) };
        out.field("Original-Recipient", &format!("{};{address}", o.kind));
    }
    out.field("Final-Recipient", &typed(&r.to));
    out.field("Action", r.action.name());
    out.field("Status", &r.status.to_string());
    if let Some(mta) = &r.remote_mta {
        // The name alone: who wants the address finds it in the text.
        let name = mta.split(' ').next().unwrap_or(mta);
        out.field("Remote-MTA", &format!("dns; {}", ascii(name)));
    }
    if let Some(text) = &r.diagnostic {
        out.field("Diagnostic-Code", &format!("smtp; {}", ascii(text)));
    }
    if let Some(at) = r.last_attempt {
        out.field("Last-Attempt-Date", &date(at));
    }
    if let (Action::Delayed, Some(at)) = (r.action, r.will_retry_until) {
        out.field("Will-Retry-Until", &date(at));
    }
}

/// Address with its type (RFC 3464 §2.1.2, RFC 6533 §3).
fn typed(address: &Address) -> String {
    let kind = if address.needs_utf8() { "utf-8" } else { "rfc822" };
    format!("{kind}; {address}")
}

/// The whole message of a failure if RET asks for it and it is not too big, else its header.
fn original(out: &mut Writer, report: &Report<'_>, utf8: bool) {
    let failed = report.recipients.iter().any(|r| r.action == Action::Failed);
    let text = memchr::memchr(0, report.original).is_none();
    let whole = failed && text && report.ret == Some(Ret::Full) && report.original.len() <= DSN_ORIGINAL_BYTES_MAX;
    let header = header_of(report.original);
    let part = if whole { report.original } else { header };
    let header_utf8 = !header.is_ascii();
    out.line(match (whole, utf8 || header_utf8) {
        (true, false) => "Content-Type: message/rfc822",
        (true, true) => "Content-Type: message/global",
        (false, false) => "Content-Type: text/rfc822-headers",
        (false, true) => "Content-Type: message/global-headers",
    });
    if !part.is_ascii() {
        out.line("Content-Transfer-Encoding: 8bit");
    }
    out.line("");
    out.bytes(part);
}

/// Header with its last CRLF, at most DSN_HEADER_BYTES_MAX of it, cut at a line's end.
fn header_of(message: &[u8]) -> &[u8] {
    let end = if message.starts_with(b"\r\n") {
        0
    } else {
        memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |i| i + 2)
    };
    let header = message.get(..end).unwrap_or_default();
    let Some(cut) = header.get(..DSN_HEADER_BYTES_MAX) else { return header };
    memchr::memmem::rfind(cut, b"\r\n").and_then(|i| cut.get(..i + 2)).unwrap_or_default()
}
