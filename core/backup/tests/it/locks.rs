//! SUMMARY    Who may be in a repository beside whom, and what becomes of a lock whose holder is gone.

use crate::world::{HOUR, Rows, World, assert_gives, fill, rows, small, write};
use backup::{Depot, Depth, Error, LockKind};
use bytes::Bytes;

#[tokio::test]
async fn two_backups_at_once_are_both_whole() {
    let world = World::new().await;
    let (one, other) = (world.begin().await.unwrap(), world.begin().await.unwrap());
    // Streams of the same rows and of others, and the same objects, in turn.
    let (first, second) = (small(1), small(2));
    futures_util::future::try_join(fill(&one, &first), fill(&other, &second)).await.unwrap();
    let one = one.finish().await.unwrap();
    assert!(world.verify(Depth::Read).await.is_whole(), "beside one that is not finished");
    let other = other.finish().await.unwrap();
    assert_gives(&one, &first).await;
    assert_gives(&other, &second).await;
    assert!(world.verify(Depth::Read).await.is_whole());
    assert!(world.repo.locks().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_prune_waits_for_a_backup_and_says_since_when() {
    let world = World::new().await;
    let writer = world.begin().await.unwrap();
    world.clock.add(HOUR - 1);
    let refused = world.repo.prune(world.clock.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::Locked { kind: LockKind::Backup, .. }), "{refused}");
    assert!(
        refused.to_string().contains("2026-11-28T00:00:00Z") && refused.to_string().contains("--unlock"),
        "{refused}"
    );
    assert_eq!(world.repo.locks().await.unwrap().len(), 1, "the one that was refused left none");
    // A holder that works says so.
    write(&writer, "a", &rows(1, 3, 10)).await.unwrap();
    world.clock.add(HOUR / 2);
    assert!(matches!(world.repo.prune(world.clock.clone()).await, Err(Error::Locked { .. })));
    writer.finish().await.unwrap();
    world.repo.prune(world.clock.clone()).await.unwrap();
}

#[tokio::test]
async fn a_backup_that_was_taken_for_dead_ends_without_a_snapshot() {
    let world = World::new().await;
    let writer = world.begin().await.unwrap();
    write(&writer, "a", &rows(1, 3, 10)).await.unwrap();
    world.clock.add(HOUR);
    let pruned = world.repo.prune(world.clock.clone()).await.unwrap();
    assert!(pruned.removed > 0, "what it had put is gone");
    assert!(matches!(writer.finish().await, Err(Error::LockLost)));
    assert!(world.repo.latest().await.unwrap().is_none());
    let writer = world.begin().await.unwrap();
    write(&writer, "a", &Rows::new()).await.unwrap();
    let removed = world.repo.unlock().await.unwrap();
    assert_eq!((removed.len(), removed[0].kind), (1, Some(LockKind::Backup)));
    assert!(matches!(writer.finish().await, Err(Error::LockLost)));
    assert!(world.repo.latest().await.unwrap().is_none());
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_keeps_everybody_out_until_it_is_old() {
    let world = World::new().await;
    let name = format!("lock/{}", "0".repeat(32));
    // The depot in memory says that everything is from 1970.
    world.depot.kept.put(&name, Bytes::from_static(b"damaged")).await.unwrap();
    assert_eq!(world.repo.locks().await.unwrap()[0].kind, None);
    world.back_up(&small(1)).await.unwrap();
    world.clock.add(base::Timestamp::default().0 - crate::world::START - 10_000);
    assert!(matches!(world.begin().await, Err(Error::Locked { kind: LockKind::Prune, .. })));
    let refused = world.repo.prune(world.clock.clone()).await;
    assert!(matches!(refused, Err(Error::Locked { kind: LockKind::Backup, .. })));
    world.repo.unlock().await.unwrap();
    world.begin().await.unwrap().abandon().await;
}
