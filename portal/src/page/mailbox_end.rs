//! SUMMARY    Deleting a mailbox, asked before; getting it back; deleting it for ever.

use crate::{
    form::Form,
    frame::Frame,
    operation::{
        MailboxDelete, MailboxPurge, MailboxRestore, mailbox_delete, mailbox_purge, mailbox_restore, refusals,
    },
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
    /// `delete`, or `purge`: for ever.
    what: &'static str,
    is_purge: bool,
}

pub(crate) async fn ask(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, "delete", Form::default()).await
}

pub(crate) async fn ask_purge(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, "purge", Form::default()).await
}

async fn draw(visit: &Visit, id: &str, what: &'static str, form: Form) -> Reply {
    let mailbox = super::mailbox::found(visit, id).await?;
    let f = visit.frame(if what == "purge" { "mailbox-purge-title" } else { "mailbox-delete-title" });
    page(
        form.is_refused(),
        &Page { f, form, id: mailbox.id, address: mailbox.address, what, is_purge: what == "purge" },
    )
}

pub(crate) async fn purge(visit: &Visit, id: &str) -> Reply {
    let input = mailbox_purge::MailboxPurgeInput {
        mailbox_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MailboxPurge>(mailbox_purge::Variables { input }).await?;
    let refusals = refusals!(data.mailbox_purge);
    match refusals.first().map(|r| r.code.as_str()) {
        None => see("/mailboxes?ok=purged"),
        Some("NOT_FOUND") => Err(Trouble::NotFound),
        Some(_) => draw(visit, id, "purge", visit.refused(refusals)).await,
    }
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
        Some(_) => draw(visit, id, "delete", visit.refused(refusals)).await,
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
        Some(_) => draw(visit, id, "delete", visit.refused(refusals)).await,
    }
}
