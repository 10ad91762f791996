//! SUMMARY    The brand of the tenant that the visitor acts in: name, colours, logos, links, hosts; tried out before it is saved.
//! LIMITS     PICTURE_BYTES_MAX
//! INVARIANTS A preview changes nothing: it is a dry run, and what was typed stays in the form.

use crate::{
    brand::{Brand, shaped},
    collection::beside,
    field::Fields,
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    operation::{
        BrandingLogoRemove, BrandingLogoSet, BrandingSeen, BrandingShown, BrandingUpdate, branding_logo_remove,
        branding_logo_set, branding_seen, branding_shown, branding_update, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// The field that holds a file's bytes.
pub(crate) const PICTURE: &str = "picture";
/// Characters of a picture in base64 that the API is asked for; it takes much smaller ones.
const PICTURE_BYTES_MAX: usize = 1 << 20;
/// The permission that the page is for.
const UPDATE: &str = "tenant:update";
/// Fields that are the API's arguments.
const FIELDS: [&str; 8] =
    ["name", "accentLight", "accentDark", "supportEmail", "supportUrl", "termsUrl", "privacyUrl", "hosts"];

type Shown = branding_shown::BrandingShownBranding;
type Own = branding_shown::BrandingShownBrandingOwn;

#[derive(Template)]
#[template(path = "branding.html")]
struct Page {
    f: Frame,
    form: Form,
    notes: Vec<String>,
    inputs: Vec<String>,
    logo_inputs: Vec<String>,
    version: i64,
    brand: Brand,
    /// Its style sheet.
    style: Option<String>,
    /// Whether it is what was typed, and not what is saved.
    is_preview: bool,
}

/// Looks whether the page is in the menu of who has just arrived at a tenant.
pub(crate) async fn reach(visit: &mut Visit, permissions: &[String]) {
    let may = permissions.iter().any(|p| p == UPDATE);
    let allowed = match visit.tenant() {
        Ok(tenant) if may => {
            let seen = visit.ask::<BrandingSeen>(branding_seen::Variables { tenant }).await;
            seen.ok().and_then(|data| data.branding).is_some_and(|b| b.allowed)
        }
        Ok(_) | Err(_) => false,
    };
    if let Some(signed) = &mut visit.state.signed {
        (signed.brands, visit.changed) = (allowed, true);
    }
}

/// The tenant's brand. `NotFound` where it may have none.
async fn own(visit: &Visit) -> Result<Shown, Trouble> {
    let variables = branding_shown::Variables { tenant: visit.tenant()? };
    let data = visit.ask::<BrandingShown>(variables).await?;
    data.branding.filter(|b| b.allowed).ok_or(Trouble::NotFound)
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default(), None).await
}

async fn draw(visit: &Visit, form: Form, preview: Option<Brand>) -> Reply {
    let now = own(visit).await?;
    let f = visit.frame("branding-title");
    let is_preview = preview.is_some();
    let brand = match preview {
        Some(preview) => preview,
        None => shaped(&now.own)?,
    };
    // What was tried stays in the form, as what was refused does.
    let typed = if is_preview { visit.refused(vec![Refusal::new("", "")]) } else { form.clone() };
    let inputs = inputs(&f, &typed, &now).map_err(|_| Trouble::Broken)?;
    let schemes = [("LIGHT", "branding-light"), ("DARK", "branding-dark")];
    let schemes = schemes.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let scheme = form.choice(&f, &choose("scheme", "label-scheme", "", schemes)).map_err(|_| Trouble::Broken)?;
    let mut notes = Vec::new();
    if let (true, Some(shown)) = (now.inherited, &now.shown) {
        notes.push(f.with("branding-inherited", "name", &shown.name));
    }
    let lost = now.hosts.iter().filter(|h| !h.proven);
    notes.extend(lost.map(|h| f.with("branding-host-lost", "host", &h.host)));
    let style = brand.style("preview-");
    let logo_inputs = vec![scheme];
    // Who was refused goes on from the version that was seen first.
    let version = visit.fields.text("version").parse().unwrap_or(now.version);
    page(form.is_refused(), &Page { f, form, notes, inputs, logo_inputs, version, brand, style, is_preview })
}

fn inputs(f: &Frame, form: &Form, now: &Shown) -> Result<Vec<String>, askama::Error> {
    let Own { name, accent_light, accent_dark, support_email, support_url, terms_url, privacy_url, .. } = &now.own;
    let hosts: Vec<&str> = now.hosts.iter().map(|h| h.host.as_str()).collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (light, dark, email) = (text(accent_light), text(accent_dark), text(support_email));
    let (support, terms, privacy, hosts) = (text(support_url), text(terms_url), text(privacy_url), hosts.join("\n"));
    Ok(vec![
        form.input(f, ask("name", "text", "label-brand-name", "hint-brand-name", "organization").with(name))?,
        form.input(f, ask("accentLight", "text", "label-accent-light", "hint-accent", "off").with(&light))?,
        form.input(f, ask("accentDark", "text", "label-accent-dark", "hint-accent", "off").with(&dark))?,
        form.input(f, ask("supportEmail", "email", "label-support-email", "", "off").with(&email))?,
        form.input(f, ask("supportUrl", "url", "label-support-url", "hint-support-url", "off").with(&support))?,
        form.input(f, ask("termsUrl", "url", "label-terms-url", "", "off").with(&terms))?,
        form.input(f, ask("privacyUrl", "url", "label-privacy-url", "", "off").with(&privacy))?,
        form.area(f, ask("hosts", "text", "label-brand-hosts", "hint-brand-hosts", "off").with(&hosts))?,
    ])
}

pub(crate) async fn change(visit: &Visit) -> Reply {
    let is_preview = visit.fields.text("act") == "preview";
    let input = input(&visit.fields, visit.tenant()?, is_preview, visit.once());
    // An empty field takes away what was there.
    let emptied = ["accentLight", "accentDark", "supportEmail", "supportUrl", "termsUrl", "privacyUrl"];
    let emptied = emptied.into_iter().filter(|name| visit.fields.given(name).is_none());
    let nulls: Vec<(&str, &str)> = emptied.map(|name| ("/input", name)).collect();
    let variables = branding_update::Variables { input };
    let payload = visit.ask_with_nulls::<BrandingUpdate>(variables, &nulls).await?.branding_update;
    let Some(branding) = payload.branding else {
        let refusals = beside(refusals!(payload), &FIELDS.map(|name| (name, name)));
        return draw(visit, visit.refused(refusals), None).await;
    };
    if is_preview {
        return draw(visit, Form::default(), Some(shaped(&branding.own)?)).await;
    }
    visit.portal.brands.forget();
    see("/branding?ok=saved")
}

fn input(fields: &Fields, tenant_id: String, dry_run: bool, once: String) -> branding_update::BrandingUpdateInput {
    branding_update::BrandingUpdateInput {
        tenant_id,
        name: Some(fields.text("name").to_owned()),
        accent_light: fields.given("accentLight"),
        accent_dark: fields.given("accentDark"),
        support_email: fields.given("supportEmail"),
        support_url: fields.given("supportUrl"),
        terms_url: fields.given("termsUrl"),
        privacy_url: fields.given("privacyUrl"),
        hosts: Some(fields.words("hosts")),
        expected_version: fields.text("version").parse().ok(),
        dry_run,
        idempotency_key: Some(once).filter(|_| !dry_run),
    }
}

pub(crate) async fn change_logo(visit: &Visit) -> Reply {
    let refusals = match visit.fields.text("act") {
        "set" => set_logo(visit).await?,
        "remove" => remove_logo(visit).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => {
            visit.portal.brands.forget();
            see("/branding?ok=saved")
        }
        false => {
            let form = visit.refused(beside(refusals, &[("data", PICTURE)]));
            draw(visit, form, None).await
        }
    }
}

async fn set_logo(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    use branding_logo_set::BrandScheme as S;
    let data = visit.fields.exact(PICTURE);
    if data.len() > PICTURE_BYTES_MAX {
        return Ok(vec![Refusal::new("data", "PICTURE")]);
    }
    let input = branding_logo_set::BrandingLogoSetInput {
        tenant_id: visit.tenant()?,
        scheme: if visit.fields.text("scheme") == "DARK" { S::DARK } else { S::LIGHT },
        data: data.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<BrandingLogoSet>(branding_logo_set::Variables { input }).await?;
    Ok(refusals!(data.branding_logo_set))
}

async fn remove_logo(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    use branding_logo_remove::BrandScheme as S;
    let input = branding_logo_remove::BrandingLogoRemoveInput {
        tenant_id: visit.tenant()?,
        scheme: if visit.fields.text("scheme") == "DARK" { S::DARK } else { S::LIGHT },
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<BrandingLogoRemove>(branding_logo_remove::Variables { input }).await?;
    Ok(refusals!(data.branding_logo_remove))
}

/// A half of the preview: class, key of its name, whether it is the dark one.
const HALVES: [(&str, &str, bool); 2] =
    [("preview-light", "branding-light", false), ("preview-dark", "branding-dark", true)];

impl Page {
    fn halves(&self) -> [(&'static str, &'static str, bool); 2] {
        HALVES
    }

    /// The name in the preview.
    fn name(&self) -> &str {
        if self.brand.name.is_empty() { self.f.brand_name() } else { &self.brand.name }
    }

    /// The picture of a half.
    fn picture(&self, is_dark: &bool) -> Option<&crate::brand::Logo> {
        match is_dark {
            true => self.brand.dark_logo.as_ref().or(self.brand.logo.as_ref()),
            false => self.brand.picture(),
        }
    }

    /// Logos that can be taken away: scheme and name of the button.
    fn removable(&self) -> Vec<(&'static str, &'static str)> {
        let there = [
            (self.brand.logo.is_some(), "LIGHT", "branding-remove-light"),
            (self.brand.dark_logo.is_some(), "DARK", "branding-remove-dark"),
        ];
        there.into_iter().filter(|(is, ..)| *is).map(|(_, scheme, key)| (scheme, key)).collect()
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.form.refusals.iter().find(|r| r.field == PICTURE)
    }
}
