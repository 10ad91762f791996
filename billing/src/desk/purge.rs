//! SUMMARY    The end of a customer: on what ground it is purged, which ends have come, and what of it is not of the books.
//! INVARIANTS Pure stages decide (T1, T2): a customer's end has come when its stage is that of purging. Books stay as they are; payments that
//!            come in afterwards go back as for everybody who is closed (T6).

use super::Billing;
use crate::{Phase, phase, stages};
use base::TenantId;
use tenants::{
    Grounds, Result,
    sql::{Connection, id, query},
};

/// Customers that are looked at for their end in one round.
const ENDED_AT_ONCE: i64 = 100;

impl Billing {
    /// On what ground a customer may end: when it was closed, when that was told, and the day of its last stage. `None`: it goes on.
    pub(crate) async fn grounds_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<Grounds>> {
        let Some(row) = self.customer_in(txn, tenant).await? else { return Ok(None) };
        let policy = self.policy_in(txn, row.customer.seller).await?;
        let facts = self.situation(txn, &row).await?.facts;
        let all = stages(&facts, &policy);
        let Some((_, closed_at)) = all.iter().find(|(stage, _)| *stage == Phase::Closing).copied() else {
            return Ok(None);
        };
        if phase(&facts, &policy, self.service.now()) < Phase::Closing {
            return Ok(None);
        }
        let notices = facts.notices.iter().copied().filter(|at| *at >= closed_at).collect();
        let purging = all.iter().find(|(stage, _)| *stage == Phase::Purging).map(|(_, at)| *at);
        // Without a last stage there is no day, and too few notices: T1 does not hold.
        Ok(Some(Grounds { closed_at, notices, not_before: purging }))
    }

    /// Customers whose stage is that of purging and that are still there.
    pub(crate) async fn ended_in(&self, txn: &mut Connection) -> Result<Vec<TenantId>> {
        let rows = query(
            "SELECT c.tenant FROM customer c JOIN tenant t ON t.id = c.tenant WHERE c.phase = 'PURGING' AND c.tenant > $1 AND NOT EXISTS \
             (SELECT 1 FROM closing k WHERE k.tenant = c.tenant) ORDER BY c.tenant LIMIT $2",
        )
        .bind("")
        .bind(ENDED_AT_ONCE)
        .fetch_all(txn)
        .await?;
        rows.iter().map(|row| id(row, "tenant")).collect()
    }
}
