//! SUMMARY    One connection to a host: TCP, TLS, and the client machine driven over it, for one message after another.
//! STANDARDS  RFC 3207, RFC 8314 §3 (TLS from the first byte), RFC 8689 (REQUIRETLS wants a verified certificate)
//! SECURITY   The host is hostile: every wait ends, replies are bounded by the machine. A password goes only where the certificate
//!            was verified.
//! INVARIANTS Opportunistic TLS takes any certificate: without it the mail would go in plain text. Required TLS verifies.

use crate::{Inner, SmartHostTls};
use rustls::pki_types::ServerName;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use wire::{
    sasl::Password,
    smtp::{
        Reply,
        client::{Client, ClientAuth, ClientConfig, ClientStep, Delivery, DeliveryResult, TlsPolicy},
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a good-bye may take.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection whose session is open.
pub(crate) struct Link {
    client: Client,
    /// `None` after a failed handshake.
    stream: Option<Box<dyn Stream>>,
    connector: TlsConnector,
    host: String,
    address: SocketAddr,
    /// TLS with a verified certificate.
    pub(crate) verified: bool,
}

/// A host for people: `mx.b.example [192.0.2.1]`, or the address alone where that is its name.
pub(crate) fn shown(host: &str, address: IpAddr) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_start_matches("IPv6:");
    if bare.parse() == Ok(address) { format!("[{address}]") } else { format!("{host} [{address}]") }
}

impl Link {
    /// Connects and goes on until messages can be sent. `Err`: the next host may do better.
    pub(crate) async fn open(inner: &Inner, host: &str, address: SocketAddr, require_tls: bool) -> Result<Link, Reply> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| unreachable("Connecting took too long".into()))?;
        let stream = stream.map_err(|e| unreachable(format!("Connecting failed: {e}")))?;
        let config = config(inner, require_tls);
        let verified = config.tls == TlsPolicy::Required;
        let connector = if verified { &inner.verified_tls } else { &inner.tls };
        let implicit = config.tls_active;
        let mut link = Link {
            client: Client::new(config),
            stream: Some(Box::new(stream)),
            connector: connector.clone(),
            host: host.to_owned(),
            address,
            verified,
        };
        if implicit {
            link.handshake().await?;
        }
        match link.drive().await? {
            None => Ok(link),
            Some(_) => Err(unreachable("A result before the message".into())),
        }
    }

    /// As `shown`.
    pub(crate) fn name(&self) -> String {
        shown(&self.host, self.address.ip())
    }

    /// Sends one message.
    pub(crate) async fn deliver(&mut self, delivery: Delivery) -> Result<DeliveryResult, Reply> {
        let closed = || unreachable("The connection was closed".into());
        if !self.client.send(delivery) {
            return Err(closed());
        }
        self.drive().await?.ok_or_else(closed)
    }

    /// Says good-bye; how that ends matters to nobody.
    pub(crate) async fn close(mut self) {
        self.client.quit();
        let _ = tokio::time::timeout(QUIT_TIMEOUT, self.drive()).await;
    }

    /// Until a delivery has its result (`Some`) or one can be sent (`None`).
    async fn drive(&mut self) -> Result<Option<DeliveryResult>, Reply> {
        loop {
            match self.client.next() {
                ClientStep::Write(bytes) => self.write(&bytes).await,
                ClientStep::Read => self.read().await,
                ClientStep::StartTls => {
                    self.handshake().await?;
                    self.client.tls_started();
                }
                ClientStep::Ready => return Ok(None),
                ClientStep::Result(result) => return Ok(Some(result)),
                ClientStep::Failed { reply, .. } => return Err(reply),
                ClientStep::Closed => return Err(unreachable("The connection was closed".into())),
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        let Some(stream) = &mut self.stream else { return self.client.eof() };
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match tokio::time::timeout(self.client.deadline(), written).await {
            Err(_) => self.client.timed_out(),
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.client.eof(),
        }
    }

    async fn read(&mut self) {
        let mut buffer = [0u8; 4096];
        let Some(stream) = &mut self.stream else { return self.client.eof() };
        match tokio::time::timeout(self.client.deadline(), stream.read(&mut buffer)).await {
            Err(_) => self.client.timed_out(),
            Ok(Ok(n)) if n > 0 => self.client.feed(buffer.get(..n).unwrap_or_default()),
            Ok(_) => self.client.eof(),
        }
    }

    async fn handshake(&mut self) -> Result<(), Reply> {
        let failed = |e: String| Reply::new(451, (4, 7, 5), format!("TLS: {e}"));
        // An address literal is no name: its certificate is checked against the address.
        let name = match self.host.starts_with('[') {
            true => ServerName::from(self.address.ip()),
            false => ServerName::try_from(self.host.clone()).map_err(|e| failed(e.to_string()))?,
        };
        let stream = self.stream.take().ok_or_else(|| unreachable("The connection was closed".into()))?;
        let done = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.connector.connect(name, stream)).await;
        let done = done.map_err(|_| failed("the handshake took too long".into()))?;
        self.stream = Some(Box::new(done.map_err(|e| failed(e.to_string()))?));
        Ok(())
    }
}

fn unreachable(text: String) -> Reply {
    Reply::new(451, (4, 4, 1), text)
}

fn config(inner: &Inner, require_tls: bool) -> ClientConfig {
    let smart = inner.options.smart_host.as_ref();
    let tls = smart.map_or(SmartHostTls::Opportunistic, |s| s.tls);
    let auth = smart.and_then(|s| s.auth.as_ref()).map(|(user, password)| ClientAuth {
        user: user.clone(),
        password: Password::new(password.clone()),
        plain_text_allowed: false,
    });
    let verify = require_tls || auth.is_some() || tls != SmartHostTls::Opportunistic;
    ClientConfig {
        hostname: inner.options.hostname.clone(),
        lmtp: false,
        tls: if verify { TlsPolicy::Required } else { TlsPolicy::IfOffered },
        tls_active: tls == SmartHostTls::Implicit,
        auth,
        // A host that does not offer 8BITMIME takes such bytes all the same, almost always; refusing would bounce real mail.
        eight_bit_anyway: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_shown_with_its_address_once() {
        let cases = [
            ("mx.b.example", "192.0.2.1", "mx.b.example [192.0.2.1]"),
            ("192.0.2.1", "192.0.2.1", "[192.0.2.1]"),
            ("[192.0.2.1]", "192.0.2.1", "[192.0.2.1]"),
            ("[IPv6:2001:db8::1]", "2001:db8::1", "[2001:db8::1]"),
        ];
        for (host, address, expected) in cases {
            assert_eq!(shown(host, address.parse().unwrap()), expected);
        }
    }
}
