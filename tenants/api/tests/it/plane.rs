//! SUMMARY    A data plane that records what it is told, and a client of the API.

use crate::{export::Exports, migration::Migrations};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use base::{AccountId, Clock, JobId, QueueId, SystemClock, TenantId, Timestamp};
use billing::{Billing, BillingOptions, Till};
use control::{
    Change, Control, ControlError, ControlFuture, Event, ExportOrder, ExportPapers, ExportPapersEnd, ExportPiece,
    ExportStanding, ExportSteer, ExportSteered, ExportedFile, ExpungedAsked, ExpungedEmail, ExpungedOrder,
    ExpungedPage, ExpungedPlace, ExpungedRestored, MigrationCheck, MigrationChecked, MigrationOrder, MigrationProblem,
    MigrationStanding, MigrationSteer, MigrationSteered, QueueActed, QueueAnswer, QueueAsked, QueueFate, QueueItem,
    QueueOrder, QueuePage, QueueRecipient, QueueState, Usage,
};
use serde_json::{Value, json};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tenants::{
    Database, DomainOptions, PasswordCost, SealingKey, Service, ServiceOptions, SignInOptions,
    dns::{Dns, Kind, Look, Looking},
};
use tower::ServiceExt;

#[derive(Default)]
pub struct Plane {
    pub told: Mutex<Vec<Change>>,
    pub down: AtomicBool,
    /// How often meters were asked for.
    pub calls: AtomicUsize,
    /// What was ordered about items of the queue, but in dry runs.
    pub orders: Mutex<Vec<QueueOrder>>,
    /// What was ordered to be brought back.
    pub recovered: Mutex<Vec<ExpungedOrder>>,
    /// What is exported.
    pub exports: Exports,
    /// What is brought.
    pub migrations: Migrations,
    /// What it tells.
    pub events: Mutex<Vec<Event>>,
}

/// Emails that every mailbox can have back.
pub const EXPUNGED: u64 = 25;

/// What every tenant has in its queue.
pub fn queued(tenant: TenantId) -> QueueItem {
    let (host, reply, status) = ("mx.b.example".to_owned(), "450 4.2.0 later".to_owned(), "4.2.0".to_owned());
    let at = Timestamp(5);
    QueueItem {
        id: QueueId(7),
        tenant,
        account: Some(AccountId(1)),
        sender: "ann@a.example".to_owned(),
        domain: "b.example".to_owned(),
        recipients: vec![QueueRecipient {
            address: "bob@b.example".to_owned(),
            fate: QueueFate::Waiting,
            host: host.clone(),
            reply: reply.clone(),
            status: status.clone(),
            at: Some(at),
        }],
        message_id: "<1@a.example>".to_owned(),
        size_bytes: 9,
        state: QueueState::Waiting,
        attempts: 1,
        answers: vec![QueueAnswer { at, attempt: 1, host, reply, status, recipients: 1 }],
        created_at: Timestamp(1),
        next_attempt_at: Some(Timestamp(9)),
        expires_at: Timestamp(10),
        ended_at: None,
        parked_reason: String::new(),
        held_by_hand: false,
        return_reason: String::new(),
    }
}

impl Control for Plane {
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            self.told.lock().unwrap().extend(batch);
            Ok(())
        })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage { used_bytes: 7, emails: 1, recipients_out: 0 }) })
    }
    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![Usage { used_bytes: 7, emails: 1, recipients_out: 0 }; tenants.len()]) })
    }
    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![Usage::default(); accounts.len()]) })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
    fn events(&self, after: u64, _: u32) -> ControlFuture<'_, Vec<Event>> {
        let all = self.events.lock().unwrap().clone();
        Box::pin(async move { Ok(all.into_iter().filter(|e| e.seq > after).collect()) })
    }
    fn migrate(&self, order: MigrationOrder) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            self.migrations.begin(order)
        })
    }
    fn migrations(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<MigrationStanding>>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            Ok(asked.into_iter().map(|(tenant, job)| self.migrations.standing(tenant, job)).collect())
        })
    }
    fn migration_problems(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<MigrationProblem>> {
        Box::pin(async move { Ok(self.migrations.problems(tenant, job)) })
    }
    fn migration_steer(&self, steer: MigrationSteer) -> ControlFuture<'_, MigrationSteered> {
        Box::pin(async move { Ok(self.migrations.steer(steer)) })
    }
    fn migration_check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        Box::pin(async move { self.migrations.check(&check) })
    }
    fn export(&self, order: ExportOrder) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            self.exports.begin(order);
            Ok(())
        })
    }
    fn export_papers(&self, papers: ExportPapers) -> ControlFuture<'_, ()> {
        Box::pin(async move { self.exports.told(papers) })
    }
    fn export_papers_end(&self, end: ExportPapersEnd) -> ControlFuture<'_, ()> {
        Box::pin(async move { self.exports.complete(end) })
    }
    fn exports(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<ExportStanding>>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            Ok(asked.into_iter().map(|(tenant, job)| self.exports.standing(tenant, job)).collect())
        })
    }
    fn export_steer(&self, steer: ExportSteer) -> ControlFuture<'_, ExportSteered> {
        Box::pin(async move { Ok(self.exports.steer(steer)) })
    }
    fn export_files(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<ExportedFile>> {
        Box::pin(async move { Ok(self.exports.files(tenant, job)) })
    }
    fn export_bytes(&self, piece: ExportPiece) -> ControlFuture<'_, Vec<u8>> {
        Box::pin(async move { self.exports.bytes(&piece) })
    }
    fn expunged(&self, asked: ExpungedAsked) -> ControlFuture<'_, ExpungedPage> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            let told = |text: &str| if asked.contents { text.to_owned() } else { String::new() };
            let one = |n: u64| ExpungedEmail {
                place: ExpungedPlace { at: Timestamp(5_000), email: n },
                size_bytes: 9,
                received_at: Timestamp(1_000),
                mailbox: told("INBOX"),
                from: told("Bea <bea@b.example>"),
                subject: told("Hello"),
            };
            let emails = (1..=EXPUNGED).rev().filter(|n| asked.before.is_none_or(|b| *n < b.email));
            let emails: Vec<_> = emails.take(asked.limit as usize).map(one).collect();
            let more = emails.last().is_some_and(|e| e.place.email > 1);
            Ok(ExpungedPage {
                emails,
                more,
                kept_emails: EXPUNGED as i64,
                kept_bytes: 9 * EXPUNGED as i64,
                days: Some(14),
            })
        })
    }
    fn restore_expunged(&self, order: ExpungedOrder) -> ControlFuture<'_, ExpungedRestored> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            let (restored, gone) = order.places.iter().partition(|place| place.email <= EXPUNGED);
            if !order.dry_run {
                self.recovered.lock().unwrap().push(order);
            }
            Ok(ExpungedRestored { restored, gone, stopped: String::new() })
        })
    }
    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            let item = queued(asked.tenant);
            if asked.ended || asked.filter.item.is_some_and(|id| id != item.id) {
                return Ok(QueuePage::default());
            }
            // A full page, whatever its size.
            let one = |n: u32| QueueItem { id: QueueId(item.id.0 + 10 * u64::from(n)), ..item.clone() };
            Ok(QueuePage { items: (0..asked.limit).map(one).collect(), next: None })
        })
    }
    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        Box::pin(async move {
            let item = queued(order.tenant);
            match order.item {
                _ if self.down.load(Ordering::SeqCst) => Err(ControlError::Unavailable("down".into())),
                QueueId(9) => Ok(QueueActed::UnderWay),
                id if id != item.id => Ok(QueueActed::Unknown),
                _ => {
                    if !order.dry_run {
                        self.orders.lock().unwrap().push(order);
                    }
                    Ok(QueueActed::Done(Box::new(item)))
                }
            }
        })
    }
}

/// The time, and what it was turned ahead by hand.
#[derive(Default)]
pub struct Hands(AtomicI64);

impl Hands {
    pub fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

pub struct Desk {
    pub hands: Arc<Hands>,
    pub plane: Arc<Plane>,
    pub service: Arc<Service>,
    pub billing: Arc<Billing>,
    pub till: Arc<Till>,
    pub operator: String,
    pub router: Router,
    pub folder: tempfile::TempDir,
}

/// The database of a test: a file, or, where POSTHOUSE_TEST_POSTGRES names a server, a schema of the file's name there.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
pub fn database(file: &std::path::Path) -> Database {
    let Ok(url) = std::env::var("POSTHOUSE_TEST_POSTGRES") else { return Database::Sqlite(file.to_owned()) };
    let mut hasher = DefaultHasher::new();
    (file, std::process::id()).hash(&mut hasher);
    Database::postgres(&url, &format!("t{:016x}", hasher.finish())).unwrap()
}

/// DNS in which every domain has the proof of another server, and of which nothing else is known: a publication has nothing that it may do.
struct Another;

impl Dns for Another {
    fn look_up<'a>(&'a self, name: &'a str, _: Kind) -> Looking<'a> {
        Box::pin(async move {
            match name.starts_with("_posthouse-challenge.") {
                true => Look::Known(vec!["posthouse-verify=another".to_owned()]),
                false => Look::Unknown("nobody answers here".to_owned()),
            }
        })
    }
}

impl Desk {
    pub async fn new() -> Desk {
        Desk::made(SignInOptions::default()).await
    }

    /// With a portal, and identity providers on loopback.
    pub async fn with_portal(portal: &str) -> Desk {
        let (portal, identity_hosts) = (Some(portal.to_owned()), vec!["127.0.0.1".to_owned()]);
        Desk::made(SignInOptions { portal, identity_hosts, ..SignInOptions::default() }).await
    }

    async fn made(sign_in: SignInOptions) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (plane, hands) = (Arc::new(Plane::default()), Arc::new(Hands::default()));
        let options = ServiceOptions {
            control: plane.clone(),
            clock: hands.clone(),
            password_cost: PasswordCost { memory_kib: 8, passes: 1 },
            domains: DomainOptions {
                dns: Arc::new(Another),
                sealing_key: Some(SealingKey::new([7; 32])),
                ..DomainOptions::default()
            },
        };
        let service = Service::open_with(database(&folder.path().join("c.sqlite")), options, sign_in).await.unwrap();
        let operator = service.bootstrap("Provider").await.unwrap().operator_token;
        let till = Till::new("till", hands.clone(), 20);
        let options = BillingOptions { portal: Some("https://portal.example".to_owned()), provider: "till" };
        let billing = Billing::new(service.clone(), vec![till.clone()], options).unwrap();
        let mut desk = Desk { hands, plane, service, billing, till, operator, router: Router::new(), folder };
        desk.refresh();
        desk
    }

    /// Another router over the same, which has not been asked anything yet.
    pub fn refresh(&mut self) {
        let options = api::ApiOptions { billing: Some(self.billing.clone()), ..api::ApiOptions::default() };
        self.router = api::router(self.service.clone(), options);
    }

    /// Seconds since 1970, by the clock that was turned.
    pub fn now_s(&self) -> u64 {
        u64::try_from(self.hands.now().0 / 1000).unwrap()
    }

    /// Runs a query; gives the whole answer.
    pub async fn ask(&self, token: &str, query: &str) -> Value {
        self.send(token, query).await.1
    }

    /// Runs a query; gives the status and the whole answer.
    pub async fn send(&self, token: &str, query: &str) -> (u16, Value) {
        self.send_all(token, "", query, &json!({})).await
    }

    /// The same with variables.
    pub async fn send_with(&self, token: &str, query: &str, variables: &Value) -> (u16, Value) {
        self.send_all(token, "", query, variables).await
    }

    /// The same, acting in a tenant.
    pub async fn send_in(&self, token: &str, tenant: &str, query: &str) -> (u16, Value) {
        self.send_all(token, tenant, query, &json!({})).await
    }

    async fn send_all(&self, token: &str, tenant: &str, query: &str, variables: &Value) -> (u16, Value) {
        let mut request = Request::post("/graphql");
        if !tenant.is_empty() {
            request = request.header("posthouse-tenant", tenant);
        }
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(json!({ "query": query, "variables": variables }).to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Any request; gives the response with its body as JSON, null when it has none.
    pub async fn http(&self, request: Request<Body>) -> (axum::http::response::Parts, Value) {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// A browser's request: status, head, body (null when it is no JSON).
    pub async fn get(&self, path: &str, cookie: &str) -> (u16, HeaderMap, Value) {
        let (head, body) = self.http(Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap()).await;
        (head.status.as_u16(), head.headers, body)
    }

    /// Runs a mutation aliased `r` that must succeed; gives `r`.
    pub async fn done(&self, token: &str, mutation: &str) -> Value {
        let answer = self.ask(token, mutation).await;
        let result = answer["data"]["r"].clone();
        assert_eq!(result["userErrors"], json!([]), "{mutation}: {answer}");
        result
    }

    /// Runs a mutation aliased `r` that must be refused; gives the code.
    pub async fn refused(&self, token: &str, mutation: &str) -> String {
        let answer = self.ask(token, mutation).await;
        let code = answer["data"]["r"]["userErrors"][0]["code"].as_str();
        code.unwrap_or_else(|| panic!("{mutation}: {answer}")).to_owned()
    }

    /// A tenant with domain and mailbox: (tenant id, token, mailbox id).
    pub async fn customer(&self, name: &str) -> (String, String, String) {
        let made = self
            .done(
                &self.operator,
                &format!(
                    "mutation {{ r: tenantCreate(input: {{ name: \"{name}\", maxDomains: 2, maxMailboxes: 2 }}) \
                     {{ tenant {{ id }} token userErrors {{ message code }} }} }}"
                ),
            )
            .await;
        let (id, token) =
            (made["tenant"]["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned());
        self.done(&self.operator, &domain(&id, &format!("{name}.example"))).await;
        let made = self.done(&token, &mailbox(&format!("ann@{name}.example"))).await;
        (id, token, made["mailbox"]["id"].as_str().unwrap().to_owned())
    }
}

/// The operator vouches for it.
pub fn domain(tenant: &str, name: &str) -> String {
    format!(
        "mutation {{ r: domainVouch(input: {{ tenantId: \"{tenant}\", name: \"{name}\" }}) \
         {{ domain {{ name version }} pending userErrors {{ message code }} }} }}"
    )
}

pub fn mailbox(address: &str) -> String {
    format!(
        "mutation {{ r: mailboxCreate(input: {{ address: \"{address}\", password: \"long enough\" }}) \
         {{ mailbox {{ id address }} pending userErrors {{ message code }} }} }}"
    )
}

pub fn delete(mailbox: &str, key: &str) -> String {
    format!(
        "mutation {{ r: mailboxDelete(input: {{ mailboxId: \"{mailbox}\", idempotencyKey: \"{key}\" }}) \
         {{ mailbox {{ id }} pending userErrors {{ message code }} }} }}"
    )
}

/// The newest delivery of a webhook, made of what happened until now.
pub async fn delivery(desk: &Desk, webhook: &str) -> String {
    while desk.service.fan_out().await.unwrap() > 0 {}
    let log = format!("{{ r: webhookDeliveries(webhookId: \"{webhook}\", first: 1) {{ nodes {{ deliveryId }} }} }}");
    let log = desk.ask(&desk.operator, &log).await;
    log["data"]["r"]["nodes"][0]["deliveryId"].as_str().unwrap_or_else(|| panic!("{log}")).to_owned()
}
