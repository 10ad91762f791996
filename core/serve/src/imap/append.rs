//! SUMMARY    APPEND, several messages at once, whole or put together from parts.
//! STANDARDS  RFC 9051 §6.3.12, RFC 3502 (MULTIAPPEND), RFC 4469 (CATENATE), RFC 4315 (APPENDUID), RFC 6855 §4 (UTF8)
//! LIMITS     IMAP_APPEND_BYTES_MAX for all messages together, the budget of message bytes
//! INVARIANTS All messages are stored or none is.

use super::{
    catenate::{Refused, catenate},
    error::Failure,
    session::{Flow, Session},
};
use crate::Link;
use base::{Kind, limits::IMAP_APPEND_BYTES_MAX};
use mail::{Flags, NewMessage};
use wire::imap::{
    Append, AppendData, AppendMessage, CatenatePart, NumSet,
    render::{self, Code, Condition},
};

impl Session {
    pub(super) async fn append(&mut self, link: &mut Link, tag: &str, append: Append) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let at = mail.mailbox_at(&scope, append.mailbox.as_str()).await;
        let (id, record) = match at {
            Err(e) if e.kind == Kind::NotFound => {
                return Err(Failure::No(Some(Code::Word("TRYCREATE")), "No such mailbox".into()));
            }
            at => at?,
        };
        mail.accounts().check_room()?;
        let messages = match self.messages(append.messages).await {
            Ok(messages) => messages,
            Err(Refused::Failed(failure)) => return Err(failure),
            Err(Refused::BadUrl(url)) => {
                let code = Code::BadUrl(&url);
                render::status_line(&mut link.out, Some(tag), Condition::No, Some(&code), "Nothing was stored");
                return Ok(Flow::On);
            }
        };
        let uids = mail.append(&scope, id, &messages).await?;
        let mut set = NumSet::new();
        uids.iter().for_each(|u| set.push(u.0));
        self.sync(link, true).await?;
        let code = Code::AppendUid { uid_validity: record.uid_validity, uids: &set };
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&code), "APPEND done");
        Ok(Flow::On)
    }

    /// The messages with their bytes.
    async fn messages(&mut self, wanted: Vec<AppendMessage>) -> Result<Vec<NewMessage>, Refused> {
        let (mail, scope) = self.owner()?;
        let mut held: usize = wanted.iter().map(|m| literal_bytes(&m.data)).sum();
        if !self.claim.hold(held).await {
            return Err(Failure::no_room().into());
        }
        let mut messages = Vec::with_capacity(wanted.len());
        for message in wanted {
            let bytes = match message.data {
                AppendData::Message(bytes) | AppendData::Binary(bytes) | AppendData::Utf8(bytes) => bytes,
                AppendData::Catenate(parts) => {
                    let bytes = catenate(&mail, &scope, parts, held, &mut self.claim).await?;
                    held = held.saturating_add(bytes.len());
                    bytes
                }
            };
            if held > IMAP_APPEND_BYTES_MAX.saturating_mul(2) {
                let text = "The messages are too big together (IMAP_APPEND_BYTES_MAX)";
                return Err(Failure::No(Some(Code::TooBig), text.into()).into());
            }
            messages.push(NewMessage {
                bytes: bytes.into(),
                flags: Flags::from_names(message.flags.iter().map(|f| f.as_str())),
                received_at: message.internal_date,
            });
        }
        Ok(messages)
    }
}

/// Octets the client sent for a message.
fn literal_bytes(data: &AppendData) -> usize {
    match data {
        AppendData::Message(bytes) | AppendData::Binary(bytes) | AppendData::Utf8(bytes) => bytes.len(),
        AppendData::Catenate(parts) => parts
            .iter()
            .map(|p| match p {
                CatenatePart::Text(text) => text.len(),
                CatenatePart::Url(_) => 0,
            })
            .sum(),
    }
}
