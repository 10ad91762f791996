//! SUMMARY    Many objects at once: one statement and one call of the data plane however many are asked for.
//! SECURITY   What the actor does not reach is left out, as if it did not exist.
//! LIMITS     LOOKUP_IDS_MAX

use crate::{
    Actor, Code, Domain, Error, Mailbox, Result, Service, Tenant,
    db::{Connection, query},
    domain,
    hold::depth_max,
    limits::LOOKUP_IDS_MAX,
    rows::json_list,
};
use base::{AccountId, TenantId};
use control::Usage;
use std::collections::{HashMap, HashSet};

impl Service {
    /// Tenants by their ids.
    pub async fn tenants_by_id(&self, actor: &Actor, ids: &[TenantId]) -> Result<HashMap<TenantId, Tenant>> {
        bounded(ids.len())?;
        let mut connection = self.pool().acquire().await?;
        let reached = self.reached(&mut connection, actor, ids).await?;
        let rows = query("SELECT * FROM tenant WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(&reached.into_iter().collect::<Vec<_>>()))
            .fetch_all(&mut connection)
            .await?;
        let tenants = self.tenants_of(&mut connection, &rows).await?;
        Ok(tenants.into_iter().map(|t| (t.id, t)).collect())
    }

    /// Live mailboxes by their ids.
    pub async fn mailboxes_by_id(&self, actor: &Actor, ids: &[AccountId]) -> Result<HashMap<AccountId, Mailbox>> {
        bounded(ids.len())?;
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT * FROM mailbox WHERE id IN (SELECT value FROM json_each($1)) AND live = 1")
            .bind(json_list(ids))
            .fetch_all(&mut connection)
            .await?;
        let mailboxes = self.mailboxes_of(&mut connection, &rows).await?;
        let owners: Vec<TenantId> = mailboxes.iter().map(|m| m.tenant).collect();
        let reached = self.reached(&mut connection, actor, &owners).await?;
        Ok(mailboxes.into_iter().filter(|m| reached.contains(&m.tenant)).map(|m| (m.id, m)).collect())
    }

    /// Live domains by their names, as they were given.
    pub async fn domains_by_name(&self, actor: &Actor, names: &[String]) -> Result<HashMap<String, Domain>> {
        bounded(names.len())?;
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT * FROM domain WHERE name IN (SELECT value FROM json_each($1)) AND live = 1")
            .bind(json_list(names))
            .fetch_all(&mut connection)
            .await?;
        let domains: Vec<Domain> = rows.iter().map(domain::from_row).collect::<Result<_>>()?;
        let owners: Vec<TenantId> = domains.iter().map(|d| d.tenant).collect();
        let reached = self.reached(&mut connection, actor, &owners).await?;
        Ok(domains.into_iter().filter(|d| reached.contains(&d.tenant)).map(|d| (d.name.clone(), d)).collect())
    }

    /// What tenants use now, as the data plane counts it.
    pub async fn usages(&self, actor: &Actor, tenants: &[TenantId]) -> Result<HashMap<TenantId, Usage>> {
        bounded(tenants.len())?;
        let mut connection = self.pool().acquire().await?;
        let reached: Vec<TenantId> = self.reached(&mut connection, actor, tenants).await?.into_iter().collect();
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
        let mut connection = self.pool().acquire().await?;
        let reached = self.reached(&mut connection, actor, &owners).await?;
        drop(connection);
        let asked: Vec<(TenantId, AccountId)> = accounts.iter().filter(|a| reached.contains(&a.0)).copied().collect();
        let usages = self.relay.control.account_usages(asked.clone()).await.map_err(unknown)?;
        Ok(asked.into_iter().zip(usages).collect())
    }

    /// Those of the tenants that are the actor's or below it.
    async fn reached(&self, txn: &mut Connection, actor: &Actor, of: &[TenantId]) -> Result<HashSet<TenantId>> {
        let asked: HashSet<TenantId> = of.iter().copied().collect();
        if actor.operator || asked.is_empty() {
            return Ok(asked);
        }
        let rows = query(
            "WITH RECURSIVE up (start, id, depth) AS (SELECT value, value, 0 FROM json_each($1) \
             UNION ALL SELECT up.start, t.parent, up.depth + 1 FROM tenant t JOIN up ON t.id = up.id \
             WHERE t.parent IS NOT NULL AND up.depth < $2) SELECT DISTINCT start FROM up WHERE id = $3",
        )
        .bind(json_list(&asked.into_iter().collect::<Vec<_>>()))
        .bind(depth_max())
        .bind(actor.tenant.to_string())
        .fetch_all(txn)
        .await?;
        rows.iter().map(|row| crate::rows::id(row, "start")).collect()
    }
}

fn bounded(ids: usize) -> Result<()> {
    if ids > LOOKUP_IDS_MAX {
        return Err(Error::new(Code::Invalid, "ids", "Too many at once (LOOKUP_IDS_MAX)"));
    }
    Ok(())
}

fn unknown(e: control::ControlError) -> Error {
    Error::new(Code::Internal, "", e.to_string())
}
