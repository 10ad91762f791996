//! SUMMARY    Setting a brand, and letting a tenant have one.
//! SECURITY   Who stands above lets a tenant have a brand: who signs up by itself does not dress up a sign-in page of ours.
//! LIMITS     BRAND_NAME_CHARS_MAX, BRAND_URL_BYTES_MAX

use super::{Brand, Branding, Colour, Kept, Scheme, colour};
use crate::{
    Actor, Code, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, query},
    limits::{BRAND_NAME_CHARS_MAX, BRAND_URL_BYTES_MAX},
    people::new_email,
    rows::short,
    terms::{Request, Start, Work},
};
use base::TenantId;
use url::Url;

/// Changes; `None` leaves as it is, `Some(None)` takes away.
#[derive(Debug, Clone, Default)]
pub struct BrandPatch {
    /// Empty: the tenant has no brand of its own any more.
    pub name: Option<String>,
    pub accent_light: Option<Option<String>>,
    pub accent_dark: Option<Option<String>>,
    pub support_email: Option<Option<String>>,
    pub support_url: Option<Option<String>>,
    pub terms_url: Option<Option<String>>,
    pub privacy_url: Option<Option<String>>,
    pub hosts: Option<Vec<String>>,
}

impl Service {
    /// Changes a tenant's brand. `Forbidden` for one that may have none; `LowContrast`, `Invalid`, `Taken`, `LimitReached`.
    pub async fn branding_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        patch: &BrandPatch,
    ) -> Result<Done<Branding>> {
        let request = Request::new("brandingUpdate", format!("{tenant} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.brand_to_change(&mut work, actor, tenant).await?;
        let new = patched(&now.brand, patch)?;
        let colour = |c: Option<Colour>| c.map(|c| c.to_string());
        query(
            "INSERT INTO brand (tenant, allowed, name, accent_light, accent_dark, support_email, support_url, terms_url, privacy_url, \
             version, updated_at) VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, 1, $9) ON CONFLICT (tenant) DO UPDATE SET name = $2, \
             accent_light = $3, accent_dark = $4, support_email = $5, support_url = $6, terms_url = $7, privacy_url = $8, \
             version = brand.version + 1, updated_at = $9",
        )
        .bind(tenant.to_string())
        .bind(&new.name)
        .bind(colour(new.accent_light))
        .bind(colour(new.accent_dark))
        .bind(new.support_email.as_ref())
        .bind(new.support_url.as_ref())
        .bind(new.terms_url.as_ref())
        .bind(new.privacy_url.as_ref())
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        if let Some(hosts) = &patch.hosts {
            let hosts = self.parse_hosts(hosts)?;
            self.replace_hosts(&mut work.txn, tenant, &hosts).await?;
        }
        let detail = format!("{:?} {:?} {:?}", new.name, new.accent_light.map(|c| c.to_string()), patch.hosts);
        self.audit(&mut work.txn, actor, tenant, "brandingUpdate", &tenant.to_string(), &detail).await?;
        self.finish_brand(work, tenant).await
    }

    /// Lets a tenant have a brand of its own, or not any more: then what it has set is kept and not shown. Takes somebody above it
    /// whose own tenant may have one. `Forbidden`.
    pub async fn branding_allow(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        allowed: bool,
    ) -> Result<Done<Branding>> {
        let request = Request::new("brandingAllow", format!("{tenant} {allowed}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let own = "A tenant does not let itself have a brand";
        let of = self.tenant_below(&mut work.txn, actor, Permission::TenantUpdate, tenant, own).await?;
        if of.parent.is_none() {
            return Err(Error::new(Code::Invalid, "tenantId", "The provider always may have a brand"));
        }
        if !actor.is_operator() && !self.branding_in(&mut work.txn, actor.tenant()).await?.allowed {
            return Err(Error::new(Code::Forbidden, "tenantId", "Who may have no brand lets nobody have one"));
        }
        let now = self.branding_in(&mut work.txn, tenant).await?;
        work.expect(now.version)?;
        query(
            "INSERT INTO brand (tenant, allowed, name, version, updated_at) VALUES ($1, $2, '', 1, $3) ON CONFLICT (tenant) \
             DO UPDATE SET allowed = $2, version = brand.version + 1, updated_at = $3",
        )
        .bind(tenant.to_string())
        .bind(i64::from(allowed))
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, tenant, "brandingAllow", &tenant.to_string(), &allowed.to_string()).await?;
        self.finish_brand(work, tenant).await
    }

    /// The brand that an actor may change, at the version that it knows.
    pub(super) async fn brand_to_change(&self, work: &mut Work, actor: &Actor, tenant: TenantId) -> Result<Kept> {
        self.permit(&mut work.txn, actor, Permission::TenantUpdate, tenant).await?;
        let Branding { allowed, own, version, .. } = self.branding_in(&mut work.txn, tenant).await?;
        if !allowed {
            let message = "The tenant may have no brand of its own: whoever stands above it lets it (brandingAllow)";
            return Err(Error::new(Code::Forbidden, "", message));
        }
        work.expect(version)?;
        Ok(Kept { brand: own, allowed, version })
    }

    pub(super) async fn finish_brand(&self, mut work: Work, tenant: TenantId) -> Result<Done<Branding>> {
        let branding = self.branding_in(&mut work.txn, tenant).await?;
        self.finish(work, branding, &[]).await
    }

    /// A logo of another one changes its brand.
    pub(super) async fn brand_touched(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        query(
            "INSERT INTO brand (tenant, allowed, name, version, updated_at) VALUES ($1, 0, '', 1, $2) ON CONFLICT (tenant) \
             DO UPDATE SET version = brand.version + 1, updated_at = $2",
        )
        .bind(tenant.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }
}

fn patched(now: &Brand, patch: &BrandPatch) -> Result<Brand> {
    let name = patch.name.as_deref().unwrap_or(&now.name).trim().to_owned();
    short(&name, "name")?;
    if name.chars().count() > BRAND_NAME_CHARS_MAX {
        let message =
            format!("The name of a brand has at most {BRAND_NAME_CHARS_MAX} characters (BRAND_NAME_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "name", message));
    }
    Ok(Brand {
        name,
        accent_light: accent(now.accent_light, patch.accent_light.as_ref(), Scheme::Light, "accentLight")?,
        accent_dark: accent(now.accent_dark, patch.accent_dark.as_ref(), Scheme::Dark, "accentDark")?,
        support_email: text(&now.support_email, patch.support_email.as_ref(), email)?,
        support_url: text(&now.support_url, patch.support_url.as_ref(), |t| page(t, "supportUrl"))?,
        terms_url: text(&now.terms_url, patch.terms_url.as_ref(), |t| page(t, "termsUrl"))?,
        privacy_url: text(&now.privacy_url, patch.privacy_url.as_ref(), |t| page(t, "privacyUrl"))?,
        ..now.clone()
    })
}

/// A colour as it is to be; empty is none.
fn accent(
    now: Option<Colour>,
    wanted: Option<&Option<String>>,
    scheme: Scheme,
    field: &'static str,
) -> Result<Option<Colour>> {
    let Some(wanted) = wanted else { return Ok(now) };
    let Some(wanted) = wanted.as_deref().map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    let accent = wanted.parse().map_err(|e| Error { field, ..e })?;
    colour::checked(accent, scheme, field)?;
    Ok(Some(accent))
}

/// A text as it is to be; empty is none.
fn text(
    now: &Option<String>,
    wanted: Option<&Option<String>>,
    read: impl Fn(&str) -> Result<String>,
) -> Result<Option<String>> {
    let Some(wanted) = wanted else { return Ok(now.clone()) };
    wanted.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(read).transpose()
}

fn email(text: &str) -> Result<String> {
    new_email(text).map_err(|e| Error { field: "supportEmail", ..e })
}

/// A page of the web.
fn page(text: &str, field: &'static str) -> Result<String> {
    let wrong = || {
        let message = format!(
            "A page is a URL that begins with https://, of at most {BRAND_URL_BYTES_MAX} bytes (BRAND_URL_BYTES_MAX)"
        );
        Error::new(Code::Invalid, field, message)
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain =
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && url.host().is_some();
    let url = url.to_string();
    (plain && url.len() <= BRAND_URL_BYTES_MAX).then_some(url).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays_and_what_is_emptied_goes() {
        let now = Kept::none(TenantId(1), true).brand;
        let patch = BrandPatch {
            name: Some(" Alpine Post ".into()),
            accent_light: Some(Some("#1F5F8B".into())),
            terms_url: Some(Some("https://alpine.example/terms".into())),
            ..BrandPatch::default()
        };
        let set = patched(&now, &patch).unwrap();
        assert_eq!((set.name.as_str(), set.accent_light.unwrap().to_string().as_str()), ("Alpine Post", "#1f5f8b"));
        assert_eq!(patched(&set, &BrandPatch::default()).unwrap(), set);
        let emptied =
            BrandPatch { accent_light: Some(None), terms_url: Some(Some(" ".into())), ..BrandPatch::default() };
        let emptied = patched(&set, &emptied).unwrap();
        assert_eq!((emptied.accent_light, emptied.terms_url, emptied.name), (None, None, set.name));
    }

    #[test]
    fn links_lead_to_pages_of_the_web() {
        assert_eq!(page("https://a.example/terms?x=1", "termsUrl").unwrap(), "https://a.example/terms?x=1");
        for wrong in ["http://a.example/", "javascript:alert(1)", "https://", "https://u:p@a.example/", "/terms", "x"] {
            assert_eq!(page(wrong, "termsUrl").unwrap_err().field, "termsUrl", "{wrong}");
        }
        let long = format!("https://a.example/{}", "x".repeat(BRAND_URL_BYTES_MAX));
        assert!(page(&long, "termsUrl").is_err());
    }
}
