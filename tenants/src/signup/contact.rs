//! SUMMARY    The contact of a signup: a code by mail to an address elsewhere, and the proof that it was read.
//! SECURITY   The same mail and the same answer, whoever has the address. The code is compared in constant time and kept as a ticket. With
//!            the proof begins another round of secrets: whoever gave an address that is not its own is out.
//! LIMITS     SIGNUP_CODE_LIFE, SIGNUP_CODES_MAX, SIGNUP_CODE_TRIES, SIGNUP_VERIFIED_LIFE, those of velocity.rs

use super::{
    Begun, Review, Signup, SignupState, missing, not_now,
    risk::{Facts, score},
};
use crate::{
    Code, Error, Result, Seen, Service,
    db::{Connection, query},
    limits::{
        SIGNUP_CODE_LIFE, SIGNUP_CODE_TRIES, SIGNUP_CODES_MAX, SIGNUP_HELD_LIFE, SIGNUP_REVIEW_SCORE,
        SIGNUP_VERIFIED_LIFE,
    },
    people::{NewNotice, email_key, mail_key, new_email},
    rows::{domain_of, number, optional, random},
};
use serde::Serialize;

/// Digits of a code.
const CODE_DIGITS: usize = 8;
/// Kind of the notice with a code.
const KIND: &str = "signup-code";

#[derive(Serialize)]
struct Told<'a> {
    signup: &'a str,
    secret: String,
    code: &'a str,
    wanted: &'a str,
    expires_at_ms: i64,
    /// Where the signup is gone on with.
    portal: String,
}

fn code() -> Result<String> {
    let number = u64::from_be_bytes(random::<8>()?) % 10u64.pow(u32::try_from(CODE_DIGITS).unwrap_or(8));
    Ok(format!("{number:0CODE_DIGITS$}"))
}

fn codes_used_up() -> Error {
    let message = format!("This signup has mailed {SIGNUP_CODES_MAX} codes (SIGNUP_CODES_MAX): begin again");
    Error::new(Code::LimitReached, "contact", message)
}

impl Service {
    /// Mails a code to the contact; again, or to another contact, until one was proven. `Invalid`, `LimitReached`, `Throttled`.
    pub async fn signup_contact(&self, signup: &str, secret: &str, contact: &str, seen: &Seen) -> Result<Signup> {
        self.count_step(seen)?;
        let contact = new_email(contact).map_err(|e| Error { field: "contact", ..e })?;
        let key = email_key(&contact).map_err(|e| Error { field: "contact", ..e })?;
        let mut txn = self.begin().await?;
        let found = self.signup_for_step(&mut txn, signup, secret).await?;
        match found.state {
            SignupState::NameHeld | SignupState::Challenged => {}
            SignupState::ContactVerified
            | SignupState::CheckoutPending
            | SignupState::Provisioning
            | SignupState::Done
            | SignupState::Abandoned
            | SignupState::Expired => return Err(not_now(found.state)),
        }
        self.not_ours(&mut txn, domain_of(&key)).await?;
        let bare = mail_key(&contact);
        self.room_for_contact(&mut txn, signup, (&bare, domain_of(&key))).await?;
        let code = code()?;
        let expires = self.now().plus(SIGNUP_CODE_LIFE).0;
        let (score, reasons) = self.risk_with(&mut txn, &found, &key).await?;
        let sent = query(
            "UPDATE signup SET state = $2, contact = $3, contact_key = $4, contact_domain = $5, code = $6, code_tries = 0, \
             codes_sent = codes_sent + 1, code_expires_at = $7, expires_at = $8, due_at = $8, score = $9, reasons = $10, \
             version = version + 1 WHERE id = $1 AND codes_sent < $11",
        )
        .bind(signup)
        .bind(SignupState::Challenged.name())
        .bind(&contact)
        .bind(&bare)
        .bind(domain_of(&key))
        .bind(self.code_ticket(signup, &contact, &code))
        .bind(expires)
        .bind(self.now().plus(SIGNUP_HELD_LIFE).0)
        .bind(score)
        .bind(serde_json::Value::from(reasons).to_string())
        .bind(SIGNUP_CODES_MAX)
        .execute(&mut txn)
        .await?;
        if sent == 0 {
            return Err(codes_used_up());
        }
        let now = self.signup_row(&mut txn, signup).await?;
        self.put_code(&mut txn, &now, &code, expires).await?;
        txn.commit().await?;
        Ok(now)
    }

    /// Refuses a contact that we would have to deliver to: it is to reach its owner when nothing here does.
    async fn not_ours(&self, txn: &mut Connection, domain: &str) -> Result<()> {
        // Nobody has us connect to an address of its choice.
        if domain.starts_with('[') {
            return Err(Error::new(Code::Invalid, "contact", "Give an address at a domain"));
        }
        let row = query("SELECT 1 AS n FROM domain WHERE name = $1 AND live = 1").bind(domain);
        match row.fetch_optional(txn).await? {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::Invalid, "contact", "Give an address that is not with us")),
        }
    }

    async fn risk_with(&self, txn: &mut Connection, found: &Signup, contact: &str) -> Result<(i64, Vec<&'static str>)> {
        let had = |reason: &str| found.reasons.iter().any(|r| r == reason);
        // Its own is one of them.
        let begun = self.begun_from(txn, &found.network).await? - 1;
        let name = found.address.as_deref().and_then(|a| a.split('@').next()).unwrap_or_default();
        let (waited, from_nowhere) = (had("NO_PROOF_OF_WORK"), had("ADDRESS_UNKNOWN"));
        Ok(score(&Facts { begun, waited, from_nowhere, name, contact }))
    }

    fn code_ticket(&self, signup: &str, contact: &str, code: &str) -> String {
        self.keys.ticket(&["signup-code", signup, contact, code])
    }

    async fn put_code(&self, txn: &mut Connection, signup: &Signup, code: &str, expires_at_ms: i64) -> Result<()> {
        let wanted = signup.address.as_deref().or(signup.domain.as_deref()).unwrap_or_default();
        let portal = self.portal_of(txn, signup.seller).await?;
        let facts =
            Told { signup: &signup.id, secret: self.mailed_secret(signup), code, wanted, expires_at_ms, portal };
        let recipient = signup.contact.as_deref().unwrap_or_default();
        let locale = signup.locale.as_str();
        self.put_notice(txn, NewNotice { tenant: None, kind: KIND, recipient, locale, facts }).await
    }

    /// Proves the contact by the code that was mailed to it. Gives another secret; the one before is good for this alone, with the code.
    /// `Invalid` for what is no code, which is no try; `InvalidCredentials` for a wrong code, `LimitReached` when it was tried too often.
    pub async fn signup_verify(&self, signup: &str, secret: &str, code: &str, seen: &Seen) -> Result<Begun> {
        self.count_step(seen)?;
        let code: String = code.chars().filter(char::is_ascii_digit).collect();
        let mut txn = self.begin().await?;
        let found = self.signup_row(&mut txn, signup).await?;
        let earlier = self.is_secret(&found, 0, secret);
        if !earlier && !self.is_secret(&found, found.round, secret) {
            return Err(missing());
        }
        // What no letter of ours has said is not tried.
        if code.len() != CODE_DIGITS {
            return Err(Error::new(Code::Invalid, "code", format!("A code has {CODE_DIGITS} digits")));
        }
        if found.is_waiting() && found.expires_at <= self.now() {
            return Err(not_now(SignupState::Expired));
        }
        match found.state {
            SignupState::Challenged | SignupState::ContactVerified | SignupState::CheckoutPending => {}
            SignupState::NameHeld
            | SignupState::Provisioning
            | SignupState::Done
            | SignupState::Abandoned
            | SignupState::Expired => return Err(not_now(found.state)),
        }
        if !self.is_code(&mut txn, &found, &code).await? {
            // The try counts, whatever comes after.
            txn.commit().await?;
            return Err(Error::new(Code::InvalidCredentials, "code", "The code is wrong"));
        }
        if found.state == SignupState::Challenged {
            self.contact_proven(&mut txn, &found).await?;
        }
        let signup = self.signup_row(&mut txn, signup).await?;
        txn.commit().await?;
        Ok(Begun { secret: self.signup_secret(&signup), signup })
    }

    async fn is_code(&self, txn: &mut Connection, found: &Signup, code: &str) -> Result<bool> {
        let row = query(
            "UPDATE signup SET code_tries = code_tries + 1 WHERE id = $1 RETURNING code, code_tries, code_expires_at",
        )
        .bind(&found.id)
        .fetch_one(txn)
        .await?;
        let again = "Ask for another code";
        if number(&row, "code_tries")? > SIGNUP_CODE_TRIES {
            let message = format!("The code was tried {SIGNUP_CODE_TRIES} times (SIGNUP_CODE_TRIES). {again}");
            return Err(Error::new(Code::LimitReached, "code", message));
        }
        if optional(&row, "code_expires_at")?.is_none_or(|at| at <= self.now().0) {
            return Err(Error::new(Code::InvalidCredentials, "code", format!("The code is too old. {again}")));
        }
        let contact = found.contact.as_deref().unwrap_or_default();
        let ticket = row.text("code")?.unwrap_or_default();
        Ok(self.keys.is_ticket(&["signup-code", &found.id, contact, code], &ticket))
    }

    async fn contact_proven(&self, txn: &mut Connection, found: &Signup) -> Result<()> {
        let contact = found.contact.as_deref().unwrap_or_default();
        let had_trial = self.shop()?.had_trial(txn, contact).await?;
        let row = query("SELECT review_score FROM signup_seller WHERE tenant = $1").bind(found.seller.to_string());
        let limit = row.fetch_optional(&mut *txn).await?.map(|row| number(&row, "review_score")).transpose()?;
        let review = match found.score >= limit.unwrap_or(SIGNUP_REVIEW_SCORE) {
            true => Review::Pending,
            false => Review::None,
        };
        query(
            "UPDATE signup SET state = $2, round = round + 1, had_trial = $3, review = $4, expires_at = $5, due_at = $5, \
             version = version + 1 WHERE id = $1",
        )
        .bind(&found.id)
        .bind(SignupState::ContactVerified.name())
        .bind(i64::from(had_trial))
        .bind(review.name())
        .bind(self.now().plus(SIGNUP_VERIFIED_LIFE).0)
        .execute(txn)
        .await
        .map(drop)
    }
}
