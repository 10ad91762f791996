//! SUMMARY    Rows go in and come out; what was there is not put again; only what is asked for is fetched.

use crate::world::{Content, Rows, World, assert_gives, noise, read, rows, small, write};
use backup::{Depth, Error, KeyRange};
use base::rng::SeededRng;
use std::{collections::BTreeMap, sync::atomic::Ordering::SeqCst};

fn of(streams: &[(&str, &Rows)]) -> Content {
    let streams = streams.iter().map(|(name, rows)| ((*name).to_owned(), (*rows).clone())).collect();
    Content { streams, objects: BTreeMap::new() }
}

#[tokio::test]
async fn what_went_in_comes_out_with_its_facts_and_counts() {
    let world = World::new().await;
    let mut content = small(3);
    let rng = SeededRng::new(9);
    let odd = [(vec![], vec![]), (vec![0], vec![1]), (vec![0, 0], noise(&rng, 9 << 20)), (vec![1; 16 * 1024], vec![2])];
    content.streams.insert("odd".to_owned(), odd.into_iter().collect());
    let made = world.back_up(&content).await.unwrap();
    let snapshot = world.repo.latest().await.unwrap().unwrap();
    assert_eq!(snapshot.id(), made.id());
    assert_eq!(snapshot.facts().get("store").unwrap(), "one");
    assert_gives(&snapshot, &content).await;
    let totals = snapshot.totals();
    let all: Vec<(&Vec<u8>, &Vec<u8>)> = content.streams.values().flatten().collect();
    let bytes: usize = all.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!((totals.streams, totals.rows, totals.row_bytes), (5, all.len() as u64, bytes as u64));
    assert_eq!((totals.objects, totals.objects_new), (2, 2));
    let kinds: Vec<String> = snapshot.streams(None, 9).await.unwrap().into_iter().map(|info| info.kind).collect();
    assert_eq!(kinds, ["test"; 5]);
    assert!(matches!(snapshot.rows("none", &[]).await, Err(Error::NoStream(_))));
    assert!(matches!(snapshot.object("none").await, Err(Error::NoObject(_))));
    let report = world.verify(Depth::Read).await;
    assert!(report.is_whole() && report.unused == 0, "{report:?}");
}

#[tokio::test]
async fn a_backup_of_what_did_not_change_puts_its_manifest_alone() {
    let world = World::new().await;
    let content = small(3);
    world.back_up(&content).await.unwrap();
    world.depot.take_put();
    let again = world.back_up(&content).await.unwrap();
    let totals = again.totals();
    assert_eq!((totals.chunks_new, totals.objects_new, totals.stored_new), (0, 0, 0));
    let put: Vec<String> = world.depot.take_put().into_iter().filter(|name| !name.starts_with("lock/")).collect();
    assert_eq!(put, [format!("snapshot/{}", again.id())]);
}

#[tokio::test]
async fn the_same_rows_make_the_same_chunks_in_every_version() {
    let world = World::new().await;
    world.back_up(&of(&[("big", &rows(1, 5_000, 1_000))])).await.unwrap();
    let chunks: Vec<String> = world.depot.kept.all().into_keys().filter(|name| name.starts_with("chunk/")).collect();
    // Another hash means that every repository is stored anew: a new version of the format.
    let hash = blake3::hash(chunks.join("\n").as_bytes()).to_hex().to_string();
    assert_eq!((chunks.len(), hash.as_str()), (4, "81d39fdecf2d07f8440aea79f6504a6bbe4ffb9f2875f1f3066322e4d1b1f522"));
}

#[tokio::test]
async fn few_changes_put_few_chunks() {
    let world = World::new().await;
    let mut big = rows(1, 30_000, 1_000);
    let first = world.back_up(&of(&[("big", &big)])).await.unwrap().totals();
    assert!((20..60).contains(&first.chunks_new), "{first:?}");
    let keys: Vec<Vec<u8>> = big.keys().cloned().collect();
    // One row in the midst.
    let mut between = keys[15_000].clone();
    between.push(0);
    big.insert(between, vec![1; 500]);
    let one = world.back_up(&of(&[("big", &big)])).await.unwrap();
    assert!(one.totals().chunks_new <= 6, "{:?}", one.totals());
    // One is removed, one changed, some come behind the end.
    big.remove(&keys[3]);
    big.insert(keys[29_000].clone(), vec![]);
    big.extend((0..10_u8).map(|n| (vec![0xff; 17 + usize::from(n)], vec![n; 100])));
    let some = world.back_up(&of(&[("big", &big)])).await.unwrap();
    assert!(some.totals().chunks_new <= 14, "{:?}", some.totals());
    assert!(some.totals().stored_new < first.stored_new / 3, "{:?}", some.totals());
    assert_gives(&some, &of(&[("big", &big)])).await;
    assert!(world.verify(Depth::Read).await.is_whole());
}

#[tokio::test]
async fn only_what_overlaps_is_fetched() {
    let world = World::new().await;
    let big = rows(1, 12_000, 1_000);
    let snapshot = world.back_up(&of(&[("big", &big)])).await.unwrap();
    let keys: Vec<Vec<u8>> = big.keys().cloned().collect();
    world.depot.take_got();
    let ranges = [(10, 20), (9_000, 9_001), (5, 5)].map(|(a, b)| KeyRange::new(keys[a].clone(), keys[b].clone()));
    let found = read(&snapshot, "big", &ranges).await.unwrap();
    let expected: Vec<&Vec<u8>> = keys[10..20].iter().chain(&keys[9_000..9_001]).collect();
    assert_eq!(found.iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    let chunks = world.depot.take_got().iter().filter(|name| name.starts_with("chunk/")).count();
    assert!(chunks <= 4, "{chunks}");
    assert!(read(&snapshot, "big", &[]).await.unwrap().is_empty());
    let rest = read(&snapshot, "big", &[KeyRange::starting(keys[11_990].clone())]).await.unwrap();
    assert_eq!(rest.len(), 10);
}

#[tokio::test]
async fn the_longest_keys_make_lists_of_lists() {
    let world = World::new().await;
    let rng = SeededRng::new(4);
    let big: Rows = (0..500).map(|_| (noise(&rng, 16 * 1024), noise(&rng, 60_000))).collect();
    let snapshot = world.back_up(&of(&[("big", &big)])).await.unwrap();
    let pages = world.depot.take_put().iter().filter(|name| name.starts_with("list/")).count();
    assert!(pages > 8, "{pages}: several levels");
    assert_gives(&snapshot, &of(&[("big", &big)])).await;
    world.depot.take_got();
    let key = big.keys().nth(250).unwrap().clone();
    let range = KeyRange::new(key.clone(), [key.as_slice(), &[0]].concat());
    assert_eq!(read(&snapshot, "big", &[range]).await.unwrap(), [(key.clone(), big[&key].clone())]);
    let got = world.depot.take_got();
    assert!((4..=7).contains(&got.len()), "{got:?}");
    let report = world.verify(Depth::Read).await;
    assert!(report.is_whole() && report.unused == 0, "{report:?}");
}

#[tokio::test]
async fn one_stream_of_many_is_found_by_reading_few_pages() {
    let world = World::new().await;
    let names: Vec<String> = (0..3_000).map(|n| format!("tenant-{n:05}")).collect();
    let streams = names.iter().map(|name| (name.clone(), Rows::from([(vec![1], name.clone().into_bytes())]))).collect();
    let snapshot = world.back_up(&Content { streams, objects: BTreeMap::new() }).await.unwrap();
    world.depot.take_got();
    let found = read(&snapshot, "tenant-01234", &[KeyRange::all()]).await.unwrap();
    assert_eq!(found, [(vec![1], b"tenant-01234".to_vec())]);
    let got = world.depot.take_got();
    assert!(got.len() <= 4, "{got:?}");
    let page = snapshot.streams(Some("tenant-02990"), 5).await.unwrap();
    assert_eq!(page.iter().map(|info| &info.name).collect::<Vec<_>>(), names[2_991..2_996].iter().collect::<Vec<_>>());
    assert!(snapshot.streams(Some("tenant-02999"), 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn rows_out_of_order_and_streams_cut_short_leave_no_snapshot() {
    let world = World::new().await;
    let writer = world.begin().await.unwrap();
    let mut stream = writer.stream("test", "a").unwrap();
    stream.push(b"b", b"").await.unwrap();
    assert!(matches!(stream.push(b"a", b"").await, Err(Error::Order(_))));
    assert!(matches!(stream.push(b"b", b"").await, Err(Error::Order(_))));
    assert!(matches!(writer.stream("test", "a"), Err(Error::Invalid(_))), "it is begun");
    assert!(matches!(writer.stream("test", ""), Err(Error::Limit("STREAM_NAME_BYTES_MAX"))));
    drop(stream);
    assert!(matches!(writer.finish().await, Err(Error::Invalid(_))));
    assert!(world.repo.latest().await.unwrap().is_none());
    let writer = world.begin().await.unwrap();
    write(&writer, "a", &Rows::new()).await.unwrap();
    assert!(matches!(writer.stream("test", "a"), Err(Error::Invalid(_))), "it is finished");
    writer.abandon().await;
    assert!(world.repo.locks().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn few_chunks_are_in_flight_however_many_streams_there_are() {
    let world = World::new().await;
    let writer = world.begin().await.unwrap();
    let contents: Vec<Rows> = (0..6).map(|seed| rows(seed, 60, 90_000)).collect();
    let names = ["a", "b", "c", "d", "e", "f"];
    let all = names.iter().zip(&contents).map(|(name, rows)| write(&writer, name, rows));
    futures_util::future::try_join_all(all).await.unwrap();
    let max = world.depot.putting_max.load(SeqCst);
    // Each stream puts pages of its list by itself.
    assert!((1..=4 + 6).contains(&max), "{max}");
    let snapshot = writer.finish().await.unwrap();
    let expected: Vec<(&str, &Rows)> = names.into_iter().zip(&contents).collect();
    assert_gives(&snapshot, &of(&expected)).await;
}
