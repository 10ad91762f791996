//! SUMMARY    What strangers are offered: plans with their price, what they come with, and from when they cost.

use super::billing::words;
use crate::{frame::Frame, operation::signup_options};
use signup_options::SignupOptionsSignupOptionsPlans as Plan;

/// A plan as it is shown to who may choose it.
pub(crate) struct Card {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) price: String,
    pub(crate) facts: Vec<String>,
    pub(crate) is_chosen: bool,
}

/// The cards of what is offered, the one of a key chosen, the first one otherwise.
pub(crate) fn cards(f: &Frame, plans: &[Plan], chosen: &str) -> Vec<Card> {
    let is_known = plans.iter().any(|plan| plan.key == chosen);
    let card = |(at, plan): (usize, &Plan)| Card {
        key: plan.key.clone(),
        title: plan.title.clone(),
        price: price(f, plan.free, &plan.total, plan.interval == signup_options::BillingInterval::YEAR),
        facts: facts(f, plan),
        is_chosen: if is_known { plan.key == chosen } else { at == 0 },
    };
    plans.iter().enumerate().map(card).collect()
}

/// What each period costs, without tax.
pub(crate) fn price(f: &Frame, is_free: bool, total: &str, is_yearly: bool) -> String {
    match is_free {
        true => f.t("signup-free"),
        false => words::each(f, total, if is_yearly { "YEAR" } else { "MONTH" }),
    }
}

fn facts(f: &Frame, plan: &Plan) -> Vec<String> {
    let many = |(key, any): (&str, &str), n: Option<i64>| n.map_or_else(|| f.t(any), |n| f.count(key, n));
    let storage = plan.storage_bytes.as_ref().map_or_else(|| f.t("limit-none"), |bytes| f.size(bytes));
    let mut facts = vec![
        many(("offer-mailboxes", "offer-mailboxes-any"), plan.mailboxes),
        f.with("offer-storage", "size", storage),
    ];
    // An address of the provider's comes without a domain.
    if plan.domains != Some(0) {
        facts.push(many(("offer-domains", "offer-domains-any"), plan.domains));
    }
    if plan.trial_days > 0 {
        facts.push(f.count("plan-trial", plan.trial_days));
    }
    if !plan.free {
        facts.push(f.t("quote-tax"));
    }
    facts
}
