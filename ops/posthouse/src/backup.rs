//! SUMMARY    Backups of a server: what goes into one, where they are kept, what comes back (docs/decisions/0073).
//! INVARIANTS A backup has all that this process has, each part of one moment: first the store, then the database, which may be younger
//!            but never older. Keys are in it, so it is read by nobody without the repository's key.

#[cfg(feature = "s3")]
mod bucket;
mod file;
mod home;
mod make;
mod scratch;
mod timer;
mod whole;

pub use home::{Home, Named};
pub use kind::SQL;
pub use make::{Made, Sources, make};
pub use scratch::Scratch;
pub use timer::{Timer, run};
pub use whole::{Into, restore};

/// Kinds of streams; the last two are the names of their only streams too.
mod kind {
    /// Rows of the store; named `system`, or after the tenant.
    pub const STORE: &str = "store";
    /// Rows of the control plane's database.
    pub const SQL: &str = "sql";
    /// Files of the data folder: name, content.
    pub const FILES: &str = "files";
}

/// The stream of what is no tenant's.
const SYSTEM: &str = "system";

/// How far something is, for who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In words.
    pub what: String,
    pub done: usize,
    pub total: usize,
}

/// Who is told.
pub type Telling<'a> = &'a mut (dyn FnMut(Step) + Send);
