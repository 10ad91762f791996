//! SUMMARY    Locks: a prune and a backup are never in a repository at once; two backups may be.
//! LIMITS     LOCK_STALE_MS, LOCK_REFRESH_MS, LOCKS_MAX
//! INVARIANTS Who locks puts its lock first and looks for others then: of two at least one sees the other. A holder that could not
//!            refresh its lock for LOCK_STALE_MS gives up, since others take it for dead; so does one whose lock was removed.

use crate::{
    DepotError, Error, Repository, Result,
    limits::{LOCK_REFRESH, LOCK_STALE, LOCKS_MAX},
};
use base::{Clock, Timestamp};
use std::{fmt, sync::Arc};
use tokio::sync::Mutex;

const LOCKS: &str = "lock/";

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockKind {
    Backup,
    Prune,
}

impl fmt::Display for LockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LockKind::Backup => "backup",
            LockKind::Prune => "prune",
        })
    }
}

impl LockKind {
    /// Two backups only add, and what they add has the same name where it is the same: neither takes anything from the other.
    fn goes_with(self, other: LockKind) -> bool {
        matches!((self, other), (LockKind::Backup, LockKind::Backup))
    }
}

/// A lock as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub id: String,
    /// `None`: what was found does not open, and may be either.
    pub kind: Option<LockKind>,
    pub since: Timestamp,
    pub refreshed: Timestamp,
}

/// A lock, sealed under `lock/<id>`.
#[derive(Clone, PartialEq, prost::Message)]
struct LockRecord {
    /// 1: a backup, 2: a prune.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(int64, tag = "2")]
    since: i64,
    #[prost(int64, tag = "3")]
    refreshed: i64,
}

/// A lock that is held. Dropped without `release` it stays until it is stale.
pub(crate) struct Held {
    repo: Repository,
    clock: Arc<dyn Clock>,
    name: String,
    kind: LockKind,
    since: Timestamp,
    refreshed: Mutex<Timestamp>,
}

impl Held {
    pub(crate) async fn take(repo: &Repository, clock: Arc<dyn Clock>, kind: LockKind) -> Result<Self> {
        let mut random = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Error::Machine("no randomness".to_owned()))?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let (since, name) = (clock.now(), format!("{LOCKS}{id}"));
        let held = Held { repo: repo.clone(), clock, name, kind, since, refreshed: Mutex::new(since) };
        held.write(since).await?;
        let found = repo.locks().await;
        let other = found.map(|locks| locks.into_iter().find(|lock| lock.id != id && held.is_kept_out_by(lock)));
        let why = match other {
            Ok(None) => return Ok(held),
            Ok(Some(Lock { kind: other, since, refreshed, .. })) => {
                // What cannot be read keeps a backup out as a prune does, and a prune as a backup does.
                let either = if kind == LockKind::Backup { LockKind::Prune } else { LockKind::Backup };
                Error::Locked { kind: other.unwrap_or(either), since, refreshed }
            }
            Err(why) => why,
        };
        held.release().await;
        Err(why)
    }

    fn is_kept_out_by(&self, lock: &Lock) -> bool {
        let is_young = self.clock.now().since(lock.refreshed) < LOCK_STALE;
        is_young && lock.kind.is_none_or(|kind| !self.kind.goes_with(kind))
    }

    async fn write(&self, now: Timestamp) -> Result<()> {
        let kind = match self.kind {
            LockKind::Backup => 1,
            LockKind::Prune => 2,
        };
        let record = LockRecord { kind, since: self.since.0, refreshed: now.0 };
        self.repo.put_message(&self.name, &record).await
    }

    /// Says that its holder lives, if that was not said lately.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let mut refreshed = self.refreshed.lock().await;
        if self.clock.now().since(*refreshed) < LOCK_REFRESH {
            return Ok(());
        }
        self.renew(&mut refreshed).await
    }

    /// As `refresh`, whenever that was, and looks whether somebody is there who should not be: what is done next needs that
    /// nobody took it for dead.
    pub(crate) async fn confirm(&self) -> Result<()> {
        self.renew(&mut *self.refreshed.lock().await).await?;
        let locks = self.repo.locks().await?;
        let own = self.name.strip_prefix(LOCKS).unwrap_or_default();
        match locks.iter().any(|lock| lock.id != own && self.is_kept_out_by(lock)) {
            true => Err(Error::LockLost),
            false => Ok(()),
        }
    }

    async fn renew(&self, refreshed: &mut Timestamp) -> Result<()> {
        let is_stale = |at: Timestamp| self.clock.now().since(at) >= LOCK_STALE;
        match self.repo.depot().get(&self.name).await {
            Err(DepotError::Missing(_)) => return Err(Error::LockLost),
            found => found?,
        };
        if is_stale(*refreshed) {
            return Err(Error::LockLost);
        }
        let now = self.clock.now();
        self.write(now).await?;
        // Asked again when it is written: until then others saw the old time.
        if is_stale(*refreshed) {
            return Err(Error::LockLost);
        }
        *refreshed = now;
        Ok(())
    }

    /// Removes the lock. What fails is told to the log: the lock is stale in an hour, and nothing else depends on it.
    pub(crate) async fn release(self) {
        if let Err(why) = self.repo.depot().delete(&self.name).await {
            tracing::warn!(lock = %self.name, %why, "a lock of the repository of backups could not be removed");
        }
    }
}

impl Repository {
    /// Every lock, stale ones too.
    pub async fn locks(&self) -> Result<Vec<Lock>> {
        let mut found = Vec::new();
        self.each(LOCKS, |lock| {
            found.push(lock);
            if found.len() > LOCKS_MAX { Err(Error::Limit("LOCKS_MAX")) } else { Ok(()) }
        })
        .await?;
        let mut locks = Vec::new();
        for found in found {
            let id = found.name.strip_prefix(LOCKS).unwrap_or(&found.name).to_owned();
            let unknown = Lock { id: id.clone(), kind: None, since: found.modified, refreshed: found.modified };
            locks.push(match self.message::<LockRecord>(&found.name).await {
                Ok(record) => Lock {
                    id,
                    kind: match record.kind {
                        1 => Some(LockKind::Backup),
                        2 => Some(LockKind::Prune),
                        _ => None,
                    },
                    since: Timestamp(record.since),
                    refreshed: Timestamp(record.refreshed),
                },
                // It was released meanwhile.
                Err(Error::Depot(DepotError::Missing(_))) => continue,
                Err(Error::Damaged { .. }) => unknown,
                Err(why) => return Err(why),
            });
        }
        Ok(locks)
    }

    /// Removes every lock, also of who is at work: a backup or a prune that is gives up. Gives what was removed.
    pub async fn unlock(&self) -> Result<Vec<Lock>> {
        let locks = self.locks().await?;
        for lock in &locks {
            self.depot().delete(&format!("{LOCKS}{}", lock.id)).await?;
        }
        Ok(locks)
    }
}
