//! SUMMARY    What a subject may do now, and why not the rest; open holds of a tenant and all below it.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    scalar::DateTime,
    types::{Hold, actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use tenants::Subject;

/// One thing a subject may do or not.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::Capability")]
pub enum Capability {
    PortalLogin,
    MailRead,
    Receive,
    SendInternal,
    SendExternal,
    Provision,
    Export,
    Pay,
    PurgeAllowed,
}

/// Why a hold was placed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "control::HoldKind")]
pub enum HoldKind {
    Billing,
    Abuse,
    Admin,
    Security,
    UserClosed,
    /// Keeps from purging and nothing else; the operator's.
    Legal,
    Verification,
    /// A tenant above is held for billing; the operator's.
    UpstreamBilling,
}

/// A reason why something is not allowed.
#[derive(SimpleObject, Clone)]
pub struct CapabilityReason {
    pub code: String,
    pub reason: String,
    /// What to do about it; may be empty.
    pub next_step: String,
    /// The hold; null when something else is in the way.
    pub hold: Option<Hold>,
}

/// One thing, whether it is allowed, and why not.
#[derive(SimpleObject, Clone)]
pub struct CapabilityState {
    pub capability: Capability,
    pub allowed: bool,
    pub reasons: Vec<CapabilityReason>,
}

/// What a subject may do now: what the doors are told, and whether a limit of zero keeps its tenant from sending.
#[derive(SimpleObject, Clone)]
pub struct Capabilities {
    pub subject_id: ID,
    /// Whose it is.
    pub tenant_id: ID,
    /// The mailbox that it is, or whose password it is.
    pub mailbox_id: Option<ID>,
    /// Of that mailbox.
    pub address: Option<String>,
    pub states: Vec<CapabilityState>,
    /// Why something is missing, and what to do, in sentences; empty when nothing is.
    pub explanation: String,
    pub at: DateTime,
}

impl Capabilities {
    fn new(explained: tenants::Explained, at: DateTime) -> Self {
        let explanation = explained.text();
        let state = |capability: &control::Capability| {
            let reasons = explained.missing.iter().find(|(missing, _)| missing == capability);
            let reasons = reasons.into_iter().flat_map(|(_, reasons)| reasons.iter().cloned().map(Into::into));
            CapabilityState {
                capability: (*capability).into(),
                allowed: explained.capabilities.allows(*capability),
                reasons: reasons.collect(),
            }
        };
        let states = control::Capability::EVERY.iter().map(state).collect();
        let (mailbox_id, address) = match explained.mailbox {
            Some((account, address)) => (Some(ID(account.to_string())), Some(address)),
            None => (None, None),
        };
        let (subject_id, tenant_id) = (ID(explained.subject.to_string()), ID(explained.tenant.to_string()));
        Capabilities { subject_id, tenant_id, mailbox_id, address, states, explanation, at }
    }
}

impl From<tenants::Because> for CapabilityReason {
    fn from(b: tenants::Because) -> Self {
        let tenants::Because { code, reason, next_step, hold } = b;
        CapabilityReason { code, reason, next_step, hold: hold.map(Into::into) }
    }
}

/// An open hold, and whose what it is on is.
#[derive(SimpleObject)]
pub struct HoldEntry {
    pub id: ID,
    pub hold: Hold,
    pub tenant_id: ID,
    pub tenant_name: String,
    /// The mailbox that it is on, or whose password it is on.
    pub mailbox_id: Option<ID>,
    pub address: Option<String>,
}

impl From<tenants::HoldListed> for HoldEntry {
    fn from(listed: tenants::HoldListed) -> Self {
        let tenants::HoldListed { hold, tenant, tenant_name, mailbox, address } = listed;
        let (id, mailbox_id) = (ID(hold.id.clone()), mailbox.map(|m| ID(m.to_string())));
        HoldEntry { id, hold: hold.into(), tenant_id: ID(tenant.to_string()), tenant_name, mailbox_id, address }
    }
}

impl HoldEntry {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::HoldListed>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(HoldConnection, HoldEdge, HoldEntry, tenants::HoldListed);

#[derive(Default)]
pub struct HoldQuery;

#[Object]
impl HoldQuery {
    /// Why can't I …? Of a tenant, a domain (its name), a mailbox or an app password.
    async fn capabilities(&self, ctx: &Context<'_>, subject_id: ID) -> Result<Option<Capabilities>> {
        let Ok(subject) = Subject::parse(&subject_id) else { return Ok(None) };
        let explained = found(service(ctx).capabilities(actor(ctx), &subject).await)?;
        Ok(explained.map(|e| Capabilities::new(e, DateTime(service(ctx).now().0))))
    }

    /// Open holds on a tenant, on those below it and on what is theirs, in order of their ids; of all kinds when none is named.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn holds(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default)] kinds: Vec<HoldKind>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<HoldConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let kinds: Vec<control::HoldKind> = kinds.into_iter().map(Into::into).collect();
        let rows = found(service(ctx).holds(actor(ctx), tenant, &kinds, &paging.page()).await)?;
        Ok(rows.map(|rows| HoldConnection::new(&paging, rows)))
    }
}
