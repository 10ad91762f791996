//! SUMMARY    API tokens and service accounts. A token's secret is shown once.

use super::{days, role_name, role_options, scope, tabs};
use crate::{
    collection::{Collection, Group, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{
        ApiTokenCreate, ApiTokenRevoke, ApiTokens, ServiceAccountCreate, ServiceAccountDelete, ServiceAccountUpdate,
        api_token_create, api_token_revoke, api_tokens, refusals, service_account_create, service_account_delete,
        service_account_update,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/access/tokens";
/// Names of pairs: id and name.
type Named = Vec<(String, String)>;

pub(super) async fn show(visit: &mut Visit) -> Reply {
    draw(visit, Form::default()).await
}

async fn draw(visit: &mut Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = api_tokens::Variables { tenant: visit.tenant()?, first, after, last, before };
    let data = visit.ask::<ApiTokens>(variables).await?;
    let found = data.api_tokens.ok_or(Trouble::NotFound)?;
    let roles: Named = data.roles.map(|r| r.nodes.into_iter().map(|r| (r.id, r.name)).collect()).unwrap_or_default();
    let programs = data.service_accounts.map(|s| s.nodes).unwrap_or_default();
    let names: Named = programs.iter().map(|p| (p.id.clone(), p.name.clone())).collect();
    let mut page = Collection::new(visit.frame("tokens-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("tokens-about");
    page.shown = shown(visit);
    let rows = found.nodes.into_iter().map(|t| token(&page.f, t, &names)).collect();
    page.rows("tokens-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let rows = programs.into_iter().map(|p| Row {
        states: vec![(role_name(&page.f, &p.role, &roles), "plain")],
        acts: vec![act(&page.f, "program-delete", &p.id, "delete", "delete-named", &p.name).danger()],
        title: p.name,
        ..Row::default()
    });
    let (rows, title, none) = (rows.collect(), page.f.t("programs-title"), page.f.t("programs-none"));
    page.groups.push(Group { title, none, rows });
    panels(&mut page, &roles, names)?;
    page.reply()
}

fn token(f: &Frame, t: api_tokens::ApiTokensApiTokensNodes, programs: &[(String, String)]) -> Row {
    let mut facts = scope(f, t.on.domains.as_deref(), t.on.mailbox_ids.as_deref());
    if let Some((_, name)) = programs.iter().find(|(id, _)| Some(id) == t.service_account_id.as_ref()) {
        facts.push(f.with("token-of", "name", name));
    }
    if !t.ips.is_empty() {
        facts.push(f.with("token-from", "networks", t.ips.join(", ")));
    }
    let used = t.last_used_at.map_or_else(|| f.t("token-unused"), |at| f.with("factor-used", "at", f.at(&at)));
    facts.push(format!("{used} · {}", f.with("token-until", "at", f.at(&t.expires_at))));
    let acts = vec![act(f, "revoke", &t.id, "token-revoke", "token-revoke-named", &t.label).danger()];
    let codes = vec![t.permissions.join(" ")];
    Row { title: if t.label.is_empty() { t.id } else { t.label }, facts, codes, acts, ..Row::default() }
}

fn panels(page: &mut Collection, roles: &[(String, String)], programs: Named) -> Result<(), Trouble> {
    let (f, form) = (&page.f, &page.form);
    let access = [("READ_WRITE", "access-write"), ("READ", "access-read")];
    let access = access.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let mut owners = vec![(String::new(), f.t("token-own"))];
    owners.extend(programs.iter().cloned());
    let token = [
        form.input(f, ask("label", "text", "label-token", "hint-token", "off")),
        form.choice(f, &choose("access", "label-access", "", access)),
        form.choice(f, &choose("program", "label-program", "hint-program", owners)),
        form.input(f, ask("domains", "text", "label-scope-domains", "hint-scope-domains", "off")),
        form.input(f, ask("networks", "text", "label-networks", "hint-networks", "off")),
        form.input(f, ask("days", "text", "label-days", "hint-days", "off")),
    ];
    let options = role_options(f, roles, false);
    let program = [
        form.input(f, ask("programName", "text", "label-program-name", "", "off")),
        form.choice(f, &choose("programRole", "label-role", "", options.clone()).with(vec!["help-desk".to_owned()])),
    ];
    let change = [
        form.choice(f, &choose("changed", "label-program", "", programs.clone())),
        form.choice(f, &choose("changedRole", "label-new-role", "", options)),
    ];
    let all = |inputs: Vec<Result<String, askama::Error>>| {
        inputs.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| Trouble::Broken)
    };
    let (token, program, change) = (all(token.into())?, all(program.into())?, all(change.into())?);
    page.panel("create", "token-create", "token-create-about", token, "token-create-button");
    page.panel("program", "program-create", "program-about", program, "program-create-button");
    if !programs.is_empty() {
        page.panel("program-role", "program-role", "", change, "save");
    }
    Ok(())
}

pub(super) async fn change(visit: &mut Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit).await?, "token"),
        "revoke" => (revoke(visit).await?, "revoked"),
        "program" => (program(visit).await?, "saved"),
        "program-role" => (program_role(visit).await?, "saved"),
        "program-delete" => (program_delete(visit).await?, "removed"),
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("{HERE}?ok={ok}"));
    }
    let form = visit.refused(refusals);
    draw(visit, form).await
}

async fn create(visit: &mut Visit) -> Result<Vec<Refusal>, Trouble> {
    let life = match days(visit.fields.text("days"), "days") {
        Ok(life) => life,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let domains = Some(visit.fields.words("domains")).filter(|d| !d.is_empty());
    let label = visit.fields.text("label").to_owned();
    let input = api_token_create::ApiTokenCreateInput {
        tenant_id: visit.tenant()?,
        label: label.clone(),
        access: Some(match visit.fields.text("access") {
            "READ" => api_token_create::TokenAccess::READ,
            _ => api_token_create::TokenAccess::READ_WRITE,
        }),
        permissions: None,
        on: domains.map(|names| api_token_create::GrantScopeInput { domains: Some(names), mailbox_ids: None }),
        ips: Some(visit.fields.words("networks")).filter(|n| !n.is_empty()),
        service_account_id: visit.fields.given("program"),
        life_seconds: life,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<ApiTokenCreate>(api_token_create::Variables { input }).await?.api_token_create;
    if let Some(secret) = payload.secret.clone() {
        let title = visit.frame("tokens-title").with("token-shown", "label", &label);
        show_once(visit, HERE, title, secret);
    }
    let names = [
        ("label", "label"),
        ("on", "domains"),
        ("ips", "networks"),
        ("lifeSeconds", "days"),
        ("serviceAccountId", "program"),
        ("access", "access"),
    ];
    Ok(beside(refusals!(payload), &names))
}

async fn revoke(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = api_token_revoke::ApiTokenRevokeInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<ApiTokenRevoke>(api_token_revoke::Variables { input }).await?;
    Ok(of_row(refusals!(data.api_token_revoke)))
}

async fn program(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = service_account_create::ServiceAccountCreateInput {
        tenant_id: visit.tenant()?,
        name: visit.fields.text("programName").to_owned(),
        role: visit.fields.text("programRole").to_owned(),
        on: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<ServiceAccountCreate>(service_account_create::Variables { input }).await?;
    Ok(beside(refusals!(data.service_account_create), &[("name", "programName"), ("role", "programRole")]))
}

async fn program_role(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = service_account_update::ServiceAccountUpdateInput {
        id: visit.fields.text("changed").to_owned(),
        role: visit.fields.text("changedRole").to_owned(),
        on: None,
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<ServiceAccountUpdate>(service_account_update::Variables { input }).await?;
    Ok(beside(refusals!(data.service_account_update), &[("id", "changed"), ("role", "changedRole")]))
}

async fn program_delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = service_account_delete::ServiceAccountDeleteInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<ServiceAccountDelete>(service_account_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.service_account_delete)))
}
