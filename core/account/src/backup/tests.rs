//! SUMMARY    A backup is of one version, has all that a restored store needs, and keeps packs while it goes on; not longer.

use super::*;
use crate::{
    AccountOptions, AccountScope, Charge, ExportShape, Job, MasterKey, NewEmail, NewExport, Owner, Upkeep,
    UpkeepOptions,
    record::{EmailCard, QueueItem, QueueRecipient},
};
use base::{AccountId, Clock, MailboxId, QueueId, limits::PACK_GRACE_MS, rng::SeededRng};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot, ErasureOrder};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use store::{
    Kv, MemKv,
    blob::{BlobRef, FsObjects, Objects},
    faults::{FaultRates, Faulty},
};

pub(crate) const ANN: TenantId = TenantId(7);
pub(crate) const BOB: TenantId = TenantId(0xffff_ffff_ffff_ffff);
pub(crate) const MESSAGES: u64 = 9;

pub(crate) struct Hands(pub(crate) AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A store, its objects, and who opened it.
pub(crate) struct House {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) objects: Arc<FsObjects>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) accounts: Accounts,
    _folder: tempfile::TempDir,
}

/// Everything that a backup has read.
pub(crate) struct Image {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
    pub(crate) packs: Vec<(BackupPack, Bytes)>,
}

pub(crate) fn account_of(tenant: TenantId) -> AccountId {
    AccountId(tenant.0 % 1_000)
}

pub(crate) fn text(tenant: TenantId, number: u64) -> Vec<u8> {
    format!("{tenant} {number}\r\n").repeat(if number.is_multiple_of(4) { 90_000 } else { 10 }).into_bytes()
}

/// No two houses draw the same numbers: a restored store would be named as its source.
fn next() -> u64 {
    static HOUSES: AtomicU64 = AtomicU64::new(1);
    HOUSES.fetch_add(1, Ordering::SeqCst)
}

impl House {
    /// Nothing in it.
    pub(crate) fn empty(kv: Arc<dyn Kv>) -> House {
        let folder = tempfile::tempdir().unwrap();
        let objects = Arc::new(FsObjects::open(folder.path()).unwrap());
        let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000_000)));
        let (master, rng) = (MasterKey::new([7; 32]), Arc::new(SeededRng::new(next())));
        let options = AccountOptions { kv: kv.clone(), objects: objects.clone(), master, clock: clock.clone(), rng };
        House { kv, objects, clock, accounts: Accounts::new(options), _folder: folder }
    }

    /// The same store, with objects of elsewhere.
    pub(crate) fn reopened(&self, objects: Arc<FsObjects>) -> Accounts {
        let (master, rng) = (MasterKey::new([7; 32]), Arc::new(SeededRng::new(3)));
        Accounts::new(AccountOptions { kv: self.kv.clone(), objects, master, clock: self.clock.clone(), rng })
    }

    /// Two tenants with mail in packs and in rows, outgoing mail, and an export.
    pub(crate) async fn full(kv: Arc<dyn Kv>) -> House {
        let house = House::empty(kv);
        crate::store_id(&house.kv, &SeededRng::new(1)).await.unwrap();
        house.accounts.check_master_key().await.unwrap();
        house.accounts.hello().await.unwrap();
        for tenant in [ANN, BOB] {
            let account = AccountSnapshot::new(account_of(tenant), tenant, 1, format!("{}@a.example", tenant.0));
            let batch = vec![Change::Entitlement(EntitlementSnapshot::new(tenant, 1)), Change::Account(account)];
            house.accounts.apply(batch).await.unwrap();
            for number in 0..6 {
                house.deliver(tenant, number).await;
            }
        }
        house.later(Duration::from_hours(24 * 30));
        house.upkeep(Job::Pack).await;
        assert_eq!(house.objects.list("packs/").await.unwrap().len(), 1);
        for tenant in [ANN, BOB] {
            for number in 6..MESSAGES {
                house.deliver(tenant, number).await;
            }
            house.export(tenant).await;
        }
        house.later(Duration::from_hours(24 * 30));
        house
    }

    async fn deliver(&self, tenant: TenantId, number: u64) {
        let (accounts, account) = (&self.accounts, account_of(tenant));
        let staged = accounts.stage(tenant, &text(tenant, number)).await.unwrap();
        let scope: AccountScope<Owner> = AccountScope::issue(tenant, account);
        unit_of_work!(accounts, &[account], accounts.op(), work => {
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
            if number == 0 {
                let recipients = vec![QueueRecipient { address: "x@y.example".into(), ..QueueRecipient::default() }];
                let item = QueueItem { recipients, due_at_ms: 5, ..QueueItem::default() };
                work.enqueue(&staged, QueueId(account.0 + 1), item).await?;
            }
            Ok(())
        })
        .unwrap();
    }

    async fn export(&self, tenant: TenantId) {
        let new = NewExport {
            job: self.accounts.new_job(),
            accounts: vec![account_of(tenant)],
            shape: ExportShape::Mbox,
            archive_bytes_max: 1 << 20,
            asked_by: "ann".to_owned(),
            reason: "move".to_owned(),
            keep_days: 7,
            papers: false,
        };
        self.accounts.request_export(tenant, new).await.unwrap();
    }

    pub(crate) fn later(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn worker(&self) -> Upkeep {
        let mut options = UpkeepOptions::default();
        options.pace.pause = Duration::ZERO;
        options.packing.least_bytes = 1;
        Upkeep::new(self.accounts.clone(), options)
    }

    async fn upkeep(&self, job: Job) {
        self.worker().run_job(job, false).await.unwrap();
    }

    pub(crate) async fn begin(&self) -> Backup {
        let key = self.accounts.break_glass("op", "backup").unwrap();
        self.accounts.backup(&key).await.unwrap()
    }

    /// A whole backup.
    pub(crate) async fn image(&self) -> Image {
        let mut backup = self.begin().await;
        let image = read_all(&mut backup).await;
        backup.finish().await.unwrap();
        image
    }

    /// All keys that are stored.
    pub(crate) async fn rows(&self, prefix: &[u8]) -> Vec<(Bytes, Bytes)> {
        let (mut snapshot, mut range, mut rows) =
            (self.kv.snapshot().await.unwrap(), KeyRange::prefix(prefix), Vec::new());
        loop {
            let page = snapshot.page(&range, PageLimit::MAX).await.unwrap();
            rows.extend(page.rows.iter().cloned());
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return rows };
            range.from = behind(last);
        }
    }

    /// Whether every message of a tenant reads back.
    pub(crate) async fn is_readable(&self, tenant: TenantId) -> bool {
        for number in 0..MESSAGES {
            let wanted = text(tenant, number);
            let blob = BlobRef(self.accounts.blob_of(tenant, &wanted).await.unwrap());
            let mut txn = self.kv.begin_read();
            if self.accounts.read_blob(&mut *txn, tenant, &blob, None).await.unwrap() != wanted {
                return false;
            }
        }
        true
    }

    /// Erases one tenant and purges the mailbox of the other, as far as it goes.
    async fn delete_everything(&self) {
        let order = ErasureOrder { tenant: ANN, by: "uid 0".to_owned() };
        self.accounts.begin_erasure(&order).await.unwrap();
        let account = AccountSnapshot::new(account_of(BOB), BOB, 2, "b@a.example");
        let account = AccountSnapshot { live: false, purged: true, ..account };
        self.accounts.apply(vec![Change::Account(account)]).await.unwrap();
        self.tend().await;
    }

    async fn tend(&self) {
        for _ in 0..3 {
            self.worker().pass().await.unwrap();
            self.later(Duration::from_millis(PACK_GRACE_MS));
        }
    }

    async fn objects_of(&self, image: &Image) -> usize {
        let there = self.objects.list("packs/").await.unwrap();
        image.packs.iter().filter(|(pack, _)| there.iter().any(|object| object.name == pack.name)).count()
    }
}

pub(crate) async fn read_all(backup: &mut Backup) -> Image {
    let (mut streams, mut packs) = (Vec::new(), Vec::new());
    loop {
        let more = backup.streams(streams.last()).await.unwrap();
        if more.is_empty() {
            break;
        }
        streams.extend(more);
    }
    let mut rows: Vec<(Bytes, Bytes)> = Vec::new();
    for stream in &streams {
        let mut after: Option<Bytes> = None;
        loop {
            let page = backup.page(*stream, after.as_deref()).await.unwrap();
            rows.extend(page.rows.iter().cloned());
            after = page.rows.last().map(|(key, _)| key.clone());
            if !page.more {
                break;
            }
        }
    }
    let mut last: Option<BackupPack> = None;
    loop {
        let more = backup.packs(last.as_ref()).await.unwrap();
        last = more.last().cloned();
        if more.is_empty() {
            break;
        }
        for pack in more {
            let bytes = backup.pack(&pack).await.unwrap();
            packs.push((pack, bytes));
        }
    }
    assert!(rows.is_sorted_by(|(a, _), (b, _)| a < b), "the system's rows, then those of tenants in their order");
    Image { rows, packs }
}

fn mem() -> Arc<dyn Kv> {
    Arc::new(MemKv::new())
}

#[tokio::test]
async fn a_backup_has_every_row_that_means_something_elsewhere_and_none_of_exports() {
    let house = House::full(mem()).await;
    let image = house.image().await;
    let is_export = |key: &[u8]| key.starts_with(b"St") || key.first() == Some(&b'T') && key.get(9) == Some(&b'x');
    let is_own = |key: &[u8]| matches!(key, b"Si" | b"Sn" | b"Sps") || key.starts_with(b"So");
    let all = house.rows(b"").await;
    assert!(all.iter().any(|(key, _)| is_export(key)) && all.iter().any(|(key, _)| is_own(key)));
    let wanted: Vec<_> = all.into_iter().filter(|(key, _)| !is_export(key) && !is_own(key)).collect();
    assert!(image.rows == wanted, "{} of {}", image.rows.len(), wanted.len());
    assert_eq!(image.packs.len(), 1);
    assert!(image.packs.iter().all(|(pack, bytes)| pack.bytes == bytes.len() as u64));
    assert!(house.rows(b"Sb").await.is_empty(), "its mark went with it");
}

#[tokio::test]
async fn streams_are_the_systems_and_one_for_each_tenant_however_many_there_are() {
    let house = House::empty(mem());
    let tenants: Vec<_> = (1..=BACKUP_STREAMS_MAX as u64 + 5).map(|n| TenantId(n * 77)).collect();
    let batch = tenants.iter().map(|tenant| Change::Entitlement(EntitlementSnapshot::new(*tenant, 1))).collect();
    house.accounts.apply(batch).await.unwrap();
    let mut backup = house.begin().await;
    let first = backup.streams(None).await.unwrap();
    assert_eq!(first.len(), BACKUP_STREAMS_MAX);
    let rest = backup.streams(first.last()).await.unwrap();
    let wanted = [BackupStream::System].into_iter().chain(tenants.into_iter().map(BackupStream::Tenant));
    assert!(first.iter().chain(&rest).copied().eq(wanted));
    assert!(backup.streams(rest.last()).await.unwrap().is_empty());
    let outside = backup.page(BackupStream::System, Some(b"T")).await.unwrap_err();
    assert_eq!(outside.kind, Kind::Invalid);
}

#[tokio::test]
async fn while_a_backup_goes_on_no_pack_of_it_goes_though_everything_is_deleted_compacted_and_swept() {
    let house = House::full(mem()).await;
    let mut backup = house.begin().await;
    let other = house.begin().await;
    house.delete_everything().await;
    let image = read_all(&mut backup).await;
    assert!(house.objects.list("packs/").await.unwrap().len() > 1, "what still lives was moved to another pack");
    // Longer than a mark stands: it is prolonged by reading.
    for _ in 0..4 {
        house.later(MARK / 2);
        assert!(backup.pack(&image.packs[0].0).await.is_ok());
        other.keep_alive().await.unwrap();
        house.tend().await;
    }
    assert_eq!(house.objects_of(&image).await, 1);
    backup.finish().await.unwrap();
    house.tend().await;
    assert_eq!(house.objects_of(&image).await, 1, "another backup needs it too");
    other.finish().await.unwrap();
    house.tend().await;
    assert_eq!(house.objects_of(&image).await, 0, "then upkeep removes it");
    let again = House::empty(mem());
    crate::restore::tests::restore(&image, &again).await;
    assert!(again.is_readable(ANN).await && again.is_readable(BOB).await, "of before the deletions");
}

#[tokio::test]
async fn a_backup_that_died_keeps_packs_for_a_while_and_one_that_slept_too_long_is_told_so() {
    let house = House::full(mem()).await;
    drop(house.begin().await);
    let mut slept = house.begin().await;
    let image = read_all(&mut slept).await;
    house.delete_everything().await;
    assert_eq!(house.objects_of(&image).await, 1);
    house.later(MARK);
    house.tend().await;
    assert_eq!(house.objects_of(&image).await, 0);
    let why = slept.page(BackupStream::System, None).await.unwrap_err();
    assert!(why.kind == Kind::TooOld && why.to_string().contains("begin the backup anew"), "{why}");
    assert_eq!(slept.finish().await.unwrap_err().kind, Kind::TooOld);
    house.begin().await.finish().await.unwrap();
    assert!(house.rows(b"Sb").await.is_empty(), "the next one cleared what they left");
}

#[tokio::test]
async fn a_snapshot_that_the_store_ends_ends_the_backup_with_a_word_what_to_do() {
    let faulty = Faulty::new(mem(), 5, FaultRates::default());
    let house = House::full(Arc::new(faulty.clone())).await;
    let mut backup = house.begin().await;
    faulty.crash();
    assert!(backup.page(BackupStream::System, None).await.is_err());
    faulty.restart();
    let why = backup.page(BackupStream::System, None).await.unwrap_err();
    assert!(why.kind == Kind::TooOld && why.to_string().contains("anew"), "{why}");
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_no_part_of_a_backup_and_says_so() {
    let house = House::full(mem()).await;
    let mut txn = house.kv.begin();
    txn.set(b"Szz", b"");
    txn.submit().unwrap().await.unwrap();
    let why = house.begin().await.page(BackupStream::System, None).await.unwrap_err();
    assert!(why.kind == Kind::Corrupt && why.to_string().contains("Szz"), "{why}");
}

#[test]
fn ranges_for_reading_are_in_order_and_apart() {
    for ranges in [ranges_of_mailbox(ANN, AccountId(3)), ranges_of_tenant(BOB), ranges_of_system_for_reading()] {
        assert!(ranges.iter().all(|(from, to)| from < to));
        assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }
}
