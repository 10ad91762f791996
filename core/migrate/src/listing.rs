//! SUMMARY    What a folder of a source has: its counters, and its messages with flags and sizes.
//! STANDARDS  RFC 9051 §6.3.3, §6.4.5, RFC 7162 §3.1.4.1 (CHANGEDSINCE), §3.2.6 (VANISHED)
//! LIMITS     MIGRATE_FOLDER_MESSAGES_MAX, IMAP_CLIENT_LINE_BYTES_MAX
//! INVARIANTS Sorted by uid, each once, whatever the source sends. Flags of equal names are one value in memory.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use base::limits::{MIGRATE_FOLDER_MESSAGES_MAX, MIGRATE_LABELS_MAX};
use mail::Flags;
use wire::imap::{
    NumSet,
    client::{Code, Response, Status},
    set::Range,
};

use crate::{
    Error, Result,
    folder::{Label, label},
    link::done,
    report::cut,
    session::Session,
};

/// Keywords that are told of in one folder.
const ODD_MAX: usize = 20;

/// A folder as it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) exists: u32,
    pub(crate) uid_validity: u32,
    /// 0: it was not told.
    pub(crate) uid_next: u32,
    /// 0: there is none.
    pub(crate) modseq: u64,
}

/// Opens a folder and changes nothing of it. `Denied`: it cannot be opened.
pub(crate) async fn examine(session: &mut Session, raw: &[u8]) -> Result<Opened> {
    let mut opened = Opened::default();
    let command = session.link.writer.examine(raw, session.able.condstore && !session.able.qresync);
    let mut take = |response| {
        match response {
            Response::Exists(exists) => opened.exists = exists,
            Response::Status(Status { code: Some(code), .. }) => match code {
                Code::UidValidity(n) => opened.uid_validity = n,
                Code::UidNext(n) => opened.uid_next = n,
                Code::HighestModSeq(n) => opened.modseq = n,
                Code::Capability(_) | Code::Other(_) => {}
            },
            _ => {}
        }
        Ok(())
    };
    done(session.link.ask(&command, &mut take).await?)?;
    match opened.uid_validity {
        0 => Err(Error::Denied("the folder has no lasting uids (UIDVALIDITY)".to_owned())),
        _ => Ok(opened),
    }
}

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) uid: u32,
    pub(crate) size: u64,
    pub(crate) flags: Arc<Flags>,
}

/// Messages of a folder: all, or those that changed.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) messages: Vec<Seen>,
    /// What the source says is gone.
    pub(crate) vanished: Vec<Range>,
    /// Keywords that are none here.
    pub(crate) odd: BTreeSet<String>,
    /// Why an answer could not be read; the messages of such answers are not listed.
    pub(crate) unread: Option<&'static str>,
}

/// Lists a folder that is open; `since`: what changed after this modseq, with what vanished where the source can.
pub(crate) async fn list(session: &mut Session, since: Option<u64>) -> Result<Listing> {
    let (mut listing, mut names) = (Listing::default(), Names::default());
    let all = NumSet::from_range(1, u32::MAX);
    let with_vanished = since.is_some() && session.able.qresync;
    let command = session.link.writer.uid_fetch(&all, "UID FLAGS RFC822.SIZE", since, with_vanished);
    let limit = MIGRATE_FOLDER_MESSAGES_MAX.saturating_mul(2);
    let mut take = |response| {
        match response {
            Response::Fetched(item) => {
                // What is beyond is read to its end: the connection stays of use.
                let has_room = listing.messages.len() <= MIGRATE_FOLDER_MESSAGES_MAX;
                if let (Some(uid), Some(flags), true) = (item.uid, &item.flags, has_room) {
                    let flags = names.flags(flags, &mut listing.odd);
                    listing.messages.push(Seen { uid, size: item.size.unwrap_or_default(), flags });
                }
            }
            Response::Vanished { uids, .. } => {
                listing.vanished.extend(uids);
                if listing.vanished.len() > MIGRATE_FOLDER_MESSAGES_MAX {
                    let why = "more vanished than there can be (MIGRATE_FOLDER_MESSAGES_MAX)";
                    return Err(Error::Garbled(why.to_owned()));
                }
            }
            Response::Unread(why) => listing.unread = Some(why),
            _ => {}
        }
        Ok(())
    };
    done(session.link.ask_many(&command, limit, &mut take).await?)?;
    if listing.messages.len() > MIGRATE_FOLDER_MESSAGES_MAX {
        return Err(Error::Denied("the folder has too many messages (MIGRATE_FOLDER_MESSAGES_MAX)".to_owned()));
    }
    // Of several answers for one uid the last counts.
    listing.messages.reverse();
    listing.messages.sort_by_key(|seen| seen.uid);
    listing.messages.dedup_by_key(|seen| seen.uid);
    Ok(listing)
}

/// Bytes of the names of flags that are kept for a folder; beyond it only flags of the system are taken.
const NAMES_BYTES_MAX: usize = 8 << 20;
/// Bytes of the name of a keyword.
const KEYWORD_BYTES_MAX: usize = 255;

/// Flags by their names, each combination once.
#[derive(Default)]
pub(crate) struct Names {
    known: HashMap<String, Arc<Flags>>,
    bytes: usize,
}

impl Names {
    /// `odd` gets keywords that no server may have: they are left out.
    pub(crate) fn flags(&mut self, names: &[String], odd: &mut BTreeSet<String>) -> Arc<Flags> {
        let is_full = self.bytes > NAMES_BYTES_MAX;
        let short = |name: &&String| name.len() <= KEYWORD_BYTES_MAX && (!is_full || name.starts_with('\\'));
        let key = names.iter().filter(short).map(String::as_str).collect::<Vec<_>>().join(" ");
        if let Some(flags) = self.known.get(&key) {
            return flags.clone();
        }
        let (good, bad): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_flag(name) && short(name));
        for name in bad {
            if odd.len() < ODD_MAX {
                odd.insert(cut(name));
            }
        }
        let flags = Arc::new(Flags::from_names(good.into_iter().map(String::as_str)));
        // What is not kept costs each message its own.
        if !is_full {
            self.bytes += key.len();
            self.known.insert(key, flags.clone());
        }
        flags
    }
}

/// A flag-keyword is an atom (RFC 9051 §9).
fn is_flag(name: &str) -> bool {
    let atom = name.strip_prefix('\\').unwrap_or(name);
    !atom.is_empty()
        && atom
            .bytes()
            .all(|b| matches!(b, 0x21..=0x7e) && !matches!(b, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']'))
}

/// Mailboxes that labels stand for; the first MIGRATE_LABELS_MAX.
pub(crate) fn labels(names: &[String]) -> Vec<Label> {
    names.iter().take(MIGRATE_LABELS_MAX).filter_map(|name| label(name)).collect()
}
