//! SUMMARY    Letting the provider's support in, for a while, and out again.

use super::tabs;
use crate::{
    collection::{Collection, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{
        SupportGrantCreate, SupportGrantRevoke, SupportGrants, refusals, support_grant_create, support_grant_revoke,
        support_grants,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

const HERE: &str = "/access/support";
/// Hours to choose from; the API takes 72 at most.
const HOURS: [i64; 5] = [1, 4, 24, 48, 72];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default()).await
}

fn scope(scope: &support_grants::SupportScope) -> &'static str {
    use support_grants::SupportScope as S;
    match scope {
        S::METADATA => "support-metadata",
        S::SETTINGS => "support-settings",
        S::CONTENT | S::Other(_) => "support-content",
    }
}

fn grant(f: &Frame, g: support_grants::SupportGrantsSupportGrantsNodes) -> Row {
    let text = f.t(scope(&g.scope));
    Row {
        facts: vec![f.with_two("support-by", ("by", &g.granted_by), ("until", &f.at(&g.expires_at)))],
        acts: vec![act(f, "revoke", &g.id, "support-revoke", "support-revoke-named", &g.reason).danger()],
        states: vec![(text, "open")],
        title: g.reason,
        ..Row::default()
    }
}

async fn draw(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = support_grants::Variables { tenant: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<SupportGrants>(variables).await?.support_grants.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("support-title"), form);
    page.tabs = tabs(&page.f);
    page.about = page.f.t("support-about");
    let rows = found.nodes.into_iter().map(|g| grant(&page.f, g)).collect();
    page.rows("support-none", rows);
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let scopes = [("METADATA", "support-metadata"), ("SETTINGS", "support-settings"), ("CONTENT", "support-content")];
    let scopes = scopes.map(|(value, key)| (value.to_owned(), page.f.t(key))).to_vec();
    let hours = HOURS.map(|n| (n.to_string(), page.f.count("hours", n))).to_vec();
    let inputs = [
        page.form.choice(&page.f, &choose("scope", "label-support-scope", "hint-support-scope", scopes)),
        page.form.choice(&page.f, &choose("hours", "label-hours", "", hours).with(vec!["24".to_owned()])),
        page.form.input(&page.f, ask("reason", "text", "label-support-reason", "hint-support-reason", "off")),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("create", "support-create", "", inputs, "support-create-button");
    page.reply()
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let (refusals, ok) = match visit.fields.text("act") {
        "create" => (create(visit).await?, "support"),
        "revoke" => (revoke(visit).await?, "ended"),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok={ok}")),
        false => draw(visit, visit.refused(refusals)).await,
    }
}

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    use support_grant_create::SupportScope as S;
    let hours = visit.fields.text("hours").parse::<i64>().ok().filter(|h| HOURS.contains(h));
    let input = support_grant_create::SupportGrantCreateInput {
        tenant_id: visit.tenant()?,
        scope: match visit.fields.text("scope") {
            "CONTENT" => S::CONTENT,
            "SETTINGS" => S::SETTINGS,
            _ => S::METADATA,
        },
        reason: visit.fields.text("reason").to_owned(),
        life_seconds: hours.unwrap_or(1) * 3_600,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<SupportGrantCreate>(support_grant_create::Variables { input }).await?;
    let names = [("reason", "reason"), ("scope", "scope"), ("lifeSeconds", "hours")];
    Ok(beside(refusals!(data.support_grant_create), &names))
}

async fn revoke(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = support_grant_revoke::SupportGrantRevokeInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<SupportGrantRevoke>(support_grant_revoke::Variables { input }).await?;
    Ok(of_row(refusals!(data.support_grant_revoke)))
}
