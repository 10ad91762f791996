//! SUMMARY    Tenants: made, limited, suspended, resumed.

use super::{tenant_id, wanted};
use crate::{
    cost::MUTATION_COST,
    input::{TenantCreateInput, TenantResumeInput, TenantSuspendInput, TenantUpdateInput},
    payload::{TenantCreatePayload, TenantResumePayload, TenantSuspendPayload, TenantUpdatePayload},
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::{Limits, NewTenant, TenantPatch};

#[derive(Default)]
pub struct TenantMutation;

#[Object]
impl TenantMutation {
    /// Makes a customer: a tenant below the token's own, and a token for its owner.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_create(&self, ctx: &Context<'_>, input: TenantCreateInput) -> Result<TenantCreatePayload> {
        let made = async {
            let new = NewTenant {
                parent: input.parent_id.as_ref().map(tenant_id).transpose()?,
                name: input.name,
                limits: Limits {
                    max_domains: input.max_domains,
                    max_mailboxes: input.max_mailboxes,
                    storage_bytes_max: input.storage_bytes_max.map(|b| b.0),
                    messages_per_hour_max: input.messages_per_hour_max,
                    recipients_per_day_max: input.recipients_per_day_max,
                    new_recipients_per_day_max: input.new_recipients_per_day_max,
                    storage_grace_bytes: input.storage_grace_bytes.map_or(0, |b| b.0),
                },
                domain: input.domain,
                vouch: input.vouch,
                owner: input.owner_mailbox.map(TryInto::try_into).transpose()?,
                owner_email: input.owner_email,
            };
            service(ctx).tenant_create(actor(ctx), &input.terms.into(), &new).await
        };
        TenantCreatePayload::of(made.await, |payload, made| {
            payload.tenant = Some(made.tenant.into());
            payload.token = made.token;
            payload.invitation_secret = made.invitation;
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_update(&self, ctx: &Context<'_>, input: TenantUpdateInput) -> Result<TenantUpdatePayload> {
        let patch = TenantPatch {
            max_domains: wanted(input.max_domains),
            max_mailboxes: wanted(input.max_mailboxes),
            storage_bytes_max: wanted(input.storage_bytes_max).map(|bytes| bytes.map(|b| b.0)),
            messages_per_hour_max: wanted(input.messages_per_hour_max),
            recipients_per_day_max: wanted(input.recipients_per_day_max),
            new_recipients_per_day_max: wanted(input.new_recipients_per_day_max),
            storage_grace_bytes: input.storage_grace_bytes.map(|b| b.0),
            name: input.name,
        };
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).tenant_update(actor(ctx), &input.terms.into(), tenant, &patch).await
        };
        TenantUpdatePayload::object(done.await)
    }

    /// Closes every door to the users of a tenant, and of every tenant below it, until it is resumed.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_suspend(&self, ctx: &Context<'_>, input: TenantSuspendInput) -> Result<TenantSuspendPayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).tenant_hold(actor(ctx), &input.terms.into(), tenant, Some(&input.reason)).await
        };
        TenantSuspendPayload::object(done.await)
    }

    /// Ends the suspension that the token's tenant, or one below it, placed. FORBIDDEN when only a tenant above placed one.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_resume(&self, ctx: &Context<'_>, input: TenantResumeInput) -> Result<TenantResumePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).tenant_hold(actor(ctx), &input.terms.into(), tenant, None).await
        };
        TenantResumePayload::object(done.await)
    }
}
