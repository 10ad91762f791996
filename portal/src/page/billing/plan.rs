//! SUMMARY    A plan as it is to be: how often, how many, with which coupon; what that costs; buying it.
//! INVARIANTS What is bought is what the form says that stands below its price: it carries all of it. Sent twice, it is bought once.

use super::{
    Place, own_place,
    shape::{Bought, Component, Plan, Unit, known},
    words,
};
use crate::{
    collection::beside,
    field::Fields,
    form::{Choice, Form, Refusal, ask, choose},
    frame::Frame,
    operation::{
        BillingQuote, CheckoutOpen, PlanShown, SubscriptionChange, billing_quote, checkout_open, plan_shown, refusals,
        subscription_change,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// Field that says that the price is wanted.
const PREVIEW: &str = "preview";

#[derive(Template)]
#[template(path = "plan.html")]
struct Page {
    f: Frame,
    form: Form,
    prices: Vec<String>,
    quantities: Vec<Quantity>,
    intervals: Choice<'static>,
    currencies: Choice<'static>,
    coupon: String,
    quote: Option<Preview>,
    /// What the form carries that buys.
    carried: Vec<(String, String)>,
    is_change: bool,
}

/// How many of a component.
struct Quantity {
    name: String,
    title: String,
    hint: String,
    value: String,
    least: i64,
    most: i64,
    is_refused: bool,
}

/// What it costs.
struct Preview {
    /// Title, number, amount.
    lines: Vec<(String, String, String)>,
    sums: Vec<(String, String)>,
    notes: Vec<String>,
    /// What would be over its limits.
    over: Vec<String>,
}

/// What a form says.
struct Asked {
    plan: String,
    items: Vec<(String, i64)>,
    currency: Option<String>,
    interval: String,
    coupon: Option<String>,
}

/// The same as a value of an operation: each has types of its own.
macro_rules! choice {
    ($of:ident, $asked:expr) => {{
        let asked: &Asked = $asked;
        let item = |(component, quantity): &(String, i64)| $of::BillingItemInput {
            component: component.clone(),
            quantity: *quantity,
        };
        $of::BillingChoiceInput {
            plan: asked.plan.clone(),
            items: asked.items.iter().map(item).collect(),
            currency: asked.currency.clone(),
            interval: match asked.interval.as_str() {
                "MONTH" => Some($of::BillingInterval::MONTH),
                "YEAR" => Some($of::BillingInterval::YEAR),
                _ => None,
            },
            coupon: asked.coupon.clone(),
        }
    }};
}

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    let (place, plan) = (own_place(visit).await?, plan(visit, id).await?);
    draw(visit, &place, &plan, &visit.query, Vec::new()).await
}

async fn plan(visit: &Visit, id: &str) -> Result<Plan, Trouble> {
    let found = visit.ask::<PlanShown>(plan_shown::Variables { id: id.to_owned() }).await?;
    known(&found.plan.ok_or(Trouble::NotFound)?)
}

/// What it has of the plan's family.
fn has<'p>(place: &'p Place, plan: &Plan) -> Option<&'p Bought> {
    place.bought.iter().find(|b| b.is_live() && b.plan.family == plan.family)
}

/// The field of a component.
fn field(component: &Component) -> String {
    format!("q-{}", component.key)
}

fn asked(plan: &Plan, chosen: &Fields) -> Result<Asked, Refusal> {
    let mut items = Vec::new();
    for (component, unit) in plan.components.iter().filter_map(|c| Some((c, c.unit.as_ref()?))) {
        let name = field(component);
        let text = chosen.text(&name);
        let wanted = if text.is_empty() { Ok(unit.least) } else { text.parse::<i64>() };
        let wanted = wanted.ok().filter(|n| (unit.least..=unit.most).contains(n));
        items.push((component.key.clone(), wanted.ok_or_else(|| Refusal::new(&name, "QUANTITY"))?));
    }
    Ok(Asked {
        plan: plan.id.clone(),
        items,
        currency: chosen.given("currency"),
        interval: chosen.text("interval").to_owned(),
        coupon: chosen.given("coupon"),
    })
}

/// The page; with its price when that was asked for.
async fn draw(visit: &Visit, place: &Place, plan: &Plan, chosen: &Fields, mut refusals: Vec<Refusal>) -> Reply {
    let f = visit.frame("plans-title").titled(&plan.title);
    let mut quote = None;
    if chosen.is_ticked(PREVIEW) {
        match preview(visit, &f, plan, chosen).await? {
            Ok(preview) => quote = Some(preview),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let has = has(place, plan);
    let quantity = |(c, unit)| quantity(&f, c, unit, has, chosen, &refusals);
    let quantities = plan.components.iter().filter_map(|c| Some((c, c.unit.as_ref()?))).map(quantity).collect();
    let intervals = plan.intervals().into_iter().map(|i| (i.to_owned(), f.t(words::interval(i)))).collect();
    let currencies: Vec<(String, String)> =
        plan.currencies().into_iter().map(|c| (c.to_owned(), c.to_owned())).collect();
    let now = chosen.given("interval").or_else(|| has.map(|b| b.interval.clone()));
    let shown = Page {
        prices: words::prices(&f, plan),
        quantities,
        intervals: choose("interval", "label-interval", "", intervals).with(now.into_iter().collect()),
        // Who has bought keeps the currency.
        currencies: choose("currency", "label-currency", "", if has.is_some() { Vec::new() } else { currencies })
            .with(chosen.given("currency").into_iter().collect()),
        coupon: chosen.text("coupon").to_owned(),
        carried: carried(plan, chosen),
        is_change: has.is_some(),
        quote,
        form: Form::of(chosen.clone(), refusals),
        f,
    };
    page(shown.form.is_refused(), &shown)
}

fn quantity(
    f: &Frame,
    component: &Component,
    unit: &Unit,
    has: Option<&Bought>,
    chosen: &Fields,
    refusals: &[Refusal],
) -> Quantity {
    let name = field(component);
    let owned = has.and_then(|b| b.items.iter().find(|i| i.component == component.key)).map(|i| i.quantity);
    let usual = owned.unwrap_or(unit.least).clamp(unit.least, unit.most.max(unit.least)).to_string();
    Quantity {
        title: words::part(f, &component.title),
        hint: f.with_two("hint-quantity", ("least", &unit.least.to_string()), ("most", &unit.most.to_string())),
        value: chosen.given(&name).unwrap_or(usual),
        least: unit.least,
        most: unit.most,
        is_refused: refusals.iter().any(|r| r.field == name),
        name,
    }
}

/// Every choice, so that the form that buys says what was seen.
fn carried(plan: &Plan, chosen: &Fields) -> Vec<(String, String)> {
    let names = ["interval", "currency", "coupon", PREVIEW].map(str::to_owned).into_iter();
    let names = names.chain(plan.components.iter().map(field));
    names.filter_map(|name| chosen.given(&name).map(|value| (name, value))).collect()
}

async fn preview(visit: &Visit, f: &Frame, plan: &Plan, chosen: &Fields) -> Result<Result<Preview, Refusal>, Trouble> {
    let asked = match asked(plan, chosen) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let variables = billing_quote::Variables { tenant: visit.tenant()?, choice: choice!(billing_quote, &asked) };
    let quote = match visit.ask_told::<BillingQuote>(variables).await? {
        Ok(data) => data.billing_quote.ok_or(Trouble::NotFound)?,
        Err(refusal) => return Ok(Err(owed(refusal))),
    };
    let interval = super::shape::word(&quote.interval);
    let mut sums =
        vec![(f.t("quote-now"), f.money(&quote.now)), (f.t("quote-then"), words::each(f, &quote.then, &interval))];
    if let Some(amount) = &quote.provider_now {
        sums.insert(1, (f.t("quote-provider"), f.money(amount)));
    }
    let mut notes = Vec::new();
    notes.extend(quote.discount_percent.map(|n| f.with("quote-percent", "n", n)));
    notes.extend(quote.discount_amount.as_ref().map(|amount| f.with("quote-off", "amount", f.money(amount))));
    if quote.trial_days > 0 {
        notes.push(f.count("plan-trial", quote.trial_days));
    }
    if quote.now.starts_with('-') {
        notes.push(f.t("quote-credited"));
    }
    let max = &quote.limits;
    let limits = [
        ("limit-mailboxes", words::most(f, max.max_mailboxes)),
        ("limit-domains", words::most(f, max.max_domains)),
        ("limit-storage", words::most_bytes(f, max.storage_bytes_max.as_deref())),
    ];
    sums.extend(limits.map(|(key, most)| (f.t(key), most)));
    let line = |l: &billing_quote::BillingQuoteBillingQuoteLines| {
        (words::part(f, &l.title), l.quantity.to_string(), f.money(&l.amount))
    };
    let lines = quote.lines.iter().map(line).collect();
    let over = quote.over.iter().map(|name| f.with("quote-over", "what", f.t(words::limit(name)))).collect();
    Ok(Ok(Preview { lines, sums, notes, over }))
}

/// Changes what it has, or opens the page to pay on.
pub(super) async fn buy(visit: &Visit, id: &str) -> Reply {
    let (place, plan) = (own_place(visit).await?, plan(visit, id).await?);
    let asked = match asked(&plan, &visit.fields) {
        Ok(asked) => asked,
        Err(refusal) => return draw(visit, &place, &plan, &visit.fields, vec![refusal]).await,
    };
    let (refusals, next) = match has(&place, &plan) {
        Some(_) => (change(visit, &asked).await?, "/billing?ok=changed"),
        None => open(visit, &asked).await?,
    };
    match refusals.is_empty() {
        true => see(next),
        false => draw(visit, &place, &plan, &visit.fields, beside(refusals, &[("coupon", "coupon")])).await,
    }
}

async fn change(visit: &Visit, asked: &Asked) -> Result<Vec<Refusal>, Trouble> {
    let input = subscription_change::SubscriptionChangeInput {
        tenant_id: visit.tenant()?,
        choice: choice!(subscription_change, asked),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SubscriptionChange>(subscription_change::Variables { input }).await?;
    let refusals: Vec<Refusal> = refusals!(data.subscription_change);
    Ok(refusals.into_iter().map(owed).collect())
}

/// What keeps a plan from being changed is a debt.
fn owed(refusal: Refusal) -> Refusal {
    match (refusal.code.as_str(), refusal.field.as_str()) {
        ("HELD", "plan") => Refusal::new("plan", "UNPAID"),
        _ => refusal,
    }
}

async fn open(visit: &Visit, asked: &Asked) -> Result<(Vec<Refusal>, &'static str), Trouble> {
    let input = checkout_open::CheckoutOpenInput {
        tenant_id: visit.tenant()?,
        choice: choice!(checkout_open, asked),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let payload = visit.ask::<CheckoutOpen>(checkout_open::Variables { input }).await?.checkout_open;
    let is_done = payload.checkout.as_ref().is_some_and(|c| c.state == checkout_open::CheckoutState::COMPLETE);
    Ok((refusals!(payload), if is_done { "/billing?ok=bought" } else { "/billing/pay" }))
}

impl Page {
    fn interval(&self) -> Result<String, askama::Error> {
        self.form.choice(&self.f, &self.intervals)
    }

    fn currency(&self) -> Result<String, askama::Error> {
        self.form.choice(&self.f, &self.currencies)
    }

    fn code(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("coupon", "text", "label-coupon", "hint-coupon", "off").with(&self.coupon))
    }
}
