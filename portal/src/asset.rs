//! SUMMARY    Files of the pages: a name with a hash of the content, kept by browsers for a year.
//! STANDARDS  RFC 8246 (immutable), RFC 9110 §8.4 (Content-Encoding), RFC 1952 (gzip)

use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};
use flate2::{Compression, write::GzEncoder};
use std::{fmt::Write as _, io::Write as _, sync::LazyLock};

/// Folder of the files in addresses.
pub(crate) const FOLDER: &str = "static";
/// A file whose name says its content.
pub(crate) const KEPT: &str = "public, max-age=31536000, immutable";

struct Asset {
    name: &'static str,
    path: String,
    kind: &'static str,
    plain: &'static [u8],
    packed: Vec<u8>,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let css = "text/css; charset=utf-8";
    let script = "text/javascript; charset=utf-8";
    vec![
        asset("portal.css", css, include_bytes!("../assets/portal.css")),
        asset("portal.js", script, include_bytes!("../assets/portal.js")),
        asset("htmx.min.js", script, include_bytes!("../assets/htmx.min.js")),
        asset("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ]
});

fn asset(name: &'static str, kind: &'static str, plain: &'static [u8]) -> Asset {
    let mut hash = String::new();
    for byte in digest::digest(&digest::SHA256, plain).as_ref().iter().take(8) {
        let _ = write!(hash, "{byte:02x}");
    }
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let _ = packed.write_all(plain);
    let packed = packed.finish().unwrap_or_default();
    Asset { name, path: format!("/{FOLDER}/{stem}.{hash}.{ending}"), kind, plain, packed }
}

/// Where a file is found.
pub(crate) fn path(name: &str) -> &'static str {
    ASSETS.iter().find(|a| a.name == name).map_or("", |a| &a.path)
}

/// A file, compressed for who takes that.
pub(crate) fn answer(path: &str, request: &HeaderMap) -> Option<Response<Body>> {
    let asset = ASSETS.iter().find(|a| a.path == path)?;
    let encodings = request.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let packed = encodings.split([',', ';']).any(|e| e.trim().eq_ignore_ascii_case("gzip"));
    let body = if packed { Body::from(asset.packed.as_slice()) } else { Body::from(asset.plain) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}
