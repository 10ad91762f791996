//! SUMMARY    Delivery status notifications: built for senders, and recognised.
//! STANDARDS  RFC 3461 §6, RFC 3462/6522 (multipart/report), RFC 3464 (message/delivery-status), RFC 6533 (message/global-delivery-status),
//!            RFC 3834 §5 (Auto-Submitted)
//! SECURITY   Texts of foreign servers and addresses of senders end up in header fields: line breaks and controls never get through.
//! LIMITS     DSN_ORIGINAL_BYTES_MAX, DSN_HEADER_BYTES_MAX
//! INVARIANTS No clock, no randomness: dates, message id and boundary are given. A report goes out with the null reverse-path, so it cannot
//!            bounce; the caller sends none about a message that itself had one.

mod build;
mod parse;

pub use build::build;
pub use parse::{Field, Group, Status, parse};

use crate::smtp::{Enhanced, Orcpt, Ret};
use base::{Address, Domain, Timestamp};

/// What happened to a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    /// Given to a server that takes over no DSN.
    Relayed,
    /// Sent on to the members of a list.
    Expanded,
}

impl Action {
    pub const fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let all = [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];
        all.into_iter().find(|a| a.name().eq_ignore_ascii_case(text.trim()))
    }
}

/// One recipient of the report.
#[derive(Debug, Clone)]
pub struct RecipientReport {
    pub to: Address,
    /// ORCPT of the envelope.
    pub original: Option<Orcpt>,
    pub action: Action,
    pub status: Enhanced,
    /// Server that gave `diagnostic`.
    pub remote_mta: Option<String>,
    /// Its reply, code first: `550 5.1.1 no such user`.
    pub diagnostic: Option<String>,
    pub last_attempt: Option<Timestamp>,
    /// Delayed: until when it is tried.
    pub will_retry_until: Option<Timestamp>,
}

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// This server.
    pub reporting_mta: &'a Domain,
    /// Sender of the original message: recipient of the report.
    pub to: &'a Address,
    pub date: Timestamp,
    /// With its angle brackets.
    pub message_id: &'a str,
    /// Up to 60 characters of A-Z a-z 0-9 and `-_.=`; unique, so that it does not occur in the original.
    pub boundary: &'a str,
    /// ENVID of the envelope.
    pub envid: Option<&'a str>,
    /// When the original was accepted.
    pub arrival: Option<Timestamp>,
    pub recipients: &'a [RecipientReport],
    pub original: &'a [u8],
    /// RET of the envelope. Only failures return the whole message (RFC 3461 §4.3).
    pub ret: Option<Ret>,
}

/// A report ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    pub message: Vec<u8>,
    /// It has header fields or addresses beyond ASCII: send it with SMTPUTF8.
    pub smtputf8: bool,
}

#[cfg(test)]
mod tests;
