//! SUMMARY    The abuse desk: who is stopped for abuse or a leaked password, and finding who is to be.

use super::tabs;
use crate::{
    collection::{Collection, Filter, Row},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{HeldSubject, Holds, MailboxByAddress, held_subject, holds, mailbox_by_address},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use holds::{HoldKind as Kind, HoldsHoldsNodes as Found};

/// Kinds of holds with the keys of their words.
const KINDS: [(&str, &str); 8] = [
    ("ABUSE", "hold-abuse"),
    ("SECURITY", "hold-security"),
    ("ADMIN", "hold-admin"),
    ("BILLING", "hold-billing"),
    ("VERIFICATION", "hold-verification"),
    ("USER_CLOSED", "hold-user-closed"),
    ("LEGAL", "hold-legal"),
    ("UPSTREAM_BILLING", "hold-upstream"),
];

pub(super) async fn show(visit: &Visit) -> Reply {
    let search = visit.query.text("q").to_owned();
    let form = match search.is_empty() {
        true => Form::default(),
        false => match subject(visit, &search).await? {
            Some(id) => return see(format!("/sell/abuse/{}", encoded(&id))),
            None => Form::of(visit.query.clone(), vec![Refusal::new("q", "NOT_FOUND")]),
        },
    };
    let kinds = match visit.query.text("kind") {
        "ABUSE" => vec![Kind::ABUSE],
        "SECURITY" => vec![Kind::SECURITY],
        "ALL" => Vec::new(),
        _ => vec![Kind::ABUSE, Kind::SECURITY],
    };
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = holds::Variables { tenant: visit.tenant()?, kinds: Some(kinds), first, after, last, before };
    let found = visit.ask::<Holds>(variables).await?.holds.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("abuse-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("abuse-about");
    let f = &page.f;
    let kinds = [("", "abuse-both"), ("ABUSE", "hold-abuse"), ("SECURITY", "hold-security"), ("ALL", "abuse-all")];
    let kinds = kinds.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let chosen = vec![visit.query.text("kind").to_owned()];
    let inputs = [
        page.form.input(f, ask("q", "text", "label-abuse-search", "hint-abuse-search", "off")),
        page.form.choice(f, &choose("kind", "label-kind", "", kinds).with(chosen)),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.filter = Some(Filter { inputs, button: f.t("mailboxes-search-button") });
    let rows = found.nodes.into_iter().map(|hold| row(&page.f, hold)).collect();
    page.rows("abuse-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

/// The id of what an address, an id or a domain names; `None` when the visitor reaches no such thing.
async fn subject(visit: &Visit, search: &str) -> Result<Option<String>, Trouble> {
    if search.contains('@') {
        let variables = mailbox_by_address::Variables { address: search.to_owned() };
        let found = match visit.ask::<MailboxByAddress>(variables).await {
            Ok(data) => data.mailbox_by_address,
            // No address at all.
            Err(Trouble::NotFound) => None,
            Err(trouble) => return Err(trouble),
        };
        return Ok(found.map(|mailbox| mailbox.id));
    }
    let data = visit.ask::<HeldSubject>(held_subject::Variables { id: search.to_owned() }).await?;
    Ok(data.capabilities.map(|c| c.subject_id))
}

/// An id as a part of a path.
pub(super) fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// What a kind of hold is called.
pub(super) fn kind(f: &Frame, word: &str) -> String {
    KINDS.iter().find(|(name, _)| *name == word).map_or_else(|| word.to_owned(), |(_, key)| f.t(key))
}

fn row(f: &Frame, found: Found) -> Row {
    let hold = found.hold;
    let name = match found.address {
        Some(address) if found.mailbox_id.as_ref() == Some(&hold.subject_id) => address,
        Some(address) => f.with_two("abuse-credential", ("id", &hold.subject_id), ("address", &address)),
        None if hold.subject_id == found.tenant_id => found.tenant_name.clone(),
        None => hold.subject_id.clone(),
    };
    let mut facts = vec![f.with_two("abuse-of", ("tenant", &found.tenant_name), ("at", &f.at(&hold.placed_at)))];
    facts.extend(hold.expires_at.as_ref().map(|at| f.with("until-day", "at", f.day(at))));
    Row {
        title: name,
        link: format!("/sell/abuse/{}", encoded(&hold.subject_id)),
        states: vec![(kind(f, &word(&hold.kind)), "bad")],
        facts,
        codes: vec![hold.code],
        foreign: vec![hold.reason],
        ..Row::default()
    }
}
