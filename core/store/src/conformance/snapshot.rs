//! SUMMARY    Snapshots: one durable version, every key, in order, however many commits and pages there are meanwhile.

use super::{Failure, Outcome, commit, contract::checks, ensure, keys, put, range};
use crate::kv::{KeyRange, Kv, KvSnapshot, OWN_MEANS, PageLimit, ReadError};
use std::sync::Arc;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A store that has none says so.
pub(super) async fn all<F: Fn() -> Arc<dyn Kv>>(make: &F) -> Outcome {
    let kv = make();
    let has_none = match kv.snapshot().await {
        Err(ReadError::Fatal(why)) => why.starts_with(kv.name()) && why.contains(OWN_MEANS),
        Err(_) | Ok(_) => false,
    };
    kv.close().await;
    if has_none {
        return Ok(());
    }
    checks!(
        make,
        a_snapshot_is_of_one_version_while_commits_go_on,
        a_snapshot_sees_what_was_acknowledged_before_it,
        a_snapshot_is_of_every_key_in_order_over_many_pages,
        several_snapshots_stand_side_by_side,
    );
    Ok(())
}

/// All rows of a range, in pages of so many.
async fn read(snapshot: &mut dyn KvSnapshot, whole: &KeyRange, limit: PageLimit) -> Result<Rows, Failure> {
    let (mut rest, mut rows) = (whole.clone(), Rows::new());
    loop {
        let page = snapshot.page(&rest, limit).await?;
        rows.extend(page.rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
        let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(rows) };
        rest.from = [last.as_ref(), &[0]].concat();
    }
}

async fn a_snapshot_is_of_one_version_while_commits_go_on(kv: &Arc<dyn Kv>) -> Outcome {
    let big = vec![b'v'; 6_000];
    put(kv, &[(b"a", b"1"), (b"b", &big), (b"c", b"1"), (b"n", &1_i64.to_le_bytes())]).await?;
    let mut snapshot = kv.snapshot().await?;
    let before = read(snapshot.as_mut(), &range(b"", b"z"), PageLimit::MAX).await?;
    for round in 0..40_u8 {
        let mut txn = kv.begin();
        txn.set(b"a", &[round]);
        txn.set(&[b'd', round], &big);
        txn.clear_range(&range(b"b", b"c\0"));
        txn.add(b"n", 1);
        commit(txn).await?;
        let seen = read(snapshot.as_mut(), &range(b"", b"z"), PageLimit::rows(1)).await?;
        ensure(seen == before, format!("round {round}: a commit shows in a snapshot"))?;
    }
    kv.forget(&range(b"y", b"z")).await.map_err(|why| format!("forget beside a snapshot: {why}"))?;
    // It is as it was, or says that it was ended.
    match read(snapshot.as_mut(), &range(b"", b"z"), PageLimit::rows(2)).await {
        Ok(seen) => ensure(seen == before, "forgetting shows in a snapshot")?,
        Err(why) => ensure(why.downcast_ref() == Some(&ReadError::TooOld), format!("an ended snapshot: {why}"))?,
    }
    let mut now = kv.snapshot().await?;
    let seen = read(now.as_mut(), &range(b"", b"z"), PageLimit::MAX).await?;
    ensure(seen.len() == 42, format!("another one sees what was committed since: {} rows", seen.len()))
}

async fn a_snapshot_sees_what_was_acknowledged_before_it(kv: &Arc<dyn Kv>) -> Outcome {
    let empty = kv.snapshot().await?.page(&KeyRange::prefix(&[]), PageLimit::MAX).await?;
    ensure(empty.rows.is_empty() && !empty.more, "of an empty store it is empty")?;
    for n in 0..8_u32 {
        put(kv, &[(b"k", &n.to_be_bytes()), (&n.to_be_bytes(), b"")]).await?;
        let mut snapshot = kv.snapshot().await?;
        let page = snapshot.page(&range(b"k", b"l"), PageLimit::MAX).await?;
        let seen = page.rows.first().map(|(_, value)| value.to_vec());
        ensure(seen.as_deref() == Some(&n.to_be_bytes()), format!("commit {n} was acknowledged"))?;
        let all = snapshot.page(&KeyRange::prefix(&[]), PageLimit::MAX).await?;
        ensure(all.rows.len() == n as usize + 2, "and nothing of the store's own is seen")?;
    }
    Ok(())
}

async fn a_snapshot_is_of_every_key_in_order_over_many_pages(kv: &Arc<dyn Kv>) -> Outcome {
    let long = vec![b'x'; 3_000];
    let mut wanted = Rows::new();
    for part in 0..4_u16 {
        let mut txn = kv.begin();
        for n in (part * 400)..(part * 400 + 400) {
            let mut key = n.to_be_bytes().to_vec();
            if n % 97 == 0 {
                key.extend_from_slice(&long);
            }
            let value = vec![b'v'; if n % 50 == 0 { 5_000 } else { usize::from(n % 90) }];
            txn.set(&key, &value);
            wanted.push((key, value));
        }
        commit(txn).await?;
    }
    let mut snapshot = kv.snapshot().await?;
    put(kv, &[(&[0, 0, 1], b"later")]).await?;
    for limit in [PageLimit::MAX, PageLimit::rows(7), PageLimit { rows: 1_000, bytes: 9_000 }] {
        let seen = read(snapshot.as_mut(), &KeyRange::prefix(&[]), limit).await?;
        ensure(seen == wanted, format!("{limit:?}: every key, in order: {} of {}", seen.len(), wanted.len()))?;
    }
    let one = snapshot.page(&range(&[0, 5], &[0, 9]), PageLimit::rows(2)).await?;
    ensure(keys(&one) == [&[0, 5][..], &[0, 6]] && one.more, "a page says that there is more")?;
    let one = snapshot.page(&range(&[0, 5], &[0, 7]), PageLimit::rows(2)).await?;
    ensure(one.rows.len() == 2 && !one.more, "and that there is none")?;
    let none = snapshot.page(&range(&[9], &[3]), PageLimit::MAX).await?;
    ensure(none.rows.is_empty() && !none.more, "an inverted range is empty")
}

async fn several_snapshots_stand_side_by_side(kv: &Arc<dyn Kv>) -> Outcome {
    let mut taken = Vec::new();
    for n in 0..3_u8 {
        put(kv, &[(b"k", &[n])]).await?;
        taken.push(kv.snapshot().await?);
    }
    drop(taken.remove(1));
    put(kv, &[(b"k", &[9])]).await?;
    for (snapshot, wanted) in taken.iter_mut().zip([0, 2]) {
        let page = snapshot.page(&range(b"k", b"l"), PageLimit::MAX).await?;
        ensure(page.rows.first().is_some_and(|(_, value)| value.as_ref() == [wanted]), "each has its own version")?;
    }
    Ok(())
}
