//! SUMMARY    Feature flags: the operator switches a feature for a tenant and all below it, and takes that back.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::ChangeTerms,
    payload::{object_payload, payload},
    query::feature::{Feature, FeatureFlag},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};

#[derive(InputObject)]
pub struct FeatureFlagSetInput {
    tenant_id: ID,
    feature: Feature,
    enabled: bool,
    /// One line, shown to whoever is refused.
    reason: String,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct FeatureFlagClearInput {
    tenant_id: ID,
    feature: Feature,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    FeatureFlagSetPayload, FeatureFlagSetUserError, FeatureFlagSetErrorCode, [NotFound, StaleObject],
    feature_flag: FeatureFlag
);
object_payload!(
    FeatureFlagClearPayload, FeatureFlagClearUserError, FeatureFlagClearErrorCode, [NotFound, StaleObject],
    feature_flag: FeatureFlag
);

#[derive(Default)]
pub struct FeatureMutation;

#[Object]
impl FeatureMutation {
    /// Switches a feature off, or on again, for a tenant and all below it that say nothing else. The operator's.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn feature_flag_set(&self, ctx: &Context<'_>, input: FeatureFlagSetInput) -> Result<FeatureFlagSetPayload> {
        let FeatureFlagSetInput { tenant_id: of, feature, enabled, reason, terms } = input;
        let done = async {
            let what = (tenant_id(&of)?, feature.into());
            service(ctx).feature_flag_set(actor(ctx), &terms.into(), what, enabled, &reason).await
        };
        FeatureFlagSetPayload::object(done.await)
    }

    /// Takes a tenant's own setting away: what stands above counts again.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn feature_flag_clear(
        &self,
        ctx: &Context<'_>,
        input: FeatureFlagClearInput,
    ) -> Result<FeatureFlagClearPayload> {
        let FeatureFlagClearInput { tenant_id: of, feature, terms } = input;
        let done = async {
            let what = (tenant_id(&of)?, feature.into());
            service(ctx).feature_flag_clear(actor(ctx), &terms.into(), what).await
        };
        FeatureFlagClearPayload::object(done.await)
    }
}
