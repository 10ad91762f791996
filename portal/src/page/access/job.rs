//! SUMMARY    A job that goes on by itself: how far it is, what came of it, its file.
//! INVARIANTS The page is the same when it is read again; with scripts it reads itself while the job goes on.

use crate::{
    collection::of_row,
    form::Form,
    frame::Frame,
    operation::{JobCancel, JobShown, job_cancel, job_shown, refusals},
    trouble::Trouble,
    visit::{Out, Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "job.html")]
struct Page {
    f: Frame,
    form: Form,
    id: String,
    back: String,
    back_text: String,
    state: String,
    class: &'static str,
    is_going: bool,
    progress: String,
    permille: Option<u64>,
    created: String,
    error: String,
    /// Of the outcome: text and number.
    results: Vec<(String, String)>,
    /// Paths of what can be fetched, with their texts.
    files: Vec<(String, String)>,
    /// Whether passwords may have been made, which are given once.
    has_passwords: bool,
}

async fn found(visit: &Visit, id: &str) -> Result<job_shown::JobShownJob, Trouble> {
    let variables = job_shown::Variables { id: id.to_owned() };
    visit.ask::<JobShown>(variables).await?.job.ok_or(Trouble::NotFound)
}

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

/// State in words, class, and whether it goes on.
fn state(state: &job_shown::JobState) -> (&'static str, &'static str, bool) {
    use job_shown::JobState as S;
    match state {
        S::QUEUED => ("job-queued", "open", true),
        S::RUNNING => ("job-running", "open", true),
        S::PAUSED => ("job-paused", "open", false),
        S::DONE => ("job-done", "good", false),
        S::FAILED => ("job-failed", "bad", false),
        S::CANCELLED | S::Other(_) => ("job-cancelled", "open", false),
    }
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let job = found(visit, id).await?;
    let is_import = job.kind == "mailboxImport";
    let f = visit.frame(if is_import { "import-title" } else { "job-title" });
    let (text, class, is_going) = state(&job.state);
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let permille = job.progress.total.filter(|total| *total > 0);
    let permille = permille.map(|total| (number(job.progress.done) * 1_000 / number(total).max(1)).min(1_000));
    let results = ["entries", "made", "would", "refused"].into_iter().filter_map(|name| {
        let n = job.result.get(name)?.as_i64()?;
        let key = match name {
            "entries" => "job-entries",
            "made" => "job-created",
            "would" => "job-valid",
            _ => "job-refused",
        };
        Some((f.t(key), n.to_string()))
    });
    let results = results.collect();
    let is_done = job.state == job_shown::JobState::DONE;
    let files = match (is_done, is_import) {
        (true, false) => vec![(format!("/access/jobs/{id}/file"), f.t("job-file"))],
        (true, true) => vec![
            (format!("/mailboxes/import/{id}"), f.t("import-result")),
            (format!("/mailboxes/import/{id}?only=refused"), f.t("import-refused")),
        ],
        (false, _) => Vec::new(),
    };
    let (back, back_text) = match is_import {
        true => ("/mailboxes", f.t("mailboxes-title")),
        false => ("/access/audit", f.t("audit-title")),
    };
    let progress = match job.progress.total {
        Some(total) => f.with_two("bar-of", ("used", &job.progress.done.to_string()), ("max", &total.to_string())),
        None => job.progress.done.to_string(),
    };
    let html = Page {
        id: id.to_owned(),
        back: back.to_owned(),
        back_text,
        state: f.t(text),
        class,
        is_going,
        progress,
        permille,
        created: f.at(&job.created_at),
        error: job.error.unwrap_or_default(),
        results,
        files,
        has_passwords: is_import && is_done && job.result.get("made").and_then(serde_json::Value::as_i64) > Some(0),
        form: form.clone(),
        f,
    };
    page(form.is_refused(), &html)
}

pub(super) async fn change(visit: &Visit, id: &str) -> Reply {
    let input = job_cancel::JobCancelInput {
        job_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<JobCancel>(job_cancel::Variables { input }).await?;
    let refusals = refusals!(data.job_cancel);
    match refusals.is_empty() {
        true => see(format!("/access/jobs/{id}?ok=ended")),
        false => draw(visit, id, visit.refused(of_row(refusals))).await,
    }
}

/// The file of a job, as it comes from the API.
pub(crate) async fn file(visit: &Visit, id: &str) -> Reply {
    // Only ids have a place in a path of the API.
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Trouble::NotFound);
    }
    let signed = visit.signed()?;
    let tenant = Some(signed.tenant.as_str()).filter(|t| !t.is_empty());
    let file = visit.portal.graph.file(id, &signed.access, tenant, &visit.client).await;
    file.map(Out::Stream).ok_or(Trouble::NotFound)
}
