//! SUMMARY    The bus over Kafka: all hints in one partition of one topic, each node reading from the end.
//! STANDARDS  https://kafka.apache.org/protocol
//! SECURITY   Without TLS, which the client library has with `ring` only: for networks that are private otherwise. SASL says who.
//! LIMITS     KAFKA_FETCH_MS_MAX, KAFKA_FETCH_BYTES_MAX, BUS_ANSWER_MS_MAX
//! INVARIANTS Every node reads every hint and keeps no offset: it begins at the end, and what came before is covered by `Lost`. So the
//!            topic may forget after minutes.

use crate::{
    limits::{BUS_ANSWER_MS_MAX, KAFKA_FETCH_BYTES_MAX, KAFKA_FETCH_MS_MAX},
    remote::{Connect, Heard, Link, Outgoing, Remote, Topic},
};
use base::Clock;
use bytes::Bytes;
use chrono::DateTime;
use rskafka::{
    BackoffConfig,
    client::{
        ClientBuilder, Credentials, SaslConfig,
        partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling},
    },
    record::Record,
};
use std::{collections::BTreeMap, fmt, future::ready, sync::Arc, time::Duration};
use store::{
    bus::{Bus, Subscription},
    kv::BoxFuture,
};
use tokio::task::JoinHandle;

/// Who this node says it is.
#[derive(Clone)]
pub enum KafkaLogin {
    Nobody,
    /// SASL PLAIN: the password goes over the wire.
    Plain {
        user: String,
        password: String,
    },
    /// SASL SCRAM-SHA-512.
    Scram {
        user: String,
        password: String,
    },
}

impl fmt::Debug for KafkaLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KafkaLogin::Nobody => "Nobody",
            KafkaLogin::Plain { .. } => "Plain",
            KafkaLogin::Scram { .. } => "Scram",
        })
    }
}

#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// As `host:9092`.
    pub brokers: Vec<String>,
    /// One deployment, one topic. It has to exist, with one partition, unless `creates` says otherwise.
    pub topic: String,
    /// Makes the topic if it is not there: with that many copies.
    pub creates: Option<i16>,
    pub login: KafkaLogin,
}

impl KafkaOptions {
    pub fn new(brokers: impl IntoIterator<Item = String>, topic: impl Into<String>) -> Self {
        KafkaOptions {
            brokers: brokers.into_iter().collect(),
            topic: topic.into(),
            creates: None,
            login: KafkaLogin::Nobody,
        }
    }
}

/// The bus over Kafka.
pub struct KafkaBus {
    remote: Remote,
}

impl KafkaBus {
    /// Begins to connect and goes on until it succeeds, or again; needs a tokio runtime. Fails on options that can never work.
    pub fn start(options: KafkaOptions, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if options.topic.is_empty() || options.topic.len() > 249 || !options.topic.bytes().all(is_name) {
            return Err(format!("{:?} is no name of a Kafka topic", options.topic));
        }
        if options.brokers.is_empty() {
            return Err("no Kafka broker is named".to_owned());
        }
        Ok(KafkaBus { remote: Remote::start(Kafka { options, clock }) })
    }
}

impl Bus for KafkaBus {
    fn publish(&self, topic: &[u8], message: Bytes) {
        self.remote.publish(topic, message);
    }
    fn subscribe(&self, topic: &[u8]) -> Box<dyn Subscription> {
        self.remote.subscribe(topic)
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(ready(self.remote.health()))
    }
    fn name(&self) -> &'static str {
        Kafka::NAME
    }
}

struct Kafka {
    options: KafkaOptions,
    clock: Arc<dyn Clock>,
}

fn said(why: rskafka::client::error::Error) -> String {
    why.to_string()
}

impl Kafka {
    async fn partition(&self) -> Result<PartitionClient, String> {
        let sasl = |user: &String, password: &String| Credentials::new(user.clone(), password.clone());
        let backoff = BackoffConfig {
            // The connection is given up and made again: that is where the waits are.
            deadline: Some(Duration::from_millis(BUS_ANSWER_MS_MAX)),
            ..BackoffConfig::default()
        };
        let builder = ClientBuilder::new(self.options.brokers.clone()).client_id("posthouse").backoff_config(backoff);
        let builder = match &self.options.login {
            KafkaLogin::Nobody => builder,
            KafkaLogin::Plain { user, password } => builder.sasl_config(SaslConfig::Plain(sasl(user, password))),
            KafkaLogin::Scram { user, password } => builder.sasl_config(SaslConfig::ScramSha512(sasl(user, password))),
        };
        let client = builder.build().await.map_err(|why| why.to_string())?;
        let topics = client.list_topics().await.map_err(|why| why.to_string())?;
        let is_there = topics.iter().any(|topic| topic.name == self.options.topic);
        if let (false, Some(copies)) = (is_there, self.options.creates) {
            let controller = client.controller_client().map_err(said)?;
            let timeout_ms = i32::try_from(BUS_ANSWER_MS_MAX).unwrap_or(i32::MAX);
            // Another node may be faster.
            if let Err(why) = controller.create_topic(&self.options.topic, 1, copies, timeout_ms).await {
                tracing::debug!(%why, "the topic of hints was not made");
            }
        }
        client.partition_client(&self.options.topic, 0, UnknownTopicHandling::Error).await.map_err(said)
    }
}

impl Connect for Kafka {
    type Link = KafkaLink;
    const NAME: &'static str = "kafka";

    async fn connect(&self, heard: Heard) -> Result<KafkaLink, String> {
        let partition = Arc::new(self.partition().await?);
        let end = partition.get_offset(OffsetAt::Latest).await.map_err(said)?;
        let listener = tokio::spawn(listen(partition.clone(), end, heard));
        Ok(KafkaLink { partition, clock: self.clock.clone(), listener })
    }
}

async fn listen(partition: Arc<PartitionClient>, mut offset: i64, heard: Heard) {
    loop {
        match partition.fetch_records(offset, 1..KAFKA_FETCH_BYTES_MAX, KAFKA_FETCH_MS_MAX).await {
            Ok((records, _)) => {
                for record in records {
                    offset = record.offset.saturating_add(1);
                    if let Some(value) = record.record.value {
                        heard.frame(Bytes::from(value));
                    }
                }
            }
            // Also when the topic forgot faster than was read.
            Err(why) => return heard.closed(why.to_string()),
        }
    }
}

struct KafkaLink {
    partition: Arc<PartitionClient>,
    clock: Arc<dyn Clock>,
    listener: JoinHandle<()>,
}

impl Drop for KafkaLink {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Link for KafkaLink {
    /// Everything is heard.
    async fn watch(&mut self, _: &[Topic]) -> Result<(), String> {
        Ok(())
    }

    async fn unwatch(&mut self, _: &[Topic]) -> Result<(), String> {
        Ok(())
    }

    async fn send(&mut self, frames: &[Outgoing]) -> Result<(), String> {
        let timestamp = DateTime::from_timestamp_millis(self.clock.now().0).unwrap_or_default();
        let record = |frame: &Bytes| {
            let headers = BTreeMap::new();
            Record { key: None, value: Some(frame.to_vec()), headers, timestamp }
        };
        let records = frames.iter().map(|(_, frame)| record(frame)).collect();
        self.partition.produce(records, Compression::NoCompression).await.map_err(said)?;
        Ok(())
    }

    async fn check(&mut self) -> Result<(), String> {
        self.partition.get_offset(OffsetAt::Latest).await.map_err(said)?;
        Ok(())
    }
}
