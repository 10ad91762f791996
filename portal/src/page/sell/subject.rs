//! SUMMARY    A subject of the abuse desk: whose it is, what it may do now, its holds, its app passwords, what was done about it;
//!            stopping it and letting it go on.
//! SECURITY   App passwords and the audit log of a tenant are shown as far as it lets the provider in (docs/decisions/0026); stopping one
//!            needs no consent.

use super::{
    abuse::{encoded, kind},
    day, tabs,
};
use crate::{
    collection::{Collection, Group, Row, Table, beside},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    held::{CAPABILITIES, capability},
    operation::{
        AppPasswords, Audit, HeldSubject, HoldPlace, HoldRelease, TenantNamed, app_passwords, audit, held_subject,
        hold_place, hold_release, refusals, tenant_named,
    },
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use held_subject::{HeldSubjectCapabilities as Subject, HeldSubjectCapabilitiesStatesReasonsHold as Hold};

/// Entries of the audit log that are shown.
const TRAIL: i64 = 20;
pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let data = visit.ask::<HeldSubject>(held_subject::Variables { id: id.to_owned() }).await?;
    let subject = data.capabilities.ok_or(Trouble::NotFound)?;
    let variables = tenant_named::Variables { id: subject.tenant_id.clone() };
    let tenant = visit.ask::<TenantNamed>(variables).await?.tenant.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("abuse-title"), form);
    let title = match &subject.address {
        Some(address) if id.starts_with("crd_") => {
            page.f.with_two("abuse-credential", ("id", id), ("address", address))
        }
        Some(address) => address.clone(),
        None if subject.subject_id == tenant.id => tenant.name.clone(),
        None => subject.subject_id.clone(),
    };
    page.f = page.f.titled(&title);
    page.tabs = tabs(visit, &page.f);
    page.back = Some(("/sell/abuse".to_owned(), page.f.t("abuse-title")));
    page.about = page.f.t("subject-about");
    around(&mut page, &subject, &tenant.name);
    let holds = holds(&subject);
    let rows = holds.iter().map(|hold| held(&page.f, hold, &subject.subject_id)).collect();
    page.groups.push(Group { title: page.f.t("subject-holds"), none: page.f.t("subject-holds-none"), rows });
    if subject.mailbox_id.as_deref() == Some(subject.subject_id.as_str()) {
        passwords(visit, &mut page, &subject.subject_id).await?;
    }
    trail(visit, &mut page, &subject).await?;
    may(&mut page, &subject);
    panels(&mut page, &holds).map_err(|_| Trouble::Broken)?;
    page.reply()
}

/// Whose it is, each with a page of its own.
fn around(page: &mut Collection, subject: &Subject, tenant: &str) {
    let f = &page.f;
    let row = |what: &str, title: &str, id: &str| Row {
        title: title.to_owned(),
        link: if id == subject.subject_id { String::new() } else { format!("/sell/abuse/{}", encoded(id)) },
        facts: vec![f.t(what)],
        codes: vec![id.to_owned()],
        ..Row::default()
    };
    let mut rows = vec![row("subject-tenant", tenant, &subject.tenant_id)];
    if let (Some(mailbox), Some(address)) = (&subject.mailbox_id, &subject.address) {
        rows.push(row("subject-mailbox", address, mailbox));
    }
    if subject.subject_id.starts_with("crd_") {
        rows.push(row("subject-credential", &subject.subject_id, &subject.subject_id));
    }
    page.groups.push(Group { title: f.t("subject-whose"), none: String::new(), rows });
}

/// All holds that count for it, each once.
fn holds(subject: &Subject) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    for hold in subject.states.iter().flat_map(|s| &s.reasons).filter_map(|r| r.hold.as_ref()) {
        if !holds.iter().any(|known| known.id == hold.id) {
            holds.push(hold.clone());
        }
    }
    holds
}

fn held(f: &Frame, hold: &Hold, subject: &str) -> Row {
    let takes: Vec<String> = hold.blocks.iter().map(|b| capability(f, &word(b))).collect();
    let mut facts =
        vec![f.with("hold-since", "at", f.at(&hold.placed_at)), f.with("hold-takes", "what", takes.join(", "))];
    facts.extend(hold.expires_at.as_ref().map(|at| f.with("until-day", "at", f.day(at))));
    let is_own = hold.subject_id == subject;
    facts.extend((!is_own).then(|| f.t("hold-above")));
    Row {
        title: hold.code.clone(),
        link: if is_own { String::new() } else { format!("/sell/abuse/{}", encoded(&hold.subject_id)) },
        states: vec![(kind(f, &word(&hold.kind)), "bad")],
        facts,
        foreign: vec![format!("{} {}", hold.reason, hold.next_step).trim().to_owned()],
        ..Row::default()
    }
}

/// App passwords of a mailbox: one of them can be stopped alone.
async fn passwords(visit: &Visit, page: &mut Collection, mailbox: &str) -> Result<(), Trouble> {
    let known = match visit.ask::<AppPasswords>(app_passwords::Variables { id: mailbox.to_owned() }).await {
        Ok(data) => data.app_passwords,
        Err(Trouble::Forbidden(_)) => None,
        Err(trouble) => return Err(trouble),
    };
    let Some(known) = known else {
        page.notes.push(page.f.t("subject-passwords-closed"));
        return Ok(());
    };
    let f = &page.f;
    let row = |p: app_passwords::AppPasswordsAppPasswords| Row {
        title: p.label,
        link: format!("/sell/abuse/{}", p.id),
        facts: vec![f.with("made-at", "at", f.at(&p.created_at))],
        codes: vec![p.id],
        ..Row::default()
    };
    let rows = known.into_iter().map(row).collect();
    let (title, none) = (f.t("app-passwords-title"), f.t("subject-passwords-none"));
    page.groups.push(Group { title, none, rows });
    Ok(())
}

/// What was done about it.
async fn trail(visit: &Visit, page: &mut Collection, subject: &Subject) -> Result<(), Trouble> {
    let filter = audit::AuditFilterInput {
        actor: None,
        action: None,
        object: Some(subject.subject_id.clone()),
        since: None,
        until: None,
    };
    let variables = audit::Variables {
        tenant: subject.tenant_id.clone(),
        filter: Some(filter),
        first: Some(TRAIL),
        after: None,
        last: None,
        before: None,
    };
    let entries = match visit.ask::<Audit>(variables).await {
        Ok(data) => data.audit_entries,
        Err(Trouble::Forbidden(_)) => None,
        Err(trouble) => return Err(trouble),
    };
    let Some(entries) = entries.map(|e| e.nodes) else {
        page.notes.push(page.f.t("subject-trail-closed"));
        return Ok(());
    };
    let f = &page.f;
    let row = |e: audit::AuditAuditEntriesNodes| Row {
        title: e.action,
        facts: vec![f.with_two("audit-by", ("at", &f.at(&e.at)), ("actor", &e.actor))],
        codes: Some(e.detail).filter(|d| !d.is_empty()).into_iter().collect(),
        ..Row::default()
    };
    let rows = entries.into_iter().map(row).collect();
    let (title, none) = (f.t("subject-trail"), f.t("subject-trail-none"));
    page.groups.push(Group { title, none, rows });
    Ok(())
}

/// What it may do now.
fn may(page: &mut Collection, subject: &Subject) {
    let f = &page.f;
    let row = |s: &held_subject::HeldSubjectCapabilitiesStates| {
        let state = if s.allowed { "why-yes" } else { "why-no" };
        vec![capability(f, &word(&s.capability)), f.t(state)]
    };
    page.tables.push(Table {
        title: f.t("subject-may"),
        heads: vec![f.t("label-what"), f.t("subject-now")],
        rows: subject.states.iter().map(row).collect(),
    });
}

fn panels(page: &mut Collection, holds: &[Hold]) -> Result<(), askama::Error> {
    let (f, form) = (&page.f, &page.form);
    let kinds = ["ABUSE", "SECURITY"].map(|name| (name.to_owned(), kind(f, name))).to_vec();
    let takes = CAPABILITIES.iter().filter(|(name, _)| !matches!(*name, "PAY" | "PURGE_ALLOWED"));
    let takes = takes.map(|(name, key)| ((*name).to_owned(), f.t(key))).collect();
    let place = vec![
        form.choice(f, &choose("kind", "label-kind", "hint-hold-kind", kinds))?,
        form.input(f, ask("code", "text", "label-hold-code", "hint-hold-code", "off").with("SPAM"))?,
        form.input(f, ask("reason", "text", "label-reason", "hint-hold-reason", "off"))?,
        form.input(f, ask("nextStep", "text", "label-next-step", "", "off"))?,
        form.input(f, ask("expiresAt", "text", "label-good-until", "hint-day", "off"))?,
        form.ticks(f, &choose("blocks", "label-blocks", "hint-blocks", takes))?,
    ];
    let own: Vec<(String, String)> =
        holds.iter().map(|h| (h.id.clone(), format!("{}: {}", h.code, h.reason))).collect();
    let release = match own.is_empty() {
        true => Vec::new(),
        false => vec![
            form.choice(f, &choose("hold", "label-hold", "", own))?,
            form.input(f, ask("why", "text", "label-release-reason", "hint-reason-later", "off"))?,
        ],
    };
    page.panel("place", "hold-place", "hold-place-about", place, "hold-place-button");
    if let Some(panel) = page.panels.last_mut() {
        panel.danger = true;
    }
    if !release.is_empty() {
        page.panel("release", "hold-release", "hold-release-about", release, "hold-release-button");
    }
    Ok(())
}

pub(super) async fn change(visit: &Visit, id: &str) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "place" => (place(visit, id).await?, "held"),
        "release" => (release(visit).await?, "released"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/sell/abuse/{}?ok={ok}", encoded(id))),
        false => draw(visit, id, visit.refused(refusals)).await,
    }
}

async fn place(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    use hold_place::{Capability as C, HoldKind as K};
    let expires_at = match day(&visit.fields, "expiresAt") {
        Ok(expires_at) => expires_at,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let block = |name: &String| {
        Some(match name.as_str() {
            "SEND_EXTERNAL" => C::SEND_EXTERNAL,
            "SEND_INTERNAL" => C::SEND_INTERNAL,
            "MAIL_READ" => C::MAIL_READ,
            "RECEIVE" => C::RECEIVE,
            "PORTAL_LOGIN" => C::PORTAL_LOGIN,
            "PROVISION" => C::PROVISION,
            "EXPORT" => C::EXPORT,
            _ => return None,
        })
    };
    let blocks: Vec<C> = visit.fields.all("blocks").iter().filter_map(block).collect();
    let input = hold_place::HoldPlaceInput {
        subject_id: id.to_owned(),
        kind: if visit.fields.text("kind") == "SECURITY" { K::SECURITY } else { K::ABUSE },
        code: visit.fields.text("code").to_uppercase(),
        reason: visit.fields.text("reason").to_owned(),
        next_step: visit.fields.text("nextStep").to_owned(),
        blocks: Some(blocks).filter(|blocks| !blocks.is_empty()),
        expires_at,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<HoldPlace>(hold_place::Variables { input }).await?;
    let names = ["kind", "code", "reason", "nextStep", "expiresAt", "blocks"].map(|name| (name, name));
    Ok(beside(refusals!(data.hold_place), &names))
}

async fn release(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let reason = visit.fields.text("why").to_owned();
    if reason.is_empty() {
        return Ok(vec![Refusal::new("why", "INVALID")]);
    }
    let input = hold_release::HoldReleaseInput {
        hold_id: visit.fields.text("hold").to_owned(),
        reason,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<HoldRelease>(hold_release::Variables { input }).await?;
    Ok(beside(refusals!(data.hold_release), &[("holdId", "hold"), ("reason", "why")]))
}
