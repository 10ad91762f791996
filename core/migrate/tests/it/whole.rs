//! SUMMARY    A whole account comes over as it was: uids, UIDVALIDITY, flags, dates and bytes; and what cannot be is told.

use crate::world::{ANN, EVE, World};
use migrate::{Order, Report, What};

#[tokio::test]
async fn everything_comes_as_it_was_and_nothing_twice() {
    let world = World::new().await;
    world.fill(120).await;
    let first = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((first.stored, first.found, first.told_total), (119, 0, 0), "{first:?}");
    let dump = world.dump(ANN).await;
    assert_eq!(world.dump(EVE).await, dump);
    assert!(dump.iter().any(|line| line.starts_with("Work/Ümläute & more")));
    let again = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!(again, Report { reconnects: 0, ..Report::default() });
    assert_eq!(world.dump(EVE).await, dump);
    let scope = world.owner(EVE).await;
    assert!(world.mail.mailbox_at(&scope, "Leer").await.is_ok(), "empty folders come, too");
    world.stop().await;
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let world = World::new().await;
    world.fill(30).await;
    let before = world.dump(EVE).await;
    let order = Order { dry_run: true, ..Order::default() };
    let report = world.migrate(world.imap.port(), &order).await.unwrap();
    assert_eq!(world.dump(EVE).await, before);
    let found: Vec<_> = report.folders.iter().map(|f| (f.folder.as_str(), f.mailbox.as_str(), f.messages)).collect();
    assert!(found.contains(&("INBOX", "INBOX", 9)), "{found:?}");
    assert!(found.contains(&("Work/Ümläute & more", "Work/Ümläute & more", 10)), "{found:?}");
    assert!(report.folders.iter().map(|f| f.bytes).sum::<u64>() > 7_000_000);
    world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    let report = world.migrate(world.imap.port(), &order).await.unwrap();
    assert!(report.folders.iter().all(|f| f.brought == f.messages), "{report:?}");
}

#[tokio::test]
async fn folders_are_chosen_by_patterns() {
    let world = World::new().await;
    world.fill(12).await;
    let order =
        Order { include: vec!["Work/*".into(), "Sent".into()], exclude: vec!["Sen*".into()], ..Order::default() };
    world.migrate(world.imap.port(), &order).await.unwrap();
    assert_eq!(world.counts(EVE).await, [("Work/Ümläute & more".to_owned(), 4)]);
}

#[tokio::test]
async fn uids_are_kept_where_they_can_be_and_mail_that_is_here_stays() {
    let world = World::new().await;
    world.fill(12).await;
    // INBOX here has had mail: its uids and its UIDVALIDITY stay.
    world.append(EVE, "INBOX", "Subject: own\r\n\r\n", 1_700_000_000, &[]).await;
    let scope = world.owner(EVE).await;
    let (inbox, before) = world.mail.mailbox_at(&scope, "INBOX").await.unwrap();
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!(report.stored, 11);
    let (_, after) = world.mail.mailbox_at(&scope, "INBOX").await.unwrap();
    assert_eq!(before.uid_validity, after.uid_validity);
    assert_eq!(world.mail.mailbox_state(&scope, inbox).await.unwrap().uid_next, 5);
    let of =
        |dump: Vec<String>| -> Vec<String> { dump.into_iter().skip_while(|line| !line.starts_with("Sent")).collect() };
    assert_eq!(of(world.dump(EVE).await), of(world.dump(ANN).await));
    // Mail that arrives between passes takes uids: what comes later gets new ones.
    world.append(EVE, "Sent", "Subject: sent here\r\n\r\n", 1_700_000_000, &[]).await;
    world.append(ANN, "Sent", "Subject: sent there\r\n\r\n", 1_700_000_000, &[]).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!(report.stored, 1);
    assert_eq!(world.counts(EVE).await.iter().find(|(path, _)| path == "Sent").unwrap().1, 6);
    world.dump(EVE).await;
}

#[tokio::test]
async fn what_was_imported_or_arrived_before_is_not_brought_again() {
    let world = World::new().await;
    for n in 0..10 {
        world.append(ANN, "INBOX", &format!("Subject: {}\r\n\r\n", n / 2), 1_600_000_000, &["\\Seen"]).await;
    }
    // One of each pair is here: of the same bytes the second is missing.
    for n in 0..5 {
        world.append(EVE, "INBOX", &format!("Subject: {n}\r\n\r\n"), 1_600_000_000, &["\\Flagged"]).await;
    }
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.found), (5, 5));
    let dump = world.dump(EVE).await;
    assert_eq!(
        dump.iter().filter(|line| line.contains("\\\\flagged")).count(),
        5,
        "flags of what is here are the user's: {dump:?}"
    );
    assert_eq!(dump.len(), 11);
    let again = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((again.stored, again.found), (0, 0));
}

#[tokio::test]
async fn a_full_quota_ends_it_and_more_room_goes_on() {
    let world = World::new().await;
    for n in 0..40 {
        let text = format!("Subject: {n}\r\n\r\n{}", "x".repeat(1_000));
        world.append(ANN, "INBOX", &text, 1_600_000_000 + n, &[]).await;
    }
    world.limit(Some(20_000), 2).await;
    let failed = world.migrate(world.imap.port(), &Order::default()).await.unwrap_err();
    assert!(matches!(&failed.why, migrate::Error::Here(why) if why.kind == base::Kind::OverQuota), "{failed}");
    assert!((15..20).contains(&failed.report.stored), "{:?}", failed.report);
    world.limit(None, 3).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!(report.stored + failed.report.stored, 40);
    // The notice of the quota has taken a uid between them.
    let without_uids = |dump: Vec<String>| -> Vec<String> {
        let lines = dump.iter().filter(|line| line.starts_with(' ') && line.ends_with(&['4', '5'][..]));
        lines.filter_map(|line| line.trim().split_once(' ').map(|(_, rest)| rest.to_owned())).collect()
    };
    let (here, there) = (without_uids(world.dump(EVE).await), without_uids(world.dump(ANN).await));
    assert_eq!(there.len(), 40);
    assert!(there.iter().all(|line| here.iter().filter(|own| *own == line).count() == 1));
    assert!(world.counts(EVE).await[0].1 <= 42);
}

#[tokio::test]
async fn folders_that_are_gone_are_told_and_their_mail_stays() {
    let world = World::new().await;
    world.append(ANN, "Old", "Subject: old\r\n\r\n", 1_600_000_000, &[]).await;
    world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    let (scope, old) = (world.owner(ANN).await, world.mailbox(ANN, "Old").await);
    world.mail.delete_mailbox(&scope, old).await.unwrap();
    let order = Order { remove: true, ..Order::default() };
    let report = world.migrate(world.imap.port(), &order).await.unwrap();
    assert_eq!(
        report.told.iter().map(|told| (told.what, told.folder.as_str())).collect::<Vec<_>>(),
        [(What::Gone, "Old")]
    );
    assert_eq!(world.counts(EVE).await, [("Old".to_owned(), 1)]);
}
