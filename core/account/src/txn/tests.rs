//! SUMMARY    The tenant law as properties: whatever a caller asks for, the store sees and shows keys of one tenant only.

use super::*;
use crate::Accounts;
use proptest::prelude::*;
use std::result::Result;
use std::sync::Arc;
use store::{
    Kv, MemKv,
    kv::{BoxFuture, CommitError, Durable, Page as KvPage, ReadError},
};

/// What reached the store: points as ranges of one key.
#[derive(Default)]
struct Tape(Vec<KeyRange>);

/// A transaction that notes every key and range before the store sees it.
struct Tapped<'t> {
    inner: Box<dyn KvTxn>,
    tape: &'t mut Tape,
}

impl Tapped<'_> {
    fn point(&mut self, key: &[u8]) {
        self.tape.0.push(KeyRange { from: key.to_vec(), to: [key, &[0]].concat() });
    }
}

impl KvTxn for Tapped<'_> {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        self.point(key);
        self.inner.get(key, read)
    }
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<KvPage, ReadError>> {
        self.tape.0.push(range.clone());
        self.inner.range(range, limit, reverse, read)
    }
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.point(key);
        self.inner.set(key, value);
    }
    fn clear(&mut self, key: &[u8]) {
        self.point(key);
        self.inner.clear(key);
    }
    fn clear_range(&mut self, range: &KeyRange) {
        self.tape.0.push(range.clone());
        self.inner.clear_range(range);
    }
    fn add(&mut self, key: &[u8], delta: i64) {
        self.point(key);
        self.inner.add(key, delta);
    }
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.point(prefix);
        self.inner.set_versionstamped(prefix, suffix, value);
    }
    fn must_not_change(&mut self, range: &KeyRange) {
        self.tape.0.push(range.clone());
        self.inner.must_not_change(range);
    }
    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }
    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        self.inner.submit()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Get(Vec<u8>),
    GetSnapshot(Vec<u8>),
    Page(Vec<u8>, Vec<u8>, usize),
    All(Vec<u8>, Vec<u8>),
    Set(Vec<u8>),
    Clear(Vec<u8>),
    ClearRange(Vec<u8>, Vec<u8>),
    Add(Vec<u8>),
}

/// Keys as hostile as they come: empty, all 0xff, another tenant's prefix, the end of the key space.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..12),
        2 => prop::collection::vec(prop::sample::select(vec![0u8, 1, b'a', 0xfe, 0xff]), 0..4),
        1 => Just(vec![0xff; 16]),
        1 => any::<u64>().prop_map(|t| keys::tenant_prefix(TenantId(t)).to_vec()),
        1 => Just(vec![b'U']),
        1 => Just(Vec::new()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        key().prop_map(Step::Get),
        key().prop_map(Step::GetSnapshot),
        (key(), key(), 1..5usize).prop_map(|(from, to, rows)| Step::Page(from, to, rows)),
        (key(), key()).prop_map(|(from, to)| Step::All(from, to)),
        key().prop_map(Step::Set),
        key().prop_map(Step::Clear),
        (key(), key()).prop_map(|(from, to)| Step::ClearRange(from, to)),
        key().prop_map(Step::Add),
    ]
}

fn tenant() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(u64::MAX - 1), Just(0xff), Just(0xff00), 1..5u64]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What the neighbours and the system hold: one row at each edge of the tenant's range, and one inside theirs.
fn neighbours(tenant: u64) -> Vec<Vec<u8>> {
    let near = [tenant.wrapping_sub(1), tenant.wrapping_add(1)].map(|t| keys::tenant_prefix(TenantId(t)).to_vec());
    let mut rows: Vec<Vec<u8>> = near.iter().flat_map(|p| [p.clone(), [p, b"b".as_slice()].concat()]).collect();
    rows.extend(near.iter().map(|p| [p.as_slice(), &[0xff; 20]].concat()));
    rows.extend([b"S".to_vec(), b"Sd".to_vec(), b"T".to_vec(), b"U".to_vec(), b"z".to_vec()]);
    rows
}

async fn commit(txn: Box<dyn KvTxn>) {
    txn.submit().unwrap().await.unwrap();
}

async fn everything(kv: &dyn Kv) -> Vec<(Bytes, Bytes)> {
    let range = KeyRange { from: vec![0], to: vec![0xff] };
    kv.begin_read().range(&range, PageLimit::MAX, false, Read::Snapshot).await.unwrap().rows
}

/// Runs the steps as `tenant`; gives the keys that came back and, for the model, what is expected of them.
async fn play(txn: &mut TenantTxn<'_>, steps: &[Step]) -> Vec<Bytes> {
    let mut shown = Vec::new();
    for step in steps {
        match step.clone() {
            Step::Get(key) => drop(txn.get(&key).await.unwrap()),
            Step::GetSnapshot(key) => drop(txn.get_snapshot(&key).await.unwrap()),
            Step::Page(from, to, rows) => {
                let range = KeyRange { from, to };
                let page = txn.page(&range, PageLimit::rows(rows), Read::Serializable).await.unwrap();
                assert!(page.rows.len() <= rows);
                assert!(page.rows.iter().all(|(k, _)| range.contains(k)), "rows lie in the range that was asked for");
                shown.extend(page.rows.into_iter().map(|(k, _)| k));
            }
            Step::All(from, to) => {
                let rows = txn.all(&KeyRange { from, to }, Read::Snapshot).await.unwrap();
                assert!(rows.windows(2).all(|w| w[0].0 < w[1].0));
                shown.extend(rows.into_iter().map(|(k, _)| k));
            }
            Step::Set(key) => txn.set(&key, b"mine"),
            Step::Clear(key) => txn.clear(&key),
            Step::ClearRange(from, to) => txn.clear_range(&KeyRange { from, to }),
            Step::Add(key) => txn.add(&key, 1),
        }
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_tenant_transaction_reaches_its_tenant_only(id in tenant(), steps in prop::collection::vec(step(), 1..24)) {
        runtime().block_on(async {
            let kv = MemKv::new();
            let mut txn = kv.begin();
            let foreign = neighbours(id);
            foreign.iter().for_each(|k| txn.set(k, b"foreign"));
            commit(txn).await;

            let prefix = keys::tenant_prefix(TenantId(id));
            let end = KeyRange::prefix(&prefix).to;
            let mut tape = Tape::default();
            let mut tapped = Tapped { inner: kv.begin(), tape: &mut tape };
            let shown = play(&mut TenantTxn::new(&mut tapped, TenantId(id)), &steps).await;
            let inner = tapped.inner;
            commit(inner).await;

            for touched in &tape.0 {
                assert!(touched.from.starts_with(&prefix), "{:?} begins outside", touched.from);
                assert!(touched.to <= end, "{:?} ends outside", touched.to);
            }
            // A relative key that shows a foreign row would be unknown to the tenant's own keys.
            let mut set = steps.iter().filter_map(|s| match s {
                Step::Set(k) | Step::Add(k) => Some(k.as_slice()),
                _ => None,
            });
            assert!(shown.iter().all(|k| set.clone().any(|s| s == k)), "only own keys come back, without the prefix");
            let _ = set.next();
            let after = everything(&kv).await;
            for row in &foreign {
                let kept = after.iter().find(|(k, _)| k == row);
                assert_eq!(kept.map(|(_, v)| v.as_ref()), Some(b"foreign".as_slice()), "a foreign row changed");
            }
            assert!(after.iter().all(|(k, _)| k.starts_with(&prefix) || foreign.iter().any(|f| f == k)));
        });
    }

    #[test]
    fn a_system_transaction_reaches_system_keys_only(
        key in prop_oneof![key(), key().prop_map(|k| [b"S".as_slice(), &k].concat())],
        to in prop_oneof![key(), key().prop_map(|k| [b"S".as_slice(), &k].concat())],
    ) {
        runtime().block_on(async {
            let kv = MemKv::new();
            let mut txn = kv.begin();
            for row in neighbours(7) {
                txn.set(&row, b"");
            }
            commit(txn).await;
            let mut tape = Tape::default();
            let mut tapped = Tapped { inner: kv.begin(), tape: &mut tape };
            let mut system = SystemTxn::new(&mut tapped);
            let allowed = key.first() == Some(&keys::SYSTEM);
            assert_eq!(system.get(&key).await.is_ok(), allowed);
            assert_eq!(system.get_snapshot(&key).await.is_ok(), allowed);
            assert_eq!(system.set(&key, b"").is_ok(), allowed);
            assert_eq!(system.clear(&key).is_ok(), allowed);
            let page = system.page(&KeyRange { from: key.clone(), to: to.clone() }, PageLimit::MAX).await;
            assert_eq!(page.is_ok(), allowed);
            for (key, _) in page.map(|p| p.rows).unwrap_or_default() {
                assert_eq!(key.first(), Some(&keys::SYSTEM));
            }
            let end = KeyRange::prefix(&[keys::SYSTEM]).to;
            for touched in &tape.0 {
                assert_eq!(touched.from.first(), Some(&keys::SYSTEM), "begins outside");
                assert!(touched.to <= end , "{:?} ends outside", touched.to);
            }
        });
    }

    /// Blob keys are spelled by the store room: its prefixes lie in the tenant, and packs and staging hold no mail data names.
    #[test]
    fn blob_space_lies_in_the_tenant(id in tenant()) {
        let space = Accounts::space(TenantId(id));
        let prefix = keys::tenant_prefix(TenantId(id));
        for under in [&space.meta_prefix, &space.data_prefix, &space.link_prefix] {
            prop_assert!(under.starts_with(&prefix) && under.len() == prefix.len() + 1);
        }
        prop_assert!(space.pack_prefix.starts_with(&[keys::SYSTEM]) && space.staging_prefix.starts_with(&[keys::SYSTEM]));
    }
}

#[test]
fn pages_of_neighbours_never_mix() {
    runtime().block_on(async {
        let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
        let mut txn = kv.begin();
        for tenant in 0..4 {
            for n in 0..50u8 {
                TenantTxn::new(&mut *txn, TenantId(tenant)).set(&[n], &[tenant as u8]);
            }
        }
        commit(txn).await;
        let mut txn = kv.begin_read();
        for tenant in 0..4 {
            let whole = KeyRange { from: Vec::new(), to: vec![0xff; 16] };
            let rows = TenantTxn::new(&mut *txn, TenantId(tenant)).all(&whole, Read::Snapshot).await.unwrap();
            assert_eq!(rows.len(), 50);
            assert!(rows.iter().all(|(k, v)| k.len() == 1 && v.as_ref() == [tenant as u8]));
        }
    });
}
