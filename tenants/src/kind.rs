//! SUMMARY    What mailboxes are for, and how much they may send, as rows have it.

use crate::{
    Code, Error, Result,
    db::Row,
    rows::{optional, text},
};
use control::{AccountKind, SendLimits};

/// As it is stored.
pub(crate) fn name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Person => "person",
        AccountKind::Shared => "shared",
        AccountKind::Resource => "resource",
        AccountKind::Service => "service",
    }
}

/// Reads back what was stored, or what a file says.
pub(crate) fn parse(name: &str) -> Option<AccountKind> {
    [AccountKind::Person, AccountKind::Shared, AccountKind::Resource, AccountKind::Service]
        .into_iter()
        .find(|k| self::name(*k) == name)
}

/// The kind of a mailbox's row.
pub(crate) fn of(row: &Row) -> Result<AccountKind> {
    parse(&text(row, "kind")?).ok_or_else(|| Error::new(Code::Internal, "", "a stored kind is damaged"))
}

/// The sending limits of a mailbox's row.
pub(crate) fn send_limits(row: &Row) -> Result<SendLimits> {
    let read = |column| Ok::<_, Error>(optional(row, column)?.map(|n| u32::try_from(n).unwrap_or(u32::MAX)));
    Ok(SendLimits {
        per_hour: read("send_per_hour")?,
        per_day: read("send_per_day")?,
        new_recipients_per_day: read("send_new_per_day")?,
    })
}
