//! SUMMARY    Replies: written by the server, read by the client.
//! STANDARDS  RFC 5321 §4.2 (replies), RFC 2034 §4 and RFC 3463 (enhanced status codes)
//! SECURITY   The parser reads what foreign servers send; the writer may carry their text back: neither lets a line break through.
//! LIMITS     SMTP_REPLY_LINE_BYTES_MAX, SMTP_REPLY_LINES_MAX, SMTP_REPLY_TEXT_BYTES_MAX
//! INVARIANTS A rendered reply has no CR or LF but its own line ends, and no line over 512 bytes.

use base::limits::{SMTP_REPLY_LINE_BYTES_MAX, SMTP_REPLY_LINES_MAX, SMTP_REPLY_TEXT_BYTES_MAX};
use std::{borrow::Cow, fmt};

/// Enhanced status code (RFC 3463 §2): class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Enhanced {
    /// `5.1.1`, with nothing before or after it; the class is 2, 4 or 5.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !matches!(class, "2" | "4" | "5") {
            return None;
        }
        let number = |t: &str| {
            let ok = (1..=3).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
            if ok { t.parse::<u16>().ok() } else { None }
        };
        Some(Enhanced(class.parse().ok()?, number(subject)?, number(detail)?))
    }
}

/// One reply: code, enhanced code, one or more lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub lines: Vec<Cow<'static, str>>,
}

impl Reply {
    /// A reply of one line with its enhanced code, given as (class, subject, detail).
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: impl Into<Cow<'static, str>>) -> Self {
        Reply { code, enhanced: Some(Enhanced(enhanced.0, enhanced.1, enhanced.2)), lines: vec![text.into()] }
    }

    /// A reply without enhanced code: greeting, EHLO, 334 and 354 have none (RFC 2034 §4).
    pub fn bare(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Reply { code, enhanced: None, lines: vec![text.into()] }
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: do not try again unchanged.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The lines joined by spaces, for a log or a DSN.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Appends the wire form; a multi-line reply repeats code and enhanced code on each line (RFC 2034 §4).
    pub fn write(&self, out: &mut Vec<u8>) {
        let enhanced = self.enhanced.map(|e| format!("{e} ")).unwrap_or_default();
        let last = self.lines.len().saturating_sub(1);
        if self.lines.is_empty() {
            out.extend_from_slice(format!("{} {}\r\n", self.code, enhanced.trim_end()).as_bytes());
        }
        for (i, line) in self.lines.iter().enumerate() {
            let mark = if i == last { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{mark}{enhanced}", self.code).as_bytes());
            out.extend(line.chars().take(TEXT_BYTES_MAX).map(sanitise));
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// RFC 5321 §4.5.3.1.5 allows 512 bytes with code and CRLF; the enhanced code takes up to 10.
const TEXT_BYTES_MAX: usize = 490;

/// Printable ASCII stays, line breaks and controls become spaces, the rest `?`.
fn sanitise(c: char) -> u8 {
    match c {
        ' '..='~' => c as u8,
        c if c.is_control() => b' ',
        _ => b'?',
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(e) = self.enhanced {
            write!(f, " {e}")?;
        }
        write!(f, " {}", self.text())
    }
}

/// Why bytes of a server are not a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// A line does not begin with a code of three digits, or the codes of a multi-line reply differ.
    Syntax,
    /// SMTP_REPLY_LINE_BYTES_MAX, SMTP_REPLY_LINES_MAX or SMTP_REPLY_TEXT_BYTES_MAX.
    TooLong,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReplyError::Syntax => "the server's reply is not SMTP",
            ReplyError::TooLong => "the server's reply is too long",
        })
    }
}
impl std::error::Error for ReplyError {}

/// Collects bytes into replies, in any fragmentation.
#[derive(Debug, Default)]
pub struct ReplyParser {
    input: Vec<u8>,
    partial: Option<Reply>,
    text_bytes: usize,
    failed: Option<ReplyError>,
}

impl ReplyParser {
    /// Takes bytes; what exceeds a limit is refused by the next [`ReplyParser::next_reply`].
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.input.extend_from_slice(bytes);
        }
    }

    /// Whether bytes wait that are no complete reply yet (or a reply nobody asked for).
    pub fn has_input(&self) -> bool {
        !self.input.is_empty() || self.partial.is_some()
    }

    /// Forgets everything fed so far.
    pub fn clear(&mut self) {
        *self = ReplyParser::default();
    }

    /// The next complete reply; `None` asks for more bytes. An error is final.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        if let Some(e) = self.failed {
            return Err(e);
        }
        let result = self.step();
        if let Err(e) = result {
            self.clear();
            self.failed = Some(e);
        }
        result
    }

    fn step(&mut self) -> Result<Option<Reply>, ReplyError> {
        let mut used = 0;
        let mut done = None;
        while let Some(rest) = self.input.get(used..)
            && let Some(end) = memchr::memchr(b'\n', rest)
        {
            let line = rest.get(..end).unwrap_or_default();
            used += end + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > SMTP_REPLY_LINE_BYTES_MAX {
                return Err(ReplyError::TooLong);
            }
            self.text_bytes += line.len();
            if take_line(&mut self.partial, line)? {
                done = self.partial.take();
                break;
            }
            let lines = self.partial.as_ref().map_or(0, |r| r.lines.len());
            if lines >= SMTP_REPLY_LINES_MAX || self.text_bytes > SMTP_REPLY_TEXT_BYTES_MAX {
                return Err(ReplyError::TooLong);
            }
        }
        self.input.drain(..used);
        if done.is_some() {
            self.text_bytes = 0;
        } else if self.input.len() > SMTP_REPLY_LINE_BYTES_MAX + 1 {
            return Err(ReplyError::TooLong);
        }
        Ok(done)
    }
}

/// Adds one line to the reply being read; true when it is the last line.
fn take_line(partial: &mut Option<Reply>, line: &[u8]) -> Result<bool, ReplyError> {
    let text = String::from_utf8_lossy(line);
    let code = text.get(..3).filter(|c| c.bytes().all(|b| b.is_ascii_digit())).ok_or(ReplyError::Syntax)?;
    let code: u16 = code.parse().map_err(|_| ReplyError::Syntax)?;
    if !(200..=599).contains(&code) {
        return Err(ReplyError::Syntax);
    }
    let rest = text.get(3..).unwrap_or_default();
    let (last, rest) = match rest.chars().next() {
        None => (true, ""),
        Some(' ') => (true, rest.get(1..).unwrap_or_default()),
        Some('-') => (false, rest.get(1..).unwrap_or_default()),
        Some(_) => return Err(ReplyError::Syntax),
    };
    let reply = partial.get_or_insert_with(|| Reply { code, enhanced: None, lines: Vec::new() });
    if reply.code != code {
        return Err(ReplyError::Syntax);
    }
    let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let rest = match Enhanced::parse(first).filter(|e| u16::from(e.0) == code / 100) {
        Some(e) => {
            reply.enhanced.get_or_insert(e);
            after
        }
        None => rest,
    };
    reply.lines.push(Cow::Owned(rest.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()));
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let mut whole = ReplyParser::default();
        whole.feed(bytes);
        let expect = whole.next_reply();
        let mut single = ReplyParser::default();
        let mut got = Ok(None);
        for b in bytes {
            single.feed(&[*b]);
            got = single.next_reply();
            if !matches!(got, Ok(None)) {
                break;
            }
        }
        assert_eq!(got, expect, "byte by byte differs for {:?}", String::from_utf8_lossy(bytes));
        expect
    }

    #[test]
    fn renders_every_line_with_its_codes() {
        assert_eq!(wire(&Reply::new(250, (2, 1, 0), "ok")), "250 2.1.0 ok\r\n");
        let mut two = Reply::new(550, (5, 7, 1), "no\r\n250 yes");
        two.lines.push("see Ü".into());
        assert_eq!(wire(&two), "550-5.7.1 no  250 yes\r\n550 5.7.1 see ?\r\n");
        assert_eq!(wire(&Reply::bare(354, "go")), "354 go\r\n");
        assert!(wire(&Reply::bare(250, "x".repeat(5000))).len() <= 512);
    }

    #[test]
    fn reads_replies_in_any_fragmentation() {
        let reply = read(b"250-2.1.5 first\r\n250 2.1.5 second\r\n").unwrap().unwrap();
        assert_eq!(reply.enhanced, Some(Enhanced(2, 1, 5)));
        assert_eq!(reply.lines, ["first", "second"]);
        assert_eq!(read(b"220\r\n").unwrap().unwrap().code, 220);
        assert_eq!(read(b"250 5.1.1 not its class\r\n").unwrap().unwrap().enhanced, None);
        assert_eq!(read(b"250 ok\n").unwrap().unwrap().text(), "ok");
        assert_eq!(read(b"250 o"), Ok(None));
        for bad in [&b"hello\r\n"[..], b"999 x\r\n", b"250x\r\n", b"250-a\r\n251 b\r\n", b"\r\n"] {
            assert_eq!(read(bad), Err(ReplyError::Syntax));
        }
    }

    #[test]
    fn endless_replies_are_refused() {
        let mut p = ReplyParser::default();
        p.feed(&vec![b'2'; SMTP_REPLY_LINE_BYTES_MAX * 2]);
        assert_eq!(p.next_reply(), Err(ReplyError::TooLong));
        let mut p = ReplyParser::default();
        p.feed(&b"250-x\r\n".repeat(SMTP_REPLY_LINES_MAX + 1));
        assert_eq!(p.next_reply(), Err(ReplyError::TooLong));
        p.feed(b"250 ok\r\n");
        assert_eq!(p.next_reply(), Err(ReplyError::TooLong), "an error is final");
    }
}
