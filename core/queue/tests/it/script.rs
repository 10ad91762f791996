//! SUMMARY    A next hop with a script: what it offers, its certificate, whether it waits; it notes every command and how it came.

use super::Taken;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

/// A next hop.
pub struct Script {
    /// EHLO keywords, STARTTLS aside.
    pub offers: Vec<&'static str>,
    /// The answer to STARTTLS; offered when there is one.
    pub starttls: Option<&'static str>,
    pub acceptor: Option<TlsAcceptor>,
    /// TLS from the first byte.
    pub implicit: bool,
    /// The answer to AUTH.
    pub auth: &'static str,
    /// Greets one connection per permit.
    pub gate: Option<Arc<Semaphore>>,
}

impl Default for Script {
    fn default() -> Self {
        let auth = "235 2.7.0 welcome";
        Script { offers: vec!["PIPELINING"], starttls: None, acceptor: None, implicit: false, auth, gate: None }
    }
}

/// What it saw.
#[derive(Default, Clone)]
pub struct Seen {
    pub taken: Taken,
    /// Commands; with `TLS ` before them when they came encrypted.
    pub commands: Arc<Mutex<Vec<String>>>,
    pub open: Arc<AtomicUsize>,
    pub open_max: Arc<AtomicUsize>,
}

impl Seen {
    pub fn said(&self, start: &str) -> bool {
        self.commands.lock().unwrap().iter().any(|c| c.starts_with(start))
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A self-signed certificate for these names, and an acceptor that shows it.
pub fn certificate(names: &[&str]) -> (CertificateDer<'static>, TlsAcceptor) {
    let names = names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let chain = vec![made.cert.der().clone()];
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
    (made.cert.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

/// Serves on a free port until the test ends.
pub async fn serve(script: Script) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (script, seen) = (Arc::new(script), Seen::default());
    let out = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (script, seen) = (script.clone(), seen.clone());
            tokio::spawn(async move {
                let now = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
                seen.open_max.fetch_max(now, Ordering::SeqCst);
                if let Some(gate) = &script.gate {
                    gate.acquire().await.unwrap().forget();
                }
                // A client that goes away, or does not like the certificate, ends the session.
                let _ = session(Box::new(stream), &script, &seen).await;
                seen.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, out)
}

async fn session(stream: Box<dyn Stream>, script: &Script, seen: &Seen) -> std::io::Result<()> {
    let mut tls = script.implicit;
    let mut stream = if tls { encrypted(stream, script).await? } else { BufReader::new(stream) };
    stream.write_all(b"220 hop ESMTP\r\n").await?;
    let (mut to, mut line) = (Vec::new(), String::new());
    while stream.read_line(&mut line).await? > 0 {
        let command = std::mem::take(&mut line);
        let shown = format!("{}{}", if tls { "TLS " } else { "" }, command.trim_end());
        seen.commands.lock().unwrap().push(shown);
        let verb = command.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => hello(script, tls),
            "STARTTLS" => script.starttls.unwrap_or("502 no").to_owned(),
            "AUTH" => script.auth.to_owned(),
            "RCPT" if command.contains("<later") => "450 4.2.0 later".to_owned(),
            "RCPT" => {
                to.push(command.split(['<', '>']).nth(1).unwrap().to_owned());
                "250 ok".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") && stream.read_line(&mut text).await? > 0 {}
                seen.taken.lock().unwrap().push((std::mem::take(&mut to), text));
                "250 2.0.0 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 ok".to_owned(),
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        if verb == "STARTTLS" && reply.starts_with("220") {
            stream = encrypted(stream.into_inner(), script).await?;
            tls = true;
        }
    }
    Ok(())
}

async fn encrypted(stream: Box<dyn Stream>, script: &Script) -> std::io::Result<BufReader<Box<dyn Stream>>> {
    let acceptor = script.acceptor.clone().unwrap();
    Ok(BufReader::new(Box::new(acceptor.accept(stream).await?)))
}

fn hello(script: &Script, tls: bool) -> String {
    let mut lines = vec!["hop"];
    lines.extend(&script.offers);
    if script.starttls.is_some() && !tls {
        lines.push("STARTTLS");
    }
    let last = lines.pop().unwrap_or_default();
    lines.iter().map(|l| format!("250-{l}\r\n")).collect::<String>() + "250 " + last
}
