//! SUMMARY    The workload through FoundationDB's own client crate, on the live cluster of FDB_CLUSTER_FILE or on our library; the checkers bite
//!            there, too.

use crate::spoil::{How, spoil};
use sim::{Backend, Options, run};

fn options(seed: u64, rounds: usize) -> Options {
    Options { rounds, backend: Backend::foundationdb().unwrap(), ..Options::new(seed) }
}

/// Several weathers, with commits that are decided at once and later.
#[test]
fn seeds_pass() {
    for seed in 1..=6 {
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
        let spoiled = Options { spoil: Some(|kv| spoil(kv, How::LosesCommits)), ..options(seed, 30) };
        match run(&spoiled) {
            // A message, or a mailbox: which commit is lost is not the seed's to say.
            Err(failure) if ["is lost", "is not there"].iter().any(|found| failure.what.contains(found)) => return,
            Err(failure) => seen.push(failure.what.clone()),
            Ok(_) => {}
        }
    }
    panic!("nobody noticed: {seen:?}");
}
