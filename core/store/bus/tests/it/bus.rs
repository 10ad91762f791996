//! SUMMARY    What every bus over a server has to stand: the server goes and comes back, and a node publishes faster than it sends.

use crate::server::Server;
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::bus::{Bus, Hint, Subscription};
use store_bus::limits::BUS_QUEUE_MAX;
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(20);

pub async fn until_healthy(bus: &dyn Bus, is_healthy: bool) {
    let began = Instant::now();
    while bus.health().await.is_ok() != is_healthy {
        assert!(began.elapsed() < LIMIT, "healthy: {is_healthy}, but {:?}", bus.health().await);
        sleep(MOMENT).await;
    }
}

/// Waits for a hint and drops others.
pub async fn until(subscription: &mut dyn Subscription, wanted: &Hint) {
    let wait = async { while subscription.next().await.as_ref() != Some(wanted) {} };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("no {wanted:?}"));
}

/// Publishes until it is heard.
pub async fn heard(from: &dyn Bus, topic: &[u8], message: &'static [u8], by: &mut dyn Subscription) {
    let (began, wanted) = (Instant::now(), Some(Hint::Message(Bytes::from_static(message))));
    loop {
        from.publish(topic, Bytes::from_static(message));
        match timeout(MOMENT, by.next()).await {
            Ok(hint) if hint == wanted => return,
            Ok(Some(_)) | Err(_) => assert!(began.elapsed() < LIMIT, "nobody heard {message:?}"),
            Ok(None) => panic!("the subscription ended"),
        }
    }
}

/// Takes what is there until nothing comes for a while.
pub async fn drain(subscription: &mut dyn Subscription) -> Vec<Hint> {
    let mut got = Vec::new();
    while let Ok(Some(hint)) = timeout(Duration::from_millis(1_200), subscription.next()).await {
        got.push(hint);
    }
    got
}

pub async fn server_goes_and_comes_back(server: &mut Server, make: impl Fn() -> Arc<dyn Bus>) {
    let (here, there) = (make(), make());
    let (mut own, mut other) = (here.subscribe(b"t"), there.subscribe(b"t"));
    heard(&*here, b"t", b"before", &mut *other).await;
    drain(&mut *other).await;
    drain(&mut *own).await;
    server.stop();
    until_healthy(&*here, false).await;
    until_healthy(&*there, false).await;
    here.publish(b"t", Bytes::from_static(b"alone"));
    until(&mut *own, &Hint::Message(Bytes::from_static(b"alone"))).await;
    // Who comes while it is away is heard later.
    let mut late = there.subscribe(b"late");
    server.again().await;
    until_healthy(&*here, true).await;
    until_healthy(&*there, true).await;
    until(&mut *own, &Hint::Lost).await;
    until(&mut *other, &Hint::Lost).await;
    until(&mut *late, &Hint::Lost).await;
    heard(&*here, b"t", b"after", &mut *other).await;
    heard(&*there, b"t", b"and back", &mut *own).await;
    heard(&*here, b"late", b"late", &mut *late).await;
    let got = drain(&mut *other).await;
    assert!(!got.contains(&Hint::Message(Bytes::from_static(b"alone"))), "nobody hears old hints: {got:?}");
}

/// The queue of the publisher overflows: the other node gets `Lost` although nothing that reached it was too much.
pub async fn publisher_overflows(make: impl Fn() -> Arc<dyn Bus>) {
    let (here, there) = (make(), make());
    let mut quiet = there.subscribe(b"quiet");
    heard(&*here, b"quiet", b"first", &mut *quiet).await;
    drain(&mut *quiet).await;
    let began = Instant::now();
    loop {
        for _ in 0..BUS_QUEUE_MAX * 8 {
            here.publish(b"nobody listens", Bytes::from_static(b"x"));
        }
        // A fast bus may have taken all of it.
        match timeout(Duration::from_secs(2), quiet.next()).await {
            Ok(Some(Hint::Lost)) => break,
            other => assert!(other.is_err() && began.elapsed() < LIMIT, "it is not told: {other:?}"),
        }
    }
    drain(&mut *quiet).await;
    here.publish(b"nobody listens", vec![0; store_bus::limits::BUS_FRAME_BYTES_MAX + 1].into());
    until(&mut *quiet, &Hint::Lost).await;
    heard(&*here, b"quiet", b"again", &mut *quiet).await;
}
