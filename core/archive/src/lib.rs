//! SUMMARY    Formats of exported mail: ZIP archives, mbox, Maildir++, JMAP metadata, signed manifests; and how an export is laid out in them.
//! SECURITY   Readers meet files of strangers: nothing panics, memory is bounded, a bad message is told of and skipped.
//! INVARIANTS No await, no clock, no socket, no file. Writers push bytes into a vector: the same calls give the same bytes, always, so
//!            that an export that was cut off goes on as if it had not been. Readers are fed pieces, cut anywhere.

pub mod intake;
pub mod layout;
pub mod maildir;
pub mod manifest;
pub mod mbox;
pub mod metadata;
pub mod name;
pub mod zip;

mod content;
mod error;
mod lines;
mod text;

pub use content::{Content, Contents, Sha256};
pub use error::Error;
pub use lines::{Line, Lines, write_line};
pub use manifest::Manifest;
pub use name::Name;
pub use text::Text;
