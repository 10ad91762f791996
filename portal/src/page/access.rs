//! SUMMARY    People and access: members, roles, tokens, webhooks, the audit log, support, identity providers.

mod audit;
mod job;
mod members;
mod providers;
mod roles;
mod support;
mod tokens;
mod webhook;
mod webhooks;
mod why;

pub(crate) use job::file;

use crate::{
    frame::Frame,
    trouble::Trouble,
    visit::{Reply, Visit},
};

/// Roles that every tenant has, with the keys of their names.
const STANDARD: [(&str, &str); 7] = [
    ("owner", "role-owner"),
    ("admin", "role-admin"),
    ("domain-admin", "role-domain-admin"),
    ("help-desk", "role-help-desk"),
    ("billing", "role-billing"),
    ("auditor", "role-auditor"),
    ("mailbox-user", "role-mailbox-user"),
];

pub(crate) async fn read(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        ["members"] => members::show(visit).await,
        ["roles"] => roles::show(visit).await,
        ["tokens"] => tokens::show(visit).await,
        ["webhooks"] => webhooks::show(visit).await,
        ["webhooks", id] => webhook::show(visit, id).await,
        ["audit"] => audit::show(visit).await,
        ["support"] => support::show(visit).await,
        ["providers"] => providers::show(visit).await,
        ["why"] => why::show(visit).await,
        ["jobs", id] => job::show(visit, id).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

pub(crate) async fn change(visit: &mut Visit, path: &[&str]) -> Reply {
    match path {
        ["members"] => members::change(visit).await,
        ["roles"] => roles::change(visit).await,
        ["tokens"] => tokens::change(visit).await,
        ["webhooks"] => webhooks::change(visit).await,
        ["webhooks", id] => webhook::change(visit, id).await,
        ["audit"] => audit::change(visit).await,
        ["support"] => support::change(visit).await,
        ["providers"] => providers::change(visit).await,
        ["jobs", id] => job::change(visit, id).await,
        _ => Err(visit.signed().err().unwrap_or(Trouble::NotFound)),
    }
}

/// The pages of the area.
fn tabs(f: &Frame) -> Vec<(&'static str, String)> {
    let mut tabs = vec![
        ("/access/members", f.t("members-title")),
        ("/access/roles", f.t("roles-title")),
        ("/access/tokens", f.t("tokens-title")),
        ("/access/webhooks", f.t("webhooks-title")),
        ("/access/audit", f.t("audit-title")),
        ("/access/support", f.t("support-title")),
        ("/access/providers", f.t("providers-title")),
    ];
    let features =
        [("API_TOKENS", "/access/tokens"), ("WEBHOOKS", "/access/webhooks"), ("SUPPORT_ACCESS", "/access/support")];
    tabs.retain(|(tab, _)| !features.iter().any(|(feature, of)| of == tab && f.is_off(feature)));
    tabs
}

/// A role in words: one that every tenant has, or one of the tenant's own by its id.
fn role_name(f: &Frame, role: &str, own: &[(String, String)]) -> String {
    if let Some((_, key)) = STANDARD.iter().find(|(name, _)| *name == role) {
        return f.t(key);
    }
    own.iter().find(|(id, _)| id == role).map_or_else(|| role.to_owned(), |(_, name)| name.clone())
}

/// Roles to choose from.
fn role_options(f: &Frame, own: &[(String, String)], with_owner: bool) -> Vec<(String, String)> {
    let standard = STANDARD.iter().filter(|(name, _)| *name != "mailbox-user" && (with_owner || *name != "owner"));
    let standard = standard.map(|(name, key)| ((*name).to_owned(), f.t(key)));
    standard.chain(own.iter().cloned()).collect()
}

/// What a role or token is for, where that is not the whole tenant.
fn scope(f: &Frame, domains: Option<&[String]>, mailboxes: Option<&[String]>) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(domains) = domains {
        facts.push(f.with("scope-domains", "names", domains.join(", ")));
    }
    if let Some(mailboxes) = mailboxes {
        facts.push(f.count("scope-mailboxes", i64::try_from(mailboxes.len()).unwrap_or(i64::MAX)));
    }
    facts
}

/// Days as typed, in seconds; `None` for none. A refusal for what is no number of days.
fn days(text: &str, field: &str) -> Result<Option<i64>, crate::form::Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let days = text.parse::<i64>().ok().filter(|days| (1..=3_650).contains(days));
    days.map(|days| Some(days * 86_400)).ok_or_else(|| crate::form::Refusal::new(field, "DAYS"))
}
