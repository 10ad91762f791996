//! SUMMARY    Big blobs go to the objects before their commit: nothing is lost or left by a crash, and objects that are away refuse none.

use crate::blob_world::{Mood, World, noise, packing};
use base::{
    Clock,
    limits::{BLOB_STAGE_MS_MAX, PACK_GRACE_MS},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use store::{
    blob::{self, BlobError, BlobRef, Location},
    faults::FaultRates,
};

const BIG: usize = 9 << 20;

/// Sweeps until nothing can be too young or in its grace.
async fn sweep_all(world: &World) {
    for wait_ms in [BLOB_STAGE_MS_MAX, PACK_GRACE_MS, BLOB_STAGE_MS_MAX] {
        world.later(wait_ms);
        blob::sweep(&world.on()).await.unwrap();
    }
}

/// Without its last link a blob leaves nothing behind, whatever happened before.
async fn leaves_nothing(world: &World, blob: &BlobRef, owners: &[&[u8]]) {
    for owner in owners {
        world.unlink(0, blob, owner).await;
    }
    sweep_all(world).await;
    assert_eq!((world.objects().await, world.keys_under(b"").await), (0, 0), "nothing is left");
}

#[tokio::test]
async fn a_big_blob_gets_a_pack_of_its_own() {
    let world = World::new(FaultRates::default());
    let plain = noise(3, BIG);
    let sealed = world.keys[0].seal(&plain);
    assert!(sealed.needs_staging());
    assert!(matches!(world.try_store(0, &sealed, b"o").await, Err(BlobError::NotStaged)));
    world.stage(0, &sealed).await.unwrap();
    assert_eq!((world.objects().await, world.objects.puts.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(world.keys_under(b"").await, 1, "of megabytes the store sees the pack's info");
    world.try_store(0, &sealed, b"o").await.unwrap();
    let blob = sealed.blob();
    let Location::Pack { .. } = world.location(0, &blob).await else { panic!("it is in a pack") };
    assert!(blob::is_located(world.kv.begin_read().as_mut(), &world.spaces[0], &blob).await.unwrap());
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    let end = BIG as u64;
    assert_eq!(world.read(0, &blob, Some(end - 5..end + 5)).await.unwrap(), plain[BIG - 5..]);
    // Who has the same bytes again puts nothing.
    world.store(0, &plain, b"p").await;
    assert_eq!(world.objects.puts.load(Ordering::SeqCst), 1);
    // It is as any other pack to those who maintain them, and there is nothing to do.
    sweep_all(&world).await;
    assert_eq!(blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap(), blob::Packed::default());
    assert_eq!(blob::compact(&world.on(), &packing()).await.unwrap(), blob::Compacted::default());
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    assert!(!world.unlink(0, &blob, b"p").await && world.unlink(0, &blob, b"o").await);
    assert_eq!(world.objects().await, 1, "readers may be at it");
    blob::compact(&world.on(), &packing()).await.unwrap();
    assert_eq!(blob::sweep(&world.on()).await.unwrap().packs, 1);
    world.later(PACK_GRACE_MS);
    assert_eq!(blob::sweep(&world.on()).await.unwrap().objects, 1);
    assert_eq!((world.objects().await, world.keys_under(b"").await), (0, 0));
}

#[tokio::test]
async fn what_nothing_came_of_is_swept() {
    let world = World::new(FaultRates::default());
    let sealed = world.keys[0].seal(&noise(3, BIG));
    world.stage(0, &sealed).await.unwrap();
    world.later(BLOB_STAGE_MS_MAX - 1);
    assert_eq!(blob::sweep(&world.on()).await.unwrap(), blob::Swept::default());
    world.try_store(0, &sealed, b"o").await.unwrap();
    let orphan = world.keys[0].seal(&noise(4, BIG));
    world.stage(0, &orphan).await.unwrap();
    world.later(BLOB_STAGE_MS_MAX);
    assert_eq!(blob::sweep(&world.on()).await.unwrap().packs, 1);
    assert!(matches!(world.try_store(0, &orphan, b"o").await, Err(BlobError::NotStaged)), "given up");
    world.later(PACK_GRACE_MS);
    assert_eq!(blob::sweep(&world.on()).await.unwrap().objects, 1);
    assert_eq!(world.objects().await, 1, "the other one lives");
    leaves_nothing(&world, &sealed.blob(), &[b"o"]).await;
}

/// The sweep and the put of a blob at one moment: one of them conflicts, and no meta refers to a pack that was given up.
#[tokio::test]
async fn a_put_and_the_sweep_of_its_pack_do_not_both_win() {
    let world = World::new(FaultRates::default());
    let plain = noise(3, BIG);
    let sealed = world.keys[0].seal(&plain);
    world.stage(0, &sealed).await.unwrap();
    let space = &world.spaces[0];
    let mut late = world.kv.begin();
    blob::put(late.as_mut(), space, &sealed, world.clock.now()).await.unwrap();
    blob::link(late.as_mut(), space, &sealed.blob(), b"o");
    world.later(BLOB_STAGE_MS_MAX);
    assert_eq!(blob::sweep(&world.on()).await.unwrap().packs, 1);
    assert_eq!(late.submit().err(), Some(store::CommitError::Conflict));
    world.stage(0, &sealed).await.unwrap();
    world.try_store(0, &sealed, b"o").await.unwrap();
    sweep_all(&world).await;
    assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain);
    leaves_nothing(&world, &sealed.blob(), &[b"o"]).await;
}

/// Where a delivery crashes.
#[derive(Debug, Clone, Copy)]
enum Crash {
    /// In the middle of a commit, after so many.
    Commit(u64),
    Put(Mood),
}

/// A crash anywhere between the first commit and the last: who sends again succeeds, and nothing is left in the end.
#[tokio::test]
async fn a_crash_at_any_point_of_a_delivery_loses_nothing_and_leaves_nothing() {
    let plain = noise(3, BIG);
    for is_away in [false, true] {
        let puts = [Crash::Put(Mood::CrashesBefore), Crash::Put(Mood::CrashesAfter)];
        let mut crashed = 0;
        for crash in (0..20).map(Crash::Commit).chain(puts) {
            let world = World::new(FaultRates::default());
            world.objects.broken.store(is_away, Ordering::SeqCst);
            match crash {
                Crash::Commit(commits) => world.faulty.crash_after(commits),
                Crash::Put(mood) => *world.objects.mood.lock() = mood,
            }
            let sealed = world.keys[0].seal(&plain);
            let delivered = match world.stage(0, &sealed).await {
                Ok(()) => world.try_store(0, &sealed, b"o").await.is_ok(),
                Err(_) => false,
            };
            crashed += usize::from(!delivered);
            world.faulty.restart();
            *world.objects.mood.lock() = Mood::Good;
            world.objects.broken.store(false, Ordering::SeqCst);
            blob::sweep(&world.on()).await.unwrap();
            match world.read(0, &sealed.blob(), None).await {
                Ok(read) => assert_eq!(read, plain, "{crash:?}"),
                Err(why) => assert!(!delivered && matches!(why, BlobError::NotFound), "{crash:?}: {why}"),
            }
            world.store(0, &plain, b"again").await;
            sweep_all(&world).await;
            assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain, "{crash:?}");
            leaves_nothing(&world, &sealed.blob(), &[b"o", b"again"]).await;
        }
        // Info and delivery, and both puts; or info, three times rows, and delivery, and the put that does not arrive anyway.
        assert_eq!(crashed, if is_away { 6 } else { 4 }, "the walk has passed every point");
    }
}

#[tokio::test]
async fn big_blobs_come_through_bad_weather() {
    let world = World::new(FaultRates { read_too_old: 200, slow: 0, ..FaultRates::STORMY });
    for n in 0..6 {
        let plain = noise(n, 5 << 20);
        let sealed = world.keys[0].seal(&plain);
        world.stage(0, &sealed).await.unwrap();
        // Putting and linking again after an unknown result does no harm.
        while world.try_store(0, &sealed, b"o").await.is_err() {}
        let mut read = world.read(0, &sealed.blob(), None).await;
        while matches!(read, Err(BlobError::Read(_))) {
            read = world.read(0, &sealed.blob(), None).await;
        }
        assert_eq!(read.unwrap(), plain);
    }
    assert_eq!(world.objects.puts.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn objects_that_are_away_refuse_no_delivery() {
    let world = World::new(FaultRates::default());
    world.objects.broken.store(true, Ordering::SeqCst);
    let plain = noise(3, BIG);
    let sealed = world.keys[0].seal(&plain);
    world.stage(0, &sealed).await.unwrap();
    world.try_store(0, &sealed, b"o").await.unwrap();
    assert_eq!(world.location(0, &sealed.blob()).await, Location::Kv);
    assert_eq!(world.keys_under(b"Sg").await, 0);
    assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain, "while they are away");
    world.objects.broken.store(false, Ordering::SeqCst);
    world.later(60_000);
    assert_eq!(
        blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap().blobs,
        1,
        "the packer brings it there"
    );
    assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain);
    leaves_nothing(&world, &sealed.blob(), &[b"o"]).await;
}

#[tokio::test]
async fn objects_that_do_not_answer_are_waited_for_within_the_limit() {
    let world = World::new(FaultRates::default());
    *world.objects.mood.lock() = Mood::Silent;
    let plain = noise(3, BIG);
    let sealed = world.keys[0].seal(&plain);
    let stager = world.stager().paced(Duration::from_millis(500), Duration::from_secs(3_600));
    let began = Instant::now();
    stager.stage(&world.spaces[0], &sealed, world.clock.now()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
    world.try_store(0, &sealed, b"o").await.unwrap();
    assert_eq!(world.location(0, &sealed.blob()).await, Location::Kv);
    assert_eq!(world.objects().await, 1, "it did arrive");
    // The next one does not wait.
    let next = world.keys[0].seal(&noise(4, BIG));
    stager.stage(&world.spaces[0], &next, world.clock.now()).await.unwrap();
    assert_eq!(world.objects.puts.load(Ordering::SeqCst), 1);
    *world.objects.mood.lock() = Mood::Good;
    sweep_all(&world).await;
    assert_eq!(world.objects().await, 0, "what arrived late is swept");
    assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain);
    leaves_nothing(&world, &sealed.blob(), &[b"o"]).await;
}

#[tokio::test]
async fn objects_that_refused_are_asked_again_after_the_pause() {
    let world = World::new(FaultRates::default());
    for (pause, want) in [(Duration::from_secs(3_600), [false, false]), (Duration::ZERO, [false, true])] {
        let stager = world.stager().paced(Duration::from_secs(60), pause);
        for (n, want) in (0..).zip(want) {
            world.objects.broken.store(n == 0, Ordering::SeqCst);
            let sealed = world.keys[0].seal(&noise(n, 5 << 20));
            stager.stage(&world.spaces[0], &sealed, world.clock.now()).await.unwrap();
            world.try_store(0, &sealed, b"o").await.unwrap();
            let is_packed = matches!(world.location(0, &sealed.blob()).await, Location::Pack { .. });
            assert_eq!(is_packed, want, "{pause:?}, number {n}");
            world.unlink(0, &sealed.blob(), b"o").await;
        }
    }
}

/// Beside an embedded store they are files, which take longer to make than rows in its log.
#[tokio::test]
async fn near_objects_are_left_to_the_packer() {
    let world = World::new(FaultRates::default());
    world.objects.is_far.store(false, Ordering::SeqCst);
    let plain = noise(3, BIG);
    let blob = world.store(0, &plain, b"o").await;
    assert_eq!((world.location(0, &blob).await, world.objects().await), (Location::Kv, 0));
    world.later(60_000);
    assert_eq!(blob::pack(&world.on(), &world.spaces, &packing()).await.unwrap().blobs, 1);
    assert_eq!(world.read(0, &blob, None).await.unwrap(), plain);
    leaves_nothing(&world, &blob, &[b"o"]).await;
}

#[tokio::test]
async fn two_stagings_of_the_same_bytes_end_as_one_blob() {
    let world = World::new(FaultRates::default());
    let plain = noise(4, BIG);
    let (one, two) = (world.keys[0].seal(&plain), world.keys[0].seal(&plain));
    let (first, second) = tokio::join!(world.stage(0, &one), world.stage(0, &two));
    first.and(second).unwrap();
    assert_eq!(world.objects().await, 2);
    let (first, second) = tokio::join!(world.try_store(0, &one, b"a"), world.try_store(0, &two, b"b"));
    first.and(second).unwrap();
    sweep_all(&world).await;
    assert_eq!(world.objects().await, 1);
    assert_eq!(world.read(0, &one.blob(), None).await.unwrap(), plain);
    leaves_nothing(&world, &one.blob(), &[b"a", b"b"]).await;
}

#[tokio::test]
async fn a_staging_is_good_after_the_other_ones_blob_was_deleted() {
    for is_away in [false, true] {
        let world = World::new(FaultRates::default());
        let plain = noise(4, BIG);
        let (one, two) = (world.keys[0].seal(&plain), world.keys[0].seal(&plain));
        world.objects.broken.store(is_away, Ordering::SeqCst);
        world.stage(0, &two).await.unwrap();
        world.objects.broken.store(false, Ordering::SeqCst);
        world.stage(0, &one).await.unwrap();
        world.try_store(0, &one, b"a").await.unwrap();
        let owned = blob::is_data_owned(world.kv.begin_read().as_mut(), &world.spaces[0], &two.blob()).await.unwrap();
        assert_eq!(owned, is_away, "the staging's rows are its own");
        assert!(world.unlink(0, &one.blob(), b"a").await);
        world.try_store(0, &two, b"b").await.unwrap();
        assert_eq!(world.location(0, &two.blob()).await == Location::Kv, is_away);
        assert_eq!(world.read(0, &two.blob(), None).await.unwrap(), plain);
        leaves_nothing(&world, &two.blob(), &[b"b"]).await;
    }
}

#[tokio::test]
async fn rows_are_swept_if_nothing_comes_of_them() {
    let world = World::new(FaultRates::default());
    world.objects.broken.store(true, Ordering::SeqCst);
    let plain = noise(3, BIG);
    let sealed = world.keys[0].seal(&plain);
    world.stage(0, &sealed).await.unwrap();
    world.objects.broken.store(false, Ordering::SeqCst);
    world.later(BLOB_STAGE_MS_MAX - 1);
    blob::sweep(&world.on()).await.unwrap();
    world.try_store(0, &sealed, b"o").await.unwrap();
    assert_eq!(world.keys_under(b"Sg").await, 0);
    assert_eq!(world.read(0, &sealed.blob(), None).await.unwrap(), plain);
    world.unlink(0, &sealed.blob(), b"o").await;
    assert_eq!(world.keys_under(b"T").await, 0);
    world.objects.broken.store(true, Ordering::SeqCst);
    world.stage(0, &sealed).await.unwrap();
    world.objects.broken.store(false, Ordering::SeqCst);
    world.later(BLOB_STAGE_MS_MAX);
    assert_eq!(blob::sweep(&world.on()).await.unwrap().stagings, 1);
    assert_eq!(world.keys_under(b"T").await + world.keys_under(b"Sg").await, 0);
    assert!(matches!(world.try_store(0, &sealed, b"o").await, Err(BlobError::NotStaged)));
    leaves_nothing(&world, &sealed.blob(), &[]).await;
}

#[tokio::test]
async fn a_staging_notices_that_its_rows_were_taken() {
    let world = World::new(FaultRates::default());
    world.objects.broken.store(true, Ordering::SeqCst);
    let plain = noise(4, 5 << 20);
    let (one, two) = (world.keys[0].seal(&plain), world.keys[0].seal(&plain));
    world.stage(0, &one).await.unwrap();
    world.stage(0, &two).await.unwrap();
    assert!(matches!(world.try_store(0, &one, b"a").await, Err(BlobError::NotStaged)), "overtaken");
    world.try_store(0, &two, b"a").await.unwrap();
    world.try_store(0, &one, b"b").await.unwrap();
    assert!(!world.unlink(0, &one.blob(), b"a").await && world.unlink(0, &one.blob(), b"b").await);
    world.stage(0, &one).await.unwrap();
    world.try_store(0, &one, b"a").await.unwrap();
    world.unlink(0, &one.blob(), b"a").await;
    assert!(matches!(world.try_store(0, &two, b"a").await, Err(BlobError::NotStaged)), "deleted with the last link");
    assert_eq!(world.keys_under(b"T").await + world.keys_under(b"Sg").await, 0);
    world.objects.broken.store(false, Ordering::SeqCst);
    leaves_nothing(&world, &one.blob(), &[]).await;
}
