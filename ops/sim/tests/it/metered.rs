//! SUMMARY    What is paid by use, from the ledger of hours to Stripe's invoice: once, also when the process dies between freezing and charging.

use base::{AccountId, Clock, TenantId, Timestamp};
use billing::{
    Answer, Asked, Billing, BillingOptions, Charge, Component, Currency, CustomerPatch, End, Grants, Interval,
    InvoiceState, Item, Meter, Money, NewPlan, Payments, Plan, PlanState, Price, Truth,
};
use control::{Change, Control, ControlFuture, Hello, Usage};
use fake_stripe::{InProcess, Model};
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use stripe_payments::{Call, Method, Stripe, StripeOptions, Wire};
use tenants::{
    Actor, Database, DomainOptions, NewTenant, PasswordCost, Service, ServiceOptions, Terms,
    sql::{number, query},
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// How often workers look here: several times within the hours before a period ends.
const STEP: i64 = 3 * HOUR;
const SECRET: &str = "whsec_of_the_test";
const GOOD: &str = "4242424242424242";

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A data plane that says what all have sent.
#[derive(Default)]
struct Plane(AtomicI64);

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async { Ok(Hello::default()) })
    }
    fn apply(&self, _: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage { recipients_out: self.0.load(Ordering::SeqCst), ..Usage::default() }) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
}

/// When the process dies that charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dies {
    BeforeIt,
    BehindIt,
}

struct Died;

/// The way to Stripe, on which the process dies when it first charges.
struct Line {
    inner: InProcess,
    dies: Mutex<Option<Dies>>,
}

impl Wire for Line {
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>> {
        let charges = call.method == Method::Post && call.path == "/invoiceitems";
        let dies = if charges { self.dies.lock().take() } else { None };
        Box::pin(async move {
            if dies == Some(Dies::BeforeIt) {
                resume_unwind(Box::new(Died));
            }
            let answer = self.inner.send(call).await;
            if dies == Some(Dies::BehindIt) {
                resume_unwind(Box::new(Died));
            }
            answer
        })
    }
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

/// 5 EUR a month; `more`, where there is one: 1 EUR for each 100 recipients beyond 200.
fn plan(key: &str, is_metered: bool) -> Plan {
    let price = |component: Option<&str>, minor| Price {
        component: component.map(str::to_owned),
        interval: Interval::Month,
        unit: eur(minor),
    };
    let mut plan = Plan {
        key: key.into(),
        version: 1,
        family: "mail".into(),
        title: key.into(),
        grants: Grants::default(),
        components: Vec::new(),
        prices: vec![price(None, 500)],
        trial_days: 0,
    };
    if is_metered {
        plan.components.push(Component {
            key: "more".into(),
            title: "Recipients".into(),
            charge: Charge::Metered { meter: Meter::OutgoingRecipients, included: 200, per: 100 },
            grants: Grants::default(),
        });
        plan.prices.push(price(Some("more"), 100));
    }
    plan
}

struct Place {
    hands: Arc<Hands>,
    plane: Arc<Plane>,
    model: Arc<Mutex<Model>>,
    line: Arc<Line>,
    direct: Stripe,
    folder: tempfile::TempDir,
    billing: Arc<Billing>,
    tenant: TenantId,
    owner: Actor,
}

async fn open(folder: &Path, hands: &Arc<Hands>, plane: &Arc<Plane>, line: &Arc<Line>) -> Arc<Billing> {
    let options = ServiceOptions {
        control: plane.clone(),
        clock: hands.clone(),
        password_cost: PasswordCost { memory_kib: 8, passes: 1 },
        domains: DomainOptions::default(),
    };
    let service = Service::open(Database::Sqlite(folder.join("c.sqlite")), options).await.unwrap();
    let stripe = Stripe::over(Shared(line.clone()), StripeOptions::new("sk_test_fake", SECRET));
    let provider = stripe.name();
    let options = BillingOptions { portal: Some("https://portal.example".into()), provider };
    Billing::new(service, vec![Arc::new(stripe)], options).unwrap()
}

struct Shared(Arc<Line>);

impl Wire for Shared {
    fn send(&self, call: Call) -> Answer<'_, Vec<u8>> {
        self.0.send(call)
    }
}

impl Place {
    /// A customer that bought the plan `by-use`, or `flat`, on 2027-01-15 at 08:00.
    async fn new(bought: &str) -> Place {
        let (folder, plane) = (tempfile::tempdir().unwrap(), Arc::<Plane>::default());
        let hands = Arc::new(Hands(AtomicI64::new(1_800_000_000_000)));
        let model = Arc::new(Mutex::new(Model::new("http://127.0.0.1:1", hands.now().secs())));
        let inner = InProcess { model: model.clone(), clock: hands.clone() };
        let line = Arc::new(Line { inner: inner.clone(), dies: Mutex::default() });
        let direct = Stripe::over(inner, StripeOptions::new("sk_test_fake", SECRET));
        let billing = open(folder.path(), &hands, &plane, &line).await;
        let (service, terms) = (billing.service(), Terms::default());
        let begun = service.bootstrap("Provider").await.unwrap();
        let operator = service.authenticate(&begun.operator_token).await.unwrap();
        for plan in [plan("by-use", true), plan("flat", false)] {
            let new = NewPlan { plan, state: PlanState::Offered, price_list: None };
            billing.plan_create(&operator, &terms, begun.provider, &new).await.unwrap();
        }
        let new = NewTenant { name: "alpha".into(), ..NewTenant::default() };
        let made = service.tenant_create(&operator, &terms, &new).await.unwrap().object;
        let owner = service.authenticate(&made.token.unwrap()).await.unwrap();
        let tenant = made.tenant.id;
        let patch = CustomerPatch { email: Some("alpha@elsewhere.example".into()), ..CustomerPatch::default() };
        billing.customer_update(&owner, &terms, tenant, &patch).await.unwrap();
        let page = billing.checkout_open(&owner, &terms, tenant, &asked(bought)).await.unwrap().object;
        let session = page.url.rsplit('/').next().unwrap().to_owned();
        let place = Place { hands, plane, model, line, direct, folder, billing, tenant, owner };
        place.model.lock().pay_session(&session, GOOD).unwrap();
        place.work().await;
        place
    }

    /// All that is due, and what changed at Stripe.
    async fn work(&self) {
        let _ = self.billing.sync_now(&self.owner, self.tenant).await;
        while self.billing.work().await.unwrap() > 0 {}
    }

    /// Goes on by seconds, step by step; `false`: it died, and another one has begun over the same database.
    async fn goes_on(&mut self, by: i64) -> bool {
        let mut lived = true;
        for _ in 0..by / STEP {
            self.hands.0.fetch_add(STEP * 1_000, Ordering::SeqCst);
            self.model.lock().advance(self.hands.now().secs());
            while self.billing.service().usage_due().await.unwrap() > 0 {}
            match AssertUnwindSafe(self.work()).catch_unwind().await {
                Ok(()) => {}
                Err(cause) if cause.is::<Died>() => {
                    lived = false;
                    self.billing = open(self.folder.path(), &self.hands, &self.plane, &self.line).await;
                }
                Err(cause) => resume_unwind(cause),
            }
        }
        lived
    }

    fn sends(&self, recipients: i64) {
        self.plane.0.fetch_add(recipients, Ordering::SeqCst);
    }

    async fn truth(&self) -> Truth {
        let mut connection = self.billing.service().connection().await.unwrap();
        let row = query("SELECT provider_id FROM customer WHERE tenant = $1").bind(self.tenant.to_string());
        let id = row.fetch_one(&mut connection).await.unwrap().text("provider_id").unwrap().unwrap();
        self.direct.truth(&id).await.unwrap()
    }

    /// What each invoice is about, without tax, in order.
    async fn nets(&self) -> Vec<i64> {
        let mut invoices = self.truth().await.invoices;
        invoices.sort_by_key(|invoice| invoice.issued_at.0);
        assert!(invoices.iter().all(|invoice| invoice.state == InvoiceState::Paid), "{invoices:?}");
        invoices.iter().map(|invoice| invoice.net.minor()).collect()
    }

    async fn frozen(&self) -> i64 {
        let mut connection = self.billing.service().connection().await.unwrap();
        let row = query("SELECT COUNT(*) AS n FROM usage_frozen").fetch_one(&mut connection).await.unwrap();
        number(&row, "n").unwrap()
    }

    async fn changes(&self, to: &str) {
        self.billing.change(&self.owner, &Terms::default(), self.tenant, &asked(to)).await.unwrap();
        self.work().await;
    }

    async fn ends(&self, when: End) {
        let id = self.truth().await.subscriptions.remove(0).id;
        self.billing.cancel(&self.owner, &Terms::default(), self.tenant, &id, when).await.unwrap();
        self.work().await;
    }
}

fn asked(plan: &str) -> Asked {
    Asked { plan: plan.into(), items: Vec::<Item>::new(), currency: None, interval: None, coupon: None }
}

#[tokio::test]
async fn what_was_used_is_on_the_invoice_of_the_renewal_once_whenever_the_process_dies() {
    for dies in [None, Some(Dies::BeforeIt), Some(Dies::BehindIt)] {
        let mut place = Place::new("by-use").await;
        place.goes_on(2 * DAY).await;
        place.sends(451);
        *place.line.dies.lock() = dies;
        let lived = place.goes_on(29 * DAY + 6 * HOUR).await;
        assert_eq!(lived, dies.is_none(), "{dies:?}");
        assert_eq!((place.frozen().await, place.nets().await), (1, vec![500, 500 + 300]), "{dies:?}");
        // Nothing more, and not again with the next one.
        place.goes_on(28 * DAY + 3 * HOUR).await;
        assert_eq!((place.frozen().await, place.nets().await), (2, vec![500, 800, 500]), "{dies:?}");
    }
}

#[tokio::test]
async fn what_ends_is_charged_before_it_ends() {
    for when in [End::Now, End::Period] {
        let mut place = Place::new("by-use").await;
        place.goes_on(2 * DAY).await;
        place.sends(300);
        place.goes_on(2 * DAY).await;
        place.ends(when).await;
        place.goes_on(32 * DAY).await;
        let truth = place.truth().await;
        assert!(truth.subscriptions[0].ended_at.is_some(), "{when:?}");
        assert_eq!((place.frozen().await, place.nets().await), (1, vec![500, 100]), "{when:?}");
    }
}

#[tokio::test]
async fn a_plan_prices_its_own_days_and_what_a_period_includes_is_given_once() {
    let mut place = Place::new("by-use").await;
    place.goes_on(2 * DAY).await;
    place.sends(150);
    place.goes_on(2 * DAY).await;
    place.changes("flat").await;
    // Days of the plan that has no meter.
    place.goes_on(2 * DAY).await;
    place.sends(10_000);
    place.goes_on(2 * DAY).await;
    place.changes("by-use").await;
    place.goes_on(2 * DAY).await;
    place.sends(120);
    place.goes_on(21 * DAY + 6 * HOUR).await;
    // 150 and 120 are 70 beyond what is included.
    let nets = place.nets().await;
    assert_eq!(nets.iter().sum::<i64>(), 500 + 500 + 100, "{nets:?}");
}

#[tokio::test]
async fn what_was_sent_before_meters_came_is_not_charged() {
    let mut place = Place::new("flat").await;
    place.goes_on(3 * DAY).await;
    place.sends(5_000);
    place.goes_on(2 * DAY).await;
    place.changes("by-use").await;
    place.goes_on(2 * DAY).await;
    place.sends(300);
    place.goes_on(24 * DAY + 6 * HOUR).await;
    let nets = place.nets().await;
    assert_eq!(nets.iter().sum::<i64>(), 500 + 500 + 100, "{nets:?}");
}
