//! SUMMARY    Writes messages as mboxrd: `From ` line, quoted text, empty line.
//! INVARIANTS Every line that is `From ` after any number of `>` gets one `>` more, so that reading takes exactly one away.

use base::Timestamp;
use memchr::{memchr, memchr_iter};

use super::{FROM, LineEnds, from_line};
use crate::Error;

/// One message on its way into an mbox file.
#[derive(Debug)]
pub struct MessageWriter {
    ends: LineEnds,
    /// Only `>` so far on this line, then so many bytes of `From `, which were not written yet. None: in the midst of a line.
    matched: Option<usize>,
    found: Found,
}

/// Line ends of a message that was said to have pure CRLF.
#[derive(Debug, Default)]
struct Found {
    cr: usize,
    crlf: usize,
    bare_lf: bool,
    /// The last piece of a line ended with CR.
    after_cr: bool,
    /// The last byte of all was a LF.
    ended: bool,
}

impl MessageWriter {
    /// Writes the `From ` line. `sender` is the envelope's (empty: the null path), `received` when it was delivered, `ends` what
    /// `EndsScan` said about the message.
    pub fn begin(sender: &str, received: Timestamp, ends: LineEnds, out: &mut Vec<u8>) -> Self {
        from_line::render(sender, received, out);
        MessageWriter { ends, matched: Some(0), found: Found::default() }
    }

    /// Writes a piece of the message, cut anywhere.
    pub fn write(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if let (LineEnds::Crlf, Some(last)) = (self.ends, bytes.last()) {
            self.found.cr += memchr_iter(b'\r', bytes).count();
            self.found.ended = *last == b'\n';
        }
        out.reserve(bytes.len());
        while !bytes.is_empty() {
            bytes = self.line_start(bytes, out);
            let Some(end) = memchr(b'\n', bytes) else {
                self.text(bytes, out);
                return;
            };
            let (line, after) = bytes.split_at(end + 1);
            self.text(line, out);
            self.matched = Some(0);
            bytes = after;
        }
    }

    /// Ends the message. An error if it was said to have pure CRLF and has not: the file is worth nothing then.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(FROM.get(..self.matched.unwrap_or(0)).unwrap_or_default());
        let Found { cr, crlf, bare_lf, ended, .. } = self.found;
        match self.ends {
            LineEnds::Crlf if ended && !bare_lf && cr == crlf => out.push(b'\n'),
            LineEnds::Crlf => return Err(Error::Changed("a message has other line ends than were found before")),
            LineEnds::AsIs => out.extend_from_slice(b"\n\n"),
        }
        Ok(())
    }

    /// Looks at the beginning of a line; returns what is left once it is known what it is. Nothing is left while it is not.
    fn line_start<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let mut rest = bytes;
        while let (Some(matched), [first, after @ ..]) = (self.matched, rest) {
            if FROM.get(matched) == Some(first) {
                self.matched = Some(matched + 1);
                if matched + 1 == FROM.len() {
                    self.matched = None;
                    out.push(b'>');
                    out.extend_from_slice(FROM);
                }
            } else if matched == 0 && *first == b'>' {
                out.push(b'>');
            } else {
                self.matched = None;
                out.extend_from_slice(FROM.get(..matched).unwrap_or_default());
                return rest;
            }
            rest = after;
        }
        rest
    }

    /// Bytes of one line, up to its end or cut before.
    fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.ends == LineEnds::AsIs {
            out.extend_from_slice(bytes);
            return;
        }
        let after_cr = std::mem::take(&mut self.found.after_cr);
        match bytes {
            [text @ .., b'\r', b'\n'] => {
                out.extend_from_slice(text);
                out.push(b'\n');
                self.found.crlf += 1;
            }
            [text @ .., b'\r'] => {
                out.extend_from_slice(text);
                self.found.after_cr = true;
            }
            [b'\n'] if after_cr => {
                out.push(b'\n');
                self.found.crlf += 1;
            }
            text => {
                out.extend_from_slice(text);
                self.found.bare_lf |= text.ends_with(b"\n");
            }
        }
    }
}
