//! SUMMARY    Plans in versions: made, offered, withdrawn, listed.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, NewPlan, PlanShown, PlanState};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// What a seller sells: for its people with BillingRead all of it, for its customers what is offered to them.
    pub async fn plans(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<PlanShown>, i64)> {
        todo!()
    }

    /// What may be bought by anybody from a seller, the newest version of each: for signup and shop windows.
    pub async fn offered(&self, seller: TenantId) -> Result<Vec<PlanShown>> {
        todo!()
    }

    /// `pln_…`. `NotFound` for one that the actor may not buy and does not sell.
    pub async fn plan(&self, actor: &Actor, id: &str) -> Result<PlanShown> {
        todo!()
    }

    /// Makes a plan, or its next version when the key is known. BillingWrite on the seller. Published to the providers by a call.
    pub async fn plan_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        new: &NewPlan,
    ) -> Result<Done<PlanShown>> {
        todo!()
    }

    /// Offers, hides, withdraws a version.
    pub async fn plan_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
        state: PlanState,
    ) -> Result<Done<PlanShown>> {
        todo!()
    }
}
