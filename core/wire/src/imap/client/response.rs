//! SUMMARY    What a server says: one type for each response.
//! STANDARDS  RFC 9051 §7, RFC 7162 §3

use base::Timestamp;

use crate::imap::set::Range;

/// How a status response begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ok,
    No,
    Bad,
    /// A greeting: the connection is signed in already.
    PreAuth,
    /// The server closes the connection.
    Bye,
}

/// Response code in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    UidValidity(u32),
    UidNext(u32),
    HighestModSeq(u64),
    /// In upper case.
    Capability(Vec<String>),
    /// Any other, by its first word in upper case: AUTHENTICATIONFAILED, TRYCREATE, NOMODSEQ …
    Other(String),
}

/// A status response, tagged or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `None`: untagged.
    pub tag: Option<String>,
    pub state: State,
    pub code: Option<Code>,
    /// For people; what is no UTF-8 is replaced.
    pub text: String,
}

/// A mailbox of LIST or LSUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub is_subscribed: bool,
    /// With their backslash, as sent: `\HasNoChildren`, `\Sent`.
    pub attributes: Vec<String>,
    /// `None`: there are no levels.
    pub delimiter: Option<char>,
    /// Decoded; a name that is neither UTF-8 nor modified UTF-7 as far as it can be read.
    pub name: String,
    /// As sent: what commands are given.
    pub raw: Vec<u8>,
}

/// Items of STATUS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    pub raw: Vec<u8>,
    pub messages: Option<u32>,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
    pub highest_modseq: Option<u64>,
    /// Of all messages, bytes (RFC 8438).
    pub size: Option<u64>,
}

/// Where the bytes of a message are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// They were handed out in pieces; so many bytes.
    Pieces(u64),
    /// They were given as a quoted string.
    Inline(Vec<u8>),
    /// NIL: the server has none.
    Missing,
}

/// Items of one FETCH response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    pub sequence: u32,
    pub uid: Option<u32>,
    /// System flags with their backslash, keywords; as sent.
    pub flags: Option<Vec<String>>,
    /// `None` also for one that cannot be read.
    pub internal_date: Option<Timestamp>,
    pub size: Option<u64>,
    pub modseq: Option<u64>,
    pub body: Option<Body>,
    /// X-GM-LABELS, decoded: `\Inbox`, `Work/Old`.
    pub labels: Option<Vec<String>>,
    /// X-GM-MSGID.
    pub message_id: Option<u64>,
}

/// SEARCH and ESEARCH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Message numbers or uids, as was asked for.
    pub ranges: Vec<Range>,
    pub count: Option<u32>,
    pub modseq: Option<u64>,
}

/// Where mailboxes of one kind begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Decoded, with the delimiter at its end if it has one: `INBOX.`, `shared/`.
    pub name: String,
    pub delimiter: Option<char>,
}

/// NAMESPACE (RFC 2342 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    pub personal: Vec<Prefix>,
    pub others: Vec<Prefix>,
    pub shared: Vec<Prefix>,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    Status(Status),
    /// `+`: the rest of a command is awaited; a challenge in base64, or a text.
    Continue(Vec<u8>),
    /// In upper case.
    Capability(Vec<String>),
    /// In upper case.
    Enabled(Vec<String>),
    Listed(Listed),
    MailboxStatus(MailboxStatus),
    Namespaces(Namespaces),
    Flags(Vec<String>),
    Exists(u32),
    Expunged(u32),
    Fetched(Box<Fetched>),
    Found(Found),
    Vanished {
        /// They went before this connection looked.
        earlier: bool,
        uids: Vec<Range>,
    },
    /// One that nothing here needs, by its name in upper case.
    Other(String),
    /// It is no response: why.
    Unread(&'static str),
}
