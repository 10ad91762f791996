//! SUMMARY    An export as data: runs it through the writer, reads its archives back with another's reader, and checks that all is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use archive::layout::{AccountHead, Document, Ended, Finished, Listed, Options, SYSTEM_KEYWORDS, Writer};
use archive::manifest::{Entries, File, MailDigest, Placed, Totals};
use archive::mbox::{EndsScan, Item, Reader, Restorer};
use archive::metadata::{Email, Mailbox, Problem, Role, Trouble};
use archive::{Lines, Sha256, Text};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid};
use serde::de::DeserializeOwned;

/// An email in the store.
#[derive(Debug, Clone)]
pub struct Mail {
    pub id: u64,
    pub places: Vec<(MailboxId, Uid)>,
    pub flags: u64,
    pub received: Timestamp,
    pub message: Vec<u8>,
    /// Its message cannot be read.
    pub broken: bool,
}

/// An account in the store.
#[derive(Debug, Clone)]
pub struct Account {
    pub head: AccountHead,
    pub documents: Vec<(&'static str, Vec<u8>)>,
    pub mail: Vec<Mail>,
}

impl Account {
    pub fn new(id: u64, address: &str, mailboxes: &[&str]) -> Self {
        let mailbox = |(n, path): (u32, &&str)| Mailbox {
            id: Text(MailboxId(n)),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            parent_id: None,
            role: (*path == "INBOX").then_some(Role::Inbox),
            sort_order: n,
            total_emails: 0,
            unread_emails: 0,
            is_subscribed: true,
            account_id: Text(AccountId(id)),
            full_name: (*path).to_owned(),
            uid_validity: 7,
            uid_next: 100,
            path: None,
        };
        let head = AccountHead {
            account_id: Text(AccountId(id)),
            address: address.to_owned(),
            keywords: vec!["$Forwarded".to_owned(), "work".to_owned(), "Später".to_owned()],
            mailboxes: (1..).zip(mailboxes).map(mailbox).collect(),
        };
        Account { head, documents: Vec::new(), mail: Vec::new() }
    }

    pub fn mailbox(&self, path: &str) -> MailboxId {
        self.head.mailboxes.iter().find(|m| m.full_name == path).expect("a mailbox of this path").id.0
    }

    /// Puts an email into mailboxes under the next uids.
    pub fn add(&mut self, paths: &[&str], flags: u64, message: impl Into<Vec<u8>>) -> &mut Mail {
        let id = self.mail.len() as u64 + 1;
        let uid = |at: MailboxId| self.rows().filter(|(mailbox, ..)| *mailbox == at).count() as u32 * 3 + 1;
        let places = paths.iter().map(|path| self.mailbox(path)).map(|at| (at, Uid(uid(at)))).collect();
        let received = Timestamp(1_795_461_812_345 + id as i64 * 1_000);
        self.mail.push(Mail { id, places, flags, received, message: message.into(), broken: false });
        self.mail.last_mut().expect("it was just put there")
    }

    /// In the order in which they are written.
    pub fn rows(&self) -> impl Iterator<Item = (MailboxId, Uid, &Mail)> {
        let rows = self.mail.iter().flat_map(|mail| mail.places.iter().map(move |(at, uid)| ((*at, *uid), mail)));
        rows.collect::<BTreeMap<_, _>>().into_iter().map(|((at, uid), mail)| (at, uid, mail))
    }
}

/// What an export gave.
#[derive(Debug)]
pub struct Run {
    pub archives: Vec<(Vec<u8>, Ended)>,
    pub finished: Finished,
}

/// Runs an export, or goes on with it after an archive.
pub fn run(options: &Options, accounts: &[Account], after: Option<&Ended>, piece: usize) -> Run {
    let mut writer = match after {
        None => Writer::new(options.clone()),
        Some(ended) => Writer::resume(options.clone(), &ended.state),
    }
    .expect("options of a test");
    let (mut out, mut archives, mut n) = (Vec::new(), Vec::new(), 0);
    let skip = after.map_or(0, |ended| ended.rows);
    assert_eq!((writer.rows(), writer.accounts()), after.map_or((0, 0), |ended| (ended.rows, ended.accounts)));
    for account in accounts {
        let documents: Vec<_> = account.documents.iter().map(|(name, bytes)| Document { name, bytes }).collect();
        while let Some(ended) = writer.account(&account.head, &documents, &mut out).expect("an account of a test") {
            archives.push((std::mem::take(&mut out), ended));
        }
        for (mailbox, uid, mail) in account.rows() {
            n += 1;
            if n <= skip {
                continue;
            }
            while let Some(ended) = writer.email(&listed(mailbox, uid, mail), &mut out).expect("a row of a test") {
                assert_eq!(ended.rows, n - 1);
                archives.push((std::mem::take(&mut out), ended));
            }
            message(&mut writer, mail, piece, &mut out);
        }
    }
    let (last, finished) = writer.finish(&mut out).expect("the end of a test");
    archives.extend(last.map(|ended| (std::mem::take(&mut out), ended)));
    assert!(out.is_empty());
    Run { archives, finished }
}

pub fn listed(mailbox: MailboxId, uid: Uid, mail: &Mail) -> Listed<'_> {
    Listed {
        email: EmailId(mail.id),
        thread: ThreadId(mail.id / 2),
        mailbox,
        uid,
        flags: mail.flags,
        size: mail.message.len() as u64,
        received_at: mail.received,
        memberships: &mail.places,
    }
}

pub fn message(writer: &mut Writer, mail: &Mail, piece: usize, out: &mut Vec<u8>) {
    if mail.broken {
        writer.unreadable(Trouble::MessageUnreadable, &"The block is damaged. ".repeat(20)).expect("a problem");
        return;
    }
    writer.message(EndsScan::of(&mail.message), out).expect("a message begins");
    mail.message.chunks(piece.max(1)).for_each(|piece| writer.piece(piece, out).expect("a piece"));
    writer.done(out).expect("a message ends");
}

/// Files of all archives, unpacked into one folder; `None` for folders.
pub fn unpack(run: &Run) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (bytes, ended) in &run.archives {
        let File { bytes: length, sha256, entries, .. } = &ended.file;
        assert_eq!((*length, *sha256), (bytes.len() as u64, Sha256::of(bytes)));
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
        for n in 0..zip.len() {
            let mut entry = zip.by_index(n).expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its bytes");
            if let Some(Entries::Listed(entries)) = entries {
                let name = entry.name().trim_end_matches('/');
                assert_eq!((entries[n].name.as_str(), entries[n].sha256), (name, Sha256::of(&content)));
            }
            let content = (!entry.is_dir()).then_some(content);
            assert!(files.insert(entry.name().to_owned(), content).is_none(), "{} twice", entry.name());
        }
        match entries.as_ref().expect("an archive has entries") {
            Entries::Listed(entries) => assert_eq!(entries.len(), zip.len()),
            Entries::Count(count) => assert_eq!(*count, zip.len() as u64),
        }
    }
    files
}

/// Values of a file of lines.
pub fn lines<T: DeserializeOwned>(file: &[u8]) -> Vec<T> {
    let (mut reader, mut input, mut found) = (Lines::new(), file, Vec::new());
    while let Some(line) = reader.next(&mut input) {
        found.push(line.read().expect("a value"));
    }
    assert!(reader.finish().is_none(), "lines have ends");
    found
}

/// Messages of an mbox file by where they begin, as they stand there.
fn mbox(file: &[u8]) -> BTreeMap<u64, Vec<u8>> {
    let (mut reader, mut input, mut found, mut at) = (Reader::new(), file, BTreeMap::new(), 0);
    let mut take = |item: Item<'_>| match item {
        Item::Start(start) => {
            at = start.at;
            found.insert(at, Vec::new());
        }
        Item::Body(piece) => found.get_mut(&at).expect("a message").extend_from_slice(piece),
        Item::End { .. } => {}
        Item::Problem(problem) => panic!("{problem:?}"),
    };
    while let Some(item) = reader.next(&mut input) {
        take(item);
    }
    while let Some(item) = reader.finish() {
        take(item);
    }
    found
}

/// Emails of a mailbox, in order, with their messages.
fn emails(files: &BTreeMap<String, Option<Vec<u8>>>, mailbox: &Mailbox) -> Vec<(Email, Option<Vec<u8>>)> {
    let folder = mailbox.path.as_ref().expect("a mailbox has a place");
    let mut found = Vec::new();
    for n in 1.. {
        let Some(Some(file)) = files.get(&format!("{folder}/emails-{n:04}.jsonl")) else { break };
        let mut boxes = BTreeMap::new();
        let mut orders = Vec::new();
        for email in lines::<Email>(file) {
            let message = email.copies.first().map(|copy| {
                let file = files[copy.path.as_str()].as_ref().expect("a file");
                let Some(offset) = copy.offset else { return file.clone() };
                let messages = boxes.entry(copy.path.clone()).or_insert_with(|| mbox(file));
                orders.push(offset);
                let mut restored = Vec::new();
                Restorer::new(email.line_ends.expect("line ends"))
                    .feed(&messages.remove(&offset).expect("a message"), &mut restored);
                restored
            });
            assert!(email.copies.len() <= 1);
            found.push((email, message));
        }
        assert!(boxes.values().all(BTreeMap::is_empty), "messages without metadata");
        assert!(orders.is_sorted(), "in the order of the messages");
    }
    found
}

/// Everything that was stored is in the archives, and nothing else; totals and digests are what they should be.
pub fn check(options: &Options, accounts: &[Account], run: &Run) {
    let files = unpack(run);
    let folders: BTreeSet<_> = files.keys().filter_map(|name| name.split('/').next()).map(str::to_lowercase).collect();
    assert_eq!(folders.len(), accounts.len());
    let mut all = MailDigest::default();
    let mut problems = 0;
    let mailboxes = files.iter().filter(|(name, _)| name.ends_with("/mailboxes.jsonl"));
    let listed: Vec<(&str, Vec<Mailbox>)> = mailboxes
        .map(|(name, file)| (name.trim_end_matches("/mailboxes.jsonl"), lines(file.as_ref().expect("a file"))))
        .collect();
    assert_eq!(run.finished.accounts.len(), accounts.len());
    for (account, totals) in accounts.iter().zip(&run.finished.accounts) {
        let id = account.head.account_id;
        let found = listed.iter().find(|(folder, mailboxes)| match mailboxes.first() {
            Some(mailbox) => mailbox.account_id == id,
            None => *folder == account.head.address,
        });
        let (folder, mailboxes) = found.expect("an account has mailboxes");
        let given = mailboxes.iter().map(|m| Mailbox { path: None, ..m.clone() });
        assert_eq!(given.collect::<Vec<_>>(), account.head.mailboxes);
        for (name, bytes) in &account.documents {
            assert_eq!(files[&format!("{folder}/{name}")].as_ref(), Some(bytes));
        }
        let (mut digest, mut bytes) = (MailDigest::default(), 0);
        for (mailbox, counts) in mailboxes.iter().zip(&totals.counts.mailboxes) {
            let counted = check_mailbox(account, mailbox, &files, &mut digest, &mut problems);
            assert_eq!((counts.mailbox_id, counts.totals), (mailbox.id, counted), "{}", mailbox.full_name);
            assert_eq!(totals.counts.mailbox(mailbox.id.0), Some(counts));
        }
        bytes += account.mail.iter().filter(|m| !m.places.is_empty()).map(|m| m.message.len() as u64).sum::<u64>();
        assert_eq!((totals.counts.account_id, totals.counts.totals.bytes), (id, bytes));
        let emails: u64 = totals.counts.mailboxes.iter().map(|m| m.totals.emails).sum();
        assert_eq!(totals.counts.totals.emails, emails);
        assert_eq!(totals.mail_digest, digest.end());
        assert_eq!(totals.to_manifest().mailboxes.len(), mailboxes.len());
        all.merge(&digest);
    }
    assert_eq!((run.finished.mail_digest, run.finished.problems), (all.end(), problems));
    let stored: u64 = accounts.iter().map(|a| a.rows().count() as u64).sum();
    assert_eq!(run.finished.rows, stored);
    let ended: Vec<_> = run.archives.iter().map(|(_, ended)| ended.file.clone()).collect();
    assert_eq!(run.finished.files, ended);
    let numbered = (1..).map(|n| format!("{}-{n}.zip", options.stem));
    assert!(ended.iter().zip(numbered).all(|(file, name)| file.name.as_str() == name));
}

/// A mailbox by another way than the writer's; what it has of emails.
fn check_mailbox(
    account: &Account,
    mailbox: &Mailbox,
    files: &BTreeMap<String, Option<Vec<u8>>>,
    digest: &mut MailDigest,
    problems: &mut u64,
) -> Totals {
    let rows: Vec<_> = account.rows().filter(|(at, ..)| *at == mailbox.id.0).collect();
    let found = emails(files, mailbox);
    assert_eq!(found.len(), rows.len(), "{}", mailbox.full_name);
    let mut totals = Totals::default();
    let mut broken = Vec::new();
    for ((email, message), (_, uid, mail)) in found.iter().zip(&rows) {
        assert_eq!((email.id, email.account_id), (Text(EmailId(mail.id)), account.head.account_id));
        assert_eq!((email.size, email.received_at), (mail.message.len() as u64, mail.received));
        assert_eq!(message.as_ref(), (!mail.broken).then_some(&mail.message));
        assert_eq!(email.sha256, message.as_ref().map(|m| Sha256::of(m)));
        let places: BTreeMap<_, _> = mail.places.iter().map(|(at, uid)| (Text(*at), uid.0)).collect();
        assert!(email.uids == places && email.mailbox_ids.keys().eq(places.keys()) && places[&mailbox.id] == uid.0);
        let names = account.head.keywords.iter().map(|k| k.to_ascii_lowercase());
        let names: Vec<String> = SYSTEM_KEYWORDS.iter().map(|k| (*k).to_owned()).chain(names).collect();
        let set: BTreeSet<&str> =
            (0..names.len()).filter(|bit| mail.flags & 1 << bit != 0).map(|bit| names[bit].as_str()).collect();
        let keywords: Vec<&str> = email.set_keywords().collect();
        assert!(keywords.iter().copied().eq(set.iter().copied()), "{keywords:?} {set:?}");
        let has = |keyword: &str| u64::from(set.contains(keyword));
        totals.emails += 1;
        totals.bytes += mail.message.len() as u64;
        totals.unseen += 1 - has("$seen");
        totals.flagged += has("$flagged");
        totals.answered += has("$answered");
        totals.drafts += has("$draft");
        totals.deleted += has("$deleted");
        match message {
            None => broken.push(uid.0),
            Some(message) => digest.add(&Placed {
                full_name: &mailbox.full_name,
                keywords: &keywords,
                received_at: mail.received,
                sha256: Sha256::of(message),
            }),
        }
    }
    let folder = mailbox.path.as_ref().expect("a mailbox has a place");
    let told = files.iter().filter(|(name, _)| name.starts_with(&format!("{folder}/problems-")));
    let told: Vec<Problem> = told.flat_map(|(_, file)| lines(file.as_ref().expect("a file"))).collect();
    assert!(told.iter().all(|p| p.what == Trouble::MessageUnreadable && p.place.mailbox_id == Some(mailbox.id)));
    assert!(told.iter().map(|p| p.place.uid.expect("a uid")).eq(broken.iter().copied()));
    assert!(told.iter().all(|p| p.why.len() <= 200 && p.why.starts_with("The block is damaged.")));
    *problems += told.len() as u64;
    totals
}
