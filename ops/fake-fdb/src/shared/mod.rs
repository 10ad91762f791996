//! SUMMARY    A cluster in a process of its own: its server (`hub`), its clients (`link`), what they say to each other (`frame`).
//! SECURITY   For tests on one machine: no encryption, no password. Frames that are not understood end their connection.
//! LIMITS     limit::FRAME_BYTES_MAX, limit::BACKLOG_BYTES_MAX
//! INVARIANTS There is one resolver, the server's. Each client has a copy of the rows that follows the server's commits in their order;
//!            a read version comes behind all commits before it, and a verdict behind its own commit, in one stream.

pub mod frame;
pub mod hub;
pub mod link;
