//! SUMMARY    Puts everything of a backup back: into an empty data folder, or into what a configuration names.
//! INVARIANTS Nothing that is there is written over. A folder bears a mark from the beginning to the end, with which no server starts on it;
//!            who comes again with the same backup goes on. Keys come last: without them what is there is read by nobody.

use super::{Home, Named, SYSTEM, Step, Telling, kind};
use crate::{
    config::{Config, Role},
    folder::{self, Restoring},
    stores::{self, at},
};
use ::backup::{KeyRange, Snapshot};
use account::restore::Restore;
use base::{Clock, Kind, SystemRng};
use bytes::Bytes;
use std::sync::Arc;
use tenants::{Code, Database, Fill};
use zeroize::Zeroizing;

/// Streams and packs that are asked for at once.
const LISTED: usize = 1_000;

/// What was put back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub rows: u64,
    pub packs: u64,
    /// Packs that are damaged: messages in them may be.
    pub damaged: Vec<String>,
    /// Packs that the repository has lost: so are the messages in them.
    pub missing: Vec<String>,
    pub database_rows: u64,
    pub files: u64,
}

/// Where it goes.
pub struct Into<'a> {
    pub home: &'a Home,
    /// What is elsewhere than in the data folder.
    pub config: Option<&'a Config>,
    pub clock: Arc<dyn Clock>,
    /// Where the repository is.
    pub named: &'a Named,
}

impl Into<'_> {
    fn has_store(&self) -> bool {
        self.config.is_none_or(|config| !matches!(config.role, Role::Control { .. }))
    }

    fn has_database(&self) -> bool {
        self.config.is_none_or(|config| !matches!(config.role, Role::Data { .. }))
    }
}

/// Puts a backup back.
pub async fn restore(snapshot: &Snapshot, into: &Into<'_>, telling: Telling<'_>) -> Result<Restored, String> {
    let mut mark = folder::begin_restore(into.home.data(), snapshot.id().as_str())?;
    let mut restored = Restored::default();
    let kinds = kinds(snapshot).await?;
    if into.has_store() && kinds.store {
        store(snapshot, into, &mut mark, &mut restored, telling).await?;
    }
    if into.has_database() && kinds.database {
        database(snapshot, into, &mut mark, &mut restored, telling).await?;
    }
    let mut rows = read(snapshot, kind::FILES).await?;
    let mut files = Vec::new();
    while let Some(page) = rows.next_page().await.map_err(text)? {
        for (name, bytes) in page {
            let name = std::str::from_utf8(&name).map_err(|_| "the backup has a file without a name")?;
            files.push((name.to_owned(), Zeroizing::new(bytes.to_vec())));
        }
    }
    into.home.put_files(&files, into.named)?;
    restored.files = files.len() as u64;
    mark.end()?;
    Ok(restored)
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// Which parts a snapshot has.
struct Kinds {
    store: bool,
    database: bool,
}

async fn kinds(snapshot: &Snapshot) -> Result<Kinds, String> {
    let has = async |name: &str| {
        let rows = snapshot.rows(name, &[KeyRange::all()]).await;
        match rows {
            Ok(_) => Ok(true),
            Err(::backup::Error::NoStream(_)) => Ok(false),
            Err(why) => Err(text(why)),
        }
    };
    Ok(Kinds { store: has(SYSTEM).await?, database: has(kind::SQL).await? })
}

async fn read(snapshot: &Snapshot, stream: &str) -> Result<::backup::RowReader, String> {
    snapshot.rows(stream, &[KeyRange::all()]).await.map_err(text)
}

async fn store(
    snapshot: &Snapshot,
    into: &Into<'_>,
    mark: &mut Restoring,
    restored: &mut Restored,
    telling: Telling<'_>,
) -> Result<(), String> {
    let (kv, objects) = match into.config {
        Some(config) => stores::configured(config, &into.clock).await?,
        None => stores::in_folder(into.home.data()).await?,
    };
    let restore = Restore::into(kv.clone(), objects, Arc::new(SystemRng::default())).await;
    let ended = match restore {
        // Cut off behind its end.
        Err(why) if why.kind == Kind::Invalid && mark.has(kind::STORE) => Ok(()),
        Err(why) => Err(at(into.home.data(), why)),
        Ok(restore) => match fill(snapshot, &restore, restored, telling).await {
            Ok(()) => finish(&restore, mark, restored).await,
            Err(why) => Err(why),
        },
    };
    kv.close().await;
    ended
}

async fn finish(restore: &Restore, mark: &mut Restoring, restored: &Restored) -> Result<(), String> {
    mark.note(kind::STORE)?;
    match restored.missing.is_empty() {
        true => restore.finish().await.map_err(text),
        false => restore.finish_unchecked().await.map_err(text),
    }
}

async fn fill(
    snapshot: &Snapshot,
    restore: &Restore,
    restored: &mut Restored,
    telling: Telling<'_>,
) -> Result<(), String> {
    let mut last: Option<String> = None;
    loop {
        let streams = snapshot.streams(last.as_deref(), LISTED).await.map_err(text)?;
        let Some(end) = streams.last().map(|stream| stream.name.clone()) else { break };
        for stream in streams.into_iter().filter(|stream| stream.kind == kind::STORE) {
            let mut rows = read(snapshot, &stream.name).await?;
            while let Some(page) = rows.next_page().await.map_err(text)? {
                restore.rows(&page).await.map_err(text)?;
                restored.rows += page.len() as u64;
                let done = usize::try_from(restored.rows).unwrap_or(usize::MAX);
                let total = usize::try_from(snapshot.totals().rows).unwrap_or(usize::MAX);
                telling(Step { what: "rows".to_owned(), done, total });
            }
        }
        last = Some(end);
    }
    packs(snapshot, restore, restored, telling).await
}

async fn packs(
    snapshot: &Snapshot,
    restore: &Restore,
    restored: &mut Restored,
    telling: Telling<'_>,
) -> Result<(), String> {
    let mut last: Option<String> = None;
    loop {
        let packs = snapshot.objects(last.as_deref(), LISTED).await.map_err(text)?;
        let Some(end) = packs.last().map(|pack| pack.name.clone()) else { return Ok(()) };
        for pack in packs {
            // Its own checks say which messages of it are whole: one that is damaged is not all lost.
            match snapshot.object_as_found(&pack.name).await.map_err(text)? {
                Some(bytes) if bytes.len() as u64 == pack.bytes => put(restore, pack.name, bytes, restored).await?,
                Some(_) | None => restored.missing.push(pack.name),
            }
            restored.packs += 1;
            let done = usize::try_from(restored.packs).unwrap_or(usize::MAX);
            let total = usize::try_from(snapshot.totals().objects).unwrap_or(usize::MAX);
            telling(Step { what: "packs".to_owned(), done, total });
        }
        last = Some(end);
    }
}

/// One that is damaged is put all the same: most of its messages may be whole.
async fn put(restore: &Restore, name: String, bytes: Bytes, restored: &mut Restored) -> Result<(), String> {
    match restore.pack(&name, bytes.clone()).await {
        Err(why) if why.kind == Kind::Corrupt => {
            restore.damaged_pack(&name, bytes).await.map_err(text)?;
            restored.damaged.push(name);
            Ok(())
        }
        put => put.map_err(text),
    }
}

async fn database(
    snapshot: &Snapshot,
    into: &Into<'_>,
    mark: &mut Restoring,
    restored: &mut Restored,
    telling: Telling<'_>,
) -> Result<(), String> {
    let database = match into.config.and_then(|config| config.sql.as_ref()) {
        Some(sql) => sql.database()?,
        None => Database::Sqlite(into.home.data().join("control.sqlite")),
    };
    let mut fill = match Fill::begin(database).await {
        // Cut off behind its end.
        Err(why) if why.code == Code::InUse && mark.has(kind::SQL) => return Ok(()),
        fill => fill.map_err(text)?,
    };
    let mut rows = read(snapshot, kind::SQL).await?;
    let mut done = 0;
    while let Some(page) = rows.next_page().await.map_err(text)? {
        for (key, value) in &page {
            fill.row(key, value).await.map_err(text)?;
        }
        done += page.len();
        telling(Step { what: "rows of the database".to_owned(), done, total: done });
    }
    mark.note(kind::SQL)?;
    restored.database_rows = fill.finish().await.map_err(text)?;
    Ok(())
}
