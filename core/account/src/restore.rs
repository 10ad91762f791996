//! SUMMARY    Writes what a backup has read into an empty store, of whatever kind.
//! LIMITS     RESTORE_TXN_BYTES, RESTORE_TXN_ROWS, KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, RESTORE_MISSING_MAX, RESTORE_EVENTS_GAP
//! SECURITY   Rows and packs come from a repository that somebody else may have written to: a key that no backup has is refused with all
//!            that came beside it. Values are taken as they are; what is in them is checked by who reads them, and by `verify`.
//! INVARIANTS Only a store without keys is restored into. From the first row on until the end it bears a mark, with which nobody opens
//!            it (`Accounts::check_master_key`); who comes with the same mark goes on, for every row may be written again. No key of
//!            the registry has a store's version in it, so rows are the same in every kind of store.

use crate::{Error, Result, backup::may_be_restored, keys};
use base::{
    Kind, OpId, Rng,
    limits::{KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX},
};
use bytes::Bytes;
use std::sync::Arc;
use store::{
    blob::{BlobError, Objects, ObjectsError, PackObject, PackRow, check_pack, pack_infos, pack_of_object},
    kv::{KeyRange, Kv, KvTxn, PageLimit, Read},
    retry::{self, Retry, run},
};

/// Bytes of rows in one transaction: far below KV_TXN_BYTES_MAX, which some stores take a second for.
pub const RESTORE_TXN_BYTES: usize = 1 << 20;
/// Rows in one transaction.
pub const RESTORE_TXN_ROWS: usize = 4_096;
/// Packs whose absence is told by name.
pub const RESTORE_MISSING_MAX: usize = 100;
/// By how much the number of the last event rises, so that the control plane, which may have heard of events since the backup, hears of
/// all that come.
pub const RESTORE_EVENTS_GAP: u64 = 1 << 32;
/// Of the mark's value.
const VERSION: u8 = 1;
const UNDER_WAY: &str = "this store is being restored: let the restore end, or begin it anew in an empty store";

/// A restore under way. Dropped, it may be gone on with: `into` the same store again.
pub struct Restore {
    kv: Arc<dyn Kv>,
    objects: Arc<dyn Objects>,
    rng: Arc<dyn Rng>,
}

/// Whether a store is being restored. The transaction conflicts with one that begins or ends it.
pub(crate) async fn is_under_way(txn: &mut dyn KvTxn) -> std::result::Result<bool, store::ReadError> {
    Ok(txn.get(&keys::system_restoring(), Read::Serializable).await?.is_some())
}

/// `Err` when a store is being restored.
pub(crate) async fn check_whole(txn: &mut dyn KvTxn) -> Result<()> {
    match is_under_way(txn).await? {
        true => Err(Error::new(Kind::Invalid, UNDER_WAY)),
        false => Ok(()),
    }
}

/// What a store is that a restore begins in.
enum Found {
    /// Now marked, or marked before.
    Ours,
    /// It has this key.
    Occupied(Bytes),
}

impl Restore {
    /// Begins, or goes on with what was cut off. The store may have the id that `account::store_id` gave it, for `objects` that
    /// belong to it, and nothing else. `Invalid`: it has a key already.
    pub async fn into(kv: Arc<dyn Kv>, objects: Arc<dyn Objects>, rng: Arc<dyn Rng>) -> Result<Restore> {
        let restore = Restore { kv, objects, rng };
        match run::<_, retry::Error, _>(restore.retry(), |txn| Box::pin(mark(txn))).await.map_err(failed)? {
            Found::Ours => Ok(restore),
            Found::Occupied(key) => {
                let what =
                    format!("a store is restored only into an empty one, and this has the key {}", key.escape_ascii());
                Err(Error::new(Kind::Invalid, what))
            }
        }
    }

    /// A retry loop for what may be done again after an unknown result.
    fn retry(&self) -> Retry<'_> {
        Retry { kv: &self.kv, op: OpId(self.rng.next_u64()), done_prefix: None, rng: &*self.rng }
    }

    /// Writes rows, whose absolute keys rise. Durable when it returns; some of them may be written when it fails. `Invalid`: a
    /// row that no backup has, then none of them is written; or the restore is not under way any more.
    pub async fn rows(&self, rows: &[(Bytes, Bytes)]) -> Result<()> {
        check(rows)?;
        let mut rest = rows;
        while !rest.is_empty() {
            let (some, more) = rest.split_at(batch(rest));
            let written = run::<_, retry::Error, _>(self.retry(), |txn| Box::pin(write(txn, some))).await;
            if !written.map_err(failed)? {
                return Err(Error::new(Kind::Invalid, "the restore of this store has ended"));
            }
            rest = more;
        }
        Ok(())
    }

    /// Puts a pack's object, whole. `Invalid`: the name of no pack; `Corrupt`: the bytes are none, or are damaged, then the object is
    /// not there: see `damaged_pack`.
    pub async fn pack(&self, name: &str, bytes: Bytes) -> Result<()> {
        check_pack(&bytes)?;
        self.damaged_pack(name, bytes).await
    }

    /// The same of a pack that is known to be damaged: what can be read of it will be.
    pub async fn damaged_pack(&self, name: &str, bytes: Bytes) -> Result<()> {
        if pack_of_object(name).is_none() {
            return Err(Error::new(Kind::Invalid, format!("{name:?} is the name of no pack")));
        }
        Ok(self.objects.put(name, bytes).await.map_err(BlobError::from)?)
    }

    /// Packs that restored rows refer to and that are not there, or are too short, by name; RESTORE_MISSING_MAX at most.
    pub async fn missing_packs(&self) -> Result<Vec<String>> {
        let (mut range, mut missing) = (pack_infos(&keys::system_packs()), Vec::new());
        loop {
            let page = self.kv.begin_read().range(&range, PageLimit::MAX, false, Read::Snapshot).await?;
            for (key, value) in &page.rows {
                let PackObject { name, bytes, .. } = PackObject::of_row(key, value)?;
                // Its last byte, which tells its length too.
                match self.objects.get(&name, bytes.saturating_sub(1)..bytes).await {
                    Ok(_) => {}
                    Err(ObjectsError::Missing(_) | ObjectsError::Short(_)) => missing.push(name),
                    Err(why) => return Err(BlobError::from(why).into()),
                }
                if missing.len() >= RESTORE_MISSING_MAX {
                    return Ok(missing);
                }
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(missing) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }

    /// Ends it: from now on the store may be opened. `NotFound`: packs are missing, and it goes on.
    pub async fn finish(&self) -> Result<()> {
        let missing = self.missing_packs().await?;
        if !missing.is_empty() {
            return Err(Error::new(Kind::NotFound, format!("packs are missing: {}", missing.join(" "))));
        }
        self.finish_unchecked().await
    }

    /// Ends it though packs may be missing: for a store whose packs are read elsewhere, or are lost. Ending twice is ending once.
    pub async fn finish_unchecked(&self) -> Result<()> {
        run::<_, retry::Error, _>(self.retry(), |txn| Box::pin(end(txn))).await.map_err(failed)
    }
}

fn failed(why: retry::Error) -> Error {
    BlobError::from(why).into()
}

async fn mark(txn: &mut dyn KvTxn) -> std::result::Result<Found, retry::Error> {
    if is_under_way(txn).await? {
        return Ok(Found::Ours);
    }
    // Two rows: one may be the store's id.
    let page = txn.range(&KeyRange::prefix(&[]), PageLimit::rows(2), false, Read::Serializable).await?;
    let is_id = |key: &[u8]| matches!(keys::decode_system(key), Some(keys::SystemRow::Pack(PackRow::Store)));
    if let Some((key, _)) = page.rows.into_iter().find(|(key, _)| !is_id(key)) {
        return Ok(Found::Occupied(key));
    }
    txn.set(&keys::system_restoring(), &[VERSION]);
    Ok(Found::Ours)
}

/// False when the restore is not under way any more.
async fn write(txn: &mut dyn KvTxn, rows: &[(Bytes, Bytes)]) -> std::result::Result<bool, retry::Error> {
    if !is_under_way(txn).await? {
        return Ok(false);
    }
    rows.iter().for_each(|(key, value)| txn.set(key, value));
    Ok(true)
}

async fn end(txn: &mut dyn KvTxn) -> std::result::Result<(), retry::Error> {
    // After an unknown result it may have ended: once is enough.
    if !is_under_way(txn).await? {
        return Ok(());
    }
    let counter = keys::system_event_counter();
    let last = txn.get(&counter, Read::Serializable).await?.as_deref().and_then(|bytes| keys::be64(bytes, 0));
    txn.set(&counter, &last.unwrap_or(0).saturating_add(RESTORE_EVENTS_GAP).to_be_bytes());
    txn.clear(&keys::system_restoring());
    Ok(())
}

/// How many rows go into the next transaction, one at least.
fn batch(rows: &[(Bytes, Bytes)]) -> usize {
    let mut bytes = 0;
    let fit = rows.iter().take(RESTORE_TXN_ROWS).take_while(|(key, value)| {
        bytes += key.len() + value.len();
        bytes <= RESTORE_TXN_BYTES
    });
    fit.count().max(1)
}

/// Whether a backup can have made these rows.
fn check(rows: &[(Bytes, Bytes)]) -> Result<()> {
    let wrong = |what: &str, key: &[u8]| {
        let shown = key.get(..key.len().min(80)).unwrap_or_default();
        Err(Error::new(Kind::Invalid, format!("{what}: {}", shown.escape_ascii())))
    };
    let mut last: &[u8] = &[];
    for (key, value) in rows {
        if key.as_ref() <= last {
            return wrong("rows are not in the order of their keys at", key);
        }
        if key.len() > KV_KEY_BYTES_MAX {
            return wrong("a key over KV_KEY_BYTES_MAX", key);
        }
        if value.len() > KV_VALUE_BYTES_MAX {
            return wrong("a value over KV_VALUE_BYTES_MAX at", key);
        }
        match may_be_restored(key) {
            Some(true) => {}
            Some(false) => return wrong("a row that no backup has", key),
            None => return wrong("key outside of the registry", key),
        }
        last = key;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
