//! SUMMARY    The worker of signups: ends what has expired, looks whether what waits was paid, goes on with what is being made, gives back
//!            what is owed, lets tenants up.
//! LIMITS     SIGNUPS_AT_ONCE, SIGNUP_PAUSE, SIGNUP_RETRY_FIRST, SIGNUP_RETRY_LONGEST, SIGNUP_PAYMENT_PAUSE
//! INVARIANTS What is owed is written before it is given back, and forgotten after. A signup that is not free ends unpaid only when whoever
//!            sells says so then.

use super::{Signup, SignupState, from_row};
use crate::{
    Result, Service,
    db::query,
    limits::{SIGNUP_PAUSE, SIGNUP_PAYMENT_PAUSE, SIGNUP_RETRY_FIRST, SIGNUP_RETRY_LONGEST, SIGNUPS_AT_ONCE},
    rows::{id, number, text},
};
use base::TenantId;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The pause before a step is tried again.
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
    SIGNUP_RETRY_FIRST.saturating_mul(1 << doublings).min(SIGNUP_RETRY_LONGEST)
}

impl Service {
    /// Goes on with signups until `stop`.
    pub async fn run_signups(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let done = self.signups_pass().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "signups wait");
                0
            });
            if done == 0 {
                drop(tokio::time::timeout(SIGNUP_PAUSE, stop.wait_for(|stop| *stop)).await);
            }
        }
    }

    /// Does once what is due; gives how much.
    pub async fn signups_pass(&self) -> Result<u64> {
        let mut done = self.probations_due().await?;
        if self.shop.get().is_none() {
            return Ok(done);
        }
        for signup in &self.signups_due().await? {
            if let Err(error) = self.go_on(signup).await {
                tracing::warn!(signup = %signup.id, %error, "a signup waits");
            }
            done += 1;
        }
        Ok(done + self.give_back_due().await)
    }

    /// Takes signups that are due: they are due again later, unless something comes of them.
    async fn signups_due(&self) -> Result<Vec<Signup>> {
        let now = self.now().0;
        let due = query("SELECT 1 AS n FROM signup WHERE open = 1 AND due_at <= $1 LIMIT 1").bind(now);
        // Mostly nothing is due, and nobody is kept from writing to learn it.
        if due.fetch_optional(&mut self.pool().acquire().await?).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut txn = self.begin().await?;
        let rows = query("SELECT * FROM signup WHERE open = 1 AND due_at <= $1 ORDER BY due_at, id LIMIT $2")
            .bind(now)
            .bind(SIGNUPS_AT_ONCE)
            .fetch_all(&mut txn)
            .await?;
        for row in &rows {
            query("UPDATE signup SET attempts = attempts + 1, due_at = $2 WHERE id = $1")
                .bind(text(row, "id")?)
                .bind(self.now().plus(backoff(number(row, "attempts")?)).0)
                .execute(&mut txn)
                .await?;
        }
        txn.commit().await?;
        rows.iter().map(from_row).collect()
    }

    async fn go_on(&self, signup: &Signup) -> Result<()> {
        match signup.state {
            SignupState::Provisioning => self.provision(&signup.id).await.map(drop),
            SignupState::CheckoutPending if !signup.paid => self.look_for_payment(signup).await,
            SignupState::NameHeld
            | SignupState::Challenged
            | SignupState::ContactVerified
            | SignupState::CheckoutPending => self.expire(signup).await,
            SignupState::Done | SignupState::Abandoned | SignupState::Expired => Ok(()),
        }
    }

    /// Asks whether it was paid; ends it when its time is over and it was not.
    async fn look_for_payment(&self, signup: &Signup) -> Result<()> {
        let looked = self.payment(signup).await;
        if looked.as_ref().is_err_and(|e| e.code == crate::Code::Internal) {
            return looked.map(drop);
        }
        if signup.expires_at <= self.now() {
            return self.expire(signup).await;
        }
        let mut txn = self.begin().await?;
        query(
            "UPDATE signup SET attempts = 0, due_at = CASE WHEN $2 < expires_at THEN $2 ELSE expires_at END WHERE id = $1 \
             AND state = 'CHECKOUT_PENDING' AND paid_at IS NULL",
        )
        .bind(&signup.id)
        .bind(self.now().plus(SIGNUP_PAYMENT_PAUSE).0)
        .execute(&mut txn)
        .await?;
        txn.commit().await
    }

    /// Ends a signup whose time is over, as it stands now.
    async fn expire(&self, signup: &Signup) -> Result<()> {
        let mut txn = self.begin().await?;
        let now = self.signup_row(&mut txn, &signup.id).await?;
        if now.is_waiting() && now.expires_at <= self.now() {
            self.end_signup(&mut txn, &now, SignupState::Expired, "nobody went on with it in time").await?;
        } else {
            query("UPDATE signup SET due_at = expires_at WHERE id = $1 AND open = 1")
                .bind(&signup.id)
                .execute(&mut txn)
                .await?;
        }
        txn.commit().await
    }

    /// Gives back what is owed and due; gives how much. What fails is tried again later.
    pub(super) async fn give_back_due(&self) -> u64 {
        self.give_back().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is owed waits");
            0
        })
    }

    async fn give_back(&self) -> Result<u64> {
        let Some(shop) = self.shop.get() else { return Ok(0) };
        let due = query("SELECT coming, attempts FROM signup_owed WHERE due_at <= $1 ORDER BY due_at, coming LIMIT $2")
            .bind(self.now().0)
            .bind(SIGNUPS_AT_ONCE)
            .fetch_all(&mut self.pool().acquire().await?)
            .await?;
        let mut given = 0;
        for row in &due {
            let coming: TenantId = id(row, "coming")?;
            let result = shop.give_back(coming).await;
            let mut txn = self.begin().await?;
            match result {
                Ok(()) => {
                    let owed = query("DELETE FROM signup_owed WHERE coming = $1").bind(coming.to_string());
                    given += owed.execute(&mut txn).await?;
                }
                Err(error) => {
                    tracing::warn!(tenant = %coming, %error, "what was paid is owed still");
                    query("UPDATE signup_owed SET attempts = attempts + 1, due_at = $2 WHERE coming = $1")
                        .bind(coming.to_string())
                        .bind(self.now().plus(backoff(number(row, "attempts")?)).0)
                        .execute(&mut txn)
                        .await?;
                }
            }
            txn.commit().await?;
        }
        Ok(given)
    }

    /// Lets tenants up whose probation has come to its next step; gives how many.
    async fn probations_due(&self) -> Result<u64> {
        let now = self.now().0;
        let due = query("SELECT 1 AS n FROM tenant WHERE probation_due <= $1 LIMIT 1").bind(now);
        if due.fetch_optional(&mut self.pool().acquire().await?).await?.is_none() {
            return Ok(0);
        }
        let mut txn = self.begin().await?;
        let rows = query("SELECT id, probation, probation_since FROM tenant WHERE probation_due <= $1 LIMIT $2")
            .bind(now)
            .bind(SIGNUPS_AT_ONCE)
            .fetch_all(&mut txn)
            .await?;
        let mut batch = Vec::with_capacity(rows.len());
        for row in &rows {
            let tenant: TenantId = id(row, "id")?;
            let kind = row.text("probation")?.and_then(|name| super::Probation::parse(&name));
            let next = kind.and_then(|kind| kind.next(number(row, "probation_since").unwrap_or(now), now));
            query("UPDATE tenant SET probation_due = $2 WHERE id = $1")
                .bind(tenant.to_string())
                .bind(next)
                .execute(&mut txn)
                .await?;
            batch.push(self.entitlement_again(&mut txn, tenant).await?);
        }
        self.tell(&mut txn, &batch).await?;
        txn.commit().await?;
        self.committed().await;
        Ok(rows.len() as u64)
    }
}
