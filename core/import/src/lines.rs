//! SUMMARY    Lines of metadata of one item after the other, from wherever they stand.
//! INVARIANTS Reading goes forward where lines come in the order of the archive, as in those of ours: none is unpacked twice.

use archive::{
    intake::{EmailLine, EmailLines, Run},
    metadata::Trouble,
};
use bytes::{Buf, Bytes};

use crate::{
    archives::Archive,
    content::{Content, Read, Unreadable},
    report::{Report, problem},
    said::Said,
};

/// Reads lines.
pub(crate) struct LineReader<'a> {
    archives: &'a [Archive],
    said: &'a Said,
    cursor: Option<Cursor>,
    /// Runs of the item that were not begun.
    runs: &'a [Run],
    run: Option<Open>,
}

/// A file of lines, read up to a byte.
struct Cursor {
    file: usize,
    at: u64,
    content: Content,
    /// What was read beyond.
    rest: Bytes,
}

/// The run that is read.
struct Open {
    lines: EmailLines,
    file: usize,
    left: u64,
    piece: Bytes,
}

impl<'a> LineReader<'a> {
    pub(crate) fn new(archives: &'a [Archive], said: &'a Said) -> Self {
        LineReader { archives, said, cursor: None, runs: &[], run: None }
    }

    /// The lines of these runs are next.
    pub(crate) fn begin(&mut self, runs: &'a [Run]) {
        (self.runs, self.run) = (runs, None);
    }

    /// The next line; what is wrong with others is told.
    pub(crate) async fn next(&mut self, report: &mut Report) -> Option<Box<EmailLine>> {
        loop {
            let Some(open) = &mut self.run else {
                let (run, rest) = self.runs.split_first()?;
                self.runs = rest;
                self.open(run, report).await;
                continue;
            };
            let mut input: &[u8] = &open.piece;
            let before = input.len();
            let line = open.lines.next(&mut input);
            let used = before - input.len();
            open.piece.advance(used);
            match line {
                Some(Ok(line)) => return Some(line),
                Some(Err(wrong)) => report.tell(*wrong),
                None if open.left > 0 => self.read(report).await,
                None => {
                    let last = open.lines.finish();
                    self.run = None;
                    match last {
                        Some(Ok(line)) => return Some(line),
                        Some(Err(wrong)) => report.tell(*wrong),
                        None => {}
                    }
                }
            }
        }
    }

    async fn open(&mut self, run: &Run, report: &mut Report) {
        let Some((_, entry)) = self.said.emails.get(run.file) else { return };
        match self.seek(run.file, run.range.start).await {
            Ok(cursor) => {
                let lines = EmailLines::new(&entry.name, run.first_line);
                let left = run.range.end.saturating_sub(run.range.start);
                self.run = Some(Open { lines, file: run.file, left, piece: Bytes::new() });
                self.cursor = Some(cursor);
            }
            Err(why) => self.unreadable(run.file, &why, report),
        }
    }

    /// The file at a byte of it.
    async fn seek(&mut self, file: usize, to: u64) -> Read<Cursor> {
        let missing = || Unreadable::File(std::io::ErrorKind::NotFound.into());
        let (archive, entry) = self.said.emails.get(file).ok_or_else(missing)?;
        let old = self.cursor.take();
        let same = old.as_ref().is_some_and(|cursor| cursor.file == file && cursor.at <= to);
        let mut cursor = match old.filter(|_| same) {
            Some(cursor) => cursor,
            None => {
                let archive = self.archives.get(*archive).ok_or_else(missing)?;
                let content = archive.entry(entry, &mut None, false).await?;
                Cursor { file, at: 0, content, rest: Bytes::new() }
            }
        };
        let kept = usize::try_from(to - cursor.at).unwrap_or(usize::MAX).min(cursor.rest.len());
        cursor.rest.advance(kept);
        let left = to - cursor.at - kept as u64;
        if left > 0 {
            cursor.rest = cursor.content.skip(left).await?;
        }
        cursor.at = to;
        Ok(cursor)
    }

    /// Reads on in the run.
    async fn read(&mut self, report: &mut Report) {
        let (Some(open), Some(cursor)) = (&mut self.run, &mut self.cursor) else { return };
        if cursor.rest.is_empty() {
            match cursor.content.next().await {
                Ok(Some(piece)) => cursor.rest = piece,
                ended => {
                    let file = open.file;
                    (self.run, self.cursor) = (None, None);
                    if let Err(why) = ended {
                        self.unreadable(file, &why, report);
                    }
                    return;
                }
            }
        }
        let taken = usize::try_from(open.left).unwrap_or(usize::MAX).min(cursor.rest.len());
        open.piece = cursor.rest.split_to(taken);
        open.left -= taken as u64;
        cursor.at += taken as u64;
    }

    fn unreadable(&self, file: usize, why: &Unreadable, report: &mut Report) {
        if let Some((_, entry)) = self.said.emails.get(file) {
            report.tell(problem(Trouble::MetadataMalformed, &entry.name, None, &why.to_string()));
        }
    }
}
