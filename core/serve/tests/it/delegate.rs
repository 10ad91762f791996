//! SUMMARY    A shared mailbox and its delegates: opened with their own password, read-only where that was given, cut when it ends.

use crate::world::{Client, PASSWORD, World};
use base::{AccountId, TenantId};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{AccountKind, AccountSnapshot, AddressSnapshot, Capabilities, Change, Control, Delegate, Destination};
use std::time::Duration;

const SHARED: AccountId = AccountId(40);
const SOON: Duration = Duration::from_secs(2);
const TEAM: &str = "team@a.example";

fn shared(version: u64, delegates: &[Delegate]) -> AccountSnapshot {
    let mut shared = AccountSnapshot::new(SHARED, TenantId(1), version, TEAM);
    (shared.kind, shared.delegates) = (AccountKind::Shared, delegates.to_vec());
    shared
}

fn ann(open: bool, write: bool, send_as: bool) -> Delegate {
    Delegate { account: AccountId(1), open, write, send_as }
}

async fn apply(world: &World, account: AccountSnapshot) {
    world.accounts.apply(vec![Change::Account(account)]).await.unwrap();
}

async fn world(delegates: &[Delegate]) -> World {
    let world = World::new().await;
    let row = AddressSnapshot {
        local: "team".into(),
        domain: "a.example".into(),
        version: 1,
        tenant: TenantId(1),
        destination: Destination::Account(SHARED),
    };
    world.accounts.apply(vec![Change::Address(row), Change::Account(shared(1, delegates))]).await.unwrap();
    world
}

fn plain(authzid: &str, name: &str) -> String {
    STANDARD.encode(format!("{authzid}\0{name}\0{PASSWORD}"))
}

/// The answer to opening the shared mailbox with a name's own password.
async fn open(world: &World, name: &str) -> (Client, String) {
    let mut client = Client::connect(world.imap).await;
    client.until("* OK").await;
    let said = client.ask(&format!("l AUTHENTICATE PLAIN {}", plain(TEAM, name)), "l ").await;
    (client, said)
}

#[tokio::test]
async fn a_delegate_opens_the_mailbox_and_nobody_else_does() {
    let world = world(&[ann(true, true, false)]).await;
    assert!(world.deliver("x@y.example", TEAM, "Subject: for the team\r\n\r\nx").await.starts_with("250"));
    let (mut client, said) = open(&world, "ann@a.example").await;
    assert!(said.contains("l OK"), "{said}");
    client.ask("a SELECT INBOX", "a OK [READ-WRITE]").await;
    assert!(client.ask("b FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "b OK").await.contains("for the team"));
    client.ask("c STORE 1 +FLAGS (\\Flagged)", "c OK").await;
    // Her own mailbox is another one.
    let own = world.imap("ann@a.example").await.ask("a SELECT INBOX", "a OK").await;
    assert!(own.contains("* 0 EXISTS"), "{own}");
    let (_, said) = open(&world, "bob@b.example").await;
    assert!(said.starts_with("l NO [AUTHORIZATIONFAILED]"), "{said}");
    for delegates in [vec![ann(false, true, true)], vec![]] {
        apply(&world, shared(2 + u64::from(delegates.is_empty()), &delegates)).await;
        let (_, said) = open(&world, "ann@a.example").await;
        assert!(said.starts_with("l NO [AUTHORIZATIONFAILED]"), "{said}");
    }
    world.end().await;
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let world = world(&[ann(true, false, false)]).await;
    // Opened before anything was delivered: the mailboxes are there all the same.
    let (mut client, said) = open(&world, "ann@a.example").await;
    assert!(said.contains("l OK"), "{said}");
    client.ask("a SELECT INBOX", "a OK [READ-ONLY]").await;
    assert!(world.deliver("x@y.example", TEAM, "Subject: s\r\n\r\nx").await.starts_with("250"));
    client.ask("b NOOP", "* 1 EXISTS").await;
    client.until("b OK").await;
    assert!(client.ask("c FETCH 1 BODY[]", "c OK").await.contains("Subject: s"));
    assert!(client.ask("d FETCH 1 FLAGS", "d OK").await.contains("FLAGS ()"), "reading marks nothing as seen");
    for command in [
        "STORE 1 +FLAGS (\\Deleted)",
        "COPY 1 Trash",
        "MOVE 1 Trash",
        "EXPUNGE",
        "CREATE New",
        "DELETE Trash",
        "RENAME Trash Bin",
        "SUBSCRIBE INBOX",
        "UNSUBSCRIBE INBOX",
        "APPEND INBOX {4+}\r\na: b",
    ] {
        let said = client.ask(&format!("e {command}"), "e ").await;
        let refused = said.starts_with("e NO [NOPERM] ") || said.starts_with("e NO [READ-ONLY] ");
        assert!(refused, "{command}: {said}");
    }
    client.ask("f SEARCH ALL", "f OK").await;
    client.ask("g LIST \"\" *", "g OK").await;
    client.ask("h STATUS INBOX (MESSAGES)", "h OK").await;
    client.ask("i CLOSE", "i OK").await;
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 1);
    world.end().await;
}

#[tokio::test]
async fn h4_a_delegates_session_ends_with_the_delegation_and_with_a_hold_on_either_account() {
    type Ends = fn(&World) -> AccountSnapshot;
    let cases: [(&str, Ends); 5] = [
        ("access to this mailbox", |_| shared(2, &[])),
        ("access to this mailbox", |_| shared(2, &[ann(true, false, false)])),
        ("abuse", |_| AccountSnapshot {
            capabilities: Capabilities::NONE,
            reason: "abuse".into(),
            ..shared(2, &[ann(true, true, false)])
        }),
        ("unpaid", |world| world.account(1, "ann", "a.example", None, 2, false)),
        ("changed or revoked", |world| AccountSnapshot {
            credentials: Vec::new(),
            ..world.account(1, "ann", "a.example", None, 2, true)
        }),
    ];
    for (said, ends) in cases {
        let world = world(&[ann(true, true, false)]).await;
        let (mut client, _) = open(&world, "ann@a.example").await;
        client.ask("a SELECT INBOX", "a OK").await;
        client.ask("b IDLE", "+ ").await;
        apply(&world, ends(&world)).await;
        let rest = tokio::time::timeout(SOON, client.rest()).await.expect("cut in time");
        let rest = String::from_utf8(rest).unwrap();
        assert!(rest.contains("* BYE [ALERT] ") && rest.contains(said), "{said}: {rest}");
        world.end().await;
    }
}

#[tokio::test]
async fn send_as_lets_a_delegate_write_in_the_mailboxs_name() {
    let world = world(&[ann(false, false, true)]).await;
    let submit = async |name: &str, authzid: &str, from: &str| {
        let mut client = Client::connect(world.submission).await;
        client.until("220 ").await;
        client.ask("EHLO c", "250 ").await;
        let said = client.ask_line(&format!("AUTH PLAIN {}", plain(authzid, name))).await;
        if !said.starts_with("235") {
            return said;
        }
        let said = client.ask_line(&format!("MAIL FROM:<{from}>")).await;
        if !said.starts_with("250") {
            return said;
        }
        client.ask("RCPT TO:<x@other.example>", "250 ").await;
        client.ask("DATA", "354 ").await;
        client.ask_line(&format!("From: {from}\r\n\r\nx\r\n.")).await
    };
    let (ann_own, bob) = ("ann@a.example", "bob@b.example");
    assert!(submit(ann_own, "", TEAM).await.starts_with("250 2.0.0"));
    assert!(submit(ann_own, "", "team+x@a.example").await.starts_with("250 2.0.0"));
    assert!(submit(bob, "", TEAM).await.starts_with("553 5.7.1"));
    assert!(submit(ann_own, TEAM, TEAM).await.starts_with("535 5.7.8"), "she may not open it");
    apply(&world, shared(2, &[ann(true, true, false)])).await;
    assert!(submit(ann_own, "", TEAM).await.starts_with("553 5.7.1"));
    assert!(submit(ann_own, TEAM, TEAM).await.starts_with("553 5.7.1"), "opening is not sending");
    apply(&world, shared(3, &[ann(true, true, true)])).await;
    assert!(submit(ann_own, TEAM, TEAM).await.starts_with("250 2.0.0"));
    let held = AccountSnapshot { capabilities: Capabilities::NONE, ..shared(4, &[ann(true, true, true)]) };
    apply(&world, held).await;
    assert!(submit(ann_own, "", TEAM).await.starts_with("553 5.7.1"), "held, it lends its name to nobody");
    world.end().await;
}
