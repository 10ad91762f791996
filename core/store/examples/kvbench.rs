//! SUMMARY    Measures the embedded store: durable transactions per second, CPU per transaction, fsyncs, scans, restarts.
//!
//! kvbench FOLDER [threads=8] [seconds=5] [value_bytes=4096] [workers=1]; 0 seconds only opens what is there.
#![allow(clippy::unwrap_used, reason = "a measuring tool")]

use base::{Rng, rng::SeededRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use store::{
    EmbeddedOptions, KeyRange, Kv, PageLimit, Read,
    embedded::open,
    retry::{Error, Retry, run},
};

/// CPU time of this process so far, microseconds (clock ticks of 10 ms).
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap();
    let mut number = |default: u64| args.next().map_or(default, |text| text.parse().unwrap());
    let (threads, seconds, value_bytes, workers) = (number(8), number(5), number(4_096) as usize, number(1) as usize);
    let options = EmbeddedOptions { workers, ..EmbeddedOptions::default() };
    let began = Instant::now();
    let kv = open(&folder, options.clone()).unwrap();
    println!("open: {:?}, rss {} KiB", began.elapsed(), rss_kib());
    if seconds == 0 {
        // Only how an existing store comes up.
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("rss after 1 s {} KiB", rss_kib());
        scan(&kv, "cold").await;
        gets(&kv).await;
        println!("rss {} KiB", rss_kib());
        return;
    }
    transactions(&kv, threads, seconds, value_bytes).await;
    scan(&kv, "fresh").await;
    bulk(&kv).await;
    println!("rss after bulk {} KiB", rss_kib());
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("rss after 3 s {} KiB", rss_kib());
    kv.close().await;
    drop(kv);
    let began = Instant::now();
    let kv = open(&folder, options.clone()).unwrap();
    println!("reopen: {:?}, rss {} KiB", began.elapsed(), rss_kib());
    scan(&kv, "reopened").await;
    scan(&kv, "reopened, warm").await;
    gets(&kv).await;
    println!("rss {} KiB", rss_kib());
}

async fn transactions(kv: &Arc<dyn Kv>, threads: u64, seconds: u64, value_bytes: usize) {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (began, cpu, fsyncs) = (Instant::now(), cpu_us(), kv_groups(kv).await);
    let tasks: Vec<_> = (0..threads)
        .map(|thread| {
            let (kv, done, stop) = (Arc::clone(kv), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                let rng = SeededRng::new(thread + 1 + u64::from(std::process::id()) * 1000);
                let value: Vec<u8> = (0..value_bytes).map(|_| rng.next_u64() as u8).collect();
                while !stop.load(Ordering::Relaxed) {
                    let retry = Retry { kv: &kv, op: base::OpId(rng.next_u64()), done_prefix: Some(b"d"), rng: &rng };
                    let (seed, value) = (rng.next_u64(), &value);
                    run::<_, Error, _>(retry, |txn| {
                        let (rng, value) = (SeededRng::new(seed), value.clone());
                        Box::pin(async move {
                            for _ in 0..3 {
                                let key = format!("tenant/account/{thread:03}/row/{:08}", rng.below(100_000));
                                txn.get(key.as_bytes(), Read::Serializable).await?;
                            }
                            for _ in 0..8 {
                                let key = format!("tenant/account/{thread:03}/row/{:08}", rng.below(100_000));
                                txn.set(key.as_bytes(), &[7; 100]);
                            }
                            let key = format!("tenant/account/{thread:03}/blob/{:016x}", rng.next_u64());
                            txn.set(key.as_bytes(), &value);
                            txn.add(b"tenant/used", 4_096);
                            Ok(())
                        })
                    })
                    .await
                    .unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let (took, cpu, done) = (began.elapsed(), cpu_us() - cpu, done.load(Ordering::Relaxed));
    let fsyncs = kv_groups(kv).await - fsyncs;
    println!(
        "{threads} threads: {:.0} txn/s, {:.0} us CPU/txn, {:.3} fsyncs/txn, rss {} KiB",
        done as f64 / took.as_secs_f64(),
        cpu as f64 / done as f64,
        fsyncs as f64 / done as f64,
        rss_kib(),
    );
}

async fn kv_groups(_kv: &Arc<dyn Kv>) -> u64 {
    store::embedded::groups_committed()
}

async fn bulk(kv: &Arc<dyn Kv>) {
    let began = Instant::now();
    let rng = SeededRng::new(99);
    let value: Vec<u8> = (0..4_096).map(|_| rng.next_u64() as u8).collect();
    for chunk in 0..1_000_u32 {
        let mut txn = kv.begin();
        for n in 0..100_u32 {
            txn.set(format!("bulk/{:08}", chunk * 100 + n).as_bytes(), &value);
        }
        for n in 0..20_u32 {
            txn.set(format!("mailbox/{:08}", chunk * 20 + n).as_bytes(), &[3; 100]);
        }
        txn.submit().unwrap().await.unwrap();
    }
    println!("bulk: 100,000 x 4 KiB in {:?}", began.elapsed());
}

async fn scan(kv: &Arc<dyn Kv>, label: &str) {
    for (prefix, reverse) in [("mailbox/", false), ("mailbox/", true), ("tenant/account/000/row/", false)] {
        let (began, cpu) = (Instant::now(), cpu_us());
        let (mut rows, mut rounds) = (0, 0);
        while began.elapsed() < Duration::from_millis(300) {
            rounds += 1;
            let mut range = KeyRange::prefix(prefix.as_bytes());
            let mut txn = kv.begin_read();
            loop {
                let page = txn.range(&range, PageLimit::MAX, reverse, Read::Snapshot).await.unwrap();
                rows += page.rows.len();
                let Some((last, _)) = page.rows.last().filter(|_| page.more) else { break };
                if reverse {
                    range.to = last.to_vec();
                } else {
                    range.from = last.to_vec();
                    range.from.push(0);
                }
            }
        }
        println!(
            "scan {label} {prefix} reverse={reverse}: {} rows a round, {:.0} rows/s ({:.1} ms per 20,000), cpu {} ms of {} ms",
            rows / rounds,
            rows as f64 / began.elapsed().as_secs_f64(),
            began.elapsed().as_secs_f64() * 1e3 * 20_000.0 / rows.max(1) as f64,
            (cpu_us() - cpu) / 1_000,
            began.elapsed().as_millis(),
        );
    }
}

async fn gets(kv: &Arc<dyn Kv>) {
    let rng = SeededRng::new(5);
    for prefix in ["mailbox", "bulk", "missing"] {
        let began = Instant::now();
        let mut txn = kv.begin_read();
        for _ in 0..20_000 {
            let key = format!("{prefix}/{:08}", rng.below(20_000));
            txn.get(key.as_bytes(), Read::Snapshot).await.unwrap();
        }
        println!("get {prefix}: {:.2} us", began.elapsed().as_secs_f64() * 1e6 / 20_000.0);
    }
}
