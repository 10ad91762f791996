//! SUMMARY    The manifest of an export: what was asked for, as of when, every file with its hash, totals, and a digest of the mail.
//! STANDARDS  RFC 8032 (Ed25519), RFC 8785 (the order of members; there are no floating-point numbers here)
//! SECURITY   A manifest is read from wherever an archive was: nothing of it is believed before `verify` has found a signature by a key
//!            that the caller trusts. Names in it were checked as those of archives are.
//! LIMITS     MANIFEST_BYTES_MAX, MANIFEST_FILES_MAX, MANIFEST_SIGNATURE_BYTES_MAX
//! INVARIANTS The same manifest is the same bytes. A minor version only adds members, which older releases pass over; a major version
//!            that is not known is refused.

mod canonical;
mod check;
mod digest;
mod shape;
mod signature;

pub use canonical::{read, write};
pub use check::{FileCheck, Verified};
pub use digest::{MailDigest, Placed};
pub use shape::{
    Account, Entries, FORMAT_MAJOR, FORMAT_MINOR, File, FileEntry, Format, MailboxTotals, Manifest, Papers, Pin, Scope,
    Since, Totals,
};
pub use signature::{KeyId, PublicKey, SigningKey, verify};
