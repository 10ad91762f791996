//! SUMMARY    A clock that runs ahead of another one by as much as somebody put it forward: the demo's server and the fake share it.
//! INVARIANTS It never goes back, also not over a restart where it is kept in a file.

use crate::kept::write_whole;
use base::{Clock, SystemClock, Timestamp};
use parking_lot::Mutex;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// A clock, and how far it was put forward.
pub struct AheadClock {
    clock: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
    /// Where it is kept, held while it is written.
    kept: Option<Mutex<PathBuf>>,
}

impl Default for AheadClock {
    fn default() -> AheadClock {
        AheadClock::of(Arc::new(SystemClock))
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().0.saturating_add(self.ahead_ms.load(Ordering::SeqCst)))
    }
}

impl AheadClock {
    /// Not ahead yet.
    pub fn of(clock: Arc<dyn Clock>) -> AheadClock {
        AheadClock { clock, ahead_ms: AtomicI64::new(0), kept: None }
    }

    /// The system's clock, as far ahead as a file says, in which it stays. Errors: a file that cannot be read, or says something else.
    pub fn kept_in(path: &Path) -> io::Result<AheadClock> {
        let ahead_ms = match std::fs::read_to_string(path) {
            Ok(text) => text.trim().parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let kept = Some(Mutex::new(path.to_owned()));
        Ok(AheadClock { ahead_ms: AtomicI64::new(ahead_ms), kept, ..AheadClock::default() })
    }

    /// Puts it forward. What cannot be kept is put forward all the same, until the end of the process.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let kept = self.kept.as_ref().map(Mutex::lock);
        let add = |ms: i64| Some(ms.saturating_add(by));
        let before = self.ahead_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).unwrap_or_default();
        if let Some(path) = kept
            && let Err(error) = write_whole(&path, before.saturating_add(by).to_string().as_bytes())
        {
            tracing::warn!(%error, "how far the clock is ahead was not kept");
        }
    }

    /// The clock that it is ahead of.
    pub(crate) fn behind(&self) -> &dyn Clock {
        self.clock.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_ahead_over_a_restart() {
        let path = std::env::temp_dir().join(format!("ahead-clock-{}", std::process::id()));
        let clock = AheadClock::kept_in(&path).unwrap();
        assert!(!path.exists(), "nothing is kept before it is put forward");
        let begun = clock.now();
        clock.advance(Duration::from_secs(86_400));
        clock.advance(Duration::from_secs(1));
        assert!(clock.now().since(begun) >= Duration::from_secs(86_401));
        assert!(AheadClock::kept_in(&path).unwrap().now() >= clock.now());
        std::fs::write(&path, "soon").unwrap();
        assert!(AheadClock::kept_in(&path).is_err(), "time does not go back where the file is spoiled");
        std::fs::remove_file(&path).unwrap();
    }
}
