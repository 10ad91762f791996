//! SUMMARY    Messages as offsets: one linear scan finds the parts; IMAP texts, sections, searches and previews read from it.
//! STANDARDS  RFC 5322, RFC 2045-2047, RFC 2231, RFC 9051 §6.4.5 and §7.5.2, RFC 3516, RFC 5256 §2.1, RFC 8970
//! SECURITY   Every byte is hostile. Nothing panics or fails; work is linear in the message, nesting and counts are bounded.
//! LIMITS     MIME_PARTS_MAX, MIME_DEPTH_MAX, MIME_PARAMS_MAX, HEADER_BYTES_MAX, HEADER_ADDRESSES_MAX, FETCH_ITEM_BYTES_MAX
//! INVARIANTS The scan decodes nothing and copies nothing but boundaries; a rendered text is valid RFC 9051 grammar for any input.

mod address;
mod bodystructure;
mod charset;
pub mod check;
mod date;
mod encoded;
mod envelope;
mod header;
mod html;
mod imap_text;
mod mailbox_list;
mod originator;
mod param;
mod preview;
mod scan;
mod search;
mod section;
mod structure;
mod thread;
mod trace;
mod transfer;

#[cfg(test)]
mod tests;

pub use address::{AddressItem, Mailbox, addresses, mailboxes};
pub use bodystructure::{body_from_bodystructure, render_body, render_bodystructure};
pub use charset::decode_charset;
pub use date::{parse_date, render_date};
pub use encoded::decode_text;
pub use envelope::render_envelope;
pub use header::{Field, Fields, first, headers, unfold};
pub use html::html_text;
pub use originator::{Originator, OriginatorError, originator};
pub use param::{Param, params};
pub use preview::preview;
pub use scan::scan;
pub use search::{Needle, SearchScope, header_contains, text_contains};
pub use section::{BinaryError, Section, SectionKind, binary, section};
pub use structure::{
    ContentFields, Disposition, EnvelopeFields, Media, Part, Span, Structure, TransferEncoding, has_attachment,
};
pub use thread::{ThreadFacts, base_subject, message_ids, thread_facts};
pub use trace::{Received, delivered_to, prepend_received, received_count, return_path};
pub use transfer::{decode_base64, decode_quoted_printable, decode_transfer};
