//! SUMMARY    Buying: quotes, the page to pay on, what signup asks of a shop.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Asked, Billing, CheckoutShown, Quote};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// What a choice would cost a tenant now: a first one, or a change of what it has.
    pub async fn quote(&self, actor: &Actor, tenant: TenantId, asked: &Asked) -> Result<Quote> {
        todo!()
    }

    /// Opens a page to pay on; a plan that costs nothing is given at once and has no page (`url` empty, COMPLETE). `Invalid` when it has a subscription of the family.
    pub async fn checkout_open(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        asked: &Asked,
    ) -> Result<Done<CheckoutShown>> {
        todo!()
    }

    /// The last page that was opened, as it is at the provider when it is asked for.
    pub async fn checkout(&self, actor: &Actor, tenant: TenantId) -> Result<Option<CheckoutShown>> {
        todo!()
    }

    /// Ends a page that is open.
    pub async fn checkout_close(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<CheckoutShown>> {
        todo!()
    }

    /// The provider's page to change what is paid with. `back` is a path of the portal.
    pub async fn card_page(&self, actor: &Actor, terms: &Terms, tenant: TenantId, back: &str) -> Result<Done<String>> {
        todo!()
    }

    /// The provider's own page for customers.
    pub async fn customer_page(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        back: &str,
    ) -> Result<Done<String>> {
        todo!()
    }
}
