//! SUMMARY    One row and what it names, in one version.
//! INVARIANTS Emails and rows name each other, as emails and threads do: each pair is checked from both sides, so nothing
//!            needs to be counted to know that neither has one too many.

use super::Check;
use crate::{
    Accounts, Result,
    keys::{self, AccountRow},
    record::{self, AccountState, EmailRecord, ExpungedRecord, QueueItem, RowRecord, ThreadRecord},
    txn::{SystemTxn, TenantTxn},
    work::{DELETED, ExpungedId, expunged_owner, owner},
};
use base::{AccountId, EmailId, MailboxId, ModSeq, QueueId, ThreadId, Timestamp, Uid};
use bytes::Bytes;
use store::{
    blob::{self, BlobRef},
    kv::{KeyRange, KvTxn, PageLimit, Read},
};

/// Bytes of `l <blob 32>`, behind which the owner stands.
const LINK_PREFIX_BYTES: usize = 33;

impl Check<'_> {
    async fn get(&self, txn: &mut dyn KvTxn, key: &[u8]) -> Result<Option<Bytes>> {
        TenantTxn::new(txn, self.tenant).get_snapshot(key).await
    }

    async fn find<M: prost::Message + Default>(
        &self,
        txn: &mut dyn KvTxn,
        key: &[u8],
        what: &'static str,
    ) -> Result<Option<M>> {
        self.get(txn, key).await?.map(|bytes| record::decode(&bytes, what)).transpose()
    }

    async fn has_link(&self, txn: &mut dyn KvTxn, blob: &[u8], owner: &[u8]) -> Result<bool> {
        let meta = [keys::blob_meta().as_slice(), blob].concat();
        let link = [keys::blob_link().as_slice(), blob, owner].concat();
        Ok(self.get(txn, &meta).await?.is_some() && self.get(txn, &link).await?.is_some())
    }

    pub(super) async fn account_row(
        &mut self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        row: AccountRow,
        value: &[u8],
    ) -> Result<()> {
        let wrong = match row {
            AccountRow::State
            | AccountRow::Profile
            | AccountRow::Keywords
            | AccountRow::LogMarks
            | AccountRow::Known => None,
            // Mailbox and emails may be gone: that they are not to come again is what is remembered.
            AccountRow::MigratedFolder(_) => {
                drop(record::decode::<record::MigratedFolder>(value, "mailbox of a source")?);
                None
            }
            AccountRow::Migrated(origin, _, _) => {
                record::decode::<record::Migrated>(value, "message of a source")?;
                let folder = self.get(txn, &keys::migrated_folder(account, origin)).await?;
                folder.is_none().then(|| "a message of a source whose mailbox is not known".to_owned())
            }
            AccountRow::Mailbox(id) => {
                let counters = self.get(txn, &keys::mailbox_state(account, id)).await?;
                counters.is_none().then(|| format!("{id} has no counters"))
            }
            AccountRow::MailboxState(id) => {
                let mailbox = self.get(txn, &keys::mailbox(account, id)).await?;
                mailbox.is_none().then(|| format!("counters of {id}, which does not exist"))
            }
            AccountRow::Email(id) => self.email(txn, account, id, record::decode(value, "email")?).await?,
            AccountRow::Card(id) => {
                let email = self.get(txn, &keys::email(account, id)).await?;
                email.is_none().then(|| format!("card of {id}, which does not exist"))
            }
            AccountRow::Expunged(at, email) => {
                let id = ExpungedId { at, email };
                self.expunged(txn, account, id, record::decode(value, "expunged email")?).await?
            }
            AccountRow::Message(mailbox, uid) => {
                self.message(txn, account, mailbox, uid, record::decode(value, "row")?).await?
            }
            AccountRow::Thread(id) => self.thread(txn, account, id, record::decode(value, "thread")?).await?,
            AccountRow::ThreadIndex => {
                let thread = ThreadId(keys::be64(value, 0).unwrap_or(0));
                let record = self.get(txn, &keys::thread(account, thread)).await?;
                record.is_none().then(|| format!("threading index names {thread}, which does not exist"))
            }
            AccountRow::Name => {
                let mailbox = MailboxId(keys::be32(value, 0).unwrap_or(0));
                let record = self.get(txn, &keys::mailbox(account, mailbox)).await?;
                record.is_none().then(|| format!("a name leads to {mailbox}, which does not exist"))
            }
            AccountRow::Change(_, modseq, _) => self.ahead(txn, account, modseq, "a change").await?,
            AccountRow::Vanished(_, modseq, _) => self.ahead(txn, account, modseq, "an expunged message").await?,
        };
        if let Some(what) = wrong {
            self.wrong(Some(account), what);
        }
        Ok(())
    }

    async fn state(&self, txn: &mut dyn KvTxn, account: AccountId) -> Result<Option<AccountState>> {
        self.find(txn, &keys::state(account), "account state").await
    }

    async fn ahead(
        &self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        modseq: ModSeq,
        what: &str,
    ) -> Result<Option<String>> {
        let state = self.state(txn, account).await?.unwrap_or_default();
        Ok((modseq.0 > state.modseq).then(|| format!("{what} at {modseq}, ahead of the account's {}", state.modseq)))
    }

    async fn email(
        &self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        id: EmailId,
        email: EmailRecord,
    ) -> Result<Option<String>> {
        let Some(state) = self.state(txn, account).await? else { return Ok(Some(format!("{id} without a state"))) };
        if email.memberships.is_empty() {
            return Ok(Some(format!("{id} is in no mailbox")));
        }
        if self.get(txn, &keys::card(account, id)).await?.is_none() {
            return Ok(Some(format!("{id} has no card")));
        }
        let change = keys::change(account, keys::EMAIL, ModSeq(email.modseq), id.0);
        if email.modseq > state.log_floor && self.get(txn, &change).await?.is_none() {
            return Ok(Some(format!("{id} changed at {}, which the log does not have", email.modseq)));
        }
        for m in &email.memberships {
            let key = keys::row(account, MailboxId(m.mailbox), Uid(m.uid));
            let row: Option<RowRecord> = self.find(txn, &key, "row").await?;
            let agrees = row
                .as_ref()
                .is_some_and(|r| r.email == id.0 && r.flags & !DELETED == email.keywords && r.size == email.size);
            if !agrees {
                return Ok(Some(format!("{id} does not agree with its row {row:?}")));
            }
        }
        let thread: Option<ThreadRecord> =
            self.find(txn, &keys::thread(account, ThreadId(email.thread)), "thread").await?;
        if thread.is_none_or(|t| t.emails.iter().filter(|e| **e == id.0).count() != 1) {
            return Ok(Some(format!("{id} is not once in its thread {}", email.thread)));
        }
        let linked = self.has_link(txn, &email.blob, &owner(account, id)).await?;
        Ok((!linked).then(|| format!("{id} has no blob or no link to it")))
    }

    async fn expunged(
        &self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        id: ExpungedId,
        expunged: ExpungedRecord,
    ) -> Result<Option<String>> {
        if self.get(txn, &keys::email(account, id.email)).await?.is_some() {
            return Ok(Some(format!("{} is expunged and there", id.email)));
        }
        let linked = self.has_link(txn, &expunged.blob, &expunged_owner(account, id)).await?;
        Ok((!linked).then(|| format!("expunged {} has no blob or no link to it", id.email)))
    }

    async fn message(
        &self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
        row: RowRecord,
    ) -> Result<Option<String>> {
        if self.get(txn, &keys::mailbox(account, mailbox)).await?.is_none() {
            return Ok(Some(format!("a row of {mailbox}, which does not exist")));
        }
        let email: Option<EmailRecord> = self.find(txn, &keys::email(account, EmailId(row.email)), "email").await?;
        let named =
            |e: &EmailRecord| e.memberships.iter().filter(|m| m.mailbox == mailbox.0 && m.uid == uid.0).count() == 1;
        Ok((!email.as_ref().is_some_and(named)).then(|| format!("row {uid} of {mailbox} is not its email's")))
    }

    async fn thread(
        &self,
        txn: &mut dyn KvTxn,
        account: AccountId,
        id: ThreadId,
        record: ThreadRecord,
    ) -> Result<Option<String>> {
        if record.emails.is_empty() {
            return Ok(Some(format!("thread {id} is empty")));
        }
        for email in &record.emails {
            let found: Option<EmailRecord> = self.find(txn, &keys::email(account, EmailId(*email)), "email").await?;
            if found.is_none_or(|e| e.thread != id.0) {
                return Ok(Some(format!("thread {id} names email {email}, which is not in it")));
            }
        }
        Ok(None)
    }

    pub(super) async fn blob_meta(&mut self, txn: &mut dyn KvTxn, key: &[u8]) -> Result<()> {
        let Some(blob) = key.get(1..).and_then(|blob| blob.try_into().ok()).map(BlobRef) else { return Ok(()) };
        let links = KeyRange::prefix(&[keys::blob_link().as_slice(), &blob.0].concat());
        let links = TenantTxn::new(txn, self.tenant).page(&links, PageLimit::rows(1), Read::Snapshot).await?;
        if links.rows.is_empty() {
            self.wrong(None, format!("blob without owner: {blob}"));
        }
        if !blob::is_located(txn, &Accounts::space(self.tenant), &blob).await? {
            self.wrong(None, format!("blob {blob} is not where it should be"));
        }
        Ok(())
    }

    pub(super) async fn blob_link(&mut self, txn: &mut dyn KvTxn, key: &[u8]) -> Result<()> {
        let (link, holder) = key.split_at(LINK_PREFIX_BYTES.min(key.len()));
        let blob = link.get(1..).unwrap_or_default();
        let held = match (holder.first(), keys::be64(holder, 1), keys::be64(holder, 9)) {
            (Some(b'e'), Some(account), Some(id)) if holder.len() == 17 => {
                let email = keys::email(AccountId(account), EmailId(id));
                let email: Option<EmailRecord> = self.find(txn, &email, "email").await?;
                email.is_some_and(|email| email.blob == blob)
            }
            (Some(b'x'), Some(account), Some(at)) if holder.len() == 25 => {
                let (at, id) = (Timestamp(i64::try_from(at).unwrap_or(-1)), keys::be64(holder, 17).unwrap_or(0));
                let key = keys::expunged(AccountId(account), at, EmailId(id));
                let expunged: Option<ExpungedRecord> = self.find(txn, &key, "expunged email").await?;
                expunged.is_some_and(|expunged| expunged.blob == blob)
            }
            (Some(b'q'), Some(id), None) if holder.len() == 9 => {
                let item: Option<QueueItem> = self.find(txn, &keys::queue_item(QueueId(id)), "queue item").await?;
                item.is_some_and(|item| item.blob == blob)
            }
            _ => false,
        };
        let meta = [keys::blob_meta().as_slice(), blob].concat();
        if !held || self.get(txn, &meta).await?.is_none() {
            self.wrong(None, format!("blob link without owner or blob: {}", key.escape_ascii()));
        }
        Ok(())
    }

    pub(super) async fn queue_item(&mut self, txn: &mut dyn KvTxn, id: QueueId, item: QueueItem) -> Result<()> {
        let owner = [b"q".as_slice(), &id.0.to_be_bytes()].concat();
        if !self.has_link(txn, &item.blob, &owner).await? {
            self.wrong(None, format!("queue item {id} has no blob or no link to it"));
        }
        let due = keys::system_due(self.tenant, Timestamp(item.due_at_ms), id);
        if SystemTxn::new(txn).get_snapshot(&due).await?.is_none() {
            self.wrong(None, format!("queue item {id} is not due at {}", item.due_at_ms));
        }
        let place = crate::queue::place(self.tenant, &item);
        if SystemTxn::new(txn).get_snapshot(&place).await?.is_some() != item.parked {
            self.wrong(None, format!("queue item {id}: parked is {}, its index says otherwise", item.parked));
        }
        Ok(())
    }

    /// What is in the index of parked items is parked, and for those it says.
    pub(super) async fn parked_entry(&mut self, txn: &mut dyn KvTxn, key: &[u8]) -> Result<()> {
        let Some((_, id)) = keys::decode_parked(key) else {
            self.wrong(None, format!("damaged entry of a parked item: {}", key.escape_ascii()));
            return Ok(());
        };
        let item: Option<QueueItem> = self.find(txn, &keys::queue_item(id), "queue item").await?;
        if item.is_none_or(|item| !item.parked || crate::queue::place(self.tenant, &item) != key) {
            self.wrong(None, format!("entry of the parked item {id}, which is not parked so"));
        }
        Ok(())
    }

    /// An item is due once: at the time it says itself.
    pub(super) async fn due_entry(&mut self, txn: &mut dyn KvTxn, key: &[u8]) -> Result<()> {
        let Some((_, at, id)) = keys::decode_due(key) else {
            self.wrong(None, format!("damaged due entry: {}", key.escape_ascii()));
            return Ok(());
        };
        let item: Option<QueueItem> = self.find(txn, &keys::queue_item(id), "queue item").await?;
        if item.is_none_or(|item| item.due_at_ms != at.0) {
            self.wrong(None, format!("due entry of {id} at {}, which is not its time", at.0));
        }
        Ok(())
    }
}
