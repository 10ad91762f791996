//! SUMMARY    Passes after the first: what is new, what changed on either side, what is gone, and a source that numbers anew.

use crate::world::{ANN, EVE, World};
use mail::Operation;
use migrate::Order;

async fn line(world: &World, uid: u32) -> String {
    let dump = world.dump(EVE).await;
    dump.into_iter().find(|line| line.starts_with(&format!("  {uid} "))).unwrap_or_default()
}

async fn ten() -> World {
    let world = World::new().await;
    for n in 0..10 {
        world.append(ANN, "INBOX", &format!("Subject: {n}\r\n\r\n"), 1_600_000_000 + n, &["\\Seen"]).await;
    }
    world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!(world.dump(EVE).await, world.dump(ANN).await);
    world
}

#[tokio::test]
async fn flags_follow_the_source_unless_they_were_changed_here() {
    let world = ten().await;
    world.append(ANN, "INBOX", "Subject: new\r\n\r\n", 1_700_000_000, &["$Label1"]).await;
    world.flag(ANN, "INBOX", &[1, 2], Operation::Add, &["\\Flagged", "there"]).await;
    world.flag(EVE, "INBOX", &[2, 3], Operation::Add, &["here"]).await;
    world.flag(ANN, "INBOX", &[4], Operation::Set, &["\\Deleted"]).await;
    // The same on both sides.
    world.flag(ANN, "INBOX", &[5], Operation::Set, &["\\Answered"]).await;
    world.flag(EVE, "INBOX", &[5], Operation::Set, &["\\Answered"]).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.flagged, report.flags_kept), (1, 2, 1), "{report:?}");
    assert!(line(&world, 1).await.contains("\\\\flagged\", \"\\\\seen\", \"there"));
    assert!(line(&world, 2).await.contains("[\"\\\\seen\", \"here\"]"), "{}", line(&world, 2).await);
    assert!(line(&world, 3).await.contains("[\"\\\\seen\", \"here\"]"));
    assert!(line(&world, 4).await.contains("[\"\\\\deleted\"]"));
    assert!(line(&world, 11).await.contains("$label1"));
    // What was the same on both sides is the source's again.
    world.flag(ANN, "INBOX", &[5], Operation::Set, &["\\Draft"]).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.flagged), (0, 1));
    assert!(line(&world, 5).await.contains("[\"\\\\draft\"]"));
}

#[tokio::test]
async fn what_is_gone_there_goes_here_only_on_word_and_untouched() {
    let world = ten().await;
    world.expunge(ANN, "INBOX", &[1, 2, 3]).await;
    world.flag(EVE, "INBOX", &[2], Operation::Add, &["mine"]).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.removed, report.left_behind), (0, 3), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("INBOX".to_owned(), 10)]);
    // The word is given later: what is gone since long goes, too.
    let order = Order { remove: true, ..Order::default() };
    let report = world.migrate(world.imap.port(), &order).await.unwrap();
    assert_eq!((report.removed, report.left_behind), (2, 1), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("INBOX".to_owned(), 8)]);
    assert!(line(&world, 2).await.contains("mine"));
    // Flags that followed the source are no touch.
    world.flag(ANN, "INBOX", &[5], Operation::Add, &["\\Flagged"]).await;
    world.migrate(world.imap.port(), &order).await.unwrap();
    world.expunge(ANN, "INBOX", &[5]).await;
    let report = world.migrate(world.imap.port(), &order).await.unwrap();
    assert_eq!((report.removed, report.left_behind), (1, 1), "{report:?}");
    world.dump(EVE).await;
}

#[tokio::test]
async fn what_was_deleted_or_moved_here_does_not_come_again() {
    let world = ten().await;
    world.expunge(EVE, "INBOX", &[4]).await;
    let (scope, inbox, work) =
        (world.owner(EVE).await, world.mailbox(EVE, "INBOX").await, world.mailbox(EVE, "Work").await);
    world.mail.move_messages(&scope, inbox, work, &[base::Uid(6)]).await.unwrap();
    world.append(ANN, "INBOX", "Subject: new\r\n\r\n", 1_700_000_000, &[]).await;
    // A message that was moved here still follows.
    world.flag(ANN, "INBOX", &[6], Operation::Add, &["\\Flagged"]).await;
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.flagged), (1, 1), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("INBOX".to_owned(), 9), ("Work".to_owned(), 1)]);
}

#[tokio::test]
async fn a_source_that_numbers_anew_brings_nothing_twice() {
    let world = World::new().await;
    let texts: Vec<String> = (0..12).map(|n| format!("Subject: {}\r\n\r\n", n / 2)).collect();
    for text in &texts {
        world.append(ANN, "Old", text, 1_600_000_000, &["\\Seen"]).await;
    }
    world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    // Deleted, moved and flagged here: all of it is the user's word, also under new numbers.
    world.expunge(EVE, "Old", &[1]).await;
    let (scope, old, work) =
        (world.owner(EVE).await, world.mailbox(EVE, "Old").await, world.mailbox(EVE, "Work").await);
    world.mail.move_messages(&scope, old, work, &[base::Uid(2)]).await.unwrap();
    world.flag(EVE, "Old", &[3], Operation::Add, &["mine"]).await;
    let (ann, there) = (world.owner(ANN).await, world.mailbox(ANN, "Old").await);
    world.mail.delete_mailbox(&ann, there).await.unwrap();
    for text in texts.iter().chain(&["Subject: 5\r\n\r\n".to_owned(), "Subject: new\r\n\r\n".to_owned()]) {
        world.append(ANN, "Old", text, 1_600_000_000, &["\\Seen", "\\Flagged"]).await;
    }
    let report = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.found), (2, 12), "{report:?}");
    assert_eq!(world.counts(EVE).await, [("Old".to_owned(), 12), ("Work".to_owned(), 1)]);
    assert!(line(&world, 3).await.contains("mine"));
    let again = world.migrate(world.imap.port(), &Order::default()).await.unwrap();
    assert_eq!((again.stored, again.found), (0, 0));
    world.dump(EVE).await;
}
