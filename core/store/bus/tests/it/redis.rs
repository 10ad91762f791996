//! SUMMARY    The bus over a real redis-server.

use crate::{
    bus,
    server::{Program, Server, certificate, free_port},
};
use std::sync::Arc;
use store::bus::Bus;
use store_bus::{RedisBus, RedisOptions};

const REDIS: Program = Program {
    name: "redis-server",
    variable: "POSTHOUSE_REDIS_SERVER",
    install: "apt-get install --no-install-recommends redis-server",
    down: &[],
};

pub async fn start(more: &[&str]) -> Server {
    let more: Vec<String> = more.iter().map(|&arg| arg.to_owned()).collect();
    let args = |port: u16, folder: &std::path::Path| {
        let (port, folder) = (port.to_string(), folder.to_str().unwrap().to_owned());
        let own = ["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--save", "", "--appendonly", "no"];
        own.map(str::to_owned).into_iter().chain(more.clone()).collect()
    };
    Server::start(&REDIS, args).await
}

pub fn options(server: &Server) -> RedisOptions {
    RedisOptions::new(format!("redis://{}/0", server.address()), "posthouse-test")
}

fn node(options: &RedisOptions) -> Arc<dyn Bus> {
    Arc::new(RedisBus::start(options).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_and_survives_a_restart() {
    let mut server = start(&[]).await;
    let options = options(&server);
    let make = || node(&options);
    store::conformance::bus(make).await.unwrap();
    bus::publisher_overflows(make).await;
    bus::server_goes_and_comes_back(&mut server, make).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_noticed() {
    let server = start(&[]).await;
    let (here, there) = (node(&options(&server)), node(&options(&server)));
    let mut by = there.subscribe(b"t");
    bus::heard(&*here, b"t", b"before", &mut *by).await;
    server.signal("STOP");
    bus::until_healthy(&*here, false).await;
    bus::until_healthy(&*there, false).await;
    bus::drain(&mut *by).await;
    server.signal("CONT");
    bus::until(&mut *by, &store::bus::Hint::Lost).await;
    bus::heard(&*here, b"t", b"after", &mut *by).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_and_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let (cert, key, tls_port) = (cert.to_str().unwrap(), key.to_str().unwrap(), free_port().to_string());
    let tls = ["--tls-port", &tls_port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
    let more = ["--tls-auth-clients", "no", "--requirepass", "secret"];
    let server = start(&[tls.as_slice(), more.as_slice()].concat()).await;
    let url = |password: &str| format!("rediss://:{password}@127.0.0.1:{tls_port}/0");
    let trusting = RedisOptions { ca_pem: Some(std::fs::read(cert).unwrap()), ..RedisOptions::new(url("secret"), "p") };
    let (one, two) = (node(&trusting), node(&trusting));
    let mut by = two.subscribe(b"t");
    bus::heard(&*one, b"t", b"m", &mut *by).await;
    let doubting = node(&RedisOptions::new(url("secret"), "p"));
    let wrong = node(&RedisOptions { url: url("wrong-word"), ..trusting.clone() });
    let nobody = node(&options(&server));
    bus::drain(&mut *by).await;
    for stranger in [doubting, wrong, nobody] {
        let why = stranger.health().await.unwrap_err();
        assert!(!why.contains("wrong-word") && !why.contains("not connected yet"), "{why}");
    }
    assert!(!format!("{trusting:?}").contains("secret"));
    assert!(RedisBus::start(&RedisOptions::new("redis://127.0.0.1", "a{b}")).is_err());
    assert!(RedisBus::start(&RedisOptions::new("http://127.0.0.1", "p")).is_err());
}
