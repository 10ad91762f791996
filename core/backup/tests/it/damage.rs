//! SUMMARY    Whatever is changed, cut, swapped or missing is told by verifying and by reading.

use crate::world::{Content, World, assert_gives, read_all, small};
use backup::{Depot, Depth, Error};
use bytes::Bytes;

/// Changed bytes: somewhere, at either end, cut, and longer.
fn spoiled(bytes: &Bytes, salt: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for at in [0, 1, 12, 13, 14, bytes.len() / 2, (salt * 7_919) % bytes.len(), bytes.len() - 17, bytes.len() - 1] {
        let mut changed = bytes.to_vec();
        changed[at.min(bytes.len() - 1)] ^= 1 << (salt % 8);
        out.push(changed);
    }
    out.extend([0, 1, bytes.len() / 2, bytes.len() - 1].map(|end| bytes[..end].to_vec()));
    out.push([bytes.as_ref(), b"x"].concat());
    out
}

async fn world() -> (World, Content) {
    let (world, content) = (World::new().await, small(3));
    world.back_up(&small(2)).await.unwrap();
    world.back_up(&content).await.unwrap();
    (world, content)
}

#[tokio::test]
async fn every_byte_that_is_not_what_it_was_is_told() {
    let (world, content) = world().await;
    let latest = world.repo.latest().await.unwrap().unwrap();
    let mut told_by_reading = 0;
    for (salt, (name, bytes)) in world.depot.kept.all().into_iter().enumerate() {
        if name == "repository.json" {
            continue;
        }
        for changed in spoiled(&bytes, salt) {
            let is_cut = changed.len() != bytes.len();
            world.depot.kept.put(&name, changed.into()).await.unwrap();
            assert!(!world.verify(Depth::Read).await.is_whole(), "{name} {salt}");
            assert!(!is_cut || !world.verify(Depth::Listed).await.is_whole(), "{name} {salt}");
            let read = match world.repo.latest().await {
                Ok(snapshot) => read_all(&snapshot.unwrap()).await,
                Err(why) => Err(why),
            };
            match read {
                Err(Error::Damaged { .. }) => told_by_reading += 1,
                Err(other) => panic!("{name}: {other}"),
                Ok(read) => assert!(read.streams == content.streams && read.objects == content.objects, "{name}"),
            }
        }
        world.depot.kept.delete(&name).await.unwrap();
        assert!(!world.verify(Depth::Listed).await.is_whole() || name.starts_with("snapshot/"), "{name}");
        world.depot.kept.put(&name, bytes).await.unwrap();
    }
    assert!(told_by_reading > 100, "{told_by_reading}");
    assert!(world.verify(Depth::Read).await.is_whole());
    assert_gives(&latest, &content).await;
}

#[tokio::test]
async fn an_object_does_not_pass_for_another_one() {
    let (world, _) = world().await;
    let all = world.depot.kept.all();
    for prefix in ["chunk/", "list/", "snapshot/", "object/"] {
        let some: Vec<(&String, &Bytes)> = all.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        let ((one, first), (other, second)) = (some[0], some[1]);
        world.depot.kept.put(one, second.clone()).await.unwrap();
        world.depot.kept.put(other, first.clone()).await.unwrap();
        let report = world.verify(Depth::Read).await;
        assert_eq!(report.problems_count, 2, "{prefix}: {report:?}");
        world.depot.kept.put(one, first.clone()).await.unwrap();
        world.depot.kept.put(other, second.clone()).await.unwrap();
    }
    world.depot.kept.put("snapshot/latest", Bytes::new()).await.unwrap();
    assert_eq!(world.verify(Depth::Listed).await.problems, ["snapshot/latest is no snapshot's name"]);
}

#[tokio::test]
async fn verifying_goes_on_after_a_problem_and_what_is_removed_is_put_again() {
    let (world, content) = world().await;
    let is_chunk = |name: &&String| name.starts_with("chunk/");
    let chunks: Vec<String> = world.depot.kept.all().keys().filter(is_chunk).cloned().collect();
    for name in &chunks {
        world.depot.kept.delete(name).await.unwrap();
    }
    let report = world.verify(Depth::Read).await;
    assert_eq!(report.problems.len(), chunks.len(), "each is told: {report:?}");
    assert!(chunks.iter().all(|name| report.problems.iter().any(|problem| problem.contains(name.as_str()))));
    let mut looked = 0;
    world.repo.verify(Depth::Listed, &mut |progress| looked = progress.done).await.unwrap();
    assert!(looked > 0);
    world.back_up(&content).await.unwrap();
    world.back_up(&small(2)).await.unwrap();
    assert!(world.verify(Depth::Read).await.is_whole());
}

#[tokio::test]
async fn a_backup_goes_on_beside_a_damaged_snapshot() {
    let (world, content) = world().await;
    let first = world.repo.snapshots().await.unwrap()[0].clone();
    world.depot.kept.put(&format!("snapshot/{first}"), Bytes::from_static(b"damaged")).await.unwrap();
    let snapshot = world.back_up(&content).await.unwrap();
    assert_eq!(snapshot.totals().chunks_new, 0);
    assert_gives(&snapshot, &content).await;
    assert!(matches!(world.repo.snapshot(&first).await, Err(Error::Damaged { .. })));
}
