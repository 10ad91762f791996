//! SUMMARY    The contract between the planes: what the control plane tells the data plane, and how.
//! INVARIANTS Types only. No plan, price, SQL or key appears here. Every snapshot carries a version; the data plane
//!            stores one iff its version is higher than the stored one, so replays and reorderings are harmless.

mod capability;
mod data;
mod erasure;
mod event;
mod export;
mod expunged;
mod migration;
mod queue;
mod snapshot;

pub use capability::{Capabilities, Capability, HoldKind, Restriction};
pub use data::{DataExporter, DataImporter, DataType, RECORDS_LEFT_OUT, REGISTERED, Registered, TABLES_LEFT_OUT};
pub use erasure::{Erased, Erasure, ErasureOrder, ErasurePhase};
pub use event::{Event, EventKind};
pub use export::{
    EXPORT_PAPER_BYTES_MAX, EXPORT_PAPER_NAME_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX,
    EXPORT_PAPERS_PIECES_MAX, ExportOrder, ExportPaper, ExportPapers, ExportPapersEnd, ExportPhase, ExportPiece,
    ExportShape, ExportStanding, ExportSteer, ExportSteered, ExportWish, ExportedFile,
};
pub use expunged::{ExpungedAsked, ExpungedEmail, ExpungedOrder, ExpungedPage, ExpungedPlace, ExpungedRestored};
pub use migration::{
    MIGRATION_DAYS_MAX, MIGRATION_FOLDERS_SHOWN, MIGRATION_NAME_BYTES_MAX, MIGRATION_PROBLEMS_KEPT,
    MIGRATION_SECRET_BYTES_MAX, MIGRATIONS_PER_MAILBOX_MAX, MIGRATIONS_PER_TENANT_MAX, MigrationCheck,
    MigrationChecked, MigrationFolder, MigrationOrder, MigrationPhase, MigrationProblem, MigrationProblemKind,
    MigrationSecret, MigrationSecurity, MigrationSignIn, MigrationSource, MigrationStanding, MigrationSteer,
    MigrationSteered, MigrationWish,
};
pub use queue::{
    QueueActed, QueueAction, QueueAnswer, QueueAsked, QueueFate, QueueFilter, QueueItem, QueueOrder, QueuePage,
    QueuePlace, QueueRecipient, QueueState,
};
pub use snapshot::{
    APP_DIGEST, AccountKind, AccountSnapshot, AddressSnapshot, Change, CredentialKind, CredentialSnapshot, Delegate,
    Destination, DkimAlgorithm, DkimKey, DomainSnapshot, EntitlementSnapshot, Posting, Rates, SendLimits,
};

use base::{AccountId, JobId, TenantId};
use serde::{Deserialize, Serialize};
use std::{future::Future, pin::Pin};

/// Meters of a tenant, read from the data plane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub used_bytes: i64,
    pub emails: i64,
    /// Recipients with other hosts that its messages were accepted for, ever: it only rises. Of accounts it is not counted.
    #[serde(default)]
    pub recipients_out: i64,
}

/// Which store a data plane stands on, and how far it has come. Another store, or fewer batches than before (one that was
/// restored from a backup), needs every snapshot again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Made with the store, never changed; zero: the plane keeps none.
    pub store: u64,
    /// Transactions of snapshots that the store has taken.
    pub applied: u64,
}

/// Why the data plane did not take a batch. Always worth trying again, but for `Invalid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlError {
    /// Not reachable or overloaded; nothing, or all of it, was applied.
    Unavailable(String),
    /// The batch cannot be right.
    Invalid(String),
}

impl std::fmt::Display for ControlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ControlError::Unavailable(why) => write!(f, "data plane unavailable: {why}"),
            ControlError::Invalid(why) => write!(f, "data plane refused the change: {why}"),
        }
    }
}
impl std::error::Error for ControlError {}

/// A future in a box: the trait is used as `dyn Control`.
pub type ControlFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ControlError>> + Send + 'a>>;

/// The data plane as the control plane sees it: in process for one binary, over HTTP for split planes.
pub trait Control: Send + Sync + 'static {
    /// Which store the plane stands on. A plane that keeps none is always the same one.
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async { Ok(Hello::default()) })
    }
    /// Applies a batch in one transaction; a snapshot with a version not above the stored one is skipped.
    /// Returns after the commit, when every door of this node sees the change.
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()>;
    /// Meters of a tenant.
    fn usage(&self, tenant: TenantId) -> ControlFuture<'_, Usage>;
    /// Meters of one account.
    fn account_usage(&self, tenant: TenantId, account: AccountId) -> ControlFuture<'_, Usage>;
    /// Meters of tenants, in their order.
    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(tenants.len());
            for tenant in tenants {
                all.push(self.usage(tenant).await?);
            }
            Ok(all)
        })
    }
    /// Meters of accounts, in their order.
    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(accounts.len());
            for (tenant, account) in accounts {
                all.push(self.account_usage(tenant, account).await?);
            }
            Ok(all)
        })
    }
    /// What happened since the event `after` (0: from the oldest kept), oldest first, at most `limit`. A plane that keeps none
    /// has none.
    fn events(&self, after: u64, limit: u32) -> ControlFuture<'_, Vec<Event>> {
        let _ = (after, limit);
        Box::pin(async { Ok(Vec::new()) })
    }
    /// A page of outgoing mail. A plane that sends none has none to show.
    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        let _ = asked;
        Box::pin(async { Err(ControlError::Unavailable("this data plane shows no queue".to_owned())) })
    }
    /// A page of what can be brought back of an account. A plane that keeps nothing has nothing.
    fn expunged(&self, asked: ExpungedAsked) -> ControlFuture<'_, ExpungedPage> {
        let _ = asked;
        Box::pin(async { Ok(ExpungedPage::default()) })
    }
    /// Brings expunged emails back; returns after the commits. What is done is done, also where it stops on the way.
    fn restore_expunged(&self, order: ExpungedOrder) -> ControlFuture<'_, ExpungedRestored> {
        let _ = order;
        Box::pin(async { Err(ControlError::Unavailable("this data plane keeps no expunged mail".to_owned())) })
    }
    /// Asks for an export; returns after the commit. Of an id that was taken before nothing is made again. `Invalid`: it cannot be made.
    fn export(&self, order: ExportOrder) -> ControlFuture<'_, ()> {
        let _ = order;
        Box::pin(async { Err(ControlError::Unavailable("this data plane exports nothing".to_owned())) })
    }
    /// Some papers of an export that awaits them; returns after the commit. Told again, it changes nothing; what another attempt told before stands no
    /// more. Once the papers are complete nothing is taken. `Invalid`: there is no such export, or it has ended.
    fn export_papers(&self, papers: ExportPapers) -> ControlFuture<'_, ()> {
        let _ = papers;
        Box::pin(async { Err(ControlError::Unavailable("this data plane exports nothing".to_owned())) })
    }
    /// The papers of an export are complete: it begins. `Unavailable` while not all of this attempt are there; nothing is changed then.
    fn export_papers_end(&self, end: ExportPapersEnd) -> ControlFuture<'_, ()> {
        let _ = end;
        Box::pin(async { Err(ControlError::Unavailable("this data plane exports nothing".to_owned())) })
    }
    /// How exports stand, in their order; `None`: there is no such export.
    fn exports(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<ExportStanding>>> {
        Box::pin(async move { Ok(vec![None; asked.len()]) })
    }
    /// Pauses, resumes or destroys an export; returns after the commit.
    fn export_steer(&self, steer: ExportSteer) -> ControlFuture<'_, ExportSteered> {
        let _ = steer;
        Box::pin(async { Ok(ExportSteered::Unknown) })
    }
    /// Files of an export that can be fetched; none before it is ready, and when it is destroyed.
    fn export_files(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<ExportedFile>> {
        let _ = (tenant, job);
        Box::pin(async { Ok(Vec::new()) })
    }
    /// Some bytes of a file, checked; none at its end. `Invalid`: there is no such file any more.
    fn export_bytes(&self, piece: ExportPiece) -> ControlFuture<'_, Vec<u8>> {
        let _ = piece;
        Box::pin(async { Err(ControlError::Unavailable("this data plane exports nothing".to_owned())) })
    }
    /// Begins a migration; returns after the commit. Of an id that was taken before nothing is begun again. `Invalid`: it cannot be begun.
    fn migrate(&self, order: MigrationOrder) -> ControlFuture<'_, ()> {
        let _ = order;
        Box::pin(async { Err(ControlError::Unavailable("this data plane brings no mail over".to_owned())) })
    }
    /// How migrations stand, in their order; `None`: there is no such migration.
    fn migrations(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<MigrationStanding>>> {
        Box::pin(async move { Ok(vec![None; asked.len()]) })
    }
    /// What the last pass of a migration could not bring or keep, MIGRATION_PROBLEMS_KEPT at most.
    fn migration_problems(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<MigrationProblem>> {
        let _ = (tenant, job);
        Box::pin(async { Ok(Vec::new()) })
    }
    /// Pauses, resumes or ends a migration; returns after the commit.
    fn migration_steer(&self, steer: MigrationSteer) -> ControlFuture<'_, MigrationSteered> {
        let _ = steer;
        Box::pin(async { Ok(MigrationSteered::Unknown) })
    }
    /// Signs in to a source and lists its folders; nothing is written, here or there. `Invalid`: it may not be asked.
    fn migration_check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        let _ = check;
        Box::pin(async { Err(ControlError::Unavailable("this data plane brings no mail over".to_owned())) })
    }
    /// Begins to erase a tenant, for good: its keys are destroyed when this returns. Asked again it says how far that is.
    /// `Invalid` while a hold keeps the tenant from being purged, or the plane has no such tenant.
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        let _ = order;
        Box::pin(async { Err(ControlError::Unavailable("this data plane erases nothing".to_owned())) })
    }
    /// How far the erasure of a tenant is; `None`: none was begun.
    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        let _ = tenant;
        Box::pin(async { Ok(None) })
    }
    /// Signs a statement about an erasure with the key that signs proofs of erasure, and nothing else: the statement, JSON of one
    /// line, comes back within a document that has the plane's own account of the erasure beside it. `Invalid` before its end.
    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        let _ = (tenant, statement);
        Box::pin(async { Err(ControlError::Unavailable("this data plane erases nothing".to_owned())) })
    }
    /// Does something about one item; returns after the commit.
    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        let _ = order;
        Box::pin(async { Err(ControlError::Unavailable("this data plane shows no queue".to_owned())) })
    }
}
