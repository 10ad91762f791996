//! SUMMARY    Service accounts: programs with a role.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    people::object::{GrantScopeInput, ServiceAccount, selector},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::NewServiceAccount;

#[derive(InputObject)]
pub struct ServiceAccountCreateInput {
    tenant_id: ID,
    name: String,
    /// A standard role's name, or the id of one of the tenant's own; not `owner`.
    role: String,
    on: Option<GrantScopeInput>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct ServiceAccountUpdateInput {
    id: ID,
    role: String,
    on: Option<GrantScopeInput>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct ServiceAccountDeleteInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

object_payload!(
    ServiceAccountCreatePayload, ServiceAccountCreateUserError, ServiceAccountCreateErrorCode, [NotFound, Taken],
    service_account: ServiceAccount
);
object_payload!(
    ServiceAccountUpdatePayload, ServiceAccountUpdateUserError, ServiceAccountUpdateErrorCode, [NotFound, StaleObject],
    service_account: ServiceAccount
);
payload!(
    ServiceAccountDeletePayload, ServiceAccountDeleteUserError, ServiceAccountDeleteErrorCode, [NotFound, StaleObject], { done: bool }
);

#[derive(Default)]
pub struct ServiceAccountMutation;

#[Object]
impl ServiceAccountMutation {
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn service_account_create(
        &self,
        ctx: &Context<'_>,
        input: ServiceAccountCreateInput,
    ) -> Result<ServiceAccountCreatePayload> {
        let done = async {
            let (tenant, on) = (tenant_id(&input.tenant_id)?, selector(input.on)?);
            let new = NewServiceAccount { tenant, name: input.name, role: input.role, on };
            service(ctx).service_account_create(actor(ctx), &input.terms.into(), &new).await
        };
        ServiceAccountCreatePayload::object(done.await)
    }

    /// Gives it another role and objects; its tokens have those at once.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn service_account_update(
        &self,
        ctx: &Context<'_>,
        input: ServiceAccountUpdateInput,
    ) -> Result<ServiceAccountUpdatePayload> {
        let done = async {
            let (on, terms) = (selector(input.on)?, input.terms.into());
            service(ctx).service_account_update(actor(ctx), &terms, &input.id, &input.role, &on).await
        };
        ServiceAccountUpdatePayload::object(done.await)
    }

    /// Ends it and its tokens.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn service_account_delete(
        &self,
        ctx: &Context<'_>,
        input: ServiceAccountDeleteInput,
    ) -> Result<ServiceAccountDeletePayload> {
        let done = service(ctx).service_account_delete(actor(ctx), &input.terms.into(), &input.id).await;
        ServiceAccountDeletePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }
}
