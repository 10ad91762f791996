//! SUMMARY    Many mailboxes by few statements: each is as if it had been made alone.

use crate::desk::{Desk, Hands, keyed, new_alias, new_mailbox, terms};
use base::TenantId;
use control::Destination;
use std::{collections::HashMap, sync::Arc};
use tenants::{
    Actor, AuditFilter, Code, ErrorPolicy, Item, Mailbox, MailboxPatch, NewMailbox, NewPassword, Page, Service,
    TenantPatch,
};

/// Statements of a bulk on one domain, however many items it has.
const STATEMENTS_MAX: u64 = 50;

async fn bulk(desk: &Desk, actor: &tenants::Actor, addresses: &[&str]) -> Vec<Result<Mailbox, Code>> {
    let new: Vec<NewMailbox> = addresses.iter().map(|a| new_mailbox(a)).collect();
    let made = desk.service.mailboxes_create(actor, &terms(), &new, ErrorPolicy::Continue).await.unwrap().object;
    let result = |item| match item {
        Item::Done(mailbox) => Ok(mailbox),
        Item::Refused(e) => Err(e.code),
    };
    made.into_iter().map(result).collect()
}

#[tokio::test]
async fn each_of_a_bulk_is_as_if_it_had_been_made_alone() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    // An alias that is older than its target, an address that was left, one that was left by another tenant's mailbox.
    desk.service
        .alias_create(&actor, &terms(), &new_alias("info@alpha.example", &["ann@alpha.example"]))
        .await
        .unwrap();
    let old = desk.mailbox(&actor, "old@alpha.example").await;
    desk.service.mailbox_delete(&actor, &keyed("d"), old.id).await.unwrap();
    desk.service.mailbox_purge(&actor, &keyed("p"), old.id).await.unwrap();
    let asked = [
        "ann@alpha.example",
        "bob@alpha.example",
        "Bob@alpha.example",
        "no address",
        "old@alpha.example",
        "zed@beta.example",
        "carl@alpha.example",
        "info@alpha.example",
    ];
    let made = bulk(&desk, &actor, &asked).await;
    let seen: Vec<_> = made.iter().map(|m| m.as_ref().map(|m| m.address.as_str()).map_err(|code| *code)).collect();
    let expected = [
        Ok("ann@alpha.example"),
        Ok("bob@alpha.example"),
        Err(Code::Taken),
        Err(Code::Invalid),
        Ok("old@alpha.example"),
        Err(Code::NotFound),
        Ok("carl@alpha.example"),
        Err(Code::Taken),
    ];
    assert_eq!(seen, expected);
    let made: Vec<Mailbox> = made.into_iter().filter_map(Result::ok).collect();
    assert_ne!(made[2].id, old.id, "an account id is never given twice");
    for mailbox in &made {
        assert_eq!(desk.destination(&mailbox.address), Destination::Account(mailbox.id));
        assert_eq!((mailbox.tenant, mailbox.has_password, mailbox.version), (tenant, true, 1));
        // What was told is what the rows say: a change of nothing tells it again.
        let told = desk.account(mailbox.id);
        let same = MailboxPatch { display_name: Some(String::new()), ..MailboxPatch::default() };
        let shown = desk.service.mailbox_update(&actor, &terms(), mailbox.id, &same).await.unwrap().object;
        let again = desk.account(mailbox.id);
        assert_eq!((told.version, again.version), (1, 2));
        assert_eq!(told, control::AccountSnapshot { version: 1, ..again });
        assert_eq!(format!("{mailbox:?}"), format!("{:?}", Mailbox { version: 1, ..shown }));
    }
    assert_eq!(desk.account(made[0].id).send_as, ["info@alpha.example"]);
    let page = tenants::Page::first(50);
    let (log, _) = desk.service.audit_entries(&actor, tenant, &tenants::AuditFilter::default(), &page).await.unwrap();
    assert_eq!(log.iter().filter(|e| e.action == "mailboxCreate").count(), 5, "one entry each");
}

#[tokio::test]
async fn a_bulk_stops_where_the_limit_is_and_costs_few_statements() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let limit = TenantPatch { max_mailboxes: Some(Some(98)), ..TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), tenant, &limit).await.unwrap();
    let new = |n: usize| NewMailbox { password: NewPassword::Unset, ..new_mailbox(&format!("u{n}@alpha.example")) };
    let new: Vec<NewMailbox> = (0..100).map(new).collect();
    let before = desk.service.statements();
    let made = desk.service.mailboxes_create(&actor, &terms(), &new, ErrorPolicy::Continue).await.unwrap().object;
    let cost = desk.service.statements() - before;
    assert!(cost <= STATEMENTS_MAX, "{cost} statements for 100 mailboxes");
    let refused: Vec<_> =
        (0..).zip(&made).filter(|(_, item)| matches!(item, Item::Refused(_))).map(|(n, _)| n).collect();
    assert_eq!(refused, [98, 99], "those that come first are made");
    let Item::Refused(why) = &made[99] else { panic!("made beyond the limit") };
    assert_eq!(why.code, Code::LimitReached);
}

/// The log and the events of a tenant without what is random: an id stands as the address it belongs to.
async fn left(desk: &Desk, actor: &Actor, tenant: TenantId) -> (Vec<String>, Vec<String>) {
    let verified = desk.service.audit_verify(actor, tenant, 0).await.unwrap();
    assert_eq!((verified.broken, verified.next), (None, None));
    let (mut log, count) =
        desk.service.audit_entries(actor, tenant, &AuditFilter::default(), &Page::first(200)).await.unwrap();
    assert_eq!((verified.verified, verified.head.number), (count, count));
    log.reverse();
    let made = log.iter().filter(|e| e.action == "mailboxCreate");
    let names: HashMap<&str, &str> = made.map(|e| (e.object.as_str(), e.detail.as_str())).collect();
    let named = |object: &str| match names.get(object) {
        Some(name) => (*name).to_owned(),
        None => "another".to_owned(),
    };
    let entry = |e: &tenants::AuditEntry| {
        let (place, object) = (e.number, named(&e.object));
        format!("{place:?} {} {:?} {:?} {} {object}", e.at_ms, e.on_behalf_of, e.ip, e.action)
    };
    let entries = log.iter().map(entry).collect();
    let (events, _) = desk.service.events(actor, tenant, false, &Page::first(200)).await.unwrap();
    let event = |e: &tenants::Event| {
        let (object, known) = (named(&e.object), names.contains_key(e.object.as_str()));
        let data = if known { e.data.as_str() } else { "" };
        format!("{} {} {object} {} {} {data}", e.number, e.kind, e.object_number, e.at_ms)
    };
    (entries, events.iter().map(event).collect())
}

#[tokio::test]
async fn a_bulk_leaves_the_log_and_the_events_that_singles_leave() {
    let addresses: Vec<String> = (0..70).map(|n| format!("u{n}@alpha.example")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    for together in [true, false] {
        let desk = Desk::at(Arc::new(Hands::default())).await;
        let (tenant, actor) = desk.customer("alpha").await;
        if together {
            assert!(bulk(&desk, &actor, &addresses).await.iter().all(Result::is_ok));
        } else {
            for address in &addresses {
                desk.mailbox(&actor, address).await;
            }
        }
        // What comes after goes on where the bulk ended.
        desk.mailbox(&actor, "last@alpha.example").await;
        seen.push(left(&desk, &actor, tenant).await);
    }
    assert!(seen[0].0.len() >= 71 && seen[0].1.len() >= 71);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn bulks_at_the_same_time_leave_one_chain() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let other = crate::desk::open(&desk.file, desk.plane.clone()).await;
    let make = async |service: &Service, name: &str| {
        for round in 0..3 {
            let new: Vec<NewMailbox> =
                (0..20).map(|n| new_mailbox(&format!("{name}{round}-{n}@alpha.example"))).collect();
            let made = service.mailboxes_create(&actor, &terms(), &new, ErrorPolicy::AllOrNothing).await.unwrap();
            assert!(made.object.iter().all(|item| matches!(item, Item::Done(_))));
        }
    };
    tokio::join!(make(&desk.service, "a"), make(&desk.service, "b"), make(&other, "c"));
    let (entries, events) = left(&desk, &actor, tenant).await;
    assert_eq!(entries.iter().filter(|e| e.contains(" mailboxCreate ")).count(), 180);
    let numbers: Vec<i64> = events.iter().map(|e| e.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert!(numbers.len() > 180);
}
