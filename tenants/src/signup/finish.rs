//! SUMMARY    The last step: a password, and with it the tenant.
//! SECURITY   The password is never stored: its verifiers are, sealed, from here until the mailbox has them.
//! INVARIANTS From here on a signup is made, whether or not whoever asked stays: the worker goes on with it.

use super::{Signup, SignupState, not_now};
use crate::{
    Code, Error, Result, Seen, Service,
    db::query,
    limits::SIGNUP_RETRY_FIRST,
    password::{self, Verifiers},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Kept {
    argon2: String,
    scram: String,
}

impl Service {
    /// Makes what was signed up for. Repeated, it gives what was made; the first password stays.
    pub async fn signup_finish(&self, signup: &str, secret: &str, password: &str, seen: &Seen) -> Result<Signup> {
        self.count_step(seen)?;
        let found = self.signup_for_step(&mut self.pool().acquire().await?, signup, secret).await?;
        match found.state {
            SignupState::Done => return Ok(found),
            SignupState::Provisioning => return self.provision(signup).await,
            SignupState::ContactVerified | SignupState::CheckoutPending => {}
            SignupState::NameHeld | SignupState::Challenged | SignupState::Abandoned | SignupState::Expired => {
                return Err(not_now(found.state));
            }
        }
        let verifiers = password::verifiers(password, self.password_cost).await?;
        self.may_be_made(&found).await?;
        self.keep_verifiers(signup, secret, &verifiers).await?;
        self.provision(signup).await
    }

    /// Whether it is paid, or free as it was when it was chosen.
    async fn may_be_made(&self, found: &Signup) -> Result<()> {
        let (Some(choice), Some(offer)) = (&found.choice, &found.offer) else {
            return Err(not_now(SignupState::ContactVerified));
        };
        if !offer.free {
            if !found.paid {
                if found.state == SignupState::ContactVerified {
                    return Err(not_now(SignupState::CheckoutPending));
                }
                self.payment(found).await?;
            }
            return Ok(());
        }
        match self.shop()?.offer(found.seller, choice).await?.free {
            true => Ok(()),
            false => Err(Error::new(Code::InUse, "", "This is not free any more: choose again")),
        }
    }

    async fn keep_verifiers(&self, signup: &str, secret: &str, verifiers: &Verifiers) -> Result<()> {
        let mut txn = self.begin().await?;
        let now = self.signup_for_step(&mut txn, signup, secret).await?;
        let free = now.offer.as_ref().is_some_and(|offer| offer.free);
        match now.state {
            SignupState::ContactVerified if free => {}
            SignupState::CheckoutPending if now.paid => {}
            // Somebody else was faster, by the same secret.
            SignupState::Provisioning | SignupState::Done => return Ok(()),
            SignupState::ContactVerified | SignupState::CheckoutPending => {
                return Err(not_now(SignupState::CheckoutPending));
            }
            SignupState::NameHeld | SignupState::Challenged | SignupState::Abandoned | SignupState::Expired => {
                return Err(not_now(now.state));
            }
        }
        let kept = Kept { argon2: verifiers.argon2.clone(), scram: verifiers.scram.clone() };
        let kept = serde_json::to_vec(&kept).map_err(|e| Error::new(Code::Internal, "", format!("verifiers: {e}")))?;
        query(
            "UPDATE signup SET state = $2, sealed = $3, attempts = 0, due_at = $4, version = version + 1 WHERE id = $1",
        )
        .bind(signup)
        .bind(SignupState::Provisioning.name())
        .bind(self.keys.seal(signup, &kept)?)
        .bind(self.now().plus(SIGNUP_RETRY_FIRST).0)
        .execute(&mut txn)
        .await?;
        txn.commit().await
    }

    /// What was kept of the password.
    pub(super) fn kept_verifiers(&self, signup: &str, sealed: &str) -> Result<Verifiers> {
        let kept = self.keys.open(signup, sealed)?;
        let Kept { argon2, scram } = serde_json::from_slice(&kept).map_err(|_| super::damaged())?;
        Ok(Verifiers { argon2, scram })
    }
}
