//! SUMMARY    Data and privacy: what is kept of who asks, as a file; how long deleted mailboxes stay; the ways out.
//! SECURITY   Persons alone have this page: the user of a mailbox is not a person here, and the mailbox is its tenant's.

use crate::{
    collection::{Collection, Row, beside, of_row},
    form::{Form, Refusal, ask},
    operation::{
        EmailRecoverySet, MailboxRetentionSet, PersonDelete, Privacy, PrivacyFile, email_recovery_set,
        mailbox_retention_set, person_delete, privacy, privacy_file, refusals,
    },
    state::State,
    trouble::Trouble,
    visit::{Out, Reply, Visit, see},
};

/// Who may say how long deleted mailboxes are kept.
const SETTLES: &str = "tenant:update";

/// The person who asks.
fn person(visit: &Visit) -> Result<(), Trouble> {
    if visit.signed()?.mailbox.is_empty() { Ok(()) } else { Err(Trouble::NotFound) }
}

pub(crate) async fn show(visit: &mut Visit) -> Reply {
    let typed = visit.typed_again();
    draw(visit, Form::default(), typed.text("email")).await
}

async fn draw(visit: &Visit, form: Form, typed: &str) -> Reply {
    person(visit)?;
    let mut page = Collection::new(visit.frame("privacy-title"), form);
    page.about = page.f.t("privacy-about");
    page.links.push(("/privacy/file".to_owned(), page.f.t("privacy-file")));
    if visit.tenant().is_ok() {
        page.links.push(("/move".to_owned(), page.f.t("move-title")));
        page.links.push(("/exports".to_owned(), page.f.t("exports-title")));
    }
    if let Ok(tenant) = visit.tenant() {
        let data = visit.ask::<Privacy>(privacy::Variables { tenant }).await?;
        let support = data.support.map(|found| found.total_count);
        of_tenant(&mut page, data.viewer.ok_or(Trouble::NotFound)?, support)?;
    }
    let email = visit.signed()?.email.clone();
    let about = page.f.with("person-delete-about", "email", &email);
    let input = page.form.input(&page.f, ask("email", "email", "label-email", "hint-person-delete", "off").with(typed));
    let inputs = vec![input.map_err(|_| Trouble::Broken)?];
    page.panel("delete", "person-delete", "", inputs, "person-delete-button");
    if let Some(panel) = page.panels.last_mut() {
        (panel.about, panel.danger) = (about, true);
    }
    page.reply()
}

/// What concerns the whole organisation, each with the page that it is settled on.
fn of_tenant(page: &mut Collection, viewer: privacy::PrivacyViewer, support: Option<i64>) -> Result<(), Trouble> {
    let f = &page.f;
    let days = match viewer.mailbox_retention_days {
        Some(days) => f.count("retention-own", days),
        None => f.t("retention-above"),
    };
    let recoverable = match viewer.email_recovery_days {
        Some(0) => f.t("recoverable-none-kept"),
        Some(days) => f.count("recoverable-own", days),
        None => f.t("recoverable-above"),
    };
    let row = |title: &str, link: &str, fact: String| Row {
        title: f.t(title),
        link: link.to_owned(),
        facts: vec![fact],
        ..Row::default()
    };
    let mut rows = vec![
        row("privacy-deleted", "/mailboxes?state=deleted", days),
        row("recoverable-title", "", recoverable),
        row("audit-title", "/access/audit", f.t("privacy-audit")),
        row("support-title", "/access/support", f.count("privacy-support", support.unwrap_or(0))),
    ];
    if page.f.signed.as_ref().is_some_and(|who| who.billing.buys) {
        rows.push(row("close-title", "/billing/close", f.t("privacy-close")));
    }
    page.groups.push(crate::collection::Group { title: viewer.name, none: String::new(), rows });
    if viewer.permissions.iter().any(|p| p == SETTLES) {
        let said = |days: Option<i64>| days.map(|days| days.to_string()).unwrap_or_default();
        let (mailboxes, emails) = (said(viewer.mailbox_retention_days), said(viewer.email_recovery_days));
        let days = ask("days", "number", "label-retention", "hint-retention", "off").with(&mailboxes);
        let inputs = vec![page.form.input(&page.f, days).map_err(|_| Trouble::Broken)?];
        page.panel("retention", "retention-panel", "retention-about", inputs, "save");
        let days = ask("recovery-days", "number", "label-retention", "hint-recovery", "off").with(&emails);
        let inputs = vec![page.form.input(&page.f, days).map_err(|_| Trouble::Broken)?];
        page.panel("recovery", "recoverable-panel", "recoverable-panel-about", inputs, "save");
        for panel in &mut page.panels {
            panel.hidden.push(("version", viewer.version.to_string()));
        }
    }
    Ok(())
}

/// All that is kept of a person, besides what the audit logs of its tenants say, as JSON.
pub(crate) async fn file(visit: &Visit) -> Reply {
    person(visit)?;
    let data = visit.ask::<PrivacyFile>(privacy_file::Variables {}).await?;
    let bytes = serde_json::to_vec_pretty(&data).map_err(|_| Trouble::Broken)?;
    Ok(Out::File { name: "posthouse-person.json".to_owned(), kind: "application/json", bytes })
}

pub(crate) async fn change(visit: &mut Visit) -> Reply {
    person(visit)?;
    let refusals = match visit.fields.text("act") {
        "retention" => retention(visit).await?,
        "recovery" => recovery(visit).await?,
        "delete" => match delete(visit).await {
            Err(Trouble::StepUp) => {
                visit.keep_typed(&["email"]);
                return Err(Trouble::StepUp);
            }
            answer => answer?,
        },
        _ => return Err(Trouble::NotFound),
    };
    if !refusals.is_empty() {
        return draw(visit, visit.refused(refusals), "").await;
    }
    if visit.fields.text("act") != "delete" {
        return see("/privacy?ok=saved");
    }
    // The sessions ended with the person.
    (visit.state, visit.changed) = (State::fresh(), true);
    see("/?ok=person-deleted")
}

async fn retention(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let days = visit.fields.given("days").map(|days| days.parse::<u32>().map(i64::from));
    let Ok(days) = days.transpose() else { return Ok(vec![Refusal::new("days", "INVALID")]) };
    let input = mailbox_retention_set::MailboxRetentionSetInput {
        tenant_id: visit.tenant()?,
        days,
        expected_version: visit.fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MailboxRetentionSet>(mailbox_retention_set::Variables { input }).await?;
    Ok(beside(refusals!(data.mailbox_retention_set), &[("days", "days")]))
}

async fn recovery(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let days = visit.fields.given("recovery-days").map(|days| days.parse::<u32>().map(i64::from));
    let Ok(days) = days.transpose() else { return Ok(vec![Refusal::new("recovery-days", "INVALID")]) };
    let input = email_recovery_set::EmailRecoverySetInput {
        tenant_id: visit.tenant()?,
        days,
        expected_version: visit.fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<EmailRecoverySet>(email_recovery_set::Variables { input }).await?;
    Ok(beside(refusals!(data.email_recovery_set), &[("days", "recovery-days")]))
}

async fn delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    if !visit.fields.text("email").eq_ignore_ascii_case(&visit.signed()?.email) {
        return Ok(vec![Refusal::new("email", "NAME")]);
    }
    let input =
        person_delete::PersonDeleteInput { expected_version: None, dry_run: false, idempotency_key: visit.once() };
    let data = visit.ask::<PersonDelete>(person_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.person_delete)))
}
