//! SUMMARY    The listing of an account: every message in every mailbox as of one version, however long reading them took.
//! LIMITS     EXPORT_CHANGED_MAX, EXPORT_ROUNDS_MAX
//! INVARIANTS Rows are read page by page, each page in a version of its own. What changed meanwhile is in the change log, and is read
//!            again, until what is left fits into one last version: that is the pin. What the listing says is true for it.

use crate::segments::{SegmentReader, SegmentWriter};
use account::{
    Error, ExportLease, Exported, ObjectType, Reader, Result, Stream,
    record::{EmailRecord, MailboxRecord, MailboxState, RowRecord},
};
use base::{
    EmailId, Kind, MailboxId, ModSeq, Timestamp, Uid,
    limits::{EXPORT_CHANGED_MAX, EXPORT_ROUNDS_MAX},
};
use control::AccountSnapshot;
use prost::Message;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows that are read in one version, with their emails.
const ROWS: usize = 500;
/// Emails that lie between those of a page, for each of the page: beyond, they are read one by one.
const SPARSE: u64 = 4;

/// A message in a mailbox.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Listed {
    #[prost(uint32, tag = "1")]
    pub mailbox: u32,
    #[prost(uint32, tag = "2")]
    pub uid: u32,
    #[prost(uint64, tag = "3")]
    pub email: u64,
    #[prost(uint64, tag = "4")]
    pub thread: u64,
    #[prost(uint64, tag = "5")]
    pub flags: u64,
    #[prost(uint32, tag = "6")]
    pub size: u32,
    #[prost(sint64, tag = "7")]
    pub received_at_secs: i64,
    #[prost(bytes = "vec", tag = "8")]
    pub blob: Vec<u8>,
    /// All mailboxes of the email, where there are several: number and uid in turns.
    #[prost(uint32, repeated, tag = "9")]
    pub places: Vec<u32>,
}

/// A mailbox as of the pin.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListedMailbox {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(message, required, tag = "2")]
    pub record: MailboxRecord,
    #[prost(message, required, tag = "3")]
    pub state: MailboxState,
}

/// What else there is of an account, and what changed while its rows were read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Head {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(string, repeated, tag = "2")]
    pub keywords: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    pub mailboxes: Vec<ListedMailbox>,
    /// Emails whose rows among the pages are not those of the pin.
    #[prost(uint64, repeated, tag = "4")]
    pub changed: Vec<u64>,
    /// Theirs as of the pin.
    #[prost(message, repeated, tag = "5")]
    pub rows: Vec<Listed>,
    /// `account.json`.
    #[prost(bytes = "vec", tag = "6")]
    pub profile: Vec<u8>,
    /// The account was purged before it was listed: nothing of it is exported.
    #[prost(bool, tag = "7")]
    pub is_gone: bool,
}

fn listed(mailbox: MailboxId, uid: Uid, row: &RowRecord, email: EmailRecord) -> Listed {
    let several = email.memberships.len() > 1;
    let places = email.memberships.iter().filter(|_| several).flat_map(|m| [m.mailbox, m.uid]).collect();
    Listed {
        mailbox: mailbox.0,
        uid: uid.0,
        email: row.email,
        thread: email.thread,
        flags: row.flags,
        size: row.size,
        received_at_secs: row.received_at_secs,
        blob: email.blob,
        places,
    }
}

/// Lists an account: pins it, reads its rows, catches up, notes the listing as complete.
pub(crate) async fn take(lease: &ExportLease, exported: Exported, now: Timestamp) -> Result<()> {
    let (number, account) = (exported.number, exported.account);
    let profile = match lease.profile(account).await {
        Err(why) if why.kind == Kind::NotFound => return gone(lease, exported, now).await,
        profile => profile?,
    };
    lease.clear_stream(Stream::Rows(number)).await?;
    lease.clear_stream(Stream::Changed(number)).await?;
    lease.pin(account).await?;
    let mut reader = lease.reader(account);
    let first = ModSeq(reader.state().await?.map_or(0, |state| state.modseq));
    let mut out = SegmentWriter::new(lease, Stream::Rows(number));
    for (mailbox, _) in reader.mailboxes().await? {
        let mut from = Some(Uid(1));
        while let Some(at) = from {
            reader.renew();
            let page = reader.some_rows(mailbox, at, ROWS).await?;
            let mut emails = emails(&mut reader, &page.rows).await?;
            for (uid, row) in &page.rows {
                let email = emails.remove(&row.email).ok_or_else(|| Error::corrupt("a row without its email"))?;
                let listed = listed(mailbox, *uid, row, email);
                listed.encode_length_delimited(&mut out.buffer).map_err(|e| Error::corrupt(e.to_string()))?;
            }
            out.cut().await?;
            from = page.next;
        }
    }
    out.end().await?;
    let (modseq, mut head) = catch_up(&mut reader, first).await?;
    head.profile = document(&profile)?;
    head.address = profile.address.clone();
    let emails = head.mailboxes.iter().map(|m| u64::from(m.state.emails)).sum();
    let bytes = head.mailboxes.iter().map(|m| m.state.size_bytes).sum();
    let mut out = SegmentWriter::new(lease, Stream::Changed(number));
    head.encode_length_delimited(&mut out.buffer).map_err(|e| Error::corrupt(e.to_string()))?;
    out.end().await?;
    lease.listed(number, Exported { modseq: Some(modseq), pinned_at: now, emails, bytes, ..exported }).await
}

/// Lists an account of which nothing is left.
async fn gone(lease: &ExportLease, exported: Exported, now: Timestamp) -> Result<()> {
    lease.clear_stream(Stream::Rows(exported.number)).await?;
    lease.clear_stream(Stream::Changed(exported.number)).await?;
    let head =
        Head { address: exported.account.to_string(), profile: b"{}".to_vec(), is_gone: true, ..Head::default() };
    let mut out = SegmentWriter::new(lease, Stream::Changed(exported.number));
    head.encode_length_delimited(&mut out.buffer).map_err(|e| Error::corrupt(e.to_string()))?;
    out.end().await?;
    let listed = Exported { modseq: Some(ModSeq(0)), pinned_at: now, emails: 0, bytes: 0, ..exported };
    lease.listed(exported.number, listed).await
}

/// The emails of a page of rows, in the version that the rows were read in.
async fn emails(reader: &mut Reader, rows: &[(Uid, RowRecord)]) -> Result<HashMap<u64, EmailRecord>> {
    let ids = || rows.iter().map(|(_, row)| row.email);
    let (Some(from), Some(to)) = (ids().min(), ids().max()) else { return Ok(HashMap::new()) };
    let mut found = HashMap::with_capacity(rows.len());
    if to - from < SPARSE * rows.len() as u64 {
        let wanted: BTreeSet<u64> = ids().collect();
        let mut next = Some(from);
        while let Some(at) = next {
            let (some, more) = reader.emails(EmailId(at), EmailId(to)).await?;
            next = some.last().filter(|_| more).map(|(last, _)| last.0 + 1);
            found.extend(some.into_iter().map(|(id, email)| (id.0, email)).filter(|(id, _)| wanted.contains(id)));
        }
        return Ok(found);
    }
    for id in ids() {
        if let Some(email) = reader.email(EmailId(id)).await? {
            found.insert(id, email);
        }
    }
    Ok(found)
}

/// Reads again what changed after `first`, until the rest fits into one version: gives that version and the account in it.
async fn catch_up(reader: &mut Reader, first: ModSeq) -> Result<(ModSeq, Head)> {
    let (mut since, mut changed) = (first, BTreeMap::new());
    for _ in 0..EXPORT_ROUNDS_MAX {
        reader.renew();
        let now = ModSeq(reader.state().await?.map_or(0, |state| state.modseq));
        let ids: BTreeSet<u64> =
            reader.changes(ObjectType::Email, since).await?.into_iter().map(|change| change.id).collect();
        let is_last = ids.len() <= EXPORT_CHANGED_MAX;
        for (n, id) in ids.into_iter().enumerate() {
            // What changes after `now` is of the next round, whichever version is read here.
            if !is_last && n % ROWS == ROWS - 1 {
                reader.renew();
            }
            let rows = rows_of(reader, EmailId(id)).await?;
            changed.insert(id, rows);
        }
        if is_last {
            return Ok((now, head(reader, changed).await?));
        }
        since = now;
    }
    Err(Error::new(Kind::Unavailable, "EXPORT_ROUNDS_MAX: the account changes faster than it can be listed"))
}

/// The rows of an email; none if it is gone.
async fn rows_of(reader: &mut Reader, id: EmailId) -> Result<Vec<Listed>> {
    let Some(email) = reader.email(id).await? else { return Ok(Vec::new()) };
    let mut rows = Vec::with_capacity(email.memberships.len());
    for place in &email.memberships {
        let (mailbox, uid) = (MailboxId(place.mailbox), Uid(place.uid));
        let row = reader.row(mailbox, uid).await?.ok_or_else(|| Error::corrupt("an email without its row"))?;
        rows.push(listed(mailbox, uid, &row, email.clone()));
    }
    Ok(rows)
}

async fn head(reader: &mut Reader, changed: BTreeMap<u64, Vec<Listed>>) -> Result<Head> {
    let mut mailboxes = Vec::new();
    for (id, record) in reader.mailboxes().await? {
        let state = reader.mailbox_state(id).await?.ok_or_else(|| Error::corrupt("a mailbox without counters"))?;
        mailboxes.push(ListedMailbox { id: id.0, record, state });
    }
    let keywords = reader.keywords().await?;
    let ids = changed.keys().copied().collect();
    let mut rows: Vec<Listed> = changed.into_values().flatten().collect();
    rows.sort_unstable_by_key(|row| (row.mailbox, row.uid));
    Ok(Head { keywords, mailboxes, changed: ids, rows, ..Head::default() })
}

/// What of an account is the user's: no credential.
fn document(profile: &AccountSnapshot) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        account_id: String,
        address: &'a str,
        display_name: &'a str,
        send_as: &'a [String],
        quota_bytes_max: Option<u64>,
    }
    let document = Document {
        account_id: profile.id.to_string(),
        address: &profile.address,
        display_name: &profile.display_name,
        send_as: &profile.send_as,
        quota_bytes_max: profile.quota_bytes_max,
    };
    serde_json::to_vec_pretty(&document).map_err(|e| Error::corrupt(e.to_string()))
}

/// A listing being read: rows in the order of mailbox and uid.
pub(crate) struct Listing {
    pub(crate) head: Head,
    segments: SegmentReader,
    /// What was read of the segments and not given yet.
    buffer: Vec<u8>,
    at: usize,
    changed: BTreeSet<u64>,
    /// The row of the pages that is next; what of `head.rows` is next.
    page: Option<Listed>,
    row: usize,
}

impl Listing {
    pub(crate) async fn open(lease: &ExportLease, number: u32) -> Result<Listing> {
        let mut segments = SegmentReader::new(lease, Stream::Changed(number));
        let mut bytes = Vec::new();
        while let Some(segment) = segments.next().await? {
            bytes.extend_from_slice(&segment);
        }
        let head =
            Head::decode_length_delimited(bytes.as_slice()).map_err(|e| Error::corrupt(format!("listing: {e}")))?;
        let changed = head.changed.iter().copied().collect();
        let segments = SegmentReader::new(lease, Stream::Rows(number));
        let mut listing = Listing { head, segments, buffer: Vec::new(), at: 0, changed, page: None, row: 0 };
        listing.page = listing.next_of_pages().await?;
        Ok(listing)
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Listed>> {
        let place = |row: &Listed| (row.mailbox, row.uid);
        let changed = self.head.rows.get(self.row);
        let is_changed = match (&self.page, changed) {
            (None, None) => return Ok(None),
            (Some(page), Some(changed)) => place(changed) < place(page),
            (page, _) => page.is_none(),
        };
        if is_changed {
            self.row += 1;
            return Ok(self.head.rows.get(self.row - 1).cloned());
        }
        let next = self.next_of_pages().await?;
        Ok(std::mem::replace(&mut self.page, next))
    }

    /// The next row of the pages that is as it was at the pin.
    async fn next_of_pages(&mut self) -> Result<Option<Listed>> {
        loop {
            let row = self.next_read().await?;
            if row.as_ref().is_none_or(|row| !self.changed.contains(&row.email)) {
                return Ok(row);
            }
        }
    }

    async fn next_read(&mut self) -> Result<Option<Listed>> {
        loop {
            let left = self.buffer.get(self.at..).unwrap_or_default();
            if let Ok(length) = prost::decode_length_delimiter(left) {
                let whole = prost::length_delimiter_len(length) + length;
                if left.len() >= whole {
                    let row =
                        Listed::decode_length_delimited(left).map_err(|e| Error::corrupt(format!("listing: {e}")))?;
                    self.at += whole;
                    return Ok(Some(row));
                }
            }
            let Some(segment) = self.segments.next().await? else {
                return match left.is_empty() {
                    true => Ok(None),
                    false => Err(Error::corrupt("a listing ends in the midst of a row")),
                };
            };
            self.buffer.drain(..self.at);
            self.at = 0;
            self.buffer.extend_from_slice(&segment);
        }
    }
}
