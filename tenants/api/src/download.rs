//! SUMMARY    Files of exports by link: `GET /download/{secret}/{file}`, wholly or from a byte on.
//! STANDARDS  RFC 9110 §8.8.3 (ETag), §13 (conditions), §14 (ranges)
//! SECURITY   The address is the secret: answers are kept by no cache and tell no other site where they came from. A secret that is none, an
//!            export that is destroyed and a file that is not there are one answer. A link that is revoked cuts off who is fetching.
//! LIMITS     DOWNLOADS_MAX, DOWNLOADS_PER_LINK_MAX
//! INVARIANTS An ETag is the hash of the whole file: a file that goes on under the same one is the same. What is given is checked against what was
//!            sealed; what is damaged ends the answer short, never whole.

mod range;

use crate::{Shared, visitor};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use range::{Wanted, wanted};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tenants::{Code, ExportDownload, Service};

/// Downloads at once: each holds a segment of an export in memory.
const DOWNLOADS_MAX: usize = 32;
/// The same by one link.
const DOWNLOADS_PER_LINK_MAX: usize = 4;
/// When somebody who was sent away may come again, seconds.
const RETRY_SECONDS: &str = "10";

/// Downloads under way, by their links.
#[derive(Clone, Default)]
pub(crate) struct Downloads(Arc<Mutex<HashMap<String, usize>>>);

/// One of them.
struct Place {
    all: Downloads,
    link: String,
}

impl Downloads {
    /// A place for one more, if there is one.
    fn place(&self, link: &str) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(link).copied().unwrap_or(0);
        if own >= DOWNLOADS_PER_LINK_MAX || all.values().sum::<usize>() >= DOWNLOADS_MAX {
            return None;
        }
        all.insert(link.to_owned(), own + 1);
        Some(Place { all: self.clone(), link: link.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&self.link) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(all.remove(&self.link)),
        }
    }
}

/// What is still to be given.
struct Giving {
    service: Arc<Service>,
    download: ExportDownload,
    at: u64,
    end: u64,
    _place: Place,
}

/// Gives a file, or a part of it. 404 whatever is wrong with the link; 503 with Retry-After when there are too many downloads, or the mail server
/// does not answer.
pub(crate) async fn file(
    State(shared): State<Shared>,
    Path((secret, name)): Path<(String, String)>,
    method: Method,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(address))| address.ip());
    let peer = visitor::origin(peer, &headers, &shared.options.trusted_proxies);
    let Some(place) = shared.downloads.place(&secret) else {
        return later("Too many downloads at once (DOWNLOADS_PER_LINK_MAX, DOWNLOADS_MAX)");
    };
    let download = match shared.service.export_download(&secret, &name, peer).await {
        Ok(download) => download,
        Err(e) => return refused(&e),
    };
    let file = &download.file;
    let etag = format!("\"{}\"", file.sha256.iter().map(|b| format!("{b:02x}")).collect::<String>());
    let (size, wanted) = (file.bytes, wanted(&headers, &etag, file.bytes));
    let (status, from, end) = match wanted {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Part(from, end) => (StatusCode::PARTIAL_CONTENT, from, end),
        Wanted::Unchanged => return bare(StatusCode::NOT_MODIFIED, &etag, None),
        Wanted::Another => return bare(StatusCode::PRECONDITION_FAILED, &etag, None),
        Wanted::Beyond => return bare(StatusCode::RANGE_NOT_SATISFIABLE, &etag, Some(format!("bytes */{size}"))),
    };
    let (kind, disposition) = (kind(&name), format!("attachment; filename=\"{}\"", plain(&name)));
    let range =
        (status == StatusCode::PARTIAL_CONTENT).then(|| format!("bytes {from}-{}/{size}", end.saturating_sub(1)));
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => {
            Body::from_stream(bytes(Giving { service: shared.service.clone(), download, at: from, end, _place: place }))
        }
    };
    let mut response = bare(status, &etag, range);
    *response.body_mut() = body;
    let set = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_LENGTH, (end - from).to_string()),
    ];
    for (name, value) in set {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The bytes, a piece at a time; an error ends the connection, so that nobody takes a part for the whole.
fn bytes(giving: Giving) -> impl futures_util::Stream<Item = Result<Bytes, tenants::Error>> {
    futures_util::stream::try_unfold(giving, |mut giving| async move {
        if giving.at >= giving.end {
            return Ok(None);
        }
        let piece = giving.service.export_piece(&giving.download, giving.at, giving.end).await;
        let piece = piece.inspect_err(|error| tracing::warn!(%error, "a download ends short"))?;
        if piece.is_empty() {
            return Err(tenants::Error::new(Code::Internal, "", "a file of an export is shorter than it says"));
        }
        giving.at += piece.len() as u64;
        Ok(Some((Bytes::from(piece), giving)))
    })
}

/// An answer without a body.
fn bare(status: StatusCode, etag: &str, range: Option<String>) -> Response {
    let mut response = (
        status,
        [
            (header::ACCEPT_RANGES, "bytes"),
            (header::CACHE_CONTROL, "private, no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
    )
        .into_response();
    for (name, value) in [(header::ETAG, Some(etag.to_owned())), (header::CONTENT_RANGE, range)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn later(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_SECONDS)], format!("{why}\n")).into_response()
}

fn refused(error: &tenants::Error) -> Response {
    let text = format!("{}\n", error.message);
    match error.code {
        Code::NotFound => (StatusCode::NOT_FOUND, text).into_response(),
        Code::Forbidden => (StatusCode::FORBIDDEN, text).into_response(),
        Code::Unavailable => later(&error.message),
        _ => {
            tracing::error!(%error, "a download");
            (StatusCode::INTERNAL_SERVER_ERROR, "The server failed\n").into_response()
        }
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("zip") => "application/zip",
        Some("json") => "application/json",
        Some(_) | None => "application/octet-stream",
    }
}

/// A name that stands in quotes.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_its_places_and_gives_them_back() {
        let all = Downloads::default();
        let mut held: Vec<Place> = (0..DOWNLOADS_PER_LINK_MAX).map(|_| all.place("a").unwrap()).collect();
        assert!(all.place("a").is_none());
        assert!(all.place("b").is_some(), "another link has its own");
        held.pop();
        held.push(all.place("a").expect("what ended is given back"));
        for link in 0..DOWNLOADS_MAX / DOWNLOADS_PER_LINK_MAX - 1 {
            held.extend((0..DOWNLOADS_PER_LINK_MAX).map(|_| all.place(&link.to_string()).unwrap()));
        }
        assert!(all.place("c").is_none());
        held.clear();
        assert!(all.0.lock().unwrap().is_empty());
    }

    #[test]
    fn names_stand_in_quotes_and_have_a_type() {
        assert_eq!(plain("export-1.zip"), "export-1.zip");
        assert_eq!(plain("a\"\r\nb;c"), "abc");
        assert_eq!(kind("export-1.zip"), "application/zip");
        assert_eq!(kind("manifest.json.sig"), "application/octet-stream");
    }
}
