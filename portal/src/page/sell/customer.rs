//! SUMMARY    A customer: where it stands, what it bought, was given and owes; giving, crediting, paying back, comparing.

use super::{give, tabs};
use crate::{
    collection::{Collection, Group, Row, act},
    form::{Form, ask, choose},
    frame::Frame,
    operation::{BillingCustomerShown, billing_customer_shown},
    page::billing::{
        shape::{Bought, Invoice, known, word},
        words,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use billing_customer_shown as shown;

/// Limits that a seller sets, whatever was bought.
pub(super) const LIMITS: [&str; 6] =
    ["MAILBOXES", "DOMAINS", "STORAGE_BYTES", "RECIPIENTS_PER_HOUR", "RECIPIENTS_PER_DAY", "NEW_RECIPIENTS_PER_DAY"];

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let data = visit.ask::<BillingCustomerShown>(shown::Variables { tenant: id.to_owned() }).await?;
    let customer = data.billing_customer.as_ref().ok_or(Trouble::NotFound)?;
    // What the visitor's own tenant bought stands on its own pages.
    if customer.tenant_id == visit.tenant()? {
        return see("/billing");
    }
    let name = if customer.name.is_empty() { &customer.tenant_id } else { &customer.name };
    let mut page = Collection::new(visit.frame("customers-title").titled(name), form);
    page.tabs = tabs(visit, &page.f);
    page.back = Some(("/sell/customers".to_owned(), page.f.t("customers-title")));
    let rows = vec![about(&page.f, customer, data.billing_standing.as_ref())];
    page.groups.push(Group { title: page.f.t("billing-standing"), none: String::new(), rows });
    let bought = data.billing_subscriptions.iter().flatten().map(known).collect::<Result<Vec<Bought>, _>>()?;
    let rows = bought.iter().map(|b| words::bought(&page.f, b)).collect();
    page.groups.push(Group { title: page.f.t("sell-bought"), none: page.f.t("sell-bought-none"), rows });
    let given = data.concessions.iter().flat_map(|c| &c.nodes).map(|c| concession(&page.f, c)).collect();
    page.groups.push(Group { title: page.f.t("sell-given"), none: page.f.t("sell-given-none"), rows: given });
    let invoices = data.invoices.iter().flat_map(|i| &i.nodes).map(known).collect::<Result<Vec<Invoice>, _>>()?;
    let rows = invoices.iter().map(|i| words::invoice(&page.f, i, false)).collect();
    page.groups.push(Group { title: page.f.t("invoices-title"), none: page.f.t("invoices-none"), rows });
    if let Some(balances) = data.ledger_balances.as_ref().filter(|b| !b.is_empty()) {
        let row = |b: &shown::BillingCustomerShownLedgerBalances| Row {
            title: page.f.t(account(&word(&b.account))),
            facts: vec![page.f.money(&b.amount)],
            ..Row::default()
        };
        let rows = balances.iter().map(row).collect();
        page.groups.push(Group { title: page.f.t("sell-books"), none: String::new(), rows });
    }
    panels(&mut page, &invoices).map_err(|_| Trouble::Broken)?;
    receive(&mut page, &invoices).map_err(|_| Trouble::Broken)?;
    prices(&mut page, customer.price_list.as_deref()).map_err(|_| Trouble::Broken)?;
    if let Some(branding) = &data.branding {
        brand(&mut page, branding.allowed).map_err(|_| Trouble::Broken)?;
    }
    let links = [
        (format!("/sell/customers/{id}/rehearsal"), "rehearsal-title"),
        (format!("/sell/calls?customer={id}"), "calls-title"),
    ];
    page.links = links.into_iter().map(|(link, key)| (link, page.f.t(key))).collect();
    page.reply()
}

fn about(
    f: &Frame,
    customer: &shown::BillingCustomerShownBillingCustomer,
    standing: Option<&shown::BillingCustomerShownBillingStanding>,
) -> Row {
    let (text, about, class) = words::phase(&word(&customer.phase));
    let paid = customer
        .card
        .clone()
        .unwrap_or_else(|| f.t(if customer.provider == "manual" { "card-by-invoice" } else { "card-none" }));
    let owed = standing.iter().flat_map(|s| &s.owed).filter(|m| !words::is_nothing(m));
    let mut facts = vec![customer.email.clone(), paid, f.t(about)];
    facts.extend(standing.into_iter().flat_map(|s| dates(f, s)));
    facts.extend(owed.map(|m| f.with("standing-owed", "amount", f.money(m))));
    Row {
        title: customer.name.clone(),
        states: vec![(f.t(text), class)],
        facts,
        codes: vec![customer.tenant_id.clone()],
        acts: vec![act(f, "compare", "", "compare", "compare-named", &customer.name)],
        ..Row::default()
    }
}

/// Since when it stands so, and what comes next.
fn dates(f: &Frame, standing: &shown::BillingCustomerShownBillingStanding) -> Vec<String> {
    let known = &standing.facts;
    let since = [
        ("standing-trial", &known.trial_ends_at),
        ("standing-unpaid", &known.unpaid_since),
        ("standing-closed", &known.closed_at),
    ];
    let since = since.into_iter().filter_map(|(key, at)| at.as_ref().map(|at| f.with(key, "at", f.day(at))));
    let next = standing.next.as_ref().map(|next| {
        let about = f.t(words::phase(&word(&next.phase)).1);
        f.with_two("standing-next", ("at", &f.day(&next.at)), ("about", &about))
    });
    since.chain(next).collect()
}

/// The key of an account's name.
fn account(word: &str) -> &'static str {
    match word {
        "RECEIVABLE" => "account-receivable",
        "CASH" => "account-cash",
        "CREDIT" => "account-credit",
        "REVENUE" => "account-revenue",
        "TAX" => "account-tax",
        "RETURNS" => "account-returns",
        "GOODWILL" => "account-goodwill",
        "WRITTEN_OFF" => "account-written-off",
        _ => "account-other",
    }
}

fn concession(f: &Frame, c: &shown::BillingCustomerShownConcessionsNodes) -> Row {
    let mut facts = Vec::new();
    if let Some(g) = &c.grants {
        let most = [
            ("limit-mailboxes", g.mailboxes.map(|n| n.to_string()).unwrap_or_else(|| f.t("limit-none"))),
            ("limit-domains", words::most(f, g.domains)),
            ("limit-storage", words::most_bytes(f, g.storage_bytes.as_deref())),
        ];
        let is_something = |n: &str| n != "0" && n != "0 B";
        let more = most.iter().filter(|(_, n)| is_something(n));
        facts.extend(more.map(|(key, n)| f.with_two("given-more", ("what", &f.t(key)), ("n", n))));
    }
    if let Some(set) = &c.limit_override {
        let n = match (&set.bytes, set.value) {
            (Some(bytes), _) => f.size(bytes),
            (None, value) => words::most(f, value.filter(|_| !set.unlimited)),
        };
        facts.push(f.with_two("given-set", ("what", &f.t(words::limit(&word(&set.limit)))), ("n", &n)));
    }
    facts.extend(c.until.as_ref().map(|at| f.with("until-day", "at", f.day(at))));
    let (state, acts) = match &c.ended_at {
        Some(_) => (("given-ended", "plain"), Vec::new()),
        None => (("given-now", "good"), vec![act(f, "end", &c.id, "given-end", "given-end-named", &c.reason).danger()]),
    };
    Row { title: c.reason.clone(), states: vec![(f.t(state.0), state.1)], facts, acts, ..Row::default() }
}

/// Forms: what is given on top, a limit that is set, credit, money back.
fn panels(page: &mut Collection, invoices: &[Invoice]) -> Result<(), askama::Error> {
    let (f, form) = (&page.f, &page.form);
    let text = |name, label, hint| form.input(f, ask(name, "text", label, hint, "off"));
    let gift = vec![
        text("mailboxes", "limit-mailboxes", "")?,
        text("domains", "limit-domains", "")?,
        text("gb", "label-plan-gb", "")?,
        text("until", "label-good-until", "hint-day")?,
        text("reason", "label-reason", "hint-reason-later")?,
    ];
    let limits = LIMITS.map(|limit| (limit.to_owned(), f.t(words::limit(limit)))).to_vec();
    let set = vec![
        form.choice(f, &choose("limit", "label-limit", "", limits))?,
        text("value", "label-limit-value", "hint-limit-value")?,
        text("untilSet", "label-good-until", "hint-day")?,
        text("reasonSet", "label-reason", "hint-reason-later")?,
    ];
    let credit = vec![
        text("credit", "column-amount", "hint-money")?,
        text("reasonCredit", "label-reason", "hint-reason-later")?,
    ];
    let paid = invoices.iter().filter(|i| !words::is_nothing(&i.paid) && !i.is_taken_back());
    let paid: Vec<(String, String)> = paid.map(|i| named(f, i, &i.paid)).collect();
    let back = match paid.is_empty() {
        true => Vec::new(),
        false => vec![
            form.choice(f, &choose("invoice", "label-invoice", "", paid))?,
            text("back", "column-amount", "hint-back")?,
            text("reasonBack", "label-reason", "hint-reason-later")?,
        ],
    };
    page.panel("give", "give-title", "give-about", gift, "give-button");
    page.panel("set", "set-title", "set-about", set, "set-button");
    page.panel("credit", "credit-title", "credit-about", credit, "credit-button");
    if !back.is_empty() {
        page.panel("refund", "refund-title", "refund-about", back, "refund-button");
        if let Some(panel) = page.panels.last_mut() {
            panel.danger = true;
        }
    }
    Ok(())
}

/// An invoice to choose, with an amount.
fn named(f: &Frame, invoice: &Invoice, amount: &str) -> (String, String) {
    let number = invoice.number.as_deref().unwrap_or(&invoice.id);
    (invoice.id.clone(), f.with_two("invoice-title", ("number", number), ("amount", &f.money(amount))))
}

/// The form that says that a transfer came in for an invoice of which something is owed.
fn receive(page: &mut Collection, invoices: &[Invoice]) -> Result<(), askama::Error> {
    let (f, form) = (&page.f, &page.form);
    let open: Vec<(String, String)> = invoices.iter().filter(|i| i.is_open()).map(|i| named(f, i, &i.owed)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let inputs = vec![
        form.choice(f, &choose("received", "label-invoice", "", open))?,
        form.input(f, ask("reference", "text", "label-reference", "hint-reference", "off"))?,
    ];
    page.panel("receive", "receive-title", "receive-about", inputs, "receive-button");
    Ok(())
}

/// The form that says by which price list it buys.
fn prices(page: &mut Collection, list: Option<&str>) -> Result<(), askama::Error> {
    let asked = ask("priceList", "text", "label-price-list", "hint-customer-price-list", "off");
    let inputs = vec![page.form.input(&page.f, asked.with(list.unwrap_or_default()))?];
    page.panel("prices", "price-list-title", "price-list-about", inputs, "price-list-button");
    Ok(())
}

/// The form that lets it have a brand of its own, or does not any more.
fn brand(page: &mut Collection, is_allowed: bool) -> Result<(), askama::Error> {
    let options = ["no", "yes"].map(|value| (value.to_owned(), page.f.t(brand_word(value))));
    let chosen = if is_allowed { "yes" } else { "no" };
    let choice = choose("brand", "label-brand-allow", "", options.to_vec()).with(vec![chosen.to_owned()]);
    let inputs = vec![page.form.choice(&page.f, &choice)?];
    page.panel("brand", "brand-allow-title", "brand-allow-about", inputs, "brand-allow-button");
    Ok(())
}

fn brand_word(value: &str) -> &'static str {
    if value == "yes" { "brand-allow-yes" } else { "brand-allow-no" }
}

pub(super) async fn change(visit: &Visit, id: &str) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "give" => (give::gift(visit, id).await?, "given"),
        "set" => (give::set(visit, id).await?, "given"),
        "end" => (give::end(visit).await?, "ended"),
        "credit" => (give::credit(visit, id).await?, "given"),
        "refund" => (give::refund(visit, id).await?, "refunded"),
        "receive" => (give::receive(visit, id).await?, "received"),
        "prices" => (give::prices(visit, id).await?, "saved"),
        "brand" => (give::brand(visit, id).await?, "saved"),
        "compare" => (give::compare(visit, id).await?, "compared"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/sell/customers/{id}?ok={ok}")),
        false => draw(visit, id, visit.refused(refusals)).await,
    }
}
