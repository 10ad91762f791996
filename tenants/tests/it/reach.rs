//! SUMMARY    Lists have what a grant reaches, and count nothing else: role by role, on all, on a domain, on a mailbox.

use crate::{
    desk::{Desk, new_alias, terms},
    people::{code, person_on},
};
use std::collections::BTreeSet;
use tenants::{AuditFilter, Code, Page, Permission, Selector, StandardRole};

#[tokio::test]
async fn every_standard_role_sees_its_part_of_each_list() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let service = &desk.service;
    service.domain_vouch(&desk.operator, &terms(), tenant, "second.example").await.unwrap();
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    desk.mailbox(&owner, "ben@alpha.example").await;
    let cleo = desk.mailbox(&owner, "cleo@second.example").await;
    for alias in ["a@alpha.example", "a@second.example", "b@second.example"] {
        service.alias_create(&owner, &terms(), &new_alias(alias, &["x@y.example"])).await.unwrap();
    }
    let domain = Selector::Domains(BTreeSet::from(["second.example".to_owned()]));
    let mailbox = Selector::Mailboxes(BTreeSet::from([ann.id]));
    // What each list has, if the role may read it: on all, on the domain, on the mailbox.
    let grants = [(Selector::All, [2, 3, 3]), (domain, [1, 1, 2]), (mailbox, [0, 1, 0])];
    for role in StandardRole::EVERY {
        for (n, (on, expect)) in grants.iter().enumerate().filter(|(n, _)| role != StandardRole::Owner || *n == 0) {
            let email = format!("{}-{n}@x.example", role.name());
            let actor = person_on(&desk, &owner, tenant, &email, role.name(), on.clone()).await;
            let page = Page::first(10);
            let counts = [
                (Permission::DomainRead, service.domains(&actor, tenant, &page).await.map(|(l, n)| (l.len(), n))),
                (Permission::MailboxRead, service.mailboxes(&actor, tenant, &page).await.map(|(l, n)| (l.len(), n))),
                (Permission::AddressRead, service.aliases(&actor, tenant, &page).await.map(|(l, n)| (l.len(), n))),
            ];
            for ((permission, got), expect) in counts.into_iter().zip(expect) {
                let text = format!("{} on {on:?}: {}", role.name(), permission.name());
                match (role.permissions().has(permission), got) {
                    (true, Ok((listed, count))) => assert_eq!((listed, count), (*expect as usize, *expect), "{text}"),
                    (_, Err(e)) if matches!(on, Selector::All) => assert_eq!(e.code, Code::Forbidden, "{text}"),
                    (_, Err(e)) => assert!(matches!(e.code, Code::Forbidden | Code::NotFound), "{text}: {e}"),
                    (false, Ok(got)) => assert_eq!(got, (0, 0), "{text}"),
                }
            }
            // What is not in the list is not there by its id either.
            let seen = service.mailboxes_by_id(&actor, &[ann.id, cleo.id]).await.unwrap();
            let reads = role.permissions().has(Permission::MailboxRead);
            let expect = match on {
                Selector::All => vec![ann.id, cleo.id],
                Selector::Domains(_) => vec![cleo.id],
                Selector::Mailboxes(_) => vec![ann.id],
            };
            let expect: BTreeSet<_> = expect.into_iter().filter(|_| reads).collect();
            assert_eq!(seen.into_keys().collect::<BTreeSet<_>>(), expect, "{email}");
        }
    }
}

#[tokio::test]
async fn a_masked_address_is_on_a_domain_that_its_maker_reaches() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "second.example").await.unwrap();
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    let on = Selector::Domains(BTreeSet::from(["alpha.example".to_owned()]));
    let admin = person_on(&desk, &owner, tenant, "a@x.example", "domain-admin", on).await;
    let masked = async |by, domain: Option<&str>| {
        let new = tenants::NewMasked {
            mailbox: ann.id,
            domain: domain.map(str::to_owned),
            label: String::new(),
            note: String::new(),
            site: String::new(),
        };
        desk.service.masked_create(by, &terms(), &new).await
    };
    masked(&admin, None).await.unwrap();
    assert_eq!(code(masked(&admin, Some("second.example")).await), Code::NotFound);
    masked(&owner, Some("second.example")).await.unwrap();
}

#[tokio::test]
async fn a_domain_admin_works_on_its_domain_and_nowhere_else() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "second.example").await.unwrap();
    let other = desk.mailbox(&owner, "ann@alpha.example").await;
    let on = Selector::Domains(BTreeSet::from(["second.example".to_owned()]));
    let admin = person_on(&desk, &owner, tenant, "admin@x.example", "domain-admin", on).await;
    let made = desk.mailbox(&admin, "new@second.example").await;
    desk.service.mailbox(&admin, made.id).await.unwrap();
    let new = crate::desk::new_mailbox("new@alpha.example");
    assert_eq!(code(desk.service.mailbox_create(&admin, &terms(), &new).await), Code::NotFound);
    assert_eq!(code(desk.service.mailbox_delete(&admin, &terms(), other.id).await), Code::NotFound);
    let alias = new_alias("x@alpha.example", &["a@b.example"]);
    assert_eq!(code(desk.service.alias_create(&admin, &terms(), &alias).await), Code::NotFound);
    assert_eq!(code(desk.service.domain(&admin, "alpha.example", None).await), Code::NotFound);
    assert_eq!(
        code(desk.service.audit_entries(&admin, tenant, &AuditFilter::default(), &Page::first(5)).await),
        Code::NotFound
    );
}
