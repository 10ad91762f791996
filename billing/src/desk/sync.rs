//! SUMMARY    The provider's truth becomes the mirror, the books, what a customer may have.
#![allow(unused_variables, dead_code, clippy::todo, reason = "being built")]

use super::Billing;
use base::TenantId;
use tenants::{Actor, Result, sql::Connection};

impl Billing {
    /// Compares a customer with the provider now. BillingRead.
    pub async fn sync_now(&self, actor: &Actor, tenant: TenantId) -> Result<()> {
        todo!()
    }

    /// The same as the server's own work, under the customer's lease; `false` when somebody else has it.
    pub(crate) async fn sync(&self, tenant: TenantId) -> Result<bool> {
        todo!()
    }

    /// That a customer is to be compared soon.
    pub(crate) async fn mark(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        todo!()
    }

    /// Compares the customers that are due: how many were.
    pub(crate) async fn sync_due(&self) -> Result<usize> {
        todo!()
    }
}
