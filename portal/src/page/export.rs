//! SUMMARY    Mail taken along: exports that were asked for, and asking for one.
//! SECURITY   Asking takes a factor that was verified a moment ago; what was typed is kept meanwhile. The user of a mailbox is offered that alone.

mod one;

pub(crate) use one::{change, show as show_one};

use crate::{
    collection::{Collection, Row, beside},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{ExportRequest, Exports, MailboxByAddress, export_request, exports, mailbox_by_address, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Who may have all mailboxes of an organisation exported.
const OWNS: [&str; 2] = ["export:request", "tenant:close"];
/// Days for which files are kept, where nothing else is typed.
const KEEP_DAYS: &str = "7";
/// What is typed here, kept while a factor is asked for.
const TYPED: [&str; 5] = ["what", "mailbox", "shape", "days", "reason"];

pub(crate) async fn show(visit: &mut Visit) -> Reply {
    draw(visit, Form::default()).await
}

/// Of what an export is.
fn title(f: &Frame, address: Option<&str>, mailboxes: usize) -> String {
    match (address, mailboxes) {
        (Some(address), _) => address.to_owned(),
        (None, 0) => f.t("export-of-all"),
        (None, count) => f.count("export-of-some", i64::try_from(count).unwrap_or(i64::MAX)),
    }
}

fn row(f: &Frame, export: &exports::ExportsExportsNodes) -> Row {
    use exports::ExportState as S;
    let (text, class) = match &export.state {
        S::AUTHORIZING => ("export-authorizing", "open"),
        S::QUEUED => ("export-queued", "open"),
        S::LISTING | S::WRITING | S::VERIFYING => ("export-running", "open"),
        S::PAUSED => ("export-paused", "open"),
        S::READY => ("export-ready", "good"),
        S::FAILED => ("export-failed", "bad"),
        S::REFUSED => ("export-refused", "bad"),
        S::CANCELLED => ("export-cancelled", "open"),
        S::EXPIRED => ("export-expired", "open"),
        S::UNKNOWN | S::Other(_) => ("export-unknown", "open"),
    };
    let mut facts = vec![f.with("export-asked", "at", f.at(&export.created_at))];
    match (&export.state, &export.expires_at) {
        (S::READY, Some(until)) => facts.push(f.with("export-until", "at", f.at(until))),
        (S::AUTHORIZING, _) => facts.push(f.with("export-starts", "at", f.at(&export.starts_at))),
        _ => {}
    }
    if export.size.as_str() != "0" {
        facts.push(f.size(&export.size));
    }
    Row {
        title: title(f, export.mailbox_address.as_deref(), export.mailbox_ids.len()),
        link: format!("/exports/{}", export.id),
        states: vec![(f.t(text), class)],
        facts,
        ..Row::default()
    }
}

async fn draw(visit: &mut Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = exports::Variables { tenant: visit.tenant()?, first, after, last, before };
    let data = visit.ask::<Exports>(variables).await?;
    let (found, viewer) = (data.exports.ok_or(Trouble::NotFound)?, data.viewer.ok_or(Trouble::NotFound)?);
    let mut page = Collection::new(visit.frame("exports-title"), form);
    page.about = page.f.t("exports-about");
    page.rows("exports-none", found.nodes.iter().map(|export| row(&page.f, export)).collect());
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let owns = OWNS.iter().all(|needed| viewer.permissions.iter().any(|has| has == needed));
    let (title, about) = match visit.signed()?.mailbox.is_empty() {
        true => ("export-panel", "export-panel-about"),
        false => ("export-panel-own", "export-panel-own-about"),
    };
    let inputs = inputs(visit, &page, owns)?;
    page.panel("request", title, about, inputs, "export-button");
    page.reply()
}

fn inputs(visit: &mut Visit, page: &Collection, owns: bool) -> Result<Vec<String>, Trouble> {
    let (f, form) = (&page.f, &page.form);
    let is_user = !visit.signed()?.mailbox.is_empty();
    let mut typed = visit.typed_again();
    if typed.text("mailbox").is_empty() && visit.query.given("mailbox").is_some() {
        typed = visit.query.clone();
    }
    let mut all = Vec::new();
    if owns && !is_user {
        let what = vec![("one".to_owned(), f.t("export-what-one")), ("all".to_owned(), f.t("export-what-all"))];
        all.push(form.choice(
            f,
            &choose("what", "label-export-what", "hint-export-what", what).with(vec![typed.text("what").to_owned()]),
        ));
    }
    if !is_user {
        let address = ask("mailbox", "email", "label-export-mailbox", "hint-export-mailbox", "off");
        all.push(form.input(f, address.with(typed.text("mailbox"))));
    }
    let shapes =
        vec![("mbox".to_owned(), f.t("export-shape-mbox")), ("maildir".to_owned(), f.t("export-shape-maildir"))];
    all.push(form.choice(
        f,
        &choose("shape", "label-export-shape", "hint-export-shape", shapes).with(vec![typed.text("shape").to_owned()]),
    ));
    let days = Some(typed.text("days")).filter(|days| !days.is_empty()).unwrap_or(KEEP_DAYS);
    all.push(form.input(f, ask("days", "number", "label-export-days", "hint-export-days", "off").with(days)));
    if !is_user {
        all.push(form.input(f, ask("reason", "text", "label-export-reason", "", "off").with(typed.text("reason"))));
    }
    all.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)
}

/// The mailboxes that were asked for; `None`: all. Refusals where there is no such one.
async fn wanted(visit: &Visit) -> Result<Result<Option<Vec<String>>, Refusal>, Trouble> {
    let own = &visit.signed()?.mailbox;
    if !own.is_empty() {
        return Ok(Ok(Some(vec![own.clone()])));
    }
    if visit.fields.text("what") == "all" {
        return Ok(Ok(None));
    }
    let address = visit.fields.text("mailbox").to_owned();
    if !address.contains('@') {
        return Ok(Err(Refusal::new("mailbox", "NOT_FOUND")));
    }
    let data = visit.ask::<MailboxByAddress>(mailbox_by_address::Variables { address }).await?;
    let found = data.mailbox_by_address.map(|mailbox| Some(vec![mailbox.id]));
    Ok(found.ok_or_else(|| Refusal::new("mailbox", "NOT_FOUND")))
}

pub(crate) async fn request(visit: &mut Visit) -> Reply {
    match ordered(visit).await {
        Err(Trouble::StepUp) => {
            visit.keep_typed(&TYPED);
            Err(Trouble::StepUp)
        }
        Ok(Ok(id)) => see(format!("/exports/{id}?ok=export-asked")),
        Ok(Err(refusals)) => {
            let form = visit.refused(refusals);
            draw(visit, form).await
        }
        Err(trouble) => Err(trouble),
    }
}

/// The id of the export, or why there is none.
async fn ordered(visit: &Visit) -> Result<Result<String, Vec<Refusal>>, Trouble> {
    let keep_days = match visit.fields.given("days").map(|days| days.parse::<u32>().map(i64::from)).transpose() {
        Ok(days) => days,
        Err(_) => return Ok(Err(vec![Refusal::new("days", "INVALID")])),
    };
    let mailbox_ids = match wanted(visit).await? {
        Ok(mailboxes) => mailboxes,
        Err(refusal) => return Ok(Err(vec![refusal])),
    };
    let input = export_request::ExportRequestInput {
        tenant_id: visit.tenant()?,
        mailbox_ids,
        shape: match visit.fields.text("shape") {
            "maildir" => export_request::ExportShape::MAILDIR,
            _ => export_request::ExportShape::MBOX,
        },
        keep_days,
        reason: visit.fields.text("reason").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<ExportRequest>(export_request::Variables { input }).await?.export_request;
    Ok(match payload.export {
        Some(export) => Ok(export.id),
        None => {
            Err(beside(refusals!(payload), &[("keepDays", "days"), ("mailboxIds", "mailbox"), ("reason", "reason")]))
        }
    })
}
