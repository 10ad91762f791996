//! SUMMARY    API tokens: made, revoked, what they may do.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   The secret is shown once. The database, not the token's text, says what a token may do and how long.
//! LIMITS     TOKEN_LIFE, NAME_CHARS_MAX

use crate::{
    Actor, Code, Done, Error, Permission, Permissions, Result, Service, Terms,
    db::{Connection, query},
    rows::{fresh_id, id, number, short, text},
    terms::{Request, Start},
};
use base::TenantId;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Life of a token that was given none, and the longest one.
const TOKEN_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
}

impl Access {
    fn permissions(self) -> Permissions {
        match self {
            Access::Read => Permissions::reading(),
            Access::ReadWrite => Permissions::all(),
        }
    }
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub tenant: TenantId,
    pub label: String,
    pub access: Access,
    /// `None`, or more than ten years: ten years.
    pub life: Option<Duration>,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct Token {
    /// Id by which it is revoked, as the audit log shows it.
    pub id: String,
    /// Shown now and never again; none in a dry run, and none once it is revoked.
    pub secret: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    /// For people who look into a token; not read here. Tokens of the first schema have neither.
    #[serde(default)]
    ten: String,
    #[serde(default)]
    scopes: String,
    pub(crate) jti: String,
    exp: u64,
}

impl Service {
    /// Stores the row of a token; gives its id.
    pub(crate) async fn issue_token(&self, txn: &mut Connection, new: &NewToken, operator: bool) -> Result<String> {
        let jti = fresh_id("tok_")?;
        let expires_at = self.now().plus(new.life.unwrap_or(TOKEN_LIFE).min(TOKEN_LIFE));
        query(
            "INSERT INTO api_token (jti, tenant, label, operator, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&jti)
        .bind(new.tenant.to_string())
        .bind(&new.label)
        .bind(i64::from(operator))
        .bind(new.access.permissions().to_string())
        .bind(expires_at.0)
        .execute(txn)
        .await?;
        Ok(jti)
    }

    /// Signs a stored token. The same row gives the same text. `None` once it is revoked.
    pub(crate) async fn token_secret(&self, jti: &str) -> Result<Option<String>> {
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT tenant, scopes, expires_at FROM api_token WHERE jti = $1 AND revoked_at IS NULL")
            .bind(jti)
            .fetch_optional(&mut connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (ten, scopes) = (text(&row, "tenant")?, text(&row, "scopes")?);
        let exp = u64::try_from(number(&row, "expires_at")? / 1000).unwrap_or(0);
        let claims = Claims { sub: ten.clone(), ten, scopes, jti: jti.to_owned(), exp };
        let secret = encode(&Header::default(), &claims, &EncodingKey::from_secret(self.jwt_key()))
            .map_err(|_| Error::new(Code::Internal, "", "signing the token failed"))?;
        Ok(Some(secret))
    }

    /// Makes a token for the actor's tenant or one below it. It never reaches more than its tenant and those below.
    /// Repeating the request by its key shows the same token again.
    pub async fn token_create(&self, actor: &Actor, terms: &Terms, new: &NewToken) -> Result<Done<Token>> {
        short(&new.label, "label")?;
        let request = Request::new("apiTokenCreate", format!("{new:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.with_secret(done, terms.dry_run).await,
        };
        self.permit(&mut work.txn, actor, Permission::TokenWrite, new.tenant).await?;
        let id = self.issue_token(&mut work.txn, new, false).await?;
        self.audit(&mut work.txn, actor, new.tenant, "apiTokenCreate", &id, &new.label).await?;
        let done = self.finish(work, id, &[]).await?;
        self.with_secret(done, terms.dry_run).await
    }

    async fn with_secret(&self, done: Done<String>, dry_run: bool) -> Result<Done<Token>> {
        let secret = if dry_run { None } else { self.token_secret(&done.object).await? };
        Ok(done.map(|id| Token { id, secret }))
    }

    /// Ends a token at once; gives its id. Revoking twice is harmless.
    pub async fn token_revoke(&self, actor: &Actor, terms: &Terms, token: &str) -> Result<Done<String>> {
        let missing = || Error::not_found("id");
        let mut work = match self.start(actor, terms, Request::new("apiTokenRevoke", token.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let row = query("SELECT tenant, operator FROM api_token WHERE jti = $1")
            .bind(token)
            .fetch_optional(&mut work.txn)
            .await?
            .ok_or_else(missing)?;
        let tenant: TenantId = id(&row, "tenant")?;
        self.permit(&mut work.txn, actor, Permission::TokenWrite, tenant).await.map_err(|e| e.missing("id"))?;
        // An operator's token is nobody else's to end, whichever tenant it stands under.
        if number(&row, "operator")? != 0 && !actor.operator {
            return Err(missing());
        }
        query("UPDATE api_token SET revoked_at = $2 WHERE jti = $1 AND revoked_at IS NULL")
            .bind(token)
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, tenant, "apiTokenRevoke", token, "").await?;
        self.finish(work, token.to_owned(), &[]).await
    }

    /// What a stored token may do: (tenant, operator, permissions). `None` when revoked, expired or gone.
    pub(crate) async fn token_row(&self, jti: &str) -> Result<Option<(TenantId, bool, Permissions)>> {
        let sql =
            "SELECT tenant, operator, scopes FROM api_token WHERE jti = $1 AND revoked_at IS NULL AND expires_at > $2";
        let mut connection = self.pool().acquire().await?;
        let row = query(sql).bind(jti).bind(self.now().0).fetch_optional(&mut connection).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((id(&row, "tenant")?, number(&row, "operator")? != 0, Permissions::parse(&text(&row, "scopes")?)?)))
    }
}
