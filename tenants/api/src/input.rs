//! SUMMARY    What mutations take.
//! INVARIANTS A field left out keeps what is there; null means unlimited or none, where the field says so.

use crate::types::ByteSize;
use async_graphql::{Enum, ID, InputObject, MaybeUndefined};

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
    /// First domain.
    pub(crate) domain: Option<String>,
    /// First mailbox, on the first domain.
    pub(crate) owner_mailbox: Option<MailboxCreateInput>,
    /// Repeating the request with the same key gives the same tenant.
    pub(crate) idempotency_key: Option<String>,
    /// Only say what would be; there is no token then.
    #[graphql(default)]
    pub(crate) dry_run: bool,
}

/// All limits are set; null = unlimited.
#[derive(InputObject)]
pub(crate) struct TenantUpdateInput {
    pub(crate) tenant_id: ID,
    pub(crate) max_domains: Option<u64>,
    pub(crate) max_mailboxes: Option<u64>,
    pub(crate) storage_bytes_max: Option<ByteSize>,
    pub(crate) messages_per_hour_max: Option<u64>,
    pub(crate) expected_version: Option<i64>,
}

#[derive(InputObject)]
pub(crate) struct TenantSuspendInput {
    pub(crate) tenant_id: ID,
    /// Shown to the tenant's users at every door.
    pub(crate) reason: String,
}

#[derive(InputObject)]
pub(crate) struct DomainCreateInput {
    pub(crate) tenant_id: ID,
    pub(crate) name: String,
}

#[derive(InputObject)]
pub(crate) struct DomainUpdateInput {
    pub(crate) name: String,
    /// null takes it away; leave it out to keep it.
    pub(crate) catch_all: MaybeUndefined<String>,
    pub(crate) plus_addressing: Option<bool>,
}

#[derive(InputObject)]
pub(crate) struct MailboxCreateInput {
    pub(crate) address: String,
    pub(crate) password: String,
    pub(crate) display_name: Option<String>,
    pub(crate) quota_bytes_max: Option<ByteSize>,
}

#[derive(InputObject)]
pub(crate) struct MailboxUpdateInput {
    pub(crate) mailbox_id: ID,
    pub(crate) display_name: Option<String>,
    /// null = unlimited; leave it out to keep it.
    pub(crate) quota_bytes_max: MaybeUndefined<ByteSize>,
    pub(crate) password: Option<String>,
}

#[derive(InputObject)]
pub(crate) struct MailboxSuspendInput {
    pub(crate) mailbox_id: ID,
    pub(crate) reason: String,
}

#[derive(InputObject)]
pub(crate) struct AliasInput {
    pub(crate) address: String,
    pub(crate) targets: Vec<String>,
}

#[derive(InputObject)]
pub(crate) struct MailboxSetPasswordInput {
    pub(crate) mailbox_id: ID,
    pub(crate) password: String,
}

#[derive(InputObject)]
pub(crate) struct MailboxRenameInput {
    pub(crate) mailbox_id: ID,
    /// On a domain of the same tenant.
    pub(crate) address: String,
    /// Whether the old address leads to the new one; otherwise mail for it is refused.
    #[graphql(default)]
    pub(crate) keep_old_address: bool,
}

/// What a token may do.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAccess {
    Read,
    ReadWrite,
}
