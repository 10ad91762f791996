//! SUMMARY    What a provider vouched for, and whose it is: signing in by it, linking it to a person, taking the link away.
//! SECURITY   A link is made by the person itself, or with an invitation, never by an equal address: whoever runs a provider may
//!            say any. A session by a provider reaches the provider's tenant only, and nothing of the person itself. People become
//!            members by themselves only with a verified address on a domain of the tenant, when no person has that address yet.

use super::{flow::Came, provider::IdentityProvider};
use crate::{
    Actor, Code, Done, Error, Result, Selector, Service, Terms,
    auth::{Seen, Tokens, refused},
    db::{Connection, Row, query},
    limits::NAME_CHARS_MAX,
    people::{NewPerson, email_key, new_email},
    rows::{domain_of, number, text},
    terms::{Request, Start},
    visible::only_seen,
};
use base::{TenantId, Timestamp};

/// A link of a person to an account at a provider.
#[derive(Debug, Clone)]
pub struct Identity {
    pub provider: String,
    /// As the provider verified it; empty when it did not.
    pub email: String,
    pub created_at_ms: i64,
}

impl Came {
    /// The name, as we take names.
    pub(crate) fn short_name(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        // Once more: what was cut off may leave a joiner at the end.
        only_seen(&only_seen(&name))
    }
}

impl Service {
    /// Opens a session by a code of a callback, for the linked person, or for one that becomes a member now.
    pub async fn session_by_identity(&self, code: &str, seen: &Seen) -> Result<Tokens> {
        self.attempts.admit_from(seen.peer, self.now())?;
        let mut txn = self.begin().await?;
        let came = self.take_came(&mut txn, code).await;
        let found = match &came {
            Ok(came) => self.whose(&mut txn, came).await,
            Err(e) => Err(e.clone()),
        };
        let (person, provider) = match found {
            Ok(found) => found,
            Err(e) => {
                // Whatever was wrong: the code is used up, and nothing else was done.
                txn.rollback().await?;
                let mut txn = self.begin().await?;
                drop(self.take_came(&mut txn, code).await);
                txn.commit().await?;
                return Err(e);
            }
        };
        txn.commit().await?;
        self.auth.forget();
        let asked_at = Timestamp(came?.asked_at_ms.unwrap_or(0).min(self.now().0));
        let tenant = Some(provider.tenant.to_string());
        self.open_session_in(&person, tenant, Some(provider.tenant), asked_at, seen).await
    }

    /// The person of a link; a new one where people may join.
    async fn whose(&self, txn: &mut Connection, came: &Came) -> Result<(String, IdentityProvider)> {
        let provider = self.provider_row(txn, &came.provider).await.map_err(|_| refused())?;
        let known = query("SELECT person FROM identity WHERE provider = $1 AND subject = $2")
            .bind(&came.provider)
            .bind(&came.subject)
            .fetch_optional(&mut *txn)
            .await?;
        if let Some(row) = known {
            return Ok((text(&row, "person")?, provider));
        }
        let person = self.joins_now(txn, &provider, came).await?;
        self.rights_changed(txn).await?;
        Ok((person, provider))
    }

    /// A new person of the provider's tenant.
    async fn joins_now(&self, txn: &mut Connection, provider: &IdentityProvider, came: &Came) -> Result<String> {
        let key = came.email.as_deref().map(email_key).transpose().map_err(|_| refused())?.ok_or_else(refused)?;
        let domain = domain_of(&key);
        let allowed = provider.domains.iter().any(|d| d == domain);
        if !allowed || !self.owns_domain(txn, provider.tenant, domain).await? {
            return Err(refused());
        }
        if self.person_of(txn, &key).await?.is_some() {
            let message = "A person has this address already: sign in as usual and link the identity provider";
            return Err(Error::new(Code::Taken, "", message));
        }
        let name = came.short_name();
        let email = new_email(&key).map_err(|_| refused())?;
        let new = NewPerson { email: &email, name: &name, locale: "en", argon2: None, verified: true };
        let person = self.insert_person(txn, &new).await?;
        self.insert_identity(txn, came, &person.id).await?;
        let member = self.join(txn, &person.id, provider.tenant, &provider.role, &Selector::All).await?;
        let who = Actor::nobody(person.id.clone());
        self.audit(txn, &who, provider.tenant, "identityJoin", &member, &provider.id).await?;
        Ok(person.id)
    }

    /// Links what a provider vouched for to a person. `Taken` when it is another's.
    pub(crate) async fn insert_identity(&self, txn: &mut Connection, came: &Came, person: &str) -> Result<()> {
        let made = query(
            "INSERT INTO identity (provider, subject, person, email, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (provider, subject) DO NOTHING",
        )
        .bind(&came.provider)
        .bind(&came.subject)
        .bind(person)
        .bind(came.email.as_deref().unwrap_or_default())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        match made {
            0 => Err(Error::new(Code::Taken, "code", "That account is linked to a person already")),
            _ => Ok(()),
        }
    }

    /// Whom a code is about, of a provider of that tenant. `InvalidCredentials` when it is of none.
    pub(crate) async fn came_to(&self, txn: &mut Connection, code: &str, tenant: TenantId) -> Result<Came> {
        let came = self.take_came(txn, code).await?;
        let provider = self.provider_row(txn, &came.provider).await.map_err(|_| refused())?;
        if provider.tenant == tenant { Ok(came) } else { Err(refused()) }
    }

    /// Links what a callback brought to the person who asks, a member of the provider's tenant whose address is verified; gives
    /// the provider.
    pub async fn identity_link(&self, actor: &Actor, terms: &Terms, code: &str) -> Result<Done<String>> {
        let mut work = match self.start_own(actor, terms, Request::new("identityLink", code.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        if !person.verified {
            let message =
                "Show first that the address is yours: by an invitation, or a new password, that was mailed to it";
            return Err(Error::new(Code::Forbidden, "", message));
        }
        let came = self.take_came(&mut work.txn, code).await?;
        let provider = self.provider_row(&mut work.txn, &came.provider).await.map_err(|_| refused())?;
        let member = query("SELECT 1 AS n FROM membership WHERE person = $1 AND tenant = $2 LIMIT 1")
            .bind(&person.id)
            .bind(provider.tenant.to_string())
            .fetch_optional(&mut work.txn)
            .await?;
        if member.is_none() {
            return Err(Error::not_found("code"));
        }
        self.insert_identity(&mut work.txn, &came, &person.id).await?;
        self.audit(&mut work.txn, actor, provider.tenant, "identityLink", &provider.id, &person.id).await?;
        self.finish(work, provider.id, &[]).await
    }

    /// Takes the links of the person who asks to a provider away, and ends the sessions that came by it.
    pub async fn identity_unlink(&self, actor: &Actor, terms: &Terms, provider: &str) -> Result<Done<String>> {
        let request = Request::new("identityUnlink", provider.to_owned());
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        let gone = query("DELETE FROM identity WHERE provider = $1 AND person = $2")
            .bind(provider)
            .bind(&person.id)
            .execute(&mut work.txn)
            .await?;
        if gone == 0 {
            return Err(Error::not_found("providerId"));
        }
        query(
            "UPDATE session SET revoked_at = $3 WHERE subject = $1 AND revoked_at IS NULL AND only_in = \
             (SELECT tenant FROM identity_provider WHERE id = $2)",
        )
        .bind(&person.id)
        .bind(provider)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit_own(&mut work.txn, actor, "identityUnlink", provider).await?;
        work.rights = true;
        self.finish(work, provider.to_owned(), &[]).await
    }

    /// Links of the person who asks.
    pub async fn identities(&self, actor: &Actor) -> Result<Vec<Identity>> {
        let Some(person) = actor.itself() else { return Ok(Vec::new()) };
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT * FROM identity WHERE person = $1 ORDER BY created_at, provider")
            .bind(person)
            .fetch_all(&mut connection)
            .await?;
        let identity = |row: &Row| {
            let (provider, email) = (text(row, "provider")?, text(row, "email")?);
            Ok(Identity { provider, email, created_at_ms: number(row, "created_at")? })
        };
        rows.iter().map(identity).collect()
    }
}
