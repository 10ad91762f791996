//! SUMMARY    What was backed up is there again in any store, whole or not at all; what no backup has made is refused.

use super::*;
use crate::{
    LeaseRequest, TenantScope,
    backup::{
        ranges_of_mailbox, ranges_of_system_for_reading,
        tests::{ANN, BOB, House, Image, MESSAGES, account_of},
    },
};
use base::{TenantId, rng::SeededRng};
use control::Control;
use std::time::Duration;
use store::{
    EmbeddedOptions, MemKv,
    blob::FsObjects,
    faults::{FaultRates, Faulty},
};

fn mem() -> Arc<dyn Kv> {
    Arc::new(MemKv::new())
}

async fn into(house: &House) -> Result<Restore> {
    Restore::into(house.kv.clone(), house.objects.clone(), Arc::new(SeededRng::new(9))).await
}

/// Writes a whole image and ends.
pub(crate) async fn restore(image: &Image, house: &House) {
    let restore = into(house).await.unwrap();
    for rows in image.rows.chunks(70) {
        restore.rows(rows).await.unwrap();
    }
    for (pack, bytes) in &image.packs {
        restore.pack(&pack.name, bytes.clone()).await.unwrap();
    }
    restore.finish().await.unwrap();
}

/// Everything that is asked of a restored store.
async fn is_as(house: &House, source: &House) {
    house.accounts.check_master_key().await.unwrap();
    for tenant in [ANN, BOB] {
        let scope = TenantScope::<crate::Owner>::issue(tenant);
        assert_eq!(house.accounts.verify(&scope).await.unwrap(), []);
        assert_eq!(house.accounts.quota_drift(&scope).await.unwrap(), []);
        assert!(house.is_readable(tenant).await);
        assert_eq!(house.accounts.exports(&scope).await.unwrap(), []);
        assert_eq!(
            house.accounts.usage(tenant).await.unwrap(),
            source.accounts.usage(tenant).await.unwrap(),
            "quotas count the same"
        );
    }
    let (here, there) = (house.accounts.hello().await.unwrap(), source.accounts.hello().await.unwrap());
    assert!(here.store != there.store && here.applied == 0, "the control plane tells it everything again");
    let request =
        LeaseRequest { items: 100, items_per_tenant: 100, lease: Duration::from_secs(60), after: TenantId(0) };
    assert_eq!(house.accounts.lease(request).await.unwrap().len(), 2, "outgoing mail goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_the_same_after_a_backup_and_a_restore_into_another_kind_and_back() {
    let source = House::full(mem()).await;
    let image = source.image().await;
    let folder = tempfile::tempdir().unwrap();
    let embedded = House::empty(store::embedded::open(folder.path(), EmbeddedOptions::default()).unwrap());
    restore(&image, &embedded).await;
    let second = embedded.image().await;
    let is_counter = |key: &[u8]| key == b"Sv";
    let plain = |image: &Image| image.rows.iter().filter(|(key, _)| !is_counter(key)).cloned().collect::<Vec<_>>();
    assert!(plain(&image) == plain(&second), "row by row");
    assert!(image.packs == second.packs);
    is_as(&embedded, &source).await;
    let back = House::empty(mem());
    restore(&second, &back).await;
    is_as(&back, &source).await;
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_seen_by_who_opens_the_store_and_goes_on() {
    let source = House::full(mem()).await;
    let image = source.image().await;
    let faulty = Faulty::new(mem(), 3, FaultRates::STORMY);
    let house = House::empty(Arc::new(faulty.clone()));
    for commits in [2, 3, 5] {
        let restore = into(&house).await.unwrap();
        faulty.crash_after(commits);
        let mut failed = false;
        for rows in image.rows.chunks(30) {
            failed |= restore.rows(rows).await.is_err();
        }
        assert!(failed);
        drop(restore);
        faulty.restart();
        let why = house.accounts.check_master_key().await.unwrap_err();
        assert!(why.kind == Kind::Invalid && why.to_string().contains("being restored"), "{why}");
        let key = house.accounts.break_glass("op", "backup").unwrap();
        assert!(house.accounts.backup(&key).await.is_err(), "half a store is not backed up");
    }
    let half = into(&house).await.unwrap();
    half.rows(&image.rows).await.unwrap();
    let why = half.finish().await.unwrap_err();
    assert!(why.kind == Kind::NotFound && why.to_string().contains(&image.packs[0].0.name), "{why}");
    assert!(house.accounts.check_master_key().await.is_err(), "so it goes on");
    restore(&image, &house).await;
    is_as(&house, &source).await;
    let late = half.rows(&image.rows[..1]).await.unwrap_err();
    assert!(late.to_string().contains("has ended"), "who comes late writes nothing: {late}");
    assert!(into(&house).await.is_err(), "it is occupied now");
}

#[tokio::test]
async fn only_an_empty_store_is_restored_into_but_its_own_id_may_be_there() {
    let house = House::empty(mem());
    let id = crate::store_id(&house.kv, &SeededRng::new(4)).await.unwrap();
    let source = House::full(mem()).await;
    restore(&source.image().await, &house).await;
    assert_eq!(crate::store_id(&house.kv, &SeededRng::new(5)).await.unwrap(), id, "its objects stay its own");
    for key in [&b"a"[..], b"Sw", b"T", b"\xfe"] {
        let occupied = House::empty(mem());
        crate::store_id(&occupied.kv, &SeededRng::new(4)).await.unwrap();
        let mut txn = occupied.kv.begin();
        txn.set(key, b"1");
        txn.submit().unwrap().await.unwrap();
        let why = into(&occupied).await.err().unwrap();
        assert!(why.kind == Kind::Invalid && why.to_string().contains(&key.escape_ascii().to_string()), "{why}");
        assert_eq!(occupied.rows(b"").await.len(), 2, "and is left as it was");
    }
}

#[tokio::test]
async fn what_no_backup_has_made_is_refused_with_all_that_came_beside_it() {
    let (source, house) = (House::full(mem()).await, House::empty(mem()));
    let image = source.image().await;
    let restore = into(&house).await.unwrap();
    let good = image.rows.iter().find(|(key, _)| key.starts_with(b"Se")).unwrap().clone();
    let row = |key: &[u8], bytes: usize| (Bytes::copy_from_slice(key), Bytes::from(vec![0; bytes]));
    let long = [b"Sd".as_slice(), &vec![b'a'; KV_KEY_BYTES_MAX]].concat();
    let export = [crate::keys::tenant_prefix(ANN).as_slice(), &crate::keys::export(base::JobId(1))].concat();
    let bad: [(&[u8], usize, &str); 14] = [
        (b"\xff\xffversion", 1, "outside of the registry"),
        (b"zz", 1, "outside of the registry"),
        (b"T", 1, "outside of the registry"),
        (b"T\0\0\0\0\0\0\0\x07zz", 1, "outside of the registry"),
        (b"Sz", 1, "no backup has"),
        (b"Szz", 1, "outside of the registry"),
        (b"Sb\0\0\0\0\0\0\0\x01", 8, "no backup has"),
        (b"Sps", 32, "no backup has"),
        (b"Si", 8, "no backup has"),
        (b"Sp?0123456789abcdef", 8, "outside of the registry"),
        (&export, 1, "no backup has"),
        (&long, 1, "KV_KEY_BYTES_MAX"),
        (b"Sx", 1, "outside of the registry"),
        (b"Sxa.example", KV_VALUE_BYTES_MAX + 1, "KV_VALUE_BYTES_MAX"),
    ];
    for (key, bytes, wanted) in bad {
        let mut rows = vec![good.clone(), row(key, bytes)];
        rows.sort();
        let why = restore.rows(&rows).await.unwrap_err();
        assert!(why.kind == Kind::Invalid && why.to_string().contains(wanted), "{}: {why}", key.escape_ascii());
    }
    for rows in [[good.clone(), good.clone()], [image.rows[9].clone(), image.rows[8].clone()]] {
        assert!(restore.rows(&rows).await.unwrap_err().to_string().contains("order"));
    }
    assert_eq!(house.rows(b"").await.len(), 1, "nothing but the mark");
    let (name, object) = (&image.packs[0].0.name, &image.packs[0].1);
    for name in ["packs/../x.pack", "packs/a.pack", "stores/0", "", "packs/A1b2c3d4e5f60718293a4b5c6d7e8f90.pack.x"] {
        assert_eq!(restore.pack(name, object.clone()).await.unwrap_err().kind, Kind::Invalid, "{name}");
    }
    let mut damaged = object.to_vec();
    damaged[100] ^= 1;
    assert_eq!(restore.pack(name, damaged.clone().into()).await.unwrap_err().kind, Kind::Corrupt);
    assert_eq!(restore.pack(name, object.slice(..1_000)).await.unwrap_err().kind, Kind::Corrupt);
    assert!(house.objects.list("packs/").await.unwrap().is_empty());
    restore.damaged_pack(name, damaged.into()).await.unwrap();
    assert_eq!(house.objects.list("packs/").await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_mailbox_is_read_from_a_store_that_has_no_more_than_it_needs() {
    let source = House::full(mem()).await;
    let image = source.image().await;
    let house = House::empty(mem());
    // Packs are read where they are: nothing is put.
    let objects: Arc<FsObjects> = source.objects.clone();
    let restore = Restore::into(house.kv.clone(), objects.clone(), Arc::new(SeededRng::new(9))).await.unwrap();
    let ranges = [ranges_of_system_for_reading(), ranges_of_mailbox(ANN, account_of(ANN))].concat();
    let is_in = |key: &[u8]| ranges.iter().any(|(from, to)| from.as_slice() <= key && key < to.as_slice());
    let rows: Vec<_> = image.rows.iter().filter(|(key, _)| is_in(key)).cloned().collect();
    assert!(rows.len() < image.rows.len() / 2 + 40);
    restore.rows(&rows).await.unwrap();
    restore.finish_unchecked().await.unwrap();
    let accounts = house.reopened(objects);
    accounts.check_master_key().await.unwrap();
    let key = accounts.break_glass("op", "restore a mailbox").unwrap();
    let mut reader = accounts.read(&key.account(ANN, account_of(ANN)));
    let mailboxes = reader.mailboxes().await.unwrap();
    assert!(!mailboxes.is_empty());
    for number in 0..MESSAGES {
        let wanted = crate::backup::tests::text(ANN, number);
        let blob = store::blob::BlobRef(accounts.blob_of(ANN, &wanted).await.unwrap());
        let mut txn = house.kv.begin_read();
        assert!(accounts.read_blob(&mut *txn, ANN, &blob, None).await.unwrap() == wanted);
    }
    assert!(house.rows(&crate::keys::tenant_prefix(BOB)).await.is_empty());
    assert!(accounts.queue(&key.tenant(ANN), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_control_plane_hears_of_every_event_after_a_restore() {
    let source = House::full(mem()).await;
    let house = House::empty(mem());
    restore(&source.image().await, &house).await;
    let counter = house.rows(b"Sv").await;
    let last = crate::keys::be64(&counter[0].1, 0).unwrap();
    assert!(last >= RESTORE_EVENTS_GAP, "numbers that were heard since the backup do not come again");
}
