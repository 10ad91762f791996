//! SUMMARY    Snapshots: what the control plane tells of a tenant, a domain, an address, an account.
//! INVARIANTS Each is whole and has a version. A field that came later has a default, so that older stored ones are read.

use crate::{Capabilities, Restriction};
use base::{AccountId, TenantId};
use serde::{Deserialize, Serialize};

/// Recipients that may be sent to. `None` = unlimited; zero means zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SendLimits {
    pub per_hour: Option<u32>,
    pub per_day: Option<u32>,
    /// Recipients that the account never wrote to before, each day.
    pub new_recipients_per_day: Option<u32>,
}

/// How fast the users of a tenant may knock. `None`: the default of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Connections of one account at the same time.
    pub connections_per_account_max: Option<u32>,
    /// Connections of all accounts of the tenant at the same time.
    pub connections_max: Option<u32>,
    /// Commands of one account each minute.
    pub commands_per_minute_max: Option<u32>,
}

/// What a tenant may use. `None` = unlimited; zero means zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementSnapshot {
    pub tenant: TenantId,
    pub version: u64,
    pub capabilities: Capabilities,
    /// Readable reason for a missing capability, shown at the doors; empty when nothing is held.
    pub reason: String,
    /// Why something is missing; empty when nothing is.
    #[serde(default)]
    pub restrictions: Vec<Restriction>,
    /// The tenants above, nearest first: what counts against a limit of this one counts against theirs.
    #[serde(default)]
    pub ancestors: Vec<TenantId>,
    /// Stored bytes of all mailboxes of the tenant itself together.
    pub storage_bytes_max: Option<u64>,
    /// What incoming mail may use beyond the limit of the tenant, and of each mailbox with a quota.
    #[serde(default)]
    pub storage_grace_bytes: u64,
    /// What the tenant and all below it may send together.
    #[serde(default)]
    pub send: SendLimits,
    #[serde(default)]
    pub rates: Rates,
    /// For how many days what left its last mailbox can be brought back; 0: it is gone.
    #[serde(default)]
    pub expunged_days: u32,
    /// A legal hold is on the tenant or one above it: what its mailboxes let go is kept until that ends.
    #[serde(default)]
    pub legal_hold: bool,
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
    /// Another domain of the same tenant, whose addresses are this one's too.
    #[serde(default)]
    pub alias_of: Option<String>,
    /// Whether the public MX records lead here: mail from other tenants is delivered here only then.
    #[serde(default = "yes")]
    pub mx_here: bool,
    #[serde(default)]
    pub send: SendLimits,
    /// Keys that sign now.
    #[serde(default)]
    pub dkim: Vec<DkimKey>,
}

fn yes() -> bool {
    true
}

/// A key that signs the mail of a domain.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DkimKey {
    pub selector: String,
    pub algorithm: DkimAlgorithm,
    /// PKCS#8, DER, base64.
    pub private_key: String,
}

/// Without the key.
impl std::fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DkimKey({} {:?})", self.selector, self.algorithm)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DkimAlgorithm {
    /// RFC 6376, RFC 8301.
    RsaSha256,
    /// RFC 8463.
    Ed25519Sha256,
}

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// The mailbox user's own account.
    Account(AccountId),
    /// Alias: one or more addresses, ours in canonical form, those elsewhere as they were given.
    Forward(Vec<String>),
    /// Distribution group: its members (addresses in the same form), and who may write to it.
    Group { members: Vec<String>, posting: Posting },
    /// Switched off by its owner: mail is refused with 5.2.1.
    Disabled,
    /// Once used, never again given to somebody else: mail is refused with 5.1.6 or 5.1.1.
    Tombstone,
}

/// Who may write to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Posting {
    Anyone,
    /// Accounts of the same tenant.
    Tenant,
    /// Accounts that a member address leads to.
    Members,
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

/// Begins what is stored of an app password.
pub const APP_DIGEST: &str = "$sha256$";

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
    /// PHC string, argon2id; of an app password `APP_DIGEST` and the base64 of its SHA-256: it is random and long enough (of those
    /// made by former versions, argon2id too).
    pub argon2: String,
    /// SCRAM-SHA-256 verifier (RFC 5803): `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; empty for a password
    /// that came as a hash: SCRAM is not to be had with it.
    pub scram_sha256: String,
    /// Milliseconds since the epoch.
    pub expires_at: Option<i64>,
    /// Holds on this credential alone: it opens nothing while there is one that blocks.
    #[serde(default)]
    pub restrictions: Vec<Restriction>,
    #[serde(default)]
    pub send: SendLimits,
}

/// What an account is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    #[default]
    Person,
    /// Read by several people, each with a login of their own.
    Shared,
    /// A room, a car: answers invitations.
    Resource,
    /// A program.
    Service,
}

/// Another account that may open this one with its own credentials (SASL authorization identity).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegate {
    pub account: AccountId,
    /// Whether it may open the account.
    pub open: bool,
    /// Whether it may change what it opens.
    pub write: bool,
    /// Whether it may send from the account's addresses with its own login.
    pub send_as: bool,
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
    /// Deleted for ever: upkeep removes its data.
    #[serde(default)]
    pub purged: bool,
    /// A legal hold is on the account or its domain.
    #[serde(default)]
    pub legal_hold: bool,
    pub capabilities: Capabilities,
    pub reason: String,
    pub quota_bytes_max: Option<u64>,
    /// Other addresses the account may send from (canonical).
    pub send_as: Vec<String>,
    #[serde(default)]
    pub kind: AccountKind,
    /// Why something is missing on the account itself; empty when nothing is.
    #[serde(default)]
    pub restrictions: Vec<Restriction>,
    #[serde(default)]
    pub send: SendLimits,
    #[serde(default)]
    pub delegates: Vec<Delegate>,
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

/// Everything allowed, nothing limited: where a snapshot begins from.
impl EntitlementSnapshot {
    pub fn new(tenant: TenantId, version: u64) -> Self {
        EntitlementSnapshot {
            tenant,
            version,
            capabilities: Capabilities::ALL,
            reason: String::new(),
            restrictions: Vec::new(),
            ancestors: Vec::new(),
            storage_bytes_max: None,
            storage_grace_bytes: 0,
            send: SendLimits::default(),
            rates: Rates::default(),
            expunged_days: 0,
            legal_hold: false,
        }
    }
}

/// Live, with plus addressing, its mail comes here.
impl DomainSnapshot {
    pub fn new(domain: impl Into<String>, tenant: TenantId, version: u64) -> Self {
        DomainSnapshot {
            domain: domain.into(),
            version,
            tenant,
            live: true,
            catch_all: None,
            plus_addressing: true,
            alias_of: None,
            mx_here: true,
            send: SendLimits::default(),
            dkim: Vec::new(),
        }
    }
}

/// A live person's account without a quota and without credentials.
impl AccountSnapshot {
    pub fn new(id: AccountId, tenant: TenantId, version: u64, address: impl Into<String>) -> Self {
        AccountSnapshot {
            id,
            tenant,
            version,
            address: address.into(),
            display_name: String::new(),
            live: true,
            purged: false,
            legal_hold: false,
            capabilities: Capabilities::ALL,
            reason: String::new(),
            quota_bytes_max: None,
            send_as: Vec::new(),
            kind: AccountKind::Person,
            restrictions: Vec::new(),
            send: SendLimits::default(),
            delegates: Vec::new(),
            credentials: Vec::new(),
        }
    }
}

impl CredentialSnapshot {
    pub fn new(id: impl Into<String>, kind: CredentialKind, argon2: String, scram_sha256: String) -> Self {
        CredentialSnapshot {
            id: id.into(),
            kind,
            argon2,
            scram_sha256,
            expires_at: None,
            restrictions: Vec::new(),
            send: SendLimits::default(),
        }
    }
}
