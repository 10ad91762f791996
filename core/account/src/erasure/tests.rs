//! SUMMARY    After its erasure nothing of a tenant is left, nobody reads or writes it again, and its neighbour has everything.

use super::*;
use crate::{
    AccountOptions, AccountScope, Charge, ExportShape, Job, LeaseRequest, MasterKey, NewEmail, NewExport, Owner,
    TenantScope, Todo, Upkeep, UpkeepOptions,
    record::{EmailCard, QueueItem, QueueRecipient},
};
use base::{AccountId, Clock, MailboxId, OpId, QueueId, limits::PACK_GRACE_MS, rng::SeededRng};
use control::{
    AccountSnapshot, AddressSnapshot, Capabilities, Change, Control, ControlError, Destination, DkimAlgorithm, DkimKey,
    DomainSnapshot, EntitlementSnapshot,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{
    EmbeddedOptions, Kv, MemKv,
    blob::{FsObjects, Objects},
    faults::{FaultRates, Faulty},
};

/// A number that is nothing else's.
const LEAVES: TenantId = TenantId(0x0bad_cafe_1234_5678);
const STAYS: TenantId = TenantId(2);
const MARK: &str = "marker-of-who-has-left";
const CALM: FaultRates = FaultRates {
    conflict: 0,
    too_old: 0,
    read_too_old: 0,
    unknown_applied: 0,
    unknown_lost: 0,
    unknown_late: 0,
    slow: 0,
    slow_ms_max: 0,
};

struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct House {
    kv: Arc<dyn Kv>,
    objects: Arc<FsObjects>,
    clock: Arc<Hands>,
    accounts: Accounts,
    folder: tempfile::TempDir,
}

fn opened(kv: Arc<dyn Kv>, objects: Arc<FsObjects>, clock: Arc<Hands>) -> Accounts {
    let (master, rng) = (MasterKey::new([7; 32]), Arc::new(SeededRng::new(3)));
    Accounts::new(AccountOptions { kv, objects, master, clock, rng })
}

fn account_of(tenant: TenantId) -> AccountId {
    AccountId(10 * number_of(tenant))
}

fn number_of(tenant: TenantId) -> u64 {
    if tenant == LEAVES { 1 } else { 2 }
}

fn domain_of(tenant: TenantId) -> String {
    if tenant == LEAVES { format!("{MARK}.example") } else { "stays.example".to_owned() }
}

fn order(tenant: TenantId) -> ErasureOrder {
    ErasureOrder { tenant, by: "uid 0".to_owned() }
}

fn text(tenant: TenantId, number: u64) -> Vec<u8> {
    let line = format!("{MARK} {tenant} {number}\r\n");
    line.repeat(if number.is_multiple_of(4) { 90_000 } else { 10 }).into_bytes()
}

impl House {
    async fn over(make: impl FnOnce(&std::path::Path) -> Arc<dyn Kv>) -> House {
        let folder = tempfile::tempdir().unwrap();
        let kv = make(&folder.path().join("kv"));
        let objects = Arc::new(FsObjects::open(folder.path().join("packs")).unwrap());
        let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000_000)));
        let accounts = opened(kv.clone(), objects.clone(), clock.clone());
        let house = House { kv, objects, clock, accounts, folder };
        for tenant in [LEAVES, STAYS] {
            house.provision(tenant).await;
            for number in 0..6 {
                house.deliver(tenant, number).await.unwrap();
            }
        }
        // Both tenants' cold bytes come into one pack; then more is delivered.
        house.later(Duration::from_hours(24 * 30));
        house.upkeep(&house.accounts).run_job(Job::Pack, false).await.unwrap();
        assert_eq!(house.objects.list("packs/").await.unwrap().len(), 1);
        for tenant in [LEAVES, STAYS] {
            for number in 6..9 {
                house.deliver(tenant, number).await.unwrap();
            }
            house.export(tenant).await.unwrap();
        }
        house
    }

    async fn provision(&self, tenant: TenantId) {
        let (name, account) = (domain_of(tenant), account_of(tenant));
        let key = DkimKey {
            selector: "s".to_owned(),
            algorithm: DkimAlgorithm::RsaSha256,
            private_key: "bm90IHRvIGJlIHNlZW4=".to_owned(),
        };
        let domain = DomainSnapshot { dkim: vec![key], ..DomainSnapshot::new(&name, tenant, 1) };
        let address = AddressSnapshot {
            local: "ann".to_owned(),
            domain: name.clone(),
            version: 1,
            tenant,
            destination: Destination::Account(account),
        };
        let batch = vec![
            Change::Entitlement(EntitlementSnapshot::new(tenant, 1)),
            Change::Domain(domain),
            Change::Address(address),
            Change::Account(AccountSnapshot::new(account, tenant, 1, format!("ann@{name}"))),
        ];
        self.accounts.apply(batch).await.unwrap();
    }

    async fn deliver(&self, tenant: TenantId, number: u64) -> Result<()> {
        let (accounts, account) = (&self.accounts, account_of(tenant));
        let staged = accounts.stage(tenant, &text(tenant, number)).await?;
        let scope: AccountScope<Owner> = AccountScope::issue(tenant, account);
        unit_of_work!(accounts, &[account], OpId(1_000 * number_of(tenant) + number), work => {
            let mut opened = work.account(&scope).await?;
            let email = NewEmail {
                staged: &staged,
                mailboxes: &[MailboxId(1)],
                flags: 0,
                received_at: Timestamp(0),
                card: EmailCard::default(),
                thread_keys: &[number],
                charge: Charge::Incoming,
            };
            opened.add_email(email).await?;
            let recipients = vec![QueueRecipient { address: format!("{MARK}@y.example"), ..QueueRecipient::default() }];
            let item = QueueItem { recipients, due_at_ms: 5, sender: MARK.to_owned(), ..QueueItem::default() };
            work.enqueue(&staged, QueueId(1_000 * number_of(tenant) + number), item).await
        })
    }

    async fn export(&self, tenant: TenantId) -> Result<base::JobId> {
        let new = NewExport {
            job: self.accounts.new_job(),
            accounts: vec![account_of(tenant)],
            shape: ExportShape::Mbox,
            archive_bytes_max: 1 << 20,
            asked_by: MARK.to_owned(),
            reason: MARK.to_owned(),
            keep_days: 7,
            papers: false,
        };
        self.accounts.request_export(tenant, new).await
    }

    fn later(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn upkeep(&self, accounts: &Accounts) -> Upkeep {
        let mut options = UpkeepOptions::default();
        options.pace.pause = Duration::ZERO;
        options.packing.least_bytes = 1;
        Upkeep::new(accounts.clone(), options)
    }

    /// Passes until the erasure has ended.
    async fn erase(&self, accounts: &Accounts) -> Result<Erasure> {
        for _ in 0..20 {
            self.upkeep(accounts).run_job(Job::Erase, true).await?;
            match accounts.erasure_of(LEAVES).await?.unwrap() {
                done if done.phase == ErasurePhase::Done => return Ok(done),
                _ => self.later(Duration::from_millis(PACK_GRACE_MS)),
            }
        }
        panic!("the erasure does not end");
    }

    async fn bodies(&self, tenant: TenantId) -> Vec<Vec<u8>> {
        let scope: AccountScope<Owner> = AccountScope::issue(tenant, account_of(tenant));
        let mut found = Vec::new();
        for number in 0..9 {
            let blob = self.accounts.blob_of(tenant, &text(tenant, number)).await.unwrap();
            let mut txn = self.kv.begin_read();
            let body = self.accounts.read_blob(&mut *txn, scope.tenant(), &store::blob::BlobRef(blob), None).await;
            found.push(body.unwrap().to_vec());
        }
        found
    }

    async fn neighbour_is_whole(&self) {
        let wanted: Vec<_> = (0..9).map(|number| text(STAYS, number)).collect();
        assert!(self.bodies(STAYS).await == wanted, "the neighbour's mail reads back whole");
        let scope = TenantScope::<Owner>::issue(STAYS);
        assert_eq!(self.accounts.verify(&scope).await.unwrap(), []);
        assert_eq!(self.accounts.queue(&scope, 100).await.unwrap().len(), 9);
        assert_eq!(self.accounts.exports(&scope).await.unwrap().len(), 1);
    }

    /// Keys and values that have the tenant's number in them or its marker.
    async fn rows_of(&self, tenant: TenantId) -> Vec<Vec<u8>> {
        let (mut range, mut found) = (KeyRange { from: vec![1], to: vec![0xff] }, Vec::new());
        loop {
            let mut txn = self.kv.begin_read();
            let page = txn.range(&range, PageLimit::MAX, false, Read::Snapshot).await.unwrap();
            for (key, _) in &page.rows {
                let number = tenant.0.to_be_bytes();
                let is_own = key.windows(8).any(|w| w == number) || within(key, MARK.as_bytes());
                if is_own && keys::decode_erasure(key).is_none() {
                    found.push(key.to_vec());
                }
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return found };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }
}

fn within(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|w| w == part)
}

async fn in_memory() -> House {
    House::over(|_| Arc::new(MemKv::new())).await
}

/// Files below a folder that have the marker in them in clear.
fn marked(folder: &std::path::Path) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found += match path.is_dir() {
            true => marked(&path),
            false => usize::from(within(&std::fs::read(&path).unwrap(), MARK.as_bytes())),
        };
    }
    found
}

#[tokio::test]
async fn t6_from_the_point_of_no_return_on_nobody_reads_or_writes_the_tenant() {
    let house = in_memory().await;
    let accounts = &house.accounts;
    let begun = accounts.erase(order(LEAVES)).await.unwrap();
    assert_eq!((begun.phase, begun.erased.keys, begun.erased.exports), (ErasurePhase::Rows, 2, 1));
    assert_eq!(accounts.erase(order(LEAVES)).await.unwrap(), begun, "asked again, it is the same one");

    assert!(accounts.standing(LEAVES, account_of(LEAVES)).await.unwrap().is_none(), "nobody logs in");
    let denied = |result: Result<()>| assert_eq!(result.unwrap_err().kind, Kind::NotFound);
    denied(house.deliver(LEAVES, 20).await);
    denied(house.export(LEAVES).await.map(drop));
    denied(accounts.open_tenant(LEAVES).await);
    denied(accounts.stage(LEAVES, b"x").await.map(drop));
    let request =
        LeaseRequest { items: 100, items_per_tenant: 100, lease: Duration::from_secs(60), after: TenantId(0) };
    let leases = accounts.lease(request).await.unwrap();
    assert!(leases.len() == 9 && leases.iter().all(|lease| lease.tenant == STAYS), "no worker takes its mail");
    assert!(accounts.tenants().await.unwrap() == [STAYS]);
    while let Some(lease) = accounts.lease_export(Todo::Make).await.unwrap() {
        assert_eq!(lease.tenant(), STAYS, "nobody makes its export");
    }
    // What the control plane still had to tell is passed over, and makes no tenant of it again.
    accounts.apply(vec![Change::Entitlement(EntitlementSnapshot::new(LEAVES, 9))]).await.unwrap();
    accounts.apply(vec![Change::Domain(DomainSnapshot::new("late.example", LEAVES, 9))]).await.unwrap();
    denied(accounts.stage(LEAVES, b"x").await.map(drop));

    let done = house.erase(accounts).await.unwrap();
    assert!(house.rows_of(LEAVES).await.is_empty());
    house.provision(LEAVES).await;
    denied(house.deliver(LEAVES, 21).await);
    assert!(house.rows_of(LEAVES).await.is_empty(), "the id is a tombstone for ever");
    let key = accounts.break_glass("test", "verify").unwrap();
    assert_eq!(accounts.verify_erased(&key).await.unwrap(), []);
    let (mut txn, stray) = (house.kv.begin(), [keys::tenant_prefix(LEAVES).as_slice(), b"u"].concat());
    txn.set(&stray, &[0; 8]);
    txn.submit().unwrap().await.unwrap();
    assert_eq!(accounts.verify_erased(&key).await.unwrap().len(), 1, "verify bites");
    let mut txn = house.kv.begin();
    txn.clear(&stray);
    txn.submit().unwrap().await.unwrap();
    assert_eq!(accounts.erase(order(LEAVES)).await.unwrap(), done);
}

#[tokio::test]
async fn a_lease_of_before_ends_in_nothing_and_what_was_read_is_not_sent_again() {
    let house = in_memory().await;
    let accounts = &house.accounts;
    let request =
        LeaseRequest { items: 100, items_per_tenant: 100, lease: Duration::from_secs(60), after: TenantId(0) };
    let leases = accounts.lease(request).await.unwrap();
    let lease = leases.iter().find(|lease| lease.tenant == LEAVES).unwrap().clone();
    let export = loop {
        let lease = accounts.lease_export(Todo::Make).await.unwrap().unwrap();
        if lease.tenant() == LEAVES {
            break lease;
        }
    };
    accounts.erase(order(LEAVES)).await.unwrap();
    assert_eq!(accounts.lease_body(&lease).await.unwrap_err().kind, Kind::NotFound);
    let item = QueueItem { ended_at_ms: 0, ..lease.item.clone() };
    let settled: Result<()> = unit_of_work!(accounts, &[], accounts.op(), work => {
        work.settle(&lease, item.clone()).await
    });
    assert_eq!(settled.unwrap_err().kind, Kind::NotFound);
    let put = export.put_segment(crate::Stream::Rows(0), 0, b"listing".to_vec(), crate::Progress::default()).await;
    assert_eq!(put.unwrap_err().kind, Kind::NotFound, "E5: the export's key is destroyed with the tenant's");
    // Its object was put before its row was refused; it goes with the others.
    let done = house.erase(accounts).await.unwrap();
    assert_eq!(done.erased.export_objects, 1);
    assert!(house.objects.list("exports/").await.unwrap().is_empty());
    // The node that held items and dies later is taken over from in peace.
    accounts.take_over_all().await.unwrap();
    house.neighbour_is_whole().await;
}

#[tokio::test]
async fn m2_what_is_held_is_not_erased() {
    let house = in_memory().await;
    let held = EntitlementSnapshot {
        capabilities: Capabilities::ALL.without(Capability::PurgeAllowed),
        legal_hold: true,
        ..EntitlementSnapshot::new(LEAVES, 2)
    };
    house.accounts.apply(vec![Change::Entitlement(held)]).await.unwrap();
    let why = house.accounts.erase(order(LEAVES)).await.unwrap_err();
    assert!(matches!(&why, ControlError::Invalid(why) if why.contains("hold")), "{why}");
    assert_eq!(house.accounts.erasure(LEAVES).await.unwrap(), None);
    assert_eq!(house.bodies(LEAVES).await.len(), 9, "and everything reads back");
    assert!(house.accounts.erase(order(TenantId(77))).await.is_err(), "there is no such tenant");
}

#[tokio::test]
async fn everything_is_counted_once_and_the_proof_says_so() {
    let house = in_memory().await;
    let accounts = &house.accounts;
    accounts.erase(order(LEAVES)).await.unwrap();
    let early = accounts.prove_erasure(LEAVES, "{}".to_owned()).await.unwrap_err();
    assert!(matches!(early, ControlError::Invalid(_)), "no proof before the end");
    let done = house.erase(accounts).await.unwrap();
    let erased = &done.erased;
    assert_eq!((erased.keys, erased.accounts, erased.emails, erased.blobs), (2, 1, 9, 9));
    assert_eq!((erased.queue_items, erased.exports, erased.domains, erased.addresses), (9, 1, 1, 1));
    assert_eq!((erased.packs, erased.packs_left), (1, 0));
    assert_eq!(done.ended.len(), 5);
    assert!(done.ended.iter().all(|(_, at)| *at >= done.begun_at));
    house.neighbour_is_whole().await;

    let statement = r#"{"tenant":"ten_1"}"#.to_owned();
    let proof = accounts.prove_erasure(LEAVES, statement).await.unwrap();
    let key = accounts.proof_key().unwrap();
    let document = open_proof(&proof, &key).unwrap();
    assert_eq!(document["erasure"]["erased"]["emails"], 9);
    assert_eq!(document["statement"]["tenant"], "ten_1");
    assert!(open_proof(&proof.replace("\\\"emails\\\":9", "\\\"emails\\\":8"), &key).is_err(), "it cannot be changed");
    let other = opened(Arc::new(MemKv::new()), house.objects.clone(), house.clock.clone());
    assert_eq!(other.proof_key().unwrap(), key, "every node of a provider has the same key");
    assert!(accounts.prove_erasure(LEAVES, "no json".to_owned()).await.is_err());
}

#[tokio::test]
async fn killed_at_any_commit_it_goes_on_and_counts_nothing_twice() {
    let (mut wanted, mut kills) = (None, 0);
    for commits in 0_u64.. {
        let house = in_memory().await;
        house.accounts.erase(order(LEAVES)).await.unwrap();
        let faulty = Arc::new(Faulty::new(house.kv.clone(), 1, CALM));
        let doomed = opened(faulty.clone(), house.objects.clone(), house.clock.clone());
        faulty.crash_after(commits);
        let survived = house.erase(&doomed).await.is_ok() && !faulty.is_crashed();
        // Another process goes on, once the lease of the dead one has run out.
        house.later(Duration::from_mins(2));
        let mut done = house.erase(&house.accounts).await.unwrap();
        // Random numbers in rows are longer at times.
        done.erased.row_bytes = 0;
        assert_eq!(*wanted.get_or_insert(done.erased.clone()), done.erased, "killed after {commits} commits");
        assert!(house.rows_of(LEAVES).await.is_empty(), "killed after {commits} commits");
        house.neighbour_is_whole().await;
        if survived {
            break;
        }
        kills += 1;
    }
    assert!(kills > 8, "it was killed {kills} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_a_raw_scan_of_the_files_finds_nothing_of_the_tenant() {
    let options = EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, ..EmbeddedOptions::default() };
    let house = House::over(|path| store::embedded::open(path, options).unwrap()).await;
    // The neighbour's rows have the marker in their texts, too: those that say it are taken away first.
    for number in (0..9).map(|n| 1_000 * number_of(STAYS) + n) {
        house.accounts.amend(STAYS, QueueId(number), |item| item.recipients.clear()).await.unwrap();
    }
    for (tenant, job) in [(STAYS, house.accounts.exports(&TenantScope::<Owner>::issue(STAYS)).await.unwrap())] {
        let wish = crate::ExportWish::Cancel;
        house.accounts.steer_export(tenant, job[0].job, wish).await.unwrap();
    }
    assert!(marked(&house.folder.path().join("kv")) > 0, "the scan bites");
    house.accounts.erase(order(LEAVES)).await.unwrap();
    house.erase(&house.accounts).await.unwrap();
    let rows = house.rows_of(LEAVES).await;
    assert!(rows.is_empty(), "{rows:?}");
    let wanted: Vec<_> = (0..9).map(|number| text(STAYS, number)).collect();
    assert!(house.bodies(STAYS).await == wanted);
    house.kv.close().await;
}
