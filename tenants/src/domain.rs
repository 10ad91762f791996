//! SUMMARY    Domains of a tenant.
//! INVARIANTS A domain has at most one live owner. Whoever creates it vouches for it: it takes mail at once.

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    actor::Object,
    allocation::Limit,
    db::{Connection, Row, query},
    page::list,
    rows::{id, json_list, like, number, text},
    terms::{Request, Start, Work},
};
use base::{Address, TenantId};
use serde::{Deserialize, Serialize};

/// A domain as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Domain {
    pub name: String,
    pub tenant: TenantId,
    pub catch_all: Option<String>,
    pub plus_addressing: bool,
    pub version: i64,
}

/// Changes of a domain; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct DomainPatch {
    /// `Some(None)` takes the catch-all away.
    pub catch_all: Option<Option<String>>,
    pub plus_addressing: Option<bool>,
}

impl Service {
    /// Takes a domain for a tenant. `Taken`, `LimitReached`.
    pub async fn domain_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        name: &str,
    ) -> Result<Done<Domain>> {
        let name = parse_name(name, "name")?;
        let request = Request::new("domainCreate", format!("{tenant} {}", name.as_str()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::DomainWrite, tenant).await?;
        self.insert_domain(&mut work.txn, tenant, &name).await?;
        self.finish_domain(work, actor, "domainCreate", name.as_str(), tenant).await
    }

    /// The rows of a new domain, within the tenant's limit.
    pub(crate) async fn insert_domain(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &base::Domain,
    ) -> Result<()> {
        self.not_within_anothers(txn, tenant, name).await?;
        let full = "The tenant has all the domains it may have";
        self.room_for_one(txn, tenant, Limit::Domains, "tenantId", full).await?;
        let made = query(
            "INSERT INTO domain (name, tenant, live, plus_addressing, version, created_at) VALUES ($1, $2, 1, 1, 1, $3) \
             ON CONFLICT (name) DO UPDATE SET tenant = $2, live = 1, catch_all = NULL, plus_addressing = 1, \
             version = domain.version + 1 WHERE domain.live = 0",
        )
        .bind(name.as_str())
        .bind(tenant.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        match made {
            0 => Err(Error::new(Code::Taken, "name", "The domain is in use")),
            _ => Ok(()),
        }
    }

    /// A domain below or above another's is for those on one line of the tree only: a subdomain takes mail and sends in the
    /// name of its parent domain.
    async fn not_within_anothers(&self, txn: &mut Connection, tenant: TenantId, name: &base::Domain) -> Result<()> {
        let name = name.as_str();
        let parents: Vec<&str> = name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..)).collect();
        // Every name below ends with `.name`: a range over the names turned around would need a column, so subdomains are
        // looked for among the live ones.
        let rows = query(
            "SELECT DISTINCT tenant FROM domain WHERE live = 1 AND tenant <> $1 AND (name IN (SELECT value FROM json_each($2)) \
             OR name LIKE $3 ESCAPE '!')",
        )
        .bind(tenant.to_string())
        .bind(json_list(&parents))
        .bind(format!("%.{}", like(name)))
        .fetch_all(&mut *txn)
        .await?;
        for row in &rows {
            let owner = id(row, "tenant")?;
            if !self.on_one_line(txn, owner, tenant).await? {
                let message = "The domain belongs together with a domain of another customer";
                return Err(Error::new(Code::Taken, "name", message));
            }
        }
        Ok(())
    }

    pub async fn domain_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        patch: &DomainPatch,
    ) -> Result<Done<Domain>> {
        let request = Request::new("domainUpdate", format!("{name} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.domain_in(&mut work.txn, actor, Permission::DomainWrite, name).await?;
        work.expect(domain.version)?;
        let mut catch_all = domain.catch_all;
        if let Some(wanted) = &patch.catch_all {
            catch_all = self.catch_all_of(&mut work.txn, &domain.name, wanted.as_deref()).await?;
        }
        query("UPDATE domain SET catch_all = $2, plus_addressing = $3, version = version + 1 WHERE name = $1")
            .bind(&domain.name)
            .bind(catch_all)
            .bind(i64::from(patch.plus_addressing.unwrap_or(domain.plus_addressing)))
            .execute(&mut work.txn)
            .await?;
        self.finish_domain(work, actor, "domainUpdate", &domain.name, domain.tenant).await
    }

    /// A catch-all is an address of the domain that takes mail.
    async fn catch_all_of(&self, txn: &mut Connection, domain: &str, wanted: Option<&str>) -> Result<Option<String>> {
        let Some(wanted) = wanted else { return Ok(None) };
        let invalid = |why: &str| Error::new(Code::Invalid, "catchAll", why);
        let address = Address::parse(wanted).map_err(|e| invalid(&e.to_string()))?;
        if address.domain().as_str() != domain {
            return Err(invalid("The catch-all is an address of the domain"));
        }
        let row = query("SELECT 1 AS n FROM address WHERE domain = $1 AND local = $2 AND kind <> 'tombstone'")
            .bind(domain)
            .bind(address.canonical_local())
            .fetch_optional(txn)
            .await?;
        row.ok_or_else(|| invalid("The catch-all is a mailbox or an alias that exists"))?;
        Ok(Some(address.canonical()))
    }

    /// Refuses to take an address away while it is its domain's catch-all: mail would be lost unseen.
    pub(crate) async fn not_catch_all(
        &self,
        txn: &mut Connection,
        address: &Address,
        field: &'static str,
    ) -> Result<()> {
        let used = query("SELECT 1 AS n FROM domain WHERE name = $1 AND catch_all = $2 AND live = 1")
            .bind(address.domain().as_str())
            .bind(address.canonical())
            .fetch_optional(txn)
            .await?;
        match used {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::InUse, field, "Give the domain another catch-all address first, or none")),
        }
    }

    /// Releases a domain. `InUse` while it has live addresses.
    pub async fn domain_delete(&self, actor: &Actor, terms: &Terms, name: &str) -> Result<Done<Domain>> {
        let request = Request::new("domainDelete", name.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.domain_in(&mut work.txn, actor, Permission::DomainDelete, name).await?;
        work.expect(domain.version)?;
        let used = query("SELECT 1 AS n FROM address WHERE domain = $1 AND kind <> 'tombstone' LIMIT 1")
            .bind(&domain.name)
            .fetch_optional(&mut work.txn)
            .await?;
        if used.is_some() {
            return Err(Error::new(Code::InUse, "name", "The domain still has addresses"));
        }
        query("UPDATE domain SET live = 0, catch_all = NULL, version = version + 1 WHERE name = $1")
            .bind(&domain.name)
            .execute(&mut work.txn)
            .await?;
        self.finish_domain(work, actor, "domainDelete", &domain.name, domain.tenant).await
    }

    pub async fn domain(&self, actor: &Actor, name: &str) -> Result<Domain> {
        let mut connection = self.pool().acquire().await?;
        self.domain_in(&mut connection, actor, Permission::DomainRead, name).await
    }

    /// Live domains of a tenant, by name, a page of them; and how many there are.
    pub async fn domains(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Domain>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.permit(&mut connection, actor, Permission::DomainRead, tenant).await?;
        let list = list!("domain WHERE tenant = $1 AND live = 1", by "name", "$2", "$3");
        let from = page.from::<base::Domain>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// A live domain the actor reaches.
    pub(crate) async fn domain_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        name: &str,
    ) -> Result<Domain> {
        let missing = || Error::not_found("domain");
        let name = base::Domain::parse(name).map_err(|_| missing())?;
        let row = query("SELECT * FROM domain WHERE name = $1 AND live = 1")
            .bind(name.as_str())
            .fetch_optional(&mut *txn)
            .await?;
        let domain = from_row(&row.ok_or_else(missing)?)?;
        let object = Object::Domain(&domain.name);
        self.permit_on(txn, actor, permission, domain.tenant, object).await.map_err(|e| e.missing("domain"))?;
        Ok(domain)
    }

    async fn finish_domain(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        name: &str,
        tenant: TenantId,
    ) -> Result<Done<Domain>> {
        self.audit(&mut work.txn, actor, tenant, action, name, "").await?;
        let snapshot = self.domain_snapshot(&mut work.txn, name).await?;
        let row = query("SELECT * FROM domain WHERE name = $1").bind(name).fetch_one(&mut work.txn).await?;
        let domain = from_row(&row)?;
        self.finish(work, domain, &[snapshot]).await
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Domain> {
    Ok(Domain {
        name: text(row, "name")?,
        tenant: id(row, "tenant")?,
        catch_all: row.text("catch_all")?,
        plus_addressing: number(row, "plus_addressing")? != 0,
        version: number(row, "version")?,
    })
}

/// A name that can be a domain of ours.
pub(crate) fn parse_name(name: &str, field: &'static str) -> Result<base::Domain> {
    let domain = base::Domain::parse(name).map_err(|e| Error::new(Code::Invalid, field, e.to_string()))?;
    if domain.is_literal() || !domain.as_str().contains('.') {
        return Err(Error::new(Code::Invalid, field, "A domain looks like example.org"));
    }
    Ok(domain)
}
