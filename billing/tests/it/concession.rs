//! SUMMARY    Gifts and overrides change limits at once, until their day, by the seller alone.

use crate::desk::{Desk, day, terms};
use billing::{ConcessionKind, Gift, Grants, Limit, NewConcession, Override};
use tenants::{Code, Page};

fn gift(mailboxes: u64, until: Option<i64>) -> NewConcession {
    let grants = Grants { mailboxes: Some(mailboxes), ..Grants::default() };
    NewConcession { what: ConcessionKind::Gift(Gift { grants, until: until.map(day) }), reason: "a long outage".into() }
}

fn set(limit: Limit, value: Option<u64>) -> NewConcession {
    NewConcession { what: ConcessionKind::Override(Override { limit, value, until: None }), reason: "as agreed".into() }
}

#[tokio::test]
async fn what_is_given_counts_at_once_and_until_it_is_taken() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let plan = desk.free_plan(desk.root(), "free").await;
    desk.give(tenant, &plan).await;
    let limits = async || desk.service.tenant(&owner, tenant).await.unwrap().limits;
    let add = async |new: NewConcession| desk.billing.concession_add(&desk.operator, &terms(), tenant, &new).await;
    let first = add(gift(2, None)).await.unwrap().object;
    assert_eq!((limits().await.max_mailboxes, limits().await.max_domains), (Some(5), Some(2)));
    add(set(Limit::Domains, Some(40))).await.unwrap();
    add(gift(1, Some(5))).await.unwrap();
    assert_eq!((limits().await.max_mailboxes, limits().await.max_domains), (Some(6), Some(40)));
    let standing = desk.billing.standing(&owner, tenant).await.unwrap();
    let inputs = standing.inputs.unwrap();
    assert_eq!((inputs.gifts.len(), inputs.overrides.len()), (2, 1));
    assert_eq!(billing::entitle(&inputs).unwrap(), limits().await, "S2");
    desk.day(6);
    let ended = desk.billing.concession_end(&desk.operator, &terms(), &first.id).await.unwrap().object;
    assert_eq!(ended.ended_at, Some(day(6)));
    assert_eq!(limits().await.max_mailboxes, Some(3), "the other one has ended by itself");
    let again = desk.billing.concession_end(&desk.operator, &terms(), &first.id).await.unwrap_err();
    assert_eq!(again.field, "concessionId");
    let (all, count) = desk.billing.concessions(&owner, tenant, &Page::first(2)).await.unwrap();
    assert_eq!((all.len(), count), (2, 3));
}

#[tokio::test]
async fn who_has_no_plan_is_given_nothing_that_would_not_count() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let refused = desk.billing.concession_add(&desk.operator, &terms(), tenant, &gift(2, None)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "tenantId"));
    assert_eq!(desk.billing.concessions(&owner, tenant, &Page::first(2)).await.unwrap().1, 0);
    let (nobody, _) = desk.tenant_below(desk.root(), "beta").await;
    let refused = desk.billing.concession_add(&desk.operator, &terms(), nobody, &gift(2, None)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "tenantId"));
}

#[tokio::test]
async fn nobody_gives_anything_to_itself() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let (_, stranger) = desk.customer("beta").await;
    let plan = desk.free_plan(desk.root(), "free").await;
    desk.give(tenant, &plan).await;
    let add = async |actor, new: NewConcession| desk.billing.concession_add(actor, &terms(), tenant, &new).await;
    assert_eq!(add(&owner, gift(2, None)).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(add(&stranger, gift(2, None)).await.unwrap_err().code, Code::NotFound);
    let given = add(&desk.operator, gift(2, None)).await.unwrap().object;
    let end = async |actor| desk.billing.concession_end(actor, &terms(), &given.id).await.unwrap_err();
    assert_eq!(end(&owner).await.code, Code::Forbidden);
    assert_eq!(end(&stranger).await.field, "concessionId");
    for (field, bad) in [
        ("reason", NewConcession { reason: " ".into(), ..gift(1, None) }),
        ("until", gift(1, Some(0))),
        ("what", gift(u64::MAX, None)),
        ("what", set(Limit::Mailboxes, Some(u64::MAX))),
    ] {
        assert_eq!(add(&desk.operator, bad).await.unwrap_err().field, field);
    }
    assert_eq!(desk.service.tenant(&owner, tenant).await.unwrap().limits.max_mailboxes, Some(5));
}
