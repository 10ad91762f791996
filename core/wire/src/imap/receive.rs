//! SUMMARY    Bytes of a connection to commands: lines, literals, refusals.
//! STANDARDS  RFC 9051 §2.2.1, §4.3; RFC 7888 LITERAL+ and LITERAL-; RFC 3516 literal8
//! SECURITY   First code that hostile bytes meet. A literal's memory grows with the bytes that came, not with its announced size.
//! LIMITS     Limits (line, literal, message, drain); IMAP_LINE_DRAIN_BYTES_MAX IMAP_LITERALS_BYTES_MAX IMAP_APPEND_BYTES_MAX
//! INVARIANTS Every byte is looked at once, however the input is cut. With nothing pending no buffer is allocated.
//!            A refused synchronising literal gets no continuation; a refused non-synchronising one is read and dropped to the end of its command.

use std::mem;

use base::limits::{
    IMAP_APPEND_BYTES_MAX, IMAP_DRAIN_BYTES_MAX, IMAP_LINE_BYTES_MAX, IMAP_LINE_DRAIN_BYTES_MAX,
    IMAP_LITERAL_BYTES_MAX, IMAP_LITERALS_BYTES_MAX, IMAP_LOGIN_DRAIN_BYTES_MAX, IMAP_LOGIN_LINE_BYTES_MAX,
    IMAP_LOGIN_LITERAL_BYTES_MAX, MESSAGE_BYTES_MAX,
};

use super::{
    command::TaggedCommand,
    parse::{self, Error, cursor},
    render::Code,
};

/// Longest text that can announce a literal: `~{`, 20 digits, `+}` and CRLF.
const MARKER_BYTES_MAX: usize = 32;

/// Sizes accepted; raised after login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub line_bytes: usize,
    pub literal_bytes: usize,
    /// A literal of APPEND.
    pub message_bytes: usize,
    /// Bytes of a refused command that are read to its end.
    pub drain_bytes: u64,
}

impl Limits {
    /// What a stranger may send.
    pub const BEFORE_LOGIN: Limits = Limits {
        line_bytes: IMAP_LOGIN_LINE_BYTES_MAX,
        literal_bytes: IMAP_LOGIN_LITERAL_BYTES_MAX,
        message_bytes: IMAP_LOGIN_LITERAL_BYTES_MAX,
        drain_bytes: IMAP_LOGIN_DRAIN_BYTES_MAX,
    };
    pub const AUTHENTICATED: Limits = Limits {
        line_bytes: IMAP_LINE_BYTES_MAX,
        literal_bytes: IMAP_LITERAL_BYTES_MAX,
        message_bytes: MESSAGE_BYTES_MAX,
        drain_bytes: IMAP_DRAIN_BYTES_MAX,
    };
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Nothing complete is left: feed more.
    NeedMore,
    /// Send a continuation (`+ ...`) for a synchronising literal, or end the command with `Receiver::refuse_literal`.
    Continue {
        /// Size announced.
        bytes: u64,
    },
    Command(TaggedCommand),
    /// Syntax error: answer BAD, tagged if a tag could be read. The connection goes on.
    Bad {
        tag: Option<String>,
        text: &'static str,
    },
    /// Well-formed but refused here: answer NO with this code.
    No {
        tag: String,
        code: Code<'static>,
        text: &'static str,
    },
    /// A line without its CRLF, after `expect_line`.
    Line(Vec<u8>),
}

/// The stream cannot be understood any more: answer BYE and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fatal {
    /// `Limits::drain_bytes` or IMAP_LINE_DRAIN_BYTES_MAX was reached.
    TooMuchRefused,
}

impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Too much refused data")
    }
}
impl std::error::Error for Fatal {}

#[derive(Debug)]
struct Reading {
    literal: Vec<u8>,
    missing: usize,
}

/// Why a command is being thrown away.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    LineTooLong,
    LiteralTooBig,
    /// The process holds as many message bytes as it may.
    NoRoom,
}

#[derive(Debug)]
enum State {
    Line,
    Literal(Reading),
    /// Inside the text of a refused command; `tail` are its last bytes.
    DrainLine {
        why: Refusal,
        tail: Vec<u8>,
        /// Bytes of this line.
        line: u64,
        drained: u64,
    },
    /// Inside a literal of a refused command.
    DrainLiteral {
        why: Refusal,
        missing: u64,
        drained: u64,
    },
}

/// Cuts a connection's bytes into commands. Call `feed`, then `next` until `NeedMore`.
#[derive(Debug)]
pub struct Receiver {
    input: Vec<u8>,
    /// Bytes of `input` that are done with.
    taken: usize,
    /// Bytes of `input` in which no LF was found.
    scanned: usize,
    /// Lines of the command so far, each with its literal's announcement and line end.
    text: Vec<u8>,
    literals: Vec<Vec<u8>>,
    literals_bytes: usize,
    state: State,
    limits: Limits,
    expects_line: bool,
    utf8: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver::new(Limits::BEFORE_LOGIN)
    }
}

impl Receiver {
    pub fn new(limits: Limits) -> Self {
        Receiver {
            input: Vec::new(),
            taken: 0,
            scanned: 0,
            text: Vec::new(),
            literals: Vec::new(),
            literals_bytes: 0,
            state: State::Line,
            limits,
            expects_line: false,
            utf8: false,
        }
    }

    /// After login `Limits::AUTHENTICATED`, after UNAUTHENTICATE `Limits::BEFORE_LOGIN`.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Mailbox names are UTF-8 from now on: after ENABLE UTF8=ACCEPT or IMAP4rev2 (RFC 9051 §6.3.1).
    pub fn set_utf8(&mut self, utf8: bool) {
        self.utf8 = utf8;
    }

    /// The next line is continuation data (AUTHENTICATE, IDLE's DONE): it comes as one `Item::Line`, or as `Bad` without tag if too long.
    pub fn expect_line(&mut self) {
        self.expects_line = true;
    }

    /// Takes `expect_line` back (IDLE ended by the server's side).
    pub fn expect_command(&mut self) {
        self.expects_line = false;
    }

    /// Bytes received that no item has covered. Not 0 after STARTTLS: something was injected, discard it or close (RFC 9051 §6.2.1).
    pub fn buffered_bytes(&self) -> usize {
        self.input.len() - self.taken + self.text.len() + self.literals_bytes
    }

    /// Whether a command has begun and is not complete.
    pub fn is_midway(&self) -> bool {
        self.buffered_bytes() > 0 || !matches!(self.state, State::Line)
    }

    /// Forgets everything received and not yet returned.
    pub fn discard(&mut self) {
        *self = Receiver { utf8: self.utf8, ..Receiver::new(self.limits) };
    }

    /// Takes out what was received after the last item, e.g. to inflate it when COMPRESS starts.
    pub fn take_buffered(&mut self) -> Vec<u8> {
        let rest = self.input.split_off(self.taken.min(self.input.len()));
        self.discard();
        rest
    }

    /// Bytes allocated, for tests and metrics.
    pub fn capacity_bytes(&self) -> usize {
        let state = match &self.state {
            State::Line | State::DrainLiteral { .. } => 0,
            State::Literal(r) => r.literal.capacity(),
            State::DrainLine { tail, .. } => tail.capacity(),
        };
        self.input.capacity() + self.text.capacity() + self.literals.capacity() + state
    }

    /// Ends the command whose literal was offered by the last `Continue`: send the tagged NO instead of the continuation. Returns the tag.
    pub fn refuse_literal(&mut self) -> Option<String> {
        let tag = parse::tag_of(&self.text);
        self.reset_command();
        tag
    }

    /// Drops what is held of an unfinished command and reads it to its end, to answer NO `[UNAVAILABLE]`. Call it after `NeedMore`.
    pub fn drop_command(&mut self) {
        let missing = match &self.state {
            State::Literal(reading) => reading.missing as u64,
            State::Line if !self.text.is_empty() => return self.start_drain(Refusal::NoRoom),
            State::Line | State::DrainLine { .. } | State::DrainLiteral { .. } => return,
        };
        self.forget_literals();
        self.state = State::DrainLiteral { why: Refusal::NoRoom, missing, drained: 0 };
    }

    /// Takes bytes as they come off the connection.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.taken == self.input.len()
            && let State::Literal(reading) = &mut self.state
        {
            let (now, later) = bytes.split_at(reading.missing.min(bytes.len()));
            reading.literal.extend_from_slice(now);
            reading.missing -= now.len();
            self.literals_bytes += now.len();
            bytes = later;
        }
        // Before it grows, what is done with goes: the buffer stays within twice what is held.
        let must_grow = self.input.capacity() - self.input.len() < bytes.len();
        if self.taken > 0 && (must_grow || self.taken >= self.input.len() / 2) {
            self.input.drain(..self.taken);
            self.scanned = self.scanned.saturating_sub(self.taken);
            self.taken = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next item.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: NeedMore is no end")]
    pub fn next(&mut self) -> Result<Item, Fatal> {
        loop {
            let step = match &self.state {
                State::Line => self.step_line(),
                State::Literal(_) => self.step_literal(),
                State::DrainLine { .. } => self.step_drain_line()?,
                State::DrainLiteral { .. } => self.step_drain_literal()?,
            };
            if let Some(item) = step {
                if item == Item::NeedMore && self.taken == self.input.len() {
                    self.input = Vec::new();
                    self.taken = 0;
                    self.scanned = 0;
                }
                return Ok(item);
            }
        }
    }

    fn reset_command(&mut self) {
        self.text = Vec::new();
        self.literals = Vec::new();
        self.literals_bytes = 0;
        self.state = State::Line;
    }

    /// End of the line that starts at `taken`, past its LF.
    fn line_end(&mut self) -> Option<usize> {
        let from = self.scanned.max(self.taken);
        match memchr::memchr(b'\n', self.input.get(from..).unwrap_or_default()) {
            Some(at) => Some(from + at + 1),
            None => {
                self.scanned = self.input.len();
                None
            }
        }
    }

    fn step_line(&mut self) -> Option<Item> {
        let room = self.limits.line_bytes.saturating_sub(self.text.len());
        let end = self.line_end();
        let have = end.unwrap_or(self.input.len()) - self.taken;
        if have > room {
            self.start_drain(Refusal::LineTooLong);
            return None;
        }
        let Some(end) = end else { return Some(Item::NeedMore) };
        let start = mem::replace(&mut self.taken, end);
        let line = self.input.get(start..end).unwrap_or_default();
        if mem::take(&mut self.expects_line) && self.text.is_empty() {
            return Some(Item::Line(trim_line_end(line).to_vec()));
        }
        if let Some(marker) = Marker::at_end_of(trim_line_end(line)) {
            self.text.extend_from_slice(line);
            return self.start_literal(marker);
        }
        if self.text.is_empty() {
            // The common case: parsed where it lies. Empty lines are passed over (workaround: clients that end literals with a CRLF too many).
            if trim_line_end(line).is_empty() {
                return None;
            }
            return Some(finish(line, &mut [], self.utf8));
        }
        self.text.extend_from_slice(line);
        let text = mem::take(&mut self.text);
        let mut literals = mem::take(&mut self.literals);
        self.reset_command();
        Some(finish(&text, &mut literals, self.utf8))
    }

    fn start_literal(&mut self, marker: Marker) -> Option<Item> {
        let is_append = parse::is_append(&self.text);
        let (each, all) = if is_append {
            (self.limits.message_bytes, IMAP_APPEND_BYTES_MAX)
        } else {
            (self.limits.literal_bytes, IMAP_LITERALS_BYTES_MAX)
        };
        let wanted = usize::try_from(marker.bytes).unwrap_or(usize::MAX);
        if wanted <= each && self.literals_bytes.saturating_add(wanted) <= all {
            self.state = State::Literal(Reading { literal: Vec::new(), missing: wanted });
            return marker.synchronising.then_some(Item::Continue { bytes: marker.bytes });
        }
        if marker.synchronising {
            let tag = parse::tag_of(&self.text);
            self.reset_command();
            return Some(refused(tag, Refusal::LiteralTooBig));
        }
        self.forget_literals();
        self.state = State::DrainLiteral { why: Refusal::LiteralTooBig, missing: marker.bytes, drained: 0 };
        None
    }

    fn step_literal(&mut self) -> Option<Item> {
        let State::Literal(reading) = &mut self.state else { return None };
        let have = self.input.get(self.taken..).unwrap_or_default();
        let now = have.get(..reading.missing.min(have.len())).unwrap_or_default();
        reading.literal.extend_from_slice(now);
        reading.missing -= now.len();
        self.taken += now.len();
        self.scanned = self.scanned.max(self.taken);
        self.literals_bytes += now.len();
        if reading.missing > 0 {
            return Some(Item::NeedMore);
        }
        self.literals.push(mem::take(&mut reading.literal));
        self.state = State::Line;
        None
    }

    fn forget_literals(&mut self) {
        self.literals = Vec::new();
        self.literals_bytes = 0;
    }

    fn start_drain(&mut self, why: Refusal) {
        if self.text.is_empty() {
            // Keeps what tells the tag, not the rest.
            let from = self.taken;
            let head = self.input.get(from..self.input.len().min(from + MARKER_BYTES_MAX)).unwrap_or_default();
            self.text = head.to_vec();
        }
        self.forget_literals();
        self.scanned = self.taken;
        self.state = State::DrainLine { why, tail: Vec::new(), line: 0, drained: 0 };
    }

    fn step_drain_line(&mut self) -> Result<Option<Item>, Fatal> {
        let end = self.line_end();
        let start = mem::replace(&mut self.taken, end.unwrap_or(self.input.len()));
        let State::DrainLine { why, tail, line, drained } = &mut self.state else { return Ok(None) };
        let now = self.input.get(start..self.taken).unwrap_or_default();
        *line += now.len() as u64;
        *drained += now.len() as u64;
        if *line > IMAP_LINE_DRAIN_BYTES_MAX || *drained > self.limits.drain_bytes {
            return Err(Fatal::TooMuchRefused);
        }
        tail.extend_from_slice(now.get(now.len().saturating_sub(MARKER_BYTES_MAX)..).unwrap_or_default());
        if tail.len() > MARKER_BYTES_MAX {
            tail.drain(..tail.len() - MARKER_BYTES_MAX);
        }
        if end.is_none() {
            return Ok(Some(Item::NeedMore));
        }
        let (why, drained) = (*why, *drained);
        match Marker::at_end_of(trim_line_end(tail)) {
            Some(marker) if !marker.synchronising => {
                self.state = State::DrainLiteral { why, missing: marker.bytes, drained };
                Ok(None)
            }
            _ => Ok(Some(self.finish_drain(why))),
        }
    }

    fn finish_drain(&mut self, why: Refusal) -> Item {
        let tag = if mem::take(&mut self.expects_line) { None } else { parse::tag_of(&self.text) };
        self.reset_command();
        refused(tag, why)
    }

    fn step_drain_literal(&mut self) -> Result<Option<Item>, Fatal> {
        let State::DrainLiteral { why, missing, drained } = &mut self.state else { return Ok(None) };
        if missing.saturating_add(*drained) > self.limits.drain_bytes {
            return Err(Fatal::TooMuchRefused);
        }
        let have = (self.input.len() - self.taken) as u64;
        let now = (*missing).min(have);
        *missing -= now;
        *drained += now;
        self.taken += now as usize;
        self.scanned = self.scanned.max(self.taken);
        if *missing > 0 {
            return Ok(Some(Item::NeedMore));
        }
        let (why, drained) = (*why, *drained);
        self.state = State::DrainLine { why, tail: Vec::new(), line: 0, drained };
        Ok(None)
    }
}

fn finish(text: &[u8], literals: &mut [Vec<u8>], utf8: bool) -> Item {
    match parse::command(trim_line_end(text), literals, utf8) {
        Ok(command) => Item::Command(command),
        Err((Some(tag), Error::No(code, text))) => Item::No { tag, code, text },
        Err((tag, Error::Bad(text) | Error::No(_, text))) => Item::Bad { tag, text },
    }
}

fn refused(tag: Option<String>, why: Refusal) -> Item {
    match (why, tag) {
        (Refusal::LiteralTooBig, Some(tag)) => Item::No { tag, code: Code::TooBig, text: "Literal is too large" },
        (Refusal::NoRoom, Some(tag)) => {
            Item::No { tag, code: Code::Word("UNAVAILABLE"), text: "No room for the message now, try again later" }
        }
        (Refusal::NoRoom, None) => Item::Bad { tag: None, text: "No room for the command now" },
        (Refusal::LiteralTooBig, None) => Item::Bad { tag: None, text: "Literal is too large" },
        (Refusal::LineTooLong, tag) => Item::Bad { tag, text: "Command line is too long" },
    }
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `{n}`, `{n+}`, `~{n}` at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marker {
    bytes: u64,
    synchronising: bool,
}

impl Marker {
    fn at_end_of(line: &[u8]) -> Option<Marker> {
        let inner = line.strip_suffix(b"}")?;
        let (inner, synchronising) = match inner.strip_suffix(b"+") {
            Some(i) => (i, false),
            None => (inner, true),
        };
        let digits = inner.iter().rev().take(20).take_while(|b| b.is_ascii_digit()).count();
        let (rest, number) = inner.split_at(inner.len() - digits);
        if !rest.ends_with(b"{") {
            return None;
        }
        Some(Marker { bytes: cursor::decimal(number)?, synchronising })
    }
}
