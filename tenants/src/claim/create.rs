//! SUMMARY    Claiming a name, and the operator's word for one.
//! STANDARDS  product.md §4 (D1, D8)
//! INVARIANTS A claim moves nothing: not mail, not addresses, not another's claim. Claims count against the tenant's limit.

use super::{Claim, DomainState, Proof, name};
use crate::{
    Actor, Code, Domain, Done, Error, Permission, Result, Service, Terms,
    allocation::Limit,
    db::{Connection, query},
    domain::parse_name,
    limits::CLAIMS_PER_NAME_MAX,
    rows::{fresh_id, id, number},
    terms::{Request, Start},
};
use base::TenantId;
use control::Change;

/// How a claim is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Tenant,
    /// The operator vouches.
    Operator,
}

impl Service {
    /// Claims a domain for a tenant: the answer has the token to be published. `LimitReached`; `Invalid` with the reason for a
    /// name that nobody may claim; `Taken` when it lies within another customer's, or the tenant has it.
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
        self.not_purged(&mut work.txn, tenant).await?;
        self.insert_claim(&mut work.txn, tenant, &name, By::Tenant).await?;
        self.finish_domain(work, actor, "domainCreate", (name.as_str(), tenant), Vec::new()).await
    }

    /// Proves a domain by the operator's word, claiming it first where the tenant has not. `Forbidden` for everybody else,
    /// `Taken` while another tenant holds it proven.
    pub async fn domain_vouch(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        name: &str,
    ) -> Result<Done<Domain>> {
        let name = parse_name(name, "name")?;
        let request = Request::new("domainVouch", format!("{tenant} {}", name.as_str()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::DomainWrite, tenant).await?;
        if !actor.is_operator() {
            return Err(Error::new(Code::Forbidden, "", "Only the operator vouches for a domain"));
        }
        self.not_purged(&mut work.txn, tenant).await?;
        let changes = self.vouched(&mut work.txn, tenant, &name).await?;
        self.finish_domain(work, actor, "domainVouch", (name.as_str(), tenant), changes).await
    }

    /// The rows of a domain that the operator vouches for; what the data plane is to know before it.
    pub(crate) async fn vouched(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &base::Domain,
    ) -> Result<Vec<Change>> {
        match self.claim_of(txn, name.as_str(), tenant).await {
            Ok(domain) if domain.claim.state != DomainState::Released => {}
            Ok(_) => self.insert_claim(txn, tenant, name, By::Operator).await?,
            Err(e) if e.code == Code::NotFound => self.insert_claim(txn, tenant, name, By::Operator).await?,
            Err(e) => return Err(e),
        }
        self.notice(txn, (name.as_str(), tenant), "VOUCHED", "The operator vouches for the domain").await?;
        self.prove(txn, tenant, name.as_str(), Proof::Operator).await
    }

    /// The row of a new claim, within the tenant's limit.
    pub(crate) async fn insert_claim(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &base::Domain,
        by: By,
    ) -> Result<()> {
        name::not_public_suffix(name.as_str())?;
        name::one_script(name.as_str())?;
        if by == By::Tenant {
            self.not_servers_own(txn, tenant, name.as_str()).await?;
            self.not_look_alike(txn, tenant, name.as_str()).await?;
        }
        self.not_within_anothers(txn, tenant, name.as_str()).await?;
        self.room_for_claim(txn, name.as_str()).await?;
        let full = "The tenant has all the domains it may have";
        self.room_for(txn, tenant, Limit::Domains, 1, "tenantId", full).await?;
        let now = self.now().0;
        let made = query(
            "INSERT INTO claim (name, tenant, token, state, proof, live, proven, version, created_at, due_at) \
             VALUES ($1, $2, $3, $4, '', 1, 0, 1, $5, $5) ON CONFLICT (name, tenant) DO UPDATE SET token = $3, state = $4, \
             proof = '', live = 1, proven = 0, version = claim.version + 1, created_at = $5, due_at = $5, verdict = '[]', \
             checked_at = NULL, quiet_checks = 0, failed_days = 0, failed_at = NULL, contested_at = NULL, mx_misses = 0 \
             WHERE claim.live = 0",
        )
        .bind(name.as_str())
        .bind(tenant.to_string())
        .bind(fresh_id("")?)
        .bind(DomainState::Claimed.name())
        .bind(now)
        .execute(txn)
        .await?;
        match made {
            0 => Err(Error::new(Code::Taken, "name", "The tenant has the domain")),
            _ => Ok(()),
        }
    }

    /// The server's own names are the provider's, whoever asks first.
    async fn not_servers_own(&self, txn: &mut Connection, tenant: TenantId, name: &str) -> Result<()> {
        match self.line(txn, tenant).await?.len() {
            1 => Ok(()),
            _ => name::not_own(name, &self.domains.setup.hostname),
        }
    }

    /// A name that looks like a proven domain is for those on its owner's line of the tree only.
    pub(crate) async fn not_look_alike(&self, txn: &mut Connection, tenant: TenantId, name: &str) -> Result<()> {
        let rows = query(
            "SELECT DISTINCT tenant FROM domain WHERE live = 1 AND skeleton = $1 AND name <> $2 AND tenant <> $3",
        )
        .bind(name::looks(name))
        .bind(name)
        .bind(tenant.to_string())
        .fetch_all(&mut *txn)
        .await?;
        for row in &rows {
            if !self.on_one_line(txn, id(row, "tenant")?, tenant).await? {
                let message = "The name looks like a domain of another customer; the operator can let it through";
                return Err(Error::new(Code::Invalid, "name", message));
            }
        }
        Ok(())
    }

    /// A domain below or above another's is for those on one line of the tree only: a subdomain takes mail and sends in the
    /// name of its parent domain.
    pub(crate) async fn not_within_anothers(&self, txn: &mut Connection, tenant: TenantId, name: &str) -> Result<()> {
        let below = name::reversed(name);
        // The character after the dot that ends it: everything that begins with it lies before.
        let beyond = format!("{}/", below.trim_end_matches('.'));
        let rows = query(
            "SELECT tenant FROM domain WHERE live = 1 AND tenant <> $1 AND name IN (SELECT value FROM json_each($2)) UNION \
             SELECT tenant FROM domain WHERE live = 1 AND tenant <> $1 AND reversed > $3 AND reversed < $4",
        )
        .bind(tenant.to_string())
        .bind(crate::rows::json_list(&name::above(name)))
        .bind(below)
        .bind(beyond)
        .fetch_all(&mut *txn)
        .await?;
        for row in &rows {
            if !self.on_one_line(txn, id(row, "tenant")?, tenant).await? {
                let message = "The domain belongs together with a domain of another customer";
                return Err(Error::new(Code::Taken, "name", message));
            }
        }
        Ok(())
    }

    async fn room_for_claim(&self, txn: &mut Connection, name: &str) -> Result<()> {
        let row =
            query("SELECT COUNT(*) AS n FROM claim WHERE name = $1 AND live = 1").bind(name).fetch_one(txn).await?;
        match number(&row, "n")? >= CLAIMS_PER_NAME_MAX {
            true => Err(Error::new(Code::LimitReached, "name", "Too many claim the name (CLAIMS_PER_NAME_MAX)")),
            false => Ok(()),
        }
    }
}

impl Domain {
    /// What is shown of a claim that is not proven: nothing is set.
    pub(crate) fn unproven(name: String, tenant: TenantId, version: i64) -> Domain {
        Domain {
            name,
            tenant,
            catch_all: None,
            plus_addressing: true,
            alias_of: None,
            shared: false,
            version,
            claim: Claim::default(),
        }
    }
}
