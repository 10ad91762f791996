//! SUMMARY    Objects: people, members, roles, invitations, service accounts, API tokens, sessions.

use crate::{connection::connection, scalar::DateTime};
use async_graphql::{Enum, ID, InputObject, SimpleObject};
use std::collections::BTreeSet;
use tenants::Selector;

/// A human who signs in.
#[derive(SimpleObject, Clone)]
pub struct Person {
    pub id: ID,
    pub email: String,
    pub name: String,
    /// A language tag.
    pub locale: String,
    /// Whether the person has shown that mail to the address reaches it.
    pub verified: bool,
    pub version: i64,
}

impl From<tenants::Person> for Person {
    fn from(p: tenants::Person) -> Self {
        let tenants::Person { id, email, name, locale, verified, version } = p;
        Person { id: ID(id), email, name, locale, verified, version }
    }
}

/// On what of its tenant a role or token holds; both null: on all of it.
#[derive(SimpleObject, Clone)]
#[graphql(name = "GrantScope")]
pub struct GrantScope {
    /// These domains, their mailboxes and addresses.
    pub domains: Option<Vec<String>>,
    /// These mailboxes.
    pub mailbox_ids: Option<Vec<ID>>,
}

impl From<Selector> for GrantScope {
    fn from(on: Selector) -> Self {
        match on {
            Selector::All => GrantScope { domains: None, mailbox_ids: None },
            Selector::Domains(names) => GrantScope { domains: Some(names.into_iter().collect()), mailbox_ids: None },
            Selector::Mailboxes(ids) => {
                let ids = ids.into_iter().map(|id| ID(id.to_string())).collect();
                GrantScope { domains: None, mailbox_ids: Some(ids) }
            }
        }
    }
}

/// On what a role or token is to hold: one of both, or neither for all of the tenant.
#[derive(InputObject)]
pub struct GrantScopeInput {
    pub(crate) domains: Option<Vec<String>>,
    pub(crate) mailbox_ids: Option<Vec<ID>>,
}

/// A selector of what was asked for; `Invalid` for both at once.
pub(crate) fn selector(on: Option<GrantScopeInput>) -> tenants::Result<Selector> {
    let invalid = |why: &str| tenants::Error::new(tenants::Code::Invalid, "on", why);
    match on {
        None | Some(GrantScopeInput { domains: None, mailbox_ids: None }) => Ok(Selector::All),
        Some(GrantScopeInput { domains: Some(names), mailbox_ids: None }) => {
            let parse = |n: &String| base::Domain::parse(n).map(|d| d.as_str().to_owned());
            let names: Result<BTreeSet<String>, _> = names.iter().map(parse).collect();
            names.map(Selector::Domains).map_err(|e| invalid(&e.to_string()))
        }
        Some(GrantScopeInput { domains: None, mailbox_ids: Some(ids) }) => {
            let ids: Result<BTreeSet<_>, _> = ids.iter().map(|id| id.parse()).collect();
            ids.map(Selector::Mailboxes).map_err(|_| tenants::Error::not_found("on"))
        }
        Some(_) => Err(invalid("Domains or mailboxes, not both")),
    }
}

/// A person's role in a tenant.
#[derive(SimpleObject, Clone)]
pub struct Member {
    pub id: ID,
    pub tenant_id: ID,
    pub person: Person,
    /// A standard role's name, or the id of one of the tenant's own.
    pub role: String,
    pub on: GrantScope,
    pub created_at: DateTime,
    pub version: i64,
}

impl From<tenants::Member> for Member {
    fn from(m: tenants::Member) -> Self {
        Member {
            id: ID(m.id),
            tenant_id: ID(m.tenant.to_string()),
            person: m.person.into(),
            role: m.role,
            on: m.on.into(),
            created_at: DateTime(m.created_at_ms),
            version: m.version,
        }
    }
}

/// A permission set of a tenant's own.
#[derive(SimpleObject, Clone)]
pub struct Role {
    pub id: ID,
    pub tenant_id: ID,
    pub name: String,
    pub permissions: Vec<String>,
    pub version: i64,
}

impl From<tenants::Role> for Role {
    fn from(r: tenants::Role) -> Self {
        let permissions = r.permissions.split_whitespace().map(str::to_owned).collect();
        Role { id: ID(r.id), tenant_id: ID(r.tenant.to_string()), name: r.name, permissions, version: r.version }
    }
}

/// A role that every tenant has.
#[derive(SimpleObject, Clone)]
pub struct StandardRole {
    pub name: String,
    pub permissions: Vec<String>,
}

/// An open invitation.
#[derive(SimpleObject, Clone)]
pub struct Invitation {
    pub id: ID,
    pub tenant_id: ID,
    pub email: String,
    pub role: String,
    pub on: GrantScope,
    /// Person or token.
    pub invited_by: String,
    pub expires_at: DateTime,
    pub version: i64,
}

impl From<tenants::Invitation> for Invitation {
    fn from(i: tenants::Invitation) -> Self {
        Invitation {
            id: ID(i.id),
            tenant_id: ID(i.tenant.to_string()),
            email: i.email,
            role: i.role,
            on: i.on.into(),
            invited_by: i.invited_by,
            expires_at: DateTime(i.expires_at_ms),
            version: i.version,
        }
    }
}

/// A program with a role and several tokens.
#[derive(SimpleObject, Clone)]
pub struct ServiceAccount {
    pub id: ID,
    pub tenant_id: ID,
    pub name: String,
    pub role: String,
    pub on: GrantScope,
    pub version: i64,
}

impl From<tenants::ServiceAccount> for ServiceAccount {
    fn from(a: tenants::ServiceAccount) -> Self {
        let tenant_id = ID(a.tenant.to_string());
        ServiceAccount { id: ID(a.id), tenant_id, name: a.name, role: a.role, on: a.on.into(), version: a.version }
    }
}

/// An API token, without its secret.
#[derive(SimpleObject, Clone)]
pub struct ApiToken {
    pub id: ID,
    pub tenant_id: ID,
    pub label: String,
    pub permissions: Vec<String>,
    pub on: GrantScope,
    /// Networks it may come from; empty: any.
    pub ips: Vec<String>,
    pub service_account_id: Option<ID>,
    /// Person or token that made it; empty when it came with its tenant.
    pub made_by: String,
    pub created_at: DateTime,
    pub expires_at: DateTime,
    /// To the minute.
    pub last_used_at: Option<DateTime>,
}

impl From<tenants::ApiToken> for ApiToken {
    fn from(t: tenants::ApiToken) -> Self {
        ApiToken {
            id: ID(t.id),
            tenant_id: ID(t.tenant.to_string()),
            label: t.label,
            permissions: t.permissions.iter().map(|p| p.name().to_owned()).collect(),
            on: t.on.into(),
            ips: t.ips.iter().map(ToString::to_string).collect(),
            service_account_id: t.service_account.map(ID),
            made_by: t.made_by,
            created_at: DateTime(t.created_at_ms),
            expires_at: DateTime(t.expires_at_ms),
            last_used_at: t.last_used_at_ms.map(DateTime),
        }
    }
}

/// An open sign-in.
#[derive(SimpleObject, Clone)]
pub struct Session {
    pub id: ID,
    /// As the client calls itself.
    pub device: String,
    pub ip: String,
    pub created_at: DateTime,
    /// To the minute.
    pub last_used_at: DateTime,
    pub expires_at: DateTime,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl From<tenants::Session> for Session {
    fn from(s: tenants::Session) -> Self {
        Session {
            id: ID(s.id),
            device: s.device,
            ip: s.ip,
            created_at: DateTime(s.created_at_ms),
            last_used_at: DateTime(s.last_used_at_ms),
            expires_at: DateTime(s.expires_at_ms),
            current: s.current,
        }
    }
}

/// Kinds of second factors.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    Totp,
    Passkey,
}

/// A second factor of a person.
#[derive(SimpleObject, Clone)]
pub struct Factor {
    pub id: ID,
    pub kind: FactorKind,
    pub label: String,
    /// Whether it counts.
    pub confirmed: bool,
    pub created_at: DateTime,
    pub last_used_at: Option<DateTime>,
}

impl From<tenants::Factor> for Factor {
    fn from(f: tenants::Factor) -> Self {
        let kind = match f.kind {
            tenants::FactorKind::Totp => FactorKind::Totp,
            tenants::FactorKind::Passkey => FactorKind::Passkey,
        };
        Factor {
            id: ID(f.id),
            kind,
            label: f.label,
            confirmed: f.confirmed,
            created_at: DateTime(f.created_at_ms),
            last_used_at: f.last_used_at_ms.map(DateTime),
        }
    }
}

/// What a sign-in is continued by.
#[derive(SimpleObject, Clone)]
pub struct SessionTokens {
    pub session_id: ID,
    /// Bearer token of the API.
    pub access_token: String,
    pub access_expires_at: DateTime,
    /// Gives the next pair, once; used twice, it ends the session.
    pub refresh_token: String,
    pub refresh_expires_at: DateTime,
}

impl From<tenants::Tokens> for SessionTokens {
    fn from(t: tenants::Tokens) -> Self {
        SessionTokens {
            session_id: ID(t.session),
            access_token: t.access,
            access_expires_at: DateTime(t.access_expires_at_ms),
            refresh_token: t.refresh,
            refresh_expires_at: DateTime(t.refresh_expires_at_ms),
        }
    }
}

/// What the provider's people are let do: each contains the one before.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupportScope {
    /// Seeing names, addresses, settings and the audit log.
    Metadata,
    /// Changing settings.
    Settings,
    /// What opens mail or leads it elsewhere.
    Content,
}

impl From<SupportScope> for tenants::SupportScope {
    fn from(scope: SupportScope) -> Self {
        match scope {
            SupportScope::Metadata => tenants::SupportScope::Metadata,
            SupportScope::Settings => tenants::SupportScope::Settings,
            SupportScope::Content => tenants::SupportScope::Content,
        }
    }
}

/// The provider's people are let into a tenant.
#[derive(SimpleObject, Clone)]
pub struct SupportGrant {
    pub id: ID,
    pub tenant_id: ID,
    pub scope: SupportScope,
    pub reason: String,
    /// Person or token of the tenant.
    pub granted_by: String,
    pub expires_at: DateTime,
    pub version: i64,
}

impl From<tenants::SupportGrant> for SupportGrant {
    fn from(g: tenants::SupportGrant) -> Self {
        let scope = match g.scope {
            tenants::SupportScope::Metadata => SupportScope::Metadata,
            tenants::SupportScope::Settings => SupportScope::Settings,
            tenants::SupportScope::Content => SupportScope::Content,
        };
        SupportGrant {
            id: ID(g.id),
            tenant_id: ID(g.tenant.to_string()),
            scope,
            reason: g.reason,
            granted_by: g.granted_by,
            expires_at: DateTime(g.expires_at_ms),
            version: g.version,
        }
    }
}

/// Where people of a tenant may sign in.
#[derive(SimpleObject, Clone)]
pub struct IdentityProvider {
    pub id: ID,
    pub tenant_id: ID,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Whose people become members by signing in.
    pub domains: Vec<String>,
    /// The role that they get.
    pub role: String,
    pub version: i64,
}

impl From<tenants::IdentityProvider> for IdentityProvider {
    fn from(p: tenants::IdentityProvider) -> Self {
        let tenants::IdentityProvider { id, tenant, name, issuer, client_id, domains, role, version } = p;
        IdentityProvider {
            id: ID(id),
            tenant_id: ID(tenant.to_string()),
            name,
            issuer,
            client_id,
            domains,
            role,
            version,
        }
    }
}

/// A link of a person to an account at a provider.
#[derive(SimpleObject, Clone)]
pub struct Identity {
    pub provider_id: ID,
    pub email: String,
    pub created_at: DateTime,
}

impl From<tenants::Identity> for Identity {
    fn from(i: tenants::Identity) -> Self {
        Identity { provider_id: ID(i.provider), email: i.email, created_at: DateTime(i.created_at_ms) }
    }
}

/// Of one page.
macro_rules! together {
    ($($object:ident),*) => {
        $(impl $object {
            pub(crate) fn together(rows: Vec<tenants::$object>) -> Vec<Self> {
                rows.into_iter().map(Self::from).collect()
            }
        })*
    };
}
together!(Member, Role, Invitation, ServiceAccount, ApiToken, SupportGrant, IdentityProvider);

connection!(MemberConnection, MemberEdge, Member);
connection!(RoleConnection, RoleEdge, Role);
connection!(InvitationConnection, InvitationEdge, Invitation);
connection!(ServiceAccountConnection, ServiceAccountEdge, ServiceAccount);
connection!(ApiTokenConnection, ApiTokenEdge, ApiToken);
connection!(IdentityProviderConnection, IdentityProviderEdge, IdentityProvider);
connection!(SupportGrantConnection, SupportGrantEdge, SupportGrant);
