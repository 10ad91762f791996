//! SUMMARY    A depot in memory, for tests and simulations.

use super::{BoxFuture, Depot, DepotError, Found, validate_name, validate_prefix};
use base::Timestamp;
use bytes::Bytes;
use parking_lot::Mutex;
use std::{collections::BTreeMap, ops::Bound};

/// Bytes by name; gone with the process.
#[derive(Debug, Default)]
pub struct MemoryDepot {
    kept: Mutex<BTreeMap<String, Bytes>>,
}

impl MemoryDepot {
    /// Everything that is kept, by name.
    pub fn all(&self) -> BTreeMap<String, Bytes> {
        self.kept.lock().clone()
    }
}

impl Depot for MemoryDepot {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), DepotError>> {
        let result = validate_name(name).map(|()| {
            self.kept.lock().insert(name.to_owned(), bytes);
        });
        Box::pin(std::future::ready(result))
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Bytes, DepotError>> {
        let found = self.kept.lock().get(name).cloned();
        let missing = || DepotError::Missing(name.to_owned());
        Box::pin(std::future::ready(validate_name(name).and_then(|()| found.ok_or_else(missing))))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> BoxFuture<'_, Result<Vec<Found>, DepotError>> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let kept = self.kept.lock();
        let found = kept.range::<str, _>((from, Bound::Unbounded)).take_while(|(name, _)| name.starts_with(prefix));
        let found = found.take(limit).map(|(name, bytes)| Found {
            name: name.clone(),
            bytes: bytes.len() as u64,
            modified: Timestamp::default(),
        });
        let result = validate_prefix(prefix).map(|()| found.collect());
        Box::pin(std::future::ready(result))
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), DepotError>> {
        let result = validate_name(name).map(|()| {
            self.kept.lock().remove(name);
        });
        Box::pin(std::future::ready(result))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}
