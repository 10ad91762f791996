//! SUMMARY    Identity providers: where people of the tenant may sign in, besides here.

use super::{role_name, role_options, tabs};
use crate::{
    collection::{Collection, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    list::Place,
    operation::{
        IdentityProviderCreate, IdentityProviderDelete, IdentityProviders, identity_provider_create,
        identity_provider_delete, identity_providers, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/access/providers";

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = identity_providers::Variables { tenant: visit.tenant()?, first, after, last, before };
    let data = visit.ask::<IdentityProviders>(variables).await?;
    let found = data.identity_providers.ok_or(Trouble::NotFound)?;
    let roles: Vec<(String, String)> =
        data.roles.map(|r| r.nodes.into_iter().map(|r| (r.id, r.name)).collect()).unwrap_or_default();
    let mut page = Collection::new(visit.frame("providers-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("providers-about");
    let origin = &visit.portal.origin;
    let rows = found.nodes.into_iter().map(|p| Row {
        states: vec![(role_name(&page.f, &p.role, &roles), "plain")],
        facts: vec![page.f.with("provider-domains", "names", p.domains.join(", ")), page.f.t("provider-link")],
        codes: vec![format!("{origin}/sign-in/with/{}", p.id)],
        foreign: vec![p.issuer],
        acts: vec![act(&page.f, "delete", &p.id, "delete", "delete-named", &p.name).danger()],
        title: p.name,
        ..Row::default()
    });
    let rows = rows.collect();
    page.rows("providers-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.notes.push(page.f.with("provider-redirect", "uri", format!("{origin}/auth/oidc/callback")));
    let (f, form) = (&page.f, &page.form);
    let inputs = [
        form.input(f, ask("name", "text", "label-provider-name", "", "off")),
        form.input(f, ask("issuer", "url", "label-issuer", "hint-issuer", "off")),
        form.input(f, ask("clientId", "text", "label-client-id", "", "off")),
        form.input(f, ask("clientSecret", "password", "label-client-secret", "", "off")),
        form.input(f, ask("domains", "text", "label-provider-domains", "hint-provider-domains", "off")),
        form.choice(f, &choose("role", "label-role", "hint-provider-role", role_options(f, &roles, false))),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("create", "provider-create", "", inputs, "provider-create-button");
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit).await?, "saved"),
        "delete" => (delete(visit).await?, "removed"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok={ok}")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = identity_provider_create::IdentityProviderCreateInput {
        tenant_id: visit.tenant()?,
        name: visit.fields.text("name").to_owned(),
        issuer: visit.fields.text("issuer").to_owned(),
        client_id: visit.fields.text("clientId").to_owned(),
        client_secret: visit.fields.text("clientSecret").to_owned(),
        domains: visit.fields.words("domains"),
        role: visit.fields.text("role").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<IdentityProviderCreate>(identity_provider_create::Variables { input }).await?;
    let names = ["name", "issuer", "clientId", "clientSecret", "domains", "role"].map(|name| (name, name));
    Ok(beside(refusals!(data.identity_provider_create), &names))
}

async fn delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = identity_provider_delete::IdentityProviderDeleteInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<IdentityProviderDelete>(identity_provider_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.identity_provider_delete)))
}
