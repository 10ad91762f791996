//! SUMMARY    Requests about subscriptions.

use crate::{
    catalog::Duration,
    clock::{later, next_period},
    customer::merge,
    invoice::DAY_SECS,
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
    subscription::{Discount, Item, Subscription},
};
use serde_json::Value;
use std::collections::BTreeSet;

const STATES: [&str; 7] = ["incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "canceled"];
/// Items of one subscription.
const ITEMS_MAX: usize = 20;

impl Model {
    pub(crate) fn subscription(&self, id: &str) -> Result<&Subscription, Problem> {
        self.subscriptions.get(id).ok_or_else(|| Problem::gone("subscription", id))
    }

    pub(crate) fn list_subscriptions(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["customer", "status", "price"]].concat())?;
        let status = p.text("status");
        if let Some(other) = status.filter(|status| *status != "all" && !STATES.contains(status)) {
            return Err(Problem::invalid("status", format!("Invalid status: {other}")));
        }
        let of = |s: &&Subscription| {
            let by_status = match status {
                Some("all") => true,
                Some(status) => s.status == status,
                None => s.ended_at.is_none(),
            };
            by_status && p.text("customer").is_none_or(|id| s.customer == id)
        };
        page("/v1/subscriptions", p, self.subscriptions.values().filter(of).map(|s| s.json(self)).collect())
    }

    pub(crate) fn list_subscription_items(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["subscription"]].concat())?;
        let of = self.subscription(p.need("subscription")?)?;
        page("/v1/subscription_items", p, of.items.iter().map(|item| of.item_json(item, self)).collect())
    }

    /// A subscription as parameters describe it, not begun.
    pub(crate) fn drafted(&mut self, customer: &str, items: &[Params], p: &Params) -> Result<Subscription, Problem> {
        let mut drafted = Vec::new();
        for item in items {
            let price = item.text("price").ok_or_else(|| Problem::missing("items[0][price]"))?.to_owned();
            self.price(&price).map_err(|_| Problem::named("items[0][price]", "price", &price))?;
            let quantity = item.number("quantity")?.unwrap_or(1);
            let (metadata, created) = (item.map("metadata"), self.now);
            drafted.push(Item { id: self.id("si"), price, quantity, metadata, created });
        }
        let (currency, months) = self.checked(&drafted)?;
        let own = self.customer(customer)?.currency.clone();
        if own.is_some_and(|own| own != currency) {
            return Err(Problem::invalid("currency", "You cannot combine currencies on a single customer."));
        }
        let days = p.number::<i64>("trial_period_days")?;
        let trial = match (days, p.number::<i64>("trial_end")?) {
            (Some(days), _) => Some((self.now, self.now + days * DAY_SECS)),
            (None, end) => end.map(|end| (self.now, end)),
        };
        let period = trial.unwrap_or_else(|| (self.now, later(self.now, months, 1)));
        Ok(Subscription {
            id: String::new(),
            customer: customer.to_owned(),
            status: "incomplete",
            created: self.now,
            currency,
            anchor: trial.map_or(self.now, |(_, end)| end),
            period,
            items: drafted,
            metadata: p.map("metadata"),
            trial,
            trial_told: false,
            ends_with_period: false,
            canceled_at: None,
            ended_at: None,
            default_method: None,
            latest_invoice: None,
            discount: None,
            automatic_tax: false,
        })
    }

    /// Currency and months of the period. Errors: items that do not fit together.
    fn checked(&self, items: &[Item]) -> Result<(String, u32), Problem> {
        let prices: Vec<_> = items.iter().filter_map(|item| self.prices.get(&item.price)).collect();
        let first = prices.first().ok_or_else(|| Problem::missing("items"))?;
        let months = first.months.ok_or_else(|| Problem::invalid("items", "The price is not recurring"))?;
        if items.len() > ITEMS_MAX {
            return Err(Problem::invalid("items", format!("A subscription has {ITEMS_MAX} items at most")));
        }
        if prices.iter().any(|price| price.months != Some(months)) {
            return Err(Problem::invalid(
                "items",
                "Currently, all prices must have the same interval and interval_count.",
            ));
        }
        if prices.iter().any(|price| price.currency != first.currency) {
            return Err(Problem::invalid("items", "All prices on a subscription must use the same currency."));
        }
        let distinct: BTreeSet<&str> = items.iter().map(|item| item.price.as_str()).collect();
        if distinct.len() != items.len() {
            return Err(Problem::invalid("items", "Cannot add multiple subscription items with the same price."));
        }
        Ok((first.currency.clone(), months))
    }

    pub(crate) fn discount(&self, coupon: &str) -> Result<Discount, Problem> {
        let known = self.coupons.get(coupon).ok_or_else(|| Problem::named("discounts[0][coupon]", "coupon", coupon))?;
        let ends = match known.duration {
            Duration::Months(months) => Some(later(self.now, 1, months)),
            Duration::Once | Duration::Forever => None,
        };
        Ok(Discount { coupon: coupon.to_owned(), ends, is_once: known.duration == Duration::Once })
    }

    pub(crate) fn create_subscription(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&[
            "customer",
            "items",
            "metadata",
            "trial_period_days",
            "trial_end",
            "default_payment_method",
            "payment_behavior",
            "discounts",
            "automatic_tax",
            "billing_mode",
            "off_session",
        ])?;
        let customer = self.named_customer(p)?;
        let behaviour =
            p.choice("payment_behavior", &["allow_incomplete", "error_if_incomplete", "default_incomplete"])?;
        let mut new = self.drafted(&customer, &p.groups("items"), p)?;
        new.default_method = match p.text("default_payment_method") {
            Some(method) => Some(self.method(method)?.id.clone()),
            None => None,
        };
        if let Some(coupon) = p.groups("discounts").first().and_then(|d| d.text("coupon")) {
            new.discount = Some(self.discount(coupon)?);
        }
        new.automatic_tax = p.flag("automatic_tax[enabled]")?.unwrap_or(false);
        if behaviour == Some("error_if_incomplete") {
            self.would_be_paid(&new, self.period_lines(&new.items, new.period))?;
        }
        match self.begin(new, None) {
            Ok(id) => self.subscription(&id).map(|found| found.json(self)),
            // It stays incomplete: its invoice can still be paid.
            Err(_) => match self.subscriptions.values().next_back() {
                Some(made) => Ok(made.json(self)),
                None => Err(Problem::missing("items")),
            },
        }
    }

    /// Errors: the card would not pay what an invoice of these lines asks for.
    pub(crate) fn would_be_paid(&self, of: &Subscription, lines: Vec<crate::invoice::Line>) -> Result<(), Problem> {
        let invoice = self.reckon_up(&of.customer, Some(of), lines, "subscription_update");
        if invoice.amount_due == 0 || of.trial.is_some_and(|(_, end)| self.now < end) {
            return Ok(());
        }
        let method =
            of.default_method.as_ref().and_then(|id| self.methods.get(id)).cloned().or_else(|| self.card_for(&invoice));
        match method.map(|method| method.card.decline()) {
            Some(None) => Ok(()),
            Some(Some(decline)) => Err(Problem::declined(decline)),
            None => Err(Problem::coded(
                "resource_missing",
                "",
                "This customer has no attached payment source or default payment method.",
            )),
        }
    }

    /// What the items become by `items[…]`.
    pub(crate) fn changed_items(&self, from: &Subscription, p: &Params) -> Result<Vec<Item>, Problem> {
        let mut items = from.items.clone();
        for change in p.groups("items") {
            let price = change.text("price").map(str::to_owned);
            if let Some(price) = &price {
                self.price(price).map_err(|_| Problem::named("items[0][price]", "price", price))?;
            }
            let quantity = change.number("quantity")?;
            let Some(id) = change.text("id") else {
                let price = price.ok_or_else(|| Problem::missing("items[0][price]"))?;
                let metadata = change.map("metadata");
                items.push(Item {
                    id: String::new(),
                    price,
                    quantity: quantity.unwrap_or(1),
                    metadata,
                    created: self.now,
                });
                continue;
            };
            let at = items.iter().position(|item| item.id == id);
            let at = at.ok_or_else(|| Problem::named("items[0][id]", "subscription item", id))?;
            if change.flag("deleted")? == Some(true) {
                items.remove(at);
            } else if let Some(item) = items.get_mut(at) {
                item.price = price.unwrap_or(item.price.clone());
                item.quantity = quantity.unwrap_or(item.quantity);
                merge(&mut item.metadata, change.map("metadata"));
            }
        }
        let (currency, _) = self.checked(&items)?;
        if currency != from.currency {
            return Err(Problem::invalid("items", "A subscription keeps its currency."));
        }
        Ok(items)
    }

    pub(crate) fn proration_date(&self, from: &Subscription, p: &Params) -> Result<i64, Problem> {
        let at = p.number("proration_date")?.unwrap_or(self.now);
        if at < from.period.0 || at >= from.period.1.max(self.now + 1) {
            return Err(Problem::invalid(
                "proration_date",
                "Cannot specify `proration_date` outside of the current period.",
            ));
        }
        Ok(at)
    }

    pub(crate) fn update_subscription(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&[
            "items",
            "metadata",
            "cancel_at_period_end",
            "default_payment_method",
            "proration_behavior",
            "proration_date",
            "payment_behavior",
            "trial_end",
        ])?;
        let mut after = self.subscription(id)?.clone();
        if after.ended_at.is_some() {
            return Err(Problem::invalid(
                "",
                "A canceled subscription can only update its cancellation_details and metadata.",
            ));
        }
        if let Some(ends) = p.flag("cancel_at_period_end")? {
            after.ends_with_period = ends;
            after.canceled_at = ends.then_some(self.now);
        }
        match p.get("default_payment_method") {
            Some("") => after.default_method = None,
            Some(method) => after.default_method = Some(self.method(method)?.id.clone()),
            None => {}
        }
        merge(&mut after.metadata, p.map("metadata"));
        let to = self.changed_items(&after, p)?;
        if to == after.items {
            self.subscriptions.insert(id.to_owned(), after);
            self.tell_subscription("customer.subscription.updated", id);
            return self.subscription(id).map(|found| found.json(self));
        }
        self.change_items(after, to, p)?;
        self.subscription(id).map(|found| found.json(self))
    }

    fn change_items(&mut self, mut after: Subscription, to: Vec<Item>, p: &Params) -> Result<(), Problem> {
        let behaviour = p.choice("proration_behavior", &["always_invoice", "none"])?;
        p.choice("payment_behavior", &["allow_incomplete", "error_if_incomplete"])?;
        let at = self.proration_date(&after, p)?;
        let renews = self.renews(&after, &to);
        let lines = if behaviour == Some("none") { Vec::new() } else { self.prorated(&after, &to, at) };
        if p.text("payment_behavior") == Some("error_if_incomplete") {
            self.would_be_paid(&after, lines.clone())?;
        }
        after.items = to;
        for item in after.items.iter_mut().filter(|item| item.id.is_empty()) {
            item.id = self.id("si");
        }
        if let (Some(months), false) = (renews, after.status == "trialing") {
            after.anchor = at;
            after.period = next_period(at, months, at);
        }
        let id = after.id.clone();
        self.subscriptions.insert(id.clone(), after.clone());
        self.tell_subscription("customer.subscription.updated", &id);
        if !lines.is_empty() {
            let invoice = self.reckon_up(&after.customer, Some(&after), lines, "subscription_update");
            let invoice = self.keep_draft(invoice);
            self.finalize(&invoice);
            self.collect(&invoice);
        }
        Ok(())
    }

    pub(crate) fn delete_subscription(&mut self, id: &str, p: &Params) -> Result<Value, Problem> {
        p.only(&["invoice_now", "prorate"])?;
        let subscription = self.subscription(id)?.clone();
        if subscription.ended_at.is_some() {
            return Err(Problem::gone("subscription", id));
        }
        if p.flag("invoice_now")? == Some(true) {
            self.invoice_waiting(&subscription);
        }
        self.cancel(id);
        self.subscription(id).map(|found| found.json(self))
    }
}
