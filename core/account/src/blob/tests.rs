//! SUMMARY    Messages too big for their transaction, over objects that are a service: put once, read, sound, gone with their last link.

use super::*;
use crate::{
    AccountOptions, AccountScope, Charge, MasterKey, NewEmail, Owner, TenantScope, Upkeep, UpkeepOptions,
    record::{EmailCard, QueueItem, QueueRecipient},
    upkeep::Job,
};
use base::{
    AccountId, Clock, MailboxId, OpId, QueueId, Rng, Timestamp,
    limits::{BLOB_STAGE_MS_MAX, PACK_GRACE_MS},
    rng::SeededRng,
};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot, QueueAction, QueueOrder};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use store::{
    BoxFuture, MemKv,
    blob::{FsObjects, ObjectInfo, Objects, ObjectsError},
};

const TENANT: TenantId = TenantId(1);
const ACCOUNT: AccountId = AccountId(1);

struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Files that say they are a service, which may be away.
struct Bucket {
    files: FsObjects,
    is_away: AtomicBool,
    puts: AtomicUsize,
}

impl Objects for Bucket {
    fn is_far(&self) -> bool {
        true
    }
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, std::result::Result<(), ObjectsError>> {
        if self.is_away.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(ObjectsError::Missing(name.to_owned()))));
        }
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.files.put(name, bytes)
    }
    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, std::result::Result<Bytes, ObjectsError>> {
        self.files.get(name, range)
    }
    fn delete(&self, name: &str) -> BoxFuture<'_, std::result::Result<(), ObjectsError>> {
        self.files.delete(name)
    }
    fn list(&self, prefix: &str) -> BoxFuture<'_, std::result::Result<Vec<ObjectInfo>, ObjectsError>> {
        self.files.list(prefix)
    }
}

struct House {
    accounts: Accounts,
    bucket: Arc<Bucket>,
    clock: Arc<Hands>,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let files = FsObjects::open(folder.path()).unwrap();
        let bucket = Arc::new(Bucket { files, is_away: AtomicBool::new(false), puts: AtomicUsize::new(0) });
        let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000_000)));
        let accounts = Accounts::new(AccountOptions {
            kv: Arc::new(MemKv::new()),
            objects: bucket.clone(),
            master: MasterKey::new([7; 32]),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(3)),
        });
        let entitlement = EntitlementSnapshot::new(TENANT, 1);
        let account = AccountSnapshot::new(ACCOUNT, TENANT, 1, "ann@a.example");
        accounts.apply(vec![Change::Entitlement(entitlement), Change::Account(account)]).await.unwrap();
        House { accounts, bucket, clock, _folder: folder }
    }

    /// Into a mailbox, and for somebody else.
    async fn deliver(&self, number: u64, plain: &[u8]) -> BlobRef {
        let accounts = &self.accounts;
        let staged = accounts.stage(TENANT, plain).await.unwrap();
        let scope: AccountScope<Owner> = AccountScope::issue(TENANT, ACCOUNT);
        let done: Result<()> = unit_of_work!(accounts, &[ACCOUNT], OpId(1_000 + number), work => {
            let mut account = work.account(&scope).await?;
            let email = NewEmail {
                staged: &staged,
                mailboxes: &[MailboxId(1)],
                flags: 0,
                received_at: Timestamp(0),
                card: EmailCard::default(),
                thread_keys: &[number],
                charge: Charge::Incoming,
            };
            account.add_email(email).await?;
            work.enqueue(&staged, QueueId(number), item()).await
        });
        done.unwrap();
        staged.blob()
    }

    async fn enqueue(&self, number: u64, plain: &[u8]) -> BlobRef {
        let accounts = &self.accounts;
        let staged = accounts.stage(TENANT, plain).await.unwrap();
        let done: Result<()> = unit_of_work!(accounts, &[], OpId(2_000 + number), work => {
            work.enqueue(&staged, QueueId(number), item()).await
        });
        done.unwrap();
        staged.blob()
    }

    async fn drop_item(&self, number: u64) {
        let order = QueueOrder { tenant: TENANT, item: QueueId(number), action: QueueAction::Drop, dry_run: false };
        self.accounts.queue_act(order).await.unwrap();
    }

    async fn read(&self, blob: &BlobRef, range: Option<Range<u64>>) -> Result<Bytes> {
        let mut txn = self.accounts.0.kv.begin_read();
        self.accounts.read_blob(&mut *txn, TENANT, blob, range).await
    }

    async fn is_sound(&self) {
        assert_eq!(self.accounts.verify(&TenantScope::<Owner>::issue(TENANT)).await.unwrap(), []);
    }

    async fn sweep(&self, later_ms: u64) {
        self.clock.0.fetch_add(i64::try_from(later_ms).unwrap(), Ordering::SeqCst);
        let upkeep = Upkeep::new(self.accounts.clone(), UpkeepOptions::default());
        for job in [Job::Pack, Job::Compact, Job::Sweep] {
            upkeep.run_job(job, false).await.unwrap();
        }
    }

    async fn packs(&self) -> usize {
        self.bucket.list("packs/").await.unwrap().len()
    }
}

fn item() -> QueueItem {
    let recipients = vec![QueueRecipient { address: "x@y.example".into(), ..QueueRecipient::default() }];
    QueueItem { recipients, due_at_ms: 5, ..QueueItem::default() }
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let rng = SeededRng::new(seed);
    (0..bytes / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
}

#[tokio::test]
async fn a_big_message_is_put_once_and_leaves_with_its_last_link() {
    let house = House::new().await;
    let plain = noise(1, 10_000_000);
    let blob = house.deliver(1, &plain).await;
    house.enqueue(2, &plain).await;
    assert_eq!((house.bucket.puts.load(Ordering::SeqCst), house.packs().await), (1, 1));
    assert_eq!(house.read(&blob, None).await.unwrap(), plain);
    assert_eq!(house.read(&blob, Some(9_999_990..10_000_000)).await.unwrap(), plain[9_999_990..]);
    house.is_sound().await;
    let other = noise(2, 6_000_000);
    let brief = house.enqueue(3, &other).await;
    house.drop_item(3).await;
    house.drop_item(2).await;
    house.is_sound().await;
    for later_ms in [BLOB_STAGE_MS_MAX, PACK_GRACE_MS] {
        house.sweep(later_ms).await;
    }
    assert_eq!(house.packs().await, 1, "the object of what was deleted is gone");
    assert_eq!(house.read(&brief, None).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(house.read(&blob, None).await.unwrap(), plain);
    house.is_sound().await;
}

#[tokio::test]
async fn a_big_message_comes_in_while_the_bucket_is_away() {
    let house = House::new().await;
    house.bucket.is_away.store(true, Ordering::SeqCst);
    let plain = noise(1, 10_000_000);
    let blob = house.deliver(1, &plain).await;
    assert_eq!(house.read(&blob, None).await.unwrap(), plain);
    house.is_sound().await;
    house.bucket.is_away.store(false, Ordering::SeqCst);
    house.sweep(30 * 24 * 3_600_000).await;
    assert_eq!((house.bucket.puts.load(Ordering::SeqCst), house.packs().await), (1, 1), "the packer brings it there");
    assert_eq!(house.read(&blob, None).await.unwrap(), plain);
    house.is_sound().await;
}
