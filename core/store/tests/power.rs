//! SUMMARY    Power loss: what was not fsynced is gone; every acknowledged commit is there, and nobody was shown any other.
//! INVARIANTS A binary of its own, because it replaces fsync and fdatasync for the whole process: each call copies what the
//!            file (or the list of names of the folder) holds at that moment, and reports success without syncing anything.
//!            A power loss then leaves exactly those copies: bytes and names that were not synced are not in them. Real disks
//!            may keep more; none keeps less. Writes may reach a file while it is copied: they are as lost as kept.
//!            One kindness: a file under `blobs` that is synced keeps its name too, as ext4, xfs and btrfs do it. The engine
//!            (lsm-tree 3.1) syncs these files, but not their folder; docs/decisions/0012.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use base::{Clock, OpId, Rng, SystemClock, rng::SeededRng};
use std::{
    collections::{BTreeMap, HashMap},
    ffi::{OsString, c_int},
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use store::{
    EmbeddedOptions, Kv, Read,
    blob::{self, BlobRef, BlobSpace, FsObjects, Maintenance, Objects, Pace, Packing, TenantKey},
    embedded::open,
    retry::{Error, Retry, run},
};

/// A file or folder: its inode, and when it was made, because numbers of inodes are used again.
type Inode = (u64, Option<SystemTime>);

fn inode(meta: &fs::Metadata) -> Inode {
    (meta.ino(), meta.created().ok())
}

/// What a disk keeps.
#[derive(Default)]
struct Platter {
    /// What was written, and the length: files that were made long before they are filled end in a hole.
    files: HashMap<Inode, (Arc<Vec<u8>>, u64)>,
    folders: HashMap<Inode, BTreeMap<OsString, (Inode, bool)>>,
    syncs: u64,
}

static PLATTER: Mutex<Option<Platter>> = Mutex::new(None);

fn keep(descriptor: c_int) -> std::io::Result<()> {
    let mut platter = PLATTER.lock().unwrap();
    let platter = platter.get_or_insert_default();
    platter.syncs += 1;
    let path = PathBuf::from(format!("/proc/self/fd/{descriptor}"));
    let meta = fs::metadata(&path)?;
    if meta.is_dir() {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            // What was renamed or removed since is not synced yet.
            let Ok(meta) = entry.metadata() else { continue };
            names.insert(entry.file_name(), (inode(&meta), meta.is_dir()));
        }
        platter.folders.insert(inode(&meta), names);
    } else {
        let mut bytes = Vec::new();
        fs::File::open(&path)?.take(meta.blocks() * 512).read_to_end(&mut bytes)?;
        platter.files.insert(inode(&meta), (Arc::new(bytes), meta.len()));
        let named = fs::read_link(&path)?;
        if let (Some(folder), Some(name)) =
            (named.parent().filter(|folder| folder.ends_with("blobs")), named.file_name())
        {
            let folder = inode(&fs::metadata(folder)?);
            platter.folders.entry(folder).or_default().insert(name.to_owned(), (inode(&meta), false));
        }
    }
    Ok(())
}

fn sync(descriptor: c_int) -> c_int {
    match keep(descriptor) {
        Ok(()) => 0,
        Err(_) => -1,
    }
}

#[allow(unsafe_code, reason = "takes the place of libc's for this process, with the same signature")]
#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    sync(descriptor)
}

#[allow(unsafe_code, reason = "takes the place of libc's for this process, with the same signature")]
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    sync(descriptor)
}

/// Pulls the plug: makes `to` what the disk keeps of `from`.
fn lose_power(from: &Path, to: &Path) {
    fn restore(platter: &Platter, inode: Inode, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for (name, (inode, is_folder)) in platter.folders.get(&inode).into_iter().flatten() {
            let path = to.join(name);
            if *is_folder {
                restore(platter, *inode, &path);
            } else {
                // A name whose file was never synced: the file is there and empty.
                fs::write(&path, b"").unwrap();
                if let Some((bytes, len)) = platter.files.get(inode) {
                    fs::write(&path, bytes.as_slice()).unwrap();
                    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(*len).unwrap();
                }
            }
        }
    }
    let inode = inode(&fs::metadata(from).unwrap());
    restore(PLATTER.lock().unwrap().as_ref().unwrap(), inode, to);
}

fn options() -> EmbeddedOptions {
    // Small tables, so that the plug is also pulled while they are written and merged.
    EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 256 << 10, workers: 1, ..EmbeddedOptions::default() }
}

const WRITERS: u64 = 4;

fn row(writer: u64, number: u64) -> Vec<u8> {
    format!("row/{writer}/{number:010}").into_bytes()
}

fn value(writer: u64, number: u64) -> Vec<u8> {
    let rng = SeededRng::new(writer << 32 | number);
    let bytes = 100 + rng.below(5_000) as usize;
    (0..bytes).map(|n| (rng.next_u64() as usize + n) as u8).collect()
}

/// Highest numbers of each writer: acknowledged to it, and seen by a reader.
#[derive(Default)]
struct Told {
    acknowledged: [AtomicU64; WRITERS as usize],
    seen: [AtomicU64; WRITERS as usize],
    stop: AtomicBool,
}

async fn head(kv: &Arc<dyn Kv>, writer: u64) -> u64 {
    let head = kv.begin_read().get(format!("head/{writer}").as_bytes(), Read::Snapshot).await.unwrap();
    head.map_or(0, |head| u64::from_be_bytes(head.as_ref().try_into().unwrap()))
}

async fn write(kv: Arc<dyn Kv>, writer: u64, told: Arc<Told>) {
    let rng = SeededRng::new(writer + 1);
    let key = format!("head/{writer}").into_bytes();
    while !told.stop.load(Ordering::SeqCst) {
        let retry = Retry { kv: &kv, op: OpId(0), done_prefix: None, rng: &rng };
        let number = run::<_, Error, _>(retry, |txn| {
            Box::pin(async {
                let last = txn.get(&key, Read::Serializable).await?;
                let number = last.and_then(|last| last.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes) + 1;
                txn.set(&key, &number.to_be_bytes());
                txn.set(&row(writer, number), &value(writer, number));
                Ok(number)
            })
        });
        told.acknowledged[writer as usize].store(number.await.unwrap(), Ordering::SeqCst);
    }
}

async fn watch(kv: Arc<dyn Kv>, told: Arc<Told>) {
    while !told.stop.load(Ordering::SeqCst) {
        for writer in 0..WRITERS {
            told.seen[writer as usize].store(head(&kv, writer).await, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

fn snapshot(of: &[AtomicU64]) -> Vec<u64> {
    of.iter().map(|number| number.load(Ordering::SeqCst)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_commit_survives_and_no_reader_saw_another() {
    let (folder, images) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kv = open(folder.path().join("kv"), options()).unwrap();
    let told = Arc::new(Told::default());
    let mut tasks: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&kv), writer, Arc::clone(&told)))).collect();
    tasks.push(tokio::spawn(watch(Arc::clone(&kv), Arc::clone(&told))));
    let rng = SeededRng::new(99);
    let mut ahead = 0;
    for round in 0..20 {
        tokio::time::sleep(Duration::from_millis(20 + rng.below(60))).await;
        let (acknowledged, seen) = (snapshot(&told.acknowledged), snapshot(&told.seen));
        let image = images.path().join(round.to_string());
        lose_power(folder.path(), &image);
        let after = open(image.join("kv"), options()).unwrap();
        for writer in 0..WRITERS {
            let at = head(&after, writer).await;
            assert!(at >= acknowledged[writer as usize], "round {round}: an acknowledged commit is gone");
            assert!(at >= seen[writer as usize], "round {round}: a reader saw a commit that is gone");
            ahead += at - acknowledged[writer as usize];
            for number in 1..=at + 1 {
                let found = after.begin_read().get(&row(writer, number), Read::Snapshot).await.unwrap();
                let want = (number <= at).then(|| value(writer, number));
                assert!(
                    found.map(|found| found.to_vec()) == want,
                    "round {round}: row {number} of {writer}, head {at}"
                );
            }
        }
        after.close().await;
        drop(after);
        fs::remove_dir_all(image).unwrap();
    }
    told.stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    let total: u64 = snapshot(&told.acknowledged).iter().sum();
    let syncs = PLATTER.lock().unwrap().as_ref().unwrap().syncs;
    println!("{total} commits, {syncs} syncs, {ahead} commits durable before they were acknowledged");
    assert!(total > 100 && syncs > 100);
}

/// The shim itself: bytes and names that nobody synced are lost.
#[test]
fn what_is_not_synced_is_lost() {
    let (folder, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let synced = fs::File::create(folder.path().join("synced")).unwrap();
    fs::write(folder.path().join("synced"), b"kept").unwrap();
    synced.sync_all().unwrap();
    fs::write(folder.path().join("synced"), b"kept, and more").unwrap();
    fs::write(folder.path().join("named"), b"bytes").unwrap();
    fs::File::open(folder.path()).unwrap().sync_all().unwrap();
    fs::write(folder.path().join("nameless"), b"bytes").unwrap();
    fs::File::open(folder.path().join("nameless")).unwrap().sync_data().unwrap();
    lose_power(folder.path(), image.path());
    assert_eq!(fs::read(image.path().join("synced")).unwrap(), b"kept");
    assert_eq!(fs::read(image.path().join("named")).unwrap(), b"");
    assert!(!image.path().join("nameless").exists());
}

struct Blobs {
    kv: Arc<dyn Kv>,
    objects: FsObjects,
    rng: SeededRng,
}

impl Blobs {
    fn open(folder: &Path, seed: u64) -> Blobs {
        let kv = open(folder.join("kv"), options()).unwrap();
        Blobs { kv, objects: FsObjects::open(folder.join("packs")).unwrap(), rng: SeededRng::new(seed) }
    }

    fn on(&self) -> Maintenance<'_> {
        Maintenance {
            kv: &self.kv,
            objects: &self.objects,
            clock: &SystemClock,
            rng: &self.rng,
            pack_prefix: b"Sp",
            staging_prefix: b"Sg",
            backup_prefix: b"Sb",
            pace: Pace { abandoned_after: Duration::ZERO, grace: Duration::ZERO, pause: Duration::from_micros(200) },
        }
    }

    async fn change(&self, key: &TenantKey, plain: &[u8], is_put: bool) -> BlobRef {
        let (sealed, space, now) = (key.seal(plain), space(), SystemClock.now());
        let retry = Retry { kv: &self.kv, op: OpId(0), done_prefix: None, rng: &self.rng };
        run::<_, blob::BlobError, _>(retry, |txn| {
            Box::pin(async {
                if is_put {
                    blob::put(txn, &space, &sealed, now).await?;
                    blob::link(txn, &space, &sealed.blob(), b"o");
                } else {
                    blob::unlink(txn, &space, &sealed.blob(), b"o").await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        sealed.blob()
    }
}

fn space() -> BlobSpace {
    let own = |kind: &[u8]| [b"T1", kind].concat();
    BlobSpace {
        meta_prefix: own(b"b"),
        data_prefix: own(b"d"),
        link_prefix: own(b"l"),
        pack_prefix: b"Sp".to_vec(),
        staging_prefix: b"Sg".to_vec(),
    }
}

fn packing() -> Packing {
    Packing { older_than: Duration::ZERO, target_bytes: 64 << 10, least_bytes: 1 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_survive_power_loss_during_packing_compaction_and_sweeps() {
    let (folder, images) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blobs = Blobs::open(folder.path(), 7);
    let key = TenantKey::new([7; 32]);
    let mut stored = Vec::new();
    for number in 0..120 {
        let plain = value(9, number);
        stored.push((blobs.change(&key, &plain, true).await, plain));
    }
    for round in 0..12 {
        // Ever fewer live, so that packs are emptied and swept too.
        let gone = stored.split_off(stored.len() * 3 / 4);
        for (_, plain) in &gone {
            blobs.change(&key, plain, false).await;
        }
        let on = blobs.on();
        let care = async {
            blob::pack(&on, &[space()], &packing()).await.unwrap();
            blob::compact(&on, &packing()).await.unwrap();
            blob::sweep(&on).await.unwrap();
        };
        let plug = async {
            tokio::time::sleep(Duration::from_millis(blobs.rng.below(25))).await;
            let image = images.path().join(round.to_string());
            lose_power(folder.path(), &image);
            let after = Blobs::open(&image, 1_000 + round);
            for turn in 0..2 {
                for (blob, plain) in &stored {
                    let mut txn = after.kv.begin_read();
                    let read = blob::get(txn.as_mut(), &after.objects, &space(), &key, blob, None).await;
                    assert!(read.is_ok_and(|read| read == plain), "round {round}, turn {turn}: {blob}");
                }
                let on = after.on();
                blob::pack(&on, &[space()], &packing()).await.unwrap();
                blob::compact(&on, &packing()).await.unwrap();
                blob::sweep(&on).await.unwrap();
            }
        };
        tokio::join!(care, plug);
    }
    assert!(blobs.objects.list("packs/").await.unwrap().len() < 12);
}
