//! SUMMARY    The bytes of one file of an input, in order: of an entry of an archive, unpacked; of a file as it is.
//! INVARIANTS Bytes are handed out before it is known that they are right: `end` says so.

use std::{fmt, io, ops::Range};

use archive::zip::read::{Decoder, Entry, Method};
use base::limits::IMPORT_DOCUMENT_BYTES_MAX;
use bytes::{Buf, Bytes};

use crate::pieces::Pieces;

/// Why bytes cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The file itself.
    File(io::Error),
    /// What is in it.
    Archive(archive::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::File(why) => write!(f, "{why}"),
            Unreadable::Archive(why) => write!(f, "{why}"),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(why: io::Error) -> Self {
        Unreadable::File(why)
    }
}

impl From<archive::Error> for Unreadable {
    fn from(why: archive::Error) -> Self {
        Unreadable::Archive(why)
    }
}

/// What reading gives.
pub(crate) type Read<T> = std::result::Result<T, Unreadable>;

/// Bytes of a file, in order.
pub(crate) struct Content {
    pieces: Pieces,
    range: Range<u64>,
    /// None: bytes are as they stand.
    decoder: Option<Decoder>,
    /// What was read and not decoded yet.
    packed: Bytes,
    /// The decoder may have more of what it was given.
    is_fed: bool,
}

impl Content {
    /// All of a source.
    pub(crate) fn whole(pieces: Pieces) -> Self {
        let range = 0..pieces.bytes();
        Content { pieces, range, decoder: None, packed: Bytes::new(), is_fed: false }
    }

    /// An entry of an archive.
    pub(crate) async fn of_entry(pieces: Pieces, entry: &Entry) -> Result<Self, (Pieces, Unreadable)> {
        Content::with(pieces, entry, Some(Decoder::new(entry))).await
    }

    /// The same, not checked where it is stored: then `skip` costs nothing.
    pub(crate) async fn unchecked(pieces: Pieces, entry: &Entry) -> Result<Self, (Pieces, Unreadable)> {
        let decoder = (entry.method == Method::Deflated).then(|| Decoder::new(entry));
        Content::with(pieces, entry, decoder).await
    }

    async fn with(mut pieces: Pieces, entry: &Entry, decoder: Option<Decoder>) -> Result<Self, (Pieces, Unreadable)> {
        let header = match pieces.all(entry.header_range()).await {
            Ok(header) => header,
            Err(why) => return Err((pieces, why.into())),
        };
        match entry.data_range(&header) {
            Ok(range) => Ok(Content { pieces, range, decoder, packed: Bytes::new(), is_fed: false }),
            Err(why) => Err((pieces, why.into())),
        }
    }

    /// The next bytes; None: there are no more.
    pub(crate) async fn next(&mut self) -> Read<Option<Bytes>> {
        loop {
            if let (Some(decoder), true) = (&mut self.decoder, self.is_fed) {
                // Also without input: what a few packed bytes stand for comes in many pieces.
                let mut input: &[u8] = &self.packed;
                let out = decoder.next(&mut input)?.map(Bytes::copy_from_slice);
                let used = self.packed.len() - input.len();
                self.packed.advance(used);
                if out.is_some() {
                    return Ok(out);
                }
                self.is_fed = false;
            }
            if self.range.is_empty() {
                return Ok(None);
            }
            let piece = self.pieces.some(self.range.clone()).await?;
            self.range.start += piece.len() as u64;
            if self.decoder.is_none() {
                return Ok(Some(piece));
            }
            (self.packed, self.is_fed) = (piece, true);
        }
    }

    /// Passes over so many bytes. Gives what was read beyond them.
    pub(crate) async fn skip(&mut self, mut bytes: u64) -> Read<Bytes> {
        if self.decoder.is_none() {
            self.range.start = self.range.start.saturating_add(bytes).min(self.range.end);
            return Ok(Bytes::new());
        }
        while bytes > 0 {
            let Some(mut piece) = self.next().await? else { break };
            let skipped = usize::try_from(bytes).unwrap_or(usize::MAX).min(piece.len());
            piece.advance(skipped);
            bytes -= skipped as u64;
            if bytes == 0 {
                return Ok(piece);
            }
        }
        Ok(Bytes::new())
    }

    /// At most IMPORT_DOCUMENT_BYTES_MAX of it.
    pub(crate) async fn document(&mut self) -> Read<Vec<u8>> {
        self.at_most(IMPORT_DOCUMENT_BYTES_MAX).await
    }

    /// All of it, or a piece more than so many bytes.
    pub(crate) async fn at_most(&mut self, bytes_max: u64) -> Read<Vec<u8>> {
        let mut out = Vec::new();
        while let Some(piece) = self.next().await? {
            out.extend_from_slice(&piece);
            if out.len() as u64 >= bytes_max {
                break;
            }
        }
        Ok(out)
    }

    /// Whether what was read was right, and the source for what is read next.
    pub(crate) fn end(self) -> (Pieces, Read<()>) {
        let is_right = self.decoder.map_or(Ok(()), |decoder| decoder.finish().map_err(Unreadable::from));
        (self.pieces, is_right)
    }

    /// The source alone: not all was read.
    pub(crate) fn close(self) -> Pieces {
        self.pieces
    }
}
