//! SUMMARY    `ctl import`: mail of files on this machine, brought into a mailbox by an operator.
//! SECURITY   The server reads the files: who may ask is its own user or root (`socket`). Each import is written into the tenant's audit log
//!            before it is begun. What the files say is a stranger's.
//! INVARIANTS An import ends when nobody listens any more; the same command goes on with it. The exit code is 0 when all that can be read
//!            was brought in; what could not is rows, and a number in the last line.

use super::{
    desk::{Desk, Events, Outcome, done, row, text},
    request::{Event, ImportCall},
    size,
};
use crate::Failure;
use archive::metadata::Problem;
use base::limits::CTL_LINE_BYTES_MAX;
use clap::Args;
use import::{Importer, Order, Progress, Report};
use mail::{Mail, NewPath};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Columns of what could not be brought in.
pub const TOLD: &[&str] = &["what", "file", "at", "why"];
/// Characters of the entry in the audit log.
const DETAIL_CHARS_MAX: usize = 500;

#[derive(Args)]
pub struct Import {
    /// The address or the id (acc_…) of the mailbox that it is brought into.
    #[arg(long)]
    account: String,
    /// A folder of the mailbox; all goes below it. Without it INBOX goes to INBOX, sent mail to where that is, and so on.
    #[arg(long, value_name = "FOLDER")]
    into: Option<String>,
    /// Which mailbox of an export that has several: its address there.
    #[arg(long, value_name = "ADDRESS")]
    only: Option<String>,
    /// Why, for the audit log of the tenant.
    #[arg(long, default_value = "")]
    reason: String,
    /// Leaves out addresses and settings that an export has: only its mail is brought in.
    #[arg(long)]
    mail_only: bool,
    /// Reads all of it and says what would be brought in; nothing is changed.
    #[arg(long)]
    dry_run: bool,
    /// Files and folders of the server's machine. Archives of one export belong into one command; a folder with export-1.zip and so on will do.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Import {
    pub fn call(self) -> Result<ImportCall, Failure> {
        let Import { account, into, only, reason, mail_only, dry_run, paths } = self;
        if let Some(wrong) = into.as_deref().and_then(|into| NewPath::parse(into).err()) {
            return Err(Failure::Usage(format!("--into: {}", wrong.context)));
        }
        let absolute = |path: &PathBuf| {
            let found = std::path::absolute(path).map_err(|e| e.to_string());
            let found =
                found.and_then(|path| path.to_str().map(PathBuf::from).ok_or("its name is not UTF-8".to_owned()));
            found.map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
        };
        let paths = paths.iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
        if paths.iter().map(|path| path.as_os_str().len() + 8).sum::<usize>() > CTL_LINE_BYTES_MAX / 2 {
            return Err(Failure::Usage("so many paths are too many for one command: name a folder".to_owned()));
        }
        Ok(ImportCall { account, into, only, reason, mail_only, dry_run, paths })
    }
}

impl Desk {
    pub(super) async fn import(&self, who: &str, call: ImportCall, events: &Events) -> Outcome {
        let accounts = self.store()?.clone();
        let actor = self.actor(who).await?;
        let mailbox = self.mailbox(&actor, &call.account).await?;
        let scope = accounts.ordered(mailbox.tenant, mailbox.id).await.map_err(|e| format!("{}: {e}", call.account))?;
        let mut inputs = Vec::new();
        for path in &call.paths {
            inputs.extend(import::open(path).await.map_err(|e| e.context)?);
        }
        if !call.dry_run {
            let noted = [(mailbox.id.to_string(), detail(&call))];
            self.shared_service()?.note(&actor, mailbox.tenant, "mailImport", &noted).await.map_err(text)?;
            tracing::warn!(target: "audit", who, account = %mailbox.id, "mail is brought in");
        }
        let into = call.into.as_deref().map(NewPath::parse).transpose().map_err(text)?;
        let order = Order { into, only: call.only.clone(), dry_run: call.dry_run };
        let hostname = self.status.get("hostname").and_then(Value::as_str).unwrap_or("localhost");
        let importer = Importer::new(Mail::new(accounts, hostname));
        let mut shown = None;
        let mut telling = |progress| tell(progress, &mut shown, events);
        let ended = tokio::select! {
            ended = importer.run(&scope, inputs, &order, &mut telling) => ended,
            () = events.closed() => return Err("nobody listens".to_owned()),
        };
        match ended {
            Ok(report) => {
                rows(&report, events).await?;
                let papers = if call.mail_only { &[][..] } else { &report.papers };
                let said = self.import_papers(&actor, &mailbox, papers, call.dry_run, events).await?;
                done(&format!("{}{said}", summary(&report, call.dry_run)))
            }
            Err(failed) => {
                rows(&failed.report, events).await?;
                Err(failed.to_string())
            }
        }
    }
}

/// Reason and names of files: folders above them are the operator's own affair.
fn detail(call: &ImportCall) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let names: Vec<String> = call.paths.iter().map(name).collect();
    let reason = if call.reason.is_empty() { String::new() } else { format!("{}; ", call.reason) };
    format!("{reason}from {}", names.join(", ")).chars().take(DETAIL_CHARS_MAX).collect()
}

/// Each percent once; who does not keep up with it misses some.
fn tell(progress: Progress, shown: &mut Option<u64>, events: &Events) {
    let percent = (u128::from(progress.bytes_done) * 100 / u128::from(progress.bytes_total.max(1))).min(100);
    let percent = u64::try_from(percent).unwrap_or(100);
    if percent == 0 || *shown == Some(percent) {
        return;
    }
    *shown = Some(percent);
    let what = format!("% read, {} messages", progress.messages);
    let done = usize::try_from(percent).unwrap_or(100).saturating_sub(1);
    let _ = events.try_send(Event::Progress { done, total: 100, what });
}

async fn rows(report: &Report, events: &Events) -> Result<(), String> {
    for problem in &report.problems {
        row(events, told(problem)).await?;
    }
    for name in &report.passed_names {
        row(events, json!({ "what": "passed-over", "file": name, "at": null, "why": "it is no mail" })).await?;
    }
    Ok(())
}

fn told(problem: &Problem) -> Value {
    let place = &problem.place;
    let at = match (place.line, place.offset) {
        (Some(line), _) => Some(format!("line {line}")),
        (None, Some(offset)) => Some(format!("byte {offset}")),
        (None, None) => None,
    };
    let file = place.path.as_ref().map(|path| path.as_str());
    json!({ "what": problem.what, "file": file, "at": at, "why": problem.why })
}

fn summary(report: &Report, dry_run: bool) -> String {
    let Report { imported, already_there, mailboxes_made, problems_told, passed_over, .. } = report;
    let (bytes, there) = (size::write(report.bytes), format!("{already_there} are there already"));
    let rest = format!("{problems_told} problems, {passed_over} files that are no mail");
    match dry_run {
        true => format!(
            "dry run: nothing was changed; {imported} messages ({bytes}) would be brought in, {there}, {mailboxes_made} folders would be made; {rest}"
        ),
        false => format!("{imported} messages ({bytes}) brought in, {there}, {mailboxes_made} folders made; {rest}"),
    }
}
