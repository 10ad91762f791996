//! SUMMARY    Subscriptions: what a change costs, changing, ending, resuming, what was used of them.
//! INVARIANTS A change that the card does not pay for does not happen (`error_if_incomplete`).

use crate::{
    amount,
    call::{Call, id},
    catalog::{Bought, COMPONENT},
    object::{InvoiceItem, PreviewInvoice, Subscription, SubscriptionItem},
    payments::Stripe,
};
use base::Timestamp;
use billing::{End, Failure, FailureKind, Money, Plan, Preview, Wanted};

/// Names in the metadata of subscriptions.
pub const FAMILY: &str = "family";
pub const PLAN: &str = "plan";
pub const VERSION: &str = "version";

pub fn described(call: Call, field: &str, plan: &Plan) -> Call {
    let call = call.with(format!("{field}[{FAMILY}]"), &plan.family).with(format!("{field}[{PLAN}]"), &plan.key);
    call.with(format!("{field}[{VERSION}]"), plan.version)
}

fn component(item: &SubscriptionItem) -> Option<&str> {
    item.price.metadata.get(COMPONENT).map(String::as_str).filter(|c| !c.is_empty())
}

/// Whether the subscription is what is wanted, to the version of the plan.
fn is_so(from: &Subscription, bought: &[Bought], plan: &Plan) -> bool {
    let text = |name| from.metadata.get(name).map(String::as_str);
    let has = |part: &Bought| {
        from.items.data.iter().any(|item| item.price.id == part.price && item.quantity == Some(part.quantity))
    };
    let described = [text(FAMILY), text(PLAN)] == [Some(plan.family.as_str()), Some(plan.key.as_str())];
    described
        && text(VERSION) == Some(plan.version.to_string().as_str())
        && from.items.data.len() == bought.len()
        && bought.iter().all(has)
}

/// Adds what the items become: those that are not wanted any more are deleted.
fn items(mut call: Call, field: &str, from: &Subscription, bought: &[Bought]) -> Call {
    let mut n = 0;
    for item in &from.items.data {
        if !bought.iter().any(|part| part.component.as_deref() == component(item)) {
            call = call.with(format!("{field}[{n}][id]"), &item.id).with(format!("{field}[{n}][deleted]"), true);
            n += 1;
        }
    }
    for part in bought {
        let item = from.items.data.iter().find(|item| component(item) == part.component.as_deref());
        if let Some(item) = item {
            call = call.with(format!("{field}[{n}][id]"), &item.id);
        }
        call = call.with(format!("{field}[{n}][price]"), &part.price);
        call = call.with(format!("{field}[{n}][quantity]"), part.quantity);
        n += 1;
    }
    call
}

/// What is used of a component is charged with this in the metadata of the invoice item.
const QUANTITY: &str = "quantity";
/// The key of the call that made an item.
const USE_KEY: &str = "use_key";

impl Stripe {
    pub(crate) async fn find_subscription(&self, subscription: &str) -> Result<Subscription, Failure> {
        let mut found: Subscription = self.ask(Call::get(format!("/subscriptions/{}", id(subscription)?))).await?;
        self.complete(&mut found).await?;
        Ok(found)
    }

    /// All items of a subscription, also those that its own list leaves out.
    pub(crate) async fn complete(&self, subscription: &mut Subscription) -> Result<(), Failure> {
        if subscription.items.has_more {
            let list = Call::get("/subscription_items").with("subscription", &subscription.id);
            subscription.items.data = self.all(list).await?;
            subscription.items.has_more = false;
        }
        Ok(())
    }

    pub(crate) async fn preview_change(
        &self,
        subscription: &str,
        to: &Wanted,
        at: Timestamp,
    ) -> Result<Preview, Failure> {
        let from = self.find_subscription(subscription).await?;
        let call = Call { key: None, ..Call::post("/invoices/create_preview", "") }
            .with("subscription", subscription)
            .with("subscription_details[proration_behavior]", "always_invoice")
            .with("subscription_details[proration_date]", at.secs());
        let call = items(call, "subscription_details[items]", &from, &self.bought(to).await?);
        let invoice: PreviewInvoice = self.ask(call).await?;
        let tax = invoice.total.saturating_sub(invoice.total_excluding_tax.unwrap_or(invoice.total));
        Ok(Preview { now: amount::read(invoice.total, &invoice.currency)?, tax: amount::read(tax, &invoice.currency)? })
    }

    pub(crate) async fn make_change(
        &self,
        key: &str,
        subscription: &str,
        to: &Wanted,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let from = self.find_subscription(subscription).await?;
        let bought = self.bought(to).await?;
        // Asked again after an answer that was lost, the items would be named otherwise than the key knows them.
        if is_so(&from, &bought, &to.plan) {
            return Ok(());
        }
        let call = Call::post(format!("/subscriptions/{}", id(subscription)?), key)
            .with("proration_behavior", "always_invoice")
            .with("proration_date", at.secs())
            .with("payment_behavior", "error_if_incomplete");
        let call = described(call, "metadata", &to.plan);
        self.tell(items(call, "items", &from, &bought)).await
    }

    pub(crate) async fn end_subscription(&self, key: &str, subscription: &str, when: End) -> Result<(), Failure> {
        let path = format!("/subscriptions/{}", id(subscription)?);
        match when {
            End::Period => self.tell(Call::post(path, key).with("cancel_at_period_end", true)).await,
            // What was used and is on no invoice yet is on a last one.
            End::Now => match self.tell(Call::delete(path).with("invoice_now", true)).await {
                // It has ended before: what was asked for is so.
                Err(failure) if failure.kind == FailureKind::Gone => {
                    let found = self.find_subscription(subscription).await?;
                    if found.ended_at.is_some() { Ok(()) } else { Err(failure) }
                }
                ended => ended,
            },
        }
    }

    pub(crate) async fn keep_subscription(&self, key: &str, subscription: &str) -> Result<(), Failure> {
        let path = format!("/subscriptions/{}", id(subscription)?);
        self.tell(Call::post(path, key).with("cancel_at_period_end", false)).await
    }

    /// Stripe forgets keys after a day: an item keeps its own, and is looked for before another is made.
    pub(crate) async fn add_use(
        &self,
        key: &str,
        subscription: &str,
        component: &str,
        used: (u64, Money),
    ) -> Result<(), Failure> {
        let (quantity, money) = used;
        let found = self.find_subscription(subscription).await?;
        let list = Call::get("/invoiceitems").with("customer", found.customer.name());
        let items: Vec<InvoiceItem> = self.all(list).await?;
        if items.iter().any(|item| item.metadata.get(USE_KEY).is_some_and(|known| known == key)) {
            return Ok(());
        }
        let call = Call::post("/invoiceitems", key)
            .with("customer", found.customer.name())
            .with("subscription", &found.id)
            .with("amount", amount::written(money)?)
            .with("currency", amount::code(money.currency()))
            .with("description", format!("{component}: {quantity}"))
            .with(format!("metadata[{COMPONENT}]"), component)
            .with(format!("metadata[{QUANTITY}]"), quantity)
            .with(format!("metadata[{USE_KEY}]"), key);
        self.tell(call).await
    }
}
