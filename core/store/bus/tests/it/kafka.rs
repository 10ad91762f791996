//! SUMMARY    The bus over a server that speaks Kafka's protocol.

use crate::{
    bus,
    server::{Program, Server},
};
use base::SystemClock;
use std::sync::Arc;
use store::bus::Bus;
use store_bus::{KafkaBus, KafkaOptions};

const KAFKA: Program = Program {
    name: "noida-db",
    variable: "POSTHOUSE_NOIDA_DB",
    install: "pip install noida-db==0.2.3",
    down: &["down", "--data-dir"],
};

async fn start() -> Server {
    let args = |port: u16, folder: &std::path::Path| {
        let (port, folder) = (port.to_string(), folder.to_str().unwrap().to_owned());
        let args = ["start", "--data-dir", &folder, "--host", "127.0.0.1", "--only", "kafka", "--kafka-port", &port];
        args.map(str::to_owned).to_vec()
    };
    Server::start(&KAFKA, args).await
}

fn node(options: &KafkaOptions) -> Arc<dyn Bus> {
    Arc::new(KafkaBus::start(options.clone(), Arc::new(SystemClock)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_and_survives_a_restart() {
    let mut server = start().await;
    let options = KafkaOptions::new([server.address().to_string()], "posthouse-hints");
    let options = KafkaOptions { creates: Some(1), ..options };
    store::conformance::bus(|| node(&options)).await.unwrap();
    bus::publisher_overflows(|| node(&options)).await;
    bus::server_goes_and_comes_back(&mut server, || node(&options)).await;
}

#[tokio::test]
async fn options_that_can_never_work_are_refused() {
    let start = |brokers: &[&str], topic: &str| {
        let options = KafkaOptions::new(brokers.iter().map(|&broker| broker.to_owned()), topic);
        KafkaBus::start(options, Arc::new(SystemClock)).err().unwrap()
    };
    assert!(start(&[], "t").contains("no Kafka broker"));
    assert!(start(&["127.0.0.1:1"], "a topic").contains("topic"));
    assert!(start(&["127.0.0.1:1"], "").contains("topic"));
}
