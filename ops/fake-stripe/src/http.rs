//! SUMMARY    The fake over HTTP: the API below /v1, pages for visitors, /fake for whoever tests.
//! SECURITY   Binds 127.0.0.1 only. A request to the API has the secret key, or is refused.
//! LIMITS     BODY_BYTES_MAX, HANG_SECS
//! INVARIANTS Where it is kept in a file, what a request changed is there before it is answered; what time did, a second later.

use crate::{
    ahead::AheadClock,
    control::{Failing, Fails, control, next_failure},
    deliver::{self, Webhooks},
    kept::{Saved, Store},
    model::{Model, Reply, Request},
    page::page,
    params::Params,
    pdf::pdf,
    problem::Problem,
    test_desk::test_desk,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request as Incoming, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use base::Clock;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use stripe_payments::Method as Verb;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// Where the page for those who try it is.
pub const TEST_DESK: &str = "/test-desk";
const BODY_BYTES_MAX: usize = 1 << 20;
/// A call that hangs is answered then, when nobody waits any more.
const HANG_SECS: Duration = Duration::from_secs(600);
/// So often it looks whether something is due.
const TICK: Duration = Duration::from_secs(1);

pub struct Options {
    /// 0: a free one.
    pub port: u16,
    /// What the API asks for.
    pub secret_key: String,
    pub clock: Arc<AheadClock>,
    /// Whether who is told has the same clock: its own, without what was put forward, otherwise.
    pub is_shared: bool,
    /// Where events go, with the secret that signs them.
    pub endpoints: Vec<(String, String)>,
    /// The file that the account is read from and kept in; none: it ends with this process.
    pub kept_in: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        let (secret_key, clock) = ("sk_test_fake".into(), Arc::default());
        Options { port: 0, secret_key, clock, is_shared: false, endpoints: Vec::new(), kept_in: None }
    }
}

pub struct Shared {
    pub(crate) model: Mutex<Model>,
    pub(crate) hooks: Mutex<Webhooks>,
    pub(crate) failing: Mutex<Vec<Failing>>,
    pub(crate) clock: Arc<AheadClock>,
    pub(crate) is_shared: bool,
    pub(crate) wake: Notify,
    pub(crate) store: Option<Mutex<Store>>,
    /// Something was asked for that may have changed the account since it was kept.
    pub(crate) is_changed: AtomicBool,
    pub(crate) port: u16,
    secret_key: String,
}

pub struct Fake;

/// A fake that runs until this is dropped.
pub struct Running {
    pub base_url: String,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Fake {
    /// Starts it on 127.0.0.1, with the account that is kept, at the port it had where that is free: its pages are where they were. Errors:
    /// the port is taken; an endpoint on another machine; a file that is spoiled.
    pub async fn start(options: Options) -> io::Result<Running> {
        let saved = options.kept_in.as_deref().map(Saved::read).transpose()?.flatten();
        let listener = listen(options.port, saved.as_ref().map(|saved| saved.port)).await?;
        let (base_url, port) = (format!("http://{}", listener.local_addr()?), listener.local_addr()?.port());
        let mut model = match saved {
            Some(saved) => saved.at(&base_url),
            // Ids of another start, whose file is lost, are not given again.
            None => Model::first(&base_url, options.clock.now().secs(), options.clock.behind().now().0),
        };
        for (url, secret) in &options.endpoints {
            let wrong = |problem: Problem| io::Error::new(io::ErrorKind::InvalidInput, problem.message);
            model.have_endpoint(url, secret).map_err(wrong)?;
        }
        let shared = Arc::new(Shared {
            model: Mutex::new(model),
            hooks: Mutex::default(),
            failing: Mutex::default(),
            clock: options.clock,
            is_shared: options.is_shared,
            wake: Notify::new(),
            store: options.kept_in.map(|path| Mutex::new(Store::new(path))),
            is_changed: AtomicBool::new(true),
            port,
            secret_key: options.secret_key,
        });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let serve = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the fake Stripe has ended");
            }
        });
        let tasks = vec![serve, tokio::spawn(deliver::run(shared.clone())), tokio::spawn(tick(shared.clone()))];
        Ok(Running { base_url, shared, tasks })
    }
}

impl Running {
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.shared.model.lock()
    }

    /// The page to put its clock forward on, and to set what cards do.
    pub fn test_desk_url(&self) -> String {
        format!("{}{TEST_DESK}", self.base_url)
    }

    /// Puts its clock forward. Errors: back.
    pub fn advance(&self, seconds: i64) -> Result<(), Problem> {
        self.shared.advance(seconds)
    }

    /// The time of the account.
    pub fn now_secs(&self) -> i64 {
        self.shared.now()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.keep();
    }
}

impl Shared {
    /// Hands new events to delivery.
    pub(crate) fn collect_events(&self) {
        let new = self.model.lock().take_outbox();
        self.hooks.lock().take(new, tokio::time::Instant::now());
        self.wake.notify_one();
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        given.strip_prefix("Bearer ") == Some(self.secret_key.as_str())
    }
}

async fn tick(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TICK).await;
        let now = shared.now();
        shared.model.lock().advance(now);
        shared.collect_events();
        let keeping = shared.clone();
        let _ = tokio::task::spawn_blocking(move || keeping.keep()).await;
    }
}

/// At a port; else at the one that it had, or at a free one.
async fn listen(port: u16, before: Option<u16>) -> io::Result<TcpListener> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match (port, before) {
        (0, Some(before)) => match at(before).await {
            Ok(bound) => Ok(bound),
            Err(_) => at(0).await,
        },
        (port, _) => at(port).await,
    }
}

async fn answer(State(shared): State<Arc<Shared>>, incoming: Incoming) -> Response {
    let (head, body) = incoming.into_parts();
    let may_change = head.method != Method::GET;
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return json_of(413, &Problem::of(413, "invalid_request_error", "BODY_BYTES_MAX").json());
    };
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let params = match if text.starts_with('{') { from_json(text) } else { Params::parse(&format!("{query}&{text}")) } {
        Ok(params) => params,
        Err(problem) => return json_of(problem.status, &problem.json()),
    };
    let path = head.uri.path();
    let response = if let Some(path) = path.strip_prefix("/v1") {
        api(&shared, &head.method, path, params, &head.headers).await
    } else if let Some(path) = path.strip_prefix("/fake/") {
        let (status, body) = match control(&shared, head.method == Method::POST, path, &params) {
            Ok(body) => (200, body),
            Err(problem) => (problem.status, problem.json()),
        };
        json_of(status, &body)
    } else if path == TEST_DESK {
        desk(&shared, &head, &params)
    } else {
        visitor(&shared, head.method == Method::POST, path, &params)
    };
    shared.collect_events();
    if may_change {
        shared.is_changed.store(true, Ordering::SeqCst);
        let keeping = shared.clone();
        let _ = tokio::task::spawn_blocking(move || keeping.keep()).await;
    }
    response
}

/// A JSON object of texts and numbers, for who finds that easier.
fn from_json(text: &str) -> Result<Params, Problem> {
    let object: Value = serde_json::from_str(text).map_err(|e| Problem::invalid("", e.to_string()))?;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(Params::of(object.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect()))
}

fn json_of(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn api(shared: &Shared, method: &Method, path: &str, params: Params, headers: &HeaderMap) -> Response {
    if !shared.is_known(headers) {
        return json_of(401, &Problem::of(401, "invalid_request_error", "Invalid API Key provided").json());
    }
    let method = match *method {
        Method::GET => Verb::Get,
        Method::POST => Verb::Post,
        Method::DELETE => Verb::Delete,
        _ => return json_of(405, &Problem::of(405, "invalid_request_error", "GET, POST or DELETE").json()),
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = Request { method, path: path.to_owned(), params, key };
    let call = || {
        let reply = shared.model.lock().call(&request, shared.now());
        shared.collect_events();
        reply
    };
    match next_failure(shared, path) {
        None => {
            let Reply { status, body } = call();
            json_of(status, &body)
        }
        Some(Fails::Status(status)) => {
            let kind = if status == 429 { "invalid_request_error" } else { "api_error" };
            let code = if status == 429 { "rate_limit" } else { "" };
            json_of(status, &Problem { code, ..Problem::of(status, kind, "It was made to fail.") }.json())
        }
        Some(Fails::HangsBefore) => hang().await,
        Some(Fails::HangsAfter) => {
            call();
            hang().await
        }
        Some(Fails::Breaks) => {
            call();
            let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>(io::Error::other("broken")) });
            Body::from_stream(broken).into_response()
        }
    }
}

/// The page from which whoever tries the demo puts the clock forward and sets what cards do. Forms of other sites change nothing.
fn desk(shared: &Shared, head: &Parts, p: &Params) -> Response {
    if head.method != Method::POST {
        return html(StatusCode::OK, test_desk(shared, None));
    }
    let site = head.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        return html(StatusCode::FORBIDDEN, page("Not from here", "<p>This form is of another site.</p>"));
    }
    match shared.change_by_desk(p) {
        Ok(()) => Redirect::to(TEST_DESK).into_response(),
        Err(problem) => html(StatusCode::BAD_REQUEST, test_desk(shared, Some(&problem.message))),
    }
}

async fn hang() -> Response {
    tokio::time::sleep(HANG_SECS).await;
    json_of(504, &json!({}))
}

fn html(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    (status, headers, body).into_response()
}

fn visitor(shared: &Shared, is_post: bool, path: &str, p: &Params) -> Response {
    let mut model = shared.model.lock();
    model.advance(shared.now());
    let nothing = || html(StatusCode::NOT_FOUND, page("Not found", "<p>There is no such page.</p>"));
    let card = p.text("card").unwrap_or_default();
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["pay", id] => {
            let Ok(session) = model.session(id).cloned() else { return nothing() };
            if session.status != "open" {
                return html(StatusCode::GONE, page("Not open", "<p>This page is not open any more.</p>"));
            }
            match if is_post { model.pay_session(id, card).map(Some) } else { Ok(None) } {
                Ok(Some(url)) => Redirect::to(&url).into_response(),
                Ok(None) => html(StatusCode::OK, model.checkout_page(&session, None)),
                Err(problem) => {
                    html(StatusCode::PAYMENT_REQUIRED, model.checkout_page(&session, Some(&problem.message)))
                }
            }
        }
        ["portal", id] => {
            let Some(portal) = model.portals.get(*id).cloned() else { return nothing() };
            match if is_post { model.change_card(id, card) } else { Ok(None) } {
                Ok(Some(url)) => Redirect::to(&url).into_response(),
                Ok(None) => html(StatusCode::OK, model.portal_page(&portal, None, is_post)),
                Err(problem) => {
                    html(StatusCode::PAYMENT_REQUIRED, model.portal_page(&portal, Some(&problem.message), false))
                }
            }
        }
        ["invoice", id, rest @ ..] => {
            let paid = if is_post { model.pay_hosted(id, card) } else { Ok(()) };
            let Some(invoice) = model.invoices.get(*id).filter(|i| i.finalized_at.is_some()).cloned() else {
                return nothing();
            };
            match (rest, paid) {
                (["pdf"], _) => ([(header::CONTENT_TYPE, "application/pdf")], pdf(&invoice)).into_response(),
                ([], Ok(())) => html(StatusCode::OK, model.invoice_page(&invoice, None)),
                ([], Err(problem)) => {
                    html(StatusCode::PAYMENT_REQUIRED, model.invoice_page(&invoice, Some(&problem.message)))
                }
                (_, _) => nothing(),
            }
        }
        _ => nothing(),
    }
}
