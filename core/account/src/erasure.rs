//! SUMMARY    A tenant is erased: the point of no return, what is never usable again, how far it is, and the proof of it.
//! STANDARDS  RFC 8032 §5.1 (Ed25519), RFC 4648 §4
//! SECURITY   From the commit that destroys the keys on, no door, worker, export or import reads or writes the tenant: its entitlement is
//!            gone, nothing that was sealed opens, and what is told of it is passed over. Proofs are signed by a key of their own.
//! LIMITS     ERASURE_STATEMENT_BYTES_MAX
//! INVARIANTS What is held is not erased (M2). The record stands for ever: an id that was erased is never a tenant again. The
//!            rest is upkeep (`upkeep/erase.rs`): it may be cut off anywhere and goes on.

mod proof;

pub use proof::{ProofKey, open_proof};

use crate::{
    Accounts, BreakGlass, Error, Result, Violation, keys,
    record::{self, ErasureRecord, ExportRecord},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{Kind, TenantId, Timestamp};
use bytes::Bytes;
use control::{Capability, Erased, Erasure, ErasureOrder, ErasurePhase};
use store::kv::{KeyRange, PageLimit, Read};

/// A phase as it is stored.
pub(crate) fn code(phase: ErasurePhase) -> u32 {
    let place = ErasurePhase::ALL.iter().position(|known| *known == phase).unwrap_or_default();
    u32::try_from(place + 1).unwrap_or(u32::MAX)
}

/// The phase of a record.
pub(crate) fn phase(record: &ErasureRecord) -> Result<ErasurePhase> {
    let found = ErasurePhase::ALL.into_iter().find(|known| code(*known) == record.phase);
    found.ok_or_else(|| Error::corrupt("phase of an erasure"))
}

pub(crate) fn parse(stored: &[u8]) -> Result<ErasureRecord> {
    record::decode(stored, "erasure")
}

fn view(tenant: TenantId, record: ErasureRecord) -> Result<Erasure> {
    let ended = ErasurePhase::ALL.into_iter().zip(&record.ended_ms).map(|(phase, at)| (phase, Timestamp(*at)));
    Ok(Erasure {
        tenant,
        phase: phase(&record)?,
        begun_at: Timestamp(record.begun_ms),
        ended: ended.collect(),
        erased: Erased {
            keys: record.keys,
            accounts: record.accounts,
            mailboxes: record.mailboxes,
            emails: record.emails,
            expunged: record.expunged,
            queue_items: record.queue_items,
            queue_ended: record.queue_ended,
            exports: record.exports,
            export_objects: record.objects,
            blobs: record.blobs,
            blob_bytes: record.blob_bytes,
            rows: record.rows,
            row_bytes: record.row_bytes,
            system_rows: record.system_rows,
            domains: record.domains,
            addresses: record.addresses,
            packs: record.packs,
            packs_left: record.packs_left,
        },
        ordered_by: record.asked_by,
    })
}

impl Work {
    /// Whether a tenant is erased, or being erased; an erasure that begins stops this transaction.
    pub(crate) async fn is_erased(&mut self, tenant: TenantId) -> Result<bool> {
        Ok(SystemTxn::new(self.txn()).get(&keys::system_erasure(tenant)).await?.is_some())
    }

    /// `NotFound` when a tenant is erased.
    pub(crate) async fn must_stand(&mut self, tenant: TenantId) -> Result<()> {
        match self.is_erased(tenant).await? {
            true => Err(Error::not_found("tenant: it was erased")),
            false => Ok(()),
        }
    }

    /// Destroys the keys of a tenant and takes its entitlement, in one transaction with the record that says so.
    async fn destroy_keys(&mut self, order: &ErasureOrder) -> Result<ErasureRecord> {
        let tenant = order.tenant;
        let accounts = self.handle();
        let entitlement = accounts.entitlement_as(self.txn(), tenant, Read::Serializable).await?;
        if entitlement.as_ref().is_some_and(|e| !e.capabilities.allows(Capability::PurgeAllowed)) {
            return Err(Error::new(Kind::Invalid, "a hold keeps the tenant from being purged"));
        }
        let data_key = TenantTxn::new(self.txn(), tenant).get(&keys::data_key()).await?;
        if data_key.is_none() && entitlement.is_none() {
            return Err(Error::new(Kind::Invalid, "there is no such tenant"));
        }
        let mut destroyed = u64::from(data_key.is_some());
        let now = self.now();
        TenantTxn::new(self.txn(), tenant).clear(&keys::data_key());
        let mut exports = keys::system_exports_of(tenant);
        // EXPORT_JOBS_MAX at most are not shredded; their keys are wrapped by the master key, not by the tenant's.
        for (key, _) in page(self, &exports).await? {
            exports.from = [key.as_ref(), &[0]].concat();
            let (_, job) = keys::decode_system_export(&key).ok_or_else(|| Error::corrupt("key of an export"))?;
            let own = keys::export(job);
            if let Some(stored) = TenantTxn::new(self.txn(), tenant).get(&own).await? {
                let export: ExportRecord = record::decode(&stored, "export")?;
                destroyed += u64::from(!export.key.is_empty());
                // Who is at it finds that it is gone.
                TenantTxn::new(self.txn(), tenant).clear(&own);
            }
            SystemTxn::new(self.txn()).clear(&key)?;
        }
        let record = ErasureRecord {
            phase: code(ErasurePhase::Rows),
            begun_ms: now.0,
            asked_by: record::shown(&order.by),
            keys: destroyed,
            exports: destroyed - u64::from(data_key.is_some()),
            ..ErasureRecord::default()
        };
        let mut system = SystemTxn::new(self.txn());
        system.clear(&keys::system_entitlement(tenant))?;
        system.set(&keys::system_erasure(tenant), &record::encode(&record))?;
        Ok(record)
    }
}

/// All exports of a tenant that are not shredded: a change of them stops the transaction.
async fn page(work: &mut Work, range: &KeyRange) -> Result<Vec<(Bytes, Bytes)>> {
    Ok(work.txn().range(range, PageLimit::MAX, false, Read::Serializable).await?.rows)
}

impl Accounts {
    /// Begins to erase a tenant, or says how far that is. `Invalid`: it is held (M2), or there is none.
    pub(crate) async fn begin_erasure(&self, order: &ErasureOrder) -> Result<Erasure> {
        let tenant = order.tenant;
        let record = unit_of_work!(self, &[], self.op(), work => {
            match SystemTxn::new(work.txn()).get(&keys::system_erasure(tenant)).await? {
                Some(stored) => parse(&stored),
                None => work.destroy_keys(order).await,
            }
        })?;
        self.forget_key(tenant);
        self.hub().nudge_tenant(tenant);
        self.0.erasures.notify_one();
        tracing::warn!(target: "audit", %tenant, by = %order.by, "a tenant is erased: its keys are destroyed");
        view(tenant, record)
    }

    /// How far the erasure of a tenant is.
    pub(crate) async fn erasure_of(&self, tenant: TenantId) -> Result<Option<Erasure>> {
        let mut txn = self.0.kv.begin_read();
        let stored = SystemTxn::new(&mut *txn).get(&keys::system_erasure(tenant)).await?;
        stored.map(|stored| view(tenant, parse(&stored)?)).transpose()
    }

    /// Erasures of all tenants, those that are done too.
    pub(crate) async fn erasures(&self) -> Result<Vec<(TenantId, ErasureRecord)>> {
        let (mut range, mut found) = (keys::system_erasures(), Vec::new());
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::MAX).await?;
            for (key, stored) in &page.rows {
                if let Some(tenant) = keys::decode_erasure(key) {
                    found.push((tenant, parse(stored)?));
                }
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(found) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }

    /// Rows that are there of tenants whose erasure has ended: there must be none.
    pub async fn verify_erased(&self, _key: &BreakGlass) -> Result<Vec<Violation>> {
        let mut wrong = Vec::new();
        for (tenant, _) in self.erasures().await?.into_iter().filter(|(_, of)| of.phase == code(ErasurePhase::Done)) {
            let mut txn = self.0.kv.begin_read();
            let limit = PageLimit::rows(1);
            let mut left =
                TenantTxn::new(&mut *txn, tenant).page(&keys::whole_tenant(), limit, Read::Snapshot).await?.rows;
            for range in keys::system_rows_of(tenant) {
                left.extend(SystemTxn::new(&mut *txn).page(&range, limit).await?.rows);
            }
            let what = |(key, _): (Bytes, Bytes)| format!("a row of an erased tenant: {}", key.escape_ascii());
            wrong.extend(left.into_iter().map(|row| Violation { tenant, account: None, what: what(row) }));
        }
        Ok(wrong)
    }

    /// Tenants that are being erased.
    pub(crate) async fn erasures_under_way(&self) -> Result<Vec<TenantId>> {
        let all = self.erasures().await?;
        let open = all.into_iter().filter(|(_, record)| record.phase != code(ErasurePhase::Done));
        Ok(open.map(|(tenant, _)| tenant).collect())
    }
}

#[cfg(test)]
mod tests;
