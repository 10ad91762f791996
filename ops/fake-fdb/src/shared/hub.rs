//! SUMMARY    The server of a shared cluster: gives out versions, decides commits, tells every client of each.
//! LIMITS     BACKLOG_BYTES_MAX
//! INVARIANTS Everything that has an order happens under one lock: versions, commits, and what is put into clients' streams. A
//!            client that comes again is served once everything that it sent before was dealt with: what it does not know by
//!            then is decided.

use super::frame::{Decided, Frame, Wanted};
use crate::model::{
    cluster::{Cluster, Request, Snapshot},
    limit::BACKLOG_BYTES_MAX,
};
use base::{Rng, rng::SystemRng};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::BTreeMap,
    io::{self, BufReader, BufWriter, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::Builder,
};

/// Rows of one frame, about.
const CHUNK_BYTES: usize = 1_000_000;

struct Client {
    connection: u64,
    stream: TcpStream,
    out: Sender<Bytes>,
    backlog: Arc<AtomicUsize>,
}

impl Client {
    /// Puts a frame into its stream, unless it has not read for too long.
    fn tell(&self, frame: &Bytes) {
        if self.backlog.fetch_add(frame.len(), Ordering::SeqCst) > BACKLOG_BYTES_MAX {
            eprintln!("fake-fdb: limit BACKLOG_BYTES_MAX");
            self.stream.shutdown(Shutdown::Both).ok();
        } else {
            self.out.send(frame.clone()).ok();
        }
    }
}

#[derive(Default)]
struct State {
    /// Nobody is served.
    away: bool,
    connections: u64,
    /// By who they are; one that is here is still read from.
    clients: BTreeMap<u64, Client>,
}

pub struct Hub {
    cluster: Arc<Cluster>,
    /// Another server has other data, though it be at the same address.
    incarnation: u64,
    state: Mutex<State>,
    left: Condvar,
}

impl Hub {
    /// Serves an empty cluster at `listener` from now on.
    pub fn serve(listener: TcpListener) -> io::Result<Arc<Hub>> {
        let incarnation = SystemRng::default().next_u64() | 1;
        let cluster = Cluster::apart();
        let hub = Arc::new(Hub { cluster, incarnation, state: Mutex::default(), left: Condvar::new() });
        let serving = Arc::clone(&hub);
        let accept = move || {
            for stream in listener.incoming().flatten() {
                let hub = Arc::clone(&serving);
                let named = Builder::new().name("fake-fdb client".to_owned());
                if let Err(why) = named.spawn(move || hub.attend(stream)) {
                    eprintln!("fake-fdb: {why}");
                }
            }
        };
        Builder::new().name("fake-fdb door".to_owned()).spawn(accept)?;
        Ok(hub)
    }

    /// Cuts every connection off and takes no other, until it is told otherwise.
    pub fn away(&self, away: bool) {
        let mut state = self.state.lock();
        state.away = away;
        if away {
            for client in state.clients.values() {
                client.stream.shutdown(Shutdown::Both).ok();
            }
        }
    }

    fn attend(&self, stream: TcpStream) {
        match self.hello(&stream) {
            Ok(Some((client, connection))) => {
                self.listen(&stream, client).ok();
                self.leave(client, connection);
            }
            // Away; or not the cluster that the client knows.
            Ok(None) => {}
            Err(why) => eprintln!("fake-fdb: {why}"),
        }
        stream.shutdown(Shutdown::Both).ok();
    }

    /// Takes a client in, and begins to tell it everything.
    fn hello(&self, stream: &TcpStream) -> io::Result<Option<(u64, u64)>> {
        stream.set_nodelay(true)?;
        if self.state.lock().away {
            return Ok(None);
        }
        let Frame::Hello { client, incarnation } = Frame::read(&mut &*stream)? else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a client that does not say who it is"));
        };
        let mut writing = stream.try_clone()?;
        if incarnation != 0 && incarnation != self.incarnation {
            writing.write_all(&Frame::Begin { incarnation: self.incarnation }.encode())?;
            return Ok(None);
        }
        let mut state = self.state.lock();
        while let Some(before) = state.clients.get(&client) {
            before.stream.shutdown(Shutdown::Both).ok();
            self.left.wait(&mut state);
        }
        if state.away {
            return Ok(None);
        }
        state.connections += 1;
        let (connection, (out, frames), backlog) = (state.connections, channel(), Arc::new(AtomicUsize::new(0)));
        let (snapshot, incarnation, written) = (self.cluster.snapshot(), self.incarnation, Arc::clone(&backlog));
        let write = move || drop(tell_all(&mut writing, incarnation, snapshot, &frames, &written));
        Builder::new().name("fake-fdb teller".to_owned()).spawn(write)?;
        state.clients.insert(client, Client { connection, stream: stream.try_clone()?, out, backlog });
        Ok(Some((client, connection)))
    }

    fn leave(&self, client: u64, connection: u64) {
        let mut state = self.state.lock();
        if state.clients.get(&client).is_some_and(|client| client.connection == connection) {
            state.clients.remove(&client);
        }
        self.left.notify_all();
    }

    /// Does what a client asks for, until it is gone.
    fn listen(&self, stream: &TcpStream, client: u64) -> io::Result<()> {
        let mut from = BufReader::new(stream);
        loop {
            match Frame::read(&mut from)? {
                Frame::Ask { id } => {
                    let state = self.state.lock();
                    let version = self.cluster.snapshot().version;
                    if let Some(client) = state.clients.get(&client) {
                        client.tell(&Frame::Version { id, version }.encode());
                    }
                }
                Frame::Commit { id, wanted } => self.commit(client, id, wanted),
                Frame::Hello { .. }
                | Frame::Begin { .. }
                | Frame::Rows(_)
                | Frame::Ready { .. }
                | Frame::Applied { .. }
                | Frame::Version { .. }
                | Frame::Verdicts { .. } => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that no client sends"));
                }
            }
        }
    }

    /// Decides commits of one moment, and tells everybody before it tells who asked.
    fn commit(&self, client: u64, id: u64, wanted: Vec<Wanted>) {
        let state = self.state.lock();
        let mut batch = self.cluster.batch();
        let (mut decided, mut applied): (Vec<Decided>, Vec<Bytes>) = (Vec::new(), Vec::new());
        for Wanted { mutations, read_version, reads, writes } in wanted {
            let verdict = batch.commit(Request { mutations: &mutations, read_version, reads: &reads, writes });
            if let Ok((_, stamp)) = verdict {
                applied.push(Frame::Applied { stamp, mutations }.encode());
            }
            decided.push(verdict);
        }
        drop(batch);
        for (frame, client) in applied.iter().flat_map(|frame| state.clients.values().map(move |one| (frame, one))) {
            client.tell(frame);
        }
        if let Some(client) = state.clients.get(&client) {
            client.tell(&Frame::Verdicts { id, decided }.encode());
        }
    }
}

/// Writes what there is, and then what happens.
fn tell_all(
    stream: &mut TcpStream,
    incarnation: u64,
    snapshot: Snapshot,
    frames: &Receiver<Bytes>,
    backlog: &AtomicUsize,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(CHUNK_BYTES, &*stream);
    out.write_all(&Frame::Begin { incarnation }.encode())?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (key, value) in &snapshot.rows {
        bytes += key.len() + value.len();
        rows.push((key.clone(), value.clone()));
        if bytes >= CHUNK_BYTES {
            out.write_all(&Frame::Rows(std::mem::take(&mut rows)).encode())?;
            bytes = 0;
        }
    }
    out.write_all(&Frame::Rows(rows).encode())?;
    out.write_all(&Frame::Ready { version: snapshot.version }.encode())?;
    drop(snapshot);
    out.flush()?;
    while let Ok(frame) = frames.recv() {
        backlog.fetch_sub(frame.len(), Ordering::SeqCst);
        out.write_all(&frame)?;
        while let Ok(frame) = frames.try_recv() {
            backlog.fetch_sub(frame.len(), Ordering::SeqCst);
            out.write_all(&frame)?;
        }
        out.flush()?;
    }
    Ok(())
}
