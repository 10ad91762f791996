//! SUMMARY    Billing in words: stages, invoices, subscriptions, prices, limits.

use super::{
    away,
    shape::{Bought, Invoice, Plan, Price},
};
use crate::{
    collection::{Row, act},
    frame::Frame,
    page::offer,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The meter of stored bytes.
pub(crate) const STORAGE: &str = "STORAGE_GIB_DAYS";
/// What parts are called by the form of plans, which asks for no titles: each with the key of our words.
const PARTS: [(&str, &str); 4] = [
    ("Mailboxes", "limit-mailboxes"),
    ("GB", "part-gb"),
    ("Recipients", "part-recipients"),
    ("GB and day", "part-gb-days"),
];

/// A stage: its name, what it means, how it looks.
pub(crate) fn phase(word: &str) -> (&'static str, &'static str, &'static str) {
    match word {
        "TRIAL" => ("phase-trial", "phase-trial-about", "plain"),
        "ACTIVE" => ("phase-active", "phase-active-about", "good"),
        "PAST_DUE" => ("phase-past-due", "phase-past-due-about", "open"),
        "GRACE" => ("phase-grace", "phase-grace-about", "open"),
        "SUSPENDED" => ("phase-suspended", "phase-suspended-about", "bad"),
        "READ_ONLY" => ("phase-read-only", "phase-read-only-about", "bad"),
        "CLOSING" => ("phase-closing", "phase-closing-about", "bad"),
        "PURGING" => ("phase-purging", "phase-purging-about", "bad"),
        _ => ("phase-other", "phase-other-about", "plain"),
    }
}

fn status(word: &str) -> (&'static str, &'static str) {
    match word {
        "INCOMPLETE" => ("subscription-incomplete", "open"),
        "TRIALING" => ("subscription-trialing", "plain"),
        "ACTIVE" => ("subscription-active", "good"),
        "PAST_DUE" => ("subscription-past-due", "open"),
        "UNPAID" => ("subscription-unpaid", "bad"),
        "CANCELLED" => ("subscription-cancelled", "plain"),
        _ => ("subscription-other", "plain"),
    }
}

/// How an invoice stands; one whose payment failed says so.
fn invoice_state(invoice: &Invoice) -> (&'static str, &'static str) {
    match (invoice.state.as_str(), invoice.failed) {
        ("DRAFT", _) => ("invoice-draft", "plain"),
        ("OPEN", true) => ("invoice-failed", "bad"),
        ("OPEN", false) => ("invoice-open", "open"),
        ("PAID", _) if invoice.is_taken_back() => ("invoice-taken-back", "bad"),
        ("PAID", _) => ("invoice-paid", "good"),
        ("VOID", _) => ("invoice-void", "plain"),
        ("UNCOLLECTIBLE", _) => ("invoice-uncollectible", "bad"),
        _ => ("invoice-other", "plain"),
    }
}

/// Whether an amount is nothing: `0.00 EUR`.
pub(crate) fn is_nothing(amount: &str) -> bool {
    !amount.split(' ').next().unwrap_or_default().chars().any(|c| c.is_ascii_digit() && c != '0')
}

/// An amount each month, or each year.
pub(crate) fn each(f: &Frame, amount: &str, interval: &str) -> String {
    let amount = f.money(amount);
    match interval {
        "YEAR" => f.with("each-year", "amount", amount),
        _ => f.with("each-month", "amount", amount),
    }
}

/// The key of an interval's name.
pub(crate) fn interval(word: &str) -> &'static str {
    if word == "YEAR" { "interval-year" } else { "interval-month" }
}

/// A subscription as a row; what can be done to it is the page's.
pub(crate) fn bought(f: &Frame, b: &Bought) -> Row {
    let (text, class) = status(&b.status);
    let mut facts = vec![each(f, &b.total, &b.interval)];
    let items = b.items.iter().filter(|item| item.quantity > 0);
    facts.extend(items.map(|i| f.with_two("item", ("n", &i.quantity.to_string()), ("title", &part(f, &i.title)))));
    if let Some(at) = b.trial_ends_at.as_ref().filter(|_| b.status == "TRIALING") {
        facts.push(f.with("trial-until", "at", f.day(at)));
    }
    match (&b.ended_at, &b.ends_at) {
        (Some(at), _) => facts.push(f.with("subscription-ended", "at", f.day(at))),
        (None, Some(at)) => facts.push(f.with("subscription-ends", "at", f.day(at))),
        (None, None) if is_nothing(&b.total) || matches!(b.status.as_str(), "PAST_DUE" | "UNPAID") => {}
        (None, None) => {
            let at = b.trial_ends_at.as_ref().filter(|_| b.status == "TRIALING").unwrap_or(&b.period.end);
            facts.push(f.with_two("subscription-next", ("amount", &f.money(&b.total)), ("at", &f.day(at))));
        }
    }
    let mut states = vec![(f.t(text), class)];
    if b.ends_at.is_some() && b.is_live() {
        states.push((f.t("subscription-ending"), "open"));
    }
    Row { title: b.plan.title.clone(), states, facts, ..Row::default() }
}

/// An invoice as a row, with a button to pay it where it is open.
pub(crate) fn invoice(f: &Frame, i: &Invoice, may_pay: bool) -> Row {
    let (text, class) = invoice_state(i);
    let number = i.number.clone().unwrap_or_else(|| f.t("invoice-no-number"));
    let mut facts = vec![f.with_two("invoice-dated", ("at", &f.day(&i.issued_at)), ("due", &f.day(&i.due_at)))];
    if i.state != "PAID" && !is_nothing(&i.paid) {
        facts.push(f.with("invoice-paid-part", "amount", f.money(&i.paid)));
    }
    if i.is_taken_back() {
        facts.push(f.with("invoice-owed", "amount", f.money(&i.owed)));
    }
    if !is_nothing(&i.refunded) {
        facts.push(f.with("invoice-refunded", "amount", f.money(&i.refunded)));
    }
    let links = [(&i.page_url, "invoice-page"), (&i.pdf_url, "invoice-pdf")];
    let links =
        links.into_iter().filter_map(|(url, key)| Some((away(url.as_deref()?)?, f.with(key, "number", &number))));
    let acts = match i.is_open() && may_pay {
        true => vec![act(f, "pay", &i.id, "invoice-pay", "invoice-pay-named", &number)],
        false => Vec::new(),
    };
    Row {
        title: f.with_two("invoice-title", ("number", &number), ("amount", &f.money(&i.total))),
        states: vec![(f.t(text), class)],
        facts,
        away: links.collect(),
        acts,
        ..Row::default()
    }
}

/// An invoice of the visitor's own tenant: one that is at no provider comes from here as PDF.
pub(crate) fn own_invoice(f: &Frame, i: &Invoice, may_pay: bool) -> Row {
    let mut row = invoice(f, i, may_pay);
    if let (Some(number), None, None) = (&i.number, &i.page_url, &i.pdf_url) {
        let id = utf8_percent_encode(&i.id, NON_ALPHANUMERIC);
        row.away.push((format!("/billing/invoices/{id}/paper"), f.with("invoice-pdf", "number", number)));
    }
    row
}

/// What a plan costs, line by line.
pub(crate) fn prices(f: &Frame, plan: &Plan) -> Vec<String> {
    if plan.prices.is_empty() {
        return vec![offer::price(f, true, "", false)];
    }
    let mut facts = Vec::new();
    for (interval, currency) in
        plan.intervals().into_iter().flat_map(|i| plan.currencies().into_iter().map(move |c| (i, c)))
    {
        let total = least(plan, interval, currency).filter(|total| !is_nothing(total));
        facts.extend(total.map(|total| offer::price(f, false, &total, interval == "YEAR")));
    }
    facts.extend(plan.prices.iter().filter_map(|price| component_price(f, plan, price)));
    if plan.components.iter().filter_map(|c| c.metered.as_ref()).any(|m| m.meter == STORAGE) {
        facts.push(f.t("meter-storage-about"));
    }
    if plan.trial_days > 0 {
        facts.push(f.count("plan-trial", plan.trial_days));
    }
    facts
}

/// What a plan costs with the least of each part: what strangers are told that it costs.
fn least(plan: &Plan, interval: &str, currency: &str) -> Option<String> {
    let of = |p: &&Price| p.interval == interval && p.currency() == currency;
    let amounts = plan.prices.iter().filter(of).filter_map(|p| match &p.component {
        None => Some((1, p.unit.as_str())),
        Some(key) => {
            let part = plan.components.iter().find(|c| c.key == *key)?;
            Some((part.unit.as_ref()?.least, p.unit.as_str()))
        }
    });
    offer::sum(amounts)
}

/// What a part is called: by its seller, or in the reader's language where that is what the form of plans calls it.
pub(crate) fn part(f: &Frame, title: &str) -> String {
    PARTS.iter().find(|(usual, _)| *usual == title).map_or_else(|| title.to_owned(), |(_, key)| f.t(key))
}

fn component_price(f: &Frame, plan: &Plan, price: &Price) -> Option<String> {
    let component = plan.components.iter().find(|c| Some(&c.key) == price.component.as_ref())?;
    let amount = each(f, &price.unit, &price.interval);
    let title = part(f, &component.title);
    let Some(metered) = &component.metered else {
        let least = component.unit.as_ref().map_or(0, |unit| unit.least).to_string();
        let key = if least == "0" { "price-each" } else { "price-each-included" };
        return Some(f.with_all(key, &[("title", &title), ("price", &amount), ("n", &least)]));
    };
    let (per, included) = (metered.per.to_string(), metered.included.to_string());
    let values = [
        ("title", title.as_str()),
        ("price", &f.money(&price.unit)),
        ("per", &per),
        ("included", &included),
        ("meter", &f.t(meter(&metered.meter))),
    ];
    Some(f.with_all("price-metered", &values))
}

/// The key of what a meter counts.
pub(crate) fn meter(word: &str) -> &'static str {
    match word {
        "OUTGOING_RECIPIENTS" => "meter-recipients",
        STORAGE => "meter-storage",
        _ => "meter-other",
    }
}

/// The key of a limit's name, as quotes name it.
pub(crate) fn limit(name: &str) -> &'static str {
    match name {
        "maxDomains" | "DOMAINS" => "limit-domains",
        "maxMailboxes" | "MAILBOXES" => "limit-mailboxes",
        "storageBytesMax" | "STORAGE_BYTES" => "limit-storage",
        "messagesPerHourMax" | "RECIPIENTS_PER_HOUR" => "limit-per-hour",
        "recipientsPerDayMax" | "RECIPIENTS_PER_DAY" => "limit-per-day",
        "newRecipientsPerDayMax" | "NEW_RECIPIENTS_PER_DAY" => "limit-new-per-day",
        _ => "limit-other",
    }
}

/// A number of something, or that there is no limit.
pub(crate) fn most(f: &Frame, n: Option<i64>) -> String {
    n.map_or_else(|| f.t("limit-none"), |n| n.to_string())
}

/// The same in bytes.
pub(crate) fn most_bytes(f: &Frame, bytes: Option<&str>) -> String {
    bytes.map_or_else(|| f.t("limit-none"), |bytes| f.size(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_from_something() {
        for nothing in ["0.00 EUR", "0 JPY", "-0.000 KWD", ""] {
            assert!(is_nothing(nothing), "{nothing}");
        }
        for something in ["0.01 EUR", "10 JPY", "-3.00 USD"] {
            assert!(!is_nothing(something), "{something}");
        }
    }
}
