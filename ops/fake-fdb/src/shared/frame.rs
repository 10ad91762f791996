//! SUMMARY    What clients and the server of a shared cluster say: a length (four bytes, little-endian), a kind, and its fields.
//! SECURITY   Lengths are checked before they are believed: a frame that is cut short, too long or of no kind is an error.
//! LIMITS     FRAME_BYTES_MAX

use crate::model::{
    code::Code,
    future::Row,
    limit::FRAME_BYTES_MAX,
    mutation::{Atomic, Mutation, STAMP_BYTES},
    ranges::Ranges,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::io::{self, Read};

/// The first word of every connection: another program at the port is found out.
const MAGIC: u64 = 0x6661_6b65_6664_6201;

/// A commit that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub mutations: Vec<Mutation>,
    /// None where nothing was read.
    pub read_version: Option<i64>,
    pub reads: Ranges,
    pub writes: Ranges,
}

/// Version and stamp, or why not.
pub type Decided = Result<(i64, [u8; STAMP_BYTES]), Code>;

#[derive(Debug, Clone)]
pub enum Frame {
    /// A client's first: who it is, and whose data it has seen (0: nobody's).
    Hello {
        client: u64,
        incarnation: u64,
    },
    /// Asks for a read version.
    Ask {
        id: u64,
    },
    /// Commits that are decided together.
    Commit {
        id: u64,
        wanted: Vec<Wanted>,
    },
    /// The server's first: whose data follow.
    Begin {
        incarnation: u64,
    },
    Rows(Vec<Row>),
    /// All rows were told, as they were at this version.
    Ready {
        version: i64,
    },
    /// Somebody's commit.
    Applied {
        stamp: [u8; STAMP_BYTES],
        mutations: Vec<Mutation>,
    },
    Version {
        id: u64,
        version: i64,
    },
    Verdicts {
        id: u64,
        decided: Vec<Decided>,
    },
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u32_le(u32::try_from(count).unwrap_or(u32::MAX));
}

fn put_ranges(out: &mut BytesMut, ranges: &Ranges) {
    put_count(out, ranges.iter().count());
    for (begin, end) in ranges.iter() {
        put_bytes(out, begin);
        put_bytes(out, end);
    }
}

/// In the order of their numbers.
const ATOMICS: [Atomic; 10] = [
    Atomic::Add,
    Atomic::And,
    Atomic::Or,
    Atomic::Xor,
    Atomic::AppendIfFits,
    Atomic::Max,
    Atomic::Min,
    Atomic::ByteMin,
    Atomic::ByteMax,
    Atomic::CompareAndClear,
];
const FIRST_ATOMIC: u8 = 16;

fn put_mutations(out: &mut BytesMut, mutations: &[Mutation]) {
    put_count(out, mutations.len());
    for mutation in mutations {
        let (kind, a, b) = match mutation {
            Mutation::Set(a, b) => (0, a, b),
            Mutation::Clear(a, b) => (1, a, b),
            Mutation::StampedKey(a, b) => (2, a, b),
            Mutation::StampedValue(a, b) => (3, a, b),
            Mutation::Atomic(atomic, a, b) => {
                let place = ATOMICS.iter().position(|one| one == atomic).and_then(|place| u8::try_from(place).ok());
                (FIRST_ATOMIC + place.unwrap_or_default(), a, b)
            }
        };
        out.put_u8(kind);
        put_bytes(out, a);
        put_bytes(out, b);
    }
}

fn put_decided(out: &mut BytesMut, decided: Decided) {
    let (code, (version, stamp)) = match decided {
        Ok(committed) => (0, committed),
        Err(code) => (code, (0, [0; STAMP_BYTES])),
    };
    out.put_i32_le(code);
    out.put_i64_le(version);
    out.put_slice(&stamp);
}

impl Frame {
    /// With its length in front.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u32_le(0);
        match self {
            Frame::Hello { client, incarnation } => {
                out.put_u8(1);
                out.put_u64_le(MAGIC);
                out.put_u64_le(*client);
                out.put_u64_le(*incarnation);
            }
            Frame::Ask { id } => {
                out.put_u8(2);
                out.put_u64_le(*id);
            }
            Frame::Commit { id, wanted } => {
                out.put_u8(3);
                out.put_u64_le(*id);
                put_count(&mut out, wanted.len());
                for one in wanted {
                    out.put_i64_le(one.read_version.unwrap_or(-1));
                    put_ranges(&mut out, &one.reads);
                    put_ranges(&mut out, &one.writes);
                    put_mutations(&mut out, &one.mutations);
                }
            }
            Frame::Begin { incarnation } => {
                out.put_u8(4);
                out.put_u64_le(*incarnation);
            }
            Frame::Rows(rows) => {
                out.put_u8(5);
                put_count(&mut out, rows.len());
                for (key, value) in rows {
                    put_bytes(&mut out, key);
                    put_bytes(&mut out, value);
                }
            }
            Frame::Ready { version } => {
                out.put_u8(6);
                out.put_i64_le(*version);
            }
            Frame::Applied { stamp, mutations } => {
                out.put_u8(7);
                out.put_slice(stamp);
                put_mutations(&mut out, mutations);
            }
            Frame::Version { id, version } => {
                out.put_u8(8);
                out.put_u64_le(*id);
                out.put_i64_le(*version);
            }
            Frame::Verdicts { id, decided } => {
                out.put_u8(9);
                out.put_u64_le(*id);
                put_count(&mut out, decided.len());
                decided.iter().for_each(|one| put_decided(&mut out, *one));
            }
        }
        let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = out.get_mut(..4) {
            place.copy_from_slice(&length);
        }
        out.freeze()
    }

    /// What stands behind a length; None if it is no frame.
    pub fn decode(body: &[u8]) -> Option<Frame> {
        let mut from = Fields(body);
        let frame = match from.u8()? {
            1 if from.u64()? == MAGIC => Frame::Hello { client: from.u64()?, incarnation: from.u64()? },
            2 => Frame::Ask { id: from.u64()? },
            3 => Frame::Commit { id: from.u64()?, wanted: from.list(Fields::wanted)? },
            4 => Frame::Begin { incarnation: from.u64()? },
            5 => Frame::Rows(from.list(|from| Some((from.bytes()?, from.bytes()?)))?),
            6 => Frame::Ready { version: from.i64()? },
            7 => Frame::Applied { stamp: from.stamp()?, mutations: from.list(Fields::mutation)? },
            8 => Frame::Version { id: from.u64()?, version: from.i64()? },
            9 => Frame::Verdicts { id: from.u64()?, decided: from.list(Fields::decided)? },
            _ => return None,
        };
        from.0.is_empty().then_some(frame)
    }

    /// The next frame of a connection.
    pub fn read(from: &mut impl Read) -> io::Result<Frame> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "limit FRAME_BYTES_MAX"));
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Frame::decode(&body).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no frame"))
    }
}

/// What is left of a frame.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u8(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.0.try_get_u32_le().ok()
    }

    fn u64(&mut self) -> Option<u64> {
        self.0.try_get_u64_le().ok()
    }

    fn i64(&mut self) -> Option<i64> {
        self.0.try_get_i64_le().ok()
    }

    /// A copy, so that a small row does not keep a large frame.
    fn bytes(&mut self) -> Option<Bytes> {
        let length = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Bytes::copy_from_slice(bytes))
    }

    fn stamp(&mut self) -> Option<[u8; STAMP_BYTES]> {
        let (stamp, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*stamp)
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        // Each has a byte at least: a count cannot ask for more than was sent.
        if count as usize > self.0.len() {
            return None;
        }
        (0..count).map(|_| one(self)).collect()
    }

    fn ranges(&mut self) -> Option<Ranges> {
        let mut ranges = Ranges::default();
        for (begin, end) in self.list(|from| Some((from.bytes()?, from.bytes()?)))? {
            ranges.add(begin, end);
        }
        Some(ranges)
    }

    fn mutation(&mut self) -> Option<Mutation> {
        let (kind, a, b) = (self.u8()?, self.bytes()?, self.bytes()?);
        Some(match kind {
            0 => Mutation::Set(a, b),
            1 => Mutation::Clear(a, b),
            2 => Mutation::StampedKey(a, b),
            3 => Mutation::StampedValue(a, b),
            _ => Mutation::Atomic(*ATOMICS.get(usize::from(kind.checked_sub(FIRST_ATOMIC)?))?, a, b),
        })
    }

    fn wanted(&mut self) -> Option<Wanted> {
        let read_version = Some(self.i64()?).filter(|version| *version >= 0);
        let (reads, writes) = (self.ranges()?, self.ranges()?);
        Some(Wanted { mutations: self.list(Fields::mutation)?, read_version, reads, writes })
    }

    fn decided(&mut self) -> Option<Decided> {
        let code = self.0.try_get_i32_le().ok()?;
        let committed = (self.i64()?, self.stamp()?);
        Some(if code == 0 { Ok(committed) } else { Err(code) })
    }
}
