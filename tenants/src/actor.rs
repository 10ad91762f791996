//! SUMMARY    Who acts: API tokens as signed JWTs, checked against the database, and what they reach.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   A token is worth nothing once its row is revoked or gone, whatever its signature says.

use crate::{
    Code, Error, Result, Service,
    db::{Connection, Txn, query},
    hold::standing,
    limits::TREE_DEPTH_MAX,
    token::Claims,
};
use base::TenantId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

/// A verified caller.
#[derive(Debug, Clone)]
pub struct Actor {
    pub(crate) tenant: TenantId,
    pub(crate) operator: bool,
    pub(crate) writes: bool,
    /// Token id, as the audit log shows it.
    pub(crate) name: String,
}

impl Actor {
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
        let (tenant, operator, writes) = self.token_row(&claims.jti).await?.ok_or_else(wrong)?;
        Ok(Actor { tenant, operator, writes, name: claims.jti })
    }

    /// A transaction of an actor who may write: `Forbidden` for a token that reads only, and for a suspended tenant's, which
    /// makes and changes nothing, not even further tokens, until it is resumed from above.
    pub(crate) async fn begin_as(&self, actor: &Actor) -> Result<Txn> {
        let forbidden = |why: String| Err(Error::new(Code::Forbidden, "", why));
        if !actor.writes {
            return forbidden("The token may only read".into());
        }
        let mut txn = self.begin().await?;
        let holds = self.tenant_holds(&mut txn, &[actor.tenant]).await?.of(&actor.tenant.to_string());
        if !holds.is_empty() && !actor.operator {
            return forbidden(format!("The tenant is suspended: {}", standing(&holds).1));
        }
        Ok(txn)
    }

    /// Whether the actor's tenant is `tenant` or above it; `NotFound` otherwise: what one cannot reach does not exist.
    pub(crate) async fn reach(&self, txn: &mut Connection, actor: &Actor, tenant: TenantId) -> Result<()> {
        let mut at = Some(tenant.to_string());
        for _ in 0..TREE_DEPTH_MAX {
            let Some(id) = at else { break };
            let row = query("SELECT parent FROM tenant WHERE id = $1").bind(&id).fetch_optional(&mut *txn).await?;
            let row = row.ok_or_else(|| Error::not_found("tenantId"))?;
            if actor.operator || id == actor.tenant.to_string() {
                return Ok(());
            }
            at = row.text("parent")?;
        }
        Err(Error::not_found("tenantId"))
    }
}
