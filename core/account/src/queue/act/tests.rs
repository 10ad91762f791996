//! SUMMARY    Orders against workers that were slow, against holds, and what became of items after a time.

use crate::{
    AccountOptions, Accounts, Lease, LeaseRequest, MasterKey, TenantScope, Upkeep, UpkeepOptions,
    record::{QueueItem, QueueRecipient},
    unit_of_work,
};
use base::{AccountId, Clock, Kind, QueueId, TenantId, Timestamp, limits::QUEUE_ENDED_MS_KEPT, rng::SeededRng};
use control::{
    Capabilities, Capability, Change, Control, EntitlementSnapshot, QueueActed, QueueAction, QueueAsked, QueueFilter,
    QueueOrder, QueueState,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{MemKv, blob::FsObjects};

const TENANT: TenantId = TenantId(1);

struct TestClock(AtomicI64);
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Desk {
    accounts: Accounts,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_790_000_000_000)));
        let accounts = Accounts::new(AccountOptions {
            kv: Arc::new(MemKv::new()),
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(3)),
        });
        let desk = Desk { accounts, clock, _folder: folder };
        desk.tenant(1, Capabilities::ALL).await;
        desk
    }

    async fn tenant(&self, version: u64, capabilities: Capabilities) {
        let entitlement = EntitlementSnapshot { capabilities, ..EntitlementSnapshot::new(TENANT, version) };
        self.accounts.apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
    }

    async fn enqueue(&self, id: u64) {
        let staged = self.accounts.stage(TENANT, b"Subject: x\r\n\r\ntext\r\n").await.unwrap();
        let now = self.clock.now().0;
        let recipients = vec![QueueRecipient { address: format!("r{id}@b.example"), ..QueueRecipient::default() }];
        let item = QueueItem {
            recipients,
            domain: "b.example".into(),
            created_at_ms: now,
            due_at_ms: now,
            expires_at_ms: now + 86_400_000,
            ..QueueItem::default()
        };
        let done: crate::Result<()> = unit_of_work!(self.accounts, &[], self.accounts.op(), work => {
            work.enqueue(&staged, QueueId(id), item.clone()).await
        });
        done.unwrap();
    }

    async fn lease(&self) -> Vec<Lease> {
        let request =
            LeaseRequest { items: 10, items_per_tenant: 10, lease: Duration::from_secs(60), after: TenantId(0) };
        self.accounts.lease(request).await.unwrap()
    }

    async fn park(&self, lease: &Lease, reason: &str) {
        let accounts = &self.accounts;
        let done: crate::Result<()> =
            unit_of_work!(accounts, &[], accounts.op(), work => { work.park(lease, reason).await });
        done.unwrap();
    }

    async fn settle(&self, lease: &Lease, item: QueueItem) -> crate::Result<()> {
        let accounts = &self.accounts;
        unit_of_work!(accounts, &[], accounts.op(), work => { work.settle(lease, item.clone()).await })
    }

    async fn act(&self, id: u64, action: QueueAction) -> QueueActed {
        let order = QueueOrder { tenant: TENANT, item: QueueId(id), action, dry_run: false };
        self.accounts.queue_act(order).await.unwrap()
    }

    async fn page(&self, ended: bool) -> Vec<control::QueueItem> {
        let filter = QueueFilter::default();
        let asked = QueueAsked { tenant: TENANT, below: false, ended, filter, after: None, limit: 100 };
        Control::queue(&self.accounts, asked).await.unwrap().items
    }

    async fn is_sound(&self) {
        assert_eq!(self.accounts.verify(&TenantScope::<crate::Owner>::issue(TENANT)).await.unwrap(), []);
    }
}

fn hold() -> QueueAction {
    QueueAction::Hold { reason: "looked at".into() }
}

#[tokio::test]
async fn an_item_under_way_is_left_alone_and_a_worker_whose_lease_ran_out_is_not_believed() {
    let desk = Desk::new().await;
    desk.enqueue(7).await;
    let lease = desk.lease().await.remove(0);
    for action in [QueueAction::Retry, hold(), QueueAction::Drop] {
        assert_eq!(desk.act(7, action).await, QueueActed::UnderWay);
    }
    desk.clock.0.fetch_add(61_000, Ordering::SeqCst);
    assert!(matches!(desk.act(7, hold()).await, QueueActed::Done(_)));
    let mut delivered = lease.item.clone();
    delivered.recipients[0].status = 1;
    assert_eq!(desk.settle(&lease, delivered).await.unwrap_err().kind, Kind::TooOld);
    assert_eq!(desk.page(false).await[0].state, QueueState::Parked);
    desk.is_sound().await;
}

#[tokio::test]
async fn the_end_of_a_senders_hold_does_not_let_go_what_a_person_holds() {
    let desk = Desk::new().await;
    desk.tenant(2, Capabilities::ALL.without(Capability::SendExternal)).await;
    for id in 1..=3 {
        desk.enqueue(id).await;
    }
    for lease in desk.lease().await {
        desk.park(&lease, "the tenant may not send").await;
    }
    desk.act(2, hold()).await;
    desk.is_sound().await;
    desk.tenant(3, Capabilities::ALL).await;
    assert_eq!(desk.accounts.release_parked(None).await.unwrap(), None);
    let states: Vec<_> = desk.page(false).await.iter().map(|i| (i.id.0, i.state)).collect();
    assert_eq!(states, [(1, QueueState::Waiting), (2, QueueState::Parked), (3, QueueState::Waiting)]);
    desk.act(2, QueueAction::Release).await;
    assert!(desk.page(false).await.iter().all(|i| i.state == QueueState::Waiting && !i.held_by_hand));
    desk.is_sound().await;
}

#[tokio::test]
async fn what_ended_is_kept_newest_first_and_forgotten_after_its_time() {
    let desk = Desk::new().await;
    for id in 1..=3 {
        desk.enqueue(id).await;
        desk.act(id, QueueAction::Drop).await;
        desk.clock.0.fetch_add(1_000, Ordering::SeqCst);
    }
    assert_eq!(desk.page(true).await.iter().map(|i| i.id.0).collect::<Vec<_>>(), [3, 2, 1]);
    desk.is_sound().await;
    desk.clock.0.fetch_add(QUEUE_ENDED_MS_KEPT - 2_500, Ordering::SeqCst);
    let upkeep = Upkeep::new(desk.accounts.clone(), UpkeepOptions::default());
    assert_eq!(upkeep.pass().await.unwrap().ended, 1);
    assert_eq!(desk.page(true).await.iter().map(|i| i.id.0).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(desk.accounts.account_usage(TENANT, AccountId(1)).await.unwrap().emails, 0);
}
