//! SUMMARY    `ctl backup`: repositories of backups made, filled, listed, checked, pruned.
//! SECURITY   What a repository holds is read with its key alone; `run` is asked of the server, which reads its store, the rest is done here.
//! INVARIANTS `verify` changes nothing. Exit code 1 when something is damaged.

use super::{
    Server,
    desk::{Desk, Events, Outcome, done, row},
    request::{Event, Request},
    size,
};
use crate::{
    Failure,
    backup::{Home, Made, Named, Sources, make},
};
use ::backup::{Depth, Keep, Repository, SnapshotId};
use base::{Clock, SystemClock, Timestamp};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

/// Columns of lists.
pub const LISTED: &[&str] = &["snapshot", "finished", "rows", "packs", "bytes", "new_bytes", "store", "database"];
/// Columns of what is damaged.
pub const PROBLEMS: &[&str] = &["problem"];
/// Columns of what went and what stays.
pub const KEPT: &[&str] = &["snapshot", "kept"];
/// Steps of a progress line.
const STEPS: usize = 100;

#[derive(Subcommand)]
pub enum Backup {
    /// Makes a repository, and the key that opens it where there is none. Keep a copy of the key elsewhere: without it a backup is noise.
    Init(Place),
    /// Makes a backup of the running server, or of the data of a stopped one. What the repository has already is not stored again.
    Run(Place),
    /// The backups of a repository, oldest first.
    List(Place),
    /// Whether everything is there that the backups need; exit code 1 when something is not.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Reads every byte, opens and hashes it.
        #[arg(long)]
        read: bool,
    },
    /// Lets old backups go, and what none needs any more. Without numbers those of the configuration count.
    Prune(Prune),
}

#[derive(Args, Clone)]
pub struct Place {
    /// A folder, or s3://BUCKET/PREFIX; what backup.to says when missing.
    #[arg(long, visible_alias = "from", value_name = "PLACE")]
    to: Option<String>,
    /// File of its key; what backup.key_file says, or backup.key in the data folder, when missing.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Place {
    /// As a server somewhere else on this machine understands it.
    pub fn named(&self) -> Result<Named, Failure> {
        let absolute =
            |path: &PathBuf| std::path::absolute(path).map_err(|e| Failure::Usage(format!("{}: {e}", path.display())));
        let to = match self.to.as_deref() {
            Some(to) if !to.is_empty() && !to.contains("://") => {
                let folder = absolute(&PathBuf::from(to))?;
                Some(
                    folder.to_str().ok_or_else(|| Failure::Usage("--to: its name is not UTF-8".to_owned()))?.to_owned(),
                )
            }
            to => to.map(str::to_owned),
        };
        Ok(Named { to, key_file: self.key_file.as_ref().map(absolute).transpose()? })
    }
}

#[derive(Args)]
pub struct Prune {
    #[command(flatten)]
    place: Place,
    /// How many of the newest stay.
    #[arg(long)]
    keep_last: Option<usize>,
    /// Of how many days the newest stays.
    #[arg(long)]
    keep_daily: Option<usize>,
    /// Of how many weeks the newest stays.
    #[arg(long)]
    keep_weekly: Option<usize>,
    /// Of how many months the newest stays.
    #[arg(long)]
    keep_monthly: Option<usize>,
    /// Only says which would go.
    #[arg(long, conflicts_with = "drop")]
    dry_run: bool,
    /// This backup goes first, also when it is damaged.
    #[arg(long, value_name = "SNAPSHOT")]
    drop: Option<String>,
    /// Removes the locks of who is at work, or died there, first: be sure that nobody is.
    #[arg(long)]
    unlock: bool,
}

impl Prune {
    fn keep(&self, home: &Home) -> Result<Keep, String> {
        let named = [self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly];
        if named.iter().all(Option::is_none) {
            return Ok(home.keep());
        }
        let [last, daily, weekly, monthly] = named.map(Option::unwrap_or_default);
        let keep = Keep { last, daily, weekly, monthly };
        if keep.is_empty() { Err("which stay? No backup would be left".to_owned()) } else { Ok(keep) }
    }
}

impl Backup {
    /// How rows are shown.
    pub fn columns(&self) -> &'static [&'static str] {
        match self {
            Backup::Init(_) | Backup::Run(_) => &[],
            Backup::List(_) => LISTED,
            Backup::Verify { .. } => PROBLEMS,
            Backup::Prune(_) => KEPT,
        }
    }
}

/// What the server is to be asked; `None`: it is done here.
pub fn call(backup: &Backup) -> Result<Option<Request>, Failure> {
    Ok(match backup {
        Backup::Run(place) => Some(Request::Backup(place.named()?)),
        Backup::Init(_) | Backup::List(_) | Backup::Verify { .. } | Backup::Prune(_) => None,
    })
}

/// What is done without the server: rows, whether all is well, and the last line.
pub async fn here(server: &Server, backup: &Backup) -> Result<(Vec<Value>, bool, String), String> {
    let home = server.home()?;
    let named = |place: &Place| place.named().map_err(Failure::told);
    match backup {
        Backup::Init(place) => init(&home, &named(place)?).await,
        Backup::List(place) => list(&home.repository(&named(place)?).await?).await,
        Backup::Verify { place, read } => verify(&home.repository(&named(place)?).await?, *read).await,
        Backup::Prune(prune) => pruned(&home, &named(&prune.place)?, prune).await,
        Backup::Run(_) => Err("a backup is made by the server".to_owned()),
    }
}

async fn init(home: &Home, named: &Named) -> Result<(Vec<Value>, bool, String), String> {
    let (repository, key, is_new) = home.create(named, &SystemClock).await?;
    let shown = key.display().to_string();
    let row = json!({ "repository": repository.id(), "place": repository.describe(), "key_file": shown });
    let summary = match is_new {
        true => format!("{shown} opens it: copy that file to another place now, without it a backup is noise"),
        false => format!("{shown}, which was there, opens it: see that a copy is in another place"),
    };
    Ok((vec![row], true, summary))
}

async fn list(repository: &Repository) -> Result<(Vec<Value>, bool, String), String> {
    let mut rows = Vec::new();
    for id in repository.snapshots().await.map_err(text)? {
        rows.push(shown(&Made::of(&repository.snapshot(&id).await.map_err(text)?)));
    }
    let summary = format!("{} backups in {}", rows.len(), repository.describe());
    Ok((rows, true, summary))
}

async fn verify(repository: &Repository, read: bool) -> Result<(Vec<Value>, bool, String), String> {
    let depth = if read { Depth::Read } else { Depth::Listed };
    let report = repository.verify(depth, &mut |_| {}).await.map_err(text)?;
    let rows: Vec<Value> = report.problems.iter().map(|problem| json!({ "problem": problem })).collect();
    let looked = if read { "read" } else { "are there" };
    let summary = format!(
        "{} backups: {} chunks and {} packs, {}, {looked}; {} problems",
        report.snapshots,
        report.chunks,
        report.objects,
        size::write(report.bytes),
        report.problems_count
    );
    let next =
        "; delete what is named and the next backup puts it again from the running server (docs/runbooks/backup.md)";
    let summary = if report.is_whole() { summary } else { format!("{summary}{next}") };
    Ok((rows, report.is_whole(), summary))
}

async fn pruned(home: &Home, named: &Named, prune: &Prune) -> Result<(Vec<Value>, bool, String), String> {
    let (keep, repository) = (prune.keep(home)?, home.repository(named).await?);
    if prune.unlock && !prune.dry_run {
        let removed = repository.unlock().await.map_err(text)?;
        eprintln!("{} locks removed", removed.len());
    }
    if let Some(id) = &prune.drop {
        repository.forget_one(&id.parse().map_err(text)?).await.map_err(text)?;
    }
    let row = |id: &SnapshotId, kept: bool| json!({ "snapshot": id.to_string(), "kept": kept });
    if prune.dry_run {
        let (gone, all) =
            (repository.forgettable(&keep).await.map_err(text)?, repository.snapshots().await.map_err(text)?);
        let rows = all.iter().map(|id| row(id, !gone.contains(id))).collect();
        return Ok((
            rows,
            true,
            format!("dry run: nothing was changed; {} of {} backups would go", gone.len(), all.len()),
        ));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (gone, done) = repository.prune_to(&keep, clock).await.map_err(text)?;
    let left = repository.snapshots().await.map_err(text)?;
    let rows = gone.iter().map(|id| row(id, false)).chain(left.iter().map(|id| row(id, true))).collect();
    let summary =
        format!("{} backups went, {} stay; {} are free again", gone.len(), left.len(), size::write(done.bytes));
    Ok((rows, true, summary))
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// As people read times.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.strftime("%F %T UTC").to_string())
}

fn shown(made: &Made) -> Value {
    let yes = |is: bool| if is { "yes" } else { "no" };
    json!({
        "snapshot": made.snapshot,
        "started_ms": made.started.0,
        "finished_ms": made.finished.0,
        "finished": time(made.finished),
        "rows": made.totals.rows,
        "packs": made.totals.objects,
        "bytes": made.totals.row_bytes + made.totals.object_bytes,
        "new_bytes": made.totals.stored_new,
        "store": yes(made.store),
        "database": yes(made.database),
    })
}

impl Desk {
    /// Makes a backup of what this process has.
    pub(super) async fn backup(&self, who: &str, named: &Named, events: &Events) -> Outcome {
        let home = self.home()?;
        let repository = home.repository(named).await?;
        tracing::warn!(target: "audit", who, place = repository.describe(), "a backup is made");
        let sources = Sources {
            accounts: self.accounts.as_ref(),
            service: self.service.as_ref(),
            home,
            clock: Arc::new(SystemClock),
            who,
        };
        let mut told = 0;
        let mut telling = |step: crate::backup::Step| {
            // Each hundredth, or each hundred of what has no end yet.
            let place = step.done.saturating_mul(STEPS) / step.total.max(1);
            if step.done.is_multiple_of(STEPS) || place > told {
                told = place;
                let _ = events.try_send(Event::Progress {
                    done: step.done.saturating_sub(1),
                    total: step.total,
                    what: step.what,
                });
            }
        };
        // To its end, whoever listens: what was read is worth a backup.
        let made = make(&repository, &sources, &mut telling, std::future::pending()).await?;
        metrics::counter!("posthouse_backup_stored_bytes_total").increment(made.totals.stored_new);
        row(events, shown(&made)).await?;
        done(&format!("{} of it are new", size::write(made.totals.stored_new)))
    }
}
