//! SUMMARY    From a credential to an actor: API tokens and the access tokens of sessions.
//! STANDARDS  RFC 7519 (JWT, HS256), RFC 6750
//! SECURITY   A token is worth nothing once its row is revoked or gone, whatever its signature says; the two kinds are signed by
//!            different keys. Whatever is wrong, the answer is the same.
//! LIMITS     those of cache.rs and attempts.rs

mod attempts;
mod cache;
mod keys;
mod refresh;
mod session;
mod step_up;

pub(crate) use attempts::Attempts;
pub use attempts::Pace;
pub(crate) use cache::AuthCache;
pub(crate) use keys::Keys;
pub use refresh::Tokens;
pub(crate) use session::refused;
pub use session::{NewSession, Seen, Session, SignIn};

use crate::{
    Actor, Code, Error, Permissions, Result, Selector, Service,
    actor::{Grant, Proof},
    db::{Connection, query},
    rows::{id, number, text},
    token::{self, Claims},
};
use aws_lc_rs::digest;
use base::{TenantId, Timestamp};
use cache::Verified;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use std::{net::IpAddr, time::Instant};

/// What a request shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'a> {
    pub token: &'a str,
    /// The tenant a person acts in; that of the sign-in when missing.
    pub tenant: Option<&'a str>,
    /// Where it comes from.
    pub peer: Option<IpAddr>,
}

fn wrong() -> Error {
    Error::new(Code::Unauthenticated, "", "The token is missing, expired or revoked")
}

impl Service {
    /// Checks a token that comes from an unknown place. `Unauthenticated` whatever is wrong with it.
    pub async fn authenticate(&self, token: &str) -> Result<Actor> {
        self.authenticate_as(Presented { token, ..Presented::default() }).await
    }

    /// Checks what a request shows. `Unauthenticated` whatever is wrong with it.
    pub async fn authenticate_as(&self, shown: Presented<'_>) -> Result<Actor> {
        if self.auth.stale() {
            self.ask_rights().await?;
        }
        let key = fingerprint(&shown);
        let now = self.now();
        let verified = match self.auth.find(&key, now) {
            Some(verified) => verified,
            None => {
                let generation = self.auth.generation();
                let verified = self.verify(&shown).await?;
                self.auth.keep(key, &verified, now, generation);
                verified
            }
        };
        if !verified.good(now, shown.peer) {
            return Err(wrong());
        }
        if let Some(id) = &verified.used {
            self.auth.used(id, now);
        }
        Ok(verified.actor)
    }

    async fn verify(&self, shown: &Presented<'_>) -> Result<Verified> {
        let header = decode_header(shown.token).map_err(|_| wrong())?;
        match header.kid.as_deref() {
            Some(session::KEY_ID) => self.verify_session(shown).await,
            _ => self.verify_token(shown.token).await,
        }
    }

    async fn verify_token(&self, token: &str) -> Result<Verified> {
        let key = DecodingKey::from_secret(self.jwt_key());
        let claims = decode::<Claims>(token, &key, &untimed()).map_err(|_| wrong())?.claims;
        let mut connection = self.pool().acquire().await?;
        let row = query(
            "SELECT t.*, s.role AS service_role, s.on_kind AS service_on_kind, s.on_list AS service_on_list, \
             s.bound AS service_bound FROM api_token t LEFT JOIN service_account s ON s.id = t.service_account \
             WHERE t.jti = $1 AND t.revoked_at IS NULL AND t.expires_at > $2",
        )
        .bind(&claims.jti)
        .bind(self.now().0)
        .fetch_optional(&mut connection)
        .await?
        .ok_or_else(wrong)?;
        let tenant: TenantId = id(&row, "tenant")?;
        let (mut permissions, mut on) = (Permissions::parse(&text(&row, "scopes")?)?, Selector::of_row(&row)?);
        let (mut bound, mut name) = (number(&row, "bound")? != 0, claims.jti.clone());
        if let Some(account) = row.text("service_account")? {
            let role = row.text("service_role")?.ok_or_else(wrong)?;
            permissions = permissions.and(self.role_permissions(&mut connection, tenant, &role).await?);
            on = Selector::read(&text(&row, "service_on_kind")?, &text(&row, "service_on_list")?)?;
            bound |= number(&row, "service_bound")? != 0;
            name = format!("{account} {name}");
        }
        let (ips, expires_at) = (token::networks(&text(&row, "ips")?)?, Timestamp(number(&row, "expires_at")?));
        let operator = number(&row, "operator")? != 0;
        let grants = vec![Grant { tenant, permissions, on }];
        let proof = Proof::Token { ips: ips.clone(), expires_at: Some(expires_at) };
        let support = if bound { self.support_of(&mut connection, &name).await? } else { Vec::new() };
        let actor = Actor { tenant, operator, grants, name, proof, bound, support, from: String::new() };
        Ok(Verified { actor, ips, expires_at, used: Some(claims.jti) })
    }

    /// Asks whether another process changed rights.
    async fn ask_rights(&self) -> Result<()> {
        let asked = Instant::now();
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT version FROM auth_state WHERE id = 1").fetch_one(&mut connection).await?;
        self.auth.note(u64::try_from(number(&row, "version")?).unwrap_or(0), asked);
        Ok(())
    }

    /// Tells other processes, by the transaction of the change, that rights change with it.
    pub(crate) async fn rights_changed(&self, txn: &mut Connection) -> Result<()> {
        query("UPDATE auth_state SET version = version + 1 WHERE id = 1").execute(txn).await.map(drop)
    }

    /// Writes down when tokens and sessions were last used; what a minute has not passed since is left for later.
    pub async fn write_uses(&self) -> Result<()> {
        let now = self.now();
        let uses = self.auth.take_uses(now);
        if uses.is_empty() {
            return Ok(());
        }
        let mut txn = self.begin().await?;
        for (id, at) in uses {
            let sql = match id.starts_with("ses_") {
                true => "UPDATE session SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2",
                false => "UPDATE api_token SET last_used_at = $2 WHERE jti = $1",
            };
            query(sql).bind(id).bind(at.0).execute(&mut txn).await?;
        }
        txn.commit().await
    }
}

/// Time is told by our clock.
fn untimed() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation
}

fn fingerprint(shown: &Presented<'_>) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(shown.token.as_bytes());
    hash.update(&[0]);
    hash.update(shown.tenant.unwrap_or_default().as_bytes());
    hash.finish().as_ref().try_into().unwrap_or_default()
}
