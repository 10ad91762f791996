//! SUMMARY    Many mailboxes by few statements: each is as if it had been made alone.

use crate::desk::{Desk, keyed, new_alias, new_mailbox, terms};
use control::Destination;
use tenants::{Code, ErrorPolicy, Item, Mailbox, MailboxPatch, NewMailbox, NewPassword, TenantPatch};

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
    // The chain of the audit log and the events go entry by entry; all else is a few statements.
    assert!(cost <= 900, "{cost} statements for 100 mailboxes");
    let refused: Vec<_> =
        (0..).zip(&made).filter(|(_, item)| matches!(item, Item::Refused(_))).map(|(n, _)| n).collect();
    assert_eq!(refused, [98, 99], "those that come first are made");
    let Item::Refused(why) = &made[99] else { panic!("made beyond the limit") };
    assert_eq!(why.code, Code::LimitReached);
}
