//! SUMMARY    Telling the sender: failed, delayed and relayed recipients.
//! STANDARDS  RFC 3461 §5-6, RFC 3464
//! INVARIANTS Never to a null sender, never to who asked for NEVER. Committed before the item is settled.

use crate::attempt::orcpt;
use account::record::QueueItem;
use base::{Address, TenantId, Timestamp};
use bytes::Bytes;
use mail::{Error, Mail, Notice};
use wire::{
    dsn::{Action, RecipientReport},
    smtp::{Enhanced, Ret},
};

/// NOTIFY bits.
const NEVER: u32 = 1;
const SUCCESS: u32 = 2;
const FAILURE: u32 = 4;
const DELAY: u32 = 8;

/// Reports the recipients at these indices.
pub(crate) async fn report(
    mail: &Mail,
    tenant: TenantId,
    item: &QueueItem,
    action: Action,
    recipients: &[usize],
    message: &Bytes,
    now: Timestamp,
) -> Result<(), Error> {
    let reports: Vec<RecipientReport> = recipients
        .iter()
        .filter_map(|n| item.recipients.get(*n))
        .filter(|r| asked(action, r.notify))
        .filter_map(|r| {
            Some(RecipientReport {
                to: Address::parse(&r.address).ok()?,
                original: orcpt(&r.orcpt),
                action,
                status: Enhanced::parse(&r.last_status).unwrap_or(Enhanced(5, 0, 0)),
                remote_mta: (!r.last_host.is_empty()).then(|| r.last_host.clone()),
                diagnostic: Some(r.last_reply.clone()),
                last_attempt: Some(now),
                will_retry_until: (action == Action::Delayed).then_some(Timestamp(item.expires_at_ms)),
            })
        })
        .collect();
    let Ok(sender) = Address::parse(&item.sender) else { return Ok(()) };
    mail.notify(Notice {
        tenant,
        sender: &sender,
        recipients: &reports,
        original: message,
        arrival: Timestamp(item.created_at_ms),
        envid: &item.envid,
        ret: Some(if item.ret == 1 { Ret::Full } else { Ret::Headers }),
    })
    .await
}

/// Does who gave these NOTIFY bits want to hear of it? Without any: of what goes wrong.
fn asked(action: Action, notify: u32) -> bool {
    let wanted = match action {
        Action::Relayed | Action::Delivered | Action::Expanded => SUCCESS,
        Action::Failed => FAILURE,
        Action::Delayed => DELAY,
    };
    notify & NEVER == 0 && (notify & wanted != 0 || notify == 0 && wanted != SUCCESS)
}
