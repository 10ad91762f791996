//! SUMMARY    What is computed once from a message when it is stored, and reading it back in pages.
//! LIMITS     REFERENCES_MAX
//! INVARIANTS A card never changes. A cursor reads ranges where the wanted emails lie close together, single cards elsewhere.

use crate::Result;
use account::{
    Reader,
    record::{EmailCard, EmailRecord},
};
use base::{EmailId, limits::REFERENCES_MAX};
use wire::mime;

/// Read a range while it holds at most this many emails per wanted one.
const SPARSE: u64 = 4;
/// Emails looked at together.
const GROUP: usize = 512;

/// A message with what its row needs.
pub(crate) struct Prepared {
    pub(crate) card: EmailCard,
    pub(crate) thread_keys: Vec<u64>,
}

/// Scans a message for envelope, structure, preview and threading facts.
pub(crate) fn prepare(message: &[u8]) -> Prepared {
    let structure = mime::scan(message);
    let root = structure.root();
    let date = root.and_then(|r| r.envelope.as_deref()).and_then(|e| e.date);
    let card = EmailCard {
        envelope: mime::render_envelope(&structure, message).into(),
        body_structure: mime::render_bodystructure(&structure, message).into(),
        preview: mime::preview(message, &structure),
        has_attachment: mime::has_attachment(&structure),
        sent_at_secs: date.and_then(|d| mime::parse_date(d.of(message))).map(|t| t.secs()),
        header_bytes: root.map_or(0, |r| u32::try_from(r.header.len()).unwrap_or(u32::MAX)),
    };
    Prepared { card, thread_keys: thread_keys(&mime::thread_facts(message, &structure)) }
}

/// Own id first, then In-Reply-To and References from the nearest to the oldest: the first known key decides.
fn thread_keys(facts: &mime::ThreadFacts) -> Vec<u64> {
    let subject = facts.base_subject.to_lowercase();
    let ids = facts.message_id.iter().chain(&facts.in_reply_to).chain(facts.references.iter().rev());
    let mut keys = Vec::new();
    for id in ids {
        let mut hasher = blake3::Hasher::new();
        hasher.update(id).update(&[0]).update(subject.as_bytes());
        let mut hash = [0u8; 8];
        hasher.finalize_xof().fill(&mut hash);
        let key = u64::from_be_bytes(hash);
        if !keys.contains(&key) && keys.len() < REFERENCES_MAX {
            keys.push(key);
        }
    }
    keys
}

/// What a cursor reads of each email.
pub trait PerEmail: Sized + Send {
    /// Those of the emails `from..=to`, one page, and whether there are more.
    fn page(
        reader: &mut Reader,
        from: EmailId,
        to: EmailId,
    ) -> impl Future<Output = Result<(Vec<(EmailId, Self)>, bool)>> + Send;
    fn one(reader: &mut Reader, id: EmailId) -> impl Future<Output = Result<Option<Self>>> + Send;
}

impl PerEmail for EmailCard {
    async fn page(reader: &mut Reader, from: EmailId, to: EmailId) -> Result<(Vec<(EmailId, Self)>, bool)> {
        reader.cards(from, to).await
    }
    async fn one(reader: &mut Reader, id: EmailId) -> Result<Option<Self>> {
        reader.card(id).await
    }
}

impl PerEmail for EmailRecord {
    async fn page(reader: &mut Reader, from: EmailId, to: EmailId) -> Result<(Vec<(EmailId, Self)>, bool)> {
        reader.emails(from, to).await
    }
    async fn one(reader: &mut Reader, id: EmailId) -> Result<Option<Self>> {
        reader.email(id).await
    }
}

/// Reads cards or records of emails on `reader`, in the order of `ids`; None stands for one that is gone.
pub async fn read_many<T: PerEmail>(reader: &mut Reader, ids: &[EmailId]) -> Result<Vec<Option<T>>> {
    let mut out = Vec::with_capacity(ids.len());
    for group in ids.chunks(GROUP) {
        let ascending = group.windows(2).all(|w| matches!(w, [a, b] if a < b));
        match (group.first(), group.last()) {
            (Some(first), Some(last)) if ascending && (last.0 - first.0) / group.len() as u64 <= SPARSE => {
                read_range(reader, group, *first, *last, &mut out).await?;
            }
            _ => {
                for id in group {
                    out.push(T::one(reader, *id).await?);
                }
            }
        }
    }
    Ok(out)
}

async fn read_range<T: PerEmail>(
    reader: &mut Reader,
    group: &[EmailId],
    mut from: EmailId,
    last: EmailId,
    out: &mut Vec<Option<T>>,
) -> Result<()> {
    let mut wanted = group.iter().copied().peekable();
    loop {
        let (found, more) = T::page(reader, from, last).await?;
        let reached = found.last().map(|(id, _)| *id);
        for (id, value) in found {
            while wanted.next_if(|w| *w < id).is_some() {
                out.push(None);
            }
            if wanted.next_if_eq(&id).is_some() {
                out.push(Some(value));
            }
        }
        match reached {
            Some(id) if more => from = EmailId(id.0 + 1),
            _ => break,
        }
    }
    out.extend(wanted.map(|_| None));
    Ok(())
}
