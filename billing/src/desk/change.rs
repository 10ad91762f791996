//! SUMMARY    Changing, ending and resuming what was bought.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Asked, Billing, Bought};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Changes plan, items or interval of a live subscription; up and down alike (T4).
    pub async fn change(&self, actor: &Actor, terms: &Terms, tenant: TenantId, asked: &Asked) -> Result<Done<Bought>> {
        todo!()
    }

    /// Ends a subscription, now or with its period.
    pub async fn cancel(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        subscription: &str,
        when: End,
    ) -> Result<Done<Bought>> {
        todo!()
    }

    /// Takes back that it ends with its period.
    pub async fn resume(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        subscription: &str,
    ) -> Result<Done<Bought>> {
        todo!()
    }
}
