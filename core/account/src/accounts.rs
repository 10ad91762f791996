//! SUMMARY    The handle on the tenant keyspace: opens readers, runs units of work, issues break-glass access.
//! INVARIANTS `unit_of_work!` is the only retry loop. Accounts of a unit of work are locked in order on this node while it runs, so that
//!            deliveries into one account queue up instead of conflicting; correctness never depends on it.

use crate::{
    Error, Result,
    blob::KnownKey,
    entitlement::Snapshots,
    hub::Hub,
    keys,
    login::LoginCache,
    node::Place,
    read::Reader,
    scope::{AccountScope, BreakGlass, CanRead, Owner, ReadOnly, TenantScope},
    turn::Turns,
    work::Work,
};
use base::{
    AccountId, Clock, Kind, ModSeq, OpId, Rng, TenantId,
    limits::{KV_ATTEMPTS_MAX, KV_OPERATION_MS_MAX},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use store::{
    blob::{Objects, Stager},
    ephemeral::{Ephemeral, MemEphemeral},
    kv::{CommitError, Durable, Kv, Read},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

/// First pause of the retry loop, microseconds; doubles.
const RETRY_MICROS_MIN: u64 = 100;
/// Longest pause of the retry loop, microseconds.
const RETRY_MICROS_MAX: u64 = 50_000;
/// Stripes of the per-account locks.
const LANES: usize = 1024;

/// The key that wraps every tenant's data key. Lost, every blob is unreadable.
pub struct MasterKey(pub(crate) zeroize::Zeroizing<[u8; 32]>);

impl MasterKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        MasterKey(zeroize::Zeroizing::new(bytes))
    }
}

/// What the room stands on.
pub struct AccountOptions {
    pub kv: Arc<dyn Kv>,
    /// Where packs are kept.
    pub objects: Arc<dyn Objects>,
    pub master: MasterKey,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// Handle on the tenant keyspace. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) stager: Stager,
    pub(crate) master: MasterKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) hub: Hub,
    pub(crate) place: Place,
    pub(crate) tenant_keys: parking_lot::RwLock<HashMap<TenantId, KnownKey>>,
    /// Rung when a tenant is to be erased.
    pub(crate) erasures: tokio::sync::Notify,
    pub(crate) snapshots: Snapshots,
    pub(crate) logins: LoginCache,
    /// Rates of what clients do.
    pub(crate) cells: Arc<dyn Ephemeral>,
    /// What was sent: apart, so that a flood of strangers' addresses does not push it out.
    pub(crate) sent: Arc<dyn Ephemeral>,
    pub(crate) turns: Turns,
    lanes: Vec<Arc<Mutex<()>>>,
    /// For writers that need the whole pool of a tenant. Taken after the lanes of accounts, so nobody waits in a circle.
    pool_lanes: Vec<Arc<Mutex<()>>>,
}

/// Which store `kv` is, for the objects that belong to it (`store::blob::OwnedObjects`).
pub async fn store_id(kv: &Arc<dyn Kv>, rng: &dyn Rng) -> Result<String> {
    Ok(store::blob::store_id(kv, rng, &keys::system_packs()).await?)
}

impl Accounts {
    /// With rates counted in this process.
    pub fn new(options: AccountOptions) -> Self {
        let cells = || Arc::new(MemEphemeral::new(options.clock.clone()));
        let (cells, sent) = (cells(), cells());
        Accounts::with_cells(options, cells, sent)
    }

    /// With rates, and what was sent, counted elsewhere: for several nodes together.
    pub fn with_cells(options: AccountOptions, cells: Arc<dyn Ephemeral>, sent: Arc<dyn Ephemeral>) -> Self {
        let stager = Stager::new(options.kv.clone(), options.objects.clone(), options.rng.clone());
        Accounts(Arc::new(Inner {
            stager,
            kv: options.kv,
            objects: options.objects,
            master: options.master,
            turns: Turns::new(),
            clock: options.clock,
            rng: options.rng,
            hub: Hub::default(),
            place: Place::default(),
            tenant_keys: parking_lot::RwLock::default(),
            erasures: tokio::sync::Notify::new(),
            snapshots: Snapshots::default(),
            logins: LoginCache::default(),
            cells,
            sent,
            lanes: (0..LANES).map(|_| Arc::new(Mutex::new(()))).collect(),
            pool_lanes: (0..LANES).map(|_| Arc::new(Mutex::new(()))).collect(),
        }))
    }

    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub fn rng(&self) -> &dyn Rng {
        &*self.0.rng
    }

    /// A fresh operation id: make it outside of the retry loop.
    pub fn op(&self) -> OpId {
        OpId(self.0.rng.next_u64())
    }

    /// Reads an account at one durable version.
    pub fn read<R: CanRead>(&self, scope: &AccountScope<R>) -> Reader {
        Reader::new(self.clone(), scope.tenant(), scope.account())
    }

    /// Whether the store serves.
    pub async fn health(&self) -> std::result::Result<(), String> {
        self.0.kv.health().await
    }

    /// Whether new mail may come in, or `StorageFull`. Deletions need not ask.
    pub fn check_room(&self) -> Result<()> {
        if self.0.kv.has_room() { Ok(()) } else { Err(Error::new(Kind::StorageFull, "STORE_FREE_BYTES_MIN")) }
    }

    /// Whether only a new start of the process can serve from the store again.
    pub fn is_lost(&self) -> bool {
        self.0.kv.is_lost()
    }

    /// The right to do what the control plane orders for an account; who may is what it asked. `NotFound`: deleted, unknown, of
    /// another tenant.
    pub async fn ordered(&self, tenant: TenantId, account: AccountId) -> Result<AccountScope<Owner>> {
        let mut txn = self.0.kv.begin_read();
        let standing = self.standing_in(&mut *txn, tenant, account).await?;
        let live = standing.is_some_and(|standing| standing.profile.live);
        live.then(|| AccountScope::issue(tenant, account)).ok_or_else(|| Error::not_found("account"))
    }

    /// The same for what the control plane orders for a tenant as a whole: to see its exports.
    pub fn ordered_tenant(&self, tenant: TenantId) -> TenantScope<ReadOnly> {
        TenantScope::issue(tenant)
    }

    /// An operator's access without a credential; the reason goes to the audit log.
    pub fn break_glass(&self, operator: &str, reason: &str) -> Result<BreakGlass> {
        if reason.trim().is_empty() {
            return Err(Error::new(Kind::Invalid, "break-glass needs a reason"));
        }
        tracing::warn!(target: "audit", operator, reason, "break-glass access");
        Ok(BreakGlass { reason: reason.to_owned() })
    }

    /// Begins an operation on these accounts; see [`crate::unit_of_work`], which drives it.
    pub fn attempts<T>(&self, accounts: &[AccountId], op: OpId) -> Attempts<T> {
        Attempts {
            accounts: self.clone(),
            lanes: accounts.to_vec(),
            pools: Vec::new(),
            op,
            attempt: 0,
            began: Instant::now(),
            unsure: Vec::new(),
            guards: Vec::new(),
        }
    }

    /// Waits until no unit of work of these accounts is under way on this node, and lets none begin meanwhile.
    pub(crate) async fn lanes(&self, accounts: &[AccountId]) -> Vec<OwnedMutexGuard<()>> {
        lock(&self.0.lanes, accounts.iter().map(|a| a.0)).await
    }

    /// As `lanes`, for those who need the whole pools of these tenants.
    async fn pool_lanes(&self, tenants: &[TenantId]) -> Vec<OwnedMutexGuard<()>> {
        lock(&self.0.pool_lanes, tenants.iter().map(|t| t.0)).await
    }

    /// Every tenant that has an entitlement.
    pub async fn tenants(&self) -> Result<Vec<TenantId>> {
        let mut txn = self.0.kv.begin_read();
        let mut range = keys::system_entitlements();
        let mut out = Vec::new();
        loop {
            let page = txn.range(&range, store::kv::PageLimit::MAX, false, Read::Snapshot).await?;
            out.extend(page.rows.iter().filter_map(|(k, _)| keys::decode_entitlement(k)));
            match page.rows.last() {
                Some((last, _)) if page.more => {
                    range.from = last.to_vec();
                    range.from.push(0);
                }
                _ => return Ok(out),
            }
        }
    }
}

/// Locks the stripes of these ids, each once and in order.
async fn lock(lanes: &[Arc<Mutex<()>>], ids: impl Iterator<Item = u64>) -> Vec<OwnedMutexGuard<()>> {
    let mut stripes: Vec<usize> = ids.map(|id| (id % LANES as u64) as usize).collect();
    stripes.sort_unstable();
    stripes.dedup();
    let mut guards = Vec::with_capacity(stripes.len());
    for stripe in stripes {
        if let Some(lane) = lanes.get(stripe) {
            guards.push(lane.clone().lock_owned().await);
        }
    }
    guards
}

/// The attempts of one operation: the retry loop's state.
pub struct Attempts<T> {
    accounts: Accounts,
    lanes: Vec<AccountId>,
    /// Tenants whose pools an earlier attempt needed as a whole, or lost to another.
    pools: Vec<TenantId>,
    op: OpId,
    attempt: u32,
    began: Instant,
    /// Attempts whose commit ended unknown: at most one of them was or will be applied.
    unsure: Vec<Unsure<T>>,
    guards: Vec<OwnedMutexGuard<()>>,
}

struct Unsure<T> {
    attempt: u32,
    value: T,
    hints: Hints,
}

/// What is published once a commit is durable.
type Hints = Vec<(TenantId, AccountId, ModSeq)>;

/// What an attempt begins with.
pub enum Begin<T> {
    Work(Work),
    /// An earlier attempt had committed although its result was unknown.
    Done(T),
}

/// Runs a unit of work until it commits, fails for good, or KV_ATTEMPTS_MAX or KV_OPERATION_MS_MAX is reached. The body is run once per attempt and
/// must not have effects of its own. The value is given after the commit is durable and its hints are published.
///
/// `unit_of_work!(accounts, &[account], op, work => { .. Ok(value) })`
#[macro_export]
macro_rules! unit_of_work {
    ($accounts:expr, $lanes:expr, $op:expr, $work:ident => $body:block) => {{
        let mut attempts = $accounts.attempts($lanes, $op);
        loop {
            let mut unit = match attempts.begin().await {
                Ok($crate::Begin::Work(unit)) => unit,
                Ok($crate::Begin::Done(value)) => break Ok(value),
                Err(e) => break Err(e),
            };
            let outcome: $crate::Result<_> = {
                let $work = &mut unit;
                async { $body }.await
            };
            match attempts.end(unit, outcome).await {
                Ok(Some(value)) => break Ok(value),
                Ok(None) => {}
                Err(e) => break Err(e),
            }
        }
    }};
}

impl<T> Attempts<T> {
    /// Waits for the accounts and opens a transaction.
    pub async fn begin(&mut self) -> Result<Begin<T>> {
        loop {
            self.guards = self.accounts.lanes(&self.lanes).await;
            self.guards.extend(self.accounts.pool_lanes(&self.pools).await);
            let mut work = Work::begin(self.accounts.clone());
            work.pool_lanes.clone_from(&self.pools);
            if !self.accounts.0.kv.commit_may_be_unknown() {
                return Ok(Begin::Work(work));
            }
            // Read before every attempt, the first one too: the conflict stops whichever attempt is still under way when
            // another one is applied.
            let attempt = match work.op_done(self.op).await {
                Ok(None) => return Ok(Begin::Work(work)),
                Ok(Some(attempt)) => attempt,
                Err(e) if is_too_old(&e) => {
                    self.pause(e).await?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            match durable(work).await {
                Ok(()) => return self.done(attempt),
                Err(e @ (CommitError::TooLarge(_) | CommitError::Fatal(_))) => return Err(e.into()),
                Err(e) => self.pause(e.into()).await?,
            }
        }
    }

    /// The attempt of this number had been applied.
    fn done(&mut self, attempt: u32) -> Result<Begin<T>> {
        let known = self.unsure.iter().position(|u| u.attempt == attempt);
        let applied = known.map(|at| self.unsure.swap_remove(at));
        let applied =
            applied.ok_or_else(|| Error::new(Kind::Unavailable, "an operation of the same id was applied"))?;
        self.publish(applied.hints);
        Ok(Begin::Done(applied.value))
    }

    /// Commits; `None`: run the body again.
    pub async fn end(&mut self, mut work: Work, outcome: Result<T>) -> Result<Option<T>> {
        let value = match outcome {
            Ok(value) => value,
            Err(e) if is_too_old(&e) => return self.again(e).await,
            Err(e) => match work.pool_wanted {
                Some(tenant) => {
                    self.guards.clear();
                    self.pools.push(tenant);
                    return Ok(None);
                }
                None => return Err(e),
            },
        };
        let asked = work.pools_asked();
        let hints = work.finish(self.op, self.attempt);
        match self.commit(work).await {
            Ok(()) => {
                self.publish(hints);
                Ok(Some(value))
            }
            Err(e @ (CommitError::TooLarge(_) | CommitError::Fatal(_))) => Err(e.into()),
            Err(e @ (CommitError::Conflict | CommitError::TooOld)) => {
                self.pools.extend(asked);
                self.again(e.into()).await
            }
            Err(e @ CommitError::Unknown) => {
                self.unsure.push(Unsure { attempt: self.attempt, value, hints });
                self.again(e.into()).await
            }
        }
    }

    async fn commit(&mut self, work: Work) -> std::result::Result<(), CommitError> {
        let durable: Durable = work.into_txn().submit()?;
        if self.accounts.0.kv.validates_at_submit() {
            // Whoever waits for these accounts may go on; what it reads becomes durable before its own commit does.
            self.guards.clear();
        }
        durable.await.map(|_| ())
    }

    fn publish(&self, hints: Hints) {
        for (tenant, account, modseq) in hints {
            self.accounts.0.hub.publish(tenant, account, modseq);
        }
    }

    async fn again(&mut self, cause: Error) -> Result<Option<T>> {
        self.pause(cause).await.map(|()| None)
    }

    /// Waits before the next attempt, longer each time and with jitter; gives the error back after KV_ATTEMPTS_MAX, and after
    /// KV_OPERATION_MS_MAX: a store that is too slow for a transaction does not get faster by more of them.
    async fn pause(&mut self, cause: Error) -> Result<()> {
        self.guards.clear();
        self.attempt += 1;
        if self.attempt >= KV_ATTEMPTS_MAX || self.began.elapsed() > Duration::from_millis(KV_OPERATION_MS_MAX) {
            return Err(cause);
        }
        let ceiling = (RETRY_MICROS_MIN << self.attempt.min(10)).min(RETRY_MICROS_MAX);
        let jitter = self.accounts.0.rng.below(ceiling / 2);
        tokio::time::sleep(Duration::from_micros(ceiling / 2 + jitter)).await;
        Ok(())
    }
}

/// Waits until what a transaction read is durable: its reads may be ahead of the disk.
async fn durable(work: Work) -> std::result::Result<(), CommitError> {
    work.into_txn().submit()?.await.map(|_| ())
}

pub(crate) fn is_too_old(e: &Error) -> bool {
    let source = e.source.as_ref().and_then(|s| s.downcast_ref::<store::kv::ReadError>());
    matches!(source, Some(store::kv::ReadError::TooOld))
}
