//! SUMMARY    Who acts, what they were granted, and whether that reaches.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   A token is worth nothing once its row is revoked or gone, whatever its signature says. What a grant does not
//!            reach does not exist (`NotFound`); what it reaches and does not permit is `Forbidden`.

use crate::{
    Code, Error, Permission, Permissions, Result, Service,
    db::{Connection, Txn},
    hold::standing,
    token::Claims,
};
use base::{AccountId, TenantId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    fn covers(&self, object: Object<'_>) -> bool {
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

/// What an actor may do, in a tenant and all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub tenant: TenantId,
    pub permissions: Permissions,
    pub on: Selector,
}

/// A verified caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Actor {
    pub(crate) tenant: TenantId,
    pub(crate) operator: bool,
    pub(crate) grants: Vec<Grant>,
    /// Token id, as the audit log shows it.
    pub(crate) name: String,
}

impl Actor {
    /// One with a single grant on all of a tenant.
    pub(crate) fn of(tenant: TenantId, permissions: Permissions, operator: bool, name: String) -> Actor {
        Actor { tenant, operator, grants: vec![Grant { tenant, permissions, on: Selector::All }], name }
    }

    /// The tenant the token belongs to.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// Id of the token, as the audit log shows it.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Whether it reaches every tenant.
    pub fn is_operator(&self) -> bool {
        self.operator
    }
    /// What it was granted.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }
}

impl Service {
    /// Checks a token. `Unauthenticated` whatever is wrong with it.
    pub async fn authenticate(&self, token: &str) -> Result<Actor> {
        let wrong = || Error::new(Code::Unauthenticated, "", "The token is missing, expired or revoked");
        let key = DecodingKey::from_secret(self.jwt_key());
        // Time is told by our clock, from the row.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &key, &validation).map_err(|_| wrong())?.claims;
        let (tenant, operator, permissions) = self.token_row(&claims.jti).await?.ok_or_else(wrong)?;
        Ok(Actor::of(tenant, permissions, operator, claims.jti))
    }

    /// A transaction of an actor who may write: `Forbidden` for a token that reads only, and for a suspended tenant's, which
    /// makes and changes nothing, not even further tokens, until it is resumed from above; `while_held` is for the few things that are
    /// done in spite of it.
    pub(crate) async fn begin_as(&self, actor: &Actor, while_held: bool) -> Result<Txn> {
        let forbidden = |why: String| Err(Error::new(Code::Forbidden, "", why));
        if actor.grants.iter().all(|g| g.permissions.only_reads()) {
            return forbidden("The token may only read".into());
        }
        let mut txn = self.begin().await?;
        let (capabilities, reason, _) = standing(&self.seen_holds(&mut txn, actor.tenant).await?);
        if !capabilities.provision && !actor.operator && !while_held {
            return forbidden(format!("The tenant is suspended: {reason}"));
        }
        Ok(txn)
    }

    /// Whether the actor may do this in a tenant: `NotFound` when no grant reaches it, `Forbidden` when none that does
    /// permits it.
    pub(crate) async fn permit(
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
        let mut reached = false;
        for grant in actor.grants.iter().filter(|g| line.contains(&g.tenant)) {
            // Whoever has a part of a tenant may see whose it is.
            if permission != Permission::TenantRead && !grant.on.covers(object) {
                continue;
            }
            reached = true;
            if grant.permissions.has(permission) {
                return Ok(());
            }
        }
        match reached {
            true => Err(Error::new(Code::Forbidden, "", format!("This needs the permission {}", permission.name()))),
            false => Err(Error::not_found("tenantId")),
        }
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
    pub(crate) async fn is_above(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<bool> {
        let line = self.line(txn, tenant).await?;
        Ok(!line.is_empty() && (actor.operator || line.contains(&actor.tenant)))
    }
}
