//! SUMMARY    One domain: its records as they should be and as they were seen, looking again, its zone file, giving it up.
//! LIMITS     WATCH_PAUSE_MS, WATCH_LOOKS_MAX

mod hint;

use crate::{
    form::Form,
    frame::Frame,
    operation::{
        DomainCheck, DomainDelete, DomainShown, DomainZone, domain_check, domain_delete, domain_shown, domain_zone,
        home, refusals,
    },
    session::moment,
    trouble::Trouble,
    visit::{Out, Reply, Visit, page, see},
};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// How long ago the last look is at least when a page that is open looks again.
const WATCH_PAUSE_MS: i64 = 10_000;
/// Looks of one open page; after them it shows every half a minute what others saw.
const WATCH_LOOKS_MAX: u32 = 60;

#[derive(Template)]
#[template(path = "domain.html")]
struct Page {
    f: Frame,
    form: Form,
    name: String,
    link: String,
    state: String,
    class: &'static str,
    about: String,
    /// Whether nothing is left to do: an open page stops looking.
    is_settled: bool,
    /// Times that this open page has asked, and seconds until it asks again.
    round: u32,
    pause: u32,
    checked: String,
    next: String,
    /// What is not as it should be, in the order of the page.
    todo: Vec<Todo>,
    groups: Vec<Group>,
    notices: Vec<Notice>,
}

/// A record that is to be put right.
struct Todo {
    /// Of the record on the page.
    id: String,
    record: String,
    status: String,
    class: &'static str,
}

/// Records for one purpose.
struct Group {
    title: String,
    about: String,
    records: Vec<Record>,
}

struct Record {
    /// On the page.
    id: String,
    /// What the button is named that copies a value.
    copy_label: String,
    name: String,
    kind: String,
    expected: Vec<String>,
    observed: Vec<String>,
    stale: Vec<String>,
    status: String,
    class: &'static str,
    hint: String,
    /// In the API's words, where ours are none.
    foreign: String,
    /// Whether it was seen at the last look.
    is_known: bool,
    is_required: bool,
}

struct Notice {
    at: String,
    text: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "domain_give_up.html")]
struct GiveUp {
    f: Frame,
    form: Form,
    name: String,
    link: String,
}

/// A name as a segment of a path.
pub(crate) fn in_path(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string().replace("%2E", ".").replace("%2D", "-")
}

/// What a state says, by its name in the schema.
pub(crate) fn state_text(state: &str) -> &'static str {
    match state {
        "CLAIMED" => "state-claimed",
        "OWNED" => "state-owned",
        "LIVE" => "state-live",
        "DEGRADED" => "state-degraded",
        "LOST" => "state-lost",
        "CONTESTED" => "state-contested",
        "RELEASED" => "state-released",
        _ => "state-unknown",
    }
}

pub(crate) fn state_class(state: &str) -> &'static str {
    match state {
        "LIVE" => "good",
        "CLAIMED" | "OWNED" => "open",
        _ => "bad",
    }
}

fn state_about(state: &str) -> &'static str {
    match state {
        "CLAIMED" => "about-claimed",
        "OWNED" => "about-owned",
        "LIVE" => "about-live",
        "DEGRADED" => "about-degraded",
        "LOST" => "about-lost",
        "CONTESTED" => "about-contested",
        _ => "about-released",
    }
}

/// What a domain of a state needs; `None` for one that is as it should be.
pub(crate) fn need(state: &home::DomainState) -> Option<&'static str> {
    use home::DomainState as S;
    match state {
        S::LIVE | S::RELEASED => None,
        S::CLAIMED => Some("need-domain-claimed"),
        S::OWNED => Some("need-domain-owned"),
        S::DEGRADED | S::LOST | S::CONTESTED | S::Other(_) => Some("need-domain-broken"),
    }
}

/// A name of the schema as a key.
fn facet(facet: &domain_shown::DomainFacet) -> (&'static str, &'static str) {
    use domain_shown::DomainFacet as F;
    match facet {
        F::OWNERSHIP => ("facet-ownership", "facet-ownership-about"),
        F::RECEIVE => ("facet-receive", "facet-receive-about"),
        F::SEND => ("facet-send", "facet-send-about"),
        F::POLICY => ("facet-policy", "facet-policy-about"),
        F::CLIENT_CONFIG => ("facet-client", "facet-client-about"),
        F::Other(_) => ("facet-other", "facet-other-about"),
    }
}

fn status(status: &domain_shown::RecordStatus) -> (&'static str, &'static str) {
    use domain_shown::RecordStatus as S;
    match status {
        S::MATCH => ("record-match", "good"),
        S::CONFLICT => ("record-conflict", "bad"),
        S::MISSING => ("record-missing", "open"),
        S::UNKNOWN | S::Other(_) => ("record-unknown", "open"),
    }
}

fn notice(kind: &str) -> &'static str {
    match kind {
        "PROVEN" => "notice-proven",
        "PROOF_GONE" => "notice-proof-gone",
        "LOST" => "notice-lost",
        "CONTESTED" => "notice-contested",
        "MX_GONE" => "notice-mx-gone",
        "REFUSED" => "notice-refused",
        "VOUCHED" => "notice-vouched",
        _ => "notice-other",
    }
}

/// Whether our words of a notice say all that the API does.
fn is_worded(kind: &str) -> bool {
    !matches!(notice(kind), "notice-refused" | "notice-other")
}

pub(crate) async fn show(visit: &Visit, name: &str) -> Reply {
    draw(visit, name, Form::default()).await
}

async fn found(visit: &Visit, name: &str) -> Result<domain_shown::DomainShownDomain, Trouble> {
    let variables = domain_shown::Variables { name: name.to_owned(), tenant: Some(visit.tenant()?) };
    visit.ask::<DomainShown>(variables).await?.domain.ok_or(Trouble::NotFound)
}

/// What a page that stays open asks: looks again unless somebody just did, and shows what was seen.
pub(crate) async fn watch(visit: &Visit, name: &str) -> Reply {
    let domain = found(visit, name).await?;
    let at = domain.checked_at.as_deref().map_or(0, moment);
    let is_due = visit.portal.now_ms() - at >= WATCH_PAUSE_MS && round(visit) <= WATCH_LOOKS_MAX;
    if !is_due || is_settled(&domain) {
        return drawn(visit, domain, Form::default());
    }
    // What is refused, as by a permission that only reads, is shown by the button and not by a page that stands there.
    match visit.ask::<DomainCheck>(domain_check::Variables { input: looked(visit, name)? }).await {
        Ok(_) => draw(visit, name, Form::default()).await,
        Err(Trouble::Forbidden(_)) => drawn(visit, domain, Form::default()),
        Err(trouble) => Err(trouble),
    }
}

/// Whether mail comes here and every record is right that somebody has to put right.
fn is_settled(domain: &domain_shown::DomainShownDomain) -> bool {
    let is_live = format!("{:?}", domain.state) == "LIVE";
    is_live && !domain.records.iter().any(|r| is_todo(status(&r.status).1, r.required))
}

/// What is only recommended may be missing, and may not contradict.
fn is_todo(class: &str, is_required: bool) -> bool {
    class == "bad" || class == "open" && is_required
}

/// Times that an open page has asked.
fn round(visit: &Visit) -> u32 {
    visit.fields.text("round").parse::<u32>().map_or(0, |n| n.saturating_add(1))
}

fn looked(visit: &Visit, name: &str) -> Result<domain_check::DomainCheckInput, Trouble> {
    Ok(domain_check::DomainCheckInput {
        name: name.to_owned(),
        tenant_id: Some(visit.tenant()?),
        expected_version: None,
        dry_run: false,
        idempotency_key: None,
    })
}

async fn draw(visit: &Visit, name: &str, form: Form) -> Reply {
    drawn(visit, found(visit, name).await?, form)
}

/// The records by their purpose.
fn grouped(f: &Frame, records: Vec<domain_shown::DomainShownDomainRecords>, was_checked: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (n, r) in records.into_iter().enumerate() {
        let ((title, about), (said, class)) = (facet(&r.facet), status(&r.status));
        let title = f.t(title);
        // What was never looked at is said so by its status.
        let is_told = !r.hint.is_empty() && (was_checked || said != "record-unknown");
        let ours = hint::hint(&r).filter(|_| is_told);
        let record = Record {
            id: format!("record-{n}"),
            copy_label: f.with_two("copy-value", ("type", &r.type_), ("name", &r.name)),
            name: r.name,
            kind: r.type_,
            expected: r.expected,
            observed: r.observed,
            stale: r.stale,
            status: f.t(if said == "record-unknown" && !was_checked { "record-unseen" } else { said }),
            class,
            hint: ours.map(|key| f.t(key)).unwrap_or_default(),
            foreign: Some(r.hint).filter(|_| is_told && ours.is_none()).unwrap_or_default(),
            is_known: said != "record-unknown",
            is_required: r.required,
        };
        match groups.iter_mut().find(|g| g.title == title) {
            Some(group) => group.records.push(record),
            None => groups.push(Group { about: f.t(about), title, records: vec![record] }),
        }
    }
    groups
}

fn todo(groups: &[Group]) -> Vec<Todo> {
    let left = groups.iter().flat_map(|group| &group.records).filter(|r| is_todo(r.class, r.is_required));
    let told = |r: &Record| Todo {
        id: r.id.clone(),
        record: format!("{} {}", r.kind, r.name),
        status: r.status.clone(),
        class: r.class,
    };
    left.map(told).collect()
}

fn drawn(visit: &Visit, domain: domain_shown::DomainShownDomain, form: Form) -> Reply {
    let f = visit.frame("domains-title").titled(&domain.name);
    let (is_settled, was_checked) = (is_settled(&domain), domain.checked_at.is_some());
    let groups = grouped(&f, domain.records, was_checked);
    let (state, round) = (format!("{:?}", domain.state), round(visit));
    let told = |n: domain_shown::DomainShownDomainNotices| Notice {
        at: f.at(&n.at),
        text: f.t(notice(&n.kind)),
        // Why something was refused, and what is not known here, is in the API's words.
        detail: if is_worded(&n.kind) { String::new() } else { n.detail },
    };
    let html = Page {
        link: format!("/domains/{}", in_path(&domain.name)),
        name: domain.name,
        form: form.clone(),
        state: f.t(state_text(&state)),
        class: state_class(&state),
        about: f.t(state_about(&state)),
        is_settled,
        round,
        pause: if round < WATCH_LOOKS_MAX { 5 } else { 30 },
        checked: domain.checked_at.map(|at| f.at(&at)).unwrap_or_default(),
        next: domain.next_check_at.map(|at| f.at(&at)).unwrap_or_default(),
        todo: if was_checked { todo(&groups) } else { Vec::new() },
        groups,
        notices: domain.notices.into_iter().map(told).collect(),
        f,
    };
    page(form.is_refused(), &html)
}

pub(crate) async fn zone(visit: &Visit, name: &str) -> Reply {
    let variables = domain_zone::Variables { name: name.to_owned(), tenant: Some(visit.tenant()?) };
    let domain = visit.ask::<DomainZone>(variables).await?.domain.ok_or(Trouble::NotFound)?;
    let (name, kind) = (format!("{}.zone", domain.name), "text/plain; charset=utf-8");
    Ok(Out::File { name, kind, bytes: domain.zone_file.into_bytes() })
}

pub(crate) async fn check(visit: &Visit, name: &str) -> Reply {
    let input = looked(visit, name)?;
    let payload = visit.ask::<DomainCheck>(domain_check::Variables { input }).await?.domain_check;
    match payload.domain {
        Some(domain) => see(format!("/domains/{}?ok=checked", in_path(&domain.name))),
        None => draw(visit, name, visit.refused(refusals!(payload))).await,
    }
}

pub(crate) async fn ask_give_up(visit: &Visit, name: &str) -> Reply {
    let variables = domain_zone::Variables { name: name.to_owned(), tenant: Some(visit.tenant()?) };
    let domain = visit.ask::<DomainZone>(variables).await?.domain.ok_or(Trouble::NotFound)?;
    asked(visit, domain.name, Form::default())
}

fn asked(visit: &Visit, name: String, form: Form) -> Reply {
    let link = format!("/domains/{}", in_path(&name));
    page(form.is_refused(), &GiveUp { f: visit.frame("give-up-title"), form, name, link })
}

pub(crate) async fn give_up(visit: &Visit, name: &str) -> Reply {
    let input = domain_delete::DomainDeleteInput {
        name: name.to_owned(),
        tenant_id: Some(visit.tenant()?),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let payload = visit.ask::<DomainDelete>(domain_delete::Variables { input }).await?.domain_delete;
    let refusals = refusals!(payload);
    match refusals.first().map(|r| r.code.as_str()) {
        None => see("/domains?ok=given-up"),
        Some("NOT_FOUND") => Err(Trouble::NotFound),
        Some(_) => asked(visit, name.to_owned(), visit.refused(refusals)),
    }
}
