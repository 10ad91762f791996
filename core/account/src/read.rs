//! SUMMARY    Reading an account at one durable version: pages of rows, cards, records, changes, message bytes.
//! LIMITS     EXPUNGED_PAGE_MAX; KV_TXN_MS_MAX: a reader that lives longer is renewed by `renew`, which moves to a newer version
//! INVARIANTS No method writes. Iteration is by pages; nothing loads a whole mailbox but the caller's own loop.

use crate::{
    Accounts, Error, Result,
    change::{self, Change, ObjectType},
    keys,
    record::{
        self, AccountState, ChangeRecord, EmailCard, EmailRecord, ExpungedRecord, KeywordTable, MailboxRecord,
        MailboxState, Migrated, MigratedFolder, RowRecord, ThreadRecord,
    },
    txn::TenantTxn,
    work::{ExpungedId, Origin, SYSTEM_FLAGS, blob_ref, kept_since},
};
use base::{AccountId, EmailId, MailboxId, ModSeq, TenantId, ThreadId, Timestamp, Uid, limits::EXPUNGED_PAGE_MAX};
use bytes::Bytes;
use prost::Message;
use std::ops::Range;
use store::kv::{KeyRange, KvTxn, PageLimit, Read};

/// A read-only view of one account.
pub struct Reader {
    accounts: Accounts,
    txn: Box<dyn KvTxn>,
    tenant: TenantId,
    account: AccountId,
}

/// Rows of one page and where the next one begins.
pub struct RowPage {
    pub rows: Vec<(Uid, RowRecord)>,
    pub next: Option<Uid>,
}

impl Reader {
    pub(crate) fn new(accounts: Accounts, tenant: TenantId, account: AccountId) -> Self {
        let txn = accounts.0.kv.begin_read();
        Reader { accounts, txn, tenant, account }
    }

    /// Moves to the newest durable version.
    pub fn renew(&mut self) {
        self.txn = self.accounts.0.kv.begin_read();
    }

    fn txn(&mut self) -> TenantTxn<'_> {
        TenantTxn::new(&mut *self.txn, self.tenant)
    }

    async fn record<M: Message + Default>(&mut self, key: &[u8], what: &'static str) -> Result<Option<M>> {
        self.txn().get_snapshot(key).await?.map(|b| record::decode(&b, what)).transpose()
    }

    async fn records<M: Message + Default>(&mut self, range: &KeyRange, what: &'static str) -> Result<Vec<(Bytes, M)>> {
        let rows = self.txn().all(range, Read::Snapshot).await?;
        rows.into_iter().map(|(k, v)| Ok((k, record::decode(&v, what)?))).collect()
    }

    /// Counters of the account; `None` before it was first written to.
    pub async fn state(&mut self) -> Result<Option<AccountState>> {
        self.record(&keys::state(self.account), "account state").await
    }

    /// Every mailbox, in order of its id.
    pub async fn mailboxes(&mut self) -> Result<Vec<(MailboxId, MailboxRecord)>> {
        let rows = self.records(&keys::objects(self.account, keys::MAILBOX), "mailbox").await?;
        Ok(rows
            .into_iter()
            .filter_map(|(k, r)| Some((MailboxId(u32::try_from(keys::decode_object(&k)?).ok()?), r)))
            .collect())
    }

    pub async fn mailbox(&mut self, id: MailboxId) -> Result<Option<MailboxRecord>> {
        self.record(&keys::mailbox(self.account, id), "mailbox").await
    }

    pub async fn mailbox_state(&mut self, id: MailboxId) -> Result<Option<MailboxState>> {
        self.record(&keys::mailbox_state(self.account, id), "mailbox state").await
    }

    /// Id of the mailbox of that name under `parent`.
    pub async fn mailbox_named(&mut self, parent: Option<MailboxId>, name: &str) -> Result<Option<MailboxId>> {
        let key = keys::mailbox_name(self.account, parent, name);
        Ok(self.txn().get_snapshot(&key).await?.and_then(|b| keys::be32(&b, 0)).map(MailboxId))
    }

    /// Rows of a mailbox from `from` on, one page.
    pub async fn rows(&mut self, id: MailboxId, from: Uid) -> Result<RowPage> {
        self.rows_within(id, from, PageLimit::MAX).await
    }

    /// The same of so many rows at most.
    pub async fn some_rows(&mut self, id: MailboxId, from: Uid, most: usize) -> Result<RowPage> {
        self.rows_within(id, from, PageLimit::rows(most)).await
    }

    async fn rows_within(&mut self, id: MailboxId, from: Uid, limit: PageLimit) -> Result<RowPage> {
        let range = keys::rows_from(self.account, id, from);
        let page = self.txn().page(&range, limit, Read::Snapshot).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            let uid = keys::decode_row(key).ok_or_else(|| Error::corrupt("row key"))?;
            rows.push((uid, record::decode(value, "row")?));
        }
        let last = rows.last().map(|(uid, _): &(Uid, RowRecord)| Uid(uid.0.saturating_add(1)));
        Ok(RowPage { rows, next: if page.more { last } else { None } })
    }

    pub async fn row(&mut self, id: MailboxId, uid: Uid) -> Result<Option<RowRecord>> {
        self.record(&keys::row(self.account, id, uid), "row").await
    }

    pub async fn email(&mut self, id: EmailId) -> Result<Option<EmailRecord>> {
        self.record(&keys::email(self.account, id), "email").await
    }

    /// Emails `from..=to`, one page, and whether there are more.
    pub async fn emails(&mut self, from: EmailId, to: EmailId) -> Result<(Vec<(EmailId, EmailRecord)>, bool)> {
        let range = keys::emails(self.account, from, to);
        let page = self.txn().page(&range, PageLimit::MAX, Read::Snapshot).await?;
        let mut emails = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            let id = keys::decode_object(key).ok_or_else(|| Error::corrupt("email key"))?;
            emails.push((EmailId(id), record::decode(value, "email")?));
        }
        Ok((emails, page.more))
    }

    pub async fn card(&mut self, id: EmailId) -> Result<Option<EmailCard>> {
        self.record(&keys::card(self.account, id), "email card").await
    }

    /// Cards of the emails `from..=to`, one page, and whether there are more.
    pub async fn cards(&mut self, from: EmailId, to: EmailId) -> Result<(Vec<(EmailId, EmailCard)>, bool)> {
        let range = keys::cards(self.account, from, to);
        let page = self.txn().page(&range, PageLimit::MAX, Read::Snapshot).await?;
        let mut cards = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            let id = keys::decode_object(key).ok_or_else(|| Error::corrupt("card key"))?;
            let body = value.slice(1..);
            if value.first() != Some(&1) {
                return Err(Error::corrupt("email card: unknown record version"));
            }
            let card = EmailCard::decode(body).map_err(|e| Error::corrupt(format!("email card: {e}")))?;
            cards.push((EmailId(id), card));
        }
        Ok((cards, page.more))
    }

    pub async fn thread(&mut self, id: ThreadId) -> Result<Option<ThreadRecord>> {
        self.record(&keys::thread(self.account, id), "thread").await
    }

    /// Keywords of the account; index i stands for bit 5 + i of the flags.
    pub async fn keywords(&mut self) -> Result<Vec<String>> {
        let table: Option<KeywordTable> = self.record(&keys::keywords(self.account), "keywords").await?;
        Ok(table.unwrap_or_default().names)
    }

    /// Bit of the first keyword behind the system flags.
    pub const FIRST_KEYWORD_BIT: usize = SYSTEM_FLAGS;

    /// Changes of one type after `since`, oldest first. `TooOld` when the log was trimmed beyond it.
    pub async fn changes(&mut self, object: ObjectType, since: ModSeq) -> Result<Vec<Change>> {
        if since < self.log_floor().await? {
            return Err(Error::new(base::Kind::TooOld, "the change log does not reach back so far"));
        }
        let range = keys::changes_after(self.account, object.tag(), since);
        let rows: Vec<(Bytes, ChangeRecord)> = self.records(&range, "change").await?;
        let mut out = Vec::with_capacity(rows.len());
        for (key, record) in rows {
            let (modseq, id) = keys::decode_change(&key).ok_or_else(|| Error::corrupt("change key"))?;
            out.push(change::from_record(modseq, id, record).ok_or_else(|| Error::corrupt("change kind"))?);
        }
        Ok(out)
    }

    /// Modseq up to which the logs may have been trimmed: what was asked for a lower one is not all there.
    pub async fn log_floor(&mut self) -> Result<ModSeq> {
        Ok(ModSeq(self.state().await?.map_or(0, |s| s.log_floor)))
    }

    /// Uids expunged from a mailbox after `since`, ascending by modseq; all of them if `since` is not below `log_floor`.
    pub async fn vanished(&mut self, id: MailboxId, since: ModSeq) -> Result<Vec<(ModSeq, Uid)>> {
        let range = keys::vanished_after(self.account, id, since);
        let rows = self.txn().all(&range, Read::Snapshot).await?;
        rows.iter().map(|(k, _)| keys::decode_vanished(k).ok_or_else(|| Error::corrupt("vanished key"))).collect()
    }

    /// What is remembered of the mailboxes of a source.
    pub async fn migrated_folders(&mut self, source: u64) -> Result<Vec<(Origin, MigratedFolder)>> {
        let rows = self.records(&keys::migrated_folders(self.account, source), "mailbox of a source").await?;
        Ok(rows.into_iter().filter_map(|(key, record)| Some((keys::decode_migrated_folder(&key)?, record))).collect())
    }

    /// Messages of a source under a UIDVALIDITY, by their uids there, from one on; one page, and where the next one begins.
    pub async fn migrated(
        &mut self,
        origin: Origin,
        uid_validity: u32,
        from: Uid,
    ) -> Result<(Vec<(Uid, Migrated)>, Option<Uid>)> {
        let range = keys::migrated_from(self.account, origin, uid_validity, from);
        let page = self.txn().page(&range, PageLimit::MAX, Read::Snapshot).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            let (_, _, uid) =
                keys::decode_migrated(key).ok_or_else(|| Error::corrupt("key of a message of a source"))?;
            rows.push((uid, record::decode(value, "message of a source")?));
        }
        let next = rows.last().filter(|_| page.more).and_then(|(uid, _)| uid.0.checked_add(1)).map(Uid);
        Ok((rows, next))
    }

    /// Expunged emails that are kept, the latest first; those before `before`. EXPUNGED_PAGE_MAX at most, and whether there are more.
    pub async fn expunged(&mut self, before: Option<ExpungedId>) -> Result<(Vec<(ExpungedId, ExpungedRecord)>, bool)> {
        let mut range = keys::all_expunged(self.account);
        if let Some(before) = before {
            range.to = keys::expunged(self.account, before.at, before.email);
        }
        let page = self.txn().page_back(&range, PageLimit::rows(EXPUNGED_PAGE_MAX), Read::Snapshot).await?;
        let mut kept = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            let (at, email) = keys::decode_expunged(key).ok_or_else(|| Error::corrupt("key of an expunged email"))?;
            kept.push((ExpungedId { at, email }, record::decode(value, "expunged email")?));
        }
        Ok((kept, page.more))
    }

    /// From when on what was expunged can be brought back, and for how many days what is expunged now; `None`: a hold keeps it all.
    pub async fn expunged_since(&mut self) -> Result<Option<(Timestamp, u32)>> {
        let (accounts, now) = (self.accounts.clone(), self.accounts.clock().now());
        let standing = accounts.standing_in(&mut *self.txn, self.tenant, self.account).await?;
        let standing = standing.ok_or_else(|| Error::not_found("account"))?;
        Ok(kept_since(&standing, now).map(|since| (since, standing.entitlement.expunged_days)))
    }

    /// One of them; `None` when it was brought back or forgotten.
    pub async fn expunged_one(&mut self, id: ExpungedId) -> Result<Option<ExpungedRecord>> {
        self.record(&keys::expunged(self.account, id.at, id.email), "expunged email").await
    }

    /// Bytes of an expunged email whose record was read, or a range of them; `NotFound` if it has gone since.
    pub async fn expunged_body(&mut self, kept: &ExpungedRecord, range: Option<Range<u64>>) -> Result<Bytes> {
        let blob = blob_ref(&kept.blob)?;
        let accounts = self.accounts.clone();
        accounts.read_blob(&mut *self.txn, self.tenant, &blob, range).await
    }

    /// Bytes of an email, or a range of them; `NotFound` if the email is gone.
    pub async fn body(&mut self, id: EmailId, range: Option<Range<u64>>) -> Result<Bytes> {
        let email = self.email(id).await?.ok_or_else(|| Error::not_found("email"))?;
        self.body_of(&email, range).await
    }

    /// Bytes of an email whose record was read; `NotFound` if it has gone since.
    pub async fn body_of(&mut self, email: &EmailRecord, range: Option<Range<u64>>) -> Result<Bytes> {
        let blob = blob_ref(&email.blob)?;
        let accounts = self.accounts.clone();
        accounts.read_blob(&mut *self.txn, self.tenant, &blob, range).await
    }
}
