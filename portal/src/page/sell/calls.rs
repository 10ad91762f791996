//! SUMMARY    Calls to payment providers for a customer, with what became of them.

use super::tabs;
use crate::{
    collection::{Collection, Filter, Row},
    form::{Form, ask},
    list::Place,
    operation::{PaymentCalls, payment_calls},
    trouble::Trouble,
    visit::{Reply, Visit},
};

/// The key of what a provider is asked for, by its word.
fn asked(what: &str) -> &'static str {
    match what {
        "PUBLISH" => "call-publish",
        "CREATE_CUSTOMER" => "call-create-customer",
        "UPDATE_CUSTOMER" => "call-update-customer",
        "OPEN_CHECKOUT" => "call-open-checkout",
        "CLOSE_CHECKOUT" => "call-close-checkout",
        "CHANGE" => "call-change",
        "END" => "call-end",
        "RESUME" => "call-resume",
        "PAY" => "call-pay",
        "COLLECT" => "call-collect",
        "RECEIVE" => "call-receive",
        "REFUND" => "call-refund",
        "CREDIT" => "call-credit",
        "CHARGE_USE" => "call-charge-use",
        _ => "call-other",
    }
}

pub(super) async fn show(visit: &Visit) -> Reply {
    let customer = visit.query.given("customer");
    let mut page = Collection::new(visit.frame("calls-title"), Form::default());
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("calls-about");
    let typed = customer.clone().unwrap_or_default();
    let input =
        page.form.input(&page.f, ask("customer", "text", "label-customer", "hint-customer", "off").with(&typed));
    let inputs = vec![input.map_err(|_| Trouble::Broken)?];
    page.filter = Some(Filter { inputs, button: page.f.t("mailboxes-search-button") });
    if let Some(tenant) = customer {
        let Place { first, after, last, before } = Place::of(&visit.query);
        let variables = payment_calls::Variables { tenant, first, after, last, before };
        let found = visit.ask::<PaymentCalls>(variables).await?.payment_calls.ok_or(Trouble::NotFound)?;
        let f = &page.f;
        let row = |c: payment_calls::PaymentCallsPaymentCallsNodes| {
            let (text, class) = match c.state.as_str() {
                "DONE" => ("call-done", "good"),
                "WAITING" => ("call-waiting", "open"),
                _ => ("call-refused", "bad"),
            };
            let attempts = c.attempts.to_string();
            let facts = vec![f.with_two("delivery-attempts", ("at", &f.at(&c.created_at)), ("attempts", &attempts))];
            let foreign = Some(c.trouble).filter(|t| !t.is_empty()).into_iter().collect();
            Row {
                title: f.t(asked(&c.what)),
                states: vec![(f.t(text), class)],
                facts,
                codes: vec![c.id],
                foreign,
                ..Row::default()
            }
        };
        let rows = found.nodes.into_iter().map(row).collect();
        page.rows("calls-none", rows);
        let info = found.page_info;
        page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    }
    page.reply()
}
