//! SUMMARY    Pages of lists: forward, backward, and cursors that are none.

use crate::desk::{Desk, terms};
use tenants::{Code, NewAlias, NewTenant, Page};

const NAMES: [&str; 3] = ["a.test", "b.test", "c.test"];

fn page(cursor: Option<&str>, backward: bool, limit: u32) -> Page {
    Page { cursor: cursor.map(Into::into), backward, limit, counted: true }
}

#[tokio::test]
async fn lists_are_paged_in_both_directions_in_one_order() {
    let desk = Desk::new().await;
    let new = NewTenant { name: "bakery".into(), ..NewTenant::default() };
    let tenant = desk.service.tenant_create(&desk.operator, &terms(), &new).await.unwrap().object.tenant.id;
    for name in NAMES {
        desk.service.domain_vouch(&desk.operator, &terms(), tenant, name).await.unwrap();
        let new =
            NewAlias { address: format!("x@{name}"), targets: vec!["y@elsewhere.test".into()], ..NewAlias::default() };
        desk.service.alias_create(&desk.operator, &terms(), &new).await.unwrap();
    }
    let cases = [
        (page(None, false, 2), &NAMES[..2]),
        (page(Some("b.test"), false, 2), &NAMES[2..]),
        (page(None, true, 2), &NAMES[1..]),
        (page(Some("b.test"), true, 2), &NAMES[..1]),
    ];
    for (page, expected) in cases {
        let (domains, count) = desk.service.domains(&desk.operator, tenant, &page).await.unwrap();
        assert_eq!((domains.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), count), (expected.to_vec(), 3));
        let at = Page { cursor: page.cursor.as_ref().map(|c| format!("x@{c}")), ..page };
        let (aliases, count) = desk.service.aliases(&desk.operator, tenant, &at).await.unwrap();
        let names: Vec<_> = aliases.iter().filter_map(|a| a.address.strip_prefix("x@")).collect();
        assert_eq!((names, count), (expected.to_vec(), 3));
    }
    let all = tenants::AuditFilter::default();
    let (newest, _) = desk.service.audit_entries(&desk.operator, tenant, &all, &page(None, false, 1)).await.unwrap();
    let (oldest, count) = desk.service.audit_entries(&desk.operator, tenant, &all, &page(None, true, 1)).await.unwrap();
    assert_eq!((newest[0].action.as_str(), oldest[0].action.as_str(), count), ("aliasCreate", "tenantCreate", 7));
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let desk = Desk::new().await;
    let service = &desk.service;
    let by = &desk.operator;
    let tenant = by.tenant();
    let (all, odd) = (tenants::AuditFilter::default(), page(Some("no cursor"), false, 2));
    let refused = [
        service.domains(by, tenant, &odd).await.map(|_| ()),
        service.aliases(by, tenant, &odd).await.map(|_| ()),
        service.mailboxes(by, tenant, &odd).await.map(|_| ()),
        service.tenants(by, &odd).await.map(|_| ()),
        service.audit_entries(by, tenant, &all, &odd).await.map(|_| ()),
    ];
    for refused in refused {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "after"), "{refused}");
    }
}

#[tokio::test]
async fn an_alias_never_leads_to_itself() {
    let desk = Desk::new().await;
    let by = &desk.operator;
    desk.service.domain_vouch(&desk.operator, &terms(), by.tenant(), "a.test").await.unwrap();
    let new = NewAlias {
        address: "x@a.test".into(),
        targets: vec!["y@b.test".into(), "X@A.test".into()],
        ..NewAlias::default()
    };
    let refused = desk.service.alias_create(by, &terms(), &new).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "targets"));
}
