//! SUMMARY    The life of a bus that is another process: connect, hear, tell, notice that it is gone, say what may be lost, again.
//! LIMITS     BUS_QUEUE_MAX, BUS_CONNECT_MS_MAX, BUS_ANSWER_MS_MAX, BUS_CHECK_MS, BUS_BACKOFF_MS_MIN, BUS_BACKOFF_MS_MAX,
//!            BUS_LOST_EVERY_MS, BUS_SEND_BATCH_MAX, BUS_SUBSCRIBE_BATCH_MAX
//! INVARIANTS Publishing never waits. Subscribers of the own node hear a message at once, whether the bus is there or not. Whenever
//!            messages may have been missed, by this node or by those who hear it, everybody concerned gets `Hint::Lost`.

use crate::{
    frame::{Frame, LOST},
    limits::{
        BUS_ANSWER_MS_MAX, BUS_BACKOFF_MS_MAX, BUS_BACKOFF_MS_MIN, BUS_CHECK_MS, BUS_CONNECT_MS_MAX, BUS_LOST_EVERY_MS,
        BUS_QUEUE_MAX, BUS_SEND_BATCH_MAX, BUS_SUBSCRIBE_BATCH_MAX,
    },
};
use base::{Rng, SystemRng};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::bus::{Hint, Subscription, Topics};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout},
};

pub(crate) type Topic = Box<[u8]>;
/// A frame and the topic it goes to.
pub(crate) type Outgoing = (Topic, Bytes);

/// How to reach a bus.
pub(crate) trait Connect: Send + Sync + 'static {
    type Link: Link;
    const NAME: &'static str;
    /// A new connection; what is heard on it goes to `heard`.
    fn connect(&self, heard: Heard) -> impl Future<Output = Result<Self::Link, String>> + Send;
}

/// One connection to a bus. An error says that it is of no more use. Dropped, it is closed.
pub(crate) trait Link: Send {
    /// Returns when messages of these topics are heard.
    fn watch(&mut self, topics: &[Topic]) -> impl Future<Output = Result<(), String>> + Send;
    fn unwatch(&mut self, topics: &[Topic]) -> impl Future<Output = Result<(), String>> + Send;
    fn send(&mut self, frames: &[Outgoing]) -> impl Future<Output = Result<(), String>> + Send;
    /// A round trip.
    fn check(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

struct Shared {
    name: &'static str,
    node: u64,
    topics: Topics,
    /// Why the bus is not heard; None while it is.
    down: Mutex<Option<String>>,
    /// Messages of this node did not go out: the other nodes have to be told.
    owes_others: AtomicBool,
    /// Messages may not have come in: the own subscribers have to be told.
    owes_own: AtomicBool,
    wake: Notify,
}

/// Where a connection tells what it hears. It never waits.
#[derive(Clone)]
pub(crate) struct Heard {
    shared: Arc<Shared>,
    closed: Arc<Mutex<Option<String>>>,
}

impl Heard {
    pub(crate) fn frame(&self, bytes: Bytes) {
        let Some(frame) = Frame::decode(bytes) else {
            metrics::counter!("bus_dropped_total", "bus" => self.shared.name, "why" => "malformed").increment(1);
            return;
        };
        // Its own were delivered when they were published.
        if frame.node == self.shared.node {
            return;
        }
        metrics::counter!("bus_messages_total", "bus" => self.shared.name, "way" => "in").increment(1);
        if &*frame.topic == LOST {
            self.lost();
        } else {
            self.shared.topics.deliver(&frame.topic, Hint::Message(frame.message));
        }
    }

    /// Something was not heard.
    pub(crate) fn lost(&self) {
        self.shared.owes_own.store(true, Ordering::SeqCst);
        self.shared.wake.notify_one();
    }

    /// Another node came into sight or went out of it: neither may have heard the other before.
    #[cfg(feature = "zenoh")]
    pub(crate) fn met(&self) {
        self.shared.owes_others.store(true, Ordering::SeqCst);
        self.lost();
    }

    /// The connection is gone.
    #[cfg(any(feature = "kafka", feature = "nats", feature = "redis"))]
    pub(crate) fn closed(&self, why: impl Into<String>) {
        self.closed.lock().get_or_insert_with(|| why.into());
        self.shared.wake.notify_one();
    }
}

/// The node's end of a bus. Dropping the last one ends its task.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
}

impl Remote {
    /// Begins to connect; needs a tokio runtime.
    pub(crate) fn start<C: Connect>(connect: C) -> Self {
        let shared = Arc::new(Shared {
            name: C::NAME,
            node: SystemRng::default().next_u64(),
            topics: Topics::watched(),
            down: Mutex::new(Some("not connected yet".to_owned())),
            owes_others: AtomicBool::new(false),
            owes_own: AtomicBool::new(false),
            wake: Notify::new(),
        });
        let (queue, waiting) = mpsc::channel(BUS_QUEUE_MAX);
        tokio::spawn(Life { shared: shared.clone(), waiting, rng: SystemRng::default() }.run(connect));
        Remote { shared, queue }
    }

    pub(crate) fn publish(&self, topic: &[u8], message: Bytes) {
        let frame = Frame::encode(self.shared.node, topic, &message);
        self.shared.topics.deliver(topic, Hint::Message(message));
        let why = match frame.map(|frame| self.queue.try_send((topic.into(), frame))) {
            Some(Ok(())) => return,
            Some(Err(_)) => "BUS_QUEUE_MAX",
            None => "BUS_FRAME_BYTES_MAX",
        };
        metrics::counter!("bus_dropped_total", "bus" => self.shared.name, "why" => why).increment(1);
        self.shared.owes_others.store(true, Ordering::SeqCst);
        self.shared.wake.notify_one();
    }

    pub(crate) fn subscribe(&self, topic: &[u8]) -> Box<dyn Subscription> {
        self.shared.topics.subscribe(topic)
    }

    pub(crate) fn health(&self) -> Result<(), String> {
        match &*self.shared.down.lock() {
            None => Ok(()),
            Some(why) => Err(format!("{}: {why}", self.shared.name)),
        }
    }
}

/// Why a connection was left.
enum Ended {
    /// Nobody uses the bus any more.
    Unused,
    Gone(String),
}

struct Life {
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Outgoing>,
    rng: SystemRng,
}

async fn within<T>(ms: u64, name: &str, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(Duration::from_millis(ms), work).await.unwrap_or_else(|_| Err(format!("no answer within {name}")))
}

impl Life {
    async fn run<C: Connect>(mut self, connect: C) {
        let mut failures: u32 = 0;
        loop {
            let heard = Heard { shared: self.shared.clone(), closed: Arc::default() };
            let link = within(BUS_CONNECT_MS_MAX, "BUS_CONNECT_MS_MAX", connect.connect(heard.clone())).await;
            let began = Instant::now();
            let ended = match link {
                Ok(link) => self.serve(link, &heard).await,
                Err(why) => Ended::Gone(why),
            };
            let Ended::Gone(why) = ended else { break };
            // What the connection itself said comes first.
            self.went_down(heard.closed.lock().take().unwrap_or(why), failures == 0);
            // One that comes and goes at once is not there yet.
            let lasted = began.elapsed() >= Duration::from_millis(BUS_BACKOFF_MS_MAX);
            failures = if lasted { 1 } else { failures.saturating_add(1) };
            if !self.rest(failures).await {
                break;
            }
        }
        metrics::gauge!("bus_connected", "bus" => self.shared.name).set(0.0);
    }

    fn went_down(&self, why: String, is_first: bool) {
        let mut down = self.shared.down.lock();
        if is_first || down.is_none() {
            tracing::warn!(bus = self.shared.name, %why, "the bus is away: other nodes are not heard");
        }
        metrics::gauge!("bus_connected", "bus" => self.shared.name).set(0.0);
        *down = Some(why);
    }

    /// Waits before the next attempt; false if nobody uses the bus any more. What waits to go out is covered by the `Lost` that
    /// follows the connection.
    async fn rest(&mut self, failures: u32) -> bool {
        let most_ms = (BUS_BACKOFF_MS_MIN << failures.min(16)).min(BUS_BACKOFF_MS_MAX);
        let wait = sleep(Duration::from_millis(most_ms - self.rng.below(most_ms / 2)));
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return true,
                frame = self.waiting.recv() => match frame {
                    Some(_) => metrics::counter!("bus_dropped_total", "bus" => self.shared.name, "why" => "away").increment(1),
                    None => return false,
                },
            }
        }
    }

    /// Hears again what is subscribed to, and says that something may be missing.
    async fn begin<L: Link>(&mut self, link: &mut L) -> Result<(), String> {
        let mut topics = self.shared.topics.names();
        topics.push(LOST.into());
        for batch in topics.chunks(BUS_SUBSCRIBE_BATCH_MAX) {
            within(BUS_ANSWER_MS_MAX, "BUS_ANSWER_MS_MAX", link.watch(batch)).await?;
        }
        *self.shared.down.lock() = None;
        tracing::info!(bus = self.shared.name, topics = topics.len(), "the bus is there");
        metrics::gauge!("bus_connected", "bus" => self.shared.name).set(1.0);
        metrics::counter!("bus_connects_total", "bus" => self.shared.name).increment(1);
        self.shared.owes_own.store(true, Ordering::SeqCst);
        self.shared.owes_others.store(true, Ordering::SeqCst);
        self.shared.wake.notify_one();
        Ok(())
    }

    async fn serve<L: Link>(&mut self, mut link: L, heard: &Heard) -> Ended {
        if let Err(why) = self.begin(&mut link).await {
            return Ended::Gone(why);
        }
        let every = Duration::from_millis(BUS_LOST_EVERY_MS);
        // The first time they are told at once.
        let (mut told, mut checked) = (Instant::now().checked_sub(every), Instant::now());
        let (topics, mut frames) = (self.shared.topics.clone(), Vec::new());
        loop {
            let owes = self.shared.owes_own.load(Ordering::SeqCst) || self.shared.owes_others.load(Ordering::SeqCst);
            let due = told.map_or_else(Instant::now, |told| told + every);
            let check = checked + Duration::from_millis(BUS_CHECK_MS);
            let outcome = tokio::select! {
                taken = self.waiting.recv_many(&mut frames, BUS_SEND_BATCH_MAX) => match taken {
                    0 => return Ended::Unused,
                    _ => self.tell(&mut link, &std::mem::take(&mut frames)).await,
                },
                changes = topics.changes() => self.follow(&mut link, changes).await,
                () = self.shared.wake.notified() => Ok(()),
                () = tokio::time::sleep_until(due), if owes => {
                    told = Some(Instant::now());
                    self.confess(&mut link).await
                }
                () = tokio::time::sleep_until(check) => {
                    checked = Instant::now();
                    within(BUS_ANSWER_MS_MAX, "BUS_ANSWER_MS_MAX", link.check()).await
                }
            };
            let closed = heard.closed.lock().take();
            match (outcome, closed) {
                (Ok(()), None) => {}
                (Err(why), _) | (Ok(()), Some(why)) => return Ended::Gone(why),
            }
        }
    }

    async fn tell<L: Link>(&self, link: &mut L, frames: &[Outgoing]) -> Result<(), String> {
        within(BUS_ANSWER_MS_MAX, "BUS_ANSWER_MS_MAX", link.send(frames)).await?;
        metrics::counter!("bus_messages_total", "bus" => self.shared.name, "way" => "out")
            .increment(frames.len() as u64);
        Ok(())
    }

    /// Subscribes to what is wanted now, and not to what nobody wants. Who subscribed before it took effect is told so.
    async fn follow<L: Link>(&self, link: &mut L, changes: Vec<(Topic, bool)>) -> Result<(), String> {
        let (wanted, unwanted): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, is_wanted)| *is_wanted);
        let names = |part: Vec<(Topic, bool)>| part.into_iter().map(|(topic, _)| topic).collect::<Vec<_>>();
        for batch in names(unwanted).chunks(BUS_SUBSCRIBE_BATCH_MAX) {
            within(BUS_ANSWER_MS_MAX, "BUS_ANSWER_MS_MAX", link.unwatch(batch)).await?;
        }
        for batch in names(wanted).chunks(BUS_SUBSCRIBE_BATCH_MAX) {
            within(BUS_ANSWER_MS_MAX, "BUS_ANSWER_MS_MAX", link.watch(batch)).await?;
            for topic in batch {
                self.shared.topics.deliver(topic, Hint::Lost);
            }
        }
        Ok(())
    }

    /// Tells who has to know that messages were lost.
    async fn confess<L: Link>(&self, link: &mut L) -> Result<(), String> {
        if self.shared.owes_own.swap(false, Ordering::SeqCst) {
            metrics::counter!("bus_lost_total", "bus" => self.shared.name).increment(1);
            self.shared.topics.lose();
        }
        if self.shared.owes_others.swap(false, Ordering::SeqCst) {
            let frame = Frame::encode(self.shared.node, LOST, b"").ok_or("BUS_FRAME_BYTES_MAX")?;
            if let Err(why) = self.tell(link, &[(LOST.into(), frame)]).await {
                self.shared.owes_others.store(true, Ordering::SeqCst);
                return Err(why);
            }
        }
        Ok(())
    }
}
