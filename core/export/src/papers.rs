//! SUMMARY    Papers of an export, read in the order in which they go into the archives.
//! LIMITS     EXPORT_SEGMENT_BYTES
//! INVARIANTS Memory is one segment of them. Those of an account that is not in the export any more are passed over.

use crate::segments::SegmentReader;
use account::{Error, ExportLease, Result, Stream, read_papers};
use base::AccountId;
use control::ExportPaper;
use std::collections::VecDeque;

/// Papers being read.
pub(crate) struct PaperReader {
    segments: SegmentReader,
    /// What was read and not given yet.
    read: VecDeque<ExportPaper>,
    /// Whose the paper before was.
    last: Option<AccountId>,
    is_at_end: bool,
}

impl PaperReader {
    pub(crate) fn new(lease: &ExportLease) -> Self {
        let segments = SegmentReader::new(lease, Stream::Papers);
        PaperReader { segments, read: VecDeque::new(), last: None, is_at_end: false }
    }

    /// The next paper of the tenant (`None`) or of an account; those of owners before it are passed over. Owners are asked for in their order.
    pub(crate) async fn next(&mut self, of: Option<AccountId>) -> Result<Option<ExportPaper>> {
        loop {
            let Some(first) = self.read.front() else {
                if self.is_at_end {
                    return Ok(None);
                }
                match self.segments.next().await? {
                    Some(segment) => self.read = read_papers(&segment)?.into(),
                    None => self.is_at_end = true,
                }
                continue;
            };
            if first.account < self.last {
                return Err(Error::corrupt("papers of an export are out of order"));
            }
            if first.account > of {
                return Ok(None);
            }
            self.last = first.account;
            let paper = self.read.pop_front();
            if self.last == of {
                return Ok(paper);
            }
        }
    }
}
