//! SUMMARY    Groups: one address that leads to many, with who may write to it.

use super::{all, tabs};
use crate::{
    collection::{Collection, Row, beside},
    form::{Choice, Form, ask, choose},
    frame::Frame,
    list::Place,
    operation::{GroupCreate, Groups, group_create, groups, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

/// Who may write to a group, in words.
pub(super) fn posting(f: &Frame, posting: &str) -> String {
    f.t(match posting {
        "ANYONE" => "posting-anyone",
        "TENANT" => "posting-tenant",
        _ => "posting-members",
    })
}

/// The same to choose from.
pub(super) fn postings(f: &Frame, chosen: &str) -> Choice<'static> {
    let options = ["TENANT", "MEMBERS", "ANYONE"].map(|p| (p.to_owned(), posting(f, p))).to_vec();
    choose("posting", "label-posting", "hint-posting", options).with(vec![chosen.to_owned()])
}

/// Path of a group's page.
pub(super) fn path(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    format!("/addresses/groups/{}@{}", crate::page::domain::in_path(local), crate::page::domain::in_path(domain))
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = groups::Variables { tenant: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Groups>(variables).await?.groups.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("groups-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("groups-about");
    let rows = found.nodes.into_iter().map(|g| Row {
        states: if g.enabled { Vec::new() } else { vec![(page.f.t("alias-off"), "open")] },
        facts: vec![g.name, posting(&page.f, &format!("{:?}", g.posting))]
            .into_iter()
            .filter(|x| !x.is_empty())
            .collect(),
        link: path(&g.address),
        title: g.address,
        ..Row::default()
    });
    let rows = rows.collect();
    page.rows("groups-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let (f, form) = (&page.f, &page.form);
    let inputs = all(vec![
        form.input(f, ask("address", "text", "label-group", "hint-address", "off")),
        form.input(f, ask("name", "text", "label-group-name", "", "off")),
        form.input(f, ask("members", "text", "label-group-members", "hint-group-members", "off")),
        form.choice(f, &postings(f, "TENANT")),
    ])?;
    page.panel("create", "group-create", "", inputs, "group-create-button");
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    use group_create::GroupPosting as P;
    let input = group_create::GroupCreateInput {
        address: visit.fields.text("address").to_owned(),
        name: visit.fields.text("name").to_owned(),
        members: visit.fields.words("members"),
        posting: match visit.fields.text("posting") {
            "ANYONE" => P::ANYONE,
            "MEMBERS" => P::MEMBERS,
            _ => P::TENANT,
        },
        tenant_id: Some(visit.tenant()?),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<GroupCreate>(group_create::Variables { input }).await?.group_create;
    match payload.group {
        Some(group) => see(format!("{}?ok=saved", path(&group.address))),
        None => {
            let names = ["address", "name", "members", "posting"].map(|name| (name, name));
            draw(visit, visit.refused(beside(refusals!(payload), &names))).await
        }
    }
}
