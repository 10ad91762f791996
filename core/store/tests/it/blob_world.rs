//! SUMMARY    A store with weather, objects that stop working, a clock with hands, and two tenants.

use base::{Clock, Rng, Timestamp, limits::KV_ATTEMPTS_MAX, rng::SeededRng};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{
    CommitError, KeyRange, Kv, MemKv, PageLimit, Read,
    blob::{
        self, BlobError, BlobRef, BlobSpace, FsObjects, Location, Maintenance, ObjectInfo, Objects, ObjectsError, Pace,
        Packing, Sealed, Stager, TenantKey,
    },
    faults::{FaultRates, Faulty},
    kv::BoxFuture,
};

pub struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// How the objects take a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// It arrives, and nobody is told.
    Silent,
    /// They crash before it arrives, or after.
    CrashesBefore,
    CrashesAfter,
}

/// Objects that stop working with the store.
pub struct Fragile {
    pub files: FsObjects,
    kv: Faulty,
    pub broken: AtomicBool,
    /// What is read has a wrong byte until the object is forgotten, as from a cache that kept it so.
    pub is_damaged: AtomicBool,
    pub is_far: AtomicBool,
    pub mood: Mutex<Mood>,
    pub puts: AtomicUsize,
}

impl Fragile {
    fn check(&self) -> Result<(), ObjectsError> {
        if self.kv.is_crashed() || self.broken.load(Ordering::SeqCst) {
            return Err(ObjectsError::Io { name: "any".into(), source: std::io::Error::other("crashed") });
        }
        Ok(())
    }
}

impl Objects for Fragile {
    fn is_far(&self) -> bool {
        self.is_far.load(Ordering::SeqCst)
    }
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let (put, mood) = (self.files.put(name, bytes), *self.mood.lock());
        Box::pin(async move {
            if mood == Mood::CrashesBefore {
                self.kv.crash();
            }
            self.check()?;
            self.puts.fetch_add(1, Ordering::SeqCst);
            // The call may be applied and its answer lost.
            put.await?;
            match mood {
                Mood::Good | Mood::CrashesBefore => {}
                Mood::Silent => std::future::pending().await,
                Mood::CrashesAfter => self.kv.crash(),
            }
            self.check()
        })
    }
    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        let (checked, get) = (self.check(), self.files.get(name, range));
        Box::pin(async move {
            checked?;
            let mut bytes = Vec::from(get.await?);
            if self.is_damaged.load(Ordering::SeqCst) {
                bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            }
            Ok(bytes.into())
        })
    }
    fn forget(&self, _: &str) -> BoxFuture<'_, ()> {
        self.is_damaged.store(false, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        match self.check() {
            Ok(()) => self.files.delete(name),
            Err(why) => Box::pin(std::future::ready(Err(why))),
        }
    }
    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        match self.check() {
            Ok(()) => self.files.list(prefix),
            Err(why) => Box::pin(std::future::ready(Err(why))),
        }
    }
}

pub struct World {
    pub kv: Arc<dyn Kv>,
    pub faulty: Faulty,
    pub objects: Arc<Fragile>,
    pub clock: Arc<Hands>,
    pub rng: Arc<SeededRng>,
    pub spaces: Vec<BlobSpace>,
    pub keys: Vec<TenantKey>,
    pub folder: tempfile::TempDir,
}

pub fn space(tenant: &str) -> BlobSpace {
    let prefix = |kind: &str| format!("T{tenant}{kind}").into_bytes();
    BlobSpace {
        meta_prefix: prefix("b"),
        data_prefix: prefix("d"),
        link_prefix: prefix("l"),
        pack_prefix: b"Sp".to_vec(),
        staging_prefix: b"Sg".to_vec(),
    }
}

impl World {
    pub fn new(rates: FaultRates) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Seconds of virtual time pass in one transaction here: only Faulty's ages are under test.
        let faulty = Faulty::new(Arc::new(MemKv::new()), 5, rates);
        let objects = Fragile {
            files: FsObjects::open(folder.path()).unwrap(),
            kv: faulty.clone(),
            broken: AtomicBool::new(false),
            is_damaged: AtomicBool::new(false),
            is_far: AtomicBool::new(true),
            mood: Mutex::new(Mood::Good),
            puts: AtomicUsize::new(0),
        };
        World {
            kv: Arc::new(faulty.clone()),
            faulty,
            objects: Arc::new(objects),
            clock: Arc::new(Hands(AtomicI64::new(1_700_000_000_000))),
            rng: Arc::new(SeededRng::new(8)),
            spaces: vec![space("1"), space("2")],
            keys: vec![TenantKey::new([1; 32]), TenantKey::new([2; 32])],
            folder,
        }
    }

    pub fn on(&self) -> Maintenance<'_> {
        Maintenance {
            kv: &self.kv,
            objects: self.objects.as_ref(),
            clock: self.clock.as_ref(),
            rng: self.rng.as_ref(),
            pack_prefix: b"Sp",
            staging_prefix: b"Sg",
            backup_prefix: b"Sb",
            pace: Pace::default(),
        }
    }

    pub fn later(&self, ms: u64) {
        self.clock.0.fetch_add(ms as i64, Ordering::SeqCst);
    }

    pub fn stager(&self) -> Stager {
        Stager::new(self.kv.clone(), self.objects.clone(), self.rng.clone())
    }

    /// With a stager of its own, which the last one's pause does not hold up.
    pub async fn stage(&self, tenant: usize, sealed: &Sealed) -> Result<(), BlobError> {
        self.stager().stage(&self.spaces[tenant], sealed, self.clock.now()).await
    }

    pub async fn try_store(&self, tenant: usize, sealed: &Sealed, owner: &[u8]) -> Result<(), BlobError> {
        let mut txn = self.kv.begin();
        let space = &self.spaces[tenant];
        blob::put(txn.as_mut(), space, sealed, self.clock.now()).await?;
        blob::link(txn.as_mut(), space, &sealed.blob(), owner);
        txn.submit()?.await?;
        Ok(())
    }

    pub async fn store(&self, tenant: usize, plain: &[u8], owner: &[u8]) -> BlobRef {
        let sealed = self.keys[tenant].seal(plain);
        if sealed.needs_staging() {
            self.stage(tenant, &sealed).await.unwrap();
        }
        self.try_store(tenant, &sealed, owner).await.unwrap();
        sealed.blob()
    }

    pub async fn unlink(&self, tenant: usize, blob: &BlobRef, owner: &[u8]) -> bool {
        for _ in 0..KV_ATTEMPTS_MAX {
            let mut txn = self.kv.begin();
            let gone = blob::unlink(txn.as_mut(), &self.spaces[tenant], blob, owner).await.unwrap();
            match txn.submit() {
                Ok(durable) => {
                    durable.await.unwrap();
                    return gone;
                }
                Err(why) => assert_eq!(why, CommitError::Conflict),
            }
        }
        unreachable!("conflicts for ever")
    }

    pub async fn read(&self, tenant: usize, blob: &BlobRef, range: Option<Range<u64>>) -> Result<Bytes, BlobError> {
        let mut txn = self.kv.begin_read();
        blob::get(txn.as_mut(), self.objects.as_ref(), &self.spaces[tenant], &self.keys[tenant], blob, range).await
    }

    pub async fn location(&self, tenant: usize, blob: &BlobRef) -> Location {
        let mut txn = self.kv.begin_read();
        blob::meta(txn.as_mut(), &self.spaces[tenant], blob).await.unwrap().unwrap().location
    }

    pub async fn keys_under(&self, prefix: &[u8]) -> usize {
        let mut txn = self.kv.begin_read();
        txn.range(&KeyRange::prefix(prefix), PageLimit::MAX, false, Read::Snapshot).await.unwrap().rows.len()
    }

    pub async fn objects(&self) -> usize {
        self.objects.files.list("packs/").await.unwrap().len()
    }
}

pub fn packing() -> Packing {
    Packing { older_than: Duration::from_secs(60), target_bytes: 200_000, least_bytes: 1 }
}

pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let rng = SeededRng::new(seed);
    (0..bytes.div_ceil(8)).flat_map(|_| rng.next_u64().to_le_bytes()).take(bytes).collect()
}
