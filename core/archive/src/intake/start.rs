//! SUMMARY    How a message begins: what its line of metadata says, or else its file's name, its `From ` line and its header.

use std::collections::BTreeSet;

use base::{Uid, UidValidity};

use super::line::EmailLine;
use super::message::{Identity, Placement, Start, Thread};
use super::messages::{About, Opening};
use super::{Kind, Origin, Target, facts};
use crate::Content;
use crate::mbox::Labels;
use crate::metadata::{Problem, Role, Trouble};

/// By its own line. The problem: something of it cannot be kept.
pub(super) fn by_line(about: &About, opening: &Opening, line: &EmailLine) -> (Start, Option<Problem>) {
    let email = &line.email;
    let mut keywords = BTreeSet::new();
    let all_keywords = facts::keep(email.set_keywords(), &mut keywords);
    let mut placements = Vec::new();
    let mut all_mailboxes = true;
    for (id, _) in email.mailbox_ids.iter().filter(|(_, is_in)| **is_in) {
        let Some(mailbox) = about.mailboxes.known(email.account_id, *id) else {
            all_mailboxes = false;
            continue;
        };
        placements.push(Placement {
            target: Target::Mailbox { account: email.account_id.0, mailbox: id.0 },
            uid: email.uids.get(id).filter(|uid| **uid != 0).copied().map(Uid),
            uid_validity: Some(mailbox.uid_validity).filter(|uid| *uid != 0).map(UidValidity),
        });
    }
    if placements.is_empty() {
        placements.push(fallback(about).into());
    }
    let why = match (all_keywords, all_mailboxes) {
        (true, true) => None,
        (false, true) => Some("it has keywords that cannot be kept"),
        (true, false) => Some("it is in mailboxes of which the archive says nothing"),
        (false, false) => {
            Some("it has keywords that cannot be kept, and is in mailboxes of which the archive says nothing")
        }
    };
    let account = email.account_id.0;
    let start = Start {
        offset: opening.offset,
        identity: Some(Identity::Ours { account, email: email.id.0 }),
        placements,
        keywords: Some(keywords),
        received: Some(email.received_at),
        mail_from: email.mail_from.clone(),
        thread: Some(Thread::Ours { account, thread: email.thread_id.0 }),
        expected: email.sha256.map(|sha256| Content { bytes: email.size, sha256 }),
    };
    (start, why.map(|why| line.problem(Trouble::NotKept, why)))
}

/// By its header, which may be cut.
pub(super) fn by_head(about: &About, opening: &mut Opening, head: &[u8]) -> Start {
    let sender = opening.sender.take();
    let gmail_id = sender.as_deref().and_then(facts::gmail_id);
    // A file of a Maildir is what a server got: fields that Google writes are a sender's there.
    let gmail = match about.kind {
        Kind::Mbox | Kind::Unsure | Kind::Eml => facts::gmail(head),
        Kind::MaildirFile => facts::Gmail::default(),
    };
    let (targets, keywords) = match gmail.labels {
        Some(labels) => by_labels(labels),
        None => {
            let keywords = about.keywords.clone().or_else(|| facts::status(head));
            (vec![fallback(about)], keywords)
        }
    };
    Start {
        offset: opening.offset,
        identity: gmail_id.map(Identity::Gmail),
        placements: targets.into_iter().map(Placement::from).collect(),
        keywords,
        received: opening.received.or(about.received).or_else(|| facts::received(head)),
        mail_from: sender.filter(|sender| gmail_id.is_none() && sender.contains('@') && !sender.contains("???")),
        thread: gmail.thread.map(Thread::Gmail),
        expected: None,
    }
}

/// The mailboxes of labels. What is in none is in the archive, as in Gmail.
fn by_labels(labels: Labels) -> (Vec<Target>, Option<BTreeSet<String>>) {
    let roles = labels.roles.into_iter().map(Target::Role);
    let own = labels.mailboxes.iter().map(|path| super::names::target(path.split('/')));
    // Labels such as `/` are no path.
    let mut targets: Vec<Target> = roles.chain(own).filter(|target| *target != Target::Chosen).collect();
    targets.sort();
    targets.dedup();
    if targets.is_empty() {
        targets.push(Target::Role(Role::Archive));
    }
    (targets, Some(labels.keywords))
}

/// Where a message belongs that says nothing itself.
fn fallback(about: &About) -> Target {
    let ours = matches!(about.origin, Origin::Ours(_));
    let own = ours.then(|| about.mailboxes.of_file(&about.name)).flatten();
    own.unwrap_or_else(|| (*about.target).clone())
}
