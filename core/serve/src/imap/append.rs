//! SUMMARY    APPEND, several messages at once.
//! STANDARDS  RFC 9051 §6.3.12, RFC 3502 (MULTIAPPEND), RFC 4315 (APPENDUID), RFC 6855 §4 (UTF8)

use super::{
    error::Failure,
    session::{Flow, Session},
};
use crate::Link;
use base::Kind;
use mail::{Flags, NewMessage};
use wire::imap::{
    Append, AppendData, NumSet,
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
        let mut messages = Vec::with_capacity(append.messages.len());
        for message in append.messages {
            let bytes = match message.data {
                AppendData::Message(bytes) | AppendData::Binary(bytes) | AppendData::Utf8(bytes) => bytes,
                AppendData::Catenate(_) => {
                    return Err(Failure::No(Some(Code::Word("CANNOT")), "CATENATE is not offered".into()));
                }
            };
            messages.push(NewMessage {
                bytes: bytes.into(),
                flags: Flags::from_names(message.flags.iter().map(|f| f.as_str())),
                received_at: message.internal_date,
            });
        }
        let uids = mail.append(&scope, id, &messages).await?;
        let mut set = NumSet::new();
        uids.iter().for_each(|u| set.push(u.0));
        self.sync(link, true).await?;
        let code = Code::AppendUid { uid_validity: record.uid_validity, uids: &set };
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&code), "APPEND done");
        Ok(Flow::On)
    }
}
