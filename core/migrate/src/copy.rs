//! SUMMARY    One folder: what is missing of it is fetched and stored, then what has changed is followed.
//! LIMITS     MIGRATE_BATCHES_WAITING_MAX, MESSAGE_BYTES_MAX
//! INVARIANTS Fetching and storing go on side by side. A folder of which anything could not be brought is compared as a whole by the next pass.

use account::{Origin, record::MigratedFolder};
use base::{
    Kind, MailboxId, Uid,
    limits::{MESSAGE_BYTES_MAX, MIGRATE_BATCHES_WAITING_MAX},
};
use mail::{Arrival, Arrivals, Arrived, Coming, Placing};
use std::collections::BTreeSet;
use tokio::sync::mpsc;

use crate::{
    Error, Result,
    brought::{Known, Rows, content, rows},
    fetch::{Batch, Got, fetch},
    folder::Folder,
    listing::{Listing, Names, Opened, examine, labels, list},
    report::{Told, What},
    run::Job,
    session::Session,
};

/// Bytes of messages that are looked up before others have their turn.
const TURN_BYTES: usize = 256 * 1024;

/// A folder under way.
pub(crate) struct Target<'f> {
    pub(crate) folder: &'f Folder,
    pub(crate) origin: Origin,
    pub(crate) state: MigratedFolder,
    pub(crate) mailbox: MailboxId,
    /// Messages that were brought before this pass.
    pub(crate) rows: Rows,
    known: Option<Known>,
    names: Names,
    odd: BTreeSet<String>,
    /// Nothing failed.
    whole: bool,
    /// Messages were met under another UIDVALIDITY: their flags are compared by the next pass.
    renumbered: bool,
}

/// Bytes of the name of a folder, as the source has it: it stands in a row.
const FOLDER_NAME_BYTES_MAX: usize = 10_000;

impl Job<'_> {
    /// Brings one folder. A folder that the source denies is told, and is no error.
    pub(crate) async fn folder(&mut self, session: &mut Session, folder: &Folder) -> Result<()> {
        match self.pass(session, folder).await {
            Err(Error::Denied(why)) => {
                self.report.tell(Told { what: What::Folder, folder: folder.name.clone(), uid: None, why });
                Ok(())
            }
            ended => ended,
        }
    }

    async fn pass(&mut self, session: &mut Session, folder: &Folder) -> Result<()> {
        if folder.raw.len() > FOLDER_NAME_BYTES_MAX {
            return Err(Error::Denied("its name is too long (FOLDER_NAME_BYTES_MAX)".to_owned()));
        }
        let opened = examine(session, &folder.raw).await?;
        let mailbox = match folder.has_labels {
            true => self.places.of_labels(&[], &mut self.report).await?.first().copied(),
            false => Some(self.places.of_folder(folder, &mut self.report).await?),
        };
        let mailbox = mailbox.ok_or_else(|| Error::Denied("there is no mailbox for it".to_owned()))?;
        let origin = self.source.origin(&folder.raw);
        let new = MigratedFolder {
            name: folder.raw.clone(),
            mailbox: mailbox.0,
            uid_validity: opened.uid_validity,
            keeps_uids: !folder.has_labels,
            ..MigratedFolder::default()
        };
        let state = self.mail.open_migrated(self.scope, origin, &new).await?;
        let compares = self.order.remove && state.left_behind > 0;
        if !compares && state.modseq != 0 && (state.modseq, state.uid_next) == (opened.modseq, opened.uid_next) {
            self.through(u64::from(opened.exists));
            return Ok(());
        }
        let rows = rows(self.mail, self.scope, origin, state.uid_validity).await?;
        let since = (!compares && state.modseq != 0 && opened.modseq != 0).then_some(state.modseq);
        let (listing, is_all) = listing(session, opened, since, &rows).await?;
        let (known, names) = (None, Names::default());
        let odd = listing.odd.clone();
        let mut target =
            Target { folder, origin, state, mailbox, rows, known, names, odd, whole: true, renumbered: false };
        self.bring(session, &mut target, &listing).await?;
        // What is not listed because it could not be read is not gone.
        let is_all = is_all && listing.unread.is_none();
        if let Some(why) = listing.unread {
            target.whole = false;
            let why = format!("an answer of the source cannot be read: {why}");
            self.report.tell(Told { what: What::Folder, folder: folder.name.clone(), uid: None, why });
        }
        let left_behind = self.follow(&target, &listing, is_all).await?;
        self.close(target, opened, (is_all, left_behind)).await?;
        self.through(u64::from(opened.exists));
        Ok(())
    }

    fn through(&mut self, messages: u64) {
        self.messages_before += messages;
        self.progress.messages = self.messages_before;
    }

    /// Fetches and stores what has no row.
    async fn bring(&mut self, session: &mut Session, target: &mut Target<'_>, listing: &Listing) -> Result<()> {
        let mut wanted = Vec::new();
        for seen in &listing.messages {
            if target.rows.contains_key(&seen.uid) {
                continue;
            }
            if seen.size > MESSAGE_BYTES_MAX as u64 {
                let why = format!("the message has {} bytes (MESSAGE_BYTES_MAX)", seen.size);
                self.failed(target, seen.uid, why);
            } else {
                wanted.push((seen.uid, seen.size));
            }
        }
        self.progress.messages = self.messages_before + target.rows.len() as u64;
        if wanted.is_empty() {
            return Ok(());
        }
        let labels = target.folder.has_labels;
        let (to, mut batches) = mpsc::channel::<Batch>(MIGRATE_BATCHES_WAITING_MAX);
        let fetching = async move { fetch(session, &wanted, labels, &to).await };
        let storing = async {
            while let Some(batch) = batches.recv().await {
                if let Err(why) = self.store(target, batch).await {
                    // Nothing more is to be fetched.
                    batches.close();
                    return Err(why);
                }
            }
            Ok::<(), Error>(())
        };
        let (fetched, stored) = tokio::join!(fetching, storing);
        stored?;
        fetched
    }

    fn failed(&mut self, target: &mut Target<'_>, uid: u32, why: String) {
        target.whole = false;
        self.report.tell(Told { what: What::Message, folder: target.folder.name.clone(), uid: Some(uid), why });
    }

    async fn store(&mut self, target: &mut Target<'_>, batch: Batch) -> Result<()> {
        target.whole &= batch.absent == 0;
        for (uid, why) in batch.failed {
            self.failed(target, uid, why);
        }
        let mut got = batch.got;
        got.sort_by_key(|got| got.uid);
        let (mut messages, mut turn) = (Vec::with_capacity(got.len()), 0);
        for got in got {
            turn += got.bytes.len();
            if turn >= TURN_BYTES {
                turn = 0;
                tokio::task::yield_now().await;
            }
            messages.push(self.arrival(target, got).await?);
        }
        if messages.is_empty() {
            return Ok(());
        }
        let mut arrivals = Arrivals {
            origin: target.origin,
            uid_validity: target.state.uid_validity,
            keeps_uids: target.state.keeps_uids.then_some(target.mailbox),
            messages,
        };
        match self.mail.migrate(self.scope, &arrivals).await {
            Ok(arrived) => {
                self.arrived(target, &arrivals, &arrived);
                Ok(())
            }
            // As many as there is room for; and what cannot be stored is found.
            Err(e) if matches!(e.kind, Kind::OverQuota | Kind::LimitExceeded) => {
                for message in std::mem::take(&mut arrivals.messages) {
                    arrivals.messages = vec![message];
                    self.alone(target, &arrivals).await?;
                }
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn alone(&mut self, target: &mut Target<'_>, arrivals: &Arrivals) -> Result<()> {
        match self.mail.migrate(self.scope, arrivals).await {
            Ok(arrived) => self.arrived(target, arrivals, &arrived),
            Err(e) if e.kind == Kind::LimitExceeded => {
                for message in &arrivals.messages {
                    self.failed(target, message.uid.0, format!("the message cannot be stored: {e}"));
                }
            }
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    /// What a message is here: new, or one that is there.
    async fn arrival(&mut self, target: &mut Target<'_>, got: Got) -> Result<Arrival> {
        let Got { uid, flags, labels: names, date, bytes } = got;
        let flags = target.names.flags(&flags.unwrap_or_default(), &mut target.odd);
        let mailboxes = match target.folder.has_labels {
            true => self.places.of_labels(&labels(&names), &mut self.report).await?,
            false => vec![target.mailbox],
        };
        let known = match &mut target.known {
            Some(known) => known,
            None => {
                let of = (target.origin, &target.state);
                target.known.insert(Known::new(self.mail, self.scope, of, &target.rows).await?)
            }
        };
        for mailbox in &mailboxes {
            known.load(self.mail, self.scope, *mailbox).await?;
        }
        if !known.is_empty() {
            let blob = self.mail.accounts().blob_of(self.scope.tenant(), &bytes).await?;
            if let Some(what) = known.take(&mailboxes, content(&blob), &flags) {
                target.renumbered |= matches!(what, Coming::Again(_));
                return Ok(Arrival { uid: Uid(uid), what });
            }
        }
        let deleted_in = if flags.is_deleted() { mailboxes.clone() } else { Vec::new() };
        let placing = Placing { bytes, mailboxes, deleted_in, flags: (*flags).clone(), received_at: date };
        Ok(Arrival { uid: Uid(uid), what: Coming::New(placing) })
    }

    fn arrived(&mut self, target: &Target<'_>, arrivals: &Arrivals, arrived: &[Arrived]) {
        for (message, arrived) in arrivals.messages.iter().zip(arrived) {
            match (arrived, &message.what) {
                (Arrived::Stored(placed), Coming::New(placing)) => {
                    self.report.stored += 1;
                    self.report.bytes += placing.bytes.len() as u64;
                    self.progress.bytes += placing.bytes.len() as u64;
                    if !placed.left_out.is_empty() {
                        let why =
                            format!("there is no room for its keywords {} (KEYWORDS_MAX)", placed.left_out.join(", "));
                        let (folder, uid) = (target.folder.name.clone(), Some(message.uid.0));
                        self.report.tell(Told { what: What::NotKept, folder, uid, why });
                    }
                }
                (Arrived::Found | Arrived::Brought | Arrived::Stored(_), _) => self.report.found += 1,
            }
            self.progress.messages += 1;
        }
        self.has_moved = true;
        self.tell();
    }

    /// Remembers how far the folder is.
    async fn close(&mut self, target: Target<'_>, opened: Opened, left: (bool, u64)) -> Result<()> {
        let Target { mut state, origin, folder, odd, whole, renumbered, .. } = target;
        if !odd.is_empty() {
            let names: Vec<String> = odd.iter().map(|name| name.escape_debug().to_string()).collect();
            let why = format!("these are no keywords here: {}", names.join(", "));
            self.report.tell(Told { what: What::NotKept, folder: folder.name.clone(), uid: None, why });
        }
        let (is_all, left_behind) = (left.0, u32::try_from(left.1).unwrap_or(u32::MAX));
        state.left_behind = if is_all { left_behind } else { state.left_behind.saturating_add(left_behind) };
        (state.modseq, state.uid_next) = if whole && !renumbered { (opened.modseq, opened.uid_next) } else { (0, 0) };
        if whole {
            state.earlier.clear();
        }
        self.mail.close_migrated(self.scope, origin, &state).await?;
        Ok(())
    }
}

/// What is listed, and whether that is all that the folder has.
async fn listing(session: &mut Session, opened: Opened, since: Option<u64>, rows: &Rows) -> Result<(Listing, bool)> {
    // workaround (several servers): a FETCH of an empty folder is an error there.
    if opened.exists == 0 {
        return Ok((Listing::default(), true));
    }
    let listing = list(session, since).await?;
    if since.is_none() || session.able.qresync {
        return Ok((listing, since.is_none()));
    }
    // Nothing says what has gone: the number does.
    let new = listing.messages.iter().filter(|seen| !rows.contains_key(&seen.uid)).count();
    match rows.len() + new == opened.exists as usize {
        true => Ok((listing, false)),
        false => Ok((list(session, None).await?, true)),
    }
}
