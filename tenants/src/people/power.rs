//! SUMMARY    Nobody grants what they lack.
//! SECURITY   Whatever gives rights (memberships, invitations, roles, tokens, service accounts) asks here, and so does whatever
//!            changes or takes rights of others: who has less than somebody does not touch that one's rights.
//! LIMITS     SELECTOR_ITEMS_MAX

use crate::{
    Actor, Code, Error, Permissions, Result, Selector, Service,
    actor::Object,
    db::{Connection, query},
    limits::SELECTOR_ITEMS_MAX,
    rows::{domain_of, json_list, text},
};
use base::TenantId;

/// What is wanted, if the powers cover it.
pub(crate) fn grantable(powers: Permissions, wanted: Permissions) -> Result<Permissions> {
    let beyond = wanted.beyond(powers);
    match beyond.is_empty() {
        true => Ok(wanted),
        false => Err(Error::new(Code::Forbidden, "", format!("Nobody grants what they lack: {beyond}"))),
    }
}

impl Service {
    /// What the actor may do on each of the objects of a selector. `NotFound` when one of them is none of the tenant's.
    pub(crate) async fn powers_over(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        on: &Selector,
    ) -> Result<Permissions> {
        let mut powers = Permissions::all();
        match on {
            Selector::All => powers = self.powers(txn, actor, tenant, Object::Whole).await?,
            Selector::Domains(names) => {
                sized(names.len())?;
                let known = query(
                    "SELECT name FROM claim WHERE tenant = $1 AND live = 1 AND name IN (SELECT value FROM json_each($2))",
                )
                .bind(tenant.to_string())
                .bind(json_list(&names.iter().collect::<Vec<_>>()))
                .fetch_all(&mut *txn)
                .await?;
                if known.len() != names.len() {
                    return Err(Error::not_found("on"));
                }
                for name in names {
                    powers = powers.and(self.powers(txn, actor, tenant, Object::Domain(name)).await?);
                }
            }
            Selector::Mailboxes(ids) => {
                sized(ids.len())?;
                for id in ids {
                    let row = query("SELECT address FROM mailbox WHERE id = $1 AND tenant = $2 AND live = 1")
                        .bind(id.to_string())
                        .bind(tenant.to_string())
                        .fetch_optional(&mut *txn)
                        .await?;
                    let address = text(&row.ok_or_else(|| Error::not_found("on"))?, "address")?;
                    let object = Object::Mailbox { id: *id, domain: domain_of(&address) };
                    powers = powers.and(self.powers(txn, actor, tenant, object).await?);
                }
            }
        }
        Ok(powers)
    }

    /// Refuses to give a role on objects to somebody, unless the actor has all of that.
    pub(crate) async fn may_give(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        role: &str,
        on: &Selector,
    ) -> Result<Permissions> {
        let permissions = self.role_permissions(txn, tenant, role).await?;
        grantable(self.powers_over(txn, actor, tenant, on).await?, permissions)
    }

    /// Refuses to touch the rights of somebody who has more. Objects that are gone count for nothing.
    pub(crate) async fn may_touch(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        role: &str,
    ) -> Result<()> {
        let permissions = self.role_permissions(txn, tenant, role).await?;
        let powers = self.powers(txn, actor, tenant, Object::Whole).await?;
        match permissions.beyond(powers).is_empty() {
            true => Ok(()),
            false => {
                Err(Error::new(Code::Forbidden, "", "Whoever has less does not change the rights of who has more"))
            }
        }
    }
}

fn sized(items: usize) -> Result<()> {
    if items == 0 || items > SELECTOR_ITEMS_MAX {
        let message = format!("A grant names 1 to {SELECTOR_ITEMS_MAX} objects (SELECTOR_ITEMS_MAX)");
        return Err(Error::new(Code::Invalid, "on", message));
    }
    Ok(())
}
