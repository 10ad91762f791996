//! SUMMARY    Many objects at once: one statement and one call of the data plane however many are asked for.
//! SECURITY   What the actor does not reach is left out, as if it did not exist.
//! LIMITS     LOOKUP_IDS_MAX

use crate::{
    Actor, Code, Domain, Error, Mailbox, Permission, Result, Service, Tenant,
    actor::Object,
    db::{Connection, query},
    limits::LOOKUP_IDS_MAX,
    mailbox::shown,
    rows::{domain_of, json_list},
};
use base::{AccountId, TenantId};
use control::Usage;
use std::collections::{HashMap, HashSet};

impl Service {
    /// Tenants by their ids.
    pub async fn tenants_by_id(&self, actor: &Actor, ids: &[TenantId]) -> Result<HashMap<TenantId, Tenant>> {
        bounded(ids.len())?;
        let mut connection = self.reader(actor).await?;
        let reached = self.permitted(&mut connection, actor, Permission::TenantRead, ids).await?;
        let rows = query("SELECT * FROM tenant WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(&reached.into_iter().collect::<Vec<_>>()))
            .fetch_all(&mut connection)
            .await?;
        let tenants = self.tenants_of(&mut connection, &rows).await?;
        Ok(tenants.into_iter().map(|t| (t.id, t)).collect())
    }

    /// Mailboxes by their ids, also those that can still be restored.
    pub async fn mailboxes_by_id(&self, actor: &Actor, ids: &[AccountId]) -> Result<HashMap<AccountId, Mailbox>> {
        bounded(ids.len())?;
        let mut connection = self.reader(actor).await?;
        let rows = query(concat!(
            shown!(),
            " FROM mailbox m WHERE m.id IN (SELECT value FROM json_each($1)) AND (m.live = 1 OR m.purge_at IS NOT NULL)"
        ))
        .bind(json_list(ids))
        .fetch_all(&mut connection)
        .await?;
        let mailboxes = self.mailboxes_of(&mut connection, &rows).await?;
        self.read_lines(&mut connection, &mailboxes.iter().map(|m| m.tenant).collect::<Vec<_>>()).await?;
        let mut reached = HashMap::new();
        for mailbox in mailboxes {
            let object = Object::Mailbox { id: mailbox.id, domain: domain_of(&mailbox.address) };
            if self.allows(&mut connection, actor, Permission::MailboxRead, mailbox.tenant, object).await? {
                reached.insert(mailbox.id, mailbox);
            }
        }
        Ok(reached)
    }

    /// Domains that are claimed, by their names as they were given.
    pub async fn domains_by_name(&self, actor: &Actor, names: &[String]) -> Result<HashMap<String, Domain>> {
        bounded(names.len())?;
        let mut connection = self.reader(actor).await?;
        let rows = query(
            "SELECT * FROM claim WHERE name IN (SELECT value FROM json_each($1)) AND live = 1 ORDER BY proven, created_at",
        )
        .bind(json_list(names))
        .fetch_all(&mut connection)
        .await?;
        let domains = self.domains_of(&mut connection, &rows).await?;
        self.read_lines(&mut connection, &domains.iter().map(|d| d.tenant).collect::<Vec<_>>()).await?;
        let mut reached: HashMap<String, Domain> = HashMap::new();
        for domain in domains {
            let object = Object::Domain(&domain.name);
            // The caller's own claim first, then the proven one, which comes last.
            let own = reached.get(&domain.name).is_some_and(|known| known.tenant == actor.tenant());
            if !own && self.allows(&mut connection, actor, Permission::DomainRead, domain.tenant, object).await? {
                reached.insert(domain.name.clone(), domain);
            }
        }
        Ok(reached)
    }

    /// What tenants use now, as the data plane counts it.
    pub async fn usages(&self, actor: &Actor, tenants: &[TenantId]) -> Result<HashMap<TenantId, Usage>> {
        bounded(tenants.len())?;
        let mut connection = self.reader(actor).await?;
        let reached: Vec<TenantId> =
            self.permitted(&mut connection, actor, Permission::TenantRead, tenants).await?.into_iter().collect();
        drop(connection);
        let usages = self.relay.control.usages(reached.clone()).await.map_err(unknown)?;
        Ok(reached.into_iter().zip(usages).collect())
    }

    /// What accounts use now, as the data plane counts it.
    pub async fn account_usages(
        &self,
        actor: &Actor,
        accounts: &[(TenantId, AccountId)],
    ) -> Result<HashMap<(TenantId, AccountId), Usage>> {
        bounded(accounts.len())?;
        let owners: Vec<TenantId> = accounts.iter().map(|(tenant, _)| *tenant).collect();
        let mut connection = self.reader(actor).await?;
        let reached = self.permitted(&mut connection, actor, Permission::TenantRead, &owners).await?;
        drop(connection);
        let asked: Vec<(TenantId, AccountId)> = accounts.iter().filter(|a| reached.contains(&a.0)).copied().collect();
        let usages = self.relay.control.account_usages(asked.clone()).await.map_err(unknown)?;
        Ok(asked.into_iter().zip(usages).collect())
    }

    /// Those of the tenants in which the actor may do this.
    pub(crate) async fn permitted(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        of: &[TenantId],
    ) -> Result<HashSet<TenantId>> {
        let mut reached = HashSet::new();
        self.read_lines(txn, of).await?;
        for tenant in of {
            if !reached.contains(tenant) && self.allows(txn, actor, permission, *tenant, Object::Whole).await? {
                reached.insert(*tenant);
            }
        }
        Ok(reached)
    }
}

fn bounded(ids: usize) -> Result<()> {
    if ids > LOOKUP_IDS_MAX {
        return Err(Error::new(Code::Invalid, "ids", "Too many at once (LOOKUP_IDS_MAX)"));
    }
    Ok(())
}

pub(crate) fn unknown(e: control::ControlError) -> Error {
    Error::new(Code::Internal, "", e.to_string())
}
