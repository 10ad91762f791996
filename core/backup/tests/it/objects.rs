//! SUMMARY    Objects are stored as they come, once, and asked for only where nobody knows them.

use crate::world::{Content, World, assert_gives, small};
use backup::{Depot, DepotError, Depth, Error};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

#[tokio::test]
async fn what_an_earlier_snapshot_has_is_not_read_again() {
    let world = World::new().await;
    let asked = AtomicUsize::new(0);
    let source = || {
        asked.fetch_add(1, SeqCst);
        std::future::ready(Ok::<_, Infallible>(Bytes::from_static(b"bytes")))
    };
    for _ in 0..3 {
        let writer = world.begin().await.unwrap();
        writer.object("packs/a", 5, source).await.unwrap();
        let snapshot = writer.finish().await.unwrap();
        assert_eq!(snapshot.object("packs/a").await.unwrap().as_ref(), b"bytes");
    }
    assert_eq!(asked.load(SeqCst), 1);
    assert_eq!(world.depot.kept.get("object/packs/a").await.unwrap().as_ref(), b"bytes", "as it came");
    // What is gone, or has another size, is asked for and put again.
    for spoiled in [None, Some(Bytes::from_static(b"byte"))] {
        let before = asked.load(SeqCst);
        world.depot.kept.delete("object/packs/a").await.unwrap();
        if let Some(spoiled) = spoiled {
            world.depot.kept.put("object/packs/a", spoiled).await.unwrap();
        }
        let writer = world.begin().await.unwrap();
        writer.object("packs/a", 5, source).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().totals().objects_new, 1);
        assert_eq!(asked.load(SeqCst), before + 1);
        assert!(world.verify(Depth::Read).await.is_whole());
    }
}

#[tokio::test]
async fn what_was_put_and_is_in_no_snapshot_is_read_and_not_put_again() {
    let world = World::new().await;
    let content = Content { objects: small(1).objects, streams: BTreeMap::new() };
    let writer = world.begin().await.unwrap();
    crate::world::fill(&writer, &content).await.unwrap();
    drop(writer);
    world.depot.take_put();
    let snapshot = world.back_up(&content).await.unwrap();
    assert_eq!(snapshot.totals().objects_new, 0);
    assert!(!world.depot.take_put().iter().any(|name| name.starts_with("object/")));
    assert_gives(&snapshot, &content).await;
}

#[tokio::test]
async fn an_object_that_changed_or_cannot_be_read_stops_the_backup() {
    let world = World::new().await;
    world.back_up(&small(1)).await.unwrap();
    // Also where the last snapshot does not have it.
    let mut other = small(2);
    other.objects.clear();
    world.back_up(&other).await.unwrap();
    let none = || std::future::ready(Ok::<_, Infallible>(Bytes::new()));
    let writer = world.begin().await.unwrap();
    assert!(matches!(writer.object("packs/same", 7, none).await, Err(Error::Changed(_))));
    assert!(matches!(writer.object("packs/x", 7, none).await, Err(Error::Invalid(_))), "it has no 7 bytes");
    let fails = || std::future::ready(Err::<Bytes, _>(io::Error::other("a disk")));
    let failed = writer.object("packs/y", 7, fails).await.unwrap_err();
    assert!(matches!(failed, Error::Source { .. }) && failed.to_string().contains("a disk"), "{failed}");
    for name in ["", "../x", "A", ".hidden"] {
        let refused = writer.object(name, 0, none).await;
        assert!(matches!(refused, Err(Error::Depot(DepotError::BadName(_)))), "{name}");
    }
    assert!(matches!(writer.object("packs/z", u64::MAX, none).await, Err(Error::Limit("OBJECT_BYTES_MAX"))));
    writer.object("packs/empty", 0, none).await.unwrap();
    assert!(matches!(writer.object("packs/empty", 0, none).await, Err(Error::Invalid(_))), "twice");
    assert!(writer.finish().await.is_err(), "objects that failed are missing");
    assert_eq!(world.repo.snapshots().await.unwrap().len(), 2);
    // The same size and other bytes, where it is read because it is gone.
    world.depot.kept.delete("object/packs/same").await.unwrap();
    let writer = world.begin().await.unwrap();
    let others = || std::future::ready(Ok::<_, Infallible>(Bytes::from(vec![6; 1_000])));
    assert!(matches!(writer.object("packs/same", 1_000, others).await, Err(Error::Changed(_))));
}
