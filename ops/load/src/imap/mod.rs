//! SUMMARY    A lean IMAP client: enough to log in, fill, fetch, count and wait.
//! STANDARDS  RFC 9051, RFC 3501, RFC 7888 (LITERAL+), RFC 2177 (IDLE)
//! INVARIANTS `count_fetch` looks at line ends only and copies nothing: a run that measures the server does not measure us.

pub mod structure;
pub mod value;

use crate::{
    error::{Error, Result, protocol},
    net::{Conn, Target},
};

/// Literals of one response.
const LITERALS_MAX: usize = 10_000;

pub struct Client {
    conn: Conn,
    tag: u64,
}

/// What a FETCH brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub messages: u64,
    pub bytes: u64,
}

impl Client {
    pub async fn login(target: &Target, user: &str, password: &str) -> Result<Self> {
        Self::login_sized(target, user, password, 256 * 1024).await
    }

    /// `read_bytes` bounds the memory of an idle connection.
    pub async fn login_sized(target: &Target, user: &str, password: &str, read_bytes: usize) -> Result<Self> {
        let mut client = Self::connect(target, read_bytes).await?;
        client.log_in(user, password).await?;
        Ok(client)
    }

    /// Connects and reads the greeting.
    pub async fn connect(target: &Target, read_bytes: usize) -> Result<Self> {
        let mut conn = Conn::open(target, read_bytes).await?;
        let greeting = conn.line().await?;
        if !greeting.starts_with(b"* OK") {
            return Err(protocol(format!("greeting: {}", String::from_utf8_lossy(greeting))));
        }
        Ok(Client { conn, tag: 0 })
    }

    pub async fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        self.command(&format!("LOGIN {} {}", quote(user), quote(password)), |_| Ok(())).await
    }

    /// Runs a command; every untagged response, literals included, goes to `on`.
    pub async fn command(&mut self, text: &str, mut on: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let tag = self.begin(text).await?;
        let mut response = Vec::new();
        while !self.response(&tag, &mut response).await? {
            on(&response)?;
        }
        completion(&tag, &response)
    }

    /// EXISTS of a mailbox, opened read-only or read-write.
    pub async fn select(&mut self, mailbox: &str, read_only: bool) -> Result<u64> {
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        let mut exists = 0;
        self.command(&format!("{verb} {}", quote(mailbox)), |line| {
            if let Some(n) = number_before(line, b" EXISTS") {
                exists = n;
            }
            Ok(())
        })
        .await?;
        Ok(exists)
    }

    /// MESSAGES of a mailbox without opening it.
    pub async fn status_messages(&mut self, mailbox: &str) -> Result<u64> {
        let mut messages = None;
        self.command(&format!("STATUS {} (MESSAGES)", quote(mailbox)), |line| {
            let text = String::from_utf8_lossy(line);
            if let Some((_, rest)) = text.rsplit_once("MESSAGES ") {
                messages = rest.trim_end_matches(')').parse().ok();
            }
            Ok(())
        })
        .await?;
        messages.ok_or_else(|| protocol("STATUS without MESSAGES"))
    }

    /// Runs a FETCH and counts what comes.
    pub async fn count_fetch(&mut self, command: &str) -> Result<Counted> {
        let tag = self.begin(command).await?;
        let mut counted = Counted::default();
        loop {
            let line = self.conn.line().await?;
            if line.starts_with(tag.as_bytes()) {
                completion(&tag, line)?;
                return Ok(counted);
            }
            counted.messages += u64::from(is_fetch(line));
            counted.bytes += line.len() as u64 + 2;
            let mut literal = literal_of(line);
            while let Some(length) = literal {
                self.conn.skip(length).await?;
                let line = self.conn.line().await?;
                counted.bytes += (length + line.len()) as u64 + 2;
                literal = literal_of(line);
            }
        }
    }

    /// Appends messages, several per command when the server has MULTIAPPEND and non-synchronising literals.
    pub async fn append(&mut self, mailbox: &str, messages: &[Vec<u8>]) -> Result<()> {
        self.tag += 1;
        let tag = format!("a{} ", self.tag);
        let mut out = format!("{tag}APPEND {}", quote(mailbox)).into_bytes();
        for message in messages {
            out.extend_from_slice(format!(" (\\Seen) {{{}+}}\r\n", message.len()).as_bytes());
            out.extend_from_slice(message);
        }
        out.extend_from_slice(b"\r\n");
        self.conn.write(&out).await?;
        let mut response = Vec::new();
        while !self.response(&tag, &mut response).await? {}
        completion(&tag, &response)
    }

    /// Enters IDLE and stays there, holding as little memory as possible.
    pub async fn idle(&mut self) -> Result<()> {
        self.begin("IDLE").await?;
        loop {
            let line = self.conn.line().await?;
            if line.starts_with(b"+") {
                break;
            }
            if !line.starts_with(b"*") {
                return Err(Error::Refused { code: 0, text: String::from_utf8_lossy(line).into_owned() });
            }
        }
        self.conn.shrink();
        Ok(())
    }

    /// The next line the server says unasked.
    pub async fn unsolicited(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.conn.line().await?).into_owned())
    }

    pub async fn capabilities(&mut self) -> Result<String> {
        let mut text = String::new();
        self.command("CAPABILITY", |line| {
            text.push_str(&String::from_utf8_lossy(line));
            Ok(())
        })
        .await?;
        Ok(text.to_ascii_uppercase())
    }

    async fn begin(&mut self, text: &str) -> Result<String> {
        self.tag += 1;
        let tag = format!("a{} ", self.tag);
        self.conn.write(format!("{tag}{text}\r\n").as_bytes()).await?;
        Ok(tag)
    }

    /// Reads one response with its literals; true when it is the tagged one.
    async fn response(&mut self, tag: &str, into: &mut Vec<u8>) -> Result<bool> {
        into.clear();
        for _ in 0..LITERALS_MAX {
            let from = into.len();
            into.extend_from_slice(self.conn.line().await?);
            match literal_of(into.get(from..).unwrap_or_default()) {
                None => return Ok(into.starts_with(tag.as_bytes())),
                Some(length) => {
                    into.extend_from_slice(b"\r\n");
                    self.conn.take(length, into).await?;
                }
            }
        }
        Err(protocol(format!("more than {LITERALS_MAX} literals in a response (LITERALS_MAX)")))
    }
}

fn completion(tag: &str, line: &[u8]) -> Result<()> {
    let rest = line.strip_prefix(tag.as_bytes()).unwrap_or_default();
    if rest.starts_with(b"OK") {
        return Ok(());
    }
    Err(Error::Refused { code: 0, text: String::from_utf8_lossy(rest).into_owned() })
}

/// The length of the literal that a line announces at its end.
fn literal_of(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let digits = inner.get(open + 1..)?;
    if digits.is_empty() || digits.len() > 12 {
        return None;
    }
    digits.iter().try_fold(0_usize, |n, d| d.is_ascii_digit().then(|| n * 10 + usize::from(d - b'0')))
}

/// `* N FETCH`
fn is_fetch(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"* ") else { return false };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && rest.get(digits..).is_some_and(|r| r.starts_with(b" FETCH "))
}

fn number_before(line: &[u8], suffix: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"* ")?.strip_suffix(suffix)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A quoted string (RFC 9051 §4.3).
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_seen_at_line_ends_only() {
        for (line, expect) in [
            ("* 1 FETCH (BODY[] {42}", Some(42)),
            ("* 1 FETCH (BODY[] ~{7}", Some(7)),
            ("* 1 FETCH (FLAGS ())", None),
            ("* OK {x}", None),
            ("{}", None),
            ("{9999999999999}", None),
        ] {
            assert_eq!(literal_of(line.as_bytes()), expect, "{line}");
        }
    }

    #[test]
    fn fetch_lines_are_told_from_others() {
        assert!(is_fetch(b"* 12 FETCH (UID 3)"));
        for other in ["* 12 EXISTS", "* FETCH (", "a1 OK FETCH done", "* OK 1 FETCH "] {
            assert!(!is_fetch(other.as_bytes()), "{other}");
        }
        assert_eq!(number_before(b"* 17 EXISTS", b" EXISTS"), Some(17));
        assert_eq!(number_before(b"* OK EXISTS", b" EXISTS"), None);
    }

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quote(r#"a"b\c"#), r#""a\"b\\c""#);
    }
}
