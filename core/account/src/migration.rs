//! SUMMARY    Migrations of mailboxes from other providers, as jobs: what was ordered, how far it is, what is wanted of it.
//! LIMITS     MIGRATION_DAYS_MAX, MIGRATIONS_PER_TENANT_MAX, MIGRATIONS_PER_MAILBOX_MAX, MIGRATION_SECRET_BYTES_MAX, MIGRATION_NAME_BYTES_MAX
//! SECURITY   A secret is stored sealed, under a key that is the tenant's and this migration's, and nowhere else. It is cleared in the commit that ends
//!            the migration; with the tenant's data key it is lost, too. No view has it.
//! INVARIANTS A migration that has not ended stands in the index of what is due, so that somebody comes to end it when its days are over. Of equal
//!            peers one is at it: see `lease`.

mod code;
mod lease;
mod secret;

pub use lease::{MigrationLease, PassCount};

use crate::{
    Accounts, Error, Result, keys,
    record::{self, MigrationRecord},
    scope::{CanRead, TenantScope},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{AccountId, JobId, Kind, TenantId, Timestamp};
use code::{ENDED, FAILED, QUEUED, WAITING, code_of_security, code_of_sign_in};
use control::{
    EventKind, MIGRATION_DAYS_MAX, MIGRATION_NAME_BYTES_MAX, MIGRATION_SECRET_BYTES_MAX, MIGRATIONS_PER_MAILBOX_MAX,
    MIGRATIONS_PER_TENANT_MAX, MigrationOrder, MigrationPhase, MigrationProblem, MigrationSecret, MigrationStanding,
    MigrationWish,
};
use store::kv::{PageLimit, Read};

const DAY_MS: i64 = 24 * 3_600_000;
/// Records that are looked at in one transaction when those of a mailbox are removed.
const FORGOTTEN_ROWS: usize = 500;

/// The record of a migration; `NotFound`.
async fn load(txn: &mut TenantTxn<'_>, job: JobId) -> Result<MigrationRecord> {
    let stored = txn.get(&keys::migration(job)).await?.ok_or_else(|| Error::not_found("migration"))?;
    record::decode(&stored, "migration")
}

/// Writes the record of a migration, and when somebody is to look at it again: never, once it has ended.
fn store(work: &mut Work, (tenant, job): (TenantId, JobId), record: &MigrationRecord) -> Result<()> {
    TenantTxn::new(work.txn(), tenant).set(&keys::migration(job), &record::encode(record));
    let (index, now) = (keys::system_migration(tenant, job), work.now());
    let mut system = SystemTxn::new(work.txn());
    match record.is_live() {
        true => system.set(&index, &lease::index(record, now)),
        false => system.clear(&index),
    }
}

/// Ends a migration: its secret is destroyed, and whoever is at it finds a newer lease.
fn end(record: &mut MigrationRecord, now: Timestamp, why: &str) {
    lease::fold(record);
    record.secret.clear();
    (record.phase, record.ended_ms, record.paused) = (ENDED, now.0.max(1), false);
    (record.token, record.until_ms) = (record.token + 1, 0);
    record.why = record::shown(why);
}

/// What the control plane is to hear of an end.
fn ended(job: JobId, record: &MigrationRecord) -> EventKind {
    let (brought, bytes, problems, why) = (record.brought, record.bytes, record.problems, record.why.clone());
    EventKind::MigrationEnded { job, brought, bytes, problems, why }
}

fn standing(record: &MigrationRecord) -> Result<MigrationStanding> {
    let at = |ms: i64| (ms != 0).then_some(Timestamp(ms));
    let phase = code::phase(record)?;
    let waits = matches!(phase, MigrationPhase::Queued | MigrationPhase::Waiting);
    Ok(MigrationStanding {
        phase,
        folders: record.folders,
        folders_total: record.folders_total,
        messages: record.messages,
        messages_total: record.messages_total,
        brought: record.brought + record.pass_brought,
        bytes: record.bytes + record.pass_bytes,
        found: record.found + record.pass_found,
        problems: record.problems,
        passes: record.passes,
        last_pass_at: at(record.last_pass_ms),
        next_pass_at: waits.then_some(Timestamp(record.due_ms)),
        ends_at: Timestamp(record.ends_ms),
        ended_at: at(record.ended_ms),
        why: record.why.clone(),
    })
}

fn checked(order: &MigrationOrder) -> Result<()> {
    let source = &order.source;
    let is_named = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if !is_named(&source.host) || !is_named(&source.user) || source.port == 0 {
        return Err(Error::new(Kind::Invalid, "a source has a host, a port and a user"));
    }
    if source.host.len() > MIGRATION_NAME_BYTES_MAX || source.user.len() > MIGRATION_NAME_BYTES_MAX {
        return Err(Error::limit("MIGRATION_NAME_BYTES_MAX"));
    }
    checked_secret(&order.secret)
}

fn checked_secret(secret: &MigrationSecret) -> Result<()> {
    match secret.reveal().len() {
        0 => Err(Error::new(Kind::Invalid, "a source has a password or a token")),
        n if n > MIGRATION_SECRET_BYTES_MAX => Err(Error::limit("MIGRATION_SECRET_BYTES_MAX")),
        _ => Ok(()),
    }
}

impl Accounts {
    /// Begins a migration; a node takes it as soon as one is free. What was ordered before under this id is not begun again. Errors: `Invalid`, `LimitExceeded`,
    /// `NotFound` (the mailbox is not the tenant's, or deleted).
    pub async fn order_migration(&self, order: &MigrationOrder) -> Result<()> {
        checked(order)?;
        let (tenant, job) = (order.tenant, order.job);
        // Before the unit of work: the first mail of a tenant may come from elsewhere.
        self.ordered(tenant, order.account).await?;
        self.open_tenant(tenant).await?;
        unit_of_work!(self, &[], self.op(), work => {
            match load(&mut TenantTxn::new(work.txn(), tenant), job).await {
                Err(e) if e.kind == Kind::NotFound => {}
                known => return known.map(drop),
            }
            let record = work.new_migration(order).await?;
            store(work, (tenant, job), &record)
        })
    }

    /// How a migration stands; `NotFound`.
    pub async fn migration<R: CanRead>(&self, scope: &TenantScope<R>, job: JobId) -> Result<MigrationStanding> {
        let mut txn = self.0.kv.begin_read();
        standing(&load(&mut TenantTxn::new(&mut *txn, scope.tenant()), job).await?)
    }

    /// What its last pass could not bring or keep, MIGRATION_PROBLEMS_KEPT at most; `NotFound`.
    pub async fn migration_problems<R: CanRead>(
        &self,
        scope: &TenantScope<R>,
        job: JobId,
    ) -> Result<Vec<MigrationProblem>> {
        let mut txn = self.0.kv.begin_read();
        let record = load(&mut TenantTxn::new(&mut *txn, scope.tenant()), job).await?;
        record.told.iter().map(code::problem).collect()
    }

    /// Says what is wanted of a migration; `secret`: it signs in with this one from its next pass on. `Invalid`: it has ended.
    pub async fn steer_migration(
        &self,
        (tenant, job): (TenantId, JobId),
        wish: MigrationWish,
        secret: Option<&MigrationSecret>,
    ) -> Result<MigrationStanding> {
        match (wish, secret) {
            (MigrationWish::Run, Some(secret)) => checked_secret(secret)?,
            (_, None) => {}
            (_, Some(_)) => return Err(Error::new(Kind::Invalid, "a secret comes with going on")),
        }
        unit_of_work!(self, &[], self.op(), work => {
            let now = work.now();
            let mut record = load(&mut TenantTxn::new(work.txn(), tenant), job).await?;
            if !record.is_live() {
                return Err(Error::new(Kind::Invalid, "the migration has ended"));
            }
            match wish {
                MigrationWish::End => end(&mut record, now, ""),
                // Who is at it hears it in a moment, notes how far it came, and lets go.
                MigrationWish::Pause => record.paused = true,
                MigrationWish::Run => {
                    if let Some(secret) = secret {
                        record.secret = work.seal_migration_secret((tenant, job), secret).await?;
                    }
                    if record.phase == FAILED || record.phase == WAITING {
                        record.phase = if record.passes == 0 { QUEUED } else { WAITING };
                    }
                    (record.paused, record.failures, record.due_ms) = (false, 0, now.0);
                    record.why.clear();
                }
            }
            store(work, (tenant, job), &record)?;
            if wish == MigrationWish::End {
                let account = Some(AccountId(record.account));
                work.note_event(tenant, account, ended(job, &record)).await?;
            }
            standing(&record)
        })
    }
}

impl Work {
    /// The record of a migration that is ordered. `LimitExceeded`: the tenant or the mailbox has enough of them.
    async fn new_migration(&mut self, order: &MigrationOrder) -> Result<MigrationRecord> {
        let (tenant, now) = (order.tenant, self.now());
        self.must_stand(tenant).await?;
        // Two at once meet here.
        let live = self.migrations_in_index(tenant, Read::Serializable).await?;
        if live.len() >= MIGRATIONS_PER_TENANT_MAX {
            return Err(Error::limit("MIGRATIONS_PER_TENANT_MAX"));
        }
        let own = live.iter().filter(|row| row.account == order.account).count();
        if own >= MIGRATIONS_PER_MAILBOX_MAX {
            return Err(Error::limit("MIGRATIONS_PER_MAILBOX_MAX"));
        }
        let source = &order.source;
        Ok(MigrationRecord {
            phase: QUEUED,
            account: order.account.0,
            host: source.host.clone(),
            port: u32::from(source.port),
            security: code_of_security(source.security),
            user: source.user.clone(),
            sign_in: code_of_sign_in(source.sign_in),
            secret: self.seal_migration_secret((tenant, order.job), &order.secret).await?,
            asked_by: record::shown(&order.asked_by),
            created_ms: now.0,
            ends_ms: now.0.saturating_add(i64::from(MIGRATION_DAYS_MAX) * DAY_MS),
            due_ms: now.0,
            ..MigrationRecord::default()
        })
    }
}

impl Accounts {
    /// Removes what is known of migrations into a mailbox that is purged: host and user are those of whom it was.
    pub(crate) async fn forget_migrations(&self, tenant: TenantId, account: AccountId) -> Result<()> {
        let mut range = keys::migrations();
        loop {
            let mut txn = self.0.kv.begin_read();
            let page =
                TenantTxn::new(&mut *txn, tenant).page(&range, PageLimit::rows(FORGOTTEN_ROWS), Read::Snapshot).await?;
            drop(txn);
            let mut own = Vec::new();
            for (key, value) in &page.rows {
                let record: MigrationRecord = record::decode(value, "migration")?;
                if record.account == account.0 {
                    own.extend(keys::be64(key, 1).map(JobId));
                }
            }
            unit_of_work!(self, &[], self.op(), work => {
                for job in &own {
                    TenantTxn::new(work.txn(), tenant).clear(&keys::migration(*job));
                    SystemTxn::new(work.txn()).clear(&keys::system_migration(tenant, *job))?;
                }
                Ok(())
            })?;
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(()) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }
}

#[cfg(test)]
mod tests;
