//! SUMMARY    The tenant keyspace: typed keys, records, scopes, unit of work, change log, quota, routes, entitlements, queue items.
//! INVARIANTS The only crate that calls the store. Every key of a tenant is built here and prefixed here; no public function
//!            takes an absolute key. A scope cannot be made outside: login, route, job lease and break-glass issue them.

mod accounts;
pub mod backup;
mod blob;
mod change;
mod control;
mod entitlement;
mod erasure;
mod error;
mod event;
mod export;
mod hub;
mod keys;
mod known;
mod login;
mod migration;
mod node;
mod pool;
mod queue;
mod quota;
mod rate;
mod read;
pub mod record;
pub mod restore;
mod route;
mod scope;
mod sending;
mod signing;
mod standing;
mod turn;
mod txn;
mod upkeep;
mod verify;
mod work;

pub use accounts::{AccountOptions, Accounts, Attempts, Begin, MasterKey, store_id};
pub use backup::{Backup, BackupPack, BackupPage, BackupStream};
pub use blob::Staged;
pub use change::{Change, ChangeKind, ObjectType};
pub use erasure::{ProofKey, open_proof};
pub use error::{Error, Result};
pub use export::{
    EndedFile, ExportFile, ExportLease, ExportPhase, ExportShape, ExportView, ExportWish, Exported, NewExport,
    Progress, Stream, Todo, read_papers,
};
pub use hub::{Hint, Hub, Listener};
pub use login::{Login, ScramIdentity};
pub use migration::{MigrationLease, PassCount};
pub use node::{NodeId, NodeView, Peers, TakenOver};
pub use queue::{Lease, LeaseRequest, ParkedGroup, QueueSummary};
pub use quota::{QuotaNotice, QuotaView};
pub use rate::{Subject, Toll, network, retry_hint};
pub use read::{Reader, RowPage};
pub use restore::Restore;
pub use route::{LocalRecipient, Route, RouteError, Sender};
pub use scope::{AccountScope, BreakGlass, CanRead, CanWrite, Deliver, Owner, ReadOnly, TenantScope};
pub use sending::Reserved;
pub use signing::SigningKeys;
pub use standing::Standing;
pub use turn::Turn;
pub use upkeep::{Job, LogKeep, Upkeep, UpkeepOptions, Upkept};
pub use verify::{QuotaDrift, Violation};
pub use work::{AccountWork, Charge, DELETED, ExpungedId, NewEmail, NewMailbox, Origin, SEEN, Work};
