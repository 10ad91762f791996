//! SUMMARY    Settings of mail programs for the domains that are kept here, at the HTTP port: Thunderbird's file and Outlook's question.
//! STANDARDS  Mozilla autoconfig 1.1 (config-v1.1.xml); MS-OXDSCLI §2.2 (POX Autodiscover), RFC 6186, RFC 8314
//! SECURITY   Anybody asks: one read of the store. The answer depends on the domain alone, so nobody learns by it which addresses there are.
//!            What was asked is read without entities and document types, and written back escaped.
//! LIMITS     ASKED_BYTES_MAX, ASKED_WAIT_MAX
//! INVARIANTS Name and ports are those that the SRV records name. In plain HTTP: what stands in front of the port has the certificates of
//!            `autoconfig.DOMAIN` and `autodiscover.DOMAIN`.

mod read;
mod write;

use account::Accounts;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base::{Address, Domain};
use portal::Servers;
use read::Asked;
use std::{sync::Arc, time::Duration};

/// Bytes of a question.
const ASKED_BYTES_MAX: usize = 16 << 10;
/// How long a question may take to arrive.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(10);
const XML: &str = "text/xml; charset=utf-8";
const LABEL: &str = "autoconfig.";

struct Served {
    accounts: Accounts,
    servers: Servers,
}

/// GET `/mail/config-v1.1.xml` and `/.well-known/autoconfig/mail/config-v1.1.xml`, POST `/autodiscover/autodiscover.xml` in the
/// spellings that Outlook uses. 404 for a domain that is not kept here, 400 for a question that is none, 503 when the store does not say.
pub fn router(accounts: Accounts, servers: Servers) -> Router {
    let mut router = Router::new();
    for path in ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"] {
        router = router.route(path, get(configured));
    }
    for folder in ["autodiscover", "Autodiscover", "AutoDiscover"] {
        for file in ["autodiscover", "Autodiscover", "AutoDiscover"] {
            router = router.route(&format!("/{folder}/{file}.xml"), post(discovered));
        }
    }
    router.with_state(Arc::new(Served { accounts, servers }))
}

impl Served {
    async fn keeps(&self, domain: &Domain) -> Result<bool, Response> {
        self.accounts.is_local_domain(domain).await.map_err(|error| {
            tracing::warn!(%error, %domain, "looking up the domain of settings for mail programs");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        })
    }
}

async fn configured(State(served): State<Arc<Served>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(domain) = domain(&headers, query.as_deref().unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, "name a domain: Host: autoconfig.DOMAIN, or ?emailaddress=NAME@DOMAIN\n")
            .into_response();
    };
    match served.keeps(&domain).await {
        Ok(true) => ([(CONTENT_TYPE, XML)], write::client_config(&domain, &served.servers)).into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(answer) => answer,
    }
}

/// Whose settings are asked for: the host says it, else the address, else the host as a whole.
fn domain(headers: &HeaderMap, query: &str) -> Option<Domain> {
    let host = Domain::parse(crate::mta_sts::host(headers)?).ok()?;
    if let Some(named) = host.as_str().strip_prefix(LABEL) {
        return Domain::parse(named).ok();
    }
    let fields = url::form_urlencoded::parse(query.as_bytes());
    match fields.into_iter().find(|(name, _)| name == "emailaddress") {
        Some((_, address)) => Domain::parse(address.rsplit_once('@')?.1).ok(),
        None => Some(host),
    }
}

async fn discovered(State(served): State<Arc<Served>>, body: Body) -> Response {
    let refused = |status, code, why: &str| (status, [(CONTENT_TYPE, XML)], write::refusal(code, why)).into_response();
    let body = match tokio::time::timeout(ASKED_WAIT_MAX, to_bytes(body, ASKED_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, 600, "The request is too large or was cut off"),
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, 600, "The request took too long to arrive"),
    };
    let asked = match Asked::read(&body) {
        Ok(asked) => asked,
        Err(why) => return refused(StatusCode::BAD_REQUEST, 600, &format!("Invalid request: {why}")),
    };
    if !asked.takes_settings {
        return refused(StatusCode::OK, 601, "Only the response schema outlook/responseschema/2006a is spoken here");
    }
    let Ok(address) = Address::parse(&asked.address) else {
        return refused(StatusCode::BAD_REQUEST, 600, "Invalid request: EMailAddress is no address");
    };
    match served.keeps(address.domain()).await {
        Ok(true) => ([(CONTENT_TYPE, XML)], write::settings(&asked.address, &served.servers)).into_response(),
        Ok(false) => refused(StatusCode::NOT_FOUND, 500, "Mail of this domain is not kept here"),
        Err(answer) => answer,
    }
}

#[cfg(test)]
mod tests;
