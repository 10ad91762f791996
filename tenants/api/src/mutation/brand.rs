//! SUMMARY    Brands are set, and tenants are let have one.

use super::{tenant_id, wanted};
use crate::{
    brand::{BrandScheme, Branding},
    cost::MUTATION_COST,
    input::{ChangeTerms, DestroyTerms},
    payload::{object_payload, payload},
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use tenants::BrandPatch;

#[derive(InputObject)]
pub struct BrandingUpdateInput {
    tenant_id: ID,
    /// What stands in the bar of every page; empty: no brand of its own, and the one above is shown.
    name: Option<String>,
    /// `#1f5f8b`; null: the product's own.
    accent_light: MaybeUndefined<String>,
    accent_dark: MaybeUndefined<String>,
    support_email: MaybeUndefined<String>,
    /// https:// only, as the next two.
    support_url: MaybeUndefined<String>,
    terms_url: MaybeUndefined<String>,
    privacy_url: MaybeUndefined<String>,
    /// All of them: each is, or is below, a domain that the tenant has proven.
    hosts: Option<Vec<String>>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct BrandingLogoSetInput {
    tenant_id: ID,
    #[graphql(default_with = "BrandScheme::Light")]
    scheme: BrandScheme,
    /// A PNG, JPEG or WebP picture, in base64.
    data: String,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct BrandingLogoRemoveInput {
    tenant_id: ID,
    #[graphql(default_with = "BrandScheme::Light")]
    scheme: BrandScheme,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct BrandingAllowInput {
    tenant_id: ID,
    allowed: bool,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    BrandingUpdatePayload, BrandingUpdateUserError, BrandingUpdateErrorCode,
    [NotFound, StaleObject, LimitReached, Taken, LowContrast], branding: Branding
);
object_payload!(
    BrandingLogoSetPayload, BrandingLogoSetUserError, BrandingLogoSetErrorCode, [NotFound, StaleObject, LimitReached],
    branding: Branding
);
object_payload!(
    BrandingLogoRemovePayload, BrandingLogoRemoveUserError, BrandingLogoRemoveErrorCode, [NotFound, StaleObject],
    branding: Branding
);
object_payload!(
    BrandingAllowPayload, BrandingAllowUserError, BrandingAllowErrorCode, [NotFound, StaleObject], branding: Branding
);

#[derive(Default)]
pub struct BrandMutation;

#[Object]
impl BrandMutation {
    /// Changes a tenant's brand. LOW_CONTRAST says the ratio, the one that is needed and the nearest colour that has it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn branding_update(&self, ctx: &Context<'_>, input: BrandingUpdateInput) -> Result<BrandingUpdatePayload> {
        let done = async {
            let patch = BrandPatch {
                name: input.name,
                accent_light: wanted(input.accent_light),
                accent_dark: wanted(input.accent_dark),
                support_email: wanted(input.support_email),
                support_url: wanted(input.support_url),
                terms_url: wanted(input.terms_url),
                privacy_url: wanted(input.privacy_url),
                hosts: input.hosts,
            };
            service(ctx).branding_update(actor(ctx), &input.terms.into(), tenant_id(&input.tenant_id)?, &patch).await
        };
        BrandingUpdatePayload::object(done.await)
    }

    /// Sets a logo. SVG is refused: it is a document.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn branding_logo_set(
        &self,
        ctx: &Context<'_>,
        input: BrandingLogoSetInput,
    ) -> Result<BrandingLogoSetPayload> {
        let BrandingLogoSetInput { tenant_id: of, scheme, data, terms } = input;
        let done = async {
            let place = (tenant_id(&of)?, scheme.into());
            service(ctx).branding_logo_set(actor(ctx), &terms.into(), place, &data).await
        };
        BrandingLogoSetPayload::object(done.await)
    }

    /// Takes a logo away.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn branding_logo_remove(
        &self,
        ctx: &Context<'_>,
        input: BrandingLogoRemoveInput,
    ) -> Result<BrandingLogoRemovePayload> {
        let BrandingLogoRemoveInput { tenant_id: of, scheme, terms } = input;
        let done = async {
            let place = (tenant_id(&of)?, scheme.into());
            service(ctx).branding_logo_remove(actor(ctx), &terms.into(), place).await
        };
        BrandingLogoRemovePayload::object(done.await)
    }

    /// Lets a tenant below have a brand of its own, or not any more: then what it has set is kept and not shown.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn branding_allow(&self, ctx: &Context<'_>, input: BrandingAllowInput) -> Result<BrandingAllowPayload> {
        let BrandingAllowInput { tenant_id: of, allowed, terms } = input;
        let done = async { service(ctx).branding_allow(actor(ctx), &terms.into(), tenant_id(&of)?, allowed).await };
        BrandingAllowPayload::object(done.await)
    }
}
