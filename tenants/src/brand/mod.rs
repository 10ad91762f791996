//! SUMMARY    Brands: how the portal looks to a seller's customers, and at which hosts strangers see it.
//! STANDARDS  docs/decisions/0050-branding.md
//! SECURITY   A brand is public: whoever opens its host sees it. Nothing of one is taken as it comes: colours are told from their
//!            surroundings, pictures are looked at, links lead to the web, hosts stand on a domain that the tenant has proven.
//! INVARIANTS A brand is inherited as a whole, from the nearest tenant above that may have one and has: nobody's privacy policy stands
//!            beside another one's name. The row's version counts every change, of logos too.

mod change;
mod colour;
mod host;
mod logo;
mod picture;

pub use change::BrandPatch;
pub use colour::{Colour, Palette, Scheme};
pub use host::BrandHost;
pub use logo::LogoKind;

use crate::{
    Actor, Code, Error, Permission, Result, Service,
    db::{Connection, Row, query},
    rows::{id, json_list, number, text},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// A picture of a brand; its bytes are read by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    pub tenant: TenantId,
    pub scheme: Scheme,
    /// SHA-256 of its bytes, hex.
    pub hash: String,
    pub kind: LogoKind,
    pub width: u32,
    pub height: u32,
}

/// How the portal looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    pub tenant: TenantId,
    /// Empty: the tenant has no brand of its own.
    pub name: String,
    pub accent_light: Option<Colour>,
    pub accent_dark: Option<Colour>,
    pub support_email: Option<String>,
    pub support_url: Option<String>,
    pub terms_url: Option<String>,
    pub privacy_url: Option<String>,
    pub logo: Option<Logo>,
    /// Where the scheme is dark; the other one when missing.
    pub dark_logo: Option<Logo>,
}

/// A tenant's brand: its own, and the one that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    pub tenant: TenantId,
    /// Whether it may have one of its own.
    pub allowed: bool,
    /// What was set, whether it is shown or not.
    pub own: Brand,
    /// Its own or that of the nearest tenant above; `None`: the product's.
    pub shown: Option<Brand>,
    pub hosts: Vec<BrandHost>,
    /// 0: nothing was ever set.
    pub version: i64,
}

/// A row: a brand with its right and version.
struct Kept {
    brand: Brand,
    allowed: bool,
    version: i64,
}

impl Kept {
    fn none(tenant: TenantId, allowed: bool) -> Kept {
        let brand = Brand {
            tenant,
            name: String::new(),
            accent_light: None,
            accent_dark: None,
            support_email: None,
            support_url: None,
            terms_url: None,
            privacy_url: None,
            logo: None,
            dark_logo: None,
        };
        Kept { brand, allowed, version: 0 }
    }
}

impl Service {
    /// A tenant's brand, to whoever may see the tenant.
    pub async fn branding(&self, actor: &Actor, tenant: TenantId) -> Result<Branding> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantRead, tenant).await?;
        self.branding_in(&mut connection, tenant).await
    }

    async fn branding_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Branding> {
        let line = self.line(txn, tenant).await?;
        let mut kept = self.kept_brands(txn, &line).await?;
        let shown = kept.iter().find(|k| k.allowed && !k.brand.name.is_empty()).map(|k| k.brand.clone());
        let own = kept.iter().position(|k| k.brand.tenant == tenant).map(|at| kept.swap_remove(at));
        let Kept { brand: own, allowed, version } = own.unwrap_or_else(|| Kept::none(tenant, line.len() == 1));
        let hosts = self.hosts_of(txn, tenant).await?;
        Ok(Branding { tenant, allowed, own, shown, hosts, version })
    }

    /// The brand that is shown to a tenant's people.
    async fn shown_brand(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<Brand>> {
        let line = self.line(txn, tenant).await?;
        let kept = self.kept_brands(txn, &line).await?;
        Ok(kept.into_iter().find(|k| k.allowed && !k.brand.name.is_empty()).map(|k| k.brand))
    }

    /// The brand at a host, to anybody; `None` where there is none. At the portal's own address it is the provider's.
    pub async fn brand_at(&self, host: &str) -> Result<Option<Brand>> {
        if self.portal_host() == Some(host) {
            let provider = self.provider().await?;
            return self.shown_brand(&mut self.connection().await?, provider).await;
        }
        let mut connection = self.connection().await?;
        match self.tenant_at(&mut connection, host).await? {
            Some(tenant) => self.shown_brand(&mut connection, tenant).await,
            None => Ok(None),
        }
    }

    /// The bytes of a logo, in base64. `NotFound` once it is another one.
    pub async fn logo_body(&self, logo: &Logo) -> Result<String> {
        let mut connection = self.connection().await?;
        let row = query("SELECT body FROM brand_logo WHERE tenant = $1 AND scheme = $2 AND hash = $3")
            .bind(logo.tenant.to_string())
            .bind(logo.scheme.name())
            .bind(&logo.hash)
            .fetch_optional(&mut connection)
            .await?;
        text(&row.ok_or_else(|| Error::not_found("logo"))?, "body")
    }

    /// Brands of a line of tenants, nearest first. The root may always have one.
    async fn kept_brands(&self, txn: &mut Connection, line: &[TenantId]) -> Result<Vec<Kept>> {
        let of = json_list(line);
        let rows = query("SELECT * FROM brand WHERE tenant IN (SELECT value FROM json_each($1))")
            .bind(&of)
            .fetch_all(&mut *txn)
            .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let logos = query(
            "SELECT tenant, scheme, hash, kind, width, height FROM brand_logo WHERE tenant IN (SELECT value FROM json_each($1))",
        )
        .bind(&of)
        .fetch_all(txn)
        .await?;
        let logos: Vec<Logo> = logos.iter().map(logo_of).collect::<Result<_>>()?;
        let mut kept = rows.iter().map(|row| kept_of(row, line.last(), &logos)).collect::<Result<Vec<_>>>()?;
        kept.sort_by_key(|k| line.iter().position(|t| *t == k.brand.tenant));
        Ok(kept)
    }
}

fn damaged() -> Error {
    Error::new(Code::Internal, "", "a stored brand is damaged")
}

fn logo_of(row: &Row) -> Result<Logo> {
    let (scheme, kind) = (text(row, "scheme")?, text(row, "kind")?);
    let side = |column| number(row, column).and_then(|n| u32::try_from(n).map_err(|_| damaged()));
    Ok(Logo {
        tenant: id(row, "tenant")?,
        scheme: Scheme::EVERY.into_iter().find(|s| s.name() == scheme).ok_or_else(damaged)?,
        hash: text(row, "hash")?,
        kind: LogoKind::EVERY.into_iter().find(|k| k.name() == kind).ok_or_else(damaged)?,
        width: side("width")?,
        height: side("height")?,
    })
}

fn kept_of(row: &Row, root: Option<&TenantId>, logos: &[Logo]) -> Result<Kept> {
    let tenant: TenantId = id(row, "tenant")?;
    let colour = |column| row.text(column)?.map(|c| c.parse().map_err(|_| damaged())).transpose();
    let logo = |scheme| logos.iter().find(|l| l.tenant == tenant && l.scheme == scheme).cloned();
    Ok(Kept {
        allowed: root == Some(&tenant) || number(row, "allowed")? != 0,
        version: number(row, "version")?,
        brand: Brand {
            tenant,
            name: text(row, "name")?,
            accent_light: colour("accent_light")?,
            accent_dark: colour("accent_dark")?,
            support_email: row.text("support_email")?,
            support_url: row.text("support_url")?,
            terms_url: row.text("terms_url")?,
            privacy_url: row.text("privacy_url")?,
            logo: logo(Scheme::Light),
            dark_logo: logo(Scheme::Dark),
        },
    })
}
