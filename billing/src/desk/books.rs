//! SUMMARY    The books as rows.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{BalanceShown, Billing};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Entries of a customer, the newest first.
    pub async fn entries(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Entry>, i64)> {
        todo!()
    }

    /// Balances of a customer.
    pub async fn balances(&self, actor: &Actor, tenant: TenantId) -> Result<Vec<BalanceShown>> {
        todo!()
    }

    /// Reads all entries and compares them with the balances: what does not agree, as lines. For the operator.
    pub async fn books_verify(&self) -> Result<Vec<String>> {
        todo!()
    }

    /// Posts an entry in a transaction. `Forbidden` for one that breaks a law of the books; nothing is posted then.
    pub(crate) async fn post(&self, txn: &mut Connection, entry: &Entry) -> Result<crate::Posted> {
        todo!()
    }
}
