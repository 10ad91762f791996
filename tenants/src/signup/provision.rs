//! SUMMARY    Making what was signed up for: tenant, limits, domain, mailbox, owner, in one transaction.
//! STANDARDS  product.md §5 (U1, U2, U3)
//! INVARIANTS All of it or nothing, under the id that was decided at the beginning. What cannot be made ends the signup, and what was paid is
//!            owed; what fails for now is tried again. A domain that cannot be claimed keeps nobody out: it is told.

use super::{ACTOR, Review, Signup, SignupState, risk::Probation};
use crate::{
    Actor, Code, Error, Limits, NewMailbox, Permissions, Result, Service,
    claim::By,
    db::{Connection, Txn, query},
    domain::parse_name,
    password::Verifiers,
    people::{NewNotice, SignedUp},
    rows::text,
};
use base::{Address, TenantId};
use control::{AccountKind, Change, SendLimits};
use serde::Serialize;

/// What a tenant has before whoever sells says what it has.
const NOTHING: Limits = Limits {
    max_domains: Some(0),
    max_mailboxes: Some(0),
    storage_bytes_max: Some(0),
    messages_per_hour_max: Some(0),
    recipients_per_day_max: None,
    new_recipients_per_day_max: None,
    storage_grace_bytes: 0,
};

#[derive(Serialize)]
struct Welcome<'a> {
    address: &'a str,
    domain: &'a str,
    contact: &'a str,
    /// The owner signs in with the password it had.
    known: bool,
    /// Why the domain could not be claimed.
    outcome: &'a str,
    /// Where they sign in.
    portal: String,
}

impl Service {
    /// Makes what a signup is for, or gives what was made.
    pub(super) async fn provision(&self, signup: &str) -> Result<Signup> {
        match self.provision_once(signup).await {
            Ok(made) => Ok(made),
            // For now: the worker goes on.
            Err(e) if matches!(e.code, Code::Internal | Code::Throttled { .. } | Code::NotOpen) => Err(e),
            Err(e) => {
                tracing::warn!(signup, error = %e, "a signup comes to nothing");
                let mut txn = self.begin().await?;
                let now = self.signup_row(&mut txn, signup).await?;
                if now.state == SignupState::Provisioning {
                    self.end_signup(&mut txn, &now, SignupState::Abandoned, &e.message).await?;
                }
                txn.commit().await?;
                self.give_back_due().await;
                Err(e)
            }
        }
    }

    async fn provision_once(&self, signup: &str) -> Result<Signup> {
        let shop = self.shop()?;
        let mut txn = self.begin().await?;
        let found = self.signup_row(&mut txn, signup).await?;
        match found.state {
            SignupState::Provisioning => {}
            SignupState::Done => return Ok(found),
            SignupState::NameHeld
            | SignupState::Challenged
            | SignupState::ContactVerified
            | SignupState::CheckoutPending
            | SignupState::Abandoned
            | SignupState::Expired => return Err(super::not_now(found.state)),
        }
        let sealed = query("SELECT sealed FROM signup WHERE id = $1").bind(signup).fetch_one(&mut txn).await?;
        let verifiers = self.kept_verifiers(signup, &text(&sealed, "sealed")?)?;
        let actor = Actor::of(found.seller, Permissions::NONE, false, ACTOR.to_owned());
        let order = self.order(&mut txn, &found).await?;
        let tenant = found.tenant;
        self.not_too_deep(&mut txn, found.seller).await?;
        self.insert_tenant(&mut txn, (tenant, found.seller), &found.name, &NOTHING).await?;
        self.audit(&mut txn, &actor, tenant, "tenantCreate", &tenant.to_string(), &found.name).await?;
        let mut batch = shop.provision(&mut txn, &order).await?;
        self.begin_probation(&mut txn, &found).await?;
        let outcome = self.claim_wanted(&mut txn, &actor, &found, &mut batch).await?;
        self.first_mailbox(&mut txn, &actor, &found, &verifiers, &mut batch).await?;
        let owner = SignedUp { email: &order.contact, locale: &found.locale, argon2: &verifiers.argon2 };
        let known = self.owner_signed_up(&mut txn, tenant, &owner).await?;
        batch.push(self.entitlement_again(&mut txn, tenant).await?);
        batch.extend(self.entitlement_of_grantor(&mut txn, found.seller).await?);
        self.audit(&mut txn, &actor, tenant, "signupComplete", signup, &order.contact).await?;
        self.welcome(&mut txn, &found, known, &outcome).await?;
        self.signup_done(&mut txn, signup, &outcome).await?;
        let made = self.signup_row(&mut txn, signup).await?;
        self.tell(&mut txn, &batch).await?;
        txn.commit().await?;
        self.committed().await;
        Ok(made)
    }

    /// How little the tenant sends at first.
    async fn begin_probation(&self, txn: &mut Connection, found: &Signup) -> Result<()> {
        let kind = match found.review {
            Review::Approved => Probation::of(0, false),
            Review::None | Review::Pending | Review::Refused => {
                Probation::of(found.score, found.review == Review::Pending)
            }
        };
        self.set_probation(txn, found.tenant, kind).await
    }

    pub(super) async fn set_probation(&self, txn: &mut Connection, tenant: TenantId, kind: Probation) -> Result<()> {
        let now = self.now().0;
        query("UPDATE tenant SET probation = $2, probation_since = $3, probation_due = $4 WHERE id = $1")
            .bind(tenant.to_string())
            .bind(kind.name())
            .bind(now)
            .bind(kind.next(now, now))
            .execute(txn)
            .await
            .map(drop)
    }

    /// Claims the customer's own domain. Why that was refused; empty when it was not.
    async fn claim_wanted(
        &self,
        txn: &mut Txn,
        actor: &Actor,
        found: &Signup,
        batch: &mut Vec<Change>,
    ) -> Result<String> {
        let Some(name) = &found.domain else { return Ok(String::new()) };
        let name = parse_name(name, "domain")?;
        txn.savepoint().await?;
        match self.insert_claim(txn, found.tenant, &name, By::Tenant).await {
            Ok(()) => txn.keep().await?,
            Err(e) if e.code == Code::Internal => return Err(e),
            Err(e) => {
                txn.take_back().await?;
                return Ok(format!("{}: {}", name.as_str(), e.message));
            }
        }
        self.audit(txn, actor, found.tenant, "domainCreate", name.as_str(), "").await?;
        batch.extend(self.domain_snapshot_of(txn, name.as_str(), found.tenant).await?);
        Ok(String::new())
    }

    async fn first_mailbox(
        &self,
        txn: &mut Txn,
        actor: &Actor,
        found: &Signup,
        verifiers: &Verifiers,
        batch: &mut Vec<Change>,
    ) -> Result<()> {
        let Some(address) = &found.address else { return Ok(()) };
        let address = Address::parse(address).map_err(|_| super::damaged())?;
        self.still_offered(txn, found.seller, address.domain().as_str()).await?;
        self.may_lead(txn, actor, found.tenant, &[address.canonical()], "address").await?;
        let send = SendLimits { per_hour: None, per_day: None, new_recipients_per_day: None };
        let new = NewMailbox { address: address.canonical(), kind: AccountKind::Person, send, ..NewMailbox::default() };
        let account = self.insert_mailbox(txn, found.tenant, &address, &new, Some(verifiers)).await?;
        self.audit(txn, actor, found.tenant, "mailboxCreate", &account.to_string(), &address.canonical()).await?;
        batch.push(self.account_snapshot(txn, account).await?);
        batch.push(self.address_change(txn, &address).await?);
        Ok(())
    }

    /// A name was held on a domain that the seller shares: it must do so still.
    async fn still_offered(&self, txn: &mut Connection, seller: TenantId, domain: &str) -> Result<()> {
        let row = query("SELECT 1 AS n FROM domain WHERE name = $1 AND tenant = $2 AND live = 1 AND shared = 1");
        match row.bind(domain).bind(seller.to_string()).fetch_optional(txn).await? {
            Some(_) => Ok(()),
            None => Err(Error::new(Code::Taken, "address", "The domain of the address is not offered any more")),
        }
    }

    async fn welcome(&self, txn: &mut Connection, found: &Signup, known: bool, outcome: &str) -> Result<()> {
        let (address, domain) = (found.address.as_deref().unwrap_or_default(), found.domain.as_deref());
        let contact = found.contact.as_deref().unwrap_or_default();
        let portal = self.portal_of(txn, found.seller).await?;
        for recipient in [contact, address].into_iter().filter(|to| !to.is_empty()) {
            let facts = Welcome {
                address,
                domain: domain.unwrap_or_default(),
                contact,
                known,
                outcome,
                portal: portal.clone(),
            };
            let (kind, locale) = ("signup-welcome", found.locale.as_str());
            self.put_notice(txn, NewNotice { tenant: None, kind, recipient, locale, facts }).await?;
        }
        Ok(())
    }

    /// The signup is done: its name stays, its secrets go.
    async fn signup_done(&self, txn: &mut Connection, signup: &str, outcome: &str) -> Result<()> {
        query(
            "UPDATE signup SET state = $2, sealed = '', code = NULL, outcome = $3, open = 0, due_at = $4, version = version + 1 \
             WHERE id = $1",
        )
        .bind(signup)
        .bind(SignupState::Done.name())
        .bind(outcome)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }
}
