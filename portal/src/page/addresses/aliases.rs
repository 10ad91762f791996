//! SUMMARY    Aliases: looked for, made, switched, deleted.
//! LIMITS     SEARCHED_PAGES_MAX

use super::{all, tabs};
use crate::{
    collection::{Collection, Filter, Row, act, beside, of_row},
    form::{Form, Refusal, ask},
    frame::Frame,
    list::Place,
    operation::{
        AliasCreate, AliasDelete, AliasUpdate, Aliases, alias_create, alias_delete, alias_update, aliases, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// Pages of 100 aliases that are looked through for what is searched: each costs 801 of what a session may spend.
const SEARCHED_PAGES_MAX: usize = 5;
const HERE: &str = "/addresses/aliases";

type Node = aliases::AliasesAliasesNodes;

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

/// Those whose address, targets or label have the text in them; whether there may be more.
async fn searched(visit: &Visit, text: &str) -> Result<(Vec<Node>, bool), Trouble> {
    let (mut found, mut after, text) = (Vec::new(), None, text.to_lowercase());
    for _ in 0..SEARCHED_PAGES_MAX {
        let tenant = visit.tenant()?;
        let variables = aliases::Variables { tenant, first: Some(100), after: after.take(), last: None, before: None };
        let page = visit.ask::<Aliases>(variables).await?.aliases.ok_or(Trouble::NotFound)?;
        let has = |a: &Node| {
            let words = [&a.address, &a.label].into_iter().chain(&a.targets);
            words.into_iter().any(|word| word.to_lowercase().contains(&text))
        };
        found.extend(page.nodes.into_iter().filter(has));
        if !page.page_info.has_next_page {
            return Ok((found, false));
        }
        after = page.page_info.end_cursor;
    }
    Ok((found, true))
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let text = visit.query.text("q").to_owned();
    let mut page = Collection::new(visit.frame("aliases-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("aliases-about");
    let input = Form::default().input(&page.f, ask("q", "search", "label-search", "", "off").with(&text));
    page.filter = Some(Filter { inputs: all(vec![input])?, button: page.f.t("mailboxes-search-button") });
    if text.is_empty() {
        let Place { first, after, last, before } = Place::of(&visit.query);
        let variables = aliases::Variables { tenant: visit.tenant()?, first, after, last, before };
        let found = visit.ask::<Aliases>(variables).await?.aliases.ok_or(Trouble::NotFound)?;
        let rows = found.nodes.into_iter().map(|a| row(&page.f, a)).collect();
        page.rows("aliases-none", rows);
        let info = found.page_info;
        page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    } else {
        let (found, has_more) = searched(visit, &text).await?;
        let rows = found.into_iter().map(|a| row(&page.f, a)).collect();
        page.rows("aliases-not-found", rows);
        if has_more {
            page.notes.push(page.f.t("aliases-more"));
        }
    }
    let (f, form) = (&page.f, &page.form);
    let inputs = all(vec![
        form.input(f, ask("address", "text", "label-alias", "hint-address", "off")),
        form.input(f, ask("targets", "text", "label-targets", "hint-targets", "off")),
        form.input(f, ask("label", "text", "label-alias-label", "", "off")),
    ])?;
    page.panel("create", "alias-create", "", inputs, "alias-add");
    page.reply()
}

fn row(f: &Frame, a: Node) -> Row {
    let switch = match a.enabled {
        true => act(f, "disable", &a.address, "switch-off", "switch-off-named", &a.address),
        false => act(f, "enable", &a.address, "switch-on", "switch-on-named", &a.address),
    };
    Row {
        states: if a.enabled { Vec::new() } else { vec![(f.t("alias-off"), "open")] },
        facts: vec![f.with("alias-leads", "targets", a.targets.join(", ")), a.label]
            .into_iter()
            .filter(|fact| !fact.is_empty())
            .collect(),
        acts: vec![switch, act(f, "delete", &a.address, "delete", "delete-named", &a.address).danger()],
        title: a.address,
        ..Row::default()
    }
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit).await?, "alias"),
        "enable" => (switch(visit, true).await?, "saved"),
        "disable" => (switch(visit, false).await?, "saved"),
        "delete" => (delete(visit).await?, "alias-deleted"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok={ok}")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = alias_create::AliasCreateInput {
        address: visit.fields.text("address").to_owned(),
        targets: visit.fields.words("targets"),
        label: visit.fields.text("label").to_owned(),
        enabled: true,
        tenant_id: Some(visit.tenant()?),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AliasCreate>(alias_create::Variables { input }).await?;
    let names = ["address", "targets", "label"].map(|name| (name, name));
    Ok(beside(refusals!(data.alias_create), &names))
}

async fn switch(visit: &Visit, is_on: bool) -> Result<Vec<Refusal>, Trouble> {
    let input = alias_update::AliasUpdateInput {
        address: visit.fields.text("id").to_owned(),
        targets: None,
        label: None,
        enabled: Some(is_on),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AliasUpdate>(alias_update::Variables { input }).await?;
    Ok(of_row(refusals!(data.alias_update)))
}

async fn delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = alias_delete::AliasDeleteInput {
        address: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<AliasDelete>(alias_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.alias_delete)))
}
