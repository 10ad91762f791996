//! SUMMARY    A lean SMTP and LMTP client: one transaction is two writes, or one with BDAT.
//! STANDARDS  RFC 5321, RFC 2033 (LMTP), RFC 2920 (PIPELINING), RFC 3030 (BDAT), RFC 3207, RFC 4954 (PLAIN), RFC 6152
//! INVARIANTS A message counts as accepted only with a 2xx answer to its last byte.

use base64::Engine;

use crate::{
    error::{Error, Result, protocol},
    net::{Conn, Target},
};

/// Lines of one reply.
const REPLY_LINES_MAX: usize = 200;

/// How to speak to the server.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub lmtp: bool,
    pub starttls: bool,
    /// `user:password` for AUTH PLAIN.
    pub auth: Option<String>,
}

/// What the server offers and we use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offers {
    pub pipelining: bool,
    pub chunking: bool,
    pub binarymime: bool,
    pub eight_bit: bool,
}

/// How the message's bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// DATA; the bytes must have CRLF lines; dots are stuffed on the way.
    Data,
    /// BDAT with BODY=8BITMIME.
    Chunk,
    /// BDAT with BODY=BINARYMIME: any byte.
    Binary,
}

pub struct Client {
    conn: Conn,
    pub offers: Offers,
    lmtp: bool,
    out: Vec<u8>,
}

/// One message to send.
pub struct Transaction<'a> {
    pub from: &'a str,
    pub to: &'a [&'a str],
    pub message: &'a [u8],
    pub body: Body,
}

impl Client {
    pub async fn open(target: &Target, dialect: &Dialect) -> Result<Self> {
        let mut client = Client {
            conn: Conn::open(target, 4096).await?,
            offers: Offers::default(),
            lmtp: dialect.lmtp,
            out: Vec::new(),
        };
        client.expect(2).await?;
        client.hello().await?;
        if dialect.starttls {
            client.conn.write(b"STARTTLS\r\n").await?;
            client.expect(2).await?;
            client.conn = client.conn.start_tls().await?;
            client.hello().await?;
        }
        if let Some(auth) = &dialect.auth {
            let (user, password) = auth.split_once(':').ok_or_else(|| protocol("auth is user:password"))?;
            let token = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
            client.conn.write(format!("AUTH PLAIN {token}\r\n").as_bytes()).await?;
            client.expect(2).await?;
        }
        Ok(client)
    }

    /// Sends one message; all recipients must be accepted. After an error the session is of no further use.
    pub async fn send(&mut self, t: &Transaction<'_>) -> Result<()> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let chunked = t.body != Body::Data;
        envelope(t, self.offers.eight_bit, &mut out);
        if chunked {
            out.extend_from_slice(format!("BDAT {} LAST\r\n", t.message.len()).as_bytes());
            out.extend_from_slice(t.message);
        } else {
            out.extend_from_slice(b"DATA\r\n");
        }
        if self.offers.pipelining {
            self.conn.write(&out).await?;
        } else if chunked {
            return Err(protocol("BDAT without PIPELINING is not driven"));
        }
        // Without PIPELINING each command waits for the answer to the one before.
        let mut commands = out.split_inclusive(|b| *b == b'\n');
        for _ in 0..t.to.len() + 1 {
            self.command_unless_pipelined(commands.next()).await?;
            self.expect(2).await?;
        }
        if !chunked {
            self.command_unless_pipelined(commands.next()).await?;
            self.expect(3).await?;
            out.clear();
            stuff(t.message, &mut out);
            self.conn.write(&out).await?;
        }
        self.out = out;
        for _ in 0..if self.lmtp { t.to.len() } else { 1 } {
            self.expect(2).await?;
        }
        Ok(())
    }

    /// One command alone, and the answer to it, whatever it says.
    pub async fn ask(&mut self, command: &str) -> Result<(u16, String)> {
        self.conn.write(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }

    pub async fn quit(mut self) {
        // The work is acknowledged; how the goodbye goes does not matter.
        if self.conn.write(b"QUIT\r\n").await.is_ok() {
            let _ = self.reply().await;
        }
    }

    async fn command_unless_pipelined(&mut self, command: Option<&[u8]>) -> Result<()> {
        match command {
            Some(command) if !self.offers.pipelining => self.conn.write(command).await,
            _ => Ok(()),
        }
    }

    async fn hello(&mut self) -> Result<()> {
        let verb = if self.lmtp { "LHLO" } else { "EHLO" };
        self.conn.write(format!("{verb} load.sender.example\r\n").as_bytes()).await?;
        let (code, text) = self.reply().await?;
        if code != 250 {
            return Err(Error::Refused { code, text });
        }
        let has = |name: &str| {
            text.lines().skip(1).any(|l| l.split(' ').next().is_some_and(|w| w.eq_ignore_ascii_case(name)))
        };
        self.offers = Offers {
            pipelining: has("PIPELINING"),
            chunking: has("CHUNKING"),
            binarymime: has("BINARYMIME"),
            eight_bit: has("8BITMIME"),
        };
        Ok(())
    }

    /// One reply whose first digit must be `class`.
    async fn expect(&mut self, class: u16) -> Result<()> {
        let (code, text) = self.reply().await?;
        if code / 100 == class { Ok(()) } else { Err(Error::Refused { code, text }) }
    }

    /// One reply: its code and the texts of its lines.
    async fn reply(&mut self) -> Result<(u16, String)> {
        let mut text = String::new();
        for _ in 0..REPLY_LINES_MAX {
            let line = self.conn.line().await?;
            let code = line.get(..3).and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| c.parse::<u16>().ok());
            let code = code.ok_or_else(|| protocol(format!("not a reply: {}", String::from_utf8_lossy(line))))?;
            text.push_str(&String::from_utf8_lossy(line.get(4..).unwrap_or_default()));
            if line.get(3) != Some(&b'-') {
                return Ok((code, text));
            }
            text.push('\n');
        }
        Err(protocol(format!("more than {REPLY_LINES_MAX} lines in a reply (REPLY_LINES_MAX)")))
    }
}

fn envelope(t: &Transaction<'_>, eight_bit: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("MAIL FROM:<{}>", t.from).as_bytes());
    match t.body {
        Body::Data | Body::Chunk if eight_bit => out.extend_from_slice(b" BODY=8BITMIME"),
        Body::Data | Body::Chunk => {}
        Body::Binary => out.extend_from_slice(b" BODY=BINARYMIME"),
    }
    out.extend_from_slice(b"\r\n");
    for to in t.to {
        out.extend_from_slice(format!("RCPT TO:<{to}>\r\n").as_bytes());
    }
}

/// Appends `message` with stuffed dots and the end of data (RFC 5321 §4.5.2).
fn stuff(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(message.len() + 16);
    if message.first() == Some(&b'.') {
        out.push(b'.');
    }
    let mut from = 0;
    for at in memchr::memmem::find_iter(message, b"\r\n.") {
        out.extend_from_slice(message.get(from..at + 3).unwrap_or_default());
        out.push(b'.');
        from = at + 3;
    }
    out.extend_from_slice(message.get(from..).unwrap_or_default());
    out.extend_from_slice(if message.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_stuffed_at_line_starts_only() {
        for (message, wire) in [
            ("a\r\n", "a\r\n.\r\n"),
            (".a\r\n", "..a\r\n.\r\n"),
            ("a\r\n.\r\n..b.c\r\n", "a\r\n..\r\n...b.c\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("\r\n.\r\n.", "\r\n..\r\n..\r\n.\r\n"),
        ] {
            let mut out = Vec::new();
            stuff(message.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wire);
        }
    }
}
