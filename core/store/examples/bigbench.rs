//! SUMMARY    Measures what big blobs cost before their delivery is durable: as packs of their own, and as rows that a packer moves later.
//!
//! bigbench FOLDER [megabytes=20] [blobs=20]
#![allow(clippy::unwrap_used, reason = "a measuring tool")]

use base::{Clock, Rng, SystemClock, SystemRng};
use bytes::Bytes;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    EmbeddedOptions, Kv,
    blob::{
        self, BlobSpace, FsObjects, Maintenance, ObjectInfo, Objects, ObjectsError, Pace, Packing, Stager, TenantKey,
    },
    embedded::open,
    kv::BoxFuture,
};

/// Files that say they are far, so that big blobs are put there first.
struct Far(Arc<FsObjects>);

impl Objects for Far {
    fn is_far(&self) -> bool {
        true
    }
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.0.put(name, bytes)
    }
    fn get(&self, name: &str, range: std::ops::Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        self.0.get(name, range)
    }
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.0.delete(name)
    }
    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        self.0.list(prefix)
    }
}

/// Bytes that this process wrote to the disk so far.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

fn space() -> BlobSpace {
    let prefix = |kind: &str| kind.as_bytes().to_vec();
    BlobSpace {
        meta_prefix: prefix("Tb"),
        data_prefix: prefix("Td"),
        link_prefix: prefix("Tl"),
        pack_prefix: prefix("Sp"),
        staging_prefix: prefix("Sg"),
    }
}

async fn measure(folder: &Path, is_ahead: bool, bytes: usize, blobs: u64) {
    let kv: Arc<dyn Kv> = open(folder.join("kv"), EmbeddedOptions::default()).unwrap();
    let files = Arc::new(FsObjects::open(folder.join("packs")).unwrap());
    let objects: Arc<dyn Objects> = if is_ahead { Arc::new(Far(files.clone())) } else { files.clone() };
    let (rng, key, before) = (Arc::new(SystemRng::default()), TenantKey::new([1; 32]), written_bytes());
    let stager = Stager::new(kv.clone(), objects, rng.clone());
    let mut times = Vec::new();
    for n in 0..blobs {
        let plain: Vec<u8> = (0..bytes / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
        let sealed = key.seal(&plain);
        let began = Instant::now();
        stager.stage(&space(), &sealed, SystemClock.now()).await.unwrap();
        let mut txn = kv.begin();
        blob::put(txn.as_mut(), &space(), &sealed, SystemClock.now()).await.unwrap();
        blob::link(txn.as_mut(), &space(), &sealed.blob(), &n.to_be_bytes());
        txn.submit().unwrap().await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let way = if is_ahead { "packs" } else { "rows" };
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{way}: {blobs} of {bytes} bytes, median {median:?}, longest {longest:?}");
    let began = Instant::now();
    let on = Maintenance {
        kv: &kv,
        objects: &*files,
        clock: &SystemClock,
        rng: &*rng,
        pack_prefix: b"Sp",
        staging_prefix: b"Sg",
        backup_prefix: b"Sb",
        pace: Pace::default(),
    };
    let packing = Packing { older_than: Duration::ZERO, least_bytes: 1, ..Packing::default() };
    let packed = blob::pack(&on, &[space()], &packing).await.unwrap();
    println!("{way}: {} packed later in {:?}", packed.blobs, began.elapsed());
    kv.close().await;
    let wrote = (written_bytes() - before) as f64 / (bytes as u64 * blobs) as f64;
    println!("{way}: {wrote:.2} bytes written for each byte");
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap();
    let mut number = |default: u64| args.next().map_or(default, |text| text.parse().unwrap());
    let (megabytes, blobs) = (number(20), number(20));
    for is_ahead in [false, true, false, true] {
        let folder = tempfile::tempdir_in(&folder).unwrap();
        measure(folder.path(), is_ahead, megabytes as usize * 1_000_000, blobs).await;
    }
}
