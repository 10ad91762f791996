//! SUMMARY    Makes an export: lists its accounts, writes its archives, signs the manifest, reads everything back.
//! STANDARDS  RFC 8032 (Ed25519, the manifest's signature)
//! LIMITS     EXPORT_SEGMENT_BYTES, EXPORT_PIECE_BYTES, EXPORT_STATE_BYTES_MAX
//! INVARIANTS Nothing of a writer is stored but what it gave at the end of an archive: the archive under way is made again from its
//!            first byte, and its segments that stand are compared. An export is ready when every byte of it was read back.

use crate::{
    listing::{self, Head, Listed, Listing},
    message::{Fetched, Row, Rows, lost, stored},
    papers::PaperReader,
    segments::{SegmentReader, SegmentWriter},
};
use account::{
    Accounts, EndedFile, Error, ExportLease, ExportPhase, ExportShape, ExportView, Exported, Result, Stream,
};
use archive::{
    Contents, Manifest, Sha256, Text,
    layout::{self, AccountHead, Document, Ended, Finished, Options, Paper, Shape, Writer},
    manifest::{self, Format, Pin, Scope, SigningKey},
    mbox::EndsScan,
    metadata::{Mailbox, Role, Trouble},
};
use base::{
    AccountId, EmailId, Kind, MailboxId, ThreadId, Timestamp, Uid,
    limits::{EXPORT_PIECE_BYTES, EXPORT_STATE_BYTES_MAX},
};
use bytes::Bytes;
use std::collections::HashMap;

/// First part of the names of archives.
const STEM: &str = "export";
/// The manifest, and its signature.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const SIGNATURE: &str = "manifest.json.sig";
/// Made by.
const PRODUCT: &str = concat!("Posthouse ", env!("CARGO_PKG_VERSION"));
/// Bytes after which others get their turn.
const TURN_BYTES: usize = 256 * 1024;

fn archived(why: archive::Error) -> Error {
    match why {
        archive::Error::Limit(name) => Error::limit(name),
        why => Error::corrupt(why.to_string()),
    }
}

/// Goes on with an export until it is ready.
pub(crate) async fn make(lease: &ExportLease, accounts: &Accounts) -> Result<()> {
    let view = lease.view().await?;
    if matches!(view.phase, ExportPhase::Queued | ExportPhase::Listing) {
        lease.enter(ExportPhase::Listing).await?;
        list(lease, &view, accounts).await?;
        lease.pinned().await?;
    }
    let view = lease.view().await?;
    let files = lease.files().await?;
    let why = match files.iter().any(|file| file.name == SIGNATURE) {
        true => view.why.clone(),
        false => write(lease, &view, accounts, &files).await?,
    };
    unpin(lease).await?;
    lease.enter(ExportPhase::Verifying).await?;
    verify(lease).await?;
    lease.ready(&why).await
}

/// Every account of an export, in the order of their numbers.
async fn exported(lease: &ExportLease) -> Result<Vec<Exported>> {
    let mut all: Vec<Exported> = Vec::new();
    loop {
        let from = all.last().map_or(0, |last| last.number + 1);
        let page = lease.exported(from).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn list(lease: &ExportLease, view: &ExportView, accounts: &Accounts) -> Result<()> {
    for exported in exported(lease).await?.into_iter().filter(|exported| exported.number >= view.accounts_listed) {
        listing::take(lease, exported, accounts.clock().now()).await?;
    }
    Ok(())
}

/// Lets go of every account.
pub(crate) async fn unpin(lease: &ExportLease) -> Result<()> {
    for exported in exported(lease).await? {
        lease.unpin(exported.account).await?;
    }
    Ok(())
}

/// The archives under way.
struct Archives<'a> {
    writer: Writer,
    papers: PaperReader,
    /// Rows that are in the files that are complete.
    skip: u64,
    to: Files<'a>,
}

/// Where they are written to.
struct Files<'a> {
    lease: &'a ExportLease,
    /// The file under way.
    out: SegmentWriter,
    /// Files that are complete.
    complete: u32,
    problems: u64,
    /// What is made is compared with these, and not stored.
    stored: Option<&'a [EndedFile]>,
}

/// Writes what is missing of the archives, then the manifest. Gives what of the export is not as it should be.
async fn write(lease: &ExportLease, view: &ExportView, accounts: &Accounts, files: &[EndedFile]) -> Result<String> {
    let options = options(view);
    let complete = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let archives: Vec<&EndedFile> = files.iter().filter(|file| file.name != MANIFEST).collect();
    let (writer, skip) = match archives.last() {
        None => (Writer::new(options).map_err(archived)?, 0),
        Some(last) => {
            let number = u32::try_from(archives.len() - 1).unwrap_or(u32::MAX);
            let state = whole(lease, Stream::State(number), EXPORT_STATE_BYTES_MAX).await?;
            (Writer::resume(options, &state).map_err(archived)?, last.rows)
        }
    };
    let number = u32::try_from(archives.len()).unwrap_or(u32::MAX);
    let out = SegmentWriter::new(lease, Stream::File(number));
    let problems = archives.last().map_or(0, |last| last.problems);
    let to = Files { lease, out, complete: number, problems, stored: None };
    let mut under_way = Archives { writer, papers: PaperReader::new(lease), skip, to };
    let all = exported(lease).await?;
    under_way.papers(None).await?;
    for exported in &all {
        under_way.account(exported).await?;
    }
    let (finished, number) = under_way.finish().await?;
    let why = differences(lease, &all, &finished).await?;
    sign(lease, accounts, view, &all, &finished, (number, complete)).await?;
    Ok(why)
}

/// Reads everything of an export that is ready back, makes its archives once more, from its listing and what is stored of the mail, and compares them.
/// Gives how many there are. Errors: `Corrupt` (they differ).
pub(crate) async fn compare(lease: &ExportLease) -> Result<usize> {
    let (view, stored) = (lease.view().await?, lease.files().await?);
    verify(lease).await?;
    let writer = Writer::new(options(&view)).map_err(archived)?;
    let out = SegmentWriter::new(lease, Stream::File(0));
    let to = Files { lease, out, complete: 0, problems: 0, stored: Some(&stored) };
    let mut again = Archives { writer, papers: PaperReader::new(lease), skip: 0, to };
    again.papers(None).await?;
    for exported in exported(lease).await? {
        again.account(&exported).await?;
    }
    let (_, made) = again.finish().await?;
    let archives = stored.iter().filter(|file| file.name != MANIFEST && file.name != SIGNATURE).count();
    match made as usize == archives {
        true => Ok(archives),
        false => Err(Error::corrupt("the export had another number of archives")),
    }
}

fn options(view: &ExportView) -> Options {
    let shape = match view.shape {
        ExportShape::Mbox => Shape::Mbox,
        ExportShape::Maildir => Shape::Maildir,
    };
    let pinned = view.pinned_at.unwrap_or(view.created_at);
    let options = Options::new(STEM, shape, pinned);
    let archive_bytes_max = view.archive_bytes_max;
    Options { archive_bytes_max, file_bytes_max: options.file_bytes_max.min(archive_bytes_max), ..options }
}

/// A short stream as a whole.
async fn whole(lease: &ExportLease, stream: Stream, most: usize) -> Result<Vec<u8>> {
    let (mut segments, mut bytes) = (SegmentReader::new(lease, stream), Vec::new());
    while let Some(segment) = segments.next().await? {
        if bytes.len() + segment.len() > most {
            return Err(Error::corrupt("a stream of an export is longer than it can be"));
        }
        bytes.extend_from_slice(&segment);
    }
    Ok(bytes)
}

impl Archives<'_> {
    async fn account(&mut self, exported: &Exported) -> Result<()> {
        let mut listing = Listing::open(self.to.lease, exported.number).await?;
        while self.skip > 0 {
            if listing.next().await?.is_none() {
                return Ok(());
            }
            self.skip -= 1;
        }
        if self.to.stored.is_none() && !listing.head.is_gone {
            self.keep_pinned(exported).await?;
        }
        let head = account_head(exported, &listing.head)?;
        let documents = [Document { name: "account.json", bytes: &listing.head.profile.clone() }];
        while let Some(ended) = self.writer.account(&head, &documents, &mut self.to.out.buffer).map_err(archived)? {
            self.to.end_archive(ended).await?;
        }
        if !listing.head.is_gone {
            self.papers(Some(exported.account)).await?;
        }
        let mut rows = Rows::new(self.to.lease, exported.account, listing).await?;
        let mut since_turn = 0;
        loop {
            let some = rows.next().await?;
            if some.is_empty() {
                return Ok(());
            }
            for row in some {
                since_turn += row.listed.size as usize;
                self.row(exported, row).await?;
                if since_turn >= TURN_BYTES {
                    since_turn = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Writes the papers of the tenant, or of the account that was begun.
    async fn papers(&mut self, of: Option<AccountId>) -> Result<()> {
        while let Some(paper) = self.papers.next(of).await? {
            let (account, data) = (paper.account, paper.data.registered().name);
            let given = Paper { account, data, name: &paper.name, records: paper.records, bytes: &paper.bytes };
            while let Some(ended) = self.writer.paper(&given, &mut self.to.out.buffer).map_err(archived)? {
                self.to.end_archive(ended).await?;
            }
            self.to.out.cut().await?;
        }
        Ok(())
    }

    /// What was deleted since the pin must be kept still, and from now on.
    async fn keep_pinned(&self, exported: &Exported) -> Result<()> {
        if !self.to.lease.is_pinned(exported.account).await? {
            let why = "EXPORT_PIN_MS_MAX: it took so long that what was deleted meanwhile is not kept any more; ask for a new export";
            return Err(Error::new(Kind::Invalid, why));
        }
        self.to.lease.pin(exported.account).await
    }

    async fn row(&mut self, exported: &Exported, row: Row) -> Result<()> {
        let memberships = memberships(&row.listed);
        let listed = layout::Listed {
            email: EmailId(row.listed.email),
            thread: ThreadId(row.listed.thread),
            mailbox: MailboxId(row.listed.mailbox),
            uid: Uid(row.listed.uid),
            flags: row.listed.flags,
            size: u64::from(row.listed.size),
            received_at: Timestamp::from_secs(row.listed.received_at_secs),
            memberships: &memberships,
        };
        while let Some(ended) = self.writer.email(&listed, &mut self.to.out.buffer).map_err(archived)? {
            self.to.end_archive(ended).await?;
        }
        match row.message {
            Fetched::Whole(bytes) => {
                let mut ends = EndsScan::default();
                ends.feed(&bytes);
                self.writer.message(ends.end(), &mut self.to.out.buffer).map_err(archived)?;
                self.writer.piece(&bytes, &mut self.to.out.buffer).map_err(archived)?;
                self.writer.done(&mut self.to.out.buffer).map_err(archived)?;
            }
            Fetched::Large => self.large(exported, &row.listed).await?,
            Fetched::Lost(why) => self.unreadable(&why)?,
        }
        self.to.out.done.emails += 1;
        self.to.out.done.bytes += u64::from(row.listed.size);
        self.to.out.cut().await
    }

    /// A message that is not read as a whole: once for its line ends, once for its bytes.
    async fn large(&mut self, exported: &Exported, listed: &Listed) -> Result<()> {
        let (size, mut at, mut ends) = (u64::from(listed.size), 0, EndsScan::default());
        while at < size {
            match self.piece(exported, listed, at).await {
                Ok(bytes) if bytes.is_empty() => return self.unreadable("The stored message is shorter than it was."),
                Ok(bytes) => {
                    ends.feed(&bytes);
                    at += bytes.len() as u64;
                }
                Err(why) => return self.unreadable(&lost(why)?),
            }
        }
        self.writer.message(ends.end(), &mut self.to.out.buffer).map_err(archived)?;
        let mut at = 0;
        while at < size {
            let bytes = self.piece(exported, listed, at).await?;
            self.writer.piece(&bytes, &mut self.to.out.buffer).map_err(archived)?;
            at += (bytes.len() as u64).max(1);
            self.to.out.cut().await?;
        }
        self.writer.done(&mut self.to.out.buffer).map_err(archived)
    }

    async fn piece(&self, exported: &Exported, listed: &Listed, at: u64) -> Result<Bytes> {
        let end = u64::from(listed.size).min(at + EXPORT_PIECE_BYTES);
        self.to.lease.reader(exported.account).body_of(&stored(listed), Some(at..end)).await
    }

    fn unreadable(&mut self, why: &str) -> Result<()> {
        self.to.problems += 1;
        self.writer.unreadable(Trouble::MessageUnreadable, why).map_err(archived)
    }

    /// Ends the last archive; gives what was written, and the number of the next file.
    async fn finish(mut self) -> Result<(Finished, u32)> {
        let (ended, finished) = self.writer.finish(&mut self.to.out.buffer).map_err(archived)?;
        if let Some(ended) = ended {
            self.to.end_archive(ended).await?;
        }
        Ok((finished, self.to.complete))
    }
}

impl Files<'_> {
    /// What is in the buffer ends an archive; the next one begins.
    async fn end_archive(&mut self, ended: Ended) -> Result<()> {
        let next = SegmentWriter::new(self.lease, Stream::File(self.complete + 1));
        let bytes = std::mem::replace(&mut self.out, next).end().await?;
        // Its hash is compared when it is read back.
        if bytes != ended.file.bytes {
            return Err(Error::corrupt("an archive is not what was counted of it"));
        }
        if let Some(stored) = self.stored {
            let stored = stored.get(self.complete as usize);
            self.complete += 1;
            return match stored.is_some_and(|file| file.sha256 == ended.file.sha256.0) {
                true => Ok(()),
                false => Err(Error::corrupt("an archive is not what it was when it was made")),
            };
        }
        self.lease.clear_stream(Stream::State(self.complete)).await?;
        let mut state = SegmentWriter::new(self.lease, Stream::State(self.complete));
        state.buffer = ended.state;
        state.end().await?;
        let file = EndedFile {
            name: ended.file.name.to_string(),
            bytes,
            sha256: ended.file.sha256.0,
            rows: ended.rows,
            problems: self.problems,
        };
        self.lease.end_file(self.complete, &file).await?;
        self.complete += 1;
        Ok(())
    }
}

fn memberships(listed: &Listed) -> Vec<(MailboxId, Uid)> {
    if listed.places.is_empty() {
        return vec![(MailboxId(listed.mailbox), Uid(listed.uid))];
    }
    listed.places.as_chunks::<2>().0.iter().map(|[mailbox, uid]| (MailboxId(*mailbox), Uid(*uid))).collect()
}

fn account_head(exported: &Exported, head: &Head) -> Result<AccountHead> {
    let named: HashMap<u32, (&str, u32)> =
        head.mailboxes.iter().map(|m| (m.id, (m.record.name.as_str(), m.record.parent))).collect();
    let mailbox = |m: &listing::ListedMailbox| {
        let mut levels = vec![m.record.name.as_str()];
        let mut parent = m.record.parent;
        while let Some((name, above)) = named.get(&parent).filter(|_| levels.len() <= named.len()) {
            levels.push(name);
            parent = *above;
        }
        levels.reverse();
        Mailbox {
            id: Text(MailboxId(m.id)),
            name: m.record.name.clone(),
            parent_id: (m.record.parent != 0).then_some(Text(MailboxId(m.record.parent))),
            role: role(&m.record.role),
            sort_order: m.record.sort_order,
            total_emails: u64::from(m.state.emails),
            unread_emails: u64::from(m.state.unseen),
            is_subscribed: m.record.subscribed,
            account_id: Text(exported.account),
            full_name: levels.join("/"),
            uid_validity: m.record.uid_validity,
            uid_next: m.state.uid_next,
            path: None,
        }
    };
    Ok(AccountHead {
        account_id: Text(exported.account),
        address: head.address.clone(),
        keywords: head.keywords.clone(),
        mailboxes: head.mailboxes.iter().map(mailbox).collect(),
    })
}

fn role(role: &str) -> Option<Role> {
    let role = (!role.is_empty()).then(|| serde_json::from_value(role.into()).ok())?;
    role.filter(|role| *role != Role::Other)
}

/// What was written beside the counters of the store at the pin (E1): a sentence for each mailbox that differs.
async fn differences(lease: &ExportLease, all: &[Exported], finished: &Finished) -> Result<String> {
    let mut found = Vec::new();
    for (exported, account) in all.iter().zip(&finished.accounts) {
        let listing = Listing::open(lease, exported.number).await?;
        if listing.head.is_gone {
            found.push(format!("{} was deleted for good before it was listed.", exported.account));
        }
        for mailbox in &listing.head.mailboxes {
            let counted = account.counts.mailbox(MailboxId(mailbox.id)).map(|m| m.totals).unwrap_or_default();
            let state = &mailbox.state;
            let is_same = counted.emails == u64::from(state.emails)
                && counted.unseen == u64::from(state.unseen)
                && counted.deleted == u64::from(state.deleted)
                && counted.bytes == state.size_bytes;
            if !is_same {
                tracing::error!(job = %lease.job(), account = %exported.account, mailbox = mailbox.id, ?counted, ?state,
                    "an export has other totals than the store");
                found.push(format!(
                    "{}/{}: {} emails exported, {} counted.",
                    account.counts.address, mailbox.record.name, counted.emails, state.emails
                ));
            }
        }
    }
    Ok(found.join(" "))
}

/// Writes the manifest and its signature.
async fn sign(
    lease: &ExportLease,
    accounts: &Accounts,
    view: &ExportView,
    all: &[Exported],
    finished: &Finished,
    (number, complete): (u32, u32),
) -> Result<()> {
    let pin = |e: &Exported| Pin {
        account_id: Text(e.account),
        at: e.pinned_at,
        modseq: Text(e.modseq.map_or(0, |modseq| modseq.0)),
    };
    let manifest = Manifest {
        format: Format::default(),
        product: PRODUCT.to_owned(),
        job: view.job.to_string(),
        scope: Scope::Accounts {
            tenant_id: Text(lease.tenant()),
            account_ids: all.iter().map(|exported| Text(exported.account)).collect(),
        },
        pins: all.iter().map(pin).collect(),
        since: None,
        files: finished.files.clone(),
        accounts: finished.accounts.iter().map(layout::AccountTotals::to_manifest).collect(),
        mail_digest: finished.mail_digest,
        papers: finished.papers.clone(),
        problems: finished.problems,
    };
    let bytes = manifest::write(&manifest).map_err(archived)?;
    let key = SigningKey::from_seed(&accounts.manifest_seed()).map_err(archived)?;
    let signature = key.sign(&bytes).map_err(archived)?;
    for (at, (name, bytes)) in [(MANIFEST, bytes), (SIGNATURE, signature)].into_iter().enumerate() {
        let number = number + at as u32;
        if number < complete {
            continue;
        }
        let sha256 = Sha256::of(&bytes).0;
        let mut out = SegmentWriter::new(lease, Stream::File(number));
        out.buffer = bytes;
        let bytes = out.end().await?;
        let file = EndedFile { name: name.to_owned(), bytes, sha256, rows: finished.rows, problems: finished.problems };
        lease.end_file(number, &file).await?;
    }
    Ok(())
}

/// Reads every file back.
async fn verify(lease: &ExportLease) -> Result<()> {
    for (number, file) in lease.files().await?.iter().enumerate() {
        let stream = Stream::File(u32::try_from(number).unwrap_or(u32::MAX));
        let (mut segments, mut contents) = (SegmentReader::new(lease, stream), Contents::default());
        while let Some(segment) = segments.next().await? {
            contents.feed(&segment);
            tokio::task::yield_now().await;
        }
        let content = contents.end();
        if content.bytes != file.bytes || content.sha256 != Sha256(file.sha256) {
            return Err(Error::corrupt(format!("{} is not what was written", file.name)));
        }
    }
    Ok(())
}
