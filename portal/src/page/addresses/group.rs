//! SUMMARY    One group: its members, who may write to it, ending it.

use super::{all, groups, tabs};
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row},
    form::{Form, Refusal, ask},
    operation::{
        GroupDelete, GroupMembersAdd, GroupMembersRemove, GroupShown, GroupUpdate, group_delete, group_members_add,
        group_members_remove, group_shown, group_update, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit, address: &str) -> Reply {
    draw(visit, address, Form::default()).await
}

async fn draw(visit: &Visit, address: &str, form: Form) -> Reply {
    let variables = group_shown::Variables { address: address.to_owned() };
    let group = visit.ask::<GroupShown>(variables).await?.group.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("groups-title").titled(&group.address), form);
    page.tabs = tabs(&page.f);
    page.back = Some(("/addresses/groups".to_owned(), page.f.t("groups-title")));
    if !group.enabled {
        page.notes.push(page.f.t("alias-off"));
    }
    let member = |address: &String| Row {
        title: address.clone(),
        acts: vec![act(&page.f, "remove", address, "remove", "member-remove-named", address).danger()],
        ..Row::default()
    };
    let rows = group.members.iter().map(member).collect();
    let (title, none) = (page.f.t("group-members"), page.f.t("group-members-none"));
    page.groups.push(Group { title, none, rows });
    let (f, form) = (&page.f, &page.form);
    let posting = format!("{:?}", group.posting);
    let add = all(vec![form.input(f, ask("members", "text", "label-group-members", "hint-group-members", "off"))])?;
    let settings = all(vec![
        form.input(f, ask("name", "text", "label-group-name", "", "off").with(&group.name)),
        form.choice(f, &groups::postings(f, &posting)),
    ])?;
    page.panel("add", "group-add", "", add, "group-add-button");
    page.panel("update", "mailbox-settings", "", settings, "save");
    match group.enabled {
        true => page.panel("disable", "switch-off", "group-off-about", Vec::new(), "switch-off"),
        false => page.panel("enable", "switch-on", "", Vec::new(), "switch-on"),
    }
    page.end_panel("group-delete", "group-delete-about");
    page.reply()
}

pub(super) async fn change(visit: &Visit, address: &str) -> Reply {
    let refusals = match visit.fields.text("act") {
        "add" => add(visit, address).await?,
        "remove" => remove(visit, address).await?,
        "update" => update(visit, address, None).await?,
        "enable" => update(visit, address, Some(true)).await?,
        "disable" => update(visit, address, Some(false)).await?,
        "delete" => {
            let refusals = delete(visit, address).await?;
            if refusals.is_empty() {
                return see("/addresses/groups?ok=removed");
            }
            refusals
        }
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{}?ok=saved", groups::path(address))),
        false => draw(visit, address, visit.refused(refusals)).await,
    }
}

async fn add(visit: &Visit, address: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = group_members_add::GroupMembersInput {
        address: address.to_owned(),
        members: visit.fields.words("members"),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<GroupMembersAdd>(group_members_add::Variables { input }).await?;
    Ok(beside(refusals!(data.group_members_add), &[("members", "members")]))
}

async fn remove(visit: &Visit, address: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = group_members_remove::GroupMembersInput {
        address: address.to_owned(),
        members: vec![visit.fields.text("id").to_owned()],
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<GroupMembersRemove>(group_members_remove::Variables { input }).await?;
    Ok(of_row(refusals!(data.group_members_remove)))
}

/// What the form says, or only whether it is on.
async fn update(visit: &Visit, address: &str, enabled: Option<bool>) -> Result<Vec<Refusal>, Trouble> {
    use group_update::GroupPosting as P;
    let posting = match visit.fields.text("posting") {
        "ANYONE" => P::ANYONE,
        "MEMBERS" => P::MEMBERS,
        _ => P::TENANT,
    };
    let input = group_update::GroupUpdateInput {
        address: address.to_owned(),
        name: enabled.is_none().then(|| visit.fields.text("name").to_owned()),
        posting: enabled.is_none().then_some(posting),
        enabled,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<GroupUpdate>(group_update::Variables { input }).await?;
    Ok(beside(refusals!(data.group_update), &[("name", "name"), ("posting", "posting")]))
}

async fn delete(visit: &Visit, address: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = group_delete::GroupDeleteInput {
        address: address.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<GroupDelete>(group_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.group_delete)))
}
