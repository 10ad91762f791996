//! SUMMARY    Support by consent: granted by a tenant, taken up by the provider's people, ended.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    people::object::{SupportGrant, SupportScope},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use std::time::Duration;
use tenants::NewSupportGrant;

#[derive(InputObject)]
pub struct SupportGrantCreateInput {
    /// The caller's own tenant.
    tenant_id: ID,
    scope: SupportScope,
    /// What it is for, one line.
    reason: String,
    /// 72 hours at most.
    life_seconds: u32,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct SupportGrantRevokeInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct SupportGrantUseInput {
    id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    SupportGrantCreatePayload, SupportGrantCreateUserError, SupportGrantCreateErrorCode, [NotFound, FeatureOff], support_grant: SupportGrant
);
object_payload!(
    SupportGrantRevokePayload, SupportGrantRevokeUserError, SupportGrantRevokeErrorCode, [NotFound, StaleObject],
    support_grant: SupportGrant
);
object_payload!(
    SupportGrantUsePayload, SupportGrantUseUserError, SupportGrantUseErrorCode, [NotFound, StaleObject], support_grant: SupportGrant
);

#[derive(Default)]
pub struct SupportMutation;

#[Object]
impl SupportMutation {
    /// Lets the provider's people in, for a time.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn support_grant_create(
        &self,
        ctx: &Context<'_>,
        input: SupportGrantCreateInput,
    ) -> Result<SupportGrantCreatePayload> {
        let done = async {
            let (tenant, life) = (tenant_id(&input.tenant_id)?, Duration::from_secs(input.life_seconds.into()));
            let new = NewSupportGrant { tenant, scope: input.scope.into(), reason: input.reason, life };
            service(ctx).support_grant_create(actor(ctx), &input.terms.into(), &new).await
        };
        SupportGrantCreatePayload::object(done.await)
    }

    /// Ends it at once.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn support_grant_revoke(
        &self,
        ctx: &Context<'_>,
        input: SupportGrantRevokeInput,
    ) -> Result<SupportGrantRevokePayload> {
        let done = service(ctx).support_grant_revoke(actor(ctx), &input.terms.into(), &input.id).await;
        SupportGrantRevokePayload::object(done)
    }

    /// One of the provider's people takes a grant up; the tenant's audit log says so.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn support_grant_use(
        &self,
        ctx: &Context<'_>,
        input: SupportGrantUseInput,
    ) -> Result<SupportGrantUsePayload> {
        let done = service(ctx).support_grant_use(actor(ctx), &input.terms.into(), &input.id).await;
        SupportGrantUsePayload::object(done)
    }
}
