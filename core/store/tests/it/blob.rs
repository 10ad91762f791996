//! SUMMARY    Blobs keep their bytes while linked, through packing, compaction, sweeps, races and crashes at every step.

use crate::blob_world::{World, noise, packing};
use base::{
    Clock,
    limits::{BLOB_STAGE_MS_MAX, PACK_GRACE_MS},
};
use std::sync::{Arc, atomic::Ordering};
use store::{
    CommitError, KeyRange, PageLimit, Read,
    blob::{self, BlobError, BlobRef, Location, Objects, Packing, TenantKey},
    faults::FaultRates,
};

#[tokio::test]
async fn a_blob_lives_as_long_as_a_link() {
    let world = World::new(FaultRates::default());
    let plain = noise(1, 150_000);
    let blob = world.store(0, &plain, b"a").await;
    assert_eq!(world.store(0, &plain, b"b").await, blob);
    assert_eq!(world.keys_under(b"T1d").await, 3, "stored once");
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    assert_eq!(world.read(0, &blob, Some(65_000..66_000)).await.unwrap(), plain[65_000..66_000]);
    assert!(!world.unlink(0, &blob, b"a").await);
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    assert!(world.unlink(0, &blob, b"b").await);
    assert!(matches!(world.read(0, &blob, None).await, Err(BlobError::NotFound)));
    assert_eq!(world.keys_under(b"T").await, 0);
}

#[tokio::test]
async fn tenants_share_no_blob_and_no_key() {
    let world = World::new(FaultRates::default());
    // One that lies in its meta record and one that has rows.
    let (small, large) = (b"From: a@example.org\r\n\r\nhello\r\n".repeat(100), noise(5, 100_000));
    let (a, b) = (world.store(0, &small, b"x").await, world.store(1, &small, b"x").await);
    assert_ne!(a, b);
    assert!(matches!(world.read(1, &a, None).await, Err(BlobError::NotFound)));
    let (Location::Meta(in_a), Location::Meta(in_b)) = (world.location(0, &a).await, world.location(1, &b).await)
    else {
        panic!("a small blob lies in its meta record");
    };
    assert_ne!(in_a, in_b);
    let c = world.store(0, &large, b"x").await;
    assert_ne!(c, world.store(1, &large, b"x").await);
    let mut txn = world.kv.begin_read();
    let rows = |page: store::Page| page.rows.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    let one = rows(txn.range(&KeyRange::prefix(b"T1d"), PageLimit::MAX, false, Read::Snapshot).await.unwrap());
    let two = rows(txn.range(&KeyRange::prefix(b"T2d"), PageLimit::MAX, false, Read::Snapshot).await.unwrap());
    assert!(!one.is_empty() && one.iter().all(|block| !two.contains(block)));
    // Even with the other's rows in its own space a tenant reads nothing.
    let stolen = Arc::new(World { keys: vec![TenantKey::new([2; 32])], ..world });
    assert!(matches!(stolen.read(0, &a, None).await, Err(BlobError::Corrupt(_))));
    assert!(matches!(stolen.read(0, &c, None).await, Err(BlobError::Corrupt(_))));
}

#[tokio::test]
async fn the_last_unlink_and_a_new_link_do_not_both_win() {
    let world = World::new(FaultRates::default());
    let plain = noise(2, 1_000);
    let blob = world.store(0, &plain, b"a").await;
    let space = &world.spaces[0];
    let mut leaving = world.kv.begin();
    assert!(blob::unlink(leaving.as_mut(), space, &blob, b"a").await.unwrap());
    let sealed = world.keys[0].seal(&plain);
    let mut coming = world.kv.begin();
    blob::put(coming.as_mut(), space, &sealed, world.clock.now()).await.unwrap();
    blob::link(coming.as_mut(), space, &blob, b"b");
    let mut late = world.kv.begin();
    blob::put(late.as_mut(), space, &sealed, world.clock.now()).await.unwrap();
    blob::link(late.as_mut(), space, &blob, b"c");
    coming.submit().unwrap().await.unwrap();
    assert_eq!(leaving.submit().err(), Some(CommitError::Conflict));
    assert!(!world.unlink(0, &blob, b"a").await && world.unlink(0, &blob, b"b").await);
    assert_eq!(late.submit().err(), Some(CommitError::Conflict));
    assert_eq!(world.keys_under(b"T").await, 0);
}

#[tokio::test]
async fn cold_blobs_move_to_packs_and_back_to_nothing() {
    let world = World::new(FaultRates::default());
    let mut blobs = Vec::new();
    for n in 0..40_u64 {
        let plain = noise(n, 2_000 + 5_000 * (n as usize % 7) + 70_000 * usize::from(n == 3));
        let tenant = (n % 2) as usize;
        blobs.push((tenant, world.store(tenant, &plain, b"o").await, plain));
    }
    world.later(60_000);
    let hot = noise(99, 3_000);
    let young = world.store(0, &hot, b"o").await;
    let packed = blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap();
    assert_eq!((packed.blobs, packed.packs), (40, world.objects().await));
    assert!(packed.packs > 2);
    assert!(matches!(world.location(0, &young).await, Location::Meta(_)));
    assert_eq!(world.keys_under(b"T2d").await, 0, "packed bytes leave the Kv");
    for (tenant, blob, plain) in &blobs {
        assert!(matches!(world.location(*tenant, blob).await, Location::Pack { .. }));
        assert_eq!(world.read(*tenant, blob, None).await.unwrap(), plain);
        assert_eq!(world.read(*tenant, blob, Some(100..1_500)).await.unwrap(), plain[100..1_500]);
    }
    assert_eq!(blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap(), blob::Packed::default());
    for (tenant, blob, _) in blobs.iter().skip(8) {
        world.unlink(*tenant, blob, b"o").await;
    }
    world.later(BLOB_STAGE_MS_MAX);
    let compacted = blob::compact(&world.on(), &packing()).await.unwrap();
    assert!(compacted.packs > 0 && compacted.damaged == 0);
    blob::sweep(&world.on()).await.unwrap();
    for (tenant, blob, plain) in blobs.iter().take(8) {
        assert_eq!(world.read(*tenant, blob, None).await.unwrap(), plain);
    }
    world.later(PACK_GRACE_MS);
    let swept = blob::sweep(&world.on()).await.unwrap();
    assert!(swept.objects > 0);
    for (tenant, blob, plain) in blobs.iter().take(8) {
        assert_eq!(world.read(*tenant, blob, None).await.unwrap(), plain);
        world.unlink(*tenant, blob, b"o").await;
    }
    for _ in 0..2 {
        world.later(BLOB_STAGE_MS_MAX);
        blob::sweep(&world.on()).await.unwrap();
    }
    assert_eq!((world.objects().await, world.keys_under(b"S").await), (0, 0), "nothing is left");
}

#[tokio::test]
async fn a_blob_deleted_or_put_again_while_it_is_packed() {
    let world = World::new(FaultRates::default());
    let plain = noise(7, 20_000);
    for n in 0..10 {
        world.store(0, &noise(n + 100, 10_000), b"o").await;
    }
    let blob = world.store(0, &plain, b"o").await;
    world.later(60_000);
    // The pack is written, then its publication fails; meanwhile the blob goes, and comes again.
    world.faulty.crash_after(1);
    assert!(blob::pack(&world.on(), &world.spaces, &packing()).await.is_err());
    world.faulty.restart();
    world.unlink(0, &blob, b"o").await;
    assert_eq!(world.store(0, &plain, b"p").await, blob);
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    world.later(60_000);
    blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap();
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
}

/// Crashes at every commit of pack, compact and sweep; everything stays readable, and at the end nothing is left.
#[tokio::test]
async fn a_crash_at_any_step_loses_nothing_and_leaves_nothing() {
    for step in 0..40 {
        let world = World::new(FaultRates::default());
        let mut blobs = Vec::new();
        for n in 0..30_u64 {
            let plain = noise(n, 12_000);
            blobs.push((world.store(0, &plain, b"o").await, plain));
        }
        world.later(60_000);
        blob::pack(&world.on(), &world.spaces[..1], &Packing { target_bytes: 100_000, ..packing() }).await.unwrap();
        let gone = blobs.split_off(9);
        for (n, (blob, _)) in gone.iter().enumerate() {
            if n % 4 != 0 {
                world.unlink(0, blob, b"o").await;
            } else {
                blobs.push(gone[n].clone());
            }
        }
        for n in 0..9_u64 {
            let plain = noise(n + 500, 12_000);
            blobs.push((world.store(0, &plain, b"o").await, plain));
        }
        world.later(BLOB_STAGE_MS_MAX);
        world.faulty.crash_after(step);
        let crashed = maintain(&world).await.is_err();
        world.faulty.restart();
        check(&world, &blobs, step).await;
        maintain(&world).await.unwrap();
        check(&world, &blobs, step).await;
        for (blob, _) in &blobs {
            world.unlink(0, blob, b"o").await;
        }
        for _ in 0..3 {
            world.later(BLOB_STAGE_MS_MAX);
            maintain(&world).await.unwrap();
        }
        assert_eq!((world.objects().await, world.keys_under(b"").await), (0, 0), "step {step}");
        if !crashed {
            assert!(step > 5, "the walk has passed every commit");
            return;
        }
    }
    panic!("the walk did not end");
}

async fn maintain(world: &World) -> Result<(), BlobError> {
    blob::pack(&world.on(), &world.spaces, &Packing { target_bytes: 100_000, ..packing() }).await?;
    blob::compact(&world.on(), &packing()).await?;
    blob::sweep(&world.on()).await?;
    world.later(PACK_GRACE_MS);
    blob::sweep(&world.on()).await?;
    Ok(())
}

async fn check(world: &World, blobs: &[(BlobRef, Vec<u8>)], step: u64) {
    for (blob, plain) in blobs {
        assert_eq!(&world.read(0, blob, None).await.unwrap(), plain, "step {step}");
    }
}

#[tokio::test]
async fn maintenance_survives_bad_weather() {
    let rates = FaultRates { read_too_old: 0, slow: 0, ..FaultRates::STORMY };
    let world = World::new(rates);
    let calm = World { kv: Arc::new(world.faulty.clone()), ..world };
    let mut blobs = Vec::new();
    for n in 0..20_u64 {
        let plain = noise(n, 12_000);
        let sealed = calm.keys[0].seal(&plain);
        // Putting and linking again after an unknown result does no harm.
        while calm.try_store(0, &sealed, b"o").await.is_err() {}
        blobs.push((sealed.blob(), plain));
    }
    calm.later(60_000);
    blob::pack(&calm.on(), &calm.spaces, &packing()).await.unwrap();
    for (blob, plain) in &blobs {
        assert_eq!(calm.read(0, blob, None).await.unwrap(), plain);
    }
    calm.later(BLOB_STAGE_MS_MAX);
    maintain(&calm).await.unwrap();
    for (blob, plain) in &blobs {
        assert_eq!(calm.read(0, blob, None).await.unwrap(), plain);
    }
}

#[tokio::test]
async fn what_came_damaged_from_a_pack_is_asked_for_again() {
    let world = World::new(FaultRates::default());
    let blob = world.store(0, &noise(1, 50_000), b"a").await;
    world.later(61_000);
    blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap();
    world.objects.is_damaged.store(true, Ordering::SeqCst);
    assert_eq!(world.read(0, &blob, None).await.unwrap(), noise(1, 50_000));
    assert!(!world.objects.is_damaged.load(Ordering::SeqCst), "a cache was told to forget it");
}

#[tokio::test]
async fn damage_in_a_pack_is_told_and_not_copied() {
    let world = World::new(FaultRates::default());
    let mut blobs = Vec::new();
    for n in 0..6_u64 {
        blobs.push(world.store(0, &noise(n, 9_000), b"o").await);
    }
    world.later(60_000);
    blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap();
    let name = world.objects.files.list("packs/").await.unwrap().remove(0).name;
    let path = world.folder.path().join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let mut damaged = Vec::new();
    for blob in &blobs {
        match world.read(0, blob, None).await {
            Ok(_) => {}
            Err(BlobError::Corrupt(_)) => damaged.push(*blob),
            Err(why) => panic!("{why}"),
        }
    }
    assert_eq!(damaged.len(), 1);
    let kept: Vec<_> = blobs.iter().filter(|blob| !damaged.contains(blob)).collect();
    for blob in kept.iter().skip(1) {
        world.unlink(0, blob, b"o").await;
    }
    world.later(BLOB_STAGE_MS_MAX);
    blob::compact(&world.on(), &packing()).await.unwrap();
    assert!(world.read(0, kept[0], None).await.is_ok());
    assert!(matches!(world.read(0, &damaged[0], None).await, Err(BlobError::Corrupt(_))));
    world.objects.broken.store(true, Ordering::SeqCst);
    assert!(matches!(world.read(0, kept[0], None).await, Err(BlobError::Objects(_))));
}
