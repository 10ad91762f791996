//! SUMMARY    One migration: how far it is, what it could not bring, pausing it, going on, ending it.
//! INVARIANTS The page is the same when it is read again; with scripts it reads itself while a pass is under way.

use crate::{
    collection::of_row,
    form::{Form, Refusal, ask},
    frame::Frame,
    operation::{
        MigrationEnd, MigrationPause, MigrationResume, MigrationShown, migration_end, migration_pause,
        migration_resume,
        migration_shown::{
            self, MigrationProblemKind as K, MigrationShownMigration, MigrationShownProblems, MigrationState as S,
        },
        refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// What a form of this page does, the key of its button's text, and whether it ends something.
type Button = (&'static str, &'static str, bool);

#[derive(Template)]
#[template(path = "moving.html")]
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
    problem: String,
    /// What, where, and why in the API's words.
    problems: Vec<(String, String)>,
    /// The rest of them.
    more: String,
    buttons: Vec<Button>,
    /// Where another password may be given.
    secret: String,
}

pub(crate) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

/// State in words, class, and whether it goes on by itself soon.
fn state(state: &S) -> (&'static str, &'static str, bool) {
    match state {
        S::QUEUED => ("move-queued", "open", true),
        S::RUNNING => ("move-running", "open", true),
        S::WAITING => ("move-waiting", "good", false),
        S::PAUSED => ("move-paused", "open", false),
        S::FAILED => ("move-failed", "bad", false),
        S::REFUSED => ("move-refused", "bad", false),
        S::ENDED => ("move-ended", "open", false),
        S::UNKNOWN | S::Other(_) => ("move-unknown", "open", true),
    }
}

fn buttons(state: &S) -> Vec<Button> {
    let (pause, end) = (("pause", "move-pause", false), ("end", "move-end", true));
    match state {
        S::QUEUED | S::RUNNING => vec![pause, end],
        S::WAITING => vec![("resume", "move-now", false), pause, end],
        S::PAUSED => vec![("resume", "move-resume", false), end],
        // It goes on with its form, which takes another password.
        S::FAILED => vec![end],
        S::REFUSED | S::ENDED | S::UNKNOWN | S::Other(_) => Vec::new(),
    }
}

fn facts(f: &Frame, migration: &MigrationShownMigration) -> Vec<String> {
    let mut facts = vec![f.with_two("move-from", ("user", &migration.user), ("host", &migration.host))];
    let (n, size) = (migration.brought.to_string(), f.size(&migration.size));
    facts.push(f.with_two("move-brought", ("n", &n), ("size", &size)));
    if migration.already_here > 0 {
        facts.push(f.count("move-already", migration.already_here));
    }
    let is_waiting = matches!(migration.state, S::WAITING);
    let times = [
        ("move-last", migration.last_pass_at.as_ref()),
        ("move-next", migration.next_pass_at.as_ref().filter(|_| is_waiting)),
        ("move-until", migration.ends_at.as_ref().filter(|_| migration.ended_at.is_none())),
        ("move-ended-at", migration.ended_at.as_ref()),
    ];
    facts.extend(times.into_iter().filter_map(|(key, at)| at.map(|at| f.with(key, "at", f.at(at)))));
    facts
}

fn problem(f: &Frame, problem: &MigrationShownProblems) -> (String, String) {
    let key = match problem.kind {
        K::MESSAGE => "move-problem-message",
        K::FOLDER => "move-problem-folder",
        K::PASSED_OVER => "move-problem-passed",
        K::NOT_KEPT => "move-problem-not-kept",
        K::GONE => "move-problem-gone",
        K::Other(_) => "move-problem-other",
    };
    let uid = problem.uid.map(|uid| format!(" #{uid}")).unwrap_or_default();
    let folder = format!("{}{uid}", problem.folder);
    (f.with(key, "folder", &folder), problem.why.clone())
}

/// How far the pass is, in words and in thousandths.
fn progress(f: &Frame, migration: &MigrationShownMigration) -> (String, Option<u64>) {
    let Some(far) = migration.progress.as_ref().filter(|_| matches!(migration.state, S::RUNNING | S::PAUSED)) else {
        return (String::new(), None);
    };
    let text = |n: i64| n.to_string();
    let words = [
        f.with_two("export-emails", ("n", &text(far.messages)), ("of", &text(far.messages_total))),
        f.with_two("move-folders", ("n", &text(far.folders)), ("of", &text(far.folders_total))),
    ];
    let (done, all) = (u64::try_from(far.messages).unwrap_or(0), u64::try_from(far.messages_total).unwrap_or(0));
    let permille = done.saturating_mul(1_000).checked_div(all).map(|p| p.min(1_000));
    (words.join(" · "), permille)
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let data = visit.ask::<MigrationShown>(migration_shown::Variables { id: id.to_owned() }).await?;
    let migration = data.migration.ok_or(Trouble::NotFound)?;
    let told = data.problems.unwrap_or_default();
    let f = visit.frame("move-one-title");
    let (text, class, is_going) = state(&migration.state);
    let (progress, permille) = progress(&f, &migration);
    let more = migration.problems - i64::try_from(told.len()).unwrap_or(i64::MAX);
    let secret = match migration.state {
        S::FAILED => {
            let input = ask("secret", "password", "label-move-secret", "hint-move-again", "off");
            form.input(&f, input).map_err(|_| Trouble::Broken)?
        }
        _ => String::new(),
    };
    let html = Page {
        title: migration.mailbox_address.clone().unwrap_or_else(|| migration.user.clone()),
        state: f.t(text),
        class,
        is_going,
        progress,
        permille,
        facts: facts(&f, &migration),
        problem: migration.problem.clone().unwrap_or_default(),
        problems: told.iter().map(|one| problem(&f, one)).collect(),
        more: if more > 0 { f.count("move-more-problems", more) } else { String::new() },
        buttons: buttons(&migration.state),
        secret,
        form: form.clone(),
        f,
    };
    page(form.is_refused(), &html)
}

pub(crate) async fn change(visit: &mut Visit, id: &str) -> Reply {
    visit.signed()?;
    let (refusals, ok) = match visit.fields.text("act") {
        "pause" => (pause(visit, id).await?, "move-paused"),
        "resume" => (resume(visit, id).await?, "move-resumed"),
        "end" => (end(visit, id).await?, "move-ended"),
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("/move/{id}?ok={ok}"));
    }
    let form = visit.refused(of_row(refusals));
    draw(visit, id, form).await
}

async fn pause(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = migration_pause::MigrationPauseInput {
        migration_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MigrationPause>(migration_pause::Variables { input }).await?;
    Ok(refusals!(data.migration_pause))
}

async fn resume(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let secret = Some(visit.fields.exact("secret").to_owned()).filter(|secret| !secret.is_empty());
    let input = migration_resume::MigrationResumeInput {
        migration_id: id.to_owned(),
        secret,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MigrationResume>(migration_resume::Variables { input }).await?;
    Ok(refusals!(data.migration_resume))
}

async fn end(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = migration_end::MigrationEndInput {
        migration_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MigrationEnd>(migration_end::Variables { input }).await?;
    Ok(refusals!(data.migration_end))
}
