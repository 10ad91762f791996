//! SUMMARY    Claims on names: who may claim, what a claim moves (nothing), what the operator's word does, what was before.

use crate::desk::{Desk, Plane, new_mailbox, terms};
use base::SystemClock;
use control::Change;
use rusqlite::params;
use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType},
};
use std::sync::Arc;
use tenants::{Code, Database, DomainOptions, DomainState, Page, PasswordCost, Proof, Service, ServiceOptions, Setup};

/// Names that the data plane was told of.
fn told(plane: &Plane) -> Vec<(String, bool)> {
    let told = plane.told.lock().unwrap();
    let domains = told.iter().filter_map(|c| match c {
        Change::Domain(d) => Some((d.domain.clone(), d.live)),
        _ => None,
    });
    domains.collect()
}

#[tokio::test]
async fn d1_several_tenants_claim_a_name_and_at_most_one_is_proven() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    let first = desk.service.domain_create(&actor, &terms(), alpha, "Shop.Example").await.unwrap().object;
    let second = desk.service.domain_create(&other, &terms(), beta, "shop.example").await.unwrap().object;
    assert_eq!((first.name.as_str(), first.claim.state), ("shop.example", DomainState::Claimed));
    assert_ne!(first.claim.token, second.claim.token, "a token is of one tenant");
    assert_eq!(
        desk.service.domain_create(&actor, &terms(), alpha, "shop.example").await.unwrap_err().code,
        Code::Taken
    );
    desk.service.domain_vouch(&desk.operator, &terms(), beta, "shop.example").await.unwrap();
    let refused = desk.service.domain_vouch(&desk.operator, &terms(), alpha, "shop.example").await.unwrap_err();
    assert_eq!(refused.code, Code::Taken);
    // Each sees its own claim alone.
    for (who, tenant, proven) in [(&actor, alpha, false), (&other, beta, true)] {
        let seen = desk.service.domain(who, "shop.example", None).await.unwrap();
        assert_eq!((seen.tenant, seen.claim.proven), (tenant, proven));
        assert_eq!(desk.service.domains(who, tenant, &Page::first(10)).await.unwrap().1, 2);
    }
    let theirs = desk.service.domain(&actor, "shop.example", Some(beta)).await.unwrap_err();
    assert_eq!(theirs.code, Code::NotFound);
    desk.service.domain_delete(&other, &terms(), "shop.example", None).await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), alpha, "shop.example").await.unwrap();
}

#[tokio::test]
async fn d2_an_unproven_domain_takes_no_address_and_is_told_to_nobody() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let before = told(&desk.plane);
    desk.service.domain_create(&actor, &terms(), alpha, "shop.example").await.unwrap();
    let refused = desk.service.mailbox_create(&actor, &terms(), &new_mailbox("a@shop.example")).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "address"));
    let refused = desk.service.mailbox_create(&other, &terms(), &new_mailbox("a@shop.example")).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound, "others do not hear of the claim");
    assert_eq!(told(&desk.plane), before);
    let vouched = desk.service.domain_vouch(&desk.operator, &terms(), alpha, "shop.example").await.unwrap().object;
    assert_eq!((vouched.claim.state, vouched.claim.proof), (DomainState::Live, Proof::Operator));
    assert_eq!(told(&desk.plane).last(), Some(&("shop.example".to_owned(), true)));
    desk.mailbox(&actor, "a@shop.example").await;
}

#[tokio::test]
async fn only_the_operator_vouches_and_it_is_on_record() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let refused = desk.service.domain_vouch(&actor, &terms(), alpha, "shop.example").await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert!(desk.service.domain(&actor, "shop.example", None).await.is_err(), "nothing is left");
    desk.service.domain_vouch(&desk.operator, &terms(), alpha, "shop.example").await.unwrap();
    let (entries, _) =
        desk.service.audit_entries(&actor, alpha, &tenants::AuditFilter::default(), &Page::first(1)).await.unwrap();
    assert_eq!((entries[0].action.as_str(), entries[0].object.as_str()), ("domainVouch", "shop.example"));
}

#[tokio::test]
async fn d8_names_that_nobody_may_claim_are_refused_with_the_reason() {
    let desk = Desk::with(DomainOptions {
        setup: Setup { hostname: "mail.host.example".into(), ..Setup::default() },
        ..DomainOptions::default()
    })
    .await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("bakery").await;
    let refusal = async |who, tenant, name: &str| {
        let refused = desk.service.domain_create(who, &terms(), tenant, name).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "name"), "{name}");
        refused.message
    };
    assert!(refusal(&actor, alpha, "co.uk").await.contains("public suffix"));
    assert!(refusal(&actor, alpha, "host.example").await.contains("this server"));
    assert!(refusal(&actor, alpha, "b\u{430}kery.example").await.contains("scripts"));
    assert!(refusal(&actor, alpha, "bakerу.example").await.contains("scripts"));
    desk.service.domain_vouch(&desk.operator, &terms(), beta, "shop1.example").await.unwrap();
    assert!(refusal(&actor, alpha, "shopl.example").await.contains("looks like"));
    // The same customer may have both, and the operator may let it through.
    desk.service.domain_create(&other, &terms(), beta, "shopl.example").await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), alpha, "shopl.example").await.unwrap();
    assert_eq!(
        desk.service.domain_vouch(&desk.operator, &terms(), alpha, "co.uk").await.unwrap_err().code,
        Code::Invalid
    );
    let provider = desk.operator.tenant();
    desk.service.domain_create(&desk.operator, &terms(), provider, "host.example").await.unwrap();
}

#[tokio::test]
async fn domains_from_before_claims_stay_proven() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.sqlite");
    let steps = [
        (1, "tenants", include_str!("../../../migrations/sql/0001_tenants.sql")),
        (2, "token scopes", include_str!("../../../migrations/sql/0002_token_scopes.sql")),
        (3, "terms", include_str!("../../../migrations/sql/0003_terms.sql")),
    ];
    // As a release of that time left it.
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
         installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
         execution_time BIGINT NOT NULL)",
    )
    .unwrap();
    let taken = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?1, ?2, TRUE, ?3, 0)";
    for (version, name, text) in steps {
        let sql = AssertSqlSafe(text).into_sql_str();
        let step = Migration::new(version, name.into(), MigrationType::Simple, sql, false);
        old.execute_batch(text).unwrap();
        old.execute(taken, params![version, name, &*step.checksum]).unwrap();
    }
    for row in [
        "INSERT INTO tenant (id, name, version, created_at) VALUES ('ten_0000000000001', 'P', 1, 0)",
        "INSERT INTO domain VALUES ('old.example', 'ten_0000000000001', 1, NULL, 1, 7, 5)",
        "INSERT INTO domain VALUES ('gone.example', 'ten_0000000000001', 0, NULL, 1, 9, 5)",
    ] {
        old.execute_batch(row).unwrap();
    }
    drop(old);
    let options = ServiceOptions {
        control: Arc::new(Plane::default()),
        clock: Arc::new(SystemClock),
        password_cost: PasswordCost { memory_kib: 8, passes: 1 },
        domains: DomainOptions::default(),
    };
    let service = Service::open(Database::Sqlite(file), options).await.unwrap();
    let token = service.bootstrap("P").await.unwrap().operator_token;
    let operator = service.authenticate(&token).await.unwrap();
    let (domains, count) = service.domains(&operator, operator.tenant(), &Page::first(10)).await.unwrap();
    assert_eq!((count, domains[0].name.as_str()), (1, "old.example"));
    assert!(domains[0].version >= 7, "versions rise");
    let claim = &domains[0].claim;
    assert_eq!((claim.proven, claim.proof, claim.token.len()), (true, Proof::Before, 20));
    // The name's look and its order are known again.
    let below = service.domain_create(&operator, &Default::default(), operator.tenant(), "a.old.example").await;
    below.unwrap();
}
