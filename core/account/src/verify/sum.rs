//! SUMMARY    Counters compared with a recount: mailboxes, accounts, the tenant.
//! LIMITS     VERIFY_ATTEMPTS_MAX
//! INVARIANTS Every change of an account changes its state record (the modseq rises), so pages that were read beside the same
//!            state record show one version of the account, however many transactions they took.

use super::{Check, VERIFY_ATTEMPTS_MAX, drift::emails_of};
use crate::{
    Accounts, Error, Result,
    accounts::is_too_old,
    control::counter,
    keys,
    record::{self, AccountState, ExpungedRecord, MailboxState, PoolRecord, RowRecord},
    txn::TenantTxn,
    upkeep::next_account_in,
    work::{DELETED, SEEN},
};
use base::{AccountId, Kind, MailboxId, TenantId, Uid};
use bytes::Bytes;
use store::kv::{KeyRange, KvTxn, PageLimit, Read};

/// Reads pages over several transactions as long as the keys that tell of changes stay as they are.
pub(super) struct Steady<'a> {
    accounts: &'a Accounts,
    tenant: TenantId,
    txn: Box<dyn KvTxn>,
    told_by: Vec<Vec<u8>>,
    seen: Vec<Option<Bytes>>,
    versions: u32,
}

/// What a steady read can end with besides its value.
pub(super) enum Unsteady {
    Changed,
    Failed(Error),
}

impl From<Error> for Unsteady {
    fn from(e: Error) -> Self {
        Unsteady::Failed(e)
    }
}

pub(super) type Counted<T> = std::result::Result<T, Unsteady>;

impl<'a> Steady<'a> {
    pub(super) async fn begin(accounts: &'a Accounts, tenant: TenantId, told_by: Vec<Vec<u8>>) -> Result<Steady<'a>> {
        let txn = accounts.0.kv.begin_read();
        let mut steady = Steady { accounts, tenant, txn, told_by, seen: Vec::new(), versions: 1 };
        steady.seen = steady.signs().await?;
        Ok(steady)
    }

    /// Value of the key of this number that tells of changes.
    pub(super) fn sign(&self, number: usize) -> Option<Bytes> {
        self.seen.get(number).cloned().flatten()
    }

    async fn signs(&mut self) -> Result<Vec<Option<Bytes>>> {
        let mut txn = TenantTxn::new(&mut *self.txn, self.tenant);
        let mut signs = Vec::with_capacity(self.told_by.len());
        for key in &self.told_by {
            signs.push(txn.get_snapshot(key).await?);
        }
        Ok(signs)
    }

    async fn renew(&mut self) -> Counted<()> {
        self.txn = self.accounts.0.kv.begin_read();
        self.versions += 1;
        if self.signs().await? == self.seen { Ok(()) } else { Err(Unsteady::Changed) }
    }

    async fn page(&mut self, range: &KeyRange) -> Counted<(Vec<(Bytes, Bytes)>, bool)> {
        loop {
            let page = TenantTxn::new(&mut *self.txn, self.tenant).page(range, PageLimit::MAX, Read::Snapshot).await;
            match page {
                Ok(page) => return Ok((page.rows, page.more)),
                Err(e) if is_too_old(&e) => self.renew().await?,
                Err(e) => return Err(e.into()),
            }
        }
    }

    pub(super) async fn each(
        &mut self,
        mut range: KeyRange,
        mut row: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Counted<()> {
        loop {
            let (rows, more) = self.page(&range).await?;
            for (key, value) in &rows {
                row(key, value)?;
            }
            match rows.last() {
                Some((last, _)) if more => range.from = [last.as_ref(), &[0]].concat(),
                _ => return Ok(()),
            }
        }
    }

    async fn get(&mut self, key: &[u8]) -> Counted<Option<Bytes>> {
        loop {
            match TenantTxn::new(&mut *self.txn, self.tenant).get_snapshot(key).await {
                Ok(value) => return Ok(value),
                Err(e) if is_too_old(&e) => self.renew().await?,
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn next_account(&mut self, after: Option<AccountId>) -> Counted<Option<AccountId>> {
        loop {
            match next_account_in(&mut TenantTxn::new(&mut *self.txn, self.tenant), after).await {
                Ok(account) => return Ok(account),
                Err(e) if is_too_old(&e) => self.renew().await?,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl Check<'_> {
    pub(super) async fn sums(&mut self) -> Result<()> {
        let mut last = None;
        while let Some(account) = crate::upkeep::next_account(self.accounts, self.tenant, last).await? {
            if self.is_full() {
                return Ok(());
            }
            self.account_sums(account).await?;
            last = Some(account);
        }
        self.tenant_sum().await
    }

    async fn account_sums(&mut self, account: AccountId) -> Result<()> {
        for attempt in 0..2 * VERIFY_ATTEMPTS_MAX {
            // An account that changes all the time is made to wait on this node.
            let held = if attempt < VERIFY_ATTEMPTS_MAX { Vec::new() } else { self.accounts.lanes(&[account]).await };
            let counted = count(self.accounts, self.tenant, account).await;
            drop(held);
            match counted {
                Ok(wrong) => {
                    wrong.into_iter().for_each(|what| self.wrong(Some(account), what));
                    return Ok(());
                }
                Err(Unsteady::Changed) => {}
                Err(Unsteady::Failed(e)) => return Err(e),
            }
        }
        Err(Error::new(Kind::Unavailable, format!("{account} changes too often to be counted")))
    }

    /// The tenant's counters against the sum over its accounts.
    async fn tenant_sum(&mut self) -> Result<()> {
        let mut wrong = None;
        for _ in 0..2 * VERIFY_ATTEMPTS_MAX {
            match total(self.accounts, self.tenant).await {
                Ok(totals) if totals.counted == totals.held => return Ok(()),
                // In one version it is certain. Over several, changes that cancel each other out may hide from the
                // counters: only what is found again and again is one.
                Ok(totals) => {
                    let Totals { counted, held, versions, .. } = totals;
                    wrong = Some(format!("tenant counts {counted:?} bytes and emails, holds {held:?}"));
                    if versions == 1 {
                        break;
                    }
                }
                Err(Unsteady::Changed) => {}
                Err(Unsteady::Failed(e)) => return Err(e),
            }
        }
        match wrong {
            Some(what) => self.wrong(None, what),
            None => tracing::warn!(tenant = %self.tenant, "the tenant changes too often: its total was not compared"),
        }
        Ok(())
    }
}

/// What does not agree in one account.
async fn count(accounts: &Accounts, tenant: TenantId, account: AccountId) -> Counted<Vec<String>> {
    let mut steady = Steady::begin(accounts, tenant, vec![keys::state(account)]).await?;
    let Some(state) = steady.sign(0) else { return Ok(Vec::new()) };
    let state: AccountState = record::decode(&state, "account state")?;
    let mut wrong = Vec::new();
    let (used_bytes, emails) = emails_of(&mut steady, account).await?;
    if (state.used_bytes, state.emails) != (used_bytes, emails) {
        let counts = (state.used_bytes, state.emails);
        wrong.push(format!("counts {counts:?} bytes and emails, holds {:?}", (used_bytes, emails)));
    }
    let mut kept = (0, 0);
    steady
        .each(keys::all_expunged(account), |_, value| {
            let expunged: ExpungedRecord = record::decode(value, "expunged email")?;
            kept = (kept.0 + i64::from(expunged.size), kept.1 + 1);
            Ok(())
        })
        .await?;
    if (state.expunged_bytes, state.expunged_emails) != kept {
        let counts = (state.expunged_bytes, state.expunged_emails);
        wrong.push(format!("counts {counts:?} bytes and emails that were expunged, keeps {kept:?}"));
    }
    let mut mailboxes = Vec::new();
    steady
        .each(keys::objects(account, keys::MAILBOX), |key, _| {
            mailboxes.extend(keys::decode_object(key).and_then(|id| u32::try_from(id).ok()).map(MailboxId));
            Ok(())
        })
        .await?;
    if mailboxes.len() != state.mailboxes as usize {
        wrong.push(format!("counts {} mailboxes, has {}", state.mailboxes, mailboxes.len()));
    }
    for mailbox in mailboxes {
        wrong.extend(count_mailbox(&mut steady, account, mailbox, state.modseq).await?);
    }
    Ok(wrong)
}

async fn count_mailbox(
    steady: &mut Steady<'_>,
    account: AccountId,
    mailbox: MailboxId,
    modseq: u64,
) -> Counted<Option<String>> {
    let mut held = MailboxState::default();
    steady
        .each(keys::rows_from(account, mailbox, Uid(0)), |key, value| {
            let row: RowRecord = record::decode(value, "row")?;
            held.emails += 1;
            held.unseen += u32::from(row.flags & SEEN == 0);
            held.deleted += u32::from(row.flags & DELETED != 0);
            held.size_bytes += u64::from(row.size);
            held.uid_next = keys::decode_row(key).map_or(0, |uid| uid.0.saturating_add(1));
            held.modseq = held.modseq.max(row.modseq);
            Ok(())
        })
        .await?;
    let Some(counters) = steady.get(&keys::mailbox_state(account, mailbox)).await? else { return Ok(None) };
    let counters: MailboxState = record::decode(&counters, "mailbox state")?;
    let same = (counters.emails, counters.unseen, counters.deleted, counters.size_bytes)
        == (held.emails, held.unseen, held.deleted, held.size_bytes);
    let ordered = held.uid_next <= counters.uid_next && held.modseq <= counters.modseq && counters.modseq <= modseq;
    Ok((!same || !ordered).then(|| format!("{mailbox} counts {counters:?}, holds {held:?}, account at {modseq}")))
}

/// Bytes and emails of a tenant.
pub(super) struct Totals {
    /// By its counters.
    pub(super) counted: (i64, i64),
    /// By the counters of its accounts.
    pub(super) held: (i64, i64),
    /// In how many versions that was read.
    pub(super) versions: u32,
    pub(super) repairs: u32,
}

pub(super) async fn total(accounts: &Accounts, tenant: TenantId) -> Counted<Totals> {
    let signs = vec![keys::tenant_used_bytes(), keys::tenant_emails()];
    let mut steady = Steady::begin(accounts, tenant, signs).await?;
    let counted = (counter(steady.sign(0).as_deref()), counter(steady.sign(1).as_deref()));
    let pool = steady.get(&keys::pool()).await?;
    let pool: PoolRecord = pool.map(|b| record::decode(&b, "pool")).transpose()?.unwrap_or_default();
    let (mut held, mut last) = ((0, 0), None);
    while let Some(account) = steady.next_account(last).await? {
        if let Some(state) = steady.get(&keys::state(account)).await? {
            let state: AccountState = record::decode(&state, "account state")?;
            held = (held.0 + state.used_bytes, held.1 + state.emails);
        }
        last = Some(account);
    }
    Ok(Totals { counted, held, versions: steady.versions, repairs: pool.repairs })
}
