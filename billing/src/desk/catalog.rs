//! SUMMARY    Plans in versions: made, offered, withdrawn, listed.
//! SECURITY   Customers see what is offered to them, and the versions that they have; no other seller's plans, and none that is private.
//! LIMITS     PLAN_KEYS_MAX, PLAN_VERSIONS_MAX, GRANT_MAX
//! INVARIANTS Of a version only the state changes. All versions of a key are of one family, so that a customer never has two of them.

use super::{
    Billing, NewPlan, PlanShown, PlanState,
    call::Call,
    customer::price_list,
    store::{plan_row, refused, to_body, to_word},
};
use crate::{Charge, Grants, Plan};
use base::TenantId;
use tenants::{
    Actor, Code, Done, Error, Page, Permission, Result, Terms,
    sql::{Connection, LAST, Request, Start, Statements, fresh_id, number, query, text},
};

/// Plans of a seller, by key.
pub const PLAN_KEYS_MAX: i64 = 100;
/// Versions of a plan.
pub const PLAN_VERSIONS_MAX: i64 = 10_000;
/// Of anything that is granted, all together: what fits into a database's number whatever is added.
pub(crate) const GRANT_MAX: u64 = 1 << 60;

const PLANS: Statements = Statements {
    forward: "SELECT * FROM plan WHERE tenant = $1 AND (key, number) > ($2, $3) ORDER BY key, number LIMIT $4",
    backward: "SELECT * FROM plan WHERE tenant = $1 AND (key, number) < ($2, $3) ORDER BY key DESC, number DESC LIMIT $4",
    count: "SELECT COUNT(*) AS n FROM plan WHERE tenant = $1",
};

impl Billing {
    /// What a seller sells: for its people with BillingRead all of it, for its customers what is offered to them.
    pub async fn plans(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<PlanShown>, i64)> {
        let mut connection = self.service.connection().await?;
        match self.service.permit(&mut connection, actor, Permission::BillingRead, seller).await {
            Ok(()) => {}
            Err(e) if e.code == Code::NotFound => {
                self.buys_from(&mut connection, actor, seller).await?;
                let list = self.list_of(&mut connection, actor.tenant(), seller).await?;
                let offered = self.offered_in(&mut connection, seller, list.as_deref()).await?;
                let count = i64::try_from(offered.len()).unwrap_or(i64::MAX);
                return Ok((part(offered, page)?, count));
            }
            Err(e) => return Err(e),
        }
        let from = match &page.cursor {
            Some(id) => {
                let at = query("SELECT key, number FROM plan WHERE id = $1 AND tenant = $2");
                let at = at.bind(id).bind(seller.to_string()).fetch_optional(&mut connection).await?;
                let at = at.ok_or_else(|| page.not_a_cursor())?;
                vec![text(&at, "key")?.into(), number(&at, "number")?.into()]
            }
            None if page.backward => vec![LAST.into(), i64::MAX.into()],
            None => vec!["".into(), 0.into()],
        };
        let (rows, count) = page.rows(&mut connection, &PLANS, &[seller.to_string()], from).await?;
        Ok((rows.iter().map(plan_row).collect::<Result<_>>()?, count))
    }

    /// What may be bought by anybody from a seller, the newest version of each: for signup and shop windows.
    pub async fn offered(&self, seller: TenantId) -> Result<Vec<PlanShown>> {
        self.offered_in(&mut self.service.connection().await?, seller, None).await
    }

    /// The price list of a seller that a tenant buys by; that of another seller counts for nothing.
    pub(crate) async fn list_of(
        &self,
        connection: &mut Connection,
        tenant: TenantId,
        seller: TenantId,
    ) -> Result<Option<String>> {
        let row = self.customer_in(connection, tenant).await?.filter(|row| row.customer.seller == seller);
        Ok(row.and_then(|row| row.customer.price_list))
    }

    /// Of each plan the newest version that is offered on a price list, or else of those that are on none.
    pub(crate) async fn offered_in(
        &self,
        connection: &mut Connection,
        seller: TenantId,
        list: Option<&str>,
    ) -> Result<Vec<PlanShown>> {
        let rows = query(
            "SELECT p.* FROM plan p WHERE p.tenant = $1 AND p.state = 'OFFERED' AND COALESCE(p.price_list, '') IN ('', $3) \
             AND NOT EXISTS (SELECT 1 FROM plan q WHERE q.tenant = $1 AND q.key = p.key AND q.state = 'OFFERED' \
             AND COALESCE(q.price_list, '') IN ('', $3) AND (COALESCE(q.price_list, '') > COALESCE(p.price_list, '') \
             OR (COALESCE(q.price_list, '') = COALESCE(p.price_list, '') AND q.number > p.number))) ORDER BY p.key LIMIT $2",
        )
        .bind(seller.to_string())
        .bind(PLAN_KEYS_MAX)
        .bind(list.unwrap_or_default())
        .fetch_all(connection)
        .await?;
        rows.iter().map(plan_row).collect()
    }

    /// `pln_…`. `NotFound` for one that the actor may not buy and does not sell.
    pub async fn plan(&self, actor: &Actor, id: &str) -> Result<PlanShown> {
        let missing = || Error::not_found("planId");
        let mut connection = self.service.connection().await?;
        let plan = self.plan_in(&mut connection, id).await?.ok_or_else(missing)?;
        match self.service.permit(&mut connection, actor, Permission::BillingRead, plan.seller).await {
            Ok(()) => return Ok(plan),
            Err(e) if e.code == Code::NotFound => {}
            Err(e) => return Err(e),
        }
        self.buys_from(&mut connection, actor, plan.seller).await.map_err(|e| e.missing("planId"))?;
        let list = self.list_of(&mut connection, actor.tenant(), plan.seller).await?;
        if plan.is_offered_on(list.as_deref()) || self.has_had(&mut connection, actor.tenant(), &plan).await? {
            return Ok(plan);
        }
        Err(missing())
    }

    /// Makes a plan, or its next version when the key is known. BillingWrite on the seller. Published to the providers by a call.
    pub async fn plan_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        new: &NewPlan,
    ) -> Result<Done<PlanShown>> {
        let request = Request::new("planCreate", format!("{seller} {new:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_sell(&mut work.txn, actor, seller).await?;
        let number = self.next_version(&mut work.txn, seller, &new.plan).await?;
        let version = u32::try_from(number).map_err(|_| too_many_versions())?;
        let plan = Plan { version, ..new.plan.clone() };
        plan.check().map_err(refused)?;
        fits(&plan)?;
        let list = price_list(new.price_list.as_deref())?;
        let id = fresh_id("pln_")?;
        query(
            "INSERT INTO plan (id, tenant, key, number, state, body, version, created_at, price_list) \
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)",
        )
        .bind(&id)
        .bind(seller.to_string())
        .bind(&plan.key)
        .bind(number)
        .bind(to_word(&new.state)?)
        .bind(to_body(&plan)?)
        .bind(self.service.now().0)
        .bind(list.as_ref())
        .execute(&mut work.txn)
        .await?;
        if !plan.is_free() {
            for provider in &self.providers {
                let call = Call::Publish { provider: provider.name().to_owned(), plan: plan.clone() };
                self.put_call(&mut work.txn, seller, &call).await?;
            }
        }
        let detail = format!("{} {version} {:?}", plan.key, new.state);
        self.service.audit(&mut work.txn, actor, seller, "planCreate", &id, &detail).await?;
        let shown = self.plan_in(&mut work.txn, &id).await?.ok_or_else(|| Error::not_found("planId"))?;
        self.service.finish(work, shown, &[]).await
    }

    /// Offers, hides, withdraws a version.
    pub async fn plan_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
        state: PlanState,
    ) -> Result<Done<PlanShown>> {
        let request = Request::new("planUpdate", format!("{id} {state:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let missing = || Error::not_found("planId");
        let plan = self.plan_in(&mut work.txn, id).await?.ok_or_else(missing)?;
        self.may_sell(&mut work.txn, actor, plan.seller).await.map_err(|e| e.missing("planId"))?;
        work.expect(plan.version)?;
        query("UPDATE plan SET state = $2, version = version + 1 WHERE id = $1")
            .bind(id)
            .bind(to_word(&state)?)
            .execute(&mut work.txn)
            .await?;
        let detail = format!("{} {} {state:?}", plan.plan.key, plan.plan.version);
        self.service.audit(&mut work.txn, actor, plan.seller, "planUpdate", id, &detail).await?;
        let shown = self.plan_in(&mut work.txn, id).await?.ok_or_else(missing)?;
        self.service.finish(work, shown, &[]).await
    }

    /// The number of a plan's next version. `LimitReached`; `Invalid` for another family than the key's.
    async fn next_version(&self, txn: &mut Connection, seller: TenantId, plan: &Plan) -> Result<i64> {
        let newest = query("SELECT * FROM plan WHERE tenant = $1 AND key = $2 ORDER BY number DESC LIMIT 1")
            .bind(seller.to_string())
            .bind(&plan.key)
            .fetch_optional(&mut *txn)
            .await?;
        if let Some(row) = newest {
            let known = plan_row(&row)?;
            if known.plan.family != plan.family {
                let message = format!("The versions of this plan are of the family {}", known.plan.family);
                return Err(Error::new(Code::Invalid, "family", message));
            }
            let number = number(&row, "number")?;
            return if number < PLAN_VERSIONS_MAX { Ok(number + 1) } else { Err(too_many_versions()) };
        }
        let keys = query("SELECT COUNT(*) AS n FROM plan WHERE tenant = $1 AND number = 1")
            .bind(seller.to_string())
            .fetch_one(txn)
            .await?;
        if number(&keys, "n")? >= PLAN_KEYS_MAX {
            let message = format!("A seller has at most {PLAN_KEYS_MAX} plans (PLAN_KEYS_MAX)");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        Ok(1)
    }

    /// `NotFound` unless the actor may see what its tenant buys, and it buys from this seller.
    async fn buys_from(&self, connection: &mut Connection, actor: &Actor, seller: TenantId) -> Result<()> {
        let line = self.service.line(connection, actor.tenant()).await?;
        if line.get(1) != Some(&seller) {
            return Err(Error::not_found("tenantId"));
        }
        self.may_see(connection, actor, actor.tenant()).await
    }

    /// Whether a tenant has this version, or had it.
    async fn has_had(&self, connection: &mut Connection, tenant: TenantId, plan: &PlanShown) -> Result<bool> {
        if self
            .customer_in(connection, tenant)
            .await?
            .is_some_and(|row| row.customer.free_plan == Some(plan.id.clone()))
        {
            return Ok(true);
        }
        let bought = self.subscriptions_in(connection, tenant).await?;
        Ok(bought.iter().any(|s| s.plan == (plan.plan.key.clone(), plan.plan.version)))
    }
}

impl PlanShown {
    /// Whether who buys by a price list, or by none, may buy it by itself.
    pub(crate) fn is_offered_on(&self, list: Option<&str>) -> bool {
        self.state == PlanState::Offered && (self.price_list.is_none() || self.price_list.as_deref() == list)
    }
}

/// A page of a short list.
fn part(all: Vec<PlanShown>, page: &Page) -> Result<Vec<PlanShown>> {
    let place = match &page.cursor {
        Some(id) => Some(all.iter().position(|p| p.id == *id).ok_or_else(|| page.not_a_cursor())?),
        None => None,
    };
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (from, to) = match (page.backward, place) {
        (false, place) => {
            let from = place.map_or(0, |n| n + 1);
            (from, from.saturating_add(limit).min(all.len()))
        }
        (true, place) => {
            let to = place.unwrap_or(all.len());
            (to.saturating_sub(limit), to)
        }
    };
    Ok(all.into_iter().skip(from).take(to.saturating_sub(from)).collect())
}

/// Whether the most that can be bought of it is a number that is kept. `Invalid`.
fn fits(plan: &Plan) -> Result<()> {
    let most = plan.components.iter().fold(plan.grants, |sum, component| match component.charge {
        Charge::Unit { most, .. } => sum.plus(component.grants.times(most)),
        Charge::Metered { .. } => sum,
    });
    match within(most) {
        true => Ok(()),
        false => {
            Err(Error::new(Code::Invalid, "grants", format!("All together it grants at most {GRANT_MAX} (GRANT_MAX)")))
        }
    }
}

/// Whether nothing of it is beyond GRANT_MAX.
pub(crate) fn within(grants: Grants) -> bool {
    let Grants { domains, mailboxes, storage_bytes, recipients_per_hour, recipients_per_day, new_recipients_per_day } =
        grants;
    [domains, mailboxes, storage_bytes, recipients_per_hour, recipients_per_day, new_recipients_per_day]
        .into_iter()
        .flatten()
        .all(|n| n <= GRANT_MAX)
}

fn too_many_versions() -> Error {
    let message = format!("A plan has at most {PLAN_VERSIONS_MAX} versions (PLAN_VERSIONS_MAX)");
    Error::new(Code::LimitReached, "key", message)
}
