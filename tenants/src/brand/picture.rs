//! SUMMARY    Logos are set and taken away.
//! LIMITS     those of logo.rs
//! INVARIANTS What is remembered of a request is the hash of a picture, never the picture.

use super::{Branding, Scheme, logo::look};
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    db::query,
    password::hex,
    terms::{Request, Start},
};
use aws_lc_rs::digest;
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};

impl Service {
    /// Sets a logo of a tenant's brand: a picture in base64. `Invalid`, `LimitReached`, `Forbidden`.
    pub async fn branding_logo_set(
        &self,
        actor: &Actor,
        terms: &Terms,
        (tenant, scheme): (TenantId, Scheme),
        body: &str,
    ) -> Result<Done<Branding>> {
        let no_text = |_| Error::new(Code::Invalid, "data", "A picture is sent in base64");
        let bytes = STANDARD.decode(body.trim()).map_err(no_text);
        let hash = hex(&digest::digest(&digest::SHA256, bytes.as_deref().unwrap_or_default()));
        let request = Request::new("brandingLogoSet", format!("{tenant} {} {hash}", scheme.name()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.brand_to_change(&mut work, actor, tenant).await?;
        let bytes = bytes?;
        let looked = look(&bytes)?;
        query(
            "INSERT INTO brand_logo (tenant, scheme, hash, kind, width, height, body) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (tenant, scheme) DO UPDATE SET hash = $3, kind = $4, width = $5, height = $6, body = $7",
        )
        .bind(tenant.to_string())
        .bind(scheme.name())
        .bind(&hash)
        .bind(looked.kind.name())
        .bind(i64::from(looked.width))
        .bind(i64::from(looked.height))
        .bind(STANDARD.encode(&bytes))
        .execute(&mut work.txn)
        .await?;
        self.brand_touched(&mut work.txn, tenant).await?;
        let detail = format!("{} {hash}", scheme.name());
        self.audit(&mut work.txn, actor, tenant, "brandingLogoSet", &tenant.to_string(), &detail).await?;
        self.finish_brand(work, tenant).await
    }

    /// Takes a logo of a tenant's brand away; none is none.
    pub async fn branding_logo_remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        (tenant, scheme): (TenantId, Scheme),
    ) -> Result<Done<Branding>> {
        let request = Request::new("brandingLogoRemove", format!("{tenant} {}", scheme.name()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.brand_to_change(&mut work, actor, tenant).await?;
        query("DELETE FROM brand_logo WHERE tenant = $1 AND scheme = $2")
            .bind(tenant.to_string())
            .bind(scheme.name())
            .execute(&mut work.txn)
            .await?;
        self.brand_touched(&mut work.txn, tenant).await?;
        self.audit(&mut work.txn, actor, tenant, "brandingLogoRemove", &tenant.to_string(), scheme.name()).await?;
        self.finish_brand(work, tenant).await
    }
}
