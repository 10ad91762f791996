//! SUMMARY    A provider whose IMAP door is the source, and an account of another tenant that mail is brought into.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use account::{AccountOptions, AccountScope, Accounts, MasterKey, Owner, ReadOnly, TenantScope};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base::{AccountId, Clock, EmailId, MailboxId, SystemClock, SystemRng, TenantId, Timestamp, Uid};
use control::{
    AccountSnapshot, AddressSnapshot, Change, Control, CredentialKind, CredentialSnapshot, Destination, DomainSnapshot,
    EntitlementSnapshot,
};
use mail::{Flags, Mail, NewMessage, NewPath, Operation};
use migrate::{Failed, Migrator, Order, Reach, Report, Security, SignIn, Source};
use serve::{
    Authenticator, Budget, IpLimits, IpRates, Listener, ListenerOptions, Shutdown,
    imap::{ImapDoor, ImapOptions},
};
use store::{Kv, MemKv, blob::FsObjects};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use zeroize::Zeroizing;

pub const PASSWORD: &str = "correct horse";
/// The account that is the source.
pub const ANN: AccountId = AccountId(1);
/// The account that mail is brought into.
pub const EVE: AccountId = AccountId(2);

/// The time, and so many milliseconds more.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub mail: Mail,
    pub imap: SocketAddr,
    clock: Arc<Ahead>,
    shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
        let clock = Arc::new(Ahead::default());
        let accounts = Accounts::new(AccountOptions {
            kv,
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: clock.clone(),
            rng: Arc::new(SystemRng::default()),
        });
        let mail = Mail::new(accounts.clone(), "mail.example.org");
        let auth = Authenticator::new(mail.clone(), [3; 32]);
        let rates = IpRates { failures_free: 1000, connections_max: 5_000, ..IpRates::default() };
        let limits = IpLimits::new(rates, accounts);
        let answers = Budget::answers(16 << 20, Duration::from_secs(5));
        let door = ImapOptions {
            mail: mail.clone(),
            auth,
            limits: limits.clone(),
            budget: Budget::default(),
            answers,
            plain_auth: true,
        };
        let (shutdown, options) =
            (Shutdown::default(), ListenerOptions { tls: None, implicit_tls: false, proxy: false, limits });
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(address, Arc::new(ImapDoor::new(door)), options).await.unwrap();
        let imap = listener.local_addr().unwrap();
        listener.spawn(&shutdown);
        let world = World { mail, imap, clock, shutdown, _folder: folder };
        world.person(ANN, "ann", "a.example").await;
        world.person(EVE, "eve", "b.example").await;
        world
    }

    pub fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    async fn person(&self, id: AccountId, name: &str, domain: &str) {
        let tenant = TenantId(id.0);
        let address = AddressSnapshot {
            local: name.into(),
            domain: domain.into(),
            version: 1,
            tenant,
            destination: Destination::Account(id),
        };
        let batch = vec![
            Change::Entitlement(EntitlementSnapshot::new(tenant, 1)),
            Change::Domain(DomainSnapshot::new(domain, tenant, 1)),
            Change::Address(address),
            Change::Account(account(id, 1, None)),
        ];
        self.accounts().apply(batch).await.unwrap();
    }

    pub async fn limit(&self, bytes: Option<u64>, version: u64) {
        self.accounts().apply(vec![Change::Account(account(EVE, version, bytes))]).await.unwrap();
    }

    pub fn accounts(&self) -> &Accounts {
        self.mail.accounts()
    }

    pub async fn owner(&self, account: AccountId) -> AccountScope<Owner> {
        self.accounts().ordered(TenantId(account.0), account).await.unwrap()
    }

    pub async fn mailbox(&self, account: AccountId, path: &str) -> MailboxId {
        let path = NewPath::parse(path).unwrap();
        self.mail.ensure_mailbox(&self.owner(account).await, &path, "", true).await.unwrap().0
    }

    pub async fn append(&self, account: AccountId, path: &str, text: &str, at: i64, flags: &[&str]) {
        let mailbox = self.mailbox(account, path).await;
        let new = NewMessage {
            bytes: text.to_owned().into(),
            flags: Flags::from_names(flags.iter().copied()),
            received_at: Some(Timestamp::from_secs(at)),
        };
        self.mail.append(&self.owner(account).await, mailbox, &[new]).await.unwrap();
    }

    pub async fn flag(&self, account: AccountId, path: &str, uids: &[u32], operation: Operation, flags: &[&str]) {
        let mailbox = self.mailbox(account, path).await;
        let change = mail::Change { operation, flags: Flags::from_names(flags.iter().copied()), unchanged_since: None };
        let uids: Vec<Uid> = uids.iter().copied().map(Uid).collect();
        let outcome = self.mail.store_flags(&self.owner(account).await, mailbox, &uids, &change).await.unwrap();
        assert!(outcome.missing.is_empty(), "{outcome:?}");
    }

    pub async fn expunge(&self, account: AccountId, path: &str, uids: &[u32]) {
        let mailbox = self.mailbox(account, path).await;
        let uids: Vec<Uid> = uids.iter().copied().map(Uid).collect();
        self.mail.expunge(&self.owner(account).await, mailbox, mail::Expunge::All(&uids)).await.unwrap();
    }

    /// Folders of several levels, flags and keywords, gaps between uids, the same bytes more than once, a large message, line ends of all kinds.
    pub async fn fill(&self, many: i64) {
        self.mailbox(ANN, "Leer").await;
        for n in 0..many {
            let path = ["INBOX", "Work/Ümläute & more", "Sent"][n as usize % 3];
            let flags: &[&str] =
                [&[][..], &["\\Seen"], &["\\Seen", "\\Flagged", "work", "$Forwarded"], &["\\Deleted", "\\Answered"]]
                    [n as usize % 4];
            let mut text =
                format!("From: a@b.example\r\nSubject: {}\r\nMessage-ID: <{n}@b.example>\r\n\r\nFrom there\r\n", n / 2);
            if n % 7 == 0 {
                text = "Subject: the same\r\n\r\nbytes\r\n".to_owned();
            }
            text += ["", "no end", "\n\nbare\n"][n as usize % 3];
            self.append(ANN, path, &text, 1_600_000_000 + n * 1_000, flags).await;
        }
        let large = format!("Subject: large\r\n\r\n{}", "a line of a large message\r\n".repeat(300_000));
        self.append(ANN, "INBOX", &large, 1_700_010_000, &["\\Seen"]).await;
        self.expunge(ANN, "INBOX", &[1, 3]).await;
    }

    pub fn source(&self, port: u16) -> Source {
        source(port, "ann@a.example", PASSWORD)
    }

    pub async fn migrate(&self, port: u16, order: &Order) -> Result<Report, Box<Failed>> {
        self.run(&self.source(port), order).await
    }

    pub async fn run(&self, source: &Source, order: &Order) -> Result<Report, Box<Failed>> {
        let scope = self.owner(EVE).await;
        // A server does it on any thread.
        fn movable<F: Future + Send>(work: F) -> F {
            work
        }
        movable(Migrator::new(self.mail.clone()).run(&scope, source, order, &mut |_| {})).await
    }

    /// Everything in an account that has messages: path, UIDVALIDITY; uid, flags, time and bytes of each message, in order.
    pub async fn dump(&self, account: AccountId) -> Vec<String> {
        let scope = self.owner(account).await;
        let names = self.mail.keyword_names(&scope).await.unwrap();
        let mut out = Vec::new();
        for mailbox in self.mail.mailboxes(&scope).await.unwrap() {
            let mut reader = self.accounts().read(&scope);
            let (mut rows, mut next) = (Vec::new(), Some(Uid(1)));
            while let Some(from) = next {
                let page = reader.rows(mailbox.id, from).await.unwrap();
                rows.extend(page.rows);
                next = page.next;
            }
            if !rows.is_empty() {
                out.push(format!("{} {}", mailbox.path, mailbox.record.uid_validity));
            }
            for (uid, row) in rows {
                let mut flags: Vec<_> = names.names(row.flags).map(str::to_lowercase).collect();
                flags.sort();
                let email = reader.email(EmailId(row.email)).await.unwrap().unwrap();
                let bytes = reader.body_of(&email, None).await.unwrap();
                let (hash, length) = (blake3::hash(&bytes), bytes.len());
                out.push(format!("  {} {flags:?} {} {} {length}", uid.0, row.received_at_secs, &hash.to_hex()[..12]));
            }
        }
        let tenant: TenantScope<ReadOnly> =
            self.accounts().break_glass("test", "looks").unwrap().tenant(TenantId(account.0));
        let broken = self.accounts().verify(&tenant).await.unwrap();
        assert!(broken.is_empty(), "{broken:?}");
        out
    }

    /// Paths that have messages, with how many.
    pub async fn counts(&self, account: AccountId) -> Vec<(String, u32)> {
        let scope = self.owner(account).await;
        let mut counts = Vec::new();
        for mailbox in self.mail.mailboxes(&scope).await.unwrap() {
            let state = self.mail.mailbox_state(&scope, mailbox.id).await.unwrap();
            if state.emails > 0 {
                counts.push((mailbox.path, state.emails));
            }
        }
        counts
    }

    pub async fn stop(self) {
        assert!(self.shutdown.stop(Duration::from_secs(5)).await);
    }
}

fn account(id: AccountId, version: u64, quota: Option<u64>) -> AccountSnapshot {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let argon2 = argon.hash_password_with_salt(PASSWORD.as_bytes(), b"saltsaltsaltsalt").unwrap().to_string();
    let name = if id == ANN { "ann@a.example" } else { "eve@b.example" };
    AccountSnapshot {
        quota_bytes_max: quota,
        credentials: vec![CredentialSnapshot::new("c1", CredentialKind::Password, argon2, String::new())],
        ..AccountSnapshot::new(id, TenantId(id.0), version, name)
    }
}

pub fn source(port: u16, user: &str, password: &'static str) -> Source {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Source {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plain,
        user: user.into(),
        sign_in: SignIn::Password,
        secret: Arc::new(move || Ok(Zeroizing::new(password.to_owned()))),
        tls: Arc::new(tls).into(),
        rate: None,
        reach: Reach::Anywhere,
    }
}

/// Stands before a server; the n-th connection is cut after so many bytes of the server, those behind the last are not.
pub struct Proxy {
    pub port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn new(to: SocketAddr, cuts: Vec<usize>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut cuts = cuts.into_iter();
            while let Ok((client, _)) = listener.accept().await {
                let cut = cuts.next().unwrap_or(usize::MAX);
                tokio::spawn(relay(client, to, cut));
            }
        });
        Proxy { port, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, to: SocketAddr, mut left: usize) {
    let server = TcpStream::connect(to).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let down = async {
        let mut buffer = vec![0; 4096];
        while let Ok(bytes @ 1..) = from_server.read(&mut buffer).await {
            let goes = bytes.min(left);
            if to_client.write_all(&buffer[..goes]).await.is_err() {
                return;
            }
            left -= goes;
            if left == 0 {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
