//! SUMMARY    Forgetting and pruning, also where it dies at every operation: every snapshot that remains is whole.

use crate::world::{HOUR, Last, World, assert_gives, small};
use backup::{Depot, Depth, Error, Keep};
use bytes::Bytes;

const LAST: Keep = Keep { last: 1, daily: 0, weekly: 0, monthly: 0 };

async fn three() -> World {
    let world = World::new().await;
    for seed in [1, 2, 3] {
        world.back_up(&small(seed)).await.unwrap();
    }
    world
}

#[tokio::test]
async fn a_prune_leaves_what_is_referred_to_and_nothing_else() {
    let world = three().await;
    world.depot.kept.put("chunk/notes.txt", Bytes::from_static(b"somebody else's")).await.unwrap();
    let nothing = world.repo.prune(world.clock.clone()).await.unwrap();
    assert_eq!((nothing.snapshots, nothing.removed), (3, 0));
    assert_eq!(world.repo.forgettable(&LAST).await.unwrap().len(), 2);
    assert_eq!(world.repo.forget(&LAST).await.unwrap().len(), 2);
    let unused = world.verify(Depth::Listed).await.unused;
    let pruned = world.repo.prune(world.clock.clone()).await.unwrap();
    assert_eq!((pruned.snapshots, pruned.removed), (1, unused));
    let report = world.verify(Depth::Read).await;
    assert!(report.is_whole() && report.unused == 0 && report.chunks + report.objects + 1 == pruned.kept, "{report:?}");
    assert_gives(&world.repo.latest().await.unwrap().unwrap(), &small(3)).await;
    // As many as one backup has, and the header, the manifest and the notes.
    let alone = World::new().await;
    alone.back_up(&small(3)).await.unwrap();
    assert_eq!(world.depot.kept.all().len(), alone.depot.kept.all().len() + 1);
}

#[tokio::test]
async fn a_prune_that_dies_anywhere_leaves_every_remaining_snapshot_whole() {
    let (begun, third) = (three().await, small(3));
    for last in [Last::NotDone, Last::DoneAndNotTold] {
        let mut operations = 0;
        loop {
            let world = begun.copy().await;
            world.depot.die_after(operations, last);
            let forgotten = world.repo.forget(&LAST).await;
            let pruned = world.repo.prune(world.clock.clone()).await;
            if !world.depot.revive() {
                assert!(forgotten.is_ok() && pruned.is_ok() && operations > 10, "{operations}");
                break;
            }
            assert!(world.verify(Depth::Read).await.is_whole(), "{operations} {last:?}");
            for id in world.repo.snapshots().await.unwrap() {
                crate::world::read_all(&world.repo.snapshot(&id).await.unwrap()).await.unwrap();
            }
            // Whoever comes next ends it.
            world.clock.add(HOUR);
            world.repo.forget(&LAST).await.unwrap();
            world.repo.prune(world.clock.clone()).await.unwrap();
            let report = world.verify(Depth::Read).await;
            assert!(report.is_whole() && report.unused == 0 && report.snapshots == 1, "{report:?}");
            assert_gives(&world.repo.latest().await.unwrap().unwrap(), &third).await;
            operations += 1;
        }
    }
}

#[tokio::test]
async fn nothing_is_pruned_beside_a_snapshot_that_cannot_be_read() {
    let world = three().await;
    world.repo.forget(&Keep { last: 2, ..Keep::default() }).await.unwrap();
    let before = world.depot.kept.all();
    let damaged: Vec<&String> =
        before.keys().filter(|name| name.starts_with("list/") || name.starts_with("snapshot/")).collect();
    let mut refused = 0;
    for name in damaged {
        world.depot.kept.put(name, Bytes::from_static(b"damaged")).await.unwrap();
        match world.repo.prune(world.clock.clone()).await {
            Err(Error::Damaged { .. }) => {
                refused += 1;
                assert_eq!(world.depot.kept.all().len(), before.len(), "{name}");
            }
            // It was of the snapshot that is forgotten.
            result => assert!(result.is_ok() && refused > 0 || result.unwrap().removed > 0),
        }
        for (name, bytes) in &before {
            world.depot.kept.put(name, bytes.clone()).await.unwrap();
        }
    }
    assert!(refused > 3, "{refused}");
    // A snapshot that is damaged can be forgotten.
    let id = world.repo.snapshots().await.unwrap()[0].clone();
    world.depot.kept.put(&format!("snapshot/{id}"), Bytes::from_static(b"damaged")).await.unwrap();
    world.repo.forget_one(&id).await.unwrap();
    assert!(matches!(world.repo.forget_one(&id).await, Err(Error::NoSnapshot(_))));
    world.repo.prune(world.clock.clone()).await.unwrap();
    assert!(world.verify(Depth::Read).await.is_whole());
}

#[tokio::test]
async fn nothing_is_forgotten_while_what_stays_is_damaged_or_somebody_is_at_work() {
    let world = three().await;
    let ids = world.repo.snapshots().await.unwrap();
    let newest = format!("snapshot/{}", ids[2]);
    let whole = world.depot.kept.get(&newest).await.unwrap();
    let mut damaged = whole.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    world.depot.kept.put(&newest, damaged.into()).await.unwrap();
    assert!(matches!(world.repo.prune_to(&LAST, world.clock.clone()).await, Err(Error::Damaged { .. })));
    assert_eq!(world.repo.snapshots().await.unwrap(), ids, "the whole ones are there");
    world.depot.kept.put(&newest, whole).await.unwrap();
    let writer = world.repo.begin(world.clock.clone(), Default::default()).await.unwrap();
    assert!(matches!(world.repo.prune_to(&LAST, world.clock.clone()).await, Err(Error::Locked { .. })));
    assert_eq!(world.repo.snapshots().await.unwrap(), ids);
    writer.abandon().await;
    let (gone, pruned) = world.repo.prune_to(&LAST, world.clock.clone()).await.unwrap();
    assert_eq!((gone.as_slice(), pruned.snapshots), (&ids[..2], 1));
    assert!(pruned.removed > 0 && world.verify(Depth::Read).await.is_whole());
}

#[tokio::test]
async fn a_policy_that_keeps_nothing_forgets_nothing() {
    let world = three().await;
    assert!(matches!(world.repo.forget(&Keep::default()).await, Err(Error::Invalid(_))));
    assert_eq!(world.repo.snapshots().await.unwrap().len(), 3);
}
