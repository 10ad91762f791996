//! SUMMARY    Rows that are read again and again (who an address is, what a tenant may do, counters), kept beside the engine.
//! LIMITS     ROW_CACHE_BYTES_MAX, ROW_CACHE_VALUE_BYTES_MAX
//! INVARIANTS A kept row is the newest: a commit brings its rows up to date, or takes them out, after it was written and before
//!            anybody is shown it. Who reads an older version than the one a row is kept since asks the engine. What a reader
//!            found is kept only while no commit came in between, which is looked at under the shard's lock.
//!
//! A look-up in the engine's tables costs some microseconds, also of rows that have not changed for weeks; here it is one hash.
//! A row is kept at the second time it is read, so that a walk over many rows drives nothing out. A shard has a young and an old
//! half: when the young one is full it becomes the old one, and what is read of the old one is young again.

use crate::{layer::Slice, resolver::Hashed};
use base::limits::{ROW_CACHE_BYTES_MAX, ROW_CACHE_VALUE_BYTES_MAX};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    sync::atomic::{AtomicU64, Ordering},
};

const SHARDS: usize = 32;
/// Bytes of the young half of a shard, and of the old one.
const HALF_BYTES_MAX: usize = ROW_CACHE_BYTES_MAX / SHARDS / 2;
/// What a row takes beside its key and value: the table's entry and two allocations.
const ROW_BYTES: usize = 160;
/// Hashes a shard remembers of rows that were read once.
const ONCE: usize = 64;

/// A row and the version from which on it has this value.
struct Kept {
    key: Slice,
    value: Slice,
    since: u64,
}

impl Kept {
    fn bytes(&self) -> usize {
        ROW_BYTES + self.key.len() + self.value.len()
    }
}

/// Rows by the hash of their key; of two with the same hash one is kept.
type Half = HashMap<u64, Kept, BuildHasherDefault<Hashed>>;

#[derive(Default)]
struct Shard {
    young: Half,
    old: Half,
    young_bytes: usize,
    once: Vec<u64>,
}

impl Shard {
    fn find(&mut self, hash: u64, key: &[u8]) -> Option<&Kept> {
        if !self.young.contains_key(&hash)
            && let Some(kept) = self.old.remove(&hash)
        {
            self.put(hash, kept);
        }
        self.young.get(&hash).filter(|kept| *kept.key == *key)
    }

    fn put(&mut self, hash: u64, kept: Kept) {
        if self.young_bytes + kept.bytes() > HALF_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.old.remove(&hash);
        self.young_bytes += kept.bytes();
        if let Some(before) = self.young.insert(hash, kept) {
            self.young_bytes = self.young_bytes.saturating_sub(before.bytes());
        }
    }

    fn take(&mut self, hash: u64) -> Option<Kept> {
        let young = self.young.remove(&hash);
        if let Some(kept) = &young {
            self.young_bytes = self.young_bytes.saturating_sub(kept.bytes());
        }
        young.or_else(|| self.old.remove(&hash))
    }

    /// Whether a row was read before, of late.
    fn again(&mut self, hash: u64) -> bool {
        if self.once.is_empty() {
            self.once = vec![0; ONCE];
        }
        let at = usize::try_from(hash >> 40).unwrap_or(0) % ONCE;
        self.once.get_mut(at).is_some_and(|seen| std::mem::replace(seen, hash) == hash)
    }
}

/// Fast and good enough: who finds two keys with the same hash finds two rows of which one is kept.
fn hash_of(key: &[u8]) -> u64 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
    let mixed = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * ODD;
        (product ^ (product >> 64)) as u64
    };
    let (words, rest) = key.as_chunks::<8>();
    let hash = words.iter().fold(key.len() as u64, |hash, word| mixed(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(1, |word, byte| word << 8 | u64::from(*byte));
    mixed(mixed(hash, last), 0)
}

/// What the cache says of a row.
pub(super) enum Look {
    Kept(Slice),
    /// Ask the engine, and tell `found` with this.
    Again(u64),
    /// Ask the engine.
    Unknown,
}

/// The kept rows of one database that is open.
pub(super) struct RowCache {
    shards: Vec<Mutex<Shard>>,
    /// Version of the last commit whose rows were, or are now being, brought up to date.
    newest: AtomicU64,
}

impl RowCache {
    pub(super) fn new() -> Self {
        RowCache { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), newest: AtomicU64::new(0) }
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Shard>> {
        self.shards.get(usize::try_from(hash >> 32).unwrap_or(0) % SHARDS)
    }

    /// The value at `version`, if it is kept.
    pub(super) fn look(&self, key: &[u8], version: u64) -> Look {
        let hash = hash_of(key);
        let Some(shard) = self.shard(hash) else { return Look::Unknown };
        let mut shard = shard.lock();
        if let Some(kept) = shard.find(hash, key) {
            return if kept.since <= version { Look::Kept(kept.value.clone()) } else { Look::Unknown };
        }
        if shard.again(hash) { Look::Again(hash) } else { Look::Unknown }
    }

    /// What a reader of `version` found in the engine.
    pub(super) fn found(&self, hash: u64, key: &[u8], value: &Slice, version: u64) {
        if value.len() > ROW_CACHE_VALUE_BYTES_MAX {
            return;
        }
        // Copies: a slice of the engine's would keep the block it lies in.
        let kept = Kept { key: Slice::from(key), value: Slice::from(&**value), since: version };
        let Some(shard) = self.shard(hash) else { return };
        let mut shard = shard.lock();
        if self.newest.load(Ordering::Acquire) == version {
            shard.put(hash, kept);
        }
    }

    /// From here on nothing that was read at an older version is kept. Call before `write` and `remove`, or with rows that are new.
    pub(super) fn advance(&self, version: u64) {
        self.newest.store(version, Ordering::Release);
    }

    /// The commit `version` gave a row this value.
    pub(super) fn write(&self, key: &Slice, value: &Slice, version: u64) {
        let hash = hash_of(key);
        let Some(shard) = self.shard(hash) else { return };
        let mut shard = shard.lock();
        let Some(kept) = shard.take(hash) else { return };
        if kept.key == *key && value.len() <= ROW_CACHE_VALUE_BYTES_MAX {
            shard.put(hash, Kept { key: kept.key, value: value.clone(), since: version });
        }
    }

    /// A commit removed a row.
    pub(super) fn remove(&self, key: &Slice) {
        let hash = hash_of(key);
        if let Some(shard) = self.shard(hash) {
            shard.lock().take(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(text: &str) -> Slice {
        Slice::from(text.as_bytes())
    }

    fn read(cache: &RowCache, key: &str, version: u64) -> Option<String> {
        match cache.look(key.as_bytes(), version) {
            Look::Kept(value) => Some(String::from_utf8_lossy(&value).into_owned()),
            Look::Again(_) | Look::Unknown => None,
        }
    }

    /// Kept as of `version`.
    fn keep(cache: &RowCache, key: &str, value: &str, version: u64) {
        for _ in 0..2 {
            if let Look::Again(hash) = cache.look(key.as_bytes(), version) {
                cache.found(hash, key.as_bytes(), &slice(value), version);
            }
        }
    }

    #[test]
    fn a_row_is_kept_when_it_is_read_again() {
        let cache = RowCache::new();
        cache.advance(5);
        assert!(matches!(cache.look(b"a", 5), Look::Unknown), "it is read once");
        keep(&cache, "a", "1", 5);
        assert_eq!(read(&cache, "a", 5).as_deref(), Some("1"));
        assert_eq!(read(&cache, "a", 9).as_deref(), Some("1"), "nobody wrote to it since");
        assert_eq!(read(&cache, "a", 4), None, "an older version asks the engine");
    }

    #[test]
    fn a_commit_brings_its_rows_up_to_date() {
        let cache = RowCache::new();
        cache.advance(5);
        keep(&cache, "a", "1", 5);
        keep(&cache, "b", "1", 5);
        cache.advance(6);
        cache.write(&slice("a"), &slice("2"), 6);
        cache.remove(&slice("b"));
        cache.write(&slice("c"), &slice("2"), 6);
        assert_eq!(read(&cache, "a", 6).as_deref(), Some("2"));
        assert_eq!(read(&cache, "a", 5), None, "who began before it does not see it");
        assert_eq!(read(&cache, "b", 6), None);
        assert_eq!(read(&cache, "c", 6), None, "what nobody read is not kept");
    }

    #[test]
    fn what_was_read_before_a_commit_is_not_kept_after_it() {
        let cache = RowCache::new();
        cache.advance(5);
        assert_eq!(read(&cache, "a", 5), None);
        cache.advance(6);
        cache.remove(&slice("a"));
        keep(&cache, "a", "1", 5);
        assert_eq!(read(&cache, "a", 6), None);
    }

    #[test]
    fn it_holds_so_much_and_no_more_and_keeps_what_is_used() {
        let cache = RowCache::new();
        let value = "v".repeat(1_000);
        for n in 0..3 * ROW_CACHE_BYTES_MAX / 1_000 {
            keep(&cache, &format!("row {n}"), &value, 0);
            keep(&cache, "used", "1", 0);
            assert_eq!(read(&cache, "used", 0).as_deref(), Some("1"));
        }
        let kept = cache.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.young.values().chain(shard.old.values()).map(Kept::bytes).sum::<usize>()
        });
        assert!(kept.sum::<usize>() <= ROW_CACHE_BYTES_MAX);
    }
}
