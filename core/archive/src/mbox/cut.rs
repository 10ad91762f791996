//! SUMMARY    Finds in a piece of an mbox file what is surely text, by a search for `From ` over all of it.
//! INVARIANTS Work is linear in the piece. What is kept of it is an empty line and five bytes at most.

use std::sync::LazyLock;

use memchr::{memmem, memrchr};

use super::FROM;

static FROM_FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(FROM));

/// An empty line that is only given when no message begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    Lf,
    Crlf,
}

impl Blank {
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Blank::Lf => b"\n",
            Blank::Crlf => b"\r\n",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    LineStart,
    MidLine,
}

/// How a piece begins: so much text, perhaps an empty line, a `>` that is dropped, the beginning of a line that is kept.
pub(super) struct Cut {
    pub text: usize,
    pub blank: Option<Blank>,
    pub dropped: usize,
    pub kept: usize,
    /// Where what follows stands.
    pub place: Place,
}

impl Cut {
    pub fn find(piece: &[u8], at_line_start: bool) -> Cut {
        for from in FROM_FINDER.find_iter(piece) {
            let before = piece.get(..from).unwrap_or_default();
            let start = before.iter().rposition(|b| *b != b'>').map_or(0, |n| n + 1);
            let begins = if start == 0 { at_line_start } else { before.get(start - 1) == Some(&b'\n') };
            if !begins {
                continue;
            }
            if start < from {
                return Cut { text: from - 1, blank: None, dropped: 1, kept: 0, place: Place::MidLine };
            }
            if let Some(blank) = blank_before(before, at_line_start) {
                let text = start - blank.bytes().len();
                return Cut { text, blank: Some(blank), dropped: 0, kept: 0, place: Place::LineStart };
            }
        }
        Cut::at_end(piece, at_line_start)
    }

    /// No line of the piece needs a look but perhaps the last one.
    fn at_end(piece: &[u8], at_line_start: bool) -> Cut {
        let all = Cut { text: piece.len(), blank: None, dropped: 0, kept: 0, place: Place::MidLine };
        let start = match memrchr(b'\n', piece) {
            Some(end) => end + 1,
            None if at_line_start => 0,
            None => return all,
        };
        let last = piece.get(start..).unwrap_or_default();
        let quotes = last.iter().take_while(|b| **b == b'>').count();
        let word = last.get(quotes..).unwrap_or_default();
        let open = (word.len() < FROM.len() && FROM.starts_with(word)) || last == b"\r";
        match (open, quotes) {
            (false, _) => all,
            (true, 0) => {
                let blank = blank_before(piece.get(..start).unwrap_or_default(), at_line_start);
                let text = start - blank.map_or(0, |b| b.bytes().len());
                Cut { text, blank, dropped: 0, kept: last.len(), place: Place::LineStart }
            }
            (true, _) => {
                let kept = word.len() + 1;
                Cut { text: piece.len() - kept, blank: None, dropped: 0, kept, place: Place::LineStart }
            }
        }
    }
}

/// The empty line at the end of whole lines.
fn blank_before(lines: &[u8], at_line_start: bool) -> Option<Blank> {
    let (blank, before) = match lines {
        [before @ .., b'\r', b'\n'] => (Blank::Crlf, before),
        [before @ .., b'\n'] => (Blank::Lf, before),
        _ => return None,
    };
    let empty = before.last().map_or(at_line_start, |b| *b == b'\n');
    empty.then_some(blank)
}
