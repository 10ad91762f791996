//! SUMMARY    A part of a backup as a store of its own, from which mailboxes are read.
//! SECURITY   It holds the rows of one tenant, and of that no other mailbox than was asked for, in a folder that only the server's user reads.
//! INVARIANTS Packs are read where they are, in the repository, each as a whole. The folder goes when this is dropped; what a killed process
//!            left goes when the next one begins.

use super::{SYSTEM, kind, make::named};
use crate::stores::{MASTER, at, make_folder};
use ::backup::{KeyRange, Snapshot};
use account::{
    AccountOptions, Accounts, ExportPhase, ExportShape, ExportWish, MasterKey, NewExport, ReadOnly, TenantScope,
    backup::{BackupStream, ranges_of_mailbox, ranges_of_system_for_reading, ranges_of_tenant},
    restore::Restore,
};
use base::{
    AccountId, Clock, JobId, SystemRng, TenantId, Timestamp,
    limits::{EXPORT_ARCHIVE_BYTES_MAX, EXPORT_FETCHED_BYTES},
};
use bytes::Bytes;
use export::Exporter;
use parking_lot::Mutex;
use std::{
    fs::{self, File, TryLockError},
    io::Write,
    ops::Range,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use store::{
    Kv,
    blob::{FsObjects, ObjectInfo, Objects, ObjectsError},
    embedded,
    ephemeral::{Ephemeral, MemEphemeral},
    kv::BoxFuture,
};
use zeroize::Zeroizing;

/// Packs that are kept in memory: messages of one time lie in one pack.
const PACKS_KEPT: usize = 2;
/// Says that a folder is a restore's.
const MARK: &str = "scratch-of-a-restore";
/// How long an archive would be kept if nobody removed it, days.
const KEEP_DAYS: u32 = 1;

/// A tenant's part of a backup, opened.
pub struct Scratch {
    accounts: Accounts,
    kv: Arc<dyn Kv>,
    tenant: TenantId,
    folder: Folder,
}

/// Removed when it is dropped.
struct Folder {
    path: PathBuf,
    beside: PathBuf,
    /// Beside it; another restore does not begin in the folder while this is held.
    _lock: File,
}

impl Folder {
    /// Empty, and nobody else's. Errors: another restore is at work there.
    fn make(path: &Path) -> Result<Folder, String> {
        // Only what a restore left is removed; an empty folder is nobody's.
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if path.exists() && !path.join(MARK).exists() && !is_empty(path) {
            return Err(at(path, "it is there, and is none of a restore: name another folder with --scratch"));
        }
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            make_folder(above)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let beside = PathBuf::from(beside);
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&beside);
        let lock = lock.map_err(|e| at(&beside, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(at(
                    path,
                    "another restore is at work here: wait for it, or name another folder with --scratch",
                ));
            }
            Err(TryLockError::Error(e)) => return Err(at(&beside, e)),
        }
        if path.exists() {
            fs::remove_dir_all(path).map_err(|e| at(path, e))?;
        }
        make_folder(path)?;
        let folder = Folder { path: path.to_owned(), beside, _lock: lock };
        fs::write(path.join(MARK), b"").map_err(|e| at(path, e))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.path).and_then(|()| fs::remove_file(&self.beside));
        if let Err(why) = removed {
            tracing::warn!(folder = %self.path.display(), %why, "what was restored beside the store could not be removed");
        }
    }
}

impl Scratch {
    /// Puts a tenant's rows, or those of one of its mailboxes, into a new store in `folder`, which is made, or emptied.
    pub async fn open(
        snapshot: Snapshot,
        tenant: TenantId,
        only: Option<AccountId>,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Scratch, String> {
        let folder = Folder::make(folder)?;
        let master = master(&snapshot).await?;
        let kv = embedded::open(folder.path.join("kv"), embedded::EmbeddedOptions::default());
        let kv: Arc<dyn Kv> = kv.map_err(|e| at(&folder.path, e))?;
        let own = FsObjects::open(folder.path.join("packs")).map_err(|e| at(&folder.path, e))?;
        let objects = Arc::new(Kept { own, snapshot: snapshot.clone(), packs: Mutex::default() });
        let restore = Restore::into(kv.clone(), objects.clone(), Arc::new(SystemRng::default())).await.map_err(text)?;
        let of_tenant = match only {
            Some(account) => ranges_of_mailbox(tenant, account),
            None => ranges_of_tenant(tenant),
        };
        fill(&snapshot, &restore, SYSTEM, ranges_of_system_for_reading()).await?;
        fill(&snapshot, &restore, &named(BackupStream::Tenant(tenant)), of_tenant).await?;
        restore.finish_unchecked().await.map_err(text)?;
        let cells = || -> Arc<dyn Ephemeral> { Arc::new(MemEphemeral::new(clock.clone())) };
        let (cells, sent) = (cells(), cells());
        let (master, rng) = (MasterKey::new(*master), Arc::new(SystemRng::default()));
        let options = AccountOptions { kv: kv.clone(), objects, master, clock, rng };
        let accounts = Accounts::with_cells(options, cells, sent);
        accounts.check_master_key().await.map_err(|e| format!("the backup's master key: {e}"))?;
        Ok(Scratch { accounts, kv, tenant, folder })
    }

    /// The accounts that the tenant had.
    pub async fn mailboxes(&self, who: &str) -> Result<Vec<AccountId>, String> {
        let scope = self.scope(who)?;
        let mut found = Vec::new();
        for account in self.accounts.accounts_of(&scope).await.map_err(text)? {
            if self.accounts.check_exportable(self.tenant, account).await.is_ok() {
                found.push(account);
            }
        }
        Ok(found)
    }

    fn scope(&self, who: &str) -> Result<TenantScope<ReadOnly>, String> {
        Ok(self.accounts.break_glass(who, "restore").map_err(text)?.tenant(self.tenant))
    }

    /// All that a mailbox had as archives in a folder of its own, until `forget`. Errors: it is not in the backup, or was purged then.
    pub async fn archives(&self, who: &str, account: AccountId) -> Result<(JobId, PathBuf), String> {
        let exportable = self.accounts.check_exportable(self.tenant, account).await;
        exportable.map_err(|_| format!("{account}: the backup has nothing of it"))?;
        let job = self.accounts.new_job();
        let new = NewExport {
            job,
            accounts: vec![account],
            shape: ExportShape::Mbox,
            archive_bytes_max: EXPORT_ARCHIVE_BYTES_MAX,
            asked_by: format!("ctl {who}"),
            reason: "restore".to_owned(),
            keep_days: KEEP_DAYS,
            papers: false,
        };
        self.accounts.request_export(self.tenant, new).await.map_err(text)?;
        let (scope, exporter) = (self.scope(who)?, Exporter::new(self.accounts.clone()));
        loop {
            exporter.pass().await.map_err(text)?;
            let view = self.accounts.export(&scope, job).await.map_err(text)?;
            match view.phase {
                ExportPhase::Ready => break,
                // What went wrong once is not tried again here.
                _ if view.phase.is_under_way() && view.why.is_empty() => {}
                _ => return Err(format!("{account}: reading it from the backup failed: {}", view.why)),
            }
        }
        let folder = self.folder.path.join(account.to_string());
        fs::create_dir_all(&folder).map_err(|e| at(&folder, e))?;
        for file in self.accounts.export_files(&scope, job).await.map_err(text)? {
            self.copy(&scope, job, &file.name, &folder.join(&file.name)).await?;
        }
        Ok((job, folder))
    }

    async fn copy(&self, scope: &TenantScope<ReadOnly>, job: JobId, name: &str, path: &Path) -> Result<(), String> {
        let mut file = File::create(path).map_err(|e| at(path, e))?;
        let mut from = 0;
        loop {
            let until = from + EXPORT_FETCHED_BYTES as u64;
            let bytes = self.accounts.export_bytes(scope, job, name, from..until).await.map_err(text)?;
            if bytes.is_empty() {
                return Ok(());
            }
            file.write_all(&bytes).map_err(|e| at(path, e))?;
            from += bytes.len() as u64;
        }
    }

    /// Removes the archives of a mailbox that was brought in.
    pub async fn forget(&self, job: JobId, folder: &Path) -> Result<(), String> {
        fs::remove_dir_all(folder).map_err(|e| at(folder, e))?;
        self.accounts.steer_export(self.tenant, job, ExportWish::Cancel).await.map_err(text)?;
        Exporter::new(self.accounts.clone()).pass().await.map_err(text)?;
        Ok(())
    }

    /// Ends it, and removes what it wrote.
    pub async fn close(self) {
        self.kv.close().await;
    }
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// The key that opens the tenants' keys.
async fn master(snapshot: &Snapshot) -> Result<Zeroizing<[u8; 32]>, String> {
    let missing = || "the backup has no master.key: it is of a control plane alone".to_owned();
    let range = KeyRange::new(MASTER, format!("{MASTER}\0"));
    let mut rows = snapshot.rows(kind::FILES, &[range]).await.map_err(text)?;
    let found = rows.next_page().await.map_err(text)?.and_then(|page| page.into_iter().next());
    let (_, bytes) = found.ok_or_else(missing)?;
    let key: [u8; 32] = bytes.as_ref().try_into().map_err(|_| "the backup's master.key is none".to_owned())?;
    Ok(Zeroizing::new(key))
}

async fn fill(
    snapshot: &Snapshot,
    restore: &Restore,
    stream: &str,
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<(), String> {
    let ranges: Vec<KeyRange> = ranges.into_iter().map(|(from, to)| KeyRange::new(from, to)).collect();
    let mut rows = snapshot.rows(stream, &ranges).await.map_err(|why| match why {
        ::backup::Error::NoStream(_) => "the backup has nothing of this tenant".to_owned(),
        why => why.to_string(),
    })?;
    while let Some(page) = rows.next_page().await.map_err(text)? {
        restore.rows(&page).await.map_err(text)?;
    }
    Ok(())
}

/// Objects of a scratch store: its own are written beside it, packs of the backup are read from the repository.
struct Kept {
    own: FsObjects,
    snapshot: Snapshot,
    /// The last ones that were read, the newest at the end.
    packs: Mutex<Vec<(String, Bytes)>>,
}

impl Kept {
    async fn pack(&self, name: &str) -> Result<Bytes, ObjectsError> {
        if let Some((_, bytes)) = self.packs.lock().iter().find(|(known, _)| known == name) {
            return Ok(bytes.clone());
        }
        let found = self.snapshot.object_as_found(name).await.map_err(|why| match why {
            ::backup::Error::NoObject(_) => ObjectsError::Missing(name.to_owned()),
            why => ObjectsError::Io { name: name.to_owned(), source: std::io::Error::other(why) },
        })?;
        // Blocks are checked one by one by who opens them: those that are whole can be read, the others are told of as damaged.
        let bytes = found.unwrap_or_else(|| {
            tracing::error!(name, "a pack is missing in the repository of backups: its messages are lost");
            Bytes::new()
        });
        let mut packs = self.packs.lock();
        if packs.len() >= PACKS_KEPT {
            packs.remove(0);
        }
        packs.push((name.to_owned(), bytes.clone()));
        Ok(bytes)
    }
}

impl Objects for Kept {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.own.put(name, bytes)
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        let name = name.to_owned();
        Box::pin(async move {
            match self.own.get(&name, range.clone()).await {
                Err(ObjectsError::Missing(_)) => {}
                own => return own,
            }
            let pack = self.pack(&name).await?;
            let place = |at: u64| usize::try_from(at).ok().filter(|at| *at <= pack.len());
            match (place(range.start), place(range.end)) {
                (Some(from), Some(to)) if from <= to => Ok(pack.slice(from..to)),
                // Nothing opens it: what was there is lost, and is no reason to wait.
                _ => Ok(vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)].into()),
            }
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.own.delete(name)
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        self.own.list(prefix)
    }

    fn sweep_unfinished(&self, now: Timestamp, age: std::time::Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        self.own.sweep_unfinished(now, age)
    }
}
