//! SUMMARY    How long stages last: versions of a seller.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::Billing;
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// The one in force: the seller's newest, or the one of the nearest seller above, or the default.
    pub async fn policy(&self, actor: &Actor, seller: TenantId) -> Result<Policy> {
        todo!()
    }

    /// Sets the next version; dates that were told stay (T3).
    pub async fn policy_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        policy: &Policy,
    ) -> Result<Done<Policy>> {
        todo!()
    }
}
