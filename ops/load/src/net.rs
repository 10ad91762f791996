//! SUMMARY    A connection, plain or TLS, with one read buffer: lines, exact bytes, nothing else.
//! SECURITY   Certificates are not verified: this drives test servers with self-signed ones and sends no secret.
//! LIMITS     LINE_BYTES_MAX, WAIT_MAX.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::error::{Error, Result, protocol};

/// Longest line taken from a server (an ENVELOPE may be long).
const LINE_BYTES_MAX: usize = 4 << 20;
/// Longest wait for one read or write: a server that says nothing for so long is an error, not a slow result.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Where to connect to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub address: String,
    pub tls: bool,
    /// Local address to connect from.
    pub source: Option<IpAddr>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub struct Conn {
    stream: Stream,
    buffer: Vec<u8>,
    /// Bytes of `buffer` already consumed.
    start: usize,
    read_bytes: usize,
}

impl Conn {
    /// Connects; with `tls`, also shakes hands. Reads with a size of `read_bytes`, which bounds the memory of an idle connection.
    pub async fn open(target: &Target, read_bytes: usize) -> Result<Self> {
        let address: SocketAddr = tokio::net::lookup_host(&target.address)
            .await?
            .next()
            .ok_or_else(|| protocol(format!("{} names no address", target.address)))?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = target.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let tcp = timeout(WAIT_MAX, socket.connect(address)).await.map_err(|_| timed_out())??;
        tcp.set_nodelay(true)?;
        let conn = Conn { stream: Stream::Plain(tcp), buffer: Vec::new(), start: 0, read_bytes };
        if target.tls { conn.start_tls().await } else { Ok(conn) }
    }

    /// Shakes hands on a plain connection; refuses bytes that arrived before the handshake.
    pub async fn start_tls(self) -> Result<Self> {
        let Conn { stream, buffer, start, read_bytes } = self;
        if start < buffer.len() {
            return Err(protocol("bytes in clear after the answer to STARTTLS"));
        }
        let Stream::Plain(tcp) = stream else { return Err(protocol("TLS inside TLS")) };
        let name = ServerName::try_from("localhost").map_err(|e| protocol(e.to_string()))?;
        let handshake = TlsConnector::from(tls_config()?).connect(name, tcp);
        let tls = timeout(WAIT_MAX, handshake).await.map_err(|_| timed_out())??;
        Ok(Conn { stream: Stream::Tls(Box::new(tls)), buffer, start, read_bytes })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let work = async {
            match &mut self.stream {
                Stream::Plain(s) => send(s, bytes).await,
                Stream::Tls(s) => send(s, bytes).await,
            }
        };
        timeout(WAIT_MAX, work).await.map_err(|_| timed_out())??;
        Ok(())
    }

    /// The next line without its CRLF (a bare LF ends one as well).
    pub async fn line(&mut self) -> Result<&[u8]> {
        let mut searched = 0;
        loop {
            let pending = self.buffer.get(self.start..).unwrap_or_default();
            let unsearched = pending.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unsearched) {
                let begin = self.start;
                let end = begin + searched + at;
                self.start = end + 1;
                let line = self.buffer.get(begin..end).unwrap_or_default();
                return Ok(line.strip_suffix(b"\r").unwrap_or(line));
            }
            searched = pending.len();
            if searched > LINE_BYTES_MAX {
                return Err(protocol(format!("a line longer than {LINE_BYTES_MAX} bytes (LINE_BYTES_MAX)")));
            }
            self.fill().await?;
        }
    }

    /// Appends exactly `count` bytes to `to`.
    pub async fn take(&mut self, mut count: usize, to: &mut Vec<u8>) -> Result<()> {
        loop {
            let pending = self.buffer.get(self.start..).unwrap_or_default();
            let now = pending.get(..count).unwrap_or(pending);
            to.extend_from_slice(now);
            count -= now.len();
            self.start += now.len();
            if count == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Discards exactly `count` bytes.
    pub async fn skip(&mut self, mut count: usize) -> Result<()> {
        loop {
            let now = count.min(self.buffer.len() - self.start);
            count -= now;
            self.start += now;
            if count == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Gives the read buffer's memory back: for connections that will be silent.
    pub fn shrink(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.shrink_to_fit();
    }

    async fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.reserve(self.read_bytes);
        let work = async {
            match &mut self.stream {
                Stream::Plain(s) => receive(s, &mut self.buffer).await,
                Stream::Tls(s) => receive(s, &mut self.buffer).await,
            }
        };
        match timeout(WAIT_MAX, work).await.map_err(|_| timed_out())?? {
            0 => Err(Error::Io(std::io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn receive<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    stream.read_buf(buffer).await
}

fn timed_out() -> Error {
    Error::Io(std::io::ErrorKind::TimedOut.into())
}

fn tls_config() -> Result<Arc<ClientConfig>> {
    static CONFIG: std::sync::OnceLock<Arc<ClientConfig>> = std::sync::OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = AnyCertificate(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| protocol(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

/// Takes every certificate; handshake signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
