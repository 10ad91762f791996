//! SUMMARY    What `ctl` asks and what it hears: one line of JSON up, lines of JSON down.
//! INVARIANTS The last line is `Done` or `Failed`. Both ends are one program: the form may change with it.

use super::{hold::Placing, purge::EndCall};
use crate::backup::Named;
use base::{JobId, QueueId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// One command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Status,
    TenantList {
        after: Option<TenantId>,
        limit: usize,
    },
    TenantShow {
        tenant: TenantId,
    },
    /// With a reason: suspends; without: resumes.
    TenantHold {
        tenant: TenantId,
        reason: Option<String>,
        terms: Terms,
    },
    AccountList {
        tenant: TenantId,
        after: Option<String>,
        limit: usize,
    },
    AccountShow {
        account: String,
    },
    AccountHold {
        account: String,
        reason: Option<String>,
        terms: Terms,
    },
    /// Without a password one is made.
    AccountPassword {
        account: String,
        password: Option<String>,
        terms: Terms,
    },
    QueueList {
        select: Select,
        after: Option<String>,
        limit: usize,
    },
    QueueRetry {
        select: Select,
    },
    QueueCancel {
        select: Select,
    },
    Verify {
        tenant: Option<TenantId>,
    },
    /// Recounts what quotas count; `repair`: and adds what is missing.
    Quota {
        tenant: Option<TenantId>,
        repair: bool,
    },
    OperatorToken,
    /// Nodes that share the store.
    Nodes,
    /// Takes no new work, or (false) does so again.
    Drain(bool),
    HoldPlace {
        placing: Placing,
        terms: Terms,
    },
    HoldRelease {
        hold: String,
        terms: Terms,
    },
    HoldList {
        subject: String,
    },
    Why {
        subject: String,
    },
    Export(ExportCall),
    Import(ImportCall),
    Migrate(MigrateCall),
    /// Makes a backup.
    Backup(Named),
    Restore(RestoreCall),
    /// The end of a tenant.
    End(EndCall),
    /// An operation of the API. In the variables that `accounts` points to, an address stands for its mailbox's id.
    Api {
        query: String,
        variables: Value,
        accounts: Vec<String>,
    },
}

/// Mail of a backup that comes back: a tenant's, or one mailbox's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreCall {
    pub named: Named,
    /// The newest when missing.
    pub snapshot: Option<String>,
    pub tenant: Option<TenantId>,
    /// An id, or the address that it had then.
    pub mailbox: Option<String>,
    /// Where it goes: itself when missing.
    pub account: Option<String>,
    pub into: Option<String>,
    pub reason: String,
    pub scratch: Option<PathBuf>,
}

impl Request {
    /// Whether nothing is to be changed. What a free operation of the API asks for is in its own answer.
    pub fn is_dry_run(&self) -> bool {
        match self {
            Request::TenantHold { terms, .. }
            | Request::AccountHold { terms, .. }
            | Request::AccountPassword { terms, .. }
            | Request::HoldPlace { terms, .. }
            | Request::HoldRelease { terms, .. } => terms.dry_run,
            Request::Api { variables, .. } => variables.pointer("/i/dryRun") == Some(&Value::Bool(true)),
            Request::End(EndCall::Close { terms, .. } | EndCall::Reopen { terms, .. }) => terms.dry_run,
            // Its own summary says so.
            Request::End(_) => false,
            Request::Status
            | Request::TenantList { .. }
            | Request::TenantShow { .. }
            | Request::AccountList { .. }
            | Request::AccountShow { .. }
            | Request::Export(_)
            // Its own summary says what would be.
            | Request::Import(_)
            | Request::Migrate(_)
            | Request::Backup(_)
            | Request::Restore(_)
            | Request::QueueList { .. }
            | Request::QueueRetry { .. }
            | Request::QueueCancel { .. }
            | Request::Verify { .. }
            | Request::Quota { .. }
            | Request::OperatorToken
            | Request::Nodes
            | Request::Drain(_)
            | Request::HoldList { .. }
            | Request::Why { .. } => false,
        }
    }
}

/// What is asked of exports; one is named by its id and, once it is destroyed, its tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportCall {
    Start(NewExport),
    List {
        tenant: Option<TenantId>,
    },
    Show {
        of: (JobId, Option<TenantId>),
    },
    Steer {
        of: (JobId, Option<TenantId>),
        wish: Wish,
    },
    Files {
        of: (JobId, Option<TenantId>),
    },
    /// A file from a byte on.
    Bytes {
        of: (JobId, Option<TenantId>),
        name: String,
        from: u64,
    },
    /// Made once more, and compared.
    Compare {
        of: (JobId, Option<TenantId>),
    },
    /// The key that signs manifests.
    Key,
}

/// What is to become of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Pause,
    Resume,
    Cancel,
}

/// An export to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewExport {
    /// Addresses or ids; none: all of the tenant.
    pub accounts: Vec<String>,
    pub tenant: Option<TenantId>,
    pub reason: String,
    pub maildir: bool,
    pub archive_bytes_max: u64,
    pub days: u32,
}

/// Mail to be brought into a mailbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportCall {
    /// An address or an id.
    pub account: String,
    /// The path below which all goes.
    pub into: Option<String>,
    /// Which mailbox of an archive.
    pub only: Option<String>,
    pub reason: String,
    /// Without what an export has beside its mail.
    #[serde(default)]
    pub mail_only: bool,
    pub dry_run: bool,
    /// Absolute.
    pub paths: Vec<std::path::PathBuf>,
}

/// Mail to be brought from another provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MigrateCall {
    pub host: String,
    pub port: u16,
    pub protection: Protection,
    pub ca_file: Option<std::path::PathBuf>,
    /// An address or an id, the user there, and where the secret is.
    pub account: Option<(String, String, SecretFile)>,
    /// A CSV file of accounts instead.
    pub accounts: Option<std::path::PathBuf>,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub dry_run: bool,
    pub remove: bool,
    /// Passes until nobody listens any more.
    pub every_secs: Option<u64>,
    pub connections: usize,
    /// Bytes a second of each connection.
    pub rate: Option<u64>,
    pub reason: String,
}

/// How the connection to a source is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    Tls,
    StartTls,
    None,
}

/// A file whose first line is a password or a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecretFile {
    /// Absolute.
    pub path: std::path::PathBuf,
    pub is_token: bool,
}

/// How a change is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Terms {
    pub dry_run: bool,
    pub idempotency_key: Option<String>,
}

impl From<Terms> for tenants::Terms {
    fn from(terms: Terms) -> Self {
        tenants::Terms { dry_run: terms.dry_run, expected_version: None, idempotency_key: terms.idempotency_key }
    }
}

/// Queue items: all that meet every condition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Select {
    pub item: Option<QueueId>,
    pub tenant: Option<TenantId>,
    pub domain: Option<String>,
}

/// What comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Row(Value),
    /// A piece of a file, base64.
    Bytes(String),
    Progress {
        done: usize,
        total: usize,
        what: String,
    },
    /// `next`: where the next page begins. `ok`: whether all is as it should be.
    Done {
        ok: bool,
        next: Option<String>,
        summary: String,
    },
    Failed(String),
}
