//! SUMMARY    Webhooks of payment providers, for the operator of the installation: what came, what became of it, once more.

use super::tabs;
use crate::{
    collection::{Collection, Row, act, of_row},
    form::{Form, Refusal},
    frame::Frame,
    list::Place,
    operation::{PaymentEventRetry, PaymentEvents, payment_event_retry, payment_events, refusals},
    page::tenant_names::Names,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = payment_events::Variables { first, after, last, before };
    let found = visit.ask::<PaymentEvents>(variables).await?.payment_events.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("events-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("events-about");
    let names = Names::of(visit, found.nodes.iter().filter_map(|event| event.tenant_id.as_ref())).await;
    let rows = found.nodes.into_iter().map(|event| row(visit, &page.f, &names, event)).collect();
    page.rows("events-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

fn row(visit: &Visit, f: &Frame, names: &Names, e: payment_events::PaymentEventsPaymentEventsNodes) -> Row {
    let (text, class) = match (&e.done_at, e.trouble.is_empty()) {
        (Some(_), _) => ("event-done", "good"),
        (None, true) => ("event-waiting", "open"),
        (None, false) => ("event-failed", "bad"),
    };
    let attempts = e.attempts.to_string();
    let facts = vec![f.with_two("delivery-attempts", ("at", &f.at(&e.heard_at)), ("attempts", &attempts))];
    let of = e.tenant_id.as_deref().and_then(|id| names.link(visit, id));
    let again = act(f, "retry", &e.id, "event-retry", "event-retry-named", &e.kind);
    Row {
        title: e.kind,
        states: vec![(f.t(text), class)],
        facts,
        codes: vec![format!("{} {}", e.provider, e.provider_event_id)],
        away: of.into_iter().collect(),
        foreign: Some(e.trouble).filter(|t| !t.is_empty()).into_iter().collect(),
        acts: vec![again],
        ..Row::default()
    }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    if visit.fields.text("act") != "retry" {
        return Err(Trouble::NotFound);
    }
    let refusals = retry(visit).await?;
    match refusals.is_empty() {
        true => see("/sell/events?ok=retried"),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn retry(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = payment_event_retry::PaymentEventRetryInput {
        event_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<PaymentEventRetry>(payment_event_retry::Variables { input }).await?;
    Ok(of_row(refusals!(data.payment_event_retry)))
}
