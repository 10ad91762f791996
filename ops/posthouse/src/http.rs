//! SUMMARY    The HTTP port: health, readiness and metrics beside the API.

use account::Accounts;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// `/healthz` (the process lives), `/readyz` (the store serves), `/metrics`.
pub fn router(accounts: Accounts, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(alive).with_state(accounts.clone()))
        .route("/readyz", get(ready).with_state(accounts.clone()))
        .route("/metrics", get(render).with_state((accounts, metrics)))
}

/// 503: the store is lost to this process, which is about to end (exit code 75).
async fn alive(State(accounts): State<Accounts>) -> (StatusCode, &'static str) {
    if accounts.is_lost() { (StatusCode::SERVICE_UNAVAILABLE, "the store is lost\n") } else { (StatusCode::OK, "ok\n") }
}

async fn render(State((accounts, metrics)): State<(Accounts, PrometheusHandle)>) -> String {
    // Asks for the free bytes, so that the gauge is of now even while no mail comes.
    let _ = accounts.check_room();
    metrics.render()
}

async fn ready(State(accounts): State<Accounts>) -> (StatusCode, String) {
    match accounts.health().await {
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
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stop.changed().await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "http");
        }
    });
    Ok((port, task))
}
