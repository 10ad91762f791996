//! SUMMARY    Members and invitations: inviting, roles, owners, removing.

use super::{role_name, role_options, scope, tabs};
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{
        InvitationResend, InvitationRevoke, MemberInvite, MemberRemove, MemberUpdate, Members, OwnershipTransfer,
        invitation_resend, invitation_revoke, member_invite, member_remove, member_update, members, ownership_transfer,
        refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/access/members";

pub(super) async fn show(visit: &mut Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &mut Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = members::Variables { tenant: visit.tenant()?, first, after, last, before };
    let data = visit.ask::<Members>(variables).await?;
    let found = data.members.ok_or(Trouble::NotFound)?;
    let roles: Vec<(String, String)> =
        data.roles.map(|r| r.nodes.into_iter().map(|r| (r.id, r.name)).collect()).unwrap_or_default();
    let mut page = Collection::new(visit.frame("members-title"), form);
    page.tabs = tabs(&page.f);
    page.shown = shown(visit);
    let who = |m: &members::MembersMembersNodes| (m.id.clone(), m.person.email.clone());
    let people: Vec<(String, String)> = found.nodes.iter().map(who).collect();
    let rows = found.nodes.into_iter().map(|m| member(&page.f, m, &roles)).collect();
    page.rows("members-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let invited = data.invitations.map(|i| i.nodes).unwrap_or_default();
    let rows: Vec<Row> = invited.into_iter().map(|i| invitation(&page.f, i, &roles)).collect();
    if !rows.is_empty() {
        page.groups.push(Group { title: page.f.t("invitations-title"), none: String::new(), rows });
    }
    panels(&mut page, &roles, people)?;
    page.reply()
}

fn panels(page: &mut Collection, roles: &[(String, String)], people: Vec<(String, String)>) -> Result<(), Trouble> {
    let (f, form) = (&page.f, &page.form);
    let options = role_options(f, roles, true);
    let change = [
        form.choice(f, &choose("member", "label-member", "", people)),
        form.choice(f, &choose("newRole", "label-new-role", "", options.clone()).with(vec!["help-desk".to_owned()])),
    ];
    let change = change.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    let inputs = [
        form.input(f, ask("email", "email", "label-email", "", "off")),
        form.choice(f, &choose("role", "label-role", "hint-role", options).with(vec!["help-desk".to_owned()])),
        form.input(f, ask("domains", "text", "label-scope-domains", "hint-scope-domains", "off")),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("invite", "member-invite", "member-invite-about", inputs, "member-invite-button");
    page.panel("role", "member-role", "", change, "save");
    Ok(())
}

fn member(f: &Frame, m: members::MembersMembersNodes, roles: &[(String, String)]) -> Row {
    let email = m.person.email.clone();
    let is_self = f.signed.as_ref().is_some_and(|who| who.email == email);
    let mut facts = scope(f, m.on.domains.as_deref(), m.on.mailbox_ids.as_deref());
    facts.push(f.with("member-since", "at", f.at(&m.created_at)));
    let mut states = vec![(role_name(f, &m.role, roles), "plain")];
    if is_self {
        states.push((f.t("member-self"), "good"));
    }
    let mut acts = Vec::new();
    if m.role != "owner" {
        acts.push(act(f, "owner", &m.id, "member-owner", "member-owner-named", &email));
    }
    acts.push(act(f, "remove", &m.id, "remove", "member-remove-named", &email).danger());
    let title = if m.person.name.is_empty() { email } else { format!("{} · {email}", m.person.name) };
    Row { title, states, facts, acts, ..Row::default() }
}

fn invitation(f: &Frame, i: members::MembersInvitationsNodes, roles: &[(String, String)]) -> Row {
    let mut facts = scope(f, i.on.domains.as_deref(), i.on.mailbox_ids.as_deref());
    facts.push(f.with("invitation-until", "at", f.at(&i.expires_at)));
    let acts = vec![
        act(f, "resend", &i.id, "invitation-resend", "invitation-resend-named", &i.email),
        act(f, "revoke", &i.id, "invitation-revoke", "invitation-revoke-named", &i.email).danger(),
    ];
    let states = vec![(role_name(f, &i.role, roles), "plain")];
    Row { title: i.email, states, facts, acts, ..Row::default() }
}

pub(super) async fn change(visit: &mut Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "invite" => (invite(visit).await?, "invited"),
        "resend" => (resend(visit).await?, "invited"),
        "revoke" => (revoke(visit).await?, "revoked"),
        "role" => (role(visit).await?, "saved"),
        "owner" => (owner(visit).await?, "saved"),
        "remove" => (remove(visit).await?, "member-removed"),
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("{HERE}?ok={ok}"));
    }
    let form = visit.refused(refusals);
    draw(visit, form).await
}

/// The secret of an invitation is shown as well: its mail may not arrive.
fn keep(visit: &mut Visit, email: &str, secret: Option<String>) {
    if let Some(secret) = secret {
        let title = visit.frame("members-title").with("invitation-secret", "email", email);
        show_once(visit, HERE, title, secret);
    }
}

async fn invite(visit: &mut Visit) -> Result<Vec<Refusal>, Trouble> {
    let domains = Some(visit.fields.words("domains")).filter(|d| !d.is_empty());
    let email = visit.fields.text("email").to_owned();
    let input = member_invite::MemberInviteInput {
        tenant_id: visit.tenant()?,
        email: email.clone(),
        role: visit.fields.text("role").to_owned(),
        on: domains.map(|names| member_invite::GrantScopeInput { domains: Some(names), mailbox_ids: None }),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<MemberInvite>(member_invite::Variables { input }).await?.member_invite;
    keep(visit, &email, payload.secret);
    Ok(beside(refusals!(payload), &[("email", "email"), ("role", "role"), ("on", "domains")]))
}

async fn resend(visit: &mut Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = invitation_resend::InvitationResendInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<InvitationResend>(invitation_resend::Variables { input }).await?.invitation_resend;
    let email = payload.invitation.as_ref().map(|i| i.email.clone()).unwrap_or_default();
    keep(visit, &email, payload.secret);
    Ok(of_row(refusals!(payload)))
}

async fn revoke(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = invitation_revoke::InvitationRevokeInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<InvitationRevoke>(invitation_revoke::Variables { input }).await?;
    Ok(of_row(refusals!(data.invitation_revoke)))
}

async fn role(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = member_update::MemberUpdateInput {
        member_id: visit.fields.text("member").to_owned(),
        role: Some(visit.fields.text("newRole").to_owned()),
        on: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MemberUpdate>(member_update::Variables { input }).await?;
    Ok(beside(refusals!(data.member_update), &[("role", "newRole"), ("memberId", "member")]))
}

async fn owner(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = ownership_transfer::OwnershipTransferInput {
        member_id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<OwnershipTransfer>(ownership_transfer::Variables { input }).await?;
    Ok(of_row(refusals!(data.ownership_transfer)))
}

async fn remove(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = member_remove::MemberRemoveInput {
        member_id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MemberRemove>(member_remove::Variables { input }).await?;
    Ok(of_row(refusals!(data.member_remove)))
}
