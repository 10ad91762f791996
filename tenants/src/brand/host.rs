//! SUMMARY    Hosts at which a brand is shown to whoever is not signed in.
//! SECURITY   A host is, or is below, a domain that the tenant itself has proven; when the proof goes, so does the brand there. Not one of a
//!            tenant above: whoever may have a brand does not sit down at `www` of its provider. The server's own names are nobody's brand.
//! LIMITS     BRAND_HOSTS_MAX
//! INVARIANTS A host is one tenant's. A row whose tenant has lost the domain gives way to who proves it.

use crate::{
    Code, Error, Result, Service,
    claim::name as domain_name,
    db::{Connection, query},
    domain::parse_name,
    limits::BRAND_HOSTS_MAX,
    rows::{id, json_list, text},
};
use base::{Domain, TenantId};
use serde::{Deserialize, Serialize};

/// A host of a brand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrandHost {
    pub host: String,
    /// Whether the tenant has its domain proven still; not shown otherwise.
    pub proven: bool,
}

/// The host itself and those above it: one of them is to be proven.
fn on(host: &str) -> String {
    let mut names = vec![host];
    names.extend(domain_name::above(host));
    json_list(&names)
}

impl Service {
    /// Whether a tenant has proven a domain that a host is, or is below.
    async fn stands_on_own(&self, txn: &mut Connection, tenant: TenantId, host: &str) -> Result<bool> {
        let row = query(
            "SELECT 1 AS n FROM claim WHERE tenant = $1 AND proven = 1 AND name IN (SELECT value FROM json_each($2))",
        );
        Ok(row.bind(tenant.to_string()).bind(on(host)).fetch_optional(txn).await?.is_some())
    }

    /// Hosts of a tenant's brand, the first one first.
    pub(super) async fn hosts_of(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<BrandHost>> {
        let rows = query("SELECT host FROM brand_host WHERE tenant = $1 ORDER BY place")
            .bind(tenant.to_string())
            .fetch_all(&mut *txn)
            .await?;
        let mut hosts = Vec::with_capacity(rows.len());
        for row in &rows {
            let host = text(row, "host")?;
            hosts.push(BrandHost { proven: self.stands_on_own(txn, tenant, &host).await?, host });
        }
        Ok(hosts)
    }

    /// Whose brand is shown at a host.
    pub(super) async fn tenant_at(&self, txn: &mut Connection, host: &str) -> Result<Option<TenantId>> {
        let Ok(host) = Domain::parse(host) else { return Ok(None) };
        let row = query("SELECT tenant FROM brand_host WHERE host = $1").bind(host.as_str());
        let Some(row) = row.fetch_optional(&mut *txn).await? else { return Ok(None) };
        let tenant = id(&row, "tenant")?;
        Ok(self.stands_on_own(txn, tenant, host.as_str()).await?.then_some(tenant))
    }

    /// Hosts as they are kept. `Invalid`, `LimitReached`.
    pub(super) fn parse_hosts(&self, hosts: &[String]) -> Result<Vec<String>> {
        if hosts.len() > BRAND_HOSTS_MAX {
            let message = format!("A brand has at most {BRAND_HOSTS_MAX} hosts (BRAND_HOSTS_MAX)");
            return Err(Error::new(Code::LimitReached, "hosts", message));
        }
        let own = [Some(self.domains.setup.hostname.as_str()), self.portal_host()];
        let mut parsed: Vec<String> = Vec::new();
        for host in hosts {
            let host = parse_name(host.trim(), "hosts")?.as_str().to_owned();
            if own.contains(&Some(host.as_str())) {
                return Err(Error::new(Code::Invalid, "hosts", format!("{host} is the server's own")));
            }
            if !parsed.contains(&host) {
                parsed.push(host);
            }
        }
        Ok(parsed)
    }

    /// Replaces the hosts of a tenant's brand. `Invalid` for one on no proven domain of its own, `Taken`.
    pub(super) async fn replace_hosts(&self, txn: &mut Connection, tenant: TenantId, hosts: &[String]) -> Result<()> {
        query("DELETE FROM brand_host WHERE tenant = $1").bind(tenant.to_string()).execute(&mut *txn).await?;
        for (place, host) in (0i64..).zip(hosts) {
            if !self.stands_on_own(txn, tenant, host).await? {
                let message = format!("{host} is on no domain that the tenant has proven: claim and prove it first");
                return Err(Error::new(Code::Invalid, "hosts", message));
            }
            if self.tenant_at(txn, host).await?.is_some() {
                return Err(Error::new(Code::Taken, "hosts", format!("{host} shows another brand")));
            }
            query(
                "INSERT INTO brand_host (host, tenant, place) VALUES ($1, $2, $3) \
                 ON CONFLICT (host) DO UPDATE SET tenant = $2, place = $3",
            )
            .bind(host)
            .bind(tenant.to_string())
            .bind(place)
            .execute(&mut *txn)
            .await?;
        }
        Ok(())
    }

    /// Where people of a tenant find the portal, as `https://mail.example.org`: at the first host of the brand that is shown to them;
    /// those of the provider's brand, and of none, at the portal's own address. Empty where there is no portal.
    pub async fn portal_of(&self, txn: &mut Connection, tenant: TenantId) -> Result<String> {
        let Some(portal) = self.portal.as_deref() else { return Ok(String::new()) };
        let Some(brand) = self.shown_brand(txn, tenant).await? else { return Ok(portal.to_owned()) };
        let is_provider = self.line(txn, brand.tenant).await?.len() == 1;
        let host = self.hosts_of(txn, brand.tenant).await?.into_iter().find(|h| h.proven && !is_provider);
        Ok(host.and_then(|h| at_host(portal, &h.host)).unwrap_or_else(|| portal.to_owned()))
    }
}

/// The portal's address at another host: its scheme and port are the same.
fn at_host(portal: &str, host: &str) -> Option<String> {
    let mut url = url::Url::parse(portal).ok()?;
    url.set_host(Some(host)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_at_another_host_keeps_its_scheme_and_port() {
        assert_eq!(at_host("https://mail.example", "login.a.example").unwrap(), "https://login.a.example");
        assert_eq!(at_host("http://localhost:2080", "a.localhost").unwrap(), "http://a.localhost:2080");
    }

    #[test]
    fn a_host_stands_on_itself_and_what_is_above() {
        assert_eq!(on("login.a.example"), "[\"login.a.example\",\"a.example\",\"example\"]");
    }
}
