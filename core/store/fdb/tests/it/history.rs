//! SUMMARY    Strict serialisability in the order of stamps, where commits share versions: random transactions log what they read
//!            and wrote under a stamped key, and the log is replayed.

use crate::cluster::Cluster;
use base::{Rng, rng::SeededRng};
use std::{collections::BTreeMap, sync::Arc};
use store::{CommitError, KeyRange, Kv, PageLimit, Read};

/// Few, so that transactions collide all the time.
const KEYS: u64 = 6;

fn key(rng: &SeededRng) -> String {
    format!("k{}", rng.below(KEYS))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads two keys and a range, writes one key; `read k=v`, `all n`, `write k=v`, one a line.
async fn transact(kv: &Arc<dyn Kv>, rng: &SeededRng, tag: &str) -> Result<(), CommitError> {
    let mut txn = kv.begin();
    let mut log = Vec::new();
    for _ in 0..2 {
        let key = key(rng);
        let value = txn.get(key.as_bytes(), Read::Serializable).await.unwrap();
        log.push(format!("read {key}={}", value.map_or_else(|| "-".to_owned(), |value| text(&value))));
    }
    if rng.below(3) == 0 {
        let page = txn.range(&KeyRange::prefix(b"k"), PageLimit::MAX, false, Read::Serializable).await.unwrap();
        log.push(format!("all {}", page.rows.len()));
    }
    let key = key(rng);
    if rng.below(4) == 0 {
        txn.clear(key.as_bytes());
        log.push(format!("write {key}=-"));
    } else {
        txn.set(key.as_bytes(), tag.as_bytes());
        log.push(format!("write {key}={tag}"));
    }
    txn.set_versionstamped(b"log/", b"", log.join("\n").as_bytes());
    txn.submit()?.await.map(|_| ())
}

/// Replays the log in the order of its stamps; how many versions it has.
async fn replay(kv: &Arc<dyn Kv>, committed: usize) -> usize {
    let log = kv.begin_read().range(&KeyRange::prefix(b"log/"), PageLimit::MAX, false, Read::Snapshot).await.unwrap();
    assert_eq!(log.rows.len(), committed);
    let mut state: BTreeMap<String, String> = BTreeMap::new();
    let mut versions = Vec::new();
    for (stamped, lines) in &log.rows {
        versions.push(stamped[4..12].to_vec());
        let lines = text(lines);
        for line in lines.lines() {
            let (verb, rest) = line.split_once(' ').unwrap();
            if verb == "all" {
                assert_eq!(state.len(), rest.parse::<usize>().unwrap(), "{lines}");
                continue;
            }
            let (key, value) = rest.split_once('=').unwrap();
            match (verb, value) {
                ("read", value) => assert_eq!(state.get(key).map_or("-", String::as_str), value, "{lines}"),
                (_, "-") => drop(state.remove(key)),
                (_, value) => drop(state.insert(key.to_owned(), value.to_owned())),
            }
        }
    }
    versions.dedup();
    versions.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_of_stamps_replays() {
    let cluster = Cluster::new("delay_ms=2,batch=1");
    let kv = cluster.fresh();
    let tasks: Vec<_> = (0..12_u64)
        .map(|task| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move {
                let rng = SeededRng::new(task + 1);
                let mut committed = 0;
                for round in 0..40 {
                    match transact(&kv, &rng, &format!("{task}.{round}")).await {
                        Ok(()) => committed += 1,
                        Err(CommitError::Conflict) => {}
                        Err(why) => panic!("{why}"),
                    }
                }
                committed
            })
        })
        .collect();
    let mut committed = 0;
    for task in tasks {
        committed += task.await.unwrap();
    }
    let versions = replay(&kv, committed).await;
    if crate::cluster::is_fake() {
        assert!(versions < committed, "{committed} commits of {versions} versions");
    }
}
