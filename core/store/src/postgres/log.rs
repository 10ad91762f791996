//! SUMMARY    What groups of commits wrote, as the nodes tell each other through `kv_log`.
//! INVARIANTS Keys travel whole: each process hashes them with a key of its own.

use crate::{
    layer::{Layer, Slice},
    resolver::{KeyHasher, Span, WriteSet},
};
use prost::Message;

/// What one commit wrote: keys, and cleared ranges as from, to, from, to.
#[derive(Clone, PartialEq, Message)]
struct Commit {
    #[prost(bytes = "vec", repeated, tag = "1")]
    keys: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    clears: Vec<Vec<u8>>,
}

/// Commits in the order of their versions.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Written {
    #[prost(message, repeated, tag = "1")]
    commits: Vec<Commit>,
}

impl Written {
    pub(super) fn push(&mut self, writes: &Layer) {
        let keys = writes.patches().map(|(key, _)| key.to_vec()).collect();
        let clears = writes.clears().flat_map(|(from, to)| [from.to_vec(), to.to_vec()]).collect();
        self.commits.push(Commit { keys, clears });
    }

    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Written, String> {
        Written::decode(bytes).map_err(|_| "kv_log: not what a commit wrote".to_owned())
    }

    /// For the resolver, one commit after the other.
    pub(super) fn write_sets(self, hasher: &KeyHasher) -> impl Iterator<Item = WriteSet> {
        self.commits.into_iter().map(|commit| {
            let points = commit.keys.into_iter().map(|key| hasher.point(Slice::from(key))).collect();
            let clears = commit.clears.chunks_exact(2).filter_map(|pair| match pair {
                [from, to] => Some(Span { from: Slice::from(from.as_slice()), to: Slice::from(to.as_slice()) }),
                _ => None,
            });
            WriteSet { points, clears: clears.collect() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_told() {
        let mut layer = Layer::default();
        layer.clear_range(b"p", b"q");
        layer.put(Slice::from(b"a"), Slice::from(b"1"));
        layer.add(Slice::from(b"n"), 2);
        let mut written = Written::default();
        written.push(&layer);
        written.push(&Layer::default());
        let hasher = KeyHasher::default();
        let read = Written::read(&written.encode()).unwrap();
        assert_eq!(read.len(), 2);
        let sets: Vec<WriteSet> = read.write_sets(&hasher).collect();
        let keys: Vec<&[u8]> = sets[0].points.iter().map(|point| point.key.as_ref()).collect();
        assert_eq!(keys, [&b"a"[..], b"n"]);
        assert_eq!(sets[0].points[0].hash, hasher.point(Slice::from(b"a")).hash);
        assert_eq!(sets[0].clears, [Span { from: Slice::from(b"p"), to: Slice::from(b"q") }]);
        assert!(sets[1].points.is_empty() && sets[1].clears.is_empty());
        assert!(Written::read(b"\xff\xff").is_err());
    }
}
