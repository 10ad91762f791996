//! SUMMARY    Checks every stored invariant of a tenant; repairs nothing.
//! INVARIANTS Runs over one durable version per account, in pages. Used after every test and simulation, and by `ctl verify`.

use crate::{
    Accounts, Error, Result,
    control::counter,
    keys::{self, AccountRow, Row},
    record::{self, AccountState, EmailRecord, MailboxState, QueueItem, RowRecord, ThreadRecord},
    scope::{CanRead, TenantScope},
    txn::{SystemTxn, TenantTxn},
    work::{DELETED, SEEN, owner},
};
use base::{AccountId, EmailId, MailboxId, QueueId, TenantId, Timestamp, Uid};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::kv::{KeyRange, KvTxn, PageLimit, Read};

/// Something stored that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub tenant: TenantId,
    pub account: Option<AccountId>,
    pub what: String,
}

#[derive(Default)]
struct Seen {
    states: BTreeMap<AccountId, AccountState>,
    mailboxes: BTreeSet<(AccountId, MailboxId)>,
    mailbox_states: HashMap<(AccountId, MailboxId), MailboxState>,
    counted: HashMap<(AccountId, MailboxId), MailboxState>,
    emails: BTreeMap<(AccountId, EmailId), EmailRecord>,
    cards: HashSet<(AccountId, EmailId)>,
    rows: HashMap<(AccountId, MailboxId, Uid), RowRecord>,
    changes: HashSet<(AccountId, u8, u64, u64)>,
    threads: BTreeMap<(AccountId, u64), ThreadRecord>,
    blobs: HashSet<Vec<u8>>,
    links: HashSet<Vec<u8>>,
    queue: BTreeMap<QueueId, QueueItem>,
    used_bytes: i64,
    email_count: i64,
    violations: Vec<(Option<AccountId>, String)>,
}

impl Accounts {
    /// Checks one tenant: counters = recount, uid < uid_next, every record's modseq in the log, every blob link owned,
    /// quota = sum of sizes, every queue item due, no key outside the registry.
    pub async fn verify<R: CanRead>(&self, scope: &TenantScope<R>) -> Result<Vec<Violation>> {
        let tenant = scope.tenant();
        let mut seen = Seen::default();
        let mut txn = self.0.kv.begin_read();
        let mut range = KeyRange { from: Vec::new(), to: vec![0xff; 16] };
        loop {
            let page = match TenantTxn::new(&mut *txn, tenant).page(&range, PageLimit::MAX, Read::Snapshot).await {
                Err(Error { kind: base::Kind::Unavailable, .. }) if !range.from.is_empty() => {
                    return Err(Error::new(
                        base::Kind::Unavailable,
                        "the tenant is too large to verify at one version",
                    ));
                }
                page => page?,
            };
            for (key, value) in &page.rows {
                seen.take(key, value)?;
            }
            match page.rows.last() {
                Some((last, _)) if page.more => {
                    range.from = last.to_vec();
                    range.from.push(0);
                }
                _ => break,
            }
        }
        seen.check();
        seen.check_due(&mut *txn, tenant).await?;
        Ok(seen.violations.into_iter().map(|(account, what)| Violation { tenant, account, what }).collect())
    }
}

impl Seen {
    fn wrong(&mut self, account: Option<AccountId>, what: impl Into<String>) {
        self.violations.push((account, what.into()));
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match keys::decode(key) {
            None => self.wrong(None, format!("key outside of the registry: {}", key.escape_ascii())),
            Some(Row::DataKey | Row::BlobData) => {}
            Some(Row::Counter) if key == keys::tenant_used_bytes() => self.used_bytes = counter(Some(value)),
            Some(Row::Counter) => self.email_count = counter(Some(value)),
            Some(Row::BlobMeta) => {
                self.blobs.insert(key.get(1..).unwrap_or_default().to_vec());
            }
            Some(Row::BlobLink) => {
                self.links.insert(key.get(1..).unwrap_or_default().to_vec());
            }
            Some(Row::QueueItem(id)) => {
                self.queue.insert(id, record::decode(value, "queue item")?);
            }
            Some(Row::Account(account, row)) => self.take_account(account, row, value)?,
        }
        Ok(())
    }

    fn take_account(&mut self, account: AccountId, row: AccountRow, value: &[u8]) -> Result<()> {
        match row {
            AccountRow::State => {
                self.states.insert(account, record::decode(value, "account state")?);
            }
            AccountRow::Mailbox(id) => {
                self.mailboxes.insert((account, id));
            }
            AccountRow::MailboxState(id) => {
                self.mailbox_states.insert((account, id), record::decode(value, "mailbox state")?);
            }
            AccountRow::Email(id) => {
                self.emails.insert((account, id), record::decode(value, "email")?);
            }
            AccountRow::Card(id) => {
                self.cards.insert((account, id));
            }
            AccountRow::Thread(id) => {
                self.threads.insert((account, id.0), record::decode(value, "thread")?);
            }
            AccountRow::Message(mailbox, uid) => self.take_row(account, mailbox, uid, record::decode(value, "row")?),
            AccountRow::Change(kind, modseq, id) => {
                self.changes.insert((account, kind, modseq.0, id));
            }
            AccountRow::Profile | AccountRow::Keywords | AccountRow::Name | AccountRow::ThreadIndex => {}
            AccountRow::Vanished(..) => {}
        }
        Ok(())
    }

    fn take_row(&mut self, account: AccountId, mailbox: MailboxId, uid: Uid, row: RowRecord) {
        let count = self.counted.entry((account, mailbox)).or_default();
        count.emails += 1;
        count.unseen += u32::from(row.flags & SEEN == 0);
        count.deleted += u32::from(row.flags & DELETED != 0);
        count.size_bytes += u64::from(row.size);
        count.uid_next = count.uid_next.max(uid.0 + 1);
        self.rows.insert((account, mailbox, uid), row);
    }

    fn check(&mut self) {
        self.check_mailboxes();
        self.check_emails();
        self.check_totals();
        self.check_threads();
        self.check_blobs();
    }

    fn check_mailboxes(&mut self) {
        let mut wrong = Vec::new();
        for (account, mailbox) in &self.mailboxes {
            let at = (*account, *mailbox);
            let counted = self.counted.get(&at).copied().unwrap_or_default();
            match self.mailbox_states.get(&at) {
                None => wrong.push((*account, format!("{mailbox} has no counters"))),
                Some(s) => {
                    let same = (s.emails, s.unseen, s.deleted, s.size_bytes)
                        == (counted.emails, counted.unseen, counted.deleted, counted.size_bytes);
                    if !same || s.uid_next < counted.uid_next {
                        wrong.push((*account, format!("{mailbox} counts {s:?}, holds {counted:?}")));
                    }
                    if self.states.get(account).is_none_or(|a| s.modseq > a.modseq) {
                        wrong.push((*account, format!("{mailbox} is ahead of its account's modseq")));
                    }
                }
            }
        }
        for (account, mailbox) in self.mailbox_states.keys().chain(self.counted.keys()) {
            if !self.mailboxes.contains(&(*account, *mailbox)) {
                wrong.push((*account, format!("rows or counters of {mailbox}, which does not exist")));
            }
        }
        wrong.into_iter().for_each(|(a, what)| self.wrong(Some(a), what));
    }

    fn check_emails(&mut self) {
        let mut wrong = Vec::new();
        let mut placed = 0;
        for ((account, id), email) in &self.emails {
            let mut say = |what: String| wrong.push((*account, format!("{id} {what}")));
            if email.memberships.is_empty() {
                say("is in no mailbox".into());
            }
            if !self.cards.contains(&(*account, *id)) {
                say("has no card".into());
            }
            let floor = self.states.get(account).map_or(0, |s| s.log_floor);
            if email.modseq > floor && !self.changes.contains(&(*account, keys::EMAIL, email.modseq, id.0)) {
                say(format!("changed at {}, which the log does not have", email.modseq));
            }
            for m in &email.memberships {
                placed += 1;
                match self.rows.get(&(*account, MailboxId(m.mailbox), Uid(m.uid))) {
                    Some(r) if r.email == id.0 && r.flags & !DELETED == email.keywords && r.size == email.size => {}
                    other => say(format!("does not agree with its row {other:?}")),
                }
            }
            let link = [email.blob.as_slice(), &owner(*account, *id)].concat();
            if !self.blobs.contains(&email.blob) || !self.links.remove(&link) {
                say("has no blob or no link to it".into());
            }
        }
        if placed != self.rows.len() {
            wrong.push((AccountId(0), format!("{} rows for {placed} memberships", self.rows.len())));
        }
        if self.cards.len() != self.emails.len() {
            wrong.push((AccountId(0), format!("{} cards for {} emails", self.cards.len(), self.emails.len())));
        }
        wrong.into_iter().for_each(|(a, what)| self.wrong(Some(a), what));
    }

    fn check_totals(&mut self) {
        let mut per_account: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
        for ((account, _), email) in &self.emails {
            let sum = per_account.entry(*account).or_default();
            *sum = (sum.0 + i64::from(email.size), sum.1 + 1);
        }
        let mut total = (0, 0);
        for (account, state) in self.states.clone() {
            let sum = per_account.remove(&account).unwrap_or_default();
            total = (total.0 + sum.0, total.1 + sum.1);
            if (state.used_bytes, state.emails) != sum {
                self.wrong(Some(account), format!("counts {:?}, holds {sum:?}", (state.used_bytes, state.emails)));
            }
        }
        for account in per_account.into_keys() {
            self.wrong(Some(account), "has emails and no state");
        }
        if (self.used_bytes, self.email_count) != total {
            self.wrong(None, format!("tenant counts {:?}, holds {total:?}", (self.used_bytes, self.email_count)));
        }
    }

    fn check_threads(&mut self) {
        let mut wrong = Vec::new();
        let mut threaded = 0;
        for ((account, thread), record) in &self.threads {
            for email in &record.emails {
                threaded += 1;
                if self.emails.get(&(*account, EmailId(*email))).is_none_or(|e| e.thread != *thread) {
                    wrong.push((*account, format!("thread {thread} names email {email}, which is not in it")));
                }
            }
        }
        if threaded != self.emails.len() {
            wrong.push((AccountId(0), format!("{threaded} emails in threads of {}", self.emails.len())));
        }
        wrong.into_iter().for_each(|(a, what)| self.wrong(Some(a), what));
    }

    /// What is left of the links after emails took theirs belongs to queue items.
    fn check_blobs(&mut self) {
        let mut wrong = Vec::new();
        for (id, item) in &self.queue {
            let link = [item.blob.as_slice(), b"q".as_slice(), id.0.to_be_bytes().as_slice()].concat();
            if !self.blobs.contains(&item.blob) || !self.links.remove(&link) {
                wrong.push(format!("queue item {id} has no blob or no link to it"));
            }
        }
        for link in &self.links {
            wrong.push(format!("blob link without owner: {}", link.escape_ascii()));
        }
        let linked: HashSet<&[u8]> = self
            .emails
            .values()
            .map(|e| e.blob.as_slice())
            .chain(self.queue.values().map(|q| q.blob.as_slice()))
            .collect();
        for blob in self.blobs.iter().filter(|b| !linked.contains(b.as_slice())) {
            wrong.push(format!("blob without owner: {}", blob.escape_ascii()));
        }
        wrong.into_iter().for_each(|what| self.wrong(None, what));
    }

    async fn check_due(&mut self, txn: &mut dyn KvTxn, tenant: TenantId) -> Result<()> {
        let mut range = keys::system_due_until(tenant, Timestamp(i64::MAX - 1));
        let mut due = BTreeMap::new();
        loop {
            let page = SystemTxn::new(txn).page(&range, PageLimit::MAX).await?;
            for (key, _) in &page.rows {
                match keys::decode_due(key) {
                    Some((_, at, id)) if due.insert(id, at).is_none() => {}
                    _ => self.wrong(None, format!("due entry twice or damaged: {}", key.escape_ascii())),
                }
            }
            match page.rows.last() {
                Some((last, _)) if page.more => range.from = [last.as_ref(), &[0]].concat(),
                _ => break,
            }
        }
        for (id, item) in std::mem::take(&mut self.queue) {
            if due.remove(&id) != Some(Timestamp(item.due_at_ms)) {
                self.wrong(None, format!("queue item {id} is not due at {}", item.due_at_ms));
            }
        }
        for id in due.into_keys() {
            self.wrong(None, format!("due entry of {id}, which does not exist"));
        }
        Ok(())
    }
}
