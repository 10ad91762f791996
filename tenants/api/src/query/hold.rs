//! SUMMARY    What a subject may do now, and why not the rest.

use crate::{
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

/// What a subject may do now: what the doors are told.
#[derive(SimpleObject, Clone)]
pub struct Capabilities {
    pub subject_id: ID,
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
        Capabilities { subject_id: ID(explained.subject.to_string()), states, explanation, at }
    }
}

impl From<tenants::Because> for CapabilityReason {
    fn from(b: tenants::Because) -> Self {
        let tenants::Because { code, reason, next_step, hold } = b;
        CapabilityReason { code, reason, next_step, hold: hold.map(Into::into) }
    }
}

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
}
