//! SUMMARY    Deleting a mailbox, asked before; getting it back.

use crate::{
    form::Form,
    frame::Frame,
    operation::{MailboxDelete, MailboxRestore, mailbox_delete, mailbox_restore, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "mailbox_delete.html")]
struct Page {
    f: Frame,
    form: Form,
    id: String,
    address: String,
}

pub(crate) async fn ask(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let mailbox = super::mailbox::found(visit, id).await?;
    let f = visit.frame("mailbox-delete-title");
    page(form.is_refused(), &Page { f, form, id: mailbox.id, address: mailbox.address })
}

pub(crate) async fn delete(visit: &Visit, id: &str) -> Reply {
    let input = mailbox_delete::MailboxDeleteInput {
        mailbox_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MailboxDelete>(mailbox_delete::Variables { input }).await?;
    let refusals = refusals!(data.mailbox_delete);
    match refusals.first().map(|r| r.code.as_str()) {
        None => see("/mailboxes?ok=deleted"),
        Some("NOT_FOUND") => Err(Trouble::NotFound),
        Some(_) => draw(visit, id, visit.refused(refusals)).await,
    }
}

pub(crate) async fn restore(visit: &mut Visit, id: &str) -> Reply {
    let input = mailbox_restore::MailboxRestoreInput {
        mailbox_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MailboxRestore>(mailbox_restore::Variables { input }).await?;
    let refusals = refusals!(data.mailbox_restore);
    match refusals.first().map(|r| r.code.as_str()) {
        None => see(format!("/mailboxes/{id}?ok=restored")),
        Some("NOT_FOUND") => Err(Trouble::NotFound),
        Some(_) => draw(visit, id, visit.refused(refusals)).await,
    }
}
