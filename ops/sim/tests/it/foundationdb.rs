//! SUMMARY    The workload through FoundationDB's own client crate, on the live cluster of FDB_CLUSTER_FILE or on our library; the checkers bite
//!            there, too.

use crate::spoil::{How, spoil};
use sim::{Backend, Options, run};

fn options(seed: u64, rounds: usize) -> Options {
    Options { rounds, backend: Backend::foundationdb().unwrap(), ..Options::new(seed) }
}

/// Two of each weather, with commits that are decided at once and later.
#[test]
fn seeds_pass() {
    for seed in 1..=8 {
        match run(&options(seed, 10)) {
            Ok(report) => assert!(report.told > 0),
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn a_lost_commit_is_found() {
    let mut seen = Vec::new();
    for seed in 1..=12 {
        let spoiled = Options { spoil: Some(|kv| spoil(kv, How::LosesCommits)), ..options(seed, 10) };
        match run(&spoiled) {
            Err(failure) if failure.what.contains("is lost") => return,
            Err(failure) => seen.push(failure.what.clone()),
            Ok(_) => {}
        }
    }
    panic!("nobody noticed: {seen:?}");
}
