//! SUMMARY    A billing desk over a service, tenants that buy from one another, and rows as a payment provider would have them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture of several tests, which fail by panicking"
)]

use base::{AccountId, Clock, TenantId, Timestamp};
use billing::{
    Answer, Billing, BillingOptions, Charge, Checkout, Component, Currency, CustomerPatch, End, Failure, FailureKind,
    Grants, Heard, Interval, InvoiceState, Item, Money, NewCheckout, NewCustomer, NewPlan, Payments, Period, Plan,
    PlanShown, PlanState, Preview, Price, Status, TrueInvoice, TrueSubscription, Truth, Wanted,
};
use control::{Change, Control, ControlFuture, Erased, Erasure, ErasureOrder, ErasurePhase, Hello, Usage};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
use tenants::{
    Actor, Database, DomainOptions, NewTenant, OutgoingNotice, PasswordCost, Service, ServiceOptions, Terms,
    sql::{fresh_id, query},
};

pub const START: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: i64 = 86_400_000;
const GIB: u64 = 1 << 30;

#[derive(Default)]
pub struct Plane {
    pub told: Mutex<Vec<Change>>,
    /// What every tenant uses.
    pub used: Mutex<Usage>,
}

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async { Ok(Hello::default()) })
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        self.told.lock().unwrap().extend(batch);
        Box::pin(async { Ok(()) })
    }
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        let ErasureOrder { tenant, by: ordered_by } = order;
        let (phase, begun_at, ended, erased) = (ErasurePhase::Done, START, Vec::new(), Erased::default());
        Box::pin(async move { Ok(Erasure { tenant, phase, begun_at, ordered_by, ended, erased }) })
    }
    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        Box::pin(async move { self.erase(ErasureOrder { tenant, by: String::new() }).await.map(Some) })
    }
    fn prove_erasure(&self, _: TenantId, statement: String) -> ControlFuture<'_, String> {
        Box::pin(async move { Ok(statement) })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        let used = self.used.lock().unwrap().clone();
        Box::pin(async { Ok(used) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
}

/// A clock that is turned by hand.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn new() -> Arc<Hands> {
        Arc::new(Hands(AtomicI64::new(START.0)))
    }

    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A provider that nobody reaches.
struct Shut(&'static str);

fn shut<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(Failure::new(FailureKind::Busy, "shut")) })
}

impl Payments for Shut {
    fn name(&self) -> &'static str {
        self.0
    }
    fn publish<'a>(&'a self, _: &'a Plan) -> Answer<'a, ()> {
        shut()
    }
    fn create_customer<'a>(&'a self, _: &'a str, _: &'a NewCustomer) -> Answer<'a, String> {
        shut()
    }
    fn update_customer<'a>(&'a self, _: &'a str, _: &'a str, _: &'a NewCustomer) -> Answer<'a, ()> {
        shut()
    }
    fn open_checkout<'a>(&'a self, _: &'a str, _: &'a NewCheckout) -> Answer<'a, Checkout> {
        shut()
    }
    fn checkout<'a>(&'a self, _: &'a str) -> Answer<'a, Checkout> {
        shut()
    }
    fn close_checkout<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Checkout> {
        shut()
    }
    fn card_page<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> Answer<'a, String> {
        shut()
    }
    fn customer_page<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> Answer<'a, String> {
        shut()
    }
    fn preview<'a>(&'a self, _: &'a str, _: &'a Wanted, _: Timestamp) -> Answer<'a, Preview> {
        shut()
    }
    fn change<'a>(&'a self, _: &'a str, _: &'a str, _: &'a Wanted, _: Timestamp) -> Answer<'a, ()> {
        shut()
    }
    fn end<'a>(&'a self, _: &'a str, _: &'a str, _: End) -> Answer<'a, ()> {
        shut()
    }
    fn resume<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        shut()
    }
    fn pay<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        shut()
    }
    fn collect<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str, _: Money) -> Answer<'a, ()> {
        shut()
    }
    fn received<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str, _: (Money, Timestamp)) -> Answer<'a, ()> {
        shut()
    }
    fn refund<'a>(&'a self, _: &'a str, _: &'a str, _: Money) -> Answer<'a, ()> {
        shut()
    }
    fn credit<'a>(&'a self, _: &'a str, _: &'a str, _: Money) -> Answer<'a, ()> {
        shut()
    }
    fn charge_use<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str, _: u64, _: Money) -> Answer<'a, ()> {
        shut()
    }
    fn truth<'a>(&'a self, _: &'a str) -> Answer<'a, Truth> {
        shut()
    }
    fn heard(&self, _: &[u8], _: &str, _: Timestamp) -> Result<Heard, Failure> {
        Err(Failure::new(FailureKind::Forged, "shut"))
    }
}

pub struct Desk {
    pub clock: Arc<Hands>,
    pub plane: Arc<Plane>,
    pub service: Arc<Service>,
    pub billing: Arc<Billing>,
    pub operator: Actor,
    pub folder: tempfile::TempDir,
}

/// The database of a test: a file, or, where POSTHOUSE_TEST_POSTGRES names a server, a schema of the file's name there.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
pub fn database(file: &Path) -> Database {
    let Ok(url) = std::env::var("POSTHOUSE_TEST_POSTGRES") else { return Database::Sqlite(file.to_owned()) };
    let mut hasher = DefaultHasher::new();
    (file, std::process::id()).hash(&mut hasher);
    Database::postgres(&url, &format!("b{:016x}", hasher.finish())).unwrap()
}

/// A service over a database.
pub async fn open(database: Database, plane: Arc<Plane>, clock: Arc<Hands>) -> Arc<Service> {
    let password_cost = PasswordCost { memory_kib: 8, passes: 1 };
    let options = ServiceOptions { control: plane, clock, password_cost, domains: DomainOptions::default() };
    Service::open(database, options).await.unwrap()
}

impl Desk {
    pub async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (plane, clock) = (Arc::new(Plane::default()), Hands::new());
        let service = open(database(&folder.path().join("c.sqlite")), plane.clone(), clock.clone()).await;
        let token = service.bootstrap("Provider").await.unwrap().operator_token;
        let operator = service.authenticate(&token).await.unwrap();
        let options = BillingOptions { portal: Some("https://mail.example".into()), provider: "shut" };
        let providers: Vec<Arc<dyn Payments>> = vec![Arc::new(Shut("shut")), Arc::new(Shut("manual"))];
        let billing = Billing::new(service.clone(), providers, options).unwrap();
        Desk { clock, plane, service, billing, operator, folder }
    }

    pub fn root(&self) -> TenantId {
        self.operator.tenant()
    }

    /// Goes to a day from the start.
    pub fn day(&self, n: i64) {
        self.clock.set(day(n));
    }

    /// A tenant below another one, and its owner.
    pub async fn tenant_below(&self, parent: TenantId, name: &str) -> (TenantId, Actor) {
        let new = NewTenant { name: name.into(), parent: Some(parent), ..NewTenant::default() };
        let made = self.service.tenant_create(&self.operator, &terms(), &new).await.unwrap().object;
        (made.tenant.id, self.service.authenticate(&made.token.unwrap()).await.unwrap())
    }

    /// A customer of the provider, with a contact elsewhere.
    pub async fn customer(&self, name: &str) -> (TenantId, Actor) {
        let (tenant, owner) = self.tenant_below(self.root(), name).await;
        let patch = CustomerPatch { email: Some(format!("{name}@elsewhere.example")), ..CustomerPatch::default() };
        self.billing.customer_update(&owner, &terms(), tenant, &patch).await.unwrap();
        (tenant, owner)
    }

    /// One that has a free plan of this seller.
    pub async fn give(&self, tenant: TenantId, plan: &PlanShown) {
        let mut txn = self.service.begin().await.unwrap();
        query("UPDATE customer SET free_plan = $2 WHERE tenant = $1")
            .bind(tenant.to_string())
            .bind(&plan.id)
            .execute(&mut txn)
            .await
            .unwrap();
        txn.commit().await.unwrap();
    }

    /// A free plan that is offered.
    pub async fn free_plan(&self, seller: TenantId, key: &str) -> PlanShown {
        let new = NewPlan { plan: free(key), state: PlanState::Offered, price_list: None };
        self.billing.plan_create(&self.operator, &terms(), seller, &new).await.unwrap().object
    }

    /// A plan that costs something, without any provider that knows it.
    pub async fn priced_plan(&self, seller: TenantId) -> Plan {
        let plan = business();
        let mut txn = self.service.begin().await.unwrap();
        query("INSERT INTO plan (id, tenant, key, number, state, body, version, created_at) VALUES ($1, $2, $3, 1, 'OFFERED', $4, 1, $5)")
            .bind(fresh_id("pln_").unwrap())
            .bind(seller.to_string())
            .bind(&plan.key)
            .bind(serde_json::to_string(&plan).unwrap())
            .bind(START.0)
            .execute(&mut txn)
            .await
            .unwrap();
        txn.commit().await.unwrap();
        plan
    }

    /// Writes a subscription into the mirror, or over the one that is there.
    pub async fn mirror(&self, tenant: TenantId, subscription: &TrueSubscription) {
        let mut txn = self.service.begin().await.unwrap();
        query(
            "INSERT INTO subscription (id, tenant, family, status, live, plan, created_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET status = $4, live = $5, body = $8",
        )
        .bind(&subscription.id)
        .bind(tenant.to_string())
        .bind(&subscription.family)
        .bind(format!("{:?}", subscription.status))
        .bind(i64::from(subscription.status.is_live()))
        .bind(&subscription.plan.0)
        .bind(subscription.created_at.0)
        .bind(serde_json::to_string(subscription).unwrap())
        .execute(&mut txn)
        .await
        .unwrap();
        txn.commit().await.unwrap();
    }

    /// The same of an invoice.
    pub async fn mirror_invoice(&self, tenant: TenantId, invoice: &TrueInvoice) {
        let mut txn = self.service.begin().await.unwrap();
        query(
            "INSERT INTO invoice (id, tenant, number, state, issued_at, due_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (id) DO UPDATE SET state = $4, body = $7",
        )
        .bind(&invoice.id)
        .bind(tenant.to_string())
        .bind(invoice.number.as_ref())
        .bind(format!("{:?}", invoice.state))
        .bind(invoice.issued_at.0)
        .bind(invoice.due_at.0)
        .bind(serde_json::to_string(invoice).unwrap())
        .execute(&mut txn)
        .await
        .unwrap();
        txn.commit().await.unwrap();
    }

    /// Kinds of the letters that wait, with who gets them; those that were told are gone.
    pub async fn letters(&self) -> Vec<OutgoingNotice> {
        let due = self.service.notices_due(100).await.unwrap();
        for notice in &due {
            self.service.notice_done(&notice.id).await.unwrap();
        }
        due
    }
}

pub fn terms() -> Terms {
    Terms::default()
}

pub fn day(n: i64) -> Timestamp {
    Timestamp(START.0 + n * DAY_MS)
}

/// A free plan: two domains, three mailboxes, 10 GiB, 100 recipients a day.
pub fn free(key: &str) -> Plan {
    let grants = Grants {
        domains: Some(2),
        mailboxes: Some(3),
        storage_bytes: Some(10 * GIB),
        recipients_per_hour: Some(50),
        recipients_per_day: Some(100),
        new_recipients_per_day: Some(20),
    };
    Plan {
        key: key.into(),
        version: 1,
        family: "mail".into(),
        title: format!("Plan {key}"),
        grants,
        components: Vec::new(),
        prices: Vec::new(),
        trial_days: 0,
    }
}

/// 3 EUR a month for each mailbox of 10 GiB.
pub fn business() -> Plan {
    let grants = Grants { mailboxes: Some(1), storage_bytes: Some(10 * GIB), ..Grants::default() };
    let (key, title) = ("mailbox".to_owned(), "Mailbox".to_owned());
    let mailbox = Component { key, title, charge: Charge::Unit { least: 1, most: 500 }, grants };
    let price = |component: Option<&str>, minor| Price {
        component: component.map(str::to_owned),
        interval: Interval::Month,
        unit: eur(minor),
    };
    let grants = Grants { domains: Some(5), recipients_per_day: Some(2_000), ..Grants::default() };
    Plan {
        components: vec![mailbox],
        prices: vec![price(None, 0), price(Some("mailbox"), 300)],
        grants,
        ..free("business")
    }
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

/// Of four mailboxes, paid on day 0 for 30 days.
pub fn subscription(id: &str, status: Status) -> TrueSubscription {
    TrueSubscription {
        id: id.into(),
        family: "mail".into(),
        status,
        created_at: START,
        plan: ("business".into(), 1),
        items: vec![Item { component: "mailbox".into(), quantity: 4 }],
        currency: Currency::EUR,
        interval: Interval::Month,
        period: Period { start: day(0), end: day(30) },
        trial_ends_at: None,
        ends_at: None,
        ended_at: None,
    }
}

/// 12 EUR, due on a day.
pub fn invoice(id: &str, state: InvoiceState, due: i64) -> TrueInvoice {
    TrueInvoice {
        id: id.into(),
        number: Some(id.into()),
        subscription: None,
        state,
        net: eur(1_200),
        tax: eur(0),
        issued_at: day(due),
        due_at: day(due),
        failed: state == InvoiceState::Open,
        credit_used: eur(0),
        payments: Vec::new(),
        page_url: None,
        pdf_url: None,
    }
}
