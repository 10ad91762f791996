//! SUMMARY    Exports being made: accounts pinned and listed, archives written in segments, read back, signed, destroyed in time.
//! STANDARDS  RFC 8621 (metadata of mail), RFC 4155 (mbox), APPNOTE 6.3.10 (ZIP), RFC 8032 (the manifest's signature)
//! LIMITS     EXPORT_SEGMENT_BYTES, EXPORT_CHANGED_MAX, EXPORT_ROUNDS_MAX, EXPORT_PIECE_BYTES
//! INVARIANTS What is exported is one version of each account (E1). Whatever is cut off is made again with the same bytes (E2): an
//!            archive is a function of listing, stored messages and options, and of nothing else. Memory does not grow with a mailbox.

mod listing;
mod make;
mod message;
mod papers;
mod segments;
mod worker;

pub use worker::Exporter;
