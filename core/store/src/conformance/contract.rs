//! SUMMARY    Single rules of the contract: what transactions see, what conflicts, how pages are cut.

use super::{Outcome, commit, ensure, get, keys, page, put, range};
use crate::kv::{CommitError, KeyRange, Kv, KvTxn, PageLimit, Read};
use std::sync::Arc;

macro_rules! checks {
    ($make:expr, $($check:ident),+ $(,)?) => {
        $(
            let kv = $make();
            $check(&kv).await.map_err(|why| format!("{}: {why}", stringify!($check)))?;
            kv.close().await;
        )+
    };
}
pub(super) use checks;

pub(super) async fn all<F: Fn() -> Arc<dyn Kv>>(make: &F) -> Outcome {
    checks!(
        make,
        reads_see_own_writes,
        ranges_see_own_writes,
        snapshots_stand_still,
        readers_see_what_is_acknowledged,
        points_conflict,
        ranges_conflict,
        blind_writes_do_not_conflict,
        page_conflicts_end_at_its_last_row,
        adds,
        stamps_rise,
        stamps_are_those_of_commits,
        pages,
        prefixes_of_the_last_byte,
        read_only_commits,
        cleared_ranges,
        forgotten_ranges,
        versions_rise,
    );
    Ok(())
}

/// Forgetting what was cleared changes no row, and commits go on.
async fn forgotten_ranges(kv: &Arc<dyn Kv>) -> Outcome {
    let big = vec![b'v'; 3_000];
    put(kv, &[(b"a", b"1"), (b"b1", b"gone"), (b"b2", &big), (b"c", &big)]).await?;
    let mut before = kv.begin_read();
    ensure(get(before.as_mut(), b"a").await?.is_some(), "a row is there")?;
    drop(before);
    let gone = range(b"b", b"c");
    let mut txn = kv.begin();
    txn.clear_range(&gone);
    commit(txn).await?;
    kv.forget(&gone).await.map_err(|why| format!("forget: {why}"))?;
    put(kv, &[(b"d", b"2")]).await?;
    let mut txn = kv.begin_read();
    let rows = page(txn.as_mut(), &range(b"a", b"z"), PageLimit::MAX, false).await?;
    ensure(keys(&rows) == [b"a", b"c", b"d"], "forgetting leaves the other rows")?;
    ensure(get(txn.as_mut(), b"c").await?.as_deref() == Some(&big[..]), "and their values")
}

async fn reads_see_own_writes(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1"), (b"b", b"1"), (b"n", &5_i64.to_le_bytes())]).await?;
    let mut txn = kv.begin();
    txn.set(b"a", b"2");
    txn.clear(b"b");
    txn.add(b"n", 2);
    txn.add(b"m", 3);
    ensure(get(txn.as_mut(), b"a").await?.as_deref() == Some(b"2"), "own set is read")?;
    ensure(get(txn.as_mut(), b"b").await?.is_none(), "own clear is read")?;
    ensure(
        get(txn.as_mut(), b"n").await?.as_deref() == Some(&7_i64.to_le_bytes()),
        "own add is read over the stored value",
    )?;
    ensure(
        get(txn.as_mut(), b"m").await?.as_deref() == Some(&3_i64.to_le_bytes()),
        "own add of a missing key starts at 0",
    )?;
    txn.clear_range(&range(b"a", b"z"));
    ensure(get(txn.as_mut(), b"n").await?.is_none(), "own clear_range is read")?;
    txn.add(b"n", 1);
    txn.set(b"a", b"3");
    ensure(
        get(txn.as_mut(), b"n").await?.as_deref() == Some(&1_i64.to_le_bytes()),
        "add after clear_range starts at 0",
    )?;
    commit(txn).await?;
    let mut txn = kv.begin_read();
    let all = page(txn.as_mut(), &range(b"", b"zz"), PageLimit::MAX, false).await?;
    ensure(keys(&all) == [&b"a"[..], b"n"], "what was read is what was committed")
}

async fn ranges_see_own_writes(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1"), (b"c", b"1"), (b"e", b"1"), (b"g", b"1"), (b"i", b"1")]).await?;
    let mut txn = kv.begin();
    txn.set(b"b", b"2");
    txn.set(b"c", b"2");
    txn.clear(b"e");
    txn.clear_range(&range(b"f", b"h"));
    txn.set(b"ga", b"2");
    txn.add(b"j", 1);
    let want: [&[u8]; 6] = [b"a", b"b", b"c", b"ga", b"i", b"j"];
    let got = page(txn.as_mut(), &range(b"", b"z"), PageLimit::MAX, false).await?;
    ensure(keys(&got) == want && !got.more, format!("merged forward: {:?}", keys(&got)))?;
    ensure(got.rows.get(2).is_some_and(|(_, value)| value.as_ref() == b"2"), "own value wins")?;
    let got = page(txn.as_mut(), &range(b"", b"z"), PageLimit::MAX, true).await?;
    ensure(keys(&got).into_iter().rev().collect::<Vec<_>>() == want, "merged backward")?;
    let got = page(txn.as_mut(), &range(b"b", b"i"), PageLimit::rows(2), true).await?;
    ensure(keys(&got) == [&b"ga"[..], b"c"] && got.more, "a merged page is cut")?;
    let got = page(txn.as_mut(), &range(b"e", b"g"), PageLimit::MAX, false).await?;
    ensure(got.rows.is_empty() && !got.more, "a range of cleared keys is empty")
}

async fn snapshots_stand_still(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1"), (b"b", b"1")]).await?;
    let mut old = kv.begin();
    let mut reader = kv.begin_read();
    for txn in [&mut old, &mut reader] {
        ensure(get(txn.as_mut(), b"a").await?.as_deref() == Some(b"1"), "sees the last commit")?;
    }
    let mut txn = kv.begin();
    txn.set(b"a", b"2");
    txn.clear(b"b");
    txn.set(b"c", b"2");
    commit(txn).await?;
    for txn in [&mut old, &mut reader] {
        ensure(get(txn.as_mut(), b"a").await?.as_deref() == Some(b"1"), "a later set is not seen")?;
        ensure(get(txn.as_mut(), b"b").await?.is_some(), "a later clear is not seen")?;
        let all = page(txn.as_mut(), &range(b"", b"z"), PageLimit::MAX, false).await?;
        ensure(keys(&all) == [&b"a"[..], b"b"], "a later key is not seen")?;
    }
    Ok(())
}

async fn readers_see_what_is_acknowledged(kv: &Arc<dyn Kv>) -> Outcome {
    for n in 0..50_u32 {
        let value = n.to_be_bytes();
        let mut txn = kv.begin();
        txn.set(b"k", &value);
        let durable = txn.submit()?;
        durable.await?;
        let mut reader = kv.begin_read();
        ensure(get(reader.as_mut(), b"k").await?.as_deref() == Some(&value), "begin_read sees an acknowledged commit")?;
        let mut next = kv.begin();
        ensure(get(next.as_mut(), b"k").await?.as_deref() == Some(&value), "begin sees an acknowledged commit")?;
    }
    Ok(())
}

/// Runs `first`, lets `second` commit, commits `first`; what it says.
async fn race(
    kv: &Arc<dyn Kv>,
    first: impl AsyncFnOnce(&mut dyn KvTxn) -> Outcome,
    second: impl FnOnce(&mut dyn KvTxn),
) -> Result<Result<(), CommitError>, super::Failure> {
    let mut one = kv.begin();
    first(one.as_mut()).await?;
    one.set(b"result", b"1");
    let mut two = kv.begin();
    second(two.as_mut());
    commit(two).await?;
    Ok(commit(one).await.map(|_| ()))
}

async fn points_conflict(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1"), (b"b", b"1")]).await?;
    let read_a = async |txn: &mut dyn KvTxn| get(txn, b"a").await.map(|_| ());
    let conflict = Err(CommitError::Conflict);
    ensure(race(kv, read_a, |txn| txn.set(b"a", b"2")).await? == conflict, "set of a read key")?;
    ensure(race(kv, read_a, |txn| txn.set(b"a", b"2")).await? == conflict, "set to the same value")?;
    ensure(race(kv, read_a, |txn| txn.add(b"a", 1)).await? == conflict, "add to a read key")?;
    ensure(race(kv, read_a, |txn| txn.clear(b"a")).await? == conflict, "clear of a read key")?;
    ensure(
        race(kv, read_a, |txn| txn.clear_range(&range(b"", b"b"))).await? == conflict,
        "clear_range over a read key",
    )?;
    ensure(race(kv, read_a, |txn| txn.set(b"a", b"3")).await? == conflict, "appearance of a key read as missing")?;
    ensure(race(kv, read_a, |txn| txn.set(b"b", b"2")).await?.is_ok(), "another key is free")?;
    ensure(race(kv, read_a, |txn| txn.clear_range(&range(b"b", b"c"))).await?.is_ok(), "another range is free")?;
    let snapshot = async |txn: &mut dyn KvTxn| Ok(txn.get(b"a", Read::Snapshot).await.map(|_| ())?);
    ensure(race(kv, snapshot, |txn| txn.set(b"a", b"4")).await?.is_ok(), "a snapshot read does not conflict")?;
    let guard = async |txn: &mut dyn KvTxn| {
        txn.must_not_change(&range(b"a", b"b"));
        Ok(())
    };
    ensure(race(kv, guard, |txn| txn.set(b"a", b"5")).await? == conflict, "must_not_change")?;
    ensure(race(kv, guard, |txn| txn.set(b"b", b"5")).await?.is_ok(), "must_not_change ends at its range")?;
    let mut lost = kv.begin_read();
    ensure(get(lost.as_mut(), b"b").await?.as_deref() == Some(b"5"), "a conflict wrote nothing of its own")
}

async fn ranges_conflict(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"b", b"1"), (b"d", b"1")]).await?;
    let conflict = Err(CommitError::Conflict);
    for reverse in [false, true] {
        let read = async |txn: &mut dyn KvTxn| page(txn, &range(b"b", b"f"), PageLimit::MAX, reverse).await.map(|_| ());
        ensure(race(kv, read, |txn| txn.set(b"c", b"1")).await? == conflict, "phantom")?;
        ensure(race(kv, read, |txn| txn.set(b"b", b"2")).await? == conflict, "first key of a range")?;
        ensure(race(kv, read, |txn| txn.add(b"e", 1)).await? == conflict, "add into a range")?;
        ensure(race(kv, read, |txn| txn.clear(b"d")).await? == conflict, "clear in a range")?;
        ensure(
            race(kv, read, |txn| txn.clear_range(&range(b"e", b"z"))).await? == conflict,
            "overlapping clear_range",
        )?;
        ensure(race(kv, read, |txn| txn.set(b"f", b"1")).await?.is_ok(), "the end of a range is free")?;
        ensure(race(kv, read, |txn| txn.set(b"a", b"1")).await?.is_ok(), "before a range is free")?;
        ensure(race(kv, read, |txn| txn.clear_range(&range(b"f", b"g"))).await?.is_ok(), "a touching clear_range")?;
    }
    let stamped =
        async |txn: &mut dyn KvTxn| page(txn, &KeyRange::prefix(b"s"), PageLimit::MAX, false).await.map(|_| ());
    ensure(race(kv, stamped, |txn| txn.set_versionstamped(b"s", b"", b"")).await? == conflict, "a stamped phantom")
}

async fn blind_writes_do_not_conflict(kv: &Arc<dyn Kv>) -> Outcome {
    let write = async |txn: &mut dyn KvTxn| {
        txn.set(b"a", b"1");
        txn.add(b"n", 1);
        txn.set(b"own", b"1");
        get(txn, b"own").await.map(|_| ())
    };
    ensure(race(kv, write, |txn| txn.set(b"a", b"2")).await?.is_ok(), "two blind sets")?;
    ensure(race(kv, write, |txn| txn.add(b"n", 1)).await?.is_ok(), "two adds")?;
    ensure(race(kv, write, |txn| txn.clear_range(&range(b"a", b"p"))).await?.is_ok(), "add and clear_range")?;
    ensure(race(kv, write, |txn| txn.set(b"own", b"2")).await?.is_ok(), "reading an own set is no read of the store")?;
    let mut reader = kv.begin_read();
    ensure(get(reader.as_mut(), b"a").await?.as_deref() == Some(b"1"), "the later commit wins")
}

async fn page_conflicts_end_at_its_last_row(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"d", b"1")]).await?;
    let forward =
        async |txn: &mut dyn KvTxn| page(txn, &range(b"a", b"z"), PageLimit::rows(2), false).await.map(|_| ());
    ensure(race(kv, forward, |txn| txn.set(b"c", b"2")).await?.is_ok(), "behind a page is free")?;
    ensure(race(kv, forward, |txn| txn.set(b"b", b"2")).await? == Err(CommitError::Conflict), "last row of a page")?;
    let backward =
        async |txn: &mut dyn KvTxn| page(txn, &range(b"a", b"z"), PageLimit::rows(2), true).await.map(|_| ());
    ensure(race(kv, backward, |txn| txn.set(b"bb", b"2")).await?.is_ok(), "before a reverse page is free")?;
    ensure(
        race(kv, backward, |txn| txn.set(b"x", b"2")).await? == Err(CommitError::Conflict),
        "start of a reverse page",
    )
}

async fn adds(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"short", &[1]), (b"long", &[1, 0, 0, 0, 0, 0, 0, 0, 9]), (b"max", &i64::MAX.to_le_bytes())]).await?;
    let mut txn = kv.begin();
    for key in [&b"short"[..], b"long", b"max", b"new"] {
        txn.add(key, 1);
        txn.add(key, 0);
    }
    commit(txn).await?;
    let mut txn = kv.begin_read();
    for (key, want) in [(&b"short"[..], 2), (b"long", 2), (b"max", i64::MIN), (b"new", 1)] {
        let got = get(txn.as_mut(), key).await?;
        ensure(got.as_deref() == Some(&i64::to_le_bytes(want)), format!("add to {}", key.escape_ascii()))?;
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let kv = Arc::clone(kv);
            tokio::spawn(async move {
                for _ in 0..25 {
                    let mut txn = kv.begin();
                    txn.add(b"sum", 2);
                    txn.add(b"sum", -1);
                    commit(txn).await?;
                }
                Ok::<_, CommitError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let mut txn = kv.begin_read();
    ensure(get(txn.as_mut(), b"sum").await?.as_deref() == Some(&200_i64.to_le_bytes()), "concurrent adds all count")
}

async fn stamps_rise(kv: &Arc<dyn Kv>) -> Outcome {
    let mut commits = Vec::new();
    for n in 0..20_u8 {
        let mut txn = kv.begin();
        txn.set_versionstamped(b"log/", b"/a", &[n]);
        txn.set_versionstamped(b"log/", b"/b", &[n]);
        commits.push(commit(txn).await?);
    }
    let mut txn = kv.begin_read();
    let log = page(txn.as_mut(), &KeyRange::prefix(b"log/"), PageLimit::MAX, false).await?;
    let order: Vec<u8> = log.rows.iter().filter_map(|(_, value)| value.first().copied()).collect();
    ensure(order == (0..20).flat_map(|n| [n, n]).collect::<Vec<u8>>(), "stamped keys are in commit order")?;
    for ((key, _), done) in log.rows.iter().step_by(2).zip(commits) {
        ensure(key.as_ref() == [&b"log/"[..], &done.stamp(), b"/a"].concat(), "prefix, stamp of the commit, suffix")?;
    }
    Ok(())
}

/// Commits of one moment, which a store may give one version: their stamps still tell them apart, and order them as they were.
async fn stamps_are_those_of_commits(kv: &Arc<dyn Kv>) -> Outcome {
    const COMMITS: u8 = 50;
    // All of them begin before the first is submitted, or they would wait for each other where verdicts come later.
    let begun: Vec<_> = (0..COMMITS)
        .map(|n| {
            let mut txn = kv.begin();
            txn.set(b"last", &[n]);
            txn.set_versionstamped(b"log/", b"", &[n]);
            txn
        })
        .collect();
    let mut submitted = Vec::new();
    for (txn, n) in begun.into_iter().zip(0..) {
        submitted.push((n, tokio::spawn(txn.submit()?)));
    }
    let mut commits = Vec::new();
    for (n, commit) in submitted {
        commits.push((commit.await??, n));
    }
    commits.sort_unstable();
    let mut reader = kv.begin_read();
    let log = page(reader.as_mut(), &KeyRange::prefix(b"log/"), PageLimit::MAX, false).await?;
    let rows: Vec<(Vec<u8>, Vec<u8>)> = log.rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    let want: Vec<(Vec<u8>, Vec<u8>)> =
        commits.iter().map(|(done, n)| ([&b"log/"[..], &done.stamp()].concat(), vec![*n])).collect();
    ensure(rows == want, format!("stamps are those of their commits: {rows:?}, should be {want:?}"))?;
    let last = get(reader.as_mut(), b"last").await?;
    ensure(last.as_deref() == commits.last().map(|(_, n)| vec![*n]).as_deref(), "the last commit wins")
}

async fn pages(kv: &Arc<dyn Kv>) -> Outcome {
    let mut txn = kv.begin();
    for n in 0..1_000_u16 {
        txn.set(&n.to_be_bytes(), &[7; 100]);
    }
    commit(txn).await?;
    let all = range(b"", &[0xf0]);
    let mut txn = kv.begin_read();
    let cut = page(txn.as_mut(), &all, PageLimit::rows(1_000), false).await?;
    ensure(cut.rows.len() == 1_000 && !cut.more, "a page that fits has no more")?;
    let cut = page(txn.as_mut(), &all, PageLimit::rows(999), false).await?;
    ensure(cut.rows.len() == 999 && cut.more, "a full page says more")?;
    let cut = page(txn.as_mut(), &all, PageLimit { rows: 1_000, bytes: 1 }, false).await?;
    ensure(cut.rows.len() == 1 && cut.more, "a page holds one row at least")?;
    let cut = page(txn.as_mut(), &all, PageLimit { rows: 1_000, bytes: 1_020 }, true).await?;
    ensure(cut.rows.len() == 10 && cut.more, "the byte limit cuts")?;
    ensure(keys(&cut).first() == Some(&&999_u16.to_be_bytes()[..]), "reverse starts at the end")?;
    let mut rest = all.clone();
    let mut seen = 0;
    for _ in 0..200 {
        let cut = page(txn.as_mut(), &rest, PageLimit::rows(7), false).await?;
        seen += cut.rows.len();
        let Some((last, _)) = cut.rows.last().filter(|_| cut.more) else { break };
        rest.from = last.to_vec();
        rest.from.push(0);
    }
    ensure(seen == 1_000, "pages join without gap or overlap")?;
    let none = page(txn.as_mut(), &range(b"z", b"a"), PageLimit::MAX, false).await?;
    ensure(none.rows.is_empty() && !none.more, "an inverted range is empty")
}

async fn prefixes_of_the_last_byte(kv: &Arc<dyn Kv>) -> Outcome {
    put(
        kv,
        &[(&[0xfe, 0xff], b""), (&[0xff], b""), (&[0xff, 0], b""), (&[0xff, 0xfe, 0xff], b""), (&[1, 0xff, 2], b"")],
    )
    .await?;
    let mut txn = kv.begin();
    let last = page(txn.as_mut(), &KeyRange::prefix(&[0xff]), PageLimit::MAX, false).await?;
    ensure(keys(&last) == [&[0xff][..], &[0xff, 0], &[0xff, 0xfe, 0xff]], "prefix ff")?;
    let inner = page(txn.as_mut(), &KeyRange::prefix(&[1, 0xff]), PageLimit::MAX, true).await?;
    ensure(keys(&inner) == [&[1, 0xff, 2][..]], "prefix 01 ff")?;
    let all = page(txn.as_mut(), &KeyRange::prefix(&[]), PageLimit::MAX, true).await?;
    ensure(all.rows.len() == 5, "the empty prefix is everything, and nothing of the store's own")?;
    txn.clear_range(&KeyRange::prefix(&[]));
    commit(txn).await?;
    put(kv, &[(b"after", b"1")]).await?;
    let mut txn = kv.begin_read();
    let all = page(txn.as_mut(), &KeyRange::prefix(&[]), PageLimit::MAX, false).await?;
    ensure(keys(&all) == [&b"after"[..]], "clearing everything leaves a store that works")
}

async fn read_only_commits(kv: &Arc<dyn Kv>) -> Outcome {
    put(kv, &[(b"a", b"1")]).await?;
    let mut txn = kv.begin();
    get(txn.as_mut(), b"a").await?;
    ensure(txn.is_read_only(), "reads alone are read-only")?;
    put(kv, &[(b"a", b"2")]).await?;
    ensure(commit(txn).await.is_ok(), "reads alone never conflict")?;
    let mut txn = kv.begin_read();
    get(txn.as_mut(), b"a").await?;
    ensure(commit(txn).await.is_ok(), "begin_read may be submitted")?;
    let mut txn = kv.begin_read();
    txn.set(b"a", b"3");
    ensure(matches!(commit(txn).await, Err(CommitError::Fatal(_))), "begin_read cannot write")?;
    let mut txn = kv.begin();
    ensure(get(txn.as_mut(), b"a").await?.as_deref() == Some(b"2"), "and did not")
}

async fn cleared_ranges(kv: &Arc<dyn Kv>) -> Outcome {
    let rows: Vec<[u8; 2]> = (0..100_u8).map(|n| [b'r', n]).collect();
    put(kv, &rows.iter().map(|key| (&key[..], &b"v"[..])).collect::<Vec<_>>()).await?;
    let mut txn = kv.begin();
    txn.clear_range(&range(&[b'r', 10], &[b'r', 20]));
    txn.set(&[b'r', 15], b"new");
    txn.clear_range(&range(&[b'r', 90], b"s"));
    let mut first = Some(txn.submit()?);
    if let Some(first) = first.take_if(|_| !kv.validates_at_submit()) {
        first.await?;
    }
    let mut txn = kv.begin();
    let seen = page(txn.as_mut(), &KeyRange::prefix(b"r"), PageLimit::MAX, false).await?;
    ensure(seen.rows.len() == 81, "a cleared range is gone for the next transaction")?;
    txn.clear_range(&range(&[b'r', 14], &[b'r', 30]));
    txn.set(&[b'r', 95], b"back");
    let second = txn.submit()?;
    if let Some(first) = first {
        first.await?;
    }
    second.await?;
    for _ in 0..2 {
        let mut txn = kv.begin_read();
        let seen = page(txn.as_mut(), &KeyRange::prefix(b"r"), PageLimit::MAX, true).await?;
        ensure(seen.rows.len() == 71, format!("two clears in a row: {} rows", seen.rows.len()))?;
        ensure(get(txn.as_mut(), &[b'r', 15]).await?.is_none(), "set, then cleared")?;
        ensure(get(txn.as_mut(), &[b'r', 95]).await?.as_deref() == Some(b"back"), "cleared, then set")?;
        put(kv, &[(b"other", b"1")]).await?;
    }
    Ok(())
}

async fn versions_rise(kv: &Arc<dyn Kv>) -> Outcome {
    let mut last = crate::Committed::default();
    for n in 0..10_u8 {
        let mut txn = kv.begin();
        txn.set(b"k", &[n]);
        let done = commit(txn).await?;
        ensure(done.version > last.version, "commit versions rise")?;
        last = done;
        let reader = kv.begin();
        ensure(commit(reader).await? >= last, "a read-only commit is as new as what was acknowledged before it")?;
    }
    Ok(())
}
