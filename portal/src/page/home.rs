//! SUMMARY    Home: what needs the visitor, and what is used of what there is.

use super::billing::{shape::word, words};
use crate::{
    bar::{Bar, bar, count, pool},
    frame::Frame,
    held::said,
    operation::{Home, HomeBilling, home, home_billing},
    trouble::Trouble,
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    f: Frame,
    needs: Vec<Need>,
    bars: Vec<Bar>,
    messages: String,
    /// What a beginning is made of; empty once all of it is done.
    steps: Vec<Step>,
}

/// A step of the beginning.
struct Step {
    title: String,
    about: String,
    is_done: bool,
    /// Whether it is the first that is not done.
    is_next: bool,
    link: String,
}

/// Something to do.
#[derive(Default)]
struct Need {
    text: String,
    about: Vec<String>,
    /// In the words of who placed a hold.
    foreign: String,
    link: String,
    link_text: String,
}

pub(crate) async fn show(visit: &mut Visit) -> Reply {
    if !visit.signed()?.mailbox.is_empty() {
        return super::user::show(visit).await;
    }
    if visit.signed()?.tenant.is_empty() {
        // Invited meanwhile, or held when the session began.
        super::organisation::arrive(visit).await?;
    }
    if visit.signed()?.tenant.is_empty() {
        return super::organisation::none(visit);
    }
    let data = visit.ask::<Home>(home::Variables { tenant: visit.tenant()? }).await?;
    let f = visit.frame("home-title");
    let Some(viewer) = &data.viewer else { return super::organisation::none(visit) };
    let mailboxes = data.mailboxes.as_ref().map_or(0, |m| m.total_count);
    let domains = data.domains.as_ref().map_or(0, |d| d.total_count);
    let used = viewer.usage.as_ref().map_or(0, |u| u.used_bytes.parse().unwrap_or(0));
    let storage = viewer.storage_bytes_max.as_ref().and_then(|max| max.parse().ok());
    let bars = vec![
        bar(&f, "bar-storage", used, storage, "/mailboxes", |n| f.language.size(n)),
        pool(&f, "bar-mailboxes", count(mailboxes), viewer.max_mailboxes.map(count), "/mailboxes"),
        pool(&f, "bar-domains", count(domains), viewer.max_domains.map(count), "/domains"),
    ];
    let messages = viewer.usage.as_ref().map_or(String::new(), |u| f.count("home-messages", u.emails));
    let f = f.titled(&visit.frame("home-title").with("home-heading", "name", &viewer.name));
    let mut needs = needs(&f, &data, viewer, &bars);
    if let Some(late) = late(visit, &f).await? {
        needs.insert(0, late);
    }
    let steps = steps(&f, &data, viewer);
    page(false, &Page { f, needs, bars, messages, steps })
}

/// What is to be paid, or that the organisation is closed, for who sees to it.
async fn late(visit: &Visit, f: &Frame) -> Result<Option<Need>, Trouble> {
    if !visit.signed()?.billing.buys {
        return Ok(None);
    }
    // Home is there while billing is not.
    let data = visit.ask::<HomeBilling>(home_billing::Variables { tenant: visit.tenant()? }).await.ok();
    let Some(standing) = data.and_then(|data| data.billing_standing) else { return Ok(None) };
    let phase = word(&standing.phase);
    let owed: Vec<String> = standing.owed.iter().filter(|m| !words::is_nothing(m)).map(|m| f.money(m)).collect();
    let is_well = matches!(phase.as_str(), "ACTIVE" | "TRIAL");
    if is_well && owed.is_empty() {
        return Ok(None);
    }
    let (title, about, _) = words::phase(&phase);
    let mut about = vec![f.t(about)];
    if let Some(next) = standing.next.filter(|_| !is_well) {
        let then = f.t(words::phase(&word(&next.phase)).1);
        about.push(f.with_two("standing-next", ("at", &f.day(&next.at)), ("about", &then)));
    }
    let key = if owed.is_empty() { "need-billing-look" } else { "need-billing-pay" };
    if !owed.is_empty() {
        about.insert(0, f.with("standing-owed", "amount", owed.join(", ")));
    }
    let text = f.t(if is_well { "need-owed" } else { title });
    Ok(Some(Need { text, about, link: "/billing".to_owned(), link_text: f.t(key), ..Need::default() }))
}

/// From a domain to the first mail; nothing where all of it is done.
fn steps(f: &Frame, data: &home::ResponseData, viewer: &home::HomeViewer) -> Vec<Step> {
    let domains = data.domains.as_ref().map_or(&[][..], |d| &d.nodes);
    let open = domains.iter().find(|d| d.state != home::DomainState::LIVE);
    let is_live = domains.iter().any(|d| d.state == home::DomainState::LIVE);
    let mut to_records = "/domains".to_owned();
    if let Some(domain) = open {
        to_records = format!("/domains/{}", super::domain::in_path(&domain.name));
    }
    let has_mail = viewer.usage.as_ref().is_some_and(|u| u.emails > 0);
    let has_mailbox = data.mailboxes.as_ref().is_some_and(|m| m.total_count > 0);
    let has_factor = viewer.factors.iter().any(|factor| factor.confirmed);
    let all = [
        ("step-domain", "step-domain-about", !domains.is_empty(), "/domains".to_owned()),
        ("step-records", "step-records-about", is_live, to_records),
        ("step-mailbox", "step-mailbox-about", has_mailbox, "/mailboxes/new".to_owned()),
        ("step-mail", "step-mail-about", has_mail, "/mailboxes".to_owned()),
        ("step-factor", "step-factor-about", has_factor, "/security".to_owned()),
    ];
    let mut steps: Vec<Step> = Vec::new();
    for (title, about, is_done, link) in all {
        let is_next = !is_done && steps.iter().all(|s| s.is_done);
        steps.push(Step { title: f.t(title), about: f.t(about), is_done, is_next, link });
    }
    if steps.iter().all(|s| s.is_done) { Vec::new() } else { steps }
}

fn needs(f: &Frame, data: &home::ResponseData, viewer: &home::HomeViewer, bars: &[Bar]) -> Vec<Need> {
    let mut needs = Vec::new();
    // What is held for money is told with what is to be paid, to who sees to it.
    let sees_bills = f.signed.as_ref().is_some_and(|s| s.billing.buys);
    for hold in &viewer.holds {
        if sees_bills && matches!(hold.kind, home::HoldKind::BILLING | home::HoldKind::USER_CLOSED) {
            continue;
        }
        let said = said(f, &word(&hold.kind), &hold.code, &hold.reason, &hold.next_step);
        needs.push(Need { text: f.t("need-held"), about: vec![said.text], foreign: said.foreign, ..Need::default() });
    }
    for domain in data.domains.iter().flat_map(|d| &d.nodes) {
        let Some(key) = super::domain::need(&domain.state) else { continue };
        needs.push(Need {
            text: f.with(key, "name", &domain.name),
            link: format!("/domains/{}", super::domain::in_path(&domain.name)),
            link_text: f.t("need-domain-link"),
            ..Need::default()
        });
    }
    for mailbox in data.restricted.iter().flat_map(|m| &m.nodes) {
        let first = mailbox.holds.first();
        let said = first.map(|h| said(f, &word(&h.kind), &h.code, &h.reason, &h.next_step));
        needs.push(Need {
            text: f.with("need-mailbox-held", "address", &mailbox.address),
            about: said.iter().map(|s| s.text.clone()).collect(),
            foreign: said.map(|s| s.foreign).unwrap_or_default(),
            link: format!("/mailboxes/{}", mailbox.id),
            link_text: f.t("need-mailbox-link"),
        });
    }
    for bar in bars.iter().filter(|b| b.class() != "fine") {
        needs.push(Need {
            text: f.with_two(
                if bar.class() == "full" { "need-full" } else { "need-near" },
                ("what", &bar.label),
                ("text", &bar.text),
            ),
            link: bar.link.to_owned(),
            link_text: f.t("need-limit-link"),
            ..Need::default()
        });
    }
    needs
}
