//! SUMMARY    A client of a shared cluster: one connection, made again whenever it is lost, and what is asked over it.
//! INVARIANTS What was asked and not answered is asked again after a loss, but for commits that were sent: these are unknown (1021),
//!            and by then decided. While there is no connection nothing is answered; who does not want to wait sets a timeout.

use super::frame::{Decided, Frame, Wanted};
use crate::model::{
    cluster::{Cluster, Snapshot},
    code::{self, Code},
    future::{Future, Outcome},
    mutation::Rows,
    network,
};
use base::{Rng, rng::SystemRng};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufReader, Write},
    net::TcpStream,
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, Builder},
    time::{Duration, Instant},
};

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);

type OnVersion = Box<dyn FnOnce(Result<Snapshot, Code>) + Send>;
type OnDecided = Box<dyn FnOnce(Result<Vec<Decided>, Code>) + Send>;

/// Commits that wait for a connection, until a time.
struct Unsent {
    id: u64,
    frame: Bytes,
    until: Option<Instant>,
}

#[derive(Default)]
struct State {
    /// None while there is no connection.
    out: Option<Sender<Bytes>>,
    number: u64,
    versions: BTreeMap<u64, OnVersion>,
    commits: BTreeMap<u64, OnDecided>,
    unsent: VecDeque<Unsent>,
    /// Reads that were answered from the copy, and are told when there is a connection.
    held: Vec<(Arc<Future>, Outcome)>,
    ended: bool,
}

pub struct Link {
    address: String,
    client: u64,
    /// Whose data this is a copy of.
    incarnation: OnceLock<u64>,
    state: Mutex<State>,
}

impl Link {
    pub fn to(address: &str) -> Arc<Link> {
        let client = SystemRng::default().next_u64();
        Arc::new(Link { address: address.to_owned(), client, incarnation: OnceLock::new(), state: Mutex::default() })
    }

    /// Keeps the copy that `cluster` is, in a thread of its own.
    pub fn start(self: &Arc<Self>, cluster: Arc<Cluster>) -> io::Result<()> {
        let (kept, ending) = (Arc::clone(self), Arc::clone(self));
        Builder::new().name("fake-fdb link".to_owned()).spawn(move || {
            while !kept.state.lock().ended {
                // Why it ended makes no difference to what comes next.
                kept.follow(&cluster).ok();
                kept.lose();
                thread::park_timeout(RETRY);
            }
        })?;
        network::at_stop(Box::new(move || ending.end()));
        Ok(())
    }

    pub fn is_up(&self) -> bool {
        self.state.lock().out.is_some()
    }

    /// Asks for a version of now, and for what is there at it; false if nobody will answer any more.
    pub fn version(&self, then: OnVersion) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return false;
        }
        state.number += 1;
        let id = state.number;
        state.versions.insert(id, then);
        if let Some(out) = &state.out {
            out.send(Frame::Ask { id }.encode()).ok();
        }
        true
    }

    /// Sends commits to be decided together, if there is a connection by `until`.
    pub fn commit(&self, wanted: Vec<Wanted>, until: Option<Instant>, then: OnDecided) {
        let mut state = self.state.lock();
        if state.ended {
            drop(state);
            return then(Err(code::NETWORK_STOPPED));
        }
        state.number += 1;
        let id = state.number;
        let frame = Frame::Commit { id, wanted }.encode();
        state.commits.insert(id, then);
        match &state.out {
            Some(out) => drop(out.send(frame)),
            None => state.unsent.push_back(Unsent { id, frame, until }),
        }
    }

    /// Keeps an answer until there is a connection; false if there is one.
    pub fn hold(&self, future: &Arc<Future>, outcome: Outcome) -> bool {
        let mut state = self.state.lock();
        if state.out.is_some() || state.ended {
            return false;
        }
        state.held.push((Arc::clone(future), outcome));
        true
    }

    /// One connection from its beginning to its end.
    fn follow(self: &Arc<Self>, cluster: &Cluster) -> io::Result<()> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        let known = self.incarnation.get().copied().unwrap_or_default();
        stream.write_all(&Frame::Hello { client: self.client, incarnation: known }.encode())?;
        let mut from = BufReader::with_capacity(1_000_000, stream.try_clone()?);
        let mut rows = Rows::new();
        loop {
            match Frame::read(&mut from)? {
                Frame::Begin { incarnation } if *self.incarnation.get_or_init(|| incarnation) != incarnation => {
                    eprintln!(
                        "fake-fdb: the cluster at {} is another one; what was in the old one is gone",
                        self.address
                    );
                    thread::park_timeout(50 * RETRY);
                    return Ok(());
                }
                Frame::Begin { .. } => {}
                Frame::Rows(more) => rows.extend(more),
                Frame::Ready { version } => {
                    cluster.replace(std::mem::take(&mut rows), version);
                    self.find(stream.try_clone()?)?;
                }
                Frame::Applied { stamp, mutations } => cluster.follow(stamp, &mutations),
                Frame::Version { id, version } => {
                    let then = self.state.lock().versions.remove(&id);
                    if let Some(then) = then {
                        let snapshot = cluster.told(version);
                        network::soon(Box::new(move || then(snapshot)));
                    }
                }
                Frame::Verdicts { id, decided } => {
                    let then = self.state.lock().commits.remove(&id);
                    if let Some(then) = then {
                        network::soon(Box::new(move || then(Ok(decided))));
                    }
                }
                Frame::Hello { .. } | Frame::Ask { .. } | Frame::Commit { .. } => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that no server sends"));
                }
            }
        }
    }

    /// There is a connection: what was asked before is asked now.
    fn find(&self, stream: TcpStream) -> io::Result<()> {
        let (out, frames) = channel();
        Builder::new().name("fake-fdb sender".to_owned()).spawn(move || send_all(stream, &frames))?;
        let mut state = self.state.lock();
        let now = Instant::now();
        let (late, unsent): (Vec<Unsent>, Vec<Unsent>) =
            std::mem::take(&mut state.unsent).into_iter().partition(|one| one.until.is_some_and(|until| until <= now));
        let of = |some: &[Unsent], id: u64| some.iter().any(|one| one.id == id);
        // Never sent; whoever wanted it has been told that its time is up.
        state.commits.retain(|id, _| !of(&late, *id));
        for (_, then) in state.commits.extract_if(.., |id, _| !of(&unsent, *id)) {
            network::soon(Box::new(move || then(Err(code::COMMIT_UNKNOWN))));
        }
        for one in unsent {
            out.send(one.frame).ok();
        }
        for id in state.versions.keys() {
            out.send(Frame::Ask { id: *id }.encode()).ok();
        }
        for (future, outcome) in state.held.drain(..) {
            network::answer(&future, outcome, None);
        }
        state.out = Some(out);
        Ok(())
    }

    fn lose(&self) {
        self.state.lock().out = None;
    }

    /// Nothing is asked or answered any more.
    fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.out = None;
        let (versions, commits) = (std::mem::take(&mut state.versions), std::mem::take(&mut state.commits));
        let held = std::mem::take(&mut state.held);
        drop(state);
        versions.into_values().for_each(|then| then(Err(code::NETWORK_STOPPED)));
        commits.into_values().for_each(|then| then(Err(code::NETWORK_STOPPED)));
        held.into_iter().for_each(|(future, _)| future.answer(Err(code::NETWORK_STOPPED)));
    }
}

/// Writes until nobody sends any more.
fn send_all(mut stream: TcpStream, frames: &Receiver<Bytes>) {
    while let Ok(frame) = frames.recv() {
        if stream.write_all(&frame).is_err() {
            // The reader finds out.
            stream.shutdown(std::net::Shutdown::Both).ok();
            return;
        }
    }
}
