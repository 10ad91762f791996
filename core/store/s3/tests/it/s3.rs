//! SUMMARY    Objects on a real server, and with somebody bad in between.

use crate::{
    proxy::{Mode, Proxy},
    weed::{BUCKET, Weed},
};
use aws_sdk_s3::primitives::ByteStream;
use base::{Clock, SystemClock, Timestamp};
use bytes::Bytes;
use std::time::{Duration, Instant};
use store::blob::{Objects, ObjectsError};
use store_s3::{
    Checksum, Encryption, Keys, S3Objects, S3Options,
    limits::{S3_CIRCUIT_FAILURES_MAX, S3_PART_BYTES, S3_PUT_BYTES_MAX},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn bytes(length: usize, seed: u64) -> Bytes {
    let mut state = seed;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(byte).collect()
}

fn open(options: S3Options) -> S3Objects {
    S3Objects::new(options).unwrap()
}

/// One server for all of it: starting it takes seconds, and every test is a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_on_a_real_server() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
    let mut weed = Weed::start().await;
    objects_are_written_once_and_read_by_range(&weed).await;
    names_and_deployments_are_apart(&weed).await;
    large_objects_go_in_parts(&weed).await;
    unfinished_uploads_are_swept(&weed).await;
    listings_go_over_pages(&weed).await;
    checksums_and_encryption(&weed).await;
    wrong_keys_and_buckets_are_refused(&weed).await;
    answers_that_are_lost_or_cut(&weed).await;
    a_server_that_is_busy(&weed).await;
    a_server_that_is_silent(&weed).await;
    crate::cache::on_a_real_server(&weed).await;
    crate::packs::on_a_real_server(&weed).await;
    crate::packs::a_big_message(&weed).await;
    crate::tls::on_a_real_server(&weed).await;
    a_server_that_goes_and_comes_back(&mut weed).await;
    let figures = recorder.render();
    for wanted in [
        r#"objects_requests_total{op="put",outcome="ok"}"#,
        r#"objects_requests_total{op="get",outcome="missing"}"#,
        r#"objects_requests_total{op="get",outcome="throttled"}"#,
        r#"objects_requests_total{op="get",outcome="not_asked"}"#,
        r#"objects_bytes_total{way="sent"}"#,
        r#"objects_bytes_total{way="received"}"#,
        "objects_puts_total ",
        "objects_circuit_open 0",
    ] {
        assert!(figures.contains(wanted), "{wanted} is not in {figures}");
    }
}

async fn objects_are_written_once_and_read_by_range(weed: &Weed) {
    let objects = open(weed.options());
    objects.reach().await.unwrap();
    let content = bytes(1_000_000, 1);
    objects.put("packs/ten_1/a.pack", content.clone()).await.unwrap();
    for range in [0..1, 0..1_000_000, 999_999..1_000_000, 5..5_000, 500_000..500_001] {
        let (from, to) = (range.start as usize, range.end as usize);
        assert_eq!(objects.get("packs/ten_1/a.pack", range).await.unwrap(), content.slice(from..to), "{from}..{to}");
    }
    for range in [0..1_000_001, 999_999..1_000_001, 1_000_000..1_000_001, 5_000_000..5_000_100] {
        let read = objects.get("packs/ten_1/a.pack", range.clone()).await;
        assert!(matches!(read, Err(ObjectsError::Short(_))), "{range:?}: {read:?}");
    }
    assert_eq!(objects.get("packs/ten_1/a.pack", 7..7).await.unwrap(), Bytes::new());
    assert!(matches!(objects.get("packs/ten_1/a.pack", 2_000_000..2_000_000).await, Err(ObjectsError::Short(_))));
    assert!(matches!(objects.get("packs/ten_1/b.pack", 0..1).await, Err(ObjectsError::Missing(_))));
    assert!(matches!(objects.get("packs/ten_1/b.pack", 0..0).await, Err(ObjectsError::Missing(_))));
    objects.put("packs/ten_1/a.pack", content.clone()).await.expect("the same bytes again are written already");
    let other = objects.put("packs/ten_1/a.pack", bytes(1_000_000, 2)).await;
    assert!(
        matches!(&other, Err(ObjectsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists),
        "{other:?}"
    );
    assert_eq!(objects.get("packs/ten_1/a.pack", 0..1_000_000).await.unwrap(), content, "and nothing changed");
    let unconditional = open(S3Options { is_conditional: false, ..weed.options() });
    unconditional.put("packs/ten_1/a.pack", content.clone()).await.expect("a server that knows no conditions");
    objects.put("packs/ten_1/empty.pack", Bytes::new()).await.unwrap();
    assert_eq!(objects.get("packs/ten_1/empty.pack", 0..0).await.unwrap(), Bytes::new());
    assert!(matches!(objects.get("packs/ten_1/empty.pack", 0..1).await, Err(ObjectsError::Short(_))));
    for name in ["packs/ten_1/a.pack", "packs/ten_1/empty.pack", "packs/ten_1/a.pack", "packs/never"] {
        objects.delete(name).await.unwrap();
    }
    assert!(matches!(objects.get("packs/ten_1/a.pack", 0..1).await, Err(ObjectsError::Missing(_))));
    let counts = objects.counts();
    assert_eq!((counts.puts, counts.retries), (4, 0));
    assert_eq!(counts.bytes_sent, 3_000_000);
}

async fn names_and_deployments_are_apart(weed: &Weed) {
    let (one, two) = (open(weed.options()), open(S3Options { prefix: "deployment-2".to_owned(), ..weed.options() }));
    for name in ["../x", "", "a//b", "A", "a b", "a/", "/a", ".hidden"] {
        assert!(matches!(one.put(name, Bytes::new()).await, Err(ObjectsError::BadName(_))), "{name}");
        assert!(matches!(one.get(name, 0..1).await, Err(ObjectsError::BadName(_))), "{name}");
        assert!(matches!(one.delete(name).await, Err(ObjectsError::BadName(_))), "{name}");
    }
    one.put("packs/n/a", Bytes::from_static(b"one")).await.unwrap();
    two.put("packs/n/a", Bytes::from_static(b"two two")).await.unwrap();
    one.put("packs/n-b/a", Bytes::from_static(b"beside")).await.unwrap();
    // Somebody else's key under the prefix is no object.
    let stranger = weed.client().put_object().bucket(BUCKET).key("deployment-1/packs/n/Not Ours");
    stranger.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let listed = one.list("packs/n/").await.unwrap();
    let [only] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((only.name.as_str(), only.bytes), ("packs/n/a", 3));
    assert!(SystemClock.now().since(only.modified) < Duration::from_secs(120), "{:?}", only.modified);
    assert_eq!(two.list("packs/n/").await.unwrap()[0].bytes, 7);
    assert!(one.list("packs/none/").await.unwrap().is_empty());
    assert!(matches!(one.list("../").await, Err(ObjectsError::BadName(_))));
    two.delete("packs/n/a").await.unwrap();
    assert_eq!(one.get("packs/n/a", 0..3).await.unwrap(), "one");
    assert!(S3Objects::new(S3Options { prefix: "/bad".to_owned(), ..weed.options() }).is_err());
    assert!(S3Objects::new(S3Options { bucket: String::new(), ..weed.options() }).is_err());
}

async fn large_objects_go_in_parts(weed: &Weed) {
    let objects = open(weed.options());
    let length = S3_PUT_BYTES_MAX + 1;
    let content = bytes(length, 3);
    objects.put("packs/large.pack", content.clone()).await.unwrap();
    assert_eq!(objects.counts().puts, 5, "begin, three parts, end");
    let seam = S3_PART_BYTES;
    let read = objects.get("packs/large.pack", seam as u64 - 1_000..seam as u64 + 1_000).await.unwrap();
    assert_eq!(read, content.slice(seam - 1_000..seam + 1_000));
    assert_eq!(objects.get("packs/large.pack", 0..length as u64).await.unwrap(), content);
    objects.put("packs/large.pack", content.clone()).await.expect("the same bytes again are written already");
    assert!(objects.put("packs/large.pack", bytes(length, 4)).await.is_err(), "other bytes are refused");
    assert_eq!(objects.get("packs/large.pack", 0..length as u64).await.unwrap(), content);
    assert_eq!(uploads(weed).await, 0, "refused ones are given up");
}

async fn uploads(weed: &Weed) -> usize {
    let listed = weed.client().list_multipart_uploads().bucket(BUCKET).prefix("deployment-1/").send().await.unwrap();
    listed.uploads().len()
}

async fn unfinished_uploads_are_swept(weed: &Weed) {
    let (client, objects) = (weed.client(), open(weed.options()));
    for key in ["deployment-1/packs/u1", "deployment-1/packs/u2", "deployment-2/packs/u3"] {
        client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let (now, hour) = (SystemClock.now(), Duration::from_secs(3_600));
    assert_eq!(objects.sweep_unfinished(now, hour).await.unwrap(), 0, "they may be under way");
    assert_eq!(uploads(weed).await, 2);
    assert_eq!(objects.sweep_unfinished(now.plus(hour * 2), hour).await.unwrap(), 2);
    assert_eq!(uploads(weed).await, 0);
    assert_eq!(objects.sweep_unfinished(now.plus(hour * 2), hour).await.unwrap(), 0);
    let other = client.list_multipart_uploads().bucket(BUCKET).prefix("deployment-2/").send().await.unwrap();
    assert_eq!(other.uploads().len(), 1, "those of another deployment stay");
}

async fn listings_go_over_pages(weed: &Weed) {
    let objects = std::sync::Arc::new(open(weed.options()));
    let mut writers = tokio::task::JoinSet::new();
    for first in 0..8 {
        let objects = objects.clone();
        writers.spawn(async move {
            for n in (first..1_100).step_by(8) {
                objects.put(&format!("many/{:02}/{n}", n % 7), Bytes::from_static(b"x")).await.unwrap();
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let mut names: Vec<String> = objects.list("many/").await.unwrap().into_iter().map(|info| info.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 1_100);
    assert_eq!(objects.list("many/03/").await.unwrap().len(), 157);
}

async fn checksums_and_encryption(weed: &Weed) {
    for (n, checksum) in [Checksum::Crc32c, Checksum::Sha256, Checksum::Md5].into_iter().enumerate() {
        let objects = open(S3Options { checksum, ..weed.options() });
        for length in [100_000, S3_PUT_BYTES_MAX + 1] {
            let (name, content) = (format!("sums/{n}-{length}"), bytes(length, 5));
            objects.put(&name, content.clone()).await.unwrap();
            assert_eq!(objects.get(&name, 0..length as u64).await.unwrap(), content, "{checksum:?}");
            objects.delete(&name).await.unwrap();
        }
    }
    let objects = open(S3Options { encryption: Encryption::Aes256, ..weed.options() });
    objects.put("sums/sealed", Bytes::from_static(b"sealed")).await.unwrap();
    assert_eq!(objects.get("sums/sealed", 0..6).await.unwrap(), "sealed");
    let head = weed.client().head_object().bucket(BUCKET).key("deployment-1/sums/sealed").send().await.unwrap();
    assert_eq!(head.server_side_encryption().map(|method| method.as_str()), Some("AES256"));
}

/// The server of the test has no key management, so what is asked of one is looked at on the wire.
#[tokio::test]
async fn encryption_by_a_key_management_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = S3Options::new("us-east-1", BUCKET, Keys::new("AKTEST", "SKTESTSECRET"));
    let objects = open(S3Options {
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        path_style: true,
        encryption: Encryption::Kms { key_id: "key-1".to_owned() },
        ..options
    });
    let server = async {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(client.read_buf(&mut head).await.unwrap() > 0);
        }
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&head).to_lowercase()
    };
    let (written, head) = tokio::join!(objects.put("packs/a", Bytes::from_static(b"x")), server);
    written.unwrap();
    assert!(head.starts_with("put /packs/packs/a"), "without a prefix: {head}");
    for wanted in [
        "x-amz-server-side-encryption: aws:kms\r\n",
        "x-amz-server-side-encryption-aws-kms-key-id: key-1\r\n",
        "if-none-match: *\r\n",
        "x-amz-checksum-crc32c: ",
    ] {
        assert!(head.contains(wanted), "{wanted} is not in {head}");
    }
    assert!(!head.contains("sktestsecret"));
}

async fn wrong_keys_and_buckets_are_refused(weed: &Weed) {
    for options in [
        S3Options { credentials: Keys::new("AKTEST", "another-secret").into(), ..weed.options() },
        S3Options { credentials: Keys::new("AKNOBODY", "SKTESTSECRET").into(), ..weed.options() },
    ] {
        assert!(!format!("{options:?}").contains("secret"));
        let objects = open(options);
        let began = Instant::now();
        for outcome in [
            objects.reach().await,
            objects.put("packs/x", Bytes::from_static(b"x")).await,
            objects.get("packs/x", 0..1).await.map(|_| ()),
        ] {
            assert!(matches!(outcome, Err(ObjectsError::Io { .. })), "{:?}: {outcome:?}", objects.counts());
        }
        assert_eq!(objects.counts().retries, 0, "asking again changes nothing");
        assert!(objects.health().is_ok(), "the server is there");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    let objects = open(S3Options { bucket: "no-such-bucket".to_owned(), ..weed.options() });
    let reached = objects.reach().await.unwrap_err();
    assert!(matches!(reached, ObjectsError::Io { .. }) && reached.to_string().contains("NoSuchBucket"), "{reached}");
    let read = objects.get("packs/x", 0..1).await.unwrap_err();
    assert!(matches!(read, ObjectsError::Io { .. }), "an object in no bucket is not a missing one: {read}");
    let written = objects.put("packs/x", Bytes::from_static(b"x")).await.unwrap_err();
    assert!(matches!(written, ObjectsError::Io { .. }), "{written}");
}

async fn answers_that_are_lost_or_cut(weed: &Weed) {
    let proxy = Proxy::start(weed.address()).await;
    let objects = open(weed.options_at(proxy.address));
    let content = bytes(3_000_000, 6);
    objects.put("cut/a", content.clone()).await.unwrap();
    proxy.set(Mode::Cut(1_000_000));
    let read = objects.get("cut/a", 0..3_000_000).await;
    assert!(matches!(read, Err(ObjectsError::Io { .. })), "never less than was asked for: {read:?}");
    assert!(objects.counts().retries >= 1);
    // It heals while the client repeats.
    let healing = async {
        let seen = proxy.connections();
        while proxy.connections() < seen + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.set(Mode::Pass);
    };
    let (read, ()) = tokio::join!(objects.get("cut/a", 0..3_000_000), healing);
    assert_eq!(read.unwrap(), content);
    // The object is written, the answer never comes: the repetition finds its own bytes.
    proxy.set(Mode::Swallow);
    let healing = async {
        while weed.client().head_object().bucket(BUCKET).key("deployment-1/cut/b").send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.set(Mode::Pass);
    };
    let (written, ()) = tokio::join!(objects.put("cut/b", content.clone()), healing);
    written.unwrap();
    assert_eq!(objects.get("cut/b", 0..3_000_000).await.unwrap(), content);
}

async fn a_server_that_is_busy(weed: &Weed) {
    let proxy = Proxy::start(weed.address()).await;
    let objects = open(weed.options_at(proxy.address));
    objects.put("busy/a", Bytes::from_static(b"0123456789")).await.unwrap();
    proxy.set(Mode::Busy);
    let began = Instant::now();
    let mut asked = 0;
    while objects.health().is_ok() {
        assert!(objects.get("busy/a", 0..1).await.is_err());
        asked += 1;
        assert!(asked < 20, "the circuit does not open");
    }
    assert!(objects.counts().retries >= 4);
    assert!(began.elapsed() < Duration::from_secs(20));
    // Now nobody waits, and the server is left alone.
    let (seen, began) = (proxy.connections(), Instant::now());
    for _ in 0..50 {
        let read = objects.get("busy/a", 0..1).await.unwrap_err();
        assert!(read.to_string().contains("away"), "{read}");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(proxy.connections() <= seen + 5);
    proxy.set(Mode::Pass);
    let read = until_it_reads(&objects, "busy/a").await;
    assert_eq!(read, "0123456789");
    assert!(objects.health().is_ok());
    an_upload_that_fails_is_given_up(weed, &proxy, &objects).await;
}

async fn an_upload_that_fails_is_given_up(weed: &Weed, proxy: &Proxy, objects: &S3Objects) {
    let failing = async {
        let began = Instant::now();
        while uploads(weed).await == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "no upload begins");
        }
        proxy.set(Mode::Busy);
    };
    let (written, ()) = tokio::join!(objects.put("busy/large", bytes(60 << 20, 7)), failing);
    assert!(written.is_err(), "not all of it arrived");
    assert!(matches!(open(weed.options()).get("busy/large", 0..1).await, Err(ObjectsError::Missing(_))));
    proxy.set(Mode::Pass);
    assert_eq!(uploads(weed).await, 1, "nobody could be told to give it up");
    assert_eq!(open(weed.options()).sweep_unfinished(Timestamp(i64::MAX), Duration::ZERO).await.unwrap(), 1);
    assert_eq!(uploads(weed).await, 0);
    // A part is refused while the rest of the server answers.
    let refused = S3Options { attempt_max: Duration::from_millis(1), ..weed.options() };
    assert!(open(refused).put("busy/larger", bytes(60 << 20, 7)).await.is_err());
}

async fn until_it_reads(objects: &S3Objects, name: &str) -> Bytes {
    let began = Instant::now();
    loop {
        match objects.get(name, 0..10).await {
            Ok(read) => return read,
            Err(why) => assert!(began.elapsed() < Duration::from_secs(60), "{why}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_server_that_is_silent(weed: &Weed) {
    let proxy = Proxy::start(weed.address()).await;
    let (attempt_max, request_max) = (Duration::from_millis(200), Duration::from_millis(700));
    let objects = open(S3Options { attempt_max, request_max, ..weed.options_at(proxy.address) });
    objects.put("silent/a", Bytes::from_static(b"0123456789")).await.unwrap();
    proxy.set(Mode::Silent);
    let began = Instant::now();
    let read = objects.get("silent/a", 0..1).await.unwrap_err();
    assert!(
        matches!(&read, ObjectsError::Io { source, .. } if source.kind() == std::io::ErrorKind::TimedOut),
        "{read}"
    );
    assert!(read.to_string().contains("_MS_MAX"), "{read}");
    assert!((attempt_max..Duration::from_secs(3)).contains(&began.elapsed()), "{:?}", began.elapsed());
    proxy.set(Mode::Closed);
    assert!(objects.get("silent/a", 0..1).await.is_err());
    proxy.set(Mode::Pass);
    assert_eq!(until_it_reads(&objects, "silent/a").await, "0123456789");
}

async fn a_server_that_goes_and_comes_back(weed: &mut Weed) {
    let objects = open(weed.options());
    let content = bytes(100_000, 8);
    objects.put("gone/0123456789", content.clone()).await.unwrap();
    weed.stop();
    let began = Instant::now();
    for _ in 0..S3_CIRCUIT_FAILURES_MAX {
        assert!(objects.get("gone/0123456789", 0..1).await.is_err());
    }
    assert!(objects.put("gone/b", content.clone()).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(objects.health().unwrap_err().contains("away"));
    weed.again().await;
    assert_eq!(until_it_reads(&objects, "gone/0123456789").await, content.slice(0..10));
    assert!(objects.health().is_ok());
    assert_eq!(objects.get("gone/0123456789", 0..100_000).await.unwrap(), content);
}
