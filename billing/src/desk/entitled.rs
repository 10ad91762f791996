//! SUMMARY    What follows from where a customer stands: stage, limits, a hold, the inputs beside them.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::Billing;
use base::TenantId;
use control::Change;
use tenants::{Result, sql::Connection};

impl Billing {
    /// Reckons from the rows (mirror, customer, concessions, policy, dates that were told) where a customer stands now, and sets all that
    /// follows in this transaction: `unpaid_since`, phase, `look_at`, letters and dates, limits, the hold. Gives what the data plane is to
    /// know. A customer whose tenant is not there yet: only the row changes.
    pub(crate) async fn stand(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<Change>> {
        todo!()
    }
}
