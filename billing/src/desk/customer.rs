//! SUMMARY    Customers: who pays, where invoices go.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Bought, Customer, CustomerPatch};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// The customer that a tenant is; `None`: it never was one.
    pub async fn customer(&self, actor: &Actor, tenant: TenantId) -> Result<Option<Customer>> {
        todo!()
    }

    /// Customers of a seller, by tenant.
    pub async fn customers(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<Customer>, i64)> {
        todo!()
    }

    /// Makes a tenant a customer of its parent, or changes one. The address must not be one of our own hosted domains.
    pub async fn customer_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        patch: &CustomerPatch,
    ) -> Result<Done<Customer>> {
        todo!()
    }

    /// Subscriptions in the mirror, the newest first; with those that ended.
    pub async fn subscriptions(&self, actor: &Actor, tenant: TenantId) -> Result<Vec<Bought>> {
        todo!()
    }
}
