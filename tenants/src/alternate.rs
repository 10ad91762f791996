//! SUMMARY    Other names of a domain; domains whose addresses are open to the tenants below.
//! INVARIANTS A domain and its other names are of one tenant; no name has names of its own. A local part is used once in all of
//!            them. A shared domain's addresses are never given again (M3).

use crate::{
    Actor, Code, Domain, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, query},
    rows::text,
    terms::{Request, Start},
};
use base::TenantId;
use control::Change;

impl Service {
    /// Makes a domain another name of one of the same tenant: mail for `local` at either reaches the same. `NotFound`,
    /// `Taken` (a local part that both use), `InUse` (one of them has, or is, another name already).
    pub async fn domain_alias_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        of: &str,
    ) -> Result<Done<Domain>> {
        let request = Request::new("domainAliasCreate", format!("{name} {of}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let alias = self.domain_in(&mut work.txn, actor, Permission::DomainWrite, name).await?;
        let target = self.domain_in(&mut work.txn, actor, Permission::DomainWrite, of).await;
        let target = target.map_err(|e| e.missing("aliasOf"))?;
        if alias.tenant != target.tenant {
            return Err(Error::not_found("aliasOf"));
        }
        work.expect(alias.version)?;
        self.can_be_alias(&mut work.txn, &alias, &target).await?;
        self.may_catch(&mut work.txn, actor, alias.tenant, &alias.name).await?;
        self.finish_alias(work, actor, "domainAliasCreate", &alias, Some(&target.name)).await
    }

    /// Makes a domain one of its own again. `NotFound` when it is no other name.
    pub async fn domain_alias_remove(&self, actor: &Actor, terms: &Terms, name: &str) -> Result<Done<Domain>> {
        let request = Request::new("domainAliasRemove", name.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let alias = self.domain_in(&mut work.txn, actor, Permission::DomainWrite, name).await?;
        work.expect(alias.version)?;
        if alias.alias_of.is_none() {
            return Err(Error::not_found("name"));
        }
        self.may_catch(&mut work.txn, actor, alias.tenant, &alias.name).await?;
        self.finish_alias(work, actor, "domainAliasRemove", &alias, None).await
    }

    async fn can_be_alias(&self, txn: &mut Connection, alias: &Domain, target: &Domain) -> Result<()> {
        let in_use = |field, why: &str| Err(Error::new(Code::InUse, field, why));
        if alias.name == target.name {
            return Err(Error::new(Code::Invalid, "aliasOf", "A domain is no other name of itself"));
        }
        if alias.alias_of.is_some() || alias.catch_all.is_some() || alias.shared {
            return in_use("name", "It is another name already, has a catch-all of its own, or is shared");
        }
        if target.alias_of.is_some() {
            return in_use("aliasOf", "This is itself another name: take the domain it belongs to");
        }
        self.has_no_other_names(txn, &alias.name).await?;
        let both = query(
            "SELECT a.local FROM address a JOIN address b ON b.local = a.local AND b.kind <> 'tombstone' \
             WHERE a.domain = $1 AND a.kind <> 'tombstone' AND (b.domain = $2 \
             OR b.domain IN (SELECT name FROM domain WHERE alias_of = $2)) ORDER BY a.local LIMIT 1",
        )
        .bind(&alias.name)
        .bind(&target.name)
        .fetch_optional(&mut *txn)
        .await?;
        match both {
            None => Ok(()),
            Some(row) => {
                let message = format!("Both have an address {}@", text(&row, "local")?);
                Err(Error::new(Code::Taken, "name", message))
            }
        }
    }

    /// `InUse` while a domain has other names.
    pub(crate) async fn has_no_other_names(&self, txn: &mut Connection, name: &str) -> Result<()> {
        let named = query("SELECT name FROM domain WHERE alias_of = $1 LIMIT 1").bind(name);
        match named.fetch_optional(txn).await? {
            None => Ok(()),
            Some(row) => {
                let message = format!("{} is another name of it: end that first", text(&row, "name")?);
                Err(Error::new(Code::InUse, "name", message))
            }
        }
    }

    /// Names that other tenants had for a domain before it changed hands are names of it no more.
    pub(crate) async fn end_names_of_others(
        &self,
        txn: &mut Connection,
        holder: TenantId,
        name: &str,
    ) -> Result<Vec<Change>> {
        let rows = query(
            "UPDATE domain SET alias_of = NULL, version = version + 1 WHERE alias_of = $1 AND tenant <> $2 RETURNING name",
        )
        .bind(name)
        .bind(holder.to_string())
        .fetch_all(&mut *txn)
        .await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            changes.push(self.domain_snapshot(txn, &text(row, "name")?).await?);
        }
        Ok(changes)
    }

    async fn finish_alias(
        &self,
        mut work: crate::terms::Work,
        actor: &Actor,
        action: &str,
        alias: &Domain,
        of: Option<&str>,
    ) -> Result<Done<Domain>> {
        query("UPDATE domain SET alias_of = $2, version = version + 1 WHERE name = $1")
            .bind(&alias.name)
            .bind(of)
            .execute(&mut work.txn)
            .await?;
        self.changed_domain(work, actor, action, alias, of.unwrap_or("")).await
    }

    /// Opens the addresses of a domain to the tenants below its own, or closes it again. `InUse` while they have some.
    pub async fn domain_share(&self, actor: &Actor, terms: &Terms, name: &str, shared: bool) -> Result<Done<Domain>> {
        let request = Request::new("domainShare", format!("{name} {shared}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.domain_in(&mut work.txn, actor, Permission::DomainWrite, name).await?;
        work.expect(domain.version)?;
        if shared && domain.alias_of.is_some() {
            return Err(Error::new(Code::InUse, "name", "It is another name of a domain"));
        }
        if !shared && self.has_others(&mut work.txn, &domain.name, domain.tenant).await? {
            return Err(Error::new(Code::InUse, "name", "Other tenants have, or had, addresses on it"));
        }
        query("UPDATE domain SET shared = $2, version = version + 1 WHERE name = $1")
            .bind(&domain.name)
            .bind(i64::from(shared))
            .execute(&mut work.txn)
            .await?;
        self.changed_domain(work, actor, "domainShare", &domain, if shared { "shared" } else { "own" }).await
    }

    /// Whether others than the owner have or had addresses on a domain.
    async fn has_others(&self, txn: &mut Connection, name: &str, owner: TenantId) -> Result<bool> {
        let row = query("SELECT 1 AS n FROM address WHERE domain = $1 AND tenant <> $2 LIMIT 1")
            .bind(name)
            .bind(owner.to_string())
            .fetch_optional(txn)
            .await?;
        Ok(row.is_some())
    }

    async fn changed_domain(
        &self,
        mut work: crate::terms::Work,
        actor: &Actor,
        action: &str,
        before: &Domain,
        detail: &str,
    ) -> Result<Done<Domain>> {
        self.audit(&mut work.txn, actor, before.tenant, action, &before.name, detail).await?;
        let snapshot = self.domain_snapshot(&mut work.txn, &before.name).await?;
        let changed = self.claim_of(&mut work.txn, &before.name, before.tenant).await?;
        self.finish(work, changed, &[snapshot]).await
    }
}
