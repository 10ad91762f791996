//! SUMMARY    The data plane's side: a port where control planes call the methods of `Control`.
//! STANDARDS  RFC 9112 (HTTP/1.1)
//! SECURITY   Nothing is read of a caller before its certificate was verified. A caller that keeps a handshake open holds one of
//!            PLANE_HANDSHAKES_MAX places for PLANE_HANDSHAKE_MS_MAX, and none of those of the verified.
//! LIMITS     PLANE_CONNECTIONS_MAX, PLANE_HANDSHAKES_MAX, PLANE_BODY_BYTES_MAX, PLANE_REQUEST_MS_MAX, PLANE_IDS_MAX
//! INVARIANTS A batch that has arrived is applied even when its caller goes away: it is asked again, and that is harmless.

use super::{EventsAsked, Files, PapersTold, Refusal, VERSION};
use arc_swap::ArcSwap;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::post,
};
use base::{
    AccountId, JobId, TenantId,
    limits::{
        PLANE_BODY_BYTES_MAX, PLANE_CONNECTIONS_MAX, PLANE_EVENTS_MAX, PLANE_HANDSHAKE_MS_MAX, PLANE_HANDSHAKES_MAX,
        PLANE_IDLE_MS_MAX, PLANE_IDS_MAX, PLANE_REQUEST_MS_MAX,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{
    Change, Control, ControlError, ErasureOrder, ExportOrder, ExportPapersEnd, ExportPiece, ExportSteer, ExpungedAsked,
    ExpungedOrder, MigrationCheck, MigrationOrder, MigrationSteer, QueueAsked, QueueOrder,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use serde::Serialize;
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

type Plane = Arc<dyn Control>;

/// Pause after the kernel gave no connection (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The port, open.
pub struct Listening {
    pub port: u16,
    files: Files,
    tls: Arc<ArcSwap<ServerConfig>>,
}

impl Listening {
    /// Reads the files again, for new connections; what cannot be read changes nothing.
    pub fn reload(&self) -> Result<(), String> {
        self.tls.store(Arc::new(self.files.server()?));
        Ok(())
    }
}

/// Binds the port and answers until shutdown; the task ends when its requests have ended.
pub async fn listen(
    address: SocketAddr,
    files: &Files,
    plane: Plane,
    stop: watch::Receiver<bool>,
) -> Result<(Listening, JoinHandle<()>), String> {
    let tls = Arc::new(ArcSwap::from_pointee(files.server()?));
    let at = |e: std::io::Error| format!("plane on {address}: {e}");
    let listener = TcpListener::bind(address).await.map_err(at)?;
    let port = listener.local_addr().map_err(at)?.port();
    let door = Door { tls: tls.clone(), router: router(plane), connections: places(PLANE_CONNECTIONS_MAX) };
    let task = tokio::spawn(accept(listener, door, stop));
    Ok((Listening { port, files: files.clone(), tls }, task))
}

fn places(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}

#[derive(Clone)]
struct Door {
    tls: Arc<ArcSwap<ServerConfig>>,
    router: Router,
    connections: Arc<Semaphore>,
}

async fn accept(listener: TcpListener, door: Door, mut stop: watch::Receiver<bool>) {
    let handshakes = places(PLANE_HANDSHAKES_MAX);
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let next = async {
            let place = handshakes.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match (accepted, place) {
            (Ok((stream, from)), Ok(place)) => {
                open.spawn(connection(stream, from, door.clone(), place, stop.clone()));
            }
            (Err(error), _) => {
                tracing::warn!(%error, "plane: accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            (_, Err(_)) => break,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    door: Door,
    handshake: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) {
    // A socket that does not take it works all the same.
    let _ = stream.set_nodelay(true);
    let within = Duration::from_millis(PLANE_HANDSHAKE_MS_MAX);
    let shaken = tokio::time::timeout(within, TlsAcceptor::from(door.tls.load_full()).accept(stream)).await;
    drop(handshake);
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::warn!(%from, %error, "plane: a caller was refused"),
        Err(_) => return tracing::warn!(%from, "plane: a caller did not end its handshake"),
    };
    let Ok(_place) = door.connections.acquire().await else { return };
    let service = TowerToHyperService::new(door.router.clone());
    let mut builder = http1::Builder::new();
    // Also how long an unused connection stays.
    builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_millis(PLANE_IDLE_MS_MAX));
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
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
        tracing::debug!(%from, %error, "plane: connection");
    }
}

fn router(plane: Plane) -> Router {
    let routes = Router::new()
        .route("/hello", post(hello))
        .route("/apply", post(apply))
        .route("/usage", post(usage))
        .route("/account-usage", post(account_usage))
        .route("/usages", post(usages))
        .route("/account-usages", post(account_usages))
        .route("/events", post(events))
        .route("/queue", post(queue))
        .route("/queue-act", post(queue_act))
        .route("/erase", post(erase))
        .route("/erasure", post(erasure))
        .route("/prove-erasure", post(prove_erasure))
        .route("/expunged", post(expunged))
        .route("/restore-expunged", post(restore_expunged))
        .route("/export", post(export))
        .route("/export-papers", post(export_papers))
        .route("/export-papers-end", post(export_papers_end))
        .route("/exports", post(exports))
        .route("/export-steer", post(export_steer))
        .route("/export-files", post(export_files))
        .route("/export-bytes", post(export_bytes))
        .route("/migrate", post(migrate))
        .route("/migrations", post(migrations))
        .route("/migration-problems", post(migration_problems))
        .route("/migration-steer", post(migration_steer))
        .route("/migration-check", post(migration_check));
    Router::new()
        .nest(VERSION, routes)
        .layer(DefaultBodyLimit::max(PLANE_BODY_BYTES_MAX))
        .layer(from_fn(in_time))
        .with_state(plane)
}

/// The body's arrival counts.
async fn in_time(request: Request, next: Next) -> Response {
    let within = Duration::from_millis(PLANE_REQUEST_MS_MAX);
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(ControlError::Unavailable("limit PLANE_REQUEST_MS_MAX".to_owned())),
    }
}

fn answer<T: Serialize>(result: Result<T, ControlError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => refuse(error),
    }
}

fn refuse(error: ControlError) -> Response {
    let (status, error) = match error {
        ControlError::Invalid(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        ControlError::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    (status, Json(Refusal { error })).into_response()
}

fn bounded(count: usize) -> Result<(), ControlError> {
    if count > PLANE_IDS_MAX { Err(ControlError::Invalid("limit PLANE_IDS_MAX".to_owned())) } else { Ok(()) }
}

async fn hello(State(plane): State<Plane>) -> Response {
    answer(plane.hello().await)
}

async fn apply(State(plane): State<Plane>, Json(batch): Json<Vec<Change>>) -> Response {
    // In a task of its own: a caller that gives up must not cut it between two transactions.
    let applied = tokio::spawn(async move { plane.apply(batch).await }).await;
    answer(applied.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn usage(State(plane): State<Plane>, Json(tenant): Json<TenantId>) -> Response {
    answer(plane.usage(tenant).await)
}

async fn account_usage(State(plane): State<Plane>, Json(asked): Json<(TenantId, AccountId)>) -> Response {
    answer(plane.account_usage(asked.0, asked.1).await)
}

async fn usages(State(plane): State<Plane>, Json(tenants): Json<Vec<TenantId>>) -> Response {
    match bounded(tenants.len()) {
        Ok(()) => answer(plane.usages(tenants).await),
        Err(error) => refuse(error),
    }
}

async fn account_usages(State(plane): State<Plane>, Json(accounts): Json<Vec<(TenantId, AccountId)>>) -> Response {
    match bounded(accounts.len()) {
        Ok(()) => answer(plane.account_usages(accounts).await),
        Err(error) => refuse(error),
    }
}

async fn events(State(plane): State<Plane>, Json(asked): Json<EventsAsked>) -> Response {
    answer(plane.events(asked.after, asked.limit.min(PLANE_EVENTS_MAX)).await)
}

async fn queue(State(plane): State<Plane>, Json(asked): Json<QueueAsked>) -> Response {
    answer(plane.queue(asked).await)
}

async fn queue_act(State(plane): State<Plane>, Json(order): Json<QueueOrder>) -> Response {
    // In a task of its own, as a batch: what was begun is done.
    let acted = tokio::spawn(async move { plane.queue_act(order).await }).await;
    answer(acted.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn erase(State(plane): State<Plane>, Json(order): Json<ErasureOrder>) -> Response {
    // In a task of its own, as a batch: what was begun is told.
    let begun = tokio::spawn(async move { plane.erase(order).await }).await;
    answer(begun.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn erasure(State(plane): State<Plane>, Json(tenant): Json<TenantId>) -> Response {
    answer(plane.erasure(tenant).await)
}

async fn prove_erasure(State(plane): State<Plane>, Json(asked): Json<(TenantId, String)>) -> Response {
    answer(plane.prove_erasure(asked.0, asked.1).await)
}

async fn expunged(State(plane): State<Plane>, Json(asked): Json<ExpungedAsked>) -> Response {
    answer(plane.expunged(asked).await)
}

async fn restore_expunged(State(plane): State<Plane>, Json(order): Json<ExpungedOrder>) -> Response {
    // In a task of its own, as a batch.
    let restored = tokio::spawn(async move { plane.restore_expunged(order).await }).await;
    answer(restored.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn export(State(plane): State<Plane>, Json(order): Json<ExportOrder>) -> Response {
    // In a task of its own, as a batch.
    let asked = tokio::spawn(async move { plane.export(order).await }).await;
    answer(asked.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn export_papers(State(plane): State<Plane>, Json(told): Json<PapersTold>) -> Response {
    match told.try_into() {
        Ok(papers) => answer(plane.export_papers(papers).await),
        Err(error) => refuse(error),
    }
}

async fn export_papers_end(State(plane): State<Plane>, Json(end): Json<ExportPapersEnd>) -> Response {
    // In a task of its own, as a batch: what was complete begins.
    let ended = tokio::spawn(async move { plane.export_papers_end(end).await }).await;
    answer(ended.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn exports(State(plane): State<Plane>, Json(asked): Json<Vec<(TenantId, JobId)>>) -> Response {
    match bounded(asked.len()) {
        Ok(()) => answer(plane.exports(asked).await),
        Err(error) => refuse(error),
    }
}

async fn export_steer(State(plane): State<Plane>, Json(steer): Json<ExportSteer>) -> Response {
    let steered = tokio::spawn(async move { plane.export_steer(steer).await }).await;
    answer(steered.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn export_files(State(plane): State<Plane>, Json(asked): Json<(TenantId, JobId)>) -> Response {
    answer(plane.export_files(asked.0, asked.1).await)
}

/// As text in base64: an answer is JSON.
async fn export_bytes(State(plane): State<Plane>, Json(piece): Json<ExportPiece>) -> Response {
    answer(plane.export_bytes(piece).await.map(|bytes| STANDARD.encode(bytes)))
}

async fn migrate(State(plane): State<Plane>, Json(order): Json<MigrationOrder>) -> Response {
    // In a task of its own, as a batch.
    let begun = tokio::spawn(async move { plane.migrate(order).await }).await;
    answer(begun.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn migrations(State(plane): State<Plane>, Json(asked): Json<Vec<(TenantId, JobId)>>) -> Response {
    match bounded(asked.len()) {
        Ok(()) => answer(plane.migrations(asked).await),
        Err(error) => refuse(error),
    }
}

async fn migration_problems(State(plane): State<Plane>, Json(asked): Json<(TenantId, JobId)>) -> Response {
    answer(plane.migration_problems(asked.0, asked.1).await)
}

async fn migration_steer(State(plane): State<Plane>, Json(steer): Json<MigrationSteer>) -> Response {
    let steered = tokio::spawn(async move { plane.migration_steer(steer).await }).await;
    answer(steered.unwrap_or_else(|e| Err(ControlError::Unavailable(e.to_string()))))
}

async fn migration_check(State(plane): State<Plane>, Json(check): Json<MigrationCheck>) -> Response {
    answer(plane.migration_check(check).await)
}
