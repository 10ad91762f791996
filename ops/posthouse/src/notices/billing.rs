//! SUMMARY    Letters about money: what is due, what comes on which day, what is left to do; what was paid, what ends.
//! INVARIANTS Each tells the days that were promised (T3), and where to pay or to come back. Nothing in it is a secret.

use super::{Draft, paragraphs};
use base::Timestamp;
use serde_json::Value;

/// Subject and text; `None` for a kind that is not about money.
pub(super) fn written(draft: &Draft<'_>, kind: &str) -> Option<(String, String)> {
    if !kind.starts_with("billing-") {
        return None;
    }
    let facts = &draft.notice.facts;
    let (of, stage) = (moment(facts.get("of_ms")), draft.fact("stage"));
    let (day, until) = (draft.language.day(of), draft.language.moment(of));
    let link = match facts.get("link").and_then(Value::as_str) {
        Some(link) => link.to_owned(),
        None => draft.text("signs-in", &[]),
    };
    let change = match kind {
        "billing-reached" => draft.text("reached", &[("stage", stage)]),
        _ => draft.text("coming", &[("stage", stage)]),
    };
    let (tenant, plan, number) = (draft.name("tenant"), draft.name("plan"), draft.fact("number"));
    let (owed, amount) = (owed(draft), draft.language.amount(draft.fact("amount")));
    let text = |key: &str| {
        let tellable: [(&str, &str); 10] = [
            ("tenant", tenant.as_str()),
            ("day", &day),
            ("until", &until),
            ("owed", &owed),
            ("link", &link),
            ("change", &change),
            ("amount", &amount),
            ("number", number),
            ("plan", &plan),
            ("next", draft.fact("next")),
        ];
        draft.text(key, &tellable)
    };
    let dates = dates(draft);
    let unless = if dates.is_empty() { String::new() } else { text("billing-unless") };
    let of_number = if number.is_empty() { String::new() } else { text("paid-number") };
    let (subject, parts) = match kind {
        "billing-trial-ending" => ("trial-ending-subject", vec![text("trial-ending-about"), text("trial-ending-do")]),
        "billing-past-due" => ("past-due-subject", vec![text("past-due-about"), unless, dates, text("billing-pay")]),
        "billing-ahead" => ("ahead-subject", vec![text("ahead-about"), unless, dates, text("billing-pay")]),
        "billing-reached" => {
            ("reached-subject", vec![text("ahead-about"), text("reached-now"), unless, dates, text("reached-pay")])
        }
        "billing-purge" => ("purge-subject", vec![text("purge-about"), dates, text("purge-until"), text("purge-back")]),
        "billing-settled" => ("settled-subject", vec![text("settled-about")]),
        "billing-reopened" => ("reopened-subject", vec![text("reopened-about"), text("reopened-do")]),
        "billing-paid" => ("paid-subject", vec![text("paid-about"), of_number, text("paid-do")]),
        "billing-ending" => ("ending-subject", vec![text("ending-about"), text("left"), text("ending-do")]),
        "billing-ended" => ("ended-subject", vec![text("ended-about"), text("left"), text("ended-do")]),
        _ => return None,
    };
    Some((text(subject), paragraphs(parts)))
}

/// As ` (12.50 EUR; 3 JPY)`.
fn owed(draft: &Draft<'_>) -> String {
    let all = draft.notice.facts.get("owed").and_then(Value::as_array).into_iter().flatten();
    let all: Vec<String> = all.filter_map(Value::as_str).map(|amount| draft.language.amount(amount)).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}

/// A line for each day that was promised.
fn dates(draft: &Draft<'_>) -> String {
    let all = draft.notice.facts.get("dates").and_then(Value::as_array).into_iter().flatten();
    let line = |told: &Value| {
        let stage = told.get("stage").and_then(Value::as_str).unwrap_or_default();
        let change = draft.text("coming", &[("stage", stage)]);
        format!("  {}  {change}", draft.language.moment(moment(told.get("at_ms"))))
    };
    all.map(line).collect::<Vec<_>>().join("\n")
}

fn moment(value: Option<&Value>) -> Timestamp {
    Timestamp(value.and_then(Value::as_i64).unwrap_or_default())
}
