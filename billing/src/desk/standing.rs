//! SUMMARY    Where a customer stands, and why.

use super::{Billing, StageShown, Standing, facts::owed_of_all, store::refused};
use crate::{next, phase, stages};
use base::TenantId;
use tenants::{Actor, Error, Result};

impl Billing {
    /// Phase, dates, facts, limits with their inputs. `NotFound` for a tenant that is no customer.
    pub async fn standing(&self, actor: &Actor, tenant: TenantId) -> Result<Standing> {
        // The policy is the seller's, above whoever asks.
        let mut connection = self.service.connection().await?;
        self.may_see(&mut connection, actor, tenant).await?;
        let missing = || Error::not_found("tenantId");
        let row = self.customer_in(&mut connection, tenant).await?.ok_or_else(missing)?;
        let now = self.service.now();
        let policy = self.policy_in(&mut connection, row.customer.seller).await?;
        let facts = self.situation(&mut connection, &row).await?.facts;
        let invoices = self.invoices_in(&mut connection, tenant).await?;
        let kept = self.last_inputs(&mut connection, tenant).await?;
        let limits = self.service.tenant_in(&mut connection, tenant).await?.limits;
        let metered = self.metered_now(&mut connection, &row).await?;
        let shown = |(phase, at)| StageShown { phase, at };
        Ok(Standing {
            tenant,
            phase: phase(&facts, &policy, now),
            stages: stages(&facts, &policy).into_iter().map(shown).collect(),
            next: next(&facts, &policy, now).map(shown),
            facts,
            policy,
            limits,
            short: kept.as_ref().is_some_and(|kept| kept.short),
            inputs: kept.map(|kept| kept.inputs),
            owed: owed_of_all(&invoices).map_err(refused)?,
            metered,
        })
    }
}
