//! SUMMARY    Accepting connections and handing them to a door; stopping without dropping a commit.
//! INVARIANTS After `stop`, no connection is accepted, every session is told, and `stopped` waits for the last one.

use crate::{IpLimits, Link, TlsStore, proxy};
use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::TlsAcceptor;

/// Time for the PROXY header.
const PROXY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What speaks a protocol over a link.
pub trait Door: Send + Sync + 'static {
    /// Name for metrics and logs: "imap", "smtp", ...
    fn name(&self) -> &'static str;
    /// Serves one connection to its end.
    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// Told to a client that has too many connections.
    fn busy(&self) -> &'static [u8];
}

/// How a listener accepts.
#[derive(Clone)]
pub struct ListenerOptions {
    pub tls: Option<TlsStore>,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Expect a PROXY v2 header.
    pub proxy: bool,
    pub limits: IpLimits,
}

/// Tells sessions to end and waits for them.
pub struct Shutdown {
    stop: watch::Sender<bool>,
    alive: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Default for Shutdown {
    fn default() -> Self {
        let (alive, ended) = mpsc::channel(1);
        Shutdown { stop: watch::channel(false).0, alive, ended }
    }
}

impl Shutdown {
    /// Changes to true when the server stops.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Stops accepting, tells all sessions, and waits for them at most `within`. Whether all ended in time.
    pub async fn stop(self, within: Duration) -> bool {
        let Shutdown { stop, alive, mut ended } = self;
        stop.send_replace(true);
        drop(alive);
        tokio::time::timeout(within, async { while ended.recv().await.is_some() {} }).await.is_ok()
    }
}

/// A bound port of one door.
pub struct Listener {
    listener: TcpListener,
    door: Arc<dyn Door>,
    options: ListenerOptions,
}

impl Listener {
    /// Binds; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, door: Arc<dyn Door>, options: ListenerOptions) -> io::Result<Self> {
        Ok(Listener { listener: TcpListener::bind(address).await?, door, options })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts until shutdown, each connection in a task of its own.
    pub fn spawn(self, shutdown: &Shutdown) {
        let (mut stop, alive) = (shutdown.watch(), shutdown.alive.clone());
        tokio::spawn(async move {
            let acceptor = self.options.tls.as_ref().map(TlsStore::acceptor);
            loop {
                let accepted = tokio::select! {
                    accepted = self.listener.accept() => accepted,
                    _ = stop.changed() => return,
                };
                match accepted {
                    Ok((stream, peer)) => {
                        let session = self.session(stream, peer, acceptor.clone(), stop.clone());
                        let alive = alive.clone();
                        tokio::spawn(async move {
                            session.await;
                            drop(alive);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(door = self.door.name(), %error, "accept");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }

    fn session(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        stop: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (door, options) = (self.door.clone(), self.options.clone());
        async move {
            // In a box of its own: a handshake's state would stay part of the task for as long as the session lasts.
            let opened = Box::pin(open(stream, peer, acceptor, stop, &*door, options)).await;
            if let Some((link, guard)) = opened {
                metrics::counter!("posthouse_connections_total", "door" => door.name()).increment(1);
                let gauge = metrics::gauge!("posthouse_connections", "door" => door.name());
                gauge.increment(1.0);
                door.serve(link).await;
                gauge.decrement(1.0);
                drop(guard);
            }
        }
    }
}

async fn open(
    mut stream: TcpStream,
    mut peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
    door: &dyn Door,
    options: ListenerOptions,
) -> Option<(Link, crate::limit::Admission)> {
    let local = stream.local_addr().ok()?;
    // Answers are written whole; waiting for more to send only delays them.
    stream.set_nodelay(true).ok()?;
    if options.proxy {
        let header = tokio::time::timeout(PROXY_TIMEOUT, proxy::read_header(&mut stream)).await.ok()?;
        peer = header.ok()?.unwrap_or(peer);
    }
    let guard = options.limits.admit(peer.ip()).await;
    let mut link = Link::new(stream, peer, local, acceptor, stop);
    let Some(guard) = guard else {
        metrics::counter!("posthouse_connections_refused_total", "door" => door.name()).increment(1);
        if !options.implicit_tls {
            link.out.extend_from_slice(door.busy());
        }
        link.close().await;
        return None;
    };
    if options.implicit_tls {
        link.start_tls().await.ok()?;
    }
    Some((link, guard))
}
