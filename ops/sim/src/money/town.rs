//! SUMMARY    A seller with its plans, three customers, a provider, and the billing desk over a database that outlives it.
//! INVARIANTS The database begins as a copy of one that was made once for each provider: its customers are in the order of their ids.

use super::{
    bank::{Bank, TillBank},
    death::{Death, Hands, Lie, MortalClock, MortalPayments},
    said,
    stripe::StripeBank,
};
use base::{AccountId, Clock, TenantId, Timestamp};
use billing::{
    Billing, BillingOptions, Charge, Component, Currency, CustomerPatch, Grants, Interval, Money, NewPlan, Payments,
    Plan, PlanState, Price,
};
use control::{Capabilities, Change, Control, ControlFuture, Hello, Usage};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tenants::{
    Actor, Database, DomainOptions, NewTenant, PasswordCost, Service, ServiceOptions, Terms,
    sql::{Row, query},
};

/// Who buys.
pub(super) const CUSTOMERS_MAX: usize = 3;
/// 2027-01-15.
const START: Timestamp = Timestamp(1_800_000_000_000);
const FILE: &str = "c.sqlite";

/// Which provider there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The model of `billing`.
    Till,
    /// The adapter to Stripe, over the model of Stripe.
    Stripe,
}

/// What the data plane was told of tenants.
#[derive(Default)]
pub(super) struct Plane(Mutex<BTreeMap<TenantId, Capabilities>>);

impl Plane {
    pub(super) fn of(&self, tenant: TenantId) -> Capabilities {
        self.0.lock().get(&tenant).copied().unwrap_or(Capabilities::ALL)
    }
}

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async { Ok(Hello::default()) })
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        for change in batch {
            if let Change::Entitlement(told) = change {
                self.0.lock().insert(told.tenant, told.capabilities);
            }
        }
        Box::pin(async { Ok(()) })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
}

#[derive(Clone)]
pub(super) struct Buyer {
    pub(super) tenant: TenantId,
    pub(super) owner: Actor,
}

/// The database that each town begins with.
pub(super) struct Template {
    provider: Provider,
    lie: Option<Lie>,
    files: Vec<(String, Vec<u8>)>,
    operator: Actor,
    buyers: Vec<Buyer>,
}

pub(super) struct Town {
    pub(super) hands: Arc<Hands>,
    pub(super) death: Arc<Death>,
    pub(super) bank: Box<dyn Bank>,
    pub(super) plane: Arc<Plane>,
    pub(super) operator: Actor,
    pub(super) buyers: Vec<Buyer>,
    pub(super) desk: Arc<Billing>,
    lie: Option<Lie>,
    folder: tempfile::TempDir,
}

impl Template {
    pub(super) fn provider(&self) -> Provider {
        self.provider
    }

    pub(super) async fn new(provider: Provider, lie: Option<Lie>) -> Result<Template, String> {
        let folder = folder()?;
        let (hands, death) = (Hands::at(START), Arc::new(Death::default()));
        let bank = bank(provider, hands.clone())?;
        let desk = open(folder.path(), bank.as_ref(), &hands, &death, (Arc::default(), None)).await?;
        let service = desk.service();
        let begun = service.bootstrap("Provider").await.map_err(said)?;
        let operator = service.authenticate(&begun.operator_token).await.map_err(said)?;
        for plan in plans() {
            let new = NewPlan { plan, state: PlanState::Offered, price_list: None };
            desk.plan_create(&operator, &Terms::default(), begun.provider, &new).await.map_err(said)?;
        }
        while desk.work().await.map_err(said)? > 0 {}
        let mut buyers = Vec::new();
        for n in 0..CUSTOMERS_MAX {
            buyers.push(buyer(&desk, &operator, &format!("customer{n}")).await?);
        }
        // Ids are random: in their order they are the same to every process.
        buyers.sort_by_key(|buyer| buyer.tenant.to_string());
        while desk.work().await.map_err(said)? > 0 {}
        drop(desk);
        let mut files = Vec::new();
        for entry in fs::read_dir(folder.path()).map_err(said)? {
            let entry = entry.map_err(said)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with("-shm") {
                files.push((name, fs::read(entry.path()).map_err(said)?));
            }
        }
        Ok(Template { provider, lie, files, operator, buyers })
    }
}

impl Town {
    pub(super) async fn new(template: &Template) -> Result<Town, String> {
        let folder = folder()?;
        for (name, bytes) in &template.files {
            fs::write(folder.path().join(name), bytes).map_err(said)?;
        }
        let (hands, death, plane) = (Hands::at(START), Arc::new(Death::default()), Arc::new(Plane::default()));
        let bank = bank(template.provider, hands.clone())?;
        for plan in plans() {
            bank.payments().publish(&plan).await.map_err(|failure| failure.to_string())?;
        }
        let desk = open(folder.path(), bank.as_ref(), &hands, &death, (plane.clone(), template.lie)).await?;
        let (operator, buyers) = (template.operator.clone(), template.buyers.clone());
        let lie = template.lie;
        Ok(Town { hands, death, bank, plane, operator, buyers, desk, lie, folder })
    }

    /// After a death: another process over the same database. Nothing else is left of the first.
    pub(super) async fn begin_again(&mut self) -> Result<(), String> {
        self.death.set(None);
        self.desk =
            open(self.folder.path(), self.bank.as_ref(), &self.hands, &self.death, (self.plane.clone(), self.lie))
                .await?;
        Ok(())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.hands.now()
    }

    /// The provider's id of a customer; empty while there is none.
    pub(super) async fn known_as(&self, tenant: TenantId) -> Result<String, String> {
        let mut connection = self.desk.service().connection().await.map_err(said)?;
        let row = query("SELECT provider_id FROM customer WHERE tenant = $1").bind(tenant.to_string());
        let row = row.fetch_one(&mut connection).await.map_err(said)?;
        let id: Option<String> = Row::text(&row, "provider_id").map_err(said)?;
        Ok(id.unwrap_or_default())
    }
}

async fn buyer(desk: &Billing, operator: &Actor, name: &str) -> Result<Buyer, String> {
    let (service, terms) = (desk.service(), Terms::default());
    let new = NewTenant { name: name.to_owned(), ..NewTenant::default() };
    let made = service.tenant_create(operator, &terms, &new).await.map_err(said)?.object;
    let owner = service.authenticate(&made.token.ok_or("the owner has no token")?).await.map_err(said)?;
    let patch = CustomerPatch { email: Some(format!("{name}@elsewhere.example")), ..CustomerPatch::default() };
    desk.customer_update(&owner, &terms, made.tenant.id, &patch).await.map_err(said)?;
    Ok(Buyer { tenant: made.tenant.id, owner })
}

async fn open(
    folder: &Path,
    bank: &dyn Bank,
    hands: &Arc<Hands>,
    death: &Arc<Death>,
    (plane, lie): (Arc<Plane>, Option<Lie>),
) -> Result<Arc<Billing>, String> {
    let options = ServiceOptions {
        control: plane,
        clock: Arc::new(MortalClock { hands: hands.clone(), death: death.clone() }),
        password_cost: PasswordCost { memory_kib: 8, passes: 1 },
        domains: DomainOptions::default(),
    };
    let service = Service::open(Database::Sqlite(folder.join(FILE)), options).await.map_err(said)?;
    let payments = MortalPayments { inner: bank.payments(), death: death.clone(), lie };
    let provider = payments.name();
    let options = BillingOptions { portal: Some("https://portal.example".into()), provider };
    Billing::new(service, vec![Arc::new(payments)], options).map_err(said)
}

fn bank(provider: Provider, hands: Arc<Hands>) -> Result<Box<dyn Bank>, String> {
    Ok(match provider {
        Provider::Till => Box::new(TillBank::new(hands)),
        Provider::Stripe => Box::new(StripeBank::new(hands)?),
    })
}

/// In memory where there is such a folder: what a power loss leaves is tried elsewhere.
fn folder() -> Result<tempfile::TempDir, String> {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.map_err(said)
}

/// `business`, and the same with 14 days for nothing.
pub(super) fn plans() -> [Plan; 2] {
    let business = business();
    [Plan { key: "trial".into(), trial_days: 14, ..business.clone() }, business]
}

pub(super) fn business() -> Plan {
    let unit = |minor| Money::new(minor, Currency::EUR).unwrap_or(Money::zero(Currency::EUR));
    let price = |component: Option<&str>, minor| Price {
        component: component.map(str::to_owned),
        interval: Interval::Month,
        unit: unit(minor),
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
        prices: vec![price(None, 500), price(Some("mailbox"), 300)],
        trial_days: 0,
    }
}
