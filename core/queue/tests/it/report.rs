//! SUMMARY    What the sender hears, and when: null MX, delays, relayed mail; and how many connections a domain gets.
//! STANDARDS  RFC 7505 §4.2, RFC 3461 §5.2.4 and §6.2, RFC 3464

use super::{
    script::{Script, serve},
    *,
};
use tokio::sync::Semaphore;

const HOUR_MS: i64 = 3600 * 1000;

#[tokio::test]
async fn a_domain_that_takes_no_mail_bounces_at_once() {
    let desk = Desk::new().await;
    desk.send(&["x@null.example"]).await;
    desk.start();
    desk.until("a bounce", async |d: &Desk| d.bounces().await == 1 && d.waiting().await == 0).await;
    let report = desk.reports().await.remove(0);
    assert!(report.contains("Action: failed") && report.contains("Status: 5.1.10"), "{report}");
    assert_eq!(desk.connections.load(Ordering::SeqCst), 0);
    desk.end().await;
}

#[tokio::test]
async fn a_delay_is_told_once() {
    let desk = Desk::new().await;
    desk.send(&["later@b.example"]).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    assert_eq!(desk.bounces().await, 0, "nothing is told while it is young");
    for attempt in 2..=5 {
        desk.clock.0.fetch_add(5 * HOUR_MS, Ordering::SeqCst);
        desk.until("an attempt", async |d: &Desk| {
            let item = &d.items().await[0];
            item.attempts == attempt && !item.leased
        })
        .await;
        assert_eq!(desk.bounces().await, 1, "after attempt {attempt}");
    }
    let report = desk.reports().await.remove(0);
    assert!(report.contains("Action: delayed") && report.contains("Will-Retry-Until: "), "{report}");
    assert!(report.contains("Status: 4.2.0"), "{report}");
    desk.end().await;
}

#[tokio::test]
async fn who_asked_not_to_hear_of_delays_does_not() {
    let desk = Desk::new().await;
    // NOTIFY=FAILURE
    desk.send_for(TenantId(1), &["later@b.example"], 4).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    desk.clock.0.fetch_add(5 * HOUR_MS, Ordering::SeqCst);
    desk.until("another", async |d: &Desk| d.items().await[0].attempts == 2).await;
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn a_next_hop_without_dsn_is_reported_as_relayed() {
    let mut desk = Desk::new().await;
    let (port, seen) = serve(Script::default()).await;
    desk.options.port = port;
    // NOTIFY=SUCCESS for one, none for the other.
    desk.send_for(TenantId(1), &["asked@b.example"], 2).await;
    desk.send(&["plain@b.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    let reports = desk.reports().await;
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("Action: relayed") && reports[0].contains("asked@b.example"), "{}", reports[0]);
    assert!(reports[0].contains("Status: 2.") && !reports[0].contains("plain@b.example"), "{}", reports[0]);
    assert!(!seen.commands.lock().unwrap().iter().any(|c| c.contains("NOTIFY")));
    desk.end().await;
}

#[tokio::test]
async fn a_next_hop_with_dsn_reports_itself() {
    let mut desk = Desk::new().await;
    let (port, seen) = serve(Script { offers: vec!["PIPELINING", "DSN"], ..Script::default() }).await;
    desk.options.port = port;
    desk.send_for(TenantId(1), &["asked@b.example"], 2).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert!(seen.said("RCPT TO:<asked@b.example> NOTIFY=SUCCESS"), "{:?}", seen.commands.lock().unwrap());
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn a_domain_gets_no_more_connections_than_its_share() {
    let mut desk = Desk::new().await;
    desk.options.per_domain_max = 2;
    let gate = Arc::new(Semaphore::new(0));
    let (port, seen) = serve(Script { gate: Some(gate.clone()), ..Script::default() }).await;
    desk.options.port = port;
    for n in 0..20 {
        desk.send(&[&format!("n{n}@b.example")]).await;
    }
    desk.start();
    let now = desk.clock.now().0;
    // Two connections wait for their greeting; what they do not carry is put off, not leased.
    desk.until("two connections, the rest put off", async |d: &Desk| {
        let items = d.items().await;
        let put_off = items.iter().filter(|i| !i.leased && i.due_at_ms > now && i.attempts == 0).count();
        let leased = items.iter().filter(|i| i.leased).count();
        put_off > 0 && put_off + leased == 20 && seen.open.load(Ordering::SeqCst) == 2
    })
    .await;
    gate.add_permits(100);
    desk.until("all went out", async |d: &Desk| {
        d.clock.0.fetch_add(500, Ordering::SeqCst);
        d.waiting().await == 0
    })
    .await;
    assert_eq!((seen.taken.lock().unwrap().len(), seen.open_max.load(Ordering::SeqCst)), (20, 2));
    desk.end().await;
}
