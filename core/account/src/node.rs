//! SUMMARY    Nodes that share the store: each says that it lives, and takes over what a dead one held.
//! LIMITS     NODE_BEATS_MISSED_MAX
//! INVARIANTS A node is found dead by how often a peer looked in vain, not by clocks: looks that fail do not count, so a store that
//!            was away makes nobody dead. Who was found dead can neither beat nor lease any more and begins anew under another id;
//!            outcomes of its old leases are refused (queue.rs).

use crate::{
    Accounts, Error, Result, keys,
    record::{self, NodeRecord},
    restore,
    txn::SystemTxn,
    unit_of_work,
};
use base::{Kind, Timestamp, limits::NODE_BEATS_MISSED_MAX};
use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use store::kv::{KvTxn, PageLimit};

/// One run of a process on the store; 0 = of before there were several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node_{:016x}", self.0)
    }
}

/// A node as its peers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    pub id: NodeId,
    pub name: String,
    pub roles: Vec<String>,
    pub started: Timestamp,
    /// By its own clock.
    pub beat_at: Timestamp,
    /// Takes no new work.
    pub draining: bool,
    beat: u64,
    dead: bool,
}

/// What was taken over from dead nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakenOver {
    pub nodes: usize,
    /// Queue items that are due again.
    pub items: usize,
    /// Parts of copies that were taken back.
    pub parts: usize,
}

/// This node's place among its peers. 0 = it has not joined.
#[derive(Debug, Default)]
pub(crate) struct Place {
    id: AtomicU64,
    draining: AtomicBool,
}

/// What a node remembers of its peers from look to look.
#[derive(Debug, Default)]
pub struct Peers(HashMap<NodeId, Seen>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    beat: u64,
    /// Looks since it last rose.
    missed: u32,
}

impl Peers {
    /// Nodes at the last look.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that have not beaten for NODE_BEATS_MISSED_MAX looks, this one included.
    fn look(&mut self, nodes: &[NodeView]) -> Vec<NodeId> {
        self.0.retain(|id, _| nodes.iter().any(|node| node.id == *id));
        let mut dead = Vec::new();
        for node in nodes {
            let seen = self.0.entry(node.id).or_insert(Seen { beat: node.beat, missed: 0 });
            if seen.beat == node.beat {
                seen.missed += 1;
            } else {
                *seen = Seen { beat: node.beat, missed: 0 };
            }
            if node.dead || seen.missed > NODE_BEATS_MISSED_MAX {
                dead.push(node.id);
            }
        }
        dead
    }
}

impl Accounts {
    /// This node; 0 before it has joined.
    pub fn node(&self) -> NodeId {
        NodeId(self.0.place.id.load(Ordering::Acquire))
    }

    /// Takes no new work, or does so again: no item is leased, and `/readyz` sends clients elsewhere. What is under way ends.
    pub fn drain(&self, draining: bool) {
        self.0.place.draining.store(draining, Ordering::Release);
    }

    pub fn is_draining(&self) -> bool {
        self.0.place.draining.load(Ordering::Acquire)
    }

    /// Whether a node has joined, and was not found dead since.
    pub(crate) async fn lives(&self, txn: &mut dyn KvTxn, id: NodeId) -> Result<bool> {
        let stored = SystemTxn::new(txn).get(&keys::system_node(id)).await?;
        let node: Option<NodeRecord> = stored.map(|bytes| record::decode(&bytes, "node")).transpose()?;
        Ok(node.is_some_and(|node| !node.dead))
    }

    /// Begins to live, under a new id.
    pub async fn join(&self, name: &str, roles: &[&str]) -> Result<NodeId> {
        let id = NodeId(self.0.rng.next_u64().max(1));
        unit_of_work!(self, &[], self.op(), work => {
            let now = work.now().0;
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            let (name, draining) = (name.to_owned(), self.is_draining());
            let node = NodeRecord { name, started_ms: now, beat: 1, beat_ms: now, dead: false, roles, draining };
            SystemTxn::new(work.txn()).set(&keys::system_node(id), &record::encode(&node))
        })?;
        self.0.place.id.store(id.0, Ordering::Release);
        Ok(id)
    }

    /// Says that this node lives. `TooOld` when its peers found it dead: it is to join anew.
    pub async fn beat(&self) -> Result<()> {
        let key = keys::system_node(self.node());
        unit_of_work!(self, &[], self.op(), work => {
            let now = work.now().0;
            let mut txn = SystemTxn::new(work.txn());
            let node: Option<NodeRecord> = txn.get(&key).await?.map(|b| record::decode(&b, "node")).transpose()?;
            let node = node.filter(|node| !node.dead);
            let node = node.ok_or_else(|| Error::new(Kind::TooOld, "this node was found dead by its peers"))?;
            let draining = self.is_draining();
            txn.set(&key, &record::encode(&NodeRecord { beat: node.beat + 1, beat_ms: now, draining, ..node }))
        })
    }

    /// Refuses to serve a store whose tenants' keys are wrapped by another master key, or one that is being restored; an empty one is
    /// marked with this.
    pub async fn check_master_key(&self) -> Result<()> {
        let mark = *blake3::keyed_hash(&self.0.master.0, b"posthouse master key").as_bytes();
        let key = keys::system_master();
        let known = unit_of_work!(self, &[], self.op(), work => {
            restore::check_whole(work.txn()).await?;
            let mut txn = SystemTxn::new(work.txn());
            match txn.get(&key).await? {
                Some(known) => Ok(known.as_ref() == mark),
                None => txn.set(&key, &mark).map(|()| true),
            }
        })?;
        match known {
            true => Ok(()),
            false => Err(Error::new(Kind::Invalid, "this store was made with another master key")),
        }
    }

    /// Goes in peace: holds nothing any more.
    pub async fn leave(&self) -> Result<()> {
        let id = self.node();
        self.bury(id).await.map(|_| ())
    }

    /// Nodes with the store open, and dead ones that nobody has taken over from.
    pub async fn nodes(&self) -> Result<Vec<NodeView>> {
        let mut txn = self.0.kv.begin_read();
        let mut range = keys::system_nodes();
        let mut nodes = Vec::new();
        loop {
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::MAX).await?;
            for (key, stored) in &page.rows {
                let id = keys::decode_node(key).ok_or_else(|| Error::corrupt("key of a node"))?;
                let NodeRecord { name, started_ms, beat, beat_ms, dead, roles, draining } =
                    record::decode(stored, "node")?;
                let (started, beat_at) = (Timestamp(started_ms), Timestamp(beat_ms));
                nodes.push(NodeView { id, name, roles, started, beat_at, draining, beat, dead });
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(nodes) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }

    /// Looks at the peers once, and takes over from those that are dead. Call about as often as they beat.
    pub async fn watch(&self, peers: &mut Peers) -> Result<TakenOver> {
        let nodes = self.nodes().await?;
        let own = self.node();
        let mut taken = TakenOver::default();
        for id in peers.look(&nodes).into_iter().filter(|id| *id != own) {
            let beat = nodes.iter().find(|node| node.id == id).map(|node| node.beat);
            if self.declare_dead(id, beat).await? {
                taken.add(self.bury(id).await?);
            }
        }
        Ok(taken)
    }

    /// Takes over from all others. Only for who has the store to itself.
    pub async fn take_over_all(&self) -> Result<TakenOver> {
        let own = self.node();
        let mut taken = TakenOver::default();
        let others = self.nodes().await?.into_iter().map(|node| node.id).filter(|id| *id != own);
        for id in others.chain([NodeId(0)]) {
            self.declare_dead(id, None).await?;
            taken.add(self.bury(id).await?);
        }
        Ok(taken)
    }

    /// From here on the node can do nothing in its own name. False when it has beaten since, or is buried.
    async fn declare_dead(&self, id: NodeId, beat: Option<u64>) -> Result<bool> {
        let key = keys::system_node(id);
        unit_of_work!(self, &[], self.op(), work => {
            let mut txn = SystemTxn::new(work.txn());
            let node: Option<NodeRecord> = txn.get(&key).await?.map(|b| record::decode(&b, "node")).transpose()?;
            match node {
                Some(node) if beat.is_none_or(|beat| beat == node.beat) => {
                    txn.set(&key, &record::encode(&NodeRecord { dead: true, ..node }))?;
                    Ok(true)
                }
                Some(_) | None => Ok(false),
            }
        })
    }

    /// Takes what a node held that does nothing any more; its record goes last, so that who dies over it is followed by another.
    async fn bury(&self, id: NodeId) -> Result<TakenOver> {
        let (items, parts) = (self.reclaim_items(id).await?, self.undo_copies(id).await?);
        let key = keys::system_node(id);
        unit_of_work!(self, &[], self.op(), work => { SystemTxn::new(work.txn()).clear(&key) })?;
        Ok(TakenOver { nodes: usize::from(id.0 != 0), items, parts })
    }
}

impl TakenOver {
    fn add(&mut self, other: TakenOver) {
        self.nodes += other.nodes;
        self.items += other.items;
        self.parts += other.parts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, beat: u64) -> NodeView {
        let at = Timestamp(0);
        let (name, roles, draining, dead) = (String::new(), vec![], false, false);
        NodeView { id: NodeId(id), name, roles, started: at, beat_at: at, draining, beat, dead }
    }

    #[test]
    fn who_stops_beating_is_dead_and_who_beats_slowly_is_not() {
        let mut peers = Peers::default();
        for look in 0..u64::from(NODE_BEATS_MISSED_MAX) * 4 {
            let dead = peers.look(&[node(1, look), node(2, look / u64::from(NODE_BEATS_MISSED_MAX)), node(3, 7)]);
            let gone = look >= u64::from(NODE_BEATS_MISSED_MAX);
            assert_eq!(dead, if gone { vec![NodeId(3)] } else { vec![] }, "look {look}");
        }
        assert!(peers.look(&[node(1, 1)]).is_empty());
        assert_eq!(peers.0.len(), 1, "who is gone is forgotten");
    }
}
