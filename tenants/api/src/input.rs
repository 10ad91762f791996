//! SUMMARY    What mutations take.
//! INVARIANTS A field left out keeps what is there; null means unlimited or none, where the field says so. Every mutation
//!            takes one `input` and its terms: a dry run, a key; a version where there is an object that has one.

mod address;
mod mailbox;

pub(crate) use address::*;
pub(crate) use mailbox::*;

use crate::{people::object::GrantScopeInput, scalar::ByteSize};
use async_graphql::{Enum, ID, InputObject, MaybeUndefined};
use tenants::Terms;

/// Terms of making something.
#[derive(InputObject, Default)]
pub(crate) struct CreateTerms {
    /// Only say what would be; nothing is changed and no secret is made.
    #[graphql(default)]
    pub(crate) dry_run: bool,
    /// Repeating the request with the same key within 24 hours gives the same answer; another input is refused.
    pub(crate) idempotency_key: Option<String>,
}

/// Terms of changing something.
#[derive(InputObject)]
pub(crate) struct ChangeTerms {
    /// The `version` the object must have; otherwise STALE_OBJECT.
    pub(crate) expected_version: Option<i64>,
    /// Only say what would be; nothing is changed.
    #[graphql(default)]
    pub(crate) dry_run: bool,
    /// Repeating the request with the same key within 24 hours gives the same answer; another input is refused.
    pub(crate) idempotency_key: Option<String>,
}

/// Terms of taking something away: they name a key.
#[derive(InputObject)]
pub(crate) struct DestroyTerms {
    /// The `version` the object must have; otherwise STALE_OBJECT.
    pub(crate) expected_version: Option<i64>,
    /// Only say what would be; nothing is changed.
    #[graphql(default)]
    pub(crate) dry_run: bool,
    /// Repeating the request with the same key within 24 hours gives the same answer; another input is refused.
    pub(crate) idempotency_key: String,
}

/// Terms of what makes or moves money, or takes something away that has no version: they name a key.
#[derive(InputObject)]
pub(crate) struct MoneyTerms {
    /// Only say what would be; nothing is changed, and nothing is asked of a payment provider.
    #[graphql(default)]
    pub(crate) dry_run: bool,
    /// Repeating the request with the same key within 24 hours gives the same answer; another input is refused.
    pub(crate) idempotency_key: String,
}

impl From<MoneyTerms> for Terms {
    fn from(t: MoneyTerms) -> Self {
        Terms { dry_run: t.dry_run, expected_version: None, idempotency_key: Some(t.idempotency_key) }
    }
}
impl From<CreateTerms> for Terms {
    fn from(t: CreateTerms) -> Self {
        Terms { dry_run: t.dry_run, expected_version: None, idempotency_key: t.idempotency_key }
    }
}
impl From<ChangeTerms> for Terms {
    fn from(t: ChangeTerms) -> Self {
        Terms { dry_run: t.dry_run, expected_version: t.expected_version, idempotency_key: t.idempotency_key }
    }
}
impl From<DestroyTerms> for Terms {
    fn from(t: DestroyTerms) -> Self {
        Terms { dry_run: t.dry_run, expected_version: t.expected_version, idempotency_key: Some(t.idempotency_key) }
    }
}

/// What a bulk does when an item is refused.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorPolicy {
    /// Nothing is done; the items without an error of their own say ABORTED.
    AllOrNothing,
    /// The other items are done.
    Continue,
}

impl From<ErrorPolicy> for tenants::ErrorPolicy {
    fn from(policy: ErrorPolicy) -> Self {
        match policy {
            ErrorPolicy::AllOrNothing => tenants::ErrorPolicy::AllOrNothing,
            ErrorPolicy::Continue => tenants::ErrorPolicy::Continue,
        }
    }
}

/// What a tenant may have; null = unlimited.
#[derive(InputObject)]
pub(crate) struct TenantCreateInput {
    /// The token's own tenant when missing.
    pub(crate) parent_id: Option<ID>,
    pub(crate) name: String,
    pub(crate) max_domains: Option<u64>,
    pub(crate) max_mailboxes: Option<u64>,
    pub(crate) storage_bytes_max: Option<ByteSize>,
    pub(crate) messages_per_hour_max: Option<u64>,
    pub(crate) recipients_per_day_max: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub(crate) new_recipients_per_day_max: Option<u64>,
    /// What incoming mail may use beyond a limit before it is refused; nothing when missing.
    pub(crate) storage_grace_bytes: Option<ByteSize>,
    /// First domain: claimed, and to be proven by its TXT record.
    pub(crate) domain: Option<String>,
    /// The operator vouches for the first domain: it is proven at once. FORBIDDEN for everybody else.
    #[graphql(default)]
    pub(crate) vouch: bool,
    /// First mailbox, on the first domain; for the operator who vouches for it.
    pub(crate) owner_mailbox: Option<MailboxInput>,
    /// Who is invited as owner.
    pub(crate) owner_email: Option<String>,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

/// A missing limit stays as it is, null = unlimited. A tenant below one with a limit has a limit too.
#[derive(InputObject)]
pub(crate) struct TenantUpdateInput {
    pub(crate) tenant_id: ID,
    pub(crate) name: Option<String>,
    pub(crate) max_domains: MaybeUndefined<u64>,
    pub(crate) max_mailboxes: MaybeUndefined<u64>,
    pub(crate) storage_bytes_max: MaybeUndefined<ByteSize>,
    pub(crate) messages_per_hour_max: MaybeUndefined<u64>,
    pub(crate) recipients_per_day_max: MaybeUndefined<u64>,
    pub(crate) new_recipients_per_day_max: MaybeUndefined<u64>,
    pub(crate) storage_grace_bytes: Option<ByteSize>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct TenantSuspendInput {
    pub(crate) tenant_id: ID,
    /// One line, shown to the tenant's users at every door.
    pub(crate) reason: String,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct TenantResumeInput {
    pub(crate) tenant_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainCreateInput {
    pub(crate) tenant_id: ID,
    pub(crate) name: String,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainUpdateInput {
    pub(crate) name: String,
    /// A mailbox or alias of the domain; null takes it away; leave it out to keep it.
    pub(crate) catch_all: MaybeUndefined<String>,
    pub(crate) plus_addressing: Option<bool>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct DomainDeleteInput {
    pub(crate) name: String,
    /// Whose claim is meant, where several below the token's tenant claim the name.
    pub(crate) tenant_id: Option<ID>,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

#[derive(InputObject)]
pub(crate) struct AppPasswordCreateInput {
    pub(crate) mailbox_id: ID,
    /// The device or program it is for.
    pub(crate) label: String,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct AppPasswordRevokeInput {
    pub(crate) mailbox_id: ID,
    pub(crate) id: ID,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

/// What a token may do.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAccess {
    Read,
    ReadWrite,
}

#[derive(InputObject)]
pub(crate) struct ApiTokenCreateInput {
    pub(crate) tenant_id: ID,
    pub(crate) label: String,
    /// READ_WRITE when missing.
    pub(crate) access: Option<TokenAccess>,
    /// Names as `mailbox:create`, within `access`; all that the maker may when missing. Nobody gives what they lack.
    pub(crate) permissions: Option<Vec<String>>,
    /// All of the tenant when missing.
    pub(crate) on: Option<GrantScopeInput>,
    /// Networks the token may come from, as `192.0.2.0/24`; any when missing.
    pub(crate) ips: Option<Vec<String>>,
    /// The token is the service account's: its role and objects bound it, now and later.
    pub(crate) service_account_id: Option<ID>,
    /// Ten years when missing, and at most; a token's tokens end with it.
    pub(crate) life_seconds: Option<u32>,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct ApiTokenRevokeInput {
    pub(crate) id: ID,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}
