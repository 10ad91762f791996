//! SUMMARY    What a domain does with addresses that are nobody's: catch-all, plus addressing; being another name of a domain.

use super::all;
use crate::{
    collection::{Collection, beside, of_row},
    form::{Form, Refusal, ask, choose},
    operation::{
        DomainAliasCreate, DomainAliasRemove, DomainChoice, DomainSettings, DomainUpdate, domain_alias_create,
        domain_alias_remove, domain_choice, domain_settings, domain_update, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(crate) async fn show(visit: &Visit, name: &str) -> Reply {
    draw(visit, name, Form::default()).await
}

fn path(name: &str) -> String {
    format!("/domains/{}", crate::page::domain::in_path(name))
}

async fn draw(visit: &Visit, name: &str, form: Form) -> Reply {
    let variables = domain_settings::Variables { name: name.to_owned(), tenant: Some(visit.tenant()?) };
    let domain = visit.ask::<DomainSettings>(variables).await?.domain.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("domain-settings"), form);
    page.back = Some((path(&domain.name), domain.name.clone()));
    if let Some(of) = &domain.alias_of {
        page.notes.push(page.f.with("domain-alias-of", "name", of));
        page.panel(
            "alias-remove",
            "domain-alias-remove",
            "domain-alias-remove-about",
            Vec::new(),
            "domain-alias-remove",
        );
        return page.reply();
    }
    let others = visit.ask::<DomainChoice>(domain_choice::Variables { tenant: visit.tenant()? }).await?;
    let others = others.domains.map(|d| d.nodes).unwrap_or_default().into_iter();
    let others = others.filter(|d| d.alias_of.is_none() && d.name != domain.name).map(|d| (d.name.clone(), d.name));
    let others: Vec<(String, String)> = others.collect();
    let (f, form) = (&page.f, &page.form);
    let catch_all = domain.catch_all.unwrap_or_default();
    let plus = vec![("yes".to_owned(), f.t("plus-addressing"))];
    let chosen = if domain.plus_addressing { vec!["yes".to_owned()] } else { Vec::new() };
    let rest = all(vec![
        form.input(f, ask("catchAll", "email", "label-catch-all", "hint-catch-all", "off").with(&catch_all)),
        form.ticks(f, &choose("plusAddressing", "label-plus", "hint-plus", plus).with(chosen)),
    ])?;
    let alias = all(vec![form.choice(f, &choose("aliasOf", "label-alias-of", "", others.clone()))])?;
    page.panel("update", "domain-rest", "", rest, "save");
    if !others.is_empty() {
        page.panel("alias", "domain-alias", "domain-alias-about", alias, "domain-alias-button");
    }
    page.reply()
}

pub(crate) async fn change(visit: &Visit, name: &str) -> Reply {
    let refusals = match visit.fields.text("act") {
        "update" => update(visit, name).await?,
        "alias" => alias(visit, name).await?,
        "alias-remove" => alias_remove(visit, name).await?,
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{}/settings?ok=saved", path(name))),
        false => draw(visit, name, visit.refused(refusals)).await,
    }
}

async fn update(visit: &Visit, name: &str) -> Result<Vec<Refusal>, Trouble> {
    let catch_all = visit.fields.given("catchAll");
    let is_none = catch_all.is_none();
    let input = domain_update::DomainUpdateInput {
        name: name.to_owned(),
        catch_all,
        plus_addressing: Some(visit.fields.is_ticked("plusAddressing")),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let variables = domain_update::Variables { input };
    let data = match is_none {
        true => visit.ask_with_null::<DomainUpdate>(variables, "catchAll").await?,
        false => visit.ask::<DomainUpdate>(variables).await?,
    };
    let names = [("catchAll", "catchAll"), ("plusAddressing", "plusAddressing")];
    Ok(beside(refusals!(data.domain_update), &names))
}

async fn alias(visit: &Visit, name: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = domain_alias_create::DomainAliasCreateInput {
        name: name.to_owned(),
        alias_of: visit.fields.text("aliasOf").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<DomainAliasCreate>(domain_alias_create::Variables { input }).await?;
    Ok(beside(refusals!(data.domain_alias_create), &[("aliasOf", "aliasOf")]))
}

async fn alias_remove(visit: &Visit, name: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = domain_alias_remove::DomainAliasRemoveInput {
        name: name.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<DomainAliasRemove>(domain_alias_remove::Variables { input }).await?;
    Ok(of_row(refusals!(data.domain_alias_remove)))
}
