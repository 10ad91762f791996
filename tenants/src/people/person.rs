//! SUMMARY    A person: a human who signs in, by one e-mail address, wherever it is a member.
//! SECURITY   A person belongs to no tenant: no tenant changes one. An address that was not proved (`verified`) gives nothing
//!            but what its inviters gave.
//!            Names and addresses have no characters that are not seen: one person does not pass for another by them.
//! INVARIANTS An address is of at most one person.

use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    actor::Proof,
    address::base_of,
    db::{Connection, Row, query},
    local_part::given_out,
    password,
    rows::{domain_of, fresh_id, number, short, text},
    terms::{Request, Start},
    visible::seen,
};
use base::Address;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Bytes of a language tag (RFC 5646 §4.4.1).
const LOCALE_BYTES_MAX: usize = 35;

/// A person as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `per_…`
    pub id: String,
    pub email: String,
    pub name: String,
    /// A language tag, as `en` or `de-CH`.
    pub locale: String,
    /// Whether the person has shown that mail to the address reaches it.
    pub verified: bool,
    pub version: i64,
}

/// Changes of a person; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct PersonPatch {
    pub name: Option<String>,
    pub locale: Option<String>,
}

/// A person to be made.
pub(crate) struct NewPerson<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) locale: &'a str,
    /// Without one it signs in by an identity provider only.
    pub(crate) argon2: Option<&'a str>,
    pub(crate) verified: bool,
}

/// An address as people are told apart by it.
pub(crate) fn email_key(email: &str) -> Result<String> {
    let address = Address::parse(email.trim());
    address.map(|a| a.canonical()).map_err(|e| Error::new(Code::Invalid, "email", e.to_string()))
}

/// An address as mail to it is counted: what stands behind a `+` makes no other one.
pub(crate) fn mail_key(email: &str) -> String {
    match Address::parse(email.trim()) {
        Ok(address) => format!("{}@{}", address.subaddress().0, address.domain()),
        Err(_) => email.trim().to_lowercase(),
    }
}

/// An address for a person, as it is kept: in normalisation form C, under the rules of those that are given out. `Invalid`.
pub(crate) fn new_email(email: &str) -> Result<String> {
    let email: String = email.trim().nfc().collect();
    let of_email = |e: Error| Error { field: "email", ..e };
    let address = Address::parse(&email).map_err(|e| Error::new(Code::Invalid, "email", e.to_string()))?;
    given_out(&address.canonical_local()).map_err(of_email)?;
    // The domain may be written with what its canonical form leaves out.
    seen(&email, "email").map(|()| email)
}

fn locale(tag: &str) -> Result<()> {
    let part = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    if tag.len() > LOCALE_BYTES_MAX || !tag.split('-').all(part) {
        return Err(Error::new(Code::Invalid, "locale", "A locale is a language tag, as en or de-CH"));
    }
    Ok(())
}

impl Service {
    /// The person who asks. `NotFound` for tokens and mailboxes' users.
    pub async fn person(&self, actor: &Actor) -> Result<Person> {
        let person = actor.person().ok_or_else(|| Error::not_found("person"))?;
        let mut connection = self.pool().acquire().await?;
        self.person_in(&mut connection, person).await
    }

    /// Changes the person who asks.
    pub async fn person_update(&self, actor: &Actor, terms: &Terms, patch: &PersonPatch) -> Result<Done<Person>> {
        let request = Request::new("personUpdate", format!("{patch:?}"));
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.own_person(&mut work.txn, actor).await?;
        work.expect(now.version)?;
        let (name, tag) = (patch.name.as_ref().unwrap_or(&now.name), patch.locale.as_ref().unwrap_or(&now.locale));
        // What was there before stays.
        if patch.name.is_some() {
            short(name, "name")?;
        }
        locale(tag)?;
        query("UPDATE person SET name = $2, locale = $3, version = version + 1 WHERE id = $1")
            .bind(&now.id)
            .bind(name.trim().nfc().collect::<String>())
            .bind(tag)
            .execute(&mut work.txn)
            .await?;
        let person = self.person_in(&mut work.txn, &now.id).await?;
        self.finish(work, person, &[]).await
    }

    /// Gives the person who asks another password; its other sign-ins end.
    pub async fn person_set_password(&self, actor: &Actor, terms: &Terms, password: &str) -> Result<Done<Person>> {
        let argon2 = password::argon2(password, self.password_cost).await?;
        let passwords = [password];
        let request = Request::with_passwords("personSetPassword", String::new(), &passwords);
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.own_person(&mut work.txn, actor).await?;
        work.expect(now.version)?;
        self.replace_argon2(&mut work.txn, &now.id, &argon2).await?;
        let own = match &actor.proof {
            Proof::Session { id, .. } => Some(id.as_str()),
            Proof::Token { .. } | Proof::None => None,
        };
        self.end_sessions(&mut work.txn, &now.id, own).await?;
        if !actor.grants.is_empty() {
            self.audit(&mut work.txn, actor, actor.tenant, "personSetPassword", &now.id, "").await?;
        }
        work.rights = true;
        let person = self.person_in(&mut work.txn, &now.id).await?;
        self.finish(work, person, &[]).await
    }

    pub(crate) async fn replace_argon2(&self, txn: &mut Connection, person: &str, argon2: &str) -> Result<()> {
        query("UPDATE person SET argon2 = $2, version = version + 1 WHERE id = $1")
            .bind(person)
            .bind(argon2)
            .execute(txn)
            .await
            .map(drop)
    }

    pub(crate) async fn own_person(&self, txn: &mut Connection, actor: &Actor) -> Result<Person> {
        let nobody = || Error::new(Code::Forbidden, "", "Only a person who signed in by its own means has this");
        let person = actor.itself().ok_or_else(nobody)?;
        self.person_in(txn, person).await
    }

    pub(crate) async fn person_in(&self, txn: &mut Connection, person: &str) -> Result<Person> {
        let row = query("SELECT * FROM person WHERE id = $1").bind(person).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("person"))?)
    }

    /// The person of an address, and the verifier of its password.
    pub(crate) async fn person_of(&self, txn: &mut Connection, key: &str) -> Result<Option<(Person, Option<String>)>> {
        let row = query("SELECT * FROM person WHERE email_key = $1").bind(key).fetch_optional(txn).await?;
        row.map(|row| Ok((from_row(&row)?, row.text("argon2")?))).transpose()
    }

    pub(crate) async fn insert_person(&self, txn: &mut Connection, new: &NewPerson<'_>) -> Result<Person> {
        short(new.name, "name")?;
        locale(new.locale)?;
        let (id, key) = (fresh_id("per_")?, email_key(new.email)?);
        query(
            "INSERT INTO person (id, email, email_key, domain, base_key, name, argon2, locale, verified, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)",
        )
        .bind(&id)
        .bind(new_email(new.email)?)
        .bind(&key)
        .bind(domain_of(&key))
        .bind(base_of(&key))
        .bind(new.name.trim().nfc().collect::<String>())
        .bind(new.argon2)
        .bind(new.locale)
        .bind(i64::from(new.verified))
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        self.person_in(txn, &id).await
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Person> {
    Ok(Person {
        id: text(row, "id")?,
        email: text(row, "email")?,
        name: text(row, "name")?,
        locale: text(row, "locale")?,
        verified: number(row, "verified")? != 0,
        version: number(row, "version")?,
    })
}
