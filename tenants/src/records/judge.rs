//! SUMMARY    What was seen held against what should be: one verdict, one hint, what to delete. Pure.
//! STANDARDS  product.md §4; RFC 7489 §6.3, RFC 8461 §3.1, RFC 8659 §4.2
//! INVARIANTS What was not heard is `Unknown`, whatever was seen before.

use super::{Checked, Facet, Purpose, Setup, Status, Wanted, spf};
use crate::dns::Look;

/// The verdict on one record.
pub(crate) fn judge(wanted: &Wanted, look: Look, setup: &Setup) -> Checked {
    let mut checked = Checked {
        purpose: wanted.purpose,
        facet: wanted.facet,
        name: wanted.name.clone(),
        kind: wanted.kind,
        expected: wanted.values.clone(),
        observed: Vec::new(),
        status: Status::Unknown,
        hint: String::new(),
        stale: Vec::new(),
        required: wanted.required,
    };
    let there = match look {
        Look::Known(records) => records,
        Look::Unknown(why) => {
            checked.hint = format!("Not known now: {why}");
            return checked;
        }
    };
    match wanted.purpose {
        Purpose::Spf => judge_spf(&mut checked, &there, setup),
        Purpose::Mx => judge_mx(&mut checked, &there),
        Purpose::Challenge => among(&mut checked, &there, "posthouse-verify=", |a, b| a == b),
        Purpose::Dkim => among(&mut checked, &there, "", same_key),
        Purpose::MtaSts => among(&mut checked, &there, "v=stsv1", same_tags),
        Purpose::Dmarc => judge_policy(&mut checked, &there, "v=dmarc1", dmarc_hint),
        Purpose::TlsRpt => judge_policy(&mut checked, &there, "v=tlsrptv1", |_| String::new()),
        Purpose::Caa => judge_caa(&mut checked, &there),
        Purpose::Host | Purpose::Service | Purpose::Tlsa => among(&mut checked, &there, "", |a, b| a == b),
    }
    if checked.hint.is_empty() {
        checked.hint = match checked.status {
            Status::Missing => "Publish the record".to_owned(),
            Status::Conflict => "Replace what is there".to_owned(),
            Status::Match | Status::Unknown => String::new(),
        };
    }
    checked
}

/// One of the records with the prefix is ours; the others with it are stale.
fn among(checked: &mut Checked, there: &[String], prefix: &str, same: fn(&str, &str) -> bool) {
    checked.observed = there.iter().filter(|t| t.to_ascii_lowercase().starts_with(prefix)).cloned().collect();
    let ours = |t: &String| checked.expected.iter().any(|e| same(e, t));
    let found = checked.observed.iter().any(ours);
    checked.stale = checked.observed.iter().filter(|t| !ours(t)).cloned().collect();
    checked.status = match (found, checked.observed.is_empty()) {
        (_, true) => Status::Missing,
        // Of a type that a name has once only, another beside ours makes both useless.
        (true, _) if checked.stale.is_empty() || checked.purpose == Purpose::Challenge => Status::Match,
        _ => Status::Conflict,
    };
}

fn judge_spf(checked: &mut Checked, there: &[String], setup: &Setup) {
    checked.observed = there.iter().filter(|t| spf::is_spf(t)).cloned().collect();
    let merged = spf::merge(there, &setup.spf_mechanism());
    checked.status = match (merged.good, checked.observed.is_empty()) {
        (true, _) => Status::Match,
        (false, true) => Status::Missing,
        (false, false) => Status::Conflict,
    };
    if !merged.good {
        checked.stale.clone_from(&checked.observed);
    }
    checked.expected = vec![merged.wanted];
    checked.hint = merged.hint;
}

fn judge_mx(checked: &mut Checked, there: &[String]) {
    checked.observed = there.to_vec();
    let ours: Vec<&str> = checked.expected.iter().filter_map(|e| host_of(e)).collect();
    checked.stale = there.iter().filter(|t| host_of(t).is_none_or(|h| !ours.contains(&h))).cloned().collect();
    checked.status = match (there.is_empty(), checked.stale.is_empty()) {
        (true, _) => Status::Missing,
        (false, true) => Status::Match,
        (false, false) => Status::Conflict,
    };
    if checked.status == Status::Conflict {
        checked.hint =
            "Mail also goes to hosts that are not ours: delete them once everything else is there".to_owned();
    }
}

/// Whether the best MX host is ours: public mail comes here.
pub(crate) fn mx_here(checked: &Checked) -> Option<bool> {
    if checked.status == Status::Unknown {
        return None;
    }
    let preference = |t: &&String| t.split(' ').next().and_then(|n| n.parse::<u16>().ok()).unwrap_or(u16::MAX);
    let best = checked.observed.iter().min_by_key(preference);
    Some(best.is_some_and(|best| !checked.stale.contains(best)))
}

fn host_of(mx: &str) -> Option<&str> {
    mx.split_once(' ').map(|(_, host)| host)
}

/// A policy of the domain's own making is as good as ours.
fn judge_policy(checked: &mut Checked, there: &[String], prefix: &str, hint: fn(&str) -> String) {
    checked.observed = there.iter().filter(|t| t.to_ascii_lowercase().starts_with(prefix)).cloned().collect();
    match checked.observed.as_slice() {
        [] => checked.status = Status::Missing,
        [one] => {
            checked.hint = hint(one);
            if checked.purpose == Purpose::Dmarc && tag(one, "p").is_none() {
                checked.status = Status::Conflict;
                checked.stale = vec![one.clone()];
            } else {
                checked.status = Status::Match;
                checked.expected = vec![one.clone()];
            }
        }
        [_, ..] => {
            checked.status = Status::Conflict;
            checked.hint = "Several records: receivers take none of them. Keep one".to_owned();
            checked.stale = checked.observed.iter().skip(1).cloned().collect();
        }
    }
}

fn dmarc_hint(record: &str) -> String {
    match tag(record, "p").as_deref() {
        Some("none") => "p=none only watches: raise it to quarantine once the reports are clean".to_owned(),
        Some("quarantine" | "reject") => String::new(),
        _ => "The policy (p=) is none, quarantine or reject".to_owned(),
    }
}

fn judge_caa(checked: &mut Checked, there: &[String]) {
    checked.observed = there.to_vec();
    let issue = |t: &&String| t.contains(" issue ");
    let ours = there.iter().any(|t| checked.expected.contains(t));
    if ours || !there.iter().any(|t| issue(&t)) {
        // Where nothing restricts, everybody may issue, ours too (RFC 8659 §4).
        checked.status = Status::Match;
    } else {
        checked.status = Status::Conflict;
        checked.hint = "The CAA records keep our certificates from being issued: add this one".to_owned();
    }
}

/// A tag of `a=1; b=2`, lower case.
fn tag(record: &str, name: &str) -> Option<String> {
    tags(record).into_iter().find(|(n, _)| n == name).map(|(_, value)| value.to_ascii_lowercase())
}

/// Tags without white space (RFC 6376 §3.2).
fn tags(record: &str) -> Vec<(String, String)> {
    let split = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        Some((name.trim().to_ascii_lowercase(), value))
    };
    record.split(';').filter_map(split).collect()
}

fn same_tags(a: &str, b: &str) -> bool {
    tags(a) == tags(b)
}

/// DKIM records with the same key of the same kind; what else they say is the domain's.
fn same_key(a: &str, b: &str) -> bool {
    let key = |record: &str| {
        let tags = tags(record);
        let of = |name: &str| tags.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        (of("k").unwrap_or_else(|| "rsa".to_owned()), of("p").unwrap_or_default())
    };
    key(a) == key(b)
}

/// How the records of a facet stand together.
pub(crate) fn facet(checked: &[Checked], facet: Facet) -> Status {
    let of: Vec<&Checked> = checked.iter().filter(|c| c.facet == facet).collect();
    let needed: Vec<&Checked> = of.iter().copied().filter(|c| c.required).collect();
    let decisive = if needed.is_empty() { &of } else { &needed };
    let any = |status| {
        decisive.iter().any(|c| c.status == status)
            || of.iter().any(|c| c.status == status && status == Status::Conflict)
    };
    if decisive.is_empty() || any(Status::Unknown) {
        Status::Unknown
    } else if any(Status::Conflict) {
        Status::Conflict
    } else if any(Status::Missing) {
        Status::Missing
    } else {
        Status::Match
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Kind;

    fn check(purpose: Purpose, expected: &[&str], there: &[&str]) -> Checked {
        let strings = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let wanted = Wanted {
            purpose,
            facet: Facet::Receive,
            name: "x.example".into(),
            kind: Kind::Txt,
            values: strings(expected),
            required: true,
        };
        judge(&wanted, Look::Known(strings(there)), &Setup { hostname: "mail.host.example".into(), ..Setup::default() })
    }

    #[test]
    fn d4_what_is_not_heard_is_unknown_for_every_record() {
        for wanted in super::super::wanted(
            "x.example",
            "posthouse-verify=1",
            &[],
            &Setup { hostname: "h.example".into(), ..Setup::default() },
        ) {
            let checked = judge(&wanted, Look::Unknown("timeout".into()), &Setup::default());
            assert_eq!((checked.status, checked.stale.len()), (Status::Unknown, 0), "{wanted:?}");
            assert_eq!(mx_here(&checked), None);
        }
    }

    #[test]
    fn each_kind_of_record_has_its_rule() {
        use Purpose as P;
        use Status::{Conflict, Match, Missing};
        type Case<'a> = (P, &'a [&'a str], &'a [&'a str], Status, usize);
        let cases: &[Case<'_>] = &[
            (P::Challenge, &["posthouse-verify=a"], &["other", "posthouse-verify=a"], Match, 0),
            (P::Challenge, &["posthouse-verify=a"], &["posthouse-verify=b"], Conflict, 1),
            (P::Challenge, &["posthouse-verify=a"], &["other"], Missing, 0),
            (P::Dkim, &["v=DKIM1; k=rsa; p=AAAA"], &["k=rsa;p=AA AA; t=s"], Match, 0),
            (P::Dkim, &["v=DKIM1; k=rsa; p=AAAA"], &["v=DKIM1; k=rsa; p=BBBB"], Conflict, 1),
            (P::Dkim, &["v=DKIM1; k=ed25519; p=AAAA"], &["v=DKIM1; p=AAAA"], Conflict, 1),
            (P::Dmarc, &["v=DMARC1; p=none"], &["v=DMARC1; p=reject; rua=mailto:x@y.example"], Match, 0),
            (P::Dmarc, &["v=DMARC1; p=none"], &["v=DMARC1; rua=mailto:x@y.example"], Conflict, 1),
            (P::Dmarc, &["v=DMARC1; p=none"], &["v=DMARC1; p=none", "v=DMARC1; p=reject"], Conflict, 1),
            (P::MtaSts, &["v=STSv1; id=1"], &["v=STSv1; id=2;"], Conflict, 1),
            (P::Host, &["mail.host.example."], &["mail.host.example."], Match, 0),
            (P::Host, &["mail.host.example."], &["old.example."], Conflict, 1),
            (P::Caa, &["0 issue \"ca.example\""], &[], Match, 0),
            (P::Caa, &["0 issue \"ca.example\""], &["0 issue \"other.example\""], Conflict, 0),
            (P::Caa, &["0 issue \"ca.example\""], &["0 iodef \"mailto:x@y.example\""], Match, 0),
            (P::Mx, &["10 mail.host.example."], &["5 mail.host.example."], Match, 0),
            (P::Mx, &["10 mail.host.example."], &["5 mail.host.example.", "50 old.example."], Conflict, 1),
            (P::Mx, &["10 mail.host.example."], &[], Missing, 0),
        ];
        for (purpose, expected, there, status, stale) in cases {
            let checked = check(*purpose, expected, there);
            assert_eq!((checked.status, checked.stale.len()), (*status, *stale), "{purpose:?} {there:?}: {checked:?}");
            assert!(checked.hint.is_empty() || checked.status != Match, "{checked:?}");
        }
    }

    #[test]
    fn d7_public_mail_comes_here_when_the_best_host_is_ours() {
        let here = |there: &[&str]| mx_here(&check(Purpose::Mx, &["10 mail.host.example."], there));
        assert_eq!(here(&["10 mail.host.example.", "20 old.example."]), Some(true));
        assert_eq!(here(&["20 mail.host.example.", "10 old.example."]), Some(false));
        assert_eq!(here(&[]), Some(false));
    }
}
