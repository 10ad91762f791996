//! SUMMARY    The risk queue: signups as whoever sells sees them, let through or refused.
//! LIMITS     SIGNUP_SEARCH_CHARS_MAX
//! INVARIANTS A refusal ends a signup that is not done, and gives back what was paid. A tenant that is there already is stopped by a hold of
//!            abuse; its mail stays, and can be exported.

use super::{Review, Signup, SignupState, from_row, risk::Probation};
use crate::{
    Actor, Code, Done, Error, NewHold, Page, Permission, Result, Service, Subject, Terms,
    db::{Connection, query},
    limits::SIGNUP_SEARCH_CHARS_MAX,
    page::list,
    rows::like,
    terms::{Request, Start},
};
use base::TenantId;
use control::{Change, HoldKind};

/// Which signups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupFilter {
    /// Those that somebody is to look at.
    Review,
    All,
}

/// What signups are looked for by.
#[derive(Debug, Clone)]
pub struct SignupWanted {
    pub filter: SignupFilter,
    /// Any, when missing.
    pub state: Option<SignupState>,
    /// A part of the address, the domain, the contact or the name, or a whole id; everything when empty.
    pub search: String,
}

impl Service {
    /// Signups of a seller, a page of them; and how many there are.
    pub async fn signups(
        &self,
        actor: &Actor,
        seller: TenantId,
        wanted: &SignupWanted,
        page: &Page,
    ) -> Result<(Vec<Signup>, i64)> {
        let search = wanted.search.trim().to_lowercase();
        if search.chars().count() > SIGNUP_SEARCH_CHARS_MAX {
            let message = format!("At most {SIGNUP_SEARCH_CHARS_MAX} characters (SIGNUP_SEARCH_CHARS_MAX)");
            return Err(Error::new(Code::Invalid, "search", message));
        }
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantCreate, seller).await?;
        let list = match wanted.filter {
            SignupFilter::Review => list!(
                "signup WHERE tenant = $1 AND review = 'PENDING' AND ($2 = '' OR state = $2) AND ($3 = '' OR id = $3 \
                 OR LOWER(address) LIKE $4 ESCAPE '!' OR LOWER(own_domain) LIKE $4 ESCAPE '!' \
                 OR LOWER(contact) LIKE $4 ESCAPE '!' OR LOWER(name) LIKE $4 ESCAPE '!')",
                by "id", "$5", "$6"
            ),
            SignupFilter::All => list!(
                "signup WHERE tenant = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR id = $3 \
                 OR LOWER(address) LIKE $4 ESCAPE '!' OR LOWER(own_domain) LIKE $4 ESCAPE '!' \
                 OR LOWER(contact) LIKE $4 ESCAPE '!' OR LOWER(name) LIKE $4 ESCAPE '!')",
                by "id", "$5", "$6"
            ),
        };
        let state = wanted.state.map(|state| state.name().to_owned()).unwrap_or_default();
        let scope = [seller.to_string(), state, search.clone(), format!("%{}%", like(&search))];
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Lets a signup through: its tenant is let up as others are.
    pub async fn signup_approve(&self, actor: &Actor, terms: &Terms, signup: &str) -> Result<Done<Signup>> {
        let mut work = match self.start(actor, terms, Request::new("signupApprove", signup.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let found = self.signup_in(&mut work.txn, actor, signup).await?;
        work.expect(found.version)?;
        self.set_review(&mut work.txn, signup, Review::Approved).await?;
        let mut batch = Vec::new();
        if found.state == SignupState::Done {
            self.set_probation(&mut work.txn, found.tenant, Probation::Usual).await?;
            batch.push(self.entitlement_again(&mut work.txn, found.tenant).await?);
            let detail = found.reasons.join(" ");
            self.audit(&mut work.txn, actor, found.tenant, "signupApprove", signup, &detail).await?;
        }
        self.audit(&mut work.txn, actor, found.seller, "signupApprove", signup, &found.reasons.join(" ")).await?;
        let found = self.signup_row(&mut work.txn, signup).await?;
        self.finish(work, found, &batch).await
    }

    /// Refuses a signup, with a reason that its tenant is shown.
    pub async fn signup_refuse(
        &self,
        actor: &Actor,
        terms: &Terms,
        signup: &str,
        reason: &str,
    ) -> Result<Done<Signup>> {
        let mut work =
            match self.start(actor, terms, Request::new("signupRefuse", format!("{signup} {reason}"))).await? {
                Start::Fresh(work) => work,
                Start::Repeated(done) => return Ok(done),
            };
        let found = self.signup_in(&mut work.txn, actor, signup).await?;
        work.expect(found.version)?;
        self.set_review(&mut work.txn, signup, Review::Refused).await?;
        let mut batch = Vec::new();
        match found.state {
            SignupState::Done => {
                batch = self.stop_tenant(&mut work.txn, actor, &found, reason).await?;
                work.rights = true;
            }
            SignupState::Abandoned | SignupState::Expired => {}
            SignupState::NameHeld
            | SignupState::Challenged
            | SignupState::ContactVerified
            | SignupState::CheckoutPending
            | SignupState::Provisioning => {
                self.end_signup(&mut work.txn, &found, SignupState::Abandoned, "refused").await?;
            }
        }
        self.audit(&mut work.txn, actor, found.seller, "signupRefuse", signup, reason).await?;
        let found = self.signup_row(&mut work.txn, signup).await?;
        let dry_run = work.dry_run;
        let done = self.finish(work, found, &batch).await?;
        if !dry_run {
            self.give_back_due().await;
        }
        Ok(done)
    }

    async fn stop_tenant(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        found: &Signup,
        reason: &str,
    ) -> Result<Vec<Change>> {
        let hold = NewHold {
            kind: HoldKind::Abuse,
            code: "SIGNUP_REFUSED".to_owned(),
            reason: reason.to_owned(),
            next_step: "Export what you need, and ask your provider.".to_owned(),
            blocks: None,
            expires_at_ms: None,
        };
        let subject = Subject::Tenant(found.tenant);
        self.place_hold(txn, actor, found.tenant, &subject, &hold).await?;
        let detail = format!("{} {reason}", hold.code);
        self.audit(txn, actor, found.tenant, "holdPlace", &subject.to_string(), &detail).await?;
        if found.offer.as_ref().is_some_and(|offer| !offer.free) {
            self.owe(txn, found).await?;
        }
        self.changes_of(txn, &subject).await
    }

    async fn set_review(&self, txn: &mut Connection, signup: &str, review: Review) -> Result<()> {
        query("UPDATE signup SET review = $2, version = version + 1 WHERE id = $1")
            .bind(signup)
            .bind(review.name())
            .execute(txn)
            .await
            .map(drop)
    }

    async fn signup_in(&self, txn: &mut Connection, actor: &Actor, signup: &str) -> Result<Signup> {
        let missing = || Error::not_found("id");
        let found = self.signup_row(txn, signup).await.map_err(|_| missing())?;
        let permitted = self.permit(txn, actor, Permission::TenantCreate, found.seller).await;
        permitted.map_err(|e| e.missing("id")).map(|()| found)
    }
}
