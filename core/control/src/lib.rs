//! SUMMARY    The contract between the planes: what the control plane tells the data plane, and how.
//! INVARIANTS Types only. No plan, price, SQL or key appears here. Every snapshot carries a version; the data plane
//!            stores one iff its version is higher than the stored one, so replays and reorderings are harmless.

use base::{AccountId, TenantId};
use serde::{Deserialize, Serialize};
use std::{future::Future, pin::Pin};

/// What a subject may do now. The control plane computes it from holds; the doors only read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub mail_read: bool,
    pub receive: bool,
    pub send_internal: bool,
    pub send_external: bool,
}

impl Capabilities {
    pub const ALL: Capabilities =
        Capabilities { mail_read: true, receive: true, send_internal: true, send_external: true };
    pub const NONE: Capabilities =
        Capabilities { mail_read: false, receive: false, send_internal: false, send_external: false };

    /// What both allow.
    pub fn and(self, other: Capabilities) -> Capabilities {
        Capabilities {
            mail_read: self.mail_read && other.mail_read,
            receive: self.receive && other.receive,
            send_internal: self.send_internal && other.send_internal,
            send_external: self.send_external && other.send_external,
        }
    }
}

/// What a tenant may use. `None` = unlimited; zero means zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementSnapshot {
    pub tenant: TenantId,
    pub version: u64,
    pub capabilities: Capabilities,
    /// Readable reason for a missing capability, shown at the doors; empty when nothing is held.
    pub reason: String,
    /// Stored bytes of all mailboxes together.
    pub storage_bytes_max: Option<u64>,
    /// Recipients of submitted mail per hour.
    pub messages_per_hour_max: Option<u32>,
}

/// A domain whose mail is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainSnapshot {
    /// Canonical name (A-labels).
    pub domain: String,
    pub version: u64,
    pub tenant: TenantId,
    /// `false`: released; mail for it is refused as unknown.
    pub live: bool,
    /// Canonical address that takes mail for unknown local parts.
    pub catch_all: Option<String>,
    /// Whether `local+detail` reaches `local`.
    pub plus_addressing: bool,
}

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// The mailbox user's own account.
    Account(AccountId),
    /// Alias: one or more canonical addresses, local or remote.
    Forward(Vec<String>),
    /// Once used, never again given to somebody else: mail is refused with 5.1.6 or 5.1.1.
    Tombstone,
}

/// One row of the one address table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSnapshot {
    /// Canonical local part (lower case).
    pub local: String,
    /// Canonical domain (A-labels).
    pub domain: String,
    pub version: u64,
    pub tenant: TenantId,
    pub destination: Destination,
}

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialKind {
    /// The account's password.
    Password,
    /// A generated password for one device or program.
    AppPassword,
}

/// Verifier of a credential: nothing here reveals the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialSnapshot {
    /// Control-plane id, for logs and revocation.
    pub id: String,
    pub kind: CredentialKind,
    /// PHC string, argon2id.
    pub argon2: String,
    /// SCRAM-SHA-256 verifier (RFC 5803): `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
    pub scram_sha256: String,
    /// Milliseconds since the epoch.
    pub expires_at: Option<i64>,
}

/// An account: who may log in, how much it may store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSnapshot {
    pub id: AccountId,
    pub tenant: TenantId,
    pub version: u64,
    /// Primary address (canonical).
    pub address: String,
    pub display_name: String,
    /// `false`: deleted; logins and mail are refused, data is kept until purged.
    pub live: bool,
    pub capabilities: Capabilities,
    pub reason: String,
    pub quota_bytes_max: Option<u64>,
    /// Other addresses the account may send from (canonical).
    pub send_as: Vec<String>,
    pub credentials: Vec<CredentialSnapshot>,
}

/// One change for the data plane. All changes of one mutation travel in one batch and are applied in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Entitlement(EntitlementSnapshot),
    Domain(DomainSnapshot),
    Address(AddressSnapshot),
    Account(AccountSnapshot),
}

/// Meters of a tenant, read from the data plane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub used_bytes: i64,
    pub emails: i64,
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
}
