//! SUMMARY    Feature flags: what is switched off for a tenant, where that is set, and why.

use crate::{
    failure::found,
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

/// What can be switched off. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Feature")]
pub enum Feature {
    /// Strangers become customers of the tenant.
    Signup,
    /// Mailboxes from a file.
    MailboxImport,
    /// New webhooks.
    Webhooks,
    /// New API tokens.
    ApiTokens,
    /// New masked addresses.
    MaskedAddresses,
    /// Letting the provider's people in.
    SupportAccess,
}

/// How a feature stands for a tenant. What was made before it was switched off stays.
#[derive(SimpleObject)]
pub struct FeatureFlag {
    pub feature: Feature,
    pub enabled: bool,
    /// The tenant whose setting counts: itself, or one above; null where nothing is set.
    pub set_on_id: Option<ID>,
    /// Why; empty where nothing is set.
    pub reason: String,
    pub set_at: Option<DateTime>,
    /// Of the tenant's own setting; 0 where it has none.
    pub version: i64,
}

impl From<tenants::FeatureFlag> for FeatureFlag {
    fn from(f: tenants::FeatureFlag) -> Self {
        let tenants::FeatureFlag { feature, enabled, set_on, reason, set_at_ms, version } = f;
        let (feature, set_on_id) = (feature.into(), set_on.map(|t| ID(t.to_string())));
        FeatureFlag { feature, enabled, set_on_id, reason, set_at: set_at_ms.map(DateTime), version }
    }
}

#[derive(Default)]
pub struct FeatureQuery;

#[Object]
impl FeatureQuery {
    /// Every feature as it stands for a tenant.
    async fn feature_flags(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<Vec<FeatureFlag>>> {
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let flags = found(service(ctx).feature_flags(actor(ctx), tenant).await)?;
        Ok(flags.map(|flags| flags.into_iter().map(FeatureFlag::from).collect()))
    }
}
