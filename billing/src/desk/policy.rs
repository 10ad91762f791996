//! SUMMARY    How long stages last: versions of a seller.
//! INVARIANTS The nearest seller's policy counts. Versions rise. Dates that customers were told are kept beside it, and stay (T3).

use super::{
    Billing,
    store::{of_body, refused, to_body},
};
use crate::Policy;
use base::TenantId;
use tenants::{
    Actor, Code, Done, Error, Permission, Result, Terms,
    sql::{Connection, Request, Start, query},
};

impl Billing {
    /// The one in force: the seller's newest, or the one of the nearest seller above, or the default.
    pub async fn policy(&self, actor: &Actor, seller: TenantId) -> Result<Policy> {
        let mut connection = self.service.connection().await?;
        self.service.permit(&mut connection, actor, Permission::BillingRead, seller).await?;
        self.policy_in(&mut connection, seller).await
    }

    /// Sets the next version; dates that were told stay (T3).
    pub async fn policy_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        policy: &Policy,
    ) -> Result<Done<Policy>> {
        let request = Request::new("billingPolicyUpdate", format!("{seller} {policy:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_sell(&mut work.txn, actor, seller).await?;
        policy.check().map_err(refused)?;
        let now = self.policy_in(&mut work.txn, seller).await?;
        work.expect(i64::from(now.version))?;
        let too_many = || Error::new(Code::LimitReached, "tenantId", "A policy has too many versions");
        let policy = Policy { version: now.version.checked_add(1).ok_or_else(too_many)?, ..*policy };
        query("INSERT INTO billing_policy (tenant, version, body, created_at) VALUES ($1, $2, $3, $4)")
            .bind(seller.to_string())
            .bind(i64::from(policy.version))
            .bind(to_body(&policy)?)
            .bind(self.service.now().0)
            .execute(&mut work.txn)
            .await?;
        self.look_again(&mut work.txn, seller).await?;
        let (object, detail) = (seller.to_string(), format!("{policy:?}"));
        self.service.audit(&mut work.txn, actor, seller, "billingPolicyUpdate", &object, &detail).await?;
        self.service.finish(work, policy, &[]).await
    }

    pub(crate) async fn policy_in(&self, connection: &mut Connection, seller: TenantId) -> Result<Policy> {
        let line = self.service.line(connection, seller).await?;
        for above in line.iter() {
            let row = query("SELECT body FROM billing_policy WHERE tenant = $1 ORDER BY version DESC LIMIT 1")
                .bind(above.to_string())
                .fetch_optional(&mut *connection)
                .await?;
            if let Some(row) = row {
                return of_body(&row, "body");
            }
        }
        Ok(Policy::default())
    }

    /// Customers in trouble, of this seller and of those below, are looked at again: their dates may be others.
    async fn look_again(&self, txn: &mut Connection, seller: TenantId) -> Result<()> {
        query(
            "WITH RECURSIVE below (id) AS (SELECT id FROM tenant WHERE id = $1 UNION \
             SELECT t.id FROM tenant t JOIN below b ON t.parent = b.id) \
             UPDATE customer SET look_at = $2 WHERE seller IN (SELECT id FROM below) \
             AND (unpaid_since IS NOT NULL OR closed_at IS NOT NULL)",
        )
        .bind(seller.to_string())
        .bind(self.service.now().0)
        .execute(txn)
        .await
        .map(drop)
    }
}
