//! SUMMARY    The messages of a listing, read ahead of who writes them.
//! LIMITS     EXPORT_PIECE_BYTES, AHEAD_ROWS, AHEAD_BYTES
//! INVARIANTS What cannot be read for good is told as such; what cannot be read now is an error, and the export is tried again.
//!            Memory is two batches: of AHEAD_BYTES, or of one message of up to EXPORT_PIECE_BYTES.

use crate::listing::{Listed, Listing};
use account::{Error, ExportLease, Reader, Result, record::EmailRecord};
use base::{AccountId, Kind, limits::EXPORT_PIECE_BYTES};
use bytes::Bytes;
use tokio::task::JoinHandle;

/// Rows, and bytes of their messages, that are read in one task.
const AHEAD_ROWS: usize = 64;
const AHEAD_BYTES: u64 = 1 << 20;

/// What became of reading a message.
pub(crate) enum Fetched {
    Whole(Bytes),
    /// Larger than EXPORT_PIECE_BYTES: read piece by piece.
    Large,
    /// It cannot be read, and why.
    Lost(String),
}

/// A row with its message.
pub(crate) struct Row {
    pub(crate) listed: Listed,
    pub(crate) message: Fetched,
}

/// The rows of a listing with their messages.
pub(crate) struct Rows {
    lease: ExportLease,
    account: AccountId,
    listing: Listing,
    next: Option<JoinHandle<Result<Vec<Row>>>>,
}

impl Drop for Rows {
    fn drop(&mut self) {
        if let Some(next) = self.next.take() {
            next.abort();
        }
    }
}

impl Rows {
    pub(crate) async fn new(lease: &ExportLease, account: AccountId, listing: Listing) -> Result<Rows> {
        let mut rows = Rows { lease: lease.clone(), account, listing, next: None };
        rows.read_ahead().await?;
        Ok(rows)
    }

    async fn read_ahead(&mut self) -> Result<()> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < AHEAD_ROWS && bytes < AHEAD_BYTES {
            let Some(listed) = self.listing.next().await? else { break };
            if u64::from(listed.size) <= EXPORT_PIECE_BYTES {
                bytes += u64::from(listed.size);
            }
            batch.push(listed);
        }
        let mut reader = self.lease.reader(self.account);
        self.next = (!batch.is_empty()).then(|| {
            tokio::spawn(async move {
                let mut rows = Vec::with_capacity(batch.len());
                for listed in batch {
                    let message = fetch(&mut reader, &listed).await?;
                    rows.push(Row { listed, message });
                }
                Ok(rows)
            })
        });
        Ok(())
    }

    /// The next rows; none behind the last.
    pub(crate) async fn next(&mut self) -> Result<Vec<Row>> {
        let Some(next) = self.next.take() else { return Ok(Vec::new()) };
        let rows = next.await.map_err(|e| Error::new(Kind::Unavailable, e.to_string()))??;
        self.read_ahead().await?;
        Ok(rows)
    }
}

/// Where the bytes of a listed email are.
pub(crate) fn stored(listed: &Listed) -> EmailRecord {
    EmailRecord { blob: listed.blob.clone(), size: listed.size, ..EmailRecord::default() }
}

async fn fetch(reader: &mut Reader, listed: &Listed) -> Result<Fetched> {
    if u64::from(listed.size) > EXPORT_PIECE_BYTES {
        return Ok(Fetched::Large);
    }
    let bytes = match reader.body_of(&stored(listed), None).await {
        Ok(bytes) => bytes,
        Err(why) if why.kind == Kind::Unavailable => {
            // A version that became too old, or a store that was away for a moment.
            reader.renew();
            match reader.body_of(&stored(listed), None).await {
                Ok(bytes) => bytes,
                Err(why) => return lost(why).map(Fetched::Lost),
            }
        }
        Err(why) => return lost(why).map(Fetched::Lost),
    };
    Ok(match bytes.len() as u64 == u64::from(listed.size) {
        true => Fetched::Whole(bytes),
        false => Fetched::Lost(format!("{} bytes are stored of {}", bytes.len(), listed.size)),
    })
}

/// Why a message is lost; an error that may go away is given back.
pub(crate) fn lost(why: Error) -> Result<String> {
    match why.kind {
        Kind::NotFound | Kind::Corrupt => {
            tracing::error!(%why, "a message cannot be exported");
            Ok("The stored message is damaged or gone.".to_owned())
        }
        _ => Err(why),
    }
}
