//! SUMMARY    Rows as a tree: chunks of rows, pages of a list of those, pages of pages, up to one root that stands for all.
//! LIMITS     LIST_LEVELS_MAX; CHUNKS_IN_FLIGHT_MAX
//! INVARIANTS The same rows make the same tree, whatever was stored before. A page is put after everything it names.

use crate::{
    Error, Result,
    limits::{CHUNKS_IN_FLIGHT_MAX, LIST_LEVELS_MAX},
    row::{Cutter, Piece, Shape, Weight},
    seal::Name,
    write::Shared,
};
use bytes::Bytes;
use prost::Message;
use std::{collections::VecDeque, fmt::Write as _, sync::Arc};
use tokio::task::JoinHandle;

/// What is stored under the hash of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Rows of streams.
    Chunk,
    /// What names something else: pages of chunks, of streams, of objects.
    List,
}

impl Family {
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Family::Chunk => "chunk/",
            Family::List => "list/",
        }
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Family::Chunk => Shape::CHUNK,
            Family::List => Shape::LIST,
        }
    }

    /// Where content is in a depot.
    pub(crate) fn place(self, name: &Name) -> String {
        let mut hex = String::with_capacity(64);
        for byte in name {
            let _ = write!(hex, "{byte:02x}");
        }
        format!("{}{}/{hex}", self.folder(), hex.get(..2).unwrap_or_default())
    }

    /// The name of a place, if it is one.
    pub(crate) fn name(self, place: &str) -> Option<Name> {
        let (folder, hex) = place.strip_prefix(self.folder())?.split_once('/')?;
        let name = *blake3::Hash::from_hex(hex).ok()?.as_bytes();
        (hex.starts_with(folder) && self.place(&name) == place).then_some(name)
    }
}

/// Stored rows and what is known of them: an entry of a list, or the root of a tree.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    /// Keyed hash of the encoded rows, 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) name: Bytes,
    /// 0: the rows themselves. Else each row is the first key and the node of something one level lower.
    #[prost(uint32, tag = "2")]
    pub(crate) level: u32,
    /// The least and the greatest key below.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) first: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) last: Bytes,
    /// Rows at level 0 below it, and bytes of their keys and values.
    #[prost(uint64, tag = "5")]
    pub(crate) rows: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) bytes: u64,
    /// Bytes of the sealed object.
    #[prost(uint64, tag = "7")]
    pub(crate) stored: u64,
    /// Whether it is under `list/`.
    #[prost(bool, tag = "8")]
    pub(crate) list: bool,
}

impl Node {
    pub(crate) fn family(&self) -> Family {
        if self.list { Family::List } else { Family::Chunk }
    }

    /// Its content's name. Errors: it has none.
    pub(crate) fn content(&self) -> Result<Name> {
        let name = <Name>::try_from(self.name.as_ref());
        name.map_err(|_| Error::damaged("a list", "an entry has no name of a chunk"))
    }

    pub(crate) fn place(&self) -> Result<String> {
        Ok(self.family().place(&self.content()?))
    }

    pub(crate) fn weight(&self) -> Weight {
        Weight { rows: self.rows, bytes: self.bytes }
    }
}

/// Pages of one level.
struct Level {
    cutter: Cutter,
    /// The greatest key of what was added last.
    last: Bytes,
    /// The first node that came, as long as it is the only one: then it is the root and needs no page.
    only: Option<Node>,
    is_several: bool,
}

impl Level {
    fn new() -> Self {
        Level { cutter: Cutter::new(Shape::LIST), last: Bytes::new(), only: None, is_several: false }
    }

    /// What is to be added now that `node` came.
    fn admit(&mut self, node: Node) -> Vec<Node> {
        if self.is_several {
            return vec![node];
        }
        match self.only.take() {
            None => {
                self.only = Some(node);
                Vec::new()
            }
            Some(first) => {
                self.is_several = true;
                vec![first, node]
            }
        }
    }
}

/// Puts rows that come in order as a tree.
pub(crate) struct TreeWriter {
    shared: Arc<Shared>,
    /// Of the rows themselves.
    family: Family,
    leaves: Cutter,
    /// Chunks that are being sealed and put, in order.
    in_flight: VecDeque<JoinHandle<Result<Node>>>,
    /// Pages above the rows: the first of them have level 1.
    levels: Vec<Level>,
}

impl TreeWriter {
    pub(crate) fn new(shared: Arc<Shared>, family: Family) -> Self {
        let leaves = Cutter::new(family.shape());
        TreeWriter { shared, family, leaves, in_flight: VecDeque::new(), levels: Vec::new() }
    }

    /// Adds a row, behind all before it.
    pub(crate) async fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let weight = Weight { rows: 1, bytes: (key.len() + value.len()) as u64 };
        match self.leaves.push(self.shared.keys(), key, value, weight)? {
            Some(piece) => self.launch(piece).await,
            None => Ok(()),
        }
    }

    async fn launch(&mut self, piece: Piece) -> Result<()> {
        while self.in_flight.len() >= CHUNKS_IN_FLIGHT_MAX {
            self.land().await?;
        }
        let permit = self.shared.permit().await?;
        let (shared, family) = (self.shared.clone(), self.family);
        self.in_flight.push_back(tokio::spawn(async move {
            let _permit = permit;
            shared.store(family, 0, piece).await
        }));
        Ok(())
    }

    /// Waits for the oldest chunk that is in flight.
    async fn land(&mut self) -> Result<()> {
        let Some(task) = self.in_flight.pop_front() else { return Ok(()) };
        let node = task.await.map_err(|why| Error::Machine(why.to_string()))??;
        self.list(node).await
    }

    /// Notes a node in the level above it; what that fills is put, and noted above that.
    async fn list(&mut self, node: Node) -> Result<()> {
        let mut next = Some(node);
        while let Some(node) = next.take() {
            let number = node.level;
            if number >= LIST_LEVELS_MAX {
                return Err(Error::Limit("LIST_LEVELS_MAX"));
            }
            let at = number as usize;
            if self.levels.len() <= at {
                self.levels.push(Level::new());
            }
            let Some(level) = self.levels.get_mut(at) else { return Err(Error::Limit("LIST_LEVELS_MAX")) };
            // No page ends with fewer than LIST_ROWS_MIN entries, so two that are added at once fill one at most.
            for node in level.admit(node) {
                let last = std::mem::replace(&mut level.last, node.last.clone());
                let entry = node.encode_to_vec();
                if let Some(piece) = level.cutter.push(self.shared.keys(), &node.first, &entry, node.weight())? {
                    let piece = Piece { last: last.to_vec(), ..piece };
                    next = Some(self.shared.store(Family::List, number + 1, piece).await?);
                }
            }
        }
        Ok(())
    }

    /// Puts what is left; the root, `None` of no rows.
    pub(crate) async fn finish(mut self) -> Result<Option<Node>> {
        if let Some(piece) = self.leaves.take() {
            self.launch(piece).await?;
        }
        while !self.in_flight.is_empty() {
            self.land().await?;
        }
        let mut at = 0;
        while let Some(level) = self.levels.get_mut(at) {
            if let Some(root) = level.only.take() {
                return Ok(Some(root));
            }
            let last = level.last.to_vec();
            if let Some(piece) = level.cutter.take() {
                let number = u32::try_from(at + 1).map_err(|_| Error::Limit("LIST_LEVELS_MAX"))?;
                let node = self.shared.store(Family::List, number, Piece { last, ..piece }).await?;
                self.list(node).await?;
            }
            at += 1;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_names_and_nothing_else_does() {
        let name = [0xab; 32];
        let place = Family::Chunk.place(&name);
        assert_eq!(place, format!("chunk/ab/{}", "ab".repeat(32)));
        assert_eq!(Family::Chunk.name(&place), Some(name));
        assert_eq!(Family::List.name(&place), None);
        for other in [place.to_uppercase(), place.replacen("ab/", "ac/", 1), place[..70].to_owned(), "chunk/".into()] {
            assert_eq!(Family::Chunk.name(&other), None, "{other}");
        }
    }
}
