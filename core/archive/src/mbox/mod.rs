//! SUMMARY    mbox files: mboxrd is written; that and its relatives are read.
//! STANDARDS  RFC 4155 (the form of the file, and that of a `From ` line), mboxrd (reversible quoting of `From `)
//! SECURITY   Files of strangers are read: nothing panics, no line and no message is kept, what is no mail is told of and skipped.
//! LIMITS     MESSAGE_BYTES_MAX, MBOX_FROM_BYTES_MAX, MBOX_SENDER_BYTES_MAX, MBOX_LABELS_MAX, MBOX_LABELS_BYTES_MAX
//! INVARIANTS What is written comes back bit for bit, given its `LineEnds`; all of it is the same however the bytes are cut.
//!
//! A stored message has CRLF at its lines' ends, an mbox file has LF by custom. So a message is looked at before it is written
//! (`EndsScan`): one in which every CR is before a LF, every LF after a CR, and whose last line has an end is `LineEnds::Crlf` and is
//! written with LF. Any other (a bare CR or LF, no line end at its end, no bytes at all) is `LineEnds::AsIs`: its bytes are written as
//! they are, and one LF more. Which it is stands in the metadata of the email; `Restorer` makes the message from what `Reader` gives.
//! NUL and bytes above 127 are bytes as others. Who has no metadata restores as `Crlf`: what mail in an mbox file of anybody is.

mod cut;
mod ends;
mod from_line;
mod label;
mod read;
mod restore;
mod write;

pub use ends::{EndsScan, LineEnds};
pub use label::{Labels, gmail_labels};
pub use read::{Item, Problem, Reader, Start};
pub use restore::Restorer;
pub use write::MessageWriter;

/// What divides messages, at the beginning of a line after an empty one.
const FROM: &[u8; 5] = b"From ";
