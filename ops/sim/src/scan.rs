//! SUMMARY    What is stored, as a client that connects for the first time reads it.
//! INVARIANTS Read without weather and without caches, when nothing is under way. Every message is compared with what was sent.

use crate::{
    act::marker,
    post::bounce,
    world::{Person, said},
};
use base::{EmailId, MailboxId, Uid};
use bytes::Bytes;
use mail::{KeywordNames, Mail, Row, View};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// All messages that were ever sent, and which email is which of them.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) letters: BTreeMap<u64, Bytes>,
    /// Message and recipient of every bounce that a sender got.
    pub(crate) bounced: BTreeSet<(u64, String)>,
    known: BTreeMap<(usize, EmailId), u64>,
}

/// Bounces count as messages of their own, numbered from here by what they are about: several may come.
pub(crate) const BOUNCES: u64 = 1 << 32;
/// Notices that a mailbox fills up: all are one message, of which any number may come.
pub(crate) const NOTICES: u64 = 1 << 40;

impl Library {
    /// Number of the message that an email of a person is.
    pub(crate) fn marker(&self, person: usize, email: EmailId) -> u64 {
        self.known.get(&(person, email)).copied().unwrap_or(0)
    }

    /// Forgets which emails were read, so that the next scan reads all of them again.
    pub(crate) fn reread(&mut self) {
        self.known.clear();
    }
}

#[derive(Default)]
pub(crate) struct Scan {
    /// By number of the person.
    pub(crate) accounts: Vec<AccountScan>,
}

#[derive(Default)]
pub(crate) struct AccountScan {
    pub(crate) modseq: u64,
    pub(crate) mailboxes: BTreeMap<MailboxId, MailboxScan>,
    /// Sum of the sizes of all emails, each once, without what no quota counts.
    pub(crate) bytes: u64,
    pub(crate) keywords: KeywordNames,
}

pub(crate) struct MailboxScan {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) parent: u32,
    pub(crate) inbox: bool,
    pub(crate) view: Arc<View>,
    pub(crate) rows: BTreeMap<Uid, Row>,
}

impl AccountScan {
    pub(crate) fn row(&self, mailbox: MailboxId, uid: Uid) -> Option<&Row> {
        self.mailboxes.get(&mailbox)?.rows.get(&uid)
    }

    /// Rows of all mailboxes.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (MailboxId, &Row)> {
        self.mailboxes.iter().flat_map(|(id, m)| m.rows.values().map(|r| (*id, r)))
    }

    /// Emails with the places they are at.
    pub(crate) fn emails(&self) -> BTreeMap<EmailId, BTreeSet<(u32, u32)>> {
        let mut emails: BTreeMap<EmailId, BTreeSet<(u32, u32)>> = BTreeMap::new();
        for (mailbox, row) in self.rows() {
            emails.entry(row.email).or_default().insert((mailbox.0, row.uid.0));
        }
        emails
    }
}

impl Scan {
    pub(crate) async fn take(quiet: &Mail, people: &[Person], library: &mut Library) -> Result<Scan, String> {
        let mut scan = Scan::default();
        for (n, person) in people.iter().enumerate() {
            scan.accounts.push(account(quiet, n, person, library).await?);
        }
        Ok(scan)
    }
}

async fn account(quiet: &Mail, n: usize, person: &Person, library: &mut Library) -> Result<AccountScan, String> {
    let scope = &person.scope;
    let state = quiet.accounts().read(scope).state().await.map_err(said)?;
    let mut scan = AccountScan { modseq: state.map_or(0, |s| s.modseq), ..AccountScan::default() };
    scan.keywords = quiet.keyword_names(scope).await.map_err(said)?;
    for info in quiet.mailboxes(scope).await.map_err(said)? {
        let view = quiet.open(scope, info.id).await.map_err(said)?;
        let rows: BTreeMap<Uid, Row> = view.rows().map(|r| (r.uid, *r)).collect();
        if rows.len() != view.len() {
            return Err(format!("{}: mailbox {} has a uid twice", person.address, info.id.0));
        }
        let (record, path) = (info.record, info.path);
        let inbox = record.role == "inbox";
        let mailbox = MailboxScan { path, name: record.name, parent: record.parent, inbox, view, rows };
        scan.mailboxes.insert(info.id, mailbox);
    }
    let mut sizes = BTreeMap::new();
    for (_, row) in scan.rows() {
        sizes.insert(row.email, row.size);
    }
    for (email, size) in &sizes {
        read(quiet, n, person, *email, *size, library).await?;
    }
    for (email, size) in sizes {
        if library.marker(n, email) == NOTICES {
            let record = quiet.accounts().read(scope).email(email).await.map_err(said)?;
            if record.is_some_and(|record| record.uncharged) {
                continue;
            }
        }
        scan.bytes += u64::from(size);
    }
    Ok(scan)
}

/// Reads an email that was not seen before: it must be, to the byte, a message that was sent.
async fn read(
    quiet: &Mail,
    n: usize,
    person: &Person,
    email: EmailId,
    size: u32,
    library: &mut Library,
) -> Result<(), String> {
    if library.known.contains_key(&(n, email)) {
        return Ok(());
    }
    let wrong = |what: &str| format!("{}: email {} {what}", person.address, email.0);
    let body = quiet.accounts().read(&person.scope).body(email, None).await.map_err(|e| wrong(&e.to_string()))?;
    if let Some((number, recipients)) = bounce(&body) {
        library.bounced.extend(recipients.into_iter().map(|r| (number, r)));
        library.known.insert((n, email), BOUNCES + number);
        return Ok(());
    }
    if is_notice(&body) {
        library.known.insert((n, email), NOTICES);
        return Ok(());
    }
    let number = marker(&body).ok_or_else(|| wrong("is no message of ours"))?;
    let letter = library.letters.get(&number).ok_or_else(|| wrong("was never sent"))?;
    let added = body.strip_suffix(letter.as_ref()).ok_or_else(|| wrong("is not what was sent"))?;
    if !added.is_empty() && !added.starts_with(b"Return-Path: <") {
        return Err(wrong("has something else in front"));
    }
    if body.len() != size as usize {
        return Err(wrong("has another size"));
    }
    library.known.insert((n, email), number);
    Ok(())
}

/// Whether a message tells its reader that the mailbox fills up.
pub(crate) fn is_notice(body: &[u8]) -> bool {
    body.starts_with(b"Return-Path: <>\r\nFrom: Mail service <postmaster@")
}
