//! SUMMARY    Which stages a customer that does not pay goes through, and when: the seller's policy.

use super::{number, tabs};
use crate::{
    collection::{Collection, beside},
    form::{Form, Refusal, ask},
    operation::{BillingPolicy, BillingPolicyUpdate, billing_policy, billing_policy_update, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use billing_policy::BillingPolicyBillingPolicy as Policy;
use billing_policy_update::{BillingPolicyInput, BillingPolicyUpdateInput};

/// The days, and the hundredths, by the names that the API has for them, with their labels and hints.
const FIELDS: [(&str, &str, &str); 7] = [
    ("graceDays", "label-grace-days", ""),
    ("graceSendingPercent", "label-grace-percent", "hint-grace-percent"),
    ("suspendedDays", "label-suspended-days", ""),
    ("readOnlyDays", "label-read-only-days", ""),
    ("closingDays", "label-closing-days", ""),
    ("undoDays", "label-undo-days", ""),
    ("lastNoticeDays", "label-last-notice-days", ""),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

fn values(policy: &Policy) -> [i64; 7] {
    [
        policy.grace_days,
        policy.grace_sending_percent,
        policy.suspended_days,
        policy.read_only_days,
        policy.closing_days,
        policy.undo_days,
        policy.last_notice_days,
    ]
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let data = visit.ask::<BillingPolicy>(billing_policy::Variables { seller: visit.tenant()? }).await?;
    let policy = data.billing_policy.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("policy-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("policy-about");
    page.notes.push(page.f.t("policy-promise"));
    let input = |((name, label, hint), value): ((&'static str, &'static str, &'static str), i64)| {
        let value = value.to_string();
        page.form.input(&page.f, ask(name, "number", label, hint, "off").with(&value))
    };
    let inputs = FIELDS.into_iter().zip(values(&policy)).map(input).collect::<Result<_, _>>();
    page.panel("save", "policy-panel", "", inputs.map_err(|_| Trouble::Broken)?, "save");
    if let Some(panel) = page.panels.last_mut() {
        panel.hidden.push(("version", policy.version.to_string()));
    }
    page.reply()
}

/// What was typed. Errors: a field that is no number.
fn typed(visit: &Visit) -> Result<BillingPolicyInput, Refusal> {
    let of = |name: &str| number(&visit.fields, name)?.ok_or_else(|| Refusal::new(name, "QUANTITY"));
    Ok(BillingPolicyInput {
        grace_days: of("graceDays")?,
        suspended_days: of("suspendedDays")?,
        read_only_days: of("readOnlyDays")?,
        closing_days: of("closingDays")?,
        undo_days: of("undoDays")?,
        last_notice_days: of("lastNoticeDays")?,
        grace_sending_percent: of("graceSendingPercent")?,
    })
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let refusals = match typed(visit) {
        Ok(policy) => save(visit, policy).await?,
        Err(refusal) => vec![refusal],
    };
    match refusals.is_empty() {
        true => see("/sell/policy?ok=saved"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn save(visit: &Visit, policy: BillingPolicyInput) -> Result<Vec<Refusal>, Trouble> {
    let input = BillingPolicyUpdateInput {
        seller_id: visit.tenant()?,
        policy,
        expected_version: visit.fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let names = FIELDS.map(|(name, _, _)| (name, name));
    // A number beyond what the schema takes is refused as a whole.
    match visit.ask_told::<BillingPolicyUpdate>(billing_policy_update::Variables { input }).await? {
        Ok(data) => Ok(beside(refusals!(data.billing_policy_update), &names)),
        Err(refusal) => Ok(vec![refusal]),
    }
}
