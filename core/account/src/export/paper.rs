//! SUMMARY    Papers: documents of the control plane that go into an export, told in pieces before it begins.
//! LIMITS     EXPORT_PAPER_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX, EXPORT_PAPERS_PIECES_MAX, EXPORT_SEGMENT_BYTES
//! SECURITY   They are sealed under the export's key, as all of it is: destroyed with it.
//! INVARIANTS All papers of an export are one stream of segments of whole papers. It is complete in the commit that lets the export begin, when each of
//!            its segments is of the same attempt; from then on nothing of it changes, so that archives are made again with the same bytes.

use super::{
    is_asked_for, load,
    segment::{SegmentKey, Stream, apart, object},
    store,
};
use crate::{
    Accounts, Error, Result, keys,
    record::{self, ExportRecord, PaperRecord, SegmentRecord},
    txn::TenantTxn,
    unit_of_work,
};
use base::{AccountId, JobId, Kind, limits::EXPORT_SEGMENT_BYTES};
use control::{
    DataType, EXPORT_PAPER_BYTES_MAX, EXPORT_PAPER_NAME_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX,
    EXPORT_PAPERS_PIECES_MAX, ExportPaper, ExportPapers, ExportPapersEnd,
};
use prost::Message;
use store::kv::Read;

/// What an export knows of its papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Papers {
    None,
    /// It does not begin before they are complete.
    Awaited,
    Complete,
}

impl Papers {
    pub(super) fn code(self) -> u32 {
        match self {
            Papers::None => 0,
            Papers::Awaited => 1,
            Papers::Complete => 2,
        }
    }
}

/// Whether papers are still taken; `false`: they are complete. `Invalid`: it takes none.
fn takes(record: &ExportRecord) -> Result<bool> {
    if record.key.is_empty() {
        return Err(Error::new(Kind::Invalid, "the export has ended"));
    }
    if record.papers == Papers::Complete.code() {
        return Ok(false);
    }
    if !is_asked_for(record) || record.papers != Papers::Awaited.code() {
        return Err(Error::new(Kind::Invalid, "the export awaits no papers"));
    }
    Ok(true)
}

/// `NotFound` is no answer to who told it: an export that is not there will not be.
async fn known(txn: &mut TenantTxn<'_>, job: JobId) -> Result<ExportRecord> {
    match load(txn, job).await {
        Err(e) if e.kind == Kind::NotFound => Err(Error::new(Kind::Invalid, "there is no such export")),
        record => record,
    }
}

impl Accounts {
    /// Stores a piece of an export's papers, if it was not before. Errors: `Invalid` (no such export, it awaits none, a paper that cannot be),
    /// `LimitExceeded`.
    pub async fn put_papers(&self, piece: ExportPapers) -> Result<()> {
        let ExportPapers { tenant, job, attempt, number, papers } = piece;
        if number >= EXPORT_PAPERS_PIECES_MAX {
            return Err(Error::limit("EXPORT_PAPERS_PIECES_MAX"));
        }
        let plain = encode(papers)?;
        let row = keys::export_segment(job, Stream::Papers.number(), number);
        let mut txn = self.0.kv.begin_read();
        let mut own = TenantTxn::new(&mut *txn, tenant);
        let record = known(&mut own, job).await?;
        if !takes(&record)? {
            return Ok(());
        }
        let hash = blake3::hash(&plain);
        if let Some(stored) = own.get(&row).await? {
            let stored: SegmentRecord = record::decode(&stored, "papers of an export")?;
            if stored.attempt == attempt && stored.hash == hash.as_bytes() {
                return Ok(());
            }
        }
        drop(txn);
        // What is beside the store must leave it the room that deletions need.
        if !self.0.objects.is_far() {
            self.check_room()?;
        }
        let key = SegmentKey::new(&self.unwrap_key(tenant, &record.key)?)?;
        let bytes = u32::try_from(plain.len()).unwrap_or(u32::MAX);
        let place = (Stream::Papers.number(), number);
        let sealed = apart(move || key.seal(place, plain)).await?;
        // Two that tell the same papers never write one name.
        let token = self.0.rng.next_u64();
        let name = object(tenant, job, place, token);
        self.0.objects.put(&name, sealed).await.map_err(::store::blob::BlobError::from)?;
        let segment = record::encode(&SegmentRecord { token, bytes, hash: hash.as_bytes().to_vec(), attempt });
        let noted = unit_of_work!(self, &[], self.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            if takes(&known(&mut txn, job).await?)? {
                txn.set(&row, &segment);
            }
            Ok(())
        });
        if noted.as_ref().is_err_and(|why| why.kind == Kind::Invalid) {
            // It was destroyed meanwhile: whoever removed its objects may have been here before this one.
            self.0.objects.delete(&name).await.map_err(::store::blob::BlobError::from)?;
        }
        noted
    }

    /// Lets an export begin whose papers are all there. Errors: `Invalid` (no such export, it awaits none), `Unavailable` (a piece is missing, or
    /// another attempt came between: nothing is changed).
    pub async fn end_papers(&self, end: ExportPapersEnd) -> Result<()> {
        let ExportPapersEnd { tenant, job, attempt, pieces } = end;
        let stream = keys::export_stream(job, Stream::Papers.number());
        unit_of_work!(self, &[], self.op(), work => {
            let now = work.now();
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let mut record = known(&mut txn, job).await?;
            if !takes(&record)? {
                return Ok(());
            }
            let mut there = 0;
            for (key, value) in txn.all(&stream, Read::Serializable).await? {
                let segment: SegmentRecord = record::decode(&value, "papers of an export")?;
                match keys::be32(&key, 14).is_some_and(|number| number < pieces) {
                    true if segment.attempt == attempt => there += 1,
                    true => {}
                    // Of an attempt that told more and came to no end.
                    false => txn.clear(&key),
                }
            }
            if there != pieces {
                return Err(Error::new(Kind::Unavailable, "not all papers of the export are there"));
            }
            (record.papers, record.due_ms) = (Papers::Complete.code(), now.0);
            store(work, (tenant, job), &record)
        })
    }
}

/// The papers of a segment. Errors: `LimitExceeded`, `Invalid` (a name that is none).
fn encode(papers: Vec<ExportPaper>) -> Result<Vec<u8>> {
    if papers.len() > EXPORT_PAPERS_MAX {
        return Err(Error::limit("EXPORT_PAPERS_MAX"));
    }
    let (mut out, mut bytes) = (Vec::new(), 0);
    for paper in papers {
        bytes += paper.bytes.len();
        if paper.bytes.len() > EXPORT_PAPER_BYTES_MAX {
            return Err(Error::limit("EXPORT_PAPER_BYTES_MAX"));
        }
        if paper.name.is_empty() || paper.name.len() > EXPORT_PAPER_NAME_BYTES_MAX {
            return Err(Error::new(Kind::Invalid, "a paper without a name, or with one that is too long"));
        }
        let record = PaperRecord {
            account: paper.account.map(|account| account.0),
            data: paper.data.registered().name.to_owned(),
            name: paper.name,
            records: paper.records,
            bytes: paper.bytes.into(),
        };
        record.encode_length_delimited(&mut out).map_err(|e| Error::corrupt(e.to_string()))?;
    }
    if bytes > EXPORT_PAPERS_BYTES_MAX || out.len() > EXPORT_SEGMENT_BYTES {
        return Err(Error::limit("EXPORT_PAPERS_BYTES_MAX"));
    }
    Ok(out)
}

/// The papers of a segment of `Stream::Papers`, in their order.
pub fn read_papers(mut segment: &[u8]) -> Result<Vec<ExportPaper>> {
    let mut papers = Vec::new();
    while !segment.is_empty() {
        let record = PaperRecord::decode_length_delimited(&mut segment)
            .map_err(|e| Error::corrupt(format!("papers of an export: {e}")))?;
        let data = DataType::named(&record.data).ok_or_else(|| Error::corrupt("a paper of an unknown type"))?;
        papers.push(ExportPaper {
            account: record.account.map(AccountId),
            data,
            name: record.name,
            records: record.records,
            bytes: record.bytes.to_vec(),
        });
    }
    Ok(papers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_come_back_as_they_were_told_and_none_is_larger_than_is_said() {
        let paper = |account: Option<u64>, name: &str, bytes: usize| ExportPaper {
            account: account.map(AccountId),
            data: DataType::Addresses,
            name: name.to_owned(),
            records: 2,
            bytes: vec![b'x'; bytes],
        };
        let some = vec![paper(None, "tenant.json", 0), paper(Some(u64::MAX), "addresses-0001.jsonl", 70_000)];
        let encoded = encode(some.clone()).unwrap();
        assert_eq!(read_papers(&encoded).unwrap(), some);
        assert!(read_papers(&encoded[..encoded.len() - 1]).is_err(), "one that is cut off");
        let refused = |papers: Vec<ExportPaper>| encode(papers).unwrap_err().kind;
        assert_eq!(refused(vec![paper(None, "a", EXPORT_PAPER_BYTES_MAX + 1)]), Kind::LimitExceeded);
        assert_eq!(refused(vec![paper(None, "a", EXPORT_PAPER_BYTES_MAX); 4]), Kind::LimitExceeded);
        assert_eq!(refused(vec![paper(None, "a", 1); EXPORT_PAPERS_MAX + 1]), Kind::LimitExceeded);
        assert_eq!(refused(vec![paper(None, "", 1)]), Kind::Invalid);
        let most =
            vec![paper(Some(1), &"n".repeat(EXPORT_PAPER_NAME_BYTES_MAX), EXPORT_PAPERS_BYTES_MAX / 2_000); 2_000];
        assert!(encode(most).unwrap().len() <= EXPORT_SEGMENT_BYTES, "the most that is taken fits into a segment");
    }
}
