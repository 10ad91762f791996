//! SUMMARY    Creating, renaming, subscribing and destroying mailboxes.
//! LIMITS     MAILBOXES_MAX
//! INVARIANTS Live names are unique under their parent (INBOX without regard to case). A mailbox id is never used again, and a
//!            re-created name gets a new UIDVALIDITY. A mailbox is destroyed empty and childless; INBOX never.

use super::AccountWork;
use crate::{
    Error, Result,
    change::{ChangeKind, ObjectType},
    keys,
    record::{MailboxRecord, MailboxState},
};
use base::{Kind, MailboxId, limits::MAILBOXES_MAX};

/// Names, roles and order of the mailboxes every account begins with.
const STANDARD: [(&str, &str); 6] = [
    ("INBOX", "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Archive", "archive"),
    ("Junk", "junk"),
    ("Trash", "trash"),
];

/// A mailbox to be made.
pub struct NewMailbox<'a> {
    pub name: &'a str,
    pub parent: Option<MailboxId>,
    /// RFC 6154 role in lower case; empty = none.
    pub role: &'a str,
    pub subscribed: bool,
}

impl AccountWork<'_> {
    pub(super) async fn create_standard_mailboxes(&mut self) -> Result<()> {
        for (name, role) in STANDARD {
            self.create_mailbox(NewMailbox { name, parent: None, role, subscribed: true }).await?;
        }
        self.loaded_mut().state.inbox = 1;
        Ok(())
    }

    /// The mailbox with role inbox.
    pub fn inbox(&self) -> MailboxId {
        MailboxId(self.state().inbox)
    }

    /// Makes a mailbox. Errors: `AlreadyExists`, `NotFound` (parent), `LimitExceeded`.
    pub async fn create_mailbox(&mut self, new: NewMailbox<'_>) -> Result<MailboxId> {
        if self.state().mailboxes as usize >= MAILBOXES_MAX {
            return Err(Error::limit("MAILBOXES_MAX"));
        }
        if let Some(parent) = new.parent {
            self.mailbox(parent).await?;
        }
        let now = self.work.now;
        let uid_validity = u32::try_from(now.secs()).unwrap_or(1).max(1);
        let loaded = self.loaded_mut();
        let id = MailboxId(loaded.state.next_mailbox);
        loaded.state.next_mailbox = id.0.checked_add(1).ok_or_else(|| Error::limit("MAILBOXES_MAX"))?;
        loaded.state.mailboxes += 1;
        self.take_name(new.parent, new.name, id).await?;
        let record = MailboxRecord {
            name: new.name.to_owned(),
            parent: new.parent.map_or(0, |p| p.0),
            role: new.role.to_owned(),
            subscribed: new.subscribed,
            // Seconds since the epoch plus the id: a name made anew within a second still gets another value.
            uid_validity: uid_validity.wrapping_add(id.0).max(1),
            sort_order: 0,
            created_at_ms: now.0,
            modseq: self.modseq().0,
        };
        self.write(&keys::mailbox(self.account, id), &record);
        let state = MailboxState { uid_next: 1, modseq: self.modseq().0, ..MailboxState::default() };
        self.loaded_mut().mailboxes.insert(id.0, state);
        self.note(ObjectType::Mailbox, u64::from(id.0), ChangeKind::Created, Vec::new());
        Ok(id)
    }

    /// The record of a mailbox; `NotFound` if there is none.
    pub async fn mailbox(&mut self, id: MailboxId) -> Result<MailboxRecord> {
        let record = self.read(&keys::mailbox(self.account, id), "mailbox").await?;
        record.ok_or_else(|| Error::not_found("mailbox"))
    }

    /// Id of the mailbox of that name under `parent`.
    pub async fn mailbox_named(&mut self, parent: Option<MailboxId>, name: &str) -> Result<Option<MailboxId>> {
        let key = keys::mailbox_name(self.account, parent, &folded(parent, name));
        Ok(self.tenant_txn().get(&key).await?.and_then(|b| keys::be32(&b, 0)).map(MailboxId))
    }

    /// Gives a mailbox another name or parent. Errors: `AlreadyExists`, `NotFound`. Cycles are the caller's to refuse.
    pub async fn rename_mailbox(&mut self, id: MailboxId, parent: Option<MailboxId>, name: &str) -> Result<()> {
        let mut record = self.mailbox(id).await?;
        let old_parent = (record.parent != 0).then_some(MailboxId(record.parent));
        let account = self.account;
        self.tenant_txn().clear(&keys::mailbox_name(account, old_parent, &folded(old_parent, &record.name)));
        self.take_name(parent, name, id).await?;
        record.name = name.to_owned();
        record.parent = parent.map_or(0, |p| p.0);
        self.save_mailbox(id, record);
        Ok(())
    }

    /// Changes what does not touch the name.
    pub async fn update_mailbox(&mut self, id: MailboxId, change: impl FnOnce(&mut MailboxRecord)) -> Result<()> {
        let mut record = self.mailbox(id).await?;
        let (name, parent) = (record.name.clone(), record.parent);
        change(&mut record);
        (record.name, record.parent) = (name, parent);
        self.save_mailbox(id, record);
        Ok(())
    }

    /// Destroys an empty mailbox without children. Errors: `Invalid` (INBOX, not empty, children), `NotFound`.
    pub async fn destroy_mailbox(&mut self, id: MailboxId) -> Result<()> {
        let record = self.mailbox(id).await?;
        if record.role == "inbox" || self.mailbox_state(id).await?.emails > 0 {
            return Err(Error::new(Kind::Invalid, "the mailbox is INBOX or not empty"));
        }
        let account = self.account;
        let children = keys::mailbox_children(account, id);
        let mut txn = self.tenant_txn();
        if !txn.page(&children, store::kv::PageLimit::rows(1), store::kv::Read::Serializable).await?.rows.is_empty() {
            return Err(Error::new(Kind::Invalid, "the mailbox has child mailboxes"));
        }
        let parent = (record.parent != 0).then_some(MailboxId(record.parent));
        txn.clear(&keys::mailbox_name(account, parent, &folded(parent, &record.name)));
        txn.clear(&keys::mailbox(account, id));
        txn.clear_range(&keys::mailbox_all(account, id));
        let loaded = self.loaded_mut();
        loaded.mailboxes.remove(&id.0);
        loaded.state.mailboxes = loaded.state.mailboxes.saturating_sub(1);
        self.note(ObjectType::Mailbox, u64::from(id.0), ChangeKind::Destroyed, Vec::new());
        Ok(())
    }

    fn save_mailbox(&mut self, id: MailboxId, mut record: MailboxRecord) {
        record.modseq = self.modseq().0;
        self.write(&keys::mailbox(self.account, id), &record);
        self.note(ObjectType::Mailbox, u64::from(id.0), ChangeKind::Updated, Vec::new());
    }

    async fn take_name(&mut self, parent: Option<MailboxId>, name: &str, id: MailboxId) -> Result<()> {
        if self.mailbox_named(parent, name).await?.is_some() {
            return Err(Error::new(Kind::AlreadyExists, "a mailbox of that name exists"));
        }
        let key = keys::mailbox_name(self.account, parent, &folded(parent, name));
        self.tenant_txn().set(&key, &id.0.to_be_bytes());
        Ok(())
    }
}

/// INBOX is one name whatever its case (RFC 9051 §5.1); other names are as spelled.
fn folded(parent: Option<MailboxId>, name: &str) -> String {
    if parent.is_none() && name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name.to_owned() }
}
