//! SUMMARY    The bus over NATS: core publish and subscribe, no JetStream, as hints may be lost.
//! STANDARDS  NATS client protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
//! SECURITY   Subjects are a prefix and hexadecimal digits. TLS is rustls with aws-lc-rs; certificates are always checked.
//! LIMITS     BUS_CONNECT_MS_MAX, BUS_CHECK_MS, BUS_SUBSCRIPTION_PENDING_MAX
//! INVARIANTS One connection at a time. The client library does not come back by itself: `remote` makes a new client, so that no
//!            gap passes unnoticed.

use crate::{
    frame::address,
    limits::{BUS_CHECK_MS, BUS_CONNECT_MS_MAX, BUS_SUBSCRIPTION_PENDING_MAX},
    remote::{Connect, Heard, Link, Outgoing, Remote, Topic},
};
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use base::{Rng, SystemRng};
use bytes::Bytes;
use futures_util::StreamExt;
use std::{collections::HashMap, fmt, future::ready, path::PathBuf, time::Duration};
use store::{
    bus::{Bus, Subscription},
    kv::BoxFuture,
};
use tokio::task::JoinHandle;

/// Who this node says it is.
#[derive(Clone)]
pub enum NatsLogin {
    Nobody,
    Password {
        user: String,
        password: String,
    },
    Token(String),
    /// Text of a `.creds` file: a JWT and the seed of its key.
    Credentials(String),
}

impl fmt::Debug for NatsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NatsLogin::Nobody => "Nobody",
            NatsLogin::Password { .. } => "Password",
            NatsLogin::Token(_) => "Token",
            NatsLogin::Credentials(_) => "Credentials",
        })
    }
}

#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// As `nats://host:4222` or `tls://host:4222`; any of them is as good.
    pub servers: Vec<String>,
    /// First part of every subject: one deployment, one prefix. Letters, digits, `-`, `_` and inner dots.
    pub prefix: String,
    pub login: NatsLogin,
    /// Refuses to speak without TLS, whatever the server says.
    pub tls: bool,
    /// Certificates to trust (PEM file) besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Certificate and key of this node (PEM files).
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

impl NatsOptions {
    /// Without login, and TLS where the server or its URL asks for it.
    pub fn new(servers: impl IntoIterator<Item = String>, prefix: impl Into<String>) -> Self {
        NatsOptions {
            servers: servers.into_iter().collect(),
            prefix: prefix.into(),
            login: NatsLogin::Nobody,
            tls: false,
            ca_file: None,
            client_certificate: None,
        }
    }
}

/// The bus over NATS.
pub struct NatsBus {
    remote: Remote,
}

impl NatsBus {
    /// Begins to connect and goes on until it succeeds, or again; needs a tokio runtime. Fails on options that can never work.
    pub fn start(options: NatsOptions) -> Result<Self, String> {
        if !is_prefix(&options.prefix) {
            return Err(format!("{:?} is no prefix of NATS subjects", options.prefix));
        }
        if options.servers.is_empty() {
            return Err("no NATS server is named".to_owned());
        }
        for server in &options.servers {
            server.parse::<async_nats::ServerAddr>().map_err(|why| format!("NATS server {server:?}: {why}"))?;
        }
        login(ConnectOptions::new(), &options.login)?;
        Ok(NatsBus { remote: Remote::start(Nats { options }) })
    }
}

impl Bus for NatsBus {
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
        Nats::NAME
    }
}

/// Words joined by dots that mean nothing else in a subject.
fn is_prefix(prefix: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    prefix.split('.').all(is_word)
}

fn login(options: ConnectOptions, login: &NatsLogin) -> Result<ConnectOptions, String> {
    match login {
        NatsLogin::Nobody => Ok(options),
        NatsLogin::Password { user, password } => Ok(options.user_and_password(user.clone(), password.clone())),
        NatsLogin::Token(token) => Ok(options.token(token.clone())),
        NatsLogin::Credentials(text) => options.credentials(text).map_err(|why| format!("NATS credentials: {why}")),
    }
}

struct Nats {
    options: NatsOptions,
}

impl Nats {
    fn connect_options(&self, heard: &Heard) -> Result<ConnectOptions, String> {
        let heard = heard.clone();
        let mut options = ConnectOptions::new()
            .name("posthouse")
            .max_reconnects(1)
            .connection_timeout(Duration::from_millis(BUS_CONNECT_MS_MAX))
            .ping_interval(Duration::from_millis(BUS_CHECK_MS))
            .subscription_capacity(BUS_SUBSCRIPTION_PENDING_MAX)
            .require_tls(self.options.tls)
            .event_callback(move |event| {
                note(&heard, &event);
                ready(())
            });
        if let Some(file) = &self.options.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.options.client_certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        login(options, &self.options.login)
    }
}

/// What the client library says about its connection.
fn note(heard: &Heard, event: &Event) {
    match event {
        Event::Connected => {}
        Event::SlowConsumer(_) => heard.lost(),
        // It also refuses subjects so: then the reason shows in the state of the bus.
        Event::ServerError(_) => heard.closed(event.to_string()),
        Event::Disconnected | Event::LameDuckMode | Event::Draining | Event::Closed | Event::ClientError(_) => {
            heard.closed(event.to_string());
        }
    }
}

impl Connect for Nats {
    type Link = NatsLink;
    const NAME: &'static str = "nats";

    async fn connect(&self, heard: Heard) -> Result<NatsLink, String> {
        let options = self.connect_options(&heard)?;
        let client = options.connect(self.options.servers.as_slice()).await.map_err(|why| why.to_string())?;
        // What a connection publishes comes back to it: that is the round trip.
        let here = format!("{}.e{:016x}", self.options.prefix, SystemRng::default().next_u64());
        let echo = client.subscribe(here.clone()).await.map_err(|why| why.to_string())?;
        let prefix = self.options.prefix.clone();
        let mut link = NatsLink { client, prefix, heard, here, echo, watched: HashMap::new() };
        link.check().await?;
        Ok(link)
    }
}

struct NatsLink {
    client: Client,
    prefix: String,
    heard: Heard,
    /// A subject of this connection alone, and what is heard there.
    here: String,
    echo: Subscriber,
    watched: HashMap<Topic, Listener>,
}

/// A task that passes on what one subscription hears.
struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        // Dropping its subscriber unsubscribes.
        self.0.abort();
    }
}

async fn listen(mut subscriber: Subscriber, heard: Heard) {
    while let Some(message) = subscriber.next().await {
        heard.frame(message.payload);
    }
    heard.closed("a subscription ended");
}

impl Link for NatsLink {
    async fn watch(&mut self, topics: &[Topic]) -> Result<(), String> {
        for topic in topics {
            let subscriber =
                self.client.subscribe(address(&self.prefix, topic)).await.map_err(|why| why.to_string())?;
            self.watched.insert(topic.clone(), Listener(tokio::spawn(listen(subscriber, self.heard.clone()))));
        }
        self.check().await
    }

    async fn unwatch(&mut self, topics: &[Topic]) -> Result<(), String> {
        for topic in topics {
            self.watched.remove(topic);
        }
        Ok(())
    }

    async fn send(&mut self, frames: &[Outgoing]) -> Result<(), String> {
        for (topic, frame) in frames {
            let published = self.client.publish(address(&self.prefix, topic), frame.clone()).await;
            published.map_err(|why| why.to_string())?;
        }
        Ok(())
    }

    /// The server handles what one connection sends in its order, so its answer says that all before was handled too.
    async fn check(&mut self) -> Result<(), String> {
        let published = self.client.publish(self.here.clone(), Bytes::new()).await;
        published.map_err(|why| why.to_string())?;
        match self.echo.next().await {
            Some(_) => Ok(()),
            None => Err("the connection ended".to_owned()),
        }
    }
}
