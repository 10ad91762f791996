//! SUMMARY    A pass over a source: connections, made anew when they are lost, and folder after folder.
//! LIMITS     MIGRATE_ATTEMPTS_MAX, MIGRATE_GARBLED_MAX, MIGRATE_BACKOFF_MS_MIN, MIGRATE_BACKOFF_MS_MAX, MIGRATE_LISTED_MAX
//! INVARIANTS What is counted as stored is stored. A folder that was gone through is not gone through again by this pass.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use account::{AccountScope, Owner};
use base::limits::{
    MIGRATE_ATTEMPTS_MAX, MIGRATE_BACKOFF_MS_MAX, MIGRATE_BACKOFF_MS_MIN, MIGRATE_GARBLED_MAX, MIGRATE_LISTED_MAX,
};
use mail::Mail;
use wire::imap::{
    Pattern,
    client::{Listed, MailboxStatus, Namespaces, Response},
};

use crate::{
    Error, Result, Source,
    brought::rows,
    folder::{Filter, Folder, folders},
    link::done,
    listing::{examine, list},
    place::Places,
    report::{Counted, Failed, Progress, Report, Told, What},
    session::Session,
};

/// What is wanted of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Folders that are brought, as patterns of LIST over their names with `/` between levels; none: all.
    pub include: Vec<String>,
    /// Of these, folders that are not.
    pub exclude: Vec<String>,
    /// What is removed at the source is removed here, if nobody has touched it here.
    pub remove: bool,
    /// Nothing is changed: folders are counted.
    pub dry_run: bool,
}

/// Brings mail from other providers.
pub struct Migrator {
    pub(crate) mail: Mail,
}

/// Who is told how far it is.
pub(crate) type Telling<'t> = &'t mut (dyn FnMut(&Progress) + Send);

/// A pass under way.
pub(crate) struct Job<'a> {
    pub(crate) mail: &'a Mail,
    pub(crate) scope: &'a AccountScope<Owner>,
    pub(crate) source: &'a Source,
    pub(crate) order: &'a Order,
    pub(crate) places: Places<'a>,
    pub(crate) report: Report,
    pub(crate) progress: Progress,
    /// Messages of folders that were gone through.
    pub(crate) messages_before: u64,
    /// Whether this connection has done anything that stays done.
    pub(crate) has_moved: bool,
    telling: Telling<'a>,
}

impl Migrator {
    pub fn new(mail: Mail) -> Self {
        Migrator { mail }
    }

    /// One pass: brings what is new at the source, and follows what has changed there. `telling` hears how far it is, often. Errors: `Lost` (not
    /// to be reached, after MIGRATE_ATTEMPTS_MAX attempts), `Garbled`, `Refused`, `Denied`, `Here` (`OverQuota`, `StorageFull`, `Unavailable` …): what was
    /// brought before stays.
    pub async fn run(
        &self,
        scope: &AccountScope<Owner>,
        source: &Source,
        order: &Order,
        telling: &mut (dyn FnMut(&Progress) + Send),
    ) -> std::result::Result<Report, Box<Failed>> {
        let places = match Places::new(&self.mail, scope, order.dry_run).await {
            Ok(places) => places,
            Err(why) => return Err(Box::new(Failed { why, report: Report::default() })),
        };
        let mut job = Job {
            mail: &self.mail,
            scope,
            source,
            order,
            places,
            report: Report::default(),
            progress: Progress::default(),
            messages_before: 0,
            has_moved: false,
            telling,
        };
        match job.all().await {
            Ok(()) => Ok(job.report),
            Err(why) => Err(Box::new(Failed { why, report: job.report })),
        }
    }
}

impl Job<'_> {
    async fn all(&mut self) -> Result<()> {
        let (mut todo, mut attempts) = (None, 0);
        loop {
            self.has_moved = false;
            let (why, most) = match self.connection(&mut todo).await {
                Err(why @ Error::Lost(_)) => (why, MIGRATE_ATTEMPTS_MAX),
                Err(why @ Error::Garbled(_)) => (why, MIGRATE_GARBLED_MAX),
                ended => return ended,
            };
            attempts = if self.has_moved { 1 } else { attempts + 1 };
            if attempts >= most {
                return Err(why);
            }
            self.report.reconnects += 1;
            let wait = MIGRATE_BACKOFF_MS_MIN.saturating_mul(1 << (attempts - 1)).min(MIGRATE_BACKOFF_MS_MAX);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    /// Goes on until nothing is left to do, or the connection is lost.
    async fn connection(&mut self, todo: &mut Option<VecDeque<Folder>>) -> Result<()> {
        let mut session = Session::open(self.source).await?;
        let left = match todo {
            Some(left) => left,
            None => todo.insert(self.find(&mut session).await?),
        };
        while let Some(folder) = left.front() {
            self.progress.folder.clone_from(&folder.name);
            self.tell();
            match self.order.dry_run {
                true => self.count(&mut session, folder).await?,
                false => self.folder(&mut session, folder).await?,
            }
            self.progress.folders += 1;
            self.has_moved = true;
            left.pop_front();
        }
        self.progress.folder.clear();
        self.tell();
        session.link.close().await;
        Ok(())
    }

    pub(crate) fn tell(&mut self) {
        let Report { stored, found, told_total, .. } = self.report;
        (self.progress.stored, self.progress.found, self.progress.told) = (stored, found, told_total);
        (self.telling)(&self.progress);
    }

    /// Folders of the source that are wanted, and how much there is; folders that are gone are told.
    async fn find(&mut self, session: &mut Session) -> Result<VecDeque<Folder>> {
        let (listed, unread) = listed(session).await?;
        for why in unread {
            let why = format!("the source lists a folder that cannot be read: {why}");
            self.report.tell(Told { what: What::Folder, folder: String::new(), uid: None, why });
        }
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new("", text)).collect();
        let filter = Filter { include: patterns(&self.order.include), exclude: patterns(&self.order.exclude) };
        let mut told = Vec::new();
        let namespaces = namespaces(session).await?;
        let found = folders(&listed, &namespaces, (&filter, session.able.gmail), &mut told)?;
        told.into_iter().for_each(|told| self.report.tell(told));
        let names: HashSet<&[u8]> = listed.iter().map(|listed| listed.raw.as_slice()).collect();
        for (_, folder) in
            self.mail.accounts().read(self.scope).migrated_folders(self.source.id()).await.map_err(Error::Here)?
        {
            if !names.contains(folder.name.as_slice()) {
                let name = String::from_utf8_lossy(&folder.name).into_owned();
                let why = "the source has it no longer, or under another name: what was brought of it stays".to_owned();
                self.report.tell(Told { what: What::Gone, folder: name, uid: None, why });
            }
        }
        self.progress.folders_total = found.len();
        for folder in &found {
            let status = status(session, folder).await?;
            self.progress.messages_total += u64::from(status.messages.unwrap_or_default());
            self.progress.bytes_total += status.size.unwrap_or_default();
        }
        Ok(found.into())
    }

    /// Counts a folder for a dry run.
    async fn count(&mut self, session: &mut Session, folder: &Folder) -> Result<()> {
        let origin = self.source.origin(&folder.raw);
        let status = status(session, folder).await?;
        let (messages, bytes) = match (status.messages, status.size) {
            (Some(messages), Some(bytes)) => (u64::from(messages), bytes),
            (Some(0), None) => (0, 0),
            _ => match counted(session, folder).await {
                Ok(counted) => counted,
                Err(Error::Denied(why)) => {
                    self.report.tell(Told { what: What::Folder, folder: folder.name.clone(), uid: None, why });
                    return Ok(());
                }
                Err(e) => return Err(e),
            },
        };
        let known = self.mail.accounts().read(self.scope).migrated_folders(origin.source).await?;
        let brought = match known.iter().find(|(own, _)| *own == origin) {
            Some((_, known)) => rows(self.mail, self.scope, origin, known.uid_validity).await?.len() as u64,
            None => 0,
        };
        let mailbox = self.places.path(folder);
        self.progress.messages += messages;
        self.report.folders.push(Counted { folder: folder.name.clone(), mailbox, messages, bytes, brought });
        Ok(())
    }
}

async fn counted(session: &mut Session, folder: &Folder) -> Result<(u64, u64)> {
    let opened = examine(session, &folder.raw).await?;
    if opened.exists == 0 {
        return Ok((0, 0));
    }
    let listing = list(session, None).await?;
    let bytes = listing.messages.iter().fold(0_u64, |sum, seen| sum.saturating_add(seen.size));
    Ok((listing.messages.len() as u64, bytes))
}

/// Bytes of the names of all folders that a source lists.
const LISTED_BYTES_MAX: usize = 8 << 20;
/// Attributes of a folder that are looked at, and bytes of one.
const ATTRIBUTES_MAX: usize = 32;
const ATTRIBUTE_BYTES_MAX: usize = 64;

/// Everything that the source lists, with what is subscribed; and why lines of it could not be read.
pub(crate) async fn listed(session: &mut Session) -> Result<(Vec<Listed>, Vec<&'static str>)> {
    let able = session.able;
    let returns: &[&'static str] = match (able.list_extended, able.special_use) {
        (true, true) => &["SUBSCRIBED", "SPECIAL-USE"],
        (true, false) => &["SUBSCRIBED"],
        (false, _) => &[],
    };
    let (mut listed, mut unread, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    let mut take = |response| {
        match response {
            Response::Listed(mut item) => {
                item.attributes.retain(|attribute| attribute.len() <= ATTRIBUTE_BYTES_MAX);
                item.attributes.truncate(ATTRIBUTES_MAX);
                bytes = bytes.saturating_add(item.raw.len() + item.name.len());
                if bytes <= LISTED_BYTES_MAX {
                    listed.push(item);
                }
            }
            Response::Unread(why) => unread.push(why),
            _ => {}
        }
        // What is beyond is read to its end: the connection stays of use.
        listed.truncate(MIGRATE_LISTED_MAX);
        unread.truncate(MIGRATE_LISTED_MAX);
        Ok(())
    };
    let command = session.link.writer.list(returns);
    done(session.link.ask(&command, &mut take).await?)?;
    if !able.list_extended {
        // A server that does not know it says so, and all folders count as subscribed.
        let command = session.link.writer.lsub();
        session.link.ask(&command, &mut take).await?;
    }
    match listed.len() + unread.len() < MIGRATE_LISTED_MAX && bytes <= LISTED_BYTES_MAX {
        true => Ok((listed, unread)),
        false => Err(Error::Denied(
            "it has too many folders, or too long names (MIGRATE_LISTED_MAX, LISTED_BYTES_MAX)".to_owned(),
        )),
    }
}

/// Which mailboxes are whose, as far as the source tells.
pub(crate) async fn namespaces(session: &mut Session) -> Result<Namespaces> {
    let mut found = Namespaces::default();
    if session.able.namespace {
        let command = session.link.writer.plain("NAMESPACE");
        let mut take = |response| {
            if let Response::Namespaces(namespaces) = response {
                found = namespaces;
            }
            Ok(())
        };
        session.link.ask(&command, &mut take).await?;
    }
    Ok(found)
}

/// Counters of a folder that is not open; what the source does not tell is missing.
pub(crate) async fn status(session: &mut Session, folder: &Folder) -> Result<MailboxStatus> {
    let items: &[&'static str] = if session.able.status_size { &["MESSAGES", "SIZE"] } else { &["MESSAGES"] };
    let command = session.link.writer.status(&folder.raw, items);
    let mut found = MailboxStatus::default();
    session
        .link
        .ask(&command, &mut |response| {
            if let Response::MailboxStatus(status) = response {
                found = status;
            }
            Ok(())
        })
        .await?;
    Ok(found)
}
