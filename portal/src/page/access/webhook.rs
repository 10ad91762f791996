//! SUMMARY    One webhook: what it is, its deliveries with what became of them, another secret, ending it.

use super::{tabs, webhooks};
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal},
    frame::Frame,
    list::Place,
    operation::{
        WebhookDelete, WebhookDeliveryRetry, WebhookRotateSecret, WebhookShown, WebhookUpdate, refusals,
        webhook_delete, webhook_delivery_retry, webhook_rotate_secret, webhook_shown, webhook_update,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = webhook_shown::Variables { id: id.to_owned(), first, after, last, before };
    let data = visit.ask::<WebhookShown>(variables).await?;
    let webhook = data.webhook.ok_or(Trouble::NotFound)?;
    let name = if webhook.label.is_empty() { webhook.url.clone() } else { webhook.label.clone() };
    let mut page = Collection::new(visit.frame("webhooks-title").titled(&name), form);
    page.tabs = tabs(&page.f);
    page.back = Some(("/access/webhooks".to_owned(), page.f.t("webhooks-title")));
    page.shown = shown(visit);
    let about = about(&page.f, &webhook);
    page.groups.push(Group { title: name, none: String::new(), rows: vec![about] });
    if let Some(found) = data.webhook_deliveries {
        let rows = found.nodes.into_iter().map(|d| delivery(&page.f, d)).collect();
        let (title, none) = (page.f.t("deliveries-title"), page.f.t("deliveries-none"));
        page.groups.push(Group { title, none, rows });
        let info = found.page_info;
        page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    }
    let inputs = webhooks::inputs(&page, &webhook.label, &webhook.url, &webhook.kinds.join(" "))?;
    page.panel("update", "webhook-update", "", inputs, "save");
    page.panel("rotate", "webhook-rotate", "webhook-rotate-about", Vec::new(), "webhook-rotate-button");
    page.end_panel("webhook-delete", "webhook-delete-about");
    page.reply()
}

fn about(f: &Frame, w: &webhook_shown::WebhookShownWebhook) -> Row {
    let mut facts = vec![f.with("webhook-made", "at", f.at(&w.created_at))];
    if let Some(at) = &w.failing_since {
        facts.push(f.with("webhook-failing-since", "at", f.at(at)));
    }
    if let Some(at) = &w.old_secret_until {
        facts.push(f.with("webhook-old-secret", "at", f.at(at)));
    }
    let switch = match w.enabled {
        true => act(f, "disable", &w.id, "webhook-disable", "webhook-disable-named", &w.url).danger(),
        false => act(f, "enable", &w.id, "webhook-enable", "webhook-enable-named", &w.url),
    };
    Row {
        title: w.url.clone(),
        states: vec![webhooks::state(f, w.enabled, w.failing_since.is_some())],
        facts,
        codes: vec![w.kinds.join(" ")],
        foreign: w.disabled_reason.iter().cloned().collect(),
        acts: vec![switch],
        ..Row::default()
    }
}

fn delivery(f: &Frame, d: webhook_shown::WebhookShownWebhookDeliveriesNodes) -> Row {
    use webhook_shown::WebhookDeliveryState as S;
    let (text, class) = match d.state {
        S::DELIVERED => ("delivery-done", "good"),
        S::PENDING => ("delivery-pending", "open"),
        S::DEAD | S::Other(_) => ("delivery-dead", "bad"),
    };
    let mut facts =
        vec![f.with_two("delivery-attempts", ("at", &f.at(&d.created_at)), ("attempts", &d.attempts.to_string()))];
    if let (Some(status), Some(latency)) = (d.status, d.latency_ms) {
        facts.push(f.with_two("delivery-answer", ("status", &status.to_string()), ("ms", &latency.to_string())));
    }
    if let Some(at) = &d.next_attempt_at {
        facts.push(f.with("delivery-next", "at", f.at(at)));
    }
    let acts = match d.state {
        S::DELIVERED => Vec::new(),
        _ => vec![act(f, "retry", &d.delivery_id, "delivery-retry", "delivery-retry-named", &d.kind)],
    };
    let foreign = d.error.into_iter().chain(d.response).filter(|words| !words.is_empty()).collect();
    Row { title: d.kind, states: vec![(f.t(text), class)], facts, foreign, acts, ..Row::default() }
}

pub(super) async fn change(visit: &mut Visit, id: &str) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "update" => (update(visit, id, None).await?, "saved"),
        "enable" => (update(visit, id, Some(true)).await?, "saved"),
        "disable" => (update(visit, id, Some(false)).await?, "saved"),
        "rotate" => (rotate(visit, id).await?, "saved"),
        "retry" => (retry(visit).await?, "retried"),
        "delete" => {
            let refusals = delete(visit, id).await?;
            if refusals.is_empty() {
                return see("/access/webhooks?ok=removed");
            }
            (refusals, "")
        }
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("/access/webhooks/{id}?ok={ok}"));
    }
    let form = visit.refused(refusals);
    draw(visit, id, form).await
}

/// What the form says, or only whether it is on.
async fn update(visit: &Visit, id: &str, enabled: Option<bool>) -> Result<Vec<Refusal>, Trouble> {
    let text = |name: &str| enabled.is_none().then(|| visit.fields.text(name).to_owned());
    let input = webhook_update::WebhookUpdateInput {
        webhook_id: id.to_owned(),
        label: text("label"),
        url: text("url"),
        kinds: enabled.is_none().then(|| visit.fields.words("kinds")),
        enabled,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<WebhookUpdate>(webhook_update::Variables { input }).await?;
    Ok(beside(refusals!(data.webhook_update), &[("label", "label"), ("url", "url"), ("kinds", "kinds")]))
}

async fn rotate(visit: &mut Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = webhook_rotate_secret::WebhookRotateSecretInput {
        webhook_id: id.to_owned(),
        overlap_seconds: 86_400,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<WebhookRotateSecret>(webhook_rotate_secret::Variables { input }).await?;
    let payload = data.webhook_rotate_secret;
    if let Some(secret) = payload.secret {
        let title = visit.frame("webhooks-title").t("webhook-secret");
        show_once(visit, &format!("/access/webhooks/{id}"), title, secret);
    }
    Ok(of_row(refusals!(payload)))
}

async fn retry(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = webhook_delivery_retry::WebhookDeliveryRetryInput {
        delivery_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<WebhookDeliveryRetry>(webhook_delivery_retry::Variables { input }).await?;
    Ok(of_row(refusals!(data.webhook_delivery_retry)))
}

async fn delete(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = webhook_delete::WebhookDeleteInput {
        webhook_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<WebhookDelete>(webhook_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.webhook_delete)))
}
