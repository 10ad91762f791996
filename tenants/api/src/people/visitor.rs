//! SUMMARY    Who sends a request: the address behind trusted proxies, and what may be asked without a token.
//! SECURITY   X-Forwarded-For is believed as far as it was written by proxies that are trusted: from its end, up to the first
//!            address that is none. Without a token only what somebody signs in or signs up by is executed.

use crate::shape;
use async_graphql::parser::types::{OperationType, Selection};
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use std::net::IpAddr;
use tenants::Seen;

/// Mutations that need no token: whoever has a secret shows it, and who signs up has none yet.
const OPEN: [&str; 15] = [
    "passkeyChallenge",
    "sessionCreate",
    "sessionRefresh",
    "invitationAccept",
    "passwordForgot",
    "passwordReset",
    "signupChallenge",
    "nameAvailable",
    "signupBegin",
    "signupContact",
    "signupVerify",
    "signupChoose",
    "signupCheckout",
    "signupFinish",
    "signupAbandon",
];
/// Queries that need none.
const OPEN_QUERIES: [&str; 4] = ["announcementsShown", "signupOptions", "signup", "brand"];
/// Names a tenant for a person who is a member of several.
pub(crate) const TENANT_HEADER: &str = "posthouse-tenant";

/// Where the request comes from, by the connection's peer and the proxies in between.
pub(crate) fn origin(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let mut from = peer?.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|v| v.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(&from) {
            break;
        }
        let Ok(before) = hop.parse::<IpAddr>() else { break };
        from = before.to_canonical();
    }
    Some(from)
}

pub(crate) fn seen(peer: Option<IpAddr>, headers: &HeaderMap) -> Seen {
    let device = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Seen { peer, device: device.to_owned() }
}

/// Whether a request may be executed for somebody who has not said who it is.
pub(crate) fn is_open(query: &str) -> bool {
    let Ok(document) = shape::parse(query) else { return false };
    // One operation: a name could choose another one.
    let mut operations = document.operations.iter();
    let (Some((_, operation)), None) = (operations.next(), operations.next()) else { return false };
    let fields = &operation.node.selection_set.node.items;
    let open: &[&str] = match operation.node.ty {
        OperationType::Mutation => &OPEN,
        OperationType::Query => &OPEN_QUERIES,
        OperationType::Subscription => &[],
    };
    !fields.is_empty()
        && fields.iter().all(|s| match &s.node {
            Selection::Field(f) => open.contains(&f.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signing_in_and_up_is_open() {
        for (open, query) in [
            (true, "mutation { sessionCreate(input: {}) { sessionId } }"),
            (true, "mutation S { s: sessionRefresh(input: {}) { sessionId } }"),
            (false, "mutation { a: sessionCreate(input: {}) { sessionId } b: tenantCreate(input: {}) { token } }"),
            (false, "mutation { sessionCreate: tenantCreate(input: {}) { token } }"),
            (false, "mutation { ... { sessionCreate(input: {}) { sessionId } } }"),
            (
                false,
                "mutation A { sessionCreate(input: {}) { sessionId } } mutation B { tenantCreate(input: {}) { token } }",
            ),
            (true, "{ signupOptions { domains } signup(id: \"x\", secret: \"y\") { state } }"),
            (true, "{ announcementsShown { id } }"),
            (false, "{ announcements(tenantId: \"x\") { totalCount } }"),
            (false, "{ signupOptions { domains } viewer { id } }"),
            (true, "{ brand(host: \"x\") { name } }"),
            (false, "{ branding(tenantId: \"x\") { version } }"),
            (false, "mutation { signupOptions { domains } }"),
            (false, "{ signups(tenantId: \"x\") { totalCount } }"),
            (false, "{ __schema { types { name } } }"),
            (false, "query { sessionCreate }"),
            (false, "subscription { sessionCreate }"),
            (false, ""),
        ] {
            assert_eq!(is_open(query), open, "{query}");
        }
    }

    #[test]
    fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
        let ip = |s: &str| s.parse::<IpAddr>().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let check = |peer: &str, forwarded: &[&str], expect: &str| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            assert_eq!(origin(Some(ip(peer)), &headers, &trusted), Some(ip(expect)), "{peer} {forwarded:?}");
        };
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        // What the client wrote itself stands further in front.
        check("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.1.1.1"], "198.51.100.7");
        check("10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", &["nonsense"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
        assert_eq!(origin(None, &HeaderMap::new(), &trusted), None);
    }
}
