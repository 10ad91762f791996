//! SUMMARY    One export: how far it is, stopping and ending it, its files.
//! SECURITY   Files are fetched by a link that was made for it, which takes a factor that was verified a moment ago; it is shown once.
//! INVARIANTS The page is the same when it is read again; with scripts it reads itself while the export goes on.

use super::title;
use crate::{
    collection::{of_row, show_once, shown},
    form::{Form, Refusal},
    frame::Frame,
    operation::{
        ExportCancel, ExportLinkCreate, ExportLinkRevoke, ExportPause, ExportResume, ExportShown, export_cancel,
        export_link_create, export_link_revoke, export_pause, export_resume,
        export_shown::{self, ExportShownExport, ExportState as S},
        refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// What a form of this page does, the key of its button's text, and whether it destroys something.
type Button = (&'static str, &'static str, bool);

#[derive(Template)]
#[template(path = "export.html")]
struct Page {
    f: Frame,
    form: Form,
    title: String,
    state: String,
    class: &'static str,
    is_going: bool,
    progress: String,
    permille: Option<u64>,
    facts: Vec<String>,
    notes: Vec<String>,
    problem: String,
    /// Names of files with their sizes, and where they are fetched from while that is shown.
    files: Vec<(String, String, Option<String>)>,
    /// The link that was just made: shown once.
    address: Option<String>,
    /// Links that are good: ids and until when.
    links: Vec<(String, String)>,
    buttons: Vec<Button>,
}

pub(crate) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

/// State in words, class, and whether it goes on by itself.
fn state(state: &S) -> (&'static str, &'static str, bool) {
    match state {
        S::AUTHORIZING => ("export-authorizing", "open", false),
        S::QUEUED => ("export-queued", "open", true),
        S::LISTING => ("export-listing", "open", true),
        S::WRITING => ("export-writing", "open", true),
        S::VERIFYING => ("export-verifying", "open", true),
        S::PAUSED => ("export-paused", "open", false),
        S::READY => ("export-ready", "good", false),
        S::FAILED => ("export-failed", "bad", false),
        S::REFUSED => ("export-refused", "bad", false),
        S::CANCELLED => ("export-cancelled", "open", false),
        S::EXPIRED => ("export-expired", "open", false),
        S::UNKNOWN | S::Other(_) => ("export-unknown", "open", true),
    }
}

fn buttons(state: &S) -> Vec<Button> {
    let (pause, resume) = (("pause", "export-pause", false), ("resume", "export-resume", false));
    let (cancel, destroy) = (("cancel", "export-cancel", true), ("cancel", "export-destroy", true));
    match state {
        S::AUTHORIZING => vec![cancel],
        S::QUEUED | S::LISTING | S::WRITING | S::VERIFYING => vec![pause, cancel],
        S::PAUSED | S::FAILED => vec![resume, cancel],
        S::READY => vec![("link", "export-link", false), destroy],
        S::REFUSED | S::CANCELLED | S::EXPIRED | S::UNKNOWN | S::Other(_) => Vec::new(),
    }
}

/// How far it is, in words, and in thousandths of its bytes.
fn progress(f: &Frame, export: &ExportShownExport) -> (String, Option<u64>) {
    let Some(far) = &export.progress else { return (String::new(), None) };
    let bytes = |text: &str| text.parse::<u64>().unwrap_or(0);
    let (done, all) = (bytes(&far.size_done), bytes(&far.size));
    match export.state {
        S::LISTING | S::QUEUED => {
            let (listed, of) = (far.mailboxes_listed.to_string(), far.mailboxes.to_string());
            (f.with_two("export-listed", ("n", &listed), ("of", &of)), None)
        }
        S::WRITING | S::VERIFYING | S::PAUSED | S::FAILED => {
            let (n, of) = (far.emails_done.to_string(), far.emails.to_string());
            let mut words = vec![f.with_two("export-emails", ("n", &n), ("of", &of))];
            words.push(f.with_two("bar-of", ("used", &f.size(&far.size_done)), ("max", &f.size(&far.size))));
            if let Some(seconds) = far.seconds_left {
                words.push(f.count("export-minutes-left", seconds.div_euclid(60) + 1));
            }
            let permille = done.saturating_mul(1_000).checked_div(all).map(|p| p.min(1_000));
            (words.join(" · "), permille)
        }
        _ => (f.count("export-emails-in", far.emails), None),
    }
}

fn facts(f: &Frame, export: &ExportShownExport) -> Vec<String> {
    let mut facts = vec![f.with("export-asked", "at", f.at(&export.created_at))];
    match export.state {
        S::AUTHORIZING => facts.push(f.with("export-waits", "at", f.at(&export.starts_at))),
        S::READY => {
            if let Some(until) = &export.expires_at {
                facts.push(f.with("export-until", "at", f.at(until)));
            }
        }
        _ => {}
    }
    if export.size.as_str() != "0" {
        facts.push(f.size(&export.size));
    }
    if !export.reason.is_empty() {
        facts.push(f.with("export-reason", "reason", &export.reason));
    }
    facts
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let variables = export_shown::Variables { id: id.to_owned() };
    let data = visit.ask::<ExportShown>(variables).await?;
    let export = data.export.ok_or(Trouble::NotFound)?;
    let (files, links) = (data.files.unwrap_or_default(), data.links.unwrap_or_default());
    let secrets = shown(visit);
    let f = visit.frame("export-title");
    let (text, class, is_going) = state(&export.state);
    let address = secrets.into_iter().next().map(|secret| secret.text);
    let link = |name: &str| address.as_ref().and_then(|address| path_of(address)).map(|path| format!("{path}{name}"));
    let files = files.iter().map(|file| (file.name.clone(), f.size(&file.size), link(&file.name))).collect();
    let (progress, permille) = progress(&f, &export);
    let mut notes = Vec::new();
    if export.left_out > 0 {
        notes.push(f.count("export-left-out", export.left_out));
    }
    if export.problems > 0 {
        notes.push(f.count("export-problems", export.problems));
    }
    let html = Page {
        title: title(&f, export.mailbox_address.as_deref(), export.mailbox_ids.len()),
        state: f.t(text),
        class,
        is_going,
        progress,
        permille,
        facts: facts(&f, &export),
        notes,
        problem: export.problem.clone().unwrap_or_default(),
        files,
        address,
        links: links
            .iter()
            .filter(|_| export.state == S::READY)
            .map(|link| (link.id.clone(), f.at(&link.expires_at)))
            .collect(),
        buttons: buttons(&export.state),
        form: form.clone(),
        f,
    };
    page(form.is_refused(), &html)
}

/// The path of an address: files are fetched from the host that the page is on.
fn path_of(address: &str) -> Option<&str> {
    address.find("/download/").and_then(|at| address.get(at..))
}

pub(crate) async fn change(visit: &mut Visit, id: &str) -> Reply {
    visit.signed()?;
    let (refusals, ok) = match visit.fields.text("act") {
        "pause" => (pause(visit, id).await?, "export-paused"),
        "resume" => (resume(visit, id).await?, "export-resumed"),
        "cancel" => (cancel(visit, id).await?, "export-cancelled"),
        "link" => (make_link(visit, id).await?, "export-link"),
        "revoke" => (revoke(visit).await?, "ended"),
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("/exports/{id}?ok={ok}"));
    }
    let form = visit.refused(of_row(refusals));
    draw(visit, id, form).await
}

async fn pause(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = export_pause::ExportPauseInput {
        export_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<ExportPause>(export_pause::Variables { input }).await?;
    Ok(refusals!(data.export_pause))
}

async fn resume(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = export_resume::ExportResumeInput {
        export_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<ExportResume>(export_resume::Variables { input }).await?;
    Ok(refusals!(data.export_resume))
}

async fn cancel(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = export_cancel::ExportCancelInput {
        export_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<ExportCancel>(export_cancel::Variables { input }).await?;
    Ok(refusals!(data.export_cancel))
}

async fn make_link(visit: &mut Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = export_link_create::ExportLinkCreateInput {
        export_id: id.to_owned(),
        hours: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<ExportLinkCreate>(export_link_create::Variables { input }).await?.export_link_create;
    if let Some(address) = payload.link.as_ref().and_then(|link| link.address.clone()) {
        show_once(visit, &format!("/exports/{id}"), String::new(), address);
    }
    Ok(refusals!(payload))
}

async fn revoke(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = export_link_revoke::ExportLinkRevokeInput {
        link_id: visit.fields.text("id").to_owned(),
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<ExportLinkRevoke>(export_link_revoke::Variables { input }).await?;
    Ok(refusals!(data.export_link_revoke))
}
