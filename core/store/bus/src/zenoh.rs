//! SUMMARY    The bus over Zenoh: nodes connect to each other, and no server stands in between.
//! STANDARDS  https://zenoh.io/docs/getting-started/deployment (peer to peer, mesh)
//! SECURITY   Without TLS, which the library has with `ring` only, and without login: for networks that are private otherwise. Nothing is
//!            searched by multicast.
//! LIMITS     BUS_ANSWER_MS_MAX
//! INVARIANTS Every node hears every hint. Nodes see each other come and go by tokens of liveliness: whenever one does, both sides say
//!            `Lost`. A node that sees nobody is healthy: it may be the only one. Needs a tokio runtime of several threads.

use crate::remote::{Connect, Heard, Link, Outgoing, Remote, Topic};
use ::zenoh::{Config, Session, liveliness::LivelinessToken, pubsub::Subscriber, qos::CongestionControl};
use base::{Rng, SystemRng};
use bytes::Bytes;
use std::future::ready;
use store::{
    bus::{Bus, Subscription},
    kv::BoxFuture,
};

#[derive(Debug, Clone)]
pub struct ZenohOptions {
    /// Where this node is reached, as `tcp/10.0.0.1:7447`.
    pub listen: Vec<String>,
    /// Where others are; those that they know are found through them.
    pub connect: Vec<String>,
    /// First part of every key: one deployment, one prefix. Letters, digits, `-` and `_`.
    pub prefix: String,
}

/// The bus over Zenoh.
pub struct ZenohBus {
    remote: Remote,
}

impl ZenohBus {
    /// Begins to listen and to connect and goes on with it; needs a tokio runtime. Fails on options that can never work.
    pub fn start(options: ZenohOptions) -> Result<Self, String> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if options.prefix.is_empty() || !options.prefix.bytes().all(is_word) {
            return Err(format!("{:?} is no prefix of Zenoh keys", options.prefix));
        }
        if options.listen.is_empty() && options.connect.is_empty() {
            return Err("no Zenoh endpoint is named".to_owned());
        }
        config(&options)?;
        Ok(ZenohBus { remote: Remote::start(Zenoh { options }) })
    }
}

impl Bus for ZenohBus {
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
        Zenoh::NAME
    }
}

fn said(why: ::zenoh::Error) -> String {
    why.to_string()
}

/// A list of endpoints as JSON. They hold no quotes, or they are none.
fn list(endpoints: &[String]) -> Result<String, String> {
    let quoted = |endpoint: &String| {
        let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if is_plain { Ok(format!("\"{endpoint}\"")) } else { Err(format!("{endpoint:?} is no Zenoh endpoint")) }
    };
    Ok(format!("[{}]", endpoints.iter().map(quoted).collect::<Result<Vec<_>, _>>()?.join(",")))
}

fn config(options: &ZenohOptions) -> Result<Config, String> {
    let mut config = Config::default();
    for (key, value) in [
        ("mode", "\"peer\""),
        ("scouting/multicast/enabled", "false"),
        ("scouting/gossip/enabled", "true"),
        ("listen/endpoints", &list(&options.listen)?),
        ("connect/endpoints", &list(&options.connect)?),
        // Others may come later.
        ("connect/exit_on_failure", "false"),
        ("connect/timeout_ms", "-1"),
    ] {
        config.insert_json5(key, value).map_err(|why| format!("Zenoh {key}: {why}"))?;
    }
    Ok(config)
}

struct Zenoh {
    options: ZenohOptions,
}

impl Connect for Zenoh {
    type Link = ZenohLink;
    const NAME: &'static str = "zenoh";

    async fn connect(&self, heard: Heard) -> Result<ZenohLink, String> {
        let session = ::zenoh::open(config(&self.options)?).await.map_err(said)?;
        let hints = format!("{}/hints", self.options.prefix);
        let hear = {
            let heard = heard.clone();
            move |sample: ::zenoh::sample::Sample| heard.frame(Bytes::from(sample.payload().to_bytes().into_owned()))
        };
        let hears = session.declare_subscriber(hints.clone()).callback(hear).await.map_err(said)?;
        // In this order: who sees the token knows of the subscription.
        let own = format!("{}/nodes/{:016x}", self.options.prefix, SystemRng::default().next_u64());
        let nodes = format!("{}/nodes/*", self.options.prefix);
        let sees = session.liveliness().declare_subscriber(nodes).history(true);
        let (met, other_than) = (heard, own.clone());
        let see = move |sample: ::zenoh::sample::Sample| {
            if sample.key_expr().as_str() != other_than {
                met.met();
            }
        };
        let sees = sees.callback(see).await.map_err(said)?;
        let token = session.liveliness().declare_token(own).await.map_err(said)?;
        Ok(ZenohLink { session, hints, _hears: hears, _sees: sees, _token: token })
    }
}

struct ZenohLink {
    session: Session,
    hints: String,
    _hears: Subscriber<()>,
    _sees: Subscriber<()>,
    _token: LivelinessToken,
}

impl Link for ZenohLink {
    /// Everything is heard.
    async fn watch(&mut self, _: &[Topic]) -> Result<(), String> {
        Ok(())
    }

    async fn unwatch(&mut self, _: &[Topic]) -> Result<(), String> {
        Ok(())
    }

    async fn send(&mut self, frames: &[Outgoing]) -> Result<(), String> {
        for (_, frame) in frames {
            // A node that does not take it is disconnected, which it notices, rather than left out, which it would not.
            let put = self.session.put(&self.hints, frame.to_vec()).congestion_control(CongestionControl::Block);
            put.await.map_err(said)?;
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<(), String> {
        if self.session.is_closed() { Err("the session is closed".to_owned()) } else { Ok(()) }
    }
}
