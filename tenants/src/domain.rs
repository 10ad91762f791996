//! SUMMARY    Domains of a tenant.
//! INVARIANTS A domain has at most one live owner. Whoever creates it vouches for it: it takes mail at once.

use crate::{
    Actor, Applied, Code, Error, Result, Service,
    rows::{id, number, text},
};
use base::{Address, TenantId};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// A domain as shown.
#[derive(Debug, Clone)]
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
    pub async fn domain_create(&self, actor: &Actor, tenant: TenantId, name: &str) -> Result<(Domain, Applied)> {
        let name = parse_name(name, "name")?;
        let mut txn = self.begin_as(actor).await?;
        self.reach(&mut txn, actor, tenant).await?;
        self.insert_domain(&mut txn, tenant, &name).await?;
        self.finish_domain(txn, actor, "domainCreate", name.as_str(), tenant).await
    }

    /// The rows of a new domain, within the tenant's limit.
    pub(crate) async fn insert_domain(
        &self,
        txn: &mut SqliteConnection,
        tenant: TenantId,
        name: &base::Domain,
    ) -> Result<()> {
        let limit = self.tenant_in(txn, tenant).await?.limits.max_domains;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM domain WHERE tenant = $1 AND live = 1")
            .bind(tenant.to_string())
            .fetch_one(&mut *txn)
            .await?;
        let used = u64::try_from(number(&count, "n")?).unwrap_or(0);
        if limit.is_some_and(|max| used >= max) {
            return Err(Error::new(Code::LimitReached, "tenantId", "The tenant has all the domains it may have"));
        }
        let made = sqlx::query(
            "INSERT INTO domain (name, tenant, live, plus_addressing, version, created_at) VALUES ($1, $2, 1, 1, 1, $3) \
             ON CONFLICT (name) DO UPDATE SET tenant = $2, live = 1, catch_all = NULL, plus_addressing = 1, \
             version = domain.version + 1 WHERE domain.live = 0",
        )
        .bind(name.as_str())
        .bind(tenant.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        match made.rows_affected() {
            0 => Err(Error::new(Code::Taken, "name", "The domain is in use")),
            _ => Ok(()),
        }
    }

    pub async fn domain_update(&self, actor: &Actor, name: &str, patch: &DomainPatch) -> Result<(Domain, Applied)> {
        let mut txn = self.begin_as(actor).await?;
        let domain = self.domain_in(&mut txn, actor, name).await?;
        let mut catch_all = domain.catch_all;
        if let Some(wanted) = &patch.catch_all {
            let parse = |t: &String| Address::parse(t).map(|a| a.canonical());
            let parsed = wanted.as_ref().map(parse).transpose();
            catch_all = parsed.map_err(|e| Error::new(Code::Invalid, "catchAll", e.to_string()))?;
            if catch_all.as_ref().is_some_and(|a| !a.ends_with(&format!("@{}", domain.name))) {
                return Err(Error::new(Code::Invalid, "catchAll", "The catch-all is an address of the domain"));
            }
        }
        sqlx::query("UPDATE domain SET catch_all = $2, plus_addressing = $3, version = version + 1 WHERE name = $1")
            .bind(&domain.name)
            .bind(catch_all)
            .bind(i64::from(patch.plus_addressing.unwrap_or(domain.plus_addressing)))
            .execute(&mut *txn)
            .await?;
        self.finish_domain(txn, actor, "domainUpdate", &domain.name, domain.tenant).await
    }

    /// Releases a domain. `InUse` while it has live addresses.
    pub async fn domain_delete(&self, actor: &Actor, name: &str) -> Result<(Domain, Applied)> {
        let mut txn = self.begin_as(actor).await?;
        let domain = self.domain_in(&mut txn, actor, name).await?;
        let used = sqlx::query("SELECT 1 AS n FROM address WHERE domain = $1 AND kind <> 'tombstone' LIMIT 1")
            .bind(&domain.name)
            .fetch_optional(&mut *txn)
            .await?;
        if used.is_some() {
            return Err(Error::new(Code::InUse, "name", "The domain still has addresses"));
        }
        sqlx::query("UPDATE domain SET live = 0, version = version + 1 WHERE name = $1")
            .bind(&domain.name)
            .execute(&mut *txn)
            .await?;
        self.finish_domain(txn, actor, "domainDelete", &domain.name, domain.tenant).await
    }

    pub async fn domain(&self, actor: &Actor, name: &str) -> Result<Domain> {
        let mut connection = self.pool().acquire().await?;
        self.domain_in(&mut connection, actor, name).await
    }

    /// Live domains of a tenant, by name, after `after`; and how many there are.
    pub async fn domains(
        &self,
        actor: &Actor,
        tenant: TenantId,
        after: &str,
        first: u32,
    ) -> Result<(Vec<Domain>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        let rows =
            sqlx::query("SELECT * FROM domain WHERE tenant = $1 AND live = 1 AND name > $2 ORDER BY name LIMIT $3")
                .bind(tenant.to_string())
                .bind(after)
                .bind(i64::from(first))
                .fetch_all(&mut *connection)
                .await?;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM domain WHERE tenant = $1 AND live = 1")
            .bind(tenant.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, number(&count, "n")?))
    }

    /// A live domain the actor reaches.
    pub(crate) async fn domain_in(&self, txn: &mut SqliteConnection, actor: &Actor, name: &str) -> Result<Domain> {
        let missing = || Error::not_found("domain");
        let name = base::Domain::parse(name).map_err(|_| missing())?;
        let row = sqlx::query("SELECT * FROM domain WHERE name = $1 AND live = 1")
            .bind(name.as_str())
            .fetch_optional(&mut *txn)
            .await?;
        let domain = from_row(&row.ok_or_else(missing)?)?;
        self.reach(txn, actor, domain.tenant).await.map_err(|_| missing())?;
        Ok(domain)
    }

    async fn finish_domain(
        &self,
        mut txn: sqlx::Transaction<'static, sqlx::Sqlite>,
        actor: &Actor,
        action: &str,
        name: &str,
        tenant: TenantId,
    ) -> Result<(Domain, Applied)> {
        self.audit(&mut txn, actor, tenant, action, name, "").await?;
        let snapshot = self.domain_snapshot(&mut txn, name).await?;
        self.tell(&mut txn, &[snapshot]).await?;
        let row = sqlx::query("SELECT * FROM domain WHERE name = $1").bind(name).fetch_one(&mut *txn).await?;
        let domain = from_row(&row)?;
        txn.commit().await?;
        Ok((domain, self.settle().await))
    }
}

fn from_row(row: &SqliteRow) -> Result<Domain> {
    Ok(Domain {
        name: text(row, "name")?,
        tenant: id(row, "tenant")?,
        catch_all: row.try_get("catch_all")?,
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
