//! SUMMARY    What an import has done, and what it could not do.
//! LIMITS     INTAKE_PROBLEMS_MAX, INTAKE_PASSED_NAMES_MAX

use std::fmt;

use archive::{
    Name,
    metadata::{Place, Problem, Trouble},
};
use base::limits::{INTAKE_PASSED_NAMES_MAX, INTAKE_PROBLEMS_MAX};
use mail::Error;

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of files with mail, once unpacked.
    pub bytes_done: u64,
    pub bytes_total: u64,
    /// Messages that were read.
    pub messages: u64,
}

/// A document that an export of ours has of a mailbox beside its mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// In the account's folder: `settings.json`, `addresses-0001.jsonl` and so on.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What an import has done; of a dry run: what it would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages that were placed; and their bytes.
    pub imported: u64,
    pub bytes: u64,
    /// Messages that all their mailboxes had already.
    pub already_there: u64,
    /// Mailboxes that were made.
    pub mailboxes_made: u64,
    /// The first INTAKE_PROBLEMS_MAX, and how many there were.
    pub problems: Vec<Problem>,
    pub problems_told: u64,
    /// Files that are no mail, and the first INTAKE_PASSED_NAMES_MAX of their names.
    pub passed_over: u64,
    pub passed_names: Vec<String>,
    /// Papers of the account that was brought in, for whoever can take them: they are the control plane's.
    pub papers: Vec<Paper>,
}

impl Report {
    pub(crate) fn tell(&mut self, problem: Problem) {
        self.problems_told += 1;
        if self.problems.len() < INTAKE_PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    pub(crate) fn pass(&mut self, name: &str) {
        self.passed_over += 1;
        if self.passed_names.len() < INTAKE_PASSED_NAMES_MAX {
            self.passed_names.push(name.to_owned());
        }
    }
}

/// A problem with a file of an input.
pub(crate) fn problem(what: Trouble, name: &str, offset: Option<u64>, why: &str) -> Problem {
    let path = Name::new(name).ok();
    let shown = || -> String { name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect() };
    let why = if path.is_some() || name.is_empty() { why.to_owned() } else { format!("{}: {why}", shown()) };
    Problem { what, place: Place { path, offset, ..Place::default() }, why }
}

/// An import that ended before its end: what it had done stays, and the same import again goes on.
#[derive(Debug)]
pub struct Failed {
    pub why: Error,
    pub report: Report,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { why, report: Report { imported, already_there, bytes, .. } } = self;
        write!(f, "{}", why.context)?;
        if let Some(source) = &why.source {
            write!(f, ": {source}")?;
        }
        if *imported + *already_there > 0 {
            let there = format!("{already_there} were there already");
            write!(
                f,
                "; {imported} messages ({bytes} bytes) were brought in before that, {there}: the same again goes on"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}
