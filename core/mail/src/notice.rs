//! SUMMARY    Sending a delivery status notification: the one way for every part of the server that has something to tell a sender.
//! STANDARDS  RFC 3461 §6, RFC 3464, RFC 5321 §6.1 (null sender)
//! LIMITS     DSN_UNCOUNTED_HEADER_BYTES_MAX
//! INVARIANTS Durable when the call returns, in a mailbox without room too: there it is cut short and not counted. It goes out with the null reverse-path and asks for no notification itself, so it cannot loop;
//!            to a sender of ours that is unknown or held it is not sent at all.

use crate::{Accept, EnvelopeRecipient, Error, Mail, Result, Source};
use account::{RouteError, Sender};
use base::{Address, Domain, Kind, TenantId, Timestamp, limits::DSN_UNCOUNTED_HEADER_BYTES_MAX};
use wire::{
    dsn::{self, RecipientReport, Report},
    smtp::Ret,
};

/// NOTIFY=NEVER (RFC 3461 §4.1).
const NEVER: u32 = 1;

/// What is told, and to whom.
pub struct Notice<'a> {
    /// Answers for the report's way out.
    pub tenant: TenantId,
    /// Sender of the original message.
    pub sender: &'a Address,
    /// Recipients that are reported; none: nothing is sent.
    pub recipients: &'a [RecipientReport],
    pub original: &'a [u8],
    /// When the original was accepted.
    pub arrival: Timestamp,
    /// ENVID of the envelope; empty = not given.
    pub envid: &'a str,
    pub ret: Option<Ret>,
}

impl Mail {
    /// Writes and accepts the report.
    pub async fn notify(&self, notice: Notice<'_>) -> Result<()> {
        if notice.recipients.is_empty() {
            return Ok(());
        }
        let route = match self.accounts().route(notice.sender, Sender::Stranger).await {
            Ok(route) => Some(route),
            Err(RouteError::NotLocal) => None,
            Err(RouteError::Unknown | RouteError::Held(_) | RouteError::Closed(_) | RouteError::Forbidden(_)) => {
                return Ok(());
            }
            Err(RouteError::Failed(e)) => return Err(e),
        };
        let to = [EnvelopeRecipient { address: notice.sender.clone(), route, notify: NEVER, orcpt: String::new() }];
        match self.told(&notice, Source::System(notice.tenant), &to).await? {
            None => Ok(()),
            // The least that says it has room in any mailbox.
            Some(e) if matches!(e.kind, Kind::OverQuota | Kind::OverQuotaLong) => {
                let (original, ret) = (cut(notice.original), Some(Ret::Headers));
                let least = Notice { original, ret, ..notice };
                self.told(&least, Source::Notice(least.tenant), &to).await?.map_or(Ok(()), Err)
            }
            Some(e) => {
                tracing::warn!(error = %e, "a sender cannot be told");
                Ok(())
            }
        }
    }

    /// Hands the report in; why who is told did not get it, if so.
    async fn told(&self, notice: &Notice<'_>, source: Source<'_>, to: &[EnvelopeRecipient]) -> Result<Option<Error>> {
        let hostname = Domain::parse(self.hostname()).map_err(|e| Error::new(Kind::Invalid, e.to_string()))?;
        let serial = self.accounts().rng().next_u64();
        let built = dsn::build(&Report {
            reporting_mta: &hostname,
            to: notice.sender,
            date: self.accounts().clock().now(),
            message_id: &format!("<{serial:016x}@{hostname}>"),
            boundary: &format!("=_{serial:016x}"),
            envid: (!notice.envid.is_empty()).then_some(notice.envid),
            arrival: Some(notice.arrival),
            recipients: notice.recipients,
            original: notice.original,
            ret: notice.ret,
        });
        let message = &built.message;
        let accept = Accept { smtp_utf8: built.smtputf8, ..Accept::new(source, None, to, message) };
        Ok(self.accept(accept).await?.results.into_iter().next().and_then(std::result::Result::err))
    }
}

/// The first lines of a message's header, DSN_UNCOUNTED_HEADER_BYTES_MAX at most.
fn cut(message: &[u8]) -> &[u8] {
    let Some(start) = message.get(..DSN_UNCOUNTED_HEADER_BYTES_MAX) else { return message };
    let lines = start.windows(2).rposition(|w| w == b"\r\n").map_or(0, |at| at + 2);
    start.get(..lines).unwrap_or_default()
}
