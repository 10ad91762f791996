//! SUMMARY    Gifts and overrides of a customer.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Concession, NewConcession};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// All that were, the newest first.
    pub async fn concessions(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Concession>, i64)> {
        todo!()
    }

    /// Gives it, by the seller: counts at once.
    pub async fn concession_add(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        new: &NewConcession,
    ) -> Result<Done<Concession>> {
        todo!()
    }

    /// Ends it.
    pub async fn concession_end(&self, actor: &Actor, terms: &Terms, id: &str) -> Result<Done<Concession>> {
        todo!()
    }
}
