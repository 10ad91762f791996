//! SUMMARY    Limits down the tree: what a tenant grants those below it comes out of its own.
//! STANDARDS  docs/decisions/0013-limits-come-out-of-the-parents.md
//! LIMITS     TREE_DEPTH_MAX
//! INVARIANTS A grant never makes own use + Σ grants exceed a limit (use of domains and mailboxes; stored bytes are counted by
//!            the data plane). Below a limit there is no "unlimited". Lowering is never refused: what exists stays, and nothing
//!            new is made anywhere below a tenant that is over its limit.

use crate::{
    Code, Error, Limits, Result, Service,
    db::{Connection, Row, query},
    rows::number,
    tree::depth_max,
};
use base::TenantId;

/// One of the four limits of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Domains,
    Mailboxes,
    StorageBytes,
    MessagesPerHour,
}

impl Limit {
    const ALL: [Limit; 4] = [Limit::Domains, Limit::Mailboxes, Limit::StorageBytes, Limit::MessagesPerHour];

    /// As the API names it.
    fn field(self) -> &'static str {
        match self {
            Limit::Domains => "maxDomains",
            Limit::Mailboxes => "maxMailboxes",
            Limit::StorageBytes => "storageBytesMax",
            Limit::MessagesPerHour => "messagesPerHourMax",
        }
    }

    fn set(self, limits: &mut Limits, value: Option<u64>) {
        match self {
            Limit::Domains => limits.max_domains = value,
            Limit::Mailboxes => limits.max_mailboxes = value,
            Limit::StorageBytes => limits.storage_bytes_max = value,
            Limit::MessagesPerHour => limits.messages_per_hour_max = value,
        }
    }

    fn of(self, limits: &Limits) -> Option<u64> {
        match self {
            Limit::Domains => limits.max_domains,
            Limit::Mailboxes => limits.max_mailboxes,
            Limit::StorageBytes => limits.storage_bytes_max,
            Limit::MessagesPerHour => limits.messages_per_hour_max,
        }
    }
}

/// Sum over the tenants directly below, in two halves: the sum of many large limits is more than SQL counts to.
macro_rules! granted_sql {
    ($column:literal) => {
        concat!(
            "SELECT COUNT(*) AS n, COUNT(",
            $column,
            ") AS limited, CAST(COALESCE(SUM(",
            $column,
            " >> 32), 0) AS BIGINT) AS high, CAST(COALESCE(SUM(",
            $column,
            " & 4294967295), 0) AS BIGINT) AS low FROM tenant WHERE parent = $1 AND id <> $2"
        )
    };
}

/// Live objects of a tenant and all below it.
macro_rules! used_below_sql {
    ($table:literal) => {
        concat!(
            "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 UNION ALL SELECT t.id, below.depth + 1 FROM tenant t ",
            "JOIN below ON t.parent = below.id WHERE below.depth < $2) SELECT COUNT(*) AS n FROM ",
            $table,
            " WHERE live = 1 AND tenant IN (SELECT id FROM below)"
        )
    };
}

/// What is left of a limit; zero when more was granted than there is, or without bound.
fn left(of: Option<u64>, granted: Option<u64>) -> Option<u64> {
    Some(of?.saturating_sub(granted.unwrap_or(u64::MAX)))
}

/// How many more of something fit, and what is said when none does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// `u64::MAX`: without limit.
    pub(crate) left: u64,
    pub(crate) full: &'static str,
}

impl Service {
    /// What a tenant may use itself of a limit: without what it granted. `None`: unlimited.
    pub(crate) async fn own_limit(&self, txn: &mut Connection, tenant: TenantId, limit: Limit) -> Result<Option<u64>> {
        let Some(whole) = limit.of(&self.limits_in(txn, tenant).await?) else { return Ok(None) };
        Ok(left(Some(whole), self.granted(txn, tenant, None, limit).await?))
    }

    /// Whether `parent` can give `wanted` to a tenant below it, which has `now` (`None`: it is being made).
    /// `LimitReached` or `Invalid`, on the limit's field. What is not raised is not asked.
    pub(crate) async fn grantable(
        &self,
        txn: &mut Connection,
        parent: TenantId,
        now: Option<(TenantId, &Limits)>,
        wanted: &Limits,
    ) -> Result<()> {
        let pool = self.limits_in(txn, parent).await?;
        for limit in Limit::ALL {
            let Some(pool) = limit.of(&pool) else { continue };
            let had = now.map(|(_, limits)| limit.of(limits));
            let wanted = limit.of(wanted);
            let Some(grant) = wanted else {
                let message = "The tenant above has a limit, so this one needs a limit too";
                return Err(Error::new(Code::Invalid, limit.field(), message));
            };
            if had.is_some_and(|had| had.is_none_or(|had| grant <= had)) {
                continue;
            }
            let others = self.granted(txn, parent, now.map(|(below, _)| below), limit).await?;
            let used = self.own_use(txn, parent, limit).await?;
            let left = left(Some(pool), others).unwrap_or(0).saturating_sub(used);
            if grant > left {
                let message = format!("The tenant above has {left} left to give");
                return Err(Error::new(Code::LimitReached, limit.field(), message));
            }
        }
        Ok(())
    }

    /// Of `wanted`, what the parent of a tenant that has `now` can give and what may be set above those below it; and whether that is
    /// less. What the tenant has already it keeps.
    pub(crate) async fn fitting(
        &self,
        txn: &mut Connection,
        parent: TenantId,
        (tenant, now): (TenantId, &Limits),
        wanted: &Limits,
    ) -> Result<(Limits, bool)> {
        let pool = self.limits_in(txn, parent).await?;
        let (mut limits, mut short) = (wanted.clone(), false);
        for limit in Limit::ALL {
            let (had, wants) = (limit.of(now), limit.of(wanted));
            let mut fits = wants;
            if let Some(pool) = limit.of(&pool)
                && had.is_some_and(|had| wants.is_none_or(|wants| wants > had))
            {
                let others = self.granted(txn, parent, Some(tenant), limit).await?;
                let used = self.own_use(txn, parent, limit).await?;
                let left = left(Some(pool), others).unwrap_or(0).saturating_sub(used).max(had.unwrap_or(0));
                fits = Some(wants.unwrap_or(u64::MAX).min(left));
            }
            if fits.is_some() && self.granted(txn, tenant, None, limit).await?.is_none() {
                fits = had;
            }
            short |= fits != wants;
            limit.set(&mut limits, fits);
        }
        Ok((limits, short))
    }

    /// A limit can be set once all below have one: `Invalid` otherwise.
    pub(crate) async fn limited_below(&self, txn: &mut Connection, tenant: TenantId, wanted: &Limits) -> Result<()> {
        for limit in Limit::ALL {
            if limit.of(wanted).is_some() && self.granted(txn, tenant, None, limit).await?.is_none() {
                let message = "A tenant below has no limit: give it one first";
                return Err(Error::new(Code::Invalid, limit.field(), message));
            }
        }
        Ok(())
    }

    /// Whether so many more domains or mailboxes fit: the tenant's own limit, and that of everyone above who granted more than it has.
    pub(crate) async fn room_for(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        limit: Limit,
        more: u64,
        field: &'static str,
        full: &'static str,
    ) -> Result<()> {
        let room = self.room(txn, tenant, limit, full).await?;
        if room.left < more { Err(Error::new(Code::LimitReached, field, room.full)) } else { Ok(()) }
    }

    /// How many more domains or mailboxes fit now. `full` says it when the tenant's own limit is what is reached.
    pub(crate) async fn room(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        limit: Limit,
        full: &'static str,
    ) -> Result<Room> {
        let mut room = Room { left: u64::MAX, full };
        if let Some(max) = self.own_limit(txn, tenant, limit).await? {
            room.left = max.saturating_sub(self.own_use(txn, tenant, limit).await?);
        }
        for above in self.above(txn, tenant).await? {
            let Some(max) = limit.of(&self.limits_in(txn, above).await?) else { continue };
            let granted = self.granted(txn, above, None, limit).await?;
            if granted.is_some_and(|granted| granted <= max) {
                continue;
            }
            let left = max.saturating_sub(self.use_below(txn, above, limit).await?);
            if left < room.left {
                room = Room { left, full: "A tenant above is over its limit: nothing new is made below it" };
            }
        }
        Ok(room)
    }

    /// What a tenant granted those directly below it, but for one of them. `None`: one of them is unlimited.
    async fn granted(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        without: Option<TenantId>,
        limit: Limit,
    ) -> Result<Option<u64>> {
        let sql = match limit {
            Limit::Domains => granted_sql!("max_domains"),
            Limit::Mailboxes => granted_sql!("max_mailboxes"),
            Limit::StorageBytes => granted_sql!("storage_bytes_max"),
            Limit::MessagesPerHour => granted_sql!("messages_per_hour_max"),
        };
        let row = query(sql)
            .bind(tenant.to_string())
            .bind(without.map(|w| w.to_string()).unwrap_or_default())
            .fetch_one(txn)
            .await?;
        if number(&row, "limited")? < number(&row, "n")? {
            return Ok(None);
        }
        let sum = (i128::from(number(&row, "high")?) << 32) + i128::from(number(&row, "low")?);
        Ok(Some(u64::try_from(sum).unwrap_or(u64::MAX)))
    }

    /// Live domains or mailboxes of a tenant; zero for what is counted elsewhere.
    async fn own_use(&self, txn: &mut Connection, tenant: TenantId, limit: Limit) -> Result<u64> {
        let sql = match limit {
            Limit::Domains => "SELECT COUNT(*) AS n FROM claim WHERE tenant = $1 AND live = 1",
            Limit::Mailboxes => "SELECT COUNT(*) AS n FROM mailbox WHERE tenant = $1 AND live = 1",
            Limit::StorageBytes | Limit::MessagesPerHour => return Ok(0),
        };
        count(query(sql).bind(tenant.to_string()).fetch_one(txn).await?)
    }

    /// Live domains or mailboxes of a tenant and all below it.
    async fn use_below(&self, txn: &mut Connection, tenant: TenantId, limit: Limit) -> Result<u64> {
        let sql = match limit {
            Limit::Domains => used_below_sql!("claim"),
            Limit::Mailboxes => used_below_sql!("mailbox"),
            Limit::StorageBytes | Limit::MessagesPerHour => return Ok(0),
        };
        count(query(sql).bind(tenant.to_string()).bind(depth_max()).fetch_one(txn).await?)
    }
}

fn count(row: Row) -> Result<u64> {
    Ok(u64::try_from(number(&row, "n")?).unwrap_or(0))
}
