//! SUMMARY    A migration is held by one node at a time, tenants take turns, its secret is never in clear, and it always ends.

use super::{lease::MIGRATION_LEASE_MS, *};
use crate::{AccountOptions, MasterKey, MigrationLease, PassCount};
use base::{Clock, rng::SeededRng};
use control::{
    AccountSnapshot, Capabilities, Capability, Change, Control, ErasureOrder, Event, MigrationProblemKind,
    MigrationSecurity, MigrationSignIn, MigrationSource,
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use store::{
    Kv, MemKv,
    blob::FsObjects,
    kv::{KeyRange, PageLimit},
};

const SECRET: &str = "a password that stands nowhere";
const HOUR_MS: i64 = 3_600_000;

struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct House {
    kv: Arc<dyn Kv>,
    clock: Arc<Hands>,
    accounts: Accounts,
}

fn snapshot(tenant: u64, version: u64) -> AccountSnapshot {
    let address = format!("box@t{tenant}.example");
    AccountSnapshot::new(AccountId(tenant * 10), TenantId(tenant), version, address)
}

fn order(tenant: u64, job: u64) -> MigrationOrder {
    MigrationOrder {
        tenant: TenantId(tenant),
        job: JobId(job),
        account: AccountId(tenant * 10),
        source: MigrationSource {
            host: "imap.old.example".to_owned(),
            port: 993,
            security: MigrationSecurity::Tls,
            user: "ann@old.example".to_owned(),
            sign_in: MigrationSignIn::Password,
        },
        secret: MigrationSecret::new(SECRET.to_owned()),
        asked_by: "mbx_1".to_owned(),
    }
}

impl House {
    async fn new() -> House {
        let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
        let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000_000)));
        let accounts = Accounts::new(AccountOptions {
            kv: kv.clone(),
            objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(3)),
        });
        for tenant in [1, 2] {
            let entitlement = control::EntitlementSnapshot::new(TenantId(tenant), 1);
            accounts.apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
            accounts.apply(vec![Change::Account(snapshot(tenant, 1))]).await.unwrap();
        }
        House { kv, clock, accounts }
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    async fn lease(&self) -> Option<MigrationLease> {
        self.accounts.lease_migration().await.unwrap()
    }

    async fn at(&self, tenant: u64, job: u64) -> Result<MigrationStanding> {
        self.accounts.migration(&self.accounts.ordered_tenant(TenantId(tenant)), JobId(job)).await
    }

    async fn steer(&self, wish: MigrationWish) -> Result<MigrationStanding> {
        self.accounts.steer_migration((TenantId(1), JobId(1)), wish, None).await
    }

    /// What was told, and that verify finds nothing.
    async fn told(&self) -> Vec<Event> {
        for tenant in [1, 2] {
            let found = self.accounts.verify(&self.accounts.ordered_tenant(TenantId(tenant))).await.unwrap();
            assert!(found.is_empty(), "{found:?}");
        }
        self.accounts.events(0, 100).await.unwrap()
    }

    /// Whether the bytes stand anywhere in the store.
    async fn has(&self, bytes: &str) -> bool {
        let all = KeyRange { from: vec![0], to: vec![0xff] };
        let rows = self.kv.begin_read().range(&all, PageLimit::MAX, false, Read::Snapshot).await.unwrap();
        let has = |row: &[u8]| row.windows(bytes.len()).any(|window| window == bytes.as_bytes());
        rows.rows.iter().any(|(key, value)| has(key) || has(value))
    }
}

#[tokio::test]
async fn what_a_pass_brings_is_counted_once_through_pauses_takeovers_and_ends() {
    let house = House::new().await;
    for _ in 0..2 {
        house.accounts.order_migration(&order(1, 1)).await.unwrap();
    }
    assert_eq!(house.at(1, 1).await.unwrap().phase, MigrationPhase::Queued);
    let first = house.lease().await.unwrap();
    assert_eq!((first.secret().reveal(), first.source().host.as_str()), (SECRET, "imap.old.example"));
    assert!(house.lease().await.is_none(), "one node is at it");
    let count = |brought| PassCount { brought, bytes: 10 * brought, found: 1, ..PassCount::default() };
    assert!(first.renew(&count(3)).await.unwrap());
    // Its node dies.
    house.later(MIGRATION_LEASE_MS + 1);
    let second = house.lease().await.unwrap();
    assert_eq!(first.renew(&count(9)).await.unwrap_err().kind, Kind::TooOld);
    assert_eq!(first.pass_ended(&count(9)).await.unwrap_err().kind, Kind::TooOld);
    assert_eq!(house.at(1, 1).await.unwrap().brought, 3, "what the node that died had told");
    assert_eq!(house.steer(MigrationWish::Pause).await.unwrap().phase, MigrationPhase::Paused);
    assert!(!second.renew(&count(2)).await.unwrap(), "it hears of the pause");
    second.give_back(&count(2)).await.unwrap();
    house.later(HOUR_MS);
    assert!(house.lease().await.is_none(), "it is paused");
    assert_eq!(house.steer(MigrationWish::Run).await.unwrap().phase, MigrationPhase::Queued);
    let third = house.lease().await.unwrap();
    let told =
        MigrationProblem { kind: MigrationProblemKind::Message, folder: "Old".into(), uid: Some(4), why: "no".into() };
    let whole = PassCount { problems: 1, told: vec![told.clone()], ..count(1) };
    let after = third.pass_ended(&whole).await.unwrap();
    assert_eq!((after.brought, after.bytes, after.found, after.passes), (6, 60, 3, 1));
    assert_eq!((after.phase, after.problems), (MigrationPhase::Waiting, 1));
    assert!(house.lease().await.is_none(), "the next pass comes later");
    house.later(HOUR_MS);
    let fourth = house.lease().await.unwrap();
    let ended = house.steer(MigrationWish::End).await.unwrap();
    assert_eq!((ended.phase, ended.brought, ended.next_pass_at), (MigrationPhase::Ended, 6, None));
    assert_eq!(fourth.renew(&count(1)).await.unwrap_err().kind, Kind::TooOld);
    assert_eq!(house.steer(MigrationWish::Run).await.unwrap_err().kind, Kind::Invalid);
    let scope = house.accounts.ordered_tenant(TenantId(1));
    assert_eq!(house.accounts.migration_problems(&scope, JobId(1)).await.unwrap(), [told]);
    let why = String::new();
    let kind = EventKind::MigrationEnded { job: JobId(1), brought: 6, bytes: 60, problems: 1, why };
    assert_eq!(house.told().await.into_iter().map(|event| event.kind).collect::<Vec<_>>(), [kind]);
}

#[tokio::test]
async fn a_secret_stands_nowhere_in_clear_opens_for_its_own_migration_and_is_gone_with_its_end() {
    let house = House::new().await;
    house.accounts.order_migration(&order(1, 1)).await.unwrap();
    house.accounts.order_migration(&order(1, 2)).await.unwrap();
    assert!(house.has("ann@old.example").await, "the scan bites");
    assert!(!house.has(SECRET).await);
    assert_eq!(format!("{:?}", order(1, 1).secret), "MigrationSecret(…)");
    let mut txn = house.kv.begin_read();
    let sealed = load(&mut TenantTxn::new(&mut *txn, TenantId(1)), JobId(1)).await.unwrap().secret;
    let open = |tenant, job| house.accounts.open_migration_secret((TenantId(tenant), JobId(job)), &sealed);
    assert_eq!(open(1, 1).await.unwrap().reveal(), SECRET);
    assert_eq!(open(1, 2).await.unwrap_err().kind, Kind::Corrupt);
    assert!(open(2, 1).await.is_err());
    house.steer(MigrationWish::End).await.unwrap();
    let ended = load(&mut TenantTxn::new(&mut *house.kv.begin_read(), TenantId(1)), JobId(1)).await.unwrap();
    assert!(ended.secret.is_empty());
    let another = MigrationSecret::new("another".to_owned());
    let job = (TenantId(1), JobId(2));
    house.accounts.steer_migration(job, MigrationWish::Pause, Some(&another)).await.unwrap_err();
    house.accounts.steer_migration(job, MigrationWish::Run, Some(&another)).await.unwrap();
    assert_eq!(house.lease().await.unwrap().secret().reveal(), "another");
}

#[tokio::test]
async fn it_ends_when_its_days_are_over_and_when_its_mailbox_is_purged_also_while_it_is_paused() {
    let house = House::new().await;
    for (tenant, job) in [(1, 1), (2, 2)] {
        house.accounts.order_migration(&order(tenant, job)).await.unwrap();
    }
    house.steer(MigrationWish::Pause).await.unwrap();
    let gone = AccountSnapshot { live: false, purged: true, ..snapshot(2, 2) };
    house.accounts.apply(vec![Change::Account(gone)]).await.unwrap();
    assert!(house.lease().await.is_none());
    assert_eq!(house.at(2, 2).await.unwrap_err().kind, Kind::NotFound, "nothing of whom it was is left");
    house.accounts.forget_migrations(TenantId(2), AccountId(10)).await.unwrap();
    assert_eq!(house.at(1, 1).await.unwrap().phase, MigrationPhase::Paused, "another's stays");
    house.later(i64::from(MIGRATION_DAYS_MAX) * DAY_MS + 1);
    assert!(house.lease().await.is_none());
    let over = house.at(1, 1).await.unwrap();
    let (tenant, account) = (TenantId(1), AccountId(10));
    assert_eq!((over.phase, over.why.as_str()), (MigrationPhase::Ended, "its days are over (MIGRATION_DAYS_MAX)"));
    assert_eq!(house.told().await.len(), 2);
    house.accounts.forget_migrations(tenant, account).await.unwrap();
    assert_eq!(house.at(1, 1).await.unwrap_err().kind, Kind::NotFound, "also one that has ended");
}

#[tokio::test]
async fn a_deleted_mailbox_and_a_hold_keep_mail_out_and_what_fails_too_often_waits_for_people() {
    let house = House::new().await;
    house.accounts.order_migration(&order(1, 1)).await.unwrap();
    let lease = house.lease().await.unwrap();
    let capabilities = Capabilities::ALL.without(Capability::Receive);
    house.accounts.apply(vec![Change::Account(AccountSnapshot { capabilities, ..snapshot(1, 2) })]).await.unwrap();
    assert!(!lease.renew(&PassCount::default()).await.unwrap(), "a hold ends the pass");
    lease.give_back(&PassCount::default()).await.unwrap();
    assert!(house.lease().await.is_none());
    assert_eq!(house.at(1, 1).await.unwrap().why, "nothing may come into the mailbox now");
    house.accounts.apply(vec![Change::Account(AccountSnapshot { live: false, ..snapshot(1, 3) })]).await.unwrap();
    house.later(2 * HOUR_MS);
    assert!(house.lease().await.is_none());
    assert_eq!(house.at(1, 1).await.unwrap().why, "the mailbox is deleted");
    house.accounts.apply(vec![Change::Account(snapshot(1, 4))]).await.unwrap();
    let mut tries = 0;
    loop {
        house.later(2 * HOUR_MS);
        let Some(lease) = house.lease().await else { break };
        tries += 1;
        let standing = lease.fail(&PassCount::default(), "not to be reached", false).await.unwrap();
        assert_eq!(standing.why, "not to be reached");
    }
    assert_eq!((tries, house.at(1, 1).await.unwrap().phase), (20, MigrationPhase::Failed));
    house.steer(MigrationWish::Run).await.unwrap();
    let refused = house.lease().await.unwrap().fail(&PassCount::default(), "wrong password", true).await.unwrap();
    assert_eq!((refused.phase, refused.next_pass_at), (MigrationPhase::Failed, None));
    assert_eq!(house.told().await.len(), 2, "each failure is told once");
}

#[tokio::test]
async fn tenants_take_turns_and_each_has_a_limit() {
    let house = House::new().await;
    let mailbox = |n: u64| AccountSnapshot { id: AccountId(100 + n), ..snapshot(1, 1) };
    for n in 0..6 {
        house.accounts.apply(vec![Change::Account(mailbox(n))]).await.unwrap();
        let own = MigrationOrder { account: AccountId(100 + n), ..order(1, n + 1) };
        house.accounts.order_migration(&own).await.unwrap();
    }
    house.later(1);
    house.accounts.order_migration(&order(2, 9)).await.unwrap();
    let mut taken = Vec::new();
    while let Some(lease) = house.lease().await {
        taken.push(lease.tenant().0);
    }
    assert_eq!(taken, [1, 2, 1, 1, 1], "the second tenant waits for nobody, the first has four under way");
    for job in 10..13 {
        let more = house.accounts.order_migration(&order(2, job)).await;
        assert_eq!(more.is_ok(), job < 12, "MIGRATIONS_PER_MAILBOX_MAX");
    }
}

#[tokio::test]
async fn an_erased_tenant_has_no_migration() {
    let house = House::new().await;
    house.accounts.order_migration(&order(1, 1)).await.unwrap();
    house.accounts.erase(ErasureOrder { tenant: TenantId(1), by: "uid 0".to_owned() }).await.unwrap();
    assert!(house.lease().await.is_none());
    assert_eq!(house.accounts.order_migration(&order(1, 3)).await.unwrap_err().kind, Kind::NotFound);
}
