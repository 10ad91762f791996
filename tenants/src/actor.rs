//! SUMMARY    Who acts, what they were granted, and whether that reaches.
//! SECURITY   What a grant does not reach does not exist (`NotFound`); what it reaches and does not permit is `Forbidden`. The
//!            provider's people need the consent of a tenant below for more than the least (permission.rs).
//! INVARIANTS One request acts in one tenant: every grant of an actor is of the same one.

use crate::{
    Code, Error, Permission, Permissions, Result, Service, SupportScope,
    db::{Connection, Row, Txn},
    hold::standing,
    permission::Consent,
    rows::{json_list, text},
};
use base::{AccountId, TenantId, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, net::IpAddr};

/// On which objects of its tenants a grant holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    All,
    /// These domains (canonical names), their mailboxes and addresses.
    Domains(BTreeSet<String>),
    /// These mailboxes.
    Mailboxes(BTreeSet<AccountId>),
}

/// An object that is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Object<'a> {
    /// The tenant as a whole.
    Whole,
    Domain(&'a str),
    Mailbox {
        id: AccountId,
        domain: &'a str,
    },
}

impl Selector {
    /// As it is stored: kind, and a JSON list.
    pub(crate) fn stored(&self) -> (&'static str, String) {
        match self {
            Selector::All => ("all", "[]".to_owned()),
            Selector::Domains(names) => ("domains", json_list(&names.iter().collect::<Vec<_>>())),
            Selector::Mailboxes(ids) => ("mailboxes", json_list(&ids.iter().collect::<Vec<_>>())),
        }
    }

    /// From the columns `on_kind` and `on_list`.
    pub(crate) fn of_row(row: &Row) -> Result<Selector> {
        Selector::read(&text(row, "on_kind")?, &text(row, "on_list")?)
    }

    pub(crate) fn read(kind: &str, list: &str) -> Result<Selector> {
        let damaged = || Error::new(Code::Internal, "", "a stored selector is damaged");
        let list: Vec<String> = serde_json::from_str(list).map_err(|_| damaged())?;
        match kind {
            "all" => Ok(Selector::All),
            "domains" => Ok(Selector::Domains(list.into_iter().collect())),
            "mailboxes" => {
                let ids = list.iter().map(|id| id.parse().map_err(|_| damaged()));
                Ok(Selector::Mailboxes(ids.collect::<Result<_>>()?))
            }
            _ => Err(damaged()),
        }
    }

    pub(crate) fn covers(&self, object: Object<'_>) -> bool {
        match (self, object) {
            (Selector::All, _) => true,
            (Selector::Domains(names), Object::Domain(name) | Object::Mailbox { domain: name, .. }) => {
                names.contains(name)
            }
            (Selector::Mailboxes(ids), Object::Mailbox { id, .. }) => ids.contains(&id),
            (Selector::Domains(_) | Selector::Mailboxes(_), Object::Whole)
            | (Selector::Mailboxes(_), Object::Domain(_)) => false,
        }
    }
}

/// What of a tenant an actor reaches by one permission.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) whole: bool,
    pub(crate) domains: BTreeSet<String>,
    pub(crate) mailboxes: BTreeSet<AccountId>,
}

impl Reach {
    /// For `json_each`.
    pub(crate) fn domain_list(&self) -> String {
        json_list(&self.domains.iter().collect::<Vec<_>>())
    }

    pub(crate) fn mailbox_list(&self) -> String {
        json_list(&self.mailboxes.iter().collect::<Vec<_>>())
    }
}

/// What an actor may do, in a tenant and all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub tenant: TenantId,
    pub permissions: Permissions,
    pub on: Selector,
}

/// How a caller proved who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The operator on the machine, or an API token: whoever gave it out decided what it may do alone.
    Token { ips: Vec<IpNet>, expires_at: Option<Timestamp> },
    /// A sign-in of a person (`per_…`) or a mailbox's user (`acc_…`).
    Session {
        id: String,
        subject: String,
        stepped_up_at: Timestamp,
        /// It came from a tenant's identity provider: it is that tenant's word only, so it reaches nothing of the person
        /// itself and no other tenant.
        only_in: Option<TenantId>,
    },
    /// Nobody; or a job, which goes on for who asked for it.
    #[default]
    None,
}

/// What a tenant let the provider's people do, as one of them took it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Support {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) scope: SupportScope,
    pub(crate) granted_by: String,
    pub(crate) expires_at: Timestamp,
}

/// A verified caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Actor {
    pub(crate) tenant: TenantId,
    pub(crate) operator: bool,
    pub(crate) grants: Vec<Grant>,
    /// Token, person or mailbox, as the audit log shows it.
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) proof: Proof,
    /// Whether what it does in tenants below takes their consent.
    pub(crate) bound: bool,
    #[serde(skip)]
    pub(crate) support: Vec<Support>,
    /// Where the request came from; empty when that is not known.
    #[serde(default)]
    pub(crate) from: String,
}

impl Actor {
    /// One with a single grant on all of a tenant.
    pub(crate) fn of(tenant: TenantId, permissions: Permissions, operator: bool, name: String) -> Actor {
        let grants = vec![Grant { tenant, permissions, on: Selector::All }];
        let proof = Proof::Token { ips: Vec::new(), expires_at: None };
        Actor { tenant, operator, grants, name, proof, bound: false, support: Vec::new(), from: String::new() }
    }

    /// Who has not said who it is: nothing is granted. `name` is what its cost is counted by.
    pub fn nobody(name: String) -> Actor {
        let tenant = TenantId(0);
        Actor {
            tenant,
            operator: false,
            grants: Vec::new(),
            name,
            proof: Proof::None,
            bound: false,
            support: Vec::new(),
            from: String::new(),
        }
    }

    /// The tenant it acts in.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// Who it is, as the audit log shows it: the id of a token, a person, a mailbox.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Whether it reaches every tenant.
    pub fn is_operator(&self) -> bool {
        self.operator
    }
    /// Whether it has proved who it is.
    pub fn is_somebody(&self) -> bool {
        self.proof != Proof::None
    }
    /// The same, asking from this address, for the audit log and the cost of addresses.
    #[must_use]
    pub fn seen_at(mut self, address: Option<IpAddr>) -> Actor {
        self.from = address.map(|a| a.to_canonical().to_string()).unwrap_or_default();
        self
    }
    /// Where the request came from; empty when that is not known.
    pub fn address(&self) -> &str {
        &self.from
    }
    /// What it was granted.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }
    /// All that it may do on something of its tenant.
    pub fn permissions(&self) -> Permissions {
        self.grants.iter().fold(Permissions::NONE, |all, g| all.or(g.permissions))
    }
    /// The person who signed in.
    pub fn person(&self) -> Option<&str> {
        match &self.proof {
            Proof::Session { subject, .. } if subject.starts_with("per_") => Some(subject),
            Proof::Session { .. } | Proof::Token { .. } | Proof::None => None,
        }
    }
    /// The mailbox whose user signed in.
    pub(crate) fn user(&self) -> Option<AccountId> {
        match &self.proof {
            Proof::Session { subject, .. } => subject.parse().ok(),
            Proof::Token { .. } | Proof::None => None,
        }
    }
    /// The session by which the user of a mailbox asks.
    pub(crate) fn own_session(&self, account: AccountId) -> Option<&str> {
        match &self.proof {
            Proof::Session { id, .. } if self.user() == Some(account) => Some(id),
            Proof::Session { .. } | Proof::Token { .. } | Proof::None => None,
        }
    }
    /// The person who signed in by its own means: what changes the person takes one.
    pub(crate) fn itself(&self) -> Option<&str> {
        match &self.proof {
            Proof::Session { only_in: None, .. } => self.person(),
            Proof::Session { .. } | Proof::Token { .. } | Proof::None => None,
        }
    }
    /// Who it stays while what it shows changes: the person or mailbox of a session, the service account of a token, or the token.
    pub(crate) fn caller(&self) -> &str {
        match &self.proof {
            Proof::Session { subject, .. } => subject,
            Proof::Token { .. } | Proof::None => match self.name.split_once(' ') {
                // `svc_… <id of the token>`
                Some((account, _)) if account.starts_with("svc_") => account,
                Some(_) | None => &self.name,
            },
        }
    }
    /// The session it acts by.
    pub fn session(&self) -> Option<&str> {
        match &self.proof {
            Proof::Session { id, .. } => Some(id),
            Proof::Token { .. } | Proof::None => None,
        }
    }
}

impl Service {
    /// A transaction of an actor who may write: `Forbidden` for a token that reads only, and for a suspended tenant's, which
    /// makes and changes nothing, not even further tokens, until it is resumed from above; `while_held` is for the few things that are
    /// done in spite of it.
    pub async fn begin_as(&self, actor: &Actor, while_held: bool) -> Result<Txn> {
        let mut txn = self.begin().await?;
        self.may_write(&mut txn, actor, while_held).await?;
        Ok(txn)
    }

    pub(crate) async fn may_write(&self, txn: &mut Connection, actor: &Actor, while_held: bool) -> Result<()> {
        let forbidden = |why: String| Err(Error::new(Code::Forbidden, "", why));
        if actor.grants.iter().all(|g| g.permissions.only_reads()) {
            return forbidden("Whoever asks may only read".into());
        }
        let (capabilities, reason, _) = standing(&self.seen_holds(txn, actor.tenant).await?);
        if !capabilities.provision && !actor.operator && !while_held {
            return forbidden(format!("The tenant is suspended: {reason}"));
        }
        Ok(())
    }

    /// Whether the actor may do this in a tenant: `NotFound` when no grant reaches it, `Forbidden` when none that does
    /// permits it.
    pub async fn permit(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        tenant: TenantId,
    ) -> Result<()> {
        self.permit_on(txn, actor, permission, tenant, Object::Whole).await
    }

    /// The same, of an object of the tenant.
    pub(crate) async fn permit_on(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        tenant: TenantId,
        object: Object<'_>,
    ) -> Result<()> {
        let line = self.line(txn, tenant).await?;
        let (mut reached, mut asks) = (false, false);
        for grant in actor.grants.iter().filter(|g| line.contains(&g.tenant)) {
            // Whoever has a part of a tenant may see whose it is.
            if permission != Permission::TenantRead && !grant.on.covers(object) {
                continue;
            }
            reached = true;
            if !grant.permissions.has(permission) {
                continue;
            }
            if self.consented(actor, permission, &line) {
                return Ok(());
            }
            asks = true;
        }
        match (reached, asks) {
            (_, true) => {
                let message = "The tenant has not let the provider do this: its owner grants support access";
                Err(Error::new(Code::Forbidden, "", message))
            }
            (true, false) => {
                let message = format!("This needs the permission {}", permission.name());
                Err(Error::new(Code::Forbidden, "", message))
            }
            (false, false) => Err(Error::not_found("tenantId")),
        }
    }

    /// On what of a tenant the actor may do this: for lists, which have what is reached and count nothing else.
    pub(crate) async fn reach(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        tenant: TenantId,
    ) -> Result<Reach> {
        let line = self.line(txn, tenant).await?;
        let reaching = || actor.grants.iter().filter(|g| line.contains(&g.tenant));
        let mut reach = Reach { whole: false, domains: BTreeSet::new(), mailboxes: BTreeSet::new() };
        for grant in reaching().filter(|g| g.permissions.has(permission) && self.consented(actor, permission, &line)) {
            match &grant.on {
                Selector::All => reach.whole = true,
                Selector::Domains(names) => reach.domains.extend(names.iter().cloned()),
                Selector::Mailboxes(ids) => reach.mailboxes.extend(ids),
            }
        }
        if reach.whole || !reach.domains.is_empty() || !reach.mailboxes.is_empty() {
            return Ok(reach);
        }
        // Says which of the two it is.
        self.permit(txn, actor, permission, tenant).await.map(|()| reach)
    }

    /// Whether the tenant at the beginning of the line, or one above it, has let the actor do this, where it must.
    pub(crate) fn consented(&self, actor: &Actor, permission: Permission, line: &[TenantId]) -> bool {
        if !actor.bound || line.first() == Some(&actor.tenant) {
            return true;
        }
        let needed = match permission.consent() {
            Consent::Unasked => return true,
            Consent::To(scope) => scope,
            Consent::Impossible => return false,
        };
        let now = self.now();
        actor.support.iter().any(|s| s.scope >= needed && now < s.expires_at && line.contains(&s.tenant))
    }

    /// All that the actor may do on an object of a tenant.
    pub(crate) async fn powers(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        object: Object<'_>,
    ) -> Result<Permissions> {
        let line = self.line(txn, tenant).await?;
        let reaching = actor.grants.iter().filter(|g| line.contains(&g.tenant) && g.on.covers(object));
        let granted = reaching.fold(Permissions::NONE, |all, g| all.or(g.permissions));
        Ok(granted.iter().filter(|p| self.consented(actor, *p, &line)).fold(Permissions::NONE, Permissions::with))
    }

    /// By whose consent somebody acts in a tenant, as its audit log shows it: the support grant and who gave it; empty where it
    /// takes none.
    pub(crate) async fn consent_of(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<String> {
        if actor.support.is_empty() {
            return Ok(String::new());
        }
        let line = self.line(txn, tenant).await?;
        let now = self.now();
        let used =
            actor.support.iter().filter(|s| now < s.expires_at && line.contains(&s.tenant)).max_by_key(|s| s.scope);
        Ok(used.map(|s| format!("{} of {}", s.id, s.granted_by)).unwrap_or_default())
    }

    /// Whether somebody acts in a tenant by the consent of that one, or of one above it.
    pub async fn supports(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<bool> {
        Ok(!self.consent_of(txn, actor, tenant).await?.is_empty())
    }

    /// The same as an answer: what is not reached and what is not permitted is `false`.
    pub(crate) async fn allows(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        tenant: TenantId,
        object: Object<'_>,
    ) -> Result<bool> {
        match self.permit_on(txn, actor, permission, tenant, object).await {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.code, Code::NotFound | Code::Forbidden) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether the actor stands in `tenant` or above it.
    pub async fn is_above(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<bool> {
        let line = self.line(txn, tenant).await?;
        Ok(!line.is_empty() && (actor.operator || line.contains(&actor.tenant)))
    }
}
