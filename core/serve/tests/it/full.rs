//! SUMMARY    A disk below its reserve: new mail is deferred at every door, reading and deleting go on, and all is as before afterwards.

use crate::world::{Client, World};
use base::TenantId;
use control::Control;

const MESSAGE: &str = "Subject: hi\r\n\r\nhello";

#[tokio::test]
async fn below_the_reserve_new_mail_is_deferred_and_deleting_goes_on() {
    let (world, store) = World::with_faults().await;
    for _ in 0..2 {
        assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("250"));
    }
    let mut imap = world.imap("ann@a.example").await;
    imap.ask("a SELECT INBOX", "a OK").await;
    // A transaction that began before the disk filled up is told as well.
    let mut early = Client::connect(world.mx).await;
    early.until("220 ").await;
    early.ask("EHLO c", "250 ").await;
    early.ask("MAIL FROM:<x@y.example>", "250 ").await;
    early.ask("RCPT TO:<ann@a.example>", "250 ").await;
    early.ask("DATA", "354 ").await;

    store.set_full(true);
    early.ask(&format!("{MESSAGE}\r\n."), "452 4.3.1").await;
    let mut late = Client::connect(world.mx).await;
    late.until("220 ").await;
    late.ask("EHLO c", "250 ").await;
    late.ask("MAIL FROM:<x@y.example>", "452 4.3.1").await;
    let mut lmtp = Client::connect(world.lmtp).await;
    lmtp.until("220 ").await;
    lmtp.ask("LHLO c", "250 ").await;
    lmtp.ask("MAIL FROM:<x@y.example>", "452 4.3.1").await;
    imap.ask(&format!("b APPEND INBOX {{{}+}}\r\n{MESSAGE}", MESSAGE.len()), "b NO [UNAVAILABLE]").await;
    imap.ask("c COPY 1 INBOX", "c NO [UNAVAILABLE]").await;
    imap.ask("d STORE 1 +FLAGS (\\Deleted)", "d OK").await;
    imap.ask("e EXPUNGE", "e OK").await;
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 1, "one was deleted, nothing came");

    store.set_full(false);
    early.ask("MAIL FROM:<x@y.example>", "250 ").await;
    imap.ask(&format!("f APPEND INBOX {{{}+}}\r\n{MESSAGE}", MESSAGE.len()), "f OK").await;
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("250"));
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 3);
    world.end().await;
}
