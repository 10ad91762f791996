//! SUMMARY    What is computed once from a message when it is stored, and reading it back in pages.
//! LIMITS     REFERENCES_MAX
//! INVARIANTS A card never changes. A cursor reads ranges where the wanted emails lie close together, single cards elsewhere.

use crate::{Mail, Result};
use account::{AccountScope, CanRead, Reader, record::EmailCard};
use base::{EmailId, limits::REFERENCES_MAX};
use std::collections::VecDeque;
use wire::mime;

/// Read a range while it holds at most this many cards per wanted one.
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

/// Reads the cards of many emails in the order asked for.
pub struct Cards {
    reader: Reader,
    wanted: VecDeque<EmailId>,
}

impl Mail {
    /// Cards of these emails; those that are gone are left out.
    pub fn cards<R: CanRead>(&self, scope: &AccountScope<R>, wanted: impl IntoIterator<Item = EmailId>) -> Cards {
        Cards { reader: self.accounts().read(scope), wanted: wanted.into_iter().collect() }
    }
}

impl Cards {
    /// The next group of cards in order; empty at the end.
    pub async fn next_group(&mut self) -> Result<Vec<(EmailId, EmailCard)>> {
        while !self.wanted.is_empty() {
            let group: Vec<EmailId> = self.wanted.drain(..self.wanted.len().min(GROUP)).collect();
            self.reader.renew();
            let cards = self.read(&group).await?;
            if !cards.is_empty() {
                return Ok(cards);
            }
        }
        Ok(Vec::new())
    }

    async fn read(&mut self, group: &[EmailId]) -> Result<Vec<(EmailId, EmailCard)>> {
        let ascending = group.windows(2).all(|w| matches!(w, [a, b] if a < b));
        let (Some(first), Some(last)) = (group.first().copied(), group.last().copied()) else { return Ok(Vec::new()) };
        if ascending && (last.0 - first.0) / group.len() as u64 <= SPARSE {
            return self.read_range(group, first, last).await;
        }
        let mut out = Vec::with_capacity(group.len());
        for id in group {
            if let Some(card) = self.reader.card(*id).await? {
                out.push((*id, card));
            }
        }
        Ok(out)
    }

    async fn read_range(
        &mut self,
        group: &[EmailId],
        mut from: EmailId,
        last: EmailId,
    ) -> Result<Vec<(EmailId, EmailCard)>> {
        let mut out = Vec::with_capacity(group.len());
        let mut wanted = group.iter().copied().peekable();
        loop {
            let (cards, more) = self.reader.cards(from, last).await?;
            let reached = cards.last().map(|(id, _)| *id);
            for (id, card) in cards {
                while wanted.next_if(|w| *w < id).is_some() {}
                if wanted.next_if_eq(&id).is_some() {
                    out.push((id, card));
                }
            }
            match reached {
                Some(id) if more => from = EmailId(id.0 + 1),
                _ => return Ok(out),
            }
        }
    }
}
