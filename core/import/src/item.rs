//! SUMMARY    Reads the messages of one item, and hands each on.
//! INVARIANTS A message that is cut off where its file is damaged is not placed; lines of metadata about messages that are missing are told
//!            of, each as a problem.

use account::Result as StoreResult;
use archive::{
    intake::{Event, Item, Lead, Reader, Start, With},
    maildir::Keywords,
    metadata::{Problem, Trouble},
};
use base::Kind;
use mail::Error;

use crate::{archives::Archive, content::Unreadable, pieces::Pieces, report::problem, run::Job, source::Input};

/// A message under way.
type Open = Option<(Box<Start>, Vec<u8>)>;

/// What is to be done after an event.
enum Step {
    Nothing,
    NeedsLine,
    Message(Box<Start>, Vec<u8>),
    Problem(Problem),
    PassedOver,
}

fn step(event: Event<'_>, open: &mut Open) -> Step {
    match event {
        Event::NeedsLine => Step::NeedsLine,
        Event::Start(start) => {
            *open = Some((start, Vec::new()));
            Step::Nothing
        }
        Event::Piece(piece) => {
            if let Some((_, bytes)) = open {
                bytes.extend_from_slice(piece);
            }
            Step::Nothing
        }
        Event::End(_) => match open.take() {
            Some((start, bytes)) => Step::Message(start, bytes),
            None => Step::Nothing,
        },
        Event::Dropped(problem) => {
            *open = None;
            Step::Problem(problem)
        }
        Event::Problem(problem) => Step::Problem(problem),
        Event::PassedOver => Step::PassedOver,
    }
}

impl<'a> Job<'a> {
    /// Reads an item. An error ends the import.
    pub(crate) async fn item(
        &mut self,
        archive: &'a Archive,
        item: &'a Item,
        pieces: &mut Option<Pieces>,
    ) -> StoreResult<()> {
        let runs = self.said.ledger.runs(item);
        self.lines.begin(runs);
        let lead = if runs.is_empty() { Lead::Names } else { Lead::Lines };
        let keywords = self.keywords(archive, item).await;
        let with = With { mailboxes: self.said.mailboxes.clone(), keywords, lead };
        let (mut reader, mut open): (_, Open) = (Reader::new(item, with), None);
        let mut content = match archive.content(&item.source, pieces).await {
            Ok(content) => content,
            Err(why) => return self.unreadable(archive, item, None, why).await,
        };
        loop {
            let piece = match content.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(why) => {
                    *pieces = Some(content.close());
                    return self.unreadable(archive, item, open.and_then(|(start, _)| start.offset), why).await;
                }
            };
            self.progress.bytes_done += piece.len() as u64;
            self.turn(piece.len()).await;
            let mut input: &[u8] = &piece;
            while let Some(event) = reader.next(&mut input) {
                let step = step(event, &mut open);
                self.step(item, step, &mut reader).await?;
            }
        }
        while let Some(event) = reader.finish() {
            let step = step(event, &mut open);
            self.step(item, step, &mut reader).await?;
        }
        let (own, is_right) = content.end();
        *pieces = Some(own);
        if let Err(why) = is_right {
            self.report.tell(problem(Trouble::MessageChanged, item.name(), None, &why.to_string()));
        }
        Ok(())
    }

    async fn step(&mut self, item: &Item, step: Step, reader: &mut Reader) -> StoreResult<()> {
        match step {
            Step::Nothing => {}
            Step::NeedsLine => reader.line(self.lines.next(&mut self.report).await),
            Step::Message(start, bytes) => self.message(item.name(), *start, bytes).await?,
            Step::Problem(problem) => self.report.tell(problem),
            Step::PassedOver => self.report.pass(item.name()),
        }
        Ok(())
    }

    /// The rest of an item cannot be read.
    async fn unreadable(
        &mut self,
        archive: &Archive,
        item: &Item,
        offset: Option<u64>,
        why: Unreadable,
    ) -> StoreResult<()> {
        if let (Unreadable::File(why), Input::File { name, .. }) = (&why, &archive.input) {
            return Err(Error::new(Kind::Unavailable, format!("{name}: {why}")));
        }
        let why = format!("it cannot be read to its end: {why}");
        self.report.tell(problem(Trouble::MessageUnreadable, item.name(), offset, &why));
        while let Some(line) = self.lines.next(&mut self.report).await {
            self.report.tell(line.without_message());
        }
        Ok(())
    }

    /// Letters of the Maildir that the item is of.
    async fn keywords(&mut self, archive: &'a Archive, item: &Item) -> Keywords {
        let Some(number) = item.keywords else { return Keywords::default() };
        if let Some((of, known, keywords)) = &self.letters
            && *known == number
            && std::ptr::eq(*of, archive)
        {
            return keywords.clone();
        }
        let entry = archive.plan.keywords.get(number);
        let keywords = match entry {
            Some(entry) => archive.document(entry).await.map(|text| Keywords::read(&text)),
            None => Ok(Keywords::default()),
        };
        let keywords = keywords.unwrap_or_else(|why| {
            let name = entry.map_or("", |entry| &*entry.name);
            self.report.tell(problem(Trouble::MetadataMalformed, name, None, &why.to_string()));
            Keywords::default()
        });
        self.letters = Some((archive, number, keywords.clone()));
        keywords
    }
}
