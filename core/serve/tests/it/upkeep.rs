//! SUMMARY    Upkeep under a serving server: packed, compacted and trimmed stores read as before, also after crashes.

use crate::world::{Ahead, Client, Ground, World};
use account::{Job, LogKeep, Upkeep, UpkeepOptions, Upkept};
use base::Timestamp;
use bytes::Bytes;
use control::{Change, Control};
use serve::Budget;
use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::{
    EmbeddedOptions, Kv,
    blob::{FsObjects, ObjectInfo, Objects, ObjectsError, Pace, Packing},
    embedded::{self, OpenError},
    kv::BoxFuture,
};
use tokio::sync::{Notify, watch};

const HOUR: Duration = Duration::from_secs(3_600);

/// Objects of which one put, although it was done, does not return before it is told to.
struct Stalling {
    files: FsObjects,
    stall: AtomicBool,
    stalled: Notify,
    go_on: Notify,
}
impl Objects for Stalling {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let put = self.files.put(name, bytes);
        Box::pin(async {
            put.await?;
            if self.stall.swap(false, Ordering::SeqCst) {
                self.stalled.notify_one();
                self.go_on.notified().await;
            }
            Ok(())
        })
    }
    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        self.files.get(name, range)
    }
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.files.delete(name)
    }
    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        self.files.list(prefix)
    }
    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        self.files.sweep_unfinished(now, age)
    }
}

/// A world on an embedded store, with what is needed to maintain it.
struct House {
    world: World,
    objects: Arc<Stalling>,
    clock: Arc<Ahead>,
    options: UpkeepOptions,
}

impl House {
    async fn open(folder: &Path, clock: Arc<Ahead>) -> House {
        let files = FsObjects::open(folder.join("packs")).unwrap();
        let objects =
            Arc::new(Stalling { files, stall: AtomicBool::new(false), stalled: Notify::new(), go_on: Notify::new() });
        // A dropped store is one that was killed: nothing is written at its end.
        let kv = open(&folder.join("kv")).await;
        let ground = Ground { kv, objects: objects.clone(), clock: clock.clone() };
        let world = World::on(ground, Budget::default()).await;
        let options = UpkeepOptions {
            interval: HOUR,
            packing: Packing { older_than: HOUR, target_bytes: 128 << 10, least_bytes: 1 },
            keep: LogKeep { units: 2, age: HOUR },
            pace: Pace::default(),
        };
        House { world, objects, clock, options }
    }

    async fn new(folder: &Path) -> House {
        let house = House::open(folder, Arc::default()).await;
        house.world.people().await;
        house
    }

    fn upkeep(&self) -> Upkeep {
        Upkeep::new(self.world.accounts.clone(), self.options.clone())
    }

    /// One pass of every job, an hour and a bit later.
    async fn later(&self) -> Upkept {
        self.clock.pass(HOUR + Duration::from_secs(1));
        self.upkeep().pass().await.unwrap()
    }

    async fn pack_files(&self) -> usize {
        self.objects.list("packs/").await.unwrap().len()
    }

    async fn deliver(&self, count: usize) {
        for n in 0..count {
            let reply = self.world.deliver("bea@elsewhere.example", "ann@a.example", &text(n)).await;
            assert!(reply.starts_with("250"), "{reply}");
        }
    }
}

/// Opens the store as soon as the sessions of the world before have let it go.
async fn open(folder: &Path) -> Arc<dyn Kv> {
    let opened = async {
        loop {
            match embedded::open(folder, EmbeddedOptions::default()) {
                Err(OpenError::InUse(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                opened => return opened.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), opened).await.expect("a session holds the store")
}

/// The nth message; no two are alike, and they do not compress to nothing.
fn text(n: usize) -> String {
    let lines = (0..40 + n * 13 % 200).map(|line| {
        let hash = blake3::hash(format!("{n}/{line}").as_bytes());
        format!("{hash}\r\n")
    });
    format!("From: Bea <bea@elsewhere.example>\r\nSubject: number {n}\r\n\r\n{}end", lines.collect::<String>())
}

/// Reads these messages (numbered from 0, uid n + 1) and compares every byte.
async fn read_back(client: &mut Client, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        let fetched = client.ask(&format!("f UID FETCH {} BODY.PEEK[]", n + 1), "f OK").await;
        assert!(
            fetched.contains(&format!("\r\n{}\r\n)\r\n", text(n))),
            "message {n} is not what was sent: {fetched:.300}"
        );
    }
}

async fn session(world: &World) -> Client {
    let mut client = world.imap("ann@a.example").await;
    client.ask("s SELECT INBOX", "s OK").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_the_same_after_packing_a_crash_and_compaction() {
    const MESSAGES: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(MESSAGES).await;
    assert_eq!(house.upkeep().pass().await.unwrap().packed.blobs, 0, "nothing is cold yet");
    let packed = house.later().await.packed;
    assert_eq!(packed.blobs, MESSAGES);
    assert!(packed.packs > 1 && house.pack_files().await == packed.packs, "{packed:?}");
    read_back(&mut session(&house.world).await, 0..MESSAGES).await;
    let clock = house.clock.clone();
    drop(house);

    let house = House::open(folder.path(), clock).await;
    let mut client = session(&house.world).await;
    read_back(&mut client, 0..MESSAGES).await;
    // Two of three go; whoever reads the rest meanwhile notices nothing.
    let kept = |n: &usize| n.is_multiple_of(3);
    for n in (0..MESSAGES).filter(|n| !kept(n)) {
        client.ask(&format!("d UID STORE {} +FLAGS.SILENT (\\Deleted)", n + 1), "d OK").await;
    }
    client.ask("e EXPUNGE", "e OK").await;
    let (stop, stopped) = watch::channel(false);
    let mut readers = Vec::new();
    for _ in 0..2 {
        let (mut reader, stopped) = (session(&house.world).await, stopped.clone());
        readers.push(tokio::spawn(async move {
            let mut rounds = 0;
            while !*stopped.borrow() || rounds == 0 {
                read_back(&mut reader, (0..MESSAGES).filter(kept)).await;
                rounds += 1;
            }
        }));
    }
    let mut all = Upkept::default();
    for _ in 0..4 {
        let done = house.later().await;
        all.compacted.packs += done.compacted.packs;
        all.swept.packs += done.swept.packs;
        all.swept.objects += done.swept.objects;
    }
    stop.send_replace(true);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(all.compacted.packs > 0 && all.swept.objects > 0, "{all:?}");
    assert!(house.pack_files().await < packed.packs, "{all:?}");
    read_back(&mut client, (0..MESSAGES).filter(kept)).await;
    client.ask("d STORE 1:* +FLAGS.SILENT (\\Deleted)", "d OK").await;
    client.ask("e EXPUNGE", "e OK").await;
    house.later().await;
    house.later().await;
    assert_eq!(house.pack_files().await, 0, "nothing is kept of what nobody has");
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_the_mail_of_a_purged_account_is_removed_and_nobody_elses() {
    const MESSAGES: usize = 130;
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(MESSAGES).await;
    assert_eq!(house.later().await.packed.blobs, MESSAGES);
    let mut client = session(&house.world).await;
    client.ask("c CREATE Old", "c OK").await;
    client.ask("c COPY 1:3 Old", "c OK").await;
    client.ask("l LOGOUT", "l OK").await;
    let mut ann = house.world.account(1, "ann", "a.example", None, 2, true);
    (ann.live, ann.credentials) = (false, Vec::new());
    house.world.accounts.apply(vec![Change::Account(ann.clone())]).await.unwrap();
    assert_eq!(house.later().await.purged, 0, "what is deleted can be restored");
    assert_eq!(house.world.accounts.usage(ann.tenant).await.unwrap().emails, MESSAGES as i64);
    ann = control::AccountSnapshot { version: 3, purged: true, ..ann };
    house.world.accounts.apply(vec![Change::Account(ann.clone())]).await.unwrap();
    // Cut off after a while, it goes on where it was.
    house.clock.pass(HOUR * 2);
    let slow = Upkeep::new(
        house.world.accounts.clone(),
        UpkeepOptions { pace: Pace { pause: HOUR, ..Pace::default() }, ..house.options.clone() },
    );
    let cut = tokio::time::timeout(Duration::from_millis(500), slow.run_job(Job::Purge, false)).await;
    assert!(cut.is_err(), "it rests after the first part");
    let after = house.world.accounts.usage(ann.tenant).await.unwrap();
    assert_eq!(after.emails, MESSAGES as i64 - 100);
    house.clock.pass(Duration::from_secs(61));
    assert_eq!(house.later().await.purged, MESSAGES as u64 - 100);
    let after = house.world.accounts.usage(ann.tenant).await.unwrap();
    assert_eq!((after.emails, after.used_bytes), (0, 0));
    house.later().await;
    house.later().await;
    assert_eq!(house.pack_files().await, 0, "nothing is kept of what nobody has");
    assert_eq!(house.later().await.purged, 0);
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_pack_and_its_index_loses_nothing_and_the_orphan_goes() {
    const MESSAGES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(MESSAGES).await;
    house.clock.pass(HOUR * 2);
    house.objects.stall.store(true, Ordering::SeqCst);
    let upkeep = house.upkeep();
    let pass = tokio::spawn(async move { upkeep.pass().await });
    house.objects.stalled.notified().await;
    pass.abort();
    assert!(pass.await.unwrap_err().is_cancelled());
    assert_eq!(house.pack_files().await, 1);
    let clock = house.clock.clone();
    drop(house);

    let house = House::open(folder.path(), clock).await;
    let mut client = session(&house.world).await;
    read_back(&mut client, 0..MESSAGES).await;
    assert_eq!(house.upkeep().run_job(Job::Pack, false).await.unwrap(), None, "the dead worker's lease still stands");
    house.clock.pass(Duration::from_secs(61));
    let packed = house.upkeep().pass().await.unwrap().packed;
    assert_eq!(packed.blobs, MESSAGES, "the same again, into packs of its own");
    assert_eq!(house.pack_files().await, packed.packs + 1);
    read_back(&mut client, 0..MESSAGES).await;
    // Given up after an hour, removed a while later.
    let swept = (house.later().await.swept, house.later().await.swept);
    assert_eq!((swept.0.packs, swept.0.objects + swept.1.objects), (1, 1), "{swept:?}");
    assert_eq!(house.pack_files().await, packed.packs);
    read_back(&mut client, 0..MESSAGES).await;
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_peers_one_does_a_job_and_stopping_does_not_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(4).await;
    house.clock.pass(HOUR * 2);
    house.objects.stall.store(true, Ordering::SeqCst);
    let (stop, stopped) = watch::channel(false);
    let first = tokio::spawn(house.upkeep().run(stopped));
    house.objects.stalled.notified().await;
    let second = house.upkeep();
    assert_eq!(second.run_job(Job::Pack, false).await.unwrap(), None, "the first one is at it");
    assert_eq!(second.run_job(Job::Trim, true).await.unwrap(), None, "the first one has just done it");
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(1), first).await.expect("stops at once").unwrap();
    // Cut off, it could not give its lease back: that runs out.
    assert_eq!(second.run_job(Job::Pack, false).await.unwrap(), None);
    house.clock.pass(Duration::from_secs(61));
    assert!(second.run_job(Job::Pack, false).await.unwrap().is_some());
    read_back(&mut session(&house.world).await, 0..4).await;
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_lost_its_lease_notes_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(4).await;
    house.clock.pass(HOUR * 2);
    house.objects.stall.store(true, Ordering::SeqCst);
    let slow = house.upkeep();
    let slow = tokio::spawn(async move { slow.run_job(Job::Pack, false).await });
    house.objects.stalled.notified().await;
    house.clock.pass(Duration::from_secs(61));
    // Both pack the same blobs; each is turned to one pack, and the other pack has less to live for.
    assert!(house.upkeep().run_job(Job::Pack, false).await.unwrap().is_some());
    house.objects.go_on.notify_one();
    assert_eq!(slow.await.unwrap().unwrap_err().kind, base::Kind::TooOld);
    read_back(&mut session(&house.world).await, 0..4).await;
    house.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_from_before_the_trimmed_log_hear_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(folder.path()).await;
    house.deliver(6).await;
    let mut c = house.world.imap("ann@a.example").await;
    c.ask("e ENABLE QRESYNC", "e OK").await;
    let selected = c.ask("a SELECT INBOX", "a OK").await;
    let number = |name: &str| -> u64 {
        let at = selected.find(name).unwrap() + name.len();
        selected[at..].split(']').next().unwrap().trim().parse().unwrap()
    };
    let (validity, modseq) = (number("[UIDVALIDITY "), number("[HIGHESTMODSEQ "));
    let mut sleeper = session(&house.world).await;
    let mut other = session(&house.world).await;
    other.ask("b UID STORE 2,4:5 +FLAGS.SILENT (\\Deleted)", "b OK").await;
    other.ask("c EXPUNGE", "c OK").await;
    other.ask("d UID STORE 3 +FLAGS.SILENT (\\Flagged)", "d OK").await;
    house.deliver(4).await;
    assert_eq!(house.later().await.trimmed, 0, "how old it is is not known yet");
    let trimmed = house.later().await.trimmed;
    assert!(trimmed > 10, "{trimmed}");
    assert_eq!(house.later().await.trimmed, 0);

    c.ask("u UNSELECT", "u OK").await;
    let back = c.ask(&format!("s SELECT INBOX (QRESYNC ({validity} {modseq}))"), "s OK").await;
    assert!(back.contains("* VANISHED (EARLIER) 2,4:5\r\n"), "{back}");
    assert!(back.contains("UID 3 FLAGS (\\Flagged)") && !back.contains("UID 1 FLAGS"), "{back}");
    assert!(back.contains("UID 10 FLAGS"), "{back}");
    let known = c.ask(&format!("s SELECT INBOX (QRESYNC ({validity} {modseq} 1:4))"), "s OK").await;
    assert!(known.contains("* VANISHED (EARLIER) 2,4\r\n") && !known.contains("UID 10 FLAGS"), "{known}");
    let fetched = c.ask(&format!("f UID FETCH 3:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)"), "f OK").await;
    assert!(fetched.contains("* VANISHED (EARLIER) 4:5\r\n"), "{fetched}");
    // What is younger than the floor is told exactly as before.
    let newest = c.ask("f UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1000000 VANISHED)", "f OK").await;
    assert!(!newest.contains("VANISHED"), "{newest}");
    // A session that slept over it all.
    let woken = sleeper.ask("n NOOP", "n OK").await;
    assert_eq!(woken.matches(" EXPUNGE\r\n").count(), 3, "{woken}");
    assert!(woken.contains("* 7 EXISTS"), "{woken}");
    house.world.end().await;
}
