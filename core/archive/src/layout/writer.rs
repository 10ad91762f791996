//! SUMMARY    Writes an export, row by row.
//! LIMITS     MANIFEST_FILES_MAX, EXPORT_ENTRIES_LISTED_MAX
//! INVARIANTS After an error the archive under way can only be thrown away, and made again from the state of the one before it.

use std::collections::HashSet;

use base::AccountId;
use base::limits::{EXPORT_ENTRIES_LISTED_MAX, MANIFEST_FILES_MAX};

use super::{
    account::{self, Account, Beside},
    archive::Archive,
    chunk::Chunk,
    count::AccountCounts,
    input::{AccountHead, Document, Listed, Options},
    job::{Ended, Finished, Job, Progress},
    message::{MessageFile, Target},
    paper::{self, Given},
    plan::Plan,
};
use crate::{Error, Name, mbox::LineEnds, metadata::Trouble, name::AccountFolders};

/// An export being written. For each paper of the tenant `paper`; for each account `account`, for each of its papers `paper`, then for each of its rows, in order of mailbox ids and uids, `email` and either
/// `message`, `piece` for each piece and `done`, or `unreadable`; at last `finish`.
///
/// `paper`, `account` and `email` give an `Ended` when the archive is full: then they have done nothing else but end it. What was added to `out`
/// until then is the end of that archive; the same call again goes on in the next one.
///
/// What is kept is what stands in memory of the open file (`kept_bytes`), the directory of the archive, and counts of all mailboxes. A
/// call adds its own bytes to `out`, the metadata of a file that it ends, and the directory of an archive that it ends.
pub struct Writer {
    pub(super) job: Job,
    /// Accounts that are complete.
    pub(super) ended: HashSet<AccountId>,
    folders: AccountFolders,
    /// Of `job.open`, once its head was given.
    pub(super) account: Option<Account>,
    pub(super) archive: Archive,
    pub(super) chunk: Option<Chunk>,
    step: Step,
    /// Papers that were given since the export was begun or went on: of the tenant, of the account.
    pub(super) given: Given,
}

/// What is expected.
enum Step {
    Row,
    /// What becomes of the message of the row that was placed.
    Message,
    Pieces(MessageFile),
}

impl Writer {
    /// Errors: a `stem` that is no name of a file.
    pub fn new(options: Options) -> Result<Self, Error> {
        if options.stem.contains('/') {
            return Err(Error::Name { name: options.stem, why: "a name of archives with a folder in it" });
        }
        archive_name(&options, 1)?;
        Writer::from_job(Job::new(options))
    }

    /// Goes on after an archive that was ended: with the account of the next row (`account`), and from `Ended::rows` on. Accounts may
    /// be given again from the first one on. The options must be those that the export was begun with.
    pub fn resume(options: Options, state: &[u8]) -> Result<Self, Error> {
        let job = Job::from_state(state)?;
        if job.options != options {
            return Err(Error::Changed("an export goes on with other options than it was begun with"));
        }
        Writer::from_job(job)
    }

    fn from_job(job: Job) -> Result<Self, Error> {
        let mut folders = AccountFolders::default();
        for (id, address) in job.addresses() {
            let folder = folders.folder(address, id)?;
            folders.take(&folder);
        }
        let ended = job.ended.iter().map(|a| a.counts.account_id.0).collect();
        let archive = new_archive(&job);
        folders.take(&paper::tenant()?);
        Ok(Writer {
            job,
            ended,
            folders,
            account: None,
            archive,
            chunk: None,
            step: Step::Row,
            given: Given::default(),
        })
    }

    /// Rows that were placed so far.
    pub fn rows(&self) -> u64 {
        self.job.rows
    }

    /// Accounts that were begun so far.
    pub fn accounts(&self) -> u64 {
        self.job.accounts()
    }

    /// Counts of the account that is open, so far.
    pub fn counts(&self) -> Option<&AccountCounts> {
        self.job.open.as_ref().map(|open| &open.counts)
    }

    /// Bytes that are kept of the emails of the open file.
    pub fn kept_bytes(&self) -> usize {
        self.chunk.as_ref().map_or(0, Chunk::kept_bytes)
    }

    /// Begins an account, ending the one before it: writes its mailboxes and `documents`. One that was begun before the export was cut
    /// off goes on; one that was complete then is passed over. Errors: a head other than before, mailboxes that are there twice.
    pub fn account(
        &mut self,
        head: &AccountHead,
        documents: &[Document<'_>],
        out: &mut Vec<u8>,
    ) -> Result<Option<Ended>, Error> {
        self.expect_row()?;
        let id = head.account_id.0;
        let goes_on = self.job.open.as_ref().is_some_and(|open| open.counts.account_id.0 == id);
        if self.ended.contains(&id) && self.account.is_some() {
            return Err(Error::Order("an account that is complete"));
        }
        if self.ended.contains(&id) || (goes_on && self.account.is_some()) {
            return Ok(None);
        }
        let (mailboxes, fingerprint) = (account::sorted(head)?, account::fingerprint(head)?);
        let shape = self.job.options.shape;
        if let Some(open) = self.job.open.as_ref().filter(|_| goes_on) {
            if open.head != fingerprint {
                return Err(Error::Changed("an account is another than when the export was begun"));
            }
            self.account = Some(Account::new(head, &mailboxes, open.folder.clone(), shape)?);
            return Ok(None);
        }
        self.end_account(out)?;
        let folder = self.folders.folder(&head.address, id)?;
        let account = Account::new(head, &mailboxes, folder.clone(), shape)?;
        let beside = account.beside(head, &mailboxes, documents)?;
        if self.is_too_much(beside.plan()) {
            return self.end_archive(out).map(Some);
        }
        self.begin_account(&beside, out)?;
        self.folders.take(&folder);
        self.job.open = Some(Progress::new(AccountCounts::new(head, &mailboxes), folder, fingerprint));
        self.account = Some(account);
        Ok(None)
    }

    /// Places the next row. Errors: rows out of order, a mailbox that the account has not, memberships without this one.
    pub fn email(&mut self, listed: &Listed<'_>, out: &mut Vec<u8>) -> Result<Option<Ended>, Error> {
        self.expect_row()?;
        let (account, open) = opened(&self.account, &mut self.job.open)?;
        let at = open.check(listed)?;
        let home = account.home(at)?;
        let options = &self.job.options;
        let fresh = !self.chunk.as_ref().is_some_and(|chunk| chunk.takes(listed, options));
        let mut need = Chunk::plan_email(listed, account, home);
        if fresh {
            need = need.with(Chunk::plan(home, options.shape));
        }
        if self.is_too_much(need) {
            self.end_chunk(out)?;
            return self.end_archive(out).map(Some);
        }
        if fresh {
            self.end_chunk(out)?;
        }
        self.archive.plan = self.archive.plan.with(need);
        self.place(at, listed)?;
        Ok(None)
    }

    /// The message of the row that was placed comes: `ends` is what `EndsScan` said about all of it. Have all of it at hand, or be sure
    /// to read it again: there is no way back from here but to make the archive again.
    pub fn message(&mut self, ends: LineEnds, out: &mut Vec<u8>) -> Result<(), Error> {
        let (Step::Message, Some(account), Some(chunk)) = (&self.step, &self.account, &mut self.chunk) else {
            return Err(Error::Order("a message without its row"));
        };
        let home = account.home(chunk.at)?;
        let to = &mut Target { chunk, archive: &mut self.archive, out };
        self.step = Step::Pieces(MessageFile::begin(ends, account, home, to)?);
        Ok(())
    }

    /// A piece of the message, cut anywhere. Errors: more than was listed.
    pub fn piece(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (Step::Pieces(file), Some(chunk)) = (&mut self.step, &mut self.chunk) else {
            return Err(Error::Order("a piece of no message"));
        };
        file.piece(bytes, &mut Target { chunk, archive: &mut self.archive, out })
    }

    /// The message is complete. Errors: it has other line ends or another length than was said. Say `unreadable` of one whose length is
    /// not what was listed.
    pub fn done(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let file = match std::mem::replace(&mut self.step, Step::Row) {
            Step::Pieces(file) => file,
            other @ (Step::Row | Step::Message) => {
                self.step = other;
                return Err(Error::Order("the end of no message"));
            }
        };
        let chunk = self.chunk.as_mut().ok_or(Error::Order("a message without its file"))?;
        let message = file.end(&mut Target { chunk, archive: &mut self.archive, out })?;
        let (account, open) = opened(&self.account, &mut self.job.open)?;
        open.add_mail(chunk, message.sha256, account);
        chunk.wrote(message);
        Ok(())
    }

    /// The message of the row that was placed cannot be exported: a line of problems says so. Of `why`, one sentence for people,
    /// EXPORT_WHY_BYTES_MAX are kept.
    pub fn unreadable(&mut self, what: Trouble, why: &str) -> Result<(), Error> {
        let (Step::Message, Some(chunk)) = (&self.step, &mut self.chunk) else {
            return Err(Error::Order("a problem without its row"));
        };
        chunk.failed(what, why);
        self.job.problems += 1;
        self.step = Step::Row;
        Ok(())
    }

    /// Ends the export, with its last archive if anything is in it.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(Option<Ended>, Finished), Error> {
        self.expect_row()?;
        self.end_account(out)?;
        let ended = if self.archive.is_empty() { None } else { Some(self.end_archive(out)?) };
        Ok((ended, self.job.finish()))
    }

    pub(super) fn expect_row(&self) -> Result<(), Error> {
        match self.step {
            Step::Row => Ok(()),
            Step::Message | Step::Pieces(_) => Err(Error::Order("the message before is not complete")),
        }
    }

    /// Whether so much more has to come into another archive. What nothing else is with never has.
    pub(super) fn is_too_much(&self, more: Plan) -> bool {
        !self.archive.is_empty() && self.archive.plan.with(more).exceeds(self.job.options.archive_bytes_max)
    }

    fn begin_account(&mut self, beside: &Beside<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.archive.plan = self.archive.plan.with(beside.plan());
        for (name, bytes) in &beside.entries {
            let bytes = bytes.as_deref();
            self.archive.entry(name, account::length(bytes), bytes.unwrap_or_default(), out)?;
        }
        self.job.problems += beside.problems;
        Ok(())
    }

    fn place(&mut self, at: usize, listed: &Listed<'_>) -> Result<(), Error> {
        let (_, open) = opened(&self.account, &mut self.job.open)?;
        open.count(at, listed);
        let options = &self.job.options;
        self.chunk.get_or_insert_with(|| Chunk::new(at, open.next_file(), listed, options)).add(listed);
        self.job.rows += 1;
        self.step = Step::Message;
        Ok(())
    }

    fn end_chunk(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(chunk) = self.chunk.take() else { return Ok(()) };
        let (account, open) = opened(&self.account, &mut self.job.open)?;
        chunk.end(open.counts.account_id.0, account, &mut self.archive, out)
    }

    fn end_account(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.end_chunk(out)?;
        self.account = None;
        self.ended.extend(self.job.open.as_ref().map(|open| open.counts.account_id.0));
        self.job.end_account();
        Ok(())
    }

    pub(super) fn end_archive(&mut self, out: &mut Vec<u8>) -> Result<Ended, Error> {
        if self.job.files.len() >= MANIFEST_FILES_MAX {
            return Err(Error::Limit("MANIFEST_FILES_MAX"));
        }
        let name = archive_name(&self.job.options, self.job.files.len() + 1)?;
        let full = std::mem::replace(&mut self.archive, Archive::new(self.job.options.modified, 0));
        let file = full.finish(name, out)?;
        self.job.files.push(file.clone());
        self.archive = new_archive(&self.job);
        Ok(Ended { file, state: self.job.to_state()?, rows: self.job.rows, accounts: self.job.accounts() })
    }
}

fn new_archive(job: &Job) -> Archive {
    Archive::new(job.options.modified, EXPORT_ENTRIES_LISTED_MAX.saturating_sub(job.entries_listed()))
}

fn archive_name(options: &Options, number: usize) -> Result<Name, Error> {
    Name::new(&format!("{}-{number}.zip", options.stem))
}

/// The account whose rows come.
fn opened<'a>(
    account: &'a Option<Account>,
    open: &'a mut Option<Progress>,
) -> Result<(&'a Account, &'a mut Progress), Error> {
    account.as_ref().zip(open.as_mut()).ok_or(Error::Order("a row without its account"))
}
