//! SUMMARY    The MTA-STS policy of the domains whose mail comes here, at the HTTP port.
//! STANDARDS  RFC 8461 §3.2, §3.3; RFC 9112 §3.2 (Host)
//! SECURITY   Anybody asks: one read of the store. Who asks for a name learns whether its mail comes here, which its MX records say too.
//! INVARIANTS The same text for every domain, and the one whose hash stands in their records. In plain HTTP: what stands in front of the port
//!            has the certificates of `mta-sts.DOMAIN` that §3.3 asks for.

use account::Accounts;
use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, HOST},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use base::Domain;
use std::sync::Arc;

const PATH: &str = "/.well-known/mta-sts.txt";
const LABEL: &str = "mta-sts.";

struct Served {
    accounts: Accounts,
    policy: String,
}

/// `/.well-known/mta-sts.txt` with `Host: mta-sts.DOMAIN`; 404 for a domain whose mail does not come here, 400 for what names no
/// host or several, 503 when the store does not say.
pub fn router(accounts: Accounts, policy: String) -> Router {
    Router::new().route(PATH, get(answer)).with_state(Arc::new(Served { accounts, policy }))
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    let Some(host) = host(&headers) else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(domain) = domain(host) else { return StatusCode::NOT_FOUND.into_response() };
    match served.accounts.is_public_here(&domain).await {
        Ok(true) => ([(CONTENT_TYPE, "text/plain")], served.policy.clone()).into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!(%error, %domain, "looking up the domain of an MTA-STS policy");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The host that a request names, without its port: there is one, and a port is a number (RFC 9112 §3.2).
pub fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = host.to_str().ok()?;
    match host.rsplit_once(':') {
        // The colons of an IPv6 address.
        Some(_) if host.ends_with(']') => Some(host),
        Some((name, port)) => {
            let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
            (is_port || port.is_empty()).then_some(name)
        }
        None => Some(host),
    }
}

/// The domain that a policy host belongs to.
fn domain(name: &str) -> Option<Domain> {
    Domain::parse(Domain::parse(name).ok()?.as_str().strip_prefix(LABEL)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::TenantId;
    use control::{Change, Control, DomainSnapshot};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::watch,
    };

    async fn ask(port: u16, host: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_policy_is_served_by_host_for_domains_whose_mail_comes_here() {
        let accounts = crate::plane::tests::accounts();
        let domain = |name: &str| DomainSnapshot::new(name, TenantId(1), 1);
        let batch = [
            domain("a.example"),
            DomainSnapshot { mx_here: false, ..domain("elsewhere.example") },
            DomainSnapshot { live: false, ..domain("released.example") },
        ];
        accounts.apply(batch.into_iter().map(Change::Domain).collect()).await.unwrap();
        let (_stop, stopped) = watch::channel(false);
        let router = router(accounts, "version: STSv1\r\n".to_owned());
        let address = "127.0.0.1:0".parse().unwrap();
        let (port, _task) = crate::http::listen(address, false, router, Vec::new(), stopped).await.unwrap();
        for host in ["mta-sts.a.example", "MTA-STS.A.example:8080", "mta-sts.a.example."] {
            let answer = ask(port, host).await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nversion: STSv1\r\n"), "{answer}");
            assert!(answer.to_lowercase().contains("content-type: text/plain\r\n"), "{answer}");
        }
        let others = [
            "a.example",
            "mta-sts.elsewhere.example",
            "mta-sts.released.example",
            "mta-sts.unknown.example",
            "mta-sts.",
            "",
            "[::1]:80",
            "[::1]",
        ];
        for host in others {
            assert!(ask(port, host).await.starts_with("HTTP/1.1 404 "), "{host:?}");
        }
        let odd = [
            "mta-sts.a.example:0",
            "mta-sts.a.example:65536",
            "mta-sts.a.example:99999999999999999999",
            "mta-sts.a.example:+80",
            "mta-sts.a.example:8o",
            "mta-sts.a.example\r\nHost: mta-sts.a.example",
            "mta-sts.a.example\r\nHost: mta-sts.elsewhere.example",
        ];
        for host in odd {
            assert!(ask(port, host).await.starts_with("HTTP/1.1 400 "), "{host:?}");
        }
    }
}
