//! SUMMARY    The outgoing worker against a scripted host on loopback: delivered, tried again, bounced, taken over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod act;
mod more;
mod nodes;
mod parked;
mod report;
mod script;
mod sign;
mod tls;

use account::{AccountOptions, Accounts, MasterKey};
use base::{AccountId, Address, Clock, Domain, TenantId, Timestamp, rng::SeededRng};
use control::{AccountSnapshot, AddressSnapshot, Change, Control, Destination, DomainSnapshot, EntitlementSnapshot};
use mail::{Accept, EnvelopeRecipient, Mail, Source};
use queue::{Host, Queue, QueueOptions, Resolve, ResolveError};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{MemKv, blob::FsObjects};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::watch,
};

struct TestClock(AtomicI64);
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Loopback;
impl Resolve for Loopback {
    fn mail_hosts<'a>(
        &'a self,
        domain: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<Host>, ResolveError>> + Send + 'a>> {
        Box::pin(async move {
            match domain {
                "null.example" => Err(ResolveError::NullMx),
                "nowhere.example" => Err(ResolveError::NoSuchDomain),
                _ => Ok(vec![Host { name: domain.into(), addresses: vec!["127.0.0.1".parse().unwrap()] }]),
            }
        })
    }
}

/// What the host took: recipients and text.
type Taken = Arc<Mutex<Vec<(Vec<String>, String)>>>;

struct Desk {
    accounts: Accounts,
    mail: Mail,
    clock: Arc<TestClock>,
    options: QueueOptions,
    taken: Taken,
    connections: Arc<AtomicI64>,
    stop: watch::Sender<bool>,
    kv: MemKv,
    folder: tempfile::TempDir,
}

/// A node over a store.
fn node(kv: &MemKv, folder: &std::path::Path, clock: Arc<TestClock>, master: [u8; 32], seed: u64) -> Accounts {
    Accounts::new(AccountOptions {
        kv: Arc::new(kv.clone()),
        objects: Arc::new(FsObjects::open(folder).unwrap()),
        master: MasterKey::new(master),
        clock,
        rng: Arc::new(SeededRng::new(seed)),
    })
}

/// A host that answers RCPT by the local part (`ok`, `later`, `never`) and keeps what it takes.
async fn host(taken: Taken, connections: Arc<AtomicI64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            let taken = taken.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"220 sink ESMTP\r\n").await.unwrap();
                let (mut to, mut line) = (Vec::new(), String::new());
                while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                    let command = std::mem::take(&mut line);
                    let reply = match command.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                        "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n".to_owned(),
                        "RCPT" if command.contains("<later") => "450 4.2.0 later\r\n".to_owned(),
                        "RCPT" if command.contains("<never") => "550 5.1.1 never\r\n".to_owned(),
                        "RCPT" => {
                            to.push(command.split(['<', '>']).nth(1).unwrap().to_owned());
                            "250 ok\r\n".to_owned()
                        }
                        "DATA" if to.is_empty() => "503 no recipients\r\n".to_owned(),
                        "DATA" => {
                            stream.write_all(b"354 go\r\n").await.unwrap();
                            let mut text = String::new();
                            while !text.ends_with("\r\n.\r\n") {
                                stream.read_line(&mut text).await.unwrap();
                            }
                            taken.lock().unwrap().push((std::mem::take(&mut to), text));
                            "250 2.0.0 taken\r\n".to_owned()
                        }
                        "QUIT" => "221 bye\r\n".to_owned(),
                        _ => "250 ok\r\n".to_owned(),
                    };
                    if stream.write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

impl Desk {
    async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_790_000_000_000)));
        let kv = MemKv::new();
        let accounts = node(&kv, folder.path(), clock.clone(), [7; 32], 5);
        let (tenant, domain) = (TenantId(1), "a.example".to_owned());
        let batch = vec![
            Change::Entitlement(EntitlementSnapshot::new(tenant, 1)),
            Change::Domain(DomainSnapshot::new(domain.clone(), tenant, 1)),
            Change::Address(AddressSnapshot {
                local: "ann".into(),
                domain,
                version: 1,
                tenant,
                destination: Destination::Account(AccountId(1)),
            }),
            Change::Account(AccountSnapshot::new(AccountId(1), tenant, 1, "ann@a.example")),
        ];
        accounts.apply(batch).await.unwrap();
        let taken = Taken::default();
        let mut options = QueueOptions::new(Domain::parse("mail.a.example").unwrap(), Arc::new(Loopback));
        let connections = Arc::new(AtomicI64::new(0));
        options.port = host(Arc::clone(&taken), Arc::clone(&connections)).await;
        let mail = Mail::new(accounts.clone(), "mail.a.example");
        Desk { accounts, mail, clock, options, taken, connections, stop: watch::channel(false).0, kv, folder }
    }

    /// Another node over the same store.
    fn peer(&self) -> Accounts {
        self.peer_with([7; 32])
    }

    fn peer_with(&self, master: [u8; 32]) -> Accounts {
        node(&self.kv, self.folder.path(), self.clock.clone(), master, 6)
    }

    async fn send(&self, to: &[&str]) {
        self.send_for(TenantId(1), to, 0).await;
    }

    async fn send_for(&self, tenant: TenantId, to: &[&str], notify: u32) {
        self.send_with(tenant, to, notify, false).await;
    }

    async fn send_with(&self, tenant: TenantId, to: &[&str], notify: u32, require_tls: bool) {
        let recipients: Vec<EnvelopeRecipient> = to
            .iter()
            .map(|a| EnvelopeRecipient {
                address: Address::parse(a).unwrap(),
                route: None,
                notify,
                orcpt: String::new(),
            })
            .collect();
        let sender = Address::parse("ann@a.example").unwrap();
        let message = b"Received: from x\r\nSubject: out\r\n\r\n.dot\r\n";
        let accept = Accept { require_tls, ..Accept::new(Source::System(tenant), Some(&sender), &recipients, message) };
        assert!(self.mail.accept(accept).await.unwrap().results.iter().all(Result::is_ok));
    }

    fn start(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(Queue::new(self.mail.clone(), self.options.clone()).run(self.stop.subscribe()))
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Desk) -> bool) {
        for _ in 0..200 {
            if holds(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never: {what}");
    }

    async fn waiting(&self) -> usize {
        let key = self.accounts.break_glass("test", "look").unwrap();
        self.accounts.queue(&key.tenant(TenantId(1)), 100).await.unwrap().len()
    }

    async fn bounces(&self) -> i64 {
        self.accounts.usage(TenantId(1)).await.unwrap().emails
    }

    /// The mail in the sender's account: what the queue told her.
    async fn reports(&self) -> Vec<String> {
        let key = self.accounts.break_glass("test", "look").unwrap();
        let mut reader = self.accounts.read(&key.account(TenantId(1), AccountId(1)));
        let (cards, more) = reader.cards(base::EmailId(0), base::EmailId(u64::MAX)).await.unwrap();
        assert!(!more);
        let mut texts = Vec::new();
        for (id, _) in cards {
            texts.push(String::from_utf8(reader.body(id, None).await.unwrap().to_vec()).unwrap());
        }
        texts
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let key = self.accounts.break_glass("test", "verify").unwrap();
        assert_eq!(self.accounts.verify(&key.tenant(TenantId(1))).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_message_goes_out_once_with_all_recipients_of_its_domain() {
    let desk = Desk::new().await;
    desk.send(&["ok1@b.example", "ok2@b.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    let taken = desk.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].0, ["ok1@b.example", "ok2@b.example"]);
    assert!(taken[0].1.starts_with("Received: from x\r\n") && taken[0].1.ends_with("\r\n..dot\r\n.\r\n"));
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn recipients_elsewhere_are_counted_when_they_are_queued_and_once() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example", "never@b.example", "x@nowhere.example"]).await;
    let counted = async || desk.accounts.usage(TenantId(1)).await.unwrap().recipients_out;
    assert_eq!(counted().await, 3);
    desk.start();
    desk.until("two bounces", async |d: &Desk| d.bounces().await == 2 && d.waiting().await == 0).await;
    assert_eq!(counted().await, 3, "neither attempts nor reports are counted");
    desk.end().await;
}

#[tokio::test]
async fn a_refused_recipient_bounces_to_the_sender_and_a_deferred_one_is_tried_again() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example", "never@b.example", "later@b.example", "x@nowhere.example"]).await;
    desk.start();
    desk.until("two bounces", async |d: &Desk| d.bounces().await == 2).await;
    desk.until("one waits", async |d: &Desk| d.waiting().await == 1).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    // After its life the deferred one bounces too.
    desk.clock.0.fetch_add(6 * 24 * 3600 * 1000, Ordering::SeqCst);
    desk.until("three bounces and a notice at most", async |d: &Desk| d.bounces().await >= 3 && d.waiting().await == 0)
        .await;
    desk.end().await;
}

#[tokio::test]
async fn a_dead_workers_item_comes_up_again_when_its_lease_ends() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example"]).await;
    let request =
        account::LeaseRequest { items: 5, items_per_tenant: 5, lease: Duration::from_secs(60), after: TenantId(0) };
    let dead = desk.accounts.lease(request).await.unwrap();
    assert_eq!(dead.len(), 1);
    desk.start();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(desk.taken.lock().unwrap().is_empty(), "the lease is respected");
    desk.clock.0.fetch_add(61_000, Ordering::SeqCst);
    desk.until("taken over", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    let accounts = desk.accounts.clone();
    let late: account::Result<()> = account::unit_of_work!(accounts, &[], accounts.op(), work => {
        work.settle(&dead[0], dead[0].item.clone()).await
    });
    assert!(late.is_err(), "a late outcome is refused");
    desk.end().await;
}

#[tokio::test]
async fn what_a_node_holds_and_nobody_there_works_at_is_due_again() {
    let mut desk = Desk::new().await;
    desk.options.look_after = Duration::from_millis(100);
    desk.send(&["ok@b.example"]).await;
    let request =
        account::LeaseRequest { items: 5, items_per_tenant: 5, lease: Duration::from_secs(900), after: TenantId(0) };
    // Leased, and the answer never came.
    let lost = desk.accounts.lease(request).await.unwrap();
    assert_eq!(desk.accounts.held().await.unwrap(), [(lost[0].tenant, base::QueueId(lost[0].item.id))]);
    desk.start();
    desk.until("sent long before the lease ends", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    assert!(desk.accounts.held().await.unwrap().is_empty());
    desk.end().await;
}

#[tokio::test]
async fn who_starts_alone_takes_over_at_once_what_a_dead_worker_held() {
    let desk = Desk::new().await;
    desk.send(&["ok@b.example"]).await;
    let request =
        account::LeaseRequest { items: 5, items_per_tenant: 5, lease: Duration::from_secs(900), after: TenantId(0) };
    let dead = desk.accounts.lease(request).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(desk.accounts.take_over_all().await.unwrap().items, 1);
    assert_eq!(desk.accounts.take_over_all().await.unwrap().items, 0, "what nobody holds is left alone");
    let accounts = desk.accounts.clone();
    let late: account::Result<()> = account::unit_of_work!(accounts, &[], accounts.op(), work => {
        work.settle(&dead[0], dead[0].item.clone()).await
    });
    assert_eq!(late.unwrap_err().kind, base::Kind::TooOld, "a late outcome is refused");
    desk.start();
    desk.until("sent without waiting for the lease", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    desk.end().await;
}
