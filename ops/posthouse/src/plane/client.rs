//! SUMMARY    The control plane's side: `Control` over HTTP with mutual TLS.
//! SECURITY   What the other side answers is bounded and parsed; it has a certificate of our authority.
//! LIMITS     PLANE_REQUESTS_MAX, PLANE_REQUEST_MS_MAX, PLANE_QUESTION_MS_MAX, PLANE_HANDSHAKE_MS_MAX, PLANE_BODY_BYTES_MAX,
//!            PLANE_ANSWER_BYTES_MAX
//! INVARIANTS Every call ends in time, whatever the other side does. Nothing is tried twice here: that is the relay's.

use super::{EventsAsked, Files, PapersTold, Refusal, VERSION};
use arc_swap::ArcSwap;
use base::{
    AccountId, JobId, TenantId,
    limits::{
        PLANE_ANSWER_BYTES_MAX, PLANE_BODY_BYTES_MAX, PLANE_HANDSHAKE_MS_MAX, PLANE_IDLE_MS_MAX, PLANE_QUESTION_MS_MAX,
        PLANE_REQUEST_MS_MAX, PLANE_REQUESTS_MAX,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use control::{
    Change, Control, ControlError, ControlFuture, Erasure, ErasureOrder, Event, ExportOrder, ExportPapers,
    ExportPapersEnd, ExportPiece, ExportStanding, ExportSteer, ExportSteered, ExportedFile, ExpungedAsked,
    ExpungedOrder, ExpungedPage, ExpungedRestored, Hello, MigrationCheck, MigrationChecked, MigrationOrder,
    MigrationProblem, MigrationStanding, MigrationSteer, MigrationSteered, QueueActed, QueueAsked, QueueOrder,
    QueuePage, Usage,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, Uri, header::CONTENT_TYPE};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

type Https = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Bytes of another side's refusal that are told on.
const REFUSAL_BYTES_MAX: usize = 2_000;

/// A data plane elsewhere.
pub struct RemotePlane {
    /// `https://data-plane:9443`, without a slash at its end.
    base: String,
    files: Files,
    client: ArcSwap<Https>,
    turns: Semaphore,
}

impl RemotePlane {
    /// Reads the files; connects when there is something to say.
    pub fn new(url: &str, files: Files) -> Result<RemotePlane, String> {
        let wrong = || format!("plane.url: {url:?} is not like \"https://data-plane:9443\"");
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("https") || uri.host().is_none() || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong());
        }
        let client = ArcSwap::from_pointee(client(&files)?);
        Ok(RemotePlane { base, files, client, turns: Semaphore::new(PLANE_REQUESTS_MAX) })
    }

    /// Reads the files again, for new connections; what cannot be read changes nothing.
    pub fn reload(&self) -> Result<(), String> {
        self.client.store(Arc::new(client(&self.files)?));
        Ok(())
    }

    async fn ask<Q: Serialize, A: DeserializeOwned>(&self, method: &str, asked: Q) -> Result<A, ControlError> {
        self.call(method, asked, PLANE_QUESTION_MS_MAX).await
    }

    async fn call<Q, A>(&self, method: &str, asked: Q, within_ms: u64) -> Result<A, ControlError>
    where
        Q: Serialize,
        A: DeserializeOwned,
    {
        let body = serde_json::to_vec(&asked).map_err(|e| ControlError::Invalid(e.to_string()))?;
        if body.len() > PLANE_BODY_BYTES_MAX {
            return Err(ControlError::Invalid("limit PLANE_BODY_BYTES_MAX".to_owned()));
        }
        match tokio::time::timeout(Duration::from_millis(within_ms), self.exchange(method, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable(format!("{} does not answer within {within_ms} ms", self.base))),
        }
    }

    async fn exchange<A: DeserializeOwned>(&self, method: &str, body: Vec<u8>) -> Result<A, ControlError> {
        let _turn = self.turns.acquire().await.map_err(unavailable)?;
        let request = Request::post(format!("{}{VERSION}/{method}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(unavailable)?;
        let client = self.client.load_full();
        let answer = client.request(request).await.map_err(|e| unavailable(with_cause(&e)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), PLANE_ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|e| unavailable(format!("its answer: {e}")))?.to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|e| unavailable(format!("its answer: {e}")));
        }
        Err(refusal(status, &body))
    }
}

fn client(files: &Files) -> Result<Https, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_millis(PLANE_HANDSHAKE_MS_MAX)));
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new().with_tls_config(files.client()?).https_only().enable_http1();
    Ok(Client::builder(TokioExecutor::new())
        // Before the other side closes it.
        .pool_idle_timeout(Duration::from_millis(PLANE_IDLE_MS_MAX / 2))
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(PLANE_REQUESTS_MAX)
        .build(connector.wrap_connector(tcp)))
}

/// What the other side could not take can only be wrong for reasons of its own; all else may be better later.
fn refusal(status: StatusCode, body: &[u8]) -> ControlError {
    let shown = || String::from_utf8_lossy(body.get(..REFUSAL_BYTES_MAX).unwrap_or(body)).trim().to_owned();
    let why = serde_json::from_slice::<Refusal>(body).map_or_else(|_| shown(), |refusal| refusal.error);
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            ControlError::Invalid(why)
        }
        StatusCode::SERVICE_UNAVAILABLE => ControlError::Unavailable(why),
        StatusCode::NOT_FOUND => {
            unavailable(format!("it does not speak {VERSION}: are both planes of the same release? {why}"))
        }
        _ => unavailable(format!("{status}: {why}")),
    }
}

fn unavailable(why: impl std::fmt::Display) -> ControlError {
    ControlError::Unavailable(why.to_string())
}

/// An error with what it comes from: hyper says "client error (Connect)" and keeps the rest.
fn with_cause(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl Control for RemotePlane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(self.ask("hello", ()))
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(self.call("apply", batch, PLANE_REQUEST_MS_MAX))
    }
    fn usage(&self, tenant: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(self.ask("usage", tenant))
    }
    fn account_usage(&self, tenant: TenantId, account: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(self.ask("account-usage", (tenant, account)))
    }
    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let asked = tenants.len();
            complete(self.ask("usages", tenants).await?, asked)
        })
    }
    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let asked = accounts.len();
            complete(self.ask("account-usages", accounts).await?, asked)
        })
    }
    fn events(&self, after: u64, limit: u32) -> ControlFuture<'_, Vec<Event>> {
        Box::pin(self.ask("events", EventsAsked { after, limit }))
    }
    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Box::pin(self.ask("queue", asked))
    }
    fn expunged(&self, asked: ExpungedAsked) -> ControlFuture<'_, ExpungedPage> {
        Box::pin(self.ask("expunged", asked))
    }
    fn restore_expunged(&self, order: ExpungedOrder) -> ControlFuture<'_, ExpungedRestored> {
        Box::pin(self.ask("restore-expunged", order))
    }
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        Box::pin(self.call("erase", order, PLANE_REQUEST_MS_MAX))
    }
    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        Box::pin(self.ask("erasure", tenant))
    }
    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        Box::pin(self.ask("prove-erasure", (tenant, statement)))
    }
    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        Box::pin(self.ask("queue-act", order))
    }
    fn export(&self, order: ExportOrder) -> ControlFuture<'_, ()> {
        Box::pin(self.call("export", order, PLANE_REQUEST_MS_MAX))
    }
    fn export_papers(&self, papers: ExportPapers) -> ControlFuture<'_, ()> {
        Box::pin(self.call("export-papers", PapersTold::from(papers), PLANE_REQUEST_MS_MAX))
    }
    fn export_papers_end(&self, end: ExportPapersEnd) -> ControlFuture<'_, ()> {
        Box::pin(self.call("export-papers-end", end, PLANE_REQUEST_MS_MAX))
    }
    fn exports(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<ExportStanding>>> {
        Box::pin(async move {
            let count = asked.len();
            complete(self.ask("exports", asked).await?, count)
        })
    }
    fn export_steer(&self, steer: ExportSteer) -> ControlFuture<'_, ExportSteered> {
        Box::pin(self.ask("export-steer", steer))
    }
    fn export_files(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<ExportedFile>> {
        Box::pin(self.ask("export-files", (tenant, job)))
    }
    fn migrate(&self, order: MigrationOrder) -> ControlFuture<'_, ()> {
        Box::pin(self.call("migrate", order, PLANE_REQUEST_MS_MAX))
    }
    fn migrations(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<MigrationStanding>>> {
        Box::pin(async move {
            let count = asked.len();
            complete(self.ask("migrations", asked).await?, count)
        })
    }
    fn migration_problems(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<MigrationProblem>> {
        Box::pin(self.ask("migration-problems", (tenant, job)))
    }
    fn migration_steer(&self, steer: MigrationSteer) -> ControlFuture<'_, MigrationSteered> {
        Box::pin(self.ask("migration-steer", steer))
    }
    fn migration_check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        Box::pin(self.call("migration-check", check, PLANE_REQUEST_MS_MAX))
    }
    fn export_bytes(&self, piece: ExportPiece) -> ControlFuture<'_, Vec<u8>> {
        Box::pin(async move {
            let text: String = self.call("export-bytes", piece, PLANE_REQUEST_MS_MAX).await?;
            STANDARD.decode(text).map_err(|e| unavailable(format!("its answer: {e}")))
        })
    }
}

/// As many as were asked for: callers take them by their places.
fn complete<T>(answers: Vec<T>, asked: usize) -> Result<Vec<T>, ControlError> {
    if answers.len() == asked { Ok(answers) } else { Err(unavailable("its answer has another length")) }
}
