//! SUMMARY    A stream of an export as segments: cut and stored while the next one is made; read back in order.
//! LIMITS     EXPORT_SEGMENT_BYTES
//! INVARIANTS A segment is stored after the one before it. Memory is three segments.

use account::{Error, ExportLease, Progress, Result, Stream};
use base::{
    Kind,
    limits::{EXPORT_PIECE_BYTES, EXPORT_SEGMENT_BYTES},
};
use bytes::Bytes;
use tokio::task::JoinHandle;

/// Bytes of a buffer: a segment, and what the last piece has beyond it.
const BUFFER_BYTES: usize = EXPORT_SEGMENT_BYTES + EXPORT_PIECE_BYTES as usize + 64 * 1024;

/// A stream being written.
pub(crate) struct SegmentWriter {
    lease: ExportLease,
    stream: Stream,
    segment: u32,
    /// What does not fill a segment yet.
    pub(crate) buffer: Vec<u8>,
    /// The segment that is being stored.
    pending: Option<JoinHandle<Result<()>>>,
    /// Of the segments that were stored.
    bytes: u64,
    /// What was written since the last segment.
    pub(crate) done: Progress,
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        // Cut off: nobody waits for it any more.
        if let Some(pending) = self.pending.take() {
            pending.abort();
        }
    }
}

impl SegmentWriter {
    pub(crate) fn new(lease: &ExportLease, stream: Stream) -> Self {
        SegmentWriter {
            lease: lease.clone(),
            stream,
            segment: 0,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            pending: None,
            bytes: 0,
            done: Progress::default(),
        }
    }

    /// Stores the segments that the buffer fills.
    pub(crate) async fn cut(&mut self) -> Result<()> {
        while self.buffer.len() >= EXPORT_SEGMENT_BYTES {
            let mut full = std::mem::replace(&mut self.buffer, Vec::with_capacity(BUFFER_BYTES));
            self.buffer.extend_from_slice(full.get(EXPORT_SEGMENT_BYTES..).unwrap_or_default());
            full.truncate(EXPORT_SEGMENT_BYTES);
            self.store(full).await?;
        }
        Ok(())
    }

    async fn store(&mut self, plain: Vec<u8>) -> Result<()> {
        self.bytes += plain.len() as u64;
        self.settle().await?;
        let (lease, stream, segment) = (self.lease.clone(), self.stream, self.segment);
        let done = std::mem::take(&mut self.done);
        self.pending = Some(tokio::spawn(async move { lease.put_segment(stream, segment, plain, done).await }));
        self.segment += 1;
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        match self.pending.take() {
            None => Ok(()),
            Some(pending) => pending.await.map_err(|e| Error::new(Kind::Unavailable, e.to_string()))?,
        }
    }

    /// Stores what is left; gives how many bytes the whole stream has.
    pub(crate) async fn end(mut self) -> Result<u64> {
        self.cut().await?;
        if !self.buffer.is_empty() {
            let last = std::mem::take(&mut self.buffer);
            self.store(last).await?;
        }
        self.settle().await?;
        Ok(self.bytes)
    }
}

/// A stream being read.
pub(crate) struct SegmentReader {
    lease: ExportLease,
    stream: Stream,
    segment: u32,
}

impl SegmentReader {
    pub(crate) fn new(lease: &ExportLease, stream: Stream) -> Self {
        SegmentReader { lease: lease.clone(), stream, segment: 0 }
    }

    /// The next segment; `None`: that was the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let found = self.lease.segment(self.stream, self.segment).await?;
        self.segment += 1;
        Ok(found)
    }
}
