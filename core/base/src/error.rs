//! SUMMARY    What an error means to a caller, independent of protocol and text.
//! INVARIANTS Temporary or permanent is decided by kind, never by matching text. Each adapter has one table from kind to reply.

/// Kind of a failed operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The object does not exist, or belongs to somebody else (never told apart).
    NotFound,
    /// An object of that name exists already.
    AlreadyExists,
    /// The request cannot be right: syntax or semantics.
    Invalid,
    /// The credential, scope or role does not allow it.
    Forbidden,
    /// A hold or state of tenant, domain or account forbids it for now.
    Suspended,
    /// Mailbox or tenant storage is used up.
    OverQuota,
    /// The same, for so long that a sender need not try again.
    OverQuotaLong,
    /// A named limit was reached; will not succeed by trying again unchanged.
    LimitExceeded,
    /// Too fast: try again later.
    Throttled,
    /// The state a client named is too old; it must resynchronise.
    TooOld,
    /// The disk has no room for new data: try again later. Deletions go on.
    StorageFull,
    /// A conflict that outlived all retries, a timeout, or a back end that is down: try again.
    Unavailable,
    /// Stored data is damaged or an invariant does not hold; an operator must look.
    Corrupt,
}

impl Kind {
    /// Whether the same request can succeed later without the client changing it.
    pub fn is_temporary(self) -> bool {
        matches!(self, Kind::Suspended | Kind::OverQuota | Kind::Throttled | Kind::StorageFull | Kind::Unavailable)
    }
}
