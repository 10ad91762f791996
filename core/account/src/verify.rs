//! SUMMARY    Checks every stored invariant of a tenant, of any size and while mail comes in; repairs nothing.
//! LIMITS     VERIFY_VIOLATIONS_MAX, VERIFY_ATTEMPTS_MAX
//! INVARIANTS What belongs together was committed together, so a row and all it names are looked at in one version, page by
//!            page. Only sums need one version as a whole: they are counted over an account (a tenant) that did not change
//!            meanwhile, and when it changes too often, while its changes wait. Memory does not grow with the tenant.

mod drift;
mod pool;
mod row;
mod sum;

pub use drift::QuotaDrift;

use crate::{
    Accounts, Result,
    accounts::is_too_old,
    keys::{self, Row},
    record,
    scope::{CanRead, TenantScope},
    txn::{SystemTxn, TenantTxn},
};
use base::{
    AccountId, JobId, TenantId, Timestamp,
    limits::{VERIFY_ATTEMPTS_MAX, VERIFY_VIOLATIONS_MAX},
};
use store::{
    blob::{self, BlobRef},
    kv::{KeyRange, KvTxn, PageLimit, Read},
};

/// Rows that are looked at in one version.
const ROWS: PageLimit = PageLimit::rows(500);

/// Something stored that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub tenant: TenantId,
    pub account: Option<AccountId>,
    pub what: String,
}

impl Accounts {
    /// Checks one tenant: counters = recount, uid < uid_next, every record's modseq in the log, every row named by its email
    /// and every email by its rows, every blob link owned, quota = sum of sizes, every queue item due, no key outside the
    /// registry. Gives VERIFY_VIOLATIONS_MAX violations at most. `Unavailable`: other nodes kept changing an account.
    pub async fn verify<R: CanRead>(&self, scope: &TenantScope<R>) -> Result<Vec<Violation>> {
        let mut check = Check { accounts: self, tenant: scope.tenant(), found: Vec::new() };
        let end = vec![0xff; 16];
        let data = KeyRange::prefix(&keys::blob_data());
        check.rows(KeyRange { from: Vec::new(), to: data.from.clone() }).await?;
        check.blob_data(data.clone()).await?;
        check.rows(KeyRange { from: data.to, to: end }).await?;
        check.due().await?;
        check.sums().await?;
        check.pool().await?;
        Ok(check.found)
    }
}

/// A check under way.
struct Check<'a> {
    accounts: &'a Accounts,
    tenant: TenantId,
    found: Vec<Violation>,
}

impl Check<'_> {
    fn wrong(&mut self, account: Option<AccountId>, what: impl Into<String>) {
        if self.found.len() < VERIFY_VIOLATIONS_MAX {
            self.found.push(Violation { tenant: self.tenant, account, what: what.into() });
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= VERIFY_VIOLATIONS_MAX
    }

    /// Every row of `range`, each with what it names.
    async fn rows(&mut self, mut range: KeyRange) -> Result<()> {
        let mut limit = ROWS;
        while !self.is_full() {
            let before = self.found.len();
            match self.page_of_rows(&range, limit).await {
                Ok(Some(next)) => (range.from, limit) = (next, ROWS),
                Ok(None) => return Ok(()),
                // A slow store: fewer rows in one version, down to one.
                Err(e) if is_too_old(&e) && limit.rows > 1 => {
                    self.found.truncate(before);
                    limit = PageLimit::rows((limit.rows / 4).max(1));
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// One page; where the next one begins.
    async fn page_of_rows(&mut self, range: &KeyRange, limit: PageLimit) -> Result<Option<Vec<u8>>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let page = TenantTxn::new(&mut *txn, self.tenant).page(range, limit, Read::Snapshot).await?;
        for (key, value) in &page.rows {
            self.row(&mut *txn, key, value).await?;
        }
        let last = page.rows.last().filter(|_| page.more);
        Ok(last.map(|(last, _)| [last.as_ref(), &[0]].concat()))
    }

    async fn row(&mut self, txn: &mut dyn KvTxn, key: &[u8], value: &[u8]) -> Result<()> {
        match keys::decode(key) {
            None => self.wrong(None, format!("key outside of the registry: {}", key.escape_ascii())),
            // Data rows have a pass of their own, counters are compared with sums.
            Some(Row::DataKey | Row::BlobData | Row::Counter | Row::Pool | Row::PoolLease(_)) => {}
            Some(Row::BlobMeta) => self.blob_meta(txn, key).await?,
            Some(Row::BlobLink) => self.blob_link(txn, key).await?,
            Some(Row::QueueItem(id)) => self.queue_item(txn, id, record::decode(value, "queue item")?).await?,
            // Nothing else knows of what ended; it only has to be read.
            Some(Row::QueueEnded(_)) => drop(record::decode::<record::QueueItem>(value, "ended queue item")?),
            Some(Row::Export(_)) => drop(record::decode::<record::ExportRecord>(value, "export")?),
            Some(Row::Migration(job)) => self.migration(txn, job, value).await?,
            Some(Row::ExportAccount(job, _) | Row::ExportFile(job, _) | Row::ExportSegment(job, _, _)) => {
                if TenantTxn::new(txn, self.tenant).get_snapshot(&keys::export(job)).await?.is_none() {
                    self.wrong(None, format!("a part of export {job}, which does not exist"));
                }
            }
            Some(Row::Account(account, row)) => self.account_row(txn, account, row, value).await?,
        }
        Ok(())
    }

    /// One that has not ended is in the index of what is due, and the other way round: else nobody would ever come to destroy its secret.
    async fn migration(&mut self, txn: &mut dyn KvTxn, job: JobId, value: &[u8]) -> Result<()> {
        let record: record::MigrationRecord = record::decode(value, "migration")?;
        let index = SystemTxn::new(txn).get_snapshot(&keys::system_migration(self.tenant, job)).await?;
        if index.is_some() != record.is_live() {
            self.wrong(None, format!("migration {job} is looked for when it has ended, or not while it lives"));
        }
        Ok(())
    }

    /// Data rows without a blob. Looks at the first of each blob and steps over the others.
    async fn blob_data(&mut self, mut range: KeyRange) -> Result<()> {
        let space = Accounts::space(self.tenant);
        while !self.is_full() {
            let mut txn = self.accounts.0.kv.begin_read();
            let page = TenantTxn::new(&mut *txn, self.tenant).page(&range, PageLimit::rows(1), Read::Snapshot).await?;
            let Some((key, _)) = page.rows.first() else { return Ok(()) };
            let Some(blob) = key.get(1..33).and_then(|blob| blob.try_into().ok()).map(BlobRef) else {
                self.wrong(None, format!("key outside of the registry: {}", key.escape_ascii()));
                range.from = [key.as_ref(), &[0]].concat();
                continue;
            };
            if !blob::is_data_owned(&mut *txn, &space, &blob).await? {
                self.wrong(None, format!("data of blob {blob}, which is not there"));
            }
            range.from = KeyRange::prefix(key.get(..33).unwrap_or_default()).to;
        }
        Ok(())
    }

    /// Entries of the indices of queue items without their item.
    async fn due(&mut self) -> Result<()> {
        let due = keys::system_due_until(self.tenant, Timestamp(i64::MAX - 1));
        for mut range in [due, keys::system_parked_of(self.tenant)] {
            while !self.is_full() {
                let mut txn = self.accounts.0.kv.begin_read();
                let page = SystemTxn::new(&mut *txn).page(&range, ROWS).await?;
                for (key, _) in &page.rows {
                    match keys::is_parked(key) {
                        true => self.parked_entry(&mut *txn, key).await?,
                        false => self.due_entry(&mut *txn, key).await?,
                    }
                }
                match page.rows.last() {
                    Some((last, _)) if page.more => range.from = [last.as_ref(), &[0]].concat(),
                    _ => break,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
