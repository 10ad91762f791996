//! SUMMARY    Mail for other hosts: submitting it, a worker as of the queue room, a remote host that takes, defers and refuses.
//! STANDARDS  RFC 5321 §4.5.4, RFC 3464
//! INVARIANTS What was told to be accepted is with the remote host, in a bounce, or in the queue; twice with the host only after a doubt.

use crate::{
    act::{Ack, Act, Letter, Outcome, Step, marker},
    scan::Library,
    world::{Person, World, said},
};
use account::{Lease, LeaseRequest, record::QueueItem, unit_of_work};
use base::{Address, Kind, TenantId, Timestamp};
use mail::{Accept, EnvelopeRecipient, Error, Mail, Notice, Source};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use wire::{
    dsn::{Action, RecipientReport},
    smtp::Enhanced,
};

/// How long a worker may keep an item.
const LEASE: Duration = Duration::from_secs(3_600);
/// When a deferred item is due again.
const PAUSE: Duration = Duration::from_secs(60);
/// Items of one look at the queue, and of one tenant in it.
const ITEMS: usize = 6;
const ITEMS_PER_TENANT: usize = 2;
/// Items of a tenant that are looked at.
const QUEUE_ROWS_MAX: usize = 4_000;

/// The remote host: takes `ok…` at once, `later…` at the second try, `no…` never.
#[derive(Default)]
pub(crate) struct RemoteHost {
    tries: BTreeMap<(u64, String), u64>,
    taken: BTreeMap<(u64, String), u64>,
}

impl RemoteHost {
    /// The reply code for a recipient.
    fn ask(&mut self, message: u64, recipient: &str) -> u16 {
        let key = (message, recipient.to_owned());
        let tries = self.tries.entry(key.clone()).or_default();
        *tries += 1;
        let code = match recipient {
            r if r.starts_with("no") => 550,
            r if r.starts_with("later") && *tries < 2 => 451,
            _ => 250,
        };
        if code == 250 {
            *self.taken.entry(key).or_default() += 1;
        }
        code
    }
}

/// Hands a message in for other hosts.
pub(crate) async fn submit(mail: &Mail, person: &Person, letter: &Letter, to: &[Address]) -> Result<Ack, Error> {
    let recipient =
        |a: &Address| EnvelopeRecipient { address: a.clone(), route: None, notify: 0, orcpt: String::new() };
    let recipients: Vec<EnvelopeRecipient> = to.iter().map(recipient).collect();
    let (source, envid) = (Source::Submission(&person.login), format!("m{}", letter.marker));
    let plain = Accept::new(source, Some(&person.address), &recipients, &letter.bytes);
    let request = Accept { envid: &envid, ..plain };
    let accepted = mail.accept(request).await?;
    Ok(Ack::Delivered(accepted.results.into_iter().map(|r| r.map_err(|e| e.kind)).collect()))
}

/// One look at the queue, as the outgoing worker's: lease, send, report, settle.
pub(crate) async fn work(mail: &Mail, host: &Mutex<RemoteHost>) -> Result<Ack, Error> {
    let request = LeaseRequest { items: ITEMS, items_per_tenant: ITEMS_PER_TENANT, lease: LEASE, after: TenantId(0) };
    let mut lapsed = None;
    for lease in mail.accounts().lease(request).await? {
        match attempt(mail, host, &lease).await {
            // Another worker has it: its outcome counts. What was sent, was sent.
            Err(e) if matches!(e.kind, Kind::TooOld | Kind::NotFound) => lapsed = Some(e),
            other => other?,
        }
    }
    match lapsed {
        None => Ok(Ack::Done),
        Some(e) => Err(Error { kind: Kind::Unavailable, ..e }),
    }
}

async fn attempt(mail: &Mail, host: &Mutex<RemoteHost>, lease: &Lease) -> Result<(), Error> {
    let accounts = mail.accounts();
    let body = accounts.lease_body(lease).await?;
    let number = marker(&body).ok_or_else(|| Error::corrupt("a queue item of no message of ours"))?;
    let mut item = lease.item.clone();
    let mut failed = Vec::new();
    for recipient in item.recipients.iter_mut().filter(|r| r.status == 0) {
        match host.lock().ask(number, &recipient.address) {
            250 => recipient.status = 1,
            550 => {
                recipient.status = 2;
                failed.push(RecipientReport {
                    to: Address::parse(&recipient.address).map_err(|e| Error::corrupt(e.to_string()))?,
                    original: None,
                    action: Action::Failed,
                    status: Enhanced(5, 1, 1),
                    remote_mta: None,
                    diagnostic: None,
                    last_attempt: None,
                    will_retry_until: None,
                });
            }
            _ => {}
        }
    }
    let sender = Address::parse(&item.sender).map_err(|e| Error::corrupt(e.to_string()))?;
    let notice = Notice {
        tenant: lease.tenant,
        sender: &sender,
        recipients: &failed,
        original: &body,
        arrival: Timestamp(item.created_at_ms),
        envid: &item.envid,
        ret: None,
    };
    mail.notify(notice).await?;
    item.attempts += 1;
    item.due_at_ms = accounts.clock().now().plus(PAUSE).0;
    unit_of_work!(accounts, &[], accounts.op(), work => { work.settle(lease, item.clone()).await })
}

/// What was promised to senders.
#[derive(Default)]
pub(crate) struct Post {
    promised: BTreeSet<(u64, String)>,
    /// Times a worker's end is not known: each may make one more copy of what it held.
    doubts: u64,
}

impl Post {
    /// Takes in what a round told, and holds it against what is there.
    pub(crate) async fn check(
        &mut self,
        world: &World,
        quiet: &Mail,
        library: &Library,
        done: &[(Step, Outcome)],
    ) -> Result<(), String> {
        let waiting = waiting(world, quiet).await?;
        let taken = world.host.lock().taken.clone();
        let there =
            |key: &(u64, String)| waiting.contains(key) || taken.contains_key(key) || library.bounced.contains(key);
        for (step, outcome) in done {
            match (&step.act, outcome) {
                (Act::Work, Outcome::Told(_)) => {}
                (Act::Work, _) => self.doubts += 1,
                (Act::Submit { letter, to }, outcome) => {
                    let keys: Vec<(u64, String)> = to.iter().map(|a| (letter.marker, a.to_string())).collect();
                    let arrived = keys.iter().filter(|k| there(k)).count();
                    match outcome {
                        Outcome::Told(_) => self.promised.extend(keys),
                        Outcome::Unsure(_) if arrived == keys.len() => self.promised.extend(keys),
                        Outcome::Refused(kind) => return Err(format!("{}: refused: {kind:?}", step.act)),
                        _ if arrived > 0 => return Err(format!("{}: {arrived} recipients of it stand", step.act)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        if let Some((message, to)) = self.promised.iter().find(|k| !there(k)) {
            return Err(format!("m{message} to {to} is lost: not sent, not bounced, not in the queue"));
        }
        if let Some((message, to)) = waiting.iter().chain(taken.keys()).find(|k| !self.promised.contains(*k)) {
            return Err(format!("m{message} to {to} goes out, and nobody was told that it was accepted"));
        }
        match taken.iter().find(|(_, times)| **times > 1 + self.doubts) {
            Some(((message, to), times)) => Err(format!("m{message} to {to} went out {times} times")),
            None => Ok(()),
        }
    }

    /// The queue has run dry: each recipient got what it was to get.
    pub(crate) fn check_end(&self, world: &World, library: &Library) -> Result<(), String> {
        let host = world.host.lock();
        for key in &self.promised {
            let (sent, bounced) = (host.taken.contains_key(key), library.bounced.contains(key));
            if (sent, bounced) != (!key.1.starts_with("no"), key.1.starts_with("no")) {
                return Err(format!("m{} to {}: sent {sent}, bounced {bounced}", key.0, key.1));
            }
        }
        Ok(())
    }
}

/// Recipients that wait in the queue.
pub(crate) async fn waiting(world: &World, quiet: &Mail) -> Result<BTreeSet<(u64, String)>, String> {
    let key = quiet.accounts().break_glass("sim", "queue").map_err(said)?;
    let mut waiting = BTreeSet::new();
    for tenant in 1..=world.tenants {
        for found in quiet.accounts().queue(&key.tenant(TenantId(tenant)), QUEUE_ROWS_MAX).await.map_err(said)? {
            let QueueItem { envid, recipients, .. } = found.item;
            let message =
                envid.strip_prefix('m').and_then(|n| n.parse().ok()).ok_or("an item of no message of ours")?;
            waiting.extend(recipients.into_iter().filter(|r| r.status == 0).map(|r| (message, r.address)));
        }
    }
    Ok(waiting)
}

/// The message and the recipients that a bounce is about.
pub(crate) fn bounce(body: &[u8]) -> Option<(u64, Vec<String>)> {
    let text = String::from_utf8_lossy(body);
    let message = text.split("Original-Envelope-Id: m").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
    let after = text.split("Final-Recipient: rfc822;").skip(1);
    Some((message, after.filter_map(|t| t.split("\r\n").next()).map(|t| t.trim().to_owned()).collect()))
}
