//! SUMMARY    Sign-ins of people and of mailboxes' users: made, listed, ended; and what their access tokens stand for.
//! STANDARDS  RFC 7519 (JWT, HS256)
//! SECURITY   Unknown names, wrong passwords and wrong factors get the same answer after the same work. Attempts are limited
//!            before a password is hashed, by the rule of attempts.rs. What a session may do is read from the memberships, never from the token.
//! LIMITS     ACCESS_LIFE, SESSION_IDLE_LIFE, SESSIONS_MAX, those of attempts.rs

use super::{attempts::network, cache::Verified, refresh::Tokens, untimed, wrong};
use crate::{
    Actor, Code, Done, Error, Result, Selector, Service, StandardRole, Terms,
    actor::{Grant, Proof},
    db::{Connection, Row, query},
    factor::Given,
    hold::standing,
    limits::{ACCESS_LIFE, NAME_CHARS_MAX, SESSION_IDLE_LIFE, SESSIONS_MAX},
    people::email_key,
    rows::{fresh_id, id, number, text},
    terms::{Request, Start},
};
use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};
use base::{AccountId, TenantId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, decode, encode};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, net::IpAddr};

/// Names the key in the head of an access token.
pub(super) const KEY_ID: &str = "session";

/// As whom somebody signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    Person,
    /// The user of a mailbox, by its address and password: reaches that mailbox only.
    Mailbox,
}

/// A sign-in.
pub struct NewSession {
    pub who: SignIn,
    pub email: String,
    /// Empty for whoever signs in by a passkey alone.
    pub password: String,
    /// A second factor of a person, or a passkey alone.
    pub factor: Option<Given>,
    /// Where the person acts; its first membership when missing.
    pub tenant: Option<TenantId>,
    pub seen: Seen,
}

/// What was seen of a client.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub peer: Option<IpAddr>,
    /// As it calls itself.
    pub device: String,
}

impl Seen {
    /// One line of bounded length.
    pub(super) fn device(&self) -> String {
        self.device.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
    }

    pub(crate) fn ip(&self) -> String {
        self.peer.map_or(String::new(), |p| p.to_canonical().to_string())
    }
}

/// An open sign-in as shown.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    pub device: String,
    pub ip: String,
    pub created_at_ms: i64,
    pub last_used_at_ms: i64,
    pub expires_at_ms: i64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Who was found by a name, and what checks the password.
#[derive(Default)]
struct Found {
    subject: Option<String>,
    tenant: Option<String>,
    argon2: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Access {
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
}

impl Service {
    /// Opens a session. `InvalidCredentials`; `Throttled` by the rule of attempts.rs: what strangers try from elsewhere keeps nobody
    /// out of a network it has signed in from.
    pub async fn session_create(&self, new: &NewSession) -> Result<Tokens> {
        if let (SignIn::Person, true, Some(Given::Passkey { ceremony, credential })) =
            (new.who, new.password.is_empty(), &new.factor)
        {
            self.attempts.admit_from(new.seen.peer, self.now())?;
            let person = self.verify_passkey(ceremony, credential).await?.ok_or_else(refused)?;
            return self.open_session(&person, new.tenant.map(|t| t.to_string()), &new.seen).await;
        }
        let key = email_key(&new.email).unwrap_or_else(|_| new.email.clone());
        self.attempts.admit_stranger(new.seen.peer, &key, self.now())?;
        let found = match new.who {
            SignIn::Person => self.person_by_name(&key).await?,
            SignIn::Mailbox => self.user_by_name(&key).await?,
        };
        if let Err(used_up) = self.attempts.admit_name(&key, self.now()) {
            // The same look for names that nobody has.
            let subject = found.subject.as_deref().unwrap_or_default();
            if !self.came_from(subject, new.seen.peer).await? {
                return Err(used_up);
            }
        }
        let right = self.password_matches(new.seen.peer, found.argon2, &new.password).await?;
        let subject = found.subject.filter(|_| right).ok_or_else(refused)?;
        if new.who == SignIn::Person {
            self.second_factor(&subject, new.factor.as_ref()).await?;
        }
        let tenant = new.tenant.map(|t| t.to_string()).or(found.tenant);
        self.open_session(&subject, tenant, &new.seen).await
    }

    /// Whether somebody has signed in from the network of a client before.
    async fn came_from(&self, subject: &str, peer: Option<IpAddr>) -> Result<bool> {
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT DISTINCT ip FROM session WHERE subject = $1 ORDER BY ip LIMIT $2")
            .bind(subject)
            .bind(SESSIONS_MAX)
            .fetch_all(&mut connection)
            .await?;
        let Some(here) = peer.map(network) else { return Ok(false) };
        let before = |row: &Row| Ok(text(row, "ip")?.parse().is_ok_and(|ip| network(ip) == here));
        rows.iter().map(before).collect::<Result<Vec<bool>>>().map(|all| all.contains(&true))
    }

    /// Verifies the second factor of a person who has one. `FactorRequired` when none is given.
    async fn second_factor(&self, person: &str, given: Option<&Given>) -> Result<()> {
        let mut connection = self.pool().acquire().await?;
        let has_factor = self.has_factor(&mut connection, person).await?;
        drop(connection);
        match (has_factor, given) {
            (false, _) => Ok(()),
            (true, None) => Err(Error::new(Code::FactorRequired, "", "A second factor is needed")),
            (true, Some(given)) => {
                self.attempts.admit_factor(person, self.now())?;
                if self.verify_factor(person, given).await? { Ok(()) } else { Err(refused()) }
            }
        }
    }

    async fn person_by_name(&self, key: &str) -> Result<Found> {
        let mut connection = self.pool().acquire().await?;
        let row = query(
            "SELECT p.id, p.argon2, (SELECT m.tenant FROM membership m WHERE m.person = p.id \
             ORDER BY m.inherited, m.created_at, m.id LIMIT 1) AS tenant FROM person p WHERE p.email_key = $1",
        )
        .bind(key)
        .fetch_optional(&mut connection)
        .await?;
        found(row)
    }

    async fn user_by_name(&self, key: &str) -> Result<Found> {
        let mut connection = self.pool().acquire().await?;
        let row = query(
            "SELECT m.id, m.tenant, c.argon2 FROM mailbox m JOIN credential c ON c.mailbox = m.id AND c.kind = 'password' \
             WHERE m.address = $1 AND m.live = 1",
        )
        .bind(key)
        .fetch_optional(&mut connection)
        .await?;
        found(row)
    }

    /// Whether the password is the one of the verifier; without one the same work is done for nothing.
    pub(crate) async fn password_matches(
        &self,
        from: Option<IpAddr>,
        argon2: Option<String>,
        password: &str,
    ) -> Result<bool> {
        let known = argon2.is_some();
        let hash = match argon2 {
            Some(hash) => hash,
            None => {
                self.nobodys.get_or_try_init(|| crate::password::argon2("nobody's", self.password_cost)).await?.clone()
            }
        };
        let password = password.to_owned();
        let checked = crate::password::hashed_for(from, move || {
            let matches = |parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Some(PasswordHash::new(&hash).is_ok_and(matches))
        });
        Ok(checked.await? && known)
    }

    /// Opens a session of somebody who has proved who it is.
    pub(crate) async fn open_session(&self, subject: &str, tenant: Option<String>, seen: &Seen) -> Result<Tokens> {
        self.open_session_in(subject, tenant, None, self.now(), seen).await
    }

    /// The same; `only_in`: on the word of that tenant's identity provider, which asked for a factor at that time.
    pub(crate) async fn open_session_in(
        &self,
        subject: &str,
        tenant: Option<String>,
        only_in: Option<TenantId>,
        stepped_up_at: Timestamp,
        seen: &Seen,
    ) -> Result<Tokens> {
        let (now, id) = (self.now(), fresh_id("ses_")?);
        let mut txn = self.begin().await?;
        query(
            "INSERT INTO session (id, subject, tenant, round, device, ip, created_at, last_used_at, expires_at, \
             stepped_up_at, only_in) VALUES ($1, $2, $3, 1, $4, $5, $6, $6, $7, $8, $9)",
        )
        .bind(&id)
        .bind(subject)
        .bind(tenant.as_ref())
        .bind(seen.device())
        .bind(seen.ip())
        .bind(now.0)
        .bind(now.plus(SESSION_IDLE_LIFE).0)
        .bind(stepped_up_at.0)
        .bind(only_in.map(|t| t.to_string()))
        .execute(&mut txn)
        .await?;
        query(
            "DELETE FROM session WHERE subject = $1 AND id IN (SELECT id FROM session WHERE subject = $1 ORDER BY \
             CASE WHEN revoked_at IS NULL AND expires_at > $2 THEN 0 ELSE 1 END, last_used_at DESC LIMIT $3 OFFSET $4)",
        )
        .bind(subject)
        .bind(now.0)
        .bind(SESSIONS_MAX)
        .bind(SESSIONS_MAX)
        .execute(&mut txn)
        .await?;
        let row = query("SELECT * FROM session WHERE id = $1").bind(&id).fetch_one(&mut txn).await?;
        let actor = self.session_actor(&mut txn, &row, None).await.map_err(|e| match e.code {
            Code::Unauthenticated => refused(),
            _ => e,
        })?;
        if !actor.grants.is_empty() {
            self.audit(&mut txn, &actor, actor.tenant, "sessionCreate", &id, &seen.ip()).await?;
        }
        txn.commit().await?;
        self.tokens(&id, subject, 1)
    }

    /// The access token of a session, and the refresh token of a round.
    pub(super) fn tokens(&self, id: &str, subject: &str, round: i64) -> Result<Tokens> {
        let now = self.now();
        let expires_at = now.plus(ACCESS_LIFE);
        let claims =
            Access { sub: subject.to_owned(), sid: id.to_owned(), iat: now.0 / 1000, exp: expires_at.0 / 1000 };
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::HS256) };
        let access = encode(&header, &claims, &EncodingKey::from_secret(self.keys.session()))
            .map_err(|_| Error::new(Code::Internal, "", "signing the token failed"))?;
        let refresh_expires_at_ms = now.plus(SESSION_IDLE_LIFE).0;
        let refresh = self.refresh_token(id, round);
        let session = id.to_owned();
        Ok(Tokens { session, access, access_expires_at_ms: claims.exp * 1000, refresh, refresh_expires_at_ms })
    }

    /// Who an access token stands for.
    pub(super) async fn verify_session(&self, shown: &super::Presented<'_>) -> Result<Verified> {
        let key = DecodingKey::from_secret(self.keys.session());
        let claims = decode::<Access>(shown.token, &key, &untimed()).map_err(|_| wrong())?.claims;
        let expires_at = Timestamp(claims.exp.saturating_mul(1000));
        if expires_at <= self.now() {
            return Err(wrong());
        }
        let tenant = shown.tenant.map(|t| t.parse().map_err(|_| elsewhere())).transpose()?;
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT * FROM session WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2")
            .bind(&claims.sid)
            .bind(self.now().0)
            .fetch_optional(&mut connection)
            .await?
            .ok_or_else(wrong)?;
        let actor = self.session_actor(&mut connection, &row, tenant).await?;
        Ok(Verified { actor, ips: Vec::new(), expires_at, used: Some(claims.sid) })
    }

    /// Who a session's row stands for, acting in a tenant.
    async fn session_actor(&self, txn: &mut Connection, row: &Row, tenant: Option<TenantId>) -> Result<Actor> {
        let subject = text(row, "subject")?;
        let mut actor = match subject.parse::<AccountId>() {
            Ok(account) => self.user_actor(txn, account).await?,
            Err(_) => {
                let only_in = row.text("only_in")?.and_then(|t| t.parse::<TenantId>().ok());
                if only_in.is_some_and(|only| tenant.is_some_and(|asked| asked != only)) {
                    return Err(elsewhere());
                }
                let mut actor = self.person_actor(txn, &subject, tenant.or(only_in), row.text("tenant")?).await?;
                let stepped_up_at = Timestamp(number(row, "stepped_up_at")?);
                actor.proof = Proof::Session { id: text(row, "id")?, subject, stepped_up_at, only_in };
                return Ok(actor);
            }
        };
        let stepped_up_at = Timestamp(number(row, "stepped_up_at")?);
        actor.proof = Proof::Session { id: text(row, "id")?, subject, stepped_up_at, only_in: None };
        Ok(actor)
    }

    /// The user of a mailbox: that mailbox and nothing else.
    async fn user_actor(&self, txn: &mut Connection, account: AccountId) -> Result<Actor> {
        let row = query(
            "SELECT m.tenant, m.domain, c.id AS credential FROM mailbox m LEFT JOIN credential c ON c.mailbox = m.id \
             AND c.kind = 'password' WHERE m.id = $1 AND m.live = 1",
        )
        .bind(account.to_string())
        .fetch_optional(&mut *txn)
        .await?
        .ok_or_else(wrong)?;
        let tenant: TenantId = id(&row, "tenant")?;
        let (domain, credential) = (text(&row, "domain")?, row.text("credential")?.unwrap_or_default());
        let mut own = self.holds_on(txn, &[&account.to_string(), &domain, &credential]).await?;
        // Any hold on a password stops it, as at the other doors.
        let of_password = own.of(&credential);
        let stopped = !standing(&of_password).2.is_empty();
        let holds = [own.of(&account.to_string()), own.of(&domain), of_password, self.seen_holds(txn, tenant).await?];
        let (can, reason, _) = standing(&holds.concat());
        if stopped || !can.portal_login {
            return Err(Error::new(Code::Forbidden, "", format!("The mailbox is suspended: {reason}")));
        }
        let permissions = StandardRole::MailboxUser.permissions();
        let mut actor = Actor::of(tenant, permissions, false, account.to_string());
        actor.grants = vec![Grant { tenant, permissions, on: Selector::Mailboxes(BTreeSet::from([account])) }];
        Ok(actor)
    }

    /// A person with its memberships in one tenant: the one asked for, or the sign-in's.
    async fn person_actor(
        &self,
        txn: &mut Connection,
        person: &str,
        asked: Option<TenantId>,
        signed_in: Option<String>,
    ) -> Result<Actor> {
        let rows = query(
            "SELECT m.tenant, m.role, m.on_kind, m.on_list, r.permissions FROM membership m \
             LEFT JOIN role r ON r.id = m.role WHERE m.person = $1 ORDER BY m.inherited, m.created_at, m.id",
        )
        .bind(person)
        .fetch_all(&mut *txn)
        .await?;
        let mut grants = Vec::with_capacity(rows.len());
        for row in &rows {
            let permissions = match StandardRole::by_name(&text(row, "role")?) {
                Some(role) => role.permissions(),
                None => crate::Permissions::parse(&row.text("permissions")?.unwrap_or_default())?,
            };
            grants.push(Grant { tenant: id(row, "tenant")?, permissions, on: Selector::of_row(row)? });
        }
        let has = |t: &TenantId| grants.iter().any(|g| g.tenant == *t);
        let tenant = match asked {
            Some(tenant) => Some(tenant).filter(has).ok_or_else(elsewhere)?,
            None => {
                let preferred = signed_in.and_then(|t| t.parse().ok()).filter(has);
                preferred.or(grants.first().map(|g| g.tenant)).unwrap_or(TenantId(0))
            }
        };
        let (can, reason, _) = standing(&self.seen_holds(txn, tenant).await?);
        if !can.portal_login {
            return Err(Error::new(Code::Forbidden, "", format!("The tenant is suspended: {reason}")));
        }
        grants.retain(|g| g.tenant == tenant);
        let mut actor = Actor::nobody(person.to_owned());
        actor.bound = self.line(txn, tenant).await?.len() == 1;
        if actor.bound {
            actor.support = self.support_of(txn, person).await?;
        }
        (actor.tenant, actor.grants) = (tenant, grants);
        Ok(actor)
    }

    /// The open sign-ins of whoever asks, the one used last first.
    pub async fn sessions(&self, actor: &Actor) -> Result<Vec<Session>> {
        let Proof::Session { id: current, subject, only_in, .. } = &actor.proof else { return Ok(Vec::new()) };
        let mut connection = self.pool().acquire().await?;
        let rows = query(
            "SELECT * FROM session WHERE subject = $1 AND revoked_at IS NULL AND expires_at > $2 \
             AND ($3 = '' OR only_in = $3) ORDER BY last_used_at DESC, id LIMIT $4",
        )
        .bind(subject)
        .bind(self.now().0)
        .bind(only_in.map_or(String::new(), |t| t.to_string()))
        .bind(SESSIONS_MAX)
        .fetch_all(&mut connection)
        .await?;
        let session = |row: &Row| {
            let id = text(row, "id")?;
            Ok(Session {
                current: id == *current,
                id,
                device: text(row, "device")?,
                ip: text(row, "ip")?,
                created_at_ms: number(row, "created_at")?,
                last_used_at_ms: number(row, "last_used_at")?,
                expires_at_ms: number(row, "expires_at")?,
            })
        };
        rows.iter().map(session).collect()
    }

    /// Ends one of the caller's sign-ins; all others without an id. Gives how many ended.
    pub async fn session_revoke(&self, actor: &Actor, terms: &Terms, session: Option<&str>) -> Result<Done<u64>> {
        let request = Request::new("sessionRevoke", format!("{} {session:?}", actor.name));
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let Proof::Session { id: current, subject, only_in, .. } = &actor.proof else {
            return Err(Error::not_found("id"));
        };
        let sql = match session {
            Some(_) => {
                "UPDATE session SET revoked_at = $2 WHERE subject = $1 AND id = $3 AND revoked_at IS NULL \
                 AND ($4 = '' OR only_in = $4)"
            }
            None => {
                "UPDATE session SET revoked_at = $2 WHERE subject = $1 AND id <> $3 AND revoked_at IS NULL \
                 AND ($4 = '' OR only_in = $4)"
            }
        };
        let ended = query(sql)
            .bind(subject)
            .bind(self.now().0)
            .bind(session.unwrap_or(current))
            .bind(only_in.map_or(String::new(), |t| t.to_string()))
            .execute(&mut work.txn)
            .await?;
        if ended == 0 && session.is_some() {
            return Err(Error::not_found("id"));
        }
        if !actor.grants.is_empty() {
            let object = session.unwrap_or("others");
            self.audit(&mut work.txn, actor, actor.tenant, "sessionRevoke", object, "").await?;
        }
        work.rights = true;
        self.finish(work, ended, &[]).await
    }

    /// Ends every sign-in of a person or mailbox but one. Whether there was any: what is known of rights is stale then.
    pub(crate) async fn end_sessions(&self, txn: &mut Connection, subject: &str, but: Option<&str>) -> Result<bool> {
        query("UPDATE session SET revoked_at = $2 WHERE subject = $1 AND id <> $3 AND revoked_at IS NULL")
            .bind(subject)
            .bind(self.now().0)
            .bind(but.unwrap_or_default())
            .execute(txn)
            .await
            .map(|ended| ended > 0)
    }
}

pub(crate) fn refused() -> Error {
    Error::new(Code::InvalidCredentials, "", "The name, the password or the factor is wrong")
}

fn elsewhere() -> Error {
    Error::new(Code::Unauthenticated, "", "The person is no member of that tenant")
}

fn found(row: Option<Row>) -> Result<Found> {
    let Some(row) = row else { return Ok(Found::default()) };
    Ok(Found { subject: row.text("id")?, tenant: row.text("tenant")?, argon2: row.text("argon2")? })
}
