//! SUMMARY    The audit log as a file.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::CreateTerms,
    payload::{object_payload, payload},
    query::{audit::AuditFilterInput, job::Job},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};

#[derive(InputObject)]
pub struct AuditExportInput {
    tenant_id: ID,
    filter: Option<AuditFilterInput>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

object_payload!(AuditExportPayload, AuditExportUserError, AuditExportErrorCode, [NotFound, LimitReached], job: Job);

#[derive(Default)]
pub struct AuditMutation;

#[Object]
impl AuditMutation {
    /// Makes a file of a tenant's audit log: JSON Lines, oldest first, with the hashes of the chain; the last line is its head. When
    /// the job is done, GET /jobs/{id}/file with the same Authorization gives it, for 7 days. Result: `entries`, `headHash`.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn audit_export(&self, ctx: &Context<'_>, input: AuditExportInput) -> Result<AuditExportPayload> {
        let placed = async {
            let (tenant, filter) = (tenant_id(&input.tenant_id)?, input.filter.unwrap_or_default().into());
            service(ctx).audit_export(actor(ctx), &input.terms.into(), tenant, &filter).await
        };
        AuditExportPayload::object(placed.await)
    }
}
