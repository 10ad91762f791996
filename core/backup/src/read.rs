//! SUMMARY    Rows of a stream, or of parts of it: only what overlaps what was asked for is fetched, some chunks ahead.
//! LIMITS     CHUNKS_IN_FLIGHT_MAX, LIST_LEVELS_MAX
//! INVARIANTS Every chunk and page is checked before a row of it is given. Rows come in the order of their keys.

use crate::{
    Error, Repository, Result,
    limits::{CHUNKS_IN_FLIGHT_MAX, LIST_LEVELS_MAX},
    row::Row,
    tree::Node,
};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Keys from one (included) to another (excluded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub from: Bytes,
    /// `None`: to the last.
    pub to: Option<Bytes>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        KeyRange { from: Bytes::new(), to: None }
    }

    pub fn new(from: impl Into<Bytes>, to: impl Into<Bytes>) -> Self {
        KeyRange { from: from.into(), to: Some(to.into()) }
    }

    /// Everything from a key on.
    pub fn starting(from: impl Into<Bytes>) -> Self {
        KeyRange { from: from.into(), to: None }
    }

    fn has(&self, key: &[u8]) -> bool {
        self.from <= *key && self.to.as_ref().is_none_or(|to| key < to)
    }

    fn overlaps(&self, node: &Node) -> bool {
        self.from <= node.last && self.to.as_ref().is_none_or(|to| node.first < *to)
    }
}

/// Gives the rows of a stream, a chunk's at a time.
pub struct RowReader {
    repo: Repository,
    ranges: Vec<KeyRange>,
    /// What is still to be looked at, the next one last.
    ahead: Vec<Node>,
    in_flight: VecDeque<JoinHandle<Result<Vec<Row>>>>,
}

impl RowReader {
    pub(crate) fn new(repo: &Repository, root: Option<Node>, ranges: &[KeyRange]) -> Self {
        let (ranges, ahead) = (ranges.to_vec(), root.into_iter().collect());
        RowReader { repo: repo.clone(), ranges, ahead, in_flight: VecDeque::new() }
    }

    /// The next rows, at least one; `None` behind the last. After an error nothing more is to be asked for.
    pub async fn next_page(&mut self) -> Result<Option<Vec<(Bytes, Bytes)>>> {
        loop {
            while self.in_flight.len() < CHUNKS_IN_FLIGHT_MAX {
                let Some(leaf) = self.leaf().await? else { break };
                let repo = self.repo.clone();
                self.in_flight.push_back(tokio::spawn(async move { repo.rows(&leaf).await }));
            }
            let Some(task) = self.in_flight.pop_front() else { return Ok(None) };
            let mut rows = task.await.map_err(|why| Error::Machine(why.to_string()))??;
            rows.retain(|(key, _)| self.ranges.iter().any(|range| range.has(key)));
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
    }

    /// The next chunk that has something of what was asked for.
    async fn leaf(&mut self) -> Result<Option<Node>> {
        while let Some(node) = self.ahead.pop() {
            if !self.ranges.iter().any(|range| range.overlaps(&node)) {
                continue;
            }
            if node.level == 0 {
                return Ok(Some(node));
            }
            if node.level > LIST_LEVELS_MAX {
                return Err(Error::Limit("LIST_LEVELS_MAX"));
            }
            self.ahead.extend(self.repo.children(&node).await?.into_iter().rev());
        }
        Ok(None)
    }
}

impl Drop for RowReader {
    fn drop(&mut self) {
        self.in_flight.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_their_first_key_and_not_their_last() {
        let range = KeyRange::new("b", "d");
        assert_eq!([b"a", b"b", b"c", b"d"].map(|key| range.has(key)), [false, true, true, false]);
        let node = |first: &'static str, last: &'static str| Node {
            first: first.into(),
            last: last.into(),
            ..Node::default()
        };
        let nodes = [node("a", "az"), node("a", "b"), node("cc", "x"), node("d", "x"), node("a", "z")];
        assert_eq!(nodes.map(|node| range.overlaps(&node)), [false, true, true, false, true]);
        assert!(KeyRange::all().has(b"") && KeyRange::starting("c").has(b"zzz") && !KeyRange::starting("c").has(b"b"));
    }
}
