//! SUMMARY    Reads mbox files: mboxrd, mboxo, mboxcl, with LF or CRLF, fed in pieces.
//! SECURITY   The file is a stranger's. Kept is the beginning of one line, MBOX_FROM_BYTES_MAX bytes at most.
//! LIMITS     MESSAGE_BYTES_MAX (a larger message is told of and skipped), MBOX_FROM_BYTES_MAX
//! INVARIANTS Work is linear in the file. The items, joined where they are pieces of one body, do not depend on how it was cut.
//!            Content-Length is never believed: mboxcl2, which does not quote, is read as if it did.
//!
//! A message begins at a line `From ` that is the first of the file or stands after an empty line and has the looks of one (a time and
//! a date): a sentence of a body that begins so does not divide it. The empty line before it, or at the end of the file, is no part of
//! the message. One `>` is taken from `>From ` and `>>From `, as mboxrd says; of mboxo this spoils lines that had been quoted by hand.

use base::Timestamp;
use base::limits::{MBOX_FROM_BYTES_MAX, MESSAGE_BYTES_MAX};
use memchr::memchr;

use super::cut::{Blank, Cut, Place};
use super::{FROM, from_line};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What an mbox file has, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A message begins.
    Start(Start<'a>),
    /// A piece of it, with line ends as the file has them.
    Body(&'a [u8]),
    /// The message ends, and had so many bytes in the file.
    End { bytes: u64 },
    /// Something is wrong; reading goes on.
    Problem(Problem),
}

/// Where a message begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start<'a> {
    /// Position of its `From ` line in the file, bytes.
    pub at: u64,
    /// That line, with its end.
    pub line: &'a [u8],
}

impl Start<'_> {
    /// The sender that the line names, if it does.
    pub fn sender(&self) -> Option<String> {
        from_line::sender(self.line)
    }
    /// The time that it names, if it does; without a zone it is taken for UTC.
    pub fn received(&self) -> Option<Timestamp> {
        from_line::received(self.line)
    }
}

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The message that begins at this byte is larger than MESSAGE_BYTES_MAX. It gets no `End`: forget what came of it.
    TooBig { at: u64 },
    /// From this byte on there is text before the first `From ` line. It is skipped; a file that has nothing else is no mbox.
    NoStart { at: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    /// The same; it was told that there is text.
    Told,
    Inside {
        at: u64,
        bytes: u64,
    },
    Skipped,
}

/// What the kept line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    Text,
    From,
    /// It was given.
    Given,
}

/// What comes next; `Line` is the kept line.
enum Step<'a> {
    Again,
    Starved,
    Line,
    Start,
    Body(&'a [u8]),
    End(u64),
    Problem(Problem),
}

/// Reads one file. Feed it by calling `next` until it says None, for each piece, then `finish` likewise.
#[derive(Debug)]
pub struct Reader {
    /// Bytes of the file that were taken.
    at: u64,
    place: Place,
    /// No line but empty ones yet.
    first: bool,
    /// The beginning of a line of which it is not known what it is.
    line: Vec<u8>,
    line_at: u64,
    due: Due,
    blank: Option<Blank>,
    state: State,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            at: 0,
            place: Place::LineStart,
            first: true,
            line: Vec::new(),
            line_at: 0,
            due: Due::Nothing,
            blank: None,
            state: State::Before,
        }
    }
}

impl Reader {
    pub fn new() -> Self {
        Reader::default()
    }

    /// Bytes that are kept until it is known what they are.
    pub fn kept_bytes(&self) -> usize {
        self.line.len()
    }

    /// The next item of the file, taken from the front of `input`. None: all of `input` was taken.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Item<'a>> {
        let step = loop {
            match self.step(input) {
                Step::Again => {}
                other => break other,
            }
        };
        self.item(step)
    }

    /// The file is at its end: the items that are left. None: there are no more.
    pub fn finish(&mut self) -> Option<Item<'_>> {
        let step = loop {
            match self.step(&mut &[][..]) {
                Step::Again => {}
                Step::Starved if !self.line.is_empty() => {
                    let divides = self.is_from() && (self.first || from_line::divides(&self.line));
                    self.due = if divides { Due::From } else { Due::Text };
                }
                Step::Starved => {
                    break match std::mem::replace(&mut self.state, State::Told) {
                        State::Inside { bytes, .. } => Step::End(bytes),
                        State::Before | State::Told | State::Skipped => Step::Starved,
                    };
                }
                other => break other,
            }
        };
        self.item(step)
    }

    fn item<'a>(&'a self, step: Step<'a>) -> Option<Item<'a>> {
        match step {
            Step::Again | Step::Starved => None,
            Step::Line => Some(Item::Body(&self.line)),
            Step::Start => Some(Item::Start(Start { at: self.line_at, line: &self.line })),
            Step::Body(bytes) => Some(Item::Body(bytes)),
            Step::End(bytes) => Some(Item::End { bytes }),
            Step::Problem(problem) => Some(Item::Problem(problem)),
        }
    }

    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Step<'a> {
        match self.due {
            Due::From => return self.divide(),
            Due::Text => return self.give_line(),
            Due::Given => {
                self.line.clear();
                self.due = Due::Nothing;
            }
            Due::Nothing => {}
        }
        if input.is_empty() {
            return Step::Starved;
        }
        let undecided = self.first || self.blank.is_some() || !self.line.is_empty();
        if self.place == Place::LineStart && undecided { self.line_start(input) } else { self.text(input) }
    }

    /// The kept line divides: ends the message before it, then begins the next.
    fn divide<'a>(&mut self) -> Step<'a> {
        self.blank = None;
        if let State::Inside { bytes, .. } = self.state {
            self.state = State::Skipped;
            return Step::End(bytes);
        }
        self.state = State::Inside { at: self.line_at, bytes: 0 };
        (self.due, self.place, self.first) = (Due::Given, Place::LineStart, false);
        Step::Start
    }

    /// The kept line is text: gives the empty line before it, then the line.
    fn give_line<'a>(&mut self) -> Step<'a> {
        if let Some(blank) = self.blank.take() {
            return self.give_blank(blank);
        }
        self.first = false;
        self.due = Due::Given;
        let at = self.line_at;
        match self.count(self.line.len(), at) {
            Ok(true) => Step::Line,
            Ok(false) => Step::Again,
            Err(problem) => Step::Problem(problem),
        }
    }

    fn give_blank<'a>(&mut self, blank: Blank) -> Step<'a> {
        match self.state {
            State::Inside { at, .. } => self.give(blank.bytes(), at),
            State::Before | State::Told | State::Skipped => Step::Again,
        }
    }

    fn give<'a>(&mut self, bytes: &'a [u8], at: u64) -> Step<'a> {
        match self.count(bytes.len(), at) {
            Ok(true) if !bytes.is_empty() => Step::Body(bytes),
            Ok(_) => Step::Again,
            Err(problem) => Step::Problem(problem),
        }
    }

    /// Whether text of so many bytes, at that position, is of a message.
    fn count(&mut self, len: usize, at: u64) -> Result<bool, Problem> {
        match &mut self.state {
            State::Inside { at, bytes } => {
                *bytes += len as u64;
                if *bytes <= MESSAGE_BYTES_MAX as u64 {
                    return Ok(true);
                }
                let at = *at;
                self.state = State::Skipped;
                Err(Problem::TooBig { at })
            }
            State::Before if len > 0 => {
                self.state = State::Told;
                Err(Problem::NoStart { at })
            }
            State::Before | State::Told | State::Skipped => Ok(false),
        }
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], len: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at_checked(len).unwrap_or((*input, &[]));
        *input = rest;
        self.at += taken.len() as u64;
        taken
    }

    /// The kept line is `From `, and may divide by its place.
    fn is_from(&self) -> bool {
        self.line.starts_with(FROM) && (self.first || self.blank.is_some())
    }

    /// Takes one byte of a line that is not known yet, or all of a `From ` line.
    fn line_start<'a>(&mut self, input: &mut &'a [u8]) -> Step<'a> {
        if self.line.is_empty() {
            self.line_at = self.at;
        }
        if self.line == b">" && input.starts_with(b">") {
            if let Some(blank) = self.blank.take() {
                return self.give_blank(blank);
            }
            // One `>` stays kept: which one does not matter.
            let run = input.iter().position(|b| *b != b'>').unwrap_or(input.len());
            let run = self.take(input, run);
            return self.give(run, self.line_at);
        }
        let len = if self.is_from() {
            let room = MBOX_FROM_BYTES_MAX.saturating_sub(self.line.len()).max(1);
            let window = input.get(..room).unwrap_or(input);
            memchr(b'\n', window).map_or(window.len(), |end| end + 1)
        } else {
            1
        };
        let taken = self.take(input, len);
        self.line.extend_from_slice(taken);
        self.decide()
    }

    fn decide<'a>(&mut self) -> Step<'a> {
        if self.first && self.line_at == 0 && BOM.starts_with(&self.line) {
            if self.line == BOM {
                self.line.clear();
            }
            return Step::Again;
        }
        let blank = match self.line.as_slice() {
            b"\n" => Some(Blank::Lf),
            b"\r\n" => Some(Blank::Crlf),
            b"\r" => return Step::Again,
            _ => None,
        };
        if blank.is_some() {
            self.line.clear();
            return match std::mem::replace(&mut self.blank, blank) {
                Some(before) => self.give_blank(before),
                None => Step::Again,
            };
        }
        let quoted = self.line.first() == Some(&b'>');
        let word = self.line.get(usize::from(quoted)..).unwrap_or_default();
        if word.len() < FROM.len() && FROM.starts_with(word) {
            return Step::Again;
        }
        let whole = self.line.last() == Some(&b'\n');
        let mut due = Due::Text;
        if quoted && word.starts_with(FROM) {
            self.line.remove(0);
        } else if self.is_from() {
            if !whole && self.line.len() < MBOX_FROM_BYTES_MAX {
                return Step::Again;
            }
            if whole && (self.first || from_line::divides(&self.line)) {
                due = Due::From;
            }
        }
        self.due = due;
        self.place = if whole { Place::LineStart } else { Place::MidLine };
        Step::Again
    }

    /// Gives as much as is surely text. Nothing is kept when this begins.
    fn text<'a>(&mut self, input: &mut &'a [u8]) -> Step<'a> {
        let at = self.at;
        let cut = Cut::find(input, self.place == Place::LineStart);
        let run = self.take(input, cut.text);
        self.blank = cut.blank;
        if let Some(blank) = cut.blank {
            self.take(input, blank.bytes().len());
        }
        self.take(input, cut.dropped);
        self.line_at = self.at;
        let kept = self.take(input, cut.kept);
        self.line.extend_from_slice(kept);
        self.place = cut.place;
        self.give(run, at)
    }
}
