//! SUMMARY    The cache of objects on disk: fetched once, bounded, kept over restarts, of no harm when it is damaged or full.

use crate::weed::Weed;
use base::{SystemClock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{
    blob::{ObjectInfo, Objects, ObjectsError},
    kv::BoxFuture,
};
use store_s3::{
    CacheOptions, CachedObjects, S3Objects,
    limits::{CACHE_CHUNK_BYTES, CACHE_FILE_BYTES_MIN, CACHE_RANGE_BYTES_MAX, CACHE_WARM_SHARE_MAX},
};

const CHUNK: u64 = CACHE_CHUNK_BYTES as u64;

/// Objects in memory that count their reads.
#[derive(Default)]
struct Counted {
    objects: Mutex<HashMap<String, Bytes>>,
    gets: AtomicUsize,
    /// Reads take a while, so that several meet.
    is_slow: AtomicBool,
    is_away: AtomicBool,
}

impl Counted {
    fn taken(&self) -> usize {
        self.gets.swap(0, Ordering::SeqCst)
    }
}

/// Shared with the test.
#[derive(Clone, Default)]
struct Behind(Arc<Counted>);

impl Objects for Behind {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.0.objects.lock().insert(name.to_owned(), bytes);
        Box::pin(std::future::ready(Ok(())))
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        self.0.gets.fetch_add(1, Ordering::SeqCst);
        let (name, object) = (name.to_owned(), self.0.objects.lock().get(name).cloned());
        Box::pin(async move {
            if self.0.is_slow.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            if self.0.is_away.load(Ordering::SeqCst) {
                return Err(ObjectsError::Io { name, source: std::io::ErrorKind::ConnectionRefused.into() });
            }
            let object = object.ok_or_else(|| ObjectsError::Missing(name.clone()))?;
            if range.end > object.len() as u64 {
                return Err(ObjectsError::Short(name));
            }
            Ok(object.slice(range.start as usize..range.end as usize))
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.0.objects.lock().remove(name);
        Box::pin(std::future::ready(Ok(())))
    }

    fn list(&self, _: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

fn content(length: u64) -> Bytes {
    (0..length).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

fn options(folder: &Path) -> CacheOptions {
    CacheOptions { free_bytes_min: 0, ..CacheOptions::new(folder.join("cache")) }
}

fn open(behind: &Behind, options: CacheOptions) -> CachedObjects<Behind> {
    CachedObjects::open(behind.clone(), options, Arc::new(SystemClock)).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(folder.join("cache")).unwrap().map(|part| part.unwrap().path());
    parts.flat_map(|part| fs::read_dir(part).unwrap().map(|file| file.unwrap().path())).collect()
}

async fn behind(name: &str, length: u64) -> (Behind, Bytes) {
    let (behind, content) = (Behind::default(), content(length));
    behind.put(name, content.clone()).await.unwrap();
    (behind, content)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_damaged_is_kept_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = behind("packs/a", CHUNK * 2).await;
    let cached = open(&behind, options(folder.path()));
    let wrong = Bytes::from(vec![7; content.len()]);
    behind.put("packs/a", wrong.clone()).await.unwrap();
    assert_eq!(cached.get("packs/a", 0..CHUNK).await.unwrap(), wrong.slice(..CHUNK as usize));
    behind.put("packs/a", content.clone()).await.unwrap();
    assert_eq!(cached.get("packs/a", 0..10).await.unwrap(), wrong.slice(..10), "from the disk");
    cached.forget("packs/a").await;
    assert_eq!(cached.get("packs/a", 0..CHUNK).await.unwrap(), content.slice(..CHUNK as usize));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_are_read_through_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let length = CHUNK * 20 + 777;
    let (behind, content) = behind("packs/a", length).await;
    let cached = open(&behind, options(folder.path()));
    let ranges = [
        (0..1, 1),
        (5..5_000, 0),
        (CHUNK - 1..CHUNK + 1, 1),
        (CHUNK..CHUNK * 2, 0),
        (CHUNK * 2 - 10..CHUNK * 5 + 10, 4),
        (0..CHUNK * 5, 0),
        (CHUNK * 20 + 100..CHUNK * 20 + 200, 2),
        (CHUNK * 20..CHUNK * 20 + 150, 0),
        (CHUNK * 20..length, 2),
        (CHUNK * 20 + 1..length, 0),
        (0..CACHE_RANGE_BYTES_MAX + 1, 1),
        (0..CACHE_RANGE_BYTES_MAX + 1, 1),
    ];
    for (range, gets) in ranges {
        let (from, to) = (range.start as usize, range.end as usize);
        assert_eq!(cached.get("packs/a", range).await.unwrap(), content.slice(from..to), "{from}..{to}");
        assert_eq!(behind.0.taken(), gets, "{from}..{to}");
    }
    for range in [length - 1..length + 1, length..length + 1, CHUNK * 30..CHUNK * 30 + 1] {
        assert!(matches!(cached.get("packs/a", range.clone()).await, Err(ObjectsError::Short(_))), "{range:?}");
    }
    assert!(matches!(cached.get("packs/b", 0..1).await, Err(ObjectsError::Missing(_))));
    assert!(matches!(cached.get("../b", 0..1).await, Err(ObjectsError::BadName(_))));
    assert!(matches!(cached.get("packs/a", u64::MAX - 1..u64::MAX).await, Err(ObjectsError::Io { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_just_put_is_read_without_asking() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = (Behind::default(), content(CHUNK * 40 + 777));
    let end = content.len() as u64;
    let cached = open(&behind, options(folder.path()));
    cached.put("packs/cold", content.clone()).await.unwrap();
    assert_eq!((cached.bytes(), files(folder.path()).len()), (0, 0), "what the packer moves stays out");
    cached.put_warm("packs/warm", content.clone()).await.unwrap();
    for range in [0..end, 0..1, end - 1..end, 5..end - 5, CHUNK - 1..CHUNK + 1] {
        let (from, to) = (range.start as usize, range.end as usize);
        assert_eq!(cached.get("packs/warm", range).await.unwrap(), content.slice(from..to), "{from}..{to}");
    }
    assert_eq!(behind.0.taken(), 0, "nobody was asked, not for more than CACHE_RANGE_BYTES_MAX either");
    assert!(matches!(cached.get("packs/warm", 0..end + 1).await, Err(ObjectsError::Short(_))));
    // A chunk that is lost is fetched by itself; with none a long range goes past.
    fs::remove_file(&files(folder.path())[0]).unwrap();
    behind.0.taken();
    assert_eq!(cached.get("packs/warm", 0..end).await.unwrap(), content);
    assert!((1..=2).contains(&behind.0.taken()));
    cached.delete("packs/warm").await.unwrap();
    assert!(matches!(cached.get("packs/warm", 0..end).await, Err(ObjectsError::Missing(_))));
    // More than its share would push out everything else.
    let small = CacheOptions { bytes_max: end * CACHE_WARM_SHARE_MAX - 1, ..options(folder.path()) };
    let cached = open(&behind, small);
    cached.put_warm("packs/warm", content.clone()).await.unwrap();
    assert_eq!(cached.bytes(), 0);
    assert_eq!(cached.get("packs/warm", 0..end).await.unwrap(), content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_one_chunk_fetch_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = behind("packs/a", CHUNK * 2).await;
    // Also where nothing can be written.
    for free_bytes_min in [0, u64::MAX] {
        let _ = fs::remove_dir_all(folder.path().join("cache"));
        let cached = Arc::new(open(&behind, CacheOptions { free_bytes_min, ..options(folder.path()) }));
        behind.0.is_slow.store(true, Ordering::SeqCst);
        let mut readers = tokio::task::JoinSet::new();
        for n in 0..50 {
            let cached = cached.clone();
            readers.spawn(async move { (n, cached.get("packs/a", n..n + 1_000).await.unwrap()) });
        }
        while let Some(read) = readers.join_next().await {
            let (n, read) = read.unwrap();
            assert_eq!(read, content.slice(n as usize..n as usize + 1_000));
        }
        assert_eq!(behind.0.taken(), 1);
        // Readers that give up leave nothing behind that others wait for.
        let given_up = tokio::time::timeout(Duration::from_millis(10), cached.get("packs/a", CHUNK..CHUNK + 1)).await;
        assert!(given_up.is_err());
        assert_eq!(
            cached.get("packs/a", CHUNK..CHUNK + 1).await.unwrap(),
            content.slice(CACHE_CHUNK_BYTES..=CACHE_CHUNK_BYTES)
        );
        behind.0.taken();
    }
    assert_eq!(files(folder.path()).len(), 0, "a disk without room is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_bounded_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = behind("packs/a", CHUNK * 10).await;
    let file = CHUNK + CACHE_FILE_BYTES_MIN;
    let bounded = CacheOptions { bytes_max: file * 4, ..options(folder.path()) };
    let cached = open(&behind, bounded.clone());
    let read = async |cached: &CachedObjects<Behind>, n: u64| {
        let read = cached.get("packs/a", n * CHUNK..n * CHUNK + 10).await.unwrap();
        assert_eq!(read, content.slice((n * CHUNK) as usize..(n * CHUNK) as usize + 10));
        behind.0.taken()
    };
    for n in 0..10 {
        assert_eq!(read(&cached, n).await, 1);
        assert_eq!(read(&cached, 0).await, 0, "what is used stays");
        assert!(cached.bytes() <= file * 4);
    }
    assert_eq!(files(folder.path()).len(), 4);
    assert_eq!(read(&cached, 5).await, 1, "what was not used went");
    drop(cached);
    let first = files(folder.path()).swap_remove(0);
    fs::write(first.with_extension("7.unfinished"), b"cut").unwrap();
    let cached = open(&behind, bounded);
    assert_eq!(cached.bytes(), file * 4);
    assert_eq!(files(folder.path()).len(), 4, "what was not finished is gone");
    assert_eq!(read(&cached, 0).await, 0);
    assert_eq!(read(&cached, 5).await, 0);
    drop(cached);
    let cached = open(&behind, CacheOptions { bytes_max: file, ..options(folder.path()) });
    assert_eq!((cached.bytes(), files(folder.path()).len()), (file, 1), "a smaller bound holds at once");
    cached.delete("packs/a").await.unwrap();
    assert_eq!((cached.bytes(), files(folder.path()).len()), (0, 0));
    assert!(matches!(cached.get("packs/a", 0..1).await, Err(ObjectsError::Missing(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = behind("packs/a", CHUNK * 2).await;
    let cached = open(&behind, options(folder.path()));
    let read = async |n: u64| {
        let from = (n * CHUNK) as usize;
        assert_eq!(cached.get("packs/a", n * CHUNK..n * CHUNK + 10).await.unwrap(), content.slice(from..from + 10));
        behind.0.taken()
    };
    assert_eq!((read(0).await, read(1).await), (1, 1));
    let mut files = files(folder.path());
    files.sort();
    let [zero, one] = files.as_slice() else { panic!("{files:?}") };
    let whole = fs::read(zero).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let longer = [whole.as_slice(), b"x"].concat();
    let damages =
        [Vec::new(), whole[..10].to_vec(), whole[..1_000].to_vec(), flipped(0), flipped(10), flipped(100_000), longer];
    for damaged in damages {
        fs::write(zero, damaged).unwrap();
        assert_eq!(read(0).await, 1, "fetched again");
        assert_eq!(read(0).await, 0, "and kept");
    }
    fs::copy(one, zero).unwrap();
    assert_eq!(read(0).await, 1, "the file of another chunk");
    fs::remove_file(zero).unwrap();
    assert_eq!(read(0).await, 1, "somebody removed it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_disk_it_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, content) = behind("packs/a", CHUNK * 3).await;
    let cached = open(&behind, options(folder.path()));
    assert_eq!(cached.get("packs/a", 0..10).await.unwrap(), content.slice(0..10));
    // The folder is gone, and nothing can be made in its place.
    fs::remove_dir_all(folder.path().join("cache")).unwrap();
    fs::write(folder.path().join("cache"), b"a file").unwrap();
    behind.0.taken();
    for _ in 0..3 {
        for n in 0..3 {
            let from = n * CACHE_CHUNK_BYTES;
            let read = cached.get("packs/a", from as u64..from as u64 + 10).await.unwrap();
            assert_eq!(read, content.slice(from..from + 10));
        }
    }
    assert_eq!(behind.0.taken(), 9, "every read goes through");
    behind.0.is_away.store(true, Ordering::SeqCst);
    assert!(matches!(cached.get("packs/a", 0..10).await, Err(ObjectsError::Io { .. })));
    behind.0.is_away.store(false, Ordering::SeqCst);
    assert!(cached.get("packs/a", 0..10).await.is_ok());
    assert!(open_fails(&behind, folder.path()));
    let swept = cached.sweep_unfinished(Timestamp(0), Duration::ZERO).await.unwrap();
    assert_eq!((swept, cached.list("packs/").await.unwrap().len()), (0, 0));
}

fn open_fails(behind: &Behind, folder: &Path) -> bool {
    CachedObjects::open(behind.clone(), options(folder), Arc::new(SystemClock)).is_err()
}

/// A part of the test of a real server.
pub async fn on_a_real_server(weed: &Weed) {
    let folder = tempfile::tempdir().unwrap();
    let objects = S3Objects::new(weed.options()).unwrap();
    let cached = CachedObjects::open(objects, options(folder.path()), Arc::new(SystemClock)).unwrap();
    let content = content(CHUNK * 3 + 5);
    cached.put("cached/a", content.clone()).await.unwrap();
    for range in [0..10, CHUNK - 5..CHUNK + 5, CHUNK * 3..CHUNK * 3 + 5, 0..CHUNK * 3 + 5] {
        let (from, to) = (range.start as usize, range.end as usize);
        assert_eq!(cached.get("cached/a", range).await.unwrap(), content.slice(from..to));
    }
    let requests = cached.objects().counts().requests;
    for n in 0..100_u64 {
        let from = (n * 7_000) as usize;
        assert_eq!(
            cached.get("cached/a", n * 7_000..n * 7_000 + 5_000).await.unwrap(),
            content.slice(from..from + 5_000)
        );
    }
    assert_eq!(cached.objects().counts().requests, requests, "all of it is on disk");
    cached.delete("cached/a").await.unwrap();
    assert!(matches!(cached.get("cached/a", 0..10).await, Err(ObjectsError::Missing(_))));
}
