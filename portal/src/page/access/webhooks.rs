//! SUMMARY    Webhooks of a tenant; a new one, whose secret is shown once.

use super::tabs;
use crate::{
    collection::{Collection, Row, beside, show_once},
    form::{Form, ask},
    frame::Frame,
    list::Place,
    operation::{WebhookCreate, Webhooks, refusals, webhook_create, webhooks},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = webhooks::Variables { tenant: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Webhooks>(variables).await?.webhooks.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("webhooks-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("webhooks-about");
    let rows = found.nodes.into_iter().map(|w| Row {
        states: vec![state(&page.f, w.enabled, w.failing_since.is_some())],
        link: format!("/access/webhooks/{}", w.id),
        title: if w.label.is_empty() { w.url.clone() } else { w.label },
        codes: vec![w.url, w.kinds.join(" ")],
        ..Row::default()
    });
    let rows = rows.collect();
    page.rows("webhooks-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let inputs = inputs(&page, "", "", "")?;
    page.panel("create", "webhook-create", "", inputs, "webhook-create-button");
    page.reply()
}

/// Whether a webhook works, in words.
pub(super) fn state(f: &Frame, is_enabled: bool, is_failing: bool) -> (String, &'static str) {
    match (is_enabled, is_failing) {
        (false, _) => (f.t("webhook-off"), "bad"),
        (true, true) => (f.t("webhook-failing"), "open"),
        (true, false) => (f.t("webhook-on"), "good"),
    }
}

/// What a webhook is made of.
pub(super) fn inputs(page: &Collection, label: &str, url: &str, kinds: &str) -> Result<Vec<String>, Trouble> {
    let (f, form) = (&page.f, &page.form);
    let inputs = [
        form.input(f, ask("label", "text", "label-webhook", "", "off").with(label)),
        form.input(f, ask("url", "url", "label-url", "hint-url", "off").with(url)),
        form.input(f, ask("kinds", "text", "label-kinds", "hint-kinds", "off").with(kinds)),
    ];
    inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)
}

pub(super) async fn change(visit: &mut Visit) -> Reply {
    let input = webhook_create::WebhookCreateInput {
        tenant_id: visit.tenant()?,
        label: visit.fields.text("label").to_owned(),
        url: visit.fields.text("url").to_owned(),
        kinds: visit.fields.words("kinds"),
        below: false,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<WebhookCreate>(webhook_create::Variables { input }).await?.webhook_create;
    let Some(webhook) = payload.webhook else {
        let refusals = beside(refusals!(payload), &[("label", "label"), ("url", "url"), ("kinds", "kinds")]);
        return draw(visit, visit.refused(refusals)).await;
    };
    let path = format!("/access/webhooks/{}", webhook.id);
    if let Some(secret) = payload.secret {
        let title = visit.frame("webhooks-title").t("webhook-secret");
        show_once(visit, &path, title, secret);
    }
    see(path)
}
