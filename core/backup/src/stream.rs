//! SUMMARY    One stream of a backup: rows that come in the order of their keys.
//! LIMITS     ROW_BYTES_MAX, ROW_KEY_BYTES_MAX
//! INVARIANTS A row whose key is not behind the one before is refused, and the stream with it.

use crate::{
    Error, Result,
    manifest::StreamEntry,
    tree::{Family, TreeWriter},
    write::Shared,
};
use std::sync::Arc;

/// A stream being written. Without `finish` its backup has no snapshot.
pub struct StreamWriter {
    shared: Arc<Shared>,
    kind: String,
    name: String,
    tree: TreeWriter,
    last: Option<Vec<u8>>,
}

impl StreamWriter {
    pub(crate) fn new(shared: Arc<Shared>, kind: &str, name: &str) -> Self {
        let tree = TreeWriter::new(shared.clone(), Family::Chunk);
        StreamWriter { shared, kind: kind.to_owned(), name: name.to_owned(), tree, last: None }
    }

    /// Adds a row; waits while CHUNKS_IN_FLIGHT_MAX chunks are being put. Errors: `Order`, `Limit`, `LockLost`, `Depot`.
    pub async fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match &mut self.last {
            Some(last) if last.as_slice() >= key => return Err(Error::Order(self.name.clone())),
            Some(last) => {
                last.clear();
                last.extend_from_slice(key);
            }
            last @ None => *last = Some(key.to_vec()),
        }
        self.tree.push(key, value).await
    }

    /// Puts what is left: everything of the stream is durable.
    pub async fn finish(self) -> Result<()> {
        let root = self.tree.finish().await?;
        let entry = StreamEntry { kind: self.kind, root };
        let mut state = self.shared.state.lock();
        let weight = entry.weight();
        state.totals.streams += 1;
        state.totals.rows += weight.rows;
        state.totals.row_bytes += weight.bytes;
        state.open.remove(&format!("stream {}", self.name));
        state.streams.insert(self.name, entry);
        Ok(())
    }
}
