//! SUMMARY    Nodes over one store: who lives keeps what it holds, who is dead is taken over from, who drains takes nothing.

use super::Desk;
use account::{Accounts, Lease, LeaseRequest, Peers, TakenOver, unit_of_work};
use base::{Kind, TenantId, limits::NODE_BEATS_MISSED_MAX};
use std::time::Duration;

fn request() -> LeaseRequest {
    LeaseRequest { items: 5, items_per_tenant: 5, lease: Duration::from_secs(900), after: TenantId(0) }
}

async fn settle(accounts: &Accounts, lease: &Lease) -> account::Result<()> {
    unit_of_work!(accounts, &[], accounts.op(), work => { work.settle(lease, lease.item.clone()).await })
}

#[tokio::test]
async fn a_dead_node_is_taken_over_from_and_a_living_one_is_not() {
    let desk = Desk::new().await;
    let (one, two) = (desk.accounts.clone(), desk.peer());
    let first = one.join("one", &["queue"]).await.unwrap();
    two.join("two", &["queue"]).await.unwrap();
    desk.send(&["ok@b.example"]).await;
    desk.send(&["ok@c.example"]).await;
    let (held, others) = (one.lease(LeaseRequest { items: 1, ..request() }).await.unwrap(), two.lease(request()).await);
    assert_eq!((held.len(), others.unwrap().len()), (1, 1), "each has one");
    let mut peers = Peers::default();
    for _ in 0..NODE_BEATS_MISSED_MAX * 3 {
        one.beat().await.unwrap();
        assert_eq!(two.watch(&mut peers).await.unwrap(), TakenOver::default());
    }
    let mut looks = 0;
    let taken = loop {
        two.beat().await.unwrap();
        let taken = two.watch(&mut peers).await.unwrap();
        looks += 1;
        if taken != TakenOver::default() {
            break taken;
        }
        assert!(looks < 20, "nobody finds it dead");
    };
    assert_eq!(taken, TakenOver { nodes: 1, items: 1, parts: 0 });
    assert_eq!(looks, NODE_BEATS_MISSED_MAX + 1);
    // It was only away: what it did meanwhile does not count, and it begins anew.
    assert_eq!(settle(&one, &held[0]).await.unwrap_err().kind, Kind::TooOld);
    assert_eq!(one.beat().await.unwrap_err().kind, Kind::TooOld);
    assert_ne!(one.join("one", &["queue"]).await.unwrap(), first);
    one.beat().await.unwrap();
    let again = two.lease(request()).await.unwrap();
    assert_eq!(again.iter().map(|lease| lease.item.id).collect::<Vec<_>>(), [held[0].item.id]);
    settle(&two, &again[0]).await.unwrap();
    let mut names: Vec<String> = two.nodes().await.unwrap().into_iter().map(|node| node.name).collect();
    names.sort();
    assert_eq!(names, ["one", "two"]);
    desk.end().await;
}

#[tokio::test]
async fn who_drains_takes_nothing_and_who_leaves_holds_nothing() {
    let desk = Desk::new().await;
    let (one, two) = (desk.accounts.clone(), desk.peer());
    one.join("one", &[]).await.unwrap();
    two.join("two", &[]).await.unwrap();
    desk.send(&["ok@b.example"]).await;
    one.drain(true);
    one.beat().await.unwrap();
    assert!(one.lease(request()).await.unwrap().is_empty());
    assert!(two.nodes().await.unwrap().iter().any(|node| node.name == "one" && node.draining));
    one.drain(false);
    assert_eq!((one.due().await.unwrap(), one.lease(request()).await.unwrap().len()), (1, 1));
    assert_eq!((one.due().await.unwrap(), two.lease(request()).await.unwrap().len()), (0, 0), "it is held");
    one.leave().await.unwrap();
    assert_eq!(two.nodes().await.unwrap().len(), 1);
    let lease = two.lease(request()).await.unwrap();
    settle(&two, &lease[0]).await.unwrap();
    desk.end().await;
}

#[tokio::test]
async fn a_store_of_another_master_key_is_refused() {
    let desk = Desk::new().await;
    desk.accounts.check_master_key().await.unwrap();
    desk.peer().check_master_key().await.unwrap();
    let other = desk.peer_with([8; 32]).check_master_key().await;
    assert_eq!(other.unwrap_err().kind, Kind::Invalid);
    desk.end().await;
}
