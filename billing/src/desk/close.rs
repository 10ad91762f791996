//! SUMMARY    Closing by the owner, and the way back (T5).
//! LIMITS     CLOSE_REASON_CHARS_MAX
//! INVARIANTS What was bought ends in the transaction that closes. Reopening does not buy it again: it has its free plan, or subscribes anew.
//!            Closed customers go on owing what they owed.

use super::{
    Billing, Customer,
    call::Call,
    campaign::{Kind, Letter},
    door::no_customer,
};
use crate::{End, Phase, phase};
use base::TenantId;
use tenants::{
    Actor, Code, Done, Error, Permission, Result, Terms,
    sql::{Connection, Request, Start, query, text},
};

/// Characters of what an owner says about why.
pub const CLOSE_REASON_CHARS_MAX: usize = 1_000;

impl Billing {
    /// Closes a tenant: subscriptions end now, receiving ends, reading and export stay; undone for the policy's days. TenantClose.
    pub async fn close(&self, actor: &Actor, terms: &Terms, tenant: TenantId, reason: &str) -> Result<Done<Customer>> {
        if reason.chars().count() > CLOSE_REASON_CHARS_MAX {
            let message = format!("At most {CLOSE_REASON_CHARS_MAX} characters (CLOSE_REASON_CHARS_MAX)");
            return Err(Error::new(Code::Invalid, "reason", message));
        }
        let request = Request::while_held("tenantClose", format!("{tenant} {reason:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_close(&mut work.txn, actor, tenant).await?;
        let mut row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        work.expect(row.customer.version)?;
        if row.customer.closed_at.is_some() {
            return Err(Error::new(Code::Invalid, "tenantId", "It is closed already"));
        }
        for subscription in self.subscriptions_in(&mut work.txn, tenant).await? {
            if subscription.status.is_live() {
                self.freeze_ending(&mut work.txn, tenant, &subscription).await?;
                let call = Call::End { subscription: subscription.id, when: End::Now };
                self.put_call(&mut work.txn, tenant, &call).await?;
            }
        }
        self.close_pages(&mut work.txn, tenant).await?;
        row.customer.closed_at = Some(self.service.now());
        self.save_customer(&mut work.txn, &row).await?;
        self.service.audit(&mut work.txn, actor, tenant, "tenantClose", &tenant.to_string(), reason.trim()).await?;
        let changes = self.stand(&mut work.txn, tenant).await?;
        let row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        let done = self.service.finish(work, row.customer, &changes).await?;
        // What was bought ends now, not with the next round.
        self.wake.notify_one();
        Ok(done)
    }

    /// Takes a closing back.
    pub async fn reopen(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<Customer>> {
        let mut work =
            match self.service.start(actor, terms, Request::while_held("tenantReopen", tenant.to_string())).await? {
                Start::Fresh(work) => work,
                Start::Repeated(done) => return Ok(done),
            };
        self.may_close(&mut work.txn, actor, tenant).await?;
        let mut row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        work.expect(row.customer.version)?;
        let Some(closed) = row.customer.closed_at else {
            return Err(Error::new(Code::Invalid, "tenantId", "It is not closed"));
        };
        let policy = self.policy_in(&mut work.txn, row.customer.seller).await?;
        let facts = self.situation(&mut work.txn, &row).await?.facts;
        if phase(&facts, &policy, self.service.now()) == Phase::Purging {
            return Err(Error::new(Code::Forbidden, "tenantId", "Its data is being destroyed: there is no way back"));
        }
        row.customer.closed_at = None;
        self.save_customer(&mut work.txn, &row).await?;
        self.service.audit(&mut work.txn, actor, tenant, "tenantReopen", &tenant.to_string(), "").await?;
        let changes = self.stand(&mut work.txn, tenant).await?;
        let row = self.customer_in(&mut work.txn, tenant).await?.ok_or_else(no_customer)?;
        let invoices = self.invoices_in(&mut work.txn, tenant).await?;
        let letter = Letter { kind: Kind::Reopened, of: closed, dates: Vec::new() };
        self.write(&mut work.txn, &row, &invoices, &[letter]).await?;
        self.service.finish(work, row.customer, &changes).await
    }

    async fn may_close(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        self.service.permit(txn, actor, Permission::TenantClose, tenant).await?;
        self.not_support(txn, actor, tenant).await
    }

    /// Ends pages to pay on: nobody pays for what is closed, or buys what it would owe beside a debt.
    pub(crate) async fn close_pages(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        let open = query("SELECT id, provider_id FROM checkout WHERE tenant = $1 AND state = 'OPEN'")
            .bind(tenant.to_string())
            .fetch_all(&mut *txn)
            .await?;
        for row in &open {
            match row.text("provider_id")? {
                Some(checkout) => drop(self.put_call(txn, tenant, &Call::CloseCheckout { checkout }).await?),
                // One that opens after this is closed again.
                None => self.checkout_ended(txn, &text(row, "id")?).await?,
            }
        }
        Ok(())
    }

    /// Refuses what would be paid for while nothing comes of it.
    pub(crate) async fn not_closed(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        match self.customer_in(txn, tenant).await? {
            Some(row) if row.customer.closed_at.is_some() => {
                Err(Error::new(Code::Invalid, "tenantId", "The organisation is closed: reopen it first"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
