//! SUMMARY    The bus over Redis publish and subscribe.
//! STANDARDS  https://redis.io/docs/latest/develop/pubsub/
//! LIMITS     BUS_SEND_BATCH_MAX
//! INVARIANTS Two connections, which live and end together: one hears, one tells.

use super::{RedisOptions, connection_config};
use crate::{
    frame::address,
    remote::{Connect, Heard, Link, Outgoing, Remote, Topic},
};
use ::redis::{
    Client, RedisError,
    aio::{MultiplexedConnection, PubSubSink},
    cmd, pipe,
};
use bytes::Bytes;
use futures_util::StreamExt;
use std::future::ready;
use store::{
    bus::{Bus, Subscription},
    kv::BoxFuture,
};
use tokio::task::JoinHandle;

/// The bus over Redis.
pub struct RedisBus {
    remote: Remote,
}

impl RedisBus {
    /// Begins to connect and goes on until it succeeds, or again; needs a tokio runtime. Fails on options that can never work.
    pub fn start(options: &RedisOptions) -> Result<Self, String> {
        let redis = Redis { client: options.client()?, prefix: options.prefix.clone() };
        Ok(RedisBus { remote: Remote::start(redis) })
    }
}

impl Bus for RedisBus {
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
        Redis::NAME
    }
}

struct Redis {
    client: Client,
    prefix: String,
}

fn said(why: RedisError) -> String {
    why.to_string()
}

impl Connect for Redis {
    type Link = RedisLink;
    const NAME: &'static str = "redis";

    async fn connect(&self, heard: Heard) -> Result<RedisLink, String> {
        let tells =
            self.client.get_multiplexed_async_connection_with_config(&connection_config()).await.map_err(said)?;
        let (hears, mut messages) = self.client.get_async_pubsub().await.map_err(said)?.split();
        let listener = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                heard.frame(Bytes::copy_from_slice(message.get_payload_bytes()));
            }
            heard.closed("the connection ended");
        });
        let mut link = RedisLink { hears, tells, prefix: self.prefix.clone(), listener };
        link.check().await?;
        Ok(link)
    }
}

struct RedisLink {
    hears: PubSubSink,
    tells: MultiplexedConnection,
    prefix: String,
    listener: JoinHandle<()>,
}

impl Drop for RedisLink {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl RedisLink {
    fn channels(&self, topics: &[Topic]) -> Vec<String> {
        topics.iter().map(|topic| address(&self.prefix, topic)).collect()
    }
}

impl Link for RedisLink {
    async fn watch(&mut self, topics: &[Topic]) -> Result<(), String> {
        self.hears.subscribe(self.channels(topics)).await.map_err(said)
    }

    async fn unwatch(&mut self, topics: &[Topic]) -> Result<(), String> {
        self.hears.unsubscribe(self.channels(topics)).await.map_err(said)
    }

    async fn send(&mut self, frames: &[Outgoing]) -> Result<(), String> {
        let mut all = pipe();
        for (topic, frame) in frames {
            all.cmd("PUBLISH").arg(address(&self.prefix, topic)).arg(&frame[..]).ignore();
        }
        all.query_async::<()>(&mut self.tells).await.map_err(said)
    }

    async fn check(&mut self) -> Result<(), String> {
        cmd("PING").query_async::<String>(&mut self.tells).await.map_err(said)?;
        self.hears.ping::<::redis::Value>().await.map_err(said)?;
        Ok(())
    }
}
