//! SUMMARY    The budget of message bytes: small enough to be met, and every message is accepted or deferred in the end.

use crate::world::{Client, World};
use base::TenantId;
use control::Control;
use serve::Budget;
use std::{sync::Arc, time::Duration};

const KIB: usize = 1024;

fn message(bytes: usize) -> String {
    format!("Subject: big\r\n\r\n{}", "0123456789abcde\r\n".repeat(bytes / 17))
}

async fn at_data(world: &World) -> Client {
    let mut c = Client::connect(world.mx).await;
    c.until("220 ").await;
    c.ask("EHLO c", "250 ").await;
    c.ask("MAIL FROM:<x@y.example>", "250 ").await;
    c.ask("RCPT TO:<ann@a.example>", "250 ").await;
    c.ask("DATA", "354 ").await;
    c
}

/// Counts while messages stand in memory, and is 0 when they are stored.
async fn empties(budget: &Budget) {
    let waiting = async {
        while budget.used_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the budget empties");
}

#[tokio::test]
async fn many_large_messages_pass_a_small_budget_one_after_the_other() {
    let budget = Budget::new(300 * KIB, Duration::from_secs(60));
    let world = Arc::new(World::with_budget(budget.clone()).await);
    let text = message(200 * KIB);
    let mut senders = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (world, text) = (world.clone(), text.clone());
        senders.spawn(async move {
            if n % 2 == 0 {
                return at_data(&world).await.ask_line(&format!("{text}.")).await.starts_with("250");
            }
            let mut c = world.imap("ann@a.example").await;
            let command = format!("a APPEND INBOX {{{}{}}}", text.len(), if n % 4 == 1 { "+" } else { "" });
            if n % 4 == 1 {
                c.send(format!("{command}\r\n").as_bytes()).await;
            } else {
                c.ask(&command, "+ ").await;
            }
            c.ask(&text, "a ").await.contains("a OK [APPENDUID ")
        });
    }
    while let Some(accepted) = senders.join_next().await {
        assert!(accepted.unwrap());
    }
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 20);
    empties(&budget).await;
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test]
async fn without_room_a_message_is_deferred_and_the_session_goes_on() {
    let budget = Budget::new(200 * KIB, Duration::from_millis(20));
    let world = World::with_budget(budget.clone()).await;
    let text = message(190 * KIB);
    // One stalls within the budget, one beyond it.
    let mut stalled = [at_data(&world).await, at_data(&world).await];
    stalled[0].send(text.as_bytes()).await;
    while budget.used_bytes() < 150 * KIB {
        tokio::task::yield_now().await;
    }
    stalled[1].send(text.as_bytes()).await;
    while !budget.is_exceeded() {
        tokio::task::yield_now().await;
    }

    let mut smtp = at_data(&world).await;
    assert!(smtp.ask_line(&format!("{text}.")).await.starts_with("452 4.3.1"));
    let mut lmtp = Client::connect(world.lmtp).await;
    lmtp.until("220 ").await;
    lmtp.ask("LHLO c", "250 ").await;
    lmtp.ask("MAIL FROM:<x@y.example>", "250 ").await;
    lmtp.ask("RCPT TO:<ann@a.example>", "250 ").await;
    lmtp.ask("RCPT TO:<bob@b.example>", "250 ").await;
    lmtp.ask("DATA", "354 ").await;
    lmtp.ask(&format!("{text}."), "452 4.3.1").await;
    lmtp.until("452 4.3.1").await;
    let mut imap = world.imap("ann@a.example").await;
    imap.ask(&format!("a APPEND INBOX {{{}+}}\r\n{text}", text.len()), "a NO [UNAVAILABLE]").await;
    imap.ask(&format!("b APPEND INBOX {{{}}}", text.len()), "b NO [UNAVAILABLE]").await;
    imap.ask("c APPEND INBOX {2+}\r\nhi", "c OK").await;
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 1);

    drop(stalled);
    empties(&budget).await;
    smtp.ask("MAIL FROM:<x@y.example>", "250 ").await;
    smtp.ask("RCPT TO:<ann@a.example>", "250 ").await;
    smtp.ask("DATA", "354 ").await;
    assert!(smtp.ask_line(&format!("{text}.")).await.starts_with("250"));
    imap.ask(&format!("d APPEND INBOX {{{}+}}\r\n{text}", text.len()), "d OK").await;
    drop((smtp, lmtp, imap));
    world.end().await;
}

#[tokio::test]
async fn clients_that_do_not_read_hold_a_bounded_part_of_memory_and_nobody_from_sending() {
    let budget = Budget::new(200 * KIB, Duration::from_millis(20));
    let world = World::with_budget(budget).await;
    for _ in 0..80 {
        assert!(world.deliver("x@y.example", "ann@a.example", &message(100 * KIB)).await.starts_with("250"));
    }
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut c = world.imap("ann@a.example").await;
        c.ask("a SELECT INBOX", "a OK").await;
        c.send(b"b FETCH 1:* BODY.PEEK[]\r\n").await;
        c.until("* 1 FETCH").await;
        stalled.push(c);
    }
    let mut c = world.imap("ann@a.example").await;
    c.ask("a SELECT INBOX", "a OK").await;
    let refused = async { while !c.ask("b FETCH 1 BODY.PEEK[]", "b ").await.contains("b NO [UNAVAILABLE]") {} };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("the fourth is refused");
    assert!(c.ask("c FETCH 1:* (FLAGS ENVELOPE)", "c ").await.contains("c OK"));
    assert!(world.deliver("x@y.example", "ann@a.example", &message(100 * KIB)).await.starts_with("250"));
    drop(stalled);
    let served = async { while !c.ask("d FETCH 1 BODY.PEEK[]", "d ").await.contains("d OK") {} };
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("room again");
    drop(c);
    world.end().await;
}
