//! SUMMARY    Jobs: cancelled, paused, resumed; sending everything to the data plane again.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    query::job::Job,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::Steer;

#[derive(InputObject)]
pub struct JobCancelInput {
    job_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct JobPauseInput {
    job_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct JobResumeInput {
    job_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct TenantResendInput {
    tenant_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

object_payload!(JobCancelPayload, JobCancelUserError, JobCancelErrorCode, [NotFound, StaleObject], job: Job);
object_payload!(JobPausePayload, JobPauseUserError, JobPauseErrorCode, [NotFound, StaleObject], job: Job);
object_payload!(JobResumePayload, JobResumeUserError, JobResumeErrorCode, [NotFound, StaleObject], job: Job);
object_payload!(TenantResendPayload, TenantResendUserError, TenantResendErrorCode, [NotFound, LimitReached], job: Job);

#[derive(Default)]
pub struct JobMutation;

#[Object]
impl JobMutation {
    /// Ends a job; what it has done stays. INVALID once it is done or cancelled.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn job_cancel(&self, ctx: &Context<'_>, input: JobCancelInput) -> Result<JobCancelPayload> {
        let done = service(ctx).job_steer(actor(ctx), &input.terms.into(), &input.job_id, Steer::Cancel).await;
        JobCancelPayload::object(done)
    }

    /// Stops a job until it is resumed. INVALID once it has ended.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn job_pause(&self, ctx: &Context<'_>, input: JobPauseInput) -> Result<JobPausePayload> {
        let done = service(ctx).job_steer(actor(ctx), &input.terms.into(), &input.job_id, Steer::Pause).await;
        JobPausePayload::object(done)
    }

    /// Goes on with a job that was paused, or that failed, where it stands.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn job_resume(&self, ctx: &Context<'_>, input: JobResumeInput) -> Result<JobResumePayload> {
        let done = service(ctx).job_steer(actor(ctx), &input.terms.into(), &input.job_id, Steer::Resume).await;
        JobResumePayload::object(done)
    }

    /// Sends all that a tenant, and those below it, have to the data plane again: after that was restored from a backup.
    /// Operators only. Result: `tenants`, `snapshots`.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_resend(&self, ctx: &Context<'_>, input: TenantResendInput) -> Result<TenantResendPayload> {
        let placed = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).tenant_resend(actor(ctx), &input.terms.into(), tenant).await
        };
        TenantResendPayload::object(placed.await)
    }
}
