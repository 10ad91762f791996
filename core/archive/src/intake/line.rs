//! SUMMARY    Lines of `emails-NNNN.jsonl`, one at a time.
//! LIMITS     ARCHIVE_LINE_BYTES_MAX

use crate::metadata::{Email, Place, Problem, Trouble};
use crate::{Line, Lines};

use super::problem;

/// What a line says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailLine {
    pub email: Email,
    /// Name of the file of metadata.
    pub file: String,
    /// In that file, from 1.
    pub number: u64,
}

impl EmailLine {
    /// What is to be told of a line that no message is for: of one that no item claims as well.
    pub fn without_message(&self) -> Problem {
        match self.email.copies.is_empty() {
            true => self.problem(Trouble::MessageUnreadable, "the message could not be read when it was exported"),
            false => self.problem(Trouble::Unmatched, "there is no message where this line says"),
        }
    }

    /// A problem with this line.
    pub(super) fn problem(&self, what: Trouble, why: &str) -> Problem {
        let problem = problem(what, &self.file, None, why);
        let (account_id, email_id) = (Some(self.email.account_id), Some(self.email.id));
        Problem { place: Place { account_id, email_id, line: Some(self.number), ..problem.place }, ..problem }
    }
}

/// Reads lines of one file from anywhere in it. Feed it by calling `next` until it says None, for each piece, then `finish`.
#[derive(Debug)]
pub struct EmailLines {
    file: String,
    lines: Lines,
    /// Number of the first line, less one.
    before: u64,
}

impl EmailLines {
    /// Of the file of that name, from the line of that number on.
    pub fn new(file: &str, first_line: u64) -> Self {
        EmailLines { file: file.to_owned(), lines: Lines::new(), before: first_line.saturating_sub(1) }
    }

    /// The next line, taken from the front of `input`. None: all of `input` was taken. A line that is wrong is a problem.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Box<EmailLine>, Box<Problem>>> {
        let line = self.lines.next(input)?;
        Some(read(&self.file, self.before, &line))
    }

    /// The range is at its end: its last line, if that has no end.
    pub fn finish(&mut self) -> Option<Result<Box<EmailLine>, Box<Problem>>> {
        let line = self.lines.finish()?;
        Some(read(&self.file, self.before, &line))
    }
}

fn read(file: &str, before: u64, line: &Line<'_>) -> Result<Box<EmailLine>, Box<Problem>> {
    let number = before + line.number;
    let line = Line { number, ..*line };
    match line.read() {
        Ok(email) => Ok(Box::new(EmailLine { email, file: file.to_owned(), number })),
        Err(e) => {
            let problem = problem(Trouble::MetadataMalformed, file, None, &e.to_string());
            Err(Box::new(Problem { place: Place { line: Some(number), ..problem.place }, ..problem }))
        }
    }
}
