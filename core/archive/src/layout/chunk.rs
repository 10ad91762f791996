//! SUMMARY    The emails of one mbox file, or of so many files of a Maildir, until their metadata is written.
//! LIMITS     EXPORT_FILE_EMAILS_MAX, EXPORT_FILE_PLACES_MAX, EXPORT_WHY_BYTES_MAX
//! INVARIANTS Kept of an email are 96 bytes, 8 for each mailbox more that it is in, and why it could not be read.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use base::limits::{EXPORT_FILE_EMAILS_MAX, EXPORT_FILE_PLACES_MAX, EXPORT_WHY_BYTES_MAX};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid};

use super::{
    account::{Account, Home},
    archive::Archive,
    input::{Listed, Options, Shape},
    plan::{self, Plan},
};
use crate::{
    Error, Name, Sha256, Text,
    maildir::{FileName, Flags},
    mbox::LineEnds,
    metadata::{Email, MessageCopy, Place, Problem, Trouble},
    write_line,
    zip::Length,
};

/// Lines are written to the archive when they are so many bytes.
const LINES_BYTES: usize = 64 * 1024;

/// Bytes of the longest name of a file in a mailbox's folder.
const FILE_NAME_BYTES: usize = "/messages-4294967295.mbox".len();
/// Folders above such a message: `<account>/Maildir/.<mailbox>/cur`.
const MAILDIR_DEPTH: usize = 4;

/// Emails of one mailbox.
pub(super) struct Chunk {
    /// Of its mailbox in the account.
    pub at: usize,
    number: u32,
    pub mailbox: MailboxId,
    /// Of its mbox file.
    pub length: Length,
    /// Bytes of the file that were reckoned.
    listed: u64,
    rows: Vec<Row>,
    /// The mailboxes that its emails are in beside this one.
    others: Vec<(MailboxId, Uid)>,
    problems: Vec<Failed>,
    why_bytes: usize,
    /// Bytes of the mbox file, if it was begun.
    pub written: Option<u64>,
}

/// An email.
pub(super) struct Row {
    email: EmailId,
    thread: ThreadId,
    uid: Uid,
    /// Where those of the next email begin in `others`.
    others_end: u32,
    pub flags: u64,
    pub size: u64,
    pub received_at: Timestamp,
    /// None while it did not come, or if it cannot be read.
    message: Option<Message>,
}

/// A message that was written.
pub(super) struct Message {
    /// Where its `From ` line begins in the mbox file.
    pub offset: u64,
    pub sha256: Sha256,
    pub ends: LineEnds,
}

/// A message that could not be read.
struct Failed {
    row: u32,
    what: Trouble,
    why: Box<str>,
}

impl Chunk {
    pub fn new(at: usize, number: u32, first: &Listed<'_>, options: &Options) -> Self {
        let length = plan::mbox_length(first.size, options.file_bytes_max);
        let (rows, others, problems) = (Vec::new(), Vec::new(), Vec::new());
        Chunk {
            at,
            number,
            mailbox: first.mailbox,
            length,
            listed: 0,
            rows,
            others,
            problems,
            why_bytes: 0,
            written: None,
        }
    }

    /// Whether the email may come into this file; the first always may.
    pub fn takes(&self, listed: &Listed<'_>, options: &Options) -> bool {
        let emails_max = options.file_emails_max.clamp(1, EXPORT_FILE_EMAILS_MAX) as usize;
        let places = self.others.len() + listed.memberships.len();
        let bytes = self.listed.saturating_add(plan::message_bytes(listed.size));
        listed.mailbox == self.mailbox
            && self.rows.len() < emails_max
            && places <= EXPORT_FILE_PLACES_MAX
            && (bytes <= options.file_bytes_max || options.shape == Shape::Maildir)
    }

    /// What the files of a chunk are reckoned to be before there is an email in them, one of problems among them.
    pub fn plan(home: &Home, shape: Shape) -> Plan {
        let name_bytes = home.mail.as_str().len() + FILE_NAME_BYTES;
        let file = Plan::entry_of(name_bytes, 0, 0);
        let maildir = home.maildir.as_ref().map_or(0, |_| MAILDIR_DEPTH);
        let first = Plan::entry_of(name_bytes, home.depth() + maildir, 0);
        match shape {
            Shape::Mbox => first.with(file).with(file),
            Shape::Maildir => first.with(file),
        }
    }

    /// The same of an email.
    pub fn plan_email(listed: &Listed<'_>, account: &Account, home: &Home) -> Plan {
        let keywords = account.set(listed.flags);
        let (message, path_bytes) = match &home.maildir {
            None => (Plan::bytes(plan::message_bytes(listed.size)), home.mail.as_str().len() + FILE_NAME_BYTES),
            Some(maildir) => {
                let name = file_name(listed.uid, listed.received_at, listed.size, listed.flags, account);
                let path_bytes = maildir.as_str().len() + "/cur/".len() + shown_bytes(&name);
                (Plan::entry_of(path_bytes, 0, listed.size), path_bytes)
            }
        };
        message.with(Plan::bytes(plan::line_bytes(path_bytes, listed.memberships.len(), keywords)))
    }

    /// An email that is the next one.
    pub fn add(&mut self, listed: &Listed<'_>) {
        let others = listed.memberships.iter().filter(|(mailbox, _)| *mailbox != listed.mailbox);
        self.others.extend(others);
        self.listed = self.listed.saturating_add(plan::message_bytes(listed.size));
        self.rows.push(Row {
            email: listed.email,
            thread: listed.thread,
            uid: listed.uid,
            others_end: u32::try_from(self.others.len()).unwrap_or(u32::MAX),
            flags: listed.flags,
            size: listed.size,
            received_at: listed.received_at,
            message: None,
        });
    }

    /// The last email.
    pub fn last(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// The message of the last email was written.
    pub fn wrote(&mut self, message: Message) {
        if let Some(row) = self.rows.last_mut() {
            row.message = Some(message);
        }
    }

    /// The message of the last email cannot be read.
    pub fn failed(&mut self, what: Trouble, why: &str) {
        let why = why.get(..why.floor_char_boundary(EXPORT_WHY_BYTES_MAX)).unwrap_or_default();
        let row = u32::try_from(self.rows.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.why_bytes += why.len();
        self.problems.push(Failed { row, what, why: why.into() });
    }

    /// Bytes that are kept.
    pub fn kept_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
            + self.others.capacity() * size_of::<(MailboxId, Uid)>()
            + self.problems.capacity() * size_of::<Failed>()
            + self.why_bytes
    }

    /// The mbox file.
    pub fn mbox(&self, home: &Home) -> Result<Name, Error> {
        home.mail.join(&format!("messages-{:04}.mbox", self.number))
    }

    /// Ends the file and writes what is to be said of its emails. Adds some 600 bytes an email to `out`.
    pub fn end(self, id: AccountId, account: &Account, archive: &mut Archive, out: &mut Vec<u8>) -> Result<(), Error> {
        let home = account.home(self.at)?;
        if self.written.is_some() {
            archive.end(out)?;
        }
        let path = self.path(home)?;
        let mut lines = Vec::with_capacity(2 * LINES_BYTES);
        // Names and keywords of EXPORT_FILE_EMAILS_MAX lines, and EXPORT_FILE_PLACES_MAX mailboxes, are far below 4 GiB.
        archive.begin(&home.mail.join(&format!("emails-{:04}.jsonl", self.number))?, Length::Below4Gib, out)?;
        let mut from = 0;
        for row in &self.rows {
            let end = row.others_end as usize;
            let others = self.others.get(from..end).unwrap_or_default();
            from = end;
            write_line(&self.email(id, row, others, account, &path)?, &mut lines)?;
            flush(LINES_BYTES, &mut lines, archive, out)?;
        }
        flush(0, &mut lines, archive, out)?;
        archive.end(out)?;
        if !self.problems.is_empty() {
            archive.begin(&home.mail.join(&format!("problems-{:04}.jsonl", self.number))?, Length::Below4Gib, out)?;
            for failed in &self.problems {
                write_line(&self.problem(id, failed), &mut lines)?;
                flush(LINES_BYTES, &mut lines, archive, out)?;
            }
            flush(0, &mut lines, archive, out)?;
            archive.end(out)?;
        }
        Ok(())
    }

    /// The mbox file, or the folder of the messages' files.
    fn path(&self, home: &Home) -> Result<Path, Error> {
        match &home.maildir {
            None => self.mbox(home).map(Path::Mbox),
            Some(_) => home.cur().map(Path::Cur),
        }
    }

    fn email(
        &self,
        id: AccountId,
        row: &Row,
        others: &[(MailboxId, Uid)],
        account: &Account,
        path: &Path,
    ) -> Result<Email, Error> {
        let places = || others.iter().copied().chain([(self.mailbox, row.uid)]);
        let message = row.message.as_ref();
        Ok(Email {
            id: Text(row.email),
            thread_id: Text(row.thread),
            mailbox_ids: places().map(|(mailbox, _)| (Text(mailbox), true)).collect(),
            keywords: account.set(row.flags).map(|k| (k.to_owned(), true)).collect(),
            size: row.size,
            received_at: row.received_at,
            account_id: Text(id),
            uids: places().map(|(mailbox, uid)| (Text(mailbox), uid.0)).collect::<BTreeMap<_, _>>(),
            sha256: message.map(|m| m.sha256),
            line_ends: message.map(|m| m.ends),
            mail_from: None,
            copies: row.copy(path, account)?.into_iter().collect(),
        })
    }

    fn problem(&self, id: AccountId, failed: &Failed) -> Problem {
        let row = self.rows.get(failed.row as usize);
        let place = Place {
            account_id: Some(Text(id)),
            mailbox_id: Some(Text(self.mailbox)),
            email_id: row.map(|row| Text(row.email)),
            uid: row.map(|row| row.uid.0),
            ..Place::default()
        };
        Problem { what: failed.what, place, why: failed.why.to_string() }
    }
}

/// Where messages of one chunk are.
enum Path {
    Mbox(Name),
    Cur(Name),
}

impl Row {
    /// Where its message is, if it was written.
    fn copy(&self, path: &Path, account: &Account) -> Result<Option<MessageCopy>, Error> {
        let Some(message) = &self.message else { return Ok(None) };
        let (path, offset) = match path {
            Path::Mbox(path) => (path.clone(), Some(message.offset)),
            Path::Cur(cur) => (cur.join(&self.file_name(account).to_string())?, None),
        };
        Ok(Some(MessageCopy { path, offset }))
    }

    /// The name of its file in a Maildir.
    pub fn file_name(&self, account: &Account) -> FileName {
        file_name(self.uid, self.received_at, self.size, self.flags, account)
    }
}

fn file_name(uid: Uid, received: Timestamp, size: u64, flags: u64, account: &Account) -> FileName {
    FileName { uid, received, size, flags: Flags::of(account.set(flags), &account.letters) }
}

/// Bytes that something has as text.
fn shown_bytes(shown: &impl fmt::Display) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting never fails.
    let _ = write!(count, "{shown}");
    count.0
}

/// Writes the lines if they are more than so many bytes.
fn flush(than: usize, lines: &mut Vec<u8>, archive: &mut Archive, out: &mut Vec<u8>) -> Result<(), Error> {
    if lines.len() > than {
        archive.write(lines, out)?;
        lines.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_email_is_small() {
        assert_eq!(size_of::<Row>(), 96);
    }
}
