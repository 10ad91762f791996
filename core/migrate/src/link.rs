//! SUMMARY    One connection to a source: TCP, TLS, commands out, responses in, and how fast.
//! STANDARDS  RFC 9051 §7.1, §11.1 (STARTTLS), RFC 8314 §3
//! SECURITY   Every wait ends; what a source sends beyond what was asked is bounded. What came before TLS is not read after it.
//! LIMITS     MIGRATE_CONNECT_MS_MAX, MIGRATE_SILENCE_MS_MAX, MESSAGE_BYTES_MAX

use std::time::Duration;

use base::limits::{MESSAGE_BYTES_MAX, MIGRATE_CONNECT_MS_MAX, MIGRATE_SILENCE_MS_MAX};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{Instant, sleep_until, timeout},
};
use wire::imap::client::{Command, Event, Reader, Response, State, Status, Writer};

use crate::{Error, Result, Security, Source, report::cut};

const CONNECT: Duration = Duration::from_millis(MIGRATE_CONNECT_MS_MAX);
const SILENCE: Duration = Duration::from_millis(MIGRATE_SILENCE_MS_MAX);
/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Responses to a command that asks for little.
const RESPONSES_FEW: usize = 100_000;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection.
pub(crate) struct Link {
    /// `None` after a failed handshake.
    stream: Option<Box<dyn Stream>>,
    buffer: Vec<u8>,
    /// What of the buffer is still to be read.
    unread: std::ops::Range<usize>,
    reader: Reader,
    pub(crate) writer: Writer,
    /// The message whose FETCH has not ended; `None` in it: it is too large to be kept.
    body: Option<Option<Vec<u8>>>,
    rate: Option<u64>,
    /// When as much may have come as has.
    paid_until: Instant,
}

/// A response, and the bytes of a message that came with it.
pub(crate) struct Heard {
    pub(crate) response: Response,
    /// As in `Link`.
    pub(crate) body: Option<Option<Vec<u8>>>,
}

fn lost(why: impl Into<String>) -> Error {
    Error::Lost(why.into())
}

impl Link {
    /// Connects; TLS from the first byte where the source says so.
    pub(crate) async fn connect(source: &Source) -> Result<Link> {
        let connected = async {
            let found = lookup_host((source.host.as_str(), source.port)).await?;
            let usable = source.reach.of(found, source.security == Security::Plain);
            // What was judged is connected to: a name that changes meanwhile leads nowhere else.
            if usable.is_empty() { Ok(None) } else { TcpStream::connect(usable.as_slice()).await.map(Some) }
        };
        let stream = timeout(CONNECT, connected).await;
        let stream = stream.map_err(|_| lost("connecting took too long (MIGRATE_CONNECT_MS_MAX)"))?;
        let stream = stream.map_err(|e: std::io::Error| lost(format!("{}:{}: {e}", source.host, source.port)))?;
        let no_address = || Error::Refused(format!("{} has no address of the public Internet", source.host));
        let stream = stream.ok_or_else(no_address)?;
        // Small commands follow each other: each goes at once.
        stream.set_nodelay(true).map_err(|e| lost(e.to_string()))?;
        let mut link = Link {
            stream: Some(Box::new(stream)),
            buffer: vec![0; PIECE_BYTES],
            unread: 0..0,
            reader: Reader::default(),
            writer: Writer::default(),
            body: None,
            rate: source.rate,
            paid_until: Instant::now(),
        };
        if source.security == Security::Tls {
            link.protect(source).await?;
        }
        Ok(link)
    }

    /// TLS over what is connected.
    pub(crate) async fn protect(&mut self, source: &Source) -> Result<()> {
        if !self.unread.is_empty() || self.reader.held_bytes() > 0 {
            return Err(Error::Refused(
                "it sent something in plain text that would have counted as protected".to_owned(),
            ));
        }
        let refused = |why: String| Error::Refused(format!("TLS with {}: {why}", source.host));
        let name = ServerName::try_from(source.host.clone()).map_err(|e| refused(e.to_string()))?;
        let stream = self.stream.take().ok_or_else(|| lost("it was closed"))?;
        let done = timeout(CONNECT, source.tls.connect(name, stream)).await;
        let done = done.map_err(|_| lost("the TLS handshake took too long (MIGRATE_CONNECT_MS_MAX)"))?;
        let stream = done.map_err(|e| match e.kind() {
            // What rustls found wrong with the certificate; anything else is the network's.
            std::io::ErrorKind::InvalidData => refused(e.to_string()),
            _ => lost(format!("TLS: {e}")),
        })?;
        self.stream = Some(Box::new(stream));
        Ok(())
    }

    /// The next response.
    pub(crate) async fn next(&mut self) -> Result<Heard> {
        loop {
            let mut input = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let before = input.len();
            let event = self.reader.read(&mut input).map_err(|broken| Error::Garbled(broken.to_string()))?;
            let is_empty = event.is_none();
            let response = match event {
                None => None,
                Some(Event::Body(bytes)) => {
                    self.body = Some((bytes <= MESSAGE_BYTES_MAX as u64).then(Vec::new));
                    None
                }
                Some(Event::Piece(piece)) => {
                    if let Some(Some(body)) = &mut self.body {
                        body.extend_from_slice(piece);
                    }
                    None
                }
                Some(Event::Response(response)) => Some(response),
            };
            self.unread.start += before - input.len();
            if let Some(response) = response {
                return Ok(Heard { response, body: self.body.take() });
            }
            if is_empty {
                self.fill().await?;
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        sleep_until(self.paid_until).await;
        let stream = self.stream.as_mut().ok_or_else(|| lost("it was closed"))?;
        let read = timeout(SILENCE, stream.read(&mut self.buffer)).await;
        let read = read.map_err(|_| lost("it was silent for too long (MIGRATE_SILENCE_MS_MAX)"))?;
        let bytes = read.map_err(|e| lost(e.to_string()))?;
        if bytes == 0 {
            return Err(lost("it was closed by the other side"));
        }
        self.unread = 0..bytes;
        if let Some(rate) = self.rate {
            let now = Instant::now();
            let micros = (bytes as u64).saturating_mul(1_000_000) / rate.max(1);
            self.paid_until = self.paid_until.max(now) + Duration::from_micros(micros);
        }
        Ok(())
    }

    /// Sends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.stream.as_mut().ok_or_else(|| lost("it was closed"))?;
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let written = timeout(SILENCE, written).await;
        written.map_err(|_| lost("it takes nothing (MIGRATE_SILENCE_MS_MAX)"))?.map_err(|e| lost(e.to_string()))
    }

    /// Sends a command that has one part, and does not wait.
    pub(crate) async fn send(&mut self, command: &Command) -> Result<()> {
        for part in &command.parts {
            self.write(part).await?;
        }
        Ok(())
    }

    /// A command that asks for few responses: `take` gets each.
    pub(crate) async fn ask(
        &mut self,
        command: &Command,
        take: &mut (dyn FnMut(Response) -> Result<()> + Send),
    ) -> Result<Status> {
        self.ask_many(command, RESPONSES_FEW, take).await
    }

    /// A command; `take` gets its responses, so many at most. The last is a status that is no OK, too: `done` tells them apart.
    pub(crate) async fn ask_many(
        &mut self,
        command: &Command,
        responses_max: usize,
        take: &mut (dyn FnMut(Response) -> Result<()> + Send),
    ) -> Result<Status> {
        let mut parts = command.parts.iter();
        if let Some(first) = parts.next() {
            self.write(first).await?;
        }
        for _ in 0..responses_max {
            match self.next().await?.response {
                Response::Continue(_) => match parts.next() {
                    Some(part) => self.write(part).await?,
                    // A server that has more to say of a failed sign-in: there is nothing to answer.
                    None => self.write(b"\r\n").await?,
                },
                Response::Status(status) if status.tag.as_deref() == Some(&command.tag) => return Ok(status),
                Response::Status(status) if status.state == State::Bye => {
                    return Err(lost(format!("the source says good-bye: {}", status.text)));
                }
                response => take(response)?,
            }
        }
        Err(Error::Garbled("it answers without end".to_owned()))
    }

    /// Says good-bye; how that ends matters to nobody.
    pub(crate) async fn close(mut self) {
        let logout = self.writer.plain("LOGOUT");
        let _ = timeout(Duration::from_secs(2), self.ask(&logout, &mut |_| Ok(()))).await;
    }
}

/// Whether a command was done.
pub(crate) fn done(status: Status) -> Result<Status> {
    match status.state {
        State::Ok => Ok(status),
        State::No | State::Bad | State::PreAuth | State::Bye => Err(Error::Denied(cut(&status.text))),
    }
}
