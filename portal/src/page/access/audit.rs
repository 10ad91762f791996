//! SUMMARY    The audit log: looked through by who, what and when; as a file by a job.

use super::tabs;
use crate::{
    collection::{Collection, Filter, Row, of_row},
    form::{Form, ask},
    frame::Frame,
    list::Place,
    operation::{Audit, AuditExport, audit, audit_export, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// What is looked for, as it stands in the address.
struct Wanted {
    actor: Option<String>,
    action: Option<String>,
    object: Option<String>,
    /// Days, as 2026-11-26, in UTC.
    since: Option<String>,
    until: Option<String>,
}

impl Wanted {
    fn of(fields: &crate::field::Fields) -> Wanted {
        let day = |name: &str| fields.given(name).filter(|day| day.parse::<jiff::civil::Date>().is_ok());
        Wanted {
            actor: fields.given("actor"),
            action: fields.given("action"),
            object: fields.given("object"),
            since: day("since"),
            until: day("until"),
        }
    }

    fn is_empty(&self) -> bool {
        [&self.actor, &self.action, &self.object, &self.since, &self.until].into_iter().all(Option::is_none)
    }
}

/// The first moment of a day, or of the day after.
fn midnight(day: &Option<String>, is_after: bool) -> Option<String> {
    let day = day.as_ref()?.parse::<jiff::civil::Date>().ok()?;
    let day = if is_after { day.tomorrow().ok()? } else { day };
    Some(format!("{day}T00:00:00Z"))
}

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let wanted = Wanted::of(&visit.query);
    let Place { first, after, last, before } = Place::of(&visit.query);
    let filter = (!wanted.is_empty()).then(|| audit::AuditFilterInput {
        actor: wanted.actor.clone(),
        action: wanted.action.clone(),
        object: wanted.object.clone(),
        since: midnight(&wanted.since, false),
        until: midnight(&wanted.until, true),
    });
    let variables = audit::Variables { tenant: visit.tenant()?, filter, first, after, last, before };
    let found = visit.ask::<Audit>(variables).await?.audit_entries.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("audit-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("audit-about");
    page.filter = Some(filter_form(&page.f, &wanted)?);
    let rows = found.nodes.into_iter().map(|e| entry(&page.f, e)).collect();
    page.rows("audit-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.panel("export", "audit-export", "audit-export-about", Vec::new(), "audit-export-button");
    if let Some(panel) = page.panels.last_mut() {
        let fields = ["actor", "action", "object", "since", "until"];
        panel.hidden.extend(fields.map(|name| (name, visit.query.text(name).to_owned())));
    }
    page.reply()
}

fn filter_form(f: &Frame, wanted: &Wanted) -> Result<Filter, Trouble> {
    let form = Form::default();
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let inputs = [
        form.input(f, ask("action", "text", "label-action", "", "off").with(&value(&wanted.action))),
        form.input(f, ask("object", "text", "label-object", "", "off").with(&value(&wanted.object))),
        form.input(f, ask("actor", "text", "label-actor", "", "off").with(&value(&wanted.actor))),
        form.input(f, ask("since", "date", "label-since", "", "off").with(&value(&wanted.since))),
        form.input(f, ask("until", "date", "label-until", "", "off").with(&value(&wanted.until))),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    Ok(Filter { inputs, button: f.t("audit-filter") })
}

fn entry(f: &Frame, e: audit::AuditAuditEntriesNodes) -> Row {
    let mut facts = vec![f.with_two("audit-by", ("at", &f.at(&e.at)), ("actor", &e.actor))];
    if !e.on_behalf_of.is_empty() {
        facts.push(f.with("audit-behalf", "who", &e.on_behalf_of));
    }
    if !e.ip.is_empty() {
        facts.push(f.with("audit-from", "ip", &e.ip));
    }
    let codes = [e.object, e.detail].into_iter().filter(|code| !code.is_empty()).collect();
    Row { title: e.action, facts, codes, ..Row::default() }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let wanted = Wanted::of(&visit.fields);
    let filter = (!wanted.is_empty()).then(|| audit_export::AuditFilterInput {
        since: midnight(&wanted.since, false),
        until: midnight(&wanted.until, true),
        actor: wanted.actor.clone(),
        action: wanted.action.clone(),
        object: wanted.object.clone(),
    });
    let input = audit_export::AuditExportInput {
        tenant_id: visit.tenant()?,
        filter,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<AuditExport>(audit_export::Variables { input }).await?.audit_export;
    match payload.job {
        Some(job) => see(format!("/access/jobs/{}", job.id)),
        None => draw(visit, visit.refused(of_row(refusals!(payload)))).await,
    }
}
