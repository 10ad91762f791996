//! SUMMARY    Reads the mail of one item: its bytes go in, messages come out.
//! LIMITS     MESSAGE_BYTES_MAX, INTAKE_HEAD_BYTES_MAX, INTAKE_STEP_BYTES_MAX
//! INVARIANTS Events, with the pieces of one message joined, do not depend on how the bytes were cut. Kept are the header of one message
//!            until it begins, the pieces of one step, and one line of metadata.

use std::sync::Arc;

use base::limits::INTAKE_STEP_BYTES_MAX;

use super::line::EmailLine;
use super::message::Event;
use super::messages::{About, Messages, Opening};
use super::{Item, Kind, Mailboxes};
use crate::maildir::Keywords;
use crate::mbox;

/// What a reader knows beside the item.
#[derive(Debug, Clone, Default)]
pub struct With {
    /// Of the export.
    pub mailboxes: Arc<Mailboxes>,
    /// Of a Maildir's folder: what `Item::keywords` names.
    pub keywords: Keywords,
    /// What leads. `Lines` if the ledger has runs for this item.
    pub lead: Lead,
}

/// What says where messages belong, and their flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lead {
    /// Names of files, and the messages themselves.
    #[default]
    Names,
    /// Lines of metadata: the reader asks for them.
    Lines,
}

/// Reads an item. Feed it by calling `next` until it says None, for each piece; then call `finish` until it says None.
#[derive(Debug)]
pub struct Reader {
    kind: Kind,
    shape: Shape,
    /// Bytes that were looked at before it was known what they are.
    pending: Vec<u8>,
    messages: Messages,
}

/// What the bytes are.
#[derive(Debug)]
enum Shape {
    /// Not known yet: the first bytes.
    Sniffed(Vec<u8>),
    Mbox(Box<mbox::Reader>),
    /// One message; it began.
    Single,
    /// No mail, or at its end.
    Over,
}

const FROM: &[u8] = b"From ";
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes by which it is known what a file is.
const SNIFFED: usize = BOM.len() + FROM.len();

impl Reader {
    pub fn new(item: &Item, with: With) -> Self {
        let mut messages = Messages::new(About::of(item, &with), with.lead);
        let shape = match item.kind {
            Kind::Mbox => Shape::Mbox(Box::default()),
            Kind::Eml | Kind::Unsure => Shape::Sniffed(Vec::new()),
            Kind::MaildirFile => {
                messages.begin(Opening::default());
                Shape::Single
            }
        };
        Reader { kind: item.kind, shape, pending: Vec::new(), messages }
    }

    /// Bytes of messages that are kept.
    pub fn kept_bytes(&self) -> usize {
        let reader = match &self.shape {
            Shape::Mbox(reader) => reader.kept_bytes(),
            Shape::Sniffed(first) => first.len(),
            Shape::Single | Shape::Over => 0,
        };
        reader + self.pending.len() + self.messages.kept_bytes()
    }

    /// The answer to `Event::NeedsLine`: the next line of the item's runs, in order; None if there are no more.
    pub fn line(&mut self, line: Option<Box<EmailLine>>) {
        self.messages.line(line);
    }

    /// The next event, taken from the front of `input`. None: all of `input` was taken.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Event<'_>> {
        while !self.messages.is_due() {
            if !self.pending.is_empty() {
                self.step_pending();
            } else if input.is_empty() {
                return None;
            } else {
                self.step(input);
            }
        }
        self.messages.event()
    }

    /// The item is at its end: the events that are left. None: there are no more.
    pub fn finish(&mut self) -> Option<Event<'_>> {
        // Ends: each turn takes from what is kept, or the shape is over.
        while !self.messages.is_due() {
            if !self.pending.is_empty() {
                self.step_pending();
                continue;
            }
            self.messages.forget_piece();
            match &mut self.shape {
                Shape::Sniffed(_) => self.sniff(),
                Shape::Mbox(reader) => match reader.finish() {
                    Some(item) => self.messages.mbox(item),
                    None => self.shape = Shape::Over,
                },
                Shape::Single => {
                    self.messages.end();
                    self.shape = Shape::Over;
                }
                Shape::Over => {
                    self.messages.close();
                    break;
                }
            }
        }
        self.messages.event()
    }

    fn step_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        self.step(&mut rest);
        self.pending = rest.to_vec();
    }

    /// Takes something from the front of `input`, which has bytes.
    fn step(&mut self, input: &mut &[u8]) {
        self.messages.forget_piece();
        let window = input.get(..INTAKE_STEP_BYTES_MAX).unwrap_or(input);
        let mut rest = window;
        match &mut self.shape {
            Shape::Sniffed(first) => {
                let missing = SNIFFED.saturating_sub(first.len());
                let (taken, after) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
                first.extend_from_slice(taken);
                rest = after;
                if first.len() >= SNIFFED {
                    self.sniff();
                }
            }
            Shape::Mbox(reader) => {
                if let Some(item) = reader.next(&mut rest) {
                    self.messages.mbox(item);
                }
            }
            Shape::Single => self.messages.body(std::mem::take(&mut rest)),
            Shape::Over => rest = &[],
        }
        *input = input.get(window.len() - rest.len()..).unwrap_or_default();
    }

    /// The first bytes are there: what they are the beginning of.
    fn sniff(&mut self) {
        let Shape::Sniffed(first) = std::mem::replace(&mut self.shape, Shape::Over) else { return };
        let text = first.strip_prefix(BOM).unwrap_or(&first);
        if text.starts_with(FROM) {
            self.shape = Shape::Mbox(Box::default());
            self.pending = first;
        } else if self.kind == Kind::Unsure {
            self.messages.pass_over();
        } else {
            self.shape = Shape::Single;
            self.messages.begin(Opening::default());
            self.pending = text.to_vec();
        }
    }
}
