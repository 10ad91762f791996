//! SUMMARY    One attempt: hosts in order, a connection (the one that is open, if it will do), a fate for every recipient.
//! STANDARDS  RFC 5321 §5.1, RFC 3461 §5.2
//! INVARIANTS What is sent is signed first, once per attempt. A recipient gets at most one fate; one whose address cannot be read gets its own when no other waits. A host that decides about the message is the last one asked.

use crate::{
    Host, Inner,
    connect::{Link, shown},
    sign::signatures,
};
use account::record::QueueItem;
use base::Address;
use bytes::Bytes;
use std::net::SocketAddr;
use wire::smtp::{
    Body, MailParams, Notify, Orcpt, RcptParams, Reply, Ret,
    client::{Delivery, DeliveryResult, OutRecipient, RecipientResult, Stage},
};

/// Fate of one recipient of the attempt.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    /// Index into the item's recipients.
    pub(crate) recipient: usize,
    pub(crate) reply: Reply,
    pub(crate) delivered: bool,
    /// The host does not report: who asked for SUCCESS hears of it from here.
    pub(crate) relayed: bool,
    pub(crate) host: String,
}

fn address(item: &QueueItem, n: usize) -> Option<Address> {
    Address::parse(&item.recipients.get(n)?.address).ok()
}

/// Recipients of the item that wait.
pub(crate) fn waiting(item: &QueueItem) -> Vec<usize> {
    item.recipients.iter().enumerate().filter(|(_, r)| r.status == 0).map(|(n, _)| n).collect()
}

/// The same fate for all that wait.
pub(crate) fn all(item: &QueueItem, reply: &Reply, host: &str) -> Vec<Fate> {
    let fate =
        |recipient| Fate { recipient, reply: reply.clone(), delivered: false, relayed: false, host: host.to_owned() };
    waiting(item).into_iter().map(fate).collect()
}

/// Tries the open connection, then the hosts in turn until one decides about the message; leaves the connection in `link`.
pub(crate) async fn attempt(
    inner: &Inner,
    link: &mut Option<Link>,
    item: &QueueItem,
    message: &Bytes,
    hosts: &[Host],
    port: u16,
) -> Vec<Fate> {
    let waiting: Vec<usize> = waiting(item).into_iter().filter(|n| address(item, *n).is_some()).collect();
    if waiting.is_empty() {
        return all(item, &Reply::new(501, (5, 1, 3), "The address cannot be read"), "");
    }
    let head = match signatures(inner, item, message).await {
        Ok(head) => head,
        Err(error) => {
            tracing::warn!(%error, item = item.id, "looking keys up");
            return all(item, &Reply::new(451, (4, 3, 0), "The message could not be signed for now"), "");
        }
    };
    let outgoing = || Delivery { head: head.clone(), ..delivery(item, message, &waiting) };
    if let Some(mut open) = link.take().filter(|l| l.verified || !item.require_tls)
        && let Ok(result) = open.deliver(outgoing()).await
        && !gone(&result)
    {
        let fates = fates(&waiting, result, &open.name());
        *link = Some(open);
        return fates;
    }
    let mut last = (Reply::new(451, (4, 4, 1), "No host answered"), String::new());
    for host in hosts {
        for ip in &host.addresses {
            let address = SocketAddr::new(*ip, port);
            match session(inner, item, outgoing(), host, address).await {
                Ok((result, open)) => {
                    let fates = fates(&waiting, result, &open.name());
                    *link = Some(open);
                    return fates;
                }
                Err(reply) => last = (reply, shown(&host.name, *ip)),
            }
        }
    }
    all(item, &last.0, &last.1)
}

async fn session(
    inner: &Inner,
    item: &QueueItem,
    delivery: Delivery,
    host: &Host,
    address: SocketAddr,
) -> Result<(DeliveryResult, Link), Reply> {
    let mut link = Link::open(inner, &host.name, address, item.require_tls).await.map_err(|r| kept(inner, r))?;
    let result = link.deliver(delivery).await?;
    Ok((result, link))
}

/// A smart host that refuses the session (a wrong password, above all) says nothing about the message: it waits.
fn kept(inner: &Inner, reply: Reply) -> Reply {
    if inner.options.smart_host.is_none() || !reply.is_permanent() {
        return reply;
    }
    Reply::new(451, (4, 7, 8), format!("The smart host refuses us: {} {}", reply.code, reply.text()))
}

/// The server had closed the connection before it heard of the message: says nothing about the message.
fn gone(result: &DeliveryResult) -> bool {
    let early = |r: &RecipientResult| matches!(r.stage, Stage::Session | Stage::Mail) && r.reply.code == 421;
    result.recipients.iter().all(early)
}

fn fates(waiting: &[usize], result: DeliveryResult, host: &str) -> Vec<Fate> {
    let relayed = !result.dsn_passed;
    let fate = |(recipient, r): (&usize, RecipientResult)| Fate {
        recipient: *recipient,
        delivered: r.is_delivered(),
        relayed: r.is_delivered() && relayed,
        reply: r.reply,
        host: host.to_owned(),
    };
    waiting.iter().zip(result.recipients).map(fate).collect()
}

fn delivery(item: &QueueItem, message: &Bytes, waiting: &[usize]) -> Delivery {
    let recipients = waiting.iter().filter_map(|n| item.recipients.get(*n)).filter_map(|r| {
        let params = RcptParams { notify: notify(r.notify), orcpt: orcpt(&r.orcpt) };
        Some(OutRecipient { to: Address::parse(&r.address).ok()?, params })
    });
    let body = match (item.body_binary, item.body_8bit) {
        (true, _) => Some(Body::BinaryMime),
        (false, true) => Some(Body::EightBitMime),
        (false, false) => None,
    };
    Delivery {
        from: Address::parse(&item.sender).ok(),
        params: MailParams {
            size_bytes: Some(item.size),
            body,
            smtputf8: item.smtp_utf8,
            ret: match item.ret {
                1 => Some(Ret::Full),
                2 => Some(Ret::Headers),
                _ => None,
            },
            envid: (!item.envid.is_empty()).then(|| item.envid.clone()),
            auth: None,
            require_tls: item.require_tls,
        },
        recipients: recipients.collect(),
        head: Bytes::new(),
        message: message.clone(),
    }
}

fn notify(bits: u32) -> Option<Notify> {
    match bits {
        0 => None,
        b if b & 1 != 0 => Some(Notify::Never),
        b => Some(Notify::On { success: b & 2 != 0, failure: b & 4 != 0, delay: b & 8 != 0 }),
    }
}

pub(crate) fn orcpt(text: &str) -> Option<Orcpt> {
    let (kind, address) = text.split_once(';')?;
    Some(Orcpt { kind: kind.to_owned(), address: address.to_owned() })
}
