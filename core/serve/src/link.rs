//! SUMMARY    One client connection: reading, writing, STARTTLS, COMPRESS, deadlines, shutdown, hints. The only socket code.
//! STANDARDS  RFC 8446 (TLS through rustls), RFC 4978 (COMPRESS=DEFLATE), RFC 9266 (tls-exporter)
//! SECURITY   Bytes of strangers pass through; nothing is parsed. What was read before STARTTLS must be dropped by the caller.
//! LIMITS     READ_BYTES, OUT_BYTES_KEPT, HANDSHAKE_TIMEOUT, LINGER, LINGER_BYTES_MAX, WRITE_BYTES_MAX, WRITE_SECS_MAX,
//!            DEFLATE_BARREN_BYTES_MAX
//! INVARIANTS An idle connection holds no buffer: reads go through a buffer of the thread, and `out` is freed when large.
//!            After a write that failed nothing more is written: the client may have got a part of it.

use crate::{deflate::Deflate, pace::Pace};
use account::Listener;
use base::limits::{DEFLATE_BARREN_BYTES_MAX, WRITE_BYTES_MAX, WRITE_SECS_MAX};
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::Instant,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;
/// Output capacity kept between answers.
const OUT_BYTES_KEPT: usize = 4 * 1024;
/// Output beyond which `flush_if_large` writes.
const OUT_BYTES_LARGE: usize = 64 * 1024;
/// A TLS handshake takes at most this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// After our goodbye the client's last bytes are read and dropped for at most this long ..
const LINGER: Duration = Duration::from_secs(2);
/// .. and up to this many.
const LINGER_BYTES_MAX: usize = 64 << 20;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What a read came back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Bytes were appended.
    Bytes,
    /// The client is gone.
    Eof,
    /// Nothing came within the time given, or what has begun comes too slowly.
    Deadline,
    /// What came is no compressed data (COMPRESS).
    Corrupt,
    /// The server is going down.
    Shutdown,
    /// The account changed, or what it may do.
    Hint,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Gone,
}

/// A client connection.
pub struct Link {
    stream: Stream,
    peer: SocketAddr,
    local: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    deflate: Option<Box<Deflate>>,
    shutdown: watch::Receiver<bool>,
    began: Instant,
    pace: Pace,
    /// Bytes to be written by the next `flush`.
    pub out: Vec<u8>,
}

impl Link {
    pub(crate) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Link {
            stream: Stream::Plain(stream),
            peer,
            local,
            acceptor,
            deflate: None,
            shutdown,
            began: Instant::now(),
            pace: Pace::default(),
            out: Vec::new(),
        }
    }

    /// The client's address (from PROXY where it is used).
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    pub fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether STARTTLS can be offered.
    pub fn can_start_tls(&self) -> bool {
        self.acceptor.is_some() && !self.is_tls()
    }

    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// Protocol version and cipher suite, for trace fields and logs.
    pub fn tls_summary(&self) -> Option<String> {
        let Stream::Tls(tls) = &self.stream else { return None };
        let session = tls.get_ref().1;
        let version = session.protocol_version().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let suite = session.negotiated_cipher_suite().and_then(|s| s.suite().as_str().map(str::to_owned));
        let suite = suite.unwrap_or_default().replace("TLS13_", "TLS_");
        Some(format!("{} {suite}", version.replace("TLSv", "TLS").replace('_', ".")))
    }

    /// Channel binding `tls-exporter` (RFC 9266).
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        let Stream::Tls(tls) = &self.stream else { return None };
        tls.get_ref().1.export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok()
    }

    /// From here on `left` counts anew.
    pub fn begin_again(&mut self) {
        self.began = Instant::now();
    }

    /// What is left of a time that began with the connection, or `begin_again`.
    pub fn left(&self, secs: u64) -> Duration {
        Duration::from_secs(secs).saturating_sub(self.began.elapsed())
    }

    /// Whether the client is in the midst of a command or message: from then on it has to keep the pace.
    pub fn midway(&mut self, is_midway: bool) {
        self.pace.midway(is_midway);
    }

    /// Appends what arrives to `into`.
    pub async fn read(&mut self, into: &mut Vec<u8>, within: Duration) -> Input {
        self.read_or_hint(into, within, None).await
    }

    /// As `read`; also wakes when `hint` changes.
    pub async fn read_or_hint(&mut self, into: &mut Vec<u8>, within: Duration, hint: Option<&mut Listener>) -> Input {
        let (stream, deflate, shutdown) = (&mut self.stream, &mut self.deflate, &mut self.shutdown);
        if *shutdown.borrow() {
            return Input::Shutdown;
        }
        let hinted = async move {
            match hint {
                Some(hint) => hint.changed().await,
                None => std::future::pending().await,
            }
        };
        let (held, waiting) = (into.len(), Instant::now());
        let input = tokio::select! {
            biased;
            input = receive(stream, deflate, into) => input,
            () = hinted => Input::Hint,
            _ = shutdown.changed() => Input::Shutdown,
            () = tokio::time::sleep(within.min(self.pace.left())) => Input::Deadline,
        };
        self.pace.waited(waiting.elapsed(), into.len() - held);
        input
    }

    /// Writes `out`. An error means the client is gone or does not read.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.write().await?;
        if let Stream::Tls(tls) = &mut self.stream {
            in_time(tls.flush()).await?;
        }
        if self.out.capacity() > OUT_BYTES_KEPT {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// Writes `out` if it has grown large: call it between the items of a long answer.
    pub async fn flush_if_large(&mut self) -> io::Result<()> {
        if self.out.len() < OUT_BYTES_LARGE {
            return Ok(());
        }
        self.write().await
    }

    async fn write(&mut self) -> io::Result<()> {
        if let Some(deflate) = &mut self.deflate {
            self.out = deflate.pack(&self.out)?;
        }
        let written = write_all(&mut self.stream, &self.out).await;
        self.out.clear();
        if written.is_err() {
            self.stream = Stream::Gone;
        }
        written
    }

    /// Becomes TLS. The caller has sent its go-ahead and dropped what it had read.
    pub async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let acceptor = self.acceptor.clone().ok_or(io::ErrorKind::Unsupported)?;
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(stream) => {
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
                self.stream = Stream::Tls(Box::new(handshake.await.map_err(|_| io::ErrorKind::TimedOut)??));
                Ok(())
            }
            other => {
                self.stream = other;
                Err(io::ErrorKind::AlreadyExists.into())
            }
        }
    }

    /// Compresses both directions from here on. Flush before.
    pub fn start_compress(&mut self) {
        self.deflate = Some(Box::default());
    }

    /// Bytes that were read before COMPRESS took effect: they come with the next read, inflated.
    pub fn inflate_rest(&mut self, raw: &[u8]) {
        if let Some(deflate) = &mut self.deflate {
            deflate.take(raw);
        }
    }

    /// Says goodbye properly: TLS close_notify, FIN. What the client still sends is read for a while, so that it gets the
    /// goodbye and not a reset.
    pub async fn close(&mut self) {
        let _ = self.flush().await;
        let is_shutdown = *self.shutdown.borrow();
        let closing = async {
            let closed = match &mut self.stream {
                Stream::Plain(s) => s.shutdown().await,
                Stream::Tls(s) => s.shutdown().await,
                Stream::Gone => return,
            };
            let mut left = if closed.is_ok() && !is_shutdown { LINGER_BYTES_MAX } else { 0 };
            let mut dropped = Vec::new();
            while left > 0 {
                match poll_fn(|cx| poll_read(&mut self.stream, cx, &mut dropped)).await {
                    Ok(n) if n > 0 => left = left.saturating_sub(n),
                    _ => return,
                }
                dropped.clear();
            }
        };
        // The client may be gone already; there is nobody to tell.
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}

/// Writes in pieces, each of which the client takes in time: slow is not gone.
async fn write_all(stream: &mut Stream, out: &[u8]) -> io::Result<()> {
    for piece in out.chunks(WRITE_BYTES_MAX) {
        match stream {
            Stream::Plain(s) => in_time(s.write_all(piece)).await?,
            Stream::Tls(s) => in_time(s.write_all(piece)).await?,
            Stream::Gone => return Err(io::ErrorKind::NotConnected.into()),
        }
    }
    Ok(())
}

async fn in_time(write: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::time::timeout(Duration::from_secs(WRITE_SECS_MAX), write).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn receive(stream: &mut Stream, deflate: &mut Option<Box<Deflate>>, into: &mut Vec<u8>) -> Input {
    let Some(deflate) = deflate else {
        let read = poll_fn(|cx| poll_read(stream, cx, into)).await;
        return if matches!(read, Ok(n) if n > 0) { Input::Bytes } else { Input::Eof };
    };
    let before = into.len();
    // A client can send empty blocks as fast as they are read: neither a deadline nor a shutdown would get its turn.
    let mut barren = 0;
    while barren <= DEFLATE_BARREN_BYTES_MAX {
        match deflate.unpack(into) {
            Ok(()) if into.len() > before => return Input::Bytes,
            Ok(()) => {}
            Err(_) => return Input::Corrupt,
        }
        match poll_fn(|cx| poll_read(stream, cx, deflate.raw())).await {
            Ok(n) if n > 0 => barren += n,
            _ => return Input::Eof,
        }
    }
    Input::Corrupt
}

fn poll_read(stream: &mut Stream, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    READ_BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        let polled = match stream {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, &mut buffer),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, &mut buffer),
            Stream::Gone => Poll::Ready(Ok(())),
        };
        polled.map_ok(|()| {
            into.extend_from_slice(buffer.filled());
            buffer.filled().len()
        })
    })
}
