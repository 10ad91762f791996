//! SUMMARY    What to do about a record, in the reader's language: by its status and by what it is for.
//! STANDARDS  RFC 7208 §3.2, §4.6.4 (SPF), RFC 7489 §6.6.3 (DMARC)
//! INVARIANTS The API says whether there is something to say; its text, in English, is shown where a record is of no kind that is known here.

use crate::operation::domain_shown;
use domain_shown::{DomainFacet, DomainShownDomainRecords as Record, RecordStatus};

/// What a record is for, as far as its hints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Spf,
    Dmarc,
    TlsReports,
    Mx,
    Caa,
    Other,
}

fn purpose(r: &Record) -> Purpose {
    let is_spf = r.expected.iter().any(|value| value.starts_with("v=spf1"));
    match r.type_.as_str() {
        "MX" => Purpose::Mx,
        "CAA" => Purpose::Caa,
        "TXT" if r.name.starts_with("_dmarc.") => Purpose::Dmarc,
        "TXT" if r.name.starts_with("_smtp._tls.") => Purpose::TlsReports,
        "TXT" if r.facet == DomainFacet::SEND && is_spf => Purpose::Spf,
        _ => Purpose::Other,
    }
}

/// The key of what is said; `None`: what the API says stands.
pub(super) fn hint(r: &Record) -> Option<&'static str> {
    match (&r.status, purpose(r)) {
        (RecordStatus::UNKNOWN, _) => Some("hint-unknown"),
        (RecordStatus::MISSING, Purpose::Spf) => Some("hint-spf-missing"),
        (RecordStatus::MISSING, _) => Some("hint-missing"),
        (RecordStatus::CONFLICT, Purpose::Spf) => Some(spf_conflict(r)),
        (RecordStatus::CONFLICT, Purpose::Dmarc | Purpose::TlsReports) if r.observed.len() > 1 => Some("hint-several"),
        (RecordStatus::CONFLICT, Purpose::Dmarc) => Some("hint-dmarc-policy"),
        (RecordStatus::CONFLICT, Purpose::Mx) => Some("hint-mx-others"),
        (RecordStatus::CONFLICT, Purpose::Caa) => Some("hint-caa"),
        (RecordStatus::CONFLICT, Purpose::TlsReports | Purpose::Other) => Some("hint-replace"),
        (RecordStatus::MATCH, Purpose::Spf) => Some("hint-spf-ptr"),
        (RecordStatus::MATCH, Purpose::Dmarc) => Some(dmarc_match(r)),
        (RecordStatus::MATCH | RecordStatus::Other(_), _) => None,
    }
}

/// Several, one that lets everybody send, one that asks for too much, or one that lacks ours.
fn spf_conflict(r: &Record) -> &'static str {
    let [one] = r.observed.as_slice() else { return "hint-spf-several" };
    let lower = one.to_ascii_lowercase();
    let has = |term: &str| lower.split_ascii_whitespace().any(|t| t.trim_start_matches('+') == term);
    if has("all") {
        return "hint-spf-open";
    }
    let wanted = r.expected.first().map(|wanted| wanted.to_ascii_lowercase()).unwrap_or_default();
    let all_there = wanted.split_ascii_whitespace().all(|term| lower.split_ascii_whitespace().any(|t| t == term));
    // With all that is wanted in it, only the number of its look-ups can be wrong.
    if all_there { "hint-spf-look-ups" } else { "hint-spf-add" }
}

/// A policy that only watches, or one that is none.
fn dmarc_match(r: &Record) -> &'static str {
    let only_watches = r.observed.iter().any(|record| {
        record.split(';').any(|tag| tag.split_once('=').is_some_and(|(n, v)| n.trim() == "p" && v.trim() == "none"))
    });
    if only_watches { "hint-dmarc-none" } else { "hint-dmarc-policy" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, name: &str, status: RecordStatus, expected: &str, observed: &[&str]) -> Record {
        Record {
            name: name.to_owned(),
            type_: kind.to_owned(),
            facet: if expected.starts_with("v=spf1") { DomainFacet::SEND } else { DomainFacet::POLICY },
            expected: vec![expected.to_owned()],
            observed: observed.iter().map(|o| (*o).to_owned()).collect(),
            status,
            hint: "In English".to_owned(),
            stale: Vec::new(),
            required: true,
        }
    }

    #[test]
    fn each_verdict_has_its_words() {
        use RecordStatus::{CONFLICT, MATCH, MISSING, UNKNOWN};
        let spf = "v=spf1 include:_spf.host.example ~all";
        for (kind, name, status, expected, observed, key) in [
            ("MX", "x.example", UNKNOWN, "10 mx.", &[][..], "hint-unknown"),
            ("MX", "x.example", MISSING, "10 mx.", &[], "hint-missing"),
            ("MX", "x.example", CONFLICT, "10 mx.", &["5 old."], "hint-mx-others"),
            ("CAA", "x.example", CONFLICT, "0 issue \"a\"", &["0 issue \"b\""], "hint-caa"),
            ("TXT", "x.example", MISSING, spf, &[], "hint-spf-missing"),
            ("TXT", "x.example", CONFLICT, spf, &["v=spf1 mx -all", "v=spf1 a"], "hint-spf-several"),
            ("TXT", "x.example", CONFLICT, spf, &["v=spf1 mx +all"], "hint-spf-open"),
            ("TXT", "x.example", CONFLICT, spf, &["v=spf1 mx -all"], "hint-spf-add"),
            ("TXT", "x.example", CONFLICT, spf, &[spf], "hint-spf-look-ups"),
            ("TXT", "x.example", MATCH, spf, &["v=spf1 ptr include:_spf.host.example ~all"], "hint-spf-ptr"),
            ("TXT", "_dmarc.x.example", CONFLICT, "v=DMARC1; p=none", &["v=DMARC1"], "hint-dmarc-policy"),
            ("TXT", "_dmarc.x.example", CONFLICT, "v=DMARC1; p=none", &["v=DMARC1", "v=DMARC1"], "hint-several"),
            ("TXT", "_dmarc.x.example", MATCH, "v=DMARC1; p=none", &["v=DMARC1; p=none"], "hint-dmarc-none"),
            ("TXT", "_dmarc.x.example", MATCH, "v=DMARC1; p=no", &["v=DMARC1; p=no"], "hint-dmarc-policy"),
            ("TXT", "_smtp._tls.x.example", CONFLICT, "v=TLSRPTv1", &["v=TLSRPTv1", "v=TLSRPTv1"], "hint-several"),
            ("TXT", "k._domainkey.x.example", CONFLICT, "v=DKIM1; p=A", &["v=DKIM1; p=B"], "hint-replace"),
        ] {
            let told = hint(&record(kind, name, status, expected, observed));
            assert_eq!(told, Some(key), "{kind} {name} {observed:?}");
        }
        let new = RecordStatus::Other("NEW".to_owned());
        assert_eq!(hint(&record("TXT", "x.example", new, "x", &[])), None, "the API's words stand");
        assert_eq!(hint(&record("CNAME", "x.example", MATCH, "x", &["x"])), None);
    }
}
