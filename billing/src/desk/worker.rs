//! SUMMARY    What goes on by itself: calls, events, comparing, stages, sweeps.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::Billing;
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// One round of everything that is due; how much was done. For tests and the worker.
    pub async fn work(&self) -> Result<usize> {
        todo!()
    }

    /// Works until `stop`.
    pub async fn run(self: std::sync::Arc<Self>, stop: tokio::sync::watch::Receiver<bool>) {
        todo!()
    }
}
