//! SUMMARY    How the lines of a message end: asked before it is written to an mbox file.

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};

/// How the lines of a message end, and with that how it stands in an mbox file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnds {
    /// CRLF at every line's end, the last one's too, and neither CR nor LF anywhere else: LF in the file.
    Crlf,
    /// Anything else: the same bytes in the file, and a LF after them.
    AsIs,
}

/// Looks at a message piece by piece.
#[derive(Debug, Clone)]
pub struct EndsScan {
    pure: bool,
    last: Option<u8>,
}

impl Default for EndsScan {
    fn default() -> Self {
        EndsScan { pure: true, last: None }
    }
}

impl EndsScan {
    pub fn feed(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return };
        let before = self.last.replace(*last);
        if !self.pure {
            return;
        }
        let halved = *first == b'\n';
        let mut pairs = 0_usize;
        for at in memchr_iter(b'\n', bytes) {
            if at > 0 && bytes.get(at - 1) != Some(&b'\r') {
                self.pure = false;
                return;
            }
            pairs += usize::from(at > 0);
        }
        // Every LF has its CR; the same number of CR means that every CR has its LF.
        let unpaired = memchr_iter(b'\r', bytes).count() - pairs;
        self.pure = (before == Some(b'\r')) == halved && unpaired == usize::from(*last == b'\r');
    }

    pub fn end(&self) -> LineEnds {
        if self.pure && self.last == Some(b'\n') { LineEnds::Crlf } else { LineEnds::AsIs }
    }

    /// Of a message that is all there.
    pub fn of(message: &[u8]) -> LineEnds {
        let mut scan = EndsScan::default();
        scan.feed(message);
        scan.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_with_crlf_are_pure() {
        let check = |message: &[u8], expect: LineEnds| {
            assert_eq!(EndsScan::of(message), expect, "{message:?}");
            let mut single = EndsScan::default();
            message.chunks(1).for_each(|b| single.feed(b));
            assert_eq!(single.end(), expect, "{message:?} byte by byte");
        };
        for pure in ["\r\n", "a\r\n", "\r\n\r\n", "a: b\r\n\r\n\0\r\n"] {
            check(pure.as_bytes(), LineEnds::Crlf);
        }
        for other in [
            "", "a", "\n", "\r", "a\n", "a\r\nb", "a\r\nb\n", "a\r\nb\r", "a\rb\r\n", "\r\r\n", "\r\n\n", "\n\r",
            "a\n\r\n",
        ] {
            check(other.as_bytes(), LineEnds::AsIs);
        }
    }
}
