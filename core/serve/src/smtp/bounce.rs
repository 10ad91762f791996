//! SUMMARY    Telling the sender that some recipients of an accepted message, or some mailboxes behind one, got no copy.
//! STANDARDS  RFC 3461 §6.1, RFC 5321 §6.1 (none for a null sender)
//! INVARIANTS Never about a recipient whose NOTIFY does not ask for failures. The report is committed before the message's own 250 is sent: nobody is silently left out.
//!            It names the address that was written to, not the mailboxes behind it.

use base::{Kind, TenantId, Timestamp};
use mail::{Error, Mail, Notice};
use wire::{
    dsn::{Action, RecipientReport},
    smtp::{Enhanced, Envelope, Notify, Recipient},
};

/// `tenant` answers for the report's way out.
pub(super) async fn send(
    mail: &Mail,
    tenant: TenantId,
    envelope: &Envelope,
    failed: &[(&Recipient, &Error)],
    original: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let Some(sender) = &envelope.from else {
        tracing::warn!(recipients = failed.len(), "mailboxes got no copy, and there is no sender to be told");
        return Ok(());
    };
    let recipients: Vec<RecipientReport> = failed
        .iter()
        .filter(|(r, _)| matches!(r.params.notify, None | Some(Notify::On { failure: true, .. })))
        .map(|(r, e)| RecipientReport {
            to: r.to.clone(),
            original: r.params.orcpt.clone(),
            action: Action::Failed,
            status: status(e.kind),
            remote_mta: None,
            diagnostic: Some(e.context.clone()),
            last_attempt: Some(now),
            will_retry_until: None,
        })
        .collect();
    let envid = envelope.params.envid.as_deref().unwrap_or_default();
    let ret = envelope.params.ret;
    mail.notify(Notice { tenant, sender, recipients: &recipients, original, arrival: now, envid, ret }).await
}

fn status(kind: Kind) -> Enhanced {
    match kind {
        Kind::OverQuota | Kind::OverQuotaLong => Enhanced(5, 2, 2),
        Kind::Suspended => Enhanced(5, 2, 1),
        Kind::NotFound
        | Kind::AlreadyExists
        | Kind::Invalid
        | Kind::Forbidden
        | Kind::LimitExceeded
        | Kind::Throttled
        | Kind::TooOld
        | Kind::StorageFull
        | Kind::Unavailable
        | Kind::Corrupt => Enhanced(5, 0, 0),
    }
}
