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
/// Rows of the view that are written between two looks at how much stands unsent.
const LISTED: usize = 64;
/// What is written before others have their turn, a third of a millisecond at most, in units: a row of the view is one.
const SLICE: usize = 2_048;
/// Units of a card, and of an item that is made of a message, beside its bytes.
const CARD_UNITS: usize = 16;
const ITEM_UNITS: usize = 64;
/// Bytes of a message that are read, decoded or copied for a unit.
const UNIT_BYTES: usize = 128;
/// After so many slices others have their turn whoever they are; a turn that nobody takes costs as much as some cards.
const SLICES_ALONE: usize = 8;

/// What was written since others had their turn.
#[derive(Default)]
struct Slice {
    units: usize,
    slices: usize,
}

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
        if !cards && !messages {
            return self.write_listed(link, rows, items).await.map(|()| false);
        }
        let units = if cards { CARD_UNITS } else { 1 };
        let (mut missing, mut slice) = (false, Slice::default());
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
                match &message {
                    None => write_row(&mut link.out, *seq, row, selected, items, card.as_ref()),
                    Some(message) => {
                        let line = link.out.len();
                        let written =
                            self.write_message(&mut link.out, *seq, row, items, card.as_ref(), message, &mut slice);
                        if let Err(why) = written.await {
                            // Half a line would be taken for a part of what follows.
                            link.out.truncate(line);
                            return Err(why);
                        }
                    }
                }
                link.flush_if_large().await?;
                self.turn(&mut slice, units).await?;
            }
            self.still_allowed().await?;
            reader.renew();
        }
        Ok(missing)
    }

    /// Rows of which everything that is asked for stands in the view.
    async fn write_listed(&self, link: &mut Link, rows: &[(u32, Row)], items: &[FetchItem]) -> Result<(), Failure> {
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        let mut slice = Slice::default();
        for group in rows.chunks(GROUP) {
            for some in group.chunks(LISTED) {
                some.iter().for_each(|(seq, row)| write_row(&mut link.out, *seq, row, selected, items, None));
                link.flush_if_large().await?;
                self.turn(&mut slice, some.len()).await?;
            }
            self.still_allowed().await?;
        }
        Ok(())
    }

    /// A row with items that are made of the message's bytes. Each may take as long as the message is large, and one command can
    /// ask for hundreds of them.
    #[expect(clippy::too_many_arguments, reason = "one row and where it goes")]
    async fn write_message(
        &self,
        out: &mut Vec<u8>,
        seq: u32,
        row: &Row,
        items: &[FetchItem],
        card: Option<&EmailCard>,
        message: &Message,
        slice: &mut Slice,
    ) -> Result<(), Failure> {
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        let units = ITEM_UNITS + message.bytes.len() / UNIT_BYTES;
        let (mut line, mut last) = (FetchLine::begin(out, seq), Decoded::default());
        for item in items {
            if needs_message(item) {
                write_bytes(&mut line, item, message, &mut last)?;
                self.turn(slice, units).await?;
            } else {
                write_item(&mut line, item, row, selected, card);
            }
        }
        line.end();
        Ok(())
    }

    /// So much was written: others have their turn when it is time.
    async fn turn(&self, slice: &mut Slice, units: usize) -> Result<(), Failure> {
        slice.units += units;
        if slice.units < SLICE {
            return Ok(());
        }
        let is_long = slice.units >= SLICE * SLICES_ALONE;
        (slice.units, slice.slices) = (0, slice.slices + 1);
        let (mail, scope) = self.reader()?;
        if is_long || slice.slices.is_multiple_of(SLICES_ALONE) || mail.accounts().has_company(scope.tenant()) {
            tokio::task::yield_now().await;
            self.still_allowed().await?;
        }
        Ok(())
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
    structure: std::sync::OnceLock<mime::Structure>,
}

impl Message {
    pub(super) fn new(bytes: Bytes) -> Self {
        Message { bytes, structure: std::sync::OnceLock::new() }
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
) {
    let mut line = FetchLine::begin(out, seq);
    for item in items {
        write_item(&mut line, item, row, selected, card);
    }
    line.end();
}

/// An item of the view or of a card.
fn write_item(line: &mut FetchLine<'_>, item: &FetchItem, row: &Row, selected: &Selected, card: Option<&EmailCard>) {
    match item {
        FetchItem::Flags => render::flags(line.item(), selected.keywords.names(row.flags)),
        FetchItem::Uid => render::uid(line.item(), row.uid.0),
        FetchItem::InternalDate => render::internal_date(line.item(), Timestamp::from_secs(row.received_at_secs)),
        FetchItem::Rfc822Size => render::size(line.item(), row.size),
        FetchItem::ModSeq => render::mod_seq(line.item(), row.modseq.0),
        FetchItem::EmailId => render::email_id(line.item(), &row.email.to_string()),
        FetchItem::ThreadId => render::thread_id(line.item(), &row.thread.to_string()),
        FetchItem::SaveDate => render::save_date(line.item(), Timestamp::from_secs(row.saved_at_secs)),
        item => {
            if let Some(card) = card.filter(|_| needs_card(item)) {
                write_card(line.item(), item, card);
            }
        }
    }
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

fn write_bytes(
    line: &mut FetchLine<'_>,
    item: &FetchItem,
    message: &Message,
    last: &mut Decoded,
) -> Result<(), Failure> {
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
            let decoded = last.of(message, part)?;
            render::binary(line.item(), part, *partial, decoded.map(|b| cut(b, *partial)));
        }
        FetchItem::BinarySize(part) => {
            let size = last.of(message, part)?.map_or(0, <[u8]>::len);
            render::binary_size(line.item(), part, size as u64);
        }
        _ => {}
    }
    Ok(())
}

/// The part of a message that was decoded last: clients read large ones piece by piece, in one command too.
#[derive(Default)]
struct Decoded {
    part: Vec<u32>,
    bytes: Option<Vec<u8>>,
}

impl Decoded {
    fn of<'a>(&'a mut self, message: &'a Message, part: &[u32]) -> Result<Option<&'a [u8]>, Failure> {
        if self.bytes.is_none() || self.part != part {
            match mime::binary(&message.bytes, message.structure(), part) {
                Ok(Cow::Borrowed(bytes)) => return Ok(Some(bytes)),
                Ok(Cow::Owned(bytes)) => (self.part, self.bytes) = (part.to_vec(), Some(bytes)),
                Err(mime::BinaryError::NoSuchPart) => return Ok(None),
                Err(mime::BinaryError::UnknownEncoding) => {
                    let code = Some(Code::Word("UNKNOWN-CTE"));
                    return Err(Failure::No(code, "The part's encoding is unknown".into()));
                }
            }
        }
        Ok(self.bytes.as_deref())
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
