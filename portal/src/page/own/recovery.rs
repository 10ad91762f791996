//! SUMMARY    Mail that was deleted for good and can still be brought back, one by one or a page at once.
//! SECURITY   Senders and subjects are a stranger's words; they come for the mailbox's own user alone.

use super::back;
use crate::{
    collection::{Collection, Row, act, of_row},
    form::{Form, Refusal},
    frame::Frame,
    list::{PAGE, Place},
    operation::{EmailsRecover, RecoverableEmails, emails_recover, recoverable_emails, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

/// `is_user`: to others nobody tells where it was.
fn row(f: &Frame, is_user: bool, email: &recoverable_emails::RecoverableEmailsRecoverableEmailsNodes) -> Row {
    let (deleted, size) = (f.at(&email.deleted_at), f.size(&email.size));
    let title = email.subject.clone().unwrap_or_else(|| f.with("recoverable-of", "at", f.at(&email.received_at)));
    let place = match &email.mailbox_path {
        Some(path) => f.with("recoverable-from-mailbox", "mailbox", path),
        None => f.t("recoverable-mailbox-gone"),
    };
    let told = f.with_two("recoverable-facts", ("at", &deleted), ("size", &size));
    let facts = [email.from.clone(), Some(told), is_user.then_some(place)];
    Row {
        facts: facts.into_iter().flatten().collect(),
        acts: vec![act(f, "recover", &email.id, "recoverable-button", "recoverable-button-named", &title)],
        title,
        ..Row::default()
    }
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let Place { after, .. } = Place::of(&visit.query);
    let variables = recoverable_emails::Variables { id: id.to_owned(), first: PAGE, after };
    let data = visit.ask::<RecoverableEmails>(variables).await?;
    let mailbox = data.mailbox.ok_or(Trouble::NotFound)?;
    let found = data.recoverable_emails.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("recoverable-title"), form);
    page.back = back(visit, &mailbox.id, &mailbox.address);
    page.about = match found.days {
        Some(0) => page.f.t("recoverable-none-kept"),
        Some(days) => page.f.count("recoverable-about", days),
        None => page.f.t("recoverable-held"),
    };
    if found.total_count > 0 {
        let (count, size) = (found.total_count.to_string(), page.f.size(&found.total_size));
        page.notes.push(page.f.with_two("recoverable-total", ("n", &count), ("size", &size)));
    }
    let is_user = visit.state.signed.as_ref().is_some_and(|who| who.mailbox == id);
    let rows = found.nodes.iter().map(|email| row(&page.f, is_user, email)).collect();
    page.rows("recoverable-none", rows);
    page.paged(visit, (false, None), (found.page_info.has_next_page, found.page_info.end_cursor));
    if found.nodes.len() > 1 {
        page.panel("recover", "recoverable-all", "recoverable-all-about", Vec::new(), "recoverable-all-button");
        let ids: Vec<&str> = found.nodes.iter().map(|email| email.id.as_str()).collect();
        if let Some(panel) = page.panels.last_mut() {
            panel.hidden.push(("id", ids.join(" ")));
        }
    }
    page.reply()
}

pub(super) async fn change(visit: &mut Visit, id: &str) -> Reply {
    if visit.fields.text("act") != "recover" {
        return Err(Trouble::NotFound);
    }
    let input = emails_recover::EmailsRecoverInput {
        mailbox_id: id.to_owned(),
        email_ids: visit.fields.text("id").split_whitespace().map(str::to_owned).collect(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<EmailsRecover>(emails_recover::Variables { input }).await?;
    let payload = data.emails_recover;
    let done = payload.recovered.as_ref();
    let stopped = done.is_some_and(|done| done.stopped.is_some());
    let none = done.is_some_and(|done| done.recovered_ids.is_empty());
    let mut refusals = of_row(refusals!(payload));
    if stopped {
        refusals.push(Refusal::new("", "RECOVERY_STOPPED"));
    } else if none && refusals.is_empty() {
        refusals.push(Refusal::new("", "RECOVERY_GONE"));
    }
    if refusals.is_empty() {
        return see(format!("/mailboxes/{id}/recover?ok=recovered"));
    }
    let form = visit.refused(refusals);
    draw(visit, id, form).await
}
