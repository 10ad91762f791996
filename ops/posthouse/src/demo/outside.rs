//! SUMMARY    The world outside of the demo: a relay that takes all mail that leaves, and a page that shows it.
//! STANDARDS  RFC 5321 §4.1 (the commands a relay needs)
//! SECURITY   On loopback only. What mails say is escaped; only links to this machine can be followed.
//! LIMITS     LETTERS_MAX, LETTER_BYTES_MAX, LINE_BYTES_MAX
//! INVARIANTS Nothing leaves this machine. The last letters are kept in the data folder, each in a file; one is taken once it is written.

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use base64::prelude::{BASE64_STANDARD, Engine};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Where letters are kept in the data folder.
pub const LETTERS: &str = "demo-outside";
/// Letters that are kept.
const LETTERS_MAX: usize = 100;
/// Bytes of one.
const LETTER_BYTES_MAX: usize = 4 << 20;
/// Bytes of a line (RFC 5321 §4.5.3.1.6 asks for 1,000).
const LINE_BYTES_MAX: u64 = 64 << 10;
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\
article{border-top:1px solid #767676}pre{white-space:pre-wrap;overflow-wrap:anywhere}";

/// One mail: its envelope and its bytes as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Letter {
    to: Vec<String>,
    text: String,
}

/// The letters of a folder, the latest first.
struct Kept {
    folder: PathBuf,
    letters: VecDeque<Letter>,
    /// Number of the next one.
    next: u64,
}

type Letters = Arc<Mutex<Kept>>;

impl Kept {
    /// Those of an earlier run. A file that is no letter, as one that was cut short, is passed over.
    fn open(folder: PathBuf) -> std::io::Result<Kept> {
        std::fs::create_dir_all(&folder)?;
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
            let letter = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Letter>(&bytes).ok());
            found.extend(number.zip(letter));
        }
        let next = found.keys().next_back().map_or(0, |last| last + 1);
        Ok(Kept { folder, next, letters: found.into_values().rev().take(LETTERS_MAX).collect() })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    fn keep(&mut self, letter: Letter) -> std::io::Result<()> {
        std::fs::write(self.path(self.next), serde_json::to_vec(&letter)?)?;
        let oldest = u64::try_from(LETTERS_MAX).ok().and_then(|kept| self.next.checked_sub(kept));
        // One that stays behind is one more file, which is shown when it is among the last.
        if let Some(oldest) = oldest {
            drop(std::fs::remove_file(self.path(oldest)));
        }
        self.next += 1;
        self.letters.push_front(letter);
        self.letters.truncate(LETTERS_MAX);
        Ok(())
    }
}

/// The relay and the page, until this is dropped.
pub struct Outside {
    pub smtp_port: u16,
    pub page_port: u16,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Opens both, with the letters that are kept in the data folder; the page at its usual port, or at a free one.
pub async fn open(data: &Path, page_port: u16) -> Result<Outside, String> {
    let failed = |e: std::io::Error| format!("the world outside: {e}");
    let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let pages = match TcpListener::bind((Ipv4Addr::LOCALHOST, page_port)).await {
        Ok(bound) => bound,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?,
    };
    let port = |listener: &TcpListener| listener.local_addr().map(|a| a.port()).map_err(failed);
    let (smtp_port, page_port) = (port(&relay)?, port(&pages)?);
    let letters = Arc::new(Mutex::new(Kept::open(data.join(LETTERS)).map_err(failed)?));
    let router = Router::new().route("/", get(page)).with_state(letters.clone());
    let relay = tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = relay.accept().await {
                let letters = letters.clone();
                // A sender that breaks off tries again.
                tokio::spawn(async move { drop(talk(stream, &letters).await) });
            }
        }
    });
    let pages = tokio::spawn(async move {
        if let Err(error) = axum::serve(pages, router).await {
            tracing::error!(%error, "the page of the world outside has ended");
        }
    });
    Ok(Outside { smtp_port, page_port, tasks: [relay, pages] })
}

/// One session, as its receiver.
async fn talk(stream: TcpStream, letters: &Letters) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut to: Vec<String> = Vec::new();
    stream.write_all(b"220 outside.example ESMTP\r\n").await?;
    while let Some(line) = line(&mut stream).await? {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-outside.example\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "RCPT" => {
                let wanted = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(to, _)| to);
                match refused(wanted) {
                    Some(answer) => answer.to_owned(),
                    None => {
                        to.push(wanted.to_owned());
                        "250 OK".to_owned()
                    }
                }
            }
            "DATA" if to.is_empty() => "503 No recipient".to_owned(),
            "DATA" => {
                stream.write_all(b"354 Go on\r\n").await?;
                let to = std::mem::take(&mut to);
                match data(&mut stream).await? {
                    Some(text) => keep(letters, Letter { to, text }),
                    None => format!("552 At most {LETTER_BYTES_MAX} bytes (LETTER_BYTES_MAX)"),
                }
            }
            "HELO" | "MAIL" | "RSET" | "NOOP" => {
                to.clear();
                "250 OK".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 Bye\r\n").await?;
                break;
            }
            _ => "502 Not here".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// What two addresses of any domain are answered, so that a message that waits and one that comes back can be looked at.
fn refused(address: &str) -> Option<&'static str> {
    match address.split_once('@').map(|(local, _)| local) {
        Some("later") => Some("450 4.2.1 This mailbox takes nothing for now"),
        Some("nobody") => Some("550 5.1.1 There is no such mailbox"),
        _ => None,
    }
}

fn keep(letters: &Letters, letter: Letter) -> String {
    match letters.lock().keep(letter) {
        Ok(()) => "250 OK".to_owned(),
        Err(error) => {
            tracing::warn!(%error, "a letter to the world outside is not kept");
            "451 4.3.0 It could not be kept, try again".to_owned()
        }
    }
}

/// A line with its end; `None` at the end of the connection.
async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    Ok((read > 0).then_some(line))
}

/// A message to its final dot; `None` when it is too large.
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut is_too_large = false;
    while let Some(line) = line(stream).await? {
        if line == b".\r\n" {
            return Ok((!is_too_large).then(|| String::from_utf8_lossy(&bytes).into_owned()));
        }
        is_too_large |= bytes.len() + line.len() > LETTER_BYTES_MAX;
        if !is_too_large {
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

async fn page(State(letters): State<Letters>) -> impl IntoResponse {
    let articles: String = letters.lock().letters.iter().map(drawn).collect();
    let nothing = "<p>Nothing yet. Load this page again when a mail is due.</p>";
    let body = if articles.is_empty() { nothing } else { &articles };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Mail to the world outside</title><style>{STYLE}</style></head><body><main><h1>Mail to the world outside</h1>\
         <p>The demo sends nothing beyond this machine. Here is what it would have sent, the latest first. Mail to later@ any \
         domain is put off, mail to nobody@ comes back.</p>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html)
}

fn drawn(letter: &Letter) -> String {
    let (head, body) = letter.text.split_once("\r\n\r\n").unwrap_or((&letter.text, ""));
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let field = |name: &str| {
        let found =
            unfolded.lines().find_map(|line| line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)));
        escaped(found.map_or("", |(_, value)| value.trim()))
    };
    let body = text_of(&field("Content-Transfer-Encoding"), body);
    let lines: String = body.lines().map(|line| linked(line) + "\n").collect();
    format!(
        "<article><h2>{}</h2><p>To {}<br>From {}</p><pre>{lines}</pre></article>",
        subject_of(&field("Subject")),
        escaped(&letter.to.join(", ")),
        field("From")
    )
}

/// The body as it is read: our own letters come in base64 (RFC 2045 §6.8), those of others stand as they came.
fn text_of(encoding: &str, body: &str) -> String {
    let bytes: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let read = encoding.eq_ignore_ascii_case("base64").then(|| BASE64_STANDARD.decode(bytes).ok()).flatten();
    read.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| body.to_owned())
}

/// A subject as it is read: encoded words (RFC 2047) in base64, as our own letters have them.
fn subject_of(field: &str) -> String {
    let words = field.split_whitespace().map(|word| {
        let word = word.strip_prefix("=?utf-8?B?").and_then(|word| word.strip_suffix("?="))?;
        String::from_utf8(BASE64_STANDARD.decode(word).ok()?).ok()
    });
    words.collect::<Option<String>>().map_or_else(|| field.to_owned(), |read| escaped(&read))
}

/// A line that is a link to this machine can be followed.
fn linked(line: &str) -> String {
    let (url, shown) = (line.trim(), escaped(line));
    match url.starts_with("http://localhost:") && !url.contains(char::is_whitespace) {
        true => format!("<a href=\"{}\">{shown}</a>", escaped(url)),
        false => shown,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::client;

    #[tokio::test]
    async fn what_leaves_is_shown_and_is_never_more_than_text() {
        let data = tempfile::tempdir().unwrap();
        let outside = open(data.path(), 0).await.unwrap();
        assert_eq!(subject_of("=?utf-8?B?SWhyIENvZGUg?= =?utf-8?B?PGjDtnJlPg==?="), "Ihr Code &lt;höre&gt;");
        let plain = "Subject: A <b>code</b>\nFrom: post@mail.example\n\n.12345678\n    http://localhost:1/signup\n";
        let coded = format!("Content-Transfer-Encoding: base64\n\n{}\n", BASE64_STANDARD.encode("<i>Welcome"));
        let letters = [("ann@x.example", plain), ("bob@x.example", &*coded)];
        client::smtp(outside.smtp_port, "post@mail.example", &letters).await.unwrap();
        let page = read(&outside).await;
        let link = "<a href=\"http://localhost:1/signup\">";
        for there in ["A &lt;b&gt;code", "To ann@x.example", "<pre>.12345678\n", link, "<pre>&lt;i&gt;Welcome\n"] {
            assert!(page.contains(there), "{there}: {page}");
        }
        assert!(page.find("bob@x.example") < page.find("ann@x.example"), "the latest first");
        drop(outside);
        let again = open(data.path(), 0).await.unwrap();
        assert_eq!(read(&again).await, page, "a restart shows what had gone");
    }

    #[test]
    fn the_last_letters_are_kept_and_no_more() {
        let data = tempfile::tempdir().unwrap();
        let letter = |n: usize| Letter { to: vec![format!("{n}@x.example")], text: String::new() };
        let mut kept = Kept::open(data.path().join(LETTERS)).unwrap();
        for n in 0..LETTERS_MAX + 5 {
            kept.keep(letter(n)).unwrap();
        }
        std::fs::write(kept.path(9_999), "cut sho").unwrap();
        let again = Kept::open(data.path().join(LETTERS)).unwrap();
        assert_eq!((again.letters.len(), again.next), (LETTERS_MAX, kept.next));
        assert_eq!(again.letters, kept.letters);
        assert_eq!(again.letters.back(), Some(&letter(5)));
    }

    async fn read(outside: &Outside) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, outside.page_port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}
