//! SUMMARY    App passwords of a mailbox: one for each device, shown once, ended alone.

use super::back;
use crate::{
    collection::{Collection, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal, ask},
    operation::{
        AppPasswordCreate, AppPasswordRevoke, AppPasswords, app_password_create, app_password_revoke, app_passwords,
        refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let data = visit.ask::<AppPasswords>(app_passwords::Variables { id: id.to_owned() }).await?;
    let mailbox = data.mailbox.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("app-passwords-title"), form);
    page.back = back(visit, &mailbox.id, &mailbox.address);
    page.about = page.f.with("app-passwords-about", "address", &mailbox.address);
    page.shown = shown(visit);
    let rows = data.app_passwords.unwrap_or_default().into_iter().map(|p| Row {
        facts: vec![page.f.with("factor-created", "at", page.f.at(&p.created_at))],
        acts: vec![act(&page.f, "revoke", &p.id, "token-revoke", "app-password-revoke-named", &p.label).danger()],
        title: p.label,
        ..Row::default()
    });
    let rows = rows.collect();
    page.rows("app-passwords-none", rows);
    let input = page.form.input(&page.f, ask("label", "text", "label-device", "hint-device", "off"));
    let inputs = vec![input.map_err(|_| Trouble::Broken)?];
    page.panel("create", "app-password-create", "app-password-create-about", inputs, "app-password-create-button");
    page.links.push((format!("/mailboxes/{id}/set-up"), page.f.t("set-up-title")));
    page.reply()
}

pub(super) async fn change(visit: &mut Visit, id: &str) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit, id).await?, "app-password"),
        "revoke" => (revoke(visit, id).await?, "revoked"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.first().map(|r| r.code.as_str()) {
        None => see(format!("/mailboxes/{id}/app-passwords?ok={ok}")),
        Some(_) => {
            let form = visit.refused(refusals);
            draw(visit, id, form).await
        }
    }
}

async fn create(visit: &mut Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let label = visit.fields.text("label").to_owned();
    let input = app_password_create::AppPasswordCreateInput {
        mailbox_id: id.to_owned(),
        label: label.clone(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AppPasswordCreate>(app_password_create::Variables { input }).await?;
    let payload = data.app_password_create;
    if let Some(secret) = payload.secret {
        let title = visit.frame("app-passwords-title").with("app-password-shown", "label", &label);
        show_once(visit, &format!("/mailboxes/{id}/app-passwords"), title, secret);
    }
    Ok(beside(refusals!(payload), &[("label", "label")]))
}

async fn revoke(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = app_password_revoke::AppPasswordRevokeInput {
        mailbox_id: id.to_owned(),
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<AppPasswordRevoke>(app_password_revoke::Variables { input }).await?;
    Ok(of_row(refusals!(data.app_password_revoke)))
}
