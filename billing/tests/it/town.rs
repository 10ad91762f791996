//! SUMMARY    A town: a provider with plans, a till, a clock that is turned by hand, customers.

pub use crate::desk::{eur, terms};

use crate::desk::{Hands, Plane, database, open};
use base::{Clock, TenantId};
use billing::{
    Asked, Billing, BillingOptions, Charge, Component, CustomerPatch, Grants, Interval, Item, NewPlan, Phase, Plan,
    PlanState, Price, Till, Webhook,
};
use std::{sync::Arc, time::Duration};
use tenants::{Actor, Limits, NewTenant, OutgoingNotice, Service, Terms};

pub const DAY: Duration = Duration::from_secs(86_400);
/// What the plan `business` costs by the month with so many mailboxes, with tax.
pub fn business_cents(mailboxes: i64) -> i64 {
    let net = 500 + 300 * mailboxes;
    net + net * 20 / 100
}

pub struct Town {
    pub clock: Arc<Hands>,
    pub service: Arc<Service>,
    pub plane: Arc<Plane>,
    pub till: Arc<Till>,
    pub billing: Arc<Billing>,
    pub operator: Actor,
    pub root: TenantId,
    _folder: tempfile::TempDir,
}

impl Town {
    /// With the plans `business`, `trial` (14 days) and `free`, published.
    pub async fn new() -> Town {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hands::new();
        let plane: Arc<Plane> = Arc::default();
        let service = open(database(&folder.path().join("c.sqlite")), plane.clone(), clock.clone()).await;
        let begun = service.bootstrap("Provider").await.unwrap();
        let operator = service.authenticate(&begun.operator_token).await.unwrap();
        let till = Till::new("till", clock.clone(), 20);
        let options = BillingOptions { portal: Some("https://portal.example".into()), provider: "till" };
        let billing = Billing::new(service.clone(), vec![till.clone()], options).unwrap();
        let town = Town { clock, service, plane, till, billing, operator, root: begun.provider, _folder: folder };
        for plan in [business(), Plan { key: "trial".into(), trial_days: 14, ..business() }, free()] {
            let new = NewPlan { plan, state: PlanState::Offered, price_list: None };
            town.billing.plan_create(&town.operator, &terms(), town.root, &new).await.unwrap();
        }
        town.work().await;
        town
    }

    /// A tenant that can be sent invoices, and its owner.
    pub async fn customer(&self, name: &str) -> (TenantId, Actor) {
        let new = NewTenant { name: name.into(), ..NewTenant::default() };
        let made = self.service.tenant_create(&self.operator, &terms(), &new).await.unwrap().object;
        let owner = self.service.authenticate(&made.token.unwrap()).await.unwrap();
        let patch = CustomerPatch { email: Some(format!("{name}@elsewhere.example")), ..CustomerPatch::default() };
        self.billing.customer_update(&owner, &terms(), made.tenant.id, &patch).await.unwrap();
        (made.tenant.id, owner)
    }

    /// The same, with the plan `business` and two mailboxes, paid; and the till's id of it.
    pub async fn buyer(&self, name: &str) -> (TenantId, Actor, String) {
        let (tenant, owner) = self.customer(name).await;
        self.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
        self.till.pay_page(&self.page(), "visa 4242").unwrap();
        self.settle().await;
        (tenant, owner, self.till.customers().last().unwrap().clone())
    }

    /// The page that is open at the till.
    pub fn page(&self) -> String {
        let open = self.till.open_pages();
        assert_eq!(open.len(), 1, "one page is open");
        open[0].clone()
    }

    pub fn turn(&self, by: Duration) {
        self.clock.set(self.clock.now().plus(by));
        self.till.turn();
    }

    pub async fn deliver(&self, webhook: &Webhook) {
        self.billing.hear("till", &webhook.body, &self.till.signature(webhook)).await.unwrap();
    }

    /// All webhooks come in order, and all work is done.
    pub async fn settle(&self) {
        for webhook in self.till.webhooks() {
            self.deliver(&webhook).await;
        }
        self.work().await;
    }

    pub async fn work(&self) {
        for _ in 0..50 {
            if self.billing.work().await.unwrap() == 0 {
                return;
            }
        }
        panic!("the work has no end");
    }

    /// The letters that wait; those that were told are gone.
    pub async fn letters(&self) -> Vec<OutgoingNotice> {
        let due = self.service.notices_due(100).await.unwrap();
        for notice in &due {
            self.service.notice_done(&notice.id).await.unwrap();
        }
        due
    }

    pub async fn phase(&self, tenant: TenantId) -> Phase {
        self.billing.standing(&self.operator, tenant).await.unwrap().phase
    }

    pub async fn limits(&self, tenant: TenantId) -> Limits {
        self.service.tenant(&self.operator, tenant).await.unwrap().limits
    }

    /// The books are in order, and the mirror is what the till has.
    pub async fn consistent(&self, tenant: TenantId, customer: &str) {
        assert_eq!(self.billing.books_verify().await.unwrap(), Vec::<String>::new());
        let truth = self.till.has(customer).unwrap();
        let page = tenants::Page::first(1_000);
        let (mut invoices, _) = self.billing.invoices(&self.operator, tenant, &page).await.unwrap();
        invoices.sort_by(|a, b| a.invoice.id.cmp(&b.invoice.id));
        let invoices: Vec<_> = invoices.into_iter().map(|shown| shown.invoice).collect();
        assert_eq!(invoices, truth.invoices);
        let mut bought = self.billing.subscriptions(&self.operator, tenant).await.unwrap();
        bought.sort_by(|a, b| a.id.cmp(&b.id));
        let told: Vec<_> = bought.iter().map(|b| (b.id.clone(), b.status, b.period, b.ends_at)).collect();
        let has: Vec<_> = truth.subscriptions.iter().map(|s| (s.id.clone(), s.status, s.period, s.ends_at)).collect();
        assert_eq!(told, has);
        let live = truth.subscriptions.iter().filter(|s| s.status.is_live()).count();
        assert!(live <= 1, "S5: {live} live subscriptions");
    }
}

pub fn asked(plan: &str, mailboxes: u64) -> Asked {
    let items = vec![Item { component: "mailbox".into(), quantity: mailboxes }];
    Asked { plan: plan.into(), items, currency: None, interval: None, coupon: None }
}

pub fn keyed(key: &str) -> Terms {
    Terms { idempotency_key: Some(key.into()), ..Terms::default() }
}

pub fn dry() -> Terms {
    Terms { dry_run: true, ..Terms::default() }
}

pub fn business() -> Plan {
    let price = |component: Option<&str>, interval, minor| Price {
        component: component.map(str::to_owned),
        interval,
        unit: eur(minor),
    };
    Plan {
        key: "business".into(),
        version: 1,
        family: "mail".into(),
        title: "Business".into(),
        grants: Grants { domains: Some(5), recipients_per_hour: Some(100), ..Grants::default() },
        components: vec![Component {
            key: "mailbox".into(),
            title: "Mailboxes".into(),
            charge: Charge::Unit { least: 1, most: 100 },
            grants: Grants { mailboxes: Some(1), storage_bytes: Some(1 << 30), ..Grants::default() },
        }],
        prices: vec![
            price(None, Interval::Month, 500),
            price(Some("mailbox"), Interval::Month, 300),
            price(None, Interval::Year, 5_000),
            price(Some("mailbox"), Interval::Year, 3_000),
        ],
        trial_days: 0,
    }
}

fn free() -> Plan {
    let grants = Grants { domains: Some(1), mailboxes: Some(1), storage_bytes: Some(1 << 20), ..Grants::default() };
    let (components, prices) = (Vec::new(), Vec::new());
    Plan { key: "free".into(), title: "Free".into(), grants, components, prices, ..business() }
}
