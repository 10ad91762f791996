//! SUMMARY    Identity providers of a tenant, and links of people to them.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::{object_payload, payload},
    people::object::IdentityProvider,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{IdentityProviderPatch, NewIdentityProvider};

#[derive(InputObject)]
pub struct IdentityProviderCreateInput {
    tenant_id: ID,
    name: String,
    /// As `https://login.example.org`; it is asked for its configuration.
    issuer: String,
    client_id: String,
    /// Never shown again.
    client_secret: String,
    /// Domains of the tenant whose people become members by signing in with a verified address.
    domains: Vec<String>,
    /// The role that they get; not `owner`.
    role: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct IdentityProviderUpdateInput {
    id: ID,
    name: Option<String>,
    client_id: Option<String>,
    /// A new one; missing or empty leaves the one that is kept.
    client_secret: Option<String>,
    domains: Option<Vec<String>>,
    role: Option<String>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct IdentityProviderDeleteInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct IdentityLinkInput {
    /// What `/auth/oidc/callback` gave.
    code: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct IdentityUnlinkInput {
    provider_id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

object_payload!(
    IdentityProviderCreatePayload, IdentityProviderCreateUserError, IdentityProviderCreateErrorCode, [NotFound, LimitReached],
    identity_provider: IdentityProvider
);
object_payload!(
    IdentityProviderUpdatePayload, IdentityProviderUpdateUserError, IdentityProviderUpdateErrorCode, [NotFound, StaleObject],
    identity_provider: IdentityProvider
);
payload!(
    IdentityProviderDeletePayload, IdentityProviderDeleteUserError, IdentityProviderDeleteErrorCode, [NotFound, StaleObject],
    { done: bool }
);
payload!(IdentityLinkPayload, IdentityLinkUserError, IdentityLinkErrorCode, [NotFound, InvalidCredentials, Taken], { done: bool });
payload!(IdentityUnlinkPayload, IdentityUnlinkUserError, IdentityUnlinkErrorCode, [NotFound], { done: bool });

#[derive(Default)]
pub struct IdentityMutation;

#[Object]
impl IdentityMutation {
    /// Lets people of a tenant sign in at an OpenID Connect provider.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn identity_provider_create(
        &self,
        ctx: &Context<'_>,
        input: IdentityProviderCreateInput,
    ) -> Result<IdentityProviderCreatePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            let IdentityProviderCreateInput { name, issuer, client_id, client_secret, domains, role, terms, .. } =
                input;
            let new = NewIdentityProvider { tenant, name, issuer, client_id, client_secret, domains, role };
            service(ctx).identity_provider_create(actor(ctx), &terms.into(), &new).await
        };
        IdentityProviderCreatePayload::object(done.await)
    }

    /// Changes all of it but the issuer, whose accounts people are linked to.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn identity_provider_update(
        &self,
        ctx: &Context<'_>,
        input: IdentityProviderUpdateInput,
    ) -> Result<IdentityProviderUpdatePayload> {
        let IdentityProviderUpdateInput { id, name, client_id, client_secret, domains, role, terms } = input;
        let patch = IdentityProviderPatch { name, client_id, client_secret, domains, role };
        let done = service(ctx).identity_provider_update(actor(ctx), &terms.into(), &id, &patch).await;
        IdentityProviderUpdatePayload::object(done)
    }

    /// Takes it away, with the links to it and the sessions that it opened.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn identity_provider_delete(
        &self,
        ctx: &Context<'_>,
        input: IdentityProviderDeleteInput,
    ) -> Result<IdentityProviderDeletePayload> {
        let done = service(ctx).identity_provider_delete(actor(ctx), &input.terms.into(), &input.id).await;
        IdentityProviderDeletePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Links an account at a provider to the person who asks.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn identity_link(&self, ctx: &Context<'_>, input: IdentityLinkInput) -> Result<IdentityLinkPayload> {
        let done = service(ctx).identity_link(actor(ctx), &input.terms.into(), &input.code).await;
        IdentityLinkPayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Takes the links of the person who asks to a provider away.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn identity_unlink(&self, ctx: &Context<'_>, input: IdentityUnlinkInput) -> Result<IdentityUnlinkPayload> {
        let done = service(ctx).identity_unlink(actor(ctx), &input.terms.into(), &input.provider_id).await;
        IdentityUnlinkPayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }
}
