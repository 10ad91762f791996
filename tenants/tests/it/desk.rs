//! SUMMARY    A service over a temporary file, and a data plane that keeps what it is told.

use base::{AccountId, Clock, SystemClock, TenantId, Timestamp};
use control::{
    AccountSnapshot, Change, Control, ControlError, ControlFuture, Destination, Erased, Erasure, ErasureOrder,
    ErasurePhase, Hello, QueueAsked, QueueItem, QueuePage, Usage,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tenants::{
    Actor, Database, DomainOptions, Mailbox, NewAlias, NewMailbox, NewTenant, PasswordCost, Service, ServiceOptions,
    SignInOptions, Terms,
};

#[derive(Default)]
pub struct Plane {
    pub told: Mutex<Vec<Change>>,
    pub down: AtomicBool,
    /// What it says of its store.
    pub hello: Mutex<Hello>,
    /// What every tenant uses.
    pub used: Mutex<Usage>,
    /// Changes of the largest batch.
    pub batch_max: AtomicUsize,
    /// The one erasure that was begun, and why it begins none.
    pub erasure: Mutex<Option<Erasure>>,
    pub keeps: Mutex<Option<String>>,
    /// Its outgoing mail, whatever is asked for.
    pub queue: Mutex<Vec<QueueItem>>,
}

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            Ok(self.hello.lock().unwrap().clone())
        })
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            self.batch_max.fetch_max(batch.len(), Ordering::SeqCst);
            self.told.lock().unwrap().extend(batch);
            Ok(())
        })
    }
    fn usage(&self, _: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            Ok(self.used.lock().unwrap().clone())
        })
    }
    fn account_usage(&self, _: TenantId, _: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable("down".into()));
            }
            if let Some(why) = self.keeps.lock().unwrap().clone() {
                return Err(ControlError::Invalid(why));
            }
            let begun = Erasure {
                tenant: order.tenant,
                phase: ErasurePhase::Rows,
                begun_at: Timestamp(7),
                ordered_by: order.by,
                ended: Vec::new(),
                erased: Erased::default(),
            };
            Ok(self.erasure.lock().unwrap().get_or_insert(begun).clone())
        })
    }
    fn erasure(&self, _: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        Box::pin(async { Ok(self.erasure.lock().unwrap().clone()) })
    }
    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        Box::pin(async move { Ok(format!("proof of {tenant}: {statement}")) })
    }
    fn queue(&self, _: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Box::pin(async { Ok(QueuePage { items: self.queue.lock().unwrap().clone(), next: None }) })
    }
}

pub struct Desk {
    pub plane: Arc<Plane>,
    pub service: Arc<Service>,
    pub operator: Actor,
    pub file: PathBuf,
    _folder: tempfile::TempDir,
}

pub async fn open(file: &std::path::Path, plane: Arc<Plane>) -> Arc<Service> {
    open_at(file, plane, Arc::new(SystemClock), DomainOptions::default()).await
}

async fn open_at(
    file: &std::path::Path,
    plane: Arc<Plane>,
    clock: Arc<dyn Clock>,
    domains: DomainOptions,
) -> Arc<Service> {
    let password_cost = PasswordCost { memory_kib: 8, passes: 1 };
    Service::open(database(file), ServiceOptions { control: plane, clock, password_cost, domains }).await.unwrap()
}

/// The database of a test: a file, or, where POSTHOUSE_TEST_POSTGRES names a server, a schema of the file's name there.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
pub fn database(file: &std::path::Path) -> Database {
    let Ok(url) = std::env::var("POSTHOUSE_TEST_POSTGRES") else { return Database::Sqlite(file.to_owned()) };
    Database::postgres(&url, &schema(file)).unwrap()
}

/// The schema of a test's database on PostgreSQL.
pub fn schema(file: &std::path::Path) -> String {
    let mut hasher = DefaultHasher::new();
    (file, std::process::id()).hash(&mut hasher);
    format!("t{:016x}", hasher.finish())
}

/// A clock that is turned by hand.
#[derive(Default)]
pub struct Hands(AtomicI64);

impl Hands {
    pub fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Desk {
    pub async fn new() -> Desk {
        Desk::at(Arc::new(SystemClock)).await
    }

    /// With a clock of its own, and a portal.
    pub async fn with_portal(clock: Arc<dyn Clock>, portal: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (plane, file) = (Arc::new(Plane::default()), folder.path().join("c.sqlite"));
        let password_cost = PasswordCost { memory_kib: 8, passes: 1 };
        let options =
            ServiceOptions { control: plane.clone(), clock, password_cost, domains: DomainOptions::default() };
        let portal = Some(portal.to_owned());
        let sign_in = SignInOptions { sealing_key: Some([7; 32]), portal, ..SignInOptions::default() };
        let service = Service::open_with(database(&file), options, sign_in).await.unwrap();
        let token = service.bootstrap("Provider").await.unwrap().operator_token;
        let operator = service.authenticate(&token).await.unwrap();
        // What it was told of the provider is no test's.
        plane.told.lock().unwrap().clear();
        Desk { plane, service, operator, file, _folder: folder }
    }

    /// With a clock of its own.
    pub async fn at(clock: Arc<dyn Clock>) -> Desk {
        Desk::made(clock, DomainOptions::default()).await
    }

    /// With domains as told.
    pub async fn with(domains: DomainOptions) -> Desk {
        Desk::made(Arc::new(SystemClock), domains).await
    }

    pub async fn made(clock: Arc<dyn Clock>, domains: DomainOptions) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (plane, file) = (Arc::new(Plane::default()), folder.path().join("c.sqlite"));
        let service = open_at(&file, plane.clone(), clock, domains).await;
        let token = service.bootstrap("Provider").await.unwrap().operator_token;
        let operator = service.authenticate(&token).await.unwrap();
        // What it was told of the provider is no test's.
        plane.told.lock().unwrap().clear();
        Desk { plane, service, operator, file, _folder: folder }
    }

    /// A tenant with the domain `<name>.example`, and its owner.
    pub async fn customer(&self, name: &str) -> (TenantId, Actor) {
        let new = NewTenant { name: name.into(), ..NewTenant::default() };
        let made = self.service.tenant_create(&self.operator, &terms(), &new).await.unwrap().object;
        let actor = self.service.authenticate(&made.token.unwrap()).await.unwrap();
        self.service.domain_vouch(&self.operator, &terms(), made.tenant.id, &format!("{name}.example")).await.unwrap();
        (made.tenant.id, actor)
    }

    pub async fn mailbox(&self, actor: &Actor, address: &str) -> Mailbox {
        self.service.mailbox_create(actor, &terms(), &new_mailbox(address)).await.unwrap().object
    }

    /// Where the data plane leads mail for an address: the snapshot with the highest version.
    pub fn destination(&self, address: &str) -> Destination {
        let told = self.plane.told.lock().unwrap();
        let addresses = told.iter().filter_map(|c| match c {
            Change::Address(a) if format!("{}@{}", a.local, a.domain) == address => Some(a.clone()),
            _ => None,
        });
        addresses.max_by_key(|a| a.version).unwrap().destination
    }

    /// What the data plane knows of an account: the snapshot with the highest version.
    pub fn account(&self, id: AccountId) -> AccountSnapshot {
        let told = self.plane.told.lock().unwrap();
        let accounts = told.iter().filter_map(|c| match c {
            Change::Account(a) if a.id == id => Some(a.clone()),
            _ => None,
        });
        accounts.max_by_key(|a| a.version).unwrap()
    }
}

/// A customer with a mailbox, some time after the beginning: the clock, the desk, tenant, owner, mailbox.
pub async fn alpha() -> (Arc<Hands>, Desk, TenantId, Actor, Mailbox) {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_700_000_000));
    let desk = Desk::at(clock.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    (clock, desk, tenant, owner, ann)
}

pub fn new_mailbox(address: &str) -> NewMailbox {
    NewMailbox { address: address.into(), password: "long enough".into(), ..NewMailbox::default() }
}

pub fn new_alias(address: &str, targets: &[&str]) -> NewAlias {
    let targets = targets.iter().map(|t| (*t).to_owned()).collect();
    NewAlias { address: address.into(), targets, ..NewAlias::default() }
}

/// Neither dry run nor version nor key.
pub fn terms() -> Terms {
    Terms::default()
}

pub fn keyed(key: &str) -> Terms {
    Terms { idempotency_key: Some(key.into()), ..Terms::default() }
}

pub fn dry() -> Terms {
    Terms { dry_run: true, ..Terms::default() }
}
