//! SUMMARY    An export that is cut off anywhere, while mail comes and goes, ends in the same bytes (E2), and has what its pin had (E1).

use crate::world::{ANN, Fetched, World, emails};
use account::{ExportPhase, ExportShape};
use base::{JobId, MailboxId, Rng, limits::EXPORT_LEASE_MS, rng::SeededRng};
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

/// Works on an export for so many polls, then dies; whether it was ready before.
pub async fn work_and_die(world: &World, job: JobId, polls: u64) -> bool {
    let exporter = world.exporter();
    let _ = Polls(Box::pin(exporter.pass()), polls).await;
    world.pass(EXPORT_LEASE_MS as i64 + 1);
    let view = world.view(job).await;
    assert_eq!(view.why, "", "{view:?}");
    view.phase == ExportPhase::Ready
}

/// Changes the account: mail comes, flags change, mail goes for good.
async fn live(world: &World, number: u64) {
    world.append(ANN, MailboxId(1), number, &["\\Seen"]).await;
    world.expunge(ANN, MailboxId(1), &[number as u32 - 99, number as u32]).await;
}

pub fn without_manifest(files: &[Fetched]) -> Vec<(&str, &[u8])> {
    let archives = files.iter().filter(|(file, _)| file.name.ends_with(".zip"));
    archives.map(|(file, bytes)| (file.name.as_str(), bytes.as_slice())).collect()
}

#[tokio::test]
async fn an_export_that_dies_at_fifty_points_is_the_same_bit_for_bit() {
    let world = World::new().await;
    world.fill().await;
    let rng = SeededRng::new(11);
    for round in 0..5 {
        // Both are pinned at once: one is made to its end, the other one dies, over and over.
        let undisturbed = world.request(&[ANN], ExportShape::Mbox).await;
        pin(&world, undisturbed).await;
        let dying = world.request(&[ANN], ExportShape::Mbox).await;
        pin(&world, dying).await;
        world.pass(EXPORT_LEASE_MS as i64 + 1);
        let mut ready = false;
        for death in 0..10 {
            // Once it is ready, nothing is kept for it any more.
            if !ready {
                live(&world, 100 + round * 10 + death).await;
                ready = work_and_die(&world, dying, 1 + rng.below(120)).await;
            }
        }
        while !ready {
            ready = work_and_die(&world, dying, u64::MAX).await;
        }
        while world.view(undisturbed).await.phase != ExportPhase::Ready {
            world.exporter().pass().await.unwrap();
        }
        let (left, right) = (world.fetch(undisturbed).await, world.fetch(dying).await);
        assert!(left.len() > 3);
        assert!(without_manifest(&left) == without_manifest(&right), "round {round}");
    }
}

/// Works on an export until its accounts are pinned, and dies.
pub async fn pin(world: &World, job: JobId) {
    let exporter = world.exporter();
    let pinned = async {
        while world.view(job).await.pinned_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = pinned => {}
        done = exporter.pass() => panic!("it was not cut off: {done:?}"),
    }
}

#[tokio::test]
async fn an_export_that_dies_while_it_lists_has_the_totals_of_one_moment() {
    let (world, rng) = (World::new().await, SeededRng::new(5));
    world.fill().await;
    for round in 0..20 {
        let job = world.request(&[ANN], ExportShape::Mbox).await;
        let mut ready = false;
        for death in 0..4 {
            live(&world, 100 + round * 4 + death).await;
            ready = ready || work_and_die(&world, job, 1 + rng.below(12)).await;
        }
        let files = if ready { world.fetch(job).await } else { world.make(job).await };
        let (manifest, view) = (world.manifest(&files), world.view(job).await);
        assert_eq!((manifest.accounts[0].totals.emails, view.emails_done), (view.emails, view.emails), "{view:?}");
        assert_eq!(emails(&files).len() as u64, view.emails);
        world.accounts().steer_export(crate::world::TENANT, job, account::ExportWish::Cancel).await.unwrap();
        assert!(world.exporter().pass().await.unwrap());
    }
}

#[tokio::test]
async fn what_changes_while_rows_are_read_is_listed_as_it_is_at_the_pin() {
    let world = World::new().await;
    let deep = world.fill().await;
    let ann = world.owner(ANN).await;
    let job = world.request(&[ANN], ExportShape::Maildir).await;
    let exporter = world.exporter();
    // Each store call of the export is one step: between two of them mail moves, comes, goes and is flagged.
    let mut making = Box::pin(exporter.pass());
    let mut number = 200;
    while Polls(&mut making, 1).await.is_none() {
        let uid = [base::Uid(number % 40)];
        world.append(ANN, MailboxId(1), u64::from(number), &[]).await;
        world.mail.move_messages(&ann, MailboxId(1), deep, &uid).await.unwrap();
        world.expunge(ANN, deep, &[number % 7]).await;
        number += 1;
    }
    let (files, view) = (world.fetch(job).await, world.view(job).await);
    assert_eq!((view.phase, view.why.as_str()), (ExportPhase::Ready, ""));
    assert_eq!(world.manifest(&files).problems, 0);
    let lines = emails(&files);
    assert_eq!(lines.len() as u64, view.emails);
    let ids: std::collections::BTreeSet<_> = lines.iter().map(|line| line.id).collect();
    assert!(lines.iter().all(|line| line.uids.len() == line.mailbox_ids.len()) && ids.len() <= lines.len());
}

#[tokio::test]
async fn what_is_deleted_after_the_pin_is_in_the_export_and_then_let_go() {
    let world = World::new().await;
    world.fill().await;
    world.keep_nothing().await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    pin(&world, job).await;
    world.pass(EXPORT_LEASE_MS as i64 + 1);
    let listed = world.view(job).await.emails;
    let all: Vec<u32> = (1..200).collect();
    world.expunge(ANN, MailboxId(1), &all).await;
    world.append(ANN, MailboxId(1), 77, &[]).await;
    upkeep_pass(&world).await;
    let files = world.make(job).await;
    assert_eq!((emails(&files).len() as u64, world.manifest(&files).problems), (listed, 0));
    let kept = |world: &World| world.accounts().read(&world.reader(ANN));
    assert!(
        kept(&world).state().await.unwrap().unwrap().expunged_emails > 20,
        "nothing else keeps what is deleted here"
    );
    world.pass(7 * 3_600_000);
    upkeep_pass(&world).await;
    let state = kept(&world).state().await.unwrap().unwrap();
    assert_eq!(
        (state.expunged_emails, state.pins.len()),
        (0, 0),
        "the export is made: nothing is kept for it any more"
    );
    assert!(world.accounts().verify(&world.scope(crate::world::TENANT)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_node_was_making_that_is_dead_goes_on_at_once() {
    let world = World::new().await;
    world.fill().await;
    world.accounts().join("one", &[]).await.unwrap();
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    pin(&world, job).await;
    assert!(!world.exporter().pass().await.unwrap(), "it lives, and has the lease");
    world.accounts().join("two", &[]).await.unwrap();
    world.accounts().take_over_all().await.unwrap();
    world.make(job).await;
    world.accounts().drain(true);
    world.request(&[ANN], ExportShape::Mbox).await;
    assert!(!world.exporter().pass().await.unwrap(), "who drains takes no new work");
}

#[tokio::test]
async fn a_pin_is_over_by_itself_and_the_export_says_so() {
    let world = World::new().await;
    world.fill().await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    pin(&world, job).await;
    world.pass(15 * 86_400_000);
    assert!(world.exporter().pass().await.unwrap());
    let view = world.view(job).await;
    assert_eq!(view.phase, ExportPhase::Failed);
    assert!(view.why.contains("EXPORT_PIN_MS_MAX"), "{}", view.why);
}

async fn upkeep_pass(world: &World) {
    let upkeep = account::Upkeep::new(world.accounts().clone(), account::UpkeepOptions::default());
    upkeep.pass().await.unwrap();
}
