//! SUMMARY    A forgotten password: a secret by mail, and a new password for it.
//! SECURITY   Whoever asks learns nothing: the answer is the same for every address, and the mail goes to the address alone. The
//!            secret holds what the password is now, so it is good once, and for no other password. A second factor stays, for who
//!            had proved the address; whoever took an address that it had not proved loses it to who reads its mail.
//! LIMITS     PASSWORD_RESET_LIFE, PASSWORD_RESETS_PER_HOUR, those of auth/attempts.rs

use super::{email_key, notice::NewNotice, person::Person};
use crate::{
    Actor, Code, Error, Result, Service,
    auth::Seen,
    db::{Connection, query},
    limits::{PASSWORD_RESET_LIFE, PASSWORD_RESETS_PER_HOUR},
    password,
    rows::number,
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
    /// Mails a secret to the person of an address, if there is one. `Invalid` for what is no address, `Throttled`.
    pub async fn password_forgot(&self, email: &str, seen: &Seen) -> Result<()> {
        let key = email_key(email)?;
        // An allowance of its own: whoever asks in another one's name does not keep that one from signing in.
        self.attempts.admit(seen.peer, &format!("forgotten {key}"), self.now())?;
        let mut txn = self.begin().await?;
        let Some((person, argon2)) = self.person_of(&mut txn, &key).await? else { return txn.rollback().await };
        let hour_ago = self.now().0.saturating_sub(3_600_000);
        let asked =
            query("SELECT COUNT(*) AS n FROM outgoing_notice WHERE recipient = $1 AND kind = $2 AND created_at > $3")
                .bind(&person.email)
                .bind(KIND)
                .bind(hour_ago)
                .fetch_one(&mut txn)
                .await?;
        if number(&asked, "n")? >= PASSWORD_RESETS_PER_HOUR {
            tracing::info!(person = %person.id, "no further mail of a forgotten password (PASSWORD_RESETS_PER_HOUR)");
            return txn.rollback().await;
        }
        let expires_at_ms = self.now().plus(PASSWORD_RESET_LIFE).0;
        let secret = format!(
            "{}.{expires_at_ms}.{}",
            person.id,
            self.keys.ticket(&parts(&person.id, &expires_at_ms.to_string(), argon2.as_deref()))
        );
        let facts = Facts { secret, expires_at_ms };
        let (recipient, locale) = (person.email.as_str(), person.locale.as_str());
        self.put_notice(&mut txn, NewNotice { tenant: None, kind: KIND, recipient, locale, facts }).await?;
        txn.commit().await
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
