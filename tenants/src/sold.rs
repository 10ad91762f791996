//! SUMMARY    What was sold to a tenant, as limits and holds: what billing sets in a transaction of its own.
//! INVARIANTS A downgrade is never refused (T4): what exists stays. What the tenant above has not left is not given, and is told. Only holds
//!            of billing are placed and released here (H1), and none that takes exporting or paying (H2).

use crate::{
    Actor, Hold, Limits, NewHold, Permissions, Result, Service, Subject, db::Connection, tenant::write_tenant,
};
use base::TenantId;
use control::{Capability, Change, HoldKind};

/// What came of it.
#[derive(Debug, Clone)]
pub struct Sold {
    /// The limits that the tenant has now.
    pub limits: Limits,
    /// Whether that is less than was sold: the tenant above has no more left to give.
    pub short: bool,
    /// For the data plane; empty when nothing changed.
    pub changes: Vec<Change>,
}

impl Service {
    /// Who acts when billing does: in the name of the tenant that sells.
    pub fn billing_actor(&self, seller: TenantId) -> Actor {
        Actor::of(seller, Permissions::NONE, false, "billing".to_owned())
    }

    /// Sets a tenant's limits to what was sold. `NotFound` for a tenant that is not there.
    pub async fn sell(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId, wanted: &Limits) -> Result<Sold> {
        let now = self.tenant_in(txn, tenant).await?;
        let (limits, short) = match now.parent {
            Some(parent) => self.fitting(txn, parent, (tenant, &now.limits), wanted).await?,
            None => (wanted.clone(), false),
        };
        if limits == now.limits {
            return Ok(Sold { limits, short, changes: Vec::new() });
        }
        write_tenant(txn, tenant, &now.name, &limits).await?;
        self.audit(txn, actor, tenant, "tenantUpdate", &tenant.to_string(), &format!("{limits:?}")).await?;
        let mut changes = vec![self.entitlement(txn, tenant).await?];
        if let Some(parent) = now.parent {
            changes.extend(self.entitlement_of_grantor(txn, parent).await?);
        }
        Ok(Sold { limits, short, changes })
    }

    /// The hold that billing has on a tenant from now on: places it, changes it, or releases what there is. Gives what the data plane is to
    /// know; nothing when it was so before. It takes what `blocks` names and no more: whoever is to be kept from being purged is named
    /// with `PurgeAllowed`.
    pub async fn billing_hold(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        wanted: Option<&NewHold>,
    ) -> Result<Vec<Change>> {
        let subject = Subject::Tenant(tenant);
        let open = self.holds_on(txn, &[tenant]).await?.of(&tenant.to_string());
        let ours: Vec<Hold> =
            open.into_iter().filter(|h| h.kind == HoldKind::Billing && h.placed_by == actor.tenant).collect();
        if let (Some(wanted), [one]) = (wanted, ours.as_slice())
            && one.code == wanted.code
            && one.reason == wanted.reason
            && one.next_step == wanted.next_step
            && wanted
                .blocks
                .as_ref()
                .is_some_and(|blocks| blocks.len() == one.blocks.len() && blocks.iter().all(|b| one.blocks.contains(b)))
        {
            return Ok(Vec::new());
        }
        if wanted.is_none() && ours.is_empty() {
            return Ok(Vec::new());
        }
        for hold in &ours {
            self.end_hold(txn, &hold.id).await?;
        }
        let (action, detail) = match wanted {
            Some(wanted) => {
                let wanted = NewHold { kind: HoldKind::Billing, ..wanted.clone() };
                let mut hold = self.checked(actor, &subject, &wanted)?;
                if wanted.blocks.as_ref().is_some_and(|blocks| !blocks.contains(&Capability::PurgeAllowed)) {
                    hold.blocks.retain(|c| *c != Capability::PurgeAllowed);
                }
                self.put_hold(txn, actor, tenant, hold).await?;
                ("holdPlace", format!("{} {}", wanted.code, wanted.reason))
            }
            None => ("billingSettled", String::new()),
        };
        self.audit(txn, actor, tenant, action, &tenant.to_string(), &detail).await?;
        self.rights_changed(txn).await?;
        self.changes_of(txn, &subject).await
    }

    /// Tells whoever waits for events and jobs, and the data plane, of a transaction that was committed by itself.
    pub async fn committed(&self) {
        self.auth.forget();
        self.jobs.committed();
        self.events.committed();
        self.settle().await;
    }
}
