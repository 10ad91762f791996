//! SUMMARY    The time machine: what would become of a customer, day by day. Nothing is written.

use super::{number, tabs};
use crate::{
    collection::{Collection, Filter, Table},
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{BillingRehearsal, billing_rehearsal},
    page::billing::{shape::word, words},
    trouble::Trouble,
    visit::{Reply, Visit},
};
use billing_rehearsal::{BillingRehearsalBillingRehearsal as Step, RehearsalInput};

/// Days that are looked at where nobody says otherwise.
const DAYS: i64 = 120;
/// Fields with their labels and what stands there at first.
const DAYS_OF: [(&str, &str, &str); 4] = [
    ("days", "label-rehearsal-days", "120"),
    ("fails", "label-fails", "1"),
    ("pays", "label-pays", ""),
    ("closes", "label-closes", ""),
];

fn supposed(visit: &Visit) -> Result<RehearsalInput, Refusal> {
    let query = &visit.query;
    // The first look supposes that payments fail from tomorrow on.
    let fails = if query.given("days").is_none() { Some(1) } else { number(query, "fails")? };
    Ok(RehearsalInput {
        days: number(query, "days")?.unwrap_or(DAYS),
        fails_from_day: fails,
        pays_on_day: number(query, "pays")?,
        closes_on_day: number(query, "closes")?,
        policy: None,
    })
}

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    let steps = match supposed(visit) {
        Ok(supposed) => {
            let variables = billing_rehearsal::Variables { tenant: id.to_owned(), supposed };
            visit.ask_told::<BillingRehearsal>(variables).await?
        }
        Err(refusal) => Err(refusal),
    };
    let (steps, refusals) = match steps {
        Ok(data) => (data.billing_rehearsal.ok_or(Trouble::NotFound)?, Vec::new()),
        Err(refusal) => (Vec::new(), vec![refusal]),
    };
    let mut page = Collection::new(visit.frame("rehearsal-title"), Form::of(visit.query.clone(), refusals));
    page.tabs = tabs(visit, &page.f);
    page.back = Some((format!("/sell/customers/{id}"), page.f.t("rehearsal-back")));
    page.about = page.f.t("rehearsal-about");
    let is_first = visit.query.given("days").is_none();
    let input = |(name, label, usual)| {
        let value = if is_first { usual } else { visit.query.text(name) };
        page.form.input(&page.f, ask(name, "number", label, "", "off").with(value))
    };
    let inputs = DAYS_OF.into_iter().map(input).collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.filter = Some(Filter { inputs, button: page.f.t("rehearsal-button") });
    let f = &page.f;
    let heads = ["column-day", "column-happens", "column-state", "column-limits", "column-taken"].map(|key| f.t(key));
    let rows = steps.iter().map(|step| row(f, step)).collect();
    page.tables.push(Table { title: f.t("rehearsal-days"), heads: heads.to_vec(), rows });
    page.reply()
}

fn row(f: &Frame, step: &Step) -> Vec<String> {
    let what = f.t(match step.what.as_str() {
        "PAYMENT_DUE" => "step-payment-due",
        "PAYMENT_FAILED" => "step-payment-failed",
        "LETTER" => "step-letter",
        "PHASE" => "step-phase",
        "PAID" => "step-paid",
        "CLOSED" => "step-closed",
        _ => "step-other",
    });
    let max = &step.limits;
    let limits = [
        ("limit-mailboxes", words::most(f, max.max_mailboxes)),
        ("limit-domains", words::most(f, max.max_domains)),
        ("limit-storage", words::most_bytes(f, max.storage_bytes_max.as_deref())),
        ("limit-per-day", words::most(f, max.recipients_per_day_max)),
    ];
    let limits = limits.map(|(key, n)| f.with_two("given-set", ("what", &f.t(key)), ("n", &n)));
    let happens = if step.detail.is_empty() { what } else { format!("{what} ({})", step.detail) };
    let state = f.t(words::phase(&word(&step.phase)).0);
    vec![f.day(&step.at), happens, state, limits.join("; "), step.blocks.join(", ")]
}
