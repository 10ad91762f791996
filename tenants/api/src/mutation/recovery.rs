//! SUMMARY    Bringing expunged mail back, and for how many days it can be.

use super::{account_id, tenant_id};
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms},
    payload::{object_payload, payload},
    query::recovery::{id_of, place_of},
    types::{Tenant, actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use control::{ExpungedPlace, ExpungedRestored};
use tenants::Error;

#[derive(InputObject)]
pub struct EmailsRecoverInput {
    mailbox_id: ID,
    /// 1 to 100 of `recoverableEmails`.
    email_ids: Vec<ID>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct EmailRecoverySetInput {
    tenant_id: ID,
    /// 0 to 90 days from the deletion on, 0: nothing is kept; null: as the tenant above has it.
    days: Option<u32>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

/// What came back.
#[derive(SimpleObject)]
pub struct RecoveredEmails {
    pub recovered_ids: Vec<ID>,
    /// Brought back before, or kept no more.
    pub gone_ids: Vec<ID>,
    /// Why the rest was left: the mailbox is full, or stores nothing now; null: there is no rest.
    pub stopped: Option<String>,
}

impl From<ExpungedRestored> for RecoveredEmails {
    fn from(done: ExpungedRestored) -> Self {
        let ids = |places: Vec<ExpungedPlace>| places.into_iter().map(|place| ID(id_of(place))).collect();
        RecoveredEmails {
            recovered_ids: ids(done.restored),
            gone_ids: ids(done.gone),
            stopped: (!done.stopped.is_empty()).then_some(done.stopped),
        }
    }
}

object_payload!(EmailsRecoverPayload, EmailsRecoverUserError, EmailsRecoverErrorCode, [NotFound], recovered: RecoveredEmails);
object_payload!(EmailRecoverySetPayload, EmailRecoverySetUserError, EmailRecoverySetErrorCode, [NotFound, StaleObject], tenant: Tenant);

#[derive(Default)]
pub struct RecoveryMutation;

#[Object]
impl RecoveryMutation {
    /// Brings emails back that were deleted for good, each into the mailbox that it left or the inbox, with its date and flags. What is done
    /// is done, also where it stops on the way.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn emails_recover(&self, ctx: &Context<'_>, input: EmailsRecoverInput) -> Result<EmailsRecoverPayload> {
        let done = async {
            let account = account_id(&input.mailbox_id)?;
            let places: Option<Vec<ExpungedPlace>> = input.email_ids.iter().map(|id| place_of(id)).collect();
            let places = places.ok_or_else(|| Error::not_found("emailIds"))?;
            service(ctx).emails_recover(actor(ctx), &input.terms.into(), account, &places).await
        };
        EmailsRecoverPayload::object(done.await)
    }

    /// Says for how many days a tenant's mail can be brought back after it was deleted for good. Fewer days forget what is older.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn email_recovery_set(
        &self,
        ctx: &Context<'_>,
        input: EmailRecoverySetInput,
    ) -> Result<EmailRecoverySetPayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).email_recovery_set(actor(ctx), &input.terms.into(), tenant, input.days).await
        };
        EmailRecoverySetPayload::object(done.await)
    }
}
