//! SUMMARY    Changing, ending and resuming what was bought.
//! STANDARDS  product rule T4
//! INVARIANTS The mirror changes when the provider has said so, never before.

use super::{Asked, Billing, Bought, call::Call, carry::Decided, look::is_as_wanted};
use crate::{End, TrueSubscription};
use base::TenantId;
use tenants::{
    Actor, Applied, Code, Done, Error, Result, Terms,
    sql::{Connection, Request, Start, Work},
};

impl Billing {
    /// Changes plan, items or interval of a live subscription; up and down alike (T4).
    pub async fn change(&self, actor: &Actor, terms: &Terms, tenant: TenantId, asked: &Asked) -> Result<Done<Bought>> {
        let request = Request::while_held("subscriptionChange", format!("{tenant} {asked:?}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.changed(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        self.not_closed(&mut work.txn, tenant).await?;
        let invalid = |field, message: &str| Err(Error::new(Code::Invalid, field, message));
        if asked.coupon.is_some() {
            return invalid("coupon", "A coupon is for a first purchase");
        }
        let seller = self.seller_of(&mut work.txn, tenant).await?;
        let sells = self.sells(&mut work.txn, actor, seller).await?;
        let chosen = self.choose(&mut work.txn, (seller, Some(tenant)), asked, sells).await?;
        self.nothing_owed(&mut work.txn, tenant).await?;
        let Some(has) = chosen.has.clone() else {
            return invalid("plan", "There is no live subscription to change: open a checkout instead");
        };
        if chosen.choice.plan.is_free() {
            return invalid("plan", "This plan costs nothing: end the subscription instead");
        }
        if has.currency != chosen.choice.currency {
            return invalid("currency", "A subscription keeps its currency");
        }
        if self.as_bought(&mut work.txn, seller, &has).await?.as_ref() == Some(&chosen.choice) {
            return invalid("plan", "It is so already");
        }
        let call = Call::Change { subscription: has.id.clone(), to: chosen.wanted(), at: self.service.now() };
        let detail = format!("{} {:?}", chosen.plan.id, chosen.choice.items);
        self.decide(work, (actor, tenant), &has, call, ("subscriptionChange", detail)).await
    }

    /// Ends a subscription, now or with its period.
    pub async fn cancel(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        subscription: &str,
        when: End,
    ) -> Result<Done<Bought>> {
        let request = Request::while_held("subscriptionCancel", format!("{tenant} {subscription} {when:?}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.changed(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        let has = self.live_one(&mut work.txn, tenant, subscription).await?;
        if when == End::Period && has.ends_at.is_some() {
            return Err(Error::new(Code::Invalid, "subscriptionId", "It ends with its period already"));
        }
        if when == End::Now {
            self.freeze_ending(&mut work.txn, tenant, &has).await?;
        }
        let call = Call::End { subscription: has.id.clone(), when };
        self.decide(work, (actor, tenant), &has, call, ("subscriptionCancel", format!("{when:?}"))).await
    }

    /// Takes back that it ends with its period.
    pub async fn resume(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        subscription: &str,
    ) -> Result<Done<Bought>> {
        let request = Request::while_held("subscriptionResume", format!("{tenant} {subscription}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.changed(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        self.not_closed(&mut work.txn, tenant).await?;
        let has = self.live_one(&mut work.txn, tenant, subscription).await?;
        if has.ends_at.is_none() {
            return Err(Error::new(Code::Invalid, "subscriptionId", "It does not end with its period"));
        }
        let call = Call::Resume { subscription: has.id.clone() };
        self.decide(work, (actor, tenant), &has, call, ("subscriptionResume", String::new())).await
    }

    /// Commits what was decided of a subscription, and carries it out.
    async fn decide(
        &self,
        mut work: Work,
        (actor, tenant): (&Actor, TenantId),
        has: &TrueSubscription,
        call: Call,
        (action, detail): (&str, String),
    ) -> Result<Done<Bought>> {
        self.service.audit(&mut work.txn, actor, tenant, action, &has.id, &detail).await?;
        if work.dry_run {
            let seller = self.seller_of(&mut work.txn, tenant).await?;
            let bought = self.bought(&mut work.txn, seller, tenant, has.clone()).await?;
            return self.service.finish(work, bought, &[]).await;
        }
        let calls = vec![self.put_call(&mut work.txn, tenant, &call).await?];
        let done = self.service.finish(work, Decided { calls, about: has.id.clone() }, &[]).await?;
        self.changed(tenant, done).await
    }

    /// A subscription of a mutation, as it is after the calls were made.
    async fn changed(&self, tenant: TenantId, done: Done<Decided>) -> Result<Done<Bought>> {
        let applied = self.carry_out(tenant, &done.object).await?;
        let mut connection = self.service.connection().await?;
        let seller = self.seller_of(&mut connection, tenant).await?;
        let all = self.subscriptions_in(&mut connection, tenant).await?;
        let missing = || Error::not_found("subscriptionId");
        let mut has = all.into_iter().find(|s| s.id == done.object.about).ok_or_else(missing)?;
        if applied == Applied::Done {
            // Who asked at the same moment may have been next: this is what became of its own.
            for id in &done.object.calls {
                if let Some(row) = self.call_in(&mut connection, id).await? {
                    has = after(has, &row.call);
                }
            }
        }
        let applied = if done.applied == Applied::Pending { Applied::Pending } else { applied };
        Ok(Done { object: self.bought(&mut connection, seller, tenant, has).await?, applied })
    }

    /// Refuses while something is unpaid: what is left of a time that was not paid would be given as credit, and who leaves a debt behind
    /// and buys anew would pay for what the debt's stages take.
    pub(super) async fn nothing_owed(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        match self.customer_in(txn, tenant).await?.and_then(|row| row.unpaid_since) {
            None => Ok(()),
            Some(_) => {
                let message = "Something is unpaid: pay it first, then a plan can be bought or changed";
                Err(Error::new(Code::Held, "plan", message))
            }
        }
    }

    async fn live_one(&self, txn: &mut Connection, tenant: TenantId, subscription: &str) -> Result<TrueSubscription> {
        let all = self.subscriptions_in(txn, tenant).await?;
        let missing = || Error::not_found("subscriptionId");
        let has = all.into_iter().find(|s| s.id == subscription).ok_or_else(missing)?;
        if !has.status.is_live() {
            return Err(Error::new(Code::Invalid, "subscriptionId", "This subscription has ended"));
        }
        Ok(has)
    }
}

/// A subscription as a call that was made left it, whatever came behind.
fn after(now: TrueSubscription, call: &Call) -> TrueSubscription {
    match call {
        Call::Change { to, .. } if is_as_wanted(&now, to) => now,
        Call::Change { to, .. } => TrueSubscription {
            plan: (to.plan.key.clone(), to.plan.version),
            items: to.items.iter().filter(|item| item.quantity > 0).cloned().collect(),
            interval: to.interval,
            ..now
        },
        Call::End { when: End::Period, .. } => {
            TrueSubscription { ends_at: now.ends_at.or(Some(now.period.end)), ..now }
        }
        Call::Resume { .. } => TrueSubscription { ends_at: None, ..now },
        // What has ended stays so.
        Call::End { when: End::Now, .. }
        | Call::Publish { .. }
        | Call::CreateCustomer { .. }
        | Call::UpdateCustomer { .. }
        | Call::OpenCheckout { .. }
        | Call::CloseCheckout { .. }
        | Call::Pay { .. }
        | Call::Collect { .. }
        | Call::Receive { .. }
        | Call::Refund { .. }
        | Call::Credit { .. }
        | Call::ChargeUse { .. } => now,
    }
}
