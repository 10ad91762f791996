//! SUMMARY    Signups as whoever sells works on them: settings, invite codes, the risk queue.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    query::signup::{SignupEntry, SignupInvite, SignupSettings},
    scalar::DateTime,
    signup::SignupMode,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{NewSignupInvite, SignupSettingsPatch};

#[derive(InputObject)]
pub struct SignupSettingsUpdateInput {
    /// Who sells.
    tenant_id: ID,
    mode: Option<SignupMode>,
    /// Keys or ids of the plans that are offered, the first one first.
    plans: Option<Vec<String>>,
    /// Domains that give free addresses: proven, and shared by the seller.
    domains: Option<Vec<String>>,
    /// Signups in a day.
    per_day_max: Option<i64>,
    /// Risk from which on somebody is to look.
    review_score: Option<i64>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct SignupInviteCreateInput {
    /// Who sells.
    tenant_id: ID,
    #[graphql(default)]
    note: String,
    #[graphql(default = 1)]
    uses: u32,
    expires_at: Option<DateTime>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct SignupInviteRevokeInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct SignupApproveInput {
    id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct SignupRefuseInput {
    id: ID,
    /// One line; shown to the tenant, if it is there already.
    reason: String,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

object_payload!(
    SignupSettingsUpdatePayload, SignupSettingsUpdateUserError, SignupSettingsUpdateErrorCode,
    [NotFound, StaleObject, LimitReached], settings: SignupSettings
);
object_payload!(
    SignupInviteCreatePayload, SignupInviteCreateUserError, SignupInviteCreateErrorCode, [NotFound, LimitReached],
    invite: SignupInvite
);
payload!(SignupInviteRevokePayload, SignupInviteRevokeUserError, SignupInviteRevokeErrorCode, [NotFound], { done: bool });
object_payload!(
    SignupApprovePayload, SignupApproveUserError, SignupApproveErrorCode, [NotFound, StaleObject], signup: SignupEntry
);
object_payload!(
    SignupRefusePayload, SignupRefuseUserError, SignupRefuseErrorCode, [NotFound, StaleObject, LimitReached],
    signup: SignupEntry
);

#[derive(Default)]
pub struct SignupDeskMutation;

#[Object]
impl SignupDeskMutation {
    /// Changes how a seller takes strangers.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_settings_update(
        &self,
        ctx: &Context<'_>,
        input: SignupSettingsUpdateInput,
    ) -> Result<SignupSettingsUpdatePayload> {
        let SignupSettingsUpdateInput { tenant_id: seller, mode, plans, domains, per_day_max, review_score, terms } =
            input;
        let done = async {
            let patch = SignupSettingsPatch { mode: mode.map(Into::into), plans, domains, per_day_max, review_score };
            service(ctx).signup_settings_update(actor(ctx), &terms.into(), tenant_id(&seller)?, &patch).await
        };
        SignupSettingsUpdatePayload::object(done.await)
    }

    /// Makes a code that is good for so many signups.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_invite_create(
        &self,
        ctx: &Context<'_>,
        input: SignupInviteCreateInput,
    ) -> Result<SignupInviteCreatePayload> {
        let SignupInviteCreateInput { tenant_id: seller, note, uses, expires_at, terms } = input;
        let done = async {
            let expires_at_ms = expires_at.map(|at| at.0);
            let new = NewSignupInvite { seller: tenant_id(&seller)?, note, uses, expires_at_ms };
            service(ctx).signup_invite_create(actor(ctx), &terms.into(), &new).await
        };
        SignupInviteCreatePayload::object(done.await)
    }

    /// Takes a code back. Signups that began with it go on.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_invite_revoke(
        &self,
        ctx: &Context<'_>,
        input: SignupInviteRevokeInput,
    ) -> Result<SignupInviteRevokePayload> {
        let done = service(ctx).signup_invite_revoke(actor(ctx), &input.terms.into(), &input.id).await;
        SignupInviteRevokePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Lets a signup through: its tenant is let up as others are.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_approve(&self, ctx: &Context<'_>, input: SignupApproveInput) -> Result<SignupApprovePayload> {
        SignupApprovePayload::object(service(ctx).signup_approve(actor(ctx), &input.terms.into(), &input.id).await)
    }

    /// Refuses a signup: it ends, and what was paid goes back; a tenant that is there gets a hold of abuse.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_refuse(&self, ctx: &Context<'_>, input: SignupRefuseInput) -> Result<SignupRefusePayload> {
        let SignupRefuseInput { id, reason, terms } = input;
        SignupRefusePayload::object(service(ctx).signup_refuse(actor(ctx), &terms.into(), &id, &reason).await)
    }
}
