//! SUMMARY    Who else opens a mailbox or sends from it, and from which further addresses it may send.

use super::back;
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    operation::{
        DelegateAdd, DelegateRemove, MailboxByAddress, MailboxSharing, SendAsAdd, SendAsRemove, delegate_add,
        delegate_remove, mailbox_by_address, mailbox_sharing, refusals, send_as_add, send_as_remove,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

/// What a delegate may do, in words.
fn rights(f: &Frame, open: bool, write: bool, send: bool) -> Vec<(String, &'static str)> {
    let all = [(write, "right-write"), (open && !write, "right-open"), (send, "right-send")];
    all.into_iter().filter(|(has, _)| *has).map(|(_, key)| (f.t(key), "plain")).collect()
}

async fn draw(visit: &Visit, id: &str, form: Form) -> Reply {
    let data = visit.ask::<MailboxSharing>(mailbox_sharing::Variables { id: id.to_owned() }).await?;
    let mailbox = data.mailbox.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("sharing-title"), form);
    page.back = back(visit, &mailbox.id, &mailbox.address);
    // Who else opens it is decided by others than its user.
    let is_user = !visit.signed()?.mailbox.is_empty();
    page.about = page.f.with("sharing-about", "address", &mailbox.address);
    let f = &page.f;
    let delegates = mailbox.delegates.into_iter().map(|d| Row {
        states: rights(f, d.open, d.write, d.send_as),
        acts: vec![act(f, "remove", &d.mailbox_id, "remove", "member-remove-named", &d.address).danger()],
        title: d.address,
        ..Row::default()
    });
    let senders = mailbox.send_as.into_iter().map(|address| Row {
        acts: vec![act(f, "send-as-remove", &address, "remove", "member-remove-named", &address).danger()],
        title: address,
        ..Row::default()
    });
    let others = mailbox.delegate_of.into_iter().map(|s| Row {
        states: rights(f, s.open, s.write, s.send_as),
        title: s.address,
        facts: Some(s.display_name).filter(|name| !name.is_empty()).into_iter().collect(),
        ..Row::default()
    });
    let groups = vec![
        Group { title: f.t("delegates-title"), none: f.t("delegates-none"), rows: delegates.collect() },
        Group { title: f.t("send-as-title"), none: f.t("send-as-none"), rows: senders.collect() },
        Group { title: f.t("delegate-of-title"), none: f.t("delegate-of-none"), rows: others.collect() },
    ];
    let options = ["open", "write", "send"].map(|right| (right.to_owned(), f.t(&format!("right-{right}")))).to_vec();
    let delegate = vec![
        page.form.input(f, ask("delegate", "email", "label-delegate", "hint-delegate", "off")),
        page.form.ticks(f, &choose("rights", "label-rights", "hint-rights", options).with(vec!["open".to_owned()])),
    ];
    let sender = vec![page.form.input(f, ask("address", "email", "label-send-as", "hint-send-as", "off"))];
    let all = |inputs: Vec<Result<String, askama::Error>>| {
        inputs.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| Trouble::Broken)
    };
    let (delegate, sender) = (all(delegate)?, all(sender)?);
    page.groups = groups;
    if is_user {
        page.groups.iter_mut().flat_map(|group| &mut group.rows).for_each(|row| row.acts.clear());
        return page.reply();
    }
    page.panel("add", "delegate-add", "", delegate, "delegate-add-button");
    page.panel("send-as", "send-as-add", "", sender, "send-as-add-button");
    page.reply()
}

pub(super) async fn change(visit: &Visit, id: &str) -> Reply {
    let refusals = match visit.fields.text("act") {
        "add" => add(visit, id).await?,
        "remove" => remove(visit, id).await?,
        "send-as" => send_as(visit, id).await?,
        "send-as-remove" => send_as_gone(visit, id).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("/mailboxes/{id}/sharing?ok=saved")),
        false => draw(visit, id, visit.refused(refusals)).await,
    }
}

async fn add(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let address = visit.fields.text("delegate").to_owned();
    let found = visit.ask::<MailboxByAddress>(mailbox_by_address::Variables { address }).await?;
    let Some(delegate) = found.mailbox_by_address else { return Ok(vec![Refusal::new("delegate", "NOT_FOUND")]) };
    let has = visit.fields.all("rights");
    let has = |right: &str| has.iter().any(|r| r == right);
    let input = delegate_add::DelegateAddInput {
        mailbox_id: id.to_owned(),
        delegate_id: delegate.id,
        // Who may write may open.
        open: has("open") || has("write"),
        write: has("write"),
        send_as: has("send"),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<DelegateAdd>(delegate_add::Variables { input }).await?;
    Ok(beside(refusals!(data.delegate_add), &[("delegateId", "delegate")]))
}

async fn remove(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = delegate_remove::DelegateRemoveInput {
        mailbox_id: id.to_owned(),
        delegate_id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<DelegateRemove>(delegate_remove::Variables { input }).await?;
    Ok(of_row(refusals!(data.delegate_remove)))
}

async fn send_as(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = send_as_add::SendAsInput {
        mailbox_id: id.to_owned(),
        address: visit.fields.text("address").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<SendAsAdd>(send_as_add::Variables { input }).await?;
    Ok(beside(refusals!(data.send_as_add), &[("address", "address")]))
}

async fn send_as_gone(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = send_as_remove::SendAsInput {
        mailbox_id: id.to_owned(),
        address: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<SendAsRemove>(send_as_remove::Variables { input }).await?;
    Ok(of_row(refusals!(data.send_as_remove)))
}
