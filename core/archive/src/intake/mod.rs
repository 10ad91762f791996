//! SUMMARY    Finds mail in files that are read in, and reads it: our own archives, ZIP with mbox, Maildir or EML, Takeout, mbox, EML.
//! STANDARDS  RFC 5322, RFC 4155 and its relatives, Maildir++, RFC 8621 (metadata of our own); flags of mbox as mutt, Dovecot and
//!            Thunderbird write them
//! SECURITY   All of it is a stranger's, also what says that it is ours. Nothing panics, memory is bounded by named limits, what is
//!            no mail is counted and passed over, what is wrong with a message is a `metadata::Problem` and stops nothing.
//! LIMITS     INTAKE_FIRST_BYTES, INTAKE_HEAD_BYTES_MAX, INTAKE_STEP_BYTES_MAX, INTAKE_MAILBOXES_MAX, INTAKE_RUNS_MAX,
//!            INTAKE_PASSED_NAMES_MAX, INTAKE_PROBLEMS_MAX, MESSAGE_BYTES_MAX, MAILBOX_PATH_BYTES_MAX, MAILBOX_DEPTH_MAX
//! INVARIANTS No await, no clock, no file: a function of the bytes that are fed, however they are cut. No more than the header of one
//!            message is kept, and pieces of messages are handed on as they come.
//!
//! How a file is read in, by whoever has it:
//!
//! 1. `Sort::of` its first bytes. An mbox or a message is a plan of one item, `Plan::whole`.
//! 2. Of a ZIP archive the directory is read (`zip::read`), and each `Listed` is given to a `Planner`: it makes the `Plan`.
//! 3. Of our own archives: `Plan::mailboxes` are read into `Mailboxes`, and `Plan::emails` are surveyed (`Survey`), which gives the
//!    `Ledger`: which lines of metadata are about which file. Of a Maildir, `Plan::keywords` are read (`maildir::Keywords::read`).
//! 4. Each item is read with a `Reader`: its bytes go in, `Event`s come out. Where the ledger has lines for it, the reader asks for
//!    them one by one (`Event::NeedsLine`), and `EmailLines` reads them from the ranges that `Ledger::runs` names.
//! 5. What `Ledger::unclaimed` has left are lines without a message.
//!
//! tar is not read: what there is for it reads from a file, not from pieces.

mod facts;
mod ledger;
mod line;
mod mailboxes;
mod message;
mod messages;
mod names;
mod plan;
mod planner;
mod read;
mod sort;
mod start;

pub use ledger::{Ledger, Run, Survey};
pub use line::{EmailLine, EmailLines};
pub use mailboxes::Mailboxes;
pub use message::{Event, Identity, Placement, Start, Thread};
pub use names::role as role_of_name;
pub use plan::{Item, Kind, Origin, PassedOver, Plan, Source, Target};
pub use planner::Planner;
pub use read::{Lead, Reader, With};
pub use sort::{Sort, Unknown};

use crate::Name;
use crate::metadata::{Place, Problem, Trouble};

/// A problem with a file, or at a byte of it. A name that is no `Name` stands in the sentence only.
fn problem(what: Trouble, name: &str, offset: Option<u64>, why: &str) -> Problem {
    let path = Name::new(name).ok();
    let why = if path.is_some() { why.to_owned() } else { format!("{}: {why}", shown(name)) };
    Problem { what, place: Place { path, offset, ..Place::default() }, why }
}

/// A name of anybody for a sentence: short, and without what directs a terminal.
fn shown(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
