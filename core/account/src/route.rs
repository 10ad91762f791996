//! SUMMARY    Where mail for an address goes: the recipient look-up that issues deliver-only scopes.
//! STANDARDS  RFC 5233 (subaddressing), RFC 5321 §3.9.1 (aliases)
//! LIMITS     ROUTE_DEPTH_MAX, ROUTE_TARGETS_MAX
//! INVARIANTS Aliases, groups and alternate domains are expanded here and nowhere else, without loops. A tombstone never leads
//!            anywhere. A closed group asks who sent the mail, also where it was reached through an alias or another group. What a
//!            tenant sends to a domain of another one stays here only when that domain's MX records lead here (D7).

use crate::{
    Accounts, Error, Result, Standing,
    scope::{AccountScope, Deliver},
    standing,
};
use base::{
    AccountId, Address, Domain, Kind, TenantId,
    limits::{ROUTE_DEPTH_MAX, ROUTE_TARGETS_MAX},
};
use control::{AddressSnapshot, Capability, Destination, DomainSnapshot, Posting};
use std::{collections::HashSet, sync::Arc};
use store::kv::KvTxn;

/// Who sends the mail that is routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Another host, or the server itself: nobody who logged in.
    Stranger,
    /// A user of ours, who logged in.
    User { tenant: TenantId, account: AccountId },
}

impl Sender {
    fn is_of(self, tenant: TenantId) -> bool {
        matches!(self, Sender::User { tenant: own, .. } if own == tenant)
    }
}

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
    /// A group that this sender may not write to; the readable reason.
    Forbidden(String),
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

    /// Whether the domain is ours and its public MX records lead here.
    pub async fn is_public_here(&self, domain: &base::Domain) -> Result<bool> {
        let mut txn = self.0.kv.begin_read();
        Ok(self.domain_in(&mut *txn, domain.as_str()).await?.is_some_and(|d| d.live && d.mx_here))
    }

    /// Looks an address up and expands it.
    pub async fn route(&self, address: &Address, sender: Sender) -> std::result::Result<Route, RouteError> {
        let mut txn = self.0.kv.begin_read();
        let domain = self.domain_in(&mut *txn, address.domain().as_str()).await?;
        let domain = domain.filter(|d| d.live).ok_or(RouteError::NotLocal)?;
        if let Sender::User { tenant, .. } = sender
            && !is_ours_for(&domain, tenant)
        {
            return Err(RouteError::NotLocal);
        }
        let mut search = Search::new(self, sender);
        search.expand(&mut *txn, address, domain).await?;
        if search.route.local.is_empty() && search.route.remote.is_empty() {
            return Err(search.why());
        }
        Ok(Route { held: search.held, ..search.route })
    }

    /// The account that an address is the address of: no alias, no group; in an alternate domain as in its own.
    pub(crate) async fn account_at(
        &self,
        txn: &mut dyn KvTxn,
        address: &Address,
    ) -> Result<Option<(TenantId, AccountId)>> {
        let Some(domain) = self.domain_in(txn, address.domain().as_str()).await?.filter(|d| d.live) else {
            return Ok(None);
        };
        let mut row = self.address_in(txn, &domain.domain, &address.canonical_local()).await?;
        if row.is_none()
            && let Some(other) = self.alternate(txn, &domain).await?
        {
            row = self.address_in(txn, &other.domain, &address.canonical_local()).await?;
        }
        Ok(row.and_then(|row| match row.destination {
            Destination::Account(account) => Some((row.tenant, account)),
            Destination::Forward(_) | Destination::Group { .. } | Destination::Disabled | Destination::Tombstone => {
                None
            }
        }))
    }

    /// The domain whose addresses are this one's too: live, of the same tenant, and no alternate itself.
    pub(crate) async fn alternate(
        &self,
        txn: &mut dyn KvTxn,
        domain: &DomainSnapshot,
    ) -> Result<Option<Arc<DomainSnapshot>>> {
        let Some(name) = &domain.alias_of else { return Ok(None) };
        let other = self.domain_in(txn, name).await?;
        Ok(other.filter(|o| o.live && o.tenant == domain.tenant && o.alias_of.is_none()))
    }
}

/// Whether mail of this tenant for the domain stays here (D7).
fn is_ours_for(domain: &DomainSnapshot, tenant: TenantId) -> bool {
    domain.mx_here || domain.tenant == tenant
}

struct Search<'a> {
    accounts: &'a Accounts,
    sender: Sender,
    /// Whether groups ask who writes.
    asks: bool,
    route: Route,
    seen: HashSet<String>,
    /// Every account it leads to, whatever it may.
    reached: Vec<AccountId>,
    held: Option<String>,
    closed: Option<String>,
    forbidden: Option<String>,
}

struct Step {
    address: Address,
    domain: Arc<DomainSnapshot>,
    detail: Option<String>,
    depth: usize,
}

impl<'a> Search<'a> {
    fn new(accounts: &'a Accounts, sender: Sender) -> Self {
        Search {
            accounts,
            sender,
            asks: true,
            route: Route::default(),
            seen: HashSet::new(),
            reached: Vec::new(),
            held: None,
            closed: None,
            forbidden: None,
        }
    }

    /// Why it leads nowhere: what may change by itself first.
    fn why(self) -> RouteError {
        let forbidden = self.forbidden.map(RouteError::Forbidden);
        let held = self.held.map(RouteError::Held);
        held.or(forbidden).or(self.closed.map(RouteError::Closed)).unwrap_or(RouteError::Unknown)
    }

    async fn expand(&mut self, txn: &mut dyn KvTxn, address: &Address, domain: Arc<DomainSnapshot>) -> Result<()> {
        let mut steps = vec![Step { address: address.clone(), domain, detail: None, depth: 0 }];
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
        let (row, detail) = match self.look_up(txn, &step).await? {
            Some(found) => found,
            None => match self.accounts.alternate(txn, &step.domain).await? {
                Some(other) => {
                    let domain = Domain::parse(&other.domain).map_err(|e| Error::new(Kind::Corrupt, e.to_string()))?;
                    steps.push(Step { address: step.address.at(domain), domain: other, depth: step.depth + 1, ..step });
                    return Ok(());
                }
                None => return self.catch_all(step, steps),
            },
        };
        let tenant = row.tenant;
        match &row.destination {
            Destination::Account(account) => self.add_local(txn, tenant, *account, detail.or(step.detail)).await,
            Destination::Forward(targets) => self.follow(txn, tenant, targets, step.depth, steps).await,
            Destination::Group { members, posting } => {
                if self.may_post(txn, tenant, members, *posting).await? {
                    return self.follow(txn, tenant, members, step.depth, steps).await;
                }
                let who = if *posting == Posting::Tenant { "people of its organisation" } else { "its members" };
                self.forbidden = Some(format!("Only {who} may write to this group, with their own login."));
                Ok(())
            }
            Destination::Disabled => {
                self.closed = Some("This address was switched off by its owner.".to_owned());
                Ok(())
            }
            Destination::Tombstone => Ok(()),
        }
    }

    /// Goes on with the targets of an alias or group of a tenant.
    async fn follow(
        &mut self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        targets: &[String],
        depth: usize,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        if self.is_held(txn, tenant).await? {
            return Ok(());
        }
        for target in targets {
            let address = Address::parse(target).map_err(|e| Error::new(Kind::Corrupt, e.to_string()))?;
            let domain = self.accounts.domain_in(txn, address.domain().as_str()).await?;
            match domain.filter(|d| d.live && is_ours_for(d, tenant)) {
                Some(domain) => steps.push(Step { address, domain, detail: None, depth: depth + 1 }),
                None => self.route.remote.push((tenant, address)),
            }
            if self.seen.len() + self.route.remote.len() > ROUTE_TARGETS_MAX {
                return Err(Error::limit("ROUTE_TARGETS_MAX"));
            }
        }
        Ok(())
    }

    /// Whether the sender may write to a group.
    async fn may_post(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        members: &[String],
        posting: Posting,
    ) -> Result<bool> {
        match (posting, self.sender) {
            _ if !self.asks => Ok(true),
            (Posting::Anyone, _) => Ok(true),
            (Posting::Tenant, sender) => Ok(sender.is_of(tenant)),
            (Posting::Members, Sender::Stranger) => Ok(false),
            (Posting::Members, Sender::User { account, .. }) => {
                let mut inner = Search { asks: false, ..Search::new(self.accounts, self.sender) };
                let mut steps = Vec::new();
                inner.follow(txn, tenant, members, 0, &mut steps).await?;
                for step in steps {
                    Box::pin(inner.expand(txn, &step.address, step.domain)).await?;
                }
                Ok(inner.reached.contains(&account))
            }
        }
    }

    /// The row of the address as spelled, else of its base without `+detail`.
    async fn look_up(
        &self,
        txn: &mut dyn KvTxn,
        step: &Step,
    ) -> Result<Option<(Arc<AddressSnapshot>, Option<String>)>> {
        let domain = step.address.domain().as_str();
        if let Some(row) = self.accounts.address_in(txn, domain, &step.address.canonical_local()).await? {
            return Ok(Some((row, None)));
        }
        let (base, Some(detail)) = step.address.subaddress() else { return Ok(None) };
        if !step.domain.plus_addressing {
            return Ok(None);
        }
        let row = self.accounts.address_in(txn, domain, &base).await?;
        Ok(row.map(|row| (row, Some(detail.to_owned()))))
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
        account: AccountId,
        detail: Option<String>,
    ) -> Result<()> {
        let Some(standing) = self.accounts.standing_in(txn, tenant, account).await? else { return Ok(()) };
        self.reached.push(account);
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
