//! SUMMARY    A forgotten password: a secret by mail, and a new password for it.
//! SECURITY   Whoever asks learns nothing: for every address the same row is written, and the answer comes when it is durable;
//!            who has the address is looked up behind it, by whoever sends notices. The mail goes to the address alone. The
//!            secret holds what the password is when it is made, so it is good once, and for no other password. A second factor
//!            stays, for who had proved the address; whoever took an address that it had not proved loses it to who reads its mail,
//!            and what it had accepted ties nobody (people/member.rs).
//! LIMITS     PASSWORD_RESET_LIFE, PASSWORD_RESETS_PER_HOUR, PASSWORD_REQUESTS_MAX, PASSWORD_REQUESTS_AT_ONCE, those of
//!            auth/attempts.rs
//! INVARIANTS An address waits once, however often it is asked for. What was answered is not lost: its row goes in the transaction of
//!            its notice.

use super::{email_key, notice::NewNotice, person::Person};
use crate::{
    Actor, Code, Error, Result, Service,
    auth::Seen,
    db::{Connection, query},
    limits::{
        PASSWORD_REQUESTS_AT_ONCE, PASSWORD_REQUESTS_MAX, PASSWORD_REQUESTS_PAUSE, PASSWORD_RESET_LIFE,
        PASSWORD_RESETS_PER_HOUR,
    },
    password,
    rows::{number, text},
};
use base::Timestamp;
use serde::Serialize;

const KIND: &str = "password-reset";

#[derive(Serialize)]
struct Facts {
    secret: String,
    expires_at_ms: i64,
}

impl Service {
    /// Notes that whoever has an address wants a new password: a secret for it is mailed to the person, if there is one. `Invalid`
    /// for what is no address; `Throttled` by who asks and how many wait, whoever has the address.
    pub async fn password_forgot(&self, email: &str, seen: &Seen) -> Result<()> {
        let key = email_key(email)?;
        // An allowance of its own: whoever asks in another one's name does not keep that one from signing in.
        self.attempts.admit_stranger(seen.peer, &format!("forgotten {key}"), self.now())?;
        let mut txn = self.begin().await?;
        let noted = query(
            "INSERT INTO password_request (email_key, asked_at) SELECT $1, CAST($2 AS BIGINT) WHERE \
             (SELECT COUNT(*) FROM (SELECT 1 AS n FROM password_request LIMIT $3) waiting) < $3 \
             ON CONFLICT (email_key) DO UPDATE SET asked_at = excluded.asked_at",
        )
        .bind(&key)
        .bind(self.now().0)
        .bind(PASSWORD_REQUESTS_MAX)
        .execute(&mut txn)
        .await?;
        txn.commit().await?;
        if noted == 0 {
            let seconds = u32::try_from(PASSWORD_REQUESTS_PAUSE.as_secs()).unwrap_or(u32::MAX);
            let message = "Too many new passwords are asked for (PASSWORD_REQUESTS_MAX)";
            return Err(Error::new(Code::Throttled { seconds }, "", message));
        }
        Ok(())
    }

    /// Makes notices of what was asked for since the last look: all of it, however many ask for addresses that nobody has.
    pub(super) async fn answer_forgotten(&self) -> Result<()> {
        for _ in 0..=PASSWORD_REQUESTS_MAX / PASSWORD_REQUESTS_AT_ONCE {
            if self.answer_some().await? < PASSWORD_REQUESTS_AT_ONCE {
                break;
            }
        }
        Ok(())
    }

    /// The oldest of it; gives how many.
    async fn answer_some(&self) -> Result<i64> {
        // Mostly nobody has forgotten anything, and nobody is kept from writing to learn it.
        let waiting = query("SELECT 1 AS n FROM password_request LIMIT 1");
        if waiting.fetch_optional(&mut self.pool().acquire().await?).await?.is_none() {
            return Ok(0);
        }
        let mut txn = self.begin().await?;
        let rows = query(
            "DELETE FROM password_request WHERE email_key IN (SELECT email_key FROM password_request \
             ORDER BY asked_at, email_key LIMIT $1) RETURNING email_key, asked_at",
        )
        .bind(PASSWORD_REQUESTS_AT_ONCE)
        .fetch_all(&mut txn)
        .await?;
        for row in &rows {
            self.put_secret(&mut txn, &text(row, "email_key")?, Timestamp(number(row, "asked_at")?)).await?;
        }
        txn.commit().await?;
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }

    /// Puts the notice with a secret in line for the person of an address, if there is one.
    async fn put_secret(&self, txn: &mut Connection, key: &str, asked_at: Timestamp) -> Result<()> {
        let expires_at = asked_at.plus(PASSWORD_RESET_LIFE);
        if expires_at <= self.now() {
            return Ok(());
        }
        let Some((person, argon2)) = self.person_of(txn, key).await? else { return Ok(()) };
        let hour_ago = self.now().0.saturating_sub(3_600_000);
        let asked =
            query("SELECT COUNT(*) AS n FROM outgoing_notice WHERE recipient = $1 AND kind = $2 AND created_at > $3")
                .bind(&person.email)
                .bind(KIND)
                .bind(hour_ago)
                .fetch_one(&mut *txn)
                .await?;
        if number(&asked, "n")? >= PASSWORD_RESETS_PER_HOUR {
            tracing::info!(person = %person.id, "no further mail of a forgotten password (PASSWORD_RESETS_PER_HOUR)");
            return Ok(());
        }
        let expires_at_ms = expires_at.0;
        let secret = format!(
            "{}.{expires_at_ms}.{}",
            person.id,
            self.keys.ticket(&parts(&person.id, &expires_at_ms.to_string(), argon2.as_deref()))
        );
        let facts = Facts { secret, expires_at_ms };
        let (recipient, locale) = (person.email.as_str(), person.locale.as_str());
        self.put_notice(txn, NewNotice { tenant: None, kind: KIND, recipient, locale, facts }).await
    }

    /// Gives the person of a secret another password; all its sign-ins end. `NotFound` whatever is wrong with the secret.
    pub async fn password_reset(&self, secret: &str, password: &str, seen: &Seen) -> Result<Person> {
        self.attempts.admit_from(seen.peer, self.now())?;
        // No hash is made for a secret that is wrong.
        self.person_of_secret(&mut self.pool().acquire().await?, secret).await?;
        let argon2 = password::argon2(password, self.password_cost).await?;
        let mut txn = self.begin().await?;
        let person = self.person_of_secret(&mut txn, secret).await?;
        if !person.verified {
            self.end_factors(&mut txn, &person.id).await?;
            self.inherit(&mut txn, &person.id).await?;
            query("UPDATE person SET verified = 1 WHERE id = $1").bind(&person.id).execute(&mut txn).await?;
        }
        self.replace_argon2(&mut txn, &person.id, &argon2).await?;
        self.end_sessions(&mut txn, &person.id, None).await?;
        let who = Actor::nobody(person.id.clone());
        for tenant in self.tenants_of_person(&mut txn, &person.id).await? {
            self.audit(&mut txn, &who, tenant, "passwordReset", &person.id, &seen.ip()).await?;
        }
        self.rights_changed(&mut txn).await?;
        let person = self.person_in(&mut txn, &person.id).await?;
        txn.commit().await?;
        self.auth.forget();
        Ok(person)
    }

    async fn person_of_secret(&self, txn: &mut Connection, secret: &str) -> Result<Person> {
        let missing = || Error::new(Code::NotFound, "secret", "The secret is wrong, used or expired");
        let mut given = secret.split('.');
        let (Some(id), Some(expires), Some(ticket), None) = (given.next(), given.next(), given.next(), given.next())
        else {
            return Err(missing());
        };
        if expires.parse().map_or(true, |t| Timestamp(t) <= self.now()) {
            return Err(missing());
        }
        let row =
            query("SELECT argon2, email_key FROM person WHERE id = $1").bind(id).fetch_optional(&mut *txn).await?;
        let argon2 = row.ok_or_else(missing)?.text("argon2")?;
        match self.keys.is_ticket(&parts(id, expires, argon2.as_deref()), ticket) {
            true => self.person_in(txn, id).await,
            false => Err(missing()),
        }
    }
}

/// What a secret is made of: it is worth nothing once the password is another one.
fn parts<'a>(person: &'a str, expires: &'a str, argon2: Option<&'a str>) -> [&'a str; 4] {
    ["password-reset", person, expires, argon2.unwrap_or_default()]
}
