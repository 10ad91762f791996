//! SUMMARY    The records that a domain should have, in the order in which they are safely published. Pure.
//! STANDARDS  product.md §4; RFC 7208, RFC 6376, RFC 7489, RFC 8461, RFC 8460, RFC 6186, RFC 8659, RFC 7672
//! INVARIANTS What proves comes first, what lets mail come here comes last: nothing on the way breaks what works today.

mod judge;
mod setup;
mod spf;
mod zone;

pub(crate) use judge::{facet, judge, mx_here};
pub use setup::Setup;
pub(crate) use zone::parts as txt_parts;
pub use zone::zone_file;

use crate::{dkim::DkimRecord, dns::Kind};
use serde::{Deserialize, Serialize};

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Facet {
    Ownership,
    Receive,
    Send,
    Policy,
    ClientConfig,
}

/// How what is there stands to what should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Match,
    Conflict,
    Missing,
    /// Nobody could say. It changes nothing.
    Unknown,
}

/// Which record: decides by what rule it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    Challenge,
    Dkim,
    Spf,
    Dmarc,
    MtaSts,
    TlsRpt,
    /// A host name of ours under the domain.
    Host,
    Service,
    Caa,
    Tlsa,
    Mx,
}

/// A record as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) purpose: Purpose,
    pub(crate) facet: Facet,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Content; several for MX.
    pub(crate) values: Vec<String>,
    /// Whether its facet is incomplete without it.
    pub(crate) required: bool,
}

/// A record with what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub purpose: Purpose,
    pub facet: Facet,
    pub name: String,
    pub kind: Kind,
    pub expected: Vec<String>,
    pub observed: Vec<String>,
    pub status: Status,
    /// One line; empty when there is nothing to say.
    pub hint: String,
    /// What is there and should go.
    pub stale: Vec<String>,
    pub required: bool,
}

/// All records of a domain, safest first.
pub(crate) fn wanted(domain: &str, challenge: &str, dkim: &[DkimRecord], setup: &Setup) -> Vec<Wanted> {
    let one = |purpose, facet, name: String, kind, value: String, required| Wanted {
        purpose,
        facet,
        name,
        kind,
        values: vec![value],
        required,
    };
    let below = |label: &str| format!("{label}.{domain}");
    let host = format!("{}.", setup.hostname);
    let challenge_name = crate::challenge_name(domain);
    let mut all =
        vec![one(Purpose::Challenge, Facet::Ownership, challenge_name, Kind::Txt, challenge.to_owned(), true)];
    for key in dkim {
        let name = below(&format!("{}._domainkey", key.selector));
        all.push(one(Purpose::Dkim, Facet::Send, name, Kind::Txt, key.text.clone(), key.required));
    }
    if setup.hostname.is_empty() {
        return all;
    }
    let spf = format!("v=spf1 {} ~all", setup.spf_mechanism());
    all.push(one(Purpose::Spf, Facet::Send, domain.to_owned(), Kind::Txt, spf, true));
    all.push(one(Purpose::Dmarc, Facet::Policy, below("_dmarc"), Kind::Txt, "v=DMARC1; p=none".to_owned(), true));
    let sts = format!("v=STSv1; id={}", setup.mta_sts_id());
    all.push(one(Purpose::MtaSts, Facet::Policy, below("_mta-sts"), Kind::Txt, sts, false));
    all.push(one(Purpose::Host, Facet::Policy, below("mta-sts"), Kind::Cname, host.clone(), false));
    let rpt = format!("v=TLSRPTv1; rua=mailto:postmaster@{domain}");
    all.push(one(Purpose::TlsRpt, Facet::Policy, below("_smtp._tls"), Kind::Txt, rpt, false));
    for label in ["autoconfig", "autodiscover"] {
        all.push(one(Purpose::Host, Facet::ClientConfig, below(label), Kind::Cname, host.clone(), false));
    }
    for (service, port) in &setup.services {
        let value = format!("0 1 {port} {host}");
        all.push(one(Purpose::Service, Facet::ClientConfig, below(service), Kind::Srv, value, false));
    }
    if !setup.certificate_authority.is_empty() {
        let value = format!("0 issue \"{}\"", setup.certificate_authority);
        all.push(one(Purpose::Caa, Facet::Policy, domain.to_owned(), Kind::Caa, value, false));
    }
    // TLSA stands at the host that takes the mail: in this domain only when that host is.
    let ours = setup.hostname == domain || setup.hostname.ends_with(&format!(".{domain}"));
    if ours && !setup.tls_key_sha256.is_empty() {
        let name = format!("_25._tcp.{}", setup.hostname);
        let value = format!("3 1 1 {}", setup.tls_key_sha256);
        all.push(one(Purpose::Tlsa, Facet::Receive, name, Kind::Tlsa, value, false));
    }
    let values = setup.exchanges().iter().map(|(preference, host)| format!("{preference} {host}.")).collect();
    let (purpose, facet, kind, name) = (Purpose::Mx, Facet::Receive, Kind::Mx, domain.to_owned());
    all.push(Wanted { purpose, facet, name, kind, values, required: true });
    all
}
