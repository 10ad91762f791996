//! SUMMARY    What an export says about mailboxes and emails, in the shapes of JMAP with a few members of our own; and what went wrong.
//! STANDARDS  RFC 8621 §2 (Mailbox), §4.1.1 (Email metadata); RFC 8620 §1.2 (Id), §1.4 (UTCDate); RFC 3501 §2.3.2 (flags)
//! SECURITY   Files are read that may be a stranger's: a line that is wrong is an error of that line.
//! LIMITS     ARCHIVE_LINE_BYTES_MAX
//! INVARIANTS One object a line, members in a fixed order: the same value is the same bytes. Members that are not known are passed over.

pub(crate) mod date;
mod email;
mod flag;
mod mailbox;
mod problem;

pub use email::{Email, MessageCopy};
pub use flag::{flag_of_keyword, keyword_of_flag};
pub use mailbox::{Mailbox, Role};
pub use problem::{Place, Problem, Trouble};
