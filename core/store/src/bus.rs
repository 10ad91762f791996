//! SUMMARY    Hints between the sessions of a node and between nodes: the trait, the topics of one process, and its own bus.
//! LIMITS     HINTS_PENDING_MAX
//! INVARIANTS Messages may be lost, doubled and reordered, and what a node publishes comes back to it too: who receives one re-reads
//!            the state and ignores what it knows by its content. Nothing here waits for a receiver.

use crate::kv::BoxFuture;
use base::limits::HINTS_PENDING_MAX;
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::{Notify, broadcast};

/// What a subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Somebody published this.
    Message(Bytes),
    /// Some messages may be missing (they did not fit, or the connection was away, or had to be made): read everything again.
    Lost,
}

/// One topic as one subscriber sees it.
pub trait Subscription: Send {
    /// The next hint; None when the bus is gone. Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<Hint>>;
}

/// Messages between whoever shares this bus.
pub trait Bus: Send + Sync + 'static {
    /// Tells the subscribers of `topic`, on this node too; never waits, may lose.
    fn publish(&self, topic: &[u8], message: Bytes);
    /// Hears a topic from now on. Where the bus is another process it takes a moment until other nodes are heard: then
    /// `Hint::Lost` comes, as it does after every reconnect and every overflow.
    fn subscribe(&self, topic: &[u8]) -> Box<dyn Subscription>;
    /// Whether other nodes are heard now, and if not, why.
    fn health(&self) -> BoxFuture<'_, Result<(), String>>;
    fn name(&self) -> &'static str;
}

#[derive(Default)]
struct Inner {
    topics: Mutex<HashMap<Box<[u8]>, broadcast::Sender<Hint>>>,
    /// Topics whose first subscriber came or last one left since somebody asked; None where nobody will.
    changed: Option<Mutex<HashSet<Box<[u8]>>>>,
    wake: Notify,
}

impl Inner {
    fn note(&self, topic: &[u8]) {
        if let Some(changed) = &self.changed {
            changed.lock().insert(topic.into());
            self.wake.notify_one();
        }
    }
}

/// Topics of one process and who listens to them: the part that every bus has in common.
#[derive(Clone, Default)]
pub struct Topics(Arc<Inner>);

impl Topics {
    /// Topics whose coming and going is told to one caller of `changes`.
    pub fn watched() -> Self {
        Topics(Arc::new(Inner { changed: Some(Mutex::default()), ..Inner::default() }))
    }

    pub fn subscribe(&self, topic: &[u8]) -> Box<dyn Subscription> {
        let mut topics = self.0.topics.lock();
        let receiver = match topics.get(topic) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = broadcast::channel(HINTS_PENDING_MAX);
                topics.insert(topic.into(), sender);
                self.0.note(topic);
                receiver
            }
        };
        Box::new(Local { receiver: Some(receiver), topic: topic.into(), topics: self.clone() })
    }

    /// Tells those who listen to `topic`, if any.
    pub fn deliver(&self, topic: &[u8], hint: Hint) {
        if let Some(sender) = self.0.topics.lock().get(topic) {
            // An error says that nobody listens any more.
            let _ = sender.send(hint);
        }
    }

    /// Tells everybody that messages may be missing.
    pub fn lose(&self) {
        for sender in self.0.topics.lock().values() {
            let _ = sender.send(Hint::Lost);
        }
    }

    /// Topics that have a subscriber.
    pub fn count(&self) -> usize {
        self.0.topics.lock().len()
    }

    /// Names of the topics that have a subscriber; what `changes` had not told yet counts as told.
    pub fn names(&self) -> Vec<Box<[u8]>> {
        let topics = self.0.topics.lock();
        if let Some(changed) = &self.0.changed {
            changed.lock().clear();
        }
        topics.keys().cloned().collect()
    }

    /// Waits until topics got their first subscriber (true) or lost their last one (false). Dropping the future loses nothing.
    pub async fn changes(&self) -> Vec<(Box<[u8]>, bool)> {
        loop {
            let told = {
                let topics = self.0.topics.lock();
                let changed = self.0.changed.as_ref().map(|changed| std::mem::take(&mut *changed.lock()));
                let names = changed.into_iter().flatten();
                names
                    .map(|topic| (topics.contains_key(&topic), topic))
                    .map(|(is, topic)| (topic, is))
                    .collect::<Vec<_>>()
            };
            if !told.is_empty() {
                return told;
            }
            self.0.wake.notified().await;
        }
    }
}

struct Local {
    receiver: Option<broadcast::Receiver<Hint>>,
    topic: Box<[u8]>,
    topics: Topics,
}

impl Subscription for Local {
    fn next(&mut self) -> BoxFuture<'_, Option<Hint>> {
        Box::pin(async {
            match self.receiver.as_mut()?.recv().await {
                Ok(hint) => Some(hint),
                Err(broadcast::error::RecvError::Lagged(_)) => Some(Hint::Lost),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let mut topics = self.topics.0.topics.lock();
        self.receiver = None;
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            topics.remove(&self.topic);
            self.topics.0.note(&self.topic);
        }
    }
}

/// The bus of a single process.
#[derive(Clone, Default)]
pub struct LocalBus {
    topics: Topics,
}

impl LocalBus {
    pub fn new() -> Self {
        LocalBus::default()
    }

    /// Topics that have a subscriber.
    pub fn topics(&self) -> usize {
        self.topics.count()
    }
}

impl Bus for LocalBus {
    fn publish(&self, topic: &[u8], message: Bytes) {
        self.topics.deliver(topic, Hint::Message(message));
    }
    fn subscribe(&self, topic: &[u8]) -> Box<dyn Subscription> {
        self.topics.subscribe(topic)
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn name(&self) -> &'static str {
        "local"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn conforms() {
        let bus = Arc::new(LocalBus::new());
        crate::conformance::bus(|| bus.clone()).await.unwrap();
        assert_eq!(bus.topics(), 0, "who left is forgotten");
    }

    #[tokio::test]
    async fn hints_reach_the_subscribers_of_their_topic() {
        let bus = LocalBus::new();
        bus.publish(b"a", Bytes::from_static(b"nobody listens"));
        let (mut one, mut two) = (bus.subscribe(b"a"), bus.subscribe(b"a"));
        let other = bus.subscribe(b"b");
        bus.publish(b"a", Bytes::from_static(b"1"));
        assert_eq!(one.next().await, Some(Hint::Message(Bytes::from_static(b"1"))));
        assert_eq!(two.next().await, Some(Hint::Message(Bytes::from_static(b"1"))));
        for _ in 0..=HINTS_PENDING_MAX * 2 {
            bus.publish(b"a", Bytes::from_static(b"2"));
        }
        assert_eq!(one.next().await, Some(Hint::Lost));
        assert_eq!(one.next().await, Some(Hint::Message(Bytes::from_static(b"2"))));
        assert_eq!(bus.topics(), 2);
        drop((one, other));
        assert_eq!(bus.topics(), 1);
        drop(two);
        assert_eq!(bus.topics(), 0);
    }

    #[tokio::test]
    async fn topics_that_come_and_go_are_told_once() {
        let topics = Topics::watched();
        let one = topics.subscribe(b"a");
        let again = topics.subscribe(b"a");
        assert_eq!(topics.changes().await, [(b"a".as_slice().into(), true)]);
        drop(one);
        drop(again);
        assert_eq!(topics.changes().await, [(b"a".as_slice().into(), false)]);
        let brief = topics.subscribe(b"b");
        drop(brief);
        assert_eq!(topics.changes().await, [(b"b".as_slice().into(), false)], "only what is true now");
        let (mut kept, _other) = (topics.subscribe(b"c"), topics.subscribe(b"d"));
        assert_eq!(topics.names().len(), 2);
        let told = tokio::time::timeout(std::time::Duration::from_millis(20), topics.changes()).await;
        assert!(told.is_err(), "names told them: {told:?}");
        topics.lose();
        assert_eq!(kept.next().await, Some(Hint::Lost));
    }
}
