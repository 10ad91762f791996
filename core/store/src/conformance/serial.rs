//! SUMMARY    Strict serialisability under threads: random transactions on few keys, then their history replayed.
//! INVARIANTS Replayed in the order of their commits, every transaction must read what it read then, and one that began after
//!            an acknowledgement must not be older than it.

use super::{Failure, Outcome, ensure};
use crate::kv::{CommitError, Committed, KeyRange, Kv, KvTxn, PageLimit, Read};
use base::{Rng, rng::SeededRng};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Keys in play: few enough to collide all the time.
const KEYS: u64 = 12;

/// What the random transactions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Gets, sets and clears.
    Points,
    /// Ranges, cleared ranges and counters too.
    Everything,
}

#[derive(Debug, Clone)]
enum Step {
    Get(Vec<u8>, Option<Vec<u8>>),
    Range(KeyRange, bool, usize, Vec<(Vec<u8>, Vec<u8>)>),
    Set(Vec<u8>, Vec<u8>),
    Clear(Vec<u8>),
    ClearRange(KeyRange),
    Add(Vec<u8>, i64),
}

#[derive(Debug)]
struct Done {
    at: Committed,
    /// Newest acknowledged commit when it began.
    floor: Committed,
    read_only: bool,
    steps: Vec<Step>,
}

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Runs `rounds` transactions on each of `tasks` tasks against an empty store and checks their history.
pub async fn serialisable(kv: &Arc<dyn Kv>, mix: Mix, tasks: u64, rounds: u64) -> Outcome {
    let acknowledged = Arc::new(Mutex::new(Committed::default()));
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let (kv, acknowledged) = (Arc::clone(kv), Arc::clone(&acknowledged));
            tokio::spawn(async move { work(&kv, mix, task, rounds, &acknowledged).await })
        })
        .collect();
    let mut history: Vec<Done> = Vec::new();
    for task in running {
        history.extend(task.await??);
    }
    ensure(history.iter().any(|done| !done.read_only), "no transaction was ever committed")?;
    history.sort_by_key(|done| (done.at, done.read_only));
    let mut state = State::new();
    let mut last = None;
    for done in &history {
        // Its version is its own, or it belongs to a batch that was not decided when it began.
        let is_newer = if done.read_only { done.at >= done.floor } else { done.at.version > done.floor.version };
        ensure(is_newer, format!("older than what was acknowledged before it: {done:?}"))?;
        ensure(done.read_only || last != Some(done.at), format!("version and order used twice: {done:?}"))?;
        if !done.read_only {
            last = Some(done.at);
        }
        replay(&mut state, done)?;
    }
    compare(kv, &state).await
}

async fn compare(kv: &Arc<dyn Kv>, state: &State) -> Outcome {
    let mut txn = kv.begin_read();
    let rest = txn.range(&KeyRange::prefix(b""), PageLimit::MAX, false, Read::Snapshot).await?;
    let rows: State = rest.rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    ensure(&rows == state, "the store ends in another state than its history")
}

async fn work(
    kv: &Arc<dyn Kv>,
    mix: Mix,
    task: u64,
    rounds: u64,
    acknowledged: &Mutex<Committed>,
) -> Result<Vec<Done>, Failure> {
    let rng = SeededRng::new(task + 1);
    let mut history = Vec::new();
    for round in 0..rounds {
        let floor = *acknowledged.lock();
        let read_only = rng.below(5) == 0;
        let mut txn = if read_only && rng.below(2) == 0 { kv.begin_read() } else { kv.begin() };
        let mut steps = Vec::new();
        for n in 0..=rng.below(5) {
            let value = format!("{task}.{round}.{n}").into_bytes();
            steps.push(step(txn.as_mut(), mix, &rng, value, read_only).await?);
            if rng.below(3) == 0 {
                tokio::task::yield_now().await;
            }
        }
        let read_only = txn.is_read_only();
        match super::commit(txn).await {
            Ok(at) => {
                {
                    let mut newest = acknowledged.lock();
                    *newest = at.max(*newest);
                }
                history.push(Done { at, floor, read_only, steps });
            }
            Err(CommitError::Conflict) => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(history)
}

fn key(rng: &SeededRng) -> Vec<u8> {
    format!("k{:02}", rng.below(KEYS)).into_bytes()
}

fn span(rng: &SeededRng) -> KeyRange {
    let (a, b) = (key(rng), key(rng));
    KeyRange { from: a.clone().min(b.clone()), to: a.max(b) }
}

async fn step(
    txn: &mut dyn KvTxn,
    mix: Mix,
    rng: &SeededRng,
    value: Vec<u8>,
    read_only: bool,
) -> Result<Step, Failure> {
    let reads = rng.below(2) == 0 || read_only;
    let ranged = mix == Mix::Everything && rng.below(3) == 0;
    Ok(match (reads, ranged) {
        (true, false) => {
            let key = key(rng);
            let got = txn.get(&key, Read::Serializable).await?;
            Step::Get(key, got.map(|value| value.to_vec()))
        }
        (true, true) => {
            let (range, reverse, rows) = (span(rng), rng.below(2) == 0, 1 + rng.below(6) as usize);
            let page = txn.range(&range, PageLimit::rows(rows), reverse, Read::Serializable).await?;
            let got = page.rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            Step::Range(range, reverse, rows, got)
        }
        (false, true) if rng.below(2) == 0 => {
            let range = span(rng);
            txn.clear_range(&range);
            Step::ClearRange(range)
        }
        (false, true) => {
            let (key, delta) = (key(rng), 1 + rng.below(9) as i64);
            txn.add(&key, delta);
            Step::Add(key, delta)
        }
        (false, false) if rng.below(4) == 0 => {
            let key = key(rng);
            txn.clear(&key);
            Step::Clear(key)
        }
        (false, false) => {
            let key = key(rng);
            txn.set(&key, &value);
            Step::Set(key, value)
        }
    })
}

fn replay(state: &mut State, done: &Done) -> Outcome {
    for step in &done.steps {
        match step {
            Step::Get(key, got) => ensure(state.get(key) == got.as_ref(), format!("{step:?} in {done:?}"))?,
            Step::Range(range, reverse, limit, got) => {
                let rows =
                    state.range(range.from.clone()..range.to.clone()).map(|(key, value)| (key.clone(), value.clone()));
                let want: Vec<_> =
                    if *reverse { rows.rev().take(*limit).collect() } else { rows.take(*limit).collect() };
                ensure(&want == got, format!("{step:?}, should be {want:?}, in {done:?}"))?;
            }
            Step::Set(key, value) => {
                state.insert(key.clone(), value.clone());
            }
            Step::Clear(key) => {
                state.remove(key);
            }
            Step::ClearRange(range) => state.retain(|key, _| !range.contains(key)),
            Step::Add(key, delta) => {
                let before = state.get(key).map_or(0, |value| crate::layer::decode_i64(value));
                state.insert(key.clone(), before.wrapping_add(*delta).to_le_bytes().to_vec());
            }
        }
    }
    Ok(())
}
