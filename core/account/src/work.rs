//! SUMMARY    The unit of work: every change to an account, with the obligations it carries.
//! INVARIANTS Adding an email assigns uid and modseq, charges mailbox and tenant quota, links the blob, appends the change;
//!            there is no way to do one without the others. One modseq per account and unit of work. Drop = nothing happened.

mod copy;
mod email;
mod expunged;
mod flags;
mod mailbox;
mod migrate;
mod quota;
mod thread;

pub use email::{DELETED, NewEmail, SEEN};
pub(crate) use email::{blob_ref, owner};
pub use expunged::ExpungedId;
pub(crate) use expunged::{expunged_owner, keep_limit, keeps_expunged, kept_since};
pub(crate) use flags::SYSTEM_FLAGS;
pub use mailbox::NewMailbox;
pub use migrate::Origin;
pub use quota::Charge;

use crate::{
    Accounts, Error, Result, Standing,
    change::{self, ChangeKind, ObjectType},
    keys,
    pool::Pool,
    quota::QuotaNotice,
    record::{self, AccountState, MailboxState, Membership},
    scope::{AccountScope, CanWrite},
    txn::{SystemTxn, TenantTxn},
};
use base::{AccountId, MailboxId, ModSeq, OpId, TenantId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use store::kv::{KvTxn, Read};

/// One transaction over any number of accounts.
pub struct Work {
    accounts: Accounts,
    txn: Box<dyn KvTxn>,
    now: Timestamp,
    loaded: BTreeMap<(TenantId, AccountId), Loaded>,
    pub(crate) pools: BTreeMap<TenantId, Pool>,
    /// Tenants whose pools no other writer of this node is at.
    pub(crate) pool_lanes: Vec<TenantId>,
    /// The tenant whose lane is missing: the attempt cannot go on without.
    pub(crate) pool_wanted: Option<TenantId>,
}

/// What is known and owed of one account.
struct Loaded {
    state: AccountState,
    standing: Standing,
    mailboxes: HashMap<u32, MailboxState>,
    changes: BTreeMap<(ObjectType, u64), Pending>,
    bytes_delta: i64,
    emails_delta: i64,
    dirty: bool,
    /// Only what is remembered of the quota changed: the state is written, and no client needs to look.
    marked: bool,
    notice: Option<QuotaNotice>,
}

struct Pending {
    kind: ChangeKind,
    memberships: Vec<Membership>,
    counters_only: bool,
}

/// One account of a unit of work.
pub struct AccountWork<'w> {
    work: &'w mut Work,
    tenant: TenantId,
    account: AccountId,
}

impl Work {
    pub(crate) fn begin(accounts: Accounts) -> Self {
        let txn = accounts.0.kv.begin();
        let now = accounts.0.clock.now();
        let (pools, pool_lanes) = (BTreeMap::new(), Vec::new());
        Work { accounts, txn, now, loaded: BTreeMap::new(), pools, pool_lanes, pool_wanted: None }
    }

    /// Bytes that this unit of work owes to the tenant's used bytes, over all of its accounts.
    pub(crate) fn owed_bytes(&self, tenant: TenantId) -> i64 {
        self.loaded.iter().filter(|((of, _), _)| *of == tenant).map(|(_, l)| l.bytes_delta).sum()
    }

    pub(crate) fn txn(&mut self) -> &mut dyn KvTxn {
        &mut *self.txn
    }

    pub(crate) fn handle(&self) -> Accounts {
        self.accounts.clone()
    }

    pub(crate) fn into_txn(self) -> Box<dyn KvTxn> {
        self.txn
    }

    /// When this unit of work began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Number of the attempt of this operation that was applied, if one was.
    pub(crate) async fn op_done(&mut self, op: OpId) -> Result<Option<u32>> {
        let mark = SystemTxn::new(&mut *self.txn).get(&keys::system_op(op)).await?;
        mark.map(|m| keys::be32(&m, 8).ok_or_else(|| Error::corrupt("operation mark"))).transpose()
    }

    /// Opens an account for change; makes its standard mailboxes at the first time. `NotFound` without a profile.
    pub async fn account<R: CanWrite>(&mut self, scope: &AccountScope<R>) -> Result<AccountWork<'_>> {
        let (tenant, account) = (scope.tenant(), scope.account());
        if !self.loaded.contains_key(&(tenant, account)) {
            let accounts = self.accounts.clone();
            let standing = accounts.standing_as(&mut *self.txn, (tenant, account), Read::Serializable).await?;
            let standing = standing.ok_or_else(|| Error::not_found("account"))?;
            let stored = TenantTxn::new(&mut *self.txn, tenant).get(&keys::state(account)).await?;
            let (state, fresh) = match stored {
                Some(bytes) => (record::decode(&bytes, "account state")?, false),
                None => {
                    (AccountState { next_email: 1, next_mailbox: 1, next_thread: 1, ..AccountState::default() }, true)
                }
            };
            let loaded = Loaded {
                state,
                standing,
                mailboxes: HashMap::new(),
                changes: BTreeMap::new(),
                bytes_delta: 0,
                emails_delta: 0,
                dirty: false,
                marked: false,
                notice: None,
            };
            self.loaded.insert((tenant, account), loaded);
            if fresh {
                AccountWork { work: self, tenant, account }.create_standard_mailboxes().await?;
            }
        }
        Ok(AccountWork { work: self, tenant, account })
    }

    /// Writes what is owed (states, counters, change log); returns the hints to publish after the commit.
    pub(crate) fn finish(&mut self, op: OpId, attempt: u32) -> Vec<(TenantId, AccountId, ModSeq)> {
        let mut hints = Vec::new();
        let loaded = std::mem::take(&mut self.loaded);
        for ((tenant, account), owed) in loaded {
            if owed.dirty {
                hints.push((tenant, account, ModSeq(owed.state.modseq + 1)));
                flush(TenantTxn::new(&mut *self.txn, tenant), account, owed);
            } else if owed.marked {
                TenantTxn::new(&mut *self.txn, tenant).set(&keys::state(account), &record::encode(&owed.state));
            }
        }
        self.write_pools();
        if self.accounts.0.kv.commit_may_be_unknown() && !self.txn.is_read_only() {
            let mark = [self.now.0.to_be_bytes().as_slice(), &attempt.to_be_bytes()].concat();
            self.txn.set(&keys::system_op(op), &mark);
        }
        hints
    }
}

fn flush(mut txn: TenantTxn<'_>, account: AccountId, mut owed: Loaded) {
    owed.state.modseq += 1;
    let modseq = ModSeq(owed.state.modseq);
    txn.set(&keys::state(account), &record::encode(&owed.state));
    for (mailbox, state) in &owed.mailboxes {
        txn.set(&keys::mailbox_state(account, MailboxId(*mailbox)), &record::encode(state));
    }
    for ((object, id), pending) in owed.changes {
        let record = change::to_record(pending.kind, pending.memberships, pending.counters_only);
        txn.set(&keys::change(account, object.tag(), modseq, id), &record::encode(&record));
    }
    if owed.bytes_delta != 0 {
        txn.add(&keys::tenant_used_bytes(), owed.bytes_delta);
    }
    if owed.emails_delta != 0 {
        txn.add(&keys::tenant_emails(), owed.emails_delta);
    }
}

impl AccountWork<'_> {
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The modseq that every change of this unit of work gets.
    pub fn modseq(&self) -> ModSeq {
        ModSeq(self.state().modseq + 1)
    }

    /// Counters as they are in this unit of work.
    pub fn state(&self) -> &AccountState {
        &self.loaded().state
    }

    /// What the account may do now.
    pub fn standing(&self) -> &Standing {
        &self.loaded().standing
    }

    #[allow(clippy::expect_used, reason = "`Work::account` is the only constructor, and it inserts the entry")]
    fn loaded(&self) -> &Loaded {
        self.work.loaded.get(&(self.tenant, self.account)).expect("opened by Work::account")
    }

    #[allow(clippy::expect_used, reason = "`Work::account` is the only constructor, and it inserts the entry")]
    fn loaded_mut(&mut self) -> &mut Loaded {
        self.work.loaded.get_mut(&(self.tenant, self.account)).expect("opened by Work::account")
    }

    fn tenant_txn(&mut self) -> TenantTxn<'_> {
        TenantTxn::new(&mut *self.work.txn, self.tenant)
    }

    async fn read<M: prost::Message + Default>(&mut self, key: &[u8], what: &'static str) -> Result<Option<M>> {
        self.tenant_txn().get(key).await?.map(|b| record::decode(&b, what)).transpose()
    }

    fn write<M: prost::Message>(&mut self, key: &[u8], record: &M) {
        self.tenant_txn().set(key, &record::encode(record));
    }

    /// Notes a change for the log; the last memberships win, kinds add up.
    fn note(&mut self, object: ObjectType, id: u64, kind: ChangeKind, memberships: Vec<Membership>) {
        let loaded = self.loaded_mut();
        loaded.dirty = true;
        let net = match loaded.changes.get(&(object, id)) {
            Some(before) => before.kind.then(kind),
            None => Some(kind),
        };
        match net {
            Some(kind) => {
                loaded.changes.insert((object, id), Pending { kind, memberships, counters_only: false });
            }
            None => {
                loaded.changes.remove(&(object, id));
            }
        }
    }

    /// Counters of a mailbox, to be changed through `update_counters`.
    pub async fn mailbox_state(&mut self, mailbox: MailboxId) -> Result<MailboxState> {
        if let Some(state) = self.loaded().mailboxes.get(&mailbox.0) {
            return Ok(*state);
        }
        let state = self.read(&keys::mailbox_state(self.account, mailbox), "mailbox state").await?;
        state.ok_or_else(|| Error::not_found("mailbox"))
    }

    async fn update_counters(&mut self, mailbox: MailboxId, change: impl FnOnce(&mut MailboxState)) -> Result<()> {
        let mut state = self.mailbox_state(mailbox).await?;
        change(&mut state);
        state.modseq = self.modseq().0;
        let loaded = self.loaded_mut();
        loaded.mailboxes.insert(mailbox.0, state);
        loaded.dirty = true;
        let entry = (ObjectType::Mailbox, u64::from(mailbox.0));
        loaded.changes.entry(entry).or_insert(Pending {
            kind: ChangeKind::Updated,
            memberships: Vec::new(),
            counters_only: true,
        });
        Ok(())
    }
}
