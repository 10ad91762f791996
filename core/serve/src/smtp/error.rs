//! SUMMARY    The one table from an error's kind to the SMTP reply.
//! STANDARDS  RFC 5321 §4.2, RFC 3463
//! INVARIANTS Texts are short, say what to do next, and reveal nothing of the store.

use account::RouteError;
use base::Kind;
use mail::Error;
use std::time::Duration;
use wire::smtp::Reply;

pub(super) fn reply(error: &Error) -> Reply {
    let (code, enhanced, text) = table(error.kind);
    match error.kind {
        // Written for people: reasons of holds, which storage is full, how long to wait.
        Kind::Suspended
        | Kind::OverQuota
        | Kind::OverQuotaLong
        | Kind::Throttled
        | Kind::LimitExceeded
        | Kind::Forbidden
        | Kind::Invalid => Reply::new(code, enhanced, error.context.clone()),
        _ => Reply::new(code, enhanced, text),
    }
}

/// Why an address leads nowhere.
pub(super) fn unrouted(error: &RouteError) -> Reply {
    match error {
        RouteError::NotLocal => Reply::new(550, (5, 7, 1), "Relaying is not allowed"),
        RouteError::Unknown => Reply::new(550, (5, 1, 1), "No such mailbox here"),
        RouteError::Held(reason) => Reply::new(450, (4, 2, 1), format!("The mailbox is suspended: {reason}")),
        RouteError::Closed(reason) => Reply::new(550, (5, 2, 1), format!("The mailbox takes no mail: {reason}")),
        RouteError::Forbidden(reason) => Reply::new(550, (5, 7, 1), reason.clone()),
        RouteError::Failed(e) => reply(e),
    }
}

/// Too much at once, and when to come back.
pub(super) fn too_fast(what: &str, wait: Duration) -> Reply {
    Reply::new(451, (4, 7, 1), format!("{what}, try again {}", account::retry_hint(wait)))
}

fn table(kind: Kind) -> (u16, (u8, u16, u16), &'static str) {
    match kind {
        Kind::NotFound => (550, (5, 1, 1), "No such mailbox here"),
        Kind::AlreadyExists => (550, (5, 3, 0), "It exists already"),
        Kind::Invalid => (554, (5, 6, 0), "The message cannot be taken"),
        Kind::Forbidden => (550, (5, 7, 1), "Not allowed"),
        Kind::Suspended => (450, (4, 2, 1), "The mailbox is suspended"),
        Kind::OverQuota => (452, (4, 2, 2), "The mailbox is full"),
        Kind::OverQuotaLong => (552, (5, 2, 2), "The mailbox is full"),
        Kind::LimitExceeded => (552, (5, 3, 4), "A limit was exceeded"),
        Kind::Throttled => (451, (4, 7, 1), "Too much at once, try again later"),
        Kind::StorageFull => (452, (4, 3, 1), "No room for new mail now, try again later"),
        Kind::TooOld | Kind::Unavailable => (451, (4, 3, 0), "Temporary failure, try again later"),
        Kind::Corrupt => (451, (4, 3, 5), "Temporary failure, the operator was told"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_is_deferred_at_first_and_refused_after_days() {
        assert_eq!(table(Kind::OverQuota).0, 452);
        assert_eq!((table(Kind::OverQuotaLong).0, table(Kind::OverQuotaLong).1), (552, (5, 2, 2)));
    }

    #[test]
    fn every_kind_is_temporary_or_permanent_as_its_kind_says() {
        for kind in [
            Kind::NotFound,
            Kind::AlreadyExists,
            Kind::Invalid,
            Kind::Forbidden,
            Kind::Suspended,
            Kind::OverQuota,
            Kind::OverQuotaLong,
            Kind::LimitExceeded,
            Kind::Throttled,
            Kind::StorageFull,
            Kind::Unavailable,
        ] {
            let (code, enhanced, _) = table(kind);
            assert_eq!(code / 100, u16::from(enhanced.0), "{kind:?}");
            assert_eq!(code / 100 == 4, kind.is_temporary(), "{kind:?}");
        }
    }
}
