//! SUMMARY    The time machine: the same functions on supposed days. Nothing is written.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Rehearsal, RehearsalStep};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// What would become of a customer. By the seller.
    pub async fn rehearse(&self, actor: &Actor, tenant: TenantId, supposed: &Rehearsal) -> Result<Vec<RehearsalStep>> {
        todo!()
    }
}
