//! SUMMARY    What the second lock between tenants costs on PostgreSQL: the same reads of the same actor with row-level security off
//!            and on, by turns, in one run.
//!            POSTHOUSE_TEST_POSTGRES=… cargo run --release -p tenants --example row_security

#![allow(clippy::unwrap_used, reason = "a measurement that cannot begin fails by panicking")]

use base::{AccountId, SystemClock, TenantId};
use control::{Change, Control, ControlFuture, Usage};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgConnectOptions};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tenants::{
    Actor, Database, DomainOptions, MailboxFilter, MailboxOrder, NewMailbox, NewTenant, Page, PasswordCost, Service,
    ServiceOptions, Terms,
};

const ROUNDS: usize = 20;
const READS: usize = 200;
/// Reads before those that are measured: on each of the pool's connections, more often than a plan is made anew.
const WARM: usize = 60;
const MAILBOXES: usize = 200;

struct Nowhere;

impl Control for Nowhere {
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

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "which server is measured is told by the environment")]
async fn main() {
    let url = std::env::var("POSTHOUSE_TEST_POSTGRES").unwrap();
    let schema = format!("row_security_{}", std::process::id());
    let database = Database::postgres(&url, &schema).unwrap();
    let password_cost = PasswordCost { memory_kib: 8, passes: 1 };
    let (control, clock, domains) = (Arc::new(Nowhere), Arc::new(SystemClock), DomainOptions::default());
    let service = Service::open(database, ServiceOptions { control, clock, password_cost, domains }).await.unwrap();
    let operator = service.authenticate(&service.bootstrap("Provider").await.unwrap().operator_token).await.unwrap();
    let terms = Terms::default();
    let new = NewTenant { name: "alpha".into(), ..NewTenant::default() };
    let made = service.tenant_create(&operator, &terms, &new).await.unwrap().object;
    let owner = service.authenticate(&made.token.unwrap()).await.unwrap();
    service.domain_vouch(&operator, &terms, made.tenant.id, "alpha.example").await.unwrap();
    let mut ids = Vec::new();
    for n in 0..MAILBOXES {
        let new = NewMailbox {
            address: format!("m{n}@alpha.example"),
            password: "long enough".into(),
            ..NewMailbox::default()
        };
        ids.push(service.mailbox_create(&owner, &terms, &new).await.unwrap().object.id);
    }
    let options: PgConnectOptions = url.parse().unwrap();
    let owner_of_tables = PgPool::connect_with(options.options([("search_path", schema.as_str())])).await.unwrap();
    for (what, list) in [("one mailbox by its id", false), ("a page of 50 mailboxes", true)] {
        let mut spent = [Duration::ZERO; 2];
        for round in 0..ROUNDS {
            let mut turns = [(0, "DISABLE"), (1, "ENABLE")];
            turns.rotate_left(round % 2);
            for (n, how) in turns {
                lock(&owner_of_tables, how).await;
                // Plans are made anew after a change of the tables.
                read(&service, &owner, made.tenant.id, &ids, list, WARM).await;
                let start = Instant::now();
                read(&service, &owner, made.tenant.id, &ids, list, READS).await;
                spent[n] += start.elapsed();
            }
        }
        let [without, with] = spent.map(|d| d.as_secs_f64() * 1e6 / (ROUNDS * READS) as f64);
        println!(
            "{what}: {without:.0} us without, {with:.0} us with the second lock ({:+.1} %); one after the other {:.0}/s",
            (with / without - 1.0) * 100.0,
            1e6 / with
        );
    }
}

/// Turns row-level security of all tables that have it off or on.
async fn lock(pool: &PgPool, how: &str) {
    let text = format!(
        "DO $$ DECLARE here TEXT; BEGIN FOR here IN SELECT relname FROM pg_class WHERE relnamespace = \
         current_schema()::regnamespace AND relforcerowsecurity LOOP EXECUTE format('ALTER TABLE %I {how} ROW LEVEL \
         SECURITY', here); END LOOP; END $$"
    );
    sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await.unwrap();
}

async fn read(service: &Service, actor: &Actor, tenant: TenantId, ids: &[AccountId], list: bool, reads: usize) {
    for n in 0..reads {
        if list {
            let (filter, order) = (MailboxFilter::default(), MailboxOrder::default());
            service.mailboxes_where(actor, tenant, &filter, order, &Page::first(50)).await.unwrap();
        } else {
            service.mailbox(actor, ids[n % ids.len()]).await.unwrap();
        }
    }
}
