//! SUMMARY    What a backup reads: every row of one version of the store that means something in another one, and the packs these
//!            rows refer to.
//! LIMITS     BACKUP_MARK_MS, BACKUP_STREAMS_MAX, BACKUP_PACKS_MAX; a page is one of the store's (KV_PAGE_*)
//! SECURITY   Reads all tenants: only an operator's break-glass opens it. Blobs stay sealed, data keys wrapped: rows and packs open
//!            under the master key alone, which is not among them.
//! INVARIANTS A mark stands before the snapshot is taken and as long as the backup goes on, so no pack of the snapshot is given up
//!            meanwhile (`store::blob`). It ends by itself BACKUP_MARK_MS after the last sign of a backup that died; a backup that let
//!            its mark run out is told so before it reads on.

mod ranges;

pub use ranges::{ranges_of_mailbox, ranges_of_system_for_reading, ranges_of_tenant};

use crate::{
    Accounts, Error, Result,
    keys::{self, SystemRow},
    restore,
    scope::BreakGlass,
    txn::SystemTxn,
    unit_of_work,
};
use base::{Kind, TenantId, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{ops::Range, time::Duration};
use store::{
    blob::{BlobError, PackObject, PackRow, decode_mark, encode_mark, live_key, lives, pack_infos},
    kv::{KeyRange, KvSnapshot, PageLimit, ReadError},
};

/// How long packs are kept for a backup that gives no sign, milliseconds.
pub const BACKUP_MARK_MS: u64 = 15 * 60_000;
/// Streams in one page of them.
pub const BACKUP_STREAMS_MAX: usize = 500;
/// Packs in one page of them.
pub const BACKUP_PACKS_MAX: usize = 1_000;
/// Marks of backups that died that one new backup clears.
const MARKS_CLEARED_MAX: usize = 100;

const MARK: Duration = Duration::from_millis(BACKUP_MARK_MS);

/// A part of a backup that is read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackupStream {
    /// Everything that belongs to no one tenant.
    System,
    Tenant(TenantId),
}

impl BackupStream {
    fn range(self) -> KeyRange {
        match self {
            BackupStream::System => keys::system_all(),
            BackupStream::Tenant(tenant) => KeyRange::prefix(&keys::tenant_prefix(tenant)),
        }
    }
}

/// Rows of a stream in the order of their keys, which are absolute. `more`: go on behind the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupPage {
    pub rows: Vec<(Bytes, Bytes)>,
    pub more: bool,
}

/// An object that rows of the backup refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPack {
    /// As `Objects` has it; a restore puts it under the same name.
    pub name: String,
    /// Of the whole object.
    pub bytes: u64,
}

/// A backup under way. `finish` it: dropped, it keeps packs for BACKUP_MARK_MS more.
pub struct Backup {
    accounts: Accounts,
    snapshot: Box<dyn KvSnapshot>,
    /// Which mark is its own.
    id: u64,
    /// Until when the mark stands.
    until: Mutex<Timestamp>,
}

impl Accounts {
    /// Begins a backup of the whole store as it is now. `Unavailable`: the store fails, or says that it is backed up by its own
    /// means. `Invalid`: it is being restored itself.
    pub async fn backup(&self, _key: &BreakGlass) -> Result<Backup> {
        let id = self.rng().next_u64();
        let until = unit_of_work!(self, &[], self.op(), work => {
            restore::check_whole(work.txn()).await?;
            let now = work.now();
            let mut system = SystemTxn::new(work.txn());
            // What backups that died left behind.
            let marks = KeyRange::prefix(&keys::system_backups());
            for (key, until) in system.page(&marks, PageLimit::rows(MARKS_CLEARED_MAX)).await?.rows {
                if decode_mark(&until)? <= now {
                    system.clear(&key)?;
                }
            }
            let until = now.plus(MARK);
            system.set(&keys::system_backup(id), &encode_mark(until))?;
            Ok(until)
        })?;
        let snapshot = match self.0.kv.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(why) => {
                self.end_backup(id).await?;
                return Err(why.into());
            }
        };
        Ok(Backup { accounts: self.clone(), snapshot, id, until: Mutex::new(until) })
    }

    async fn end_backup(&self, id: u64) -> Result<()> {
        unit_of_work!(self, &[], self.op(), work => { SystemTxn::new(work.txn()).clear(&keys::system_backup(id)) })
    }
}

impl Backup {
    /// Says that the backup goes on, if a third of BACKUP_MARK_MS has passed since it last did; everything that reads does so too.
    /// `TooOld`: its mark ran out, so packs may be gone; begin another one.
    pub async fn keep_alive(&self) -> Result<()> {
        let accounts = &self.accounts;
        let now = accounts.clock().now();
        let standing = *self.until.lock();
        if standing.since(now) > MARK * 2 / 3 {
            return Ok(());
        }
        let key = keys::system_backup(self.id);
        let until = unit_of_work!(accounts, &[], accounts.op(), work => {
            let now = work.now();
            let mut system = SystemTxn::new(work.txn());
            let stored = system.get(&key).await?.as_deref().map(decode_mark).transpose()?;
            let stored = stored.filter(|until| *until > now);
            let stored = stored.ok_or_else(|| Error::new(Kind::TooOld, "BACKUP_MARK_MS: begin the backup anew"))?;
            let until = stored.max(now.plus(MARK));
            system.set(&key, &encode_mark(until))?;
            Ok(until)
        })?;
        *self.until.lock() = until;
        Ok(())
    }

    /// Streams behind this one, BACKUP_STREAMS_MAX at most: that of the system, then one for each tenant that has a key, in the order
    /// of their ids. None are left when it is empty.
    pub async fn streams(&mut self, after: Option<&BackupStream>) -> Result<Vec<BackupStream>> {
        let mut found = Vec::new();
        let mut rest = match after {
            None => {
                found.push(BackupStream::System);
                keys::tenants_all()
            }
            Some(BackupStream::System) => keys::tenants_all(),
            Some(BackupStream::Tenant(last)) => keys::tenants_after(*last),
        };
        while found.len() < BACKUP_STREAMS_MAX {
            let page = self.read(&rest, PageLimit::rows(1)).await?;
            let Some((key, _)) = page.rows.first() else { break };
            let (tenant, _) = keys::split_tenant(key).ok_or_else(|| unknown(key))?;
            found.push(BackupStream::Tenant(tenant));
            rest = keys::tenants_after(tenant);
        }
        Ok(found)
    }

    /// Rows of a stream behind this key (absolute, one of the stream's; `None`: from its beginning). A page that says `more` has
    /// at least one row. `Corrupt`: a key that the registry does not know.
    pub async fn page(&mut self, stream: BackupStream, after: Option<&[u8]>) -> Result<BackupPage> {
        let mut range = stream.range();
        if let Some(after) = after {
            if !range.contains(after) {
                return Err(Error::new(Kind::Invalid, "a key outside of its stream"));
            }
            range.from = behind(after);
        }
        loop {
            let page = self.read(&range, PageLimit::MAX).await?;
            let next = page.rows.last().filter(|_| page.more).map(|(last, _)| behind(last));
            let mut rows = Vec::with_capacity(page.rows.len());
            for (key, value) in page.rows {
                if self.is_kept(&key, &value).await? {
                    rows.push((key, value));
                }
            }
            match next {
                // A page of rows that are all left out.
                Some(next) if rows.is_empty() => range.from = next,
                next => return Ok(BackupPage { rows, more: next.is_some() }),
            }
        }
    }

    /// Whether a row means something in a store that is restored.
    async fn is_kept(&mut self, key: &[u8], value: &[u8]) -> Result<bool> {
        match keys::decode_system(key) {
            // Without a blob its object need not be there, yet or any more.
            Some(SystemRow::Pack(PackRow::Info(pack))) => {
                let live = live_key(&keys::system_packs(), &pack);
                let range = KeyRange { to: behind(&live), from: live };
                let found = self.read(&range, PageLimit::rows(1)).await?;
                Ok(found.rows.first().is_some_and(|(_, count)| lives(count)))
            }
            Some(SystemRow::Pack(PackRow::Live(_))) => Ok(lives(value)),
            Some(_) | None => may_be_restored(key).ok_or_else(|| unknown(key)),
        }
    }

    /// Packs behind this one, BACKUP_PACKS_MAX at most, in the order of their names. None are left when it is empty.
    pub async fn packs(&mut self, after: Option<&BackupPack>) -> Result<Vec<BackupPack>> {
        let prefix = keys::system_packs();
        let mut range = pack_infos(&prefix);
        if let Some(after) = after {
            let pack = store::blob::pack_of_object(&after.name);
            let pack = pack.ok_or_else(|| Error::new(Kind::Invalid, "the name of no pack"))?;
            range.from = behind(&[range.from.as_slice(), &pack.0].concat());
        }
        let mut found = Vec::new();
        loop {
            let page = self.read(&range, PageLimit::rows(BACKUP_PACKS_MAX)).await?;
            for (key, value) in &page.rows {
                if found.len() < BACKUP_PACKS_MAX && self.is_kept(key, value).await? {
                    let PackObject { name, bytes, .. } = PackObject::of_row(key, value)?;
                    found.push(BackupPack { name, bytes });
                }
            }
            match page.rows.last() {
                Some((last, _)) if page.more && found.is_empty() => range.from = behind(last),
                _ => return Ok(found),
            }
        }
    }

    /// The whole object; at most some hundred megabytes (BLOB_BYTES_MAX). `Unavailable`: it cannot be read, the source says why.
    pub async fn pack(&self, pack: &BackupPack) -> Result<Bytes> {
        self.pack_part(pack, 0..pack.bytes).await
    }

    /// Some bytes of it.
    pub async fn pack_part(&self, pack: &BackupPack, range: Range<u64>) -> Result<Bytes> {
        self.keep_alive().await?;
        Ok(self.accounts.0.objects.get(&pack.name, range).await.map_err(BlobError::from)?)
    }

    /// Ends it: packs may go again. Everything that was read is whole only if this says so.
    pub async fn finish(self) -> Result<()> {
        self.keep_alive().await?;
        self.accounts.end_backup(self.id).await
    }

    async fn read(&mut self, range: &KeyRange, limit: PageLimit) -> Result<store::kv::Page> {
        self.keep_alive().await?;
        self.snapshot.page(range, limit).await.map_err(|why| match why {
            ReadError::TooOld => Error {
                kind: Kind::TooOld,
                context: "the store had to end the snapshot: begin the backup anew".to_owned(),
                source: Some(Box::new(why)),
            },
            why => why.into(),
        })
    }
}

fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

fn unknown(key: &[u8]) -> Error {
    Error::corrupt(format!("key outside of the registry: {}", key.escape_ascii()))
}

/// Whether rows under a key belong into a backup, and so into a store that is restored; `None`: the registry does not know it.
pub(crate) fn may_be_restored(key: &[u8]) -> Option<bool> {
    if let Some((_, relative)) = keys::split_tenant(key) {
        return keys::decode(relative).map(|row| match row {
            // Objects of exports are in no backup: an export is asked for again.
            keys::Row::Export(_)
            | keys::Row::ExportAccount(..)
            | keys::Row::ExportFile(..)
            | keys::Row::ExportSegment(..) => false,
            keys::Row::DataKey
            | keys::Row::Counter
            | keys::Row::Pool
            | keys::Row::PoolLease(_)
            | keys::Row::BlobMeta
            | keys::Row::BlobData
            | keys::Row::BlobLink
            | keys::Row::QueueItem(_)
            | keys::Row::QueueEnded(_)
            | keys::Row::Migration(_)
            | keys::Row::Account(..) => true,
        });
    }
    keys::decode_system(key).map(|row| match row {
        // Objects of exports, as above.
        SystemRow::Export => false,
        // The object is gone, or nobody needs it.
        SystemRow::Pack(PackRow::Dead(_)) => false,
        // Who a store is, and what the control plane told it: a restored one is another, and is told everything again. Its objects
        // are its own, or two stores would remove each other's.
        SystemRow::Pack(PackRow::Store) | SystemRow::Store | SystemRow::Applied => false,
        // Attempts ended with the processes that made them.
        SystemRow::Op => false,
        // Of this store, now.
        SystemRow::Backup | SystemRow::Restoring => false,
        // Its secret opens under the tenant's key, and it goes on from where the mailbox is.
        SystemRow::Migration => true,
        // Of nodes too: who opens the restored store finds them dead and takes over what they held, queue items and parts of copies.
        // Leases of queue items and of upkeep's jobs end by the clock, stagings are swept by their age.
        SystemRow::Node | SystemRow::Held | SystemRow::Copy | SystemRow::Job | SystemRow::Staging => true,
        SystemRow::Domain
        | SystemRow::Signing
        | SystemRow::Entitlement
        | SystemRow::Address
        | SystemRow::Due
        | SystemRow::Parked
        | SystemRow::Pack(PackRow::Info(_) | PackRow::Live(_))
        | SystemRow::Master
        | SystemRow::Erasure
        | SystemRow::ErasedPack
        | SystemRow::EventCounter
        | SystemRow::Event => true,
    })
}

#[cfg(test)]
pub(crate) mod tests;
