//! SUMMARY    Makes a backup of what this process has: the store, the database, keys.
//! INVARIANTS The database is read after the store: what it has more the control plane tells a restored store again, the other way round
//!            it could not. The manifest is written last: a backup that was cut off is none, and the next one goes on from what it put.

use super::{Home, SYSTEM, Step, Telling, kind};
use ::backup::{Repository, Snapshot, Totals, Writer};
use account::{
    Accounts,
    backup::{Backup, BackupPack, BackupStream},
};
use base::{Clock, Timestamp};
use std::{collections::BTreeMap, future::Future, pin::pin, sync::Arc};
use tenants::Service;

/// How often a backup is begun anew because packs went away under it.
const ATTEMPTS_MAX: usize = 3;

/// What there is to be backed up.
pub struct Sources<'a> {
    /// The store, where the data plane is here.
    pub accounts: Option<&'a Accounts>,
    /// The database, where the control plane is here.
    pub service: Option<&'a Arc<Service>>,
    pub home: &'a Home,
    pub clock: Arc<dyn Clock>,
    /// Who asked, for the log.
    pub who: &'a str,
}

/// A backup that was made.
pub struct Made {
    pub snapshot: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub totals: Totals,
    pub store: bool,
    pub database: bool,
}

impl Made {
    /// What is told of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Made {
        let has = |fact: &str| snapshot.facts().get(fact).is_some_and(|value| value == "yes");
        Made {
            snapshot: snapshot.id().to_string(),
            started: snapshot.started(),
            finished: snapshot.finished(),
            totals: snapshot.totals(),
            store: has("store"),
            database: has("database"),
        }
    }
}

/// Makes one, unless `stop` comes first. Errors: nothing of it is left but what the next one re-uses.
pub async fn make(
    repository: &Repository,
    sources: &Sources<'_>,
    telling: Telling<'_>,
    stop: impl Future<Output = ()>,
) -> Result<Made, String> {
    let (mut attempt, mut stop) = (1, pin!(stop));
    loop {
        let writer = repository.begin(sources.clock.clone(), facts(sources)).await.map_err(text)?;
        let written = tokio::select! {
            written = written(&writer, sources, telling) => written,
            () = &mut stop => Err(Failed::For("the server stops".to_owned())),
        };
        match written {
            Ok(()) => return Ok(Made::of(&writer.finish().await.map_err(text)?)),
            Err(why) => {
                writer.abandon().await;
                match why {
                    Failed::Overtaken(why) if attempt < ATTEMPTS_MAX => {
                        tracing::warn!(%why, "the backup is begun anew")
                    }
                    Failed::Overtaken(why) | Failed::For(why) => return Err(why),
                }
            }
        }
        attempt += 1;
    }
}

fn facts(sources: &Sources<'_>) -> BTreeMap<String, String> {
    let said = |is: bool| if is { "yes" } else { "no" };
    [
        ("version", env!("CARGO_PKG_VERSION")),
        ("store", said(sources.accounts.is_some())),
        ("database", said(sources.service.is_some())),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Why there is no backup.
enum Failed {
    /// The store could not keep what the snapshot needs: another snapshot may do.
    Overtaken(String),
    For(String),
}

impl From<account::Error> for Failed {
    fn from(why: account::Error) -> Self {
        match why.kind {
            base::Kind::TooOld => Failed::Overtaken(why.to_string()),
            _ => Failed::For(why.to_string()),
        }
    }
}

impl From<::backup::Error> for Failed {
    fn from(why: ::backup::Error) -> Self {
        Failed::For(why.to_string())
    }
}

impl From<tenants::Error> for Failed {
    fn from(why: tenants::Error) -> Self {
        Failed::For(why.to_string())
    }
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

async fn written(writer: &Writer, sources: &Sources<'_>, telling: Telling<'_>) -> Result<(), Failed> {
    if let Some(accounts) = sources.accounts {
        let key = accounts.break_glass(sources.who, "backup")?;
        let mut backup = accounts.backup(&key).await?;
        let read = store(writer, &mut backup, telling).await;
        // Its mark goes in any case; what was read counts only if this says so.
        let ended = backup.finish().await;
        read?;
        ended?;
    }
    if let Some(service) = sources.service {
        database(writer, service, telling).await?;
    }
    let mut stream = writer.stream(kind::FILES, kind::FILES)?;
    for (name, bytes) in sources.home.files().map_err(Failed::For)? {
        stream.push(name.as_bytes(), &bytes).await?;
    }
    stream.finish().await?;
    Ok(())
}

/// The name of a stream of the store.
pub(super) fn named(stream: BackupStream) -> String {
    match stream {
        BackupStream::System => SYSTEM.to_owned(),
        BackupStream::Tenant(tenant) => tenant.to_string(),
    }
}

async fn store(writer: &Writer, backup: &mut Backup, telling: Telling<'_>) -> Result<(), Failed> {
    let (mut last, mut done) = (None, 0);
    loop {
        let streams = backup.streams(last.as_ref()).await?;
        let Some(end) = streams.last().copied() else { break };
        for stream in streams {
            rows(writer, backup, stream).await?;
            done += 1;
            telling(Step { what: "tenants' streams of rows".to_owned(), done, total: done });
        }
        last = Some(end);
    }
    packs(writer, backup, telling).await
}

async fn rows(writer: &Writer, backup: &mut Backup, stream: BackupStream) -> Result<(), Failed> {
    let mut into = writer.stream(kind::STORE, &named(stream))?;
    let mut last = None;
    loop {
        let page = backup.page(stream, last.as_deref()).await?;
        for (key, value) in &page.rows {
            into.push(key, value).await?;
        }
        last = page.rows.into_iter().next_back().map(|(key, _)| key);
        if !page.more {
            break;
        }
    }
    into.finish().await?;
    Ok(())
}

/// Those that an earlier backup took are not read again.
async fn packs(writer: &Writer, backup: &mut Backup, telling: Telling<'_>) -> Result<(), Failed> {
    let (mut last, mut done): (Option<BackupPack>, _) = (None, 0);
    loop {
        let packs = backup.packs(last.as_ref()).await?;
        let Some(end) = packs.last().cloned() else { return Ok(()) };
        for pack in &packs {
            let source = || async { backup.pack(pack).await };
            writer.object(&pack.name, pack.bytes, source).await?;
            done += 1;
            telling(Step { what: "packs".to_owned(), done, total: done });
        }
        last = Some(end);
    }
}

async fn database(writer: &Writer, service: &Service, telling: Telling<'_>) -> Result<(), Failed> {
    let (mut dump, mut done) = (service.dump().await?, 0);
    let mut into = writer.stream(kind::SQL, kind::SQL)?;
    loop {
        let rows = dump.page().await?;
        if rows.is_empty() {
            break;
        }
        for (key, value) in &rows {
            into.push(key, value).await?;
        }
        done += rows.len();
        telling(Step { what: "rows of the database".to_owned(), done, total: done });
    }
    into.finish().await?;
    Ok(())
}
