//! SUMMARY    The loop: lease fairly, attempt, settle; and what one attempt's results mean for an item.
//! LIMITS     QUEUE_ATTEMPTS_MAX, QUEUE_LEASE_MAX

use crate::{
    Inner, Queue, QueueOptions, ResolveError,
    attempt::{self, Fate},
    report::report,
    schedule,
};
use account::{Lease, LeaseRequest, record::QueueItem, unit_of_work};
use base::{AccountId, Kind, TenantId, Timestamp, limits::QUEUE_ATTEMPTS_MAX};
use bytes::Bytes;
use mail::{Error, Mail};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, watch};
use wire::{dsn::Action, smtp::Reply};

/// Longest sleep between looks at the queue.
const POLL: Duration = Duration::from_millis(500);
/// Items of one tenant in one round.
const PER_TENANT: usize = 4;
/// How long an item of a tenant that may not send now is put off.
const HELD_PAUSE: Duration = Duration::from_secs(300);
/// How long an item is put off when its domain has enough attempts under way.
const BUSY_PAUSE: Duration = Duration::from_secs(2);

impl Queue {
    pub fn new(mail: Mail, options: QueueOptions) -> Self {
        let (tls, verified_tls) = attempt::connectors();
        Queue(Arc::new(Inner { mail, options, tls, verified_tls, busy: parking_lot::Mutex::default() }))
    }

    /// Sends what is due until `stop`; attempts under way are finished by their own deadlines, or by the next worker.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.0.options.workers));
        let mut after = TenantId(0);
        while !*stop.borrow() {
            let free = slots.available_permits();
            let leases = if free == 0 { Vec::new() } else { self.lease(free, after).await };
            let idle = leases.is_empty();
            for lease in leases {
                after = lease.tenant;
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let inner = self.0.clone();
                tokio::spawn(async move {
                    inner.serve(lease).await;
                    drop(slot);
                });
            }
            if idle {
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }

    async fn lease(&self, items: usize, after: TenantId) -> Vec<Lease> {
        let request = LeaseRequest { items, items_per_tenant: PER_TENANT, lease: self.0.options.lease, after };
        match self.0.mail.accounts().lease(request).await {
            Ok(leases) => leases,
            Err(error) => {
                tracing::warn!(%error, "leasing queue items");
                Vec::new()
            }
        }
    }
}

impl Inner {
    async fn serve(&self, lease: Lease) {
        let domain = lease.item.domain.clone();
        let due = self.mail.accounts().clock().now();
        let result = if self.enter(&domain) {
            let result = self.attempt(&lease).await;
            self.leave(&domain);
            result
        } else {
            self.settle(&lease, QueueItem { due_at_ms: due.plus(BUSY_PAUSE).0, ..lease.item.clone() }).await
        };
        match result {
            Ok(()) => {}
            // Another worker has it: its outcome counts.
            Err(e) if matches!(e.kind, Kind::TooOld | Kind::NotFound) => {}
            Err(error) => tracing::warn!(%error, item = lease.item.id, "queue item"),
        }
    }

    fn enter(&self, domain: &str) -> bool {
        let mut busy = self.busy.lock();
        let count = busy.entry(domain.to_owned()).or_default();
        if *count >= self.options.per_domain_max {
            return false;
        }
        *count += 1;
        true
    }

    fn leave(&self, domain: &str) {
        let mut busy = self.busy.lock();
        if let Some(count) = busy.get_mut(domain) {
            *count -= 1;
            if *count == 0 {
                busy.remove(domain);
            }
        }
    }

    async fn attempt(&self, lease: &Lease) -> Result<(), Error> {
        let accounts = self.mail.accounts();
        let now = accounts.clock().now();
        if !self.may_send(lease).await? {
            return self.settle(lease, QueueItem { due_at_ms: now.plus(HELD_PAUSE).0, ..lease.item.clone() }).await;
        }
        let message = accounts.lease_body(lease).await?;
        let fates = self.send(&lease.item, &message).await;
        let now = accounts.clock().now();
        let (mut item, failed) = outcome(&lease.item, &fates, now, accounts.rng().next_u64());
        if !failed.is_empty() {
            report(&self.mail, lease.tenant, &item, Action::Failed, &failed, &message, now).await?;
        }
        self.notice_delay(lease, &mut item, &message, now).await?;
        let delivered = fates.iter().filter(|f| f.delivered).count();
        metrics::counter!("posthouse_queue_delivered_total").increment(delivered as u64);
        metrics::counter!("posthouse_queue_failed_total").increment(failed.len() as u64);
        self.settle(lease, item).await
    }

    async fn send(&self, item: &QueueItem, message: &Bytes) -> Vec<Fate> {
        let (domain, port) = match &self.options.smart_host {
            Some(smart) => (smart.host.as_str(), smart.port),
            None => (item.domain.as_str(), self.options.port),
        };
        let refused = |code, enhanced, text: String| {
            let reply = Reply::new(code, enhanced, text);
            let waiting = (0..item.recipients.len()).filter(|n| item.recipients.get(*n).is_some_and(|r| r.status == 0));
            waiting
                .map(|recipient| Fate { recipient, reply: reply.clone(), delivered: false, host: String::new() })
                .collect()
        };
        match self.options.resolver.mail_hosts(domain).await {
            Ok(hosts) => attempt::attempt(self, item, message, &hosts, port).await,
            Err(ResolveError::NoSuchDomain) => refused(550, (5, 1, 2), format!("The domain {domain} does not exist")),
            Err(ResolveError::NullMx) => refused(556, (5, 1, 10), format!("The domain {domain} takes no mail")),
            Err(ResolveError::Temporary(why)) => refused(451, (4, 4, 3), format!("Looking {domain} up failed: {why}")),
        }
    }

    /// Holds are asked again at each attempt: mail of a suspended account waits.
    async fn may_send(&self, lease: &Lease) -> Result<bool, Error> {
        if lease.item.account == 0 {
            return Ok(true);
        }
        let standing = self.mail.accounts().standing(lease.tenant, AccountId(lease.item.account)).await?;
        Ok(standing.is_some_and(|s| s.capabilities.send_external))
    }

    async fn notice_delay(
        &self,
        lease: &Lease,
        item: &mut QueueItem,
        message: &Bytes,
        now: Timestamp,
    ) -> Result<(), Error> {
        let old = now.since(Timestamp(item.created_at_ms)) >= schedule::DELAY_NOTICE_AFTER;
        if item.delay_notified || !old {
            return Ok(());
        }
        let waiting: Vec<usize> =
            (0..item.recipients.len()).filter(|n| item.recipients.get(*n).is_some_and(|r| r.status == 0)).collect();
        item.delay_notified = true;
        report(&self.mail, lease.tenant, item, Action::Delayed, &waiting, message, now).await
    }

    async fn settle(&self, lease: &Lease, item: QueueItem) -> Result<(), Error> {
        let accounts = self.mail.accounts();
        unit_of_work!(accounts, &[], accounts.op(), work => { work.settle(lease, item.clone()).await })
    }
}

/// The item after an attempt, and the recipients that failed for good.
fn outcome(before: &QueueItem, fates: &[Fate], now: Timestamp, jitter: u64) -> (QueueItem, Vec<usize>) {
    let mut item = before.clone();
    item.attempts += 1;
    let last = now.0 >= item.expires_at_ms || item.attempts >= QUEUE_ATTEMPTS_MAX;
    let mut failed = Vec::new();
    for fate in fates {
        let Some(recipient) = item.recipients.get_mut(fate.recipient) else { continue };
        recipient.last_reply = format!("{} {}", fate.reply.code, fate.reply.text());
        recipient.last_host = fate.host.clone();
        let status = fate.reply.enhanced.map(|e| e.to_string());
        recipient.last_status = status.unwrap_or_else(|| format!("{}.0.0", fate.reply.code / 100));
        if fate.delivered {
            recipient.status = 1;
        } else if fate.reply.is_permanent() || last {
            recipient.status = 2;
            if last && !fate.reply.is_permanent() {
                recipient.last_status = "5.4.7".to_owned();
            }
            failed.push(fate.recipient);
        }
    }
    item.due_at_ms = now.plus(schedule::pause(item.attempts, jitter)).0;
    (item, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use account::record::QueueRecipient;

    fn fate(recipient: usize, code: u16, class: u8) -> Fate {
        Fate { recipient, reply: Reply::new(code, (class, 0, 0), "x"), delivered: code == 250, host: "h".into() }
    }

    #[test]
    fn each_recipient_has_its_own_fate() {
        let recipients = vec![QueueRecipient::default(); 3];
        let item = QueueItem { recipients, expires_at_ms: 1_000_000, ..QueueItem::default() };
        let fates = [fate(0, 250, 2), fate(1, 550, 5), fate(2, 450, 4)];
        let (after, failed) = outcome(&item, &fates, Timestamp(10), 0);
        assert_eq!(after.recipients.iter().map(|r| r.status).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!((failed, after.due_at_ms, after.attempts), (vec![1], 60_010, 1));
        let (late, failed) = outcome(&after, &[fate(2, 450, 4)], Timestamp(2_000_000), 0);
        assert_eq!((late.recipients[2].status, failed), (2, vec![2]));
        assert_eq!(late.recipients[2].last_status, "5.4.7");
    }
}
