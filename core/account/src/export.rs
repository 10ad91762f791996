//! SUMMARY    Exports of a tenant's accounts: what was asked for, who makes it, its sealed segments, its end.
//! LIMITS     EXPORT_JOBS_MAX, EXPORT_ACCOUNTS_MAX, EXPORT_DAYS_MAX, EXPORT_SEGMENT_BYTES, EXPORT_LEASE_MS
//! SECURITY   Everything of an export is sealed under a key of its own, which is wrapped like the tenant's: destroyed, no
//!            segment can be read again, wherever a copy of it lies (E5). An export has accounts of one tenant only.
//! INVARIANTS Of equal peers one makes an export: it holds the lease, and what it notes is refused when a later lease has
//!            written there. A segment is stored before its row; whoever goes on finds the rows and makes what has none.

mod lease;
mod paper;
mod pin;
mod segment;

pub use lease::{ExportLease, Exported, Todo};
pub use paper::read_papers;
pub(crate) use pin::pinned_since;
pub use segment::{EndedFile, Progress, Stream};

use crate::{
    Accounts, Error, Result, keys,
    record::{self, ExportAccountRecord, ExportFileRecord, ExportRecord},
    scope::{CanRead, TenantScope},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    upkeep::next_account,
    work::Work,
};
use base::{
    AccountId, JobId, Kind, TenantId, Timestamp,
    limits::{EXPORT_ACCOUNTS_MAX, EXPORT_DAYS_MAX, EXPORT_JOBS_MAX},
};
use control::EventKind;
use store::kv::{PageLimit, Read};
use zeroize::Zeroizing;

/// What the key that signs manifests is derived for; a change of it makes every manifest a stranger's.
const MANIFEST_CONTEXT: &str = "posthouse 2026 keys that sign manifests of exports";
const DAY_MS: i64 = 24 * 3_600_000;
/// Accounts of an export that are written in one transaction.
const ACCOUNTS_AT_ONCE: usize = 500;

/// How mail stands in the archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportShape {
    /// A file for each mailbox (mboxrd).
    Mbox,
    /// A folder for each mailbox and a file for each email (Maildir++).
    Maildir,
}

impl ExportShape {
    fn code(self) -> u32 {
        match self {
            ExportShape::Mbox => 1,
            ExportShape::Maildir => 2,
        }
    }

    fn of(code: u32) -> Result<Self> {
        match code {
            1 => Ok(ExportShape::Mbox),
            2 => Ok(ExportShape::Maildir),
            _ => Err(Error::corrupt("shape of an export")),
        }
    }
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportPhase {
    /// Nobody began yet.
    Queued,
    /// Its accounts are pinned and listed.
    Listing,
    Writing,
    /// What was written is read back.
    Verifying,
    /// Its files can be fetched.
    Ready,
    /// It did not get further for EXPORT_FAILURES_MAX times; it goes on when it is resumed.
    Failed,
    /// Destroyed before it was ready.
    Cancelled,
    /// Destroyed.
    Shredded,
}

const PHASES: [(ExportPhase, u32, &str); 8] = [
    (ExportPhase::Queued, 1, "queued"),
    (ExportPhase::Listing, 2, "listing"),
    (ExportPhase::Writing, 3, "writing"),
    (ExportPhase::Verifying, 4, "verifying"),
    (ExportPhase::Ready, 5, "ready"),
    (ExportPhase::Failed, 6, "failed"),
    (ExportPhase::Cancelled, 7, "cancelled"),
    (ExportPhase::Shredded, 8, "shredded"),
];

impl ExportPhase {
    fn code(self) -> u32 {
        PHASES.iter().find(|(phase, ..)| *phase == self).map_or(0, |(_, code, _)| *code)
    }

    fn of(code: u32) -> Result<Self> {
        let found = PHASES.iter().find(|(_, known, _)| *known == code);
        found.map(|(phase, ..)| *phase).ok_or_else(|| Error::corrupt("phase of an export"))
    }

    pub fn name(self) -> &'static str {
        PHASES.iter().find(|(phase, ..)| *phase == self).map_or("", |(.., name)| name)
    }

    /// Whether there is something to be made.
    pub fn is_under_way(self) -> bool {
        matches!(self, ExportPhase::Queued | ExportPhase::Listing | ExportPhase::Writing | ExportPhase::Verifying)
    }
}

/// What its owner wants of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportWish {
    Run,
    Pause,
    /// What was made is destroyed.
    Cancel,
}

impl ExportWish {
    fn code(self) -> u32 {
        match self {
            ExportWish::Run => 0,
            ExportWish::Pause => 1,
            ExportWish::Cancel => 2,
        }
    }

    fn of(code: u32) -> Result<Self> {
        match code {
            0 => Ok(ExportWish::Run),
            1 => Ok(ExportWish::Pause),
            2 => Ok(ExportWish::Cancel),
            _ => Err(Error::corrupt("wish of an export")),
        }
    }
}

/// An export to be made. Who may ask for it is the caller's to know.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// Its id: `Accounts::new_job`.
    pub job: JobId,
    pub accounts: Vec<AccountId>,
    pub shape: ExportShape,
    /// Bytes of one archive; a message larger than that has one of its own.
    pub archive_bytes_max: u64,
    /// For people: who asked, and why.
    pub asked_by: String,
    pub reason: String,
    /// How long its files can be fetched.
    pub keep_days: u32,
    /// It does not begin before its papers are complete: `put_papers`, `end_papers`.
    pub papers: bool,
}

/// An export as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportView {
    pub tenant: TenantId,
    pub job: JobId,
    pub phase: ExportPhase,
    pub wish: ExportWish,
    pub shape: ExportShape,
    pub archive_bytes_max: u64,
    pub asked_by: String,
    pub reason: String,
    pub created_at: Timestamp,
    pub pinned_at: Option<Timestamp>,
    pub ready_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub accounts: u32,
    pub accounts_listed: u32,
    /// Emails in mailboxes, and bytes of their messages, of the accounts that are listed; and how many of them are written.
    pub emails: u64,
    pub bytes: u64,
    pub emails_done: u64,
    pub bytes_done: u64,
    pub problems: u64,
    pub files: u32,
    pub file_bytes: u64,
    /// What went wrong last; empty when nothing did.
    pub why: String,
}

/// A file of an export that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    pub name: String,
    pub bytes: u64,
    pub sha256: [u8; 32],
}

fn view(tenant: TenantId, job: JobId, record: ExportRecord) -> Result<ExportView> {
    let at = |ms: i64| (ms != 0).then_some(Timestamp(ms));
    Ok(ExportView {
        tenant,
        job,
        phase: ExportPhase::of(record.phase)?,
        wish: ExportWish::of(record.wish)?,
        shape: ExportShape::of(record.shape)?,
        archive_bytes_max: record.archive_bytes_max,
        asked_by: record.asked_by,
        reason: record.reason,
        created_at: Timestamp(record.created_ms),
        pinned_at: at(record.pinned_ms),
        ready_at: at(record.ready_ms),
        expires_at: at(record.expires_ms),
        accounts: record.accounts,
        accounts_listed: record.listed,
        emails: record.emails,
        bytes: record.bytes,
        emails_done: record.emails_done,
        bytes_done: record.bytes_done,
        problems: record.problems,
        files: record.files,
        file_bytes: record.file_bytes,
        why: record.why,
    })
}

/// What of an export's end was told.
#[derive(Clone, Copy)]
struct Told {
    phase: u32,
    has_key: bool,
}

impl Told {
    fn of(record: &ExportRecord) -> Told {
        Told { phase: record.phase, has_key: !record.key.is_empty() }
    }

    /// What the control plane is to hear of a change, in the commit of it.
    fn until(self, job: JobId, record: &ExportRecord) -> Option<EventKind> {
        if self.has_key && record.key.is_empty() {
            return Some(EventKind::ExportDestroyed { job });
        }
        let is_new = |phase: ExportPhase| record.phase == phase.code() && self.phase != record.phase;
        if is_new(ExportPhase::Ready) {
            let expires_at = Timestamp(record.expires_ms);
            let (emails, file_bytes, problems) = (record.emails_done, record.file_bytes, record.problems);
            return Some(EventKind::ExportReady { job, emails, file_bytes, problems, expires_at });
        }
        is_new(ExportPhase::Failed).then(|| EventKind::ExportFailed { job, why: record.why.clone() })
    }
}

/// Whether all accounts of an export are written down.
fn is_asked_for(record: &ExportRecord) -> bool {
    record.due_ms != i64::MAX
        || record.phase != ExportPhase::Queued.code()
        || record.papers != paper::Papers::None.code()
}

/// Writes the record of an export, and when somebody is to look at it again.
fn store(work: &mut Work, (tenant, job): (TenantId, JobId), record: &ExportRecord) -> Result<()> {
    TenantTxn::new(work.txn(), tenant).set(&keys::export(job), &record::encode(record));
    let due = lease::due(record)?.0.max(0);
    SystemTxn::new(work.txn()).set(&keys::system_export(tenant, job), &due.to_be_bytes())
}

/// The record of an export; `NotFound`.
async fn load(txn: &mut TenantTxn<'_>, job: JobId) -> Result<ExportRecord> {
    let stored = txn.get(&keys::export(job)).await?.ok_or_else(|| Error::not_found("export"))?;
    record::decode(&stored, "export")
}

impl Accounts {
    /// An id for a new export, to be written down before it is asked for.
    pub fn new_job(&self) -> JobId {
        JobId(self.0.rng.next_u64())
    }

    /// Asks for an export; a node makes it as soon as one is free. What was asked for before under this id is not made again. Errors: `Invalid` (no account, an account twice, days),
    /// `LimitExceeded`, `NotFound` (an account that is not the tenant's, or gone).
    pub async fn request_export(&self, tenant: TenantId, new: NewExport) -> Result<JobId> {
        let mut accounts = new.accounts.clone();
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.is_empty() || accounts.len() != new.accounts.len() {
            return Err(Error::new(Kind::Invalid, "an export has accounts, each once"));
        }
        if accounts.len() > EXPORT_ACCOUNTS_MAX {
            return Err(Error::limit("EXPORT_ACCOUNTS_MAX"));
        }
        if !(1..=EXPORT_DAYS_MAX).contains(&new.keep_days) {
            return Err(Error::limit("EXPORT_DAYS_MAX"));
        }
        let job = new.job;
        if self.is_export_known(tenant, job).await? {
            return Ok(job);
        }
        for account in &accounts {
            self.check_exportable(tenant, *account).await?;
        }
        let (key, parts) = (self.new_export_key(tenant)?, accounts.len().div_ceil(ACCOUNTS_AT_ONCE));
        for (part, some) in accounts.chunks(ACCOUNTS_AT_ONCE).enumerate() {
            unit_of_work!(self, &[], self.op(), work => {
                let known = load(&mut TenantTxn::new(work.txn(), tenant), job).await;
                let mut record = match known {
                    // Somebody else asked for it with the same id, and was faster.
                    Ok(record) if is_asked_for(&record) => return Ok(()),
                    Err(e) if part == 0 && e.kind == Kind::NotFound => {
                        work.new_export(tenant, &new, accounts.len(), key.clone()).await?
                    }
                    known => known?,
                };
                for (number, account) in some.iter().enumerate() {
                    let number = u32::try_from(part * ACCOUNTS_AT_ONCE + number).unwrap_or(u32::MAX);
                    let record = ExportAccountRecord { account: account.0, ..ExportAccountRecord::default() };
                    TenantTxn::new(work.txn(), tenant).set(&keys::export_account(job, number), &record::encode(&record));
                }
                // Nobody begins before the last account is there; what a crash leaves can be cancelled.
                let is_last = part + 1 == parts;
                record.due_ms = if is_last { work.now().0 } else { i64::MAX };
                if is_last && new.papers {
                    record.papers = paper::Papers::Awaited.code();
                }
                store(work, (tenant, job), &record)
            })?;
        }
        Ok(job)
    }

    async fn is_export_known(&self, tenant: TenantId, job: JobId) -> Result<bool> {
        let mut txn = self.0.kv.begin_read();
        match load(&mut TenantTxn::new(&mut *txn, tenant), job).await {
            Ok(record) => Ok(is_asked_for(&record)),
            Err(e) if e.kind == Kind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The secret seed of this provider's key that signs manifests of exports, and nothing else: every node has the same.
    pub fn manifest_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(MANIFEST_CONTEXT, &*self.0.master.0))
    }

    /// Whether an account can be exported: `NotFound` if it is not the tenant's, or purged.
    pub async fn check_exportable(&self, tenant: TenantId, account: AccountId) -> Result<()> {
        let mut txn = self.0.kv.begin_read();
        let standing = self.standing_in(&mut *txn, tenant, account).await?;
        let there = standing.is_some_and(|standing| !standing.profile.purged);
        there.then_some(()).ok_or_else(|| Error::not_found("account"))
    }

    fn new_export_key(&self, tenant: TenantId) -> Result<Vec<u8>> {
        let mut key = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(&mut *key).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        self.wrap_key(tenant, &key)
    }

    /// Exports of a tenant, those that are shredded too, in the order of their ids.
    pub async fn exports<R: CanRead>(&self, scope: &TenantScope<R>) -> Result<Vec<ExportView>> {
        let tenant = scope.tenant();
        let (mut range, mut found) = (keys::exports(), Vec::new());
        loop {
            let mut txn = self.0.kv.begin_read();
            let mut txn = TenantTxn::new(&mut *txn, tenant);
            let page = txn.page(&range, PageLimit::rows(1), Read::Snapshot).await?;
            let Some(job) = page.rows.first().and_then(|(key, _)| keys::be64(key, 1)).map(JobId) else {
                return Ok(found);
            };
            match load(&mut txn, job).await {
                Ok(record) => found.push(view(tenant, job, record)?),
                // It was forgotten between the two reads.
                Err(e) if e.kind == Kind::NotFound => {}
                Err(e) => return Err(e),
            }
            range = keys::exports_after(job);
        }
    }

    /// Whose an export is that is not destroyed; `None`: there is none of this id.
    pub async fn export_tenant(&self, job: JobId) -> Result<Option<TenantId>> {
        let mut last = None;
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&keys::system_exports_after(last), PageLimit::MAX).await?;
            for (key, _) in &page.rows {
                last = keys::decode_system_export(key);
                if let Some((tenant, _)) = last.filter(|(_, found)| *found == job) {
                    return Ok(Some(tenant));
                }
            }
            if !page.more {
                return Ok(None);
            }
        }
    }

    /// Accounts of a tenant that can be exported.
    pub async fn accounts_of<R: CanRead>(&self, scope: &TenantScope<R>) -> Result<Vec<AccountId>> {
        let (mut found, mut last) = (Vec::new(), None);
        while let Some(account) = next_account(self, scope.tenant(), last).await? {
            last = Some(account);
            if self.check_exportable(scope.tenant(), account).await.is_ok() {
                found.push(account);
            }
        }
        Ok(found)
    }

    /// One of them; `NotFound`.
    pub async fn export<R: CanRead>(&self, scope: &TenantScope<R>, job: JobId) -> Result<ExportView> {
        let mut txn = self.0.kv.begin_read();
        let record = load(&mut TenantTxn::new(&mut *txn, scope.tenant()), job).await?;
        view(scope.tenant(), job, record)
    }

    /// Files of an export that can be fetched; none before it is ready.
    pub async fn export_files<R: CanRead>(&self, scope: &TenantScope<R>, job: JobId) -> Result<Vec<ExportFile>> {
        let mut txn = self.0.kv.begin_read();
        let mut txn = TenantTxn::new(&mut *txn, scope.tenant());
        if !is_fetchable(&load(&mut txn, job).await?, self.clock().now()) {
            return Ok(Vec::new());
        }
        let rows = txn.all(&keys::export_files(job), Read::Snapshot).await?;
        rows.iter().map(|(_, value)| file(record::decode(value, "file of an export")?)).collect()
    }

    /// Says what is wanted of an export. `Invalid`: it is past that.
    pub async fn steer_export(&self, tenant: TenantId, job: JobId, wish: ExportWish) -> Result<ExportView> {
        unit_of_work!(self, &[], self.op(), work => {
            let now = work.now();
            let mut record = load(&mut TenantTxn::new(work.txn(), tenant), job).await?;
            let (phase, told) = (ExportPhase::of(record.phase)?, Told::of(&record));
            match wish {
                _ if matches!(phase, ExportPhase::Shredded | ExportPhase::Cancelled) => {
                    return Err(Error::new(Kind::Invalid, "the export has ended"));
                }
                ExportWish::Run if phase == ExportPhase::Failed && record.wish != ExportWish::Cancel.code() => {
                    record.phase = resumed(&record).code();
                    record.expires_ms = 0;
                }
                ExportWish::Cancel => {}
                ExportWish::Run | ExportWish::Pause if record.wish == ExportWish::Cancel.code() => {
                    return Err(Error::new(Kind::Invalid, "the export is cancelled"));
                }
                ExportWish::Run | ExportWish::Pause if !phase.is_under_way() => {
                    return Err(Error::new(Kind::Invalid, "nothing of the export is left to be made"));
                }
                ExportWish::Run | ExportWish::Pause => {}
            }
            if wish == ExportWish::Cancel {
                // From this commit on nobody reads any of it; whoever is at it is fenced off.
                record.key.clear();
                (record.token, record.until_ms) = (record.token + 1, 0);
                record.phase = if record.ready_ms == 0 { ExportPhase::Cancelled } else { ExportPhase::Shredded }.code();
            }
            (record.wish, record.due_ms, record.failures) = (wish.code(), now.0, 0);
            if wish == ExportWish::Run {
                record.why.clear();
            }
            store(work, (tenant, job), &record)?;
            if let Some(kind) = told.until(job, &record) {
                work.note_event(tenant, None, kind).await?;
            }
            view(tenant, job, record)
        })
    }
}

/// Whether its files can be fetched now, also if nobody came to destroy it in time.
fn is_fetchable(record: &ExportRecord, now: Timestamp) -> bool {
    record.phase == ExportPhase::Ready.code() && !record.key.is_empty() && record.expires_ms > now.0
}

/// Where an export that failed goes on.
fn resumed(record: &ExportRecord) -> ExportPhase {
    if record.pinned_ms == 0 { ExportPhase::Listing } else { ExportPhase::Writing }
}

fn file(record: ExportFileRecord) -> Result<ExportFile> {
    let sha256 = record.sha256.as_slice().try_into().map_err(|_| Error::corrupt("hash of a file of an export"))?;
    Ok(ExportFile { name: record.name, bytes: record.bytes, sha256 })
}

impl Work {
    /// The record of an export to be made. `LimitExceeded`: the tenant has EXPORT_JOBS_MAX.
    async fn new_export(
        &mut self,
        tenant: TenantId,
        new: &NewExport,
        accounts: usize,
        key: Vec<u8>,
    ) -> Result<ExportRecord> {
        self.must_stand(tenant).await?;
        let (now, all) = (self.now(), keys::system_exports_of(tenant));
        // Two at once meet here.
        let live = self.txn().range(&all, PageLimit::MAX, false, Read::Serializable).await?;
        if live.rows.len() >= EXPORT_JOBS_MAX {
            return Err(Error::limit("EXPORT_JOBS_MAX"));
        }
        Ok(ExportRecord {
            phase: ExportPhase::Queued.code(),
            wish: ExportWish::Run.code(),
            key,
            shape: new.shape.code(),
            archive_bytes_max: new.archive_bytes_max,
            asked_by: record::shown(&new.asked_by),
            reason: record::shown(&new.reason),
            created_ms: now.0,
            keep_days: new.keep_days,
            accounts: u32::try_from(accounts).unwrap_or(u32::MAX),
            ..ExportRecord::default()
        })
    }
}
