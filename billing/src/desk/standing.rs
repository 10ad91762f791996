//! SUMMARY    Where a customer stands, and why.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, Standing};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Phase, dates, facts, limits with their inputs.
    pub async fn standing(&self, actor: &Actor, tenant: TenantId) -> Result<Standing> {
        todo!()
    }
}
