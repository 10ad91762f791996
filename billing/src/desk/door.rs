//! SUMMARY    Who may see, who may buy, who may sell.
//! SECURITY   What is not reached does not exist (`NotFound`). Support, which acts by a tenant's consent, sees and neither pays nor changes.
//! INVARIANTS A seller's things (plans, coupons, concessions, policies) are changed from the seller or from above it, never from below.

use super::{Billing, store::CustomerRow};
use base::TenantId;
use tenants::{Actor, Code, Error, Permission, Result, sql::Connection};

impl Billing {
    /// Whether the actor may see what a tenant buys, owes, is.
    pub(crate) async fn may_see(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        self.service.permit(txn, actor, Permission::BillingRead, tenant).await
    }

    /// Whether the actor may buy, pay and change in the name of a tenant.
    pub(crate) async fn may_buy(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        self.service.permit(txn, actor, Permission::BillingWrite, tenant).await?;
        self.not_support(txn, actor, tenant).await
    }

    /// Whether the actor may sell in the name of a tenant.
    pub(crate) async fn may_sell(&self, txn: &mut Connection, actor: &Actor, seller: TenantId) -> Result<()> {
        self.service.permit(txn, actor, Permission::BillingWrite, seller).await?;
        if !self.service.is_above(txn, actor, seller).await? {
            return Err(Error::not_found("tenantId"));
        }
        self.not_support(txn, actor, seller).await
    }

    /// The customer, when the actor may sell to it. `Forbidden` to the customer itself, `Invalid` for a tenant that is none.
    pub(crate) async fn may_sell_to(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
    ) -> Result<CustomerRow> {
        self.service.permit(txn, actor, Permission::BillingRead, tenant).await?;
        let row = self.customer_in(txn, tenant).await?.ok_or_else(no_customer)?;
        if !self.service.is_above(txn, actor, row.customer.seller).await? {
            return Err(Error::new(Code::Forbidden, "tenantId", "Only who sells to this tenant does this"));
        }
        self.may_sell(txn, actor, row.customer.seller).await?;
        Ok(row)
    }

    /// `Forbidden` to who acts by the consent of a tenant.
    pub(crate) async fn not_support(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        if self.service.supports(txn, actor, tenant).await? {
            return Err(Error::new(
                Code::Forbidden,
                "",
                "Support looks at what is bought; it does not pay or change it",
            ));
        }
        Ok(())
    }
}

pub(crate) fn no_customer() -> Error {
    Error::new(Code::Invalid, "tenantId", "This tenant is no customer yet: customerUpdate gives it a contact first")
}
