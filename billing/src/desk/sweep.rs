//! SUMMARY    Customers that were not compared for long, and the drift that it finds.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Drift};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Differences that were found, the newest first. For the operator.
    pub async fn drift(&self, actor: &Actor, page: &Page) -> Result<(Vec<Drift>, i64)> {
        todo!()
    }
}
