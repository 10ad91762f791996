//! SUMMARY    Files of exports by link: `GET /download/{secret}/{file}`, wholly or from a byte on.
//! STANDARDS  RFC 9110 §8.8.3 (ETag), §13 (conditions), §14 (ranges)
//! SECURITY   The address is the secret: answers are kept by no cache and tell no other site where they came from. A secret that is none, an
//!            export that is destroyed and a file that is not there are one answer. A link that is revoked cuts off who is fetching.
//! LIMITS     DOWNLOADS_MAX, DOWNLOADS_PER_TENANT_MAX, DOWNLOADS_PER_LINK_MAX, PIECE_BYTES, PIECE_WAIT_MAX
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
    time::Duration,
};
use tenants::{Code, ExportDownload, Service};
use tokio::time::Instant;

/// Downloads at once: each holds a piece in memory.
const DOWNLOADS_MAX: usize = 128;
/// The same of one tenant: it keeps nobody else from theirs.
const DOWNLOADS_PER_TENANT_MAX: usize = 8;
/// Bytes that are read at once for a download.
const PIECE_BYTES: u64 = 1 << 20;
/// How long a piece may take to be fetched: 17 KB a second. Who is slower goes on with a range.
const PIECE_WAIT_MAX: Duration = Duration::from_secs(60);
/// The same by one link.
const DOWNLOADS_PER_LINK_MAX: usize = 4;
const MANY: &str = "Too many downloads at once (DOWNLOADS_PER_LINK_MAX, DOWNLOADS_PER_TENANT_MAX, DOWNLOADS_MAX)";
/// When somebody who was sent away may come again, seconds.
const RETRY_SECONDS: &str = "10";

/// Downloads under way, by their links, and by the tenants of these.
#[derive(Clone, Default)]
pub(crate) struct Downloads(Arc<Mutex<HashMap<String, usize>>>);

/// One of them.
struct Place {
    all: Downloads,
    of: String,
}

impl Downloads {
    /// A place for one more of a link or tenant that has at most so many, if there is one; each download has one of both.
    fn place(&self, of: &str, most: usize) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(of).copied().unwrap_or(0);
        if own >= most || all.values().sum::<usize>() >= 2 * DOWNLOADS_MAX {
            return None;
        }
        all.insert(of.to_owned(), own + 1);
        Some(Place { all: self.clone(), of: of.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(all.remove(&self.of)),
        }
    }
}

/// What is still to be given.
struct Giving {
    service: Arc<Service>,
    download: ExportDownload,
    at: u64,
    end: u64,
    /// When the last piece was given.
    since: Instant,
    _places: [Place; 2],
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
    let Some(place) = shared.downloads.place(&secret, DOWNLOADS_PER_LINK_MAX) else { return later(MANY) };
    let download = match shared.service.export_download(&secret, &name, peer).await {
        Ok(download) => download,
        Err(e) => return refused(&e),
    };
    let of = download.tenant().to_string();
    let Some(own) = shared.downloads.place(&of, DOWNLOADS_PER_TENANT_MAX) else { return later(MANY) };
    let file = &download.file;
    let etag = format!("\"{}\"", file.sha256.iter().map(|b| format!("{b:02x}")).collect::<String>());
    let headers = if method == Method::HEAD { without_range(headers) } else { headers };
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
            let (service, since, places) = (shared.service.clone(), Instant::now(), [place, own]);
            Body::from_stream(bytes(Giving { service, download, at: from, end, since, _places: places }))
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
        if giving.since.elapsed() > PIECE_WAIT_MAX {
            return Err(tenants::Error::new(Code::Unavailable, "", "fetched too slowly (PIECE_WAIT_MAX)"));
        }
        let to = giving.end.min(giving.at.saturating_add(PIECE_BYTES));
        let piece = giving.service.export_piece(&giving.download, giving.at, to).await;
        let piece = piece.inspect_err(|error| tracing::warn!(%error, "a download ends short"))?;
        if piece.is_empty() {
            return Err(tenants::Error::new(Code::Internal, "", "a file of an export is shorter than it says"));
        }
        giving.at += piece.len() as u64;
        giving.since = Instant::now();
        Ok(Some((Bytes::from(piece), giving)))
    })
}

/// Ranges are of GET alone (RFC 9110 §14.2).
fn without_range(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::RANGE);
    headers
}

/// Whatever else an address begins with the secret of a link: it goes to no page, where it would stand in another address.
pub(crate) async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(header::REFERRER_POLICY, "no-referrer")], "The name of a file comes behind a link\n")
        .into_response()
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
    fn a_link_and_a_tenant_have_their_places_and_give_them_back() {
        let all = Downloads::default();
        let mut held: Vec<Place> = (0..4).map(|_| all.place("a", 4).unwrap()).collect();
        assert!(all.place("a", 4).is_none());
        assert!(all.place("b", 4).is_some(), "another link has its own");
        held.pop();
        held.push(all.place("a", 4).expect("what ended is given back"));
        for other in 0..2 * DOWNLOADS_MAX - 4 {
            held.push(all.place(&format!("other {other}"), 1).unwrap());
        }
        assert!(all.place("c", 4).is_none());
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
