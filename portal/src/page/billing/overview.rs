//! SUMMARY    Billing at a glance: where the tenant stands and what comes, what it bought and uses, what is to be paid, what it pays with.

use super::{
    WRITE, lead,
    shape::{Bought, Invoice, known, word},
    words,
};
use crate::{
    bar::{Bar, bar, count, pool},
    collection::{Collection, Group, Row, act, of_row},
    form::{Form, Refusal},
    frame::Frame,
    operation::{
        BillingShown, CardPageOpen, PlanShown, SubscriptionResume, TenantReopen, billing_shown, card_page_open,
        plan_shown, refusals, subscription_resume, tenant_reopen,
    },
    session::moment,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Invoices that are shown here whether or not they are to be paid.
/// A day, milliseconds.
const DAY_MS: i64 = 86_400_000;
const LAST_MAX: usize = 5;
/// Where a page of the payment provider leads back to.
const BACK: &str = "/billing?ok=card";

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

pub(super) async fn draw(visit: &Visit, form: Form) -> Reply {
    let data = visit.ask::<BillingShown>(billing_shown::Variables { tenant: visit.tenant()? }).await?;
    let (viewer, bought) = data.viewer.as_ref().zip(data.billing_subscriptions.as_ref()).ok_or(Trouble::NotFound)?;
    let bought: Vec<Bought> = bought.iter().map(known).collect::<Result<_, _>>()?;
    let may_write = viewer.permissions.iter().any(|p| p == WRITE);
    let mut page = Collection::new(visit.frame("billing-title"), form);
    let invoices = data.invoices.iter().flat_map(|i| &i.nodes).map(known).collect::<Result<Vec<Invoice>, _>>()?;
    let is_closed = data.billing_customer.as_ref().is_some_and(|c| c.closed_at.is_some());
    if let Some(standing) = &data.billing_standing {
        let has_plan = bought.iter().any(Bought::is_live)
            || data.billing_customer.as_ref().is_some_and(|c| c.free_plan_id.is_some());
        let mut row = stand(&page.f, standing, has_plan, visit.portal.now_ms());
        // What was bought ended, and nothing took its place.
        if !has_plan && word(&standing.phase) == "ACTIVE" && viewer.max_mailboxes == Some(0) {
            row.states = vec![(page.f.t("phase-none"), "open")];
            row.facts = vec![page.f.t("phase-none-about"), page.f.t("standing-do-buy")];
        }
        row.facts.extend(credit(&page.f, &data));
        let owed = invoices.iter().filter(|i| i.is_open()).count();
        if may_write && owed > 1 {
            let amount = amounts(&page.f, &standing.owed);
            row.acts.push(act(&page.f, "pay-all", "", "pay-all", "pay-all-named", &amount));
        }
        if is_closed && may_write {
            row.acts.push(act(&page.f, "reopen", "", "reopen", "reopen-named", &viewer.name));
        }
        page.groups.push(Group { title: page.f.t("billing-standing"), none: String::new(), rows: vec![row] });
    }
    let rows = plans(visit, &page.f, &data, &bought, may_write).await?;
    page.groups.push(Group { title: page.f.t("billing-plan"), none: page.f.t("billing-plan-none"), rows });
    invoice_groups(&mut page, &invoices, may_write);
    if let Some(row) = data.billing_customer.as_ref().and_then(|c| card(&page.f, c, may_write)) {
        page.groups.push(Group { title: page.f.t("billing-card"), none: String::new(), rows: vec![row] });
    }
    page.bars = bars(&page.f, &data, viewer);
    page.links = links(&page.f, &bought, data.billing_customer.is_some(), is_closed, may_write);
    page.reply()
}

/// Where it stands, why, what comes and what to do.
fn stand(f: &Frame, standing: &billing_shown::BillingShownBillingStanding, has_plan: bool, now_ms: i64) -> Row {
    let phase = word(&standing.phase);
    let (title, about, class) = words::phase(&phase);
    let mut facts = vec![f.t(about)];
    let known = &standing.facts;
    for (key, at) in [
        ("standing-trial", &known.trial_ends_at),
        ("standing-unpaid", &known.unpaid_since),
        ("standing-closed", &known.closed_at),
    ] {
        facts.extend(at.as_ref().map(|at| f.with(key, "at", f.day(at))));
    }
    for stage in standing.stages.iter().filter(|stage| moment(&stage.at) > now_ms) {
        let about = f.t(words::phase(&word(&stage.phase)).1);
        facts.push(f.with_two("standing-next", ("at", &f.day(&stage.at)), ("about", &about)));
    }
    if phase == "CLOSING" && !standing.stages.iter().any(|stage| word(&stage.phase) == "PURGING") {
        facts.extend(kept_until(standing).map(|at| f.with("standing-kept", "at", f.day(&at))));
    }
    if phase == "GRACE" {
        facts.push(f.count("standing-percent", standing.policy.grace_sending_percent));
    }
    let owed = amounts(f, &standing.owed);
    if !owed.is_empty() {
        facts.push(f.with("standing-owed", "amount", owed.as_str()));
    }
    if standing.short {
        facts.push(f.t("standing-short"));
    }
    facts.extend(to_do(&phase, !owed.is_empty(), has_plan).map(|key| f.t(key)));
    Row { title: f.t("standing-now"), states: vec![(f.t(title), class)], facts, ..Row::default() }
}

/// What of credit is left: below zero in the books, as it is owed to the customer.
fn credit(f: &Frame, data: &billing_shown::ResponseData) -> Option<String> {
    let balances = data.ledger_balances.iter().flatten().filter(|b| word(&b.account) == "CREDIT");
    let left: Vec<String> = balances.filter_map(|b| b.amount.strip_prefix('-').map(str::to_owned)).collect();
    let left = amounts(f, &left);
    (!left.is_empty()).then(|| f.with("standing-credit", "amount", left))
}

/// Those that are something, in words.
fn amounts(f: &Frame, all: &[String]) -> String {
    all.iter().filter(|m| !words::is_nothing(m)).map(|m| f.money(m)).collect::<Vec<_>>().join(", ")
}

/// The first moment at which what is closed may be destroyed, before its day was told.
fn kept_until(standing: &billing_shown::BillingShownBillingStanding) -> Option<String> {
    let closing = standing.stages.iter().rfind(|stage| word(&stage.phase) == "CLOSING")?;
    let undo_ms = standing.policy.undo_days.checked_mul(DAY_MS)?;
    jiff::Timestamp::from_millisecond(moment(&closing.at).checked_add(undo_ms)?).ok().map(|at| at.to_string())
}

/// The key of what helps.
fn to_do(phase: &str, is_owed: bool, has_plan: bool) -> Option<&'static str> {
    match phase {
        "CLOSING" | "PURGING" if !is_owed => Some("standing-do-reopen"),
        _ if is_owed => Some("standing-do-pay"),
        "TRIAL" if !has_plan => Some("standing-do-choose"),
        _ => None,
    }
}

async fn plans(
    visit: &Visit,
    f: &Frame,
    data: &billing_shown::ResponseData,
    bought: &[Bought],
    may_write: bool,
) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    for b in bought.iter().filter(|b| b.is_live()) {
        let mut row = words::bought(f, b);
        if b.ends_at.is_some() && may_write {
            row.acts.push(act(f, "resume", &b.id, "resume-plan", "resume-plan-named", &b.plan.title));
        }
        rows.push(row);
    }
    let free = data.billing_customer.as_ref().and_then(|c| c.free_plan_id.clone());
    if let (true, Some(id)) = (rows.is_empty(), free)
        && let Some(plan) = visit.ask::<PlanShown>(plan_shown::Variables { id }).await?.plan
    {
        rows.push(Row { title: plan.title, facts: vec![f.t("plan-free")], ..Row::default() });
    }
    Ok(rows)
}

/// Those to be paid, and the last ones.
fn invoice_groups(page: &mut Collection, invoices: &[Invoice], may_write: bool) {
    let f = &page.f;
    let open: Vec<Row> = invoices.iter().filter(|i| i.is_open()).map(|i| words::own_invoice(f, i, may_write)).collect();
    let last =
        invoices.iter().filter(|i| !i.is_open()).take(LAST_MAX).map(|i| words::own_invoice(f, i, false)).collect();
    let last = Group { title: f.t("invoices-last"), none: f.t("invoices-none"), rows: last };
    if !open.is_empty() {
        page.groups.push(Group { title: page.f.t("invoices-open"), none: String::new(), rows: open });
    }
    page.groups.push(last);
}

/// What it pays with.
fn card(f: &Frame, customer: &billing_shown::BillingShownBillingCustomer, may_write: bool) -> Option<Row> {
    if customer.provider == "manual" {
        let facts = vec![f.t("card-manual")];
        return Some(Row { title: f.t("card-by-invoice"), facts, ..Row::default() });
    }
    let title = customer.card.clone().unwrap_or_else(|| f.t("card-none"));
    let acts = match may_write {
        true => vec![act(f, "card", "", "card-change", "card-change-named", &title)],
        false => Vec::new(),
    };
    Some(Row { acts, title, ..Row::default() })
}

fn bars(f: &Frame, data: &billing_shown::ResponseData, viewer: &billing_shown::BillingShownViewer) -> Vec<Bar> {
    let used = viewer.usage.as_ref().and_then(|u| u.used_bytes.parse().ok()).unwrap_or(0);
    let storage = viewer.storage_bytes_max.as_ref().and_then(|max| max.parse().ok());
    let domains = count(data.domains.as_ref().map_or(0, |d| d.total_count));
    let mailboxes = count(data.mailboxes.as_ref().map_or(0, |m| m.total_count));
    vec![
        bar(f, "bar-storage", used, storage, "/mailboxes", |n| f.language.size(n)),
        pool(f, "bar-mailboxes", mailboxes, viewer.max_mailboxes.map(count), "/mailboxes"),
        pool(f, "bar-domains", domains, viewer.max_domains.map(count), "/domains"),
    ]
}

/// To the other pages; to change something where the visitor may.
fn links(f: &Frame, bought: &[Bought], is_customer: bool, is_closed: bool, may_write: bool) -> Vec<(String, String)> {
    let live = bought.iter().find(|b| b.is_live());
    let mut links = vec![
        ("/billing/invoices".to_owned(), f.t("invoices-title")),
        ("/billing/usage".to_owned(), f.t("usage-title")),
    ];
    if !may_write {
        return links;
    }
    let choose = if live.is_some() { "plan-change" } else { "plan-choose" };
    links.insert(0, ("/billing/plan".to_owned(), f.t(choose)));
    links.push(("/billing/details".to_owned(), f.t("details-title")));
    if live.is_some_and(|b| b.ends_at.is_none()) {
        links.push(("/billing/cancel".to_owned(), f.t("cancel-title")));
    }
    if is_customer && !is_closed {
        links.push(("/billing/close".to_owned(), f.t("close-title")));
    }
    links
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "pay" => (super::invoices::pay(visit).await?, "paid"),
        "pay-all" => (super::invoices::pay_all(visit).await?, "paid"),
        "resume" => (resume(visit).await?, "kept"),
        "reopen" => (reopen(visit).await?, "reopened"),
        "card" => return card_page(visit).await,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/billing?ok={ok}")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn resume(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = subscription_resume::SubscriptionResumeInput {
        tenant_id: visit.tenant()?,
        subscription_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SubscriptionResume>(subscription_resume::Variables { input }).await?;
    Ok(of_row(refusals!(data.subscription_resume)))
}

async fn reopen(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = tenant_reopen::TenantReopenInput {
        tenant_id: visit.tenant()?,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<TenantReopen>(tenant_reopen::Variables { input }).await?;
    Ok(of_row(refusals!(data.tenant_reopen)))
}

/// The provider's page to change the card.
async fn card_page(visit: &Visit) -> Reply {
    let input = card_page_open::BillingPageOpenInput {
        tenant_id: visit.tenant()?,
        back: BACK.to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<CardPageOpen>(card_page_open::Variables { input }).await?.card_page_open;
    match payload.url {
        Some(url) => lead(visit, "card-title", "card-about", &url),
        None => draw(visit, visit.refused(of_row(refusals!(payload)))).await,
    }
}
