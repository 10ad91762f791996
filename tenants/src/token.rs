//! SUMMARY    API tokens: made, listed, revoked, what they may do, where, how long and from where.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   The secret is shown once. The database, not the token's text, says what a token may do. A token has never more
//!            than its maker: neither permissions nor objects, and of a token also neither time nor networks. What a person
//!            made ends when the person loses the right to it (people/member.rs).
//! LIMITS     TOKEN_LIFE, NAME_CHARS_MAX, TOKEN_NETWORKS_MAX, SERVICE_TOKENS_MAX

use crate::{
    Actor, Code, Done, Error, Feature, Page, Permission, Permissions, Result, Selector, Service, Terms,
    actor::Proof,
    db::{Connection, Row, query},
    limits::{SERVICE_TOKENS_MAX, TOKEN_NETWORKS_MAX},
    page::list,
    people::grantable,
    rows::{fresh_id, id, number, optional, short, text},
    terms::{Request, Start},
};
use base::TenantId;
use ipnet::IpNet;
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
    /// What it may do within its access; `None`: all that its maker may.
    pub permissions: Option<Permissions>,
    pub on: Selector,
    /// Where it may come from; anywhere when empty.
    pub ips: Vec<IpNet>,
    /// The service account it is of: that one's role and objects bound it.
    pub service_account: Option<String>,
    /// `None`, or more than ten years: ten years.
    pub life: Option<Duration>,
}

impl NewToken {
    /// On all of a tenant, from anywhere, as long as there is.
    pub fn new(tenant: TenantId, label: &str, access: Access) -> NewToken {
        let (permissions, service_account, life) = (None, None, None);
        NewToken {
            tenant,
            label: label.to_owned(),
            access,
            permissions,
            on: Selector::All,
            ips: Vec::new(),
            service_account,
            life,
        }
    }
}

/// What a token comes from.
#[derive(Clone, Copy)]
pub(crate) enum Maker<'a> {
    /// The machine's operator, at a start.
    Start,
    /// The making of its tenant: it is the owner's, and bound to nothing of who made the tenant.
    Tenant,
    Actor(&'a Actor),
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct Token {
    /// Id by which it is revoked, as the audit log shows it.
    pub id: String,
    /// Shown now and never again; none in a dry run, and none once it is revoked.
    pub secret: Option<String>,
}

/// A token as listed.
#[derive(Debug, Clone)]
pub struct ApiToken {
    pub id: String,
    pub tenant: TenantId,
    pub label: String,
    pub permissions: Permissions,
    pub on: Selector,
    pub ips: Vec<IpNet>,
    pub service_account: Option<String>,
    /// Person or token that made it; empty when it came with its tenant.
    pub made_by: String,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    /// To the minute.
    pub last_used_at_ms: Option<i64>,
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
    pub(crate) async fn issue_token(
        &self,
        txn: &mut Connection,
        maker: Maker<'_>,
        new: &NewToken,
        permissions: Permissions,
    ) -> Result<String> {
        let jti = fresh_id("tok_")?;
        let now = self.now();
        let mut expires_at = now.plus(new.life.unwrap_or(TOKEN_LIFE).min(TOKEN_LIFE));
        let mut ips = new.ips.clone();
        let actor = match maker {
            Maker::Actor(actor) => Some(actor),
            Maker::Start | Maker::Tenant => None,
        };
        if let Some(Proof::Token { ips: own, expires_at: end }) = actor.map(|a| &a.proof) {
            expires_at = end.map_or(expires_at, |end| end.min(expires_at));
            if ips.is_empty() {
                ips.clone_from(own);
            }
        }
        let (kind, list) = new.on.stored();
        query(
            "INSERT INTO api_token (jti, tenant, label, operator, scopes, expires_at, on_kind, on_list, ips, maker, made_in, \
             bound, service_account, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(&jti)
        .bind(new.tenant.to_string())
        .bind(&new.label)
        .bind(i64::from(matches!(maker, Maker::Start)))
        .bind(permissions.to_string())
        .bind(expires_at.0)
        .bind(kind)
        .bind(list)
        .bind(crate::rows::json_list(&ips))
        .bind(actor.map_or("", |a| a.name.as_str()))
        .bind(actor.map_or(String::new(), |a| a.tenant.to_string()))
        .bind(i64::from(actor.is_some_and(|a| a.bound)))
        .bind(new.service_account.as_ref())
        .bind(now.0)
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
        within_networks(actor, &new.ips)?;
        self.featured(&mut work.txn, Feature::ApiTokens, new.tenant).await?;
        let permissions = match &new.service_account {
            Some(account) => self.for_service_account(&mut work.txn, actor, new, account).await?,
            None => {
                let powers = self.powers_over(&mut work.txn, actor, new.tenant, &new.on).await?;
                match new.permissions {
                    Some(wanted) => grantable(powers, wanted)?.and(new.access.permissions()),
                    None => powers.and(new.access.permissions()),
                }
            }
        };
        if permissions.is_empty() {
            return Err(Error::new(Code::Invalid, "permissions", "A token that may do nothing is of no use"));
        }
        let id = self.issue_token(&mut work.txn, Maker::Actor(actor), new, permissions).await?;
        self.audit(&mut work.txn, actor, new.tenant, "apiTokenCreate", &id, &new.label).await?;
        let done = self.finish(work, id, &[]).await?;
        self.with_secret(done, terms.dry_run).await
    }

    /// What a token of a service account may do at most: the role of the account counts at each use. Who makes it gets all
    /// of that, so must have it.
    async fn for_service_account(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewToken,
        account: &str,
    ) -> Result<Permissions> {
        let account = self.service_account_in(txn, new.tenant, account).await?;
        if new.on != Selector::All {
            let message = "The service account says on what its tokens hold";
            return Err(Error::new(Code::Invalid, "serviceAccountId", message));
        }
        let powers = self.powers_over(txn, actor, new.tenant, &account.on).await?;
        grantable(powers, self.role_permissions(txn, new.tenant, &account.role).await?)?;
        let live = query(
            "SELECT COUNT(*) AS n FROM api_token WHERE service_account = $1 AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(&account.id)
        .bind(self.now().0)
        .fetch_one(txn)
        .await?;
        if number(&live, "n")? >= SERVICE_TOKENS_MAX {
            let message = format!("A service account has at most {SERVICE_TOKENS_MAX} tokens (SERVICE_TOKENS_MAX)");
            return Err(Error::new(Code::Invalid, "serviceAccountId", message));
        }
        Ok(new.permissions.unwrap_or(Permissions::all()).and(new.access.permissions()))
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
        // And the tokens that it made, and those that they made.
        query(
            "WITH RECURSIVE made (jti) AS (SELECT jti FROM api_token WHERE jti = $1 UNION \
             SELECT t.jti FROM api_token t JOIN made ON t.maker = made.jti) \
             UPDATE api_token SET revoked_at = $2 WHERE revoked_at IS NULL AND jti IN (SELECT jti FROM made)",
        )
        .bind(token)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, tenant, "apiTokenRevoke", token, "").await?;
        work.rights = true;
        self.finish(work, token.to_owned(), &[]).await
    }

    /// Live tokens of a tenant, by id, a page of them; and how many there are. The operator's are shown to operators only.
    pub async fn api_tokens(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<ApiToken>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TokenRead, tenant).await?;
        let list = list!(
            "api_token WHERE tenant = $1 AND revoked_at IS NULL AND expires_at > CAST($2 AS BIGINT) AND \
             (operator = 0 OR $3 = 'operator')",
            by "jti", "$4", "$5"
        );
        let who = if actor.operator { "operator" } else { "" };
        let scope = [tenant.to_string(), self.now().0.to_string(), who.to_owned()];
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }
}

/// A token that may come from some networks only makes none for others.
fn within_networks(actor: &Actor, wanted: &[IpNet]) -> Result<()> {
    let refused = |code, why: String| Err(Error::new(code, "ips", why));
    if wanted.len() > TOKEN_NETWORKS_MAX {
        return refused(Code::Invalid, format!("At most {TOKEN_NETWORKS_MAX} networks (TOKEN_NETWORKS_MAX)"));
    }
    let Proof::Token { ips: own, .. } = &actor.proof else { return Ok(()) };
    match wanted.iter().find(|net| !own.is_empty() && !own.iter().any(|o| o.contains(*net))) {
        Some(net) => refused(Code::Forbidden, format!("The token itself may not come from {net}")),
        None => Ok(()),
    }
}

/// Networks as they are stored.
pub(crate) fn networks(stored: &str) -> Result<Vec<IpNet>> {
    let damaged = || Error::new(Code::Internal, "", "stored networks are damaged");
    let texts: Vec<String> = serde_json::from_str(stored).map_err(|_| damaged())?;
    texts.iter().map(|t| t.parse().map_err(|_| damaged())).collect()
}

fn from_row(row: &Row) -> Result<ApiToken> {
    Ok(ApiToken {
        id: text(row, "jti")?,
        tenant: id(row, "tenant")?,
        label: text(row, "label")?,
        permissions: Permissions::parse(&text(row, "scopes")?)?,
        on: Selector::of_row(row)?,
        ips: networks(&text(row, "ips")?)?,
        service_account: row.text("service_account")?,
        made_by: text(row, "maker")?,
        created_at_ms: number(row, "created_at")?,
        expires_at_ms: number(row, "expires_at")?,
        last_used_at_ms: optional(row, "last_used_at")?,
    })
}
