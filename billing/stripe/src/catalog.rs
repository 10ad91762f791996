//! SUMMARY    Plans as Stripe's products and prices.
//! LIMITS     LOOKUP_KEYS_MAX
//! INVARIANTS Ids of products and lookup keys of prices follow from the plan, so publishing again finds what is there. What was published under a
//!            version never changes.

use crate::{
    amount,
    call::Call,
    object::{Object, Price},
    payments::Stripe,
};
use billing::{Charge, Currency, Failure, FailureKind, Interval, Plan, Price as Offered, Wanted};
use std::collections::BTreeMap;

/// As many lookup keys Stripe takes in one request.
const LOOKUP_KEYS_MAX: usize = 10;

/// What a price is for, in its metadata: empty for the plan itself.
pub const COMPONENT: &str = "component";

pub fn interval(interval: Interval) -> &'static str {
    match interval {
        Interval::Month => "month",
        Interval::Year => "year",
    }
}

/// As `ph_business_1_mailbox`; the plan itself is `ph_business_1`. Keys have no `_`, so no two are the same.
pub fn product(plan: &Plan, component: Option<&str>) -> String {
    let own = format!("ph_{}_{}", plan.key, plan.version);
    component.map_or(own.clone(), |component| format!("{own}_{component}"))
}

/// As `ph_business_1_mailbox_EUR_MONTH`.
pub fn lookup_key(plan: &Plan, component: Option<&str>, currency: Currency, by: Interval) -> String {
    format!("{}_{currency}_{}", product(plan, component), interval(by).to_uppercase())
}

/// Prices that are subscribed to: what is metered is charged by invoice items.
fn sold(plan: &Plan) -> impl Iterator<Item = &Offered> {
    let is_sold = |component: &str| match plan.component(component).map(|c| c.charge) {
        Some(Charge::Unit { .. }) => true,
        Some(Charge::Metered { .. }) | None => false,
    };
    plan.prices.iter().filter(move |price| price.component.as_deref().is_none_or(is_sold))
}

fn exists(failure: &Failure) -> bool {
    failure.kind == FailureKind::Refused
}

impl Stripe {
    pub(crate) async fn publish_plan(&self, plan: &Plan) -> Result<(), Failure> {
        if plan.prices.is_empty() {
            return Ok(());
        }
        self.publish_product(plan, None, &plan.title).await?;
        for component in plan.components.iter().filter(|c| matches!(c.charge, Charge::Unit { .. })) {
            let title = format!("{}: {}", plan.title, component.title);
            self.publish_product(plan, Some(&component.key), &title).await?;
        }
        let of = |price: &Offered| lookup_key(plan, price.component.as_deref(), price.unit.currency(), price.interval);
        let there = self.prices(sold(plan).map(of).collect()).await?;
        for price in sold(plan) {
            let key = of(price);
            match there.get(&key) {
                Some(known) if known.unit_amount == Some(amount::written(price.unit)?) => {}
                Some(_) => {
                    let text = format!("{key} has another price at Stripe: a version of a plan never changes");
                    return Err(Failure::new(FailureKind::Refused, text));
                }
                None => self.publish_price(plan, price, &key).await?,
            }
        }
        Ok(())
    }

    async fn publish_product(&self, plan: &Plan, component: Option<&str>, title: &str) -> Result<(), Failure> {
        let id = product(plan, component);
        match self.tell(Call::get(format!("/products/{id}"))).await {
            Err(failure) if failure.kind == FailureKind::Gone => {}
            known => return known,
        }
        let call = Call { key: None, ..Call::post("/products", "") };
        let call = call.with("id", &id).with("name", title).with("metadata[plan]", &plan.key);
        match self.tell(call.with("metadata[version]", plan.version)).await {
            // Somebody else was faster: it has to be there now.
            Err(failure) if exists(&failure) => {
                self.tell(Call::get(format!("/products/{id}"))).await.map_err(|_| failure)
            }
            made => made,
        }
    }

    async fn publish_price(&self, plan: &Plan, price: &Offered, key: &str) -> Result<(), Failure> {
        let component = price.component.as_deref();
        let call = Call { key: None, ..Call::post("/prices", "") }
            .with("product", product(plan, component))
            .with("currency", amount::code(price.unit.currency()))
            .with("unit_amount", amount::written(price.unit)?)
            .with("recurring[interval]", interval(price.interval))
            .with("tax_behavior", "exclusive")
            .with("lookup_key", key)
            .with(format!("metadata[{COMPONENT}]"), component.unwrap_or_default());
        match self.tell(call).await {
            // A lookup key is given once: somebody else was faster.
            Err(failure) if exists(&failure) && self.prices(vec![key.to_owned()]).await?.contains_key(key) => Ok(()),
            made => made,
        }
    }

    /// Prices that Stripe has, by lookup key.
    async fn prices(&self, keys: Vec<String>) -> Result<BTreeMap<String, Price>, Failure> {
        let mut out = BTreeMap::new();
        for some in keys.chunks(LOOKUP_KEYS_MAX) {
            let call = Call::get("/prices").with("active", true);
            let call = some.iter().fold(call, |call, key| call.with("lookup_keys[]", key));
            let found: Vec<Price> = self.all(call).await?;
            out.extend(found.into_iter().filter_map(|price| Some((price.lookup_key.clone()?, price))));
        }
        Ok(out)
    }

    /// Price ids and quantities of all that is bought; a plan that Stripe does not know is published. Errors: `Refused` when it is not offered so.
    pub(crate) async fn bought(&self, wanted: &Wanted) -> Result<Vec<Bought>, Failure> {
        let parts = wanted.items.iter().map(|item| (Some(item.component.as_str()), item.quantity));
        let parts: Vec<_> = std::iter::once((None, 1)).chain(parts).filter(|(_, quantity)| *quantity > 0).collect();
        let key = |component: Option<&str>| lookup_key(&wanted.plan, component, wanted.currency, wanted.interval);
        let keys = || parts.iter().map(|(component, _)| key(*component)).collect::<Vec<_>>();
        let mut there = self.prices(keys()).await?;
        if keys().iter().any(|key| !there.contains_key(key)) {
            self.publish_plan(&wanted.plan).await?;
            there = self.prices(keys()).await?;
        }
        let one = |(component, quantity): &(Option<&str>, u64)| {
            let key = key(*component);
            let missing = || Failure::new(FailureKind::Refused, format!("Stripe has no price {key}"));
            let price = there.get(&key).ok_or_else(missing)?.id().to_owned();
            Ok(Bought { component: component.map(str::to_owned), price, quantity: *quantity })
        };
        parts.iter().map(one).collect()
    }
}

/// So many of a price.
pub struct Bought {
    pub component: Option<String>,
    pub price: String,
    pub quantity: u64,
}
