//! SUMMARY    A plan, or the next version of one: a price of its own, one for each mailbox and one for each further GB, by month and by
//!            year; what is paid by use; what comes with it; a trial.
//! INVARIANTS An interval is offered when the plan itself has a price for it, which may be nothing; parts without a price then cost nothing.

use super::{gigabytes, money, number, tabs};
use crate::{
    collection::{Collection, beside},
    field::Fields,
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    operation::{PlanCreate, plan_create, refusals},
    page::mailbox_new::GB,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use plan_create::{
    BillingInterval as Interval, PlanComponentInput, PlanCreateInput, PlanGrantsInput, PlanMeter,
    PlanMeteredChargeInput, PlanPriceInput, PlanState, PlanUnitChargeInput,
};

/// Keys of the parts that are bought by number.
const MAILBOXES: &str = "mailboxes";
const STORAGE: &str = "storage";
/// Keys of those that are paid by use.
const SENT: &str = "recipients";
const KEPT: &str = "storage-days";
/// Family of plans that are not of another.
const FAMILY: &str = "mail";
/// Fields: name, label, hint, what stands there.
const TEXTS: [(&str, &str, &str, &str); 28] = [
    ("key", "label-plan-key", "hint-plan-key", ""),
    ("title", "label-plan-title", "", ""),
    ("family", "label-family", "hint-family", FAMILY),
    ("priceList", "label-price-list", "hint-price-list", ""),
    ("currency", "label-currency", "hint-currency", "EUR"),
    ("month", "label-month", "hint-price", ""),
    ("year", "label-year", "hint-price", ""),
    ("seatsLeast", "label-seats-least", "", "1"),
    ("seatsMost", "label-seats-most", "hint-part", ""),
    ("seatMonth", "label-seat-month", "", ""),
    ("seatYear", "label-seat-year", "", ""),
    ("seatGb", "label-seat-gb", "", "0"),
    ("storageMost", "label-storage-most", "hint-part", ""),
    ("gbMonth", "label-gb-month", "", ""),
    ("gbYear", "label-gb-year", "", ""),
    ("sentIncluded", "label-sent-included", "hint-metered", ""),
    ("sentPer", "label-sent-per", "", "1000"),
    ("sentMonth", "label-sent-month", "", ""),
    ("sentYear", "label-sent-year", "", ""),
    ("keptIncluded", "label-kept-included", "hint-metered", ""),
    ("keptPer", "label-kept-per", "", "30"),
    ("keptMonth", "label-kept-month", "", ""),
    ("keptYear", "label-kept-year", "", ""),
    ("domains", "limit-domains", "hint-no-limit", ""),
    ("mailboxes", "label-plan-mailboxes", "hint-no-limit", "0"),
    ("gb", "label-plan-gb", "hint-no-limit", "0"),
    ("perHour", "limit-per-hour", "hint-no-limit", ""),
    ("perDay", "limit-per-day", "hint-no-limit", ""),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default())
}

fn draw(visit: &Visit, form: Form) -> Reply {
    visit.tenant()?;
    let mut page = Collection::new(visit.frame("plan-new-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("plan-new-about");
    let inputs = inputs(&page.f, &page.form).map_err(|_| Trouble::Broken)?;
    page.panel("create", "plan-new-title", "", inputs, "plan-new-button");
    page.reply()
}

fn inputs(f: &Frame, form: &Form) -> Result<Vec<String>, askama::Error> {
    let text = |(name, label, hint, value)| form.input(f, ask(name, "text", label, hint, "off").with(value));
    let mut inputs = TEXTS.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    inputs.push(form.input(f, ask("trialDays", "number", "label-trial", "", "off").with("0"))?);
    let states = [("PRIVATE", "plan-private"), ("OFFERED", "plan-offered")];
    let states = states.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    inputs.push(form.choice(f, &choose("state", "label-plan-state", "hint-plan-state", states))?);
    Ok(inputs)
}

pub(super) async fn create(visit: &Visit) -> Reply {
    let refusals = match plan(visit, visit.tenant()?) {
        Ok((input, nulls)) => {
            let variables = plan_create::Variables { input };
            let data = visit.ask_with_nulls::<PlanCreate>(variables, &nulls).await?;
            let names = [
                ("key", "key"),
                ("title", "title"),
                ("family", "family"),
                ("priceList", "priceList"),
                ("trialDays", "trialDays"),
            ];
            beside(refusals!(data.plan_create), &names)
        }
        Err(refusal) => vec![refusal],
    };
    match refusals.is_empty() {
        true => see("/sell/plans?ok=saved"),
        false => draw(visit, visit.refused(refusals)),
    }
}

type Nulls = Vec<(&'static str, &'static str)>;

fn plan(visit: &Visit, seller: String) -> Result<(PlanCreateInput, Nulls), Refusal> {
    let fields = &visit.fields;
    let grants = PlanGrantsInput {
        domains: number(fields, "domains")?,
        mailboxes: number(fields, "mailboxes")?,
        storage_bytes: gigabytes(fields, "gb")?,
        recipients_per_hour: number(fields, "perHour")?,
        recipients_per_day: number(fields, "perDay")?,
        new_recipients_per_day: number(fields, "perDay")?,
    };
    let none = [
        ("domains", grants.domains.is_none()),
        ("mailboxes", grants.mailboxes.is_none()),
        ("storageBytes", grants.storage_bytes.is_none()),
        ("recipientsPerHour", grants.recipients_per_hour.is_none()),
        ("recipientsPerDay", grants.recipients_per_day.is_none()),
        ("newRecipientsPerDay", grants.new_recipients_per_day.is_none()),
    ];
    let nulls = none.into_iter().filter(|(_, is_null)| *is_null).map(|(name, _)| ("/input/grants", name)).collect();
    let components = components(fields)?;
    let input = PlanCreateInput {
        seller_id: seller,
        key: fields.text("key").to_owned(),
        family: fields.given("family").unwrap_or_else(|| FAMILY.to_owned()),
        title: fields.text("title").to_owned(),
        grants: Some(grants),
        prices: prices(fields, &components)?,
        components,
        trial_days: number(fields, "trialDays")?.unwrap_or(0),
        state: if fields.text("state") == "OFFERED" { PlanState::OFFERED } else { PlanState::PRIVATE },
        price_list: fields.given("priceList"),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    Ok((input, nulls))
}

/// Mailboxes and further storage, where so many may be bought; what is paid by use, where it says how much is included.
fn components(fields: &Fields) -> Result<Vec<PlanComponentInput>, Refusal> {
    let nothing = || PlanGrantsInput {
        domains: None,
        mailboxes: None,
        storage_bytes: None,
        recipients_per_hour: None,
        recipients_per_day: None,
        new_recipients_per_day: None,
    };
    let part = |key: &str, title: &str, (least, most), grants| PlanComponentInput {
        key: key.to_owned(),
        title: title.to_owned(),
        unit: Some(PlanUnitChargeInput { least, most }),
        metered: None,
        grants: Some(grants),
    };
    let mut parts = Vec::new();
    if let Some(most) = number(fields, "seatsMost")? {
        let (least, storage) = (number(fields, "seatsLeast")?.unwrap_or(0), gigabytes(fields, "seatGb")?);
        let grants = PlanGrantsInput { mailboxes: Some(1), storage_bytes: storage, ..nothing() };
        parts.push(part(MAILBOXES, "Mailboxes", (least, most), grants));
    }
    if let Some(most) = number(fields, "storageMost")? {
        let grants = PlanGrantsInput { storage_bytes: Some(format!("{GB:.0}")), ..nothing() };
        parts.push(part(STORAGE, "GB", (0, most), grants));
    }
    parts.extend(metered(fields, (SENT, "Recipients"), ("sentIncluded", "sentPer"), PlanMeter::OUTGOING_RECIPIENTS)?);
    parts.extend(metered(fields, (KEPT, "GB and day"), ("keptIncluded", "keptPer"), PlanMeter::STORAGE_GIB_DAYS)?);
    Ok(parts)
}

/// A part that is paid by use; none, where nothing says how much of it is included.
fn metered(
    fields: &Fields,
    (key, title): (&str, &str),
    (included, per): (&'static str, &'static str),
    meter: PlanMeter,
) -> Result<Option<PlanComponentInput>, Refusal> {
    let Some(included) = number(fields, included)? else { return Ok(None) };
    let per = number(fields, per)?.unwrap_or(1);
    Ok(Some(PlanComponentInput {
        key: key.to_owned(),
        title: title.to_owned(),
        unit: None,
        metered: Some(PlanMeteredChargeInput { meter, included, per }),
        grants: None,
    }))
}

fn prices(fields: &Fields, parts: &[PlanComponentInput]) -> Result<Vec<PlanPriceInput>, Refusal> {
    let currency = fields.text("currency").to_uppercase();
    let price = |name: &str, component: Option<&str>, interval: Interval| {
        let amount = fields.given(name).unwrap_or_else(|| "0".to_owned());
        let unit = money(&amount, &currency).ok_or_else(|| Refusal::new(name, "MONEY"))?;
        Ok::<_, Refusal>(PlanPriceInput { component: component.map(str::to_owned), interval, unit })
    };
    let has = |key: &str| parts.iter().any(|part| part.key == key);
    let mut prices = Vec::new();
    for (alone, of_parts, interval) in [
        ("month", ["seatMonth", "gbMonth", "sentMonth", "keptMonth"], Interval::MONTH),
        ("year", ["seatYear", "gbYear", "sentYear", "keptYear"], Interval::YEAR),
    ] {
        if fields.text(alone).is_empty() {
            continue;
        }
        prices.push(price(alone, None, interval.clone())?);
        for (key, name) in [MAILBOXES, STORAGE, SENT, KEPT].into_iter().zip(of_parts) {
            if has(key) {
                prices.push(price(name, Some(key), interval.clone())?);
            }
        }
    }
    Ok(prices)
}
