//! SUMMARY    Tests of the outgoing worker: connections, loops, the smart host, fairness, pauses, a worker that dies at work.

use super::*;
use queue::{SmartHost, SmartHostTls};

#[tokio::test]
async fn several_messages_for_one_domain_go_over_one_connection() {
    let desk = Desk::new().await;
    for to in ["a@b.example", "b@b.example", "c@b.example"] {
        desk.send(&[to]).await;
    }
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 3);
    assert_eq!(desk.connections.load(Ordering::SeqCst), 1);
    desk.end().await;
}

#[tokio::test]
async fn mail_that_leads_back_here_bounces_without_a_connection() {
    let mut desk = Desk::new().await;
    desk.options.own_addresses = vec![std::net::SocketAddr::new([0, 0, 0, 0].into(), desk.options.port)];
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("a bounce", async |d: &Desk| d.bounces().await == 1 && d.waiting().await == 0).await;
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    desk.end().await;
}

#[tokio::test]
async fn d7_mail_queued_for_a_domain_that_has_moved_here_is_delivered_without_a_connection() {
    let mut desk = Desk::new().await;
    desk.options.own_addresses = vec![std::net::SocketAddr::new([0, 0, 0, 0].into(), desk.options.port)];
    let batch = vec![
        Change::Entitlement(EntitlementSnapshot::new(TenantId(2), 1)),
        Change::Domain(DomainSnapshot { mx_here: false, ..DomainSnapshot::new("b.example", TenantId(2), 1) }),
        Change::Address(AddressSnapshot {
            local: "bob".into(),
            domain: "b.example".into(),
            version: 1,
            tenant: TenantId(2),
            destination: Destination::Account(AccountId(2)),
        }),
        Change::Account(AccountSnapshot::new(AccountId(2), TenantId(2), 1, "bob@b.example")),
    ];
    desk.accounts.apply(batch).await.unwrap();
    desk.send(&["bob@b.example", "nobody@b.example"]).await;
    desk.start();
    desk.until("one bounce", async |d: &Desk| d.bounces().await == 1 && d.waiting().await == 0).await;
    assert_eq!(desk.accounts.usage(TenantId(2)).await.unwrap().emails, 1);
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    desk.end().await;
}

#[tokio::test]
async fn a_smart_host_takes_everything() {
    let mut desk = Desk::new().await;
    let port = std::mem::replace(&mut desk.options.port, 1);
    let host = "127.0.0.1".to_owned();
    desk.options.smart_host = Some(SmartHost { host, port, auth: None, tls: SmartHostTls::Opportunistic });
    desk.send(&["ok@b.example", "x@nowhere.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 2);
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn a_password_is_not_sent_without_verified_tls() {
    let mut desk = Desk::new().await;
    let (host, port) = ("127.0.0.1".to_owned(), desk.options.port);
    let auth = Some(("ann".to_owned(), "pencil".to_owned()));
    desk.options.smart_host = Some(SmartHost { host, port, auth, tls: SmartHostTls::Opportunistic });
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    assert!(desk.taken.lock().unwrap().is_empty());
    desk.end().await;
}

#[tokio::test]
async fn a_backlog_does_not_stand_before_another_tenants_first_message() {
    let mut desk = Desk::new().await;
    desk.options.workers = 1;
    let entitlement = EntitlementSnapshot::new(TenantId(2), 1);
    desk.accounts.apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
    for n in 0..20 {
        desk.send(&[&format!("ok@b{n}.example")]).await;
    }
    desk.send_for(TenantId(2), &["other@c.example"], 0).await;
    desk.start();
    desk.until("all went out", async |d: &Desk| d.taken.lock().unwrap().len() == 21).await;
    let place = desk.taken.lock().unwrap().iter().position(|(to, _)| to[0] == "other@c.example").unwrap();
    assert!(place <= 4, "came at {place}");
    desk.end().await;
}

#[tokio::test]
async fn a_deferred_message_waits_a_minute() {
    let desk = Desk::new().await;
    desk.send(&["later@b.example"]).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    let pause = desk.items().await[0].due_at_ms - desk.clock.now().0;
    assert!((60_000..=75_000).contains(&pause), "{pause}");
    desk.clock.0.fetch_add(pause, Ordering::SeqCst);
    desk.until("another", async |d: &Desk| d.items().await[0].attempts == 2).await;
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn who_asked_for_success_hears_that_the_next_host_does_not_report() {
    let desk = Desk::new().await;
    desk.send_for(TenantId(1), &["ok@b.example"], 2).await;
    desk.start();
    desk.until("a report", async |d: &Desk| d.bounces().await == 1 && d.waiting().await == 0).await;
    desk.end().await;
}

#[tokio::test]
async fn a_worker_that_dies_at_work_is_followed_by_the_next() {
    let mut desk = Desk::new().await;
    desk.send(&["ok@b.example"]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = std::mem::replace(&mut desk.options.port, silent.local_addr().unwrap().port());
    let dying = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    dying.spawn(Queue::new(desk.mail.clone(), desk.options.clone()).run(desk.stop.subscribe()));
    let _held = silent.accept().await.unwrap();
    dying.shutdown_background();
    desk.options.port = port;
    desk.clock.0.fetch_add(901_000, Ordering::SeqCst);
    desk.start();
    desk.until("taken over", async |d: &Desk| d.waiting().await == 0).await;
    assert_eq!(desk.taken.lock().unwrap().len(), 1);
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

impl Desk {
    pub async fn items(&self) -> Vec<account::record::QueueItem> {
        let key = self.accounts.break_glass("test", "look").unwrap();
        let items = self.accounts.queue(&key.tenant(TenantId(1)), 100).await.unwrap();
        items.into_iter().map(|s| s.item).collect()
    }
}
