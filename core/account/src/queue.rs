//! SUMMARY    Queue items: enqueued in the unit of work that accepts them, leased by workers, settled with fencing.
//! LIMITS     QUEUE_LEASE_MAX, QUEUE_RECIPIENTS_MAX
//! INVARIANTS What became of an item is kept in the commit that ends it.
//!            Every item has exactly one due-index entry, at its `due_at_ms`; a leased item's is the end of the lease, so that a
//!            dead worker's items come up again by themselves. An outcome is only taken from the holder of the last lease.
//!            Leasing goes around the tenants: one tenant's backlog is never in front of another's first item.

mod act;
mod park;
mod view;

pub use park::ParkedGroup;
pub(crate) use park::place;

use crate::{
    Accounts, Error, Result,
    blob::Staged,
    control::counter,
    keys,
    node::NodeId,
    record::{self, QueueItem},
    scope::{CanRead, TenantScope},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::{Work, blob_ref},
};
use base::{
    Kind, QueueId, TenantId, Timestamp,
    limits::{QUEUE_COUNT_MAX, QUEUE_LEASE_MAX, QUEUE_RECIPIENTS_MAX},
};
use bytes::Bytes;
use std::time::Duration;
use store::kv::{PageLimit, Read};

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest {
    /// Items at most, over all tenants.
    pub items: usize,
    /// Items at most of one tenant.
    pub items_per_tenant: usize,
    /// How long an attempt may take before the item comes up again.
    pub lease: Duration,
    /// Tenant to begin behind, so that successive requests go around.
    pub after: TenantId,
}

/// An item in a worker's hands. Dropping it lets the lease run out.
#[derive(Debug, Clone)]
pub struct Lease {
    pub tenant: TenantId,
    pub item: QueueItem,
}

/// Items of a tenant, for people.
#[derive(Debug, Clone)]
pub struct QueueSummary {
    pub tenant: TenantId,
    pub item: QueueItem,
}

/// Value of a due-index entry whose item a worker holds.
const LEASED: &[u8] = &[1];

fn owner(id: QueueId) -> Vec<u8> {
    let mut out = vec![b'q'];
    out.extend_from_slice(&id.0.to_be_bytes());
    out
}

impl Work {
    /// Adds an item for one destination domain; its bytes are linked, and its recipients counted as used, in the same transaction.
    /// Reports of ours (without a sender) are not counted. `id` is made by the caller outside of the retry loop.
    pub async fn enqueue(&mut self, staged: &Staged, id: QueueId, mut item: QueueItem) -> Result<()> {
        if item.recipients.is_empty() || item.recipients.len() > QUEUE_RECIPIENTS_MAX {
            return Err(Error::limit("QUEUE_RECIPIENTS_MAX"));
        }
        self.must_stand(staged.tenant()).await?;
        self.link_blob(staged, &owner(id)).await?;
        item.id = id.0;
        item.blob = staged.blob().0.to_vec();
        item.size = staged.size();
        if !item.sender.is_empty() {
            let count = i64::try_from(item.recipients.len()).unwrap_or(i64::MAX);
            TenantTxn::new(self.txn(), staged.tenant()).add(&keys::tenant_recipients_out(), count);
        }
        self.put_item(staged.tenant(), &item)
    }

    /// Gives an item back with what became of it: due again at `due_at_ms`, or removed when `item` has nothing waiting. An item that
    /// was parked goes on.
    /// `TooOld` when another worker has leased it since.
    pub async fn settle(&mut self, lease: &Lease, mut item: QueueItem) -> Result<()> {
        let stored = self.held_item(lease).await?;
        self.remove_due(lease.tenant, &stored)?;
        if item.recipients.iter().any(|r| r.status == 0) {
            item.leased = false;
            if stored.parked && item.parked {
                item.unpark(self.now());
            }
            return self.put_item(lease.tenant, &item);
        }
        self.end_item(lease.tenant, item).await
    }

    async fn held_item(&mut self, lease: &Lease) -> Result<QueueItem> {
        self.must_stand(lease.tenant).await?;
        let key = keys::queue_item(QueueId(lease.item.id));
        let stored = TenantTxn::new(self.txn(), lease.tenant).get(&key).await?;
        let stored: QueueItem = record::decode(&stored.ok_or_else(|| Error::not_found("queue item"))?, "queue item")?;
        if stored.lease != lease.item.lease {
            return Err(Error::new(Kind::TooOld, "the lease ran out"));
        }
        Ok(stored)
    }

    fn put_item(&mut self, tenant: TenantId, item: &QueueItem) -> Result<()> {
        let id = QueueId(item.id);
        TenantTxn::new(self.txn(), tenant).set(&keys::queue_item(id), &record::encode(item));
        if item.parked {
            SystemTxn::new(self.txn()).set(&place(tenant, item), &[])?;
        }
        if item.leased {
            SystemTxn::new(self.txn()).set(&keys::system_held(NodeId(item.node), tenant, id), &[])?;
        }
        let mark: &[u8] = if item.leased { LEASED } else { &[] };
        SystemTxn::new(self.txn()).set(&keys::system_due(tenant, Timestamp(item.due_at_ms), id), mark)
    }

    /// Takes an item out of the hands of `holder`: it is due now, and a late outcome is refused.
    async fn reclaim(&mut self, holder: NodeId, held: &[u8]) -> Result<bool> {
        let (tenant, id) = keys::decode_held(held).ok_or_else(|| Error::corrupt("key of a held item"))?;
        SystemTxn::new(self.txn()).clear(held)?;
        if self.is_erased(tenant).await? {
            return Ok(false);
        }
        let Some(stored) = TenantTxn::new(self.txn(), tenant).get(&keys::queue_item(id)).await? else {
            return Ok(false);
        };
        let mut item: QueueItem = record::decode(&stored, "queue item")?;
        if !item.leased || item.node != holder.0 {
            return Ok(false);
        }
        self.remove_due(tenant, &item)?;
        item.lease += 1;
        item.leased = false;
        item.due_at_ms = self.now().0;
        self.put_item(tenant, &item)?;
        Ok(true)
    }

    /// Removes the entries of an item in the indices.
    fn remove_due(&mut self, tenant: TenantId, item: &QueueItem) -> Result<()> {
        if item.parked {
            SystemTxn::new(self.txn()).clear(&place(tenant, item))?;
        }
        if item.leased {
            SystemTxn::new(self.txn()).clear(&keys::system_held(NodeId(item.node), tenant, QueueId(item.id)))?;
        }
        SystemTxn::new(self.txn()).clear(&keys::system_due(tenant, Timestamp(item.due_at_ms), QueueId(item.id)))
    }
}

impl Accounts {
    /// Leases due items, a few of each tenant in turn; none while the node drains.
    pub async fn lease(&self, request: LeaseRequest) -> Result<Vec<Lease>> {
        if self.is_draining() {
            return Ok(Vec::new());
        }
        let now = self.0.clock.now();
        let mut leases = Vec::new();
        let mut range = keys::system_due_after(request.after);
        let mut wrapped = false;
        while leases.len() < request.items.min(QUEUE_LEASE_MAX) {
            let first = match self.first_tenant(&range).await {
                // What is leased already is worked at; the next look meets the same error.
                Err(_) if !leases.is_empty() => break,
                first => first?,
            };
            let Some(tenant) = first else {
                if wrapped {
                    break;
                }
                wrapped = true;
                range = keys::system_due_all();
                continue;
            };
            if wrapped && tenant > request.after {
                break;
            }
            let room = request.items_per_tenant.min(request.items - leases.len());
            match self.lease_of(tenant, now, room, request.lease).await {
                Err(_) if !leases.is_empty() => break,
                more => leases.extend(more?),
            }
            range = keys::system_due_after(tenant);
        }
        Ok(leases)
    }

    async fn lease_of(&self, tenant: TenantId, now: Timestamp, room: usize, term: Duration) -> Result<Vec<Lease>> {
        let range = keys::system_due_until(tenant, now);
        let mut txn = self.0.kv.begin_read();
        let due = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(room)).await?.rows;
        drop(txn);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        unit_of_work!(self, &[], self.op(), work => {
            let mut leases = Vec::with_capacity(due.len());
            if work.is_erased(tenant).await? {
                return Ok(leases);
            }
            for (key, _) in &due {
                let Some((_, at, id)) = keys::decode_due(key) else { continue };
                let stored = TenantTxn::new(work.txn(), tenant).get(&keys::queue_item(id)).await?;
                let Some(stored) = stored else { continue };
                let mut item: QueueItem = record::decode(&stored, "queue item")?;
                if item.due_at_ms != at.0 {
                    continue;
                }
                work.remove_due(tenant, &item)?;
                item.lease += 1;
                item.leased = true;
                item.node = self.node().0;
                item.due_at_ms = now.plus(term).0;
                work.put_item(tenant, &item)?;
                leases.push(Lease { tenant, item });
            }
            Ok(leases)
        })
    }

    /// The items that this node holds.
    pub async fn held(&self) -> Result<Vec<(TenantId, QueueId)>> {
        let mut range = keys::system_held_by(self.node());
        let mut held = Vec::new();
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(QUEUE_LEASE_MAX)).await?;
            held.extend(page.rows.iter().filter_map(|(key, _)| keys::decode_held(key)));
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(held) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }

    /// Makes items due now that this node holds and nobody works at, and how many these were: a lease may be taken whose answer
    /// never came. What somebody works at after all is refused.
    pub async fn give_up(&self, items: &[(TenantId, QueueId)]) -> Result<usize> {
        let node = self.node();
        unit_of_work!(self, &[], self.op(), work => {
            let mut given_up = 0;
            for (tenant, id) in items {
                given_up += usize::from(work.reclaim(node, &keys::system_held(node, *tenant, *id)).await?);
            }
            Ok(given_up)
        })
    }

    /// Makes the items due now that a node holds who can no longer come back, and how many these were.
    pub(crate) async fn reclaim_items(&self, holder: NodeId) -> Result<usize> {
        let range = keys::system_held_by(holder);
        let mut reclaimed = 0;
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(QUEUE_LEASE_MAX)).await?;
            drop(txn);
            if page.rows.is_empty() {
                return Ok(reclaimed);
            }
            reclaimed += unit_of_work!(self, &[], self.op(), work => {
                let mut taken = 0;
                for (key, _) in &page.rows {
                    taken += usize::from(work.reclaim(holder, key).await?);
                }
                Ok(taken)
            })?;
        }
    }

    /// How many items are due, of the first QUEUE_COUNT_MAX of all that wait: what a scheduler adds workers by.
    pub async fn due(&self) -> Result<usize> {
        let now = self.0.clock.now();
        let mut txn = self.0.kv.begin_read();
        let mut range = keys::system_due_all();
        let (mut seen, mut due) = (0, 0);
        while seen < QUEUE_COUNT_MAX {
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(QUEUE_COUNT_MAX - seen)).await?;
            seen += page.rows.len();
            let is_due = |key: &[u8]| keys::decode_due(key).is_some_and(|(_, at, _)| at <= now);
            due += page.rows.iter().filter(|(key, mark)| mark.as_ref() != LEASED && is_due(key)).count();
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { break };
            range.from = [last.as_ref(), &[0]].concat();
        }
        Ok(due)
    }

    /// Bytes of a leased item.
    pub async fn lease_body(&self, lease: &Lease) -> Result<Bytes> {
        let mut txn = self.0.kv.begin_read();
        self.read_blob(&mut *txn, lease.tenant, &blob_ref(&lease.item.blob)?, None).await
    }

    /// When the next item of any tenant is due; `None` when the queue is empty. Looks at the first item of each tenant.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        let mut txn = self.0.kv.begin_read();
        let mut range = keys::system_due_all();
        let mut next: Option<Timestamp> = None;
        while let Some((key, _)) = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(1)).await?.rows.first() {
            let Some((tenant, due, _)) = keys::decode_due(key) else { break };
            next = Some(next.map_or(due, |n| n.min(due)));
            range = keys::system_due_after(tenant);
        }
        Ok(next)
    }

    /// Items of a tenant, oldest id first, one page.
    pub async fn queue<R: CanRead>(&self, scope: &TenantScope<R>, limit: usize) -> Result<Vec<QueueSummary>> {
        self.queue_after(scope, None, limit).await
    }

    /// As `queue`, from behind the item `after`.
    pub async fn queue_after<R: CanRead>(
        &self,
        scope: &TenantScope<R>,
        after: Option<QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueSummary>> {
        let mut range = keys::queue_items();
        if let Some(after) = after {
            range.from = keys::queue_item(after);
            range.from.push(0);
        }
        let mut txn = self.0.kv.begin_read();
        let page =
            TenantTxn::new(&mut *txn, scope.tenant()).page(&range, PageLimit::rows(limit), Read::Snapshot).await?;
        let item = |v: &Bytes| record::decode(v, "queue item");
        page.rows.iter().map(|(_, v)| Ok(QueueSummary { tenant: scope.tenant(), item: item(v)? })).collect()
    }

    /// Changes a waiting item that is not leased (retry now, park, cancel); `NotFound` when it is gone or under way.
    pub async fn amend<T>(&self, tenant: TenantId, id: QueueId, change: impl Fn(&mut QueueItem) -> T) -> Result<T> {
        unit_of_work!(self, &[], self.op(), work => {
            let stored = TenantTxn::new(work.txn(), tenant).get(&keys::queue_item(id)).await?;
            let stored: QueueItem = record::decode(&stored.ok_or_else(|| Error::not_found("queue item"))?, "queue item")?;
            if stored.leased && Timestamp(stored.due_at_ms) > work.now() {
                return Err(Error::not_found("waiting queue item"));
            }
            let lease = Lease { tenant, item: stored.clone() };
            let mut item = stored;
            // A worker whose lease ran out is not believed any more.
            item.lease += 1;
            let out = change(&mut item);
            if lease.item.parked && !item.parked {
                item.unpark(work.now());
            }
            work.settle(&lease, item).await?;
            Ok(out)
        })
    }

    /// Stored bytes of a tenant now.
    pub async fn tenant_used_bytes(&self, tenant: TenantId) -> Result<i64> {
        let mut txn = self.0.kv.begin_read();
        Ok(counter(TenantTxn::new(&mut *txn, tenant).get(&keys::tenant_used_bytes()).await?.as_deref()))
    }
}
