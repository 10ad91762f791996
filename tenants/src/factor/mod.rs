//! SUMMARY    Second factors of people: TOTP, passkeys, recovery codes; listed, removed, verified.
//! SECURITY   A factor counts once it was confirmed. What a factor is verified by is sealed at rest. Every verification is
//!            counted against the person's attempts. Removing the last factor removes the recovery codes.
//! LIMITS     FACTORS_MAX, RECOVERY_CODES

mod ceremony;
mod passkey;
mod recovery;
mod totp;

pub(crate) use passkey::relying_party;
pub use passkey::{PasskeyBegun, is_portal};
pub use totp::TotpEnrolled;

use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    actor::Proof,
    auth::{Seen, refused},
    db::{Connection, Row, query},
    limits::FACTORS_MAX,
    rows::{number, optional, text},
    terms::{Request, Start},
};

/// What somebody shows besides a password.
#[derive(Debug, Clone)]
pub enum Given {
    Totp(String),
    RecoveryCode(String),
    Passkey {
        /// Of the challenge.
        ceremony: String,
        /// The browser's `PublicKeyCredential` as JSON.
        credential: String,
    },
}

/// Kinds of factors that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    Totp,
    Passkey,
}

impl FactorKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            FactorKind::Totp => "totp",
            FactorKind::Passkey => "passkey",
        }
    }
}

/// A factor as shown.
#[derive(Debug, Clone)]
pub struct Factor {
    /// `fac_…`
    pub id: String,
    pub kind: FactorKind,
    pub label: String,
    pub confirmed: bool,
    pub created_at_ms: i64,
    pub last_used_at_ms: Option<i64>,
}

impl Service {
    /// Factors of the person who asks.
    pub async fn factors(&self, actor: &Actor) -> Result<Vec<Factor>> {
        let Some(person) = actor.person() else { return Ok(Vec::new()) };
        let mut connection = self.pool().acquire().await?;
        let rows = self.factor_rows(&mut connection, person).await?;
        rows.iter().map(from_row).collect()
    }

    /// Takes a factor of the person who asks away; gives its id.
    pub async fn factor_remove(&self, actor: &Actor, terms: &Terms, factor: &str) -> Result<Done<String>> {
        let request = Request::new("factorRemove", factor.to_owned());
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        let gone = query("DELETE FROM factor WHERE id = $1 AND person = $2")
            .bind(factor)
            .bind(&person.id)
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("id"));
        }
        if !self.has_factor(&mut work.txn, &person.id).await? {
            query("DELETE FROM recovery_code WHERE person = $1").bind(&person.id).execute(&mut work.txn).await?;
        }
        self.audit_own(&mut work.txn, actor, "factorRemove", factor).await?;
        self.finish(work, factor.to_owned(), &[]).await
    }

    /// Verifies a factor again, so that sensitive operations open: a second one where the person has one, else the password.
    pub async fn session_step_up(
        &self,
        actor: &Actor,
        password: Option<&str>,
        given: Option<&Given>,
        seen: &Seen,
    ) -> Result<()> {
        let nobody = || Error::new(Code::Forbidden, "", "Only sessions step up; a token has not to");
        let Proof::Session { id, subject, .. } = &actor.proof else { return Err(nobody()) };
        self.attempts.admit(seen.peer, subject, self.now())?;
        let mut connection = self.pool().acquire().await?;
        let has_factor = self.has_factor(&mut connection, subject).await?;
        let verified = match (given, password) {
            (Some(given), _) => self.verify_factor(subject, given).await?,
            (None, Some(_)) if has_factor => {
                return Err(Error::new(Code::FactorRequired, "", "The person has a second factor: verify that one"));
            }
            (None, Some(password)) => {
                let argon2 = self.own_verifier(&mut connection, subject).await?;
                drop(connection);
                self.password_matches(seen.peer, argon2, password).await?
            }
            (None, None) => false,
        };
        if !verified {
            return Err(refused());
        }
        let mut txn = self.begin().await?;
        query("UPDATE session SET stepped_up_at = $2 WHERE id = $1")
            .bind(id)
            .bind(self.now().0)
            .execute(&mut txn)
            .await?;
        self.rights_changed(&mut txn).await?;
        txn.commit().await?;
        self.auth.forget();
        Ok(())
    }

    /// The verifier of the password of a person or a mailbox.
    async fn own_verifier(&self, txn: &mut Connection, subject: &str) -> Result<Option<String>> {
        let row = query(
            "SELECT argon2 FROM person WHERE id = $1 UNION ALL \
             SELECT argon2 FROM credential WHERE mailbox = $1 AND kind = 'password'",
        )
        .bind(subject)
        .fetch_optional(txn)
        .await?;
        row.map_or(Ok(None), |row| row.text("argon2"))
    }

    /// Whether what was given is a person's; it is used up where it can be.
    pub(crate) async fn verify_factor(&self, person: &str, given: &Given) -> Result<bool> {
        match given {
            Given::Totp(code) => self.verify_totp(person, code).await,
            Given::RecoveryCode(code) => self.verify_recovery_code(person, code).await,
            Given::Passkey { ceremony, credential } => {
                Ok(self.verify_passkey(ceremony, credential).await?.is_some_and(|whose| whose == person))
            }
        }
    }

    /// Whether a person has a factor that counts.
    pub(crate) async fn has_factor(&self, txn: &mut Connection, person: &str) -> Result<bool> {
        let row = query("SELECT 1 AS n FROM factor WHERE person = $1 AND confirmed_at IS NOT NULL LIMIT 1")
            .bind(person)
            .fetch_optional(txn)
            .await?;
        Ok(row.is_some())
    }

    /// Ends every factor of a person, and what it signs in by elsewhere.
    pub(crate) async fn end_factors(&self, txn: &mut Connection, person: &str) -> Result<()> {
        for sql in [
            "DELETE FROM factor WHERE person = $1",
            "DELETE FROM recovery_code WHERE person = $1",
            "DELETE FROM identity WHERE person = $1",
        ] {
            query(sql).bind(person).execute(&mut *txn).await?;
        }
        Ok(())
    }

    async fn factor_rows(&self, txn: &mut Connection, person: &str) -> Result<Vec<Row>> {
        query("SELECT * FROM factor WHERE person = $1 ORDER BY id").bind(person).fetch_all(txn).await
    }

    async fn room_for_factor(&self, txn: &mut Connection, person: &str) -> Result<()> {
        let count = query("SELECT COUNT(*) AS n FROM factor WHERE person = $1").bind(person).fetch_one(txn).await?;
        if number(&count, "n")? >= FACTORS_MAX {
            let message = format!("A person has at most {FACTORS_MAX} factors (FACTORS_MAX)");
            return Err(Error::new(Code::LimitReached, "", message));
        }
        Ok(())
    }

    /// An audit entry of a person's own thing, in the tenant it acts in.
    pub(crate) async fn audit_own(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        action: &str,
        object: &str,
    ) -> Result<()> {
        match actor.grants.is_empty() {
            true => Ok(()),
            false => self.audit(txn, actor, actor.tenant, action, object, "").await,
        }
    }
}

fn from_row(row: &Row) -> Result<Factor> {
    let kind = if text(row, "kind")? == "totp" { FactorKind::Totp } else { FactorKind::Passkey };
    Ok(Factor {
        id: text(row, "id")?,
        kind,
        label: text(row, "label")?,
        confirmed: optional(row, "confirmed_at")?.is_some(),
        created_at_ms: number(row, "created_at")?,
        last_used_at_ms: optional(row, "last_used_at")?,
    })
}
