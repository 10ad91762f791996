//! SUMMARY    Calls to a provider: written down, made, repeated under their key.
#![allow(unused_variables, dead_code, clippy::todo, reason = "being built")]

use super::{Billing, CallShown};
use crate::{End, Failure, Money, NewCheckout, NewCustomer, Plan, Wanted};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use tenants::{Actor, Page, Result, sql::Connection};

/// What is asked of a provider. Its row's id is the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "what")]
pub(crate) enum Call {
    /// At the provider of this name.
    Publish {
        provider: String,
        plan: Plan,
    },
    CreateCustomer {
        new: NewCustomer,
    },
    UpdateCustomer {
        new: NewCustomer,
    },
    OpenCheckout {
        new: NewCheckout,
    },
    /// By the provider's id.
    CloseCheckout {
        checkout: String,
    },
    Change {
        subscription: String,
        to: Wanted,
        at: Timestamp,
    },
    End {
        subscription: String,
        when: End,
    },
    Resume {
        subscription: String,
    },
    Pay {
        invoice: String,
    },
    Refund {
        payment: String,
        amount: Money,
    },
    Credit {
        amount: Money,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// With what the provider gave, where it gives something: an id, the JSON of a `Checkout`.
    Done(String),
    /// It refuses, and will again.
    Refused(Failure),
    /// Not yet: the worker goes on with it.
    Waiting(Failure),
}

impl Billing {
    /// Writes a call down in the transaction that decides it; gives its id. The customer is synced after it was made.
    pub(crate) async fn put_call(&self, txn: &mut Connection, tenant: TenantId, call: &Call) -> Result<String> {
        todo!()
    }

    /// Makes a call that was committed, now; one that was made already gives the same again.
    pub(crate) async fn make_call(&self, id: &str) -> Result<Made> {
        todo!()
    }

    /// Makes the calls that are due: how many were.
    pub(crate) async fn make_calls(&self) -> Result<usize> {
        todo!()
    }

    /// Calls of a tenant, the newest first.
    pub async fn calls(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<CallShown>, i64)> {
        todo!()
    }
}
