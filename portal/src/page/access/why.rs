//! SUMMARY    Why can't I …? What a tenant, a domain or a mailbox may do now, and what stands against the rest.

use crate::{
    collection::{Collection, Filter, Row},
    form::{Form, ask},
    operation::{Why, why},
    trouble::Trouble,
    visit::{Reply, Visit},
};

/// What a capability is called.
fn named(capability: &why::Capability) -> &'static str {
    use why::Capability as C;
    match capability {
        C::PORTAL_LOGIN => "may-portal-login",
        C::MAIL_READ => "may-mail-read",
        C::RECEIVE => "may-receive",
        C::SEND_INTERNAL => "may-send-internal",
        C::SEND_EXTERNAL => "may-send-external",
        C::PROVISION => "may-provision",
        C::EXPORT => "may-export",
        C::PAY => "may-pay",
        C::PURGE_ALLOWED => "may-purge",
        C::Other(_) => "may-other",
    }
}

/// Our words for a code.
fn known(code: &str) -> Option<&'static str> {
    match code {
        "LIMIT_REACHED" => Some("why-limit"),
        "DELETED" => Some("why-deleted"),
        "PAYMENT_OVERDUE" => Some("why-overdue"),
        "CLOSED" => Some("why-closed"),
        _ => None,
    }
}

/// The words of who placed a hold.
fn said(reason: &why::WhyCapabilitiesStatesReasons) -> String {
    format!("{} {}", reason.reason, reason.next_step).trim().to_owned()
}

pub(super) async fn show(visit: &Visit) -> Reply {
    let tenant = visit.tenant()?;
    let subject = visit.query.given("subject").unwrap_or_else(|| tenant.clone());
    let found = visit.ask::<Why>(why::Variables { id: subject.clone() }).await?;
    let mut page = Collection::new(visit.frame("why-title"), Form::default());
    page.about = page.f.t("why-about");
    let form = Form::default();
    let typed = if subject == tenant { String::new() } else { subject };
    let input = form.input(&page.f, ask("subject", "text", "label-subject", "hint-subject", "off").with(&typed));
    let (inputs, button) = (vec![input.map_err(|_| Trouble::Broken)?], page.f.t("why-button"));
    page.filter = Some(Filter { inputs, button });
    let states = found.capabilities.map(|c| c.states).unwrap_or_default();
    let rows = states.into_iter().map(|s| Row {
        title: page.f.t(named(&s.capability)),
        states: vec![if s.allowed { (page.f.t("why-yes"), "good") } else { (page.f.t("why-no"), "bad") }],
        facts: s.reasons.iter().filter_map(|r| known(&r.code)).map(|key| page.f.t(key)).collect(),
        foreign: s.reasons.iter().filter(|r| known(&r.code).is_none()).map(said).collect(),
        ..Row::default()
    });
    let rows = rows.collect();
    page.rows("why-none", rows);
    page.reply()
}
