//! SUMMARY    Where mail for an address goes: the recipient look-up that issues deliver-only scopes.
//! STANDARDS  RFC 5233 (subaddressing), RFC 5321 §3.9.1 (aliases)
//! LIMITS     ROUTE_DEPTH_MAX, ROUTE_TARGETS_MAX
//! INVARIANTS Aliases are expanded here and nowhere else, without loops. A tombstone never leads anywhere.

use crate::{
    Accounts, Error, Result, Standing,
    scope::{AccountScope, Deliver},
    standing,
};
use base::{
    Address, Kind, TenantId,
    limits::{ROUTE_DEPTH_MAX, ROUTE_TARGETS_MAX},
};
use control::{Capability, Destination, DomainSnapshot};
use std::collections::HashSet;
use store::kv::KvTxn;

/// One account that gets a copy.
#[derive(Debug, Clone)]
pub struct LocalRecipient {
    pub scope: AccountScope<Deliver>,
    /// The detail of `local+detail`, as spelled.
    pub detail: Option<String>,
    pub standing: Standing,
}

/// Where one recipient leads after expansion.
#[derive(Debug, Clone, Default)]
pub struct Route {
    pub local: Vec<LocalRecipient>,
    /// Targets elsewhere, with the tenant on whose behalf the mail goes on.
    pub remote: Vec<(TenantId, Address)>,
    /// Why some mailbox that it leads to may not receive now; the others may.
    pub held: Option<String>,
}

/// Why an address leads nowhere.
#[derive(Debug)]
pub enum RouteError {
    /// The domain is not ours.
    NotLocal,
    /// The domain is ours, the address unknown or deleted.
    Unknown,
    /// It exists, but may not receive now; the readable reason.
    Held(String),
    /// It was closed, deleted or switched off; the readable reason.
    Closed(String),
    /// The look-up failed; try again.
    Failed(Error),
}

impl From<Error> for RouteError {
    fn from(e: Error) -> Self {
        RouteError::Failed(e)
    }
}

impl Accounts {
    /// Whether mail for the domain is ours.
    pub async fn is_local_domain(&self, domain: &base::Domain) -> Result<bool> {
        let mut txn = self.0.kv.begin_read();
        Ok(self.domain_in(&mut *txn, domain.as_str()).await?.is_some_and(|d| d.live))
    }

    /// Looks an address up and expands it.
    pub async fn route(&self, address: &Address) -> std::result::Result<Route, RouteError> {
        let mut txn = self.0.kv.begin_read();
        let domain = self.domain_in(&mut *txn, address.domain().as_str()).await?;
        let domain = domain.filter(|d| d.live).ok_or(RouteError::NotLocal)?;
        let mut search =
            Search { accounts: self, route: Route::default(), seen: HashSet::new(), held: None, closed: None };
        search.expand(&mut *txn, address, domain, None).await?;
        if search.route.local.is_empty() && search.route.remote.is_empty() {
            let closed = search.closed.map_or(RouteError::Unknown, RouteError::Closed);
            return Err(search.held.map_or(closed, RouteError::Held));
        }
        Ok(Route { held: search.held, ..search.route })
    }
}

struct Search<'a> {
    accounts: &'a Accounts,
    route: Route,
    seen: HashSet<String>,
    held: Option<String>,
    closed: Option<String>,
}

struct Step {
    address: Address,
    domain: DomainSnapshot,
    detail: Option<String>,
    depth: usize,
}

impl Search<'_> {
    async fn expand(
        &mut self,
        txn: &mut dyn KvTxn,
        address: &Address,
        domain: DomainSnapshot,
        detail: Option<String>,
    ) -> Result<()> {
        let mut steps = vec![Step { address: address.clone(), domain, detail, depth: 0 }];
        while let Some(step) = steps.pop() {
            if !self.seen.insert(step.address.canonical()) {
                continue;
            }
            if self.seen.len() > ROUTE_TARGETS_MAX || step.depth > ROUTE_DEPTH_MAX {
                return Err(Error::limit("ROUTE_TARGETS_MAX"));
            }
            self.step(txn, step, &mut steps).await?;
        }
        Ok(())
    }

    async fn step(&mut self, txn: &mut dyn KvTxn, step: Step, steps: &mut Vec<Step>) -> Result<()> {
        let (destination, tenant, detail) = match self.look_up(txn, &step).await? {
            Some(found) => found,
            None => return self.catch_all(step, steps),
        };
        match destination {
            Destination::Account(account) => self.add_local(txn, tenant, account, detail.or(step.detail)).await,
            Destination::Forward(targets) | Destination::Group { members: targets, .. } => {
                if self.is_held(txn, tenant).await? {
                    return Ok(());
                }
                for target in targets {
                    let address = Address::parse(&target).map_err(|e| Error::new(Kind::Corrupt, e.to_string()))?;
                    match self.accounts.domain_in(txn, address.domain().as_str()).await?.filter(|d| d.live) {
                        Some(domain) => steps.push(Step { address, domain, detail: None, depth: step.depth + 1 }),
                        None => self.route.remote.push((tenant, address)),
                    }
                }
                Ok(())
            }
            Destination::Disabled => {
                self.closed = Some("This address was switched off by its owner.".to_owned());
                Ok(())
            }
            Destination::Tombstone => Ok(()),
        }
    }

    /// The row of the address as spelled, else of its base without `+detail`.
    async fn look_up(
        &self,
        txn: &mut dyn KvTxn,
        step: &Step,
    ) -> Result<Option<(Destination, TenantId, Option<String>)>> {
        let domain = step.address.domain().as_str();
        if let Some(row) = self.accounts.address_in(txn, domain, &step.address.canonical_local()).await? {
            return Ok(Some((row.destination, row.tenant, None)));
        }
        let (base, Some(detail)) = step.address.subaddress() else { return Ok(None) };
        if !step.domain.plus_addressing {
            return Ok(None);
        }
        let row = self.accounts.address_in(txn, domain, &base).await?;
        Ok(row.map(|row| (row.destination, row.tenant, Some(detail.to_owned()))))
    }

    fn catch_all(&self, step: Step, steps: &mut Vec<Step>) -> Result<()> {
        let Some(target) = &step.domain.catch_all else { return Ok(()) };
        let address = Address::parse(target).map_err(|e| Error::new(Kind::Corrupt, e.to_string()))?;
        if address.domain() == step.address.domain() {
            steps.push(Step { address, domain: step.domain, detail: None, depth: step.depth + 1 });
        }
        Ok(())
    }

    /// Whether the tenant may not receive: an alias is its door as much as a mailbox.
    async fn is_held(&mut self, txn: &mut dyn KvTxn, tenant: TenantId) -> Result<bool> {
        let Some(entitlement) = self.accounts.entitlement_in(txn, tenant).await? else { return Ok(true) };
        let why = standing::tenant_held(&entitlement, Capability::Receive);
        let is_held = why.is_some();
        if is_held {
            *(if standing::is_tenant_closed(&entitlement) { &mut self.closed } else { &mut self.held }) = why;
        }
        Ok(is_held)
    }

    async fn add_local(
        &mut self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        account: base::AccountId,
        detail: Option<String>,
    ) -> Result<()> {
        let Some(standing) = self.accounts.standing_in(txn, tenant, account).await? else { return Ok(()) };
        if !standing.allows(Capability::Receive) {
            let why = Some(standing.why(Capability::Receive));
            *(if standing.is_closed() { &mut self.closed } else { &mut self.held }) = why;
            return Ok(());
        }
        let scope = AccountScope::issue(tenant, account);
        if !self.route.local.iter().any(|l| l.scope == scope) {
            self.route.local.push(LocalRecipient { scope, detail, standing });
        }
        Ok(())
    }
}
