//! SUMMARY    What upkeep does to a server in use: mail is read from packs as before, and clients survive a trimmed log.

use crate::world::World;
use account::Upkeep;
use std::time::Duration;
use store::blob::Packing;

/// Everything is cold, every pack worth writing, no log worth keeping.
fn thorough() -> Upkeep {
    let packing = Packing { older_than: Duration::ZERO, target_bytes: 64 << 10, least_bytes: 1 };
    Upkeep { packing, changes_kept: 2, ..Upkeep::new(1) }
}

fn message(n: usize) -> String {
    // Every third is too large for its blob's meta record.
    let line = format!("line {n} of a message that says little\r\n");
    format!("From: x@y.example\r\nSubject: {n}\r\n\r\n{}", line.repeat(if n.is_multiple_of(3) { 3_000 } else { 20 }))
}

#[tokio::test]
async fn packed_mail_is_read_as_before() {
    let world = World::new().await;
    for n in 1..=12 {
        assert!(world.deliver("x@y.example", "ann@a.example", &message(n)).await.starts_with("250"));
    }
    let mut c = world.imap("ann@a.example").await;
    c.ask("a SELECT INBOX", "a OK").await;
    let before = c.ask("b FETCH 1:* BODY.PEEK[]", "b OK").await;
    let done = world.accounts.upkeep(&thorough()).await.unwrap().unwrap();
    assert_eq!(done.packed.blobs, 12);
    assert!(done.packed.packs >= 1);
    assert_eq!(c.ask("b FETCH 1:* BODY.PEEK[]", "b OK").await, before);
    c.ask("d STORE 1:9 +FLAGS.SILENT (\\Deleted)", "d OK").await;
    c.ask("e EXPUNGE", "e OK").await;
    world.accounts.upkeep(&thorough()).await.unwrap().unwrap();
    let left = c.ask("f FETCH 1:* BODY.PEEK[]", "f OK").await;
    for n in 10..=12 {
        assert!(left.contains(&message(n)), "message {n} is there");
    }
    world.end().await;
}

#[tokio::test]
async fn another_peer_does_not_do_the_same_work() {
    let world = World::new().await;
    assert!(world.accounts.upkeep(&thorough()).await.unwrap().is_some());
    let other = Upkeep { node: 2, ..thorough() };
    assert!(world.accounts.upkeep(&other).await.unwrap().is_none());
    assert!(world.accounts.upkeep(&thorough()).await.unwrap().is_some());
    world.end().await;
}

#[tokio::test]
async fn a_client_from_before_the_trimmed_log_learns_everything() {
    let world = World::new().await;
    for n in 1..=6 {
        assert!(world.deliver("x@y.example", "ann@a.example", &message(n)).await.starts_with("250"));
    }
    let mut c = world.imap("ann@a.example").await;
    c.ask("a ENABLE QRESYNC", "a OK").await;
    let opened = c.ask("a SELECT INBOX", "a OK").await;
    let number = |name: &str| {
        let rest = opened.split(&format!("[{name} ")).nth(1).unwrap();
        rest.split(']').next().unwrap().parse::<u64>().unwrap()
    };
    let (validity, modseq) = (number("UIDVALIDITY"), number("HIGHESTMODSEQ"));
    c.ask("b STORE 2,4 +FLAGS.SILENT (\\Deleted)", "b OK").await;
    c.ask("c EXPUNGE", "c OK").await;
    for _ in 0..5 {
        c.ask("d STORE 1 FLAGS.SILENT (\\Flagged)", "d OK").await;
        c.ask("d STORE 1 FLAGS.SILENT (\\Seen)", "d OK").await;
    }
    let done = world.accounts.upkeep(&thorough()).await.unwrap().unwrap();
    assert!(done.trimmed > 0);
    let mut again = world.imap("ann@a.example").await;
    again.ask("a ENABLE QRESYNC", "a OK").await;
    let resync = again.ask(&format!("e SELECT INBOX (QRESYNC ({validity} {modseq} 1:6))"), "e OK").await;
    assert!(resync.contains("* VANISHED (EARLIER) 2,4\r\n"), "{resync}");
    assert!(resync.contains("* 1 FETCH (UID 1 FLAGS (\\Seen)"), "{resync}");
    // The session that was there all along goes on as well.
    c.ask("f NOOP", "f OK").await;
    assert!(c.ask("g FETCH 1:* UID", "g OK").await.contains("* 4 FETCH (UID 6)"));
    world.end().await;
}
