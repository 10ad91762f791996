//! SUMMARY    A backup being written: streams and objects go in, in any order and several at once; the manifest comes last.
//! LIMITS     STREAMS_MAX, STREAM_NAME_BYTES_MAX, OBJECTS_MAX, FACTS_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX
//! INVARIANTS What the repository has is listed once, under the lock. A stream that was begun and not finished, or any put that
//!            failed, and there is no snapshot: a backup has everything that it was given, or does not exist.

use crate::{
    Error, Repository, Result, Snapshot, StreamWriter,
    error::apart,
    limits::{CHUNKS_IN_FLIGHT_MAX, FACTS_BYTES_MAX, STREAM_NAME_BYTES_MAX, STREAMS_MAX},
    lock::{Held, LockKind},
    manifest::{MANIFEST_VERSION, Manifest, ObjectEntry, SnapshotId, StreamEntry, Totals},
    present::Present,
    row::Piece,
    seal::Keys,
    tree::{Family, Node, TreeWriter},
};
use base::{Clock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A backup being written. Dropped, it leaves no snapshot, and a lock that is stale in an hour (`abandon` removes it).
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    id: SnapshotId,
    started: Timestamp,
    facts: Mutex<BTreeMap<String, String>>,
}

/// What its streams and objects have in common.
pub(crate) struct Shared {
    pub(crate) repo: Repository,
    pub(crate) lock: Held,
    permits: Arc<Semaphore>,
    pub(crate) state: Mutex<State>,
    /// Objects of earlier snapshots.
    pub(crate) earlier: HashMap<String, ObjectEntry>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) present: Present,
    /// Streams that are finished.
    pub(crate) streams: BTreeMap<String, StreamEntry>,
    /// Streams and objects that were begun and are not finished.
    pub(crate) open: BTreeSet<String>,
    pub(crate) objects: BTreeMap<String, ObjectEntry>,
    pub(crate) totals: Totals,
    /// Why there will be no snapshot.
    pub(crate) failed: bool,
}

impl Shared {
    pub(crate) fn keys(&self) -> &Keys {
        self.repo.keys()
    }

    /// To hold one chunk or object in memory.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.map_err(|why| Error::Machine(why.to_string()))
    }

    /// Puts a piece if the repository has none of its name.
    pub(crate) async fn store(self: &Arc<Self>, family: Family, level: u32, piece: Piece) -> Result<Node> {
        let result = self.try_store(family, level, piece).await;
        if result.is_err() {
            self.state.lock().failed = true;
        }
        result
    }

    async fn try_store(self: &Arc<Self>, family: Family, level: u32, piece: Piece) -> Result<Node> {
        // Also where nothing is put: an hour of rows that are there already is an hour.
        self.lock.refresh().await?;
        let own = self.clone();
        let Piece { plain, first, last, weight } = piece;
        let (name, place, known, sealed) = apart(move || {
            let name = own.keys().name(family, &plain);
            let (place, known) = (family.place(&name), own.state.lock().present.content(&name));
            let sealed = if known.is_none() { own.keys().seal(&place, &plain)? } else { Bytes::new() };
            Ok((name, place, known, sealed))
        })
        .await?;
        let stored = known.unwrap_or(sealed.len() as u64);
        if known.is_none() {
            self.repo.depot().put(&place, sealed).await?;
            let mut state = self.state.lock();
            // Two streams that have one chunk may have put it both.
            if state.present.add(name, stored)? {
                state.totals.chunks_new += 1;
                state.totals.stored_new += stored;
            }
        }
        Ok(Node {
            name: Bytes::copy_from_slice(&name),
            level,
            first: first.into(),
            last: last.into(),
            rows: weight.rows,
            bytes: weight.bytes,
            stored,
            list: family == Family::List,
        })
    }
}

impl Repository {
    /// Begins a backup: takes the lock, lists what there is. `facts` are the caller's own and come back with the snapshot.
    /// Errors: `Locked` (a prune is at work).
    pub async fn begin(&self, clock: Arc<dyn Clock>, facts: BTreeMap<String, String>) -> Result<Writer> {
        check_facts(&facts)?;
        let (started, lock) = (clock.now(), Held::take(self, clock.clone(), LockKind::Backup).await?);
        let prepared = async {
            Ok::<_, Error>((SnapshotId::new(started)?, Present::list(self).await?, self.earlier_objects().await?))
        };
        let (id, present, earlier) = match prepared.await {
            Ok(prepared) => prepared,
            Err(why) => {
                lock.release().await;
                return Err(why);
            }
        };
        let state = Mutex::new(State { present, ..State::default() });
        let permits = Arc::new(Semaphore::new(CHUNKS_IN_FLIGHT_MAX));
        let shared = Arc::new(Shared { repo: self.clone(), lock, permits, state, earlier });
        Ok(Writer { shared, clock, id, started, facts: Mutex::new(facts) })
    }
}

fn check_facts(facts: &BTreeMap<String, String>) -> Result<()> {
    let bytes: usize = facts.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > FACTS_BYTES_MAX { Err(Error::Limit("FACTS_BYTES_MAX")) } else { Ok(()) }
}

/// Notes a name that has no rows or bytes yet.
pub(crate) fn reserve(state: &mut State, what: &str, name: &str, is_there: bool) -> Result<()> {
    match is_there || !state.open.insert(format!("{what} {name}")) {
        true => Err(Error::Invalid(format!("the backup has {what} {name:?} already"))),
        false => Ok(()),
    }
}

impl Writer {
    /// The id that the snapshot will have.
    pub fn id(&self) -> &SnapshotId {
        &self.id
    }

    /// Adds a fact, or replaces it.
    pub fn fact(&self, name: &str, value: &str) -> Result<()> {
        let mut facts = self.facts.lock();
        let mut with = facts.clone();
        with.insert(name.to_owned(), value.to_owned());
        check_facts(&with)?;
        *facts = with;
        Ok(())
    }

    /// What was written so far; streams count when they are finished.
    pub fn totals(&self) -> Totals {
        self.shared.state.lock().totals
    }

    /// Begins a stream. Its name is its own in this snapshot; `kind` is for whoever reads it.
    pub fn stream(&self, kind: &str, name: &str) -> Result<StreamWriter> {
        if name.is_empty() || name.len() > STREAM_NAME_BYTES_MAX || kind.len() > STREAM_NAME_BYTES_MAX {
            return Err(Error::Limit("STREAM_NAME_BYTES_MAX"));
        }
        let mut state = self.shared.state.lock();
        if state.streams.len() + state.open.len() >= STREAMS_MAX {
            return Err(Error::Limit("STREAMS_MAX"));
        }
        let is_there = state.streams.contains_key(name);
        reserve(&mut state, "stream", name, is_there)?;
        Ok(StreamWriter::new(self.shared.clone(), kind, name))
    }

    /// Puts the tables and the manifest. Errors leave no snapshot, but if the last put succeeded and did not say so; then the
    /// snapshot is whole.
    pub async fn finish(self) -> Result<Snapshot> {
        let result = self.settle().await;
        self.unlock().await;
        result
    }

    /// Gives up: what was put stays until a prune, and the next backup uses it.
    pub async fn abandon(self) {
        self.unlock().await;
    }

    async fn unlock(self) {
        // A stream that is still there keeps the lock with it, and may still put something.
        if let Some(shared) = Arc::into_inner(self.shared) {
            shared.lock.release().await;
        }
    }

    async fn settle(&self) -> Result<Snapshot> {
        let (streams, objects) = {
            let mut state = self.shared.state.lock();
            if let Some(open) = state.open.first() {
                return Err(Error::Invalid(format!("{open:?} was begun and not finished")));
            }
            (std::mem::take(&mut state.streams), std::mem::take(&mut state.objects))
        };
        let streams = self.table(streams).await?;
        let objects = self.table(objects).await?;
        if self.shared.state.lock().failed {
            return Err(Error::Invalid("something of the backup could not be stored".to_owned()));
        }
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            id: self.id.as_str().to_owned(),
            started: self.started.0,
            finished: self.clock.now().0,
            facts: self.facts.lock().clone(),
            streams,
            objects,
            totals: Some(self.totals()),
        };
        self.shared.lock.confirm().await?;
        self.shared.repo.put_message(&self.id.place(), &manifest).await?;
        Ok(Snapshot::new(self.shared.repo.clone(), self.id.clone(), manifest))
    }

    async fn table<M: Message>(&self, entries: BTreeMap<String, M>) -> Result<Option<Node>> {
        let mut tree = TreeWriter::new(self.shared.clone(), Family::List);
        for (name, entry) in entries {
            tree.push(name.as_bytes(), &entry.encode_to_vec()).await?;
        }
        tree.finish().await
    }
}
