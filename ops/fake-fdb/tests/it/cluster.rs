//! SUMMARY    Cluster files, and batches of commits.

use bytes::Bytes;
use fake_fdb::model::{
    cluster::{Cluster, Database, Request},
    code,
    fault::Rates,
    mutation::Mutation,
    ranges::Ranges,
};

fn set(key: &'static str) -> Vec<Mutation> {
    vec![Mutation::Set(Bytes::from_static(key.as_bytes()), Bytes::new())]
}

fn keys(key: &'static str) -> Ranges {
    let mut keys = Ranges::default();
    keys.add_key(&Bytes::from_static(key.as_bytes()));
    keys
}

#[test]
fn cluster_files_name_a_cluster_and_its_weather() {
    for (text, want) in [
        ("a:b@127.0.0.1:4500", None),
        ("# a comment\n\na:b@127.0.0.1:4500,[::1]:4501\n", None),
        ("# fake-fdb: seed=1,conflict=5\na:b@host:1", None),
        ("# fake-fdb is shared\n# fake-fdb: seed=1\na:shared@127.0.0.1:1", None),
        ("# fake-fdb is shared", Some(code::CONNECTION_STRING_INVALID)),
        ("", Some(code::CONNECTION_STRING_INVALID)),
        ("# fake-fdb: seed=1", Some(code::CONNECTION_STRING_INVALID)),
        ("a@127.0.0.1:4500", Some(code::CONNECTION_STRING_INVALID)),
        ("a:b@127.0.0.1", Some(code::CONNECTION_STRING_INVALID)),
        ("a b:c@127.0.0.1:1", Some(code::CONNECTION_STRING_INVALID)),
        ("# fake-fdb: rain=1\na:b@host:1", Some(code::INVALID_OPTION_VALUE)),
        ("# fake-fdb: conflict=often\na:b@host:1", Some(code::INVALID_OPTION_VALUE)),
    ] {
        assert_eq!(Database::open(text, None).err(), want, "{text:?}");
    }
    assert_eq!(Database::open("a:b@host:1", Some("x")).err(), Some(code::INVALID_OPTION_VALUE));
    let want = Rates { seed: 7, unknown_applied: 50, ..Rates::default() };
    assert_eq!(Rates::parse("seed=7, unknown_applied=50"), Some(want));
}

#[test]
fn commits_of_a_batch_share_a_version_and_still_conflict() {
    let cluster = Cluster::named("batch:test");
    let before = cluster.snapshot();
    let request = |mutations, reads, writes| Request { mutations, read_version: Some(before.version), reads, writes };
    let (a, b, none) = (set("a"), set("b"), Ranges::default());
    let read_a = keys("a");
    let mut batch = cluster.batch();
    let (first, first_stamp) = batch.commit(request(&a, &none, keys("a"))).unwrap();
    let (second, second_stamp) = batch.commit(request(&b, &none, keys("b"))).unwrap();
    assert_eq!(batch.commit(request(&b, &read_a, keys("b"))), Err(code::NOT_COMMITTED));
    drop(batch);
    assert_eq!(first, second);
    assert!(first > before.version && first_stamp < second_stamp);
    assert!(cluster.snapshot().version >= second);
    assert_eq!(cluster.snapshot().rows.len(), 2);
    assert_eq!(cluster.snapshot_at(before.version).unwrap().rows.len(), 0);
    let mut late = cluster.batch();
    let seen = Request { read_version: Some(second), ..request(&b, &read_a, keys("b")) };
    assert!(late.commit(seen).unwrap().0 > second);
}
