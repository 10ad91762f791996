//! SUMMARY    One signup: what is known of it, letting it through, refusing it with a reason.

use super::{signups, tabs};
use crate::{
    collection::{Collection, Row, beside},
    form::{Form, Refusal, ask},
    operation::{SignupApprove, SignupRefuse, Signups, refusals, signup_approve, signup_refuse, signups as asked},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let found = found(visit, id).await?;
    let mut page = Collection::new(visit.frame("signups-title").titled(&signups::named(&found)), form);
    page.tabs = tabs(visit, &page.f);
    page.back = Some(("/sell/signups".to_owned(), page.f.t("signups-title")));
    let row = Row { link: String::new(), ..signups::row(&page.f, &found) };
    page.rows("signups-none", vec![row]);
    let review = word(&found.review);
    let is_over = matches!(word(&found.state).as_str(), "ABANDONED" | "EXPIRED");
    let is_done = word(&found.state) == "DONE";
    if review == "PENDING" {
        page.panel("approve", "approve-title", "approve-about", Vec::new(), "approve-button");
    }
    if review != "REFUSED" && !is_over {
        let reason = page.form.input(&page.f, ask("reason", "text", "label-reason", "hint-refuse", "off"));
        let about = if is_done { "refuse-about-done" } else { "refuse-about" };
        page.panel("refuse", "refuse-title", about, vec![reason.map_err(|_| Trouble::Broken)?], "refuse-button");
        if let Some(panel) = page.panels.last_mut() {
            panel.danger = true;
        }
    }
    // Whoever decides has seen what stands here.
    for panel in &mut page.panels {
        panel.hidden.push(("version", found.version.to_string()));
    }
    if let Some(tenant) = &found.tenant_id {
        page.links.push((format!("/sell/abuse/{tenant}"), page.f.t("abuse-title")));
    }
    page.reply()
}

async fn found(visit: &Visit, id: &str) -> Result<asked::SignupsSignupsNodes, Trouble> {
    let variables = asked::Variables {
        seller: visit.tenant()?,
        filter: asked::SignupFilter::ALL,
        state: None,
        search: Some(id.to_owned()),
        first: Some(1),
        after: None,
        last: None,
        before: None,
    };
    let found = visit.ask::<Signups>(variables).await?.signups.ok_or(Trouble::NotFound)?;
    found.nodes.into_iter().find(|s| s.id == id).ok_or(Trouble::NotFound)
}

pub(super) async fn change(visit: &Visit, id: &str) -> Reply {
    let expected_version = visit.fields.text("version").parse().ok();
    let (refusals, ok) = match visit.fields.text("act") {
        "approve" => (approve(visit, id, expected_version).await?, "approved"),
        "refuse" => (refuse(visit, id, expected_version).await?, "refused"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/sell/signups?ok={ok}")),
        false => draw(visit, id, visit.refused(refusals)).await,
    }
}

async fn approve(visit: &Visit, id: &str, expected_version: Option<i64>) -> Result<Vec<Refusal>, Trouble> {
    let input = signup_approve::SignupApproveInput {
        id: id.to_owned(),
        expected_version,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<SignupApprove>(signup_approve::Variables { input }).await?;
    Ok(beside(refusals!(data.signup_approve), &[]))
}

async fn refuse(visit: &Visit, id: &str, expected_version: Option<i64>) -> Result<Vec<Refusal>, Trouble> {
    let reason = visit.fields.text("reason").to_owned();
    if reason.is_empty() {
        return Ok(vec![Refusal::new("reason", "INVALID")]);
    }
    let input = signup_refuse::SignupRefuseInput {
        id: id.to_owned(),
        reason,
        expected_version,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SignupRefuse>(signup_refuse::Variables { input }).await?;
    Ok(beside(refusals!(data.signup_refuse), &[("reason", "reason")]))
}
