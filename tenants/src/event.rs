//! SUMMARY    What happened, for programs: derived from the audit log and told by the data plane; read as a change feed.
//! LIMITS     PLANE_EVENTS_MAX
//! INVARIANTS An event stands in the transaction of what it tells. `seq` rises in the order of the commits, `number` by one within
//!            a tenant, `object_number` by one within an object: who has read up to one has missed nothing before it.

mod kind;

use crate::{
    Actor, AuditEntry, Code, Error, Page, Permission, Presented, Result, Service,
    db::{Connection, Many, Row, query},
    hold::standing,
    limits::PLANE_EVENTS_MAX,
    page::Statements,
    rows::{id, json_list, number, text},
};
use base::TenantId;
use control::EventKind;
use kind::kind_of;
pub(crate) use kind::never;
use serde_json::{Value, json};
use std::{borrow::Cow, collections::HashMap};
use tokio::sync::{Notify, futures::Notified};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Rises over all tenants; the cursor of the feed.
    pub seq: i64,
    pub tenant: TenantId,
    /// Rises by one within the tenant.
    pub number: i64,
    /// `mailbox.created`
    pub kind: String,
    pub object: String,
    /// Rises by one within the object.
    pub object_number: i64,
    pub actor: String,
    pub at_ms: i64,
    /// What else there is to say; a JSON object.
    pub data: String,
}

/// An event to be written.
struct NewEvent<'a> {
    kind: Cow<'a, str>,
    object: &'a str,
    actor: &'a str,
    at_ms: i64,
    data: Value,
}

/// Wakes who waits for events of this process.
#[derive(Default)]
pub(crate) struct Events(Notify);

impl Events {
    /// A transaction was committed that may have told some.
    pub(crate) fn committed(&self) {
        self.0.notify_waiters();
    }

    /// Ready when something is committed after this call.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.0.notified()
    }
}

impl Service {
    /// The events of audit entries, in their order.
    pub(crate) async fn events_of(&self, txn: &mut Connection, tenant: TenantId, entries: &[AuditEntry]) -> Result<()> {
        match entries {
            [one] => write(txn, tenant, &of_entry(one)).await,
            many => write_many(txn, tenant, &many.iter().map(of_entry).collect::<Vec<_>>()).await,
        }
    }

    /// Events of a tenant, and of those below it when `below`, in their order, a page of them; and how many there are. The feed
    /// of its changes.
    pub async fn events(&self, actor: &Actor, tenant: TenantId, below: bool, page: &Page) -> Result<(Vec<Event>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::WebhookRead, tenant).await?;
        sees_below(actor, below)?;
        let list = if below { BELOW } else { OWN };
        let end = if page.backward { i64::MAX } else { 0 };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse().map_err(|_| page.not_a_cursor())?,
            None => end,
        };
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Events behind one, as `events` gives them, `limit` at most; nothing is counted. For whoever follows the feed.
    pub async fn events_after(
        &self,
        actor: &Actor,
        tenant: TenantId,
        below: bool,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Event>> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::WebhookRead, tenant).await?;
        sees_below(actor, below)?;
        let sql = if below { BELOW.forward } else { OWN.forward };
        let select = query(sql).bind(tenant.to_string()).bind(after).bind(limit);
        select.fetch_all(&mut connection).await?.iter().map(from_row).collect()
    }

    /// Checks what is shown, as `authenticate_as`, and that its tenant may sign in: asked again and again while a stream runs. `Forbidden`
    /// while a hold forbids it.
    pub async fn authenticate_open(&self, shown: Presented<'_>) -> Result<Actor> {
        let actor = self.authenticate_as(shown).await?;
        let mut connection = self.pool().acquire().await?;
        let (capabilities, reason, _) = standing(&self.seen_holds(&mut connection, actor.tenant).await?);
        if !capabilities.portal_login && !actor.operator {
            return Err(Error::new(Code::Forbidden, "", format!("The tenant is suspended: {reason}")));
        }
        Ok(actor)
    }

    /// The newest event there is, of any tenant; 0 when there is none.
    pub async fn events_end(&self) -> Result<i64> {
        let mut connection = self.pool().acquire().await?;
        newest(&mut connection).await
    }

    /// Returns when this process has committed something that may be an event; what others commit it does not see.
    pub async fn events_woken(&self) {
        self.events.woken().await;
    }

    /// Takes over what the data plane tells now, as `run_events` does by itself; how many events.
    pub async fn hear_events(&self) -> Result<usize> {
        self.pull_plane_events().await
    }

    /// Takes over what the data plane tells, a page of it; how many.
    pub(crate) async fn pull_plane_events(&self) -> Result<usize> {
        let cursor = self.setting_number("plane_events").await?;
        let after = u64::try_from(cursor).unwrap_or(0);
        let told = self.relay.control.events(after, PLANE_EVENTS_MAX).await;
        let told = told.map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let Some(last) = told.last() else { return Ok(0) };
        let mut txn = self.begin().await?;
        // Another process may have been faster.
        let known = query("SELECT value FROM setting WHERE name = 'plane_events'").fetch_optional(&mut txn).await?;
        let known: u64 = known.map(|row| text(&row, "value")).transpose()?.and_then(|v| v.parse().ok()).unwrap_or(0);
        for event in told.iter().filter(|e| e.seq > known) {
            if self.export_told(&mut txn, event.tenant, &event.kind).await?
                || self.migration_told(&mut txn, event.tenant, &event.kind).await?
            {
                continue;
            }
            let object = event.account.map_or_else(|| event.tenant.to_string(), |a| a.to_string());
            let Some((kind, data)) = plane_event(&event.kind) else { continue };
            let new = NewEvent { kind: kind.into(), object: &object, actor: "data-plane", at_ms: event.at.0, data };
            write(&mut txn, event.tenant, &new).await?;
        }
        query(
            "INSERT INTO setting (name, value) VALUES ('plane_events', $1) ON CONFLICT (name) DO UPDATE SET value = $1",
        )
        .bind(last.seq.max(known).to_string())
        .execute(&mut txn)
        .await?;
        txn.commit().await?;
        self.events.committed();
        Ok(told.len())
    }

    /// A number kept in the database; 0 when it was never written.
    pub(crate) async fn setting_number(&self, name: &str) -> Result<i64> {
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT value FROM setting WHERE name = $1").bind(name).fetch_optional(&mut connection).await?;
        Ok(row.map(|row| text(&row, "value")).transpose()?.and_then(|v| v.parse().ok()).unwrap_or(0))
    }
}

/// Whether an actor may see events of tenants below: not the provider's people, who need the consent of each.
pub(crate) fn sees_below(actor: &Actor, below: bool) -> Result<()> {
    if below && actor.bound {
        let message =
            "Events of tenants below take the consent of each: ask for one tenant, or use a token of the provider";
        return Err(Error::new(Code::Forbidden, "below", message));
    }
    Ok(())
}

/// Kind and data of an event that is no entry of an audit log.
fn plane_event(kind: &EventKind) -> Option<(&'static str, Value)> {
    Some(match kind {
        EventKind::QuotaReached { percent, used_bytes, limit_bytes } => (
            "quota.reached",
            json!({ "percent": percent, "usedBytes": used_bytes.to_string(), "limitBytes": limit_bytes.to_string() }),
        ),
        EventKind::QuotaRelieved { used_bytes, limit_bytes } => {
            ("quota.relieved", json!({ "usedBytes": used_bytes.to_string(), "limitBytes": limit_bytes.to_string() }))
        }
        EventKind::SendLimitReached { limit } => ("send_limit.reached", json!({ "limit": limit })),
        EventKind::ExportReady { .. }
        | EventKind::ExportFailed { .. }
        | EventKind::ExportDestroyed { .. }
        | EventKind::MigrationFailed { .. }
        | EventKind::MigrationEnded { .. } => return None,
    })
}

const OWN: Statements = Statements {
    forward: "SELECT * FROM event WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    backward: "SELECT * FROM event WHERE tenant = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
    count: "SELECT COUNT(*) AS n FROM event WHERE tenant = $1",
};

/// Of the tenants below as well (16: TREE_DEPTH_MAX).
macro_rules! below {
    ($select:literal, $rest:literal) => {
        concat!(
            "WITH RECURSIVE below (id, depth) AS (SELECT id, 0 FROM tenant WHERE id = $1 UNION ALL \
             SELECT t.id, below.depth + 1 FROM tenant t JOIN below ON t.parent = below.id WHERE below.depth < 16) SELECT ",
            $select,
            " FROM event WHERE tenant IN (SELECT id FROM below)",
            $rest
        )
    };
}
const BELOW: Statements = Statements {
    forward: below!("*", " AND seq > $2 ORDER BY seq LIMIT $3"),
    backward: below!("*", " AND seq < $2 ORDER BY seq DESC LIMIT $3"),
    count: below!("COUNT(*) AS n", ""),
};

pub(crate) async fn newest(txn: &mut Connection) -> Result<i64> {
    number(&query("SELECT COALESCE(MAX(seq), 0) AS n FROM event").fetch_one(txn).await?, "n")
}

fn of_entry(entry: &AuditEntry) -> NewEvent<'_> {
    debug_assert!(kind::ACTIONS.contains(&entry.action.as_str()), "{} is missing in ACTIONS", entry.action);
    NewEvent {
        kind: kind_of(&entry.action).into(),
        object: &entry.object,
        actor: &entry.actor,
        at_ms: entry.at_ms,
        data: json!({ "action": entry.action, "detail": entry.detail }),
    }
}

async fn write(txn: &mut Connection, tenant: TenantId, event: &NewEvent<'_>) -> Result<()> {
    query(
        "INSERT INTO event (tenant, number, kind, object, object_number, actor, at, data) VALUES ($1, \
         COALESCE((SELECT MAX(number) FROM event WHERE tenant = $1), 0) + 1, $2, $3, \
         COALESCE((SELECT MAX(object_number) FROM event WHERE tenant = $1 AND object = $3), 0) + 1, $4, $5, $6)",
    )
    .bind(tenant.to_string())
    .bind(event.kind.as_ref())
    .bind(event.object)
    .bind(event.actor)
    .bind(event.at_ms)
    .bind(event.data.to_string())
    .execute(txn)
    .await?;
    Ok(())
}

/// As `write` one after the other: the numbers are read once.
async fn write_many(txn: &mut Connection, tenant: TenantId, events: &[NewEvent<'_>]) -> Result<()> {
    let tenant = tenant.to_string();
    let objects: Vec<&str> = events.iter().map(|e| e.object).collect();
    let last = query(
        "SELECT o.value AS object, (SELECT MAX(number) FROM event WHERE tenant = $1) AS number, \
         (SELECT MAX(object_number) FROM event WHERE tenant = $1 AND object = o.value) AS object_number \
         FROM json_each($2) AS o",
    )
    .bind(&tenant)
    .bind(json_list(&objects))
    .fetch_all(txn)
    .await?;
    let mut number = 0;
    let mut of_objects = HashMap::with_capacity(last.len());
    for row in &last {
        number = row.number("number")?.unwrap_or(0);
        of_objects.insert(text(row, "object")?, row.number("object_number")?.unwrap_or(0));
    }
    let mut rows = Many::new("INSERT INTO event (tenant, number, kind, object, object_number, actor, at, data)", "");
    for event in events {
        number += 1;
        let object_number = of_objects.entry(event.object.to_owned()).or_insert(0);
        *object_number += 1;
        rows.row([
            (&tenant).into(),
            number.into(),
            event.kind.as_ref().into(),
            event.object.into(),
            (*object_number).into(),
            event.actor.into(),
            event.at_ms.into(),
            event.data.to_string().into(),
        ]);
    }
    rows.execute(txn).await.map(drop)
}

pub(crate) fn from_row(row: &Row) -> Result<Event> {
    Ok(Event {
        seq: number(row, "seq")?,
        tenant: id(row, "tenant")?,
        number: number(row, "number")?,
        kind: text(row, "kind")?,
        object: text(row, "object")?,
        object_number: number(row, "object_number")?,
        actor: text(row, "actor")?,
        at_ms: number(row, "at")?,
        data: text(row, "data")?,
    })
}
