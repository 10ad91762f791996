//! SUMMARY    The record of a upkeep job: when its last pass ended, and where the one under way goes on.
//! LIMITS     UPKEEP_LEASE_MS
//! INVARIANTS The lease stands in the record itself, so it holds between peers that share nothing but the store. Only the holder
//!            of the newest lease writes it: an older token finds a newer one there and is refused.

use super::Job;
use crate::{
    Accounts, Error, Result, keys,
    record::{self, JobRecord},
    txn::SystemTxn,
    unit_of_work,
};
use base::{AccountId, Kind, TenantId, Timestamp, limits::UPKEEP_LEASE_MS};
use std::time::Duration;

/// A job in the hands of the holder of its lease.
pub(super) struct Held<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) job: Job,
    pub(super) token: u64,
}

fn until(accounts: &Accounts) -> Timestamp {
    accounts.clock().now().plus(Duration::from_millis(UPKEEP_LEASE_MS))
}

/// What is noted of a job.
pub(super) async fn read(accounts: &Accounts, job: Job) -> Result<JobRecord> {
    let mut txn = accounts.0.kv.begin_read();
    let stored = SystemTxn::new(&mut *txn).get(&keys::system_job(job.name())).await?;
    Ok(stored.map(|bytes| record::decode(&bytes, "job")).transpose()?.unwrap_or_default())
}

impl<'a> Held<'a> {
    /// Takes the job's lease; None while a peer has it.
    pub(super) async fn take(accounts: &'a Accounts, job: Job) -> Result<Option<Held<'a>>> {
        let key = keys::system_job(job.name());
        let token = unit_of_work!(accounts, &[], accounts.op(), work => {
            let (now, until) = (work.now(), until(accounts));
            let mut txn = SystemTxn::new(work.txn());
            let stored = txn.get(&key).await?.map(|bytes| record::decode(&bytes, "job")).transpose()?;
            let stored: JobRecord = stored.unwrap_or_default();
            // Further ahead than any lease lasts: the clock was set back.
            let ahead = Timestamp(stored.until_ms).since(now);
            if !ahead.is_zero() && ahead <= Duration::from_millis(UPKEEP_LEASE_MS) {
                return Ok(None);
            }
            let record = JobRecord { token: stored.token + 1, until_ms: until.0, ..stored };
            txn.set(&key, &record::encode(&record))?;
            Ok(Some(record.token))
        })?;
        Ok(token.map(|token| Held { accounts, job, token }))
    }

    /// Prolongs the lease.
    pub(super) async fn renew(&self) -> Result<()> {
        let until_ms = until(self.accounts).0;
        self.write(|record| JobRecord { until_ms, ..record }).await
    }

    /// Lets the next one take it at once.
    pub(super) async fn give_back(&self) -> Result<()> {
        self.write(|record| JobRecord { until_ms: 0, ..record }).await
    }

    pub(super) async fn read(&self) -> Result<JobRecord> {
        read(self.accounts, self.job).await
    }

    /// Notes that the pass is done with everything up to this tenant, or up to this account of it.
    pub(super) async fn reached(&self, tenant: TenantId, account: Option<AccountId>) -> Result<()> {
        let (tenant, account) = match account {
            Some(account) => (tenant.0, account.0),
            None => (tenant.0.saturating_add(1), 0),
        };
        self.write(|record| JobRecord { tenant, account, ..record }).await
    }

    /// Notes the end of a pass.
    pub(super) async fn finish(&self) -> Result<()> {
        let now = self.accounts.clock().now().0;
        self.write(|record| JobRecord { finished_ms: now, tenant: 0, account: 0, ..record }).await
    }

    async fn write(&self, change: impl Fn(JobRecord) -> JobRecord) -> Result<()> {
        let key = keys::system_job(self.job.name());
        unit_of_work!(self.accounts, &[], self.accounts.op(), work => {
            let mut txn = SystemTxn::new(work.txn());
            let stored = txn.get(&key).await?.map(|bytes| record::decode(&bytes, "job")).transpose()?;
            let stored: JobRecord = stored.unwrap_or_default();
            if stored.token != self.token {
                return Err(Error::new(Kind::TooOld, "a later lease has taken the job over"));
            }
            txn.set(&key, &record::encode(&change(stored)))
        })
    }
}
