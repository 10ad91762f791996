//! SUMMARY    Rate cells on a real redis-server, and without it.

use crate::redis::{options, start};
use ::redis::cmd;
use base::SystemClock;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::ephemeral::{Ask, Ephemeral, Rate, Short};
use store_bus::{RedisEphemeral, RedisOptions, limits::CELLS_ANSWER_MS_MAX};

const HOURS: Duration = Duration::from_secs(100 * 3_600);

fn node(options: &RedisOptions) -> Arc<RedisEphemeral> {
    Arc::new(RedisEphemeral::start(options, Arc::new(SystemClock)).unwrap())
}

async fn until_shared(cells: &RedisEphemeral, is_shared: bool) {
    let began = Instant::now();
    while cells.health().is_ok() != is_shared {
        assert!(began.elapsed() < Duration::from_secs(30), "shared: {is_shared}, but {:?}", cells.health());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_cells_that_expire() {
    let server = start(&[]).await;
    let options = options(&server);
    let (one, two) = (node(&options), node(&options));
    until_shared(&one, true).await;
    until_shared(&two, true).await;
    store::conformance::ephemeral(one.clone()).await.unwrap();
    a_rate_is_one_for_all(&*one, &*two).await;
    rates_run_off_and_change(&*one).await;
    counters(&*one, &*two).await;
    everything_expires(&options).await;
}

async fn a_rate_is_one_for_all(one: &dyn Ephemeral, two: &dyn Ephemeral) {
    let rate = Rate { burst: 10, per: HOURS };
    let long = [b'k'; 500];
    for key in [b"both nodes".as_slice(), &long, b"\0\xff{}"] {
        assert_eq!(one.take(key, 7, rate).await, Ok(()));
        assert!(two.take(key, 4, rate).await.is_err());
        assert_eq!(two.take(key, 3, rate).await, Ok(()));
        one.forget(key).await;
        assert_eq!(two.take(key, 10, rate).await, Ok(()));
    }
}

async fn rates_run_off_and_change(cells: &dyn Ephemeral) {
    let rate = |burst, per_ms| Rate { burst, per: Duration::from_millis(per_ms) };
    assert_eq!(cells.take(b"fast", 5, rate(5, 500)).await, Ok(()));
    let wait = cells.take(b"fast", 1, rate(5, 500)).await.unwrap_err();
    assert!(wait <= Duration::from_millis(100) && wait > Duration::ZERO, "{wait:?}");
    tokio::time::sleep(wait).await;
    assert_eq!(cells.take(b"fast", 1, rate(5, 500)).await, Ok(()));
    let hours = |burst| Rate { burst, per: HOURS };
    assert_eq!(cells.take(b"change", 10, hours(10)).await, Ok(()));
    assert_eq!(cells.take(b"change", 10, hours(20)).await, Ok(()), "raised");
    let wait = cells.take(b"change", 1, hours(5)).await.unwrap_err();
    let wanted = Duration::from_secs(16 * 20 * 3_600);
    assert!(
        wait <= wanted && wait > wanted - Duration::from_secs(600),
        "lowered: 16 of 5 per 100 h are over: {wait:?}"
    );
    let ask = |key, cost, burst, secs| Ask { key, cost, rate: Rate { burst, per: Duration::from_secs(secs) } };
    let asks = [ask(b"z".as_slice(), 0, 0, 1), ask(b"hour", 2, 2, 1_000), ask(b"day", 2, 3, 30_000)];
    assert_eq!(cells.take_all(&asks).await, Ok(()));
    let short = cells.take_all(&asks).await;
    assert!(matches!(short, Err(Short { ask: 2, wait }) if wait > Duration::from_secs(9_900)), "{short:?}");
    let big = Rate { burst: u32::MAX, per: Duration::MAX };
    assert_eq!(cells.take(b"big", u32::MAX, big).await, Ok(()));
    assert!(cells.take(b"big", 1, big).await.is_err());
}

async fn counters(one: &dyn Ephemeral, two: &dyn Ephemeral) {
    assert_eq!(one.add(b"n", 2, HOURS).await, 2);
    assert_eq!(two.add(b"n", -5, HOURS).await, -3);
    assert_eq!(two.count(b"n").await, -3);
    assert_eq!(one.take(b"n", 1, Rate { burst: 1, per: HOURS }).await, Ok(()), "rates and counters do not meet");
    let brief = Duration::from_millis(150);
    assert_eq!(one.add(b"brief", 1, brief).await, 1);
    assert_eq!(one.add(b"brief", 1, HOURS).await, 2, "the first addition says how long");
    tokio::time::sleep(brief).await;
    assert_eq!(one.count(b"brief").await, 0);
    assert_eq!(one.add(b"none", 1, Duration::ZERO).await, 1);
    assert_eq!(one.count(b"none").await, 0);
    for end in [i64::MAX, i64::MIN] {
        let key = end.to_be_bytes();
        assert_eq!(one.add(&key, end, HOURS).await, end);
        assert_eq!(one.add(&key, end.signum(), HOURS).await, end, "it stops at the end");
        assert_eq!(two.count(&key).await, end);
    }
}

async fn everything_expires(options: &RedisOptions) {
    let client = ::redis::Client::open(options.url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() > 10, "{}", keys.len());
    for key in keys {
        assert!(key.starts_with(b"{posthouse-test}:"), "{key:?}");
        let ttl_ms: i64 = cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!(ttl_ms == -2 || ttl_ms > 0, "{key:?} stays for ever");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_process_counts_for_itself() {
    let mut server = start(&[]).await;
    let cells = node(&options(&server));
    until_shared(&cells, true).await;
    let rate = Rate { burst: 2, per: HOURS };
    assert_eq!(cells.take(b"k", 2, rate).await, Ok(()));
    server.stop();
    let began = Instant::now();
    assert_eq!(cells.take(b"k", 1, rate).await, Ok(()), "a new limit, of this process");
    assert_eq!(cells.take(b"k", 2, rate).await.map_err(|wait| wait > Duration::ZERO), Err(true), "but a limit");
    assert_eq!(cells.add(b"n", 3, HOURS).await, 3);
    assert_eq!(cells.count(b"n").await, 3);
    cells.give_back(&[Ask { key: b"k", cost: 1, rate }]).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    until_shared(&cells, false).await;
    store::conformance::ephemeral(cells.clone()).await.unwrap();
    // It comes back empty, and forgot the scripts.
    server.again().await;
    until_shared(&cells, true).await;
    assert_eq!(cells.count(b"n").await, 3, "what the process counted meanwhile");
    assert_eq!(cells.add(b"n", 1, HOURS).await, 1);
    assert_eq!(cells.count(b"n").await, 1);
    assert_eq!(cells.take(b"k", 2, rate).await, Ok(()));
    assert!(cells.take(b"k", 1, rate).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_costs_one_wait() {
    let server = start(&[]).await;
    let cells = node(&options(&server));
    until_shared(&cells, true).await;
    let rate = Rate { burst: 1_000, per: HOURS };
    assert_eq!(cells.take(b"k", 1, rate).await, Ok(()));
    server.signal("STOP");
    let began = Instant::now();
    assert_eq!(cells.take(b"k", 1, rate).await, Ok(()));
    assert!(began.elapsed() < Duration::from_millis(CELLS_ANSWER_MS_MAX * 4), "{:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(cells.take(b"k", 1, rate).await, Ok(()));
    }
    assert!(began.elapsed() < Duration::from_millis(CELLS_ANSWER_MS_MAX), "{:?}", began.elapsed());
    server.signal("CONT");
    until_shared(&cells, true).await;
    assert!(cells.take(b"k", 999, rate).await.is_err(), "what was counted before is still counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_full_refuses_no_mail() {
    let server = start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]).await;
    let cells = node(&options(&server));
    until_shared(&cells, true).await;
    store::conformance::ephemeral(cells.clone()).await.unwrap();
    assert!(cells.health().is_ok(), "it is there");
}
