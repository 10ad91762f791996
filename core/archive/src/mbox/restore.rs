//! SUMMARY    A message from its text in an mbox file.

use memchr::memchr_iter;

use super::LineEnds;

/// Makes the message of what a `Reader` gave of it, piece by piece.
#[derive(Debug)]
pub struct Restorer {
    ends: LineEnds,
    /// The last byte of all pieces. Of a message that stands as it is, a LF that was not given yet.
    last: Option<u8>,
}

impl Restorer {
    /// `ends` is what the metadata says; `Crlf` where there is none: bare LF become CRLF, and CRLF stay.
    pub fn new(ends: LineEnds) -> Self {
        Restorer { ends, last: None }
    }

    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Some(last) = piece.last() else { return };
        let before = self.last.replace(*last);
        match self.ends {
            LineEnds::AsIs => {
                if before == Some(b'\n') {
                    out.push(b'\n');
                }
                out.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            }
            LineEnds::Crlf => with_crlf(before, piece, out),
        }
    }
}

fn with_crlf(before: Option<u8>, piece: &[u8], out: &mut Vec<u8>) {
    // A line has some 50 bytes.
    out.reserve(piece.len() + piece.len() / 32);
    let mut start = 0;
    for at in memchr_iter(b'\n', piece) {
        let line = piece.get(start..at).unwrap_or_default();
        out.extend_from_slice(line);
        let previous = if at == 0 { before } else { piece.get(at - 1).copied() };
        out.extend_from_slice(if previous == Some(b'\r') { b"\n" } else { b"\r\n" });
        start = at + 1;
    }
    out.extend_from_slice(piece.get(start..).unwrap_or_default());
}
