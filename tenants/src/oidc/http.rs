//! SUMMARY    Asking identity providers: an HTTP client that reaches public hosts only.
//! SECURITY   Tenants name the hosts. Names that resolve to addresses of the inside, addresses written out and plain HTTP are
//!            not asked, unless the operator named the host; the address that was judged is the one that is connected to.
//!            Redirects are not followed; answers are bounded in size and time.
//! LIMITS     IDENTITY_ANSWER_BYTES_MAX, IDENTITY_WAIT

use crate::limits::{IDENTITY_ANSWER_BYTES_MAX, IDENTITY_WAIT};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, body::Bytes, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec::IntoIter,
};
use tower::Service;
use url::{Url, form_urlencoded};

type Found = Pin<Box<dyn Future<Output = io::Result<IntoIter<SocketAddr>>> + Send>>;

/// Hosts that the operator lets be asked wherever they stand, without TLS too.
#[derive(Clone, Default)]
struct Inside(Arc<[String]>);

impl Inside {
    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|h| h.eq_ignore_ascii_case(host.trim_matches(['[', ']'])))
    }
}

/// Gives the addresses of a name that may be connected to.
#[derive(Clone)]
struct Names(Inside);

impl Service<Name> for Names {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Found;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Found {
        let inside = self.0.has(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable: Vec<SocketAddr> = found.filter(|a| inside || is_public(a.ip())).collect();
            match usable.is_empty() {
                true => Err(io::Error::other("the name has no public address")),
                false => Ok(usable.into_iter()),
            }
        })
    }
}

/// Whether an address is reached from everywhere (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let inside = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified();
            let odd = v4.is_multicast() || v4.is_broadcast() || v4.is_documentation() || a == 0 || a >= 240;
            let shared = (a == 100 && b & 0xc0 == 64) || (a == 192 && b == 0 && c == 0) || (a == 198 && b & 0xfe == 18);
            !(inside || odd || shared)
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // 2000::/3 is what is given out; of it, documentation, benchmarks, Teredo and 6to4 lead elsewhere.
            a & 0xe000 == 0x2000 && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8)) && a != 0x2002 && a != 0x3fff
        }
    }
}

pub(crate) struct Fetch {
    client: Client<HttpsConnector<HttpConnector<Names>>, Full<Bytes>>,
    inside: Inside,
}

/// What identifies us at a token endpoint.
pub(super) struct ClientAuth<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
    /// In the form, for providers that take it there only; in the head otherwise (RFC 6749 §2.3.1).
    pub(super) in_form: bool,
}

impl Fetch {
    /// `inside`: hosts that may be asked wherever they stand.
    pub(crate) fn new(inside: &[String]) -> Fetch {
        let inside = Inside(inside.into());
        let mut tcp = HttpConnector::new_with_resolver(Names(inside.clone()));
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(IDENTITY_WAIT));
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
        Fetch { client: Client::builder(TokioExecutor::new()).build(https), inside }
    }

    /// Whether a URL may be asked at all, or a browser be sent there.
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let written_out = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let outside = url.scheme() == "https" && !written_out && host.contains('.');
        plain && (outside || (matches!(url.scheme(), "http" | "https") && self.inside.has(host)))
    }

    /// A JSON document. The error is for the log.
    pub(super) async fn document<T: DeserializeOwned>(&self, url: &Url) -> Result<T, String> {
        let request = Request::builder().method(Method::GET).header(header::ACCEPT, "application/json");
        self.send(url, request, Bytes::new()).await
    }

    /// The answer to a form of a client.
    pub(super) async fn form<T: DeserializeOwned>(
        &self,
        url: &Url,
        auth: &ClientAuth<'_>,
        fields: &[(&str, &str)],
    ) -> Result<T, String> {
        let mut request = Request::builder()
            .method(Method::POST)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut own = None;
        match auth.in_form {
            true => own = Some([("client_id", auth.id), ("client_secret", auth.secret)]),
            false => request = request.header(header::AUTHORIZATION, basic(auth)),
        }
        let fields = fields.iter().chain(own.iter().flatten());
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(url, request, Bytes::from(form)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        url: &Url,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<T, String> {
        if !self.may_ask(url) {
            return Err(format!("{url} is not asked: it is no public name over https"));
        }
        let uri: Uri = url.as_str().parse().map_err(|e| format!("{url}: {e}"))?;
        let request = request.uri(uri).body(Full::new(body)).map_err(|e| e.to_string())?;
        let answer = async {
            let (head, body) = self.client.request(request).await.map_err(|e| told(&e))?.into_parts();
            let body = Limited::new(body, IDENTITY_ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|e| format!("{e} (IDENTITY_ANSWER_BYTES_MAX)"))?.to_bytes();
            match head.status.is_success() {
                true => serde_json::from_slice(&body).map_err(|e| e.to_string()),
                false => Err(format!("status {}", head.status.as_u16())),
            }
        };
        let answer = tokio::time::timeout(IDENTITY_WAIT, answer).await;
        answer.map_err(|_| format!("{url}: no answer in time (IDENTITY_WAIT)"))?.map_err(|e| format!("{url}: {e}"))
    }
}

/// RFC 6749 §2.3.1: both parts are form-encoded first.
fn basic(auth: &ClientAuth<'_>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(auth.id), encoded(auth.secret))))
}

/// An error with what lies under it.
fn told(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut under = e.source();
    while let Some(e) = under {
        text = format!("{text}: {e}");
        under = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_is_not_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "3fff::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for public in ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_written_out_and_plain_http_are_not_asked_unless_the_operator_named_them() {
        let (fetch, named) = (Fetch::new(&[]), Fetch::new(&["127.0.0.1".into(), "login.corp".into(), "::1".into()]));
        let may = |fetch: &Fetch, url: &str| fetch.may_ask(&Url::parse(url).unwrap());
        assert!(may(&fetch, "https://login.example.org/a"));
        for url in ["http://127.0.0.1:8080/x", "https://login.corp", "http://[::1]/", "https://login.example.org"] {
            assert!(may(&named, url), "{url}");
        }
        for url in [
            "http://login.example.org",
            "https://127.0.0.1",
            "https://2130706433",
            "https://0x7f.1",
            "https://[::1]",
            "https://localhost",
            "https://1.1.1.1",
            "https://user:secret@login.example.org",
            "https://login.example.org/#x",
            "ftp://login.example.org",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(!may(&fetch, url), "{url}");
        }
        assert!(!may(&named, "http://127.0.0.2/") && !may(&named, "ftp://login.corp"));
    }

    #[tokio::test]
    async fn a_public_name_that_leads_inside_is_not_connected_to() {
        // localhost resolves everywhere, and to loopback: asked for as if it were any name.
        let found = Names(Inside::default()).call("localhost".parse().unwrap()).await;
        assert!(found.is_err_and(|e| e.to_string().contains("no public address")));
        let named = Names(Inside(["localhost".to_owned()].into())).call("localhost".parse().unwrap()).await;
        assert!(named.unwrap().all(|a| a.ip().is_loopback()));
    }
}
