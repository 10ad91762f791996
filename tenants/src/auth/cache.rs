//! SUMMARY    Credentials that were verified, for a short time in memory.
//! SECURITY   Keys are digests: a dump of the memory shows no token. A change of rights in this process empties it before the
//!            mutation returns; one in another process is seen within FRESH_MAX, by a version that every such change raises.
//! LIMITS     AUTH_CACHE_MAX, AUTH_CACHE_LIFE, FRESH_MAX, USES_PAUSE
//! INVARIANTS What was read before a change is never kept after it.

use crate::{
    Actor,
    limits::{AUTH_CACHE_LIFE, AUTH_CACHE_MAX, USES_PAUSE},
};
use base::Timestamp;
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How old the knowledge of other processes' changes may be.
pub(crate) const FRESH_MAX: Duration = Duration::from_millis(900);

/// A credential that was verified.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) actor: Actor,
    /// Where it may come from; anywhere when empty.
    pub(crate) ips: Vec<IpNet>,
    pub(crate) expires_at: Timestamp,
    /// What is told when it was last used.
    pub(crate) used: Option<String>,
}

impl Verified {
    /// Whether it is good now, from there.
    pub(crate) fn good(&self, now: Timestamp, peer: Option<IpAddr>) -> bool {
        let from = || peer.is_some_and(|p| self.ips.iter().any(|net| net.contains(&p.to_canonical())));
        now < self.expires_at && (self.ips.is_empty() || from())
    }
}

struct Entry {
    verified: Verified,
    until: Timestamp,
}

#[derive(Default)]
struct Known {
    entries: HashMap<[u8; 32], Entry>,
    /// Raised when the entries go.
    generation: u64,
}

pub(crate) struct AuthCache {
    known: RwLock<Known>,
    /// The version of the rights that the entries are of, and when that was asked.
    seen: AtomicU64,
    asked: Mutex<Option<Instant>>,
    /// Credentials used since they were last written down.
    uses: Mutex<Uses>,
}

#[derive(Default)]
struct Uses {
    at: HashMap<String, Timestamp>,
    written_at: Option<Timestamp>,
}

impl AuthCache {
    pub(crate) fn new() -> AuthCache {
        AuthCache {
            known: RwLock::default(),
            seen: AtomicU64::new(u64::MAX),
            asked: Mutex::default(),
            uses: Mutex::default(),
        }
    }

    pub(crate) fn find(&self, key: &[u8; 32], now: Timestamp) -> Option<Verified> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.entries.get(key).filter(|e| now < e.until).map(|e| e.verified.clone())
    }

    /// To be asked before the rows are read.
    pub(crate) fn generation(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Keeps what was read, unless something changed meanwhile.
    pub(crate) fn keep(&self, key: [u8; 32], verified: &Verified, now: Timestamp, generation: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            return;
        }
        if known.entries.len() >= AUTH_CACHE_MAX {
            known.entries.retain(|_, e| now < e.until);
        }
        if known.entries.len() >= AUTH_CACHE_MAX {
            known.entries.clear();
        }
        known.entries.insert(key, Entry { verified: verified.clone(), until: now.plus(AUTH_CACHE_LIFE) });
    }

    /// Something about rights changed.
    pub(crate) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        known.entries.clear();
    }

    /// Whether other processes are to be asked now; who hears yes asks.
    pub(crate) fn stale(&self) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_none_or(|at| at.elapsed() >= FRESH_MAX)
    }

    /// Notes the version of the rights, asked at that moment.
    pub(crate) fn note(&self, version: u64, asked: Instant) {
        if self.seen.swap(version, Ordering::SeqCst) != version {
            self.forget();
        }
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    /// Notes a use, to be written down later.
    pub(crate) fn used(&self, id: &str, at: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.at.len() < AUTH_CACHE_MAX || uses.at.contains_key(id) {
            uses.at.insert(id.to_owned(), at);
        }
    }

    /// What is to be written down: nothing while the last time was less than USES_PAUSE ago.
    pub(crate) fn take_uses(&self, now: Timestamp) -> HashMap<String, Timestamp> {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.written_at.is_some_and(|at| at <= now && now.since(at) < USES_PAUSE) {
            return HashMap::new();
        }
        uses.written_at = Some(now);
        std::mem::take(&mut uses.at)
    }
}
