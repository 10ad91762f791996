//! SUMMARY    What mutations answer: the object, why not, whether the doors know yet.

use crate::types::{Alias, Domain, Mailbox, Tenant};
use async_graphql::{Enum, SimpleObject};
use tenants::{Applied, Code};

/// Stable codes of refusals.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    NotFound,
    Invalid,
    Taken,
    LimitReached,
    InUse,
    StaleObject,
    IdempotencyMismatch,
    Forbidden,
    Internal,
}

/// Why a mutation was refused.
#[derive(SimpleObject, Debug)]
pub struct UserError {
    /// Argument it is about; empty when about the whole.
    pub field: String,
    pub message: String,
    pub code: ErrorCode,
}

impl From<tenants::Error> for UserError {
    fn from(e: tenants::Error) -> Self {
        let code = match e.code {
            Code::NotFound => ErrorCode::NotFound,
            Code::Invalid => ErrorCode::Invalid,
            Code::Taken => ErrorCode::Taken,
            Code::LimitReached => ErrorCode::LimitReached,
            Code::InUse => ErrorCode::InUse,
            Code::StaleObject => ErrorCode::StaleObject,
            Code::IdempotencyMismatch => ErrorCode::IdempotencyMismatch,
            Code::Forbidden | Code::Unauthenticated => ErrorCode::Forbidden,
            Code::Internal => ErrorCode::Internal,
        };
        UserError { field: e.field.to_owned(), message: e.message, code }
    }
}

macro_rules! payload {
    ($name:ident, $field:ident, $object:ident) => {
        /// The object after the change, or why there was none.
        #[derive(SimpleObject, Default)]
        pub struct $name {
            pub $field: Option<$object>,
            /// The data plane has not taken the change yet; it will.
            pub pending: bool,
            pub user_errors: Vec<UserError>,
        }
        impl<T: Into<$object>> From<tenants::Result<(T, Applied)>> for $name {
            fn from(result: tenants::Result<(T, Applied)>) -> Self {
                match result {
                    Ok((object, applied)) => $name {
                        $field: Some(object.into()),
                        pending: applied == Applied::Pending,
                        user_errors: Vec::new(),
                    },
                    Err(e) => $name { user_errors: vec![e.into()], ..$name::default() },
                }
            }
        }
    };
}
payload!(TenantPayload, tenant, Tenant);
payload!(DomainPayload, domain, Domain);
payload!(MailboxPayload, mailbox, Mailbox);
payload!(AliasPayload, alias, Alias);

/// A new tenant with the token of its owner, shown once.
#[derive(SimpleObject, Default)]
pub struct TenantCreatePayload {
    pub tenant: Option<Tenant>,
    pub token: Option<String>,
    pub pending: bool,
    pub user_errors: Vec<UserError>,
}

/// A secret, shown once.
#[derive(SimpleObject, Default)]
pub struct SecretPayload {
    /// Id by which it is revoked.
    pub id: Option<String>,
    pub secret: Option<String>,
    pub user_errors: Vec<UserError>,
}

/// Whether it was done.
#[derive(SimpleObject, Default)]
pub struct DonePayload {
    pub done: bool,
    pub user_errors: Vec<UserError>,
}
