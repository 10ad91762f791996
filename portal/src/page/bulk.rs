//! SUMMARY    One change for several mailboxes that were ticked in the list.
//! INVARIANTS Each is a change of its own, with a key made of the form's and its id: a form that is sent twice counts once, and what
//!            one mailbox is refused stops no other one. Deleting asks before.

use super::mailbox_new;
use crate::{
    form::{Form, Refusal},
    frame::Frame,
    list,
    operation::{
        MailboxDelete, MailboxNamed, MailboxResume, MailboxSuspend, MailboxUpdate, mailbox_delete, mailbox_named,
        mailbox_resume, mailbox_suspend, mailbox_update, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "bulk.html")]
struct Page {
    f: Frame,
    form: Form,
    /// Ids with addresses.
    ticked: Vec<(String, String)>,
    is_asked: bool,
    /// What each was refused: address, our words, the API's.
    refused: Vec<(String, String, String)>,
    done: String,
}

/// The ticked ones that there are, a page of a list at most.
async fn ticked(visit: &Visit) -> Result<Vec<(String, String)>, Trouble> {
    let mut found = Vec::new();
    for id in visit.fields.all("ticked").into_iter().take(usize::try_from(list::PAGE).unwrap_or(0)) {
        let mailbox = visit.ask::<MailboxNamed>(mailbox_named::Variables { id }).await?.mailbox;
        found.extend(mailbox.map(|m| (m.id, m.address)));
    }
    Ok(found)
}

pub(crate) async fn change(visit: &Visit) -> Reply {
    let ticked = ticked(visit).await?;
    let f = visit.frame("bulk-title");
    let what = visit.fields.text("act").to_owned();
    if ticked.is_empty() {
        return see("/mailboxes?ok=none-ticked");
    }
    if what == "delete" && !visit.fields.is_ticked("sure") {
        let (form, refused, done) = (Form::default(), Vec::new(), String::new());
        return page(false, &Page { f, form, ticked, is_asked: true, refused, done });
    }
    let (mut refused, mut done) = (Vec::new(), 0);
    for (id, address) in &ticked {
        let refusals = match one(visit, &what, id).await {
            Ok(refusals) => refusals,
            // The rest of them stay as they are, and the page says which.
            Err(Trouble::Throttled) => vec![Refusal::new("", "THROTTLED")],
            Err(trouble) => return Err(trouble),
        };
        match refusals.first() {
            None => done += 1,
            Some(first) => refused.push((address.clone(), first.text(&f), first.detail(&f).to_owned())),
        }
    }
    if refused.is_empty() {
        return see("/mailboxes?ok=saved");
    }
    let done = f.count("bulk-done", done);
    page(true, &Page { f, form: Form::default(), ticked, is_asked: false, refused, done })
}

async fn one(visit: &Visit, what: &str, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let (mailbox_id, key) = (id.to_owned(), format!("{}-{id}", visit.once()));
    Ok(match what {
        "suspend" => {
            let reason = visit.fields.text("reason").to_owned();
            let input = mailbox_suspend::MailboxSuspendInput {
                mailbox_id,
                reason,
                expected_version: None,
                dry_run: false,
                idempotency_key: Some(key),
            };
            let data = visit.ask::<MailboxSuspend>(mailbox_suspend::Variables { input }).await?;
            refusals!(data.mailbox_suspend)
        }
        "resume" => {
            let input = mailbox_resume::MailboxResumeInput {
                mailbox_id,
                expected_version: None,
                dry_run: false,
                idempotency_key: Some(key),
            };
            let data = visit.ask::<MailboxResume>(mailbox_resume::Variables { input }).await?;
            refusals!(data.mailbox_resume)
        }
        "delete" => {
            let input = mailbox_delete::MailboxDeleteInput {
                mailbox_id,
                expected_version: None,
                dry_run: false,
                idempotency_key: key,
            };
            let data = visit.ask::<MailboxDelete>(mailbox_delete::Variables { input }).await?;
            refusals!(data.mailbox_delete)
        }
        "quota" => quota(visit, mailbox_id, key).await?,
        _ => return Err(Trouble::NotFound),
    })
}

async fn quota(visit: &Visit, mailbox_id: String, key: String) -> Result<Vec<Refusal>, Trouble> {
    let bytes = match mailbox_new::quota(visit.fields.text("quotaBytesMax")) {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let is_none = bytes.is_none();
    let input = mailbox_update::MailboxUpdateInput {
        mailbox_id,
        quota_bytes_max: bytes,
        display_name: None,
        kind: None,
        send_limits: None,
        password: None,
        password_hash: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(key),
    };
    let variables = mailbox_update::Variables { input };
    let data = match is_none {
        true => visit.ask_with_null::<MailboxUpdate>(variables, "quotaBytesMax").await?,
        false => visit.ask::<MailboxUpdate>(variables).await?,
    };
    Ok(refusals!(data.mailbox_update))
}
