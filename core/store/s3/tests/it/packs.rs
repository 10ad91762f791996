//! SUMMARY    Messages become packs on a real server, and are read from there: how many PUTs each costs.

use crate::weed::Weed;
use base::{Clock, Rng, SystemClock, Timestamp, rng::SeededRng};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    Kv, MemKv,
    blob::{
        self, BlobRef, BlobSpace, Location, Maintenance, Objects, Pace, Packing, Stager, TenantKey,
        limits::BLOB_AHEAD_MS_MAX,
    },
};
use store_s3::{
    CacheOptions, CachedObjects, Keys, S3Objects, S3Options,
    limits::{CACHE_CHUNK_BYTES, S3_ATTEMPTS_MAX},
};

const MESSAGES: u64 = 840;
const MESSAGE_BYTES: usize = 40_000;

/// A clock that is a month ahead, so that everything is cold.
struct Later;
impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(30 * 24 * 3_600))
    }
}

fn space() -> BlobSpace {
    let prefix = |kind: &str| format!("T{kind}").into_bytes();
    BlobSpace {
        meta_prefix: prefix("b"),
        data_prefix: prefix("d"),
        link_prefix: prefix("l"),
        pack_prefix: b"Sp".to_vec(),
        staging_prefix: b"Sg".to_vec(),
    }
}

fn message(seed: u64) -> Vec<u8> {
    noise(seed, MESSAGE_BYTES)
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let rng = SeededRng::new(seed);
    (0..bytes / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
}

async fn store(kv: &Arc<dyn Kv>, key: &TenantKey, n: u64) -> BlobRef {
    let (sealed, mut txn) = (key.seal(&message(n)), kv.begin());
    blob::put(txn.as_mut(), &space(), &sealed, SystemClock.now()).await.unwrap();
    blob::link(txn.as_mut(), &space(), &sealed.blob(), &n.to_be_bytes());
    txn.submit().unwrap().await.unwrap();
    sealed.blob()
}

/// A part of the test of a real server.
pub async fn on_a_real_server(weed: &Weed) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
    let cache = CacheOptions { free_bytes_min: 0, ..CacheOptions::new(folder.path()) };
    let objects = CachedObjects::open(S3Objects::new(weed.options()).unwrap(), cache, clock).unwrap();
    let (kv, key, rng): (Arc<dyn Kv>, _, _) = (Arc::new(MemKv::new()), TenantKey::new([1; 32]), SeededRng::new(1));
    let mut blobs = Vec::new();
    for n in 0..MESSAGES {
        blobs.push(store(&kv, &key, n).await);
    }
    let on = Maintenance {
        kv: &kv,
        objects: &objects,
        clock: &Later,
        rng: &rng,
        pack_prefix: b"Sp",
        staging_prefix: b"Sg",
        backup_prefix: b"Sb",
        pace: Pace::default(),
    };
    let packing = Packing { least_bytes: 1, ..Packing::default() };
    blob::pack(&on, &[space()], &packing).await.unwrap();
    let counts = objects.objects().counts();
    assert!(counts.puts > 0 && counts.puts * 100 <= MESSAGES, "{} PUTs for {MESSAGES} messages", counts.puts);
    let packed_bytes = MESSAGES * MESSAGE_BYTES as u64;
    assert!(counts.bytes_sent < packed_bytes * 102 / 100, "{} bytes for {packed_bytes}", counts.bytes_sent);
    let began = objects.objects().counts();
    for (n, blob) in (0..MESSAGES).zip(&blobs) {
        let mut txn = kv.begin_read();
        let meta = blob::meta(txn.as_mut(), &space(), blob).await.unwrap().unwrap();
        assert!(matches!(meta.location, Location::Pack { .. }), "{:?}", meta.location);
        let read = blob::get(txn.as_mut(), &objects, &space(), &key, blob, None).await.unwrap();
        assert_eq!(read, Bytes::from(message(n)), "{n}");
    }
    let gets = objects.objects().counts().requests - began.requests;
    let chunks = packed_bytes / CACHE_CHUNK_BYTES as u64 + 1;
    assert!(gets <= chunks + chunks / 10, "each chunk is fetched once: {gets} requests for {chunks} chunks");
    for info in objects.list("packs/").await.unwrap() {
        objects.delete(&info.name).await.unwrap();
    }
}

/// A part of the test of a real server: a message of 25 MB is one PUT, before its commit, and a part of it is a part of the object.
pub async fn a_big_message(weed: &Weed) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
    let cache = CacheOptions { free_bytes_min: 0, ..CacheOptions::new(folder.path()) };
    let objects = Arc::new(CachedObjects::open(S3Objects::new(weed.options()).unwrap(), cache, clock).unwrap());
    let (kv, key, rng): (Arc<dyn Kv>, _, _) = (Arc::new(MemKv::new()), TenantKey::new([1; 32]), SeededRng::new(2));
    let plain = noise(9, 25_000_000);
    let sealed = key.seal(&plain);
    let stager = Stager::new(kv.clone(), objects.clone(), Arc::new(rng));
    stager.stage(&space(), &sealed, SystemClock.now()).await.unwrap();
    let staged = objects.objects().counts();
    assert_eq!((staged.requests, staged.puts), (1, 1), "one PUT and nothing else");
    let mut txn = kv.begin();
    blob::put(txn.as_mut(), &space(), &sealed, SystemClock.now()).await.unwrap();
    blob::link(txn.as_mut(), &space(), &sealed.blob(), b"o");
    txn.submit().unwrap().await.unwrap();
    let mut txn = kv.begin_read();
    let read = blob::get(txn.as_mut(), &*objects, &space(), &key, &sealed.blob(), None).await.unwrap();
    assert!(read == plain, "exact bytes, from the cache");
    assert_eq!(objects.objects().counts(), staged, "nobody was asked");
    // Another node has nothing in a cache.
    let bare = S3Objects::new(weed.options()).unwrap();
    let (from, end) = (plain.len() - 10_000, plain.len() as u64);
    let last =
        blob::get(txn.as_mut(), &bare, &space(), &key, &sealed.blob(), Some(from as u64..end + 1)).await.unwrap();
    assert_eq!(last, plain[from..]);
    let counts = bare.counts();
    assert!(counts.requests == 1 && counts.bytes_received < 150_000, "{counts:?}");
    let read = blob::get(txn.as_mut(), &bare, &space(), &key, &sealed.blob(), None).await.unwrap();
    assert!(read == plain, "exact bytes, from the bucket");
    for info in bare.list("packs/").await.unwrap() {
        bare.delete(&info.name).await.unwrap();
    }
}

/// A bucket that is away refuses no big message: it goes into the store, and what is there can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_message_while_the_bucket_is_away() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = S3Options {
        endpoint: Some(format!("http://{nowhere}")),
        path_style: true,
        ..S3Options::new("us-east-1", "packs", Keys::new("a", "b"))
    };
    let objects = Arc::new(S3Objects::new(options).unwrap());
    let (kv, key, rng): (Arc<dyn Kv>, _, _) = (Arc::new(MemKv::new()), TenantKey::new([1; 32]), SeededRng::new(2));
    let stager = Stager::new(kv.clone(), objects.clone(), Arc::new(rng));
    for seed in 0..3 {
        let (plain, began) = (noise(seed, 6_000_000), Instant::now());
        let sealed = key.seal(&plain);
        stager.stage(&space(), &sealed, SystemClock.now()).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(BLOB_AHEAD_MS_MAX + 5_000), "{:?}", began.elapsed());
        let mut txn = kv.begin();
        blob::put(txn.as_mut(), &space(), &sealed, SystemClock.now()).await.unwrap();
        blob::link(txn.as_mut(), &space(), &sealed.blob(), b"o");
        txn.submit().unwrap().await.unwrap();
        let mut txn = kv.begin_read();
        let read = blob::get(txn.as_mut(), &*objects, &space(), &key, &sealed.blob(), None).await.unwrap();
        assert!(read == plain, "{seed}");
    }
    let requests = objects.counts().requests;
    assert!(u32::try_from(requests).unwrap() <= S3_ATTEMPTS_MAX, "after the first nobody asked: {requests}");
}
