//! SUMMARY    One client connection: reading, writing, STARTTLS, COMPRESS, deadlines, shutdown, hints. The only socket code.
//! STANDARDS  RFC 8446 (TLS through rustls), RFC 4978 (COMPRESS=DEFLATE), RFC 9266 (tls-exporter)
//! SECURITY   Bytes of strangers pass through; nothing is parsed. What was read before STARTTLS must be dropped by the caller.
//! LIMITS     READ_BYTES, OUT_BYTES_KEPT
//! INVARIANTS An idle connection holds no buffer: reads go through a buffer of the thread, and `out` is freed when large.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
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
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;
/// Output capacity kept between answers.
const OUT_BYTES_KEPT: usize = 4 * 1024;
/// Output beyond which `flush_if_large` writes.
const OUT_BYTES_LARGE: usize = 64 * 1024;
/// A client that takes nothing for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// A TLS handshake takes at most this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// Nothing came within the time given.
    Deadline,
    /// The server is going down.
    Shutdown,
    /// The hint changed (IDLE).
    Hint,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Gone,
}

struct Deflate {
    compress: Compress,
    decompress: Decompress,
    raw: Vec<u8>,
}

/// A client connection.
pub struct Link {
    stream: Stream,
    peer: SocketAddr,
    local: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    deflate: Option<Box<Deflate>>,
    shutdown: watch::Receiver<bool>,
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
        Link { stream: Stream::Plain(stream), peer, local, acceptor, deflate: None, shutdown, out: Vec::new() }
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
        Some(format!("{version} {}", suite.unwrap_or_default()).replace("TLSv", "TLS"))
    }

    /// Channel binding `tls-exporter` (RFC 9266).
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        let Stream::Tls(tls) = &self.stream else { return None };
        tls.get_ref().1.export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok()
    }

    /// Appends what arrives to `into`.
    pub async fn read(&mut self, into: &mut Vec<u8>, within: Duration) -> Input {
        self.read_or_hint::<()>(into, within, None).await
    }

    /// As `read`; also wakes when `hint` changes.
    pub async fn read_or_hint<T>(
        &mut self,
        into: &mut Vec<u8>,
        within: Duration,
        hint: Option<&mut watch::Receiver<T>>,
    ) -> Input {
        let (stream, deflate, shutdown) = (&mut self.stream, &mut self.deflate, &mut self.shutdown);
        if *shutdown.borrow() {
            return Input::Shutdown;
        }
        let hinted = async move {
            if let Some(hint) = hint
                && hint.changed().await.is_ok()
            {
                return;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            input = receive(stream, deflate, into) => input,
            () = hinted => Input::Hint,
            _ = shutdown.changed() => Input::Shutdown,
            () = tokio::time::sleep(within) => Input::Deadline,
        }
    }

    /// Writes `out`. An error means the client is gone or does not read.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        if let Some(deflate) = &mut self.deflate {
            let packed = deflate.pack(&self.out)?;
            self.out = packed;
        }
        let (stream, out) = (&mut self.stream, &self.out);
        let write = async {
            match stream {
                Stream::Plain(s) => s.write_all(out).await,
                Stream::Tls(s) => {
                    s.write_all(out).await?;
                    s.flush().await
                }
                Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
            }
        };
        tokio::time::timeout(WRITE_TIMEOUT, write).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.out.clear();
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
        let (stream, deflate) = (&mut self.stream, &mut self.deflate);
        if let Some(deflate) = deflate {
            self.out = deflate.pack(&self.out)?;
        }
        let out = &self.out;
        let write = async {
            match stream {
                Stream::Plain(s) => s.write_all(out).await,
                Stream::Tls(s) => s.write_all(out).await,
                Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
            }
        };
        tokio::time::timeout(WRITE_TIMEOUT, write).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.out.clear();
        Ok(())
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
        let compress = Compress::new(Compression::fast(), false);
        self.deflate = Some(Box::new(Deflate { compress, decompress: Decompress::new(false), raw: Vec::new() }));
    }

    /// Inflates bytes that were read before COMPRESS took effect.
    pub fn inflate_rest(&mut self, raw: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.deflate {
            Some(deflate) => deflate.unpack(raw, into),
            None => Ok(()),
        }
    }

    /// Says goodbye properly: TLS close_notify, FIN.
    pub async fn close(&mut self) {
        let _ = self.flush().await;
        let closing = async {
            match &mut self.stream {
                Stream::Plain(s) => s.shutdown().await,
                Stream::Tls(s) => s.shutdown().await,
                Stream::Gone => Ok(()),
            }
        };
        // The client may be gone already; there is nobody to tell.
        let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
    }
}

async fn receive(stream: &mut Stream, deflate: &mut Option<Box<Deflate>>, into: &mut Vec<u8>) -> Input {
    loop {
        let result = match deflate {
            None => poll_fn(|cx| poll_read(stream, cx, into)).await,
            Some(d) => match poll_fn(|cx| poll_read(stream, cx, &mut d.raw)).await {
                Ok(n) if n > 0 => {
                    let raw = std::mem::take(&mut d.raw);
                    let before = into.len();
                    match d.unpack(&raw, into) {
                        Ok(()) if into.len() == before => continue,
                        Ok(()) => Ok(n),
                        Err(e) => Err(e),
                    }
                }
                other => other,
            },
        };
        return if matches!(result, Ok(n) if n > 0) { Input::Bytes } else { Input::Eof };
    }
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

/// Inflated bytes of one read; more is an attack.
const INFLATED_BYTES_MAX: usize = 64 << 20;

impl Deflate {
    fn pack(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(plain.len() / 2 + 64);
        let start = self.compress.total_in();
        loop {
            let done = (self.compress.total_in() - start) as usize;
            let rest = plain.get(done..).unwrap_or_default();
            out.reserve(rest.len() / 2 + 64);
            let status = self.compress.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(io::Error::other)?;
            let consumed = (self.compress.total_in() - start) as usize == plain.len();
            if consumed && out.len() < out.capacity() || status == Status::StreamEnd {
                return Ok(out);
            }
        }
    }

    fn unpack(&mut self, raw: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
        let (start, before) = (self.decompress.total_in(), into.len());
        loop {
            let done = (self.decompress.total_in() - start) as usize;
            let rest = raw.get(done..).unwrap_or_default();
            into.reserve(rest.len() * 2 + 1024);
            self.decompress.decompress_vec(rest, into, FlushDecompress::None).map_err(io::Error::other)?;
            if into.len() - before > INFLATED_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let consumed = (self.decompress.total_in() - start) as usize == raw.len();
            if consumed && into.len() < into.capacity() {
                return Ok(());
            }
        }
    }
}
