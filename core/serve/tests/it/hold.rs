//! SUMMARY    Holds at the doors: what is taken away, what is said, and that open sessions hear of it at once.

use crate::world::{Client, PASSWORD, World};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{
    AccountSnapshot, AddressSnapshot, Capabilities, Capability, Change, Control, CredentialKind, CredentialSnapshot,
    Destination, EntitlementSnapshot, HoldKind, Restriction,
};
use std::time::{Duration, Instant};

/// How soon a hold is felt (H4).
const SOON: Duration = Duration::from_secs(2);
const MESSAGE: &str = "From: ann@a.example\r\nSubject: x\r\n\r\nbody";

fn restriction(kind: HoldKind, blocks: &[Capability]) -> Restriction {
    Restriction {
        kind,
        code: "PAYMENT_OVERDUE".into(),
        reason: "The invoice of May is unpaid.".into(),
        next_step: "Pay it in the portal.".into(),
        blocks: blocks.to_vec(),
    }
}

fn without(blocks: &[Capability]) -> Capabilities {
    blocks.iter().fold(Capabilities::ALL, |c, b| c.without(*b))
}

/// Places a hold on a whole tenant, or releases what there was (no blocks).
async fn hold_tenant(world: &World, tenant: u64, version: u64, kind: HoldKind, blocks: &[Capability]) {
    let mut e = EntitlementSnapshot::new(TenantId(tenant), version);
    e.capabilities = without(blocks);
    e.restrictions = if blocks.is_empty() { Vec::new() } else { vec![restriction(kind, blocks)] };
    world.accounts.apply(vec![Change::Entitlement(e)]).await.unwrap();
}

async fn apply(world: &World, account: AccountSnapshot) {
    world.accounts.apply(vec![Change::Account(account)]).await.unwrap();
}

fn plain(authzid: &str, name: &str) -> String {
    STANDARD.encode(format!("{authzid}\0{name}\0{PASSWORD}"))
}

async fn submission(world: &World, name: &str) -> Client {
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    client.ask(&format!("AUTH PLAIN {}", plain("", name)), "235 ").await;
    client
}

/// The session was told why, in time, and is closed.
async fn is_cut(client: &mut Client, since: Instant, expected: &[&str]) {
    let rest = tokio::time::timeout(SOON.saturating_sub(since.elapsed()), client.rest()).await;
    let rest = String::from_utf8(rest.expect("cut in time")).unwrap();
    for part in expected {
        assert!(rest.contains(part), "{part}: {rest:?}");
    }
}

const READING: [Capability; 1] = [Capability::MailRead];
const SENDING: [Capability; 2] = [Capability::SendInternal, Capability::SendExternal];
const WHY: [&str; 3] = ["The invoice of May is unpaid.", "Pay it in the portal.", "PAYMENT_OVERDUE"];

#[tokio::test]
async fn h4_a_hold_cuts_imap_sessions_between_commands_and_within_idle() {
    let world = World::new().await;
    let mut quiet = world.imap("ann@a.example").await;
    let mut idle = world.imap("ann@a.example").await;
    idle.ask("a SELECT INBOX", "a OK").await;
    idle.ask("b IDLE", "+ ").await;
    let mut other = world.imap("bob@b.example").await;
    let since = Instant::now();
    hold_tenant(&world, 1, 2, HoldKind::Billing, &READING).await;
    is_cut(&mut quiet, since, &["* BYE [ALERT] "]).await;
    is_cut(&mut idle, since, &WHY).await;
    other.ask("a NOOP", "a OK").await;
    let mut again = Client::connect(world.imap).await;
    again.until("* OK").await;
    let said = again.ask(&format!("l LOGIN ann@a.example \"{PASSWORD}\""), "l NO").await;
    assert!(said.contains("* NO [ALERT] ") && said.contains("l NO [CONTACTADMIN] "), "{said}");
    assert!(WHY.iter().all(|part| said.contains(part)), "{said}");
    world.end().await;
}

#[tokio::test]
async fn h4_a_hold_cuts_submission_sessions_between_commands_and_within_a_message() {
    let world = World::new().await;
    let mut quiet = submission(&world, "ann@a.example").await;
    let mut busy = submission(&world, "ann@a.example").await;
    busy.ask("MAIL FROM:<ann@a.example>", "250 ").await;
    busy.ask("RCPT TO:<bob@b.example>", "250 ").await;
    busy.ask("DATA", "354 ").await;
    busy.send(b"From: ann@a.example\r\n").await;
    let mut other = submission(&world, "bob@b.example").await;
    let since = Instant::now();
    hold_tenant(&world, 1, 2, HoldKind::Abuse, &SENDING).await;
    is_cut(&mut quiet, since, &["421 4.7.0 ", WHY[0], WHY[1], WHY[2]]).await;
    is_cut(&mut busy, since, &["421 4.7.0 "]).await;
    other.ask("NOOP", "250 ").await;
    assert_eq!(world.accounts.usage(TenantId(2)).await.unwrap().emails, 0, "nothing went through");
    // Reading goes on: that was not taken away.
    world.imap("ann@a.example").await;
    world.end().await;
}

#[tokio::test]
async fn h4_a_changed_password_a_revoked_credential_and_a_deleted_mailbox_cut_their_sessions() {
    let world = World::new().await;
    type Change = fn(&mut AccountSnapshot);
    let cases: [(Change, &str); 3] = [
        (|a| a.credentials[0].argon2 = a.credentials[0].argon2.replace("t=1", "t=2"), "changed or revoked"),
        (|a| a.credentials.clear(), "changed or revoked"),
        (|a| a.live = false, "deleted"),
    ];
    for (n, (change, said)) in cases.into_iter().enumerate() {
        let (n, name, domain) = (10 + n as u64, format!("p{n}"), format!("d{n}.example"));
        world.person(n, &name, &domain, None).await;
        let address = format!("{name}@{domain}");
        let (mut imap, mut smtp) = (world.imap(&address).await, submission(&world, &address).await);
        let mut account = world.account(n, &name, &domain, None, 2, true);
        change(&mut account);
        let since = Instant::now();
        apply(&world, account).await;
        is_cut(&mut imap, since, &["* BYE [ALERT] ", said]).await;
        is_cut(&mut smtp, since, &["421 4.7.0 ", said]).await;
    }
    world.end().await;
}

#[tokio::test]
async fn h4_a_change_that_takes_nothing_away_cuts_nobody() {
    let world = World::new().await;
    let (mut imap, mut smtp) = (world.imap("ann@a.example").await, submission(&world, "ann@a.example").await);
    let mut account = world.account(1, "ann", "a.example", Some(1 << 30), 2, true);
    account.capabilities = Capabilities::ALL.without(Capability::Receive);
    apply(&world, account).await;
    hold_tenant(&world, 1, 2, HoldKind::Billing, &[Capability::SendExternal]).await;
    imap.ask("a SELECT INBOX", "a OK").await;
    smtp.ask("MAIL FROM:<ann@a.example>", "250 ").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_a_thousand_sessions_are_cut_in_time() {
    const SESSIONS: usize = 1_000;
    let world = World::new().await;
    let mut clients = Vec::with_capacity(SESSIONS);
    for n in 0..SESSIONS {
        let mut client =
            if n % 2 == 0 { world.imap("ann@a.example").await } else { submission(&world, "ann@a.example").await };
        if n % 4 == 0 {
            client.ask("a SELECT INBOX", "a OK").await;
            client.ask("b IDLE", "+ ").await;
        }
        clients.push(client);
    }
    let since = Instant::now();
    hold_tenant(&world, 1, 2, HoldKind::Security, &[READING.as_slice(), &SENDING].concat()).await;
    for client in &mut clients {
        is_cut(client, since, &["PAYMENT_OVERDUE"]).await;
    }
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    world.end().await;
}

#[tokio::test]
async fn h3_sending_inside_and_elsewhere_are_held_apart_and_refused_recipient_by_recipient() {
    let world = World::new().await;
    for (version, blocked, inside, elsewhere) in [
        (2, Capability::SendExternal, "250 2.1.5", "550 5.7.1"),
        (3, Capability::SendInternal, "550 5.7.1", "250 2.1.5"),
    ] {
        hold_tenant(&world, 1, version, HoldKind::Billing, &[blocked]).await;
        let mut client = submission(&world, "ann@a.example").await;
        client.ask("MAIL FROM:<ann@a.example>", "250 ").await;
        for (to, expected) in [("bob@b.example", inside), ("x@other.example", elsewhere)] {
            let reply = client.ask_line(&format!("RCPT TO:<{to}>")).await;
            assert!(reply.starts_with(expected), "{to}: {reply}");
            assert!(expected.starts_with("250") || WHY.iter().all(|part| reply.contains(part)), "{reply}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_held_between_rcpt_and_the_end_of_the_message_is_not_sent() {
    let world = World::new().await;
    let mut client = submission(&world, "ann@a.example").await;
    client.ask("MAIL FROM:<ann@a.example>", "250 ").await;
    client.ask("RCPT TO:<bob@b.example>", "250 ").await;
    client.ask("RCPT TO:<x@other.example>", "250 ").await;
    client.ask("DATA", "354 ").await;
    hold_tenant(&world, 1, 2, HoldKind::Billing, &[Capability::SendExternal]).await;
    let reply = client.ask_line(&format!("{MESSAGE}\r\n.")).await;
    assert!(reply.starts_with("550 5.7.1") && reply.contains(WHY[2]), "{reply}");
    assert_eq!(world.accounts.usage(TenantId(2)).await.unwrap().emails, 0);
    world.end().await;
}

#[tokio::test]
async fn mail_for_the_held_waits_and_mail_for_the_closed_is_refused_for_good() {
    let world = World::new().await;
    let alias = AddressSnapshot {
        local: "out".into(),
        domain: "a.example".into(),
        version: 1,
        tenant: TenantId(1),
        destination: Destination::Forward(vec!["x@elsewhere.example".into()]),
    };
    world.accounts.apply(vec![Change::Address(alias)]).await.unwrap();
    let receiving = [Capability::Receive];
    for (version, kind, expected) in
        [(2, HoldKind::Billing, "450 4.2.1"), (3, HoldKind::Admin, "450 4.2.1"), (4, HoldKind::UserClosed, "550 5.2.1")]
    {
        hold_tenant(&world, 1, version, kind, &receiving).await;
        for to in ["ann@a.example", "out@a.example"] {
            let reply = world.deliver("x@y.example", to, MESSAGE).await;
            assert!(reply.starts_with(expected) && WHY.iter().all(|part| reply.contains(part)), "{kind:?}: {reply}");
        }
    }
    hold_tenant(&world, 1, 5, HoldKind::Billing, &[]).await;
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("250"));
    let mut deleted = world.account(1, "ann", "a.example", None, 2, true);
    deleted.live = false;
    apply(&world, deleted).await;
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("550 5.2.1"));
    let off = AddressSnapshot {
        local: "ann".into(),
        domain: "a.example".into(),
        version: 2,
        tenant: TenantId(1),
        destination: Destination::Disabled,
    };
    world.accounts.apply(vec![Change::Address(off)]).await.unwrap();
    assert!(world.deliver("x@y.example", "ann@a.example", MESSAGE).await.starts_with("550 5.2.1"));
    assert_eq!(world.accounts.usage(TenantId(1)).await.unwrap().emails, 1);
    world.end().await;
}

/// Ann with her password and an app password, which is the same text with another id: the second opens nothing alone.
fn with_app_password(world: &World, version: u64, held: bool) -> AccountSnapshot {
    let mut account = world.account(1, "ann", "a.example", None, version, true);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"app password");
    let digest = format!("{}{}", control::APP_DIGEST, STANDARD.encode(digest));
    let mut app = CredentialSnapshot::new("app", CredentialKind::AppPassword, digest, String::new());
    app.restrictions = if held { vec![restriction(HoldKind::Security, &SENDING)] } else { Vec::new() };
    account.credentials.push(app);
    account
}

#[tokio::test]
async fn h1_only_the_suspect_app_password_stops() {
    let world = World::new().await;
    apply(&world, with_app_password(&world, 2, false)).await;
    let app = async || {
        let mut client = Client::connect(world.imap).await;
        client.until("* OK").await;
        client
    };
    let mut suspect = app().await;
    suspect.ask("l LOGIN ann@a.example \"app password\"", "l OK").await;
    let mut own = world.imap("ann@a.example").await;
    let since = Instant::now();
    apply(&world, with_app_password(&world, 3, true)).await;
    is_cut(&mut suspect, since, &WHY).await;
    own.ask("a NOOP", "a OK").await;
    world.imap("ann@a.example").await;
    let said = app().await.ask("l LOGIN ann@a.example \"app password\"", "l NO").await;
    assert!(said.contains("[CONTACTADMIN]") && said.contains(WHY[2]), "{said}");
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    let login = STANDARD.encode("\0ann@a.example\0app password");
    let reply = client.ask(&format!("AUTH PLAIN {login}"), "535 5.7.13").await;
    assert!(WHY.iter().all(|part| reply.contains(part)), "{reply}");
    client.ask(&format!("AUTH PLAIN {}", plain("", "ann@a.example")), "235 ").await;
    apply(&world, with_app_password(&world, 4, false)).await;
    app().await.ask("l LOGIN ann@a.example \"app password\"", "l OK").await;
    world.end().await;
}

#[tokio::test]
async fn h4_a_long_fetch_ends_at_the_next_message() {
    let world = World::new().await;
    let mut client = world.imap("ann@a.example").await;
    let text = format!("Subject: big\r\n\r\n{}", "0123456789abcdef\r\n".repeat(20_000));
    for _ in 0..4 {
        client.ask(&format!("a APPEND INBOX {{{}+}}\r\n{text}", text.len()), "a OK").await;
    }
    client.ask("a SELECT INBOX", "a OK").await;
    // Far more than a socket holds.
    let many = (0..60).map(|n| format!("BODY.PEEK[]<{n}.999999>")).collect::<Vec<_>>().join(" ");
    client.send(format!("b FETCH 1:4 ({many})\r\n").as_bytes()).await;
    client.until("* 1 FETCH").await;
    hold_tenant(&world, 1, 2, HoldKind::Billing, &READING).await;
    let rest = tokio::time::timeout(Duration::from_secs(10), client.rest()).await.unwrap();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("* BYE [ALERT] ") && !rest.contains("b OK"), "the answer is not finished");
    world.end().await;
}
