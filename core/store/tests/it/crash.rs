//! SUMMARY    A child process writes and reports each acknowledged commit; it is killed at random moments; nothing reported
//!            is missing, and no transaction is there in part.

use base::{Rng, rng::SeededRng};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use store::{
    EmbeddedOptions, KeyRange, Kv, PageLimit, Read,
    embedded::open,
    retry::{Error, Retry, run},
};

/// Tells the child where to write; without it the child test has nothing to do.
const FOLDER: &str = "POSTHOUSE_STORE_CRASH_FOLDER";
const ROUNDS: u64 = 15;
const WRITERS: u64 = 4;

fn options() -> EmbeddedOptions {
    // Small tables, so that kills also meet the writing and merging of tables.
    EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, workers: 1, ..EmbeddedOptions::default() }
}

fn value(writer: u64, number: u64) -> Vec<u8> {
    let rng = SeededRng::new(writer << 32 | number);
    let bytes = 100 + rng.below(6_000) as usize;
    (0..bytes).map(|n| (rng.next_u64() as usize + n) as u8).collect()
}

fn row(writer: u64, number: u64) -> Vec<u8> {
    format!("row/{writer}/{number:010}").into_bytes()
}

/// The child: writes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_writes_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let kv = open(Path::new(&folder), options()).unwrap();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&kv), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(kv: Arc<dyn Kv>, writer: u64) {
    let rng = SeededRng::new(writer + 1);
    let head = format!("head/{writer}").into_bytes();
    loop {
        let retry = Retry { kv: &kv, op: base::OpId(0), done_prefix: None, rng: &rng };
        let number = run::<_, Error, _>(retry, |txn| {
            Box::pin(async {
                let last = txn.get(&head, Read::Serializable).await?;
                let number = last.and_then(|last| last.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes) + 1;
                txn.set(&head, &number.to_be_bytes());
                txn.set(&row(writer, number), &value(writer, number));
                txn.add(b"rows", 1);
                if number % 7 == 0 {
                    txn.clear_range(&KeyRange { from: row(writer, number - 6), to: row(writer, number - 4) });
                    txn.add(b"rows", -2);
                }
                Ok(number)
            })
        })
        .await
        .unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nACK {writer} {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn acknowledged_commits_survive_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_writes_until_killed", "--nocapture"])
            .env(OsStr::new(FOLDER), folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let killer = tokio::task::spawn_blocking(move || {
            let mut acks = Vec::new();
            let life = Duration::from_millis(SeededRng::new(round).below(250));
            let mut began: Option<Instant> = None;
            while let Some(Ok(line)) = lines.next() {
                let Some(ack) = line.strip_prefix("ACK ") else { continue };
                acks.push(ack.to_owned());
                // Its life begins with the first acknowledgement, so that a slow start does not shorten it.
                if began.get_or_insert_with(Instant::now).elapsed() >= life {
                    child.kill().unwrap();
                }
            }
            child.wait().unwrap();
            acks
        });
        for ack in killer.await.unwrap() {
            // The last line may be torn by the kill.
            let mut numbers = ack.split(' ').map(str::parse::<u64>);
            if let (Some(Ok(writer)), Some(Ok(number))) = (numbers.next(), numbers.next()) {
                let highest = acknowledged.entry(writer).or_default();
                *highest = number.max(*highest);
            }
        }
        let began = Instant::now();
        let kv = open(folder.path(), options()).unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "start took {:?}", began.elapsed());
        check(&kv, &acknowledged).await;
    }
    assert_eq!(acknowledged.len() as u64, WRITERS);
}

async fn check(kv: &Arc<dyn Kv>, acknowledged: &BTreeMap<u64, u64>) {
    let mut txn = kv.begin_read();
    let mut rows = 0;
    for writer in 0..WRITERS {
        let head = txn.get(format!("head/{writer}").as_bytes(), Read::Snapshot).await.unwrap();
        let head = head.map_or(0, |head| u64::from_be_bytes(head.as_ref().try_into().unwrap()));
        assert!(head >= acknowledged.get(&writer).copied().unwrap_or(0), "an acknowledged commit is gone");
        for number in 1..=head + 1 {
            let cleared = matches!(number % 7, 1 | 2) && number + 6 - (number % 7 - 1) <= head;
            let want = (number <= head && !cleared).then(|| value(writer, number));
            rows += i64::from(want.is_some());
            let got = txn.get(&row(writer, number), Read::Snapshot).await.unwrap();
            assert!(got.map(|got| got.to_vec()) == want, "row {number} of {writer}, head {head}");
        }
    }
    let counter = txn.get(b"rows", Read::Snapshot).await.unwrap();
    assert_eq!(counter.map_or(0, |counter| i64::from_le_bytes(counter.as_ref().try_into().unwrap())), rows);
    let all = txn.range(&KeyRange::prefix(b"row/"), PageLimit::MAX, false, Read::Snapshot).await.unwrap();
    assert!(all.more || all.rows.len() as i64 == rows);
}
