//! SUMMARY    A depot that dies at a chosen operation, a clock that is set, rows from seeds, and whole backups in one call.

use backup::{
    BoxFuture, Depot, DepotError, Depth, Found, KeyRange, MemoryDepot, Report, Repository, RepositoryKey, Result,
    Snapshot, Writer,
};
use base::{Clock, Rng, Timestamp, rng::SeededRng};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// 2026-11-28T00:00:00Z.
pub const START: i64 = 1_795_824_000_000;
pub const HOUR: i64 = 3_600_000;

pub struct SetClock(AtomicI64);

impl SetClock {
    pub fn add(&self, ms: i64) {
        self.0.fetch_add(ms, SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(SeqCst))
    }
}

/// What becomes of the operation at which a depot dies; all behind it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    NotDone,
    DoneAndNotTold,
}

/// A depot in memory that dies when it was told to.
#[derive(Default)]
pub struct Mortal {
    pub kept: MemoryDepot,
    left: Mutex<Option<(usize, Last)>>,
    pub put: Mutex<Vec<String>>,
    pub got: Mutex<Vec<String>>,
    putting: AtomicI64,
    pub putting_max: AtomicI64,
}

impl Mortal {
    /// Dies at the operation behind so many.
    pub fn die_after(&self, operations: usize, last: Last) {
        *self.left.lock().unwrap() = Some((operations, last));
    }

    /// Lives again; whether it had died.
    pub fn revive(&self) -> bool {
        self.left.lock().unwrap().take().is_some_and(|(left, _)| left == 0)
    }

    /// Whether the operation is done, and whether that is told.
    fn fate(&self) -> (bool, bool) {
        match &mut *self.left.lock().unwrap() {
            None => (true, true),
            Some((0, last @ Last::DoneAndNotTold)) => {
                *last = Last::NotDone;
                (true, false)
            }
            Some((0, Last::NotDone)) => (false, false),
            Some((left, _)) => {
                *left -= 1;
                (true, true)
            }
        }
    }

    fn dead<T>(&self) -> std::result::Result<T, DepotError> {
        Err(DepotError::Io { name: "anything".to_owned(), source: "the depot died".into() })
    }

    pub fn take_put(&self) -> Vec<String> {
        std::mem::take(&mut self.put.lock().unwrap())
    }

    pub fn take_got(&self) -> Vec<String> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

impl Depot for Mortal {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, std::result::Result<(), DepotError>> {
        let name = name.to_owned();
        Box::pin(async move {
            let putting = self.putting.fetch_add(1, SeqCst) + 1;
            self.putting_max.fetch_max(putting, SeqCst);
            tokio::task::yield_now().await;
            self.putting.fetch_sub(1, SeqCst);
            let (is_done, is_told) = self.fate();
            if is_done {
                self.put.lock().unwrap().push(name.clone());
                self.kept.put(&name, bytes).await?;
            }
            if is_told { Ok(()) } else { self.dead() }
        })
    }

    fn get(&self, name: &str) -> BoxFuture<'_, std::result::Result<Bytes, DepotError>> {
        self.got.lock().unwrap().push(name.to_owned());
        let name = name.to_owned();
        Box::pin(async move { if self.fate().1 { self.kept.get(&name).await } else { self.dead() } })
    }

    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, std::result::Result<Vec<Found>, DepotError>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Box::pin(async move {
            if self.fate().1 { self.kept.list(&prefix, after.as_deref(), limit).await } else { self.dead() }
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, std::result::Result<(), DepotError>> {
        let name = name.to_owned();
        Box::pin(async move {
            let (is_done, is_told) = self.fate();
            if is_done {
                self.kept.delete(&name).await?;
            }
            if is_told { Ok(()) } else { self.dead() }
        })
    }

    fn describe(&self) -> String {
        "a depot that may die".to_owned()
    }
}

/// What a backup is made of.
#[derive(Clone, Default)]
pub struct Content {
    pub streams: BTreeMap<String, Rows>,
    pub objects: BTreeMap<String, Vec<u8>>,
}

pub fn key() -> RepositoryKey {
    RepositoryKey::new([7; 32])
}

pub struct World {
    pub depot: Arc<Mortal>,
    pub clock: Arc<SetClock>,
    pub repo: Repository,
}

impl World {
    pub async fn new() -> World {
        let (depot, clock) = (Arc::new(Mortal::default()), Arc::new(SetClock(AtomicI64::new(START))));
        let repo = Repository::create(depot.clone(), &key(), &*clock).await.unwrap();
        World { depot, clock, repo }
    }

    /// Another depot with the same content.
    pub async fn copy(&self) -> World {
        let (depot, now) = (Arc::new(Mortal::default()), self.clock.now().0);
        for (name, bytes) in self.depot.kept.all() {
            depot.kept.put(&name, bytes).await.unwrap();
        }
        let repo = Repository::open(depot.clone(), &key()).await.unwrap();
        World { depot, clock: Arc::new(SetClock(AtomicI64::new(now))), repo }
    }

    pub async fn begin(&self) -> Result<Writer> {
        self.clock.add(1);
        self.repo.begin(self.clock.clone(), BTreeMap::from([("store".to_owned(), "one".to_owned())])).await
    }

    pub async fn back_up(&self, content: &Content) -> Result<Snapshot> {
        let writer = self.begin().await?;
        fill(&writer, content).await?;
        writer.finish().await
    }

    pub async fn verify(&self, depth: Depth) -> Report {
        self.repo.verify(depth, &mut |_| ()).await.unwrap()
    }
}

pub async fn fill(writer: &Writer, content: &Content) -> Result<()> {
    for (name, rows) in &content.streams {
        write(writer, name, rows).await?;
    }
    for (name, bytes) in &content.objects {
        let read = || std::future::ready(Ok::<_, Infallible>(Bytes::from(bytes.clone())));
        writer.object(name, bytes.len() as u64, read).await?;
    }
    Ok(())
}

pub async fn write(writer: &Writer, name: &str, rows: &Rows) -> Result<()> {
    let mut stream = writer.stream("test", name)?;
    for (key, value) in rows {
        stream.push(key, value).await?;
    }
    stream.finish().await
}

pub async fn read(snapshot: &Snapshot, stream: &str, ranges: &[KeyRange]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut reader = snapshot.rows(stream, ranges).await?;
    let mut rows = Vec::new();
    while let Some(page) = reader.next_page().await? {
        assert!(!page.is_empty());
        rows.extend(page.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    assert!(rows.is_sorted());
    Ok(rows)
}

/// All that a snapshot gives back.
pub async fn read_all(snapshot: &Snapshot) -> Result<Content> {
    let mut content = Content::default();
    let mut after = None::<String>;
    loop {
        let page = snapshot.streams(after.as_deref(), 3).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        for info in page {
            let rows = read(snapshot, &info.name, &[KeyRange::all()]).await?;
            assert_eq!(info.rows, rows.len() as u64);
            content.streams.insert(info.name, rows.into_iter().collect());
        }
    }
    for info in snapshot.objects(None, 1_000).await? {
        content.objects.insert(info.name.clone(), snapshot.object(&info.name).await?.to_vec());
    }
    Ok(content)
}

pub async fn assert_gives(snapshot: &Snapshot, content: &Content) {
    let read = read_all(snapshot).await.unwrap();
    assert!(read.streams == content.streams, "streams are not what they were");
    assert!(read.objects == content.objects, "objects are not what they were");
}

/// Bytes that do not shrink.
pub fn noise(rng: &SeededRng, bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(8)).flat_map(|_| rng.next_u64().to_le_bytes()).take(bytes).collect()
}

/// So many rows with keys of 16 bytes and values of so many.
pub fn rows(seed: u64, count: usize, bytes: usize) -> Rows {
    let rng = SeededRng::new(seed);
    (0..count).map(|_| (noise(&rng, 16), noise(&rng, bytes))).collect()
}

/// A little of everything: several chunks in a stream, small streams, an empty one, objects.
pub fn small(seed: u64) -> Content {
    let rng = SeededRng::new(seed);
    let streams = [("big", rows(seed, 24, 90_000)), ("one", rows(1, 5, 100)), ("two", rows(seed, 5, 100))];
    let objects = [("packs/same", vec![5; 1_000]), ("packs/new", noise(&rng, 3_000))];
    let mut streams: BTreeMap<String, Rows> = streams.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect();
    streams.insert("empty".to_owned(), Rows::new());
    let named = |name: &str| if name == "packs/new" { format!("packs/new-{seed}") } else { name.to_owned() };
    Content { streams, objects: objects.into_iter().map(|(name, bytes)| (named(name), bytes)).collect() }
}
