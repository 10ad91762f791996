//! SUMMARY    What the SMTP doors take and refuse.

use crate::world::{Client, PASSWORD, World};
use base::TenantId;
use control::{AddressSnapshot, Change, Control, Destination};

const MESSAGE: &str = "From: x@elsewhere.example\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n\r\nbody";

#[tokio::test]
async fn mail_for_our_users_is_taken_and_nothing_is_relayed() {
    let world = World::new().await;
    assert!(world.deliver("x@elsewhere.example", "ann@a.example", MESSAGE).await.starts_with("250 2.0.0"));
    assert!(world.deliver("x@elsewhere.example", "ANN+tag@a.example", MESSAGE).await.starts_with("250 2.0.0"));
    assert!(world.deliver("x@elsewhere.example", "nobody@a.example", MESSAGE).await.starts_with("550 5.1.1"));
    assert!(world.deliver("x@elsewhere.example", "x@other.example", MESSAGE).await.starts_with("550 5.7.1"));
    let usage = world.accounts.usage(TenantId(1)).await.unwrap();
    assert_eq!(usage.emails, 2);
    world.end().await;
}

#[tokio::test]
async fn a_submission_uses_an_own_address_and_queues_what_goes_elsewhere() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let world = World::new().await;
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    client.ask("MAIL FROM:<ann@a.example>", "530 5.7.0").await;
    let wrong = STANDARD.encode("\0ann@a.example\0wrong");
    client.ask(&format!("AUTH PLAIN {wrong}"), "535 5.7.8").await;
    let right = STANDARD.encode(format!("\0ann@a.example\0{PASSWORD}"));
    client.ask(&format!("AUTH PLAIN {right}"), "235 2.7.0").await;
    client.ask("MAIL FROM:<bob@b.example>", "553 5.7.1").await;
    client.ask("MAIL FROM:<ann@a.example>", "250 ").await;
    client.ask("RCPT TO:<bob@b.example>", "250 ").await;
    client.ask("RCPT TO:<x@other.example>", "250 ").await;
    client.ask("RCPT TO:<y@other.example>", "250 ").await;
    client.ask("DATA", "354 ").await;
    client.ask("From: ann@a.example\r\n\r\nbody\r\n.", "250 2.0.0").await;
    assert_eq!(world.accounts.usage(TenantId(2)).await.unwrap().emails, 1);
    let key = world.accounts.break_glass("test", "look").unwrap();
    let queue = world.accounts.queue(&key.tenant(TenantId(1)), 10).await.unwrap();
    assert_eq!(queue.len(), 1, "one item per destination domain");
    assert_eq!(queue[0].item.recipients.len(), 2);
    assert_eq!((queue[0].item.sender.as_str(), queue[0].item.domain.as_str()), ("ann@a.example", "other.example"));
    world.end().await;
}

#[tokio::test]
async fn a_full_mailbox_and_a_held_one_refuse_for_now() {
    let world = World::new().await;
    world.person(3, "full", "f.example", Some(10)).await;
    assert!(world.deliver("x@y.example", "full@f.example", MESSAGE).await.starts_with("452 4.2.2"));
    let held = world.account(1, "ann", "a.example", None, 2, false);
    world.accounts.apply(vec![Change::Account(held)]).await.unwrap();
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("450 4.2.1"));
    assert_eq!(world.accounts.usage(TenantId(3)).await.unwrap().emails, 0);
    world.end().await;
}

#[tokio::test]
async fn lmtp_answers_per_recipient() {
    let world = World::new().await;
    world.person(3, "full", "f.example", Some(10)).await;
    let mut client = Client::connect(world.lmtp).await;
    client.until("220 ").await;
    client.ask("LHLO c", "250 ").await;
    client.ask("MAIL FROM:<x@y.example>", "250 ").await;
    client.ask("RCPT TO:<ann@a.example>", "250 ").await;
    client.ask("RCPT TO:<full@f.example>", "250 ").await;
    client.ask("DATA", "354 ").await;
    client.ask(&format!("{MESSAGE}\r\n."), "250 2.0.0").await;
    client.until("452 4.2.2").await;
    world.end().await;
}

#[tokio::test]
async fn the_same_mail_to_two_tenants_is_stored_twice_and_delivered_at_once() {
    let world = World::new().await;
    let mut client = Client::connect(world.mx).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    client.ask("MAIL FROM:<>", "250 ").await;
    client.ask("RCPT TO:<ann@a.example>", "250 ").await;
    client.ask("RCPT TO:<bob@b.example>", "250 ").await;
    client.ask("DATA", "354 ").await;
    client.ask(&format!("{MESSAGE}\r\n."), "250 2.0.0").await;
    for n in [1, 2] {
        assert_eq!(world.accounts.usage(TenantId(n)).await.unwrap().emails, 1);
    }
    world.end().await;
}

#[tokio::test]
async fn who_got_no_copy_is_reported_to_a_sender_who_wants_to_know() {
    let world = World::new().await;
    world.person(3, "full", "f.example", Some(10)).await;
    for (notify, reports) in [("", 1), (" NOTIFY=NEVER", 1), (" NOTIFY=SUCCESS", 1), (" NOTIFY=FAILURE", 2)] {
        let mut client = Client::connect(world.mx).await;
        client.until("220 ").await;
        client.ask("EHLO c", "250 ").await;
        client.ask("MAIL FROM:<ann@a.example> ENVID=e7", "250 ").await;
        client.ask("RCPT TO:<bob@b.example>", "250 ").await;
        client.ask(&format!("RCPT TO:<full@f.example>{notify}"), "250 ").await;
        client.ask("DATA", "354 ").await;
        client.ask(&format!("{MESSAGE}\r\n."), "250 2.0.0").await;
        assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, reports, "{notify}");
    }
    let mut ann = world.imap("ann@a.example").await;
    ann.ask("a SELECT INBOX", "a OK").await;
    let report = ann.ask("b FETCH 1 BODY.PEEK[]", "b OK").await;
    for part in ["Return-Path: <>", "@mail.example.org>\r\n", "Final-Recipient: rfc822; full@f.example", "5.2.2", "e7"]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(report.lines().any(|l| l.starts_with("Message-ID: <") && l.ends_with('>')), "{report}");
    world.end().await;
}

#[tokio::test]
async fn a_sender_whose_own_mailbox_is_full_is_told_all_the_same() {
    let world = World::new().await;
    world.person(3, "full", "f.example", Some(10)).await;
    world.person(4, "short", "s.example", Some(10)).await;
    let mut client = Client::connect(world.mx).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    client.ask("MAIL FROM:<short@s.example> RET=FULL", "250 ").await;
    client.ask("RCPT TO:<bob@b.example>", "250 ").await;
    client.ask("RCPT TO:<full@f.example> NOTIFY=FAILURE", "250 ").await;
    client.ask("DATA", "354 ").await;
    let long = format!("X-Long: {}\r\n", "y".repeat(70)).repeat(200);
    client.ask(&format!("{long}{MESSAGE}\r\n."), "250 2.0.0").await;
    let usage = world.accounts.usage(TenantId(4)).await.unwrap();
    assert_eq!((usage.emails, usage.used_bytes), (1, 0), "it is not counted");
    let mut short = world.imap("short@s.example").await;
    short.ask("a SELECT INBOX", "a OK").await;
    let report = short.ask("b FETCH 1 (RFC822.SIZE BODY.PEEK[])", "b OK").await;
    assert!(report.contains("Final-Recipient: rfc822; full@f.example"), "{report}");
    assert!(report.contains("text/rfc822-headers") && report.len() < 8_000, "{}", report.len());
    world.end().await;
}

#[tokio::test]
async fn an_alias_that_serves_only_some_of_its_mailboxes_is_reported() {
    let world = World::new().await;
    world.person(3, "full", "f.example", Some(10)).await;
    world.person(4, "held", "h.example", None).await;
    let held = world.account(4, "held", "h.example", None, 2, false);
    let alias = |local: &str, targets: &[&str]| {
        Change::Address(AddressSnapshot {
            local: local.into(),
            domain: "b.example".into(),
            version: 1,
            tenant: TenantId(2),
            destination: Destination::Forward(targets.iter().map(ToString::to_string).collect()),
        })
    };
    let batch = vec![
        Change::Account(held),
        alias("team", &["bob@b.example", "full@f.example"]),
        alias("crew", &["bob@b.example", "held@h.example"]),
        alias("none", &["full@f.example"]),
        alias("out", &["full@f.example", "x@elsewhere.example"]),
    ];
    world.accounts.apply(batch).await.unwrap();
    let mails = |n| {
        let accounts = world.accounts.clone();
        async move { accounts.usage(TenantId(n)).await.unwrap().emails }
    };
    for (round, (to, status, by_lmtp)) in [
        ("team@b.example", "5.2.2", false),
        ("crew@b.example", "5.2.1", false),
        ("out@b.example", "5.2.2", false),
        ("team@b.example", "5.2.2", true),
    ]
    .into_iter()
    .enumerate()
    {
        if by_lmtp {
            let mut client = Client::connect(world.lmtp).await;
            client.until("220 ").await;
            client.ask("LHLO c", "250 ").await;
            client.ask("MAIL FROM:<ann@a.example>", "250 ").await;
            client.ask(&format!("RCPT TO:<{to}>"), "250 ").await;
            client.ask("DATA", "354 ").await;
            client.ask(&format!("{MESSAGE}\r\n."), "250 2.0.0").await;
        } else {
            assert!(world.deliver("ann@a.example", to, MESSAGE).await.starts_with("250"), "{to}");
        }
        assert_eq!(mails(1).await, round as i64 + 1, "one report about {to}");
        let mut ann = world.imap("ann@a.example").await;
        ann.ask("a SELECT INBOX", "a OK").await;
        let report = ann.ask(&format!("b FETCH {} BODY.PEEK[]", round + 1), "b OK").await;
        for part in [&format!("Final-Recipient: rfc822; {to}"), "Action: failed", &format!("Status: {status}")] {
            assert!(report.contains(part), "{part}: {report}");
        }
        assert!(
            !report.contains("full@") && !report.contains("held@"),
            "the mailboxes behind it stay unknown: {report}"
        );
    }
    assert_eq!(mails(2).await, 3, "bob got every copy");
    // Nobody got one: refused for now, as for the mailbox itself, and nobody is told anything else.
    assert!(world.deliver("ann@a.example", "none@b.example", MESSAGE).await.starts_with("452 4.2.2"));
    // A null sender is told nothing, and the copies stand.
    assert!(world.deliver("", "team@b.example", MESSAGE).await.starts_with("250"));
    assert_eq!((mails(1).await, mails(2).await, mails(3).await, mails(4).await), (4, 4, 0, 0));
    world.end().await;
}
