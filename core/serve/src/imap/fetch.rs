//! SUMMARY    FETCH and UID FETCH.
//! STANDARDS  RFC 9051 §6.4.5, §7.5.2; RFC 3516 (BINARY); RFC 7162 (CHANGEDSINCE, VANISHED); RFC 8474; RFC 8970; RFC 8514
//! LIMITS     ANSWER_BYTES_IN_FLIGHT_MAX: large messages wait for room, or the rest is refused with NO
//! INVARIANTS Flags, sizes, dates and ids come from the view; ENVELOPE, BODYSTRUCTURE and PREVIEW from cards, read in pages; only
//!            sections read message bytes. Output is written out as it grows.

use super::{
    error::Failure,
    selected::Selected,
    session::{Flow, Session},
};
use crate::{Claim, Link};
use account::{
    AccountScope, ReadOnly, Reader, SEEN,
    record::{EmailCard, EmailRecord},
};
use base::{EmailId, Kind, ModSeq, Timestamp, Uid};
use bytes::Bytes;
use mail::{Change, Flags, Mail, Operation, Row, read_many};
use std::borrow::Cow;
use wire::{
    imap::{
        Fetch, FetchItem, NumSet, Partial, Section, SectionText,
        render::{self, Code, FetchLine},
    },
    mime,
};

/// Messages whose cards are read together.
const GROUP: usize = 512;
/// What is written before others have their turn, a third of a millisecond at most: so many messages, or cards, or rows of neither.
const SLICE: usize = 2_048;
const SLICE_MESSAGES: usize = 16;
const SLICE_CARDS: usize = 128;
/// After so many of those others have their turn whoever they are; a turn that nobody takes costs as much as some cards.
const SLICES_ALONE: usize = 8;

impl Session {
    pub(super) async fn fetch(&mut self, link: &mut Link, tag: &str, mut fetch: Fetch) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        self.enabled.condstore |= fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq);
        self.sync(link, fetch.uid).await?;
        if fetch.items.iter().any(FetchItem::sets_seen) {
            self.mark_seen(link, &fetch).await?;
            if !fetch.items.contains(&FetchItem::Flags) {
                fetch.items.push(FetchItem::Flags);
            }
        }
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        let mut rows = selected.resolve(&fetch.set, fetch.uid)?;
        if let Some(since) = fetch.changed_since {
            rows.retain(|(_, r)| r.modseq.0 > since);
            if fetch.vanished {
                self.vanished_earlier(link, &mail, &scope, selected, &fetch, since).await?;
            }
        }
        let mut claim = self.door.options.answers.claim();
        let missing = self.write_rows(link, &rows, &fetch.items, &mut claim).await?;
        if missing {
            let code = Some(Code::Word("EXPUNGEISSUED"));
            return Err(Failure::No(code, "Some messages were expunged meanwhile".into()));
        }
        self.ok(link, tag, "FETCH done")
    }

    async fn mark_seen(&mut self, link: &mut Link, fetch: &Fetch) -> Result<(), Failure> {
        let Some(selected) = &self.selected else { return Ok(()) };
        if selected.read_only {
            return Ok(());
        }
        let (mail, scope) = self.owner()?;
        let rows = selected.resolve(&fetch.set, fetch.uid)?;
        let unseen: Vec<Uid> = rows.iter().filter(|(_, r)| r.flags & SEEN == 0).map(|(_, r)| r.uid).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let change = Change { operation: Operation::Add, flags: Flags::from_names(["\\Seen"]), unchanged_since: None };
        mail.store_flags(&scope, selected.view.mailbox, &unseen, &change).await?;
        let mut own = unseen;
        own.sort_unstable();
        self.sync_echo(link, fetch.uid, super::selected::Echo::Silent(&own)).await
    }

    async fn vanished_earlier(
        &self,
        link: &mut Link,
        mail: &Mail,
        scope: &AccountScope<ReadOnly>,
        selected: &Selected,
        fetch: &Fetch,
        since: u64,
    ) -> Result<(), Failure> {
        let last = selected.view.uid_next.0.saturating_sub(1);
        let wanted = fetch.set.resolve(last, Some(&selected.saved));
        let uids = selected.vanished(&mut mail.accounts().read(scope), ModSeq(since)).await?;
        let mut set = NumSet::new();
        uids.into_iter().filter(|u| wanted.contains(*u)).for_each(|u| set.push(u));
        if !set.is_empty() {
            render::vanished(&mut link.out, true, &set);
        }
        Ok(())
    }

    /// Writes the rows; true when some were gone.
    async fn write_rows(
        &self,
        link: &mut Link,
        rows: &[(u32, Row)],
        items: &[FetchItem],
        claim: &mut Claim,
    ) -> Result<bool, Failure> {
        let (mail, scope) = self.reader()?;
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        let (cards, messages) = (items.iter().any(needs_card), items.iter().any(needs_message));
        let weight = match (messages, cards) {
            (true, _) => SLICE / SLICE_MESSAGES,
            (false, true) => SLICE / SLICE_CARDS,
            (false, false) => 1,
        };
        let (mut missing, mut slice, mut slices) = (false, 0, 0);
        let mut reader = mail.accounts().read(&scope);
        for group in rows.chunks(GROUP) {
            let ids: Vec<EmailId> = group.iter().map(|(_, r)| r.email).collect();
            let mut found =
                if cards { read_many::<EmailCard>(&mut reader, &ids).await? } else { Vec::new() }.into_iter();
            let mut emails =
                if messages { read_many::<EmailRecord>(&mut reader, &ids).await? } else { Vec::new() }.into_iter();
            for (seq, row) in group {
                let card = found.next().flatten();
                let message = match emails.next().flatten() {
                    Some(email) => {
                        self.still_allowed().await?;
                        make_room(claim, row).await?;
                        message_of(&mut reader, row, &email).await?
                    }
                    None => None,
                };
                if cards && card.is_none() || messages && message.is_none() {
                    missing = true;
                    continue;
                }
                write_row(&mut link.out, *seq, row, selected, items, card.as_ref(), message.as_ref())?;
                link.flush_if_large().await?;
                slice += weight;
                if slice >= SLICE {
                    (slice, slices) = (0, slices + 1);
                    if slices % SLICES_ALONE == 0 || mail.accounts().has_company(scope.tenant()) {
                        tokio::task::yield_now().await;
                    }
                }
            }
            self.still_allowed().await?;
            reader.renew();
        }
        Ok(missing)
    }
}

fn needs_card(item: &FetchItem) -> bool {
    matches!(item, FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::Preview { .. })
}

fn needs_message(item: &FetchItem) -> bool {
    matches!(
        item,
        FetchItem::Rfc822
            | FetchItem::Rfc822Header
            | FetchItem::Rfc822Text
            | FetchItem::BodySection(_)
            | FetchItem::Binary { .. }
            | FetchItem::BinarySize(_)
    )
}

/// The message and its answer stand in memory until the client has taken them.
async fn make_room(claim: &mut Claim, row: &Row) -> Result<(), Failure> {
    let bytes = usize::try_from(row.size).unwrap_or(usize::MAX).saturating_mul(2);
    if claim.hold(bytes).await {
        return Ok(());
    }
    claim.hold(0).await;
    let code = Some(Code::Word("UNAVAILABLE"));
    Err(Failure::No(code, "Too many large answers are under way, try again later".into()))
}

/// A message with its structure, scanned when first asked for.
pub(super) struct Message {
    pub(super) bytes: Bytes,
    structure: std::cell::OnceCell<mime::Structure>,
}

impl Message {
    pub(super) fn new(bytes: Bytes) -> Self {
        Message { bytes, structure: std::cell::OnceCell::new() }
    }

    pub(super) fn structure(&self) -> &mime::Structure {
        self.structure.get_or_init(|| mime::scan(&self.bytes))
    }
}

async fn message_of(reader: &mut Reader, row: &Row, email: &EmailRecord) -> Result<Option<Message>, Failure> {
    let read = match reader.body_of(email, None).await {
        Err(e) if e.kind == Kind::Unavailable => {
            // The reader outlived its version: once more on a fresh one.
            reader.renew();
            reader.body(row.email, None).await
        }
        read => read,
    };
    match read {
        Ok(bytes) => Ok(Some(Message::new(bytes))),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn write_row(
    out: &mut Vec<u8>,
    seq: u32,
    row: &Row,
    selected: &Selected,
    items: &[FetchItem],
    card: Option<&EmailCard>,
    message: Option<&Message>,
) -> Result<(), Failure> {
    let mut line = FetchLine::begin(out, seq);
    for item in items {
        match item {
            FetchItem::Flags => render::flags(line.item(), selected.keywords.names(row.flags)),
            FetchItem::Uid => render::uid(line.item(), row.uid.0),
            FetchItem::InternalDate => render::internal_date(line.item(), Timestamp::from_secs(row.received_at_secs)),
            FetchItem::Rfc822Size => render::size(line.item(), row.size),
            FetchItem::ModSeq => render::mod_seq(line.item(), row.modseq.0),
            FetchItem::EmailId => render::email_id(line.item(), &row.email.to_string()),
            FetchItem::ThreadId => render::thread_id(line.item(), &row.thread.to_string()),
            FetchItem::SaveDate => render::save_date(line.item(), Timestamp::from_secs(row.saved_at_secs)),
            FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::Preview { .. } => {
                if let Some(card) = card {
                    write_card(line.item(), item, card);
                }
            }
            item => {
                if let Some(message) = message {
                    write_bytes(&mut line, item, message)?;
                }
            }
        }
    }
    line.end();
    Ok(())
}

fn write_card(out: &mut Vec<u8>, item: &FetchItem, card: &EmailCard) {
    match item {
        FetchItem::Envelope => render::plain_item(out, "ENVELOPE", &card.envelope),
        FetchItem::BodyStructure => render::plain_item(out, "BODYSTRUCTURE", &card.body_structure),
        FetchItem::Body => {
            let short = mime::body_from_bodystructure(&card.body_structure);
            render::plain_item(out, "BODY", short.as_deref().unwrap_or(&card.body_structure));
        }
        _ => render::preview(out, &card.preview),
    }
}

fn write_bytes(line: &mut FetchLine<'_>, item: &FetchItem, message: &Message) -> Result<(), Failure> {
    let bytes: &[u8] = &message.bytes;
    let part = |kind| mime::section(bytes, message.structure(), &mime::Section { path: Vec::new(), kind });
    match item {
        FetchItem::Rfc822 => render::literal_item(line.item(), "RFC822", Some(bytes)),
        FetchItem::Rfc822Header => {
            render::literal_item(line.item(), "RFC822.HEADER", part(mime::SectionKind::Header).as_deref());
        }
        FetchItem::Rfc822Text => {
            render::literal_item(line.item(), "RFC822.TEXT", part(mime::SectionKind::Text).as_deref())
        }
        FetchItem::BodySection(section) => {
            let whole = section.section.part.is_empty() && section.section.text.is_none();
            let found = match whole {
                true => Some(Cow::Borrowed(bytes)),
                false => mime::section(bytes, message.structure(), &to_mime(&section.section)),
            };
            let found = found.as_deref().map(|b| cut(b, section.partial));
            render::body_section(line.item(), section, found);
        }
        FetchItem::Binary { part, partial, .. } => {
            let decoded = decoded(message, part)?;
            render::binary(line.item(), part, *partial, decoded.as_deref().map(|b| cut(b, *partial)));
        }
        FetchItem::BinarySize(part) => {
            let size = decoded(message, part)?.map_or(0, |b| b.len());
            render::binary_size(line.item(), part, size as u64);
        }
        _ => {}
    }
    Ok(())
}

fn decoded<'m>(message: &'m Message, part: &[u32]) -> Result<Option<Cow<'m, [u8]>>, Failure> {
    match mime::binary(&message.bytes, message.structure(), part) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(mime::BinaryError::NoSuchPart) => Ok(None),
        Err(mime::BinaryError::UnknownEncoding) => {
            Err(Failure::No(Some(Code::Word("UNKNOWN-CTE")), "The part's encoding is unknown".into()))
        }
    }
}

pub(super) fn to_mime(section: &Section) -> mime::Section {
    let names = |n: &[String]| n.iter().map(|s| s.clone().into_bytes()).collect();
    let kind = match &section.text {
        None => mime::SectionKind::All,
        Some(SectionText::Header) => mime::SectionKind::Header,
        Some(SectionText::HeaderFields(n)) => mime::SectionKind::HeaderFields(names(n)),
        Some(SectionText::HeaderFieldsNot(n)) => mime::SectionKind::HeaderFieldsNot(names(n)),
        Some(SectionText::Text) => mime::SectionKind::Text,
        Some(SectionText::Mime) => mime::SectionKind::Mime,
    };
    mime::Section { path: section.part.clone(), kind }
}

pub(super) fn cut(bytes: &[u8], partial: Option<Partial>) -> &[u8] {
    let Some(partial) = partial else { return bytes };
    let from = usize::try_from(partial.offset).unwrap_or(usize::MAX).min(bytes.len());
    let to = from.saturating_add(usize::try_from(partial.count).unwrap_or(usize::MAX)).min(bytes.len());
    bytes.get(from..to).unwrap_or_default()
}
