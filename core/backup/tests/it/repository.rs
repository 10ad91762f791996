//! SUMMARY    Creating and opening: each thing that is wrong has its own error. A folder serves as well as memory.

use crate::world::{World, assert_gives, fill, key, small};
use backup::{Depot, Depth, Error, FolderDepot, Keep, MemoryDepot, Repository, RepositoryKey};
use base::SystemClock;
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_own_error() {
    let world = World::new().await;
    let none = Repository::open(Arc::new(MemoryDepot::default()), &key()).await;
    assert!(matches!(none, Err(Error::NoRepository(_))));
    let again = Repository::create(world.depot.clone(), &key(), &SystemClock).await;
    assert!(matches!(again, Err(Error::Occupied { .. })));
    let wrong = Repository::open(world.depot.clone(), &RepositoryKey::new([8; 32])).await;
    assert!(matches!(wrong, Err(Error::WrongKey)));
    assert_eq!(Repository::open(world.depot.clone(), &key()).await.unwrap().id(), world.repo.id());
    let header = world.depot.kept.get("repository.json").await.unwrap();
    for at in 0..header.len() {
        let mut changed = header.to_vec();
        changed[at] ^= 1;
        world.depot.kept.put("repository.json", changed.into()).await.unwrap();
        let opened = Repository::open(world.depot.clone(), &key()).await;
        assert!(matches!(opened, Err(Error::Damaged { .. })), "{at}: {opened:?}");
        world.depot.kept.put("repository.json", header.slice(..at)).await.unwrap();
        assert!(matches!(Repository::open(world.depot.clone(), &key()).await, Err(Error::Damaged { .. })), "{at}");
    }
    let newer = String::from_utf8(header.to_vec()).unwrap().replace("\"version\": 1", "\"version\": 2");
    world.depot.kept.put("repository.json", newer.into()).await.unwrap();
    assert!(matches!(Repository::open(world.depot.clone(), &key()).await, Err(Error::NewerFormat(2))));
}

#[tokio::test]
async fn a_depot_that_is_not_empty_gets_no_repository() {
    let depot = Arc::new(MemoryDepot::default());
    depot.put("holiday/photo.jpg", Bytes::from_static(b"x")).await.unwrap();
    let refused = Repository::create(depot.clone(), &key(), &SystemClock).await.unwrap_err();
    assert!(refused.to_string().contains("holiday/photo.jpg"), "{refused}");
    assert_eq!(depot.all().len(), 1);
}

#[tokio::test]
async fn nothing_of_the_rows_stands_in_the_depot_in_plain() {
    let world = World::new().await;
    let writer = world.begin().await.unwrap();
    let mut stream = writer.stream("a-telling-kind", "a-telling-name").unwrap();
    stream.push(b"a-telling-key", b"a-telling-value").await.unwrap();
    stream.finish().await.unwrap();
    writer.fact("a-telling-fact", "a-telling-value").unwrap();
    writer.finish().await.unwrap();
    for (name, bytes) in world.depot.kept.all() {
        assert!(!name.contains("telling") && !bytes.windows(7).any(|part| part == b"telling"), "{name}");
    }
}

#[tokio::test]
async fn a_folder_keeps_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(FolderDepot::open(folder.path().join("backups")).unwrap());
    let repo = Repository::create(open(), &key(), &SystemClock).await.unwrap();
    for seed in [1, 2] {
        let writer = repo.begin(Arc::new(SystemClock), BTreeMap::new()).await.unwrap();
        fill(&writer, &small(seed)).await.unwrap();
        writer.finish().await.unwrap();
    }
    let repo = Repository::open(open(), &key()).await.unwrap();
    assert_eq!(repo.forget(&Keep { last: 1, ..Keep::default() }).await.unwrap().len(), 1);
    assert!(repo.prune(Arc::new(SystemClock)).await.unwrap().removed > 0);
    let report = repo.verify(Depth::Read, &mut |_| ()).await.unwrap();
    assert!(report.is_whole() && report.unused == 0, "{report:?}");
    assert_gives(&repo.latest().await.unwrap().unwrap(), &small(2)).await;
}
