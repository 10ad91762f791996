//! SUMMARY    The server of a shared cluster, frame by frame: what it tells in which order, and who comes again.

use bytes::Bytes;
use fake_fdb::{
    model::{code, mutation::Mutation, ranges::Ranges},
    shared::{
        frame::{Frame, Wanted},
        hub::Hub,
    },
};
use proptest::prelude::*;
use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

fn hub() -> (Arc<Hub>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (Hub::serve(listener).unwrap(), address)
}

/// A connection, and what it was told at first.
struct Client {
    stream: TcpStream,
    incarnation: u64,
    version: i64,
    keys: Vec<Bytes>,
}

impl Client {
    /// None if the server ends the connection instead.
    fn connect(address: SocketAddr, client: u64, known: u64) -> Option<Client> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&Frame::Hello { client, incarnation: known }.encode()).ok()?;
        let (mut incarnation, mut keys) = (0, Vec::new());
        loop {
            match Frame::read(&mut stream).ok()? {
                Frame::Begin { incarnation: whose } => incarnation = whose,
                Frame::Rows(rows) => keys.extend(rows.into_iter().map(|(key, _)| key)),
                Frame::Ready { version } => return Some(Client { stream, incarnation, version, keys }),
                other => panic!("{other:?}"),
            }
        }
    }

    fn say(&mut self, frame: &Frame) {
        self.stream.write_all(&frame.encode()).unwrap();
    }

    fn hear(&mut self) -> Frame {
        Frame::read(&mut self.stream).unwrap()
    }

    fn commit(&mut self, id: u64, wanted: Vec<Wanted>) {
        self.say(&Frame::Commit { id, wanted });
    }

    fn applied(&mut self) -> [u8; 10] {
        match self.hear() {
            Frame::Applied { stamp, .. } => stamp,
            other => panic!("{other:?}"),
        }
    }
}

fn key(key: &'static str) -> Bytes {
    Bytes::from_static(key.as_bytes())
}

/// Sets a key, having read another one at a version.
fn set(name: &'static str, read: Option<(&'static str, i64)>) -> Wanted {
    let (mut reads, mut writes) = (Ranges::default(), Ranges::default());
    writes.add_key(&key(name));
    if let Some((name, _)) = read {
        reads.add_key(&key(name));
    }
    let mutations = vec![Mutation::Set(key(name), Bytes::new())];
    Wanted { mutations, read_version: read.map(|(_, version)| version), reads, writes }
}

#[test]
fn everybody_hears_of_a_commit_and_who_wanted_it_last() {
    let (_hub, address) = hub();
    let (mut one, mut two) = (Client::connect(address, 1, 0).unwrap(), Client::connect(address, 2, 0).unwrap());
    assert_eq!(one.incarnation, two.incarnation);
    one.commit(7, vec![set("a", None), set("b", None)]);
    let (first, second) = (one.applied(), one.applied());
    assert!(first < second);
    let Frame::Verdicts { id: 7, decided } = one.hear() else { panic!("no verdicts") };
    assert_eq!(decided.iter().map(|one| one.unwrap().1).collect::<Vec<_>>(), [first, second]);
    assert_eq!([two.applied(), two.applied()], [first, second]);
    // What was read before is in the way of who reads it at an older version, wherever that is.
    two.commit(8, vec![set("c", Some(("a", two.version)))]);
    let Frame::Verdicts { id: 8, decided } = two.hear() else { panic!("no verdicts") };
    assert_eq!(decided, [Err(code::NOT_COMMITTED)]);
    two.say(&Frame::Ask { id: 9 });
    let Frame::Version { id: 9, version } = two.hear() else { panic!("no version") };
    assert!(version >= i64::from_be_bytes(*first.first_chunk().unwrap()));
    two.commit(10, vec![set("c", Some(("a", version)))]);
    two.applied();
    one.applied();
}

#[test]
fn rows_outlive_who_wrote_them() {
    let (_hub, address) = hub();
    let mut one = Client::connect(address, 1, 0).unwrap();
    one.commit(1, vec![set("a", None)]);
    one.applied();
    let known = one.incarnation;
    drop(one);
    assert_eq!(Client::connect(address, 2, known).unwrap().keys, [key("a")]);
}

#[test]
fn what_was_sent_over_a_lost_connection_is_decided_before_another_is_served() {
    let (_hub, address) = hub();
    for round in 0..50 {
        let mut one = Client::connect(address, 1, 0).unwrap();
        one.commit(round, vec![set("a", None); 20]);
        one.commit(round, vec![set("b", None); 20]);
        // The old connection is still there, and full of what nobody reads.
        let mut again = Client::connect(address, 1, one.incarnation).unwrap();
        again.say(&Frame::Ask { id: 1 });
        assert!(matches!(again.hear(), Frame::Version { id: 1, .. }), "something of the old connection came later");
    }
}

#[test]
fn who_is_away_serves_nobody_and_comes_back_with_the_rows() {
    let (hub, address) = hub();
    let mut one = Client::connect(address, 1, 0).unwrap();
    one.commit(1, vec![set("a", None)]);
    one.applied();
    hub.away(true);
    assert!(Client::connect(address, 1, 0).is_none());
    hub.away(false);
    assert_eq!(Client::connect(address, 1, one.incarnation).unwrap().keys, [key("a")]);
}

#[test]
fn another_server_is_not_taken_for_the_old_one() {
    let (_hub, address) = hub();
    assert!(Client::connect(address, 1, 2).is_none());
}

#[test]
fn nonsense_ends_its_connection() {
    let (_hub, address) = hub();
    let mut one = Client::connect(address, 1, 0).unwrap();
    one.stream.write_all(&[3, 0, 0, 0, 99, 0, 0]).unwrap();
    assert!(Frame::read(&mut one.stream).is_err());
    assert!(Client::connect(address, 2, 0).is_some());
}

proptest! {
    #[test]
    fn frames_are_read_as_they_were_written(
        rows in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 0..9)), 0..5),
        cut in 0_usize..100,
        version: i64,
        id: u64,
    ) {
        let rows: Vec<(Bytes, Bytes)> = rows.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
        let mut ranges = Ranges::default();
        rows.iter().for_each(|(a, b)| ranges.add(a.clone(), b.clone()));
        let mutations: Vec<Mutation> = rows.iter().map(|(a, b)| Mutation::StampedKey(a.clone(), b.clone())).collect();
        let wanted = Wanted { mutations, read_version: Some(version).filter(|v| *v >= 0), reads: ranges.clone(), writes: ranges };
        for frame in [
            Frame::Rows(rows.clone()),
            Frame::Commit { id, wanted: vec![wanted.clone(), wanted] },
            Frame::Verdicts { id, decided: vec![Ok((version, [7; 10])), Err(code::TOO_OLD)] },
        ] {
            let bytes = frame.encode();
            prop_assert_eq!(format!("{:?}", Frame::decode(&bytes[4..]).unwrap()), format!("{frame:?}"));
            // Cut short it is nothing.
            let shorter = bytes.len().saturating_sub(1 + cut).max(4);
            prop_assert!(Frame::decode(&bytes[4..shorter]).is_none());
        }
    }
}
