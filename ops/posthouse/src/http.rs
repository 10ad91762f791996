//! SUMMARY    The HTTP port: health, readiness and metrics beside the API.
//! LIMITS     HTTP_STALL_MAX

use account::Accounts;
use axum::{Router, extract::State, http::StatusCode, routing::get, serve::ListenerExt};
use metrics_exporter_prometheus::PrometheusHandle;
use socket2::SockRef;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tenants::Service;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// How long a client may take nothing of what is sent to it (a subscription that nobody reads); then the connection is reset.
const HTTP_STALL_MAX: Duration = Duration::from_secs(30);

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
    let listener = listener.tap_io(|stream| {
        if let Err(error) = SockRef::from(&*stream).set_tcp_user_timeout(Some(HTTP_STALL_MAX)) {
            tracing::debug!(%error, "http: TCP_USER_TIMEOUT");
        }
    });
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stop.changed().await;
        };
        // Rights depend on where a request comes from.
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "http");
        }
    });
    Ok((port, task))
}
