//! SUMMARY    The provider's truth becomes the mirror, the books, what a customer may have.
//! STANDARDS  product rules 3.2, 3.4, 3.11, S1, S3, S5
//! LIMITS     SYNC_LEASE, SYNC_BACKOFF, SYNC_BACKOFF_MAX, SYNCS_AT_ONCE, LOOK_AGAIN
//! INVARIANTS One at a time for each customer: who lost its lease writes nothing, so older truth never covers newer. The provider is asked
//!            outside of a transaction; all that follows from its answer is one. What comes in meanwhile makes it due again.

use super::{
    Billing,
    call::{backoff, short},
    entries::Entries,
    store::CustomerRow,
};
use crate::{Checkout, Failure, FailureKind, Payments, Truth};
use base::{TenantId, Timestamp};
use std::time::Duration;
use tenants::{
    Actor, Code, Error, Permission, Result,
    sql::{Connection, id, number, query},
};

/// How long nobody else compares a customer that is being compared.
const SYNC_LEASE: Duration = Duration::from_secs(120);
/// Pause after a provider did not answer; it doubles.
const SYNC_BACKOFF: Duration = Duration::from_secs(10);
const SYNC_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// When one is looked at again where that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// Customers of one round.
const SYNCS_AT_ONCE: i64 = 50;

/// A customer that is ours to compare, for a time.
struct Lease {
    row: CustomerRow,
    /// The end of the lease: no two of a customer have the same.
    until: Timestamp,
    started_at: Timestamp,
    /// Whether something had said that there is news.
    was_told: bool,
    attempts: i64,
}

/// What the provider says, all of it.
pub(crate) struct Told {
    pub truth: Truth,
    /// The pages that were asked about, by the provider's id; none: it does not know it (any more).
    pub pages: Vec<(String, Option<Checkout>)>,
}

/// What came of asking a provider.
enum Answered {
    /// The customer was never made known to it.
    Nothing,
    /// It does not know the customer (any more).
    Gone,
    All(Told),
}

impl Billing {
    /// Compares a customer with the provider now. BillingRead.
    pub async fn sync_now(&self, actor: &Actor, tenant: TenantId) -> Result<()> {
        let mut connection = self.service.reader(actor).await?;
        self.service.permit(&mut connection, actor, Permission::BillingRead, tenant).await?;
        if self.customer_in(&mut connection, tenant).await?.is_none() {
            return Err(Error::not_found("tenantId"));
        }
        drop(connection);
        self.sync(tenant).await.map(drop)
    }

    /// The same as the server's own work, under the customer's lease; `false` when somebody else has it.
    pub(crate) async fn sync(&self, tenant: TenantId) -> Result<bool> {
        let Some(lease) = self.lease(tenant).await? else { return Ok(false) };
        let told = match &lease.row.provider_id {
            Some(known) => self.told(&lease, known).await,
            None => Ok(Answered::Nothing),
        };
        match told {
            Ok(told) => self.write_told(&lease, told).await,
            Err(failure) if failure.kind == FailureKind::Gone => {
                tracing::error!(%tenant, %failure, "a payment provider does not know a customer: its mirror is kept");
                self.write_told(&lease, Answered::Gone).await
            }
            Err(failure) => {
                self.let_go(&lease).await?;
                tracing::warn!(%tenant, %failure, "a customer was not compared");
                Err(Error::new(Code::Internal, "", "The payment provider does not answer, try again"))
            }
        }
    }

    /// That a customer is to be compared soon.
    pub(crate) async fn mark(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        query("UPDATE customer SET sync_at = $2 WHERE tenant = $1")
            .bind(tenant.to_string())
            .bind(self.service.now().0)
            .execute(txn)
            .await
            .map(drop)
    }

    /// Compares the customers that are due: how many were.
    pub(crate) async fn sync_due(&self) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let rows =
            query("SELECT tenant FROM customer WHERE sync_at <= $1 AND leased_until <= $1 ORDER BY sync_at LIMIT $2")
                .bind(self.service.now().0)
                .bind(SYNCS_AT_ONCE)
                .fetch_all(&mut connection)
                .await?;
        drop(connection);
        for row in &rows {
            // Why it was not is told where it happened; it is due again.
            if let Err(error) = self.sync(id(row, "tenant")?).await {
                tracing::debug!(%error, "a customer is compared again later");
            }
        }
        Ok(rows.len())
    }

    async fn lease(&self, tenant: TenantId) -> Result<Option<Lease>> {
        let now = self.service.now();
        let until = now.plus(SYNC_LEASE);
        let mut txn = self.service.begin().await?;
        let Some(row) = self.customer_in(&mut txn, tenant).await? else { return Ok(None) };
        let was_told = row.sync_at.is_some();
        // Due again when the lease is over, unless it ends well: then nothing is lost by a crash.
        let taken =
            query("UPDATE customer SET leased_until = $2, sync_at = $2 WHERE tenant = $1 AND leased_until <= $3")
                .bind(tenant.to_string())
                .bind(until.0)
                .bind(now.0)
                .execute(&mut txn)
                .await?;
        if taken == 0 {
            return Ok(None);
        }
        let attempts = query("SELECT attempts FROM customer WHERE tenant = $1").bind(tenant.to_string());
        let attempts = number(&attempts.fetch_one(&mut txn).await?, "attempts")?;
        txn.commit().await?;
        Ok(Some(Lease { row, until, started_at: now, was_told, attempts }))
    }

    /// Asks the provider.
    async fn told(&self, lease: &Lease, known: &str) -> std::result::Result<Answered, Failure> {
        let ours = |error: Error| Failure::new(FailureKind::Unknown, error.to_string());
        let provider = self.provider(&lease.row.customer.provider).map_err(ours)?;
        // Pages first: what was bought on them is in the truth that is asked for afterwards.
        let mut pages = Vec::new();
        for page in self.pages_to_ask(lease.row.customer.tenant).await.map_err(ours)? {
            let now = page_of(provider.as_ref(), &page).await?;
            pages.push((page, now));
        }
        Ok(Answered::All(Told { truth: provider.truth(known).await?, pages }))
    }

    /// Writes all that follows, in one transaction; `false` when the lease was lost meanwhile.
    async fn write_told(&self, lease: &Lease, told: Answered) -> Result<bool> {
        let tenant = lease.row.customer.tenant;
        let mut txn = self.service.begin().await?;
        let state =
            query("SELECT leased_until, given_back_at FROM customer WHERE tenant = $1").bind(tenant.to_string());
        let state = state.fetch_one(&mut txn).await?;
        if number(&state, "leased_until")? != lease.until.0 {
            return Ok(false);
        }
        let is_given_back = state.number("given_back_at")?.is_some();
        let Some(mut row) = self.customer_in(&mut txn, tenant).await? else { return Ok(false) };
        let told_meanwhile = row.sync_at != Some(lease.until);
        row.sync_at = row.sync_at.filter(|_| told_meanwhile);
        row.customer.synced_at = Some(lease.started_at);
        if let Answered::Gone = &told {
            self.customer_gone(&mut txn, &row).await?;
        }
        if let Answered::All(told) = &told {
            let entries = Entries::of(&row, self.invoices_in(&mut txn, tenant).await?, &told.truth, self.service.now());
            let before = self.subscriptions_in(&mut txn, tenant).await?;
            let written = self.write_mirror(&mut txn, &mut row, told).await?;
            if !lease.was_told && !told_meanwhile {
                self.write_drift(&mut txn, tenant, &written.drift).await?;
            }
            // Of what goes back nobody is told that it came.
            if !is_given_back {
                self.tell_news(&mut txn, &row, &written.news).await?;
            }
            self.write_entries(&mut txn, entries).await?;
            self.freeze_changed(&mut txn, &row, &before).await?;
            self.freeze_use(&mut txn, &row).await?;
            self.settle_doubles(&mut txn, &row, &told.truth, is_given_back).await?;
            for (id, page) in &told.pages {
                match page {
                    Some(page) => self.checkout_told(&mut txn, tenant, page).await?,
                    None => self.page_gone(&mut txn, tenant, id).await?,
                }
            }
        }
        self.save_customer(&mut txn, &row).await?;
        query("UPDATE customer SET leased_until = 0, attempts = 0 WHERE tenant = $1")
            .bind(tenant.to_string())
            .execute(&mut txn)
            .await?;
        let changes = self.stand(&mut txn, tenant).await?;
        self.service.tell(&mut txn, &changes).await?;
        txn.commit().await?;
        self.service.committed().await;
        Ok(true)
    }

    /// Gives a lease back after a provider did not answer; it is due again later.
    async fn let_go(&self, lease: &Lease) -> Result<()> {
        let pause = backoff(lease.attempts.saturating_add(1), SYNC_BACKOFF, SYNC_BACKOFF_MAX);
        let mut txn = self.service.begin().await?;
        query(
            "UPDATE customer SET leased_until = 0, attempts = attempts + 1, sync_at = $3 WHERE tenant = $1 AND leased_until = $2",
        )
        .bind(lease.row.customer.tenant.to_string())
        .bind(lease.until.0)
        .bind(self.service.now().plus(pause).0)
        .execute(&mut txn)
        .await?;
        txn.commit().await
    }

    /// Differences that nothing had told: for the operator, and a metric.
    async fn write_drift(&self, txn: &mut Connection, tenant: TenantId, drift: &[String]) -> Result<()> {
        for what in drift {
            tracing::warn!(%tenant, what, "a payment provider had changed what no event told");
            metrics::counter!("posthouse_billing_drift_total").increment(1);
            self.note_drift(txn, tenant, what).await?;
        }
        Ok(())
    }

    pub(crate) async fn note_drift(&self, txn: &mut Connection, tenant: TenantId, what: &str) -> Result<()> {
        query("INSERT INTO billing_drift (tenant, at, what) VALUES ($1, $2, $3)")
            .bind(tenant.to_string())
            .bind(self.service.now().0)
            .bind(short(what))
            .execute(txn)
            .await
            .map(drop)
    }

    /// Stands of the customers whose stage or concession is to be looked at: how many were.
    pub(crate) async fn look_due(&self) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let rows = query("SELECT tenant FROM customer WHERE look_at <= $1 ORDER BY look_at LIMIT $2")
            .bind(self.service.now().0)
            .bind(SYNCS_AT_ONCE)
            .fetch_all(&mut connection)
            .await?;
        drop(connection);
        for row in &rows {
            let tenant: TenantId = id(row, "tenant")?;
            if let Err(error) = self.look(tenant).await {
                tracing::error!(%error, %tenant, "where a customer stands");
                self.look_later(tenant).await?;
            }
        }
        Ok(rows.len())
    }

    /// One that fails does not come before all others for ever.
    async fn look_later(&self, tenant: TenantId) -> Result<()> {
        let mut txn = self.service.begin().await?;
        query("UPDATE customer SET look_at = $2 WHERE tenant = $1 AND look_at <= $3")
            .bind(tenant.to_string())
            .bind(self.service.now().plus(LOOK_AGAIN).0)
            .bind(self.service.now().0)
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    async fn look(&self, tenant: TenantId) -> Result<()> {
        let mut txn = self.service.begin().await?;
        let changes = self.stand(&mut txn, tenant).await?;
        self.service.tell(&mut txn, &changes).await?;
        txn.commit().await?;
        self.service.committed().await;
        Ok(())
    }
}

/// A page as the provider has it; none: it does not know it (any more).
async fn page_of(provider: &dyn Payments, page: &str) -> std::result::Result<Option<Checkout>, Failure> {
    match provider.checkout(page).await {
        Ok(page) => Ok(Some(page)),
        Err(failure) if failure.kind == FailureKind::Gone => Ok(None),
        Err(failure) => Err(failure),
    }
}
