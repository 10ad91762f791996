//! SUMMARY    Parked items: outgoing mail of who may not send elsewhere now. Not attempted, not expiring, free again soon after
//!            the hold is released.
//! LIMITS     PARKED_MS_MAX, PARKED_RELEASE_MAX, PARKED_GROUPS_MAX
//! INVARIANTS A parked item has one entry in the index of parked ones, under whom it waits for, besides its due entry, which is
//!            where its patience ends. While an item is parked the clock of its expiry stands still. Whether somebody may
//!            send is asked of the snapshots, never remembered: a lost hint or a dead worker delays a release, no more.

use super::{Lease, QueueItem};
use crate::{
    Accounts, Result, keys, record, standing,
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{
    AccountId, QueueId, TenantId, Timestamp,
    limits::{PARKED_GROUPS_MAX, PARKED_MS_MAX, PARKED_RELEASE_MAX},
};
use control::{AccountSnapshot, Capability};
use store::kv::PageLimit;

/// Whom parked items wait for: tenant, account (0: the tenant as a whole), hash of the credential and of whose account a delegate
/// had opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParkedGroup {
    pub tenant: TenantId,
    pub account: AccountId,
    pub credential: u64,
}

/// Where an item stands in the index of parked ones.
pub(crate) fn place(tenant: TenantId, item: &QueueItem) -> Vec<u8> {
    // Those that a person put aside wait for that person: nothing about the sender lets them go.
    let waits_for = match item.held.is_empty() {
        true => format!("{} {}", item.on_behalf, item.credential),
        false => "by hand".to_owned(),
    };
    let hash = blake3::hash(waits_for.as_bytes());
    let group = ParkedGroup {
        tenant,
        account: AccountId(item.account),
        credential: keys::be64(hash.as_bytes(), 0).unwrap_or(0),
    };
    keys::system_parked(group, QueueId(item.id))
}

impl QueueItem {
    /// Until when it waits for a release; then it is given up.
    pub fn patience_ends(&self, now: Timestamp) -> Timestamp {
        let since = if self.parked { self.parked_at_ms } else { now.0 };
        Timestamp(since.saturating_add(PARKED_MS_MAX))
    }

    /// Goes on: the time it was parked is added to its life.
    pub(super) fn unpark(&mut self, now: Timestamp) {
        let rested = now.0.saturating_sub(self.parked_at_ms).max(0);
        self.expires_at_ms = self.expires_at_ms.saturating_add(rested);
        self.rested_ms = self.rested_ms.saturating_add(rested);
        (self.parked, self.parked_at_ms, self.parked_reason) = (false, 0, String::new());
    }
}

impl Work {
    /// Puts a leased item aside until who sent it may send again.
    pub async fn park(&mut self, lease: &Lease, reason: &str) -> Result<()> {
        let stored = self.held_item(lease).await?;
        self.remove_due(lease.tenant, &stored)?;
        let now = self.now();
        let mut item = QueueItem { leased: false, due_at_ms: stored.patience_ends(now).0, ..stored };
        if !item.parked {
            (item.parked, item.parked_at_ms) = (true, now.0);
        }
        item.parked_reason = reason.to_owned();
        self.put_item(lease.tenant, &item)
    }

    /// Makes a parked item due; whether there was one.
    async fn release(&mut self, tenant: TenantId, id: QueueId) -> Result<bool> {
        let stored = TenantTxn::new(self.txn(), tenant).get(&keys::queue_item(id)).await?;
        let Some(stored) = stored else { return Ok(false) };
        let mut item: QueueItem = record::decode(&stored, "queue item")?;
        if !item.parked || item.leased && Timestamp(item.due_at_ms) > self.now() {
            return Ok(false);
        }
        self.remove_due(tenant, &item)?;
        item.unpark(self.now());
        (item.leased, item.due_at_ms) = (false, self.now().0);
        self.put_item(tenant, &item)?;
        Ok(true)
    }
}

impl Accounts {
    /// Why an item may not be sent now; `None` when it may. Asked before each attempt, and by who shows the queue.
    pub async fn held_back(&self, tenant: TenantId, item: &QueueItem) -> Result<Option<String>> {
        if !item.held.is_empty() {
            return Ok(Some(item.held.clone()));
        }
        let mut txn = self.0.kv.begin_read();
        if item.account == 0 {
            let entitlement = self.entitlement_in(&mut *txn, tenant).await?;
            let gone = || Some("The organisation is gone.".to_owned());
            return Ok(entitlement.map_or_else(gone, |e| standing::tenant_held(&e, Capability::SendExternal)));
        }
        let Some(standing) = self.standing_in(&mut *txn, tenant, AccountId(item.account)).await? else {
            return Ok(Some("The account is gone.".to_owned()));
        };
        let profile = standing.profile.clone();
        let standing = match credential(&profile, &item.credential) {
            Some(credential) => standing.with_credential(credential),
            // Revoked since, or changed: what was accepted before is not taken back.
            None => standing,
        };
        let opened = match item.on_behalf {
            0 => None,
            account => self.standing_in(&mut *txn, tenant, AccountId(account)).await?,
        };
        let held = [Some(standing), opened].into_iter().flatten().find(|s| !s.allows(Capability::SendExternal));
        Ok(held.map(|standing| standing.why(Capability::SendExternal)))
    }

    /// Makes parked items due whose senders may send again; looks at some groups behind `after` and says where to go on
    /// (`None`: at the start).
    pub async fn release_parked(&self, after: Option<ParkedGroup>) -> Result<Option<ParkedGroup>> {
        let mut range = keys::system_parked_all();
        if let Some(after) = after {
            range.from = keys::system_parked_group(after).to;
        }
        let mut last = None;
        for _ in 0..PARKED_GROUPS_MAX {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(1)).await?;
            drop(txn);
            let Some((group, id)) = page.rows.first().and_then(|(key, _)| keys::decode_parked(key)) else {
                return Ok(None);
            };
            if self.may_go(group, id).await? && self.release_group(group).await? == PARKED_RELEASE_MAX {
                continue;
            }
            range.from = keys::system_parked_group(group).to;
            last = Some(group);
            if range.is_empty() {
                return Ok(None);
            }
        }
        Ok(last)
    }

    async fn may_go(&self, group: ParkedGroup, first: QueueId) -> Result<bool> {
        let mut txn = self.0.kv.begin_read();
        let stored = TenantTxn::new(&mut *txn, group.tenant).get_snapshot(&keys::queue_item(first)).await?;
        drop(txn);
        let Some(stored) = stored else { return Ok(false) };
        let item: QueueItem = record::decode(&stored, "queue item")?;
        Ok(self.held_back(group.tenant, &item).await?.is_none())
    }

    /// Releases up to PARKED_RELEASE_MAX; how many were looked at.
    async fn release_group(&self, group: ParkedGroup) -> Result<usize> {
        let mut txn = self.0.kv.begin_read();
        let range = keys::system_parked_group(group);
        let rows = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(PARKED_RELEASE_MAX)).await?.rows;
        drop(txn);
        let ids: Vec<QueueId> = rows.iter().filter_map(|(key, _)| keys::decode_parked(key)).map(|(_, id)| id).collect();
        let released: usize = unit_of_work!(self, &[], self.op(), work => {
            let mut released = 0;
            for id in &ids {
                released += usize::from(work.release(group.tenant, *id).await?);
            }
            Ok(released)
        })?;
        metrics::counter!("posthouse_queue_released_total").increment(released as u64);
        // Those under way right now stay: the next look finds them.
        Ok(if released == ids.len() { ids.len() } else { 0 })
    }
}

fn credential<'p>(profile: &'p AccountSnapshot, id: &str) -> Option<&'p control::CredentialSnapshot> {
    profile.credentials.iter().find(|c| !id.is_empty() && c.id == id)
}
