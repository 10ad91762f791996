//! SUMMARY    Migrations of mailboxes from other providers as the control plane sees them: ordered, watched, steered, tried first.
//! SECURITY   A secret is told once, with the order, or with a steer that gives another one; no answer has it, and printing it shows nothing. Who may ask
//!            is the control plane's to know. A migration is named by its tenant and its id: of another tenant there is no such migration.
//! LIMITS     MIGRATION_DAYS_MAX, MIGRATIONS_PER_TENANT_MAX, MIGRATIONS_PER_MAILBOX_MAX, MIGRATION_SECRET_BYTES_MAX, MIGRATION_NAME_BYTES_MAX,
//!            MIGRATION_PROBLEMS_KEPT, MIGRATION_FOLDERS_SHOWN
//! INVARIANTS An order is repeated harmlessly: its id is the control plane's, and what was taken once is not begun twice.

use base::{AccountId, JobId, TenantId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Days after which a migration ends and its secret is destroyed, whatever its state.
pub const MIGRATION_DAYS_MAX: u32 = 30;
/// Migrations of a tenant that have not ended.
pub const MIGRATIONS_PER_TENANT_MAX: usize = 2_000;
/// Migrations into one mailbox that have not ended.
pub const MIGRATIONS_PER_MAILBOX_MAX: usize = 3;
/// Bytes of a password or a token; some tokens are long.
pub const MIGRATION_SECRET_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the names of a host and of a user there.
pub const MIGRATION_NAME_BYTES_MAX: usize = 320;
/// Problems of the last pass that are kept for people; how many there were is counted.
pub const MIGRATION_PROBLEMS_KEPT: usize = 50;
/// Folders that a look at a source tells by name; the sums are of all.
pub const MIGRATION_FOLDERS_SHOWN: usize = 1_000;

/// A password or a bearer token. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct MigrationSecret(Zeroizing<String>);

impl MigrationSecret {
    pub fn new(secret: String) -> Self {
        MigrationSecret(Zeroizing::new(secret))
    }

    /// For who signs in with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for MigrationSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MigrationSecret(…)")
    }
}

// Between the planes, over mutual TLS.
impl Serialize for MigrationSecret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for MigrationSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(MigrationSecret::new)
    }
}

/// How the connection to a source is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MigrationSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, or no connection.
    StartTls,
    /// None: only towards networks that the operator allows.
    Plain,
}

/// What the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MigrationSignIn {
    Password,
    /// A bearer token: XOAUTH2 or OAUTHBEARER.
    Token,
}

/// An account at another provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationSource {
    /// A name or an address, without port.
    pub host: String,
    pub port: u16,
    pub security: MigrationSecurity,
    /// As one signs in there.
    pub user: String,
    pub sign_in: MigrationSignIn,
}

/// A migration to be begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationOrder {
    pub tenant: TenantId,
    pub job: JobId,
    pub account: AccountId,
    pub source: MigrationSource,
    pub secret: MigrationSecret,
    pub asked_by: String,
}

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationPhase {
    /// No pass was begun yet, or one is to be begun at once.
    Queued,
    /// A pass is under way.
    Running,
    /// For the next pass.
    Waiting,
    /// Until somebody resumes it.
    Paused,
    /// Until somebody resumes it; see `why`.
    Failed,
    /// Its secret is destroyed.
    Ended,
}

impl MigrationPhase {
    /// Whether it can still be steered.
    pub fn is_live(self) -> bool {
        self != MigrationPhase::Ended
    }
}

/// How far a migration is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStanding {
    pub phase: MigrationPhase,
    /// Folders of the source that the last pass went through, and all of them.
    pub folders: u32,
    pub folders_total: u32,
    /// Messages that the source listed in the last pass, and how many of them it has gone through.
    pub messages_total: u64,
    pub messages: u64,
    /// Of all passes: messages that were stored, and their bytes; messages whose bytes were here already.
    pub brought: u64,
    pub bytes: u64,
    pub found: u64,
    /// What the last pass could not bring or keep.
    pub problems: u64,
    /// Passes that came to their end.
    pub passes: u32,
    pub last_pass_at: Option<Timestamp>,
    /// When the next one begins; `None`: none will.
    pub next_pass_at: Option<Timestamp>,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What went wrong last; empty: nothing.
    pub why: String,
}

/// What a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationProblemKind {
    /// A message that could not be brought; the next pass tries again.
    Message,
    /// A folder that could not be read to its end.
    Folder,
    /// A folder that is passed over.
    PassedOver,
    /// A name, a keyword or a uid that cannot be kept as it is.
    NotKept,
    /// A folder that the source has no longer: what was brought of it stays.
    Gone,
}

/// What of the last pass did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationProblem {
    pub kind: MigrationProblemKind,
    /// Its name at the source.
    pub folder: String,
    pub uid: Option<u32>,
    pub why: String,
}

/// What its owner wants of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationWish {
    /// Go on, and begin the next pass at once.
    Run,
    Pause,
    /// No further pass: the secret is destroyed.
    End,
}

/// Says what is wanted of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationSteer {
    pub tenant: TenantId,
    pub job: JobId,
    pub wish: MigrationWish,
    /// From now on it signs in with this one; with `Run` alone.
    pub secret: Option<MigrationSecret>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationSteered {
    Done(Box<MigrationStanding>),
    /// It is past that: why.
    Refused(String),
    Unknown,
}

/// A source to be looked at: nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationCheck {
    pub tenant: TenantId,
    pub account: AccountId,
    pub source: MigrationSource,
    pub secret: MigrationSecret,
}

/// A folder of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationFolder {
    pub name: String,
    /// Its path here.
    pub mailbox: String,
    /// `None`: the source does not tell before the folder is opened.
    pub messages: Option<u64>,
    pub bytes: Option<u64>,
}

/// What a look at a source found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MigrationChecked {
    /// One can sign in. MIGRATION_FOLDERS_SHOWN folders at most; sums of all that will be brought.
    Open { folders: Vec<MigrationFolder>, folders_total: u32, messages: u64, bytes: Option<u64> },
    /// It cannot be reached, or does not let us in: why, for people.
    Closed(String),
}
