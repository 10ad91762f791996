//! SUMMARY    The messages of one item: paired with lines of metadata, begun when it is known where they belong, counted to their end.
//! LIMITS     MESSAGE_BYTES_MAX, INTAKE_HEAD_BYTES_MAX
//! INVARIANTS Of our own archives lines lead: that which names the byte at which a message begins says all that is known of it. A line
//!            before that has no message any more, and a message before the next line has none; both are told of, and the message is
//!            read as anybody's. The offset pairs them, not their number: one that is missing does not give all others' flags to the
//!            next. Of a file that is one message any line of it is its own.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use base::Timestamp;
use base::limits::{INTAKE_HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};
use memchr::memmem;

use super::line::EmailLine;
use super::message::{Event, Start};
use super::read::{Lead, With};
use super::start::{by_head, by_line};
use super::{Item, Kind, Mailboxes, Origin, Target, facts, problem};
use crate::maildir::parse_file_name;
use crate::mbox::{self, LineEnds, Restorer};
use crate::metadata::{Problem, Trouble};
use crate::{Content, Contents};

/// What is known of all messages of an item.
#[derive(Debug)]
pub(super) struct About {
    pub name: String,
    pub kind: Kind,
    pub origin: Origin,
    pub target: Arc<Target>,
    pub mailboxes: Arc<Mailboxes>,
    /// As the file's name says, of a Maildir.
    pub keywords: Option<BTreeSet<String>>,
    pub received: Option<Timestamp>,
}

impl About {
    pub fn of(item: &Item, with: &With) -> Self {
        let file = item.name().rsplit('/').next().unwrap_or_default();
        let said = (item.kind == Kind::MaildirFile).then(|| parse_file_name(file.as_bytes()).unwrap_or_default());
        let named = said.map(|said| said.flags.keywords(&with.keywords));
        About {
            name: item.name().to_owned(),
            kind: item.kind,
            origin: item.origin.clone(),
            target: item.target.clone(),
            mailboxes: with.mailboxes.clone(),
            keywords: named.map(|named| named.into_iter().map(str::to_owned).collect()),
            received: facts::plausible(said.and_then(|said| said.received)),
        }
    }

    fn problem(&self, what: Trouble, offset: Option<u64>, why: &str) -> Problem {
        problem(what, &self.name, offset, why)
    }
}

/// How a message begins: its `From ` line, if it has one.
#[derive(Debug, Default)]
pub(super) struct Opening {
    pub offset: Option<u64>,
    pub sender: Option<String>,
    pub received: Option<Timestamp>,
}

/// A message under way.
#[derive(Debug)]
struct Open {
    opening: Opening,
    /// None: its bytes are the message's.
    restorer: Option<Restorer>,
    /// Its header, as long as it did not begin.
    head: Option<Vec<u8>>,
    expected: Option<Content>,
    content: Contents,
}

/// The next line of metadata.
#[derive(Debug)]
enum Slot {
    Unknown,
    Line(Box<EmailLine>),
    NoMore,
}

#[derive(Debug)]
enum Token {
    Start(Box<Start>),
    Piece,
    End(Content),
    Dropped(Problem),
    Problem(Problem),
    PassedOver,
}

/// The messages of an item.
#[derive(Debug)]
pub(super) struct Messages {
    about: About,
    slot: Slot,
    open: Option<Open>,
    /// What began waits for its line.
    is_matching: bool,
    /// All messages were read: lines that are left have none.
    is_closed: bool,
    queue: VecDeque<Token>,
    /// Bytes of the piece in the queue: there is one at most.
    piece: Vec<u8>,
}

impl Messages {
    pub fn new(about: About, lead: Lead) -> Self {
        let slot = match lead {
            Lead::Names => Slot::NoMore,
            Lead::Lines => Slot::Unknown,
        };
        let (queue, piece) = (VecDeque::new(), Vec::new());
        Messages { about, slot, open: None, is_matching: false, is_closed: false, queue, piece }
    }

    pub fn kept_bytes(&self) -> usize {
        let head = self.open.as_ref().and_then(|open| open.head.as_ref());
        head.map_or(0, Vec::len) + self.piece.len()
    }

    pub fn line(&mut self, line: Option<Box<EmailLine>>) {
        self.slot = line.map_or(Slot::NoMore, Slot::Line);
    }

    /// Whether there is an event before anything else is read.
    pub fn is_due(&mut self) -> bool {
        self.pair();
        !self.queue.is_empty() || self.needs_line()
    }

    pub fn event(&mut self) -> Option<Event<'_>> {
        self.pair();
        match self.queue.pop_front() {
            None => self.needs_line().then_some(Event::NeedsLine),
            Some(Token::Start(start)) => Some(Event::Start(start)),
            Some(Token::Piece) => Some(Event::Piece(&self.piece)),
            Some(Token::End(content)) => Some(Event::End(content)),
            Some(Token::Dropped(problem)) => Some(Event::Dropped(problem)),
            Some(Token::Problem(problem)) => Some(Event::Problem(problem)),
            Some(Token::PassedOver) => Some(Event::PassedOver),
        }
    }

    fn needs_line(&self) -> bool {
        (self.is_matching || self.is_closed) && matches!(self.slot, Slot::Unknown)
    }

    /// The piece was given.
    pub fn forget_piece(&mut self) {
        self.piece.clear();
    }

    pub fn pass_over(&mut self) {
        self.queue.push_back(Token::PassedOver);
    }

    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// What a reader of mbox files found.
    pub fn mbox(&mut self, item: mbox::Item<'_>) {
        match item {
            mbox::Item::Start(start) => {
                let (sender, received) = (start.sender(), facts::plausible(start.received()));
                self.begin(Opening { offset: Some(start.at), sender, received });
            }
            mbox::Item::Body(bytes) => self.body(bytes),
            mbox::Item::End { .. } => self.end(),
            mbox::Item::Problem(mbox::Problem::TooBig { .. }) => self.too_big(),
            mbox::Item::Problem(mbox::Problem::NoStart { at }) => {
                let why = "text that is no part of a message: no line `From ` is before it";
                self.tell(Trouble::NoMessage, Some(at), why);
            }
        }
    }

    /// A message begins.
    pub fn begin(&mut self, opening: Opening) {
        let restorer = Some(Restorer::new(LineEnds::Crlf));
        let (head, content) = (Some(Vec::new()), Contents::default());
        self.open = Some(Open { opening, restorer, head, expected: None, content });
        self.is_matching = true;
    }

    /// Bytes of it, as they stand in the file.
    pub fn body(&mut self, bytes: &[u8]) {
        let Some(open) = &mut self.open else { return };
        match &mut open.restorer {
            Some(restorer) => restorer.feed(bytes, &mut self.piece),
            None => self.piece.extend_from_slice(bytes),
        }
        let before = open.content.bytes() + open.head.as_ref().map_or(0, Vec::len) as u64;
        if before + self.piece.len() as u64 > MESSAGE_BYTES_MAX as u64 {
            self.too_big();
            return;
        }
        let Some(head) = &mut open.head else { return self.give_piece() };
        // The end of the header may lie between two pieces.
        let from = head.len().saturating_sub(2);
        head.append(&mut self.piece);
        let ended =
            head.starts_with(b"\r\n") || memmem::find(head.get(from..).unwrap_or_default(), b"\n\r\n").is_some();
        if ended || head.len() >= INTAKE_HEAD_BYTES_MAX {
            self.start_by_head();
        }
    }

    /// The message is at its end.
    pub fn end(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.head.is_some()) {
            self.start_by_head();
        }
        let Some(open) = self.open.take() else { return };
        let content = open.content.end();
        self.queue.push_back(Token::End(content));
        if open.expected.is_some_and(|expected| expected != content) {
            let why = "the message is not the one that its metadata says";
            self.tell(Trouble::MessageChanged, open.opening.offset, why);
        }
    }

    fn too_big(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.piece.clear();
        let problem = self.about.problem(Trouble::MessageTooBig, open.opening.offset, "larger than MESSAGE_BYTES_MAX");
        let began = open.head.is_none();
        self.queue.push_back(if began { Token::Dropped(problem) } else { Token::Problem(problem) });
    }

    fn tell(&mut self, what: Trouble, offset: Option<u64>, why: &str) {
        self.queue.push_back(Token::Problem(self.about.problem(what, offset, why)));
    }

    /// Hands on the piece.
    fn give_piece(&mut self) {
        if let (Some(open), false) = (&mut self.open, self.piece.is_empty()) {
            open.content.feed(&self.piece);
            self.queue.push_back(Token::Piece);
        }
    }

    /// The header is there: the message begins with what it says.
    fn start_by_head(&mut self) {
        let Some(open) = &mut self.open else { return };
        let head = open.head.take().unwrap_or_default();
        let read = head.get(..INTAKE_HEAD_BYTES_MAX).unwrap_or(&head);
        // Of our own nothing is lost that the store had taken.
        let ours = matches!(self.about.origin, Origin::Ours(_)) && !read.is_empty();
        if !ours && !facts::is_message(read) {
            let offset = open.opening.offset;
            self.open = None;
            return self.tell(Trouble::MessageMalformed, offset, "this is no message: it has no header");
        }
        let start = by_head(&self.about, &mut open.opening, read);
        self.queue.push_back(Token::Start(Box::new(start)));
        self.piece = head;
        self.give_piece();
    }

    /// Pairs what began with its line, as far as lines came; tells of lines that have no message.
    fn pair(&mut self) {
        // Ends: each turn takes the line, or ends the matching.
        while self.is_matching || (self.is_closed && matches!(self.slot, Slot::Line(_))) {
            let offset = self.open.as_ref().map(|open| open.opening.offset);
            match (std::mem::replace(&mut self.slot, Slot::Unknown), offset) {
                (Slot::Unknown, _) => return,
                (Slot::Line(line), Some(offset)) if order(&line, offset) == Ordering::Equal => {
                    self.is_matching = false;
                    self.start_by_line(&line);
                }
                (Slot::Line(line), Some(offset)) if order(&line, offset) == Ordering::Greater => {
                    self.slot = Slot::Line(line);
                    self.unmatched();
                }
                (Slot::Line(line), _) => {
                    self.queue.push_back(Token::Problem(line.without_message()));
                }
                (Slot::NoMore, _) => {
                    self.slot = Slot::NoMore;
                    self.unmatched();
                }
            }
        }
    }

    /// What began has no line.
    fn unmatched(&mut self) {
        self.is_matching = false;
        let ours = matches!(self.about.origin, Origin::Ours(_));
        if let (Some(open), true) = (&self.open, ours) {
            let offset = open.opening.offset;
            self.tell(Trouble::Unmatched, offset, "the metadata says nothing of this message");
        }
    }

    fn start_by_line(&mut self, line: &EmailLine) {
        let Some(open) = &mut self.open else { return };
        // A file of its own is the message bit for bit.
        let is_mbox = open.opening.offset.is_some();
        open.restorer = is_mbox.then(|| Restorer::new(line.email.line_ends.unwrap_or(LineEnds::Crlf)));
        open.head = None;
        let (start, problem) = by_line(&self.about, &open.opening, line);
        open.expected = start.expected;
        self.queue.extend(problem.map(Token::Problem));
        self.queue.push_back(Token::Start(Box::new(start)));
    }
}

/// Where a line stands: before the message at this offset, at it, or after it.
fn order(line: &EmailLine, offset: Option<u64>) -> Ordering {
    let Some(copy) = line.email.copies.first() else { return Ordering::Less };
    match (offset, copy.offset) {
        (None, _) => Ordering::Equal,
        (Some(at), Some(said)) => said.cmp(&at),
        (Some(_), None) => Ordering::Less,
    }
}
