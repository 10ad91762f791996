//! SUMMARY    Telling the sender that some recipients of an accepted message got no copy.
//! STANDARDS  RFC 3461 §6.1, RFC 3464, RFC 5321 §6.1 (null sender, and none for a null sender)
//! INVARIANTS The report is committed before the message's own 250 is sent: nobody is silently left out.

use account::RouteError;
use base::{Address, Domain, Kind, TenantId, Timestamp};
use mail::{Accept, EnvelopeRecipient, Error, Mail, Source};
use wire::{
    dsn::{Action, RecipientReport, Report},
    smtp::Enhanced,
};

/// `tenant` answers for the report's way out.
pub(super) async fn send(
    mail: &Mail,
    tenant: TenantId,
    sender: Option<&Address>,
    failed: &[(&Address, &Error)],
    original: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let Some(sender) = sender else { return Ok(()) };
    let hostname = Domain::parse(mail.hostname()).map_err(|e| Error::new(Kind::Invalid, e.to_string()))?;
    let serial = mail.accounts().rng().next_u64();
    let recipients: Vec<RecipientReport> = failed
        .iter()
        .map(|(to, e)| RecipientReport {
            to: (*to).clone(),
            original: None,
            action: Action::Failed,
            status: if e.kind == Kind::OverQuota { Enhanced(5, 2, 2) } else { Enhanced(5, 0, 0) },
            remote_mta: None,
            diagnostic: Some(e.context.clone()),
            last_attempt: Some(now),
            will_retry_until: None,
        })
        .collect();
    let built = wire::dsn::build(&Report {
        reporting_mta: &hostname,
        to: sender,
        date: now,
        message_id: &format!("{serial:016x}@{hostname}"),
        boundary: &format!("=_{serial:016x}"),
        envid: None,
        arrival: Some(now),
        recipients: &recipients,
        original,
        ret: None,
    });
    let route = match mail.accounts().route(sender).await {
        Ok(route) => Some(route),
        Err(RouteError::NotLocal) => None,
        Err(RouteError::Unknown | RouteError::Held(_)) => return Ok(()),
        Err(RouteError::Failed(e)) => return Err(e),
    };
    let to = [EnvelopeRecipient { address: sender.clone(), route, notify: 1, orcpt: String::new() }];
    mail.accept(Accept {
        source: Source::System(tenant),
        sender: None,
        recipients: &to,
        message: &built.message,
        envid: "",
        ret: 0,
        smtp_utf8: built.smtputf8,
        body_8bit: false,
        body_binary: false,
        require_tls: false,
    })
    .await
    .map(|_| ())
}
