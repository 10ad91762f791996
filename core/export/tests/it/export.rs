//! SUMMARY    What an export has: all of the pin and nothing later, for nobody else, until it is destroyed.

use crate::world::{ANN, BEN, EVE, OTHER, TENANT, World, emails, entries};
use account::{ExportPhase, ExportShape, ExportWish};
use base::{Kind, MailboxId, limits::EXPORT_JOBS_MAX};

#[tokio::test]
async fn an_export_has_every_message_with_its_flags_and_the_totals_of_the_store() {
    let world = World::new().await;
    let deep = world.fill().await;
    for shape in [ExportShape::Mbox, ExportShape::Maildir] {
        let job = world.request(&[ANN, BEN], shape).await;
        let files = world.make(job).await;
        assert!(files.len() > 4, "several archives, manifest, signature: {files:?}");
        let again = world.exporter().compare(&world.scope(TENANT), job).await.unwrap();
        assert_eq!(again, files.len() - 2, "made once more, they are the same");
        let (manifest, lines) = (world.manifest(&files), emails(&files));
        assert_eq!((manifest.problems, manifest.accounts.len(), lines.len()), (0, 2, 42));
        let ann = &manifest.accounts[0];
        let scope = world.owner(ANN).await;
        for mailbox in [MailboxId(1), deep] {
            let state = world.mail.mailbox_state(&scope, mailbox).await.unwrap();
            let path = if mailbox == deep { "Work/Ümläute" } else { "INBOX" };
            let totals = ann.mailboxes.iter().find(|m| m.full_name == path).unwrap().totals;
            assert_eq!((totals.emails, totals.bytes), (u64::from(state.emails), state.size_bytes), "{path}");
            assert_eq!((totals.unseen, totals.deleted), (u64::from(state.unseen), u64::from(state.deleted)), "{path}");
        }
        assert_eq!(lines.iter().filter(|line| line.mailbox_ids.len() == 2).count(), 2, "one email, two copies");
        assert_eq!(lines.iter().filter(|line| line.keywords.contains_key("work")).count(), 11);
        let all = entries(&files);
        assert!(all.iter().any(|(name, _)| name == "ann@a.example/account.json"), "{:?}", names(&all));
        assert!(all.iter().any(|(name, _)| name == "ben@a.example/mailboxes.jsonl"), "{:?}", names(&all));
    }
}

fn names(entries: &[(String, Vec<u8>)]) -> Vec<&str> {
    entries.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn the_same_mail_has_the_same_digest_in_every_shape_and_export() {
    let world = World::new().await;
    world.fill().await;
    let mut digests = Vec::new();
    for shape in [ExportShape::Mbox, ExportShape::Maildir, ExportShape::Mbox] {
        let job = world.request(&[ANN, BEN], shape).await;
        digests.push(world.manifest(&world.make(job).await).mail_digest);
    }
    assert!(digests[0] == digests[1] && digests[1] == digests[2]);
    world.append(BEN, MailboxId(1), 50, &[]).await;
    let job = world.request(&[ANN, BEN], ExportShape::Mbox).await;
    assert_ne!(world.manifest(&world.make(job).await).mail_digest, digests[0]);
}

#[tokio::test]
async fn an_account_without_mail_and_one_without_a_store_are_exported() {
    let world = World::new().await;
    world.append(BEN, MailboxId(1), 1, &[]).await;
    world.expunge(BEN, MailboxId(1), &[1]).await;
    let job = world.request(&[ANN, BEN], ExportShape::Mbox).await;
    let files = world.make(job).await;
    let manifest = world.manifest(&files);
    assert_eq!(
        manifest.accounts.iter().map(|a| (a.totals.emails, a.mailboxes.len())).collect::<Vec<_>>(),
        [(0, 0), (0, 6)]
    );
    assert!(emails(&files).is_empty());
}

#[tokio::test]
async fn nobody_else_sees_an_export_and_only_own_accounts_are_asked_for() {
    let world = World::new().await;
    world.fill().await;
    let accounts = world.accounts();
    let not_own = accounts.request_export(TENANT, world.new_export(&[ANN, EVE], ExportShape::Mbox)).await;
    assert_eq!(not_own.unwrap_err().kind, Kind::NotFound);
    for wrong in [vec![], vec![ANN, ANN]] {
        let wrong = accounts.request_export(TENANT, world.new_export(&wrong, ExportShape::Mbox)).await;
        assert_eq!(wrong.unwrap_err().kind, Kind::Invalid);
    }
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    world.make(job).await;
    let other = world.scope(OTHER);
    assert!(accounts.exports(&other).await.unwrap().is_empty());
    assert_eq!(accounts.export(&other, job).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(accounts.export_files(&other, job).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(accounts.export_bytes(&other, job, "manifest.json", 0..1).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(accounts.steer_export(OTHER, job, ExportWish::Cancel).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(accounts.exports(&world.scope(TENANT)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_tenant_has_so_many_exports_at_once_and_no_more() {
    let world = World::new().await;
    world.fill().await;
    let asked = (0..EXPORT_JOBS_MAX + 3).map(|_| {
        let (accounts, new) = (world.accounts().clone(), world.new_export(&[ANN], ExportShape::Mbox));
        tokio::spawn(async move { accounts.request_export(TENANT, new).await })
    });
    let mut made = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            Ok(job) => made.push(job),
            Err(why) => assert_eq!((why.kind, why.context.as_str()), (Kind::LimitExceeded, "EXPORT_JOBS_MAX")),
        }
    }
    assert_eq!(made.len(), EXPORT_JOBS_MAX);
    assert!(world.accounts().verify(&world.scope(TENANT)).await.unwrap().is_empty());
    world.accounts().steer_export(TENANT, made[0], ExportWish::Cancel).await.unwrap();
    assert_eq!(world.view(made[0]).await.phase, ExportPhase::Cancelled);
    assert!(world.exporter().pass().await.unwrap());
    world.request(&[ANN], ExportShape::Mbox).await;
}

#[tokio::test]
async fn ranges_of_a_file_are_its_bytes() {
    let world = World::new().await;
    world.fill().await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    let files = world.make(job).await;
    let (file, bytes) = &files[0];
    let (accounts, scope) = (world.accounts(), world.scope(TENANT));
    for (from, to) in
        [(0, 1), (5, 5), (17, 400), (file.bytes - 3, u64::MAX), (file.bytes, u64::MAX), (u64::MAX, u64::MAX)]
    {
        let got = accounts.export_bytes(&scope, job, &file.name, from..to).await.unwrap();
        let (start, end) = (from.min(file.bytes) as usize, to.min(file.bytes) as usize);
        assert_eq!(got, bytes[start..end.max(start)], "{from}..{to}");
    }
    assert_eq!(accounts.export_bytes(&scope, job, "other.zip", 0..1).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn what_is_over_or_cancelled_is_destroyed() {
    let world = World::new().await;
    world.fill().await;
    let (ready, cancelled) =
        (world.request(&[ANN], ExportShape::Mbox).await, world.request(&[BEN], ExportShape::Mbox).await);
    for _ in 0..2 {
        assert!(world.exporter().pass().await.unwrap());
    }
    assert!(!world.exporter().pass().await.unwrap(), "nothing is left to do");
    assert_eq!(
        world.accounts().steer_export(TENANT, cancelled, ExportWish::Run).await.unwrap_err().kind,
        Kind::Invalid
    );
    world.fetch(cancelled).await;
    let view = world.accounts().steer_export(TENANT, cancelled, ExportWish::Cancel).await.unwrap();
    assert_eq!(view.phase, ExportPhase::Shredded, "at once, whatever else is being made");
    let gone = world.accounts().export_bytes(&world.scope(TENANT), cancelled, "manifest.json", 0..1).await;
    assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
    assert!(world.exporter().pass().await.unwrap());
    assert_eq!(world.view(cancelled).await.phase, ExportPhase::Shredded, "it was ready");
    assert!(world.accounts().export_files(&world.scope(TENANT), cancelled).await.unwrap().is_empty());
    world.fetch(ready).await;
    world.pass(8 * 86_400_000);
    assert!(world.accounts().export_files(&world.scope(TENANT), ready).await.unwrap().is_empty(), "its time is over");
    assert!(world.exporter().pass().await.unwrap());
    assert_eq!(world.view(ready).await.phase, ExportPhase::Shredded);
    let gone = world.accounts().export_bytes(&world.scope(TENANT), ready, "manifest.json", 0..1).await;
    assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
    let left =
        std::process::Command::new("find").arg(world.folder.path().join("exports")).args(["-type", "f"]).output();
    assert_eq!(String::from_utf8(left.unwrap().stdout).unwrap(), "", "no object is left");
    assert!(world.accounts().verify(&world.scope(TENANT)).await.unwrap().is_empty());
    assert!(!world.exporter().pass().await.unwrap());
}

#[tokio::test]
async fn an_account_that_is_purged_before_it_is_listed_does_not_keep_the_others() {
    let world = World::new().await;
    world.fill().await;
    let job = world.request(&[ANN, BEN], ExportShape::Mbox).await;
    world.purge(ANN, "ann@a.example").await;
    assert!(world.exporter().pass().await.unwrap());
    let view = world.view(job).await;
    assert_eq!(view.phase, ExportPhase::Ready);
    assert_eq!(view.why, format!("{ANN} was deleted for good before it was listed."));
    assert_eq!(emails(&world.fetch(job).await).len(), 2);
}

#[tokio::test]
async fn what_is_damaged_is_seen_when_it_is_compared() {
    let world = World::new().await;
    world.fill().await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    world.make(job).await;
    let objects = world.folder.path().join("exports");
    let found = std::process::Command::new("find").arg(objects).args(["-name", "80000000-*"]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let first = found.lines().next().unwrap();
    let mut bytes = std::fs::read(first).unwrap();
    bytes[100] ^= 1;
    std::fs::write(first, &bytes).unwrap();
    let again = world.exporter().compare(&world.scope(TENANT), job).await;
    assert_eq!(again.unwrap_err().kind, Kind::Corrupt);
    std::fs::remove_file(first).unwrap();
    assert!(world.exporter().compare(&world.scope(TENANT), job).await.is_err());
}

#[tokio::test]
async fn a_paused_export_waits_and_a_cancelled_one_ends_before_it_begins() {
    let world = World::new().await;
    world.fill().await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    world.accounts().steer_export(TENANT, job, ExportWish::Pause).await.unwrap();
    assert!(!world.exporter().pass().await.unwrap());
    world.accounts().steer_export(TENANT, job, ExportWish::Run).await.unwrap();
    world.make(job).await;
    let job = world.request(&[ANN], ExportShape::Mbox).await;
    world.accounts().steer_export(TENANT, job, ExportWish::Cancel).await.unwrap();
    assert_eq!(world.accounts().steer_export(TENANT, job, ExportWish::Run).await.unwrap_err().kind, Kind::Invalid);
    assert!(world.exporter().pass().await.unwrap());
    assert_eq!(world.view(job).await.phase, ExportPhase::Cancelled);
}
