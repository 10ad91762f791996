//! SUMMARY    The ENVELOPE text of a message, as it is stored in its row.
//! STANDARDS  RFC 9051 §7.5.2, RFC 5322 §3.6
//! LIMITS     FETCH_ITEM_BYTES_MAX, HEADER_ADDRESSES_MAX
//! INVARIANTS Sender and Reply-To are From where they are missing or empty. A mailbox without domain has the host "", never NIL.

use super::address::{AddressItem, Mailbox, addresses_up_to};
use super::imap_text::{Detail, field, fit, string};
use super::structure::{EnvelopeFields, Span, Structure};

/// Ten times NIL.
pub(super) const EMPTY: &[u8] = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

/// `(date subject from sender reply-to to cc bcc in-reply-to message-id)`, at most FETCH_ITEM_BYTES_MAX bytes.
pub fn render_envelope(structure: &Structure, message: &[u8]) -> Vec<u8> {
    let fields = structure.root().and_then(|r| r.envelope.as_deref());
    match fields {
        Some(fields) => fit(EMPTY, |detail, out| envelope(fields, message, detail, out)),
        None => EMPTY.to_vec(),
    }
}

pub(super) fn envelope(fields: &EnvelopeFields, message: &[u8], detail: &Detail, out: &mut Vec<u8>) {
    let max = detail.string_bytes_max;
    out.push(b'(');
    field(message, fields.date, max, out);
    out.push(b' ');
    field(message, fields.subject, max, out);
    out.push(b' ');
    let from_start = out.len();
    address_list(message, fields.from, detail, out);
    let from = from_start..out.len();
    for own in [fields.sender, fields.reply_to] {
        out.push(b' ');
        let start = out.len();
        address_list(message, own, detail, out);
        if out.get(start..) == Some(b"NIL") {
            out.truncate(start);
            out.extend_from_within(from.clone());
        }
    }
    for list in [fields.to, fields.cc, fields.bcc] {
        out.push(b' ');
        address_list(message, list, detail, out);
    }
    for text in [fields.in_reply_to, fields.message_id] {
        out.push(b' ');
        field(message, text, max, out);
    }
    out.push(b')');
}

fn address_list(message: &[u8], span: Option<Span>, detail: &Detail, out: &mut Vec<u8>) {
    let items = span.map(|s| addresses_up_to(s.of(message), detail.addresses_max)).unwrap_or_default();
    let start = out.len();
    out.push(b'(');
    for item in &items {
        match item {
            AddressItem::Mailbox(m) => mailbox(m, detail, out),
            AddressItem::Group { name, members } => {
                out.extend_from_slice(b"(NIL NIL ");
                string(name, detail.string_bytes_max, out);
                out.extend_from_slice(b" NIL)");
                members.iter().for_each(|m| mailbox(m, detail, out));
                out.extend_from_slice(b"(NIL NIL NIL NIL)");
            }
        }
    }
    if out.len() == start + 1 {
        out.truncate(start);
        out.extend_from_slice(b"NIL");
    } else {
        out.push(b')');
    }
}

/// `(name adl mailbox host)`; left out where the address itself would have to be cut.
fn mailbox(mailbox: &Mailbox, detail: &Detail, out: &mut Vec<u8>) {
    let max = detail.string_bytes_max;
    if mailbox.local.len() > max || mailbox.domain.len() > max {
        return;
    }
    out.push(b'(');
    for text in [&mailbox.name, &mailbox.route] {
        match text {
            Some(text) => string(text, max, out),
            None => out.extend_from_slice(b"NIL"),
        }
        out.push(b' ');
    }
    string(&mailbox.local, max, out);
    out.push(b' ');
    string(&mailbox.domain, max, out);
    out.push(b')');
}
