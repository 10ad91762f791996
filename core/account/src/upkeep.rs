//! SUMMARY    What keeps the store small: packing cold messages, compacting packs, sweeping, trimming change logs.
//! LIMITS     CHANGES_KEPT_MIN, CHANGES_TRIM_MAX, UPKEEP_LEASE_MS, OP_MARK_MS_MAX
//! INVARIANTS Every step is a transaction of its own that changes only what it still finds as it was, so a pass can be dropped
//!            at any moment and run twice at once; the lease saves work, nothing depends on it. A trimmed log raises `log_floor`
//!            in the same transaction.

use crate::{Accounts, Error, Result, keys, record, record::AccountState, txn::SystemTxn, txn::TenantTxn};
use base::{
    AccountId, ModSeq, OpId, TenantId,
    limits::{CHANGES_KEPT_MIN, CHANGES_TRIM_MAX, OP_MARK_MS_MAX, UPKEEP_LEASE_MS},
};
use store::{
    blob::{self, Compacted, Maintenance, Packed, Packing, Swept},
    kv::{KeyRange, KvTxn, PageLimit, Read},
    retry::{self, Retry},
};

/// How a peer keeps the store small.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// Tells this peer from the others.
    pub node: u64,
    pub packing: Packing,
    /// Modseqs that a change log keeps at least.
    pub changes_kept: u64,
}

impl Upkeep {
    pub fn new(node: u64) -> Self {
        Upkeep { node, packing: Packing::default(), changes_kept: CHANGES_KEPT_MIN }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Default)]
pub struct Upkept {
    pub packed: Packed,
    pub compacted: Compacted,
    pub swept: Swept,
    /// Steps in which a change log got shorter.
    pub trimmed: usize,
    /// Marks of operations that nobody can ask for any more.
    pub marks: usize,
}

impl Accounts {
    /// One pass over all tenants. None if another peer is at it.
    pub async fn upkeep(&self, how: &Upkeep) -> Result<Option<Upkept>> {
        if !self.lease_upkeep(how.node).await? {
            return Ok(None);
        }
        let tenants = self.tenants().await?;
        let mut done = Upkept::default();
        for tenant in &tenants {
            done.trimmed += self.trim_tenant(*tenant, how.changes_kept).await?;
            if !self.lease_upkeep(how.node).await? {
                return Ok(None);
            }
        }
        done.marks = self.expire_marks().await?;
        let (pack_prefix, staging_prefix) = (keys::system_packs(), keys::system_staging());
        let on = Maintenance {
            kv: &self.0.kv,
            objects: &*self.0.objects,
            clock: &*self.0.clock,
            rng: &*self.0.rng,
            pack_prefix: &pack_prefix,
            staging_prefix: &staging_prefix,
        };
        let spaces: Vec<_> = tenants.iter().map(|tenant| Self::space(*tenant)).collect();
        done.packed = blob::pack(&on, &spaces, &how.packing).await?;
        self.lease_upkeep(how.node).await?;
        done.compacted = blob::compact(&on, &how.packing).await?;
        done.swept = blob::sweep(&on).await?;
        Ok(Some(done))
    }

    fn retry(&self) -> Retry<'_> {
        Retry { kv: &self.0.kv, op: OpId(self.0.rng.next_u64()), done_prefix: None, rng: &*self.0.rng }
    }

    /// Takes or renews the lease.
    async fn lease_upkeep(&self, node: u64) -> Result<bool> {
        let (now, key) = (self.0.clock.now().0, keys::system_upkeep());
        let until = now.saturating_add(i64::try_from(UPKEEP_LEASE_MS).unwrap_or(i64::MAX));
        let mine = [node.to_be_bytes(), until.to_be_bytes()].concat();
        let taken = retry::run::<_, Error, _>(self.retry(), |txn| {
            let (key, mine) = (&key, &mine);
            Box::pin(async move {
                let held = txn.get(key, Read::Serializable).await?;
                let held = held.as_deref().and_then(|held| Some((keys::be64(held, 0)?, keys::be64(held, 8)?)));
                let free = held.is_none_or(|(holder, until)| holder == node || (until as i64) < now);
                if free {
                    txn.set(key, mine);
                }
                Ok(free)
            })
        });
        taken.await
    }

    /// Shortens the change logs of a tenant's accounts; the number of steps.
    async fn trim_tenant(&self, tenant: TenantId, kept: u64) -> Result<usize> {
        let (mut steps, mut next) = (0, AccountId(0));
        while let Some(account) = self.account_from(tenant, next).await? {
            while self.trim(tenant, account, kept).await? {
                steps += 1;
            }
            match account.0.checked_add(1) {
                Some(after) => next = AccountId(after),
                None => break,
            }
        }
        Ok(steps)
    }

    /// The first account of the tenant with an id not below `from`.
    async fn account_from(&self, tenant: TenantId, from: AccountId) -> Result<Option<AccountId>> {
        let mut txn = self.0.kv.begin_read();
        let range = keys::accounts_from(from);
        let page = TenantTxn::new(&mut *txn, tenant).page(&range, PageLimit::rows(1), Read::Snapshot).await?;
        Ok(page.rows.first().and_then(|(key, _)| keys::be64(key, 1)).map(AccountId))
    }

    /// Forgets the oldest CHANGES_TRIM_MAX modseqs of an account's logs if more than twice `kept` are there.
    async fn trim(&self, tenant: TenantId, account: AccountId, kept: u64) -> Result<bool> {
        let _lanes = self.lanes(&[account]).await;
        let trimmed = retry::run::<_, Error, _>(self.retry(), |txn| Box::pin(trim_step(txn, tenant, account, kept)));
        trimmed.await
    }

    async fn expire_marks(&self) -> Result<usize> {
        let (mut expired, now) = (0, self.0.clock.now().0);
        let mut range = keys::system_ops();
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = txn.range(&range, PageLimit::rows(1_000), false, Read::Snapshot).await?;
            let old: Vec<_> = page
                .rows
                .iter()
                .filter(|(_, at)| keys::be64(at, 0).is_some_and(|at| now.saturating_sub(at as i64) > OP_MARK_MS_MAX))
                .map(|(key, _)| key.clone())
                .collect();
            if !old.is_empty() {
                retry::run::<_, Error, _>(self.retry(), |txn| {
                    let cleared = old.iter().try_for_each(|key| SystemTxn::new(txn).clear(key));
                    Box::pin(std::future::ready(cleared))
                })
                .await?;
                expired += old.len();
            }
            match page.rows.last() {
                Some((last, _)) if page.more => {
                    range.from = last.to_vec();
                    range.from.push(0);
                }
                _ => return Ok(expired),
            }
        }
    }
}

/// Whether something was trimmed.
async fn trim_step(txn: &mut dyn KvTxn, tenant: TenantId, account: AccountId, kept: u64) -> Result<bool> {
    let mut of = TenantTxn::new(txn, tenant);
    let key = keys::state(account);
    let Some(stored) = of.get(&key).await? else { return Ok(false) };
    let mut state: AccountState = record::decode(&stored, "account state")?;
    if state.modseq.saturating_sub(state.log_floor) <= kept.saturating_mul(2) {
        return Ok(false);
    }
    let floor = (state.log_floor + CHANGES_TRIM_MAX).min(state.modseq.saturating_sub(kept));
    let (after, upto) = (ModSeq(state.log_floor), ModSeq(floor));
    for kind in keys::CHANGE_TYPES {
        of.clear_range(&between(&keys::changes_after(account, kind, after), &keys::changes_after(account, kind, upto)));
    }
    for (key, _) in of.all(&keys::objects(account, keys::MAILBOX), Read::Snapshot).await? {
        let Some(id) = keys::decode_object(&key).and_then(|id| u32::try_from(id).ok()) else { continue };
        let id = base::MailboxId(id);
        of.clear_range(&between(&keys::vanished_after(account, id, after), &keys::vanished_after(account, id, upto)));
    }
    state.log_floor = floor;
    of.set(&key, &record::encode(&state));
    Ok(true)
}

/// What is in `a` and not in `b`, which ends where `a` ends.
fn between(a: &KeyRange, b: &KeyRange) -> KeyRange {
    KeyRange { from: a.from.clone(), to: b.from.clone() }
}
