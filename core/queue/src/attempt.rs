//! SUMMARY    One attempt: hosts in order, a connection, the client machine over it.
//! STANDARDS  RFC 5321 §5.1, RFC 3207, RFC 8689 (REQUIRETLS wants a verified certificate)
//! INVARIANTS Opportunistic TLS takes any certificate: without it the mail would go in plain text. Required TLS verifies.

use crate::{Host, Inner};
use account::record::QueueItem;
use base::Address;
use bytes::Bytes;
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use wire::{
    sasl::Password,
    smtp::{
        Body, MailParams, Notify, Orcpt, RcptParams, Reply, Ret,
        client::{Client, ClientAuth, ClientConfig, ClientStep, Delivery, OutRecipient, TlsPolicy},
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// Fate of one recipient of the attempt.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    /// Index into the item's recipients.
    pub(crate) recipient: usize,
    pub(crate) reply: Reply,
    pub(crate) delivered: bool,
    pub(crate) host: String,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Tries the hosts in turn until one decides about the message.
pub(crate) async fn attempt(inner: &Inner, item: &QueueItem, message: &Bytes, hosts: &[Host], port: u16) -> Vec<Fate> {
    let waiting: Vec<usize> = (0..item.recipients.len()).filter(|n| waits(item, *n)).collect();
    let mut last = (Reply::new(451, (4, 4, 1), "No host answered"), String::new());
    for host in hosts {
        for ip in &host.addresses {
            let address = SocketAddr::new(*ip, port);
            match session(inner, item, message, &waiting, host, address).await {
                Ok(fates) => return fates,
                Err(reply) => last = (reply, format!("{} [{ip}]", host.name)),
            }
        }
    }
    let (reply, host) = last;
    let fate = |recipient| Fate { recipient, reply: reply.clone(), delivered: false, host: host.clone() };
    waiting.into_iter().map(fate).collect()
}

fn waits(item: &QueueItem, n: usize) -> bool {
    item.recipients.get(n).is_some_and(|r| r.status == 0)
}

/// One connection. `Err`: the next host may do better.
async fn session(
    inner: &Inner,
    item: &QueueItem,
    message: &Bytes,
    waiting: &[usize],
    host: &Host,
    address: SocketAddr,
) -> Result<Vec<Fate>, Reply> {
    let unreachable = |e: String| Reply::new(451, (4, 4, 1), e);
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_| unreachable("Connecting took too long".into()))?;
    let stream = stream.map_err(|e| unreachable(format!("Connecting failed: {e}")))?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    let mut client = Client::new(config(inner, item));
    let name = format!("{} [{}]", host.name, address.ip());
    let mut fates = None;
    loop {
        match client.next() {
            ClientStep::Write(bytes) => {
                let written = tokio::time::timeout(client.deadline(), stream.write_all(&bytes)).await;
                if !matches!(written, Ok(Ok(()))) {
                    client.eof();
                }
            }
            ClientStep::Read => read(&mut client, &mut stream).await,
            ClientStep::StartTls => {
                stream = handshake(inner, item, &host.name, stream).await?;
                client.tls_started();
            }
            ClientStep::Ready if fates.is_none() => {
                client.send(delivery(item, message, waiting));
            }
            ClientStep::Ready => client.quit(),
            ClientStep::Result(result) => {
                let pairs = waiting.iter().zip(result.recipients);
                let fate = |(recipient, r): (&usize, wire::smtp::client::RecipientResult)| Fate {
                    recipient: *recipient,
                    delivered: r.is_delivered(),
                    reply: r.reply,
                    host: name.clone(),
                };
                fates = Some(pairs.map(fate).collect());
            }
            ClientStep::Failed { reply, .. } => return fates.ok_or(reply),
            ClientStep::Closed => return fates.ok_or_else(|| unreachable("The connection was closed".into())),
        }
    }
}

async fn read(client: &mut Client, stream: &mut Box<dyn Stream>) {
    let mut buffer = [0u8; 4096];
    match tokio::time::timeout(client.deadline(), stream.read(&mut buffer)).await {
        Err(_) => client.timed_out(),
        Ok(Ok(n)) if n > 0 => client.feed(buffer.get(..n).unwrap_or_default()),
        Ok(_) => client.eof(),
    }
}

async fn handshake(
    inner: &Inner,
    item: &QueueItem,
    host: &str,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, Reply> {
    let failed = |e: String| Reply::new(451, (4, 7, 5), format!("TLS: {e}"));
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|e| failed(e.to_string()))?;
    let connector = if item.require_tls { &inner.verified_tls } else { &inner.tls };
    let done = tokio::time::timeout(HANDSHAKE_TIMEOUT, connector.connect(name, stream)).await;
    let done = done.map_err(|_| failed("the handshake took too long".into()))?;
    Ok(Box::new(done.map_err(|e| failed(e.to_string()))?))
}

fn config(inner: &Inner, item: &QueueItem) -> ClientConfig {
    let auth = inner.options.smart_host.as_ref().and_then(|s| s.auth.as_ref()).map(|(user, password)| ClientAuth {
        user: user.clone(),
        password: Password::new(password.clone()),
        plain_text_allowed: false,
    });
    ClientConfig {
        hostname: inner.options.hostname.clone(),
        lmtp: false,
        tls: if item.require_tls { TlsPolicy::Required } else { TlsPolicy::IfOffered },
        tls_active: false,
        auth,
        // A host that does not offer 8BITMIME takes such bytes all the same, almost always; refusing would bounce real mail.
        eight_bit_anyway: true,
    }
}

fn delivery(item: &QueueItem, message: &Bytes, waiting: &[usize]) -> Delivery {
    let recipients = waiting.iter().filter_map(|n| item.recipients.get(*n)).filter_map(|r| {
        let params = RcptParams { notify: notify(r.notify), orcpt: orcpt(&r.orcpt) };
        Some(OutRecipient { to: Address::parse(&r.address).ok()?, params })
    });
    let body = match (item.body_binary, item.body_8bit) {
        (true, _) => Some(Body::BinaryMime),
        (false, true) => Some(Body::EightBitMime),
        (false, false) => None,
    };
    Delivery {
        from: Address::parse(&item.sender).ok(),
        params: MailParams {
            size_bytes: Some(item.size),
            body,
            smtputf8: item.smtp_utf8,
            ret: match item.ret {
                1 => Some(Ret::Full),
                2 => Some(Ret::Headers),
                _ => None,
            },
            envid: (!item.envid.is_empty()).then(|| item.envid.clone()),
            auth: None,
            require_tls: item.require_tls,
        },
        recipients: recipients.collect(),
        message: message.clone(),
    }
}

fn notify(bits: u32) -> Option<Notify> {
    match bits {
        0 => None,
        b if b & 1 != 0 => Some(Notify::Never),
        b => Some(Notify::On { success: b & 2 != 0, failure: b & 4 != 0, delay: b & 8 != 0 }),
    }
}

fn orcpt(text: &str) -> Option<Orcpt> {
    let (kind, address) = text.split_once(';')?;
    Some(Orcpt { kind: kind.to_owned(), address: address.to_owned() })
}

/// Connectors: one that takes any certificate, one that verifies.
pub(crate) fn connectors() -> (TlsConnector, TlsConnector) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let any = Arc::new(AnyCertificate(provider.clone()));
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = || rustls::ClientConfig::builder();
    let open = builder().dangerous().with_custom_certificate_verifier(any).with_no_client_auth();
    let verified = builder().with_root_certificates(roots).with_no_client_auth();
    (TlsConnector::from(Arc::new(open)), TlsConnector::from(Arc::new(verified)))
}

/// Checks that the peer holds the key of its certificate, and nothing about the name.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
