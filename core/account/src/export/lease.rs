//! SUMMARY    An export in the hands of the node that makes it: what is to be done, what it notes, how it ends.
//! LIMITS     EXPORT_LEASE_MS, EXPORT_FAILURES_MAX
//! INVARIANTS Only the holder of the newest lease writes the record: an older token finds a newer one there and is refused.

use super::{
    DAY_MS, EndedFile, ExportPhase, ExportView, ExportWish, Told, load, paper::Papers, segment::SegmentKey, store, view,
};
use crate::{
    Accounts, Error, NodeId, Reader, Result, keys,
    record::{self, ExportAccountRecord, ExportFileRecord, ExportRecord},
    scope::{AccountScope, CanRead, ReadOnly, TenantScope},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
};
use base::{
    AccountId, JobId, Kind, ModSeq, TenantId, Timestamp,
    limits::{EXPORT_FAILURES_MAX, EXPORT_LEASE_MS},
};
use control::AccountSnapshot;
use std::{sync::Arc, time::Duration};
use store::kv::{KvTxn, PageLimit, Read};

/// First pause after a failure, milliseconds; doubles with each.
const RETRY_MS_MIN: i64 = 5_000;

/// What is to be done with an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// Go on with it.
    Make,
    /// Its time is over, or it was cancelled: destroy it.
    Shred,
}

/// An account of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// From 0, in the order of the ids.
    pub number: u32,
    pub account: AccountId,
    /// The version that was listed; `None`: not yet.
    pub modseq: Option<ModSeq>,
    pub pinned_at: Timestamp,
    pub emails: u64,
    pub bytes: u64,
}

/// An export in our hands.
#[derive(Clone)]
pub struct ExportLease {
    accounts: Accounts,
    tenant: TenantId,
    job: JobId,
    pub(super) token: u64,
    todo: Todo,
    /// Nothing is written: what is made is compared with what is stored.
    pub(super) reviews: bool,
    /// Seals its segments; `None` once it is destroyed.
    pub(super) key: Option<Arc<SegmentKey>>,
}

impl Accounts {
    /// Takes an export with which this is to be done and that no peer is at; `None`: there is none.
    pub async fn lease_export(&self, wanted: Todo) -> Result<Option<ExportLease>> {
        if self.is_draining() {
            return Ok(None);
        }
        let mut last = None;
        loop {
            let mut txn = self.0.kv.begin_read();
            let range = keys::system_exports_after(last);
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::MAX).await?;
            for (key, due) in &page.rows {
                let found = keys::decode_system_export(key).ok_or_else(|| Error::corrupt("key of an export"))?;
                last = Some(found);
                if keys::be64(due, 0).is_some_and(|due| due > u64::try_from(self.clock().now().0).unwrap_or(0)) {
                    continue;
                }
                if let Some(lease) = self.take_export(found.0, found.1, wanted).await? {
                    return Ok(Some(lease));
                }
            }
            if !page.more {
                return Ok(None);
            }
        }
    }

    async fn take_export(&self, tenant: TenantId, job: JobId, wanted: Todo) -> Result<Option<ExportLease>> {
        let mut txn = self.0.kv.begin_read();
        let todo = self.todo(&mut *txn, (tenant, job), self.clock().now()).await?;
        if todo.is_none_or(|(_, todo)| todo != wanted) {
            return Ok(None);
        }
        drop(txn);
        let taken = unit_of_work!(self, &[], self.op(), work => {
            let now = work.now();
            let Some((mut record, todo)) = self.todo(work.txn(), (tenant, job), now).await? else { return Ok(None) };
            if todo != wanted {
                return Ok(None);
            }
            (record.token, record.until_ms) = (record.token + 1, until(now).0);
            record.node = self.node().0;
            store(work, (tenant, job), &record)?;
            Ok(Some((record, todo)))
        })?;
        let Some((record, todo)) = taken else { return Ok(None) };
        let key = match record.key.is_empty() {
            true => None,
            false => Some(Arc::new(SegmentKey::new(&self.unwrap_key(tenant, &record.key)?)?)),
        };
        Ok(Some(ExportLease { accounts: self.clone(), tenant, job, token: record.token, todo, reviews: false, key }))
    }

    /// What is to be done with an export now; `None`: nothing, or a peer is at it that lives.
    async fn todo(
        &self,
        txn: &mut dyn KvTxn,
        (tenant, job): (TenantId, JobId),
        now: Timestamp,
    ) -> Result<Option<(ExportRecord, Todo)>> {
        let record = load(&mut TenantTxn::new(txn, tenant), job).await?;
        // Further ahead than any lease lasts: the clock was set back.
        let ahead = Timestamp(record.until_ms).since(now);
        let is_leased = !ahead.is_zero() && ahead <= Duration::from_millis(EXPORT_LEASE_MS);
        if is_leased && (record.node == 0 || self.lives(txn, NodeId(record.node)).await?) || due(&record)? > now {
            return Ok(None);
        }
        let todo = todo(&record)?;
        Ok(Some((record, todo)))
    }

    /// An export that is ready, to be made once more beside what is stored. `NotFound`, `Invalid` (it is not ready).
    pub async fn review_export<R: CanRead>(&self, scope: &TenantScope<R>, job: JobId) -> Result<ExportLease> {
        let tenant = scope.tenant();
        let mut txn = self.0.kv.begin_read();
        let record = load(&mut TenantTxn::new(&mut *txn, tenant), job).await?;
        if record.phase != ExportPhase::Ready.code() || record.key.is_empty() {
            return Err(Error::new(Kind::Invalid, "the export is not ready"));
        }
        let key = Some(Arc::new(SegmentKey::new(&self.unwrap_key(tenant, &record.key)?)?));
        let (accounts, token) = (self.clone(), record.token);
        Ok(ExportLease { accounts, tenant, job, token, todo: Todo::Make, reviews: true, key })
    }
}

fn until(now: Timestamp) -> Timestamp {
    now.plus(Duration::from_millis(EXPORT_LEASE_MS))
}

/// When there is something to be done, if nothing else happens; the end of time: only when its owner says so.
pub(super) fn due(record: &ExportRecord) -> Result<Timestamp> {
    let never = Timestamp(i64::MAX);
    let (phase, wish) = (ExportPhase::of(record.phase)?, ExportWish::of(record.wish)?);
    let due = match phase {
        ExportPhase::Shredded | ExportPhase::Cancelled => Timestamp(0),
        _ if wish == ExportWish::Cancel => Timestamp(0),
        ExportPhase::Ready | ExportPhase::Failed => Timestamp(record.expires_ms),
        _ if wish == ExportWish::Pause => never,
        // Nobody begins before its papers are complete, whoever resumes it.
        _ if record.papers == Papers::Awaited.code() => never,
        _ => Timestamp(record.due_ms),
    };
    Ok(due)
}

/// What is to be done with an export that is due.
fn todo(record: &ExportRecord) -> Result<Todo> {
    let is_cancelled = ExportWish::of(record.wish)? == ExportWish::Cancel;
    Ok(match ExportPhase::of(record.phase)?.is_under_way() && !is_cancelled {
        true => Todo::Make,
        // Its time is over, or its key is gone and something of it is left.
        false => Todo::Shred,
    })
}

impl ExportLease {
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    pub fn job(&self) -> JobId {
        self.job
    }
    pub fn todo(&self) -> Todo {
        self.todo
    }
    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How it stands. `TooOld`: a peer has it now.
    pub async fn view(&self) -> Result<ExportView> {
        let mut txn = self.accounts.0.kv.begin_read();
        let record = load(&mut TenantTxn::new(&mut *txn, self.tenant), self.job).await?;
        self.check(&record)?;
        view(self.tenant, self.job, record)
    }

    /// One of its accounts, for reading.
    pub fn reader(&self, account: AccountId) -> Reader {
        self.accounts.read(&AccountScope::<ReadOnly>::issue(self.tenant, account))
    }

    /// Its accounts, one page of them from a number on.
    pub async fn exported(&self, from: u32) -> Result<Vec<Exported>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let mut range = keys::export_accounts(self.job);
        range.from = keys::export_account(self.job, from);
        let page = TenantTxn::new(&mut *txn, self.tenant).page(&range, PageLimit::rows(500), Read::Snapshot).await?;
        let exported = |(key, value): &(bytes::Bytes, bytes::Bytes)| {
            let number = keys::be32(key, 10).ok_or_else(|| Error::corrupt("key of an account of an export"))?;
            let record: ExportAccountRecord = record::decode(value, "account of an export")?;
            Ok(Exported {
                number,
                account: AccountId(record.account),
                modseq: (record.pinned_ms != 0).then_some(ModSeq(record.modseq)),
                pinned_at: Timestamp(record.pinned_ms),
                emails: record.emails,
                bytes: record.bytes,
            })
        };
        page.rows.iter().map(exported).collect()
    }

    /// What the control plane said of one of its accounts. `NotFound`: it is purged.
    pub async fn profile(&self, account: AccountId) -> Result<Arc<AccountSnapshot>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let standing = self.accounts.standing_in(&mut *txn, self.tenant, account).await?;
        let profile = standing.map(|standing| standing.profile.clone()).filter(|profile| !profile.purged);
        profile.ok_or_else(|| Error::not_found("account"))
    }

    fn check(&self, record: &ExportRecord) -> Result<()> {
        if record.token != self.token {
            return Err(Error::new(Kind::TooOld, "a later lease has taken the export over"));
        }
        Ok(())
    }

    /// Changes the record, with other rows of the export in the same transaction. `TooOld`: a peer has it now.
    pub(super) async fn note(
        &self,
        rows: &[(keys::Key, Vec<u8>)],
        change: impl Fn(&mut ExportRecord, Timestamp),
    ) -> Result<ExportView> {
        if self.reviews {
            return Err(Error::new(Kind::Invalid, "who reviews an export writes nothing"));
        }
        unit_of_work!(self.accounts, &[], self.accounts.op(), work => {
            let now = work.now();
            let mut txn = TenantTxn::new(work.txn(), self.tenant);
            let mut record = load(&mut txn, self.job).await?;
            self.check(&record)?;
            rows.iter().for_each(|(key, value)| txn.set(key, value));
            let (before, told) = (due(&record)?, Told::of(&record));
            change(&mut record, now);
            match due(&record)? == before {
                true => TenantTxn::new(work.txn(), self.tenant).set(&keys::export(self.job), &record::encode(&record)),
                false => store(work, (self.tenant, self.job), &record)?,
            }
            if let Some(kind) = told.until(self.job, &record) {
                work.note_event(self.tenant, None, kind).await?;
            }
            view(self.tenant, self.job, record)
        })
    }

    /// Prolongs the lease; says what is wanted of the export by now.
    pub async fn renew(&self) -> Result<ExportView> {
        self.note(&[], |record, now| record.until_ms = until(now).0).await
    }

    /// Lets the next one take it at once.
    pub async fn give_back(&self) -> Result<()> {
        self.note(&[], |record, _| record.until_ms = 0).await.map(|_| ())
    }

    /// Goes on to a phase.
    pub async fn enter(&self, phase: ExportPhase) -> Result<()> {
        self.note(&[], |record, _| record.phase = phase.code()).await.map(|_| ())
    }

    /// It did not get further: it is tried again later, and after EXPORT_FAILURES_MAX times waits for who resumes it.
    pub async fn fail(&self, why: &str, for_good: bool) -> Result<ExportView> {
        self.note(&[], |record, now| {
            record.why = record::shown(why);
            record.failures += 1;
            record.until_ms = 0;
            let pause = RETRY_MS_MIN << record.failures.min(10);
            record.due_ms = now.0.saturating_add(pause);
            if for_good || record.failures >= EXPORT_FAILURES_MAX {
                record.phase = ExportPhase::Failed.code();
                record.expires_ms = now.0.saturating_add(i64::from(record.keep_days) * DAY_MS);
            }
        })
        .await
    }

    /// An account is listed as it was at `modseq`.
    pub async fn listed(&self, number: u32, listed: Exported) -> Result<()> {
        let record = ExportAccountRecord {
            account: listed.account.0,
            modseq: listed.modseq.map_or(0, |m| m.0),
            pinned_ms: listed.pinned_at.0,
            emails: listed.emails,
            bytes: listed.bytes,
        };
        let row = (keys::export_account(self.job, number), record::encode(&record));
        let change = |record: &mut ExportRecord, _: Timestamp| {
            record.listed = number + 1;
            record.emails += listed.emails;
            record.bytes += listed.bytes;
            record.failures = 0;
        };
        self.note(&[row], change).await.map(|_| ())
    }

    /// All accounts are listed: what will be in the archives is settled.
    pub async fn pinned(&self) -> Result<()> {
        self.note(&[], |record, now| {
            record.pinned_ms = now.0;
            record.phase = ExportPhase::Writing.code();
        })
        .await
        .map(|_| ())
    }

    /// A file is complete.
    pub async fn end_file(&self, number: u32, file: &EndedFile) -> Result<()> {
        let row = ExportFileRecord {
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.sha256.to_vec(),
            rows: file.rows,
            problems: file.problems,
        };
        let row = (keys::export_file(self.job, number), record::encode(&row));
        let (bytes, problems) = (file.bytes, file.problems);
        let change = |record: &mut ExportRecord, _: Timestamp| {
            record.files = number + 1;
            record.file_bytes += bytes;
            record.problems = problems;
            record.failures = 0;
        };
        self.note(&[row], change).await.map(|_| ())
    }

    /// Files that are complete, in their order.
    pub async fn files(&self) -> Result<Vec<EndedFile>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let rows = TenantTxn::new(&mut *txn, self.tenant).all(&keys::export_files(self.job), Read::Snapshot).await?;
        rows.iter().map(|(_, value)| EndedFile::of(record::decode(value, "file of an export")?)).collect()
    }

    /// Its files can be fetched from now on, for the days that were asked for. `why`: what of it is not as it should be.
    pub async fn ready(&self, why: &str) -> Result<()> {
        self.note(&[], |record, now| {
            record.phase = ExportPhase::Ready.code();
            (record.ready_ms, record.until_ms) = (now.0, 0);
            record.expires_ms = now.0.saturating_add(i64::from(record.keep_days) * DAY_MS);
            record.why = record::shown(why);
        })
        .await
        .map(|_| ())
    }

    /// Destroys the export: its key first, then objects and rows. May be cut off anywhere and done again.
    pub async fn shred(&self) -> Result<()> {
        self.note(&[], |record, _| {
            record.key.clear();
            let cancelled = record.wish == ExportWish::Cancel.code() && record.ready_ms == 0;
            record.phase = if cancelled { ExportPhase::Cancelled } else { ExportPhase::Shredded }.code();
        })
        .await?;
        self.remove_objects().await?;
        self.clear_rows().await?;
        unit_of_work!(self.accounts, &[], self.accounts.op(), work => {
            let record = load(&mut TenantTxn::new(work.txn(), self.tenant), self.job).await?;
            self.check(&record)?;
            SystemTxn::new(work.txn()).clear(&keys::system_export(self.tenant, self.job))
        })
    }

    /// Everything but the record.
    async fn clear_rows(&self) -> Result<()> {
        let (accounts, tenant, job) = (&self.accounts, self.tenant, self.job);
        loop {
            let mut txn = accounts.0.kv.begin_read();
            let limit = PageLimit::rows(1_000);
            let page = TenantTxn::new(&mut *txn, tenant).page(&keys::export_all(job), limit, Read::Snapshot).await?;
            let own = keys::export(job);
            let rows: Vec<_> = page.rows.iter().map(|(key, _)| key).filter(|key| ***key != own[..]).collect();
            unit_of_work!(accounts, &[], accounts.op(), work => {
                let mut txn = TenantTxn::new(work.txn(), tenant);
                rows.iter().for_each(|key| txn.clear(key));
                Ok(())
            })?;
            if !page.more {
                return Ok(());
            }
        }
    }
}
