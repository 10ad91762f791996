//! SUMMARY    What a client asked for: the syntax tree of one IMAP command.
//! STANDARDS  RFC 9051 §6, RFC 3501 §6, and the extensions named at the variants
//! INVARIANTS Names are decoded UTF-8, verbs and atoms are normalised, flags carry no duplicates, macros are expanded. Whether a command is allowed
//!            in the session's state is not decided here.

use std::fmt;

use base::Timestamp;

use super::{date::Date, name::MailboxName, set::SequenceSet};

/// A command with the tag its completion must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedCommand {
    pub tag: String,
    pub command: Command,
}

/// Bytes that must not be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    // any state
    Capability,
    Noop,
    Logout,
    /// RFC 2971; empty for `NIL`.
    Id(Vec<(String, Option<String>)>),
    // not authenticated
    StartTls,
    /// Mechanism in upper case; the initial response (RFC 4959) decoded from base64, `Some(empty)` for `=`.
    Authenticate {
        mechanism: String,
        initial: Option<Secret>,
    },
    Login {
        username: String,
        password: Secret,
    },
    // authenticated
    /// RFC 5161; names in upper case, unknown ones included.
    Enable(Vec<String>),
    Select(Select),
    Examine(Select),
    /// The name is without a trailing delimiter. RFC 6154 §3.
    Create {
        mailbox: MailboxName,
        special_use: Vec<SpecialUse>,
    },
    Delete(MailboxName),
    Rename {
        from: MailboxName,
        to: MailboxName,
    },
    Subscribe(MailboxName),
    Unsubscribe(MailboxName),
    List(List),
    Lsub {
        reference: String,
        pattern: String,
    },
    Namespace,
    Status {
        mailbox: MailboxName,
        items: Vec<StatusItem>,
    },
    Append(Append),
    /// Set `Receiver::expect_line` and wait for the `DONE` line.
    Idle,
    GetQuota(String),
    GetQuotaRoot(MailboxName),
    SetQuota {
        root: String,
        limits: Vec<(String, u64)>,
    },
    /// RFC 4978, the only algorithm being DEFLATE.
    Compress,
    /// RFC 8437.
    Unauthenticate,
    // selected
    Check,
    Close,
    Unselect,
    Expunge,
    /// RFC 4315 §2.1.
    UidExpunge(SequenceSet),
    Search(Search),
    Fetch(Fetch),
    Store(Store),
    Copy(Transfer),
    Move(Transfer),
}

/// SELECT and EXAMINE, RFC 7162 §3.1.8 and §3.2.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    pub mailbox: MailboxName,
    pub condstore: bool,
    pub qresync: Option<QResync>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QResync {
    pub uid_validity: u32,
    pub modseq: u64,
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs they had.
    pub seq_match: Option<(SequenceSet, SequenceSet)>,
}

/// RFC 6154 §2, RFC 8457. Unknown ones are kept, to be refused with `[USEATTR]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Important,
    Junk,
    Sent,
    Trash,
    Other(String),
}

impl SpecialUse {
    /// Attribute on the wire, with its backslash.
    pub fn as_str(&self) -> &str {
        match self {
            SpecialUse::All => "\\All",
            SpecialUse::Archive => "\\Archive",
            SpecialUse::Drafts => "\\Drafts",
            SpecialUse::Flagged => "\\Flagged",
            SpecialUse::Important => "\\Important",
            SpecialUse::Junk => "\\Junk",
            SpecialUse::Sent => "\\Sent",
            SpecialUse::Trash => "\\Trash",
            SpecialUse::Other(s) => s,
        }
    }
}

/// LIST, RFC 5258. `LIST "" ""` has one empty pattern: answer the delimiter alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub selection: ListSelection,
    pub reference: String,
    /// Decoded; match with `Pattern::new(reference, pattern)`.
    pub patterns: Vec<String>,
    pub returns: ListReturn,
    /// Written with selection options, several patterns or RETURN (RFC 5258 §3): OLDNAME and CHILDINFO may be sent.
    pub extended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelection {
    pub subscribed: bool,
    pub remote: bool,
    pub recursive_match: bool,
    pub special_use: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    pub subscribed: bool,
    pub children: bool,
    pub special_use: bool,
    /// RFC 5819; empty: not asked for.
    pub status: Vec<StatusItem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    HighestModSeq,
    MailboxId,
    /// RFC 7889.
    AppendLimit,
    /// RFC 9208 §4.1.4.
    DeletedStorage,
}

impl StatusItem {
    pub fn as_str(self) -> &'static str {
        match self {
            StatusItem::Messages => "MESSAGES",
            StatusItem::Recent => "RECENT",
            StatusItem::UidNext => "UIDNEXT",
            StatusItem::UidValidity => "UIDVALIDITY",
            StatusItem::Unseen => "UNSEEN",
            StatusItem::Deleted => "DELETED",
            StatusItem::Size => "SIZE",
            StatusItem::HighestModSeq => "HIGHESTMODSEQ",
            StatusItem::MailboxId => "MAILBOXID",
            StatusItem::AppendLimit => "APPENDLIMIT",
            StatusItem::DeletedStorage => "DELETED-STORAGE",
        }
    }
}

/// A flag on the wire. `\Recent` cannot be set and is dropped while parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flag {
    Answered,
    Deleted,
    Draft,
    Flagged,
    Seen,
    /// Spelled as the client did; compare without case (RFC 9051 §2.3.2).
    Keyword(String),
}

impl Flag {
    pub fn as_str(&self) -> &str {
        match self {
            Flag::Answered => "\\Answered",
            Flag::Deleted => "\\Deleted",
            Flag::Draft => "\\Draft",
            Flag::Flagged => "\\Flagged",
            Flag::Seen => "\\Seen",
            Flag::Keyword(k) => k,
        }
    }
}

/// APPEND; more than one message is RFC 3502.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub mailbox: MailboxName,
    pub messages: Vec<AppendMessage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage {
    pub flags: Vec<Flag>,
    pub internal_date: Option<Timestamp>,
    pub data: AppendData,
}

#[derive(Clone, PartialEq, Eq)]
pub enum AppendData {
    Message(Vec<u8>),
    /// literal8 (RFC 3516 §4.4): may hold NUL.
    Binary(Vec<u8>),
    /// `UTF8 (~{n})`, RFC 6855 §4.
    Utf8(Vec<u8>),
    /// RFC 4469.
    Catenate(Vec<CatenatePart>),
}

impl fmt::Debug for AppendData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendData::Message(m) => write!(f, "Message({} bytes)", m.len()),
            AppendData::Binary(m) => write!(f, "Binary({} bytes)", m.len()),
            AppendData::Utf8(m) => write!(f, "Utf8({} bytes)", m.len()),
            AppendData::Catenate(parts) => f.debug_tuple("Catenate").field(parts).finish(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatenatePart {
    Text(Vec<u8>),
    /// RFC 5092, unresolved.
    Url(String),
}

/// SEARCH and UID SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    pub uid: bool,
    /// RFC 4731: answer ESEARCH when present. With `RETURN ()` it is `all`.
    pub returns: Option<SearchReturn>,
    pub key: SearchKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchReturn {
    pub min: bool,
    pub max: bool,
    pub all: bool,
    pub count: bool,
    /// RFC 5182.
    pub save: bool,
}

/// `EMAILID` or `THREADID` text (RFC 8474 §4), syntax-checked only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectId(pub String);

/// Search criteria; strings are decoded from the command's charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    And(Vec<SearchKey>),
    Or(Box<SearchKey>, Box<SearchKey>),
    Not(Box<SearchKey>),
    All,
    /// Sequence numbers, or `$`.
    Sequence(SequenceSet),
    Uid(SequenceSet),
    /// Flag is set; UNSEEN and friends come as `Not`.
    Flag(Flag),
    Recent,
    New,
    Old,
    Bcc(String),
    Cc(String),
    From(String),
    To(String),
    Subject(String),
    Body(String),
    Text(String),
    Header {
        name: String,
        value: String,
    },
    /// INTERNALDATE.
    Before(Date),
    On(Date),
    Since(Date),
    SentBefore(Date),
    SentOn(Date),
    SentSince(Date),
    SavedBefore(Date),
    SavedOn(Date),
    SavedSince(Date),
    SaveDateSupported,
    Larger(u64),
    Smaller(u64),
    /// Seconds, RFC 5032.
    Older(u32),
    Younger(u32),
    /// At least this modseq, RFC 7162 §3.1.5.
    ModSeq(u64),
    EmailId(ObjectId),
    ThreadId(ObjectId),
}

impl SearchKey {
    /// Whether the answer must carry MODSEQ (RFC 7162 §3.1.5).
    pub fn has_modseq(&self) -> bool {
        match self {
            SearchKey::ModSeq(_) => true,
            SearchKey::And(keys) => keys.iter().any(SearchKey::has_modseq),
            SearchKey::Or(a, b) => a.has_modseq() || b.has_modseq(),
            SearchKey::Not(k) => k.has_modseq(),
            _ => false,
        }
    }
}

/// FETCH and UID FETCH. With `uid`, `FetchItem::Uid` is always among the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub uid: bool,
    pub set: SequenceSet,
    pub items: Vec<FetchItem>,
    /// RFC 7162 §3.1.4; `FetchItem::ModSeq` is then among the items.
    pub changed_since: Option<u64>,
    /// RFC 7162 §3.2.6.
    pub vanished: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    Flags,
    Uid,
    InternalDate,
    /// `RFC822`: as BODY[], under its own name.
    Rfc822,
    Rfc822Header,
    Rfc822Text,
    Rfc822Size,
    Envelope,
    /// `BODY`: the structure without extension data.
    Body,
    BodyStructure,
    BodySection(BodySection),
    Binary {
        peek: bool,
        part: Vec<u32>,
        partial: Option<Partial>,
    },
    BinarySize(Vec<u32>),
    ModSeq,
    EmailId,
    ThreadId,
    Preview {
        lazy: bool,
    },
    SaveDate,
}

impl FetchItem {
    /// Whether fetching it sets `\Seen` (RFC 9051 §6.4.5).
    pub fn sets_seen(&self) -> bool {
        match self {
            FetchItem::Rfc822 | FetchItem::Rfc822Text => true,
            FetchItem::BodySection(s) => !s.peek,
            FetchItem::Binary { peek, .. } => !peek,
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySection {
    pub peek: bool,
    pub section: Section,
    pub partial: Option<Partial>,
}

/// `<offset.count>`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    pub offset: u64,
    pub count: u64,
}

/// What stands between the brackets; empty part and no text is the whole message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub part: Vec<u32>,
    pub text: Option<SectionText>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    Header,
    HeaderFields(Vec<String>),
    HeaderFieldsNot(Vec<String>),
    Text,
    Mime,
}

/// STORE and UID STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub uid: bool,
    pub set: SequenceSet,
    pub action: StoreAction,
    pub silent: bool,
    pub flags: Vec<Flag>,
    pub unchanged_since: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    Replace,
    Add,
    Remove,
}

/// COPY, MOVE and their UID forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub uid: bool,
    pub set: SequenceSet,
    pub mailbox: MailboxName,
}
