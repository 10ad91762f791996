//! SUMMARY    Signing in and out, and the person who asks.

use super::{factor::FactorInput, tenant_id};
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, DestroyTerms},
    payload::{object_payload, payload},
    people::object::{Person, SessionTokens},
    types::{actor, seen, service},
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use tenants::{Applied, Done, NewSession, PersonPatch, SignIn};

/// As whom somebody signs in.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInKind {
    Person,
    /// By a mailbox's address and password: reaches that mailbox only.
    Mailbox,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SessionCreateInput {
    #[graphql(default_with = "SignInKind::Person")]
    kind: SignInKind,
    /// The person's address, or the mailbox's. Neither is needed with a passkey.
    email: Option<String>,
    password: Option<String>,
    #[graphql(flatten)]
    factor: FactorInput,
    /// What `/auth/oidc/callback` gave, alone: a sign-in at an identity provider reaches that one's tenant only.
    identity_code: Option<String>,
    /// Where the person acts; its first membership when missing. A request may name another one in the header
    /// `Posthouse-Tenant`.
    tenant_id: Option<ID>,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SessionRefreshInput {
    refresh_token: String,
}

#[derive(InputObject)]
pub struct SessionRevokeInput {
    /// All but the one that asks, when missing.
    id: Option<ID>,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct PersonUpdateInput {
    name: Option<String>,
    locale: Option<String>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct PersonSetPasswordInput {
    password: String,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    SessionCreatePayload, SessionCreateUserError, SessionCreateErrorCode, [NotFound, InvalidCredentials, FactorRequired, Taken],
    tokens: SessionTokens
);
object_payload!(SessionRefreshPayload, SessionRefreshUserError, SessionRefreshErrorCode, [], tokens: SessionTokens);
payload!(SessionRevokePayload, SessionRevokeUserError, SessionRevokeErrorCode, [NotFound], {
    /// How many ended.
    revoked: u64
});
object_payload!(PersonUpdatePayload, PersonUpdateUserError, PersonUpdateErrorCode, [NotFound, StaleObject], person: Person);
object_payload!(
    PersonSetPasswordPayload, PersonSetPasswordUserError, PersonSetPasswordErrorCode, [NotFound, StaleObject], person: Person
);

#[derive(Default)]
pub struct SessionMutation;

fn at_once<T>(result: tenants::Result<T>) -> tenants::Result<Done<T>> {
    result.map(|object| Done { object, applied: Applied::Done })
}

#[Object]
impl SessionMutation {
    /// Signs in. The same refusal for unknown names, wrong passwords and wrong factors.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn session_create(&self, ctx: &Context<'_>, input: SessionCreateInput) -> Result<SessionCreatePayload> {
        if let Some(code) = &input.identity_code {
            let done = service(ctx).session_by_identity(code, &seen(ctx)).await;
            return SessionCreatePayload::object(at_once(done));
        }
        let done = async {
            let who = match input.kind {
                SignInKind::Person => SignIn::Person,
                SignInKind::Mailbox => SignIn::Mailbox,
            };
            let tenant = input.tenant_id.as_ref().map(tenant_id).transpose()?;
            let (email, password) = (input.email.unwrap_or_default(), input.password.unwrap_or_default());
            let new = NewSession { who, email, password, factor: input.factor.given()?, tenant, seen: seen(ctx) };
            at_once(service(ctx).session_create(&new).await)
        };
        SessionCreatePayload::object(done.await)
    }

    /// The next pair of tokens. A refresh token that comes twice ends the session.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn session_refresh(&self, ctx: &Context<'_>, input: SessionRefreshInput) -> Result<SessionRefreshPayload> {
        let done = service(ctx).session_refresh(&input.refresh_token, &seen(ctx)).await;
        SessionRefreshPayload::object(at_once(done))
    }

    /// Signs out: one of the caller's sessions, or all others.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn session_revoke(&self, ctx: &Context<'_>, input: SessionRevokeInput) -> Result<SessionRevokePayload> {
        let id = input.id.as_ref().map(|id| id.as_str());
        let done = service(ctx).session_revoke(actor(ctx), &input.terms.into(), id).await;
        SessionRevokePayload::of(done, |payload, revoked| {
            payload.revoked = revoked;
            Ok(())
        })
    }

    /// Changes the person who asks.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn person_update(&self, ctx: &Context<'_>, input: PersonUpdateInput) -> Result<PersonUpdatePayload> {
        let patch = PersonPatch { name: input.name, locale: input.locale };
        PersonUpdatePayload::object(service(ctx).person_update(actor(ctx), &input.terms.into(), &patch).await)
    }

    /// Gives the person who asks another password; its other sessions end.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn person_set_password(
        &self,
        ctx: &Context<'_>,
        input: PersonSetPasswordInput,
    ) -> Result<PersonSetPasswordPayload> {
        let done = service(ctx).person_set_password(actor(ctx), &input.terms.into(), &input.password).await;
        PersonSetPasswordPayload::object(done)
    }
}
