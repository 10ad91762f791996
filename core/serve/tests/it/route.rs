//! SUMMARY    Alternate domains, groups, addresses that are off, and domains whose MX records lead elsewhere.

use crate::world::{Client, PASSWORD, World};
use base::{AccountId, TenantId};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{AddressSnapshot, Change, Control, Destination, DomainSnapshot, Posting};

const MESSAGE: &str = "From: x@y.example\r\nSubject: x\r\n\r\nbody";

fn address(local: &str, domain: &str, tenant: u64, destination: Destination) -> Change {
    Change::Address(AddressSnapshot {
        local: local.into(),
        domain: domain.into(),
        version: 1,
        tenant: TenantId(tenant),
        destination,
    })
}

fn group(local: &str, members: &[&str], posting: Posting) -> Change {
    let members = members.iter().map(ToString::to_string).collect();
    address(local, "a.example", 1, Destination::Group { members, posting })
}

async fn apply(world: &World, changes: Vec<Change>) {
    world.accounts.apply(changes).await.unwrap();
}

async fn login(world: &World, name: &str) -> Client {
    let mut client = Client::connect(world.submission).await;
    client.until("220 ").await;
    client.ask("EHLO c", "250 ").await;
    let plain = STANDARD.encode(format!("\0{name}\0{PASSWORD}"));
    client.ask(&format!("AUTH PLAIN {plain}"), "235 ").await;
    client
}

/// The reply to a recipient, and to the message where it was taken.
async fn submit(client: &mut Client, from: &str, to: &str) -> String {
    let reply = client.ask_line(&format!("MAIL FROM:<{from}>")).await;
    if !reply.starts_with("250") {
        return reply;
    }
    let reply = client.ask_line(&format!("RCPT TO:<{to}>")).await;
    if !reply.starts_with("250") {
        client.ask("RSET", "250 ").await;
        return reply;
    }
    client.ask("DATA", "354 ").await;
    client.ask_line(&format!("From: {from}\r\n\r\nx\r\n.")).await
}

async fn emails(world: &World, tenant: u64) -> i64 {
    world.accounts.usage(TenantId(tenant)).await.unwrap().emails
}

#[tokio::test]
async fn an_alternate_domain_has_the_addresses_of_the_other() {
    let world = World::new().await;
    let alternate = |name: &str, of: &str, tenant| {
        Change::Domain(DomainSnapshot { alias_of: Some(of.into()), ..DomainSnapshot::new(name, TenantId(tenant), 1) })
    };
    let changes = vec![
        alternate("a.test", "a.example", 1),
        // One level only, and no other tenant's.
        alternate("a.second", "a.test", 1),
        alternate("thief.test", "a.example", 2),
        // An address of its own goes before the other domain's.
        address("gone", "a.example", 1, Destination::Account(AccountId(1))),
        address("gone", "a.test", 1, Destination::Tombstone),
    ];
    apply(&world, changes).await;
    for (to, expected) in [
        ("ann@a.test", "250 2.0.0"),
        ("Ann+tag@A.TEST", "250 2.0.0"),
        ("nobody@a.test", "550 5.1.1"),
        ("gone@a.test", "550 5.1.1"),
        ("ann@a.second", "550 5.1.1"),
        ("ann@thief.test", "550 5.1.1"),
    ] {
        let reply = world.deliver("x@y.example", to, MESSAGE).await;
        assert!(reply.starts_with(expected), "{to}: {reply}");
    }
    assert_eq!(emails(&world, 1).await, 2);
    // Ann logs in and sends as herself there; who is not ann does not.
    world.imap("ann@a.test").await;
    let mut ann = login(&world, "ann@a.example").await;
    let mut bob = login(&world, "bob@b.example").await;
    for (from, expected) in [
        ("ann@a.test", "250 2.0.0"),
        ("ann+x@a.test", "250 2.0.0"),
        ("ann@thief.test", "553 5.7.1"),
        ("bob@a.test", "553 5.7.1"),
    ] {
        let reply = submit(&mut ann, from, "x@other.example").await;
        assert!(reply.starts_with(expected), "{from}: {reply}");
    }
    for from in ["ann@a.test", "bob@a.test", "ann@thief.test"] {
        let reply = submit(&mut bob, from, "x@other.example").await;
        assert!(reply.starts_with("553 5.7.1"), "{from}: {reply}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_closed_group_takes_mail_of_those_who_may_write_to_it_and_of_nobody_else() {
    let world = World::new().await;
    // Cy is of ann's tenant, and no member.
    let mut cy = world.account(1, "cy", "a.example", None, 1, true);
    (cy.id, cy.tenant) = (AccountId(30), TenantId(1));
    let changes = vec![
        Change::Account(cy),
        address("cy", "a.example", 1, Destination::Account(AccountId(30))),
        group("open", &["ann@a.example"], Posting::Anyone),
        group("all", &["ann@a.example", "bob@b.example"], Posting::Tenant),
        group("crew", &["inner@a.example"], Posting::Members),
        address("inner", "a.example", 1, Destination::Forward(vec!["ann@a.example".into(), "bob@b.example".into()])),
        // An alias that everybody may use does not open what is behind it.
        address("contact", "a.example", 1, Destination::Forward(vec!["all@a.example".into()])),
    ];
    apply(&world, changes).await;
    let (mut ann, mut bob) = (login(&world, "ann@a.example").await, login(&world, "bob@b.example").await);
    let mut cy = login(&world, "cy@a.example").await;
    let no = "550 5.7.1";
    for (to, stranger, anns, cys, bobs) in [
        ("open@a.example", "250", "250", "250", "250"),
        ("all@a.example", no, "250", "250", no),
        ("contact@a.example", no, "250", "250", no),
        ("crew@a.example", no, "250", no, "250"),
    ] {
        let replies = [
            world.deliver("ann@a.example", to, MESSAGE).await,
            submit(&mut ann, "ann@a.example", to).await,
            submit(&mut cy, "cy@a.example", to).await,
            submit(&mut bob, "bob@b.example", to).await,
        ];
        for (reply, expected) in replies.iter().zip([stranger, anns, cys, bobs]) {
            assert!(reply.starts_with(expected), "{to}: {expected} expected: {replies:?}");
        }
    }
    // open 4, all 2, contact 2, crew 2 to ann; all 2, contact 2, crew 2 to bob.
    assert_eq!((emails(&world, 1).await, emails(&world, 2).await), (10, 6));
    world.end().await;
}

#[tokio::test]
async fn d7_mail_for_anothers_domain_goes_to_its_mx_hosts_unless_they_are_here() {
    let world = World::new().await;
    let elsewhere = DomainSnapshot { mx_here: false, ..DomainSnapshot::new("b.example", TenantId(2), 2) };
    let alias = address("fan", "a.example", 1, Destination::Forward(vec!["bob@b.example".into()]));
    apply(&world, vec![Change::Domain(elsewhere), alias]).await;
    let queued = async || {
        let key = world.accounts.break_glass("test", "look").unwrap();
        world.accounts.queue(&key.tenant(TenantId(1)), 10).await.unwrap().len()
    };
    let mut ann = login(&world, "ann@a.example").await;
    assert!(submit(&mut ann, "ann@a.example", "bob@b.example").await.starts_with("250"));
    assert!(submit(&mut ann, "ann@a.example", "nobody@b.example").await.starts_with("250"), "its hosts decide");
    assert!(world.deliver("x@y.example", "fan@a.example", MESSAGE).await.starts_with("250"));
    assert_eq!((queued().await, emails(&world, 2).await), (3, 0));
    // What comes from outside came by those records, and its owner's own tenant knows the domain.
    assert!(world.deliver("x@y.example", "bob@b.example", MESSAGE).await.starts_with("250"));
    let mut bob = login(&world, "bob@b.example").await;
    assert!(submit(&mut bob, "bob@b.example", "bob@b.example").await.starts_with("250"));
    assert_eq!((queued().await, emails(&world, 2).await), (3, 2));
    let here = DomainSnapshot::new("b.example", TenantId(2), 3);
    apply(&world, vec![Change::Domain(here)]).await;
    assert!(submit(&mut ann, "ann@a.example", "bob@b.example").await.starts_with("250"));
    assert_eq!((queued().await, emails(&world, 2).await), (3, 3));
    world.end().await;
}
