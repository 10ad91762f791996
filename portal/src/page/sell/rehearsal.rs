//! SUMMARY    The time machine: what would become of a customer, day by day. Nothing is written.

use super::{number, tabs};
use crate::{
    collection::{Collection, Filter, Table},
    form::{Form, Refusal, ask},
    frame::Frame,
    held::capability,
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
    let detail = detail(f, &step.what, &step.detail);
    let happens = if detail.is_empty() { what } else { format!("{what} ({detail})") };
    let state = f.t(words::phase(&word(&step.phase)).0);
    let taken: Vec<String> = step.blocks.iter().map(|word| capability(f, word)).collect();
    vec![f.day(&step.at), happens, state, limits.join("; "), taken.join(", ")]
}

/// What the API says more of a step, in words: which stage, which letter with which dates, how much. Nothing, where it is none of these.
fn detail(f: &Frame, what: &str, detail: &str) -> String {
    match what {
        "PHASE" => f.t(words::phase(detail).0),
        "LETTER" => letter(f, detail),
        _ if is_money(detail) => f.money(detail),
        // What was paid, by the day since when it was due.
        "PAID" => detail
            .rsplit(' ')
            .next()
            .and_then(|at| day(f, at))
            .map_or(String::new(), |at| f.with("step-since", "at", at)),
        _ => String::new(),
    }
}

fn is_money(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(amount, currency)| {
        amount.parse::<f64>().is_ok() && currency.len() == 3 && currency.chars().all(|c| c.is_ascii_uppercase())
    })
}

/// A letter: its word, as `REACHED_GRACE`, and the stages with their dates that it tells, as `SUSPENDED=2027-01-31`.
fn letter(f: &Frame, detail: &str) -> String {
    let mut words = detail.split(' ');
    let name = words.next().unwrap_or_default();
    let stage = |word: &str| f.t(words::phase(word).0);
    let about = match name {
        "TRIAL_ENDING" => f.t("letter-trial-ending"),
        "PAST_DUE" => f.t("letter-past-due"),
        "SETTLED" => f.t("letter-settled"),
        "REOPENED" => f.t("letter-reopened"),
        _ if name.starts_with("PURGE_NOTICE_") => f.t("letter-purge"),
        _ => match (name.strip_prefix("AHEAD_"), name.strip_prefix("REACHED_")) {
            (Some(word), _) => f.with("letter-ahead", "stage", stage(word)),
            (None, Some(word)) => f.with("letter-reached", "stage", stage(word)),
            (None, None) => f.t("step-other"),
        },
    };
    let dates = words.filter_map(|word| word.split_once('='));
    let dates =
        dates.filter_map(|(word, at)| Some(f.with_two("given-set", ("what", &stage(word)), ("n", &day(f, at)?))));
    [about].into_iter().chain(dates).collect::<Vec<_>>().join("; ")
}

/// A date as `2027-01-31`, as it is read; none, where it is none.
fn day(f: &Frame, date: &str) -> Option<String> {
    Some(f.day(&format!("{date}T00:00:00Z"))).filter(|day| !day.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn no_word_of_a_program_is_left() {
        let f = Frame::new(Language::English, "rehearsal-title");
        for (what, of, text) in [
            ("PHASE", "GRACE", "Sending is slowed"),
            ("PAYMENT_DUE", "12.50 EUR", "12.50 EUR"),
            ("PAID", "what was due since 2026-11-01", "due since 1 November 2026"),
            ("PAID", "what was due", ""),
            (
                "LETTER",
                "REACHED_GRACE SUSPENDED=2027-01-31",
                "now: Sending is slowed; Sending is stopped: 31 January 2027",
            ),
            ("LETTER", "AHEAD_SUSPENDED", "soon: Sending is stopped"),
            ("LETTER", "PURGE_NOTICE_2", "everything will be destroyed"),
            ("LETTER", "NEW_WORD", "Something else"),
            ("CLOSED", "", ""),
        ] {
            assert_eq!(detail(&f, what, of), text, "{what} {of}");
        }
    }
}
