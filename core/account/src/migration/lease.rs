//! SUMMARY    A migration in the hands of the node that makes a pass of it: who takes which, what it notes, how a pass ends.
//! LIMITS     MIGRATION_LEASE_MS, MIGRATIONS_PER_TENANT_AT_ONCE, MIGRATION_FAILURES_MAX, MIGRATION_PAUSE_MS, MIGRATION_RETRY_MS_MAX, MIGRATION_LOOK_MS
//! INVARIANTS Only the holder of the newest lease writes the record: an older token finds a newer one there and is refused. Tenants take turns: who has
//!            the fewest under way comes first. What is paused or failed is looked at each day, so that it ends with its mailbox, or its days.

use super::{
    code::{self, FAILED, QUEUED, RUNNING, WAITING},
    end, ended, load, standing, store,
};
use crate::{
    Accounts, Error, Result, keys,
    record::{self, MigrationRecord},
    scope::{AccountScope, Owner},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{AccountId, JobId, Kind, TenantId, Timestamp};
use bytes::Bytes;
use control::{
    EventKind, MIGRATION_PROBLEMS_KEPT, MigrationProblem, MigrationSecret, MigrationSource, MigrationStanding,
};
use std::collections::HashMap;
use store::kv::{PageLimit, Read};

/// A node that makes a pass and stays silent for this long has lost it, milliseconds.
pub(super) const MIGRATION_LEASE_MS: i64 = 60_000;
/// Passes of one tenant's migrations that are under way at once, on all nodes.
const MIGRATIONS_PER_TENANT_AT_ONCE: usize = 4;
/// Passes in a row that did not come to their end, after which a migration waits for somebody to resume it.
const MIGRATION_FAILURES_MAX: u32 = 20;
/// From the end of a pass to the next one, milliseconds.
const MIGRATION_PAUSE_MS: i64 = 15 * 60_000;
/// First pause after a pass that did not come to its end, milliseconds; doubles with each.
const MIGRATION_RETRY_MS_MIN: i64 = 60_000;
/// The longest one.
const MIGRATION_RETRY_MS_MAX: i64 = 3_600_000;
/// How soon one that is paused, has failed, or whose mailbox is deleted is looked at again, milliseconds.
const MIGRATION_LOOK_MS: i64 = 24 * 3_600_000;

/// What a pass says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassCount {
    pub folders: u32,
    pub folders_total: u32,
    /// Messages that were gone through, of those that the source listed.
    pub messages: u64,
    pub messages_total: u64,
    /// Stored by this pass, with their bytes; and those that were here.
    pub brought: u64,
    pub bytes: u64,
    pub found: u64,
    pub problems: u64,
    /// The first MIGRATION_PROBLEMS_KEPT.
    pub told: Vec<MigrationProblem>,
}

/// A row of the index of what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexRow {
    pub(crate) tenant: TenantId,
    pub(crate) job: JobId,
    pub(crate) account: AccountId,
    due: Timestamp,
    is_running: bool,
}

impl IndexRow {
    fn of(key: &[u8], value: &[u8]) -> Result<IndexRow> {
        let bad = || Error::corrupt("index of migrations");
        let (tenant, job) = keys::decode_system_migration(key).ok_or_else(bad)?;
        let due = keys::be64(value, 0).and_then(|due| i64::try_from(due).ok()).ok_or_else(bad)?;
        let is_running = value.get(8).is_some_and(|byte| *byte == 1);
        let account = AccountId(keys::be64(value, 9).ok_or_else(bad)?);
        Ok(IndexRow { tenant, job, account, due: Timestamp(due), is_running })
    }

    /// Whether a node is at it. Further ahead than any lease lasts: the clock was set back.
    fn is_leased(self, now: Timestamp) -> bool {
        self.is_running && self.due > now && self.due.0 - now.0 <= MIGRATION_LEASE_MS
    }

    fn is_due(self, now: Timestamp) -> bool {
        if self.is_running { !self.is_leased(now) } else { self.due <= now }
    }
}

/// When there is something to be done, whether a node is at it, and the mailbox.
pub(super) fn index(record: &MigrationRecord, now: Timestamp) -> Vec<u8> {
    let is_running = record.until_ms != 0;
    let due = match record.phase {
        _ if is_running => record.until_ms,
        _ if record.paused || record.phase == FAILED => record.ends_ms.min(now.0.saturating_add(MIGRATION_LOOK_MS)),
        _ => record.ends_ms.min(record.due_ms),
    };
    let due = u64::try_from(due).unwrap_or(0).to_be_bytes();
    [&due[..], &[u8::from(is_running)], &record.account.to_be_bytes()].concat()
}

/// What a pass brought, counted with those before it.
pub(super) fn fold(record: &mut MigrationRecord) {
    record.brought += std::mem::take(&mut record.pass_brought);
    record.bytes += std::mem::take(&mut record.pass_bytes);
    record.found += std::mem::take(&mut record.pass_found);
}

/// What became of one that was due.
enum Taken {
    Leased(Box<MigrationRecord>),
    /// Nothing more is to be done now.
    Settled,
    /// A peer was faster, or its tenant has enough under way.
    Not,
}

/// Why no pass is made now.
enum Obstacle {
    /// The mailbox is purged.
    Purged,
    /// For now: why.
    Now(String),
}

/// A migration in our hands, for one pass.
#[derive(Clone)]
pub struct MigrationLease {
    accounts: Accounts,
    tenant: TenantId,
    job: JobId,
    account: AccountId,
    token: u64,
    source: MigrationSource,
    secret: MigrationSecret,
}

impl Work {
    /// Rows of the index of one tenant, MIGRATIONS_PER_TENANT_MAX at most.
    pub(super) async fn migrations_in_index(&mut self, tenant: TenantId, read: Read) -> Result<Vec<IndexRow>> {
        let range = keys::system_migrations_of(tenant);
        let page = self.txn().range(&range, PageLimit::MAX, false, read).await?;
        page.rows.iter().map(|(key, value)| IndexRow::of(key, value)).collect()
    }

    /// Takes a migration, or settles what there is to be settled.
    async fn take_migration(&mut self, tenant: TenantId, job: JobId) -> Result<Taken> {
        let now = self.now();
        let rows = self.migrations_in_index(tenant, Read::Serializable).await?;
        let due = rows.iter().any(|row| row.job == job && row.is_due(now));
        let running = rows.iter().filter(|row| row.job != job && row.is_leased(now)).count();
        if !due || running >= MIGRATIONS_PER_TENANT_AT_ONCE {
            return Ok(Taken::Not);
        }
        let mut record = match load(&mut TenantTxn::new(self.txn(), tenant), job).await {
            Ok(record) => record,
            // Its tenant is being erased.
            Err(e) if e.kind == Kind::NotFound => {
                SystemTxn::new(self.txn()).clear(&keys::system_migration(tenant, job))?;
                return Ok(Taken::Settled);
            }
            Err(e) => return Err(e),
        };
        // Of a node that is gone.
        fold(&mut record);
        record.until_ms = 0;
        if record.phase == RUNNING {
            record.phase = WAITING;
        }
        let account = Some(AccountId(record.account));
        let obstacle = self.migration_obstacle(tenant, &record).await?;
        let over = match &obstacle {
            Some(Obstacle::Purged) => Some("the mailbox is gone"),
            _ if now.0 >= record.ends_ms => Some("its days are over (MIGRATION_DAYS_MAX)"),
            _ => None,
        };
        if let Some(why) = over {
            end(&mut record, now, why);
            store(self, (tenant, job), &record)?;
            self.note_event(tenant, account, ended(job, &record)).await?;
            if matches!(obstacle, Some(Obstacle::Purged)) {
                // With whom it was of, its host and user are nobody's business.
                TenantTxn::new(self.txn(), tenant).clear(&keys::migration(job));
            }
            return Ok(Taken::Settled);
        }
        if record.paused || record.phase == FAILED {
            return store(self, (tenant, job), &record).map(|()| Taken::Settled);
        }
        if let Some(Obstacle::Now(why)) = obstacle {
            record.why = record::shown(&why);
            record.due_ms = now.0.saturating_add(MIGRATION_RETRY_MS_MAX);
            return store(self, (tenant, job), &record).map(|()| Taken::Settled);
        }
        (record.token, record.until_ms) = (record.token + 1, now.0.saturating_add(MIGRATION_LEASE_MS));
        (record.node, record.phase) = (self.handle().node().0, RUNNING);
        (record.folders, record.folders_total, record.messages, record.messages_total) = (0, 0, 0, 0);
        store(self, (tenant, job), &record)?;
        Ok(Taken::Leased(Box::new(record)))
    }

    /// What keeps mail from being brought into a mailbox: it is deleted, or a hold keeps anything from coming in.
    async fn migration_obstacle(&mut self, tenant: TenantId, record: &MigrationRecord) -> Result<Option<Obstacle>> {
        let accounts = self.handle();
        let standing = accounts.standing_in(self.txn(), tenant, AccountId(record.account)).await?;
        Ok(match standing {
            Some(standing) if standing.profile.purged => Some(Obstacle::Purged),
            Some(standing) if standing.profile.live => {
                let both = standing.entitlement.capabilities.and(standing.profile.capabilities);
                (!both.receive).then(|| Obstacle::Now("nothing may come into the mailbox now".to_owned()))
            }
            Some(_) => Some(Obstacle::Now("the mailbox is deleted".to_owned())),
            None => Some(Obstacle::Now("the mailbox is not there".to_owned())),
        })
    }
}

impl Accounts {
    /// Takes a migration that is due and that no peer is at; `None`: there is none. Those whose time is over are ended on the way.
    pub async fn lease_migration(&self) -> Result<Option<MigrationLease>> {
        if self.is_draining() {
            return Ok(None);
        }
        for row in self.migrations_due().await? {
            let (tenant, job) = (row.tenant, row.job);
            let taken = unit_of_work!(self, &[], self.op(), work => { work.take_migration(tenant, job).await })?;
            let Taken::Leased(record) = taken else { continue };
            let secret = self.open_migration_secret((tenant, job), &record.secret).await;
            let (account, source) = (AccountId(record.account), code::source(&record)?);
            let accounts = self.clone();
            let secret = match secret {
                Ok(secret) => secret,
                // It was ended, or its tenant erased, since.
                Err(e) if e.kind == Kind::NotFound => continue,
                Err(e) => return Err(e),
            };
            return Ok(Some(MigrationLease { accounts, tenant, job, account, token: record.token, source, secret }));
        }
        Ok(None)
    }

    /// Whether a migration waits for a node that is free.
    pub async fn is_migration_waiting(&self) -> Result<bool> {
        self.migrations_due().await.map(|due| !due.is_empty())
    }

    /// What is due and may begin: first of the tenants that have the fewest under way.
    async fn migrations_due(&self) -> Result<Vec<IndexRow>> {
        let (now, all) = (self.clock().now(), self.migration_index().await?);
        let mut running: HashMap<TenantId, usize> = HashMap::new();
        for row in all.iter().filter(|row| row.is_leased(now)) {
            *running.entry(row.tenant).or_default() += 1;
        }
        let under_way = |row: &IndexRow| running.get(&row.tenant).copied().unwrap_or(0);
        let mut due: Vec<IndexRow> = all.into_iter().filter(|row| row.is_due(now)).collect();
        due.retain(|row| under_way(row) < MIGRATIONS_PER_TENANT_AT_ONCE);
        due.sort_by_key(|row| (under_way(row), row.due, row.tenant, row.job));
        Ok(due)
    }

    async fn migration_index(&self) -> Result<Vec<IndexRow>> {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&keys::system_migrations_after(last), PageLimit::MAX).await?;
            let rows = page.rows.iter().map(|(key, value): &(Bytes, Bytes)| IndexRow::of(key, value));
            all.extend(rows.collect::<Result<Vec<_>>>()?);
            last = all.last().map(|row| (row.tenant, row.job));
            if !page.more {
                return Ok(all);
            }
        }
    }
}

impl MigrationLease {
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    pub fn job(&self) -> JobId {
        self.job
    }
    pub fn source(&self) -> &MigrationSource {
        &self.source
    }
    /// What it signs in with there.
    pub fn secret(&self) -> &MigrationSecret {
        &self.secret
    }

    /// The mailbox, to bring mail into. `NotFound`: it is deleted.
    pub async fn scope(&self) -> Result<AccountScope<Owner>> {
        self.accounts.ordered(self.tenant, self.account).await
    }

    /// Changes the record. `TooOld`: a peer has it now, or it has ended.
    async fn note(&self, change: impl Fn(&mut MigrationRecord, Timestamp)) -> Result<MigrationStanding> {
        unit_of_work!(self.accounts, &[], self.accounts.op(), work => {
            let now = work.now();
            let mut record = load(&mut TenantTxn::new(work.txn(), self.tenant), self.job).await?;
            if record.token != self.token {
                return Err(Error::new(Kind::TooOld, "a later lease has taken the migration over"));
            }
            let before = record.phase;
            change(&mut record, now);
            store(work, (self.tenant, self.job), &record)?;
            if record.phase == FAILED && before != FAILED {
                let kind = EventKind::MigrationFailed { job: self.job, why: record.why.clone() };
                work.note_event(self.tenant, Some(self.account), kind).await?;
            }
            standing(&record)
        })
    }

    /// Prolongs the lease and notes how far the pass is; whether it is to go on: not when it is paused, or nothing may come into the mailbox.
    pub async fn renew(&self, count: &PassCount) -> Result<bool> {
        let now = self.accounts.clock().now();
        let view = self.note(|record, now| {
            record.until_ms = now.0.saturating_add(MIGRATION_LEASE_MS);
            count_in(record, count);
        });
        let view = view.await?;
        let mut txn = self.accounts.0.kv.begin_read();
        let standing = self.accounts.standing_in(&mut *txn, self.tenant, self.account).await?;
        let may = standing.is_some_and(|standing| {
            let both = standing.entitlement.capabilities.and(standing.profile.capabilities);
            standing.profile.live && both.receive
        });
        Ok(may && view.phase == control::MigrationPhase::Running && view.ends_at > now)
    }

    /// Lets go of it in the middle of a pass: whoever comes next goes on.
    pub async fn give_back(&self, count: &PassCount) -> Result<()> {
        self.note(|record, now| {
            count_in(record, count);
            fold(record);
            (record.until_ms, record.due_ms) = (0, now.0);
            record.phase = if record.passes == 0 { QUEUED } else { WAITING };
        })
        .await
        .map(drop)
    }

    /// A pass came to its end: the next one follows after MIGRATION_PAUSE_MS.
    pub async fn pass_ended(&self, count: &PassCount) -> Result<MigrationStanding> {
        self.note(|record, now| {
            count_in(record, count);
            fold(record);
            record.told = count.told.iter().take(MIGRATION_PROBLEMS_KEPT).map(code::told).collect();
            (record.passes, record.last_pass_ms) = (record.passes + 1, now.0);
            (record.failures, record.until_ms) = (0, 0);
            (record.phase, record.due_ms) = (WAITING, now.0.saturating_add(MIGRATION_PAUSE_MS));
            record.why.clear();
        })
        .await
    }

    /// A pass did not come to its end: it is tried again later, and after MIGRATION_FAILURES_MAX times in a row, or when that is of no use, waits for who
    /// resumes it.
    pub async fn fail(&self, count: &PassCount, why: &str, for_good: bool) -> Result<MigrationStanding> {
        self.note(|record, now| {
            count_in(record, count);
            fold(record);
            record.told = count.told.iter().take(MIGRATION_PROBLEMS_KEPT).map(code::told).collect();
            record.why = record::shown(why);
            // Anything that was brought makes a new beginning.
            record.failures = if count.brought > 0 { 1 } else { record.failures + 1 };
            let pause = MIGRATION_RETRY_MS_MIN << (record.failures - 1).min(10);
            (record.until_ms, record.due_ms) = (0, now.0.saturating_add(pause.min(MIGRATION_RETRY_MS_MAX)));
            record.phase = if for_good || record.failures >= MIGRATION_FAILURES_MAX { FAILED } else { WAITING };
        })
        .await
    }
}

fn count_in(record: &mut MigrationRecord, count: &PassCount) {
    (record.folders, record.folders_total) = (count.folders, count.folders_total);
    (record.messages, record.messages_total) = (count.messages, count.messages_total);
    (record.pass_brought, record.pass_bytes, record.pass_found) = (count.brought, count.bytes, count.found);
    record.problems = count.problems;
}
