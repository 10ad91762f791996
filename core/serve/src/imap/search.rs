//! SUMMARY    SEARCH and UID SEARCH.
//! STANDARDS  RFC 9051 §6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES), RFC 5032 (WITHIN), RFC 7162 §3.1.5, RFC 8474, RFC 8514
//! INVARIANTS A message is judged with as little as decides: its row, then its card, its header, its whole text.

use super::{
    error::Failure,
    selected::Selected,
    session::{Flow, Session},
};
use crate::Link;
use account::{Reader, record::EmailCard};
use base::{Kind, Timestamp};
use bytes::Bytes;
use mail::Row;
use wire::{
    imap::{
        Date, Flag, NumSet, Search, SearchKey, SearchReturn,
        render::{self, Esearch},
    },
    mime::{self, Needle, SearchScope},
};

/// What is known of the message that is judged.
struct Facts<'a> {
    seq: u32,
    row: &'a Row,
    selected: &'a Selected,
    now: Timestamp,
    card: Option<&'a EmailCard>,
    header: Option<&'a [u8]>,
    message: Option<(&'a [u8], &'a mime::Structure)>,
    /// Sequence-number and uid bounds of sets with `*`.
    last_seq: u32,
    last_uid: u32,
}

impl Session {
    pub(super) async fn search(&mut self, link: &mut Link, tag: &str, search: Search) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        self.enabled.condstore |= search.key.has_modseq();
        self.sync(link, search.uid).await?;
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        let mut reader = mail.accounts().read(&scope);
        let now = mail.accounts().clock().now();
        let mut hits: Vec<(u32, Row)> = Vec::new();
        for (at, row) in (1..).zip(selected.view.rows()) {
            if judge(&mut reader, selected, &search.key, at, row, now).await? {
                hits.push((at, *row));
            }
            if at % 256 == 0 {
                reader.renew();
                tokio::task::yield_now().await;
                self.still_allowed().await?;
            }
        }
        let number = |(seq, row): &(u32, Row)| if search.uid { row.uid.0 } else { *seq };
        let modseq = search.key.has_modseq().then(|| hits.iter().map(|(_, r)| r.modseq.0).max()).flatten();
        match search.returns {
            Some(returns) => {
                let (mut all, mut saved) = (NumSet::new(), NumSet::new());
                hits.iter().for_each(|h| all.push(number(h)));
                hits.iter().for_each(|(_, r)| saved.push(r.uid.0));
                write_esearch(&mut link.out, tag, search.uid, returns, &all, modseq);
                if returns.save
                    && let Some(selected) = &mut self.selected
                {
                    selected.saved = saved;
                }
            }
            None if self.enabled.rev2 => {
                let mut all = NumSet::new();
                hits.iter().for_each(|h| all.push(number(h)));
                let returns = SearchReturn { all: true, ..SearchReturn::default() };
                write_esearch(&mut link.out, tag, search.uid, returns, &all, modseq);
            }
            None => render::search(&mut link.out, hits.iter().map(number), modseq),
        }
        self.ok(link, tag, "SEARCH done")
    }
}

fn write_esearch(out: &mut Vec<u8>, tag: &str, uid: bool, returns: SearchReturn, all: &NumSet, modseq: Option<u64>) {
    if returns.save && !(returns.min || returns.max || returns.all || returns.count) {
        return;
    }
    let result = Esearch {
        tag,
        uid,
        min: all.first().filter(|_| returns.min),
        max: all.last().filter(|_| returns.max),
        all: returns.all.then_some(all),
        count: returns.count.then(|| u32::try_from(all.len()).unwrap_or(u32::MAX)),
        modseq,
    };
    render::esearch(out, &result);
}

async fn judge(
    reader: &mut Reader,
    selected: &Selected,
    key: &SearchKey,
    seq: u32,
    row: &Row,
    now: Timestamp,
) -> Result<bool, Failure> {
    let last_seq = u32::try_from(selected.view.len()).unwrap_or(u32::MAX);
    let last_uid = selected.view.rows().next_back().map_or(0, |r| r.uid.0);
    let mut facts = Facts { seq, row, selected, now, card: None, header: None, message: None, last_seq, last_uid };
    if let Some(verdict) = holds(key, &facts) {
        return Ok(verdict);
    }
    let Some(card) = reader.card(row.email).await? else { return Ok(false) };
    facts.card = Some(&card);
    if let Some(verdict) = holds(key, &facts) {
        return Ok(verdict);
    }
    let Some(header) = read(reader, row, Some(0..u64::from(card.header_bytes))).await? else { return Ok(false) };
    facts.header = Some(&header);
    if let Some(verdict) = holds(key, &facts) {
        return Ok(verdict);
    }
    let Some(bytes) = read(reader, row, None).await? else { return Ok(false) };
    let structure = mime::scan(&bytes);
    facts.message = Some((&bytes, &structure));
    Ok(holds(key, &facts).unwrap_or(false))
}

async fn read(reader: &mut Reader, row: &Row, range: Option<std::ops::Range<u64>>) -> Result<Option<Bytes>, Failure> {
    match reader.body(row.email, range).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Whether a key holds; `None` when more must be read to know.
fn holds(key: &SearchKey, f: &Facts<'_>) -> Option<bool> {
    match key {
        SearchKey::And(keys) => all(keys, f),
        SearchKey::Or(a, b) => match (holds(a, f), holds(b, f)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        SearchKey::Not(k) => holds(k, f).map(|v| !v),
        SearchKey::Body(text) => text_holds(text, SearchScope::BodyOnly, f),
        SearchKey::Text(text) => text_holds(text, SearchScope::Whole, f),
        SearchKey::Bcc(v) => header_holds("bcc", v, f),
        SearchKey::Cc(v) => header_holds("cc", v, f),
        SearchKey::From(v) => header_holds("from", v, f),
        SearchKey::To(v) => header_holds("to", v, f),
        SearchKey::Subject(v) => header_holds("subject", v, f),
        SearchKey::Header { name, value } => header_holds(name, value, f),
        SearchKey::SentBefore(d) => sent(f, |t| t < d.start()),
        SearchKey::SentOn(d) => sent(f, |t| on(t, *d)),
        SearchKey::SentSince(d) => sent(f, |t| t >= d.start()),
        key => Some(row_holds(key, f)),
    }
}

fn all(keys: &[SearchKey], f: &Facts<'_>) -> Option<bool> {
    let mut unknown = false;
    for key in keys {
        match holds(key, f) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(true) }
}

fn row_holds(key: &SearchKey, f: &Facts<'_>) -> bool {
    let row = f.row;
    let received = Timestamp::from_secs(row.received_at_secs);
    let saved = Timestamp::from_secs(row.saved_at_secs);
    let age = f.now.secs().saturating_sub(row.received_at_secs);
    match key {
        SearchKey::All | SearchKey::Old | SearchKey::SaveDateSupported => true,
        // No session is told \Recent.
        SearchKey::Recent | SearchKey::New => false,
        SearchKey::Sequence(set) if set.uses_saved() => f.selected.saved.contains(row.uid.0),
        SearchKey::Sequence(set) => set.resolve(f.last_seq, None).contains(f.seq),
        SearchKey::Uid(set) => set.resolve(f.last_uid, Some(&f.selected.saved)).contains(row.uid.0),
        SearchKey::Flag(flag) => has_flag(flag, f),
        SearchKey::Before(d) => received < d.start(),
        SearchKey::On(d) => on(received, *d),
        SearchKey::Since(d) => received >= d.start(),
        SearchKey::SavedBefore(d) => saved < d.start(),
        SearchKey::SavedOn(d) => on(saved, *d),
        SearchKey::SavedSince(d) => saved >= d.start(),
        SearchKey::Larger(n) => u64::from(row.size) > *n,
        SearchKey::Smaller(n) => u64::from(row.size) < *n,
        SearchKey::Older(secs) => age >= i64::from(*secs),
        SearchKey::Younger(secs) => age <= i64::from(*secs),
        SearchKey::ModSeq(n) => row.modseq.0 >= *n,
        SearchKey::EmailId(id) => row.email.to_string() == id.0,
        SearchKey::ThreadId(id) => row.thread.to_string() == id.0,
        // Decided by `holds` before.
        _ => false,
    }
}

fn has_flag(flag: &Flag, f: &Facts<'_>) -> bool {
    f.selected.keywords.bit(flag.as_str()).is_some_and(|bit| f.row.flags & bit != 0)
}

fn on(t: Timestamp, d: Date) -> bool {
    d.start() <= t && t < d.end()
}

fn sent(f: &Facts<'_>, holds: impl Fn(Timestamp) -> bool) -> Option<bool> {
    let card = f.card?;
    Some(card.sent_at_secs.is_some_and(|secs| holds(Timestamp::from_secs(secs))))
}

fn header_holds(name: &str, value: &str, f: &Facts<'_>) -> Option<bool> {
    Some(mime::header_contains(f.header?, name.as_bytes(), &Needle::new(value)))
}

fn text_holds(text: &str, scope: SearchScope, f: &Facts<'_>) -> Option<bool> {
    let (message, structure) = f.message?;
    Some(mime::text_contains(message, structure, &Needle::new(text), scope))
}
