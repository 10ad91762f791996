//! SUMMARY    Invoices: shown, paid, refunded; credit.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, InvoiceShown};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Invoices of a tenant, the newest first.
    pub async fn invoices(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<InvoiceShown>, i64)> {
        todo!()
    }

    /// One of them, by the provider's id.
    pub async fn invoice(&self, actor: &Actor, tenant: TenantId, id: &str) -> Result<InvoiceShown> {
        todo!()
    }

    /// Tries once more to have it paid, while any hold is on. `Invalid` when the card is declined.
    pub async fn invoice_pay(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        id: &str,
    ) -> Result<Done<InvoiceShown>> {
        todo!()
    }

    /// Pays back, by the seller: no more than was paid (S4). `None`: all of it.
    pub async fn invoice_refund(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        id: &str,
        amount: Option<Money>,
        reason: &str,
    ) -> Result<Done<InvoiceShown>> {
        todo!()
    }

    /// Gives credit for the next invoices, by the seller.
    pub async fn credit(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        amount: Money,
        reason: &str,
    ) -> Result<Done<()>> {
        todo!()
    }
}
