//! SUMMARY    Signup: a stranger becomes a customer, step by step; what is known of one that is under way.
//! STANDARDS  docs/decisions/0035-signup.md; product.md §5 (U1, U2, U3)
//! SECURITY   Whoever goes on shows the secret of the signup's round: the one that its last step gave, or the one that was mailed to the
//!            contact. Proving the contact begins another round: who began a signup in somebody else's name is out by then.
//! LIMITS     those of tenants::limits that begin with SIGNUP
//! INVARIANTS NAME_HELD -> CHALLENGED -> CONTACT_VERIFIED -> CHECKOUT_PENDING -> PROVISIONING -> DONE, or ABANDONED, EXPIRED: then its name is
//!            free. Every step may be repeated (U3). Whoever sells is asked outside of a transaction, but for what it writes in the one
//!            that makes the tenant. What a page to pay on was opened for ends as that tenant, or is owed back (U2).

mod begin;
mod choose;
mod contact;
mod finish;
mod invite;
mod name;
mod proof;
mod provision;
mod queue;
mod risk;
mod run;
mod settings;
mod velocity;

pub use begin::{Begun, NameAnswer, NewSignup};
pub use choose::{CheckedOut, NewChoice};
pub use invite::{NewSignupInvite, SignupInvite};
pub use proof::Challenge;
pub use queue::{SignupFilter, SignupWanted};
pub use risk::Probation;
pub use settings::{SignupMode, SignupOptions, SignupSettings, SignupSettingsPatch};

use crate::{
    Choice, Code, Error, Offer, Result, Service, Shop,
    db::{Connection, Row, query},
    rows::{id, number, optional, text},
};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// As the audit log shows who acts.
const ACTOR: &str = "signup";

/// Where a signup stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignupState {
    NameHeld,
    /// A code went to the contact.
    Challenged,
    ContactVerified,
    /// A page to pay on was opened; perhaps it is paid.
    CheckoutPending,
    Provisioning,
    Done,
    Abandoned,
    Expired,
}

impl SignupState {
    pub const EVERY: [(SignupState, &'static str); 8] = [
        (SignupState::NameHeld, "NAME_HELD"),
        (SignupState::Challenged, "CHALLENGED"),
        (SignupState::ContactVerified, "CONTACT_VERIFIED"),
        (SignupState::CheckoutPending, "CHECKOUT_PENDING"),
        (SignupState::Provisioning, "PROVISIONING"),
        (SignupState::Done, "DONE"),
        (SignupState::Abandoned, "ABANDONED"),
        (SignupState::Expired, "EXPIRED"),
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Result<SignupState> {
        let known = Self::EVERY.iter().find(|(_, name)| *name == text);
        known.map(|(state, _)| *state).ok_or_else(damaged)
    }
}

/// Whether somebody looks at a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Review {
    None,
    Pending,
    Approved,
    Refused,
}

impl Review {
    const EVERY: [(Review, &'static str); 4] = [
        (Review::None, ""),
        (Review::Pending, "PENDING"),
        (Review::Approved, "APPROVED"),
        (Review::Refused, "REFUSED"),
    ];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(review, _)| *review == self).map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Result<Review> {
        Self::EVERY.iter().find(|(_, name)| *name == text).map(|(review, _)| *review).ok_or_else(damaged)
    }
}

/// A signup as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signup {
    /// `sgn_…`
    pub id: String,
    pub seller: TenantId,
    /// The tenant that comes of it; it is there when the signup is done.
    pub tenant: TenantId,
    pub state: SignupState,
    /// On a domain that the seller offers.
    pub address: Option<String>,
    /// The customer's own.
    pub domain: Option<String>,
    pub contact: Option<String>,
    pub locale: String,
    /// Of the tenant.
    pub name: String,
    pub choice: Option<Choice>,
    pub offer: Option<Offer>,
    /// Whether a trial was had with this contact; known once it is proven.
    pub had_trial: bool,
    pub paid: bool,
    pub network: String,
    pub score: i64,
    pub reasons: Vec<String>,
    pub review: Review,
    /// Why it came to nothing, or what is missing of what was asked.
    pub outcome: String,
    pub created_at: Timestamp,
    /// Until when the next step can be done.
    pub expires_at: Timestamp,
    pub version: i64,
    pub(crate) round: i64,
}

fn damaged() -> Error {
    Error::new(Code::Internal, "", "a stored signup is damaged")
}

fn missing() -> Error {
    Error::new(Code::NotFound, "secret", "There is no such signup, its secret is another one, or it has expired")
}

pub(crate) fn not_open() -> Error {
    Error::new(Code::NotOpen, "", "Nobody can sign up here now")
}

/// Something else comes first.
fn not_now(state: SignupState) -> Error {
    let next = match state {
        SignupState::NameHeld => "Give a contact first",
        SignupState::Challenged => "Give the code that was mailed first",
        SignupState::ContactVerified => "Choose what to sign up for first",
        SignupState::CheckoutPending => "It is not paid yet",
        SignupState::Provisioning => "It is being made: it cannot be changed any more",
        SignupState::Done => "It is done",
        SignupState::Abandoned | SignupState::Expired => "It has ended: begin again",
    };
    Error::new(Code::InUse, "", next)
}

fn read<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>> {
    row.text(column)?.map(|text| serde_json::from_str(&text).map_err(|_| damaged())).transpose()
}

fn from_row(row: &Row) -> Result<Signup> {
    Ok(Signup {
        id: text(row, "id")?,
        seller: id(row, "tenant")?,
        tenant: id(row, "coming")?,
        state: SignupState::parse(&text(row, "state")?)?,
        address: row.text("address")?,
        domain: row.text("own_domain")?,
        contact: row.text("contact")?,
        locale: text(row, "locale")?,
        name: text(row, "name")?,
        choice: read(row, "choice")?,
        offer: read(row, "offer")?,
        had_trial: number(row, "had_trial")? != 0,
        paid: optional(row, "paid_at")?.is_some(),
        network: text(row, "network")?,
        score: number(row, "score")?,
        reasons: read(row, "reasons")?.unwrap_or_default(),
        review: Review::parse(&text(row, "review")?)?,
        outcome: text(row, "outcome")?,
        created_at: Timestamp(number(row, "created_at")?),
        expires_at: Timestamp(number(row, "expires_at")?),
        version: number(row, "version")?,
        round: number(row, "round")?,
    })
}

impl Service {
    /// Lets strangers sign up: from now on there is somebody who sells. The first one stays.
    pub fn open_shop(&self, shop: Arc<dyn Shop>) {
        if self.shop.set(shop).is_err() {
            tracing::warn!("the shop was open");
        }
    }

    fn shop(&self) -> Result<&Arc<dyn Shop>> {
        self.shop.get().ok_or_else(not_open)
    }

    /// What whoever did the last step shows.
    fn signup_secret(&self, signup: &Signup) -> String {
        format!("h{}", self.keys.ticket(&["signup-hand", &signup.id, &signup.round.to_string()]))
    }

    /// What is mailed to the contact: good for this contact, whatever round it is.
    fn mailed_secret(&self, signup: &Signup) -> String {
        let contact = signup.contact.as_deref().unwrap_or_default();
        format!("m{}", self.keys.ticket(&["signup-mail", &signup.id, contact]))
    }

    /// Whether a secret is of the signup's round, or of an earlier one or its mail.
    fn is_secret(&self, signup: &Signup, round: i64, secret: &str) -> bool {
        let contact = signup.contact.as_deref().unwrap_or_default();
        match secret.split_at_checked(1) {
            Some(("h", ticket)) => self.keys.is_ticket(&["signup-hand", &signup.id, &round.to_string()], ticket),
            Some(("m", ticket)) if !contact.is_empty() => {
                self.keys.is_ticket(&["signup-mail", &signup.id, contact], ticket)
            }
            Some(_) | None => false,
        }
    }

    /// A signup under way, to whoever has its secret. `NotFound` whatever is wrong.
    pub async fn signup(&self, signup: &str, secret: &str) -> Result<Signup> {
        let found = self.signup_of(&mut self.pool().acquire().await?, signup, secret).await?;
        Ok(found)
    }

    /// The same on a connection.
    async fn signup_of(&self, txn: &mut Connection, signup: &str, secret: &str) -> Result<Signup> {
        let found = self.signup_row(txn, signup).await?;
        match self.is_secret(&found, found.round, secret) {
            true => Ok(found),
            false => Err(missing()),
        }
    }

    /// The same for a step: what has expired by the clock has, whether or not the worker has come by.
    async fn signup_for_step(&self, txn: &mut Connection, signup: &str, secret: &str) -> Result<Signup> {
        let found = self.signup_of(txn, signup, secret).await?;
        match found.is_waiting() && found.expires_at <= self.now() {
            true => Err(not_now(SignupState::Expired)),
            false => Ok(found),
        }
    }

    async fn signup_row(&self, txn: &mut Connection, signup: &str) -> Result<Signup> {
        let row = query("SELECT * FROM signup WHERE id = $1").bind(signup).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(missing)?)
    }

    /// Ends a signup: its name is free, its invite code is good again, and what may have been paid is owed.
    async fn end_signup(&self, txn: &mut Connection, signup: &Signup, state: SignupState, outcome: &str) -> Result<()> {
        let row = query(
            "UPDATE signup SET state = $2, outcome = $3, sealed = '', code = NULL, open = 0, due_at = $4, version = version + 1 \
             WHERE id = $1 AND open = 1 RETURNING invite, checkout_at",
        )
        .bind(&signup.id)
        .bind(state.name())
        .bind(outcome)
        .bind(self.now().0)
        .fetch_optional(&mut *txn)
        .await?;
        let Some(row) = row else { return Ok(()) };
        query("DELETE FROM signup_name WHERE signup = $1").bind(&signup.id).execute(&mut *txn).await?;
        if let Some(code) = row.text("invite")? {
            query("UPDATE signup_invite SET uses_left = uses_left + 1 WHERE code = $1")
                .bind(code)
                .execute(&mut *txn)
                .await?;
        }
        match optional(&row, "checkout_at")? {
            Some(_) => self.owe(txn, signup).await,
            None => Ok(()),
        }
    }

    /// Writes down that what was paid for a tenant that does not come goes back.
    async fn owe(&self, txn: &mut Connection, signup: &Signup) -> Result<()> {
        query(
            "INSERT INTO signup_owed (coming, tenant, attempts, due_at) VALUES ($1, $2, 0, $3) ON CONFLICT (coming) DO NOTHING",
        )
        .bind(signup.tenant.to_string())
        .bind(signup.seller.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }

    /// Gives up a signup that its holder does not want any more.
    pub async fn signup_abandon(&self, signup: &str, secret: &str) -> Result<Signup> {
        let mut txn = self.begin().await?;
        let found = self.signup_of(&mut txn, signup, secret).await?;
        match found.state {
            SignupState::Abandoned | SignupState::Expired => return Ok(found),
            SignupState::Provisioning | SignupState::Done => return Err(not_now(found.state)),
            SignupState::NameHeld
            | SignupState::Challenged
            | SignupState::ContactVerified
            | SignupState::CheckoutPending => {}
        }
        self.end_signup(&mut txn, &found, SignupState::Abandoned, "given up by who signed up").await?;
        let found = self.signup_row(&mut txn, signup).await?;
        txn.commit().await?;
        self.give_back_due().await;
        Ok(found)
    }
}

impl Signup {
    /// Whether it waits for somebody to do the next step, until it expires.
    fn is_waiting(&self) -> bool {
        match self.state {
            SignupState::NameHeld
            | SignupState::Challenged
            | SignupState::ContactVerified
            | SignupState::CheckoutPending => true,
            SignupState::Provisioning | SignupState::Done | SignupState::Abandoned | SignupState::Expired => false,
        }
    }

    /// Whether the contact was proven.
    fn is_verified(&self) -> bool {
        matches!(self.state, SignupState::ContactVerified | SignupState::CheckoutPending)
    }
}
