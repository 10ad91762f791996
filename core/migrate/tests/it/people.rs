//! SUMMARY    Migrations that people order: passes until they end, through kills and pauses, from where they may come, and never telling the secret.

use std::{future::Future, time::Duration};

use base::{JobId, TenantId};
use control::{
    ControlError, MigrationCheck, MigrationChecked, MigrationOrder, MigrationPhase, MigrationSecret, MigrationSecurity,
    MigrationSignIn, MigrationSource, MigrationStanding, MigrationWish,
};
use mail::Sources;
use migrate::{Mover, SourceRules};

use crate::world::{ANN, EVE, PASSWORD, World, source};

const JOB: JobId = JobId(7);
const OF: TenantId = TenantId(2);
/// Longer than a node that is silent keeps a migration.
const LEASE_MS: i64 = 61_000;

fn from(port: u16) -> MigrationSource {
    MigrationSource {
        host: "127.0.0.1".to_owned(),
        port,
        security: MigrationSecurity::Plain,
        user: "ann@a.example".to_owned(),
        sign_in: MigrationSignIn::Password,
    }
}

fn mover(world: &World, port: u16) -> Mover {
    let rules = SourceRules { networks: vec!["127.0.0.0/8".parse().unwrap()], ports: vec![port..=port] };
    Mover::new(world.mail.clone(), rules, source(port, "", "").tls)
}

async fn order(world: &World, port: u16, secret: &str) {
    let (tenant, account, asked_by) = (OF, EVE, "mbx_2".to_owned());
    let secret = MigrationSecret::new(secret.to_owned());
    let order = MigrationOrder { tenant, job: JOB, account, source: from(port), secret, asked_by };
    world.accounts().order_migration(&order).await.unwrap();
}

async fn standing(world: &World) -> MigrationStanding {
    world.accounts().migration(&world.accounts().ordered_tenant(OF), JOB).await.unwrap()
}

async fn steer(world: &World, wish: MigrationWish, secret: Option<&str>) -> MigrationStanding {
    let secret = secret.map(|secret| MigrationSecret::new(secret.to_owned()));
    world.accounts().steer_migration((OF, JOB), wish, secret.as_ref()).await.unwrap()
}

/// Does not end it when it takes long: drops it.
async fn killed<F: Future>(work: F, after: Duration) -> bool {
    tokio::time::timeout(after, work).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_migration_brings_all_follows_what_is_new_and_ends_with_its_secret() {
    let world = World::new().await;
    world.fill(40).await;
    let port = world.imap.port();
    order(&world, port, PASSWORD).await;
    let mover = mover(&world, port);
    assert!(mover.pass().await.unwrap() && !mover.pass().await.unwrap(), "one pass, then it waits");
    let first = standing(&world).await;
    assert_eq!((first.phase, first.passes, first.why.as_str()), (MigrationPhase::Waiting, 1, ""));
    assert!(first.folders == first.folders_total && first.folders_total >= 4, "{first:?}");
    assert_eq!((first.messages, first.brought + first.found), (first.messages_total, first.messages_total));
    assert_eq!(world.dump(EVE).await, world.dump(ANN).await);
    world.append(ANN, "Sent", "Subject: later\r\n\r\nx\r\n", 1_700_020_000, &[]).await;
    // Going on means now.
    assert_eq!(steer(&world, MigrationWish::Run, None).await.phase, MigrationPhase::Waiting);
    assert!(mover.pass().await.unwrap());
    let second = standing(&world).await;
    assert_eq!((second.passes, second.brought), (2, first.brought + 1));
    steer(&world, MigrationWish::End, None).await;
    assert!(!mover.pass().await.unwrap());
    assert_eq!(world.dump(EVE).await, world.dump(ANN).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_anywhere_is_taken_over_from_and_nothing_comes_twice() {
    let world = World::new().await;
    world.fill(60).await;
    let port = world.imap.port();
    order(&world, port, PASSWORD).await;
    let mover = mover(&world, port);
    let mut kills = 0;
    for ms in (1..200).step_by(7) {
        if !killed(mover.pass(), Duration::from_millis(ms)).await {
            break;
        }
        kills += 1;
        world.later(LEASE_MS);
    }
    while mover.pass().await.unwrap() {}
    assert!(kills > 0, "it was killed {kills} times");
    assert_eq!(standing(&world).await.phase, MigrationPhase::Waiting);
    assert_eq!(world.dump(EVE).await, world.dump(ANN).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_waits_for_a_right_one_and_a_source_that_says_it_is_not_told() {
    let world = World::new().await;
    world.fill(3).await;
    let port = world.imap.port();
    order(&world, port, "not it").await;
    let mover = mover(&world, port);
    assert!(mover.pass().await.unwrap());
    let failed = standing(&world).await;
    assert_eq!(failed.phase, MigrationPhase::Failed);
    assert!(failed.why.contains("signing in") && !failed.why.contains("not it"), "{}", failed.why);
    steer(&world, MigrationWish::Run, Some(PASSWORD)).await;
    assert!(mover.pass().await.unwrap());
    assert_eq!(standing(&world).await.phase, MigrationPhase::Waiting);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_source_tells_what_is_there_writes_nothing_and_goes_where_it_may() {
    let world = World::new().await;
    world.fill(12).await;
    let port = world.imap.port();
    let look = |password: &str, source: MigrationSource, mover: Mover| {
        let secret = MigrationSecret::new(password.to_owned());
        let check = MigrationCheck { tenant: OF, account: EVE, source, secret };
        async move { Sources::check(&mover, check).await }
    };
    let MigrationChecked::Open { folders, folders_total, messages, .. } =
        look(PASSWORD, from(port), mover(&world, port)).await.unwrap()
    else {
        panic!("it is open")
    };
    let names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
    assert!(names.starts_with(&["INBOX"]) && names.contains(&"Work/Ümläute & more"), "{names:?}");
    assert_eq!(folders_total as usize, names.len());
    let listed: u64 = folders.iter().filter_map(|folder| folder.messages).sum();
    assert!(messages > 0 && messages == listed, "{folders:?}");
    assert!(world.dump(EVE).await.is_empty());
    let closed = look("not it", from(port), mover(&world, port)).await.unwrap();
    assert!(matches!(closed, MigrationChecked::Closed(_)), "{closed:?}");
    let unknown = MigrationCheck {
        tenant: TenantId(9),
        account: EVE,
        source: from(port),
        secret: MigrationSecret::new("x".into()),
    };
    assert!(matches!(Sources::check(&mover(&world, port), unknown).await, Err(ControlError::Invalid(_))));
    // As it is where no operator says otherwise: not even a connection.
    let strict = Mover::new(world.mail.clone(), SourceRules::default(), source(port, "", "").tls);
    let inside = MigrationSource { host: "localhost".to_owned(), security: MigrationSecurity::Tls, ..from(port) };
    let refused = look(PASSWORD, inside, strict.clone()).await.unwrap();
    let MigrationChecked::Closed(why) = refused else { panic!("{refused:?}") };
    assert!(why.contains("no address of the public Internet"), "{why}");
    assert!(strict.judge(&from(port)).is_err());
    world.stop().await;
}
