//! SUMMARY    Mailboxes from a file: asked for as a job; the passwords that it made are shown once.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{CreateTerms, DestroyTerms, ErrorPolicy},
    payload::{object_payload, payload},
    query::job::Job,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::NewImport;

#[derive(InputObject)]
pub struct MailboxImportInput {
    tenant_id: ID,
    /// A CSV text (RFC 4180), at most 4 MiB and 10,000 rows; its first line names the columns. `address` must be there;
    /// `name`, `password`, `passwordHash`, `generate` (yes: a password is made), `quota` (bytes, or with K, M, G, T), `kind`
    /// (person, shared, resource, service), `aliases` (several with a semicolon between), `sendPerHour`, `sendPerDay`,
    /// `newRecipientsPerDay` may be.
    csv: String,
    /// Every row is tried, none is made.
    #[graphql(default)]
    check_only: bool,
    /// ALL_OR_NOTHING: every row is tried first, and none is made when one is refused.
    error_policy: ErrorPolicy,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct MailboxImportPasswordsInput {
    job_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

object_payload!(MailboxImportPayload, MailboxImportUserError, MailboxImportErrorCode, [NotFound, LimitReached, FeatureOff], job: Job);

payload!(MailboxImportPasswordsPayload, MailboxImportPasswordsUserError, MailboxImportPasswordsErrorCode, [NotFound, InUse], {
    /// A CSV text: address, password. Keep it: it is shown again only to the same request with the same key. null in a dry run.
    csv: Option<String>
});

#[derive(Default)]
pub struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Makes mailboxes, with aliases and passwords, from a CSV text. The columns and the size are checked at once, the rows
    /// are made by the job. Result: `made`, `refused`, and `would`, the rows that were tried and would be made;
    /// `mailboxImportResult` tells of each row.
    #[graphql(complexity = "MUTATION_COST * 10 + child_complexity")]
    async fn mailbox_import(&self, ctx: &Context<'_>, input: MailboxImportInput) -> Result<MailboxImportPayload> {
        let MailboxImportInput { tenant_id: tenant, csv, check_only, error_policy, terms } = input;
        let placed = async {
            let new = NewImport { tenant: tenant_id(&tenant)?, csv, check_only, policy: error_policy.into() };
            service(ctx).mailbox_import(actor(ctx), &terms.into(), &new).await
        };
        MailboxImportPayload::object(placed.await)
    }

    /// Shows the passwords that an import made, once. IN_USE while it goes on.
    #[graphql(complexity = "MUTATION_COST * 10 + child_complexity")]
    async fn mailbox_import_passwords(
        &self,
        ctx: &Context<'_>,
        input: MailboxImportPasswordsInput,
    ) -> Result<MailboxImportPasswordsPayload> {
        let shown = service(ctx).mailbox_import_passwords(actor(ctx), &input.terms.into(), &input.job_id).await;
        MailboxImportPasswordsPayload::of(shown, |payload, csv| {
            payload.csv = csv;
            Ok(())
        })
    }
}
