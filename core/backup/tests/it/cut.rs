//! SUMMARY    A backup that dies at every operation there is: what was complete stays whole, and the next one ends what it began.

use crate::world::{HOUR, Last, World, assert_gives, small};
use backup::Depth;

#[tokio::test]
async fn a_backup_that_is_cut_off_anywhere_leaves_no_half_and_is_ended_by_the_next() {
    let (begun, first, second) = (World::new().await, small(1), small(2));
    begun.back_up(&first).await.unwrap();
    for last in [Last::NotDone, Last::DoneAndNotTold] {
        let mut operations = 0;
        loop {
            let world = begun.copy().await;
            world.depot.die_after(operations, last);
            let result = world.back_up(&second).await;
            if !world.depot.revive() {
                assert!(result.is_ok() && operations > 10, "{operations}");
                break;
            }
            let ids = world.repo.snapshots().await.unwrap();
            // The manifest may be there and not have been told; or told, and its lock not have gone.
            assert!(ids.len() == 1 || ids.len() == 2, "{ids:?}");
            assert!(result.is_err() || ids.len() == 2, "told and not there");
            assert!(world.verify(Depth::Read).await.is_whole(), "{operations} {last:?}");
            assert_gives(&world.repo.snapshot(&ids[0]).await.unwrap(), &first).await;
            for id in &ids[1..] {
                assert_gives(&world.repo.snapshot(id).await.unwrap(), &second).await;
            }
            let before = world.depot.kept.all();
            world.depot.take_put();
            let again = world.back_up(&second).await.unwrap();
            assert_gives(&again, &second).await;
            let twice: Vec<String> =
                world.depot.take_put().into_iter().filter(|name| before.contains_key(name)).collect();
            assert!(twice.is_empty(), "put although it was there: {twice:?}");
            assert!(world.verify(Depth::Read).await.is_whole());
            operations += 1;
        }
    }
}

#[tokio::test]
async fn what_a_backup_left_behind_is_pruned_when_its_lock_is_stale() {
    let world = World::new().await;
    world.back_up(&small(1)).await.unwrap();
    let before = world.depot.kept.all();
    world.depot.die_after(12, Last::NotDone);
    assert!(world.back_up(&small(2)).await.is_err());
    assert!(world.depot.revive());
    assert!(world.verify(Depth::Listed).await.unused > 0);
    world.clock.add(HOUR);
    let pruned = world.repo.prune(world.clock.clone()).await.unwrap();
    assert!(pruned.removed > 0 && pruned.bytes > 0, "{pruned:?}");
    let names = |all: &std::collections::BTreeMap<String, bytes::Bytes>| -> Vec<String> {
        all.keys().filter(|name| !name.starts_with("lock/")).cloned().collect()
    };
    assert_eq!(names(&world.depot.kept.all()), names(&before));
}
