//! SUMMARY    Why can't I …? What a tenant, a domain or a mailbox may do now, and what stands against the rest.

use crate::{
    collection::{Collection, Filter, Row},
    form::{Form, ask},
    frame::Frame,
    held::{Said, capability, said},
    operation::{MailboxByAddress, Why, mailbox_by_address, why},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit},
};

/// The id of what was typed: an address stands for its mailbox. `None`: no mailbox that the visitor sees has it.
async fn found(visit: &Visit, typed: &str) -> Result<Option<String>, Trouble> {
    if !typed.contains('@') {
        return Ok(Some(typed.to_owned()));
    }
    let variables = mailbox_by_address::Variables { address: typed.to_owned() };
    match visit.ask::<MailboxByAddress>(variables).await {
        Ok(data) => Ok(data.mailbox_by_address.map(|mailbox| mailbox.id)),
        // No address, or none that is told.
        Err(Trouble::NotFound) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

async fn states(visit: &Visit, typed: &str) -> Result<Vec<why::WhyCapabilitiesStates>, Trouble> {
    let Some(id) = found(visit, typed).await? else { return Ok(Vec::new()) };
    let found = visit.ask::<Why>(why::Variables { id }).await?;
    Ok(found.capabilities.map(|c| c.states).unwrap_or_default())
}

pub(super) async fn show(visit: &Visit) -> Reply {
    let typed = visit.query.given("subject");
    let tenant = visit.tenant()?;
    let states = states(visit, typed.as_ref().unwrap_or(&tenant)).await?;
    let mut page = Collection::new(visit.frame("why-title"), Form::default());
    page.about = page.f.t("why-about");
    let form = Form::default();
    let typed = typed.filter(|typed| *typed != tenant).unwrap_or_default();
    let input = form.input(&page.f, ask("subject", "text", "label-subject", "hint-subject", "off").with(&typed));
    let (inputs, button) = (vec![input.map_err(|_| Trouble::Broken)?], page.f.t("why-button"));
    page.filter = Some(Filter { inputs, button });
    let rows = states.iter().map(|state| row(&page.f, state)).collect();
    page.rows("why-none", rows);
    page.reply()
}

fn row(f: &Frame, state: &why::WhyCapabilitiesStates) -> Row {
    let told = |r: &why::WhyCapabilitiesStatesReasons| {
        let kind = r.hold.as_ref().map(|hold| word(&hold.kind)).unwrap_or_default();
        said(f, &kind, &r.code, &r.reason, &r.next_step)
    };
    let reasons: Vec<Said> = state.reasons.iter().map(told).collect();
    Row {
        title: capability(f, &word(&state.capability)),
        states: vec![if state.allowed { (f.t("why-yes"), "good") } else { (f.t("why-no"), "bad") }],
        facts: reasons.iter().map(|r| r.text.clone()).collect(),
        foreign: reasons.into_iter().map(|r| r.foreign).filter(|words| !words.is_empty()).collect(),
        ..Row::default()
    }
}
