//! SUMMARY    What somebody signs up for, and paying for it.
//! STANDARDS  product.md §5 (U2)
//! LIMITS     SIGNUP_CHECKOUT_LIFE, SIGNUP_PAID_LIFE
//! INVARIANTS A page to pay on is noted before it is opened, so that what may be paid on it is never forgotten. Whoever chooses again after
//!            that gets another tenant to be: what was paid for the one before goes back.

use super::{Signup, SignupState, missing, not_now};
use crate::{
    Choice, Code, Error, Offer, Order, Payment, Result, Seen, Service,
    db::{Connection, query},
    limits::{SIGNUP_CHECKOUT_LIFE, SIGNUP_PAID_LIFE, SIGNUP_PAYMENT_PAUSE},
    people::NewNotice,
    rows::fresh_number,
    tenant::parse_tenant_name,
};
use base::{TenantId, Timestamp};
use serde::Serialize;

/// What is chosen.
#[derive(Debug, Clone)]
pub struct NewChoice {
    pub choice: Choice,
    /// Of the tenant; its domain or its address when missing.
    pub name: Option<String>,
}

/// Where paying stands.
#[derive(Debug, Clone)]
pub struct CheckedOut {
    pub signup: Signup,
    /// Where to pay, and until when; none: nothing is to be paid, or it is paid.
    pub page: Option<(String, Timestamp)>,
}

#[derive(Serialize)]
struct Told<'a> {
    signup: &'a str,
    secret: String,
    title: &'a str,
    /// Where the signup is gone on with.
    portal: String,
}

impl Service {
    /// What a choice comes to, of a seller that is open.
    pub async fn signup_offer(&self, seller: Option<TenantId>, choice: &Choice) -> Result<Offer> {
        let shop = self.shop()?;
        let seller = self.open_seller(&mut self.pool().acquire().await?, seller).await?.seller;
        shop.offer(seller, choice).await
    }

    /// Chooses what to sign up for; another time, something else. `Invalid`, `NotFound` for what is not offered.
    pub async fn signup_choose(&self, signup: &str, secret: &str, new: &NewChoice, seen: &Seen) -> Result<Signup> {
        self.count_step(seen)?;
        let found = self.verified(&mut self.pool().acquire().await?, signup, secret).await?;
        let name = match new.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => parse_tenant_name(name)?.to_owned(),
            None => found.domain.clone().or_else(|| found.address.clone()).unwrap_or_default(),
        };
        let offer = self.shop()?.offer(found.seller, &new.choice).await?;
        let mut txn = self.begin().await?;
        let found = self.verified(&mut txn, signup, secret).await?;
        if found.paid {
            return Err(Error::new(Code::InUse, "", "It is paid: it cannot be changed any more"));
        }
        if found.choice.as_ref() == Some(&new.choice) && found.offer.as_ref() == Some(&offer) && found.name == name {
            return Ok(found);
        }
        self.another_tenant(&mut txn, &found).await?;
        let written = |e: serde_json::Error| Error::new(Code::Internal, "", format!("a choice: {e}"));
        query("UPDATE signup SET choice = $2, offer = $3, name = $4, version = version + 1 WHERE id = $1")
            .bind(signup)
            .bind(serde_json::to_string(&new.choice).map_err(written)?)
            .bind(serde_json::to_string(&offer).map_err(written)?)
            .bind(name)
            .execute(&mut txn)
            .await?;
        let found = self.signup_row(&mut txn, signup).await?;
        txn.commit().await?;
        self.give_back_due().await;
        Ok(found)
    }

    /// Gives a signup another tenant to be, where a page to pay on was opened for the one it had: that one is owed.
    async fn another_tenant(&self, txn: &mut Connection, found: &Signup) -> Result<()> {
        if found.state != SignupState::CheckoutPending {
            return Ok(());
        }
        self.owe(txn, found).await?;
        let coming = TenantId(fresh_number()?).to_string();
        query(
            "UPDATE signup SET coming = $2, state = $3, checkout_at = NULL, due_at = expires_at, version = version + 1 WHERE id = $1",
        )
        .bind(&found.id)
        .bind(&coming)
        .bind(SignupState::ContactVerified.name())
        .execute(&mut *txn)
        .await?;
        query("UPDATE signup_name SET coming = $2 WHERE signup = $1").bind(&found.id).bind(coming).execute(txn).await?;
        Ok(())
    }

    /// Opens a page to pay on, or gives the one that is open. Nothing is to be paid for what is free.
    pub async fn signup_checkout(&self, signup: &str, secret: &str, seen: &Seen) -> Result<CheckedOut> {
        self.count_step(seen)?;
        let mut txn = self.begin().await?;
        let found = self.verified(&mut txn, signup, secret).await?;
        let offer = found.offer.as_ref().ok_or_else(|| not_now(SignupState::ContactVerified))?;
        if offer.free || found.paid {
            return Ok(CheckedOut { signup: found, page: None });
        }
        if found.state == SignupState::ContactVerified {
            let until = self.now().plus(SIGNUP_CHECKOUT_LIFE).0;
            query(
                "UPDATE signup SET state = $2, checkout_at = $3, expires_at = $4, due_at = $5, attempts = 0, version = version + 1 \
                 WHERE id = $1",
            )
            .bind(signup)
            .bind(SignupState::CheckoutPending.name())
            .bind(self.now().0)
            .bind(until)
            .bind(self.now().plus(SIGNUP_PAYMENT_PAUSE).0)
            .execute(&mut txn)
            .await?;
        }
        let found = self.signup_row(&mut txn, signup).await?;
        txn.commit().await?;
        let page = self.payment(&found).await?;
        Ok(CheckedOut { signup: self.signup(signup, secret).await?, page })
    }

    /// Asks whoever sells where paying stands, and writes down what it says. Gives the page that is open.
    pub(super) async fn payment(&self, found: &Signup) -> Result<Option<(String, Timestamp)>> {
        let order = self.order(&mut self.connection().await?, found).await?;
        let told = self.shop()?.checkout(&order).await?;
        self.still_coming(found).await?;
        match told {
            Payment::Waiting { url, until } => Ok(Some((url, until.min(found.expires_at)))),
            Payment::Live => self.paid(found).await.map(|()| None),
            Payment::Expired => {
                let mut txn = self.begin().await?;
                let now = self.signup_row(&mut txn, &found.id).await?;
                if now.state == SignupState::CheckoutPending && now.tenant == found.tenant && !now.paid {
                    self.another_tenant(&mut txn, &now).await?;
                }
                txn.commit().await?;
                self.give_back_due().await;
                Err(Error::new(Code::InUse, "", "The page to pay on has ended: open another one"))
            }
        }
    }

    /// Whether the tenant that was asked for is still to come: else what may be paid for it is owed, again if it was given back before the
    /// page was there. `InUse`.
    async fn still_coming(&self, found: &Signup) -> Result<()> {
        let mut txn = self.begin().await?;
        let now = self.signup_row(&mut txn, &found.id).await?;
        let has_ended = matches!(now.state, SignupState::Abandoned | SignupState::Expired);
        if now.tenant == found.tenant && !has_ended {
            return Ok(());
        }
        self.owe(&mut txn, found).await?;
        txn.commit().await?;
        self.give_back_due().await;
        Err(Error::new(
            Code::InUse,
            "",
            "Something else was chosen meanwhile, or it has ended: look at the signup again",
        ))
    }

    /// Notes that it is paid: the tenant may be made once there is a password. The contact is told, once.
    async fn paid(&self, found: &Signup) -> Result<()> {
        let mut txn = self.begin().await?;
        let until = self.now().plus(SIGNUP_PAID_LIFE).0;
        let noted = query(
            "UPDATE signup SET paid_at = $3, expires_at = $4, due_at = $4, version = version + 1 WHERE id = $1 AND coming = $2 \
             AND state = 'CHECKOUT_PENDING' AND paid_at IS NULL",
        )
        .bind(&found.id)
        .bind(found.tenant.to_string())
        .bind(self.now().0)
        .bind(until)
        .execute(&mut txn)
        .await?;
        if noted == 1 {
            let title = found.offer.as_ref().map_or("", |offer| offer.title.as_str());
            let facts = {
                let portal = self.portal_of(&mut txn, found.seller).await?;
                Told { signup: &found.id, secret: self.mailed_secret(found), title, portal }
            };
            let (recipient, locale) = (found.contact.as_deref().unwrap_or_default(), found.locale.as_str());
            self.put_notice(&mut txn, NewNotice { tenant: None, kind: "signup-paid", recipient, locale, facts })
                .await?;
        }
        txn.commit().await
    }

    /// A signup as whoever sells is told of it.
    pub(super) async fn order(&self, txn: &mut Connection, found: &Signup) -> Result<Order> {
        // Where the cookie of the signup is.
        let portal = self.portal_of(txn, found.seller).await?;
        Ok(Order {
            tenant: found.tenant,
            seller: found.seller,
            name: found.name.clone(),
            contact: found.contact.clone().ok_or_else(missing)?,
            locale: found.locale.clone(),
            choice: found.choice.clone().ok_or_else(|| not_now(SignupState::ContactVerified))?,
            back_url: format!("{portal}/signup/back"),
        })
    }
}
