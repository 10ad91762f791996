//! SUMMARY    Closing the organisation, whose name is typed before.

use super::own_place;
use crate::{
    collection::{Collection, beside},
    field::Fields,
    form::{Form, Refusal, ask},
    operation::{TenantClose, refusals, tenant_close},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Fields that stand there again after a factor was asked for.
const TYPED: [&str; 2] = ["name", "reason"];

pub(super) async fn show(visit: &mut Visit) -> Reply {
    let typed = visit.typed_again();
    draw(visit, Form::default(), &typed).await
}

async fn draw(visit: &Visit, form: Form, typed: &Fields) -> Reply {
    let place = own_place(visit).await?;
    if place.customer.as_ref().is_none_or(|c| c.closed_at.is_some()) {
        return see("/billing");
    }
    let mut page = Collection::new(visit.frame("close-title"), form);
    page.back = Some(("/billing".to_owned(), page.f.t("billing-title")));
    page.about = page.f.t("close-about");
    if let Some(standing) = &place.standing {
        page.notes.push(page.f.count("close-undo", standing.policy.undo_days));
    }
    page.notes.push(page.f.with("close-name", "name", &place.name));
    let inputs = [
        page.form
            .input(&page.f, ask("name", "text", "label-close-name", "hint-close-name", "off").with(typed.text("name"))),
        page.form.input(
            &page.f,
            ask("reason", "text", "label-reason", "hint-close-reason", "off").with(typed.text("reason")),
        ),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("close", "close-panel", "", inputs, "close-button");
    if let Some(panel) = page.panels.last_mut() {
        panel.danger = true;
    }
    page.reply()
}

pub(super) async fn change(visit: &mut Visit) -> Reply {
    let name = own_place(visit).await?.name;
    let refusals = match visit.fields.text("name") == name.trim() {
        true => close(visit).await,
        false => Ok(vec![Refusal::new("name", "NAME")]),
    };
    if matches!(refusals, Err(Trouble::StepUp)) {
        visit.keep_typed(&TYPED);
    }
    let refusals = refusals?;
    match refusals.is_empty() {
        true => see("/billing?ok=closed"),
        false => draw(visit, visit.refused(refusals), &Fields::default()).await,
    }
}

async fn close(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = tenant_close::TenantCloseInput {
        tenant_id: visit.tenant()?,
        reason: visit.fields.text("reason").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<TenantClose>(tenant_close::Variables { input }).await?;
    Ok(beside(refusals!(data.tenant_close), &[("reason", "reason")]))
}
