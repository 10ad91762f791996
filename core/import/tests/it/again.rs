//! SUMMARY    An import that is made again, or was killed anywhere before, adds what is missing and nothing else.

use crate::world::{ANN, EVA, EVE, Fetched, World, archives};
use account::ExportShape;
use base::{Rng, rng::SeededRng};
use import::{Importer, Order, Report};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

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
async fn the_same_import_again_adds_nothing() {
    let world = World::new().await;
    world.fill().await;
    for shape in [ExportShape::Mbox, ExportShape::Maildir] {
        let files = world.export(&[ANN], shape, 20_000).await;
        let first = world.import(EVE, archives(&files), &Order::default()).await.unwrap();
        let dump = world.dump(EVE).await;
        let again = world.import(EVE, archives(&files), &Order::default()).await.unwrap();
        assert_eq!((again.imported, again.mailboxes_made, again.problems_told), (0, 0, 0));
        assert_eq!(again.already_there, first.imported + first.already_there);
        assert_eq!(world.dump(EVE).await, dump);
    }
}

#[tokio::test]
async fn an_import_that_dies_at_thirty_points_ends_as_one_that_did_not() {
    let (world, rng) = (World::new().await, SeededRng::new(7));
    world.fill().await;
    world.add_small(500).await;
    let mut deaths = 0;
    for shape in [ExportShape::Mbox, ExportShape::Maildir] {
        let files = world.export(&[ANN], shape, 100_000).await;
        let whole = World::new().await;
        let (done, polls) = work_and_die(&whole, EVA, &files, u64::MAX).await;
        let (report, expect) = (done.unwrap(), whole.dump(EVA).await);
        assert!(polls > 20 && report.imported > 500, "{polls} polls: {report:?}");
        for _ in 0..8 {
            let world = World::new().await;
            for _ in 0..3 {
                deaths += u64::from(work_and_die(&world, EVE, &files, 1 + rng.below(polls)).await.0.is_none());
            }
            let (done, _) = work_and_die(&world, EVE, &files, u64::MAX).await;
            let done = done.unwrap();
            assert_eq!((done.imported + done.already_there, done.problems_told), (report.imported, 0));
            assert_eq!(world.dump(EVE).await, expect);
        }
    }
    assert!(deaths >= 30, "{deaths} deaths");
}

/// Imports for so many polls; gives the report, if it came to its end, and how many it took.
async fn work_and_die(world: &World, account: base::AccountId, files: &[Fetched], polls: u64) -> (Option<Report>, u64) {
    let (scope, importer) = (world.owner(account).await, Importer::new(world.mail.clone()));
    let (order, mut telling) = (Order::default(), |_| {});
    let mut work = Polls(Box::pin(importer.run(&scope, archives(files), &order, &mut telling)), polls);
    let done = (&mut work).await;
    (done.map(|done| done.unwrap()), polls - work.1)
}

#[tokio::test]
async fn of_the_same_bytes_as_many_are_added_as_are_missing() {
    let world = World::new().await;
    let message = "Subject: twin\r\n\r\nx\r\n";
    let eve = base::MailboxId(1);
    world.append(EVE, eve, message, 1_700_000_000, &["\\Seen"]).await;
    let mbox = format!("From - Mon Nov 23 19:23:32 2026\n{}\n", message.replace("\r\n", "\n")).repeat(3);
    let input = || vec![crate::world::input("inbox.mbox", mbox.clone())];
    let report = world.import(EVE, input(), &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.already_there), (2, 1), "{report:?}");
    let report = world.import(EVE, input(), &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.already_there), (0, 3));
    let dump = world.dump(EVE).await;
    assert_eq!(dump.iter().filter(|line| line.starts_with("  ")).count(), 3);
    assert!(dump.iter().any(|line| line.starts_with("  1 [\"\\\\seen\"]")), "its flags are left: {dump:?}");
}
