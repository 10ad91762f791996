//! SUMMARY    A few seeds with every test run, the seeds that once failed, and proof that each checker bites.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod cost;
mod foundationdb;
mod metered;
mod money;
mod spoil;

use sim::{Options, PINNED, Spoil, run};
use spoil::{How, spoil};

fn passes(seed: u64, rounds: usize) {
    if let Err(failure) = run(&Options { rounds, ..Options::new(seed) }) {
        panic!("{failure}");
    }
}

/// Within a few seeds a run over the spoiled store fails, for the reason that was planted.
fn bites(spoil: Spoil, found: &str) {
    let spoiled = |seed| Options { spoil: Some(spoil), ..Options::new(seed) };
    let mut seen = Vec::new();
    for seed in 1..=12 {
        match run(&spoiled(seed)) {
            Err(failure) if failure.what.contains(found) => return,
            Err(failure) => seen.push(failure.what.clone()),
            Ok(_) => {}
        }
    }
    panic!("nobody noticed: {found}; but {seen:?}");
}

#[test]
fn seeds_pass() {
    (1..=8).for_each(|seed| passes(seed, 20));
}

#[test]
fn seeds_that_failed_once_pass() {
    PINNED.iter().for_each(|(seed, _)| passes(*seed, 30));
}

#[test]
fn a_seed_replays() {
    let again = || run(&Options { rounds: 15, ..Options::new(77) }).unwrap();
    assert_eq!(again(), again());
}

#[test]
fn a_lost_commit_is_found() {
    bites(|kv| spoil(kv, How::LosesCommits), "is lost");
}

#[test]
fn a_commit_made_twice_is_found() {
    bites(|kv| spoil(kv, How::ForgetsOperations), "too often");
}

#[test]
fn an_expunge_that_a_client_never_hears_of_is_found() {
    bites(|kv| spoil(kv, How::ForgetsVanished), "the QRESYNC client has");
}

#[test]
fn a_hole_in_the_change_log_is_found() {
    bites(|kv| spoil(kv, How::ForgetsChanges), "a follower has mailboxes");
}

#[test]
fn a_foreign_row_is_found() {
    bites(|kv| spoil(kv, How::ShowsForeign), "outside of the operation's tenants");
}

#[test]
fn mail_for_other_hosts_that_is_lost_is_found() {
    bites(|kv| spoil(kv, How::LosesQueue), "not in the queue");
}

#[test]
fn a_lost_row_is_found() {
    bites(|kv| spoil(kv, How::LosesRows), "");
}

#[test]
fn q1_a_lease_that_is_lost_is_found() {
    bites(|kv| spoil(kv, How::LosesLeases), "the pool");
}
