//! SUMMARY    Message bytes on the wire: the scanner of DATA, the check of BDAT chunks, the dot-stuffing writer.
//! STANDARDS  RFC 5321 §4.1.1.4, §4.5.2 (transparency), §2.3.8 (lines); RFC 3030 §2, §3
//! SECURITY   SMTP smuggling: servers that disagree about the end of DATA let one message carry a second one.
//! LIMITS     MESSAGE_LINE_BYTES_MAX, and the size given by the caller
//! INVARIANTS Only CRLF "." CRLF ends DATA. A message with a bare CR, a bare LF or a NUL is read to its real end and refused.
//!            The writer emits CR and LF in pairs only.

use super::Reply;
use base::limits::MESSAGE_LINE_BYTES_MAX;

/// Why a message is refused after it has been read. Of several faults the greatest is reported, however the bytes were fragmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process holds as many message bytes as it may: the client tries again later.
    NoRoom,
    /// Larger than the announced SIZE limit.
    TooBig,
    /// MESSAGE_LINE_BYTES_MAX.
    LineTooLong,
    Nul,
    /// CR without LF, or LF without CR.
    BareLineEnd,
}

impl Fault {
    pub fn reply(self) -> Reply {
        match self {
            Fault::NoRoom => Reply::new(452, (4, 3, 1), "no room for the message now; try again later"),
            Fault::BareLineEnd => Reply::new(550, (5, 6, 11), "message has a bare CR or LF; lines must end in CRLF"),
            Fault::Nul => Reply::new(550, (5, 6, 0), "message has a NUL byte; encode it or send BODY=BINARYMIME"),
            Fault::LineTooLong => Reply::new(550, (5, 6, 0), "message has a line that is too long"),
            Fault::TooBig => Reply::new(552, (5, 3, 4), "message is too big"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    /// A dot at the start of a line, not written.
    Dot,
    /// A dot and CR at the start of a line, not written.
    DotCr,
    Middle,
    /// CR in a line, not written.
    MiddleCr,
}

/// Reads the content of one DATA command.
#[derive(Debug)]
pub struct Scanner {
    at: At,
    line_bytes: usize,
    fault: Option<Fault>,
    size_bytes_max: usize,
    dropped_bytes: u64,
}

/// What [`Scanner::push`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub used: usize,
    /// The terminating line was read; the bytes after `used` are commands.
    pub done: bool,
}

impl Scanner {
    pub fn new(size_bytes_max: usize) -> Self {
        Scanner { at: At::LineStart, line_bytes: 0, fault: None, size_bytes_max, dropped_bytes: 0 }
    }

    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Drops what was kept; the rest is read to its end and dropped.
    pub fn refuse(&mut self, fault: Fault, body: &mut Vec<u8>) {
        self.fail(fault, body);
    }

    /// Bytes thrown away since a fault was found.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// Takes bytes up to and with the end of the message; appends the content, without dot-stuffing, to `body`.
    pub fn push(&mut self, input: &[u8], body: &mut Vec<u8>) -> Progress {
        let mut pos = 0;
        while let Some(&b) = input.get(pos) {
            match (self.at, b) {
                (At::LineStart, b'.') => (self.at, pos) = (At::Dot, pos + 1),
                (At::Dot, b'\r') => (self.at, pos) = (At::DotCr, pos + 1),
                (At::DotCr, b'\n') => {
                    self.at = At::LineStart;
                    return Progress { used: pos + 1, done: true };
                }
                (At::DotCr, _) => {
                    self.fail(Fault::BareLineEnd, body);
                    self.at = At::Middle;
                }
                (At::MiddleCr, b'\n') => {
                    self.write(b"\r\n", body);
                    self.line_bytes = 0;
                    (self.at, pos) = (At::LineStart, pos + 1);
                }
                (At::MiddleCr, _) => {
                    self.fail(Fault::BareLineEnd, body);
                    self.at = At::Middle;
                }
                (At::LineStart | At::Dot | At::Middle, _) => {
                    let rest = input.get(pos..).unwrap_or_default();
                    pos += self.copy_clean(rest, body);
                    if let Some(rest) = input.get(pos..).filter(|r| !r.is_empty() && self.at != At::LineStart) {
                        pos += self.run(rest.get(..BLOCK_BYTES).unwrap_or(rest), body);
                    }
                }
            }
        }
        Progress { used: input.len(), done: false }
    }

    /// Copies what needs no second look; returns the bytes taken. Afterwards the state is Middle, or LineStart if that many ended a line.
    fn copy_clean(&mut self, input: &[u8], body: &mut Vec<u8>) -> usize {
        let fits = self.line_bytes.saturating_add(input.len()) <= MESSAGE_LINE_BYTES_MAX;
        let n = if fits { clean_bytes(input) } else { 0 };
        self.at = At::Middle;
        let Some(clean) = input.get(..n).filter(|c| !c.is_empty()) else { return 0 };
        match memchr::memrchr(b'\n', clean) {
            Some(i) => self.line_bytes = n - i - 1,
            None => self.line_bytes += n,
        }
        if clean.ends_with(b"\n") {
            self.at = At::LineStart;
        }
        self.write(clean, body);
        n
    }

    /// Copies lines until one starts with a dot or the input ends; returns the bytes taken.
    fn run(&mut self, input: &[u8], body: &mut Vec<u8>) -> usize {
        let mut pos = 0;
        let mut line_start = 0;
        self.at = At::Middle;
        while let Some(i) = input.get(pos..).and_then(|rest| memchr::memchr3(b'\r', b'\n', 0, rest)) {
            let here = pos + i;
            let found = input.get(here).copied();
            match (found, input.get(here + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    self.end_line(here - line_start, body);
                    (pos, line_start) = (here + 2, here + 2);
                    match input.get(pos) {
                        Some(b'.') | None => {
                            self.at = At::LineStart;
                            break;
                        }
                        Some(_) => {}
                    }
                }
                (Some(b'\r'), None) => {
                    self.grow_line(here - line_start, body);
                    self.write(input.get(..here).unwrap_or_default(), body);
                    self.at = At::MiddleCr;
                    return here + 1;
                }
                (found, _) => {
                    let fault = if found == Some(0) { Fault::Nul } else { Fault::BareLineEnd };
                    self.fail(fault, body);
                    pos = here + 1;
                }
            }
        }
        let end = if self.at == At::LineStart { pos } else { input.len() };
        self.grow_line(end - line_start, body);
        self.write(input.get(..end).unwrap_or_default(), body);
        end
    }

    fn end_line(&mut self, bytes: usize, body: &mut Vec<u8>) {
        self.grow_line(bytes, body);
        self.line_bytes = 0;
    }

    fn grow_line(&mut self, bytes: usize, body: &mut Vec<u8>) {
        self.line_bytes = self.line_bytes.saturating_add(bytes);
        if self.line_bytes > MESSAGE_LINE_BYTES_MAX {
            self.fail(Fault::LineTooLong, body);
        }
    }

    fn write(&mut self, bytes: &[u8], body: &mut Vec<u8>) {
        if self.fault.is_none() && bytes.len() > self.size_bytes_max.saturating_sub(body.len()) {
            self.fail(Fault::TooBig, body);
        }
        if self.fault.is_some() {
            self.dropped_bytes = self.dropped_bytes.saturating_add(bytes.len() as u64);
        } else {
            body.extend_from_slice(bytes);
        }
    }

    /// What was kept is dropped.
    fn fail(&mut self, fault: Fault, body: &mut Vec<u8>) {
        self.fault = self.fault.max(Some(fault));
        self.dropped_bytes = self.dropped_bytes.saturating_add(body.len() as u64);
        body.clear();
    }
}

/// Unit of the fast check; a block with anything special in it is read line by line.
const BLOCK_BYTES: usize = 1_024;

/// How many bytes from the middle of a line on have only whole CRLFs, no NUL, and no line that starts with a dot; the first byte is not looked
/// at as the start of a line. Never ends within a CRLF.
fn clean_bytes(input: &[u8]) -> usize {
    if input.first() == Some(&b'\n') {
        return 0;
    }
    let mut end = 0;
    for block in input.chunks(BLOCK_BYTES) {
        let next = end + block.len();
        // With the first byte of the next block, so that every pair of neighbours is seen.
        if !pairs_are_clean(input.get(end..=next).unwrap_or(block)) {
            break;
        }
        end = next;
    }
    match end.checked_sub(1).and_then(|last| input.get(last)) {
        Some(b'\r' | 0) => end - 1,
        _ => end,
    }
}

/// CR before LF and LF behind CR, always; no NUL, no dot behind LF. One expression without branches, which compiles to vector code.
fn pairs_are_clean(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).unwrap_or_default();
    let bad = bytes.iter().zip(next).fold(0u8, |bad, (&a, &b)| {
        let unpaired = u8::from(a == b'\r') ^ u8::from(b == b'\n');
        bad | unpaired | u8::from(a == 0) | (u8::from(a == b'\n') & u8::from(b == b'.'))
    });
    bad == 0
}

/// Checks the bytes of BDAT chunks, which carry no transparency; lines may span chunks.
#[derive(Debug)]
pub struct ChunkCheck {
    binary: bool,
    after_cr: bool,
    line_bytes: usize,
}

impl ChunkCheck {
    /// With `binary` (BODY=BINARYMIME) everything is allowed.
    pub fn new(binary: bool) -> Self {
        ChunkCheck { binary, after_cr: false, line_bytes: 0 }
    }

    /// Looks at the next bytes of the message.
    pub fn push(&mut self, input: &[u8]) -> Result<(), Fault> {
        if self.binary {
            return Ok(());
        }
        let mut pos = 0;
        if self.after_cr && !input.is_empty() {
            if input.first() != Some(&b'\n') {
                return Err(Fault::BareLineEnd);
            }
            (self.after_cr, self.line_bytes, pos) = (false, 0, 1);
        }
        while let Some(rest) = input.get(pos..)
            && let Some(i) = memchr::memchr3(b'\r', b'\n', 0, rest)
        {
            self.grow_line(i)?;
            match (rest.get(i), rest.get(i + 1)) {
                (Some(b'\r'), Some(b'\n')) => (self.line_bytes, pos) = (0, pos + i + 2),
                (Some(b'\r'), None) => {
                    self.after_cr = true;
                    return Ok(());
                }
                (Some(0), _) => return Err(Fault::Nul),
                (_, _) => return Err(Fault::BareLineEnd),
            }
        }
        self.grow_line(input.len().saturating_sub(pos))
    }

    /// The last chunk has been read.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.after_cr { Err(Fault::BareLineEnd) } else { Ok(()) }
    }

    fn grow_line(&mut self, bytes: usize) -> Result<(), Fault> {
        self.line_bytes = self.line_bytes.saturating_add(bytes);
        if self.line_bytes > MESSAGE_LINE_BYTES_MAX { Err(Fault::LineTooLong) } else { Ok(()) }
    }
}

/// Writes a message for DATA, piece by piece: dots are stuffed, a bare CR or LF becomes CRLF.
#[derive(Debug)]
pub struct Stuffer {
    line_start: bool,
    after_cr: bool,
}

impl Default for Stuffer {
    fn default() -> Self {
        Stuffer { line_start: true, after_cr: false }
    }
}

impl Stuffer {
    /// Appends the wire form of the next bytes of the message.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut pos = 0;
        while let Some(&b) = input.get(pos) {
            if self.after_cr {
                self.after_cr = false;
                pos += usize::from(b == b'\n');
                continue;
            }
            if self.line_start && b == b'.' {
                out.push(b'.');
            }
            self.line_start = false;
            pos += self.line(input.get(pos..).unwrap_or_default(), out);
        }
    }

    /// Copies up to the end of lines that need nothing; returns the bytes taken.
    fn line(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut pos = 0;
        while let Some(i) = input.get(pos..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)) {
            let here = pos + i;
            if input.get(here) == Some(&b'\r') && input.get(here + 1) == Some(&b'\n') {
                pos = here + 2;
                if matches!(input.get(pos), Some(b'.') | None) {
                    out.extend_from_slice(input.get(..pos).unwrap_or_default());
                    self.line_start = true;
                    return pos;
                }
                continue;
            }
            out.extend_from_slice(input.get(..here).unwrap_or_default());
            out.extend_from_slice(b"\r\n");
            self.line_start = true;
            self.after_cr = input.get(here) == Some(&b'\r');
            return here + 1;
        }
        out.extend_from_slice(input);
        input.len()
    }

    /// Appends the end of the message: a missing last line end, then the terminating line.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start { b".\r\n" } else { b"\r\n.\r\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Scans in pieces of `step`: content, fault, bytes used when done.
    fn scan(input: &[u8], step: usize, max: usize) -> (Vec<u8>, Option<Fault>, Option<usize>) {
        let (mut s, mut body, mut used) = (Scanner::new(max), Vec::new(), 0);
        for piece in input.chunks(step) {
            let p = s.push(piece, &mut body);
            used += p.used;
            if p.done {
                return (body, s.fault(), Some(used));
            }
        }
        (body, s.fault(), None)
    }

    fn check(input: &[u8], body: &[u8], fault: Option<Fault>, rest: Option<&[u8]>) {
        for step in 1..=input.len().max(1) {
            let (b, f, used) = scan(input, step, 1000);
            let left = used.map(|u| &input[u..]);
            assert_eq!((f, left), (fault, rest), "{:?} by {step}", String::from_utf8_lossy(input));
            if fault.is_none() {
                assert_eq!(b, body, "{:?} by {step}", String::from_utf8_lossy(input));
            } else {
                assert!(b.is_empty());
            }
        }
    }

    #[test]
    fn content_ends_at_crlf_dot_crlf_alone() {
        check(b".\r\nQUIT", b"", None, Some(b"QUIT"));
        check(b"a\r\n.\r\n", b"a\r\n", None, Some(b""));
        check(b"a\r\n..\r\n.b\r\n.\r\nX", b"a\r\n.\r\nb\r\n", None, Some(b"X"));
        check(b"..\r\n.\r\n", b".\r\n", None, Some(b""));
        check(b"a.\r\n.\r\n", b"a.\r\n", None, Some(b""));
        check(b"a\r\n", b"a\r\n", None, None);
        check(b"\r\n\r\n.\r\n", b"\r\n\r\n", None, Some(b""));
        check(b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n", None, Some(b""));
        check(b"a\r\n.\r\n.\r\n", b"a\r\n", None, Some(b".\r\n"));
    }

    #[test]
    fn false_ends_do_not_end_and_refuse() {
        let false_ends: [&[u8]; 16] = [
            b"\n.\n",
            b"\n.\r\n",
            b"\n.\r",
            b"\r.\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
            b"\r\n.\r\r\n",
            b"\r\r\n.\r\r\n",
            b"\r\n.\r\0\n",
            b"\n\n.\r\n",
            b"\r\n.\x85\n",
            b"\0\r\n.\0\r\n",
        ];
        for end in false_ends {
            let input = [b"body", end, b"MAIL FROM:<x@y>\r\n", b"\r\n.\r\nREST"].concat();
            for step in 1..input.len() {
                let (body, fault, used) = scan(&input, step, 1000);
                assert!(fault.is_some() && body.is_empty(), "{end:?}");
                assert_eq!(used.map(|u| &input[u..]), Some(&b"REST"[..]), "{end:?}");
            }
        }
        check(b"body\r\n. \r\nMAIL\r\n.\r\n", b"body\r\n \r\nMAIL\r\n", None, Some(b""));
    }

    #[test]
    fn size_and_line_limits_hold() {
        let input = [&b"x".repeat(999)[..], b"\r\n.\r\nQUIT"].concat();
        assert_eq!(scan(&input, 7, 1001).1, None);
        let (body, fault, used) = scan(&input, 7, 1000);
        assert_eq!((body.len(), fault, used), (0, Some(Fault::TooBig), Some(1004)));
        let long = [&b"x".repeat(MESSAGE_LINE_BYTES_MAX + 1)[..], b"\r\n.\r\n"].concat();
        for step in [1000, long.len()] {
            assert_eq!(scan(&long, step, usize::MAX).1, Some(Fault::LineTooLong));
        }
        let ok = [&b"x".repeat(MESSAGE_LINE_BYTES_MAX)[..], b"\r\n.\r\n"].concat();
        assert_eq!(scan(&ok, 4096, usize::MAX).1, None);
    }

    #[test]
    fn chunks_are_checked_across_their_borders() {
        let run = |chunks: &[&[u8]], binary| {
            let mut c = ChunkCheck::new(binary);
            chunks.iter().try_for_each(|x| c.push(x)).and_then(|()| c.finish())
        };
        assert_eq!(run(&[b"a\r", b"\nb\r\n"], false), Ok(()));
        assert_eq!(run(&[b"a\r", b"", b"\nb"], false), Ok(()));
        assert_eq!(run(&[b"a\r", b"b"], false), Err(Fault::BareLineEnd));
        assert_eq!(run(&[b"a\r"], false), Err(Fault::BareLineEnd));
        assert_eq!(run(&[b"a", b"\n"], false), Err(Fault::BareLineEnd));
        assert_eq!(run(&[b"a\0"], false), Err(Fault::Nul));
        assert_eq!(run(&[b"a\0\r\n\n\r"], true), Ok(()));
    }

    fn stuff(input: &[u8], step: usize) -> Vec<u8> {
        let (mut s, mut out) = (Stuffer::default(), Vec::new());
        input.chunks(step).for_each(|piece| s.push(piece, &mut out));
        s.finish(&mut out);
        out
    }

    #[test]
    fn stuffing() {
        for step in 1..10 {
            assert_eq!(stuff(b"", step), b".\r\n");
            assert_eq!(stuff(b".a\r\n.\r\n", step), b"..a\r\n..\r\n.\r\n");
            assert_eq!(stuff(b"a", step), b"a\r\n.\r\n");
            assert_eq!(stuff(b"a\n.\rb\r", step), b"a\r\n..\r\nb\r\n.\r\n");
            assert_eq!(stuff(b"a\r\r\n\n.", step), b"a\r\n\r\n\r\n..\r\n.\r\n");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_is_scanned_back(input in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')], 0..60), step in 1usize..8) {
            let wire = stuff(&input, step);
            prop_assert_eq!(&wire, &stuff(&input, 100));
            let (body, fault, used) = scan(&wire, step, 1000);
            prop_assert_eq!(fault, None);
            prop_assert_eq!(used, Some(wire.len()));
            let text = String::from_utf8(input).unwrap().replace("\r\n", "\n").replace('\r', "\n");
            let mut expect = text.replace('\n', "\r\n");
            if !expect.is_empty() && !expect.ends_with("\r\n") { expect.push_str("\r\n"); }
            prop_assert_eq!(String::from_utf8(body).unwrap(), expect);
        }

        #[test]
        fn blocks_and_single_bytes_agree(fill in 1000usize..1040, soup in proptest::collection::vec(prop_oneof![4 => Just(&b"\r\n"[..]), 4 => Just(&b"a"[..]), 1 => Just(&b"."[..]), 1 => Just(&b"\r\n.\r\n"[..]), 1 => Just(&b"\n"[..]), 1 => Just(&b"\r"[..]), 1 => Just(&b"\0"[..])], 0..40), more in 0usize..3000) {
            let input = [b"b".repeat(fill), soup.concat(), b"c\r\n".repeat(more / 3)].concat();
            prop_assert_eq!(scan(&input, 1, 100_000), scan(&input, usize::MAX, 100_000));
            prop_assert_eq!(scan(&input, 1, 100_000), scan(&input, 1_025, 100_000));
        }

        #[test]
        fn fragmentation_changes_nothing(input in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(0u8), Just(b'a')], 0..60), step in 1usize..8) {
            prop_assert_eq!(scan(&input, step, 30), scan(&input, 100, 30));
        }
    }
}
