//! SUMMARY    Papers: documents of the control plane, of the tenant or of an account, among the files of an export.
//! INVARIANTS The tenant's come before all accounts, an account's before its rows. An export that goes on is given all of them again, and passes
//!            over those that it has written: they are the same each time.

use base::AccountId;

use super::{
    account::{depth, length},
    input::Paper,
    job::Ended,
    plan::Plan,
    writer::Writer,
};
use crate::{Content, Error, Name, Sha256, manifest::Papers};

/// The folder of the tenant's papers.
pub const TENANT: &str = "tenant";

/// That folder.
pub(super) fn tenant() -> Result<Name, Error> {
    Name::new(TENANT)
}

/// How many papers were given, in the order in which they are given.
#[derive(Default)]
pub(super) struct Given {
    tenant: u64,
    account: Option<(AccountId, u64)>,
}

impl Given {
    /// Where the next one of this owner stands among its papers.
    fn next(&self, of: Option<AccountId>) -> u64 {
        match (of, self.account) {
            (None, _) => self.tenant,
            (Some(of), Some((account, given))) if of == account => given,
            (Some(_), _) => 0,
        }
    }

    fn took(&mut self, of: Option<AccountId>) {
        let given = self.next(of) + 1;
        match of {
            None => self.tenant = given,
            Some(account) => self.account = Some((account, given)),
        }
    }
}

fn files(papers: &[Papers]) -> u64 {
    papers.iter().map(|papers| papers.files).sum()
}

impl Writer {
    /// Writes a paper of the tenant, or of the account that was begun last. One that was written before the export was cut off is passed over.
    /// Errors: one that comes too late, a name that is none.
    pub fn paper(&mut self, paper: &Paper<'_>, out: &mut Vec<u8>) -> Result<Option<Ended>, Error> {
        self.expect_row()?;
        let place = self.given.next(paper.account);
        let Some((folder, written)) = self.home(paper.account)? else { return Ok(None) };
        if place < written {
            self.given.took(paper.account);
            return Ok(None);
        }
        let is_late = match paper.account {
            None => self.job.accounts() > 0,
            Some(_) => self.job.open.as_ref().is_none_or(|open| open.has_rows()),
        };
        if is_late {
            return Err(Error::Order("a paper that comes too late"));
        }
        let name = folder.join(paper.name)?;
        let plan = Plan::entry(&name, depth(&name), paper.bytes.len() as u64);
        if self.is_too_much(plan) {
            return self.end_archive(out).map(Some);
        }
        self.archive.plan = self.archive.plan.with(plan);
        self.archive.entry(&name, length(Some(paper.bytes)), paper.bytes, out)?;
        let content = Content { bytes: paper.bytes.len() as u64, sha256: Sha256::of(paper.bytes) };
        let all = match (paper.account, &mut self.job.open) {
            (Some(_), Some(open)) => &mut open.counts.papers,
            (_, _) => &mut self.job.papers,
        };
        Papers::add(all, paper.data, paper.records, content);
        self.given.took(paper.account);
        Ok(None)
    }

    /// The folder that an owner's papers are in, and how many are there; `None`: the account is complete.
    fn home(&self, of: Option<AccountId>) -> Result<Option<(Name, u64)>, Error> {
        let Some(of) = of else { return Ok(Some((tenant()?, files(&self.job.papers)))) };
        if self.ended.contains(&of) {
            return Ok(None);
        }
        let other = Error::Order("a paper of another account");
        let (Some(account), Some(open)) = (&self.account, &self.job.open) else { return Err(other) };
        if open.counts.account_id.0 != of {
            return Err(other);
        }
        Ok(Some((account.folder.clone(), files(&open.counts.papers))))
    }
}
