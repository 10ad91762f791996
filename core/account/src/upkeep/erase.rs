//! SUMMARY    What is left of an erased tenant goes: its rows, what the system has of it, objects, packs, and from the files.
//! LIMITS     ERASURE_ROWS_MAX, ERASURE_PACKS_MAX
//! INVARIANTS Each step clears and counts in one transaction, so nothing is counted twice and a kill goes on where it was. Phases
//!            follow each other; the last one begins only when no row and no object of the tenant is left.

use super::Upkeep;
use crate::{
    Accounts, Error, Result,
    entitlement::parse_snapshot,
    erasure::{self, code},
    keys::{self, AccountRow, Row},
    record::{self, ErasureRecord, SigningKeysRecord},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{
    Kind, TenantId,
    limits::{ERASURE_PACKS_MAX, ERASURE_ROWS_MAX},
};
use bytes::Bytes;
use control::{AddressSnapshot, DomainSnapshot, ErasurePhase};
use store::{
    blob::{self, BlobError, Maintenance, Shed},
    kv::{KeyRange, PageLimit, Read},
};

/// What scans of all tenants' rows look for, and what finds the tenant in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    Held,
    Domains,
    Signings,
    Addresses,
}

/// In the order of their keys: what is noted of one is behind those before it.
const SCANS: [Scan; 4] = [Scan::Domains, Scan::Held, Scan::Addresses, Scan::Signings];

impl Scan {
    fn range(self) -> KeyRange {
        match self {
            Scan::Held => keys::system_held_all(),
            Scan::Domains => keys::system_domains(),
            Scan::Signings => keys::system_signings(),
            Scan::Addresses => keys::system_addresses(),
        }
    }

    fn tenant(self, key: &[u8], value: &[u8]) -> Result<Option<TenantId>> {
        Ok(match self {
            Scan::Held => keys::decode_held(key).map(|(tenant, _)| tenant),
            Scan::Domains => Some(parse_snapshot::<DomainSnapshot>(value, "domain")?.tenant),
            Scan::Signings => Some(TenantId(record::decode::<SigningKeysRecord>(value, "signing keys")?.tenant)),
            Scan::Addresses => Some(parse_snapshot::<AddressSnapshot>(value, "address")?.tenant),
        })
    }

    fn count(self, record: &mut ErasureRecord, rows: u64) {
        match self {
            Scan::Held | Scan::Signings => record.system_rows += rows,
            Scan::Domains => record.domains += rows,
            Scan::Addresses => record.addresses += rows,
        }
    }
}

impl Work {
    async fn erasure(&mut self, tenant: TenantId) -> Result<ErasureRecord> {
        let stored = SystemTxn::new(self.txn()).get(&keys::system_erasure(tenant)).await?;
        erasure::parse(&stored.ok_or_else(|| Error::corrupt("an erasure without a record"))?)
    }

    fn put_erasure(&mut self, tenant: TenantId, record: &ErasureRecord) -> Result<()> {
        SystemTxn::new(self.txn()).set(&keys::system_erasure(tenant), &record::encode(record))
    }

    /// Clears a page of the tenant's rows and counts them; whether there was any.
    async fn erase_rows(&mut self, tenant: TenantId) -> Result<bool> {
        let limit = PageLimit::rows(ERASURE_ROWS_MAX);
        let range = keys::whole_tenant();
        let rows = TenantTxn::new(self.txn(), tenant).page(&range, limit, Read::Serializable).await?.rows;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut record = self.erasure(tenant).await?;
        let packs = keys::system_packs();
        for (key, value) in &rows {
            record.rows += 1;
            record.row_bytes += (key.len() + keys::TENANT_PREFIX_BYTES + value.len()) as u64;
            let row = keys::decode(key);
            count(&mut record, row.as_ref());
            if matches!(row, Some(Row::BlobMeta)) {
                let whole = [keys::tenant_prefix(tenant).as_slice(), key].concat();
                let (pack, bytes) = blob::abandon(self.txn(), &packs, &whole, value)?;
                record.blob_bytes += bytes;
                if let Some(pack) = pack {
                    SystemTxn::new(self.txn()).set(&keys::system_erased_pack(tenant, pack), &[])?;
                }
            } else {
                TenantTxn::new(self.txn(), tenant).clear(key);
            }
        }
        self.put_erasure(tenant, &record)?;
        Ok(true)
    }

    /// Clears system rows whose keys begin with the tenant; whether there was any.
    async fn erase_own_system_rows(&mut self, tenant: TenantId) -> Result<bool> {
        for range in keys::system_rows_of(tenant) {
            let limit = PageLimit::rows(ERASURE_ROWS_MAX);
            let rows = self.txn().range(&range, limit, false, Read::Serializable).await?.rows;
            if rows.is_empty() {
                continue;
            }
            let mut record = self.erasure(tenant).await?;
            record.system_rows += rows.len() as u64;
            rows.iter().try_for_each(|(key, _)| SystemTxn::new(self.txn()).clear(key))?;
            self.put_erasure(tenant, &record)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Clears those of `rows` that are still the tenant's, and notes how far the scan is.
    async fn erase_scanned(&mut self, tenant: TenantId, scan: Scan, rows: &[Bytes], reached: &[u8]) -> Result<()> {
        let mut cleared = 0;
        for key in rows {
            let stored = SystemTxn::new(self.txn()).get(key).await?;
            let Some(stored) = stored else { continue };
            // A domain may have gone to another tenant meanwhile.
            if scan.tenant(key, &stored)? == Some(tenant) {
                SystemTxn::new(self.txn()).clear(key)?;
                cleared += 1;
            }
        }
        let mut record = self.erasure(tenant).await?;
        scan.count(&mut record, cleared);
        record.reached = reached.to_vec();
        self.put_erasure(tenant, &record)
    }
}

/// Counts what people know of; everything is in the count of all rows.
fn count(record: &mut ErasureRecord, row: Option<&Row>) {
    match row {
        Some(Row::Account(_, AccountRow::Profile)) => record.accounts += 1,
        Some(Row::Account(_, AccountRow::Mailbox(_))) => record.mailboxes += 1,
        Some(Row::Account(_, AccountRow::Email(_))) => record.emails += 1,
        Some(Row::Account(_, AccountRow::Expunged(..))) => record.expunged += 1,
        Some(Row::QueueItem(_)) => record.queue_items += 1,
        Some(Row::QueueEnded(_)) => record.queue_ended += 1,
        Some(Row::Export(_)) => record.exports += 1,
        Some(Row::BlobMeta) => record.blobs += 1,
        Some(Row::DataKey) => record.keys += 1,
        Some(_) | None => {}
    }
}

impl Upkeep {
    /// Goes on with every erasure; gives how many ended.
    pub(super) async fn erase(&self, on: &Maintenance<'_>) -> Result<u64> {
        let mut done = 0;
        for tenant in self.accounts.erasures_under_way().await? {
            match self.erase_tenant(on, tenant).await {
                Ok(ended) => done += u64::from(ended),
                // One that cannot go on does not keep the others.
                Err(why) => tracing::warn!(%tenant, %why, "the erasure of a tenant will go on later"),
            }
        }
        Ok(done)
    }

    /// Goes on as far as it gets; whether that is the end.
    async fn erase_tenant(&self, on: &Maintenance<'_>, tenant: TenantId) -> Result<bool> {
        loop {
            let phase = self.erasure_phase(tenant).await?;
            let went_on = match phase {
                ErasurePhase::Rows => self.erase_all_rows(tenant).await.map(|()| true),
                ErasurePhase::System => self.erase_system(tenant).await.map(|()| true),
                ErasurePhase::Objects => self.erase_objects(tenant).await.map(|()| true),
                ErasurePhase::Packs => self.erase_packs(on, tenant).await,
                ErasurePhase::Files => self.erase_files(tenant).await.map(|()| true),
                ErasurePhase::Done => return Ok(true),
            }?;
            if !went_on {
                return Ok(false);
            }
            self.end_phase(tenant, phase).await?;
        }
    }

    async fn erasure_phase(&self, tenant: TenantId) -> Result<ErasurePhase> {
        let mut txn = self.accounts.0.kv.begin_read();
        let stored = SystemTxn::new(&mut *txn).get(&keys::system_erasure(tenant)).await?;
        erasure::phase(&erasure::parse(&stored.ok_or_else(|| Error::corrupt("an erasure without a record"))?)?)
    }

    /// Notes the end of a phase: the last one only while no row of the tenant is there.
    async fn end_phase(&self, tenant: TenantId, phase: ErasurePhase) -> Result<()> {
        let accounts = &self.accounts;
        unit_of_work!(accounts, &[], accounts.op(), work => {
            let now = work.now().0;
            let mut record = work.erasure(tenant).await?;
            if record.phase != code(phase) {
                return Ok(());
            }
            if phase == ErasurePhase::Files {
                let range = keys::whole_tenant();
                let limit = PageLimit::rows(1);
                let left = TenantTxn::new(work.txn(), tenant).page(&range, limit, Read::Serializable).await?;
                if !left.rows.is_empty() {
                    return Err(Error::new(Kind::Unavailable, "rows of the tenant came in"));
                }
            }
            record.phase += 1;
            record.reached.clear();
            record.ended_ms.push(now);
            work.put_erasure(tenant, &record)
        })
    }

    async fn erase_all_rows(&self, tenant: TenantId) -> Result<()> {
        let accounts = &self.accounts;
        while unit_of_work!(accounts, &[], accounts.op(), work => { work.erase_rows(tenant).await })? {
            self.rest().await;
        }
        Ok(())
    }

    async fn erase_system(&self, tenant: TenantId) -> Result<()> {
        self.erase_own_system(tenant).await?;
        for scan in SCANS {
            self.erase_scan(tenant, scan).await?;
        }
        Ok(())
    }

    async fn erase_own_system(&self, tenant: TenantId) -> Result<()> {
        let accounts = &self.accounts;
        while unit_of_work!(accounts, &[], accounts.op(), work => { work.erase_own_system_rows(tenant).await })? {
            self.rest().await;
        }
        Ok(())
    }

    /// Looks at the rows of all tenants for those of this one.
    async fn erase_scan(&self, tenant: TenantId, scan: Scan) -> Result<()> {
        let accounts = &self.accounts;
        let mut range = scan.range();
        let reached = {
            let mut txn = accounts.0.kv.begin_read();
            let stored = SystemTxn::new(&mut *txn).get(&keys::system_erasure(tenant)).await?;
            erasure::parse(&stored.unwrap_or_default())?.reached
        };
        if reached >= range.to {
            return Ok(());
        }
        range.from = range.from.max(reached);
        loop {
            let mut txn = accounts.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(ERASURE_ROWS_MAX)).await?;
            drop(txn);
            let mut own = Vec::new();
            for (key, value) in &page.rows {
                if scan.tenant(key, value)? == Some(tenant) {
                    own.push(key.clone());
                }
            }
            let last = page.rows.last().filter(|_| page.more).map(|(last, _)| [last.as_ref(), &[0]].concat());
            if !own.is_empty() {
                let reached = last.as_deref().unwrap_or(&range.from);
                unit_of_work!(accounts, &[], accounts.op(), work => {
                    work.erase_scanned(tenant, scan, &own, reached).await
                })?;
            }
            let Some(next) = last else { return Ok(()) };
            range.from = next;
            self.rest().await;
        }
    }

    /// Deletes every object of the tenant's exports, also those that no row names.
    async fn erase_objects(&self, tenant: TenantId) -> Result<()> {
        let accounts = &self.accounts;
        let prefix = Accounts::export_objects(tenant);
        loop {
            let found = accounts.0.objects.list(&prefix).await.map_err(BlobError::from)?;
            if found.is_empty() {
                return Ok(());
            }
            for object in &found {
                accounts.0.objects.delete(&object.name).await.map_err(BlobError::from)?;
            }
            let count = found.len() as u64;
            unit_of_work!(accounts, &[], accounts.op(), work => {
                let mut record = work.erasure(tenant).await?;
                record.objects += count;
                work.put_erasure(tenant, &record)
            })?;
        }
    }

    /// Writes the packs anew that held bytes of the tenant; whether all of them are gone.
    async fn erase_packs(&self, on: &Maintenance<'_>, tenant: TenantId) -> Result<bool> {
        let accounts = &self.accounts;
        let (mut range, mut all_gone) = (keys::system_erased_packs(tenant), true);
        loop {
            let mut txn = accounts.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(ERASURE_PACKS_MAX)).await?;
            drop(txn);
            let Some((last, _)) = page.rows.last() else { return Ok(all_gone) };
            range.from = [last.as_ref(), &[0]].concat();
            let packs: Vec<_> = page.rows.iter().filter_map(|(key, _)| keys::decode_erased_pack(key)).collect();
            let told = blob::shed(on, &self.options.packing, &packs).await?;
            all_gone &= told.iter().all(|(_, became)| *became != Shed::Waits);
            unit_of_work!(accounts, &[], accounts.op(), work => {
                let mut record = work.erasure(tenant).await?;
                for (pack, became) in &told {
                    let key = keys::system_erased_pack(tenant, *pack);
                    // Another attempt of this transaction, or a pass before a kill, may have counted it.
                    if *became == Shed::Waits || SystemTxn::new(work.txn()).get(&key).await?.is_none() {
                        continue;
                    }
                    let counter = if *became == Shed::Gone { &mut record.packs } else { &mut record.packs_left };
                    *counter += 1;
                    SystemTxn::new(work.txn()).clear(&key)?;
                }
                work.put_erasure(tenant, &record)
            })?;
        }
    }

    /// What came in since goes too; then the files forget.
    async fn erase_files(&self, tenant: TenantId) -> Result<()> {
        self.erase_all_rows(tenant).await?;
        self.erase_own_system(tenant).await?;
        self.erase_objects(tenant).await?;
        let range = KeyRange::prefix(&keys::tenant_prefix(tenant));
        let forgotten = self.accounts.0.kv.forget(&range).await;
        forgotten.map_err(|why| Error::new(Kind::Unavailable, why))
    }
}
