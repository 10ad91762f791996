//! SUMMARY    Invite codes: made, shown once, taken back.

use super::{day, number, tabs};
use crate::{
    collection::{Collection, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal, ask},
    frame::Frame,
    list::Place,
    operation::{
        SignupInviteCreate, SignupInviteRevoke, SignupInvites, refusals, signup_invite_create, signup_invite_revoke,
        signup_invites,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/sell/signups/invites";

pub(super) async fn show(visit: &mut Visit) -> Reply {
    let shown = shown(visit);
    let mut page = draw(visit, Form::default()).await?;
    page.shown = shown;
    page.reply()
}

async fn draw(visit: &Visit, form: Form) -> Result<Collection, Trouble> {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = signup_invites::Variables { seller: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<SignupInvites>(variables).await?.signup_invites.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("invites-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.back = Some(("/sell/signups".to_owned(), page.f.t("signups-title")));
    page.about = page.f.t("invites-about");
    let rows = found.nodes.into_iter().map(|invite| row(&page.f, invite)).collect();
    page.rows("invites-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let text = |name, label, hint| page.form.input(&page.f, ask(name, "text", label, hint, "off"));
    let inputs = [
        text("note", "label-invite-note", "hint-invite-note"),
        page.form.input(&page.f, ask("uses", "text", "label-uses", "", "off").with("1")),
        text("expiresAt", "label-good-until", "hint-day"),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("create", "invite-new", "", inputs, "invite-new");
    Ok(page)
}

fn row(f: &Frame, i: signup_invites::SignupInvitesSignupInvitesNodes) -> Row {
    let title = if i.note.is_empty() { i.id.clone() } else { i.note };
    let mut facts = vec![f.with("made-at", "at", f.day(&i.created_at))];
    facts.extend(i.expires_at.as_ref().map(|at| f.with("until-day", "at", f.day(at))));
    let state = match i.uses_left {
        0 => (f.t("invite-used-up"), "bad"),
        n => (f.count("invite-uses", n), "good"),
    };
    Row {
        states: vec![state],
        facts,
        acts: vec![act(f, "revoke", &i.id, "invite-revoke", "invite-revoke-named", &title).danger()],
        title,
        ..Row::default()
    }
}

pub(super) async fn change(visit: &mut Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit).await?, ""),
        "revoke" => (revoke(visit).await?, "?ok=revoked"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}{ok}")),
        false => draw(visit, visit.refused(refusals)).await?.reply(),
    }
}

async fn create(visit: &mut Visit) -> Result<Vec<Refusal>, Trouble> {
    let (uses, expires_at) = match (number(&visit.fields, "uses"), day(&visit.fields, "expiresAt")) {
        (Ok(uses), Ok(expires_at)) => (uses.unwrap_or(1), expires_at),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(vec![refusal]),
    };
    let input = signup_invite_create::SignupInviteCreateInput {
        tenant_id: visit.tenant()?,
        note: visit.fields.text("note").to_owned(),
        uses,
        expires_at,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    // A number that the schema does not take is refused as a whole.
    let payload = match visit.ask_told::<SignupInviteCreate>(signup_invite_create::Variables { input }).await? {
        Ok(data) => data.signup_invite_create,
        Err(refusal) => return Ok(vec![Refusal { field: "uses".to_owned(), ..refusal }]),
    };
    if let Some(invite) = &payload.invite {
        let title = visit.frame("invites-title").t("invite-made");
        show_once(visit, HERE, title, invite.code.clone());
    }
    Ok(beside(refusals!(payload), &[("note", "note"), ("uses", "uses"), ("expiresAt", "expiresAt")]))
}

async fn revoke(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = signup_invite_revoke::SignupInviteRevokeInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SignupInviteRevoke>(signup_invite_revoke::Variables { input }).await?;
    Ok(of_row(refusals!(data.signup_invite_revoke)))
}
