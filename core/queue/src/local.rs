//! SUMMARY    Handing over here what was queued for elsewhere: a domain of ours whose MX records have come to lead to this host.
//! STANDARDS  RFC 5321 §5.1
//! INVARIANTS As mail from another host: same routes, same refusals. The message has its Received fields: a loop ends. Never a connection to
//!            ourselves. Mailboxes behind a recipient that got no copy are told of, as at the door.

use crate::{
    attempt::{self, Fate},
    report::report,
};
use account::{RouteError, Sender, record::QueueItem};
use base::{Address, Domain, Kind, TenantId};
use bytes::Bytes;
use mail::{Accept, EnvelopeRecipient, Error, Mail, Source};
use wire::{dsn::Action, smtp::Reply};

/// Whether mail for the domain is taken here.
pub(crate) async fn is_ours(mail: &Mail, domain: &str) -> bool {
    match Domain::parse(domain) {
        // A look-up that fails leaves it a loop for now; it is tried again.
        Ok(domain) => mail.accounts().is_local_domain(&domain).await.unwrap_or(false),
        Err(_) => false,
    }
}

/// Delivers to the recipients that wait.
pub(crate) async fn hand_over(mail: &Mail, tenant: TenantId, item: &QueueItem, message: &Bytes) -> Vec<Fate> {
    let (mut fates, mut found) = (Vec::new(), Vec::new());
    for n in attempt::waiting(item) {
        match recipient(mail, item, n).await {
            Ok(recipient) => found.push((n, recipient)),
            Err(reply) => fates.push(fate(n, reply)),
        }
    }
    let (numbers, recipients): (Vec<usize>, Vec<EnvelopeRecipient>) = found.into_iter().unzip();
    if recipients.is_empty() {
        return fates;
    }
    let sender = Address::parse(&item.sender).ok();
    let accept = Accept {
        source: Source::Relay,
        sender: sender.as_ref(),
        recipients: &recipients,
        message,
        envid: &item.envid,
        ret: item.ret,
        smtp_utf8: item.smtp_utf8,
        body_8bit: item.body_8bit,
        body_binary: item.body_binary,
        require_tls: item.require_tls,
    };
    match mail.accept(accept).await {
        Ok(accepted) => {
            for (n, result) in numbers.iter().zip(accepted.results) {
                let taken = Reply::new(250, (2, 1, 5), "Delivered here");
                fates.push(fate(*n, result.map_or_else(|e| refused(&e), |()| taken)));
            }
            let partial = accepted.partial.into_iter().filter_map(|(at, e)| Some((*numbers.get(at)?, e))).collect();
            tell(mail, tenant, item, partial, message).await;
        }
        Err(e) => fates.extend(numbers.iter().map(|n| fate(*n, refused(&e)))),
    }
    fates
}

async fn recipient(mail: &Mail, item: &QueueItem, n: usize) -> Result<EnvelopeRecipient, Reply> {
    let unreadable = || Reply::new(501, (5, 1, 3), "The address cannot be read");
    let given = item.recipients.get(n).ok_or_else(unreadable)?;
    let address = Address::parse(&given.address).map_err(|_| unreadable())?;
    let route = mail.accounts().route(&address, Sender::Stranger).await.map_err(|e| match e {
        RouteError::NotLocal => Reply::new(451, (4, 4, 6), "The domain was released meanwhile"),
        RouteError::Unknown => Reply::new(550, (5, 1, 1), "No such mailbox here"),
        RouteError::Held(why) => Reply::new(450, (4, 2, 1), why),
        RouteError::Closed(why) => Reply::new(550, (5, 2, 1), why),
        RouteError::Forbidden(why) => Reply::new(550, (5, 7, 1), why),
        RouteError::Failed(e) => refused(&e),
    })?;
    Ok(EnvelopeRecipient { address, route: Some(route), notify: given.notify, orcpt: given.orcpt.clone() })
}

fn refused(e: &Error) -> Reply {
    match (e.kind, e.kind.is_temporary()) {
        (Kind::OverQuota, _) => Reply::new(452, (4, 2, 2), e.context.clone()),
        (Kind::OverQuotaLong, _) => Reply::new(552, (5, 2, 2), e.context.clone()),
        (_, true) => Reply::new(451, (4, 3, 0), "Not delivered for now"),
        (_, false) => Reply::new(554, (5, 6, 0), e.context.clone()),
    }
}

fn fate(recipient: usize, reply: Reply) -> Fate {
    Fate { recipient, delivered: reply.is_positive(), relayed: false, reply, host: String::new() }
}

/// Tells the sender of mailboxes that got no copy; the others have theirs.
async fn tell(mail: &Mail, tenant: TenantId, item: &QueueItem, partial: Vec<(usize, Error)>, message: &Bytes) {
    let mut item = item.clone();
    for (n, e) in &partial {
        if let Some(recipient) = item.recipients.get_mut(*n) {
            recipient.last_reply = e.context.clone();
            recipient.last_status =
                if matches!(e.kind, Kind::OverQuota | Kind::OverQuotaLong) { "5.2.2" } else { "5.2.1" }.to_owned();
        }
    }
    let failed: Vec<usize> = partial.iter().map(|(n, _)| *n).collect();
    let now = mail.accounts().clock().now();
    if let Err(error) = report(mail, tenant, &item, Action::Failed, &failed, message, now).await {
        tracing::warn!(%error, item = item.id, "telling of mailboxes without a copy");
    }
}
