//! SUMMARY    The risk queue: signups that wait for somebody, with what makes their risk; all of them, looked through.

use super::tabs;
use crate::{
    collection::{Collection, Filter, Row},
    form::{Form, ask, choose},
    frame::Frame,
    list::Place,
    operation::{Signups, signups},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit},
};
use signups::{SignupFilter, SignupState, SignupsSignupsNodes as Found};

/// States with the keys of their words and their classes.
const STATES: [(&str, &str, &str); 8] = [
    ("NAME_HELD", "signup-name-held", "plain"),
    ("CHALLENGED", "signup-challenged", "plain"),
    ("CONTACT_VERIFIED", "signup-contact-verified", "plain"),
    ("CHECKOUT_PENDING", "signup-checkout-pending", "plain"),
    ("PROVISIONING", "signup-provisioning", "plain"),
    ("DONE", "signup-done-state", "good"),
    ("ABANDONED", "signup-abandoned", "bad"),
    ("EXPIRED", "signup-expired", "bad"),
];
/// What makes a risk, with the keys of its words.
const RISKS: [(&str, &str); 7] = [
    ("NETWORK_SIGNS_UP_OFTEN", "risk-network"),
    ("NO_PROOF_OF_WORK", "risk-waited"),
    ("ADDRESS_UNKNOWN", "risk-nowhere"),
    ("NAME_OF_DIGITS", "risk-digits"),
    ("CONTACT_THROWN_AWAY", "risk-thrown-away"),
    ("CONTACT_WITH_DETAIL", "risk-detail"),
    ("CONTACT_WELL_KNOWN", "risk-well-known"),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    let (wanted, search) = (visit.query.text("show").to_owned(), visit.query.text("q").to_owned());
    let state = state(&wanted);
    let filter = if wanted.is_empty() { SignupFilter::REVIEW } else { SignupFilter::ALL };
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = signups::Variables {
        seller: visit.tenant()?,
        filter,
        state,
        search: Some(search.clone()),
        first,
        after,
        last,
        before,
    };
    let found = visit.ask::<Signups>(variables).await?.signups.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("signups-title"), Form::default());
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("signups-about");
    let f = &page.f;
    let mut options = vec![(String::new(), f.t("signups-waiting")), ("ALL".to_owned(), f.t("signups-all"))];
    options.extend(STATES.map(|(state, key, _)| (state.to_owned(), f.t(key))));
    let inputs = [
        page.form.choice(f, &choose("show", "label-signups", "", options).with(vec![wanted.clone()])),
        page.form.input(f, ask("q", "text", "signups-search", "", "off").with(&search)),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.filter = Some(Filter { inputs, button: f.t("mailboxes-search-button") });
    let rows = found.nodes.iter().map(|s| row(&page.f, s)).collect();
    page.rows(if wanted.is_empty() { "signups-none-waiting" } else { "signups-none" }, rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let links = [("/sell/signups/settings", "signup-settings-title"), ("/sell/signups/invites", "invites-title")];
    page.links = links.map(|(link, key)| (link.to_owned(), page.f.t(key))).to_vec();
    page.reply()
}

fn state(wanted: &str) -> Option<SignupState> {
    Some(match wanted {
        "NAME_HELD" => SignupState::NAME_HELD,
        "CHALLENGED" => SignupState::CHALLENGED,
        "CONTACT_VERIFIED" => SignupState::CONTACT_VERIFIED,
        "CHECKOUT_PENDING" => SignupState::CHECKOUT_PENDING,
        "PROVISIONING" => SignupState::PROVISIONING,
        "DONE" => SignupState::DONE,
        "ABANDONED" => SignupState::ABANDONED,
        "EXPIRED" => SignupState::EXPIRED,
        _ => return None,
    })
}

/// What it asks for, in one line.
pub(super) fn named(s: &Found) -> String {
    s.address.clone().or_else(|| s.domain.clone()).unwrap_or_else(|| s.id.clone())
}

/// A signup as a row, with why its risk is what it is.
pub(super) fn row(f: &Frame, s: &Found) -> Row {
    let state = word(&s.state);
    let known = STATES.iter().find(|(name, ..)| *name == state);
    let (key, class) = known.map_or(("signup-other", "plain"), |(_, key, class)| (*key, *class));
    let mut states = vec![(f.t(key), class)];
    states.extend(match word(&s.review).as_str() {
        "PENDING" => Some((f.t("review-pending"), "open")),
        "APPROVED" => Some((f.t("review-approved"), "good")),
        "REFUSED" => Some((f.t("review-refused"), "bad")),
        _ => None,
    });
    let why =
        |reason: &String| RISKS.iter().find(|(code, _)| code == reason).map_or(reason.clone(), |(_, key)| f.t(key));
    let mut facts = vec![f.with_two("signup-at", ("at", &f.at(&s.created_at)), ("network", &s.network))];
    facts.extend(s.contact.as_ref().map(|contact| f.with("signup-contact-is", "contact", contact)));
    facts.extend(Some(&s.name).filter(|name| !name.is_empty()).map(|name| f.with("signup-for", "name", name)));
    let paid = if s.paid { "signup-chosen-paid" } else { "signup-chosen" };
    facts.extend(s.plan.as_ref().map(|plan| f.with(paid, "plan", plan)));
    facts.push(f.with("signup-score", "n", s.score));
    facts.extend(s.reasons.iter().map(why));
    Row {
        title: named(s),
        link: format!("/sell/signups/{}", s.id),
        states,
        facts,
        codes: s.tenant_id.clone().into_iter().collect(),
        foreign: Some(s.outcome.clone()).filter(|o| !o.is_empty()).into_iter().collect(),
        ..Row::default()
    }
}
