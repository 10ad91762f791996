//! SUMMARY    Closing by the owner, and the way back (T5).
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Customer};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Closes a tenant: subscriptions end now, receiving ends, reading and export stay; undone for the policy's days. TenantClose.
    pub async fn close(&self, actor: &Actor, terms: &Terms, tenant: TenantId, reason: &str) -> Result<Done<Customer>> {
        todo!()
    }

    /// Takes a closing back.
    pub async fn reopen(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<Customer>> {
        todo!()
    }
}
