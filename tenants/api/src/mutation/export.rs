//! SUMMARY    Exports asked for, steered, destroyed; links to their files.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms, MoneyTerms},
    payload::{object_payload, payload},
    query::export::{Export, ExportLink, ExportShape},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use base::JobId;
use control::ExportWish;
use std::time::Duration;
use tenants::{Error, NewExport, NewExportLink, Terms};

/// How long the files can be fetched, where nothing is said.
const KEEP_DAYS: u32 = 7;
/// The same of a link.
const LINK_HOURS: u32 = 24;

#[derive(InputObject)]
pub struct ExportRequestInput {
    tenant_id: ID,
    /// Up to 100; null: all mailboxes of the tenant, which takes its owner.
    mailbox_ids: Option<Vec<ID>>,
    #[graphql(default)]
    shape: ExportShape,
    /// How long the files can be fetched once they are ready: 1 to 90 days, 7 when nothing is said.
    keep_days: Option<u32>,
    /// One line, for the audit log.
    #[graphql(default)]
    reason: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct ExportPauseInput {
    export_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct ExportResumeInput {
    export_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct ExportCancelInput {
    export_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct ExportLinkCreateInput {
    export_id: ID,
    /// How long it is good: 1 to 168 hours, 24 when nothing is said.
    hours: Option<u32>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct ExportLinkRevokeInput {
    link_id: ID,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

object_payload!(ExportRequestPayload, ExportRequestUserError, ExportRequestErrorCode, [NotFound, LimitReached], export: Export);
object_payload!(ExportPausePayload, ExportPauseUserError, ExportPauseErrorCode, [NotFound, StaleObject, InUse], export: Export);
object_payload!(ExportResumePayload, ExportResumeUserError, ExportResumeErrorCode, [NotFound, StaleObject, InUse], export: Export);
object_payload!(ExportCancelPayload, ExportCancelUserError, ExportCancelErrorCode, [NotFound, StaleObject, InUse], export: Export);
object_payload!(ExportLinkCreatePayload, ExportLinkCreateUserError, ExportLinkCreateErrorCode, [NotFound, LimitReached], link: ExportLink);
object_payload!(ExportLinkRevokePayload, ExportLinkRevokeUserError, ExportLinkRevokeErrorCode, [NotFound], link: ExportLink);

#[derive(Default)]
pub struct ExportMutation;

fn job(id: &ID) -> tenants::Result<JobId> {
    id.parse().map_err(|_| Error::not_found("exportId"))
}

async fn steer(ctx: &Context<'_>, id: &ID, terms: Terms, wish: ExportWish) -> tenants::Result<tenants::Done<Export>> {
    let done = service(ctx).export_steer(actor(ctx), &terms, job(id)?, wish).await?;
    Ok(done.map(|export| Export::at(export, service(ctx).now())))
}

#[Object]
impl ExportMutation {
    /// Asks for an export. STEP_UP_REQUIRED when the last factor was verified too long ago. Where the tenant has other owners, and it is not the
    /// caller's own mailbox, they are told and it begins 48 hours later. It may be asked for while the tenant is suspended or closing.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_request(&self, ctx: &Context<'_>, input: ExportRequestInput) -> Result<ExportRequestPayload> {
        let done = async {
            let ids = input.mailbox_ids.as_deref();
            if ids.is_some_and(<[ID]>::is_empty) {
                let message = "Name mailboxes, or give null for all of the tenant";
                return Err(Error::new(tenants::Code::Invalid, "mailboxIds", message));
            }
            let mailboxes =
                ids.unwrap_or_default().iter().map(|id| id.parse().map_err(|_| Error::not_found("mailboxIds")));
            let new = NewExport {
                tenant: tenant_id(&input.tenant_id)?,
                mailboxes: mailboxes.collect::<tenants::Result<_>>()?,
                shape: input.shape.into(),
                keep_days: input.keep_days.unwrap_or(KEEP_DAYS),
                reason: input.reason.clone(),
            };
            let done = service(ctx).export_request(actor(ctx), &input.terms.into(), &new).await?;
            Ok(done.map(|export| Export::at(export, service(ctx).now())))
        };
        ExportRequestPayload::object(done.await)
    }

    /// Stops an export until it is resumed; what was made stays.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_pause(&self, ctx: &Context<'_>, input: ExportPauseInput) -> Result<ExportPausePayload> {
        ExportPausePayload::object(steer(ctx, &input.export_id, input.terms.into(), ExportWish::Pause).await)
    }

    /// Goes on with an export that was paused, or that failed, where it stands.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_resume(&self, ctx: &Context<'_>, input: ExportResumeInput) -> Result<ExportResumePayload> {
        ExportResumePayload::object(steer(ctx, &input.export_id, input.terms.into(), ExportWish::Run).await)
    }

    /// Destroys an export at once, also one that is ready: nothing of it can be read again, by no link.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_cancel(&self, ctx: &Context<'_>, input: ExportCancelInput) -> Result<ExportCancelPayload> {
        ExportCancelPayload::object(steer(ctx, &input.export_id, input.terms.into(), ExportWish::Cancel).await)
    }

    /// Makes a link to the files of an export that is ready: who has it needs nothing else. It takes what asking for the export takes, and
    /// STEP_UP_REQUIRED when the last factor was verified too long ago. Files are given by HTTP with ranges and ETags.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_link_create(
        &self,
        ctx: &Context<'_>,
        input: ExportLinkCreateInput,
    ) -> Result<ExportLinkCreatePayload> {
        let done = async {
            let life = Duration::from_secs(u64::from(input.hours.unwrap_or(LINK_HOURS)) * 3_600);
            let new = NewExportLink { export: job(&input.export_id)?, life };
            let done = service(ctx).export_link_create(actor(ctx), &input.terms.into(), &new).await?;
            Ok(done.map(|link| ExportLink::new(link, service(ctx).portal_origin())))
        };
        ExportLinkCreatePayload::object(done.await)
    }

    /// Ends a link; who is fetching by it is cut off.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn export_link_revoke(
        &self,
        ctx: &Context<'_>,
        input: ExportLinkRevokeInput,
    ) -> Result<ExportLinkRevokePayload> {
        let done = service(ctx).export_link_revoke(actor(ctx), &input.terms.into(), &input.link_id).await;
        ExportLinkRevokePayload::object(done.map(|done| done.map(|link| ExportLink::new(link, None))))
    }
}
