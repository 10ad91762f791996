//! SUMMARY    Adding, copying, moving and removing emails within a unit of work.
//! LIMITS     THREAD_EMAILS_MAX
//! INVARIANTS An email lives while it has a membership; with the last one go record, card and thread entry, and its bytes unless it is kept (`expunged`).
//!            An email is at most once in a mailbox: a second copy there is an email of its own that shares the blob.

use super::{AccountWork, Charge};
use crate::{
    Error, Result,
    blob::Staged,
    change::{ChangeKind, ObjectType},
    keys,
    record::{EmailCard, EmailRecord, Membership, RowRecord},
};
use base::{EmailId, Kind, MailboxId, ThreadId, Timestamp, Uid};
use store::blob::BlobRef;

/// Flag bit of \Seen.
pub const SEEN: u64 = 1;
/// Flag bit of \Deleted: belongs to a membership, not to the email.
pub const DELETED: u64 = 1 << 4;
/// An email to be added.
pub struct NewEmail<'a> {
    pub staged: &'a Staged,
    /// At least one, each once.
    pub mailboxes: &'a [MailboxId],
    /// Flag bits (see [`crate::Reader::keywords`] for those behind the system flags).
    pub flags: u64,
    pub received_at: Timestamp,
    pub card: EmailCard,
    /// Threading keys of the message (hash of message id and base subject), its own first.
    pub thread_keys: &'a [u64],
    pub charge: Charge,
}

impl AccountWork<'_> {
    /// Adds an email. Errors: `OverQuota`, `OverQuotaLong`, `NotFound` (mailbox), `Invalid` (no mailbox).
    pub async fn add_email(&mut self, new: NewEmail<'_>) -> Result<(EmailId, Vec<(MailboxId, Uid)>)> {
        if new.staged.tenant() != self.tenant {
            return Err(Error::corrupt("a blob of another tenant"));
        }
        let size = i64::try_from(new.staged.size()).map_err(|_| Error::limit("MESSAGE_BYTES_MAX"))?;
        self.charge(size, new.charge).await?;
        let id = self.next_email_id();
        self.work.link_blob(new.staged, &owner(self.account, id)).await?;
        let thread = self.join_thread(id, new.thread_keys).await?;
        let email = EmailRecord {
            blob: new.staged.blob().0.to_vec(),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            received_at_secs: new.received_at.secs(),
            thread: thread.0,
            keywords: new.flags & !DELETED,
            uncharged: new.charge == Charge::Notice,
            ..EmailRecord::default()
        };
        let placed = self.place(id, email, new.mailboxes, new.flags & DELETED).await?;
        self.write(&keys::card(self.account, id), &new.card);
        Ok((id, placed))
    }

    /// Puts an email into a mailbox, keeping its id; if it is there already, a copy with an id of its own is added.
    pub async fn copy_email(&mut self, id: EmailId, from: MailboxId, to: MailboxId) -> Result<Uid> {
        let mut email = self.email(id).await?;
        let deleted = self.deleted_in(&email, from).await?;
        if email.memberships.iter().any(|m| m.mailbox == to.0) {
            return self.duplicate_email(id, email, to, deleted).await;
        }
        let uid = self.add_membership(id, &mut email, to, deleted).await?;
        self.save_email(id, email);
        Ok(uid)
    }

    /// Moves an email from one mailbox to another under a new uid; id, thread and keywords stay.
    pub async fn move_email(&mut self, id: EmailId, from: MailboxId, to: MailboxId) -> Result<Uid> {
        let mut email = self.email(id).await?;
        let deleted = self.deleted_in(&email, from).await?;
        if from == to || email.memberships.iter().any(|m| m.mailbox == to.0) {
            let uid = self.duplicate_email(id, email, to, deleted).await?;
            self.remove_email(id, from).await?;
            return Ok(uid);
        }
        let uid = self.add_membership(id, &mut email, to, deleted).await?;
        self.remove_membership(&mut email, from).await?;
        self.save_email(id, email);
        Ok(uid)
    }

    /// Takes an email out of a mailbox; out of its last one, it is destroyed, and kept for a while.
    pub async fn remove_email(&mut self, id: EmailId, from: MailboxId) -> Result<()> {
        if let Some(email) = self.last_out(id, from).await? {
            self.let_go(id, &email, from).await?;
        }
        Ok(())
    }

    /// The same of an email that nobody is to have back: what a copy placed that is taken back.
    pub(super) async fn unplace_email(&mut self, id: EmailId, from: MailboxId) -> Result<()> {
        if let Some(email) = self.last_out(id, from).await? {
            let (tenant, owner) = (self.tenant, owner(self.account, id));
            self.work.unlink_blob(tenant, &blob_ref(&email.blob)?, &owner).await?;
        }
        Ok(())
    }

    /// Takes an email out of a mailbox. What is in none any more is given back with the link to its blob, which is still to go.
    async fn last_out(&mut self, id: EmailId, from: MailboxId) -> Result<Option<EmailRecord>> {
        let mut email = self.email(id).await?;
        self.remove_membership(&mut email, from).await?;
        if email.memberships.is_empty() {
            self.destroy_email(id, &email).await?;
            return Ok(Some(email));
        }
        self.save_email(id, email);
        Ok(None)
    }

    /// The record of an email; `NotFound` if it is gone.
    pub async fn email(&mut self, id: EmailId) -> Result<EmailRecord> {
        let record = self.read(&keys::email(self.account, id), "email").await?;
        record.ok_or_else(|| Error::not_found("email"))
    }

    /// The row of a message; `None` if it is gone.
    pub async fn row(&mut self, mailbox: MailboxId, uid: Uid) -> Result<Option<RowRecord>> {
        self.read(&keys::row(self.account, mailbox, uid), "row").await
    }

    fn next_email_id(&mut self) -> EmailId {
        let loaded = self.loaded_mut();
        loaded.dirty = true;
        let id = EmailId(loaded.state.next_email);
        loaded.state.next_email += 1;
        id
    }

    async fn place(
        &mut self,
        id: EmailId,
        mut email: EmailRecord,
        mailboxes: &[MailboxId],
        deleted: u64,
    ) -> Result<Vec<(MailboxId, Uid)>> {
        if mailboxes.is_empty() {
            return Err(Error::new(Kind::Invalid, "an email needs a mailbox"));
        }
        let mut placed = Vec::with_capacity(mailboxes.len());
        for mailbox in mailboxes {
            let uid = self.add_membership(id, &mut email, *mailbox, deleted).await?;
            placed.push((*mailbox, uid));
        }
        self.note(ObjectType::Email, id.0, ChangeKind::Created, email.memberships.clone());
        email.modseq = self.modseq().0;
        self.write(&keys::email(self.account, id), &email);
        Ok(placed)
    }

    /// Writes the record and notes the update.
    pub(super) fn save_email(&mut self, id: EmailId, mut email: EmailRecord) {
        email.modseq = self.modseq().0;
        self.note(ObjectType::Email, id.0, ChangeKind::Updated, email.memberships.clone());
        self.write(&keys::email(self.account, id), &email);
    }

    async fn add_membership(
        &mut self,
        id: EmailId,
        email: &mut EmailRecord,
        to: MailboxId,
        deleted: u64,
    ) -> Result<Uid> {
        let state = self.mailbox_state(to).await?;
        let uid = Uid(state.uid_next);
        let uid_next = state.uid_next.checked_add(1).ok_or_else(|| Error::limit("UID"))?;
        let row = RowRecord {
            email: id.0,
            modseq: self.modseq().0,
            flags: email.keywords | deleted,
            size: email.size,
            received_at_secs: email.received_at_secs,
            saved_at_secs: self.work.now.secs(),
            thread: email.thread,
        };
        self.write(&keys::row(self.account, to, uid), &row);
        email.memberships.push(Membership { mailbox: to.0, uid: uid.0 });
        self.update_counters(to, |s| {
            s.uid_next = uid_next;
            s.emails += 1;
            s.unseen += u32::from(row.flags & SEEN == 0);
            s.deleted += u32::from(row.flags & DELETED != 0);
            s.size_bytes += u64::from(row.size);
        })
        .await?;
        Ok(uid)
    }

    async fn remove_membership(&mut self, email: &mut EmailRecord, from: MailboxId) -> Result<()> {
        let at = email.memberships.iter().position(|m| m.mailbox == from.0);
        let uid = Uid(email.memberships.remove(at.ok_or_else(|| Error::not_found("email in mailbox"))?).uid);
        let key = keys::row(self.account, from, uid);
        let row: RowRecord = self.read(&key, "row").await?.ok_or_else(|| Error::corrupt("membership without row"))?;
        let modseq = self.modseq();
        let account = self.account;
        let mut txn = self.tenant_txn();
        txn.clear(&key);
        txn.set(&keys::vanished(account, from, modseq, uid), &[]);
        self.update_counters(from, |s| {
            s.emails = s.emails.saturating_sub(1);
            s.unseen = s.unseen.saturating_sub(u32::from(row.flags & SEEN == 0));
            s.deleted = s.deleted.saturating_sub(u32::from(row.flags & DELETED != 0));
            s.size_bytes = s.size_bytes.saturating_sub(u64::from(row.size));
        })
        .await
    }

    async fn destroy_email(&mut self, id: EmailId, email: &EmailRecord) -> Result<()> {
        let account = self.account;
        let mut txn = self.tenant_txn();
        txn.clear(&keys::email(account, id));
        txn.clear(&keys::card(account, id));
        self.leave_thread(id, ThreadId(email.thread)).await?;
        self.note(ObjectType::Email, id.0, ChangeKind::Destroyed, Vec::new());
        self.uncharge(email.charged_bytes()).await
    }

    async fn duplicate_email(&mut self, id: EmailId, email: EmailRecord, to: MailboxId, deleted: u64) -> Result<Uid> {
        self.charge(i64::from(email.size), Charge::Own).await?;
        let card: EmailCard = self
            .read(&keys::card(self.account, id), "email card")
            .await?
            .ok_or_else(|| Error::corrupt("email without card"))?;
        let copy = self.next_email_id();
        let blob = blob_ref(&email.blob)?;
        self.work.link_stored_blob(self.tenant, &blob, &owner(self.account, copy));
        self.extend_thread(copy, ThreadId(email.thread)).await?;
        let record = EmailRecord { memberships: Vec::new(), uncharged: false, ..email };
        let placed = self.place(copy, record, &[to], deleted).await?;
        self.write(&keys::card(self.account, copy), &card);
        placed.first().map(|(_, uid)| *uid).ok_or_else(|| Error::corrupt("no place"))
    }

    async fn deleted_in(&mut self, email: &EmailRecord, mailbox: MailboxId) -> Result<u64> {
        let at = email.memberships.iter().find(|m| m.mailbox == mailbox.0);
        let uid = at.map(|m| Uid(m.uid)).ok_or_else(|| Error::not_found("email in mailbox"))?;
        let row: Option<RowRecord> = self.read(&keys::row(self.account, mailbox, uid), "row").await?;
        Ok(row.map_or(0, |r| r.flags & DELETED))
    }
}

/// Owner bytes of a blob link held by an email.
pub(crate) fn owner(account: base::AccountId, id: EmailId) -> Vec<u8> {
    let mut out = vec![b'e'];
    out.extend_from_slice(&account.0.to_be_bytes());
    out.extend_from_slice(&id.0.to_be_bytes());
    out
}

pub(crate) fn blob_ref(bytes: &[u8]) -> Result<BlobRef> {
    bytes.try_into().map(BlobRef).map_err(|_| Error::corrupt("blob reference"))
}
