//! SUMMARY    Identity providers of a tenant: where its people may sign in.
//! SECURITY   The client secret is sealed and never shown. People become members only by verified addresses on domains that are
//!            the tenant's at that moment, with a role that whoever set the provider up may give.
//! LIMITS     IDENTITY_PROVIDERS_MAX, SELECTOR_ITEMS_MAX

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Selector, Service, StandardRole, Terms,
    db::{Connection, Row, query},
    limits::{IDENTITY_PROVIDERS_MAX, SELECTOR_ITEMS_MAX},
    page::list,
    rows::{fresh_id, id, json_list, number, short, text},
    terms::{Request, Start, Work},
};
use base::TenantId;
use url::Url;

/// Bytes of a client's secret.
const CLIENT_SECRET_BYTES_MAX: usize = 1024;

/// A provider as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// `idp_…`
    pub id: String,
    pub tenant: TenantId,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Whose people become members by signing in.
    pub domains: Vec<String>,
    /// The role that they get.
    pub role: String,
    pub version: i64,
}

/// A provider to be set up, or what one is to be.
#[derive(Clone)]
pub struct NewIdentityProvider {
    pub tenant: TenantId,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    pub domains: Vec<String>,
    pub role: String,
}

/// Without the secret.
impl std::fmt::Debug for NewIdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NewIdentityProvider { tenant, name, issuer, client_id, client_secret: _, domains, role } = self;
        write!(f, "{tenant} {name:?} {issuer:?} {client_id:?} {domains:?} {role:?}")
    }
}

impl Service {
    pub async fn identity_provider_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewIdentityProvider,
    ) -> Result<Done<IdentityProvider>> {
        self.well_formed(new)?;
        if new.client_secret.is_empty() {
            return Err(Error::new(Code::Invalid, "clientSecret", "The provider gives out a client id and a secret"));
        }
        let secrets = [new.client_secret.as_str()];
        let request = Request::with_passwords("identityProviderCreate", format!("{new:?}"), &secrets);
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.provider_again(done).await,
        };
        self.permit(&mut work.txn, actor, Permission::IdentityWrite, new.tenant).await?;
        self.may_set_up(&mut work.txn, actor, new).await?;
        let count = query("SELECT COUNT(*) AS n FROM identity_provider WHERE tenant = $1")
            .bind(new.tenant.to_string())
            .fetch_one(&mut work.txn)
            .await?;
        if number(&count, "n")? >= IDENTITY_PROVIDERS_MAX {
            let message = format!("A tenant has at most {IDENTITY_PROVIDERS_MAX} of them (IDENTITY_PROVIDERS_MAX)");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        let id = fresh_id("idp_")?;
        query(
            "INSERT INTO identity_provider (id, tenant, name, issuer, client_id, sealed_secret, domains, role, version, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)",
        )
        .bind(&id)
        .bind(new.tenant.to_string())
        .bind(new.name.trim())
        .bind(&new.issuer)
        .bind(&new.client_id)
        .bind(self.keys.seal(&id, new.client_secret.as_bytes())?)
        .bind(json_list(&new.domains))
        .bind(&new.role)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, new.tenant, "identityProviderCreate", &id, &new.issuer).await?;
        self.finish_provider(work, &id).await
    }

    /// Takes a provider away, with the links of people to it and the sessions that it opened.
    pub async fn identity_provider_delete(&self, actor: &Actor, terms: &Terms, provider: &str) -> Result<Done<String>> {
        let request = Request::new("identityProviderDelete", provider.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.provider_row(&mut work.txn, provider).await?;
        let permitted = self.permit(&mut work.txn, actor, Permission::IdentityWrite, now.tenant).await;
        permitted.map_err(|e| e.missing("id"))?;
        work.expect(now.version)?;
        for sql in ["DELETE FROM identity WHERE provider = $1", "DELETE FROM identity_provider WHERE id = $1"] {
            query(sql).bind(provider).execute(&mut work.txn).await?;
        }
        query("UPDATE session SET revoked_at = $2 WHERE only_in = $1 AND revoked_at IS NULL")
            .bind(now.tenant.to_string())
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, now.tenant, "identityProviderDelete", provider, &now.issuer).await?;
        work.rights = true;
        self.finish(work, provider.to_owned(), &[]).await
    }

    /// Providers of a tenant, by id, a page of them; and how many there are.
    pub async fn identity_providers(
        &self,
        actor: &Actor,
        tenant: TenantId,
        page: &Page,
    ) -> Result<(Vec<IdentityProvider>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::MemberRead, tenant).await?;
        let list = list!("identity_provider WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    pub(super) fn well_formed(&self, new: &NewIdentityProvider) -> Result<()> {
        let invalid = |field, why: &str| Err(Error::new(Code::Invalid, field, why));
        short(&new.name, "name")?;
        short(&new.client_id, "clientId")?;
        let url = Url::parse(&new.issuer);
        if !url.is_ok_and(|url| self.fetch.may_ask(&url) && url.query().is_none()) {
            return invalid("issuer", "An issuer is a URL of a public host over https, as https://login.example.org");
        }
        if new.client_id.is_empty() || new.client_secret.len() > CLIENT_SECRET_BYTES_MAX {
            return invalid("clientId", "The provider gives out a client id, and a secret of at most 1024 bytes");
        }
        if new.domains.len() > SELECTOR_ITEMS_MAX {
            return invalid("domains", "Too many domains (SELECTOR_ITEMS_MAX)");
        }
        if new.role == StandardRole::Owner.name() {
            return invalid("role", "Nobody becomes an owner by signing in");
        }
        Ok(())
    }

    /// Refuses domains that are not the tenant's, and a role that has more than the actor.
    pub(super) async fn may_set_up(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewIdentityProvider,
    ) -> Result<()> {
        self.may_give(txn, actor, new.tenant, &new.role, &Selector::All).await?;
        for domain in &new.domains {
            if !self.owns_domain(txn, new.tenant, domain).await? {
                return Err(Error::new(Code::NotFound, "domains", format!("{domain} is no domain of the tenant")));
            }
        }
        Ok(())
    }

    /// Whether a domain is the tenant's, and nobody else has proven the same.
    pub(super) async fn owns_domain(&self, txn: &mut Connection, tenant: TenantId, domain: &str) -> Result<bool> {
        let row = query(
            "SELECT 1 AS n FROM claim WHERE name = $1 AND tenant = $2 AND live = 1 AND proven = 1 AND contested_at IS NULL",
        )
            .bind(domain)
            .bind(tenant.to_string())
            .fetch_optional(txn)
            .await?;
        Ok(row.is_some())
    }

    pub(super) async fn finish_provider(&self, work: Work, provider: &str) -> Result<Done<IdentityProvider>> {
        let mut work = work;
        let provider = self.provider_row(&mut work.txn, provider).await?;
        Ok(self.finish(work, provider.id.clone(), &[]).await?.map(|_| provider))
    }

    pub(super) async fn provider_again(&self, done: Done<String>) -> Result<Done<IdentityProvider>> {
        let mut connection = self.pool().acquire().await?;
        let provider = self.provider_row(&mut connection, &done.object).await?;
        Ok(done.map(|_| provider))
    }

    pub(crate) async fn provider_row(&self, txn: &mut Connection, provider: &str) -> Result<IdentityProvider> {
        let row = query("SELECT * FROM identity_provider WHERE id = $1").bind(provider).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("id"))?)
    }
}

fn from_row(row: &Row) -> Result<IdentityProvider> {
    Ok(IdentityProvider {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        name: text(row, "name")?,
        issuer: text(row, "issuer")?,
        client_id: text(row, "client_id")?,
        domains: serde_json::from_str(&text(row, "domains")?)
            .map_err(|e| Error::new(Code::Internal, "", e.to_string()))?,
        role: text(row, "role")?,
        version: number(row, "version")?,
    })
}
