//! SUMMARY    Brands as the API shows them.

use crate::{cost::FILE_COST, failure::found, types::service};
use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};
use tenants::{Palette, Scheme};

/// Which of its two looks a page has.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::Scheme")]
pub enum BrandScheme {
    Light,
    Dark,
}

/// Kinds of pictures. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::LogoKind")]
pub enum BrandLogoKind {
    Png,
    Jpeg,
    Webp,
}

/// A picture of a brand.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct BrandLogo {
    pub scheme: BrandScheme,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub hash: String,
    pub kind: BrandLogoKind,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    #[graphql(skip)]
    kept: tenants::Logo,
}

#[ComplexObject]
impl BrandLogo {
    /// Its bytes, in base64; null once it is another one.
    #[graphql(complexity = "FILE_COST")]
    async fn body(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        found(service(ctx).logo_body(&self.kept).await)
    }
}

impl From<tenants::Logo> for BrandLogo {
    fn from(l: tenants::Logo) -> Self {
        BrandLogo {
            scheme: l.scheme.into(),
            hash: l.hash.clone(),
            kind: l.kind.into(),
            width: l.width,
            height: l.height,
            kept: l,
        }
    }
}

/// What follows from an accent in one scheme; each as `#1f5f8b`.
#[derive(SimpleObject, Clone)]
pub struct BrandPalette {
    pub accent: String,
    /// Text on the accent: 4.5:1 at least.
    pub on_accent: String,
    /// Text in the accent's hue, as links: 4.5:1 at least on the page, on panels and on `soft`.
    pub link: String,
    /// Behind what is chosen or pointed at.
    pub soft: String,
}

impl From<Palette> for BrandPalette {
    fn from(p: Palette) -> Self {
        let Palette { accent, on_accent, link, soft } = p;
        let [accent, on_accent, link, soft] = [accent, on_accent, link, soft].map(|c| c.to_string());
        BrandPalette { accent, on_accent, link, soft }
    }
}

/// How the portal looks.
#[derive(SimpleObject, Clone)]
pub struct Brand {
    /// Whose it is.
    pub tenant_id: ID,
    /// Empty: none was set.
    pub name: String,
    pub accent_light: Option<String>,
    pub accent_dark: Option<String>,
    /// What follows from the accents; null: the product's own colours.
    pub light: Option<BrandPalette>,
    pub dark: Option<BrandPalette>,
    pub logo: Option<BrandLogo>,
    /// Where the scheme is dark; `logo` when null.
    pub dark_logo: Option<BrandLogo>,
    pub support_email: Option<String>,
    pub support_url: Option<String>,
    pub terms_url: Option<String>,
    pub privacy_url: Option<String>,
}

impl From<tenants::Brand> for Brand {
    fn from(b: tenants::Brand) -> Self {
        let palette = |accent: Option<_>, scheme| accent.map(|a| Palette::new(a, scheme).into());
        Brand {
            tenant_id: ID(b.tenant.to_string()),
            name: b.name,
            accent_light: b.accent_light.map(|c| c.to_string()),
            accent_dark: b.accent_dark.map(|c| c.to_string()),
            light: palette(b.accent_light, Scheme::Light),
            dark: palette(b.accent_dark, Scheme::Dark),
            logo: b.logo.map(BrandLogo::from),
            dark_logo: b.dark_logo.map(BrandLogo::from),
            support_email: b.support_email,
            support_url: b.support_url,
            terms_url: b.terms_url,
            privacy_url: b.privacy_url,
        }
    }
}

/// A host at which a brand is shown to whoever is not signed in.
#[derive(SimpleObject, Clone)]
pub struct BrandHost {
    pub host: String,
    /// Whether the tenant has its domain proven still: the brand is not shown there otherwise.
    pub proven: bool,
}

/// A tenant's brand: its own, and the one that its people see.
#[derive(SimpleObject, Clone)]
pub struct Branding {
    pub tenant_id: ID,
    /// Whether it may have one of its own (`brandingAllow`).
    pub allowed: bool,
    /// What was set, whether it is shown or not.
    pub own: Brand,
    /// Its own, or that of the nearest tenant above that has one; null: the product's.
    pub shown: Option<Brand>,
    /// Whether what is shown comes from above.
    pub inherited: bool,
    pub hosts: Vec<BrandHost>,
    pub version: i64,
}

impl From<tenants::Branding> for Branding {
    fn from(b: tenants::Branding) -> Self {
        let host = |h: tenants::BrandHost| BrandHost { host: h.host, proven: h.proven };
        Branding {
            tenant_id: ID(b.tenant.to_string()),
            allowed: b.allowed,
            inherited: b.shown.as_ref().is_none_or(|s| s.tenant != b.tenant),
            own: b.own.into(),
            shown: b.shown.map(Brand::from),
            hosts: b.hosts.into_iter().map(host).collect(),
            version: b.version,
        }
    }
}
