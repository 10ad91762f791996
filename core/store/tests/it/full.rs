//! SUMMARY    The disk has no room for a while: waiters are told so, durable rows are read on, and the store comes back by itself.
//!            A child process lowers its own limit of file sizes, which fails writes as a full disk does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    ffi::OsStr,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{CommitError, EmbeddedOptions, KeyRange, Kv, PageLimit, Read, embedded::open};

/// Tells the child where to write; without it the child test has nothing to do.
const FOLDER: &str = "POSTHOUSE_STORE_FULL_FOLDER";
const ROUNDS: u8 = 3;

fn options() -> EmbeddedOptions {
    let small = EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, ..EmbeddedOptions::default() };
    EmbeddedOptions { free_bytes_min: 0, revive_free_bytes_min: 0, revive_ms: 20, ..small }
}

fn limit_file_bytes(bytes: Option<u64>) {
    let hard = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(hard), maximum: hard }).unwrap();
}

async fn put(kv: &Arc<dyn Kv>, key: &[u8], value: &[u8]) -> Result<store::Version, CommitError> {
    let mut txn = kv.begin();
    txn.set(key, value);
    Ok(txn.submit()?.await?.version)
}

async fn get(kv: &Arc<dyn Kv>, key: &[u8]) -> Option<Vec<u8>> {
    kv.begin_read().get(key, Read::Snapshot).await.unwrap().map(|value| value.to_vec())
}

async fn until_it_serves(kv: &Arc<dyn Kv>) {
    let began = Instant::now();
    while kv.health().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not come back: {:?}", kv.health().await);
        assert!(!kv.is_lost());
        tokio::task::yield_now().await;
    }
}

/// The child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_meets_a_full_disk() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let kv = open(Path::new(&folder), options()).unwrap();
    let mut last = put(&kv, b"first", &[7; 9_000]).await.unwrap();
    // Held all the time: it does not keep the database from being opened again.
    let mut snapshot = kv.snapshot().await.unwrap();
    for round in 0..ROUNDS {
        limit_file_bytes(Some(4_096));
        let why = put(&kv, &[b'u', round], &vec![round; 9_000]).await.unwrap_err();
        assert!(matches!(&why, CommitError::Fatal(why) if why.contains("unknown")), "{why}");
        limit_file_bytes(None);
        until_it_serves(&kv).await;
        assert_eq!(get(&kv, b"first").await.unwrap(), [7; 9_000]);
        let unknown = get(&kv, &[b'u', round]).await;
        assert!(unknown.is_none_or(|value| value == vec![round; 9_000]), "applied in part");
        let version = put(&kv, &[b'k', round], &vec![round; 9_000]).await.unwrap();
        assert!(version > last, "versions rise");
        last = version;
        let all = KeyRange::prefix(b"");
        assert_eq!(snapshot.page(&all, PageLimit::MAX).await.unwrap().rows.len(), 1);
        let now = kv.snapshot().await.unwrap().page(&all, PageLimit::MAX).await.unwrap().rows;
        assert!(now.iter().any(|(key, _)| key.as_ref() == [b'k', round]));
    }
    kv.close().await;
}

#[tokio::test]
async fn a_full_disk_passes() {
    let folder = tempfile::tempdir().unwrap();
    let output = tokio::task::spawn_blocking({
        let folder = folder.path().to_owned();
        move || {
            // The signal that goes with the limit is ignored, as the child inherits it, so that the write fails instead.
            Command::new("sh")
                .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "full::child_meets_a_full_disk", "--nocapture"])
                .env(OsStr::new(FOLDER), folder)
                .output()
                .unwrap()
        }
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kv = open(folder.path(), options()).unwrap();
    assert_eq!(get(&kv, b"first").await.unwrap(), [7; 9_000]);
    for round in 0..ROUNDS {
        assert_eq!(get(&kv, &[b'k', round]).await.unwrap(), vec![round; 9_000], "acknowledged after it came back");
    }
}

#[tokio::test]
async fn below_its_reserve_a_store_has_no_room_and_still_commits() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), EmbeddedOptions { free_bytes_min: u64::MAX, ..options() }).unwrap();
    assert!(!kv.has_room() && !kv.is_lost());
    put(&kv, b"deletions", b"go on").await.unwrap();
    drop(kv);
    assert!(open(folder.path(), options()).unwrap().has_room());
}
