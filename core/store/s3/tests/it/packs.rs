//! SUMMARY    Messages become packs on a real server, and are read from there: how many PUTs each costs.

use crate::weed::Weed;
use base::{Clock, Rng, SystemClock, Timestamp, rng::SeededRng};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use store::{
    Kv, MemKv,
    blob::{self, BlobRef, BlobSpace, Location, Maintenance, Objects, Pace, Packing, TenantKey},
};
use store_s3::{CacheOptions, CachedObjects, S3Objects, limits::CACHE_CHUNK_BYTES};

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
    let rng = SeededRng::new(seed);
    (0..MESSAGE_BYTES / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
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
