//! SUMMARY    The bus over Zenoh: two nodes that know each other's address.

use crate::{
    bus::{drain, heard, publisher_overflows, until, until_healthy},
    server::free_port,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use store::bus::{Bus, Hint};
use store_bus::{ZenohBus, ZenohOptions};

fn options(own: u16, other: u16) -> ZenohOptions {
    ZenohOptions {
        listen: vec![format!("tcp/127.0.0.1:{own}")],
        connect: vec![format!("tcp/127.0.0.1:{other}")],
        prefix: "posthouse-test".to_owned(),
    }
}

fn node(options: ZenohOptions) -> Arc<dyn Bus> {
    Arc::new(ZenohBus::start(options).unwrap())
}

/// Makes one node and then the other, of a pair that is never the same.
fn pairs() -> impl Fn() -> Arc<dyn Bus> {
    let (ports, made) = ([free_port(), free_port()], AtomicUsize::new(0));
    move || match made.fetch_add(1, Ordering::SeqCst) {
        0 => node(options(ports[0], ports[1])),
        _ => node(options(ports[1], ports[0])),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    store::conformance::bus(pairs()).await.unwrap();
    publisher_overflows(pairs()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_and_comes_is_told_of() {
    let (one, two) = (free_port(), free_port());
    let here = node(options(one, two));
    let mut by = here.subscribe(b"t");
    until_healthy(&*here, true).await;
    drain(&mut *by).await;
    let there = node(options(two, one));
    until(&mut *by, &Hint::Lost).await;
    heard(&*there, b"t", b"first", &mut *by).await;
    drain(&mut *by).await;
    drop(there);
    until(&mut *by, &Hint::Lost).await;
    drain(&mut *by).await;
    let there = node(options(two, one));
    until(&mut *by, &Hint::Lost).await;
    heard(&*there, b"t", b"second", &mut *by).await;
    let stranger = node(ZenohOptions { prefix: "another".to_owned(), ..options(free_port(), one) });
    let mut foreign = stranger.subscribe(b"t");
    until_healthy(&*stranger, true).await;
    heard(&*there, b"t", b"third", &mut *by).await;
    assert!(drain(&mut *foreign).await.iter().all(|hint| *hint == Hint::Lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_can_never_work_are_refused() {
    assert!(ZenohBus::start(ZenohOptions { prefix: "a/b".to_owned(), ..options(1, 2) }).is_err());
    assert!(ZenohBus::start(ZenohOptions { listen: vec!["no endpoint".to_owned()], ..options(1, 2) }).is_err());
    let nowhere = ZenohOptions { listen: Vec::new(), connect: Vec::new(), ..options(1, 2) };
    assert!(ZenohBus::start(nowhere).is_err());
}
