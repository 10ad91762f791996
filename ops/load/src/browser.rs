//! SUMMARY    A lean browser: one keep-alive connection, cookies, forms, and how many bytes came over the wire.
//! STANDARDS  RFC 9110, RFC 9112 (HTTP/1.1, chunked bodies), RFC 6265 (cookies, by name and value only)
//! LIMITS     HEADER_LINES_MAX, BODY_BYTES_MAX

use std::collections::BTreeMap;

use crate::{
    error::{Result, protocol},
    net::{Conn, Target},
};

/// Header lines of one answer.
const HEADER_LINES_MAX: usize = 100;
/// Bytes of one answer.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of one read.
const READ_BYTES: usize = 32 << 10;

/// What a server answered.
#[derive(Debug, Default)]
pub struct Page {
    pub status: u16,
    /// Where it leads, when it leads elsewhere.
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// Of head and body, as they were sent.
    pub wire_bytes: usize,
}

impl Page {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The values of an attribute, in their order.
    pub fn attributes(&self, name: &str) -> Vec<String> {
        let (text, begin) = (self.text(), format!("{name}=\""));
        let rest = text.split(&begin).skip(1);
        rest.filter_map(|r| r.split('"').next()).map(str::to_owned).collect()
    }

    /// The value of a hidden field of a form.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next().map(str::to_owned)
    }
}

/// A visitor with cookies of its own.
pub struct Browser {
    target: Target,
    conn: Option<Conn>,
    pub cookies: BTreeMap<String, String>,
    /// Says that bodies may be compressed: they are then not read, but counted.
    pub compressed: bool,
}

impl Browser {
    pub fn new(target: &Target) -> Browser {
        Browser { target: target.clone(), conn: None, cookies: BTreeMap::new(), compressed: false }
    }

    pub async fn get(&mut self, path: &str) -> Result<Page> {
        self.send("GET", path, None).await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        self.send("POST", path, Some(pairs.collect::<Vec<_>>().join("&"))).await
    }

    async fn send(&mut self, method: &str, path: &str, form: Option<String>) -> Result<Page> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => Conn::open(&self.target, READ_BYTES).await?,
        };
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.target.address);
        if !self.cookies.is_empty() {
            let all = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            head += &format!("Cookie: {}\r\n", all.collect::<Vec<_>>().join("; "));
        }
        if self.compressed {
            head += "Accept-Encoding: gzip, br\r\n";
        }
        if let Some(form) = &form {
            head += "Content-Type: application/x-www-form-urlencoded\r\n";
            head += &format!("Content-Length: {}\r\n", form.len());
        }
        head += "\r\n";
        head += form.as_deref().unwrap_or_default();
        conn.write(head.as_bytes()).await?;
        let page = self.answer(&mut conn).await?;
        self.conn = Some(conn);
        Ok(page)
    }

    async fn answer(&mut self, conn: &mut Conn) -> Result<Page> {
        let mut page = Page::default();
        let line = String::from_utf8_lossy(conn.line().await?).into_owned();
        page.wire_bytes += line.len() + 2;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        page.status = status.ok_or_else(|| protocol(format!("not an answer: {line}")))?;
        let (mut length, mut is_chunked) = (0, false);
        for _ in 0..HEADER_LINES_MAX {
            let line = String::from_utf8_lossy(conn.line().await?).into_owned();
            page.wire_bytes += line.len() + 2;
            if line.is_empty() {
                match is_chunked {
                    true => chunks(conn, &mut page).await?,
                    false => take(conn, length, &mut page).await?,
                }
                return Ok(page);
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(|_| protocol("Content-Length is no number"))?,
                "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
                "location" => page.location = Some(value.to_owned()),
                "set-cookie" => self.keep(value),
                _ => {}
            }
        }
        Err(protocol(format!("more than {HEADER_LINES_MAX} header lines (HEADER_LINES_MAX)")))
    }

    fn keep(&mut self, cookie: &str) {
        let pair = cookie.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

async fn take(conn: &mut Conn, length: usize, page: &mut Page) -> Result<()> {
    if page.body.len().saturating_add(length) > BODY_BYTES_MAX {
        return Err(protocol(format!("an answer of more than {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX)")));
    }
    page.wire_bytes += length;
    conn.take(length, &mut page.body).await
}

async fn chunks(conn: &mut Conn, page: &mut Page) -> Result<()> {
    loop {
        let line = String::from_utf8_lossy(conn.line().await?).into_owned();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| protocol(format!("not the size of a chunk: {line}")))?;
        take(conn, size, page).await?;
        let end = conn.line().await?.len();
        page.wire_bytes += line.len() + 2 + end + 2;
        if size == 0 {
            return Ok(());
        }
    }
}

/// As a form sends it.
fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text += &format!("%{byte:02X}"),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_and_read() {
        assert_eq!(encoded("a b@c.example&x=ä"), "a%20b%40c.example%26x%3D%C3%A4");
        let body = br#"<link href="/a.css"><input type="hidden" name="form" value="tok"><script src="/b.js">"#.to_vec();
        let page = Page { body, ..Page::default() };
        assert_eq!(page.field("form").as_deref(), Some("tok"));
        assert_eq!(page.field("once"), None);
        assert_eq!((page.attributes("href"), page.attributes("src")), (vec!["/a.css".into()], vec!["/b.js".into()]));
    }
}
