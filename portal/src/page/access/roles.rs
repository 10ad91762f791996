//! SUMMARY    Roles: those that every tenant has, and the tenant's own.

use super::{STANDARD, tabs};
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    operation::{RoleCreate, RoleDelete, RoleUpdate, Roles, refusals, role_create, role_delete, role_update, roles},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/access/roles";

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let data = visit.ask::<Roles>(roles::Variables { tenant: visit.tenant()? }).await?;
    let own = data.roles.map(|r| r.nodes).unwrap_or_default();
    let mut page = Collection::new(visit.frame("roles-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("roles-about");
    let edited = visit.query.text("edit").to_owned();
    let chosen = own.iter().find(|r| r.id == edited).map(|r| (r.name.clone(), r.permissions.clone()));
    let rows = own.into_iter().map(|r| Row {
        acts: vec![act(&page.f, "delete", &r.id, "delete", "delete-named", &r.name).danger()],
        link: format!("{HERE}?edit={}", r.id),
        title: r.name,
        codes: vec![r.permissions.join(" ")],
        ..Row::default()
    });
    let (rows, title, none) = (rows.collect(), page.f.t("roles-own"), page.f.t("roles-none"));
    page.groups.push(Group { title, none, rows });
    let standard = data.standard_roles.into_iter().map(|r| Row {
        title: page.f.t(STANDARD.iter().find(|(name, _)| *name == r.name).map_or("role-other", |(_, key)| *key)),
        codes: vec![r.permissions.join(" ")],
        ..Row::default()
    });
    let (rows, title) = (standard.collect(), page.f.t("roles-standard"));
    page.groups.push(Group { title, none: String::new(), rows });
    // Nobody gives what they lack: only the visitor's own permissions are offered, with those that the role has already.
    let mut permissions = data.viewer.map(|v| v.permissions).unwrap_or_default();
    let (name, has) = chosen.clone().unwrap_or_default();
    permissions.extend(has.iter().filter(|p| !permissions.contains(p)).cloned().collect::<Vec<_>>());
    let options = permissions.into_iter().map(|p| (p.clone(), p)).collect();
    let inputs = [
        page.form.input(&page.f, ask("name", "text", "label-role-name", "", "off").with(&name)),
        page.form.ticks(&page.f, &choose("permissions", "label-permissions", "hint-permissions", options).with(has)),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    match chosen {
        Some(_) => {
            page.panel("update", "role-update", "", inputs, "save");
            if let Some(panel) = page.panels.last_mut() {
                panel.hidden.push(("id", edited));
            }
            let new = page.f.t("role-create");
            page.links.push((HERE.to_owned(), new));
        }
        None => page.panel("create", "role-create", "", inputs, "role-create-button"),
    }
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let refusals = match visit.fields.text("act") {
        "create" => create(visit).await?,
        "update" => update(visit).await?,
        "delete" => delete(visit).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok=saved")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

const NAMES: [(&str, &str); 2] = [("name", "name"), ("permissions", "permissions")];

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = role_create::RoleCreateInput {
        tenant_id: visit.tenant()?,
        name: visit.fields.text("name").to_owned(),
        permissions: visit.fields.all("permissions"),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<RoleCreate>(role_create::Variables { input }).await?;
    Ok(beside(refusals!(data.role_create), &NAMES))
}

async fn update(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = role_update::RoleUpdateInput {
        id: visit.fields.text("id").to_owned(),
        name: Some(visit.fields.text("name").to_owned()),
        permissions: Some(visit.fields.all("permissions")),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<RoleUpdate>(role_update::Variables { input }).await?;
    Ok(beside(refusals!(data.role_update), &NAMES))
}

async fn delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = role_delete::RoleDeleteInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<RoleDelete>(role_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.role_delete)))
}
