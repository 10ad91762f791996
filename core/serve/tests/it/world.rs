//! SUMMARY    One server in the test process: accounts, doors, and clients that speak lines.

use account::{AccountOptions, Accounts, MasterKey};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base::{AccountId, Clock, Domain, SystemClock, SystemRng, TenantId, Timestamp};
use control::{
    AccountSnapshot, AddressSnapshot, Capabilities, Change, Control, CredentialKind, CredentialSnapshot, Destination,
    DomainSnapshot, EntitlementSnapshot,
};
use mail::Mail;
use serve::{
    Authenticator, Budget, Door, IpLimits, IpRates, Listener, ListenerOptions, Shutdown,
    imap::{ImapDoor, ImapOptions},
    smtp::{Role, SmtpDoor, SmtpOptions},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{
    Kv, MemKv,
    blob::{FsObjects, Objects},
    faults::{FaultRates, Faulty},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub const PASSWORD: &str = "correct horse";

pub struct World {
    pub accounts: Accounts,
    pub mx: SocketAddr,
    pub submission: SocketAddr,
    pub lmtp: SocketAddr,
    pub imap: SocketAddr,
    shutdown: Shutdown,
    _folder: Option<tempfile::TempDir>,
}

/// The system's time, moved on by the test.
#[derive(Default)]
pub struct Ahead(AtomicI64);
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}
impl Ahead {
    pub fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }
}

/// What a world stands on: kept by a test that takes the world down and up again.
pub struct Ground {
    pub kv: Arc<dyn Kv>,
    pub objects: Arc<dyn Objects>,
    pub clock: Arc<dyn Clock>,
}

fn entitlement(tenant: TenantId, version: u64) -> EntitlementSnapshot {
    EntitlementSnapshot::new(tenant, version)
}

/// Room for the answers of two clients that read messages of 100 KB.
const ANSWERS_BYTES: usize = 450 * 1024;

impl World {
    /// Tenants a.example and b.example with ann and bob; tenant 1 and 2.
    pub async fn new() -> World {
        World::with_budget(Budget::default()).await
    }

    /// As `new`, with a budget of message bytes.
    pub async fn with_budget(budget: Budget) -> World {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground {
            kv: Arc::new(MemKv::new()),
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            clock: Arc::new(SystemClock),
        };
        let mut world = World::on(ground, budget).await;
        world._folder = Some(folder);
        world.people().await;
        world
    }

    /// As `new`, with other rates of client addresses.
    pub async fn with_rates(rates: IpRates) -> World {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground {
            kv: Arc::new(MemKv::new()),
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            clock: Arc::new(SystemClock),
        };
        let mut world = World::rated(ground, Budget::default(), rates).await;
        world._folder = Some(folder);
        world.people().await;
        world
    }

    /// As `new`, on a store whose disk can be said to be full.
    pub async fn with_faults() -> (World, Faulty) {
        let folder = tempfile::tempdir().unwrap();
        let faulty = Faulty::new(Arc::new(MemKv::new()), 1, FaultRates::default());
        let ground = Ground {
            kv: Arc::new(faulty.clone()),
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            clock: Arc::new(SystemClock),
        };
        let mut world = World::on(ground, Budget::default()).await;
        world._folder = Some(folder);
        world.people().await;
        (world, faulty)
    }

    /// Those of `new`.
    pub async fn people(&self) {
        self.person(1, "ann", "a.example", None).await;
        self.person(2, "bob", "b.example", None).await;
    }

    /// Doors before what is there already.
    pub async fn on(ground: Ground, budget: Budget) -> World {
        World::rated(ground, budget, IpRates { connections_per_minute_max: 100_000, ..IpRates::default() }).await
    }

    async fn rated(ground: Ground, budget: Budget, rates: IpRates) -> World {
        let accounts = Accounts::new(AccountOptions {
            kv: ground.kv,
            objects: ground.objects,
            master: MasterKey::new([7; 32]),
            clock: ground.clock,
            rng: Arc::new(SystemRng::default()),
        });
        let mail = Mail::new(accounts.clone(), "mail.example.org");
        let auth = Authenticator::new(mail.clone(), [3; 32]);
        let rates = IpRates { failures_free: 1000, connections_max: 5_000, ..rates };
        let limits = IpLimits::new(rates, accounts.clone());
        let smtp = SmtpOptions {
            mail: mail.clone(),
            auth: auth.clone(),
            hostname: Domain::parse("mail.example.org").unwrap(),
            limits: limits.clone(),
            budget: budget.clone(),
            starttls: false,
            plain_auth: true,
        };
        let shutdown = Shutdown::default();
        let options = ListenerOptions { tls: None, implicit_tls: false, proxy: false, limits: limits.clone() };
        let listen = async |door: Arc<dyn Door>| {
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), door, options.clone()).await.unwrap();
            let address = listener.local_addr().unwrap();
            listener.spawn(&shutdown);
            address
        };
        let mx = listen(Arc::new(SmtpDoor::new(Role::Mx, smtp.clone()))).await;
        let submission = listen(Arc::new(SmtpDoor::new(Role::Submission, smtp.clone()))).await;
        let lmtp = listen(Arc::new(SmtpDoor::new(Role::Lmtp, smtp))).await;
        let answers = Budget::answers(ANSWERS_BYTES, Duration::from_millis(50));
        let imap =
            listen(Arc::new(ImapDoor::new(ImapOptions { mail, auth, limits, budget, answers, plain_auth: true })))
                .await;
        World { accounts, mx, submission, lmtp, imap, shutdown, _folder: None }
    }

    /// A tenant with one domain and one mailbox; the account has the tenant's number.
    pub async fn person(&self, n: u64, name: &str, domain: &str, quota: Option<u64>) {
        let tenant = TenantId(n);
        let address = AddressSnapshot {
            local: name.into(),
            domain: domain.into(),
            version: 1,
            tenant,
            destination: Destination::Account(AccountId(n)),
        };
        let domain_row = DomainSnapshot::new(domain, tenant, 1);
        let batch = vec![
            Change::Entitlement(entitlement(tenant, 1)),
            Change::Domain(domain_row),
            Change::Address(address),
            Change::Account(self.account(n, name, domain, quota, 1, true)),
        ];
        self.accounts.apply(batch).await.unwrap();
    }

    pub fn account(
        &self,
        n: u64,
        name: &str,
        domain: &str,
        quota: Option<u64>,
        version: u64,
        on: bool,
    ) -> AccountSnapshot {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let argon2 = argon.hash_password_with_salt(PASSWORD.as_bytes(), b"saltsaltsaltsalt").unwrap().to_string();
        AccountSnapshot {
            display_name: name.into(),
            capabilities: if on { Capabilities::ALL } else { Capabilities::NONE },
            reason: if on { String::new() } else { "unpaid".into() },
            quota_bytes_max: quota,
            credentials: vec![CredentialSnapshot::new("c1", CredentialKind::Password, argon2, String::new())],
            ..AccountSnapshot::new(AccountId(n), TenantId(n), version, format!("{name}@{domain}"))
        }
    }

    pub async fn deliver(&self, from: &str, to: &str, message: &str) -> String {
        let mut client = Client::connect(self.mx).await;
        client.until("220 ").await;
        client.ask("EHLO client.example", "250 ").await;
        client.ask(&format!("MAIL FROM:<{from}>"), "250 ").await;
        let rcpt = client.ask_line(&format!("RCPT TO:<{to}>")).await;
        if !rcpt.starts_with("250") {
            return rcpt;
        }
        client.ask("DATA", "354 ").await;
        client.ask_line(&format!("{message}\r\n.")).await
    }

    pub async fn imap(&self, user: &str) -> Client {
        let mut client = Client::connect(self.imap).await;
        client.until("* OK").await;
        // A paused clock goes on while nothing but the hash is under way, unless the runtime knows of work.
        let (done, under_way) = std::sync::mpsc::channel::<()>();
        let clock = tokio::task::spawn_blocking(move || under_way.recv().is_err());
        client.ask(&format!("l LOGIN {user} \"{PASSWORD}\""), "l OK").await;
        drop(done);
        assert!(clock.await.unwrap());
        client
    }

    /// Every invariant holds in every tenant; the server stops.
    pub async fn end(self) {
        let key = self.accounts.break_glass("test", "verify").unwrap();
        for tenant in self.accounts.tenants().await.unwrap() {
            assert_eq!(self.accounts.verify(&key.tenant(tenant)).await.unwrap(), []);
        }
        assert!(self.shutdown.stop(Duration::from_secs(5)).await);
    }
}

pub struct Client {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Client {
    /// From another address of this machine: 127.0.0.2 and so on.
    pub async fn connect_from(host: u8, address: SocketAddr) -> Client {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new([127, 0, 0, host].into(), 0)).unwrap();
        Client { stream: socket.connect(address).await.unwrap(), seen: Vec::new() }
    }

    pub async fn connect(address: SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), seen: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a line; gives everything up to and with the line that starts with `end`.
    pub async fn ask(&mut self, line: &str, end: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.until(end).await
    }

    /// Sends a line; gives the last line of the reply.
    pub async fn ask_line(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.until("").await.lines().last().unwrap_or_default().to_owned()
    }

    pub async fn until(&mut self, end: &str) -> String {
        let reading = async {
            loop {
                if let Some(at) = line_end(&self.seen, end) {
                    let rest = self.seen.split_off(at);
                    return String::from_utf8_lossy(&std::mem::replace(&mut self.seen, rest)).into_owned();
                }
                let mut buffer = [0u8; 4096];
                let n = self.stream.read(&mut buffer).await.unwrap();
                assert!(n > 0, "closed while waiting for {end:?}: {}", String::from_utf8_lossy(&self.seen));
                self.seen.extend_from_slice(&buffer[..n]);
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(10), reading).await;
        read.unwrap_or_else(|_| panic!("no {end:?} came"))
    }
}

impl Client {
    /// What comes within this time, if anything does.
    pub async fn said(&mut self, within: Duration) -> Option<String> {
        let mut buffer = [0u8; 4096];
        let n = tokio::time::timeout(within, self.stream.read(&mut buffer)).await.ok()?.unwrap();
        assert!(n > 0, "closed without a word");
        Some(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    /// The rest of a session under COMPRESS, up to its end.
    pub async fn inflated(&mut self) -> String {
        let mut packed = std::mem::take(&mut self.seen);
        self.stream.read_to_end(&mut packed).await.unwrap();
        let mut plain = Vec::with_capacity(64 * 1024);
        let mut inflate = flate2::Decompress::new(false);
        inflate.decompress_vec(&packed, &mut plain, flate2::FlushDecompress::Sync).unwrap();
        String::from_utf8(plain).unwrap()
    }

    /// What is still to be read when the server has closed or cut the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.seen);
        // A reset ends it too.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }

    /// The server closes after what was read.
    pub async fn closed(mut self) {
        let mut rest = self.seen;
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"421 "), "{}", String::from_utf8_lossy(&rest));
    }
}

/// End of the first complete line that starts with `start`.
fn line_end(seen: &[u8], start: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(n) = seen[at..].windows(2).position(|w| w == b"\r\n") {
        let end = at + n + 2;
        if seen[at..end].starts_with(start.as_bytes()) {
            return Some(end);
        }
        at = end;
    }
    None
}
