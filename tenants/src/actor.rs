//! SUMMARY    Who acts: API tokens as signed JWTs, checked against the database, and what they reach.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   A token is worth nothing once its row is revoked or gone, whatever its signature says.

use crate::{
    Code, Error, Result, Service,
    rows::{fresh_id, text},
};
use base::TenantId;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::time::Duration;

/// Life of a token that was given none.
const TOKEN_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A verified caller.
#[derive(Debug, Clone)]
pub struct Actor {
    pub(crate) tenant: TenantId,
    pub(crate) operator: bool,
    /// Token id, as the audit log shows it.
    pub(crate) name: String,
}

impl Actor {
    /// The tenant the token belongs to.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// Whether it reaches every tenant.
    pub fn is_operator(&self) -> bool {
        self.operator
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    jti: String,
    exp: u64,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct TokenSpec {
    pub tenant: TenantId,
    pub label: String,
    pub operator: bool,
}

impl Service {
    /// Signs a token and stores its row.
    pub(crate) async fn issue_token(&self, txn: &mut sqlx::SqliteConnection, spec: &TokenSpec) -> Result<String> {
        let jti = fresh_id("tok_")?;
        let expires_at = self.now().plus(TOKEN_LIFE);
        sqlx::query("INSERT INTO api_token (jti, tenant, label, operator, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&jti)
            .bind(spec.tenant.to_string())
            .bind(&spec.label)
            .bind(i64::from(spec.operator))
            .bind(expires_at.0)
            .execute(txn)
            .await?;
        let claims = Claims { sub: spec.tenant.to_string(), jti, exp: u64::try_from(expires_at.secs()).unwrap_or(0) };
        encode(&Header::default(), &claims, &EncodingKey::from_secret(self.jwt_key()))
            .map_err(|_| Error::new(Code::Internal, "", "signing the token failed"))
    }

    /// Makes a token for the actor's tenant or one below it.
    pub async fn token_create(&self, actor: &Actor, tenant: TenantId, label: &str) -> Result<String> {
        let mut txn = self.begin().await?;
        self.reach(&mut txn, actor, tenant).await?;
        let token = self.issue_token(&mut txn, &TokenSpec { tenant, label: label.to_owned(), operator: false }).await?;
        self.audit(&mut txn, actor, tenant, "apiTokenCreate", &tenant.to_string(), label).await?;
        txn.commit().await?;
        Ok(token)
    }

    /// Checks a token. `Unauthenticated` whatever is wrong with it.
    pub async fn authenticate(&self, token: &str) -> Result<Actor> {
        let wrong = || Error::new(Code::Unauthenticated, "", "The token is missing, expired or revoked");
        let key = DecodingKey::from_secret(self.jwt_key());
        let claims = decode::<Claims>(token, &key, &Validation::default()).map_err(|_| wrong())?.claims;
        let row = sqlx::query(
            "SELECT tenant, operator FROM api_token WHERE jti = $1 AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(&claims.jti)
        .bind(self.now().0)
        .fetch_optional(self.pool())
        .await?
        .ok_or_else(wrong)?;
        let tenant = text(&row, "tenant")?.parse().map_err(|_| wrong())?;
        Ok(Actor { tenant, operator: row.try_get::<i64, _>("operator")? != 0, name: claims.jti })
    }

    /// Whether the actor's tenant is `tenant` or above it; `NotFound` otherwise: what one cannot reach does not exist.
    pub(crate) async fn reach(&self, txn: &mut sqlx::SqliteConnection, actor: &Actor, tenant: TenantId) -> Result<()> {
        let mut at = Some(tenant.to_string());
        for _ in 0..TREE_DEPTH_MAX {
            let Some(id) = at else { break };
            let row =
                sqlx::query("SELECT parent FROM tenant WHERE id = $1").bind(&id).fetch_optional(&mut *txn).await?;
            let row = row.ok_or_else(|| Error::not_found("tenantId"))?;
            if actor.operator || id == actor.tenant.to_string() {
                return Ok(());
            }
            at = row.try_get::<Option<String>, _>("parent")?;
        }
        Err(Error::not_found("tenantId"))
    }
}

/// Levels of the tenant tree.
const TREE_DEPTH_MAX: usize = 16;
