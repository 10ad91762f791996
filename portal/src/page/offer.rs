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

/// What each period costs, without tax: in the same words to who is not a customer yet and to who is.
pub(crate) fn price(f: &Frame, is_free: bool, total: &str, is_yearly: bool) -> String {
    match is_free {
        true => f.t("signup-free"),
        false => f.with("price-untaxed", "price", words::each(f, total, if is_yearly { "YEAR" } else { "MONTH" })),
    }
}

/// So many of each amount together, as `5.00 EUR`. `None`: they are of several currencies, or no amounts.
pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = (i64, &'a str)>) -> Option<String> {
    let (mut minor, mut of) = (0_i64, None);
    for (n, amount) in amounts {
        let (number, currency) = amount.split_once(' ')?;
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        if of.is_some_and(|known| known != (currency, decimals)) {
            return None;
        }
        of = Some((currency, decimals));
        let one = number.replace('.', "").parse::<i64>().ok()?;
        minor = minor.checked_add(one.checked_mul(n)?)?;
    }
    let (currency, decimals) = of?;
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, rest) = digits.split_at_checked(digits.len() - decimals)?;
    let point = if decimals == 0 { "" } else { "." };
    Some(format!("{sign}{whole}{point}{rest} {currency}"))
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
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_one_currency_are_added() {
        for (amounts, text) in [
            (&[(1, "2.00 EUR"), (1, "3.00 EUR")][..], Some("5.00 EUR")),
            (&[(1, "0.00 EUR"), (3, "0.05 EUR")], Some("0.15 EUR")),
            (&[(2, "100 JPY")], Some("200 JPY")),
            (&[(1, "-0.05 EUR")], Some("-0.05 EUR")),
            (&[(1, "1.500 KWD"), (0, "1.000 KWD")], Some("1.500 KWD")),
            (&[(1, "1.00 EUR"), (1, "1.00 USD")], None),
            (&[(1, "EUR")], None),
            (&[], None),
        ] {
            assert_eq!(sum(amounts.iter().copied()).as_deref(), text, "{amounts:?}");
        }
    }
}
