//! SUMMARY    What people do about an item: try it now, put it aside, let it go on, return it, drop it.
//! LIMITS     QUEUE_REASON_CHARS_MAX, QUEUE_ENDED_AGAIN_MAX
//! INVARIANTS An item is found below its tenant's keys: another tenant's does not exist. One that is under way is left alone. Whatever
//!            is changed has another lease: the outcome of a worker that lost its own is not taken. To ask again changes nothing.

use super::{
    QueueItem,
    view::{is_under_way, view},
};
use crate::{
    Accounts, Error, Result, keys, record,
    txn::TenantTxn,
    unit_of_work,
    work::{Work, blob_ref},
};
use base::{
    Kind, QueueId, TenantId, Timestamp,
    limits::{QUEUE_ENDED_AGAIN_MAX, QUEUE_REASON_CHARS_MAX},
};
use control::{QueueActed, QueueAction, QueueOrder};
use store::kv::{PageLimit, Read};

impl Accounts {
    /// Does what was ordered; returns after the commit.
    pub(crate) async fn queue_acted(&self, order: &QueueOrder) -> Result<QueueActed> {
        match &order.action {
            QueueAction::Hold { reason } | QueueAction::Return { reason } => check(reason)?,
            QueueAction::Retry | QueueAction::Release | QueueAction::Drop => {}
        }
        unit_of_work!(self, &[], self.op(), work => { work.act(order).await })
    }
}

/// One line that says something.
fn check(reason: &str) -> Result<()> {
    let long = reason.chars().count() > QUEUE_REASON_CHARS_MAX;
    if long || reason.trim().is_empty() || reason.chars().any(char::is_control) {
        return Err(Error::new(Kind::Invalid, "a reason is one line (QUEUE_REASON_CHARS_MAX)"));
    }
    Ok(())
}

impl Work {
    async fn act(&mut self, order: &QueueOrder) -> Result<QueueActed> {
        let (tenant, now) = (order.tenant, self.now());
        let stored = TenantTxn::new(self.txn(), tenant).get(&keys::queue_item(order.item)).await?;
        let Some(stored) = stored else { return self.acted_before(order).await };
        if self.is_erased(tenant).await? {
            return Ok(QueueActed::Unknown);
        }
        let stored: QueueItem = record::decode(&stored, "queue item")?;
        if is_under_way(&stored, now) {
            return Ok(QueueActed::UnderWay);
        }
        let changed = decide(&stored, &order.action, now);
        let shown = Box::new(view(tenant, changed.as_ref().unwrap_or(&stored), now));
        if let Some(changed) = changed.filter(|_| !order.dry_run) {
            self.remove_due(tenant, &stored)?;
            if changed.ended_at_ms == 0 {
                self.put_item(tenant, &changed)?;
            } else {
                self.end_item(tenant, changed).await?;
            }
        }
        Ok(QueueActed::Done(shown))
    }

    /// Removes an item of which nothing waits, and keeps what became of it.
    pub(super) async fn end_item(&mut self, tenant: TenantId, item: QueueItem) -> Result<()> {
        let (id, now) = (QueueId(item.id), self.now());
        let blob = blob_ref(&item.blob)?;
        let ended = QueueItem { blob: Vec::new(), leased: false, parked: false, ended_at_ms: now.0, ..item };
        let mut txn = TenantTxn::new(self.txn(), tenant);
        txn.clear(&keys::queue_item(id));
        txn.set(&keys::queue_ended(now, id), &record::encode(&ended));
        self.unlink_blob(tenant, &blob, &super::owner(id)).await
    }

    /// An item that is gone: a cancellation whose answer was lost finds what it did.
    async fn acted_before(&mut self, order: &QueueOrder) -> Result<QueueActed> {
        let done = |item: &QueueItem| match &order.action {
            QueueAction::Drop => item.recipients.iter().any(|r| r.status == 3),
            QueueAction::Return { .. } => !item.returned.is_empty(),
            QueueAction::Retry | QueueAction::Hold { .. } | QueueAction::Release => false,
        };
        let now = self.now();
        let limit = PageLimit::rows(QUEUE_ENDED_AGAIN_MAX);
        let mut txn = TenantTxn::new(self.txn(), order.tenant);
        for (_, value) in txn.page(&keys::queue_all_ended(), limit, Read::Snapshot).await?.rows {
            let item: QueueItem = record::decode(&value, "ended queue item")?;
            if item.id == order.item.0 && done(&item) {
                return Ok(QueueActed::Done(Box::new(view(order.tenant, &item, now))));
            }
        }
        Ok(QueueActed::Unknown)
    }
}

/// The item afterwards; `None`: it is so already.
fn decide(stored: &QueueItem, action: &QueueAction, now: Timestamp) -> Option<QueueItem> {
    let mut item = QueueItem { leased: false, lease: stored.lease + 1, ..stored.clone() };
    match action {
        QueueAction::Retry if !stored.held.is_empty() => return None,
        QueueAction::Retry if !stored.parked && stored.due_at_ms <= now.0 => return None,
        QueueAction::Retry => item.go_on(now),
        QueueAction::Hold { reason } => {
            if stored.parked && stored.held == *reason || !stored.returned.is_empty() {
                return None;
            }
            item.due_at_ms = stored.patience_ends(now).0;
            if !item.parked {
                (item.parked, item.parked_at_ms) = (true, now.0);
            }
            item.held.clone_from(reason);
            item.parked_reason.clone_from(reason);
        }
        QueueAction::Release if stored.held.is_empty() => return None,
        QueueAction::Release => {
            item.held.clear();
            item.go_on(now);
        }
        QueueAction::Return { .. } if !stored.returned.is_empty() => return None,
        QueueAction::Return { reason } => {
            item.returned.clone_from(reason);
            item.held.clear();
            item.go_on(now);
        }
        QueueAction::Drop => {
            item.recipients.iter_mut().filter(|r| r.status == 0).for_each(|r| r.status = 3);
            item.ended_at_ms = now.0;
        }
    }
    Some(item)
}

impl QueueItem {
    /// Due now.
    fn go_on(&mut self, now: Timestamp) {
        if self.parked {
            self.unpark(now);
        }
        self.due_at_ms = now.0;
    }
}

#[cfg(test)]
mod tests;
