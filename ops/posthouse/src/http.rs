//! SUMMARY    The HTTP port: health, readiness and metrics beside the API.
//! LIMITS     HTTP_STALL_MAX, HTTP_HEADER_WAIT_MAX, HTTP_CONNECTIONS_MAX, HTTP_CONNECTIONS_PER_ADDRESS_MAX
//! SECURITY   Connections are bounded, so that clients of the API cannot use up what mail needs.

use account::Accounts;
use axum::{
    Extension, Router,
    extract::{ConnectInfo, State},
    http::StatusCode,
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use socket2::SockRef;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tenants::Service;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// How long a client may take nothing of what is sent to it (a subscription that nobody reads); then the connection is reset.
const HTTP_STALL_MAX: Duration = Duration::from_secs(30);
/// How long the header of a request may take, and how long a connection rests between two.
const HTTP_HEADER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Open connections.
const HTTP_CONNECTIONS_MAX: usize = 4_096;
/// Open connections of one address, loopback apart.
const HTTP_CONNECTIONS_PER_ADDRESS_MAX: usize = 128;

/// What is asked how it is; a plane that is not here is `None`.
#[derive(Clone)]
struct Health {
    accounts: Option<Accounts>,
    service: Option<Arc<Service>>,
    metrics: PrometheusHandle,
}

/// `/healthz` (the process lives), `/readyz` (store and database serve), `/metrics`.
pub fn router(accounts: Option<Accounts>, service: Option<Arc<Service>>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Health { accounts, service, metrics })
}

/// 503: the store is lost to this process, which is about to end (exit code 75).
async fn alive(State(health): State<Health>) -> (StatusCode, &'static str) {
    let lost = health.accounts.is_some_and(|accounts| accounts.is_lost());
    if lost { (StatusCode::SERVICE_UNAVAILABLE, "the store is lost\n") } else { (StatusCode::OK, "ok\n") }
}

async fn render(State(health): State<Health>) -> String {
    if let Some(accounts) = &health.accounts {
        // Asks for the free bytes, so that the gauge is of now even while no mail comes.
        let _ = accounts.check_room();
    }
    health.metrics.render()
}

/// The planes of this process; the other one's state is its own matter.
async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let mut ready = match &health.accounts {
        Some(accounts) if accounts.is_draining() => Err("draining".to_owned()),
        Some(accounts) => accounts.health().await,
        None => Ok(()),
    };
    if let (Ok(()), None, Some(service)) = (&ready, &health.accounts, &health.service) {
        ready = service.health().await;
    }
    match ready {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Binds and serves until shutdown; gives the port, and the task that ends when its requests have ended.
pub async fn listen(
    address: SocketAddr,
    free_port: bool,
    router: Router,
    proxies: Vec<IpNet>,
    mut stop: watch::Receiver<bool>,
) -> Result<(u16, JoinHandle<()>), String> {
    let listener = match TcpListener::bind(address).await {
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && free_port => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
        }
        bound => bound,
    };
    let listener = listener.map_err(|e| format!("http on {address}: {e}"))?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let task = tokio::spawn(async move {
        let (mut serving, open) = (JoinSet::new(), Arc::new(Open::new(proxies)));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.changed() => break,
            };
            while serving.try_join_next().is_some() {}
            let Ok((stream, from)) = accepted else {
                // Out of descriptors: the connections that end give theirs back.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if let Some(place) = open.place(from.ip()) {
                serving.spawn(connection(stream, from, router.clone(), stop.clone(), place));
            }
        }
        while serving.join_next().await.is_some() {}
    });
    Ok((port, task))
}

/// Open connections, by whose they are.
struct Open {
    counts: Mutex<HashMap<IpAddr, usize>>,
    all: AtomicUsize,
    /// Many clients' connections come from each of these.
    proxies: Vec<IpNet>,
}

/// One of them.
struct Place {
    open: Arc<Open>,
    from: IpAddr,
}

impl Open {
    fn new(proxies: Vec<IpNet>) -> Open {
        Open { counts: Mutex::default(), all: AtomicUsize::new(0), proxies }
    }

    /// A place for one more; `None` while there are HTTP_CONNECTIONS_MAX, or HTTP_CONNECTIONS_PER_ADDRESS_MAX of the address.
    /// Loopback, where the operator is, and trusted proxies have the whole.
    fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut counts = self.counts.lock();
        let own = counts.get(&from).copied().unwrap_or(0);
        let address = from.to_canonical();
        let is_one = !address.is_loopback() && !self.proxies.iter().any(|net| net.contains(&address));
        if self.all.load(Relaxed) >= HTTP_CONNECTIONS_MAX || is_one && own >= HTTP_CONNECTIONS_PER_ADDRESS_MAX {
            metrics::counter!("posthouse_http_refused_total").increment(1);
            return None;
        }
        counts.insert(from, own + 1);
        self.all.fetch_add(1, Relaxed);
        Some(Place { open: self.clone(), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.counts.lock();
        self.open.all.fetch_sub(1, Relaxed);
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
    _place: Place,
) {
    if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(HTTP_STALL_MAX)) {
        tracing::debug!(%error, "http: TCP_USER_TIMEOUT");
    }
    let _ = stream.set_nodelay(true);
    // Rights depend on where a request comes from.
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(from))));
    let mut builder = http1::Builder::new();
    // Also how long an unused connection stays.
    builder.timer(TokioTimer::new()).header_read_timeout(HTTP_HEADER_WAIT_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let stopping = async {
        // A sender that is gone is an end too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopping => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "http: connection");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn one_address_has_its_share_and_proxies_the_whole() {
        let open = Arc::new(Open::new(vec!["10.0.0.0/8".parse().unwrap()]));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (one, proxy) = (ip("192.0.2.1"), ip("::ffff:10.0.0.1"));
        let mut held: Vec<_> = (0..HTTP_CONNECTIONS_PER_ADDRESS_MAX).map(|_| open.place(one).unwrap()).collect();
        assert!(open.place(one).is_none());
        assert!(open.place(ip("192.0.2.2")).is_some(), "another address has its own");
        held.pop();
        held.push(open.place(one).expect("what ended is given back"));
        while held.len() < HTTP_CONNECTIONS_MAX {
            held.push(open.place(proxy).unwrap());
        }
        assert!(open.place(proxy).is_none() && open.place(ip("127.0.0.1")).is_none());
        held.clear();
        assert!(open.counts.lock().is_empty());
        assert_eq!(open.all.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_does_not_end_is_not_waited_for() {
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", get(|| async { "hello" }));
        let (port, task) = listen("127.0.0.1:0".parse().unwrap(), false, router, Vec::new(), stopped).await.unwrap();
        let mut slow = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).await.unwrap();
        assert!(!String::from_utf8_lossy(&answer).contains("hello"));
        let mut quick = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        answer.clear();
        quick.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).ends_with("hello"));
        stop.send(true).unwrap();
        task.await.unwrap();
    }
}
