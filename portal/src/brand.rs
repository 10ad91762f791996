//! SUMMARY    Whose brand a visitor sees: that of the host, and of who is signed in that of the tenant; its files.
//! STANDARDS  RFC 9110 §7.2 (Host), RFC 8246 (immutable), Content Security Policy Level 3 (sandbox)
//! SECURITY   The Host header is the visitor's word: a brand is shown, and forms are taken, at hosts that the API knows as proven. Pictures
//!            are others' bytes: they come with their kind, may not be sniffed, and open as documents they may do nothing. A picture is
//!            given to whom its brand is shown, or whose tenant it is.
//! LIMITS     BRAND_KEPT, BRANDS_KEPT_MAX, LOGO_WIDTH_MAX, LOGO_HEIGHT_MAX
//! INVARIANTS A file's name says its content, so that it never changes: a picture's has its hash, a style sheet's has its colours.

use crate::{
    Portal,
    asset::KEPT,
    guard,
    operation::{Brand as BrandAt, BrandLogos, BrandingLogos, BrandingSeen},
    operation::{brand, brand_logos, branding_logos, branding_seen},
    trouble::Trouble,
    visit::Visit,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Folder of the files in addresses.
pub(crate) const FOLDER: &str = "brand";
/// How long a brand is shown without asking again.
const BRAND_KEPT: Duration = Duration::from_secs(15);
/// Brands that are kept, of hosts and tenants.
const BRANDS_KEPT_MAX: usize = 10_000;
/// Room of a logo in the bar, in pixels of CSS.
const LOGO_WIDTH_MAX: u32 = 180;
const LOGO_HEIGHT_MAX: u32 = 32;
/// What a file of a brand may do when it is opened as a document: nothing.
const SANDBOX: &str = "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'";

/// How the pages look, as the API tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Brand {
    pub(crate) tenant_id: String,
    pub(crate) name: String,
    pub(crate) light: Option<Palette>,
    pub(crate) dark: Option<Palette>,
    pub(crate) logo: Option<Logo>,
    pub(crate) dark_logo: Option<Logo>,
    pub(crate) support_email: Option<String>,
    pub(crate) support_url: Option<String>,
    pub(crate) terms_url: Option<String>,
    pub(crate) privacy_url: Option<String>,
}

/// Colours, each as `#1f5f8b`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Palette {
    accent: String,
    on_accent: String,
    link: String,
    soft: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logo {
    hash: String,
    kind: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    body: Option<String>,
}

/// Where a visitor came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Host {
    /// To the portal's own address, or to one that nobody knows: forms come from the portal's own origin.
    #[default]
    Own,
    /// To a brand's: its origin.
    Brand(String),
}

/// Whose brand is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    Host(String),
    Tenant(String),
}

/// A brand, or that there is none, as it was at a moment.
type Seen = (Instant, Option<Arc<Brand>>);

/// Brands that were asked for.
#[derive(Default)]
pub(crate) struct Brands(Mutex<HashMap<Of, Seen>>);

impl Brands {
    fn known(&self, of: &Of) -> Option<Option<Arc<Brand>>> {
        let kept = self.0.lock();
        kept.get(of).filter(|(at, _)| at.elapsed() < BRAND_KEPT).map(|(_, brand)| brand.clone())
    }

    fn keep(&self, of: Of, brand: Option<Arc<Brand>>) {
        let mut kept = self.0.lock();
        if kept.len() >= BRANDS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(of, (Instant::now(), brand));
    }

    /// A tenant's brand was changed by this process: it is asked for again.
    pub(crate) fn forget(&self) {
        self.0.lock().clear();
    }
}

/// The same in our shape.
pub(crate) fn shaped<T: DeserializeOwned>(told: &impl Serialize) -> Result<T, Trouble> {
    serde_json::to_value(told).and_then(serde_json::from_value).map_err(|_| Trouble::Broken)
}

/// The name that a request was sent to, without its port; none where there is no one such name.
fn name(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = host.to_str().ok()?.to_ascii_lowercase();
    let name = host.split_once(':').map_or(host.as_str(), |(name, _)| name).trim_end_matches('.').to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// Scheme, name and port of an origin, the port with its colon.
fn parts(origin: &str) -> (&str, &str, &str) {
    let (scheme, rest) = origin.split_once("://").unwrap_or(("https", origin));
    let at = rest.rfind(':').unwrap_or(rest.len());
    let (name, port) = rest.split_at(at);
    (scheme, name, port)
}

/// Finds the brand of the host that a visitor came to.
pub(crate) async fn arrive(visit: &mut Visit, headers: &HeaderMap) {
    let portal = visit.portal.clone();
    let (scheme, own, port) = parts(&portal.origin);
    if let Some(name) = name(headers).filter(|name| name != own)
        && let Some(brand) = at_host(visit, &name).await
    {
        visit.host = Host::Brand(format!("{scheme}://{name}{port}"));
        visit.brand = Some(brand);
        return;
    }
    // The provider's, where it has one.
    visit.brand = at_host(visit, own).await;
}

/// The brand of a host; none where it cannot be told.
async fn at_host(visit: &Visit, name: &str) -> Option<Arc<Brand>> {
    let of = Of::Host(name.to_owned());
    if let Some(known) = visit.portal.brands.known(&of) {
        return known;
    }
    let told = visit.ask_openly::<BrandAt>(brand::Variables { host: name.to_owned() }).await.ok()?.brand;
    let told = told.map(|b| shaped::<Brand>(&b)).transpose().ok()?.map(Arc::new);
    visit.portal.brands.keep(of, told.clone());
    told
}

/// Of who is signed in, the brand of the tenant.
pub(crate) async fn of_tenant(visit: &mut Visit) {
    let Ok(tenant) = visit.tenant() else { return };
    let of = Of::Tenant(tenant.clone());
    let shown = match visit.portal.brands.known(&of) {
        Some(known) => known,
        None => {
            let Ok(told) = visit.ask::<BrandingSeen>(branding_seen::Variables { tenant }).await else { return };
            let shown = told.branding.and_then(|b| b.shown).and_then(|b| shaped::<Brand>(&b).ok()).map(Arc::new);
            visit.portal.brands.keep(of, shown.clone());
            shown
        }
    };
    visit.brand = shown;
}

impl Brand {
    /// The style sheet of its colours; none where it has the product's.
    pub(crate) fn style(&self, stem: &str) -> Option<String> {
        let name = |palette: &Option<Palette>| palette.as_ref().map_or("0".to_owned(), Palette::packed);
        (self.light.is_some() || self.dark.is_some())
            .then(|| format!("/{FOLDER}/{stem}{}-{}.css", name(&self.light), name(&self.dark)))
    }

    /// The picture in the bar.
    pub(crate) fn picture(&self) -> Option<&Logo> {
        self.logo.as_ref().or(self.dark_logo.as_ref())
    }

    /// The one where the scheme is dark, if it is another one.
    pub(crate) fn dark_picture(&self) -> Option<&Logo> {
        self.dark_logo.as_ref().filter(|_| self.logo.is_some())
    }
}

impl Palette {
    fn colours(&self) -> [&str; 4] {
        [&self.accent, &self.on_accent, &self.link, &self.soft]
    }

    /// Its digits, one colour behind the other.
    fn packed(&self) -> String {
        self.colours().map(|c| c.trim_start_matches('#')).concat()
    }
}

impl Logo {
    fn ending(&self) -> &'static str {
        match self.kind.as_str() {
            "JPEG" => "jpg",
            "WEBP" => "webp",
            _ => "png",
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/{FOLDER}/{}.{}", self.hash, self.ending())
    }

    /// Width and height as it is drawn: its room is known before it is there.
    fn drawn(&self) -> (u32, u32) {
        let (width, height) = (self.width.max(1), self.height.max(1));
        let wide = width * LOGO_HEIGHT_MAX / height;
        match wide <= LOGO_WIDTH_MAX {
            true => (wide.max(1), LOGO_HEIGHT_MAX),
            false => (LOGO_WIDTH_MAX, (height * LOGO_WIDTH_MAX / width).max(1)),
        }
    }

    pub(crate) fn wide(&self) -> u32 {
        self.drawn().0
    }

    pub(crate) fn high(&self) -> u32 {
        self.drawn().1
    }
}

/// Declarations of a packed palette; `None`: it is none.
fn declared(packed: &str) -> Option<String> {
    let is_packed = packed.len() == 24 && packed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let colours = ["accent", "on-accent", "link", "accent-soft"].iter().enumerate();
    is_packed.then(|| {
        colours.filter_map(|(n, name)| Some(format!("--{name}:#{};", packed.get(n * 6..n * 6 + 6)?))).collect()
    })
}

/// A style sheet by its name: `LIGHT-DARK` for the pages, with `preview-` in front for the two panels of a preview.
fn sheet(name: &str) -> Option<String> {
    let (is_preview, name) = name.strip_prefix("preview-").map_or((false, name), |rest| (true, rest));
    let (light, dark) = name.split_once('-')?;
    let part = |packed: &str, preview: &str, media: &str| match packed {
        "0" => Some(String::new()),
        packed if is_preview => Some(format!("{preview}{{{}}}\n", declared(packed)?)),
        packed => Some(format!("@media {media}{{:root{{{}}}}}\n", declared(packed)?)),
    };
    let light = part(light, ".preview-light", "not all and (prefers-color-scheme:dark)")?;
    Some(light + &part(dark, ".preview-dark", "(prefers-color-scheme:dark)")?)
}

/// A file of a brand; `None`: there is none of the name for this visitor.
pub(crate) async fn file(visit: &Visit, file: &str) -> Option<Response<Body>> {
    let (stem, ending) = file.rsplit_once('.')?;
    let (kind, body) = match ending {
        "css" => ("text/css; charset=utf-8", sheet(stem)?.into_bytes()),
        _ => picture(visit, stem, ending).await?,
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    guard::seal_off(headers);
    for (name, value) in
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT), (header::CONTENT_SECURITY_POLICY, SANDBOX)]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// A picture of the brand that a visitor sees, or of the visitor's own tenant.
async fn picture(visit: &Visit, hash: &str, ending: &str) -> Option<(&'static str, Vec<u8>)> {
    if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let found = match of_host(visit, hash).await {
        Some(found) => found,
        None => of_own(visit, hash).await?,
    };
    let kind = match (found.ending(), ending) {
        ("png", "png") => "image/png",
        ("jpg", "jpg") => "image/jpeg",
        ("webp", "webp") => "image/webp",
        _ => return None,
    };
    Some((kind, STANDARD.decode(found.body?).ok()?))
}

/// A picture with its hash.
fn found<T: Serialize>(logos: Option<&T>, hash: &str) -> Option<Logo> {
    shaped::<Logo>(logos?).ok().filter(|logo| logo.hash == hash)
}

async fn of_host(visit: &Visit, hash: &str) -> Option<Logo> {
    let brand = visit.brand.as_ref()?;
    [&brand.logo, &brand.dark_logo].into_iter().flatten().find(|logo| logo.hash == hash)?;
    let (_, own, _) = parts(&visit.portal.origin);
    let host = match &visit.host {
        Host::Own => own.to_owned(),
        Host::Brand(origin) => parts(origin).1.to_owned(),
    };
    let told = visit.ask_openly::<BrandLogos>(brand_logos::Variables { host }).await.ok()?.brand?;
    found(told.logo.as_ref(), hash).or_else(|| found(told.dark_logo.as_ref(), hash))
}

async fn of_own(visit: &Visit, hash: &str) -> Option<Logo> {
    let tenant = visit.tenant().ok()?;
    let told = visit.ask::<BrandingLogos>(branding_logos::Variables { tenant }).await.ok()?.branding?;
    let own = found(told.own.logo.as_ref(), hash).or_else(|| found(told.own.dark_logo.as_ref(), hash));
    let shown = told.shown.as_ref();
    own.or_else(|| found(shown.and_then(|s| s.logo.as_ref()), hash))
        .or_else(|| found(shown.and_then(|s| s.dark_logo.as_ref()), hash))
}

impl Portal {
    /// Where forms of a visitor must come from.
    pub(crate) fn origin_at<'a>(&'a self, host: &'a Host) -> &'a str {
        match host {
            Host::Own => &self.origin,
            Host::Brand(origin) => origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_plain_name() {
        let check = |hosts: &[&'static str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            assert_eq!(name(&headers).as_deref(), expected, "{hosts:?}");
        };
        check(&["Login.Alpine.example:443"], Some("login.alpine.example"));
        check(&["login.alpine.example."], Some("login.alpine.example"));
        for wrong in [&[][..], &["a.example", "b.example"], &["[::1]:80"], &[""], &["a.example/x"], &["a b"]] {
            check(wrong, None);
        }
        assert_eq!(parts("https://mail.example"), ("https", "mail.example", ""));
        assert_eq!(parts("http://localhost:2080"), ("http", "localhost", ":2080"));
    }

    #[test]
    fn style_sheets_are_made_of_colours_and_nothing_else() {
        let palette = |n: &str| Palette {
            accent: format!("#{n}5f8b"),
            on_accent: "#ffffff".into(),
            link: "#1f5f8b".into(),
            soft: "#e3eef6".into(),
        };
        let brand = Brand { light: Some(palette("1f")), ..Brand::default() };
        let path = brand.style("").unwrap();
        assert_eq!(path, "/brand/1f5f8bffffff1f5f8be3eef6-0.css");
        let css = sheet(path.strip_prefix("/brand/").unwrap().strip_suffix(".css").unwrap()).unwrap();
        assert_eq!(
            css,
            "@media not all and (prefers-color-scheme:dark){:root{--accent:#1f5f8b;--on-accent:#ffffff;--link:#1f5f8b;\
             --accent-soft:#e3eef6;}}\n"
        );
        let both = Brand { dark: Some(palette("8c")), ..brand };
        let css = sheet(both.style("preview-").unwrap()[7..].strip_suffix(".css").unwrap()).unwrap();
        assert!(css.starts_with(".preview-light{--accent:#1f5f8b;") && css.contains(".preview-dark{--accent:#8c5f8b;"));
        assert_eq!(Brand::default().style(""), None);
        for wrong in ["", "0", "x-0", "1f5f8b-0", "preview-0", "1f5f8bffffff1f5f8be3eef}-0", "../x-0"] {
            assert_eq!(sheet(wrong), None, "{wrong}");
        }
        assert_eq!(sheet("0-0").as_deref(), Some(""));
    }

    #[test]
    fn a_logo_has_its_room_whatever_its_size() {
        for (size, drawn) in
            [((64, 32), (64, 32)), ((1024, 16), (180, 2)), ((16, 1024), (1, 32)), ((512, 512), (32, 32))]
        {
            let (width, height) = size;
            let logo = Logo { hash: "h".into(), kind: "WEBP".into(), width, height, body: None };
            assert_eq!((logo.wide(), logo.high()), drawn);
            assert_eq!(logo.path(), "/brand/h.webp");
        }
    }
}
