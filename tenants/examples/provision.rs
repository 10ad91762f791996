//! SUMMARY    How long mailboxes take to be made: bulks of a hundred, alone with the database, beside a data plane that takes
//!            everything at once. `cargo run --release -p tenants --example provision`; POSTHOUSE_TEST_POSTGRES names a
//!            PostgreSQL server, a file is used otherwise.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement: it fails by panicking"
)]

use base::{AccountId, SystemClock, TenantId};
use control::{Change, Control, ControlFuture, Hello, Usage};
use std::{sync::Arc, time::Instant};
use tenants::{
    Database, DomainOptions, ErrorPolicy, Item, NewMailbox, NewPassword, NewTenant, PasswordCost, Service,
    ServiceOptions, Terms,
};

const BULKS: usize = 20;
const ITEMS: usize = 100;
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";

/// Takes everything.
struct Plane;

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async { Ok(Hello::default()) })
    }
    fn apply(&self, _: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let database = match std::env::var("POSTHOUSE_TEST_POSTGRES") {
        Ok(url) => Database::postgres(&url, &format!("provision{}", std::process::id())).unwrap(),
        Err(_) => Database::Sqlite(folder.path().join("c.sqlite")),
    };
    let options = ServiceOptions {
        control: Arc::new(Plane),
        clock: Arc::new(SystemClock),
        password_cost: PasswordCost::default(),
        domains: DomainOptions::default(),
    };
    let service = Service::open(database, options).await.unwrap();
    let token = service.bootstrap("Provider").await.unwrap().operator_token;
    let operator = service.authenticate(&token).await.unwrap();
    let terms = Terms::default();
    let new = NewTenant { name: "alpha".into(), ..NewTenant::default() };
    let made = service.tenant_create(&operator, &terms, &new).await.unwrap().object;
    let actor = service.authenticate(&made.token.unwrap()).await.unwrap();
    service.domain_vouch(&operator, &terms, made.tenant.id, "alpha.example").await.unwrap();
    let (statements, before) = (service.statements(), Instant::now());
    for bulk in 0..BULKS {
        let new = |n: usize| NewMailbox {
            address: format!("u{bulk}-{n}@alpha.example"),
            password: NewPassword::Hash(HASH.into()),
            ..NewMailbox::default()
        };
        let new: Vec<NewMailbox> = (0..ITEMS).map(new).collect();
        let made = service.mailboxes_create(&actor, &terms, &new, ErrorPolicy::AllOrNothing).await.unwrap().object;
        assert!(made.iter().all(|item| matches!(item, Item::Done(_))));
    }
    let (took, mailboxes) = (before.elapsed(), BULKS * ITEMS);
    println!(
        "{mailboxes} mailboxes in {} ms: {:.3} ms and {:.2} statements each",
        took.as_millis(),
        took.as_secs_f64() * 1e3 / mailboxes as f64,
        (service.statements() - statements) as f64 / mailboxes as f64
    );
}
