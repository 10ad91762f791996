//! SUMMARY    A migration that is cut off anywhere, by the network or by its own end, and goes on: every message exactly once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::world::{ANN, EVE, Proxy, World};
use migrate::{Migrator, Order};

/// A future that is dropped after so many polls: cut off at an await.
struct Polls<F>(F, u64);

impl<F: Future + Unpin> Future for Polls<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.1 == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn connections_that_are_cut_are_made_anew_and_nothing_comes_twice() {
    let world = World::new().await;
    world.fill(90).await;
    let expect = world.dump(ANN).await;
    // From the greeting into the large message and beyond.
    for start in [10, 700, 3_000, 9_000, 14_000, 20_000, 100_000, 4_000_000, 7_800_000] {
        let world_here = World::new().await;
        world_here.fill(90).await;
        let cuts = (1..5).map(|n| start * n).collect();
        let proxy = Proxy::new(world_here.imap, cuts).await;
        let report = world_here.migrate(proxy.port, &Order::default()).await.unwrap();
        assert!(report.reconnects >= 1 || start > 1_000_000, "{start}: {report:?}");
        let strip = |dump: Vec<String>| -> Vec<String> {
            dump.into_iter()
                .map(|l| if l.starts_with(' ') { l } else { l.rsplit_once(' ').unwrap().0.to_owned() })
                .collect()
        };
        assert_eq!(strip(world_here.dump(EVE).await), strip(expect.clone()), "{start}");
        assert_eq!(world_here.dump(EVE).await, world_here.dump(ANN).await, "{start}");
    }
}

#[tokio::test]
async fn a_migration_that_dies_at_forty_points_ends_as_one_that_did_not() {
    // How many there are to die at.
    let whole = World::new().await;
    whole.fill(60).await;
    let polls = {
        let (scope, source, order) = (whole.owner(EVE).await, whole.source(whole.imap.port()), Order::default());
        let (migrator, mut telling) = (Migrator::new(whole.mail.clone()), |_: &migrate::Progress| {});
        let mut work = Polls(Box::pin(migrator.run(&scope, &source, &order, &mut telling)), u64::MAX);
        std::future::poll_fn(|cx| Pin::new(&mut work).poll(cx)).await.unwrap().unwrap();
        u64::MAX - work.1
    };
    assert!(polls > 30, "{polls}");
    let mut deaths = 0;
    for point in 0..40_u64 {
        let world = World::new().await;
        world.fill(60).await;
        let scope = world.owner(EVE).await;
        for round in 0..2 {
            let (migrator, source) = (Migrator::new(world.mail.clone()), world.source(world.imap.port()));
            let (order, mut telling) = (Order::default(), |_: &migrate::Progress| {});
            let work = Box::pin(migrator.run(&scope, &source, &order, &mut telling));
            let at = (polls * (point + 1) / 42 / (round + 1)).max(1);
            deaths += u64::from(Polls(work, at).await.is_none());
        }
        world.migrate(world.imap.port(), &Order::default()).await.unwrap();
        assert_eq!(world.dump(EVE).await, world.dump(ANN).await, "{point}");
    }
    assert!(deaths >= 30, "{deaths}");
}

#[tokio::test]
async fn two_migrations_at_once_bring_everything_once() {
    let world = World::new().await;
    world.fill(150).await;
    let port = world.imap.port();
    let order = Order::default();
    let (a, b) = tokio::join!(world.migrate(port, &order), world.migrate(port, &order));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.stored + b.stored, 149);
    assert_eq!(world.dump(EVE).await, world.dump(ANN).await);
}

#[tokio::test]
async fn a_source_that_is_never_reached_is_given_up() {
    let world = World::new().await;
    // A port that nobody listens at any more.
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    tokio::time::pause();
    let failed = world.migrate(port, &Order::default()).await.unwrap_err();
    assert!(matches!(failed.why, migrate::Error::Lost(_)), "{failed}");
    assert_eq!(failed.report.reconnects, u64::from(base::limits::MIGRATE_ATTEMPTS_MAX) - 1);
}
