//! SUMMARY    A ZIP archive, written as a stream of bytes that is the same each time.
//! STANDARDS  APPNOTE 6.3.10: stored entries (§4.4.5), data descriptors (§4.3.9), UTF-8 names (§4.4.4 bit 11), ZIP64 (§4.5.3);
//!            extended timestamps (0x5455, Info-ZIP)
//! SECURITY   Names were checked (`Name`), and none is there twice, whatever the file system it is unpacked on.
//! LIMITS     ARCHIVE_ENTRIES_MAX, ARCHIVE_DIRECTORY_BYTES_MAX
//! INVARIANTS No clock, no randomness, no seeking back, no compression: the bytes are a function of the calls. Where a writer was cut
//!            off between two entries, `ZipWriter::resume` goes on with the same bytes (docs/decisions/0063).

pub mod read;

mod record;
mod writer;

pub use record::{Entry, Length};
pub use writer::{Summary, ZipWriter};
