//! SUMMARY    A tenant ends: it is closed and told, then purged with all that was its own; what is left is a tombstone and the proof.
//! LIMITS     CLOSING_UNDO_DAYS, PURGE_NOTICES_MIN, PURGE_NOTICE_DAYS, PURGE_ROWS_MAX, PURGE_PAUSE
//! SECURITY   Only the operator orders a purge, and names the tenant twice. Numbers and times are kept of it, and a hash of its name.
//! INVARIANTS No purge without PURGE_NOTICES_MIN notices to a contact elsewhere, and PURGE_NOTICE_DAYS after the last (T1). What is
//!            held, or has a tenant below it that is not purged, stays (M2). Before the data plane has destroyed the keys there is a way
//!            back, after it none (T6). Each step may be cut off anywhere and goes on.

mod closing;
mod rows;
mod run;

pub use closing::Closing;
pub use rows::ERASED_TABLES;

use crate::{
    Actor, Code, Error, Permission, Result, Service,
    db::{Connection, Row, query},
    limits::{PURGE_NOTICE_DAYS, PURGE_NOTICES_MIN},
    rows::{json_list, number, optional, text},
    shop::Grounds,
};
use aws_lc_rs::digest::{SHA256, digest};
use base::{TenantId, Timestamp};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

const DAY_MS: i64 = 24 * 3_600_000;

/// How far the end of a tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PurgePhase {
    Closing,
    Purging,
    Purged,
}

impl PurgePhase {
    fn name(self) -> &'static str {
        match self {
            PurgePhase::Closing => "CLOSING",
            PurgePhase::Purging => "PURGING",
            PurgePhase::Purged => "PURGED",
        }
    }

    fn of(name: &str) -> Result<Self> {
        let known = [PurgePhase::Closing, PurgePhase::Purging, PurgePhase::Purged];
        let damaged = || Error::new(Code::Internal, "", "a stored phase of a closing is damaged");
        known.into_iter().find(|phase| phase.name() == name).ok_or_else(damaged)
    }
}

/// The end of a tenant as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purge {
    pub tenant: TenantId,
    pub phase: PurgePhase,
    pub closed_at: Timestamp,
    /// When the destruction was told.
    pub notices: Vec<Timestamp>,
    /// When a letter was written that could not be sent.
    #[serde(skip)]
    pub lost: Vec<Timestamp>,
    /// Not before this.
    pub purge_at: Option<Timestamp>,
    pub ordered_by: String,
    pub ordered_at: Option<Timestamp>,
    /// The point of no return: the data plane destroyed the keys.
    pub no_return_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// SHA-256 of the tenant's name, hex.
    pub name_hash: String,
    /// Rows of the control plane that were erased, by table.
    pub erased: BTreeMap<String, u64>,
}

/// What a purge of a tenant would meet now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurgeOutlook {
    pub tenant: TenantId,
    pub name: String,
    /// Why it may not be purged now; empty: it may.
    pub refusals: Vec<String>,
    /// Rows of the control plane that would be erased, by table.
    pub rows: BTreeMap<String, u64>,
    /// What stays, and why.
    pub kept: Vec<&'static str>,
}

impl Service {
    /// What would be erased, and what keeps it from being so. Operator only.
    pub async fn purge_outlook(&self, actor: &Actor, tenant: TenantId) -> Result<PurgeOutlook> {
        may_purge(actor)?;
        let mut connection = self.connection().await?;
        self.permit(&mut connection, actor, Permission::TenantClose, tenant).await?;
        let name = self.tenant_in(&mut connection, tenant).await?.name;
        let refusals = self.purge_refusals(&mut connection, tenant).await?;
        let rows = rows::count(&mut connection, tenant).await?;
        Ok(PurgeOutlook { tenant, name, refusals, rows, kept: rows::KEPT.to_vec() })
    }

    /// Orders the purge of a tenant whose name is repeated, and goes on with it as far as it gets. `Held` with the reasons while it may
    /// not be purged; `Invalid` for another name. Asked again it goes on.
    pub async fn tenant_purge(&self, actor: &Actor, tenant: TenantId, name: &str) -> Result<Purge> {
        may_purge(actor)?;
        let mut connection = self.connection().await?;
        let known = purge_in(&mut connection, tenant).await?;
        drop(connection);
        if known.as_ref().is_none_or(|known| known.phase == PurgePhase::Closing) {
            self.order_purge(actor, tenant, Some(name)).await?;
        }
        self.purge_on(tenant).await?;
        self.purge_state(actor, tenant).await
    }

    /// How far the end of a tenant is. `NotFound`: it has not begun.
    pub async fn purge_state(&self, actor: &Actor, tenant: TenantId) -> Result<Purge> {
        may_purge(actor)?;
        let mut connection = self.connection().await?;
        purge_in(&mut connection, tenant).await?.ok_or_else(|| Error::not_found("tenantId"))
    }

    /// The signed proof of a purge that has ended; it is kept. `NotFound`: there is none.
    pub async fn purge_proof(&self, actor: &Actor, tenant: TenantId) -> Result<String> {
        may_purge(actor)?;
        let mut connection = self.connection().await?;
        let row = query("SELECT proof FROM closing WHERE tenant = $1 AND phase = 'PURGED'")
            .bind(tenant.to_string())
            .fetch_optional(&mut connection)
            .await?;
        text(&row.ok_or_else(|| Error::new(Code::NotFound, "tenantId", "The tenant was not purged"))?, "proof")
    }

    /// Puts the order down, if nothing keeps the tenant: from here on its doors are shut.
    pub(crate) async fn order_purge(&self, actor: &Actor, tenant: TenantId, name: Option<&str>) -> Result<()> {
        let mut txn = self.begin().await?;
        self.permit(&mut txn, actor, Permission::TenantClose, tenant).await?;
        let of = self.tenant_in(&mut txn, tenant).await?;
        if name.is_some_and(|name| name != of.name) {
            return Err(Error::new(Code::Invalid, "confirm", "This is not the name of the tenant"));
        }
        let refusals = self.purge_refusals(&mut txn, tenant).await?;
        if !refusals.is_empty() {
            return Err(Error::new(Code::Held, "tenantId", refusals.join("; ")));
        }
        let grounds = self.grounds(&mut txn, tenant).await?.unwrap_or_default();
        query(
            "INSERT INTO closing (tenant, phase, contact, locale, closed_at, notices, purge_at, ordered_by, ordered_at, name_hash, \
             erased, proof) VALUES ($1, 'PURGING', '', '', $2, $3, $4, $5, $6, $7, '{}', '') ON CONFLICT (tenant) DO UPDATE SET \
             phase = 'PURGING', ordered_by = $5, ordered_at = $6, name_hash = $7",
        )
        .bind(tenant.to_string())
        .bind(grounds.closed_at.0)
        .bind(serde_json::to_string(&grounds.notices).map_err(damaged)?)
        .bind(grounds.not_before.map(|at| at.0))
        .bind(&actor.name)
        .bind(self.now().0)
        .bind(hashed(&of.name))
        .execute(&mut txn)
        .await?;
        rows::shut(&mut txn, tenant, self.now()).await?;
        if let Some(parent) = of.parent {
            self.audit(&mut txn, actor, parent, "tenantPurge", &tenant.to_string(), "").await?;
        }
        let batch = self.entitlements_below(&mut txn, tenant).await?;
        self.tell(&mut txn, &batch).await?;
        self.rights_changed(&mut txn).await?;
        txn.commit().await?;
        self.auth.forget();
        self.settle().await;
        Ok(())
    }

    /// Why a tenant may not be purged now; empty: it may.
    pub(crate) async fn purge_refusals(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<String>> {
        let mut why = Vec::new();
        let line = self.line(txn, tenant).await?;
        if line.len() < 2 {
            why.push("it is the provider's own".to_owned());
        }
        let below = "SELECT COUNT(*) AS n FROM tenant t WHERE t.parent = $1 AND NOT EXISTS \
                     (SELECT 1 FROM closing c WHERE c.tenant = t.id AND c.phase = 'PURGED')";
        let below = query(below).bind(tenant.to_string()).fetch_one(&mut *txn).await?;
        match number(&below, "n")? {
            0 => {}
            n => why.push(format!("{n} tenants below it are not purged")),
        }
        let held = query(
            "SELECT subject, code FROM hold WHERE released_at IS NULL AND (' ' || blocks || ' ') LIKE '% PURGE_ALLOWED %' \
             AND (tenant = $1 OR subject IN (SELECT value FROM json_each($2))) ORDER BY placed_at LIMIT 20",
        );
        for row in held.bind(tenant.to_string()).bind(json_list(&line)).fetch_all(&mut *txn).await? {
            why.push(format!("a hold keeps {} ({})", text(&row, "subject")?, text(&row, "code")?));
        }
        why.extend(self.not_told_enough(txn, tenant).await?);
        Ok(why)
    }

    /// Why T1 does not hold.
    async fn not_told_enough(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<String>> {
        let Some(grounds) = self.grounds(txn, tenant).await? else {
            return Ok(Some("it is not closed".to_owned()));
        };
        let Some(last) = grounds.notices.iter().max().filter(|_| grounds.notices.len() >= PURGE_NOTICES_MIN) else {
            let told = grounds.notices.len();
            return Ok(Some(format!(
                "its destruction was told {told} times, not {PURGE_NOTICES_MIN} (PURGE_NOTICES_MIN)"
            )));
        };
        let since = |at: Timestamp, days: i64| Timestamp(at.0.saturating_add(days.saturating_mul(DAY_MS)));
        let earliest = grounds.not_before.unwrap_or(*last).max(since(*last, PURGE_NOTICE_DAYS));
        Ok((earliest > self.now()).then(|| format!("not before {}", shown(earliest))))
    }

    /// On what ground a tenant may end: what whoever sells says of a customer, else how the operator closed it. `None`: it goes on.
    pub(crate) async fn grounds(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<Grounds>> {
        let customer = query("SELECT 1 AS n FROM customer WHERE tenant = $1").bind(tenant.to_string());
        let is_customer = customer.fetch_optional(&mut *txn).await?.is_some();
        let closing = purge_in(txn, tenant).await?;
        if let Some(closing) = closing {
            let (closed_at, notices, not_before) = (closing.closed_at, closing.notices, closing.purge_at);
            return Ok(Some(Grounds { closed_at, notices, not_before }));
        }
        match (is_customer, self.shop.get().cloned()) {
            (false, _) => Ok(None),
            (true, Some(shop)) => shop.grounds(txn, tenant).await,
            (true, None) => Err(Error::new(Code::Invalid, "tenantId", "It is a customer: ask while the server runs")),
        }
    }
}

/// `Forbidden` for everybody but the operator.
fn may_purge(actor: &Actor) -> Result<()> {
    match actor.operator {
        true => Ok(()),
        false => Err(Error::new(Code::Forbidden, "", "Only the operator purges")),
    }
}

/// As people read it: the day, in UTC.
fn shown(at: Timestamp) -> String {
    let days = at.0.div_euclid(DAY_MS);
    // Days since 0000-03-01 (Howard Hinnant, chrono-compatible low-level date algorithms).
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn hashed(name: &str) -> String {
    digest(&SHA256, name.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn damaged(e: serde_json::Error) -> Error {
    Error::new(Code::Internal, "", format!("a stored closing: {e}"))
}

/// The end of a tenant, if it has begun.
impl Service {
    /// Refuses what would change a tenant that is being purged, or was: nothing would ever erase it.
    pub(crate) async fn not_purged(&self, txn: &mut Connection, tenant: TenantId) -> Result<()> {
        let gone =
            query("SELECT 1 AS n FROM closing WHERE tenant = $1 AND phase <> 'CLOSING'").bind(tenant.to_string());
        match gone.fetch_optional(txn).await? {
            None => Ok(()),
            Some(_) => Err(Error::new(
                Code::Forbidden,
                "",
                "The tenant is being purged, or was: nothing of it changes any more",
            )),
        }
    }
}

pub(crate) async fn purge_in(txn: &mut Connection, tenant: TenantId) -> Result<Option<Purge>> {
    let row = query("SELECT * FROM closing WHERE tenant = $1").bind(tenant.to_string()).fetch_optional(txn).await?;
    row.map(|row| from_row(&row)).transpose()
}

fn from_row(row: &Row) -> Result<Purge> {
    let at = |column| Ok::<_, Error>(optional(row, column)?.map(Timestamp));
    // Below zero: it was not sent.
    let tried: Vec<i64> = serde_json::from_str(&text(row, "notices")?).map_err(damaged)?;
    let (told, lost): (Vec<i64>, Vec<i64>) = tried.into_iter().partition(|at| *at >= 0);
    Ok(Purge {
        tenant: crate::rows::id(row, "tenant")?,
        phase: PurgePhase::of(&text(row, "phase")?)?,
        closed_at: Timestamp(number(row, "closed_at")?),
        notices: told.into_iter().map(Timestamp).collect(),
        lost: lost.into_iter().map(|at| Timestamp(-at)).collect(),
        purge_at: at("purge_at")?,
        ordered_by: text(row, "ordered_by")?,
        ordered_at: at("ordered_at")?,
        no_return_at: at("no_return_at")?,
        ended_at: at("ended_at")?,
        name_hash: text(row, "name_hash")?,
        erased: serde_json::from_str(&text(row, "erased")?).map_err(damaged)?,
    })
}

/// Between two looks at what is due, and at how far the data plane is.
pub(crate) const PURGE_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(shown(Timestamp(0)), "1970-01-01");
        assert_eq!(shown(Timestamp(951_782_400_000)), "2000-02-29");
        assert_eq!(shown(Timestamp(1_795_884_443_000)), "2026-11-28");
    }
}
