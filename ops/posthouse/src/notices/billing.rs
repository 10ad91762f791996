//! SUMMARY    Letters about money: what is due, what comes on which day, and what is left to do.
//! INVARIANTS Each tells the days that were promised (T3), and where to pay or to come back. Nothing in it is a secret.

use super::{day, named};
use base::Timestamp;
use serde_json::Value;

/// Subject and text; `None` for a kind that is not about money.
pub(super) fn written(kind: &str, facts: &Value, hostname: &str) -> Option<(String, String)> {
    let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default();
    let tenant = named(text("tenant"));
    let of = day(moment(facts.get("of_ms")));
    let owed = owed(facts);
    let link = match facts.get("link").and_then(Value::as_str) {
        Some(link) => link.to_owned(),
        None => format!("where you sign in to what {hostname} offers"),
    };
    let (subject, body) = match kind {
        "billing-trial-ending" => (
            format!("Your trial of {tenant} ends"),
            format!(
                "The trial of {tenant} on {hostname} ends on {of}. From then on it is paid for.\n\nSee what it costs, or end it: \
                 {link}\n"
            ),
        ),
        "billing-past-due" => (
            format!("A payment for {tenant} is due"),
            format!(
                "A payment for {tenant} on {hostname} was due on {of} and was not made{owed}.\nEverything works as before. If \
                 nothing is paid:\n\n{}\nPay: {link}\n",
                dates(facts)
            ),
        ),
        "billing-ahead" => (
            format!("{tenant}: {}", coming(text("stage"))),
            format!(
                "A payment for {tenant} on {hostname} is due since {of}{owed}. If nothing is paid:\n\n{}\nPay: {link}\n",
                dates(facts)
            ),
        ),
        "billing-reached" => (
            format!("{tenant}: {}", reached(text("stage"))),
            format!(
                "A payment for {tenant} on {hostname} is due since {of}{owed}. From now on {}. If nothing is paid:\n\n{}\nPay, and \
                 everything works again at once: {link}\n",
                reached(text("stage")),
                dates(facts)
            ),
        ),
        "billing-purge" => (
            format!("Everything of {tenant} will be destroyed"),
            format!(
                "{tenant} on {hostname} is closed: nothing is sent or received.\n\n{}\nUntil then you can read and export all of it, and \
                 take the closing back{owed}: {link}\n",
                dates(facts)
            ),
        ),
        "billing-settled" => (
            format!("{tenant} is paid"),
            format!("What was due for {tenant} on {hostname} since {of} is paid. Everything works again. Thank you.\n"),
        ),
        "billing-reopened" => (
            format!("{tenant} is open again"),
            format!(
                "{tenant} on {hostname} was closed on {of} and is open again; nothing is destroyed. Subscriptions that ended with the \
                 closing are not bought again by themselves: {link}\n"
            ),
        ),
        _ => return None,
    };
    Some((subject, body))
}

/// As ` (12.50 EUR, 3 USD)`.
fn owed(facts: &Value) -> String {
    let all = facts.get("owed").and_then(Value::as_array).into_iter().flatten();
    let all: Vec<&str> = all.filter_map(Value::as_str).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}

/// A line for each day that was promised.
fn dates(facts: &Value) -> String {
    let all = facts.get("dates").and_then(Value::as_array).into_iter().flatten();
    let line = |told: &Value| {
        let stage = told.get("stage").and_then(Value::as_str).unwrap_or_default();
        format!("  {}  {}\n", day(moment(told.get("at_ms"))), coming(stage))
    };
    all.map(line).collect()
}

fn coming(stage: &str) -> &'static str {
    match stage {
        "GRACE" => "less is sent in a day",
        "SUSPENDED" => "nothing is sent to others any more",
        "READ_ONLY" => "nothing is sent and nothing new is made",
        "CLOSING" => "nothing is received any more; reading and export go on",
        "PURGING" => "everything is destroyed, not before this day",
        _ => "something changes",
    }
}

fn reached(stage: &str) -> &'static str {
    match stage {
        "GRACE" => "less is sent in a day",
        "SUSPENDED" => "nothing is sent to others",
        "READ_ONLY" => "nothing is sent and nothing new is made; reading, receiving and export go on",
        _ => "something is different",
    }
}

fn moment(value: Option<&Value>) -> Timestamp {
    Timestamp(value.and_then(Value::as_i64).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KINDS: [&str; 7] = [
        "billing-trial-ending",
        "billing-past-due",
        "billing-ahead",
        "billing-reached",
        "billing-purge",
        "billing-settled",
        "billing-reopened",
    ];

    #[test]
    fn a_letter_tells_the_days_and_where_to_pay() {
        let dates =
            json!([{ "stage": "SUSPENDED", "at_ms": 86_400_000 }, { "stage": "CLOSING", "at_ms": 172_800_000 }]);
        let facts = json!({
            "tenant": "Alpha", "stage": "SUSPENDED", "of_ms": 0, "dates": dates, "owed": ["12.00 EUR"],
            "link": "https://p.example/billing",
        });
        let (subject, text) = written("billing-past-due", &facts, "mx.example").unwrap();
        assert_eq!(subject, "A payment for Alpha is due");
        for part in [
            "was due on 1970-01-01 00:00 UTC and was not made (12.00 EUR)",
            "  1970-01-02 00:00 UTC  nothing is sent to others any more\n",
            "  1970-01-03 00:00 UTC  nothing is received any more",
            "Pay: https://p.example/billing\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let (_, text) = written("billing-reached", &facts, "mx.example").unwrap();
        assert!(text.contains("From now on nothing is sent to others."), "{text}");
    }

    #[test]
    fn every_kind_has_a_text_and_nobody_writes_links_in_our_name() {
        let facts = json!({ "tenant": "Pay at http://evil.example", "of_ms": 0, "dates": [], "owed": [] });
        for kind in KINDS {
            let (subject, text) = written(kind, &facts, "mx.example").unwrap();
            assert!(!subject.is_empty() && !text.contains("http://") && !subject.contains("http://"), "{kind}: {text}");
        }
        assert!(written("invitation", &facts, "mx.example").is_none());
    }
}
