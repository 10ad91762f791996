//! SUMMARY    Other names of domains without clashes; shared domains, whose addresses are never given again.

use crate::desk::{Desk, keyed, new_alias, new_mailbox, terms};
use control::Change;
use tenants::{Code, NewMailbox};

/// What the data plane knows of a domain.
fn told(desk: &Desk, name: &str) -> control::DomainSnapshot {
    let told = desk.plane.told.lock().unwrap();
    let domains = told.iter().filter_map(|c| if let Change::Domain(d) = c { Some(d.clone()) } else { None });
    domains.filter(|d| d.domain == name).max_by_key(|d| d.version).unwrap()
}

#[tokio::test]
async fn another_name_is_of_the_same_tenant_and_has_no_names_itself() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    for name in ["two.example", "three.example"] {
        desk.service.domain_vouch(&desk.operator, &terms(), tenant, name).await.unwrap();
    }
    let alias = async |name, of| desk.service.domain_alias_create(&desk.operator, &terms(), name, of).await;
    assert_eq!(alias("two.example", "beta.example").await.unwrap_err().code, Code::NotFound);
    assert_eq!(alias("two.example", "two.example").await.unwrap_err().code, Code::Invalid);
    assert_eq!(alias("two.example", "alpha.example").await.unwrap().object.alias_of.as_deref(), Some("alpha.example"));
    assert_eq!(told(&desk, "two.example").alias_of.as_deref(), Some("alpha.example"));
    for (name, of) in
        [("three.example", "two.example"), ("alpha.example", "three.example"), ("two.example", "three.example")]
    {
        assert_eq!(alias(name, of).await.unwrap_err().code, Code::InUse, "{name} {of}");
    }
    assert_eq!(
        desk.service.domain_delete(&actor, &terms(), "alpha.example", None).await.unwrap_err().code,
        Code::InUse
    );
    desk.service.domain_alias_remove(&actor, &keyed("k"), "two.example").await.unwrap();
    assert_eq!(told(&desk, "two.example").alias_of, None);
    desk.service.domain_delete(&actor, &terms(), "alpha.example", None).await.unwrap();
}

#[tokio::test]
async fn u1_a_local_part_is_used_once_in_all_names_of_a_domain() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    for name in ["two.example", "three.example"] {
        desk.service.domain_vouch(&desk.operator, &terms(), tenant, name).await.unwrap();
    }
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let clash = new_alias("ann@two.example", &["x@y.example"]);
    desk.service.alias_create(&actor, &terms(), &clash).await.unwrap();
    let alias = async |name| desk.service.domain_alias_create(&actor, &terms(), name, "alpha.example").await;
    let refused = alias("two.example").await.unwrap_err();
    assert_eq!((refused.code, refused.message.contains("ann@")), (Code::Taken, true));
    desk.service.alias_delete(&actor, &terms(), "ann@two.example").await.unwrap();
    alias("two.example").await.unwrap();
    alias("three.example").await.unwrap();
    assert_eq!(desk.service.alias_create(&actor, &terms(), &clash).await.unwrap_err().code, Code::Taken);
    desk.service.alias_create(&actor, &terms(), &new_alias("own@two.example", &["x@y.example"])).await.unwrap();
    for taken in ["own@alpha.example", "own@three.example"] {
        let refused = desk.service.mailbox_create(&actor, &terms(), &new_mailbox(taken)).await;
        assert_eq!(refused.unwrap_err().code, Code::Taken, "{taken}");
    }
    let to = tenants::Rename { address: "own@alpha.example".into(), old: tenants::OldAddress::Tombstone };
    assert_eq!(desk.service.mailbox_rename(&actor, &terms(), ann.id, &to).await.unwrap_err().code, Code::Taken);
}

#[tokio::test]
async fn tenants_below_have_addresses_on_a_shared_domain_and_others_do_not() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.service.domain_vouch(&desk.operator, &terms(), desk.operator.tenant(), "mail.test").await.unwrap();
    let create = async |address: &str| desk.service.mailbox_create(&actor, &terms(), &new_mailbox(address)).await;
    assert_eq!(create("ann@mail.test").await.unwrap_err().code, Code::NotFound);
    assert_eq!(desk.service.domain_share(&actor, &terms(), "mail.test", true).await.unwrap_err().code, Code::NotFound);
    desk.service.domain_share(&desk.operator, &terms(), "mail.test", true).await.unwrap();
    let ann = create("ann@mail.test").await.unwrap().object;
    assert_eq!(ann.tenant, tenant);
    desk.service.alias_create(&actor, &terms(), &new_alias("sales@mail.test", &["ann@mail.test"])).await.unwrap();
    assert_eq!(desk.account(ann.id).send_as, ["sales@mail.test"]);
    let named = NewMailbox { tenant: Some(tenant), ..new_mailbox("bob@mail.test") };
    let bob = desk.service.mailbox_create(&desk.operator, &terms(), &named).await.unwrap().object;
    assert_eq!(bob.tenant, tenant);
    // A customer's shared domain is for those below the customer.
    let (_, other) = desk.customer("beta").await;
    desk.service.domain_share(&actor, &terms(), "alpha.example", true).await.unwrap();
    let refused = desk.service.mailbox_create(&other, &terms(), &new_mailbox("eve@alpha.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    let shared = desk.service.domain_share(&desk.operator, &terms(), "mail.test", false).await;
    assert_eq!(shared.unwrap_err().code, Code::InUse);
    desk.service.mailbox_delete(&actor, &keyed("d"), bob.id).await.unwrap();
    assert_eq!(desk.service.mailbox_restore(&actor, &keyed("r"), bob.id).await.unwrap().object.id, bob.id);
}

#[tokio::test]
async fn nobody_but_its_owner_speaks_for_a_shared_domain_or_takes_what_looks_like_anothers() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.service.domain_vouch(&desk.operator, &terms(), desk.operator.tenant(), "mail.test").await.unwrap();
    desk.service.domain_share(&desk.operator, &terms(), "mail.test", true).await.unwrap();
    for (local, code) in [
        ("postmaster", Code::Taken),
        ("Admin", Code::Taken),
        ("vic+x", Code::Invalid),
        ("v\u{456}c", Code::Invalid),
        ("vic\u{200b}", Code::Invalid),
    ] {
        let address = format!("{local}@mail.test");
        let refused = desk.service.mailbox_create(&actor, &terms(), &new_mailbox(&address)).await;
        assert_eq!(refused.unwrap_err().code, code, "{address}");
        let refused = desk.service.alias_create(&actor, &terms(), &new_alias(&address, &["x@y.example"])).await;
        assert_eq!(refused.unwrap_err().code, code, "{address}");
    }
    let own = NewMailbox { tenant: Some(desk.operator.tenant()), ..new_mailbox("postmaster@mail.test") };
    desk.service.mailbox_create(&desk.operator, &terms(), &own).await.unwrap();
}

#[tokio::test]
async fn m3_an_address_of_a_shared_domain_is_never_given_again() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    desk.service.domain_vouch(&desk.operator, &terms(), desk.operator.tenant(), "mail.test").await.unwrap();
    desk.service.domain_share(&desk.operator, &terms(), "mail.test", true).await.unwrap();
    let ann = desk.mailbox(&actor, "ann@mail.test").await;
    desk.service.mailbox_delete(&actor, &keyed("d"), ann.id).await.unwrap();
    desk.service.mailbox_purge(&actor, &keyed("p"), ann.id).await.unwrap();
    desk.service.alias_create(&actor, &terms(), &new_alias("old@mail.test", &["x@y.example"])).await.unwrap();
    desk.service.alias_delete(&actor, &keyed("a"), "old@mail.test").await.unwrap();
    for by in [&actor, &other, &desk.operator] {
        for address in ["ann@mail.test", "old@mail.test"] {
            let refused = desk.service.mailbox_create(by, &terms(), &new_mailbox(address)).await;
            assert_eq!(refused.unwrap_err().code, Code::Taken, "{address}");
            let refused = desk.service.alias_create(by, &terms(), &new_alias(address, &["x@y.example"])).await;
            assert_eq!(refused.unwrap_err().code, Code::Taken, "{address}");
        }
    }
}

#[tokio::test]
async fn u1_of_two_tenants_that_race_for_an_address_one_gets_it() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    desk.service.domain_vouch(&desk.operator, &terms(), desk.operator.tenant(), "mail.test").await.unwrap();
    desk.service.domain_share(&desk.operator, &terms(), "mail.test", true).await.unwrap();
    for n in 0..10 {
        let new = new_mailbox(&format!("m{n}@mail.test"));
        let (none, terms) = (terms(), terms());
        let (one, two) = tokio::join!(
            desk.service.mailbox_create(&actor, &none, &new),
            desk.service.mailbox_create(&other, &terms, &new)
        );
        let won: Vec<_> = [&one, &two].iter().filter_map(|r| r.as_ref().ok()).map(|d| d.object.tenant).collect();
        let lost: Vec<_> = [&one, &two].iter().filter_map(|r| r.as_ref().err()).map(|e| e.code).collect();
        assert_eq!((won.len(), lost), (1, vec![Code::Taken]));
        let control::Destination::Account(id) = desk.destination(&new.address) else { panic!("no account") };
        assert_eq!(desk.account(id).tenant, won[0]);
        assert!([alpha, beta].contains(&won[0]));
    }
}
