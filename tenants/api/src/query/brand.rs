//! SUMMARY    Brands: the one at a host, to anybody; a tenant's, to whoever may see it.

use crate::{
    brand::{Brand, Branding},
    failure::{found, read_failed},
    types::{actor, service},
};
use async_graphql::{Context, ID, Object, Result};

#[derive(Default)]
pub struct BrandQuery;

#[Object]
impl BrandQuery {
    /// The brand that is shown at a host; null where there is none. Needs no token.
    async fn brand(&self, ctx: &Context<'_>, host: String) -> Result<Option<Brand>> {
        let brand = service(ctx).brand_at(&host).await.map_err(|e| read_failed(&e))?;
        Ok(brand.map(Brand::from))
    }

    /// A tenant's brand.
    async fn branding(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<Branding>> {
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(service(ctx).branding(actor(ctx), tenant).await)?.map(Branding::from))
    }
}
