//! SUMMARY    What mutations answer: the object, whether the doors know yet, why not. One code enum for each mutation.

use crate::{
    claim::{DnsCredential, DomainRecordChange},
    types::{Alias, Domain, Mailbox, Tenant},
};
use async_graphql::ID;

/// Payload, user error and code enum of a mutation. Every mutation may say INVALID, FORBIDDEN, IDEMPOTENCY_MISMATCH.
macro_rules! payload {
    ($payload:ident, $error:ident, $code:ident, [$($variant:ident),*], { $($(#[$doc:meta])* $field:ident: $ty:ty),* }) => {
        /// Stable codes of refusals. More may be added: treat one you do not know as a refusal.
        #[derive(async_graphql::Enum, Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $code {
            Invalid,
            Forbidden,
            IdempotencyMismatch,
            $($variant,)*
        }

        /// Why it was refused.
        #[derive(async_graphql::SimpleObject, Debug)]
        pub struct $error {
            /// Argument it is about; empty when about the whole.
            pub field: String,
            pub message: String,
            pub code: $code,
        }

        impl $error {
            fn new(e: tenants::ItemError) -> async_graphql::Result<Self> {
                let codes = [
                    (tenants::Code::Invalid, $code::Invalid),
                    (tenants::Code::Forbidden, $code::Forbidden),
                    (tenants::Code::IdempotencyMismatch, $code::IdempotencyMismatch),
                    $((tenants::Code::$variant, $code::$variant),)*
                ];
                match codes.into_iter().find(|(code, _)| *code == e.code) {
                    Some((_, code)) => Ok($error { field: e.field, message: e.message, code }),
                    None => {
                        tracing::error!(code = ?e.code, payload = stringify!($payload), "a refusal that the schema lacks");
                        Err($crate::failure::top_level("INTERNAL", e.message))
                    }
                }
            }
        }

        /// What was done, or why nothing was.
        #[derive(async_graphql::SimpleObject, Default)]
        pub struct $payload {
            $($(#[$doc])* pub $field: $ty,)*
            /// Committed, but the doors do not know yet; they will.
            pub pending: bool,
            pub user_errors: Vec<$error>,
        }

        impl $payload {
            /// The answer to a mutation that gave `result`; `fill` puts the object into it.
            pub(crate) fn of<T>(
                result: tenants::Result<tenants::Done<T>>,
                fill: impl FnOnce(&mut Self, T) -> async_graphql::Result<()>,
            ) -> async_graphql::Result<Self> {
                let mut payload = Self::default();
                match result {
                    Ok(done) => {
                        payload.pending = done.applied == tenants::Applied::Pending;
                        fill(&mut payload, done.object)?;
                    }
                    Err(e) => match $crate::failure::failure(&e) {
                        Some(failure) => return Err(failure),
                        None => payload.user_errors.push($error::new(e.into())?),
                    },
                }
                Ok(payload)
            }
        }
    };
}

/// The same for a mutation that answers with one object.
macro_rules! object_payload {
    ($payload:ident, $error:ident, $code:ident, [$($variant:ident),*], $field:ident: $object:ident) => {
        payload!($payload, $error, $code, [$($variant),*], { $field: Option<$object> });
        impl $payload {
            pub(crate) fn object<T: Into<$object>>(result: tenants::Result<tenants::Done<T>>) -> async_graphql::Result<Self> {
                Self::of(result, |payload, object| {
                    payload.$field = Some(object.into());
                    Ok(())
                })
            }
        }
    };
}

/// The same for a bulk: a result for each item, in their order.
macro_rules! bulk_payload {
    ($payload:ident, $item:ident, $error:ident, $code:ident, [$($variant:ident),*], $field:ident: $object:ident) => {
        payload!($payload, $error, $code, [$($variant),*], {
            /// One for each item, in their order; empty when the whole was refused.
            results: Vec<$item>
        });

        /// What became of an item.
        #[derive(async_graphql::SimpleObject)]
        pub struct $item {
            pub $field: Option<$object>,
            pub user_errors: Vec<$error>,
        }

        impl $payload {
            pub(crate) fn items<T: Into<$object>>(result: tenants::Result<tenants::Done<Vec<tenants::Item<T>>>>) -> async_graphql::Result<Self> {
                Self::of(result, |payload, items| {
                    for item in items {
                        payload.results.push(match item {
                            tenants::Item::Done(object) => $item { $field: Some(object.into()), user_errors: Vec::new() },
                            tenants::Item::Refused(e) => $item { $field: None, user_errors: vec![$error::new(e)?] },
                        });
                    }
                    Ok(())
                })
            }
        }
    };
}

mod address;

pub(crate) use address::*;
pub(crate) use {bulk_payload, object_payload, payload};

payload!(TenantCreatePayload, TenantCreateUserError, TenantCreateErrorCode, [NotFound, Taken, LimitReached], {
    tenant: Option<Tenant>,
    /// The owner's token. Keep it: it is shown again only to the same request with the same key. None in a dry run, and none
    /// for the provider's people: they invite the owner.
    token: Option<String>,
    /// Secret of the owner's invitation, if one was asked for. None in a dry run.
    invitation_secret: Option<String>
});
object_payload!(TenantUpdatePayload, TenantUpdateUserError, TenantUpdateErrorCode, [NotFound, StaleObject], tenant: Tenant);
object_payload!(TenantSuspendPayload, TenantSuspendUserError, TenantSuspendErrorCode, [NotFound, StaleObject], tenant: Tenant);
object_payload!(TenantResumePayload, TenantResumeUserError, TenantResumeErrorCode, [NotFound, StaleObject], tenant: Tenant);
object_payload!(DomainCreatePayload, DomainCreateUserError, DomainCreateErrorCode, [NotFound, Taken, LimitReached], domain: Domain);
object_payload!(DomainVouchPayload, DomainVouchUserError, DomainVouchErrorCode, [NotFound, Taken, LimitReached], domain: Domain);
object_payload!(DomainCheckPayload, DomainCheckUserError, DomainCheckErrorCode, [NotFound, StaleObject, LimitReached], domain: Domain);
object_payload!(DkimRotatePayload, DkimRotateUserError, DkimRotateErrorCode, [NotFound, StaleObject, InUse, LimitReached], domain: Domain);
object_payload!(DnsCredentialSetPayload, DnsCredentialSetUserError, DnsCredentialSetErrorCode, [NotFound], credential: DnsCredential);
payload!(DnsCredentialDeletePayload, DnsCredentialDeleteUserError, DnsCredentialDeleteErrorCode, [NotFound, StaleObject], { done: bool });
payload!(DomainPublishPayload, DomainPublishUserError, DomainPublishErrorCode, [NotFound, StaleObject, LimitReached], {
    domain: Option<Domain>,
    /// What was changed, or would be.
    changes: Vec<DomainRecordChange>,
    /// What stands in the way and was not confirmed: give these back in `confirm` to have it replaced.
    withheld: Vec<String>
});
object_payload!(DomainUpdatePayload, DomainUpdateUserError, DomainUpdateErrorCode, [NotFound, StaleObject], domain: Domain);
object_payload!(DomainDeletePayload, DomainDeleteUserError, DomainDeleteErrorCode, [NotFound, StaleObject, InUse], domain: Domain);
object_payload!(MailboxCreatePayload, MailboxCreateUserError, MailboxCreateErrorCode, [NotFound, Taken, LimitReached], mailbox: Mailbox);
bulk_payload!(
    MailboxesCreatePayload, MailboxesCreateResult, MailboxesCreateUserError, MailboxesCreateErrorCode,
    [NotFound, Taken, LimitReached, Aborted], mailbox: Mailbox
);
payload!(MailboxUpdatePayload, MailboxUpdateUserError, MailboxUpdateErrorCode, [NotFound, StaleObject], {
    mailbox: Option<Mailbox>,
    /// App passwords that ended with a new password, as `mailboxSetPassword` has it.
    ended_app_passwords: i32
});
payload!(MailboxSetPasswordPayload, MailboxSetPasswordUserError, MailboxSetPasswordErrorCode, [NotFound, StaleObject], {
    mailbox: Option<Mailbox>,
    /// App passwords that ended with it: all of them, by the first new password after a security hold was placed. Their devices
    /// need new ones.
    ended_app_passwords: i32
});
object_payload!(
    MailboxRenamePayload, MailboxRenameUserError, MailboxRenameErrorCode, [NotFound, StaleObject, Taken, InUse], mailbox: Mailbox
);
object_payload!(MailboxSuspendPayload, MailboxSuspendUserError, MailboxSuspendErrorCode, [NotFound, StaleObject], mailbox: Mailbox);
object_payload!(MailboxResumePayload, MailboxResumeUserError, MailboxResumeErrorCode, [NotFound, StaleObject], mailbox: Mailbox);
object_payload!(MailboxDeletePayload, MailboxDeleteUserError, MailboxDeleteErrorCode, [NotFound, StaleObject, InUse], mailbox: Mailbox);
object_payload!(AliasCreatePayload, AliasCreateUserError, AliasCreateErrorCode, [NotFound, Taken], alias: Alias);
bulk_payload!(
    AliasesCreatePayload, AliasesCreateResult, AliasesCreateUserError, AliasesCreateErrorCode, [NotFound, Taken, Aborted], alias: Alias
);
object_payload!(AliasUpdatePayload, AliasUpdateUserError, AliasUpdateErrorCode, [NotFound, StaleObject], alias: Alias);
object_payload!(AliasDeletePayload, AliasDeleteUserError, AliasDeleteErrorCode, [NotFound, StaleObject, InUse], alias: Alias);
payload!(AppPasswordCreatePayload, AppPasswordCreateUserError, AppPasswordCreateErrorCode, [NotFound, StaleObject], {
    /// Id by which it is revoked.
    id: Option<ID>,
    /// Shown once. The same request with the same key gets a fresh one, and this one ends. None in a dry run.
    secret: Option<String>
});
payload!(AppPasswordRevokePayload, AppPasswordRevokeUserError, AppPasswordRevokeErrorCode, [NotFound, StaleObject], { done: bool });
payload!(ApiTokenCreatePayload, ApiTokenCreateUserError, ApiTokenCreateErrorCode, [NotFound, FeatureOff], {
    /// Id by which it is revoked.
    id: Option<ID>,
    /// Keep it: it is shown again only to the same request with the same key. None in a dry run.
    secret: Option<String>
});
payload!(ApiTokenRevokePayload, ApiTokenRevokeUserError, ApiTokenRevokeErrorCode, [NotFound], { done: bool });
