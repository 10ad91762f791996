//! SUMMARY    The stored record of a migration from another provider.
//! INVARIANTS Those of `record`.

use prost::Message;

/// A migration: where from, how far, and who is at it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MigrationRecord {
    /// Fencing token of the lease; rises with every lease.
    #[prost(uint64, tag = "1")]
    pub token: u64,
    /// When the lease ends; 0 = nobody has it.
    #[prost(sint64, tag = "2")]
    pub until_ms: i64,
    #[prost(fixed64, tag = "3")]
    pub node: u64,
    /// Queued 1, running 2, waiting 3, failed 4, ended 5.
    #[prost(uint32, tag = "4")]
    pub phase: u32,
    /// It waits for who resumes it.
    #[prost(bool, tag = "5")]
    pub paused: bool,
    #[prost(uint64, tag = "6")]
    pub account: u64,
    #[prost(string, tag = "7")]
    pub host: String,
    #[prost(uint32, tag = "8")]
    pub port: u32,
    /// TLS 1, STARTTLS 2, none 3.
    #[prost(uint32, tag = "9")]
    pub security: u32,
    #[prost(string, tag = "10")]
    pub user: String,
    /// Password 1, token 2.
    #[prost(uint32, tag = "11")]
    pub sign_in: u32,
    /// Sealed under a key of the tenant's; empty = destroyed.
    #[prost(bytes = "vec", tag = "12")]
    pub secret: Vec<u8>,
    #[prost(string, tag = "13")]
    pub asked_by: String,
    #[prost(sint64, tag = "14")]
    pub created_ms: i64,
    /// When it ends by itself.
    #[prost(sint64, tag = "15")]
    pub ends_ms: i64,
    /// Not before.
    #[prost(sint64, tag = "16")]
    pub due_ms: i64,
    #[prost(uint32, tag = "17")]
    pub passes: u32,
    /// When the last pass came to its end; 0 = none did.
    #[prost(sint64, tag = "18")]
    pub last_pass_ms: i64,
    /// Passes in a row that did not come to their end.
    #[prost(uint32, tag = "19")]
    pub failures: u32,
    /// What went wrong last; empty = nothing.
    #[prost(string, tag = "20")]
    pub why: String,
    /// Of the last pass, which may be under way.
    #[prost(uint32, tag = "21")]
    pub folders: u32,
    #[prost(uint32, tag = "22")]
    pub folders_total: u32,
    #[prost(uint64, tag = "23")]
    pub messages: u64,
    #[prost(uint64, tag = "24")]
    pub messages_total: u64,
    /// Of passes that are over.
    #[prost(uint64, tag = "25")]
    pub brought: u64,
    #[prost(uint64, tag = "26")]
    pub bytes: u64,
    #[prost(uint64, tag = "27")]
    pub found: u64,
    /// Of the pass under way, as it said last.
    #[prost(uint64, tag = "28")]
    pub pass_brought: u64,
    #[prost(uint64, tag = "29")]
    pub pass_bytes: u64,
    #[prost(uint64, tag = "30")]
    pub pass_found: u64,
    /// Of the last pass.
    #[prost(uint64, tag = "31")]
    pub problems: u64,
    #[prost(message, repeated, tag = "32")]
    pub told: Vec<MigrationToldRecord>,
    /// 0 = it has not ended.
    #[prost(sint64, tag = "33")]
    pub ended_ms: i64,
}

impl MigrationRecord {
    /// Whether it has not ended: only then it has a secret.
    pub(crate) fn is_live(&self) -> bool {
        self.ended_ms == 0
    }
}

/// A problem of the last pass.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MigrationToldRecord {
    /// Message 1, folder 2, passed over 3, not kept 4, gone 5.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(string, tag = "2")]
    pub folder: String,
    /// 0 = none.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    #[prost(string, tag = "4")]
    pub why: String,
}
