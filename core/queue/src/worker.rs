//! SUMMARY    The loop: lease fairly, attempt, settle; and what one attempt's results mean for an item.
//! LIMITS     QUEUE_ATTEMPTS_MAX, QUEUE_LEASE_MAX

use crate::{
    Host, Inner, Queue, QueueOptions, ResolveError,
    attempt::{self, Fate},
    connect::Link,
    local,
    report::report,
    schedule,
    sign::Signers,
    trust,
};
use account::{Lease, LeaseRequest, record::QueueItem, unit_of_work};
use base::{
    Kind, QueueId, TenantId, Timestamp,
    limits::{QUEUE_ATTEMPTS_MAX, QUEUE_LEASE_MAX},
};
use bytes::Bytes;
use mail::{Error, Mail};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Semaphore, watch};
use wire::{dsn::Action, smtp::Reply};

/// Longest sleep between looks at the queue.
const POLL: Duration = Duration::from_millis(500);
/// Items of one tenant in one round.
const PER_TENANT: usize = 4;
/// How often those are asked for whose mail is parked.
const RELEASE_EVERY: Duration = Duration::from_secs(1);
/// How often those that are due are counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How long an item is put off when its domain has enough attempts under way.
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Between two attempts to store what became of an item.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Part of its lease that an attempt may take.
const LEASE_SHARE: f64 = 0.9;

impl Queue {
    pub fn new(mail: Mail, options: QueueOptions) -> Self {
        let (tls, verified_tls) = trust::connectors(&options.trust);
        Queue(Arc::new(Inner {
            mail,
            options,
            tls,
            verified_tls,
            signers: Signers::default(),
            busy: parking_lot::Mutex::default(),
            in_hand: parking_lot::Mutex::default(),
        }))
    }

    /// Sends what is due until `stop`, then waits for the attempts under way. Who drops it leaves them to the next worker.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let (release, count) = (self.clone().release(stop.clone()), self.clone().count(stop.clone()));
        tokio::join!(release, count, self.clone().look_after(stop.clone()), self.serve(stop));
    }

    /// Shows how many items are due.
    async fn count(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Ok(due) = self.0.mail.accounts().due().await {
                metrics::gauge!("posthouse_queue_due").set(due as f64);
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn serve(self, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.0.options.workers));
        let mut after = TenantId(0);
        while !*stop.borrow() {
            let free = slots.available_permits();
            let leases = if free == 0 { Vec::new() } else { self.lease(free, after).await };
            let idle = leases.is_empty();
            after = leases.last().map_or(after, |l| l.tenant);
            self.0.in_hand.lock().extend(leases.iter().map(item_of));
            for group in groups(leases) {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let inner = self.0.clone();
                tokio::spawn(async move {
                    inner.serve_group(group).await;
                    drop(slot);
                });
            }
            if idle {
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    // All slots were taken: goes on when one is free.
                    _ = slots.acquire(), if free == 0 => {}
                    _ = stop.changed() => {}
                }
            }
        }
        let all = u32::try_from(self.0.options.workers).unwrap_or(u32::MAX);
        // Nobody closes the semaphore: this is all attempts ended.
        let _ = slots.acquire_many(all).await;
    }

    /// Gives up what this node holds and nobody here works at, seen twice: a store that fails may have leased an item and not
    /// have said so.
    async fn look_after(self, mut stop: watch::Receiver<bool>) {
        let mut idle = BTreeSet::new();
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(self.0.options.look_after) => {}
                _ = stop.changed() => return,
            }
            idle = match self.give_up(&idle).await {
                Ok(idle) => idle,
                Err(error) => {
                    tracing::warn!(%error, "looking after queue items");
                    BTreeSet::new()
                }
            };
        }
    }

    /// Gives up those of `before` that nobody has begun to work at; the others that nobody works at.
    async fn give_up(&self, before: &BTreeSet<(TenantId, QueueId)>) -> Result<BTreeSet<(TenantId, QueueId)>, Error> {
        let accounts = self.0.mail.accounts();
        let mut idle: BTreeSet<_> = accounts.held().await?.into_iter().collect();
        // Looked at after the store: what is leased is in hand a moment later.
        idle.retain(|item| !self.0.in_hand.lock().contains(item));
        let forgotten: Vec<_> = idle.intersection(before).copied().take(QUEUE_LEASE_MAX).collect();
        if !forgotten.is_empty() {
            let given_up = accounts.give_up(&forgotten).await?;
            metrics::counter!("posthouse_queue_given_up_total").increment(given_up as u64);
            tracing::warn!(items = given_up, "held by this node and worked at by nobody: due again");
        }
        idle.retain(|item| !forgotten.contains(item));
        Ok(idle)
    }

    /// Makes parked mail due again whose senders may send.
    async fn release(self, mut stop: watch::Receiver<bool>) {
        let mut after = None;
        while !*stop.borrow() {
            after = match self.0.mail.accounts().release_parked(after).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "releasing parked queue items");
                    None
                }
            };
            tokio::select! {
                () = tokio::time::sleep(RELEASE_EVERY) => {}
                _ = stop.changed() => {}
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
    /// Items of one tenant for one domain, over one connection as long as it holds.
    async fn serve_group(&self, group: Vec<Lease>) {
        let Some(domain) = group.first().map(|l| l.item.domain.clone()) else { return };
        let entered = self.enter(&domain);
        let mut link = None;
        for lease in &group {
            let result = if entered {
                self.attempt(&mut link, lease).await
            } else {
                let due = self.mail.accounts().clock().now().plus(BUSY_PAUSE);
                self.settle(lease, QueueItem { due_at_ms: due.0, ..lease.item.clone() }).await
            };
            self.in_hand.lock().remove(&item_of(lease));
            match result {
                Ok(()) => {}
                // Another worker has it: its outcome counts.
                Err(e) if matches!(e.kind, Kind::TooOld | Kind::NotFound) => {}
                Err(error) => tracing::warn!(%error, item = lease.item.id, "queue item"),
            }
        }
        if let Some(link) = link {
            link.close().await;
        }
        if entered {
            self.leave(&domain);
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

    async fn attempt(&self, link: &mut Option<Link>, lease: &Lease) -> Result<(), Error> {
        let accounts = self.mail.accounts();
        let now = accounts.clock().now();
        // A margin for settling. What is over waited behind slow ones of its group, and comes up again.
        let room = Timestamp(lease.item.due_at_ms).since(now).mul_f64(LEASE_SHARE);
        if room.is_zero() {
            return Ok(());
        }
        // Holds are asked again at each attempt: mail of who may not send waits, and is given up when its patience ends.
        let held = match lease.item.returned.is_empty() {
            true => accounts.held_back(lease.tenant, &lease.item).await?,
            // Goes nowhere but back, whoever may send.
            false => None,
        };
        if let Some(reason) = held.as_deref().filter(|_| now < lease.item.patience_ends(now)) {
            metrics::counter!("posthouse_queue_parked_total").increment(1);
            return unit_of_work!(accounts, &[], accounts.op(), work => { work.park(lease, reason).await });
        }
        let message = accounts.lease_body(lease).await?;
        let refused = held.as_ref().or(Some(&lease.item.returned).filter(|why| !why.is_empty()));
        let fates = match refused {
            None => {
                let sent = tokio::time::timeout(room, self.send(link, lease.tenant, &lease.item, &message)).await;
                let late = Reply::new(451, (4, 4, 7), "The attempt took too long");
                sent.unwrap_or_else(|_| attempt::all(&lease.item, &late, ""))
            }
            Some(reason) => attempt::all(&lease.item, &Reply::new(550, (5, 7, 1), format!("Not sent: {reason}")), ""),
        };
        let now = accounts.clock().now();
        let (mut item, failed) = outcome(&lease.item, &fates, now, accounts.rng().next_u64());
        let relayed: Vec<usize> = fates.iter().filter(|f| f.relayed).map(|f| f.recipient).collect();
        let tell = |action, whom| report(&self.mail, lease.tenant, &item, action, whom, &message, now);
        self.insist(lease, || tell(Action::Failed, &failed)).await?;
        self.insist(lease, || tell(Action::Relayed, &relayed)).await?;
        if is_late(&item, now) {
            let waiting = attempt::waiting(&item);
            self.insist(lease, || tell(Action::Delayed, &waiting)).await?;
            item.delay_notified = true;
        }
        let delivered = fates.iter().filter(|f| f.delivered).count();
        metrics::counter!("posthouse_queue_delivered_total").increment(delivered as u64);
        metrics::counter!("posthouse_queue_failed_total").increment(failed.len() as u64);
        self.settle(lease, item).await
    }

    /// Does again what the store did not take, for as long as the lease holds: what was sent is not to be forgotten.
    async fn insist<F>(&self, lease: &Lease, mut step: impl FnMut() -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let clock = self.mail.accounts().clock();
        loop {
            match step().await {
                Err(error) if error.kind == Kind::Unavailable && clock.now().0 < lease.item.due_at_ms => {
                    tracing::warn!(%error, item = lease.item.id, "what became of a queue item: again");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn send(&self, link: &mut Option<Link>, tenant: TenantId, item: &QueueItem, message: &Bytes) -> Vec<Fate> {
        let options = &self.options;
        let (domain, port, found) = match &options.smart_host {
            Some(smart) => (smart.host.as_str(), smart.port, options.resolver.addresses(&smart.host).await),
            None => (item.domain.as_str(), options.port, options.resolver.mail_hosts(&item.domain).await),
        };
        let refuse = |code, enhanced, text: String| attempt::all(item, &Reply::new(code, enhanced, text), "");
        match found {
            Ok(mut hosts) => {
                // This host and what is behind it in preference would bring the mail back (RFC 5321 §5.1).
                let own = hosts.iter().position(|h| is_own(options, h, port));
                hosts.truncate(own.unwrap_or(hosts.len()));
                if own == Some(0) {
                    // Ours after all (D7): the domain's MX records have come to lead here since the mail was accepted.
                    if options.smart_host.is_none() && local::is_ours(&self.mail, &item.domain).await {
                        return local::hand_over(&self.mail, tenant, item, message).await;
                    }
                    return refuse(554, (5, 4, 6), format!("Mail for {domain} loops back to this host"));
                }
                attempt::attempt(self, link, item, message, &hosts, port).await
            }
            Err(ResolveError::NoSuchDomain) if options.smart_host.is_some() => {
                refuse(451, (4, 4, 3), format!("The smart host {domain} is not found"))
            }
            Err(ResolveError::NoSuchDomain) => refuse(550, (5, 1, 2), format!("The domain {domain} does not exist")),
            Err(ResolveError::NullMx) => refuse(556, (5, 1, 10), format!("The domain {domain} takes no mail")),
            Err(ResolveError::Temporary(why)) => refuse(451, (4, 4, 3), format!("Looking {domain} up failed: {why}")),
        }
    }

    async fn settle(&self, lease: &Lease, item: QueueItem) -> Result<(), Error> {
        let (accounts, item) = (self.mail.accounts(), &item);
        let settle = || async move {
            unit_of_work!(accounts, &[], accounts.op(), work => { work.settle(lease, item.clone()).await })
        };
        self.insist(lease, settle).await
    }
}

/// Whether its sender is to hear that it waits.
fn is_late(item: &QueueItem, now: Timestamp) -> bool {
    let began = Timestamp(item.created_at_ms.saturating_add(item.rested_ms));
    !item.delay_notified && now.since(began) >= schedule::DELAY_NOTICE_AFTER
}

fn item_of(lease: &Lease) -> (TenantId, QueueId) {
    (lease.tenant, QueueId(lease.item.id))
}

/// Leases by tenant and domain, in the order of their first ones.
fn groups(leases: Vec<Lease>) -> Vec<Vec<Lease>> {
    let mut groups: Vec<Vec<Lease>> = Vec::new();
    for lease in leases {
        let same = |l: &Lease| l.tenant == lease.tenant && l.item.domain == lease.item.domain;
        match groups.iter_mut().find(|g| g.first().is_some_and(same)) {
            Some(group) => group.push(lease),
            None => groups.push(vec![lease]),
        }
    }
    groups
}

/// By address; an MX host also by our name, as behind a translated address it is seen from outside.
fn is_own(options: &QueueOptions, host: &Host, port: u16) -> bool {
    let by_name = options.smart_host.is_none() && host.name.eq_ignore_ascii_case(options.hostname.as_str());
    let here = |ip: &IpAddr, own: &SocketAddr| {
        own.port() == port
            && (own.ip() == *ip || own.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified()))
    };
    by_name || host.addresses.iter().any(|ip| options.own_addresses.iter().any(|own| here(ip, own)))
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
        recipient.last_at_ms = now.0;
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
    let answered: Vec<_> = fates.iter().filter_map(|f| item.recipients.get(f.recipient).cloned()).collect();
    item.keep_answers(now.0, answered.iter());
    item.due_at_ms = now.plus(schedule::pause(item.attempts, jitter)).0;
    (item, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use account::record::QueueRecipient;

    fn fate(recipient: usize, code: u16, class: u8) -> Fate {
        Fate {
            recipient,
            reply: Reply::new(code, (class, 0, 0), "x"),
            delivered: code == 250,
            relayed: false,
            host: "h".into(),
        }
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
