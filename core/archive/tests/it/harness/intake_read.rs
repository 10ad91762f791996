//! SUMMARY    Fuzz harness: whatever is read in, the same comes out however it is cut, and memory is bounded. `import` is what an engine
//!            does with the pure parts.

use std::sync::Arc;

use archive::intake::{
    EmailLine, EmailLines, Event, Item, Kind, Lead, Mailboxes, Origin, Plan, Planner, Reader, Run, Sort, Source, Start,
    Survey, Target, With,
};
use archive::maildir::Keywords;
use archive::metadata::Problem;
use archive::zip::read::Entry;
use archive::{Content, Error, Lines, Sha256};
use base::limits::{INTAKE_HEAD_BYTES_MAX, INTAKE_STEP_BYTES_MAX, MBOX_FROM_BYTES_MAX, MESSAGE_BYTES_MAX};

use super::zip_harness as zip;

/// A message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub start: Start,
    pub bytes: Vec<u8>,
}

/// All that came of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub messages: Vec<Message>,
    pub problems: Vec<Problem>,
    pub passed_over: u64,
}

impl Imported {
    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// A message under way.
type Open = Option<(Box<Start>, Vec<u8>)>;

fn take(event: Event<'_>, open: &mut Open, out: &mut Imported) {
    match event {
        Event::NeedsLine => panic!("was answered"),
        Event::Start(start) => {
            assert!(open.is_none() && !start.placements.is_empty());
            *open = Some((start, Vec::new()));
        }
        Event::Piece(piece) => {
            assert!(!piece.is_empty());
            open.as_mut().expect("a piece is of a message").1.extend_from_slice(piece);
        }
        Event::End(content) => {
            let (start, bytes) = open.take().expect("an end is of a message");
            assert!(bytes.len() <= MESSAGE_BYTES_MAX);
            assert_eq!(content, Content { bytes: bytes.len() as u64, sha256: Sha256::of(&bytes) });
            out.messages.push(Message { start: *start, bytes });
        }
        Event::Dropped(problem) => {
            open.take().expect("what is dropped began");
            out.problem(problem);
        }
        Event::Problem(problem) => {
            assert!(open.is_none());
            out.problem(problem);
        }
        Event::PassedOver => out.passed_over += 1,
    }
}

/// Reads an item fed in pieces of `cut` bytes, with its lines.
pub fn read(item: &Item, bytes: &[u8], cut: usize, with: With, lines: Vec<EmailLine>, out: &mut Imported) {
    let (mut reader, mut open, mut lines) = (Reader::new(item, with), None, lines.into_iter());
    for mut piece in bytes.chunks(cut.max(1)) {
        while let Some(event) = reader.next(&mut piece) {
            match event {
                Event::NeedsLine => reader.line(lines.next().map(Box::new)),
                event => take(event, &mut open, out),
            }
            let most = INTAKE_HEAD_BYTES_MAX + 3 * INTAKE_STEP_BYTES_MAX + 2 * MBOX_FROM_BYTES_MAX;
            assert!(reader.kept_bytes() <= most, "{}", reader.kept_bytes());
        }
        assert!(piece.is_empty());
    }
    while let Some(event) = reader.finish() {
        match event {
            Event::NeedsLine => reader.line(lines.next().map(Box::new)),
            event => take(event, &mut open, out),
        }
    }
    assert!(open.is_none() && reader.finish().is_none());
}

/// What archives of one export say of their mail.
#[derive(Default)]
struct Said {
    mailboxes: Mailboxes,
    /// Files of metadata, with their names.
    emails: Vec<(String, Vec<u8>)>,
    survey: Survey,
}

impl Said {
    fn add(&mut self, file: &[u8], plan: &Plan, cut: usize, out: &mut Imported) {
        for entry in &plan.mailboxes {
            let (text, mut lines) = (content(file, entry, cut), Lines::new());
            for mut piece in text.chunks(cut.max(1)) {
                while let Some(line) = lines.next(&mut piece) {
                    out.problems.extend(self.mailboxes.add(&line, &entry.name).err().map(|p| *p));
                }
            }
            let last = lines.finish().and_then(|line| self.mailboxes.add(&line, &entry.name).err());
            out.problems.extend(last.map(|p| *p));
        }
        for entry in &plan.emails {
            let text = content(file, entry, cut);
            self.survey.begin(self.emails.len());
            text.chunks(cut.max(1)).for_each(|piece| self.survey.feed(piece).expect("few lines"));
            self.survey.end().expect("few lines");
            self.emails.push((entry.name.to_string(), text));
        }
    }
}

fn content(file: &[u8], entry: &Entry, cut: usize) -> Vec<u8> {
    zip::content(file, entry, cut).unwrap_or_default()
}

fn lines(emails: &[(String, Vec<u8>)], runs: &[Run], cut: usize, out: &mut Imported) -> Vec<EmailLine> {
    let mut all = Vec::new();
    for run in runs {
        let (name, text) = &emails[run.file];
        let text = &text[usize::try_from(run.range.start).unwrap()..usize::try_from(run.range.end).unwrap()];
        let mut reader = EmailLines::new(name, run.first_line);
        let mut found = Vec::new();
        for mut piece in text.chunks(cut.max(1)) {
            while let Some(line) = reader.next(&mut piece) {
                found.push(line);
            }
        }
        found.extend(reader.finish());
        for line in found {
            match line {
                Ok(line) => all.push(*line),
                Err(problem) => out.problem(*problem),
            }
        }
    }
    all
}

/// Plans an archive.
pub fn plan(file: &[u8], cut: usize) -> Result<Plan, Error> {
    let (listed, end) = zip::list(file, cut);
    let mut planner = Planner::new();
    listed.into_iter().for_each(|listed| planner.add(listed));
    end.map(|_| planner.finish())
}

/// Reads in an archive, everything in pieces of `cut` bytes.
pub fn import(file: &[u8], cut: usize) -> Result<Imported, Error> {
    import_all(&[file], cut)
}

/// Reads in the archives of one export.
pub fn import_all(files: &[&[u8]], cut: usize) -> Result<Imported, Error> {
    let (mut out, mut said, mut plans) = (Imported::default(), Said::default(), Vec::new());
    for file in files {
        let plan = plan(file, cut)?;
        out.passed_over += plan.passed_over.entries;
        out.problems.extend(plan.problems.iter().cloned());
        said.add(file, &plan, cut, &mut out);
        plans.push(plan);
    }
    let Said { mailboxes, emails, survey } = said;
    let (mailboxes, ledger) = (Arc::new(mailboxes), survey.finish());
    for (file, plan) in files.iter().zip(&plans) {
        for item in &plan.items {
            let Source::Entry(entry) = &item.source else { panic!("an archive has entries") };
            let Ok(bytes) = zip::content(file, entry, cut) else { continue };
            let keywords = item.keywords.map(|n| Keywords::read(&content(file, &plan.keywords[n], cut)));
            let runs = ledger.runs(item);
            let lead = if runs.is_empty() { Lead::Names } else { Lead::Lines };
            let lines = lines(&emails, runs, cut, &mut out);
            let with = With { mailboxes: mailboxes.clone(), keywords: keywords.unwrap_or_default(), lead };
            read(item, &bytes, cut, with, lines, &mut out);
        }
    }
    for run in ledger.unclaimed(plans.iter().flat_map(|plan| &plan.items)) {
        for line in lines(&emails, std::slice::from_ref(run), cut, &mut out) {
            out.problem(line.without_message());
        }
    }
    Ok(out)
}

/// A file of one item.
pub fn item(kind: Kind, name: &str) -> Item {
    let (source, target) = (Source::Whole(name.to_owned()), Arc::new(Target::Chosen));
    Item { source, kind, origin: Origin::Anybody, target, keywords: None }
}

/// The same read whole and in pieces.
pub fn single(item: &Item, bytes: &[u8], with: &With, lines: &[EmailLine]) -> Imported {
    let mut whole = Imported::default();
    read(item, bytes, usize::MAX, with.clone(), lines.to_vec(), &mut whole);
    let size = usize::from(bytes.first().copied().unwrap_or(0)) % 13 + 2;
    for cut in [1, size] {
        let mut again = Imported::default();
        read(item, bytes, cut, with.clone(), lines.to_vec(), &mut again);
        assert_eq!(whole, again, "in pieces of {cut}");
    }
    whole
}

/// Lines of metadata as they are in bytes that are anything else as well.
fn lines_of(bytes: &[u8]) -> Vec<EmailLine> {
    let mut reader = EmailLines::new("emails-0001.jsonl", 1);
    let mut piece = bytes;
    let mut found: Vec<_> = std::iter::from_fn(|| reader.next(&mut piece)).collect();
    found.extend(reader.finish());
    found.into_iter().filter_map(Result::ok).map(|line| *line).collect()
}

pub fn run(data: &[u8]) {
    let _ = Sort::of(data);
    for kind in [Kind::Mbox, Kind::Eml, Kind::MaildirFile, Kind::Unsure] {
        let mut item = item(kind, "Maildir/cur/1795461812.M1P1.x:2,FSa");
        single(&item, data, &With::default(), &[]);
        item.origin = Origin::Ours("".into());
        let with = With { lead: Lead::Lines, ..With::default() };
        single(&item, data, &with, &lines_of(data));
    }
    let whole = import(data, usize::MAX);
    let again = import(data, 3);
    assert_eq!(whole.as_ref().ok(), again.as_ref().ok());
    for problem in whole.iter().flat_map(|imported| &imported.problems) {
        assert!(!problem.why.is_empty() && !problem.why.contains('\0'));
    }
}
