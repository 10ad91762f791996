//! SUMMARY    What is remembered of mail that was brought from another provider.
//! INVARIANTS Those of `record`.

use prost::Message;

/// A mailbox of a source, and how far it was brought.
#[derive(Clone, PartialEq, Message)]
pub struct MigratedFolder {
    /// Its name as the source writes it.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// Where its messages go.
    #[prost(uint32, tag = "2")]
    pub mailbox: u32,
    /// Of the source.
    #[prost(uint32, tag = "3")]
    pub uid_validity: u32,
    /// Those that it had before: rows under them still stand, until each message was met under the new one.
    #[prost(uint32, repeated, tag = "4")]
    pub earlier: Vec<u32>,
    /// HIGHESTMODSEQ of the source up to which everything was brought; 0: the next pass compares all.
    #[prost(uint64, tag = "5")]
    pub modseq: u64,
    /// UIDNEXT of the source at that time.
    #[prost(uint32, tag = "6")]
    pub uid_next: u32,
    /// Messages of the source get their uids here while they can.
    #[prost(bool, tag = "7")]
    pub keeps_uids: bool,
    /// Messages that are gone there and stand here.
    #[prost(uint32, tag = "8")]
    pub left_behind: u32,
}

/// A message of a source that is here, or was.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Migrated {
    #[prost(uint64, tag = "1")]
    pub email: u64,
    /// Flag bits here as the source had them last: others mean that they were changed here.
    #[prost(uint64, tag = "2")]
    pub flags: u64,
    /// Modseq of the email when the migration wrote it last; 0: the migration found it here.
    #[prost(uint64, tag = "3")]
    pub modseq: u64,
    /// Eight bytes of the tenant's keyed reference of its bytes: how it is known again when the source gives it another uid.
    #[prost(fixed64, tag = "4")]
    pub content: u64,
}
