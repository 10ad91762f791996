//! SUMMARY    Invitations: a role in a tenant for whoever has an address and the invitation's secret.
//! SECURITY   There are two secrets of a round: one for the mail to the address, which proves that its reader has the address,
//!            and one for whoever invited, which proves nothing. So nobody makes a person of somebody else's address that
//!            counts as verified. The person of a verified address joins with its own password only; one whose address
//!            was never verified gives way to who reads the address's mail, and what it had accepted ties nobody.
//! LIMITS     INVITATION_LIFE, INVITATIONS_MAX, INVITATION_MAILS_PER_DAY, INVITATION_MAILS_PER_ADDRESS,
//!            INVITATION_MAILS_PER_ADDRESS_OF_ALL
//! INVARIANTS Who invites has all that the invitation gives, and keeps it until it is accepted (people/member.rs).

use super::{
    email_key, mail_key,
    member::Member,
    new_email,
    notice::NewNotice,
    person::{NewPerson, Person},
};
use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Selector, Service, Terms,
    auth::{Seen, refused},
    db::{Connection, Row, query},
    limits::{
        INVITATION_LIFE, INVITATION_MAILS_PER_ADDRESS, INVITATION_MAILS_PER_ADDRESS_OF_ALL, INVITATION_MAILS_PER_DAY,
        INVITATIONS_MAX,
    },
    oidc::Came,
    page::list,
    password,
    rows::{fresh_id, id, number, text},
    terms::{Request, Start, Work},
};
use base::TenantId;
use serde::Serialize;

/// 24 hours, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// An invitation as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// `inv_…`
    pub id: String,
    pub tenant: TenantId,
    pub email: String,
    pub role: String,
    pub on: Selector,
    pub invited_by: String,
    pub expires_at_ms: i64,
    pub version: i64,
}

/// An invitation to be made.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub tenant: TenantId,
    pub email: String,
    pub role: String,
    pub on: Selector,
}

/// An invitation that was made or sent again.
#[derive(Debug, Clone)]
pub struct Invited {
    pub invitation: Invitation,
    /// For whoever invited, to hand over. None in a dry run.
    pub secret: Option<String>,
}

/// An invitation that is accepted.
pub struct Acceptance {
    pub secret: String,
    /// Of a new person.
    pub name: Option<String>,
    pub locale: Option<String>,
    /// The new person's, or the one the person has. Not needed from the person itself, signed in.
    pub password: Option<String>,
    /// What a sign-in at an identity provider of the inviting tenant gave: the account there is linked to the person. A new
    /// person needs no password then.
    pub identity_code: Option<String>,
    pub seen: Seen,
}

/// Which way a secret went.
const WAYS: [(&str, bool); 2] = [("mail", true), ("hand", false)];

#[derive(Serialize)]
struct Facts<'a> {
    tenant: &'a str,
    secret: String,
    expires_at_ms: i64,
    /// Where the code is entered.
    portal: String,
}

/// What came of a look at an acceptance before its transaction.
struct Checked {
    argon2: Option<String>,
    matches: bool,
}

/// What is known of whoever accepts.
struct Known<'a> {
    /// Whether the secret came by mail to the address.
    proves: bool,
    checked: &'a Checked,
    came: Option<&'a Came>,
}

impl Service {
    /// Invites somebody. `Forbidden` for a role that has more than the actor. Repeating the request by its key shows the
    /// same secret again.
    pub async fn member_invite(&self, actor: &Actor, terms: &Terms, new: &NewInvitation) -> Result<Done<Invited>> {
        new_email(&new.email)?;
        let request = Request::new("memberInvite", format!("{new:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.invited(done, terms.dry_run).await,
        };
        self.permit(&mut work.txn, actor, Permission::MemberWrite, new.tenant).await?;
        self.suits(&new.role, &new.on)?;
        self.may_give(&mut work.txn, actor, new.tenant, &new.role, &new.on).await?;
        let id = self.insert_invitation(&mut work.txn, actor, new).await?;
        self.finish_invited(work, id).await
    }

    /// Stores an invitation and its notice; gives its id.
    pub(crate) async fn insert_invitation(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewInvitation,
    ) -> Result<String> {
        let open = query(
            "SELECT COUNT(*) AS n FROM invitation WHERE tenant = $1 AND accepted_at IS NULL AND revoked_at IS NULL \
             AND expires_at > $2",
        )
        .bind(new.tenant.to_string())
        .bind(self.now().0)
        .fetch_one(&mut *txn)
        .await?;
        if number(&open, "n")? >= INVITATIONS_MAX {
            let message = format!("A tenant has at most {INVITATIONS_MAX} open invitations (INVITATIONS_MAX)");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        let email = new_email(&new.email)?;
        let (id, (kind, list)) = (fresh_id("inv_")?, new.on.stored());
        query(
            "INSERT INTO invitation (id, tenant, email, role, on_kind, on_list, round, expires_at, invited_by, invited_in, \
             version, created_at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, 1, $10)",
        )
        .bind(&id)
        .bind(new.tenant.to_string())
        .bind(&email)
        .bind(&new.role)
        .bind(kind)
        .bind(list)
        .bind(self.now().plus(INVITATION_LIFE).0)
        .bind(&actor.name)
        .bind(actor.tenant.to_string())
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        let detail = format!("{email} {}", new.role);
        self.audit(txn, actor, new.tenant, "memberInvite", &id, &detail).await?;
        self.invitation_notice(txn, actor, &id).await?;
        Ok(id)
    }

    async fn invitation_notice(&self, txn: &mut Connection, actor: &Actor, id: &str) -> Result<()> {
        let (invitation, round) = self.invitation_row(txn, id).await?;
        let tenant = self.tenant_in(txn, invitation.tenant).await?;
        let secret = self.invitation_secret(id, round, "mail");
        let portal = self.portal_of(txn, tenant.id).await?;
        let facts = Facts { tenant: &tenant.name, secret, expires_at_ms: invitation.expires_at_ms, portal };
        let (kind, recipient) = ("invitation", invitation.email.as_str());
        self.may_mail(txn, invitation.tenant, kind, recipient).await?;
        let locale = self.locale_of_invited(txn, actor, recipient).await?;
        self.put_notice(txn, NewNotice { tenant: Some(tenant.id), kind, recipient, locale: &locale, facts }).await
    }

    /// The language of who is invited; of somebody new, that of the person who invites.
    async fn locale_of_invited(&self, txn: &mut Connection, actor: &Actor, email: &str) -> Result<String> {
        if let Some((person, _)) = self.person_of(txn, &email_key(email)?).await? {
            return Ok(person.locale);
        }
        match actor.person() {
            Some(person) => Ok(self.person_in(txn, person).await?.locale),
            None => Ok("en".to_owned()),
        }
    }

    /// Whether a tenant may still have mail sent to an address it names: nobody floods others in our name.
    async fn may_mail(&self, txn: &mut Connection, tenant: TenantId, kind: &str, recipient: &str) -> Result<()> {
        let sent = query(
            "SELECT COUNT(*) AS n, COUNT(CASE WHEN recipient_key = $4 THEN 1 END) AS same FROM outgoing_notice \
             WHERE tenant = $1 AND kind = $2 AND created_at > $3",
        )
        .bind(tenant.to_string())
        .bind(kind)
        .bind(self.now().0.saturating_sub(DAY_MS))
        .bind(mail_key(recipient))
        .fetch_one(&mut *txn)
        .await?;
        let of_all = query(
            "SELECT COUNT(*) AS n FROM outgoing_notice WHERE recipient_key = $1 AND kind = $2 AND created_at > $3",
        )
        .bind(mail_key(recipient))
        .bind(kind)
        .bind(self.now().0.saturating_sub(DAY_MS))
        .fetch_one(txn)
        .await?;
        let all = ("INVITATION_MAILS_PER_ADDRESS_OF_ALL", "of all tenants to one address");
        let limits = [
            (number(&sent, "same")?, INVITATION_MAILS_PER_ADDRESS, "INVITATION_MAILS_PER_ADDRESS", "to one address"),
            (number(&sent, "n")?, INVITATION_MAILS_PER_DAY, "INVITATION_MAILS_PER_DAY", "of a tenant"),
            (number(&of_all, "n")?, INVITATION_MAILS_PER_ADDRESS_OF_ALL, all.0, all.1),
        ];
        for (sent, max, name, what) in limits {
            if sent >= max {
                let message = format!("At most {max} invitations {what} go out in 24 hours ({name})");
                return Err(Error::new(Code::LimitReached, "email", message));
            }
        }
        Ok(())
    }

    fn invitation_secret(&self, id: &str, round: i64, way: &str) -> String {
        format!("{id}.{round}.{}", self.keys.ticket(&["invitation", id, &round.to_string(), way]))
    }

    async fn finish_invited(&self, work: Work, id: String) -> Result<Done<Invited>> {
        let dry_run = work.dry_run;
        if dry_run {
            let mut work = work;
            let (invitation, _) = self.invitation_row(&mut work.txn, &id).await?;
            return Ok(self.finish(work, id, &[]).await?.map(|_| Invited { invitation, secret: None }));
        }
        let done = self.finish(work, id, &[]).await?;
        self.invited(done, dry_run).await
    }

    async fn invited(&self, done: Done<String>, dry_run: bool) -> Result<Done<Invited>> {
        let mut connection = self.pool().acquire().await?;
        let (invitation, round) = self.invitation_row(&mut connection, &done.object).await?;
        let secret = (!dry_run).then(|| self.invitation_secret(&done.object, round, "hand"));
        Ok(done.map(|_| Invited { invitation, secret }))
    }

    /// What whoever invited may hand over; `None` once it is no longer open.
    pub(crate) async fn secret_of_invitation(&self, id: &str) -> Result<Option<String>> {
        let mut connection = self.pool().acquire().await?;
        let (_, round) = self.invitation_row(&mut connection, id).await?;
        let open = self.is_open(&mut connection, id).await?;
        Ok(open.then(|| self.invitation_secret(id, round, "hand")))
    }

    /// Sends an invitation again, with fresh secrets and from now on; the former ones end.
    pub async fn invitation_resend(&self, actor: &Actor, terms: &Terms, invitation: &str) -> Result<Done<Invited>> {
        let request = Request::new("invitationResend", invitation.to_owned());
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.invited(done, terms.dry_run).await,
        };
        let now = self.invitation_in(&mut work.txn, actor, invitation).await?;
        work.expect(now.version)?;
        // Whoever sends it again is handed a secret of it.
        self.may_give(&mut work.txn, actor, now.tenant, &now.role, &now.on).await?;
        query("UPDATE invitation SET round = round + 1, expires_at = $2, version = version + 1 WHERE id = $1")
            .bind(invitation)
            .bind(self.now().plus(INVITATION_LIFE).0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, now.tenant, "invitationResend", invitation, &now.email).await?;
        self.invitation_notice(&mut work.txn, actor, invitation).await?;
        self.finish_invited(work, invitation.to_owned()).await
    }

    /// Takes an invitation back; gives its id.
    pub async fn invitation_revoke(&self, actor: &Actor, terms: &Terms, invitation: &str) -> Result<Done<String>> {
        let request = Request::new("invitationRevoke", invitation.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.invitation_in(&mut work.txn, actor, invitation).await?;
        work.expect(now.version)?;
        query("UPDATE invitation SET revoked_at = $2, version = version + 1 WHERE id = $1")
            .bind(invitation)
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, now.tenant, "invitationRevoke", invitation, &now.email).await?;
        self.finish(work, invitation.to_owned(), &[]).await
    }

    /// Accepts an invitation, as a new person, as the person signed in, or as the one whose password is given.
    /// `NotFound` whatever is wrong with the secret; `InvalidCredentials`.
    pub async fn invitation_accept(&self, actor: &Actor, given: &Acceptance) -> Result<Done<Member>> {
        let missing = || Error::new(Code::NotFound, "secret", "The invitation is wrong, used, expired or revoked");
        let mut parts = given.secret.split('.');
        let (Some(id), Some(round), Some(ticket), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(missing());
        };
        let came = WAYS.iter().find(|(way, _)| self.keys.is_ticket(&["invitation", id, round, way], ticket));
        let (_, proves) = *came.ok_or_else(missing)?;
        let mut connection = self.pool().acquire().await?;
        let (invitation, newest) = self.invitation_row(&mut connection, id).await.map_err(|_| missing())?;
        let known = self.person_of(&mut connection, &email_key(&invitation.email)?).await?;
        drop(connection);
        let checked = self.check(given, &invitation.email, known.and_then(|(_, argon2)| argon2)).await?;
        let mut txn = self.begin().await?;
        // Asked again: what was read before may have changed.
        let now = self.invitation_row(&mut txn, id).await.map_err(|_| missing())?.0;
        if newest.to_string() != round || now != invitation || !self.is_open(&mut txn, id).await? {
            return Err(missing());
        }
        let came = match &given.identity_code {
            Some(code) => Some(self.came_to(&mut txn, code, invitation.tenant).await?),
            None => None,
        };
        let known = Known { proves, checked: &checked, came: came.as_ref() };
        let person = self.invitee(&mut txn, actor, given, &invitation, known).await?;
        if let Some(came) = &came {
            self.insert_identity(&mut txn, came, &person.id).await?;
            let who = Actor::nobody(person.id.clone());
            self.audit(&mut txn, &who, invitation.tenant, "identityLink", &came.provider, id).await?;
        }
        let member = self.join(&mut txn, &person.id, invitation.tenant, &invitation.role, &invitation.on).await?;
        query("UPDATE invitation SET accepted_at = $2, version = version + 1 WHERE id = $1")
            .bind(id)
            .bind(self.now().0)
            .execute(&mut txn)
            .await?;
        let who = Actor::nobody(person.id.clone());
        self.audit(&mut txn, &who, invitation.tenant, "invitationAccept", id, &member).await?;
        self.rights_changed(&mut txn).await?;
        let object = self.member_row(&mut txn, &member).await?;
        txn.commit().await?;
        self.auth.forget();
        Ok(Done { object, applied: self.settle().await })
    }

    /// What takes long: hashing and checking of the password, once.
    async fn check(&self, given: &Acceptance, email: &str, argon2: Option<String>) -> Result<Checked> {
        let Some(password) = &given.password else { return Ok(Checked { argon2: None, matches: false }) };
        // By names of its own: whoever has an invitation to an address takes no sign-ins from its owner, who may also accept it signed
        // in.
        let name = format!("invitation {}", email_key(email)?);
        self.attempts.admit_stranger(given.seen.peer, &name, self.now())?;
        if argon2.is_some() {
            self.attempts.admit_name(&name, self.now())?;
        }
        let matches = match argon2 {
            Some(argon2) => self.password_matches(given.seen.peer, Some(argon2), password).await?,
            None => false,
        };
        let argon2 = if matches { None } else { Some(password::argon2(password, self.password_cost).await?) };
        Ok(Checked { argon2, matches })
    }

    /// The person who accepts.
    async fn invitee(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        given: &Acceptance,
        invitation: &Invitation,
        known: Known<'_>,
    ) -> Result<Person> {
        let Known { proves, checked, came } = known;
        let Some((person, _)) = self.person_of(txn, &email_key(&invitation.email)?).await? else {
            if checked.argon2.is_none() && came.is_none() {
                return Err(Error::new(Code::Invalid, "password", "A new person needs a password"));
            }
            let name = given.name.clone().or(came.map(Came::short_name)).unwrap_or_default();
            let new = NewPerson {
                email: &invitation.email,
                name: &name,
                locale: given.locale.as_deref().unwrap_or("en"),
                argon2: checked.argon2.as_deref(),
                verified: proves,
            };
            return self.insert_person(txn, &new).await;
        };
        let itself = actor.itself() == Some(person.id.as_str());
        if !itself && !checked.matches {
            // Whoever took the address first without having it loses it to who reads its mail.
            match (&checked.argon2, proves && !person.verified) {
                (Some(argon2), true) => self.start_afresh(txn, &person.id, argon2).await?,
                (_, _) => return Err(refused()),
            }
        }
        if proves && !person.verified {
            query("UPDATE person SET verified = 1, version = version + 1 WHERE id = $1")
                .bind(&person.id)
                .execute(&mut *txn)
                .await?;
        }
        self.person_in(txn, &person.id).await
    }

    /// Gives an unverified person's place to who proved the address: everything to sign in by is new.
    async fn start_afresh(&self, txn: &mut Connection, person: &str, argon2: &str) -> Result<()> {
        self.replace_argon2(txn, person, argon2).await?;
        self.end_factors(txn, person).await?;
        self.inherit(txn, person).await?;
        self.end_sessions(txn, person, None).await.map(drop)
    }

    async fn is_open(&self, txn: &mut Connection, id: &str) -> Result<bool> {
        let row = query(
            "SELECT 1 AS n FROM invitation WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(id)
        .bind(self.now().0)
        .fetch_optional(txn)
        .await?;
        Ok(row.is_some())
    }

    /// Open invitations of a tenant, by id, a page of them; and how many there are.
    pub async fn invitations(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Invitation>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::MemberRead, tenant).await?;
        let list = list!(
            "invitation WHERE tenant = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > CAST($2 AS BIGINT)",
            by "id", "$3", "$4"
        );
        let from = page.from::<String>()?;
        let scope = [tenant.to_string(), self.now().0.to_string()];
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// An open invitation to a tenant whose members the actor may change.
    async fn invitation_in(&self, txn: &mut Connection, actor: &Actor, invitation: &str) -> Result<Invitation> {
        let missing = || Error::not_found("id");
        let (found, _) = self.invitation_row(txn, invitation).await.map_err(|_| missing())?;
        let permitted = self.permit(txn, actor, Permission::MemberWrite, found.tenant).await;
        permitted.map_err(|e| e.missing("id"))?;
        if self.is_open(txn, invitation).await? { Ok(found) } else { Err(missing()) }
    }

    async fn invitation_row(&self, txn: &mut Connection, id: &str) -> Result<(Invitation, i64)> {
        let row = query("SELECT * FROM invitation WHERE id = $1").bind(id).fetch_optional(txn).await?;
        let row = row.ok_or_else(|| Error::not_found("id"))?;
        Ok((from_row(&row)?, number(&row, "round")?))
    }
}

fn from_row(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        email: text(row, "email")?,
        role: text(row, "role")?,
        on: Selector::of_row(row)?,
        invited_by: text(row, "invited_by")?,
        expires_at_ms: number(row, "expires_at")?,
        version: number(row, "version")?,
    })
}
