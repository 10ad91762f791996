//! SUMMARY    Reads ZIP archives of anybody by ranges: where the directory is, what is in it, the bytes of an entry.
//! STANDARDS  APPNOTE 6.3.10: ends (§4.3.14-16), directory (§4.3.12), local headers (§4.3.7), stored and deflated entries (§4.4.5),
//!            ZIP64 (§4.5.3), names (Appendix D; 0x7075, §4.6.9); RFC 1951
//! SECURITY   The archive is a stranger's: nothing panics, no length is believed. What cannot be read of an entry (encrypted, another
//!            method, a name that leads elsewhere, a place outside of the archive, a bomb) refuses that entry; entries that lie over
//!            each other, several volumes and a directory that is none refuse the archive.
//! LIMITS     ZIP_TAIL_BYTES_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_DIRECTORY_BYTES_MAX, ARCHIVE_NAME_BYTES_MAX, ZIP_NAME_LEVELS_MAX,
//!            ZIP_ENTRY_BYTES_MAX, ZIP_RATIO_MAX, ZIP_STEP_BYTES_MAX
//! INVARIANTS Nothing depends on how the bytes are cut. Memory: the tail for a moment; one record of the directory, at most 192 KiB, and
//!            16 bytes for each entry; 64 KiB and zlib's window for an entry that is inflated.
//!
//! In order: `Opening` says which ranges of the file it wants, and gives the `Directory`. `Entries` is fed the directory's range and
//! gives `Listed` entries. An `Entry` says where its local header is; that says where its bytes are; `Decoder` is fed those.
//! Data descriptors and the sizes in local headers are not looked at: the directory has them, and a CRC-32 tells when it lies.

mod data;
mod directory;
mod end;
mod entry;
mod field;
mod name;

pub use data::Decoder;
pub use directory::Entries;
pub use end::{Directory, Opening};
pub use entry::{Entry, Fault, Listed, Method};
