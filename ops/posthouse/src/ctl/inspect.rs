//! SUMMARY    `ctl verify`, `ctl quota` and `ctl queue`: what the operator sees and does in the data plane.
//! SECURITY   Reads through break-glass, which names who and why. Bytes of messages are not shown.
//! LIMITS     CTL_ROWS_MAX, CTL_QUEUE_SCAN_MAX

use super::{
    desk::{Desk, Events, Outcome, done, row, text},
    request::{Event, Select},
};
use account::record::QueueItem;
use base::{
    Kind, QueueId, TenantId,
    limits::{CTL_QUEUE_SCAN_MAX, CTL_ROWS_MAX},
};
use serde_json::{Value, json};

/// Items read at once.
const PAGE: usize = 500;

impl Desk {
    pub(super) async fn verify(&self, who: &str, tenant: Option<TenantId>, events: &Events) -> Outcome {
        let key = self.store()?.break_glass(who, "ctl verify").map_err(text)?;
        let all = self.tenants_of(tenant).await?;
        let mut violations = 0;
        for (n, tenant) in all.iter().enumerate() {
            let progress = Event::Progress { done: n, total: all.len(), what: tenant.to_string() };
            events.send(progress).await.map_err(|_| "nobody listens")?;
            let found = self.store()?.verify(&key.tenant(*tenant)).await.map_err(|e| format!("{tenant}: {e}"))?;
            violations += found.len();
            for v in found {
                let account = v.account.map(|a| a.to_string());
                row(events, json!({ "tenant": v.tenant.to_string(), "account": account, "violation": v.what })).await?;
            }
        }
        if tenant.is_none() {
            for v in self.store()?.verify_erased(&key).await.map_err(text)? {
                violations += 1;
                row(events, json!({ "tenant": v.tenant.to_string(), "account": null, "violation": v.what })).await?;
            }
        }
        Ok((violations == 0, None, format!("{} tenants, {violations} violations", all.len())))
    }

    pub(super) async fn quota(&self, who: &str, tenant: Option<TenantId>, repair: bool, events: &Events) -> Outcome {
        let key = self.store()?.break_glass(who, "ctl quota").map_err(text)?;
        let all = self.tenants_of(tenant).await?;
        let (mut counters, mut drift_bytes) = (0, 0_u64);
        for tenant in &all {
            let found = match repair {
                true => self.store()?.quota_repair(&key, *tenant).await,
                false => self.store()?.quota_drift(&key.tenant(*tenant)).await,
            };
            for drift in found.map_err(|e| format!("{tenant}: {e}"))? {
                counters += 1;
                drift_bytes = drift_bytes.saturating_add(drift.bytes().unsigned_abs());
                let account = drift.account.map(|a| a.to_string());
                let drifted = json!({
                    "tenant": tenant.to_string(),
                    "account": account,
                    "counted_bytes": drift.counted_bytes,
                    "stored_bytes": drift.stored_bytes,
                    "drift_bytes": drift.bytes(),
                });
                row(events, drifted).await?;
            }
        }
        let said = if repair { "repaired" } else { "differ" };
        Ok((
            repair || counters == 0,
            None,
            format!("{} tenants, {counters} counters {said}, drift {drift_bytes} bytes", all.len()),
        ))
    }

    /// The one, or all that have something stored.
    pub(super) async fn tenants_of(&self, tenant: Option<TenantId>) -> Result<Vec<TenantId>, String> {
        let mut all = self.store()?.tenants().await.map_err(text)?;
        if let Some(tenant) = tenant {
            all.retain(|t| *t == tenant);
            if all.is_empty() {
                return Err(format!("{tenant}: the store knows no such tenant"));
            }
        }
        Ok(all)
    }

    pub(super) async fn queue_list(
        &self,
        who: &str,
        select: &Select,
        after: Option<String>,
        limit: usize,
        events: &Events,
    ) -> Outcome {
        let limit = limit.clamp(1, CTL_ROWS_MAX);
        let after = after.map(|text| cursor(&text).ok_or("--after: not what `next` showed")).transpose()?;
        let (found, next) = self.select(who, select, after, limit).await?;
        for (tenant, item) in &found {
            // Asked now: what is not due yet is held back as much as what was tried.
            let held = self.store()?.held_back(*tenant, item).await.map_err(text)?;
            row(events, item_row(*tenant, item, held)).await?;
        }
        let next = next.map(|(tenant, item)| format!("{tenant}/{item}"));
        Ok((true, next, format!("{} items", found.len())))
    }

    pub(super) async fn queue_retry(&self, who: &str, select: &Select) -> Outcome {
        let now = self.store()?.clock().now().0;
        let retry = move |q: &mut QueueItem| {
            (q.parked, q.due_at_ms) = (false, now);
            q.held.clear();
        };
        self.each(who, select, "will be tried now", retry).await
    }

    /// Cancelled recipients get no bounce: the operator decided.
    pub(super) async fn queue_cancel(&self, who: &str, select: &Select) -> Outcome {
        let cancel = |q: &mut QueueItem| q.recipients.iter_mut().filter(|r| r.status == 0).for_each(|r| r.status = 3);
        self.each(who, select, "cancelled", cancel).await
    }

    async fn each(&self, who: &str, select: &Select, said: &str, change: impl Fn(&mut QueueItem)) -> Outcome {
        let (mut changed, mut under_way, mut after) = (0, 0, None);
        loop {
            let (found, next) = self.select(who, select, after, PAGE).await?;
            for (tenant, item) in &found {
                match self.store()?.amend(*tenant, QueueId(item.id), &change).await {
                    Ok(()) => changed += 1,
                    Err(e) if e.kind == Kind::NotFound => under_way += 1,
                    Err(e) => return Err(text(e)),
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if let (Some(item), 0, 0) = (select.item, changed, under_way) {
            return Err(format!("{item}: no such item waits"));
        }
        tracing::info!(who, changed, under_way, "ctl: queue items {said}");
        match under_way {
            0 => done(&format!("{changed} items {said}")),
            n => Ok((
                changed > 0,
                None,
                format!("{changed} items {said}; {n} are being sent right now and were left alone"),
            )),
        }
    }

    /// Items that meet the conditions, up to `limit`, and where to go on.
    async fn select(
        &self,
        who: &str,
        select: &Select,
        after: Option<(TenantId, QueueId)>,
        limit: usize,
    ) -> Result<(Vec<(TenantId, QueueItem)>, Option<(TenantId, QueueId)>), String> {
        let key = self.store()?.break_glass(who, "ctl queue").map_err(text)?;
        let mut tenants = self.store()?.tenants().await.map_err(text)?;
        tenants.sort();
        tenants.retain(|t| select.tenant.is_none_or(|only| only == *t) && after.is_none_or(|(from, _)| *t >= from));
        let (mut found, mut scanned) = (Vec::new(), 0);
        for tenant in tenants {
            let mut at = after.filter(|(from, _)| *from == tenant).map(|(_, item)| item);
            loop {
                let page = self.store()?.queue_after(&key.tenant(tenant), at, PAGE).await.map_err(text)?;
                let Some(last) = page.last().map(|s| QueueId(s.item.id)) else { break };
                for summary in page {
                    scanned += 1;
                    let id = QueueId(summary.item.id);
                    if meets(select, &summary.item) {
                        found.push((tenant, summary.item));
                    }
                    if found.len() >= limit || scanned >= CTL_QUEUE_SCAN_MAX {
                        return Ok((found, Some((tenant, id))));
                    }
                }
                at = Some(last);
            }
        }
        Ok((found, None))
    }
}

fn meets(select: &Select, item: &QueueItem) -> bool {
    select.item.is_none_or(|id| id.0 == item.id)
        && select.domain.as_ref().is_none_or(|d| d.eq_ignore_ascii_case(&item.domain))
}

fn cursor(text: &str) -> Option<(TenantId, QueueId)> {
    let (tenant, item) = text.split_once('/')?;
    Some((tenant.parse().ok()?, item.parse().ok()?))
}

fn item_row(tenant: TenantId, item: &QueueItem, held: Option<String>) -> Value {
    let state = match (item.leased, &held) {
        (true, _) => "sending",
        (false, Some(_)) => "parked",
        (false, None) => "waiting",
    };
    let waiting: Vec<&str> = item.recipients.iter().filter(|r| r.status == 0).map(|r| r.address.as_str()).collect();
    let last = item.recipients.iter().filter(|r| r.status == 0).find(|r| !r.last_reply.is_empty());
    json!({
        "id": QueueId(item.id).to_string(),
        "tenant": tenant.to_string(),
        "domain": item.domain,
        "from": item.sender,
        "to": waiting,
        "size_bytes": item.size,
        "attempts": item.attempts,
        "state": state,
        "held_because": held,
        "created_at_ms": item.created_at_ms,
        "due_at_ms": item.due_at_ms,
        "expires_at_ms": item.expires_at_ms,
        "last_host": last.map(|r| r.last_host.as_str()),
        "last_reply": last.map(|r| r.last_reply.as_str()),
    })
}
