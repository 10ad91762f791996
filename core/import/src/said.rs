//! SUMMARY    What the archives of an export say of their mail: mailboxes, and which lines are about which file.
//! LIMITS     IMPORT_KNOWN_MAX, and those of `archive::intake`
//! INVARIANTS In which of its mailboxes an email is deleted is known before it is placed: each of its copies has a line that says so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use archive::{
    Line, Lines, Text,
    intake::{Ledger, Mailboxes, Survey, Target},
    metadata::{MessageCopy, Trouble},
    zip::read::Entry,
};
use base::{AccountId, EmailId, Kind, MailboxId, limits::IMPORT_KNOWN_MAX};
use bytes::Bytes;
use mail::{Error, Result};
use serde::Deserialize;

use crate::{
    archives::Archive,
    content::Unreadable,
    report::{Report, problem},
};

/// What archives say.
pub(crate) struct Said {
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) ledger: Ledger,
    /// Files of lines: the archive, the entry.
    pub(crate) emails: Vec<(usize, Entry)>,
    /// Where an email that is in several mailboxes is deleted and not expunged.
    deleted: HashMap<(AccountId, EmailId), Vec<MailboxId>>,
}

/// Of a line, what is needed to know where its email is deleted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marked {
    id: Text<EmailId>,
    account_id: Text<AccountId>,
    mailbox_ids: BTreeMap<Text<MailboxId>, bool>,
    keywords: BTreeMap<String, bool>,
    copies: Vec<MessageCopy>,
}

impl Said {
    /// Reads what all archives say. Errors: `LimitExceeded`.
    pub(crate) async fn read(archives: &[Archive], report: &mut Report) -> Result<Said> {
        let mut mailboxes = Mailboxes::new();
        for archive in archives {
            for entry in &archive.plan.mailboxes {
                add(archive, entry, &mut mailboxes, report).await?;
            }
        }
        let (mailboxes, survey) = (Arc::new(mailboxes), Survey::new());
        let mut said = Said { mailboxes, ledger: Ledger::default(), emails: Vec::new(), deleted: HashMap::new() };
        said.survey(archives, survey, report).await?;
        Ok(said)
    }

    async fn survey(&mut self, archives: &[Archive], mut survey: Survey, report: &mut Report) -> Result<()> {
        for (number, archive) in archives.iter().enumerate() {
            for entry in &archive.plan.emails {
                survey.begin(self.emails.len());
                let mut lines = Lines::new();
                let read = each(archive, entry, &mut |piece| {
                    let mut rest: &[u8] = &piece;
                    while let Some(line) = lines.next(&mut rest) {
                        self.mark(&line, &entry.name)?;
                    }
                    survey.feed(&piece).map_err(|e| Error::new(e.kind(), e.to_string()))
                })
                .await;
                unread(read, entry, report)?;
                if let Some(line) = lines.finish() {
                    self.mark(&line, &entry.name)?;
                }
                survey.end().map_err(|e| Error::new(e.kind(), e.to_string()))?;
                self.emails.push((number, entry.clone()));
            }
        }
        self.ledger = survey.finish();
        Ok(())
    }

    /// Keeps where the email of a line is deleted, if it is elsewhere too.
    fn mark(&mut self, line: &Line<'_>, file: &str) -> Result<()> {
        let Ok(marked) = line.read::<Marked>() else { return Ok(()) };
        let is_deleted = marked.keywords.get("$deleted").copied().unwrap_or_default();
        if !is_deleted || marked.mailbox_ids.len() < 2 {
            return Ok(());
        }
        if self.deleted.len() >= IMPORT_KNOWN_MAX {
            return Err(Error::new(Kind::LimitExceeded, "too many emails are in several folders (IMPORT_KNOWN_MAX)"));
        }
        // The line stands beside the mailbox that its copy is in, in every shape of ours.
        let copy = || marked.copies.first().and_then(|copy| self.mailboxes.of_file(copy.path.as_str()));
        if let Some(Target::Mailbox { mailbox, .. }) = self.mailboxes.of_file(file).or_else(copy) {
            self.deleted.entry((marked.account_id.0, marked.id.0)).or_default().push(mailbox);
        }
        Ok(())
    }

    /// The mailboxes of the export in which an email that is in several is deleted.
    pub(crate) fn deleted_in(&self, account: AccountId, email: EmailId) -> &[MailboxId] {
        self.deleted.get(&(account, email)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Adds what a file says of mailboxes.
async fn add(archive: &Archive, entry: &Entry, mailboxes: &mut Mailboxes, report: &mut Report) -> Result<()> {
    let mut lines = Lines::new();
    let mut take = |line: Line<'_>, report: &mut Report| {
        if let Err(wrong) = mailboxes.add(&line, &entry.name) {
            report.tell(*wrong);
        }
    };
    let read = each(archive, entry, &mut |piece| {
        let mut piece: &[u8] = &piece;
        while let Some(line) = lines.next(&mut piece) {
            take(line, report);
        }
        Ok(())
    })
    .await;
    unread(read, entry, report)?;
    if let Some(line) = lines.finish() {
        take(line, report);
    }
    Ok(())
}

/// How reading a file of metadata ended.
enum Ended {
    All,
    Unreadable(Unreadable),
}

async fn each(archive: &Archive, entry: &Entry, take: &mut (dyn FnMut(Bytes) -> Result<()> + Send)) -> Result<Ended> {
    let mut content = match archive.entry(entry, &mut None, true).await {
        Ok(content) => content,
        Err(why) => return Ok(Ended::Unreadable(why)),
    };
    loop {
        match content.next().await {
            Ok(Some(piece)) => take(piece)?,
            Ok(None) => break,
            Err(why) => return Ok(Ended::Unreadable(why)),
        }
        tokio::task::yield_now().await;
    }
    Ok(content.end().1.map_or_else(Ended::Unreadable, |()| Ended::All))
}

fn unread(ended: Result<Ended>, entry: &Entry, report: &mut Report) -> Result<()> {
    if let Ended::Unreadable(why) = ended? {
        report.tell(problem(Trouble::MetadataMalformed, &entry.name, None, &why.to_string()));
    }
    Ok(())
}
