//! SUMMARY    What mutations of mailboxes take, and how lists of them are searched and sorted.

use super::{ChangeTerms, CreateTerms, DestroyTerms, ErrorPolicy, tenant_of};
use crate::{
    scalar::ByteSize,
    types::{MailboxKind, MailboxState},
};
use async_graphql::{Enum, ID, InputObject, MaybeUndefined};
use tenants::{Code, Error, NewMailbox, NewPassword, SendPatch};

/// What a mailbox may send, in recipients. null = unlimited.
#[derive(InputObject, Default)]
pub(crate) struct SendLimitsInput {
    pub(crate) per_hour: MaybeUndefined<u32>,
    pub(crate) per_day: MaybeUndefined<u32>,
    /// Recipients that the mailbox never wrote to before.
    pub(crate) new_recipients_per_day: MaybeUndefined<u32>,
}

impl From<SendLimitsInput> for SendPatch {
    fn from(input: SendLimitsInput) -> Self {
        use crate::mutation::wanted;
        SendPatch {
            per_hour: wanted(input.per_hour),
            per_day: wanted(input.per_day),
            new_recipients_per_day: wanted(input.new_recipients_per_day),
        }
    }
}

/// A password as it is given: itself, or a hash of it; not both.
pub(crate) fn new_password(password: Option<String>, hash: Option<String>) -> tenants::Result<NewPassword> {
    match (password, hash) {
        (None, None) => Ok(NewPassword::Unset),
        (Some(password), None) => Ok(NewPassword::Plain(password)),
        (None, Some(hash)) => Ok(NewPassword::Hash(hash)),
        (Some(_), Some(_)) => Err(Error::new(Code::Invalid, "passwordHash", "Give the password or its hash, not both")),
    }
}

/// A mailbox to be made.
#[derive(InputObject)]
pub(crate) struct MailboxInput {
    pub(crate) address: String,
    /// Without one, and without `passwordHash`, nobody logs in until a password is set.
    pub(crate) password: Option<String>,
    /// Instead of the password: argon2id as a PHC string, 4 to 128 MiB and at most 10 passes. Logins by SCRAM need the password.
    pub(crate) password_hash: Option<String>,
    pub(crate) display_name: Option<String>,
    /// null = unlimited.
    pub(crate) quota_bytes_max: Option<ByteSize>,
    /// PERSON when missing.
    pub(crate) kind: Option<MailboxKind>,
    pub(crate) send_limits: Option<SendLimitsInput>,
    /// Whose it is on a shared domain; the token's own tenant when missing.
    pub(crate) tenant_id: Option<ID>,
}

impl TryFrom<MailboxInput> for NewMailbox {
    type Error = Error;
    fn try_from(input: MailboxInput) -> tenants::Result<Self> {
        let send = SendPatch::from(input.send_limits.unwrap_or_default());
        Ok(NewMailbox {
            address: input.address,
            display_name: input.display_name.unwrap_or_default(),
            password: new_password(input.password, input.password_hash)?,
            quota_bytes_max: input.quota_bytes_max.map(|b| b.0),
            kind: input.kind.unwrap_or_default().into(),
            send: send.over(control::SendLimits::default()),
            tenant: tenant_of(input.tenant_id.as_ref())?,
        })
    }
}

/// Which mailboxes a list has: those that fit everything that is given.
#[derive(InputObject)]
pub(crate) struct MailboxFilter {
    /// Addresses that begin so.
    pub(crate) address: Option<String>,
    /// Display names that contain this, in any case.
    pub(crate) name: Option<String>,
    /// On this domain.
    pub(crate) domain: Option<String>,
    pub(crate) kind: Option<MailboxKind>,
    /// ACTIVE and RESTRICTED when missing.
    pub(crate) state: Option<MailboxState>,
}

impl From<MailboxFilter> for tenants::MailboxFilter {
    fn from(f: MailboxFilter) -> Self {
        tenants::MailboxFilter {
            address: f.address,
            name: f.name,
            domain: f.domain,
            kind: f.kind.map(Into::into),
            state: f.state.map(Into::into),
        }
    }
}

/// What a list of mailboxes is sorted by.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::MailboxSort")]
pub(crate) enum MailboxSort {
    Id,
    Address,
    Name,
    CreatedAt,
}

/// An order; cursors are those of their order.
#[derive(InputObject)]
pub(crate) struct MailboxOrder {
    pub(crate) by: MailboxSort,
    #[graphql(default)]
    pub(crate) descending: bool,
}

impl From<MailboxOrder> for tenants::MailboxOrder {
    fn from(o: MailboxOrder) -> Self {
        tenants::MailboxOrder { by: o.by.into(), descending: o.descending }
    }
}

#[derive(InputObject)]
pub(crate) struct MailboxCreateInput {
    #[graphql(flatten)]
    pub(crate) mailbox: MailboxInput,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxesCreateInput {
    /// At most 100.
    pub(crate) mailboxes: Vec<MailboxInput>,
    pub(crate) error_policy: ErrorPolicy,
    #[graphql(flatten)]
    pub(crate) terms: CreateTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxUpdateInput {
    pub(crate) mailbox_id: ID,
    pub(crate) display_name: Option<String>,
    /// null = unlimited; leave it out to keep it.
    pub(crate) quota_bytes_max: MaybeUndefined<ByteSize>,
    pub(crate) kind: Option<MailboxKind>,
    /// What is left out stays.
    pub(crate) send_limits: Option<SendLimitsInput>,
    pub(crate) password: Option<String>,
    /// Instead of the password: argon2id as a PHC string.
    pub(crate) password_hash: Option<String>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxSetPasswordInput {
    pub(crate) mailbox_id: ID,
    pub(crate) password: Option<String>,
    /// Instead of the password: argon2id as a PHC string.
    pub(crate) password_hash: Option<String>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxRenameInput {
    pub(crate) mailbox_id: ID,
    /// On a domain of the same tenant.
    pub(crate) address: String,
    /// Whether the old address leads to the new one; otherwise mail for it is refused.
    #[graphql(default)]
    pub(crate) keep_old_address: bool,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxSuspendInput {
    pub(crate) mailbox_id: ID,
    /// One line, shown to the user at every door.
    pub(crate) reason: String,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxResumeInput {
    pub(crate) mailbox_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxDeleteInput {
    pub(crate) mailbox_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxRestoreInput {
    pub(crate) mailbox_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxPurgeInput {
    pub(crate) mailbox_id: ID,
    #[graphql(flatten)]
    pub(crate) terms: DestroyTerms,
}

#[derive(InputObject)]
pub(crate) struct MailboxRetentionSetInput {
    pub(crate) tenant_id: ID,
    /// 0 to 365 days from the deletion on; null: as the tenant above has it.
    pub(crate) days: Option<u32>,
    #[graphql(flatten)]
    pub(crate) terms: ChangeTerms,
}
