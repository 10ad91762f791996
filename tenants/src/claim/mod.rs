//! SUMMARY    Claims: which tenants say a domain is theirs, and which of them has proven it.
//! STANDARDS  product.md §4 (D1, D2)
//! SECURITY   Who claims a name learns nothing of other claims on it but that they are there once it is proven itself.
//! INVARIANTS At most one claim on a name is proven: the database refuses a second. Only a proven one has a live row in
//!            `domain`, so that only it is told to the data plane and takes addresses. A token is of one tenant and one name.

mod account;
mod create;
mod hold;
pub(crate) mod name;
mod upgrade;

pub(crate) use create::By;

use crate::{
    Actor, Code, Domain, Error, Permission, Result, Service,
    actor::Object,
    db::{Connection, Row, query},
    domain,
    rows::{id, json_list, number, optional, text},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// Where the proof of ownership stands: below the name, so that it needs no room beside other records.
pub const CHALLENGE_LABEL: &str = "_posthouse-challenge";

/// What a claim has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DomainState {
    /// Said, not proven.
    #[default]
    Claimed,
    /// Proven; public mail does not come here yet.
    Owned,
    /// Proven, and public mail comes here.
    Live,
    /// Proven once; something it needs has gone from DNS.
    Degraded,
    /// The proof was gone for too long: it takes no mail.
    Lost,
    /// Proven while another tenant holds the name.
    Contested,
    /// Given back.
    Released,
}

impl DomainState {
    const EVERY: [(DomainState, &'static str); 7] = [
        (DomainState::Claimed, "CLAIMED"),
        (DomainState::Owned, "OWNED"),
        (DomainState::Live, "LIVE"),
        (DomainState::Degraded, "DEGRADED"),
        (DomainState::Lost, "LOST"),
        (DomainState::Contested, "CONTESTED"),
        (DomainState::Released, "RELEASED"),
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Result<DomainState> {
        let known = Self::EVERY.iter().find(|(_, name)| *name == text);
        known.map(|(state, _)| *state).ok_or_else(|| Error::new(Code::Internal, "", "a stored state is damaged"))
    }
}

/// What ownership rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    #[default]
    None,
    /// The token was seen in DNS.
    Dns,
    /// The operator's word: no check takes it away.
    Operator,
    /// The domain was here before claims were: it stays until another tenant proves the name and this one does not.
    Before,
}

impl Proof {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Proof::None => "",
            Proof::Dns => "dns",
            Proof::Operator => "operator",
            Proof::Before => "before",
        }
    }

    fn parse(text: &str) -> Proof {
        match text {
            "dns" => Proof::Dns,
            "operator" => Proof::Operator,
            "before" => Proof::Before,
            _ => Proof::None,
        }
    }
}

/// A tenant's claim on a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// To be published: see [`Claim::challenge_name`].
    pub token: String,
    pub state: DomainState,
    pub proof: Proof,
    pub proven: bool,
    pub version: i64,
    pub created_at_ms: i64,
    pub checked_at_ms: Option<i64>,
    pub next_check_at_ms: Option<i64>,
    /// Days in a row without the proof.
    pub failed_days: i64,
    /// Since when another tenant has proven the name as well.
    pub contested_at_ms: Option<i64>,
}

impl Claim {
    /// The text of the TXT record.
    pub fn challenge(&self) -> String {
        format!("posthouse-verify={}", self.token)
    }

    pub(crate) fn from_row(row: &Row) -> Result<Claim> {
        Ok(Claim {
            token: text(row, "token")?,
            state: DomainState::parse(&text(row, "state")?)?,
            proof: Proof::parse(&text(row, "proof")?),
            proven: number(row, "proven")? != 0,
            version: number(row, "version")?,
            created_at_ms: number(row, "created_at")?,
            checked_at_ms: optional(row, "checked_at")?,
            next_check_at_ms: optional(row, "due_at")?,
            failed_days: number(row, "failed_days")?,
            contested_at_ms: optional(row, "contested_at")?,
        })
    }
}

/// The name at which a domain's token is looked for.
pub fn challenge_name(domain: &str) -> String {
    format!("{CHALLENGE_LABEL}.{domain}")
}

impl Service {
    /// Domains of rows of `claim`, with what their proven holders have set.
    pub(crate) async fn domains_of(&self, txn: &mut Connection, claims: &[Row]) -> Result<Vec<Domain>> {
        let names: Vec<String> = claims.iter().map(|r| text(r, "name")).collect::<Result<_>>()?;
        let rows = query("SELECT * FROM domain WHERE live = 1 AND name IN (SELECT value FROM json_each($1))")
            .bind(json_list(&names))
            .fetch_all(txn)
            .await?;
        let mut set: std::collections::HashMap<(String, TenantId), Domain> = std::collections::HashMap::new();
        for row in &rows {
            let domain = domain::from_row(row)?;
            set.insert((domain.name.clone(), domain.tenant), domain);
        }
        let mut domains = Vec::with_capacity(claims.len());
        for (row, name) in claims.iter().zip(names) {
            let (claim, tenant) = (Claim::from_row(row)?, id(row, "tenant")?);
            let mut shown = match set.remove(&(name.clone(), tenant)) {
                Some(domain) if claim.proven => domain,
                _ => Domain::unproven(name, tenant, claim.version),
            };
            shown.claim = claim;
            domains.push(shown);
        }
        Ok(domains)
    }

    /// A claim of a tenant that was not released.
    pub(crate) async fn claim_of(&self, txn: &mut Connection, name: &str, tenant: TenantId) -> Result<Domain> {
        let rows = query("SELECT * FROM claim WHERE name = $1 AND tenant = $2")
            .bind(name)
            .bind(tenant.to_string())
            .fetch_all(&mut *txn)
            .await?;
        self.domains_of(txn, &rows).await?.pop().ok_or_else(|| Error::not_found("name"))
    }

    /// The claim on a name that the actor reaches: its own tenant's first, then the proven one. `Invalid` when several are
    /// left and none was named.
    pub(crate) async fn claim_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        name: &str,
        tenant: Option<TenantId>,
    ) -> Result<Domain> {
        let missing = || Error::not_found("name");
        let name = base::Domain::parse(name).map_err(|_| missing())?;
        let rows = query("SELECT * FROM claim WHERE name = $1 AND live = 1 ORDER BY proven DESC, created_at")
            .bind(name.as_str())
            .fetch_all(&mut *txn)
            .await?;
        let mut reached = Vec::new();
        let mut refused = missing();
        for domain in self.domains_of(txn, &rows).await? {
            if tenant.is_some_and(|t| t != domain.tenant) {
                continue;
            }
            match self.permit_on(txn, actor, permission, domain.tenant, Object::Domain(&domain.name)).await {
                Ok(()) => reached.push(domain),
                Err(e) if e.code == Code::NotFound => {}
                Err(e) => refused = e,
            }
        }
        let chosen = reached.iter().position(|d| d.tenant == actor.tenant()).or_else(|| {
            let sure = reached.len() == 1 || reached.first().is_some_and(|d| d.claim.proven);
            sure.then_some(0)
        });
        match chosen {
            Some(at) => Ok(reached.swap_remove(at)),
            None if reached.is_empty() => Err(refused),
            None => {
                Err(Error::new(Code::Invalid, "tenantId", "Several tenants claim the name: say which one is meant"))
            }
        }
    }

    /// Writes down what the holder of a domain is to hear.
    pub(crate) async fn notice(
        &self,
        txn: &mut Connection,
        (name, tenant): (&str, TenantId),
        kind: &str,
        detail: &str,
    ) -> Result<()> {
        // A look that finds the same again is no news.
        let last =
            query("SELECT kind, detail FROM domain_notice WHERE tenant = $1 AND name = $2 ORDER BY seq DESC LIMIT 1")
                .bind(tenant.to_string())
                .bind(name)
                .fetch_optional(&mut *txn)
                .await?;
        if let Some(row) = last
            && text(&row, "kind")? == kind
            && text(&row, "detail")? == detail
        {
            return Ok(());
        }
        query("INSERT INTO domain_notice (name, tenant, at, kind, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(name)
            .bind(tenant.to_string())
            .bind(self.now().0)
            .bind(kind)
            .bind(detail)
            .execute(txn)
            .await?;
        Ok(())
    }
}
