//! SUMMARY    IMAP codec: bytes to typed commands, typed answers to bytes; the client's side in `client`.
//! STANDARDS  RFC 9051 (rev2), RFC 3501 (rev1), RFC 2177 IDLE, RFC 2342 NAMESPACE, RFC 2971 ID, RFC 3502 MULTIAPPEND, RFC 3516 BINARY, RFC 3691 UNSELECT,
//!            RFC 4315 UIDPLUS, RFC 4469 CATENATE, RFC 4731 ESEARCH, RFC 4959 SASL-IR, RFC 4978 COMPRESS, RFC 5092 URLs (own mailboxes), RFC 5032 WITHIN, RFC 5161 ENABLE, RFC 5182 SEARCHRES,
//!            RFC 5258 LIST-EXTENDED, RFC 5819 LIST-STATUS, RFC 6154 SPECIAL-USE, RFC 6851 MOVE, RFC 6855 UTF8=ACCEPT, RFC 7162 CONDSTORE/QRESYNC,
//!            RFC 7888 LITERAL+, RFC 8437 UNAUTHENTICATE, RFC 8438 STATUS=SIZE, RFC 8474 OBJECTID, RFC 8514 SAVEDATE, RFC 8970 PREVIEW, RFC 9208 QUOTA
//! SECURITY   Every byte of a connection reaches `Receiver`, before login too. Nothing here has state beyond one command.
//! LIMITS     IMAP_LINE_BYTES_MAX IMAP_LITERAL_BYTES_MAX IMAP_LITERALS_BYTES_MAX IMAP_APPEND_BYTES_MAX IMAP_DRAIN_BYTES_MAX IMAP_SET_RANGES_MAX
//!            IMAP_SEARCH_DEPTH_MAX IMAP_SEARCH_KEYS_MAX IMAP_APPEND_PARTS_MAX IMAP_FETCH_ITEMS_MAX IMAP_ID_FIELDS_MAX
//! INVARIANTS No await, no clock, no socket. A `Command` holds decoded UTF-8 names, so no other room knows modified UTF-7.
//!            Absent: session state, SORT and THREAD, ACL, METADATA, NOTIFY (later).

pub mod client;
pub mod command;
pub mod date;
pub mod name;
mod parse;
pub mod receive;
pub mod render;
pub mod set;
pub mod url;

pub use command::{
    Append, AppendData, AppendMessage, BodySection, CatenatePart, Command, Fetch, FetchItem, Flag, List, ListReturn,
    ListSelection, ObjectId, Partial, QResync, Search, SearchKey, SearchReturn, Secret, Section, SectionText, Select,
    SpecialUse, StatusItem, Store, StoreAction, TaggedCommand, Transfer,
};
pub use date::Date;
pub use name::{DELIMITER, MailboxName, Names, Pattern};
pub use receive::{Fatal, Item, Limits, Receiver};
pub use set::{NumSet, SequenceSet, SetError};
pub use url::{BadUrl, MessageUrl};
