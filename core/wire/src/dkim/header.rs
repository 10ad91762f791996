//! SUMMARY    Which header fields are signed, and their relaxed form.
//! STANDARDS  RFC 6376 §3.4.2, §5.4, §8.15 (fields added later); RFC 8058 §4 (List-Unsubscribe is signed)
//! INVARIANTS Every instance of a listed field is signed, from the last one up, so that none can be taken away or changed; those of ALWAYS and those
//!            that are there are named once more, so that none can be added.

use super::SignError;
use crate::mime::{self, Field};
use base::limits::DKIM_FIELDS_MAX;

/// What a reader is shown and what decides how a body is read: also signed when it is missing.
const ALWAYS: [&str; 12] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Signed when there: a list or a forwarder may add them.
const PRESENT: [&str; 13] = [
    "Sender",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
    "Auto-Submitted",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];

/// The fields that a signature is of.
pub(super) struct Signed {
    /// In the order of `h=`.
    pub(super) names: Vec<&'static str>,
    /// Their relaxed forms, in the same order.
    pub(super) canonical: Vec<u8>,
}

/// Fields of a message's header section, and where its body begins.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, usize) {
    let fields: Vec<Field<'_>> = mime::headers(message).collect();
    let end = fields.last().map_or(0, |field| field.line.end as usize);
    let rest = message.get(end..).unwrap_or_default();
    (fields, end + if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) })
}

/// Chooses what is signed. `fields` are of `message`.
pub(super) fn signed(message: &[u8], fields: &[Field<'_>]) -> Result<Signed, SignError> {
    let mut signed = Signed { names: Vec::new(), canonical: Vec::new() };
    let lists = ALWAYS.iter().map(|name| (*name, true)).chain(PRESENT.iter().map(|name| (*name, false)));
    for (name, always) in lists {
        let before = signed.names.len();
        for field in fields.iter().rev().filter(|f| f.name.eq_ignore_ascii_case(name.as_bytes())) {
            signed.names.push(name);
            relaxed(name, field.value.of(message), &mut signed.canonical);
            signed.canonical.extend_from_slice(b"\r\n");
        }
        if always || signed.names.len() > before {
            signed.names.push(name);
        }
    }
    if !fields.iter().any(|f| f.name.eq_ignore_ascii_case(b"From")) {
        return Err(SignError::NoFrom);
    }
    if signed.names.len() > DKIM_FIELDS_MAX { Err(SignError::TooManyFields) } else { Ok(signed) }
}

/// Appends a field in its relaxed form, without its line end. `value` is what stands behind the colon, folded.
pub(super) fn relaxed(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.bytes().map(|b| b.to_ascii_lowercase()));
    out.push(b':');
    let (begin, mut space) = (out.len(), false);
    for b in value {
        match b {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => space = true,
            b => {
                if std::mem::take(&mut space) && out.len() > begin {
                    out.push(b' ');
                }
                out.push(*b);
            }
        }
    }
}

/// Whether every CR and LF is part of a CR LF and there is no NUL.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let mut after_cr = false;
    for b in bytes {
        if after_cr != (*b == b'\n') || *b == 0 {
            return false;
        }
        after_cr = *b == b'\r';
    }
    !after_cr
}
