//! SUMMARY    Accepting a message: one transaction that delivers every local copy and queues every remote one.
//! STANDARDS  RFC 5321 §4.1.1.4 (responsibility with the 250), §4.4 (Return-Path), §6.3 (loops); RFC 3461 (DSN parameters)
//! LIMITS     RECEIVED_FIELDS_MAX, SMTP_INLINE_RECIPIENTS_MAX
//! INVARIANTS Returns after the commit is durable. A recipient over quota fails alone; the others get their copy in the same
//!            commit. Of several mailboxes behind one address, those without a copy are told of in `partial`. Outgoing mail is queued in that commit too: all of it, or nothing is accepted.

use crate::{
    Error, Mail, Result,
    card::{self, Prepared},
};
use account::{AccountScope, Charge, Deliver, Login, NewEmail, Route, Staged, Work, record, unit_of_work};
use base::{
    AccountId, Address, Kind, QueueId, TenantId, Timestamp,
    limits::{QUEUE_MESSAGE_ID_BYTES_MAX, RECEIVED_FIELDS_MAX},
};
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    time::Duration,
};
use wire::mime;

/// How long a message is tried before it bounces (RFC 5321 §4.5.4.1: at least 4-5 days).
const QUEUE_LIFETIME: Duration = Duration::from_secs(5 * 24 * 3600);

/// Who hands the message in.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Another host.
    Relay,
    /// Our user, logged in; may send elsewhere.
    Submission(&'a Login),
    /// The server itself (bounces), on behalf of a tenant.
    System(TenantId),
    /// The same where there is no room for it: it is not counted, so it has to be small.
    Notice(TenantId),
}

/// One RCPT TO with the route that was found for it.
#[derive(Debug, Clone)]
pub struct EnvelopeRecipient {
    pub address: Address,
    /// `None`: not ours, to be relayed (submissions only).
    pub route: Option<Route>,
    /// RFC 3461 NOTIFY bits: 1 never, 2 success, 4 failure, 8 delay; 0 = not given.
    pub notify: u32,
    /// RFC 3461 ORCPT as given; empty = not given.
    pub orcpt: String,
}

/// A message to be accepted.
pub struct Accept<'a> {
    pub source: Source<'a>,
    /// `None` = null sender.
    pub sender: Option<&'a Address>,
    pub recipients: &'a [EnvelopeRecipient],
    /// The message with our Received field in front.
    pub message: &'a [u8],
    pub envid: &'a str,
    /// RFC 3461 RET: 0 not given, 1 FULL, 2 HDRS.
    pub ret: u32,
    pub smtp_utf8: bool,
    pub body_8bit: bool,
    pub body_binary: bool,
    pub require_tls: bool,
}

impl<'a> Accept<'a> {
    /// A message of ASCII whose envelope asks for nothing.
    pub fn new(
        source: Source<'a>,
        sender: Option<&'a Address>,
        recipients: &'a [EnvelopeRecipient],
        message: &'a [u8],
    ) -> Self {
        Accept {
            source,
            sender,
            recipients,
            message,
            envid: "",
            ret: 0,
            smtp_utf8: false,
            body_8bit: false,
            body_binary: false,
            require_tls: false,
        }
    }
}

/// What became of each recipient, in order.
#[derive(Debug)]
pub struct Accepted {
    pub results: Vec<std::result::Result<(), Error>>,
    /// Recipients that were taken though some mailbox behind them got no copy, with the reason: their sender is owed a notice.
    pub partial: Vec<(usize, Error)>,
    /// Queue items made.
    pub queued: usize,
}

/// Why accounts got no copy, by the recipient that led to them.
type Failed = HashMap<usize, Vec<Error>>;

/// Copies and items of one message, decided before the transaction.
struct Plan {
    /// Account -> recipients it serves (index), each account once.
    local: Vec<(AccountScope<Deliver>, Vec<usize>)>,
    /// (tenant, domain) -> recipients.
    remote: BTreeMap<(TenantId, String), Vec<(usize, Address)>>,
    items: Vec<QueueId>,
    orphans: Vec<usize>,
}

impl Mail {
    /// Accepts a message. `Err`: nothing was stored for anybody. Errors: `Invalid` (loop), `Forbidden` (relay by a stranger),
    /// `StorageFull`.
    pub async fn accept(&self, request: Accept<'_>) -> Result<Accepted> {
        if wire::mime::received_count(request.message) > RECEIVED_FIELDS_MAX {
            return Err(Error::new(Kind::Invalid, "the message is looping: RECEIVED_FIELDS_MAX"));
        }
        // What the server says itself is owed to somebody: it has the reserve.
        if !matches!(request.source, Source::System(_) | Source::Notice(_)) {
            self.accounts().check_room()?;
        }
        let plan = self.plan(&request)?;
        let of = match request.source {
            Source::Submission(login) => Some(login.scope.tenant()),
            Source::System(tenant) | Source::Notice(tenant) => Some(tenant),
            Source::Relay => answering(request.recipients),
        };
        let charge = if matches!(request.source, Source::Notice(_)) { Charge::Notice } else { Charge::Incoming };
        let accounts = self.accounts();
        let local = plan.local.iter().map(|(scope, _)| scope.tenant());
        let with_path = [return_path(request.sender).as_slice(), request.message].concat();
        let local_blobs = self.stage_for(local, &with_path).await?;
        let remote_blobs = self.stage_for(plan.remote.keys().map(|(tenant, _)| *tenant), request.message).await?;
        accounts.give_way(of).await;
        let prepared = if plan.local.is_empty() { None } else { Some(card::prepare(&with_path)) };
        let lanes: Vec<AccountId> = plan.local.iter().map(|(scope, _)| scope.account()).collect();
        accounts.give_way(of).await;
        let failed: Failed = unit_of_work!(accounts, &lanes, accounts.op(), work => {
            let mut failed = Failed::new();
            if let Some(prepared) = &prepared {
                self.deliver(work, &plan, (&local_blobs, prepared), charge, &mut failed).await?;
            }
            enqueue(work, &plan, &request, &remote_blobs).await?;
            if let Source::Submission(login) = request.source {
                work.know(login.user(), request.recipients.iter().map(|r| &r.address)).await?;
            }
            accounts.give_way(of).await;
            Ok(failed)
        })?;
        Ok(outcome(request.recipients, plan, failed))
    }

    fn plan(&self, request: &Accept<'_>) -> Result<Plan> {
        let mut plan = Plan { local: Vec::new(), remote: BTreeMap::new(), items: Vec::new(), orphans: Vec::new() };
        for (n, recipient) in request.recipients.iter().enumerate() {
            let Some(route) = &recipient.route else {
                let tenant = match request.source {
                    Source::Submission(login) => login.scope.tenant(),
                    Source::System(tenant) | Source::Notice(tenant) => tenant,
                    Source::Relay => return Err(Error::new(Kind::Forbidden, "relaying is not allowed")),
                };
                plan.send(n, tenant, recipient.address.clone());
                continue;
            };
            for target in &route.local {
                match plan.local.iter_mut().find(|(scope, _)| *scope == target.scope) {
                    Some((_, served)) => served.push(n),
                    None => plan.local.push((target.scope, vec![n])),
                }
            }
            for (tenant, address) in &route.remote {
                plan.send(n, *tenant, address.clone());
            }
            if route.local.is_empty() && route.remote.is_empty() {
                plan.orphans.push(n);
            }
        }
        let rng = self.accounts().rng();
        plan.items = plan.remote.keys().map(|_| QueueId(rng.next_u64())).collect();
        Ok(plan)
    }

    async fn stage_for(
        &self,
        tenants: impl Iterator<Item = TenantId>,
        message: &[u8],
    ) -> Result<HashMap<TenantId, Staged>> {
        let mut staged = HashMap::new();
        for tenant in tenants {
            if let Entry::Vacant(slot) = staged.entry(tenant) {
                slot.insert(self.accounts().stage(tenant, message).await?);
            }
        }
        Ok(staged)
    }
}

impl Plan {
    fn send(&mut self, n: usize, tenant: TenantId, address: Address) {
        let targets = self.remote.entry((tenant, address.domain().as_str().to_owned())).or_default();
        if !targets.iter().any(|(_, a)| *a == address) {
            targets.push((n, address));
        }
    }
}

impl Mail {
    async fn deliver(
        &self,
        work: &mut Work,
        plan: &Plan,
        (blobs, prepared): (&HashMap<TenantId, Staged>, &Prepared),
        charge: Charge,
        failed: &mut Failed,
    ) -> Result<()> {
        let now = work.now();
        for (scope, served) in &plan.local {
            let staged = blobs.get(&scope.tenant()).ok_or_else(|| Error::corrupt("no blob for the tenant"))?;
            let mut account = work.account(scope).await?;
            let inbox = [account.inbox()];
            let email = NewEmail {
                staged,
                mailboxes: &inbox,
                flags: 0,
                received_at: now,
                card: prepared.card.clone(),
                thread_keys: &prepared.thread_keys,
                charge,
            };
            match account.add_email(email).await {
                Ok(_) => {}
                Err(e) if matches!(e.kind, Kind::OverQuota | Kind::OverQuotaLong) => {
                    for n in served {
                        failed.entry(*n).or_default().push(Error::new(e.kind, e.context.clone()));
                    }
                }
                Err(e) => return Err(e),
            }
            self.tell_of_quota(&mut account, now).await?;
        }
        Ok(())
    }
}

/// The tenant that answers for a message from elsewhere: the first one that it is for.
pub fn answering(recipients: &[EnvelopeRecipient]) -> Option<TenantId> {
    let mut routes = recipients.iter().filter_map(|r| r.route.as_ref());
    routes.find_map(|r| r.local.first().map(|l| l.scope.tenant()).or(r.remote.first().map(|(tenant, _)| *tenant)))
}

async fn enqueue(work: &mut Work, plan: &Plan, request: &Accept<'_>, blobs: &HashMap<TenantId, Staged>) -> Result<()> {
    let now = work.now();
    for (((tenant, domain), targets), id) in plan.remote.iter().zip(&plan.items) {
        let staged = blobs.get(tenant).ok_or_else(|| Error::corrupt("no blob for the tenant"))?;
        work.enqueue(staged, *id, item(request, domain, targets, now)).await?;
    }
    Ok(())
}

fn item(request: &Accept<'_>, domain: &str, targets: &[(usize, Address)], now: Timestamp) -> record::QueueItem {
    let (account, on_behalf, credential) = match request.source {
        Source::Submission(login) => {
            let (opened, (_, user)) = (login.scope.account(), login.user());
            (user.0, if opened == user { 0 } else { opened.0 }, login.credential().to_owned())
        }
        Source::Relay | Source::System(_) | Source::Notice(_) => (0, 0, String::new()),
    };
    // What came from elsewhere says what it likes of its author: nobody here signs that.
    let signer = match request.source {
        Source::Submission(login) => login.scope.tenant().0,
        Source::System(tenant) | Source::Notice(tenant) => tenant.0,
        Source::Relay => 0,
    };
    let recipient = |(n, address): &(usize, Address)| {
        let given = request.recipients.get(*n);
        record::QueueRecipient {
            address: address.to_string(),
            notify: given.map_or(0, |r| r.notify),
            orcpt: given.map(|r| r.orcpt.clone()).unwrap_or_default(),
            ..record::QueueRecipient::default()
        }
    };
    record::QueueItem {
        account,
        on_behalf,
        credential,
        sender: request.sender.map(ToString::to_string).unwrap_or_default(),
        recipients: targets.iter().map(recipient).collect(),
        domain: domain.to_owned(),
        created_at_ms: now.0,
        expires_at_ms: now.plus(QUEUE_LIFETIME).0,
        due_at_ms: now.0,
        envid: request.envid.to_owned(),
        ret: request.ret,
        smtp_utf8: request.smtp_utf8,
        body_8bit: request.body_8bit,
        body_binary: request.body_binary,
        require_tls: request.require_tls,
        signer,
        message_id: message_id(request.message),
        ..record::QueueItem::default()
    }
}

/// As people look for it; empty without one, or with one that nobody could type.
fn message_id(message: &[u8]) -> String {
    let value = mime::first(message, b"message-id").map(mime::unfold);
    let id = value.and_then(|value| String::from_utf8(value.into_owned()).ok()).unwrap_or_default();
    let odd = id.len() > QUEUE_MESSAGE_ID_BYTES_MAX || id.chars().any(char::is_control);
    if odd { String::new() } else { id }
}

/// A recipient failed when every account it leads to failed and nothing went on elsewhere.
fn outcome(recipients: &[EnvelopeRecipient], plan: Plan, mut failed: Failed) -> Accepted {
    let served = |n: &usize| plan.local.iter().filter(|(_, s)| s.contains(n)).count();
    let sent = |n: &usize| plan.remote.values().flatten().any(|(m, _)| m == n);
    let mut partial = Vec::new();
    let results = (0..)
        .zip(recipients)
        .map(|(n, recipient)| {
            let held = recipient.route.as_ref().and_then(|route| route.held.as_ref());
            match failed.remove(&n).map(|mut e| (e.len(), e.pop())) {
                Some((accounts, Some(e))) if accounts == served(&n) && !sent(&n) => return Err(e),
                _ if plan.orphans.contains(&n) => return Err(Error::not_found("recipient")),
                Some((_, Some(e))) => partial.push((n, e)),
                Some((_, None)) | None => {
                    partial.extend(held.map(|why| (n, Error::new(Kind::Suspended, why.clone()))));
                }
            }
            Ok(())
        })
        .collect();
    Accepted { results, partial, queued: plan.items.len() }
}

fn return_path(sender: Option<&Address>) -> Vec<u8> {
    match sender {
        Some(address) => format!("Return-Path: <{address}>\r\n").into_bytes(),
        None => b"Return-Path: <>\r\n".to_vec(),
    }
}
