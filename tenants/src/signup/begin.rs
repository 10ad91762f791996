//! SUMMARY    The beginning of a signup: whether a name is free, and holding it.
//! SECURITY   Each question and each beginning costs a proof of work, which is used up whatever the answer is. Nobody learns why a name
//!            cannot be had (name.rs).
//! LIMITS     SIGNUP_STEPS, SIGNUP_HELD_LIFE, those of velocity.rs
//! INVARIANTS The same proof begins the same signup again.

use super::{
    Signup, SignupState, missing,
    name::written,
    not_now, not_open,
    proof::{Proved, used_up},
    risk::{Facts, score},
    settings::{SignupMode, SignupSettings},
    velocity::{is_everybodys, network},
};
use crate::{
    Code, Error, Result, Seen, Service,
    claim::name as domain_name,
    db::{Connection, query},
    domain::parse_name,
    limits::{SIGNUP_HELD_LIFE, SIGNUP_STEPS},
    rows::{fresh_id, fresh_number, text},
};
use base::{Address, TenantId};

/// Bytes of a language tag that is kept.
const LOCALE_BYTES_MAX: usize = 35;

/// A signup to begin: with a free address, an own domain, or both.
#[derive(Debug, Clone, Default)]
pub struct NewSignup {
    /// The provider when missing.
    pub seller: Option<TenantId>,
    pub proof: String,
    /// On a domain that the seller offers.
    pub address: Option<String>,
    /// The customer's own.
    pub domain: Option<String>,
    pub locale: String,
    pub invite: Option<String>,
    pub seen: Seen,
}

/// A signup with the secret that its next step takes.
#[derive(Debug, Clone)]
pub struct Begun {
    pub signup: Signup,
    pub secret: String,
}

/// Whether a name can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAnswer {
    pub available: bool,
    /// Addresses like it that can be had; none when it can.
    pub suggestions: Vec<String>,
}

/// What a beginning asks for, read.
struct Wanted {
    address: Option<Address>,
    domain: Option<String>,
}

impl Service {
    /// Whether an address on an offered domain can be had. Costs a proof of work. The same answer for all that cannot, after the same work.
    pub async fn name_available(
        &self,
        seller: Option<TenantId>,
        address: &str,
        proof: &str,
        seen: &Seen,
    ) -> Result<NameAnswer> {
        self.shop()?;
        let from = network(seen.peer);
        self.attempts.admit_signup("step", &from, SIGNUP_STEPS, self.now())?;
        let proved = self.checked_proof(proof)?;
        let mut connection = self.pool().acquire().await?;
        let settings = self.open_seller(&mut connection, seller).await?;
        let address = offered(&settings, address)?;
        if !self.spend(&proved).await? {
            return Err(used_up());
        }
        let name = (&*address.canonical_local(), address.domain().as_str());
        let (available, like) = self.free_names(&mut connection, settings.seller, name).await?;
        let suggestions = if available { Vec::new() } else { like };
        Ok(NameAnswer { available, suggestions })
    }

    /// Begins a signup: from now on its name is held. `NotOpen`, `Taken`, `Throttled`, `Invalid`. The same proof again gives the same
    /// signup.
    pub async fn signup_begin(&self, new: &NewSignup) -> Result<Begun> {
        self.shop()?;
        let from = network(new.seen.peer);
        self.attempts.admit_signup("step", &from, SIGNUP_STEPS, self.now())?;
        let proved = self.checked_proof(&new.proof)?;
        let settings = self.open_seller(&mut self.pool().acquire().await?, new.seller).await?;
        let wanted = self.wanted(&settings, new)?;
        if !self.spend(&proved).await? {
            return self.begun_before(&proved, &settings, &wanted).await;
        }
        let mut txn = self.begin().await?;
        // Asked again, now that it is our turn.
        let settings = self.open_seller(&mut txn, new.seller).await?;
        let begun = self.room_to_begin(&mut txn, &from, (settings.seller, settings.per_day_max)).await?;
        let invite = new.invite.as_deref().map(str::trim).filter(|code| !code.is_empty());
        match (settings.mode, invite) {
            (SignupMode::Closed, _) => return Err(not_open()),
            (SignupMode::Invite, None) => {
                return Err(Error::new(Code::NotOpen, "invite", "Signup takes an invite code that is good"));
            }
            (SignupMode::Open | SignupMode::Invite, Some(code)) => {
                self.take_invite(&mut txn, settings.seller, code).await?;
            }
            (SignupMode::Open, None) => {}
        }
        let (id, coming) = (fresh_id("sgn_")?, TenantId(fresh_number()?));
        if let Some(address) = &wanted.address {
            let name = (&*address.canonical_local(), address.domain().as_str());
            let (free, _) = self.free_names(&mut txn, settings.seller, name).await?;
            if !free || !self.hold_name(&mut txn, address, (settings.seller, coming), &id).await? {
                return Err(Error::new(Code::Taken, "address", "This address cannot be had"));
            }
        }
        let name = wanted.address.as_ref().map(|a| a.canonical_local()).unwrap_or_default();
        let (from_nowhere, waited) = (new.seen.peer.is_none(), proved.waited);
        let facts = Facts { begun, waited, from_nowhere, name: &name, contact: "" };
        self.insert_signup(&mut txn, (&id, coming, &settings), &wanted, (new, &proved, &from), score(&facts)).await?;
        let signup = self.signup_row(&mut txn, &id).await?;
        txn.commit().await?;
        Ok(Begun { secret: self.signup_secret(&signup), signup })
    }

    fn wanted(&self, settings: &SignupSettings, new: &NewSignup) -> Result<Wanted> {
        let given = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let address = given(&new.address).map(|address| offered(settings, &address)).transpose()?;
        let domain = given(&new.domain).map(|name| parse_name(&name, "domain")).transpose()?;
        if let Some(domain) = &domain {
            let at = |e| Error { field: "domain", ..e };
            domain_name::not_public_suffix(domain.as_str()).map_err(at)?;
            domain_name::one_script(domain.as_str()).map_err(at)?;
            domain_name::not_own(domain.as_str(), &self.domains.setup.hostname).map_err(at)?;
            if is_everybodys(domain.as_str()) {
                let message =
                    format!("{domain} is where many people have addresses: give a domain that is yours alone");
                return Err(Error::new(Code::Invalid, "domain", message));
            }
        }
        match (&address, &domain) {
            (None, None) => {
                Err(Error::new(Code::Invalid, "address", "Give an address that is offered, or a domain of your own"))
            }
            _ => Ok(Wanted { address, domain: domain.map(|d| d.as_str().to_owned()) }),
        }
    }

    /// The signup that a proof began, to whoever asks for the same again before anything else was done.
    async fn begun_before(&self, proved: &Proved, settings: &SignupSettings, wanted: &Wanted) -> Result<Begun> {
        let mut connection = self.pool().acquire().await?;
        let row =
            query("SELECT id FROM signup WHERE proof = $1").bind(&proved.hash).fetch_optional(&mut connection).await?;
        let signup = self.signup_row(&mut connection, &text(&row.ok_or_else(used_up)?, "id")?).await?;
        let address = wanted.address.as_ref().map(|a| a.canonical());
        let same = (signup.seller, &signup.address, &signup.domain) == (settings.seller, &address, &wanted.domain);
        match same && signup.state == SignupState::NameHeld {
            true => Ok(Begun { secret: self.signup_secret(&signup), signup }),
            false => Err(used_up()),
        }
    }

    async fn insert_signup(
        &self,
        txn: &mut Connection,
        (id, coming, settings): (&str, TenantId, &SignupSettings),
        wanted: &Wanted,
        (new, proved, from): (&NewSignup, &Proved, &str),
        (score, reasons): (i64, Vec<&'static str>),
    ) -> Result<()> {
        let expires = self.now().plus(SIGNUP_HELD_LIFE).0;
        let address = wanted.address.as_ref().map(|a| a.canonical());
        let invite = new.invite.as_deref().map(str::trim).filter(|code| !code.is_empty());
        let name = wanted.domain.clone().or_else(|| address.clone()).unwrap_or_default();
        query(
            "INSERT INTO signup (id, tenant, coming, state, proof, round, address, own_domain, locale, network, invite, score, \
             reasons, review, code_tries, codes_sent, had_trial, name, sealed, outcome, attempts, open, due_at, expires_at, version, \
             created_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11, $12, '', 0, 0, 0, $13, '', '', 0, 1, $14, $14, 1, $15)",
        )
        .bind(id)
        .bind(settings.seller.to_string())
        .bind(coming.to_string())
        .bind(SignupState::NameHeld.name())
        .bind(&proved.hash)
        .bind(address)
        .bind(wanted.domain.as_deref())
        .bind(locale(&new.locale))
        .bind(from)
        .bind(invite)
        .bind(score)
        .bind(serde_json::Value::from(reasons).to_string())
        .bind(name)
        .bind(expires)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }

    /// A step of whoever has the secret: counted, and refused where the signup is not waiting any more.
    pub(super) fn count_step(&self, seen: &Seen) -> Result<()> {
        self.shop()?;
        self.attempts.admit_signup("step", &network(seen.peer), SIGNUP_STEPS, self.now())
    }

    /// A signup whose contact was proven, in a transaction of the next step.
    pub(super) async fn verified(&self, txn: &mut Connection, signup: &str, secret: &str) -> Result<Signup> {
        let found = self.signup_for_step(txn, signup, secret).await?;
        match found.is_verified() {
            true if found.contact.is_some() => Ok(found),
            true => Err(missing()),
            false => Err(not_now(found.state)),
        }
    }
}

/// An address on a domain that a seller offers. `Invalid`.
fn offered(settings: &SignupSettings, address: &str) -> Result<Address> {
    let none = || Error::new(Code::Invalid, "address", "This is no address on a domain that is offered");
    let (name, domain) = address.trim().rsplit_once('@').ok_or_else(none)?;
    let domain = base::Domain::parse(domain).map_err(|_| none())?;
    if !settings.domains.iter().any(|offered| offered == domain.as_str()) {
        return Err(none());
    }
    Address::parse(&format!("{}@{}", written(name)?, domain.as_str())).map_err(|_| none())
}

/// A language tag, or what is usual.
fn locale(tag: &str) -> String {
    let part = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
    match tag.len() <= LOCALE_BYTES_MAX && tag.split('-').all(part) {
        true => tag.to_owned(),
        false => "en".to_owned(),
    }
}
