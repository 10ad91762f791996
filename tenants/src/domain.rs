//! SUMMARY    Domains of a tenant: what it claims, and what it has set for those it has proven.
//! INVARIANTS A domain that is not proven has no settings, no addresses and no place in the data plane.

use crate::{
    Actor, Claim, Code, Done, Error, Page, Permission, Result, Service, Terms,
    actor::Object,
    claim::DomainState,
    db::{Connection, Row, query},
    page::list,
    rows::{id, number, text},
    terms::{Request, Start, Work},
};
use base::{Address, TenantId};
use control::Change;
use serde::{Deserialize, Serialize};

/// A domain as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Domain {
    pub name: String,
    pub tenant: TenantId,
    pub catch_all: Option<String>,
    pub plus_addressing: bool,
    /// The domain of the same tenant that this is another name of.
    pub alias_of: Option<String>,
    /// Whether tenants below may have addresses on it.
    pub shared: bool,
    pub version: i64,
    /// What says that it is the tenant's.
    pub claim: Claim,
}

/// Changes of a domain; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct DomainPatch {
    /// `Some(None)` takes the catch-all away.
    pub catch_all: Option<Option<String>>,
    pub plus_addressing: Option<bool>,
}

impl Service {
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
        if patch.catch_all.is_some() || patch.plus_addressing.is_some() {
            self.may_catch(&mut work.txn, actor, domain.tenant, &domain.name).await?;
        }
        let mut catch_all = domain.catch_all;
        if let Some(wanted) = &patch.catch_all {
            catch_all = self.catch_all_of(&mut work.txn, &domain.name, wanted.as_deref()).await?;
        }
        query("UPDATE domain SET catch_all = $2, plus_addressing = $3, version = version + 1 WHERE name = $1 AND live = 1")
            .bind(&domain.name)
            .bind(catch_all)
            .bind(i64::from(patch.plus_addressing.unwrap_or(domain.plus_addressing)))
            .execute(&mut work.txn)
            .await?;
        self.finish_domain(work, actor, "domainUpdate", (&domain.name, domain.tenant), Vec::new()).await
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

    /// Releases a domain, or gives a claim up. `InUse` while it has live addresses.
    pub async fn domain_delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        tenant: Option<TenantId>,
    ) -> Result<Done<Domain>> {
        let request = Request::new("domainDelete", format!("{name} {tenant:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.claim_in(&mut work.txn, actor, Permission::DomainDelete, name, tenant).await?;
        work.expect(domain.version)?;
        // Addresses of tenants that the holder lets have some count too; those of another claimant do not.
        let used = query(
            "SELECT 1 AS n FROM address WHERE domain = $1 AND kind <> 'tombstone' AND (tenant = $2 OR $3 = 1) LIMIT 1",
        )
        .bind(&domain.name)
        .bind(domain.tenant.to_string())
        .bind(i64::from(domain.claim.proven))
        .fetch_optional(&mut work.txn)
        .await?;
        if used.is_some() {
            return Err(Error::new(Code::InUse, "name", "The domain still has addresses"));
        }
        self.has_no_other_names(&mut work.txn, &domain.name).await?;
        query("UPDATE domain SET catch_all = NULL, alias_of = NULL WHERE name = $1 AND tenant = $2")
            .bind(&domain.name)
            .bind(domain.tenant.to_string())
            .execute(&mut work.txn)
            .await?;
        let changes = self.unprove(&mut work.txn, domain.tenant, &domain.name, DomainState::Released).await?;
        self.finish_domain(work, actor, "domainDelete", (&domain.name, domain.tenant), changes).await
    }

    /// A domain by its name: the claim that the actor's tenant has, else the proven one it reaches.
    pub async fn domain(&self, actor: &Actor, name: &str, tenant: Option<TenantId>) -> Result<Domain> {
        let mut connection = self.reader(actor).await?;
        self.claim_in(&mut connection, actor, Permission::DomainRead, name, tenant).await
    }

    /// Domains that a tenant claims and the actor reaches, by name, a page of them; and how many there are.
    pub async fn domains(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Domain>, i64)> {
        let mut connection = self.reader(actor).await?;
        let reach = self.reach(&mut connection, actor, Permission::DomainRead, tenant).await?;
        let mut scope = vec![tenant.to_string()];
        let list = match reach.whole {
            true => list!("claim WHERE tenant = $1 AND live = 1", by "name", "$2", "$3"),
            false => {
                scope.push(reach.domain_list());
                list!(
                    "claim WHERE tenant = $1 AND live = 1 AND name IN (SELECT value FROM json_each($2))",
                    by "name", "$3", "$4"
                )
            }
        };
        let from = page.from::<base::Domain>()?;
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((self.domains_of(&mut connection, &rows).await?, count))
    }

    /// A proven domain the actor reaches. `Invalid` for one that its tenant claims and has not proven.
    pub(crate) async fn domain_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        name: &str,
    ) -> Result<Domain> {
        let missing = || Error::not_found("name");
        let name = base::Domain::parse(name).map_err(|_| missing())?;
        let row = query("SELECT * FROM domain WHERE name = $1 AND live = 1")
            .bind(name.as_str())
            .fetch_optional(&mut *txn)
            .await?;
        let Some(row) = row else { return Err(self.why_not_proven(txn, actor, permission, name.as_str()).await) };
        let domain = from_row(&row)?;
        let object = Object::Domain(&domain.name);
        match self.permit_on(txn, actor, permission, domain.tenant, object).await {
            Ok(()) => Ok(domain),
            Err(e) if e.code == Code::NotFound => {
                Err(self.why_not_proven(txn, actor, permission, domain.name.as_str()).await)
            }
            Err(e) => Err(e),
        }
    }

    /// Why a name is not a domain that the actor can use: only who claims it hears that proving is what lacks.
    async fn why_not_proven(&self, txn: &mut Connection, actor: &Actor, permission: Permission, name: &str) -> Error {
        match self.claim_in(txn, actor, permission, name, None).await {
            Ok(_) => Error::new(Code::Invalid, "name", "The domain is not proven yet: publish its TXT record first"),
            Err(e) => e.missing("name"),
        }
    }

    /// Ends a mutation of a domain; `changes` go to the data plane before it.
    pub(crate) async fn finish_domain(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        (name, tenant): (&str, TenantId),
        mut changes: Vec<Change>,
    ) -> Result<Done<Domain>> {
        self.audit(&mut work.txn, actor, tenant, action, name, "").await?;
        changes.extend(self.domain_snapshot_of(&mut work.txn, name, tenant).await?);
        let domain = self.claim_of(&mut work.txn, name, tenant).await?;
        self.finish(work, domain, &changes).await
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Domain> {
    Ok(Domain {
        name: text(row, "name")?,
        tenant: id(row, "tenant")?,
        catch_all: row.text("catch_all")?,
        plus_addressing: number(row, "plus_addressing")? != 0,
        alias_of: row.text("alias_of")?,
        shared: number(row, "shared")? != 0,
        version: number(row, "version")?,
        claim: Claim::default(),
    })
}

/// A name that can be a domain of ours.
pub(crate) fn parse_name(name: &str, field: &'static str) -> Result<base::Domain> {
    let domain = base::Domain::parse(name).map_err(|e| Error::new(Code::Invalid, field, e.to_string()))?;
    // A number at the end is an address of the network: there is no such top-level domain.
    let last = domain.as_str().rsplit_once('.').map(|(_, last)| last);
    let has_letter = last.is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()));
    if domain.is_literal() || !has_letter {
        return Err(Error::new(Code::Invalid, field, "A domain looks like example.org"));
    }
    Ok(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_a_letter_in_its_last_label() {
        for name in ["example.org", "1.example", "127.0.0.a1", "xn--r8jz45g.jp", "почта.рф"] {
            assert!(parse_name(name, "name").is_ok(), "{name}");
        }
        for name in ["127.0.0.1", "127.0.0.1.", "example.123", "example.1-2", "[127.0.0.1]", "localhost", "1"] {
            assert_eq!(parse_name(name, "name").unwrap_err().code, Code::Invalid, "{name}");
        }
    }
}
