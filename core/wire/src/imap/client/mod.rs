//! SUMMARY    Client-side IMAP codec: bytes of a server to typed responses, commands to bytes.
//! STANDARDS  RFC 9051 §7 (responses), RFC 3501, RFC 2342 (NAMESPACE), RFC 7162 (CONDSTORE, QRESYNC), RFC 4731 (ESEARCH), RFC 6154 (special use), RFC 7888 (literals),
//!            RFC 4959 (SASL-IR), RFC 4616 (PLAIN), RFC 7628 (OAUTHBEARER), RFC 5161 (ENABLE), RFC 6855 (UTF-8 names)
//! SECURITY   The server is hostile: every byte that it sends reaches `Reader`.
//! LIMITS     IMAP_CLIENT_LINE_BYTES_MAX, IMAP_CLIENT_LITERALS_BYTES_MAX, IMAP_CLIENT_BODY_BYTES_MAX, IMAP_CLIENT_NESTING_MAX
//! INVARIANTS No await, no clock, no socket. A message's bytes are handed out in pieces as they come and kept nowhere: what a reader holds
//!            is one line and its small literals. A response that is no response of the grammar is told as such, and the next is read.

mod command;
mod fetched;
mod parse;
mod reader;
mod response;

pub use command::{Command, Literals, Writer};
pub use reader::{Broken, Event, Reader};
pub use response::{Body, Code, Fetched, Found, Listed, MailboxStatus, Namespaces, Prefix, Response, State, Status};

#[cfg(test)]
mod tests;
