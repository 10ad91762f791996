//! SUMMARY    The stored records: prost messages with one version byte in front.
//! INVARIANTS Field numbers are never reused. A record of an unknown version is an error, never guessed.

mod erasure;
mod export;
mod migrate;
mod migration;

pub(crate) use erasure::ErasureRecord;
pub(crate) use export::{ExportAccountRecord, ExportFileRecord, ExportRecord, PaperRecord, SegmentRecord};
pub(crate) use migration::{MigrationRecord, MigrationToldRecord};

pub use migrate::{Migrated, MigratedFolder};

use crate::{Error, Result};
use base::limits::{QUEUE_ANSWER_CHARS_MAX, QUEUE_ANSWERS_KEPT};
use prost::Message;

/// Version byte of every record written now.
const VERSION: u8 = 1;

/// Encodes with the version byte.
pub(crate) fn encode<M: Message>(record: &M) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.encoded_len() + 1);
    out.push(VERSION);
    record.encode_raw(&mut out);
    out
}

/// Decodes a record; `what` names it in the error.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8], what: &'static str) -> Result<M> {
    match bytes.split_first() {
        Some((&VERSION, body)) => M::decode(body).map_err(|e| Error {
            kind: base::Kind::Corrupt,
            context: what.to_owned(),
            source: Some(Box::new(e)),
        }),
        Some((version, _)) => Err(Error::corrupt(format!("{what}: unknown record version {version}"))),
        None => Err(Error::corrupt(format!("{what}: empty record"))),
    }
}

/// A text of somebody else for people: one line of bounded length.
pub(crate) fn shown(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(QUEUE_ANSWER_CHARS_MAX).collect()
}

/// Counters of an account.
#[derive(Clone, PartialEq, Message)]
pub struct AccountState {
    /// Raised once per unit of work that changed something.
    #[prost(uint64, tag = "1")]
    pub modseq: u64,
    #[prost(uint64, tag = "2")]
    pub next_email: u64,
    #[prost(uint32, tag = "3")]
    pub next_mailbox: u32,
    #[prost(uint64, tag = "4")]
    pub next_thread: u64,
    /// Changes at or below this modseq may have been trimmed.
    #[prost(uint64, tag = "5")]
    pub log_floor: u64,
    /// Sum of the sizes of all emails, bytes. Signed: below zero is an alarm.
    #[prost(sint64, tag = "6")]
    pub used_bytes: i64,
    #[prost(sint64, tag = "7")]
    pub emails: i64,
    /// Mailbox with role inbox; 0 until the account is opened for the first time.
    #[prost(uint32, tag = "8")]
    pub inbox: u32,
    #[prost(uint32, tag = "9")]
    pub mailboxes: u32,
    /// Since when mail finds no room within the quota; 0 = it does.
    #[prost(sint64, tag = "10")]
    pub over_since_ms: i64,
    /// Percent of the quota that was told of last; 0 = none since there was room.
    #[prost(uint32, tag = "11")]
    pub quota_told: u32,
    /// Number of the last repair of its counters.
    #[prost(uint32, tag = "12")]
    pub repairs: u32,
    /// Sum of the sizes of expunged emails that are kept, bytes, and their number: no quota counts them.
    #[prost(sint64, tag = "13")]
    pub expunged_bytes: i64,
    #[prost(sint64, tag = "14")]
    pub expunged_emails: i64,
    /// Exports under way, which need what is expunged meanwhile.
    #[prost(message, repeated, tag = "15")]
    pub pins: Vec<PinMark>,
}

/// An export of an account: what is expunged from `since_ms` on is kept for it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct PinMark {
    #[prost(fixed64, tag = "1")]
    pub job: u64,
    #[prost(sint64, tag = "2")]
    pub since_ms: i64,
    /// When it is over, whatever became of the export.
    #[prost(sint64, tag = "3")]
    pub until_ms: i64,
}

/// The storage pool of a tenant with a limit, for one version of its entitlement.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct PoolRecord {
    /// Of the entitlement that the pool and its leases were made for (its version + 1); others are void, 0 always.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Used bytes and all that is leased or waits to be given back.
    #[prost(sint64, tag = "2")]
    pub reserved: i64,
    /// Since when incoming mail finds no room within the limit; 0 = it does.
    #[prost(sint64, tag = "3")]
    pub over_since_ms: i64,
    /// Percent of the limit that was told of last; 0 = none since there was room.
    #[prost(uint32, tag = "4")]
    pub quota_told: u32,
    /// Number of the last repair of the tenant's counters.
    #[prost(uint32, tag = "5")]
    pub repairs: u32,
}

/// What one shard may still use without asking the pool.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct LeaseRecord {
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Leased and not used, bytes.
    #[prost(sint64, tag = "2")]
    pub unspent: i64,
    /// Freed by deletions and not yet given back to the pool, bytes.
    #[prost(sint64, tag = "3")]
    pub freed: i64,
}

/// Names of the account's keywords; the index is the bit behind the system flags.
#[derive(Clone, PartialEq, Message)]
pub struct KeywordTable {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
}

/// A mailbox: what its owner named.
#[derive(Clone, PartialEq, Message)]
pub struct MailboxRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    /// Parent mailbox; 0 = top level.
    #[prost(uint32, tag = "2")]
    pub parent: u32,
    /// RFC 8621 role / RFC 6154 special use, lower case ("sent"); empty = none.
    #[prost(string, tag = "3")]
    pub role: String,
    #[prost(bool, tag = "4")]
    pub subscribed: bool,
    #[prost(uint32, tag = "5")]
    pub uid_validity: u32,
    #[prost(uint32, tag = "6")]
    pub sort_order: u32,
    #[prost(sint64, tag = "7")]
    pub created_at_ms: i64,
    #[prost(uint64, tag = "8")]
    pub modseq: u64,
}

/// Counters of a mailbox.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct MailboxState {
    #[prost(uint32, tag = "1")]
    pub uid_next: u32,
    #[prost(uint32, tag = "2")]
    pub emails: u32,
    #[prost(uint32, tag = "3")]
    pub unseen: u32,
    #[prost(uint32, tag = "4")]
    pub deleted: u32,
    #[prost(uint64, tag = "5")]
    pub size_bytes: u64,
    /// Highest modseq of a message of this mailbox, also of an expunged one (HIGHESTMODSEQ).
    #[prost(uint64, tag = "6")]
    pub modseq: u64,
}

/// One message in one mailbox: what FETCH FLAGS, SIZE, INTERNALDATE, MODSEQ need.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct RowRecord {
    #[prost(uint64, tag = "1")]
    pub email: u64,
    #[prost(uint64, tag = "2")]
    pub modseq: u64,
    /// System flags and keyword bits, with this mailbox's own \Deleted.
    #[prost(uint64, tag = "3")]
    pub flags: u64,
    #[prost(uint32, tag = "4")]
    pub size: u32,
    #[prost(sint64, tag = "5")]
    pub received_at_secs: i64,
    #[prost(sint64, tag = "6")]
    pub saved_at_secs: i64,
    #[prost(uint64, tag = "7")]
    pub thread: u64,
}

/// Where an email is.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Membership {
    #[prost(uint32, tag = "1")]
    pub mailbox: u32,
    #[prost(uint32, tag = "2")]
    pub uid: u32,
}

/// A stored message.
#[derive(Clone, PartialEq, Message)]
pub struct EmailRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub blob: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub size: u32,
    #[prost(sint64, tag = "3")]
    pub received_at_secs: i64,
    #[prost(uint64, tag = "4")]
    pub thread: u64,
    #[prost(uint64, tag = "5")]
    pub modseq: u64,
    /// Keyword bits without \Deleted, which belongs to a membership.
    #[prost(uint64, tag = "6")]
    pub keywords: u64,
    #[prost(message, repeated, tag = "7")]
    pub memberships: Vec<Membership>,
    /// A notice of the server, which no quota counts.
    #[prost(bool, tag = "8")]
    pub uncharged: bool,
}

impl EmailRecord {
    /// What the quotas count of it, bytes.
    pub(crate) fn charged_bytes(&self) -> i64 {
        if self.uncharged { 0 } else { i64::from(self.size) }
    }
}

/// An email that left its last mailbox: what is needed to store it again.
#[derive(Clone, PartialEq, Message)]
pub struct ExpungedRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub blob: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub size: u32,
    #[prost(sint64, tag = "3")]
    pub received_at_secs: i64,
    /// Keyword bits without \Deleted.
    #[prost(uint64, tag = "4")]
    pub keywords: u64,
    /// The mailbox that it left.
    #[prost(uint32, tag = "5")]
    pub mailbox: u32,
    /// A notice of the server, which no quota counted.
    #[prost(bool, tag = "6")]
    pub uncharged: bool,
}

/// What FETCH and list views show without reading the message; never changes.
#[derive(Clone, PartialEq, Message)]
pub struct EmailCard {
    /// IMAP ENVELOPE, rendered.
    #[prost(bytes = "bytes", tag = "1")]
    pub envelope: bytes::Bytes,
    /// IMAP BODYSTRUCTURE, rendered.
    #[prost(bytes = "bytes", tag = "2")]
    pub body_structure: bytes::Bytes,
    /// RFC 8970 preview.
    #[prost(string, tag = "3")]
    pub preview: String,
    #[prost(bool, tag = "4")]
    pub has_attachment: bool,
    /// Date field, seconds since the epoch; missing when there is none that can be read.
    #[prost(sint64, optional, tag = "5")]
    pub sent_at_secs: Option<i64>,
    /// Length of the header section with its empty line, bytes.
    #[prost(uint32, tag = "6")]
    pub header_bytes: u32,
}

/// The emails of a conversation, oldest first.
#[derive(Clone, PartialEq, Message)]
pub struct ThreadRecord {
    #[prost(uint64, repeated, tag = "1")]
    pub emails: Vec<u64>,
    /// Keys of the threading index that lead here; removed with the thread.
    #[prost(fixed64, repeated, tag = "2")]
    pub index: Vec<u64>,
}

/// One entry of the change log.
#[derive(Clone, PartialEq, Message)]
pub struct ChangeRecord {
    /// 1 created, 2 updated, 3 destroyed.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// For emails: the memberships after the change.
    #[prost(message, repeated, tag = "2")]
    pub memberships: Vec<Membership>,
    /// For mailboxes: only counters changed.
    #[prost(bool, tag = "3")]
    pub counters_only: bool,
}

/// How old the change log of an account is: what was its modseq when. Oldest first.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LogMarks {
    #[prost(message, repeated, tag = "1")]
    pub marks: Vec<LogMark>,
}

/// Every change up to `modseq` was made before `at_ms`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct LogMark {
    #[prost(uint64, tag = "1")]
    pub modseq: u64,
    #[prost(sint64, tag = "2")]
    pub at_ms: i64,
}

/// Copies that one transaction of a larger copy has placed: taken back together unless the whole copy was done.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CopyPart {
    #[prost(uint32, tag = "1")]
    pub mailbox: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub uids: Vec<u32>,
    /// Node that copies; 0 = one of before there were several.
    #[prost(fixed64, tag = "3")]
    pub node: u64,
}

/// A node that has the store open.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeRecord {
    /// For people.
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(sint64, tag = "2")]
    pub started_ms: i64,
    /// Rises while the node lives.
    #[prost(uint64, tag = "3")]
    pub beat: u64,
    /// When it last rose, by the node's own clock.
    #[prost(sint64, tag = "4")]
    pub beat_ms: i64,
    /// It was found dead: what it held is being taken over, and it may hold nothing more.
    #[prost(bool, tag = "5")]
    pub dead: bool,
    /// What it does, for people.
    #[prost(string, repeated, tag = "6")]
    pub roles: Vec<String>,
    /// It takes no new work.
    #[prost(bool, tag = "7")]
    pub draining: bool,
}

/// Where an upkeep job stands.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JobRecord {
    /// Fencing token: rises with every lease.
    #[prost(uint64, tag = "1")]
    pub token: u64,
    /// When the last pass ended; 0 = never.
    #[prost(sint64, tag = "2")]
    pub finished_ms: i64,
    /// Tenant and account with which the pass under way goes on; 0 = from the start.
    #[prost(uint64, tag = "3")]
    pub tenant: u64,
    #[prost(uint64, tag = "4")]
    pub account: u64,
    /// When the lease ends; 0 = nobody has it.
    #[prost(sint64, tag = "5")]
    pub until_ms: i64,
}

/// A control-plane snapshot, as it came (JSON of the `control` type), with its version in front for the comparison.
#[derive(Clone, PartialEq, Message)]
pub struct SnapshotRecord {
    #[prost(uint64, tag = "1")]
    pub version: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
}

/// Keys that sign for a domain (JSON of `control::DkimKey`s), sealed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SigningKeysRecord {
    #[prost(uint64, tag = "1")]
    pub tenant: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub sealed: Vec<u8>,
}

/// An event, as it is told (JSON of `control::Event`).
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EventRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
}

/// One recipient of a queue item.
#[derive(Clone, PartialEq, Message)]
pub struct QueueRecipient {
    #[prost(string, tag = "1")]
    pub address: String,
    /// RFC 3461 NOTIFY bits: 1 never, 2 success, 4 failure, 8 delay; 0 = not given.
    #[prost(uint32, tag = "2")]
    pub notify: u32,
    /// RFC 3461 ORCPT as given.
    #[prost(string, tag = "3")]
    pub orcpt: String,
    /// 0 waiting, 1 delivered, 2 failed, 3 cancelled.
    #[prost(uint32, tag = "4")]
    pub status: u32,
    /// Last reply of the remote host, for people.
    #[prost(string, tag = "5")]
    pub last_reply: String,
    #[prost(string, tag = "6")]
    pub last_host: String,
    /// Enhanced status code of the last reply ("4.2.1").
    #[prost(string, tag = "7")]
    pub last_status: String,
    /// When it came; 0 = none yet.
    #[prost(sint64, tag = "8")]
    pub last_at_ms: i64,
}

/// What an attempt was answered for some recipients.
#[derive(Clone, PartialEq, Message)]
pub struct QueueAnswer {
    #[prost(sint64, tag = "1")]
    pub at_ms: i64,
    #[prost(uint32, tag = "2")]
    pub attempt: u32,
    #[prost(string, tag = "3")]
    pub host: String,
    #[prost(string, tag = "4")]
    pub reply: String,
    #[prost(string, tag = "5")]
    pub status: String,
    #[prost(uint32, tag = "6")]
    pub recipients: u32,
}

/// Accepted mail that waits for a remote host: one destination domain.
#[derive(Clone, PartialEq, Message)]
pub struct QueueItem {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Account it was submitted by; 0 for forwarded and system mail.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub blob: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub size: u64,
    /// Envelope sender; empty = null sender.
    #[prost(string, tag = "5")]
    pub sender: String,
    #[prost(message, repeated, tag = "6")]
    pub recipients: Vec<QueueRecipient>,
    /// Destination domain (A-labels) or address literal.
    #[prost(string, tag = "7")]
    pub domain: String,
    #[prost(sint64, tag = "8")]
    pub created_at_ms: i64,
    #[prost(sint64, tag = "9")]
    pub expires_at_ms: i64,
    /// When it is looked at next; while leased, when the lease ends. Equals the due-index key.
    #[prost(sint64, tag = "10")]
    pub due_at_ms: i64,
    #[prost(uint32, tag = "11")]
    pub attempts: u32,
    /// Fencing token of the lease; rises with every lease.
    #[prost(uint64, tag = "12")]
    pub lease: u64,
    #[prost(bool, tag = "13")]
    pub leased: bool,
    /// RFC 3461 ENVID as given.
    #[prost(string, tag = "14")]
    pub envid: String,
    /// RFC 3461 RET: 0 not given, 1 FULL, 2 HDRS.
    #[prost(uint32, tag = "15")]
    pub ret: u32,
    #[prost(bool, tag = "16")]
    pub smtp_utf8: bool,
    #[prost(bool, tag = "17")]
    pub body_8bit: bool,
    #[prost(bool, tag = "18")]
    pub require_tls: bool,
    #[prost(bool, tag = "19")]
    pub delay_notified: bool,
    /// Waits until who sent it may send again.
    #[prost(bool, tag = "20")]
    pub parked: bool,
    #[prost(bool, tag = "21")]
    pub body_binary: bool,
    /// Control-plane id of the credential it was submitted with; empty for forwarded and system mail.
    #[prost(string, tag = "22")]
    pub credential: String,
    /// Since when it is parked.
    #[prost(sint64, tag = "23")]
    pub parked_at_ms: i64,
    /// Why, for people.
    #[prost(string, tag = "24")]
    pub parked_reason: String,
    /// How long it was parked before, in all, milliseconds: no part of its age.
    #[prost(sint64, tag = "25")]
    pub rested_ms: i64,
    /// Account that the submitting delegate had opened; 0 = none but their own.
    #[prost(uint64, tag = "26")]
    pub on_behalf: u64,
    /// Tenant whose domains may sign it, as its user or the server wrote it; 0 = none: it came from another host.
    #[prost(uint64, tag = "27")]
    pub signer: u64,
    /// As the message has it; empty = none.
    #[prost(string, tag = "28")]
    pub message_id: String,
    /// A person put it aside, and why; empty = nobody did.
    #[prost(string, tag = "29")]
    pub held: String,
    /// It goes back to its sender at the next attempt, and why; empty = it does not.
    #[prost(string, tag = "30")]
    pub returned: String,
    /// The latest, oldest first.
    #[prost(message, repeated, tag = "31")]
    pub answers: Vec<QueueAnswer>,
    /// When nothing of it waited any more; 0 = something does.
    #[prost(sint64, tag = "32")]
    pub ended_at_ms: i64,
    /// Node that holds it while it is leased.
    #[prost(fixed64, tag = "33")]
    pub node: u64,
}

impl QueueItem {
    /// Keeps what the attempt that ends now was answered: each answer once, with how many recipients it was for.
    pub fn keep_answers<'a>(&mut self, at_ms: i64, of: impl Iterator<Item = &'a QueueRecipient>) {
        let began = self.answers.len();
        for r in of {
            let (reply, attempt) = (shown(&r.last_reply), self.attempts);
            let mut own = self.answers.iter_mut().skip(began);
            match own.find(|a| a.host == r.last_host && a.reply == reply && a.status == r.last_status) {
                Some(answer) => answer.recipients += 1,
                None => self.answers.push(QueueAnswer {
                    at_ms,
                    attempt,
                    host: r.last_host.clone(),
                    reply,
                    status: r.last_status.clone(),
                    recipients: 1,
                }),
            }
        }
        let beyond = self.answers.len().saturating_sub(QUEUE_ANSWERS_KEPT);
        self.answers.drain(..beyond);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_keeps_each_answer_once_and_the_latest_ones_only() {
        let answered = |reply: &str| QueueRecipient { last_reply: reply.into(), ..QueueRecipient::default() };
        let mut item = QueueItem { attempts: 1, ..QueueItem::default() };
        item.keep_answers(5, [answered("450 later"), answered("450 later"), answered("550 no\nway")].iter());
        let kept: Vec<_> = item.answers.iter().map(|a| (a.reply.as_str(), a.recipients)).collect();
        assert_eq!(kept, [("450 later", 2), ("550 no way", 1)]);
        for attempt in 2..100 {
            item.attempts = attempt;
            item.keep_answers(6, [answered(&"x".repeat(9_000))].iter());
        }
        assert_eq!((item.answers.len(), item.answers.last().unwrap().attempt), (QUEUE_ANSWERS_KEPT, 99));
        assert!(item.answers.iter().all(|a| a.reply.len() <= QUEUE_ANSWER_CHARS_MAX));
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let row = RowRecord { email: 7, ..RowRecord::default() };
        let mut bytes = encode(&row);
        assert_eq!(decode::<RowRecord>(&bytes, "row").unwrap(), row);
        bytes[0] = 2;
        assert_eq!(decode::<RowRecord>(&bytes, "row").unwrap_err().kind, base::Kind::Corrupt);
        assert!(decode::<RowRecord>(&[], "row").is_err());
    }
}
