//! SUMMARY    What an import does not take, or not to the end: what was there stays, what is nobody else's too.

use crate::world::{ANN, BEN, EVA, EVE, World, archives, input, packed};
use account::ExportShape;
use archive::metadata::Trouble;
use base::{Kind, limits::MESSAGE_BYTES_MAX};
use import::Order;

fn message(number: usize) -> String {
    format!("Subject: {number}\r\n\r\n{}", "line\r\n".repeat(100))
}

#[tokio::test]
async fn a_full_mailbox_ends_it_and_says_how_much_was_brought_in() {
    let world = World::new().await;
    let messages: Vec<(String, String)> = (0..9).map(|n| (format!("x/{n}.eml"), message(n))).collect();
    let entries: Vec<_> = messages.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let zip = packed(&entries);
    world.limit(EVE, 5 * message(0).len() as u64).await;
    let failed = world.import(EVE, vec![input("a.zip", zip.clone())], &Order::default()).await.unwrap_err();
    assert_eq!((failed.why.kind, failed.report.imported), (Kind::OverQuota, 5), "{failed}");
    assert!(failed.to_string().contains("5 messages"), "{failed}");
    let failed = world.import(EVE, vec![input("a.zip", zip)], &Order::default()).await.unwrap_err();
    assert_eq!((failed.report.imported, failed.report.already_there), (0, 5));
    world.dump(EVE).await;
}

#[tokio::test]
async fn what_is_too_big_or_no_message_is_told_and_the_rest_is_brought_in() {
    let world = World::new().await;
    let big = format!("Subject: big\r\n\r\n{}", "x".repeat(MESSAGE_BYTES_MAX));
    let small = message(1);
    let entries = [("x/big.eml", big.as_bytes()), ("x/small.eml", small.as_bytes()), ("x/none.eml", b"\n\nno header")];
    let report = world.import(EVE, vec![input("a.zip", packed(&entries))], &Order::default()).await.unwrap();
    let what: Vec<_> = report.problems.iter().map(|problem| problem.what).collect();
    assert_eq!((report.imported, what), (1, vec![Trouble::MessageTooBig, Trouble::MessageMalformed]), "{report:?}");
}

#[tokio::test]
async fn a_damaged_archive_gives_what_can_be_read_and_names_the_rest() {
    let world = World::new().await;
    world.fill().await;
    let files = world.export(&[ANN], ExportShape::Mbox, 4 << 30).await;
    let whole = files[0].1.clone();
    // Without its end it is none: nothing is begun.
    let cut = whole[..whole.len() - 50].to_vec();
    let failed = world.import(EVE, vec![input("cut.zip", cut)], &Order::default()).await.unwrap_err();
    assert!(failed.why.kind == Kind::Invalid && failed.to_string().contains("cut.zip"), "{failed}");
    // A bit of a message is another one: it is brought in, and told.
    let mut flipped = whole.clone();
    let at = whole.windows(11).position(|w| w == b"Subject: 4\r" || w == b"Subject: 4\n").unwrap();
    flipped[at + 9] = b'X';
    let report = world.import(EVE, vec![input("a.zip", flipped)], &Order::default()).await.unwrap();
    assert!(report.imported > 60, "{report:?}");
    assert_eq!(
        report.problems.iter().filter(|p| p.what == Trouble::MessageChanged).count(),
        2,
        "{:?}",
        report.problems
    );
    // An archive of a series that is missing: the folders that lack messages are named.
    let files = world.export(&[ANN], ExportShape::Mbox, 20_000).await;
    let mut inputs = archives(&files);
    inputs.remove(1);
    let report = world.import(EVA, inputs, &Order::default()).await.unwrap();
    let missing = report.problems.iter().filter(|problem| problem.why.contains("is an archive of the export missing?"));
    assert!(report.imported > 10 && missing.count() == report.problems.len() && report.problems_told > 0, "{report:?}");
    world.dump(EVA).await;
}

#[tokio::test]
async fn inputs_that_are_no_mail_or_two_exports_are_refused_before_anything_is_done() {
    let world = World::new().await;
    world.fill().await;
    let dump = world.dump(EVE).await;
    let one = || input("one.eml", message(1));
    for wrong in [input("a.pdf", &b"%PDF-1.4"[..]), input("empty", &b""[..]), input("a.tgz", &b"\x1f\x8b\x08"[..])] {
        let failed = world.import(EVE, vec![one(), wrong], &Order::default()).await.unwrap_err();
        assert_eq!(failed.why.kind, Kind::Invalid, "{failed}");
    }
    let mut twice = archives(&world.export(&[ANN], ExportShape::Mbox, 4 << 30).await);
    twice.extend(archives(&world.export(&[ANN], ExportShape::Mbox, 4 << 30).await));
    let failed = world.import(EVE, twice, &Order::default()).await.unwrap_err();
    assert!(failed.to_string().contains("one export after the other"), "{failed}");
    assert_eq!(world.dump(EVE).await, dump);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_nobody_elses_mail_is_touched() {
    let world = World::new().await;
    world.fill().await;
    let files = world.export(&[ANN], ExportShape::Mbox, 4 << 30).await;
    let others = [world.dump(ANN).await, world.dump(BEN).await, world.dump(EVA).await];
    let dry = Order { dry_run: true, ..Order::default() };
    let would = world.import(EVE, archives(&files), &dry).await.unwrap();
    assert!(world.dump(EVE).await.is_empty(), "not even a mailbox was made");
    let done = world.import(EVE, archives(&files), &Order::default()).await.unwrap();
    assert_eq!((would.imported, would.bytes, would.problems_told), (done.imported, done.bytes, 0));
    let dump = world.dump(EVE).await;
    let would = world.import(EVE, archives(&files), &dry).await.unwrap();
    assert_eq!((would.imported, would.already_there, would.mailboxes_made), (0, done.imported, 0));
    assert_eq!(world.dump(EVE).await, dump);
    assert_eq!([world.dump(ANN).await, world.dump(BEN).await, world.dump(EVA).await], others);
}
