//! SUMMARY    CATENATE: a message put together from texts and parts of stored messages.
//! STANDARDS  RFC 4469 §3-4 (BADURL, TOOBIG), RFC 5092 (URLs of own mailboxes)
//! SECURITY   URLs resolve in the session's own account only; one that does not is BADURL, whatever the reason.
//! LIMITS     MESSAGE_BYTES_MAX, IMAP_APPEND_PARTS_MAX (while parsing), the budget of message bytes
//! INVARIANTS Reading a part sets no flag. The size is checked before a part is read, and nothing is stored when one part fails.

use super::{
    error::Failure,
    fetch::{Message, cut, to_mime},
};
use crate::Claim;
use account::{AccountScope, Owner};
use base::{Kind, Uid, limits::MESSAGE_BYTES_MAX};
use bytes::Bytes;
use mail::Mail;
use std::borrow::Cow;
use wire::{
    imap::{CatenatePart, MessageUrl, Partial, render::Code},
    mime,
};

/// Why a message was not put together.
pub(super) enum Refused {
    /// The URL as the client wrote it.
    BadUrl(String),
    Failed(Failure),
}

impl From<Failure> for Refused {
    fn from(f: Failure) -> Self {
        Refused::Failed(f)
    }
}

fn too_big() -> Refused {
    Refused::Failed(Failure::No(Some(Code::TooBig), "The message is too big (MESSAGE_BYTES_MAX)".into()))
}

/// Resolves the parts in order. `held_bytes` are in memory besides.
pub(super) async fn catenate(
    mail: &Mail,
    scope: &AccountScope<Owner>,
    parts: Vec<CatenatePart>,
    held_bytes: usize,
    claim: &mut Claim,
) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            CatenatePart::Text(text) => append(&mut out, &text)?,
            CatenatePart::Url(text) => {
                let Ok(url) = MessageUrl::parse(&text) else { return Err(Refused::BadUrl(text)) };
                let Some((row, mut reader)) = find(mail, scope, &url).await? else { return Err(Refused::BadUrl(text)) };
                let more = row.size as usize;
                if !claim.hold(held_bytes.saturating_add(out.len()).saturating_add(more)).await {
                    return Err(Failure::no_room().into());
                }
                let bytes = match reader.body(base::EmailId(row.email), None).await {
                    Ok(bytes) => bytes,
                    Err(e) if e.kind == Kind::NotFound => return Err(Refused::BadUrl(text)),
                    Err(e) => return Err(Failure::from(e).into()),
                };
                let Some(found) = part_of(bytes, &url) else { return Err(Refused::BadUrl(text)) };
                append(&mut out, &found)?;
            }
        }
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, more: &[u8]) -> Result<(), Refused> {
    if out.len().saturating_add(more.len()) > MESSAGE_BYTES_MAX {
        return Err(too_big());
    }
    out.extend_from_slice(more);
    Ok(())
}

/// The message's row, if mailbox, validity and uid are right.
async fn find(
    mail: &Mail,
    scope: &AccountScope<Owner>,
    url: &MessageUrl,
) -> Result<Option<(account::record::RowRecord, account::Reader)>, Failure> {
    let (id, record) = match mail.mailbox_at(scope, url.mailbox.as_str()).await {
        Err(e) if matches!(e.kind, Kind::NotFound | Kind::Invalid) => return Ok(None),
        at => at?,
    };
    if url.uid_validity.is_some_and(|v| v != record.uid_validity) {
        return Ok(None);
    }
    let mut reader = mail.accounts().read(scope);
    Ok(reader.row(id, Uid(url.uid)).await?.map(|row| (row, reader)))
}

/// The octets the URL names; `None` when the message has no such part.
fn part_of(bytes: Bytes, url: &MessageUrl) -> Option<Vec<u8>> {
    let message = Message::new(bytes);
    let whole = url.section.part.is_empty() && url.section.text.is_none();
    let found = match whole {
        true => Cow::Borrowed(message.bytes.as_ref()),
        false => mime::section(&message.bytes, message.structure(), &to_mime(&url.section))?,
    };
    let partial = url.partial.map(|(offset, count)| Partial { offset, count: count.unwrap_or(u64::MAX) });
    Some(cut(&found, partial).to_vec())
}
