//! SUMMARY    Webhooks: written down, then worked off as hints.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, EventShown};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Takes a webhook: `Forbidden` for a forged one; else it is committed when this returns, a repeated one once.
    pub async fn hear(&self, provider: &str, body: &[u8], signature: &str) -> Result<()> {
        todo!()
    }

    /// What came, the newest first. For the operator of the installation.
    pub async fn events_heard(&self, actor: &Actor, page: &Page) -> Result<(Vec<EventShown>, i64)> {
        todo!()
    }

    /// Works one off again.
    pub async fn event_retry(
        &self,
        actor: &Actor,
        terms: &Terms,
        provider: &str,
        id: &str,
    ) -> Result<Done<EventShown>> {
        todo!()
    }
}
