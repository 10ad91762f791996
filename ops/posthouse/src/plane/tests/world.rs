//! SUMMARY    A data plane in memory, and the contract to it: by itself, or over a port with mutual TLS.

use crate::plane::{Files, Listening, RemotePlane, certificates, listen};
use account::{AccountOptions, Accounts, MasterKey, Sender};
use base::{AccountId, Address, JobId, MailboxId, SystemClock, TenantId, Uid, rng::SeededRng};
use control::{
    AccountSnapshot, AddressSnapshot, Change, Control, ControlError, ControlFuture, Destination, DkimAlgorithm,
    DkimKey, DomainSnapshot, EntitlementSnapshot, Erasure, ErasureOrder, Event, EventKind, ExportOrder, ExportPapers,
    ExportPapersEnd, ExportPiece, ExportStanding, ExportSteer, ExportSteered, ExportedFile, ExpungedAsked,
    ExpungedOrder, ExpungedPage, ExpungedRestored, Hello, MigrationCheck, MigrationChecked, MigrationOrder,
    MigrationProblem, MigrationStanding, MigrationSteer, MigrationSteered, QueueActed, QueueAsked, QueueOrder,
    QueuePage, Usage,
};
use mail::{Accept, EnvelopeRecipient, Expunge, Mail, Source};
use std::{net::SocketAddr, path::Path, sync::Arc};
use store::{MemKv, blob::FsObjects};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

pub const TENANT: TenantId = TenantId(1);

/// What the suite asks, and what stands behind it.
pub struct World {
    pub control: Arc<dyn Control>,
    pub accounts: Accounts,
    _port: Option<Port>,
}

impl World {
    pub async fn in_process() -> World {
        let accounts = accounts();
        World { control: Arc::new(Plane::new(accounts.clone())), accounts, _port: None }
    }

    pub async fn over_http() -> World {
        let accounts = accounts();
        let folder = folder();
        let port = Port::open(&folder, "127.0.0.1:0", accounts.clone()).await;
        let control = Arc::new(port.client(&folder));
        World { control, accounts, _port: Some(port) }
    }

    /// Where mail for an address goes now, or why it does not.
    pub async fn route(&self, address: &str) -> Result<Vec<AccountId>, account::RouteError> {
        let route = self.accounts.route(&Address::parse(address).unwrap(), Sender::Stranger).await?;
        Ok(route.local.iter().map(|r| r.scope.account()).collect())
    }

    /// A message from outside.
    pub async fn deliver(&self, to: &str) {
        let address = Address::parse(to).unwrap();
        let route = Some(self.accounts.route(&address, Sender::Stranger).await.unwrap());
        let recipient = EnvelopeRecipient { address, route, notify: 0, orcpt: String::new() };
        let recipients = [recipient];
        let accept = Accept::new(
            Source::Relay,
            None,
            &recipients,
            b"Subject: hello

text
",
        );
        let accepted = Mail::new(self.accounts.clone(), "mx.a.example").accept(accept).await.unwrap();
        assert!(accepted.results.iter().all(Result::is_ok));
    }

    /// Mail of a tenant for another host.
    pub async fn queue(&self, tenant: TenantId, to: &str) {
        let address = Address::parse(to).unwrap();
        let recipients = [EnvelopeRecipient { address, route: None, notify: 0, orcpt: String::new() }];
        let message = b"Message-ID: <1@a.example>\r\n\r\ntext\r\n";
        let accept = Accept::new(Source::System(tenant), None, &recipients, message);
        let accepted = Mail::new(self.accounts.clone(), "mx.a.example").accept(accept).await.unwrap();
        assert_eq!(accepted.queued, 1);
    }

    /// Empties the inbox of an account.
    pub async fn expunge_all(&self, account: AccountId) {
        let mail = Mail::new(self.accounts.clone(), "mx.a.example");
        let scope = self.accounts.ordered(TENANT, account).await.unwrap();
        let inbox = self.accounts.read(&scope).state().await.unwrap().unwrap().inbox;
        let uids: Vec<Uid> = (1..=9).map(Uid).collect();
        mail.expunge(&scope, MailboxId(inbox), Expunge::All(&uids)).await.unwrap();
    }

    /// Selector and private key of each key that signs for the domain.
    pub async fn signing_keys(&self, tenant: TenantId) -> Vec<(String, String)> {
        let domain = base::Domain::parse("a.example").unwrap();
        let Some(sealed) = self.accounts.signing_keys(tenant, &domain).await.unwrap() else { return Vec::new() };
        let opened = self.accounts.open_signing_keys(&sealed).unwrap();
        opened.into_iter().map(|key| (key.selector, key.private_key)).collect()
    }

    /// Makes what is ordered.
    pub fn exporter(&self) -> export::Exporter {
        export::Exporter::new(self.accounts.clone())
    }

    pub async fn name(&self, account: u64) -> Option<String> {
        let standing = self.accounts.standing(TENANT, AccountId(account)).await.unwrap();
        standing.map(|s| s.profile.display_name.clone())
    }
}

pub fn accounts() -> Accounts {
    Accounts::new(AccountOptions {
        kv: Arc::new(MemKv::new()),
        objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
        master: MasterKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SeededRng::new(7)),
    })
}

/// The store, with events of a plane that keeps some: one for each number up to 25.
pub struct Plane(Accounts, mail::Plane);

impl Plane {
    pub fn new(accounts: Accounts) -> Plane {
        let mover = Arc::new(mover(&accounts));
        Plane(accounts.clone(), mail::Plane::new(Mail::new(accounts, "mx.a.example")).with_sources(mover))
    }
}

/// Brings mail from this machine, where nothing listens on the one port.
fn mover(accounts: &Accounts) -> migrate::Mover {
    let rules = migrate::SourceRules { networks: vec!["127.0.0.0/8".parse().unwrap()], ports: vec![1..=1] };
    migrate::Mover::new(Mail::new(accounts.clone(), "mx.a.example"), rules, queue::Trust::Public.verifying())
}

const EVENTS: u64 = 25;

impl Control for Plane {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        self.0.hello()
    }
    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        self.0.apply(batch)
    }
    fn usage(&self, tenant: TenantId) -> ControlFuture<'_, Usage> {
        self.0.usage(tenant)
    }
    fn account_usage(&self, tenant: TenantId, account: AccountId) -> ControlFuture<'_, Usage> {
        self.0.account_usage(tenant, account)
    }
    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        self.0.usages(tenants)
    }
    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        self.0.account_usages(accounts)
    }
    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Control::queue(&self.0, asked)
    }
    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        self.0.queue_act(order)
    }
    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        self.1.erase(order)
    }
    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        self.1.erasure(tenant)
    }
    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        self.1.prove_erasure(tenant, statement)
    }
    fn export(&self, order: ExportOrder) -> ControlFuture<'_, ()> {
        self.1.export(order)
    }
    fn export_papers(&self, papers: ExportPapers) -> ControlFuture<'_, ()> {
        self.1.export_papers(papers)
    }
    fn export_papers_end(&self, end: ExportPapersEnd) -> ControlFuture<'_, ()> {
        self.1.export_papers_end(end)
    }
    fn exports(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<ExportStanding>>> {
        self.1.exports(asked)
    }
    fn export_steer(&self, steer: ExportSteer) -> ControlFuture<'_, ExportSteered> {
        self.1.export_steer(steer)
    }
    fn export_files(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<ExportedFile>> {
        self.1.export_files(tenant, job)
    }
    fn export_bytes(&self, piece: ExportPiece) -> ControlFuture<'_, Vec<u8>> {
        self.1.export_bytes(piece)
    }
    fn migrate(&self, order: MigrationOrder) -> ControlFuture<'_, ()> {
        self.1.migrate(order)
    }
    fn migrations(&self, asked: Vec<(TenantId, JobId)>) -> ControlFuture<'_, Vec<Option<MigrationStanding>>> {
        self.1.migrations(asked)
    }
    fn migration_problems(&self, tenant: TenantId, job: JobId) -> ControlFuture<'_, Vec<MigrationProblem>> {
        self.1.migration_problems(tenant, job)
    }
    fn migration_steer(&self, steer: MigrationSteer) -> ControlFuture<'_, MigrationSteered> {
        self.1.migration_steer(steer)
    }
    fn migration_check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        self.1.migration_check(check)
    }
    fn expunged(&self, asked: ExpungedAsked) -> ControlFuture<'_, ExpungedPage> {
        self.1.expunged(asked)
    }
    fn restore_expunged(&self, order: ExpungedOrder) -> ControlFuture<'_, ExpungedRestored> {
        self.1.restore_expunged(order)
    }
    fn events(&self, after: u64, limit: u32) -> ControlFuture<'_, Vec<Event>> {
        let kind = EventKind::SendLimitReached { limit: "perHour".into() };
        let at = base::Timestamp(5);
        let one = move |seq| Event { seq, at, tenant: TENANT, account: None, kind: kind.clone() };
        let all = (after + 1..=EVENTS).take(limit as usize).map(one).collect();
        Box::pin(async move { Ok::<_, ControlError>(all) })
    }
}

/// A port of the data plane.
pub struct Port {
    pub listening: Listening,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Port {
    pub async fn open(folder: &TempDir, address: &str, accounts: Accounts) -> Port {
        let (stop, stopped) = watch::channel(false);
        let address: SocketAddr = address.parse().unwrap();
        let plane = Arc::new(Plane::new(accounts));
        let (listening, task) = listen(address, &files(folder.path(), "data"), plane, stopped).await.unwrap();
        Port { listening, stop, task }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.listening.port)
    }

    pub fn client(&self, folder: &TempDir) -> RemotePlane {
        let url = format!("https://localhost:{}/", self.listening.port);
        RemotePlane::new(&url, files(folder.path(), "control")).unwrap()
    }

    /// Ends it in order.
    pub async fn close(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// Certificates for `localhost`.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    certificates::make(folder.path(), &["localhost".into()], false).unwrap();
    folder
}

pub fn files(folder: &Path, plane: &str) -> Files {
    Files {
        certificate: folder.join(format!("{plane}.pem")),
        key: folder.join(format!("{plane}.key")),
        ca: folder.join("ca.pem"),
    }
}

pub fn entitlement(version: u64) -> Change {
    Change::Entitlement(EntitlementSnapshot::new(TENANT, version))
}

pub fn domain(version: u64) -> Change {
    Change::Domain(DomainSnapshot::new("a.example", TENANT, version))
}

/// The private key behind a selector.
pub fn secret(selector: &str) -> String {
    format!("the key of {selector}")
}

/// The domain with keys of these selectors.
pub fn keyed(version: u64, selectors: &[&str]) -> Change {
    let algorithm = DkimAlgorithm::Ed25519Sha256;
    let key = |s: &&str| DkimKey { selector: (*s).into(), algorithm, private_key: secret(s) };
    let dkim = selectors.iter().map(key).collect();
    Change::Domain(DomainSnapshot { dkim, ..DomainSnapshot::new("a.example", TENANT, version) })
}

pub fn account(number: u64, version: u64, name: &str) -> Change {
    let address = format!("box{number}@a.example");
    let snapshot = AccountSnapshot::new(AccountId(number), TENANT, version, address);
    Change::Account(AccountSnapshot { display_name: name.into(), ..snapshot })
}

pub fn address(local: &str, version: u64, destination: Destination) -> Change {
    let (local, domain) = (local.into(), "a.example".into());
    Change::Address(AddressSnapshot { local, domain, version, tenant: TENANT, destination })
}

/// A tenant with the mailbox `box1@a.example`.
pub fn first() -> Vec<Change> {
    let to = Destination::Account(AccountId(1));
    vec![entitlement(1), domain(1), account(1, 1, "one"), address("box1", 1, to)]
}
