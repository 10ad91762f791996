//! SUMMARY    Repositories of backups: named streams of sorted rows and named immutable objects, sealed, stored once, verifiable
//!            (docs/decisions/0071).
//! INVARIANTS Nothing here knows a mailbox, a key of the store or a table. What a snapshot refers to was durable before its
//!            manifest was; what no manifest names is nothing but room. Every byte that is read is checked.

pub mod conformance;
mod depot;
mod error;
mod forget;
mod keep;
mod key;
pub mod limits;
mod lock;
mod manifest;
mod mark;
mod object;
mod present;
mod prune;
mod read;
mod repository;
mod row;
mod seal;
mod snapshot;
mod stream;
mod tree;
mod verify;
mod write;

pub use depot::{BoxFuture, Depot, DepotError, FolderDepot, Found, MemoryDepot, validate_name, validate_prefix};
pub use error::{Error, Result};
pub use keep::Keep;
pub use key::{KeyError, RepositoryKey};
pub use lock::{Lock, LockKind};
pub use manifest::{SnapshotId, Totals};
pub use prune::Pruned;
pub use read::{KeyRange, RowReader};
pub use repository::Repository;
pub use snapshot::{ObjectInfo, Snapshot, StreamInfo};
pub use stream::StreamWriter;
pub use verify::{Depth, Progress, Report};
pub use write::Writer;
