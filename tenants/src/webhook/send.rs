//! SUMMARY    One attempt: where it may lead, the connection, the signed request, what comes back.
//! STANDARDS  Standard Webhooks 1.0; RFC 9110, RFC 9112; RFC 6890 (special-purpose addresses)
//! SECURITY   A customer names the URL: the address that its name resolves to is checked and then connected to, so that a name that
//!            changes leads nowhere else. Addresses that are not of the public Internet are refused, unless the operator allows
//!            their network. Redirects are not followed. Answers are read up to a bound and kept as an excerpt.
//! LIMITS     WEBHOOK_TIMEOUT, WEBHOOK_RESPONSE_BYTES_MAX

use crate::limits::{WEBHOOK_RESPONSE_BYTES_MAX, WEBHOOK_TIMEOUT};
use aws_lc_rs::hmac;
use base::network::is_public;
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, Uri, body::Bytes, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

/// What the operator allows besides HTTPS to the public Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookRules {
    /// Networks that are not public and may be posted to, without TLS too.
    pub networks: Vec<IpNet>,
}

impl WebhookRules {
    fn allows(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|net| net.contains(&address))
    }
}

/// Where a webhook leads.
pub(super) struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    /// An https URL; http only where the operator allows networks that are not public.
    pub(super) fn parse(url: &str, rules: &WebhookRules) -> Result<Target, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "This is not a URL")?;
        let authority = uri.authority().ok_or("The URL names no host")?;
        if authority.as_str().contains('@') {
            return Err("A URL with a user or password is not taken");
        }
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if !rules.networks.is_empty() => false,
            Some(_) | None => return Err("Only https:// is taken"),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("The URL names no host");
        }
        if let Ok(address) = host.parse::<IpAddr>()
            && !may_reach(address, tls, rules)
        {
            return Err("The address is not of the public Internet");
        }
        let port = match (authority.port_u16(), authority.as_str().len() > authority.host().len()) {
            (None, false) if tls => 443,
            (None, false) => 80,
            (Some(port), _) if port > 0 => port,
            (Some(_) | None, _) => return Err("A port is a number from 1 to 65535"),
        };
        Ok(Target { uri, host, port, tls })
    }

    /// Addresses of the host that may be connected to.
    async fn addresses(&self, rules: &WebhookRules) -> Result<Vec<SocketAddr>, String> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(|e| format!("DNS: {e}"))?;
        let allowed: Vec<SocketAddr> = found.filter(|a| may_reach(a.ip(), self.tls, rules)).collect();
        if allowed.is_empty() { Err("the host has no address of the public Internet".to_owned()) } else { Ok(allowed) }
    }
}

fn may_reach(address: IpAddr, tls: bool, rules: &WebhookRules) -> bool {
    rules.allows(address) || (tls && is_public(address))
}

/// What an attempt met.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) status: Option<u16>,
    pub(super) latency_ms: i64,
    pub(super) response: String,
    /// Why it was not delivered.
    pub(super) error: Option<String>,
}

/// What is posted.
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    pub(super) at_secs: i64,
    pub(super) body: &'a str,
    /// The secret, and the one before while it signs as well.
    pub(super) secrets: &'a [String],
}

/// The header webhook-signature: a signature with each secret over `id.timestamp.body`.
fn signature(message: &Message<'_>) -> String {
    let signed = format!("{}.{}.{}", message.id, message.at_secs, message.body);
    let sign = |secret: &String| {
        let key = secret.strip_prefix(super::SECRET_PREFIX).unwrap_or(secret);
        let key = STANDARD.decode(key).unwrap_or_default();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    };
    message.secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// Posts a message once, within WEBHOOK_TIMEOUT.
pub(super) async fn post(url: &str, message: &Message<'_>, rules: &WebhookRules) -> Attempt {
    let begun = Instant::now();
    let mut attempt = Attempt::default();
    attempt.error = match timeout(WEBHOOK_TIMEOUT, exchange(url, message, rules, &mut attempt)).await {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(_) => Some("no answer in time (WEBHOOK_TIMEOUT)".to_owned()),
    };
    attempt.latency_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    attempt
}

async fn exchange(url: &str, message: &Message<'_>, rules: &WebhookRules, attempt: &mut Attempt) -> Result<(), String> {
    let target = Target::parse(url, rules)?;
    let stream = connect(&target.addresses(rules).await?).await?;
    let request = request(&target, message)?;
    let response = if target.tls {
        let name = ServerName::try_from(target.host.clone()).map_err(|e| e.to_string())?;
        let secured = tls()?.connect(name, stream).await.map_err(|e| format!("TLS: {e}"))?;
        answer(secured, request).await?
    } else {
        answer(stream, request).await?
    };
    let status = response.status();
    attempt.status = Some(status.as_u16());
    attempt.response = excerpt(response.into_body()).await;
    match status.is_success() {
        true => Ok(()),
        false if status.is_redirection() => Err("redirects are not followed".to_owned()),
        false => Err(format!("the answer is {status}")),
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = String::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(e) => last = format!("connecting: {e}"),
        }
    }
    Err(last)
}

fn request(target: &Target, message: &Message<'_>) -> Result<Request<Full<Bytes>>, String> {
    let path = target.uri.path_and_query().map_or("/", |p| p.as_str());
    let host = target.uri.authority().map_or("", |a| a.as_str());
    Request::post(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "Posthouse-Webhooks/1")
        .header(header::CONNECTION, "close")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", message.at_secs)
        .header("webhook-signature", signature(message))
        .body(Full::new(Bytes::copy_from_slice(message.body.as_bytes())))
        .map_err(|e| e.to_string())
}

fn tls() -> Result<TlsConnector, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn answer<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // Ends when the sender and the answer are dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "webhook connection");
        }
    });
    sender.send_request(request).await.map_err(|e| e.to_string())
}

/// The beginning of an answer.
async fn excerpt(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < WEBHOOK_RESPONSE_BYTES_MAX {
        let Some(Ok(frame)) = body.frame().await else { break };
        if let Some(data) = frame.data_ref() {
            let room = WEBHOOK_RESPONSE_BYTES_MAX - bytes.len();
            bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        }
    }
    String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_reached() {
        let inside = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 \
                      198.18.0.1 ::1 :: fe80::1 fc00::1 ff02::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 2001::1 2001:db8::1";
        for address in inside.split_whitespace() {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in "1.1.1.1 193.0.6.139 2606:4700::1111 64:ff9b::101:101 2002:101:101::".split_whitespace() {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn urls_that_lead_astray_are_refused() {
        let rules = WebhookRules::default();
        let astray = "http://hooks.example/ https://user:pass@hooks.example/ ftp://hooks.example/ /path https://127.0.0.1/ \
                      https://[::1]/ https://169.254.169.254/latest https://[::ffff:10.0.0.1]/ https://hooks.example:0/ \
                      https://hooks.example:99999/ https://hooks.example:/";
        for url in astray.split_whitespace() {
            assert!(Target::parse(url, &rules).is_err(), "{url}");
        }
        assert!(Target::parse("https://hooks.example:8443/in?x=1", &rules).is_ok());
    }

    /// The example of the Standard Webhooks documents.
    #[test]
    fn the_signature_is_the_documented_one() {
        let message = Message {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at_secs: 1_614_265_330,
            body: "{\"test\": 2432232314}",
            secrets: &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()],
        };
        assert_eq!(signature(&message), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
