//! SUMMARY    Limits of look-ups by their names.

use std::time::Duration;

/// Wait for one server's answer to one question.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// Times a question is sent over UDP.
pub const ASK_TRIES: usize = 2;
/// Wait for a look-up as a whole.
pub const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer over UDP that we say we take (RFC 9715 §3).
pub const UDP_BYTES_MAX: u16 = 1232;
/// Bytes of an answer over TCP.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Records of one answer.
pub const ANSWER_RECORDS_MAX: usize = 64;
/// Aliases followed from one name.
pub const CNAME_HOPS_MAX: usize = 8;
/// Servers of a domain that are asked.
pub const AUTHORITIES_MAX: usize = 4;
/// Labels of a name that are walked up for its servers.
pub const WALK_LABELS_MAX: usize = 10;
/// Domains whose servers are remembered, and how long.
pub const ZONES_MAX: usize = 10_000;
pub const ZONE_LIFE: Duration = Duration::from_secs(60);
/// Look-ups under way at once.
pub const LOOK_UPS_AT_ONCE: usize = 64;
