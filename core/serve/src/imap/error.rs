//! SUMMARY    The one table from an error's kind to the IMAP answer.
//! STANDARDS  RFC 9051 §7.1, RFC 5530, RFC 9208

use base::Kind;
use mail::Error;
use wire::imap::render::Code;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Tagged NO with a code.
    No(Option<Code<'static>>, String),
    /// Tagged BAD.
    Bad(&'static str),
    /// The client is gone.
    Gone,
    /// The account may not be read any more: the session ends with the reason.
    Held(String),
}

impl Failure {
    /// The process holds as many message bytes as it may.
    pub(super) fn no_room() -> Self {
        Failure::No(Some(Code::Word("UNAVAILABLE")), "No room now, try again later".into())
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        let (word, text) = table(e.kind);
        if matches!(e.kind, Kind::Corrupt | Kind::Unavailable) {
            tracing::error!(error = %e, "imap command failed");
        }
        let shown = matches!(
            e.kind,
            Kind::Invalid
                | Kind::OverQuota
                | Kind::OverQuotaLong
                | Kind::Suspended
                | Kind::LimitExceeded
                | Kind::Forbidden
                | Kind::Throttled
        );
        Failure::No(Some(Code::Word(word)), if shown { e.context } else { text.to_owned() })
    }
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Failure::Gone
    }
}

fn table(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::NotFound => ("NONEXISTENT", "It does not exist"),
        Kind::AlreadyExists => ("ALREADYEXISTS", "It exists already"),
        Kind::Invalid => ("CANNOT", "That cannot be done"),
        Kind::Forbidden => ("NOPERM", "Not allowed"),
        Kind::Suspended => ("CONTACTADMIN", "The account is suspended"),
        Kind::OverQuota | Kind::OverQuotaLong => ("OVERQUOTA", "The mailbox is full"),
        Kind::LimitExceeded => ("LIMIT", "A limit was exceeded"),
        Kind::Throttled => ("UNAVAILABLE", "Too much at once, try again later"),
        Kind::StorageFull => ("UNAVAILABLE", "No room for new mail now, try again later; deleting goes on"),
        Kind::TooOld => ("EXPUNGEISSUED", "The state is too old"),
        Kind::Unavailable => ("UNAVAILABLE", "Temporary failure, try again"),
        Kind::Corrupt => ("CORRUPTION", "Stored data is damaged, the operator was told"),
    }
}
