//! SUMMARY    A source read ahead: small ranges that lie close together are one read.
//! LIMITS     IMPORT_PIECE_BYTES

use std::{io, ops::Range, sync::Arc};

use base::limits::IMPORT_PIECE_BYTES;
use bytes::{Bytes, BytesMut};

use crate::source::Source;

/// A source, with the piece of it that was read last.
pub(crate) struct Pieces {
    source: Arc<dyn Source>,
    at: u64,
    piece: Bytes,
}

impl Pieces {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Pieces { source, at: 0, piece: Bytes::new() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.source.bytes()
    }

    /// The beginning of a range that is not empty: as much of it as there is in one piece.
    pub(crate) async fn some(&mut self, range: Range<u64>) -> io::Result<Bytes> {
        let ends = || io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before that");
        if range.start >= range.end || range.end > self.source.bytes() {
            return Err(ends());
        }
        let known = self.at..self.at + self.piece.len() as u64;
        if !known.contains(&range.start) {
            let end = range.start.saturating_add(IMPORT_PIECE_BYTES).min(self.source.bytes());
            self.piece = self.source.read(range.start..end).await?;
            self.at = range.start;
        }
        let from = usize::try_from(range.start - self.at).map_err(io::Error::other)?;
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let to = from.saturating_add(len).min(self.piece.len());
        if from >= to { Err(ends()) } else { Ok(self.piece.slice(from..to)) }
    }

    /// All of a range, which is short.
    pub(crate) async fn all(&mut self, range: Range<u64>) -> io::Result<Bytes> {
        let mut out = BytesMut::new();
        let mut at = range.start;
        while at < range.end {
            let piece = self.some(at..range.end).await?;
            at += piece.len() as u64;
            if piece.len() as u64 == range.end - range.start {
                return Ok(piece);
            }
            out.extend_from_slice(&piece);
        }
        Ok(out.freeze())
    }
}
