//! SUMMARY    Maildir++: names of folders and of message files, with what they say about flags; written, and read as others write them.
//! STANDARDS  https://cr.yp.to/proto/maildir.html, https://www.courier-mta.org/imap/README.maildirquota.html (Maildir++),
//!            https://doc.dovecot.org (S=, W=, dovecot-keywords); RFC 3501 §5.1.3 (modified UTF-7)
//! SECURITY   Names of strangers are read: any bytes are a name or none.
//! LIMITS     MAILDIR_NAME_BYTES_MAX, MAILDIR_KEYWORDS_MAX, MAILDIR_KEYWORDS_BYTES_MAX
//! INVARIANTS Names are a function of what they are made of: no host, no process, no clock. A file's name has its size and no line ends
//!            are changed: files are messages bit for bit.
//!
//! Folders are in modified UTF-7: what Dovecot and Courier read without being told, and plain ASCII, which every archive and every file
//! system keeps as it is. UTF-8 is read as well.

mod file;
mod folder;
mod keyword;

pub use file::{FileName, Flags, Said, parse_file_name};
pub use folder::{folder_path, folders};
pub use keyword::Keywords;
