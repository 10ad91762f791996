//! SUMMARY    Migrations of mailboxes from other providers: begun, paused, resumed, ended.

use super::{account_id, tenant_id};
use crate::{
    cost::{MUTATION_COST, bulk_cost},
    input::{ChangeTerms, CreateTerms, DestroyTerms, ErrorPolicy},
    payload::{bulk_payload, object_payload, payload},
    query::migration::{Migration, MigrationSourceInput},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use base::JobId;
use control::{MigrationSecret, MigrationWish};
use tenants::{Error, MigrationInto, NewMigration};

#[derive(InputObject)]
pub struct MigrationStartInput {
    mailbox_id: ID,
    source: MigrationSourceInput,
    /// As one signs in there.
    user: String,
    /// Password, app password or token: kept sealed until the migration ends, and never shown.
    secret: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

/// A mailbox and its account at the other provider.
#[derive(InputObject)]
pub struct MigrationAccountInput {
    /// Its address here.
    mailbox: String,
    /// As one signs in there.
    user: String,
    secret: String,
}

#[derive(InputObject)]
pub struct MigrationStartManyInput {
    tenant_id: ID,
    source: MigrationSourceInput,
    /// At most 100.
    accounts: Vec<MigrationAccountInput>,
    error_policy: ErrorPolicy,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct MigrationPauseInput {
    migration_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct MigrationResumeInput {
    migration_id: ID,
    /// Instead of the one that it has.
    secret: Option<String>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct MigrationEndInput {
    migration_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

object_payload!(MigrationStartPayload, MigrationStartUserError, MigrationStartErrorCode, [NotFound, LimitReached], migration: Migration);
bulk_payload!(
    MigrationStartManyPayload, MigrationStartManyResult, MigrationStartManyUserError, MigrationStartManyErrorCode,
    [NotFound, LimitReached, Aborted], migration: Migration
);
object_payload!(MigrationPausePayload, MigrationPauseUserError, MigrationPauseErrorCode, [NotFound, StaleObject, InUse], migration: Migration);
object_payload!(MigrationResumePayload, MigrationResumeUserError, MigrationResumeErrorCode, [NotFound, StaleObject, InUse], migration: Migration);
object_payload!(MigrationEndPayload, MigrationEndUserError, MigrationEndErrorCode, [NotFound, StaleObject, InUse], migration: Migration);

#[derive(Default)]
pub struct MigrationMutation;

fn job(id: &ID) -> tenants::Result<JobId> {
    id.parse().map_err(|_| Error::not_found("migrationId"))
}

#[Object]
impl MigrationMutation {
    /// Begins to bring a mailbox from another provider: a first pass, then one every 15 minutes, until migrationEnd or for 30 days. The source is only read. It takes
    /// `migration:write` on the mailbox and what opening it takes; STEP_UP_REQUIRED when the last factor was verified too long ago.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn migration_start(&self, ctx: &Context<'_>, input: MigrationStartInput) -> Result<MigrationStartPayload> {
        let done = async {
            let new = NewMigration {
                into: MigrationInto::Mailbox(account_id(&input.mailbox_id)?),
                source: input.source.of(&input.user),
                secret: MigrationSecret::new(input.secret),
            };
            service(ctx).migration_start(actor(ctx), &input.terms.into(), &new).await
        };
        MigrationStartPayload::object(done.await)
    }

    /// The same for many mailboxes of a tenant, from one host. What the mail server refuses of them has the state REFUSED.
    #[graphql(complexity = "bulk_cost(input.accounts.len(), child_complexity)")]
    async fn migration_start_many(
        &self,
        ctx: &Context<'_>,
        input: MigrationStartManyInput,
    ) -> Result<MigrationStartManyPayload> {
        let (terms, policy, source) = (input.terms.into(), input.error_policy.into(), input.source);
        let accounts = input.accounts;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            let new = accounts.into_iter().map(|account| NewMigration {
                into: MigrationInto::Address(tenant, account.mailbox),
                source: source.of(&account.user),
                secret: MigrationSecret::new(account.secret),
            });
            service(ctx).migrations_start(actor(ctx), &terms, &new.collect::<Vec<_>>(), policy).await
        };
        MigrationStartManyPayload::items(done.await)
    }

    /// Stops a migration until it is resumed; what was brought stays.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn migration_pause(&self, ctx: &Context<'_>, input: MigrationPauseInput) -> Result<MigrationPausePayload> {
        let done = async {
            let job = job(&input.migration_id)?;
            service(ctx).migration_steer(actor(ctx), &input.terms.into(), job, (MigrationWish::Pause, None)).await
        };
        MigrationPausePayload::object(done.await)
    }

    /// Goes on with a migration that was paused, failed or waits: its next pass begins at once.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn migration_resume(&self, ctx: &Context<'_>, input: MigrationResumeInput) -> Result<MigrationResumePayload> {
        let secret = input.secret.map(MigrationSecret::new);
        let done = async {
            let (job, wish) = (job(&input.migration_id)?, (MigrationWish::Run, secret.as_ref()));
            service(ctx).migration_steer(actor(ctx), &input.terms.into(), job, wish).await
        };
        MigrationResumePayload::object(done.await)
    }

    /// Ends a migration for good and destroys its secret; what was brought stays. Another one goes on where it was.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn migration_end(&self, ctx: &Context<'_>, input: MigrationEndInput) -> Result<MigrationEndPayload> {
        let done = async {
            let job = job(&input.migration_id)?;
            service(ctx).migration_steer(actor(ctx), &input.terms.into(), job, (MigrationWish::End, None)).await
        };
        MigrationEndPayload::object(done.await)
    }
}
