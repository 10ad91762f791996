//! SUMMARY    Commands to bytes: tags, strings in the form that the server takes, signing in.
//! STANDARDS  RFC 9051 §6, RFC 7888 (LITERAL+ and LITERAL-), RFC 4959 (initial response), RFC 4616 §2, RFC 7628 §3.1, Google's XOAUTH2
//! SECURITY   What is given as a string cannot end its command: it is a quoted string without controls, or a literal.
//! INVARIANTS A command is parts: the next part goes when the server has asked for it with `+`.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::imap::set::NumSet;

/// Longest quoted string, bytes; what is longer is a literal.
const QUOTED_BYTES_MAX: usize = 1_000;
/// Longest literal that LITERAL- lets go without asking (RFC 7888 §5).
const LITERAL_MINUS_BYTES_MAX: usize = 4_096;

/// Which literals go without waiting for the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Literals {
    #[default]
    Waiting,
    /// LITERAL-: small ones.
    Minus,
    /// LITERAL+: all.
    Plus,
}

/// A command as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub tag: String,
    /// Bytes; each but the first is sent when the server asks for more. They may hold a password.
    pub parts: Vec<Zeroizing<Vec<u8>>>,
}

/// Writes the commands of one connection.
#[derive(Debug, Default)]
pub struct Writer {
    last: u64,
    literals: Literals,
}

/// A command being written.
struct Draft {
    tag: String,
    parts: Vec<Zeroizing<Vec<u8>>>,
    text: Zeroizing<Vec<u8>>,
    literals: Literals,
}

impl Writer {
    /// How literals are sent from here on.
    pub fn set_literals(&mut self, literals: Literals) {
        self.literals = literals;
    }

    fn draft(&mut self, text: &str) -> Draft {
        self.last += 1;
        let tag = format!("P{}", self.last);
        let text = Zeroizing::new(format!("{tag} {text}").into_bytes());
        Draft { tag, parts: Vec::new(), text, literals: self.literals }
    }

    /// A command that is a word: CAPABILITY, STARTTLS, NOOP, LOGOUT, NAMESPACE.
    pub fn plain(&mut self, word: &'static str) -> Command {
        self.draft(word).done()
    }

    pub fn login(&mut self, user: &str, password: &str) -> Command {
        let mut draft = self.draft("LOGIN ");
        draft.string(user.as_bytes());
        draft.raw(b" ");
        draft.string(password.as_bytes());
        draft.done()
    }

    /// AUTHENTICATE PLAIN. `initial`: the server takes an initial response (SASL-IR).
    pub fn plain_auth(&mut self, user: &str, password: &str, initial: bool) -> Command {
        let response = Zeroizing::new(format!("\0{user}\0{password}"));
        self.authenticate("PLAIN", response.as_bytes(), initial)
    }

    /// AUTHENTICATE XOAUTH2.
    pub fn xoauth2(&mut self, user: &str, token: &str, initial: bool) -> Command {
        let response = Zeroizing::new(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
        self.authenticate("XOAUTH2", response.as_bytes(), initial)
    }

    /// AUTHENTICATE OAUTHBEARER towards a host and port.
    pub fn oauth_bearer(&mut self, user: &str, token: &str, (host, port): (&str, u16), initial: bool) -> Command {
        // A saslname: `,` and `=` are escaped (RFC 5801 §4).
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let response =
            Zeroizing::new(format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"));
        self.authenticate("OAUTHBEARER", response.as_bytes(), initial)
    }

    fn authenticate(&mut self, mechanism: &str, response: &[u8], initial: bool) -> Command {
        let mut draft = self.draft("AUTHENTICATE ");
        draft.raw(mechanism.as_bytes());
        if initial {
            draft.raw(b" ");
        } else {
            draft.raw(b"\r\n");
            draft.part();
        }
        draft.raw(Zeroizing::new(STANDARD.encode(response)).as_bytes());
        draft.done()
    }

    /// ENABLE of capabilities; they are words.
    pub fn enable(&mut self, capabilities: &[&'static str]) -> Command {
        self.draft(&format!("ENABLE {}", capabilities.join(" "))).done()
    }

    /// All mailboxes. `returns`: RETURN options, for servers with LIST-EXTENDED.
    pub fn list(&mut self, returns: &[&'static str]) -> Command {
        let mut draft = self.draft("LIST \"\" \"*\"");
        if !returns.is_empty() {
            draft.raw(format!(" RETURN ({})", returns.join(" ")).as_bytes());
        }
        draft.done()
    }

    pub fn lsub(&mut self) -> Command {
        self.draft("LSUB \"\" \"*\"").done()
    }

    /// STATUS of a mailbox by its name as the server wrote it.
    pub fn status(&mut self, raw: &[u8], items: &[&'static str]) -> Command {
        let mut draft = self.draft("STATUS ");
        draft.string(raw);
        draft.raw(format!(" ({})", items.join(" ")).as_bytes());
        draft.done()
    }

    /// Opens a mailbox and changes nothing of it.
    pub fn examine(&mut self, raw: &[u8], condstore: bool) -> Command {
        let mut draft = self.draft("EXAMINE ");
        draft.string(raw);
        if condstore {
            draft.raw(b" (CONDSTORE)");
        }
        draft.done()
    }

    /// UID FETCH of items that are words of the grammar. `since`: what changed after this modseq; `vanished`: with the uids that are gone.
    pub fn uid_fetch(&mut self, uids: &NumSet, items: &str, since: Option<u64>, vanished: bool) -> Command {
        let mut draft = self.draft("UID FETCH ");
        uids.render(&mut draft.text);
        draft.raw(format!(" ({items})").as_bytes());
        if let Some(since) = since {
            let vanished = if vanished { " VANISHED" } else { "" };
            draft.raw(format!(" (CHANGEDSINCE {since}{vanished})").as_bytes());
        }
        draft.done()
    }
}

impl Draft {
    fn raw(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// What follows goes when the server asks for it.
    fn part(&mut self) {
        self.parts.push(std::mem::take(&mut self.text));
    }

    fn string(&mut self, bytes: &[u8]) {
        let is_quotable = bytes.len() <= QUOTED_BYTES_MAX && bytes.iter().all(|b| matches!(b, 0x20..=0x7e));
        if is_quotable {
            self.raw(b"\"");
            for b in bytes {
                if matches!(b, b'"' | b'\\') {
                    self.raw(b"\\");
                }
                self.raw(&[*b]);
            }
            self.raw(b"\"");
            return;
        }
        let goes = match self.literals {
            Literals::Waiting => false,
            Literals::Minus => bytes.len() <= LITERAL_MINUS_BYTES_MAX,
            Literals::Plus => true,
        };
        self.raw(format!("{{{}{}}}\r\n", bytes.len(), if goes { "+" } else { "" }).as_bytes());
        if !goes {
            self.part();
        }
        self.raw(bytes);
    }

    fn done(mut self) -> Command {
        self.raw(b"\r\n");
        self.part();
        Command { tag: self.tag, parts: self.parts }
    }
}
