//! SUMMARY    The short critical section of the embedded store: validate, take a version, lay over, queue.
//! LIMITS     KV_RESOLVER_KEYS_MAX; what waits is bounded by the transactions of those who wait for it
//! INVARIANTS Views are swapped only under the lock, so versions of views only rise. A waiter is woken by the publication of
//!            its version or by the failure of the store, whichever comes first. A version is given once, even to a commit that
//!            was lost. No file is touched under the lock, save the
//!            read of a counter whose base changed since it was fetched.

use super::{
    checkpoint::{Checkpoints, Request},
    disk::{Disk, Handles},
    folder::Folder,
    revive::Gone,
    space::Space,
};
use crate::{
    draft::Prepared,
    kv::{CommitError, Committed, Durable, Version},
    layer::{Layer, Patch, Slice},
    page::Base,
    resolver::{KeyHasher, Resolver},
    txn::{Engine, View, durable_now},
};
use arc_swap::ArcSwap;
use base::limits::STORE_REVIVE_ATTEMPTS_MAX;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::{oneshot, watch};

pub(super) type Waiter = oneshot::Sender<Result<(), CommitError>>;

pub(super) struct State {
    pub resolver: Resolver,
    pub base: Arc<dyn Base>,
    /// Being written and fsynced.
    pub older: Layer,
    /// Waiting for the committer.
    pub newer: Layer,
    /// Last version in `older`.
    pub in_flight: u64,
    pub waiting_older: Vec<Waiter>,
    pub waiting_newer: Vec<Waiter>,
    /// Why nothing can be committed until the store is opened again.
    pub failed: Option<String>,
    /// Only a new start of the process can open it.
    pub lost: bool,
    /// Versions that were given to commits which did not become durable: after the first, up to the second.
    pub void: Vec<(u64, u64)>,
    pub stopping: bool,
    pub idle: bool,
    /// The durable rows are to be published once more, with a snapshot of now.
    pub republish: bool,
    /// Copies of the files that are asked for.
    pub copies: Vec<Request>,
}

impl State {
    pub(super) fn has_work(&self) -> bool {
        self.resolver.version() > self.in_flight && self.failed.is_none()
    }

    fn is_void(&self, version: u64) -> bool {
        self.void.iter().any(|(after, to)| *after < version && version <= *to)
    }
}

pub(super) struct Shared {
    pub state: Mutex<State>,
    pub work: Condvar,
    view: ArcSwap<View>,
    /// What `begin_read` sees.
    published: ArcSwap<View>,
    durable: AtomicU64,
    /// Last version that is void; 0 = none ever was.
    void_to: AtomicU64,
    hasher: KeyHasher,
    epoch: Instant,
    pub stopped: watch::Sender<bool>,
    pub space: Space,
    pub folder: Folder,
    /// What works on the files; `None` while the database is being opened again.
    handles: Mutex<Option<Handles>>,
    pub checkpoints: Checkpoints,
}

impl Shared {
    pub(super) fn new(disk: &Disk, version: u64, folder: Folder, free_bytes_min: u64) -> Self {
        let base: Arc<dyn Base> = Arc::new(disk.publish(version));
        let view =
            Arc::new(View { base: Arc::clone(&base), older: Layer::default(), newer: Layer::default(), version });
        let state = State {
            resolver: Resolver::new(version),
            base,
            older: Layer::default(),
            newer: Layer::default(),
            in_flight: version,
            waiting_older: Vec::new(),
            waiting_newer: Vec::new(),
            failed: None,
            lost: false,
            void: Vec::new(),
            stopping: false,
            idle: false,
            republish: false,
            copies: Vec::new(),
        };
        Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            view: ArcSwap::new(Arc::clone(&view)),
            published: ArcSwap::new(view),
            durable: AtomicU64::new(version),
            void_to: AtomicU64::new(0),
            hasher: KeyHasher::default(),
            epoch: Instant::now(),
            stopped: watch::Sender::new(false),
            space: Space::new(folder.path().to_path_buf(), free_bytes_min),
            folder,
            handles: Mutex::new(Some(disk.handles())),
            checkpoints: Checkpoints::default(),
        }
    }

    pub(super) fn handles(&self) -> Option<Handles> {
        self.handles.lock().clone()
    }

    /// Asks the committer to publish the durable rows anew; it may be gone, or at work.
    pub(super) fn publish_again(&self) {
        self.state.lock().republish = true;
        self.work.notify_one();
    }

    /// Asks the committer to copy the files before its next commit.
    pub(super) fn ask_for_copy(&self, request: Request) -> Result<(), String> {
        let mut state = self.state.lock();
        if let Some(why) = &state.failed {
            return Err(why.clone());
        }
        if state.stopping {
            return Err("the store is closed".to_owned());
        }
        state.copies.push(request);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    pub(super) fn durable_version(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn is_published(&self) -> bool {
        !self.state.lock().republish
    }

    pub(super) fn newest(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub(super) fn published(&self) -> Arc<View> {
        self.published.load_full()
    }

    /// Shows `state` to new transactions.
    pub(super) fn show(&self, state: &MutexGuard<'_, State>) {
        self.view.store(Arc::new(View {
            base: Arc::clone(&state.base),
            older: state.older.clone(),
            newer: state.newer.clone(),
            version: state.resolver.version(),
        }));
    }

    /// Shows the durable rows of `version` to readers. Call under the lock.
    pub(super) fn show_durable(&self, state: &MutexGuard<'_, State>, version: u64) {
        self.published.store(Arc::new(View {
            base: Arc::clone(&state.base),
            older: Layer::default(),
            newer: Layer::default(),
            version,
        }));
        self.durable.store(version, Ordering::Release);
    }

    /// Lets go of the rows, so that the database can be opened again; whoever reads meanwhile is told to come back.
    pub(super) fn let_go(&self) {
        *self.handles.lock() = None;
        let mut state = self.state.lock();
        state.base = Arc::new(Gone);
        state.older = Layer::default();
        state.newer = Layer::default();
        self.show(&state);
        let version = self.durable.load(Ordering::Acquire);
        self.show_durable(&state, version);
    }

    /// Serves the rows of `disk`, which end at commit `found`. Versions go on behind all that were ever given, so that what
    /// was read of a commit that is not there can neither be committed nor be told to anybody.
    pub(super) fn resume(&self, disk: &Disk, found: u64) {
        let mut state = self.state.lock();
        let void_to = state.resolver.version().max(found) + 1;
        if state.void.len() >= STORE_REVIVE_ATTEMPTS_MAX as usize {
            // Long before the oldest transaction.
            state.void.remove(0);
        }
        state.void.push((found, void_to - 1));
        self.void_to.store(void_to - 1, Ordering::Release);
        state.resolver = Resolver::new(void_to);
        state.in_flight = void_to;
        state.base = Arc::new(disk.publish(void_to));
        state.failed = None;
        *self.handles.lock() = Some(disk.handles());
        self.show(&state);
        self.show_durable(&state, void_to);
    }

    pub(super) fn has_room(&self) -> bool {
        self.space.has_room(self.now_ms())
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.lock().lost
    }

    pub(super) fn health(&self) -> Result<(), String> {
        let state = self.state.lock();
        match (&state.failed, state.stopping) {
            (Some(why), _) => Err(why.clone()),
            (None, true) => Err("the store is closed".to_owned()),
            (None, false) => Ok(()),
        }
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.work.notify_one();
    }

    /// Lets what waits become durable, then ends the committer.
    pub(super) async fn close(&self) {
        self.stop();
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as self, so this ends with the committer.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Values of counters in the durable rows, fetched before the lock is taken.
    fn prefetch(&self, added: &[(Slice, i64)]) -> Result<(Arc<View>, Vec<Option<Slice>>), CommitError> {
        let view = self.published();
        let values = added.iter().map(|(key, _)| view.base.get(key)).collect::<Result<_, _>>();
        Ok((view, values.map_err(CommitError::Fatal)?))
    }
}

fn wait(receiver: oneshot::Receiver<Result<(), CommitError>>, version: u64) -> Durable {
    Box::pin(async move {
        match receiver.await {
            Ok(result) => result.map(|()| Committed::alone(Version(version))),
            Err(_) => Err(CommitError::Fatal("the committer is gone".to_owned())),
        }
    })
}

impl Engine for Shared {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    fn commit(&self, txn: Prepared) -> Result<Durable, CommitError> {
        let now_ms = self.now_ms();
        let added = txn.added();
        let (seen, values) = self.prefetch(&added)?;
        let (sender, receiver) = oneshot::channel();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if let Some(why) = &state.failed {
            return Err(CommitError::Fatal(why.clone()));
        }
        if state.stopping {
            return Err(CommitError::Fatal("the store is closed".to_owned()));
        }
        let State { resolver, base, older, newer, .. } = state;
        let is_fresh = std::ptr::addr_eq(Arc::as_ptr(base), Arc::as_ptr(&seen.base));
        let mut fetched = values.into_iter();
        let current = |key: &Slice| {
            let fetched = fetched.next().flatten();
            match newer.lookup(key).or_else(|| older.lookup(key)) {
                Some(Patch::Put(value)) => Ok(Some(value.clone())),
                Some(Patch::Gone | Patch::Add(_)) => Ok(None),
                None if is_fresh => Ok(fetched),
                None => base.get(key),
            }
        };
        let (version, writes) = txn.validate(resolver, &self.hasher, &added, now_ms, current)?;
        state.newer.absorb(writes);
        state.waiting_newer.push(sender);
        let wake = std::mem::take(&mut state.idle);
        self.show(&guard);
        drop(guard);
        if wake {
            self.work.notify_one();
        }
        Ok(wait(receiver, version))
    }

    fn durable(&self, version: u64) -> Durable {
        // `void_to` rises before `durable` passes it.
        let durable = self.durable.load(Ordering::Acquire);
        if version <= durable && (version > self.void_to.load(Ordering::Acquire) || version == 0) {
            return durable_now(version);
        }
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if state.is_void(version) {
            return Box::pin(ready(Err(CommitError::Fatal("what was read did not become durable".to_owned()))));
        }
        if version <= self.durable.load(Ordering::Acquire) {
            return durable_now(version);
        }
        if let Some(why) = &state.failed {
            return Box::pin(ready(Err(CommitError::Fatal(why.clone()))));
        }
        if version <= state.in_flight {
            state.waiting_older.push(sender);
        } else {
            state.waiting_newer.push(sender);
        }
        wait(receiver, version)
    }
}
