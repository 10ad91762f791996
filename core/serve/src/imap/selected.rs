//! SUMMARY    The selected mailbox of a session: its view, and telling the client what changed.
//! STANDARDS  RFC 9051 §5.2, §7.4-7.5; RFC 7162 §3.1.4, §3.2.10 (VANISHED)
//! INVARIANTS Expunges are told only where the client may renumber (not during FETCH, STORE, SEARCH by sequence number); until
//!            then the session's view gets new flags and nothing else, and no MODSEQ is told: a client that resumes from it
//!            would never hear of those expunges.

use super::{
    error::Failure,
    session::{Enabled, Session},
};
use crate::Link;
use account::Reader;
use base::{ModSeq, Uid};
use mail::{KeywordNames, Row, View};
use std::sync::Arc;
use wire::imap::{
    NumSet, SequenceSet,
    render::{self, FetchLine},
};

pub(super) struct Selected {
    pub(super) view: Arc<View>,
    pub(super) keywords: KeywordNames,
    pub(super) read_only: bool,
    /// Uids of the saved search result (`$`, RFC 5182).
    pub(super) saved: NumSet,
}

impl Selected {
    /// Messages of a set, with their sequence numbers, in order.
    pub(super) fn resolve(&self, set: &SequenceSet, uid: bool) -> Result<Vec<(u32, Row)>, Failure> {
        let view = &self.view;
        let len = u32::try_from(view.len()).unwrap_or(u32::MAX);
        let mut out = Vec::new();
        if uid {
            let last = view.rows().next_back().map_or(0, |r| r.uid.0);
            for range in set.resolve(last, Some(&self.saved)).ranges() {
                out.extend(view.range(Uid(range.first), Uid(range.last)).map(|(n, r)| (n, *r)));
            }
            return Ok(out);
        }
        if set.exceeds(len) {
            return Err(Failure::Bad("No such message"));
        }
        let mut saved = NumSet::new();
        if set.uses_saved() {
            self.saved.iter().filter_map(|u| view.find(Uid(u))).for_each(|(n, _)| saved.push(n));
        }
        let wanted = set.resolve(len, Some(&saved));
        if wanted.len() == u64::from(len) {
            return Ok((1..).zip(view.rows().copied()).collect());
        }
        out.extend(wanted.iter().filter_map(|n| view.at(n).map(|r| (n, *r))));
        Ok(out)
    }

    /// Uids expunged after `since`, ascending. Where the log has been trimmed beyond `since`: every uid that is not there, as
    /// RFC 7162 §3.2.5.1 allows ("the server ... may include UIDs that were expunged before").
    pub(super) async fn vanished(&self, reader: &mut Reader, since: ModSeq) -> Result<Vec<u32>, Failure> {
        let floor = reader.log_floor().await?;
        if since < floor {
            let mut there = self.view.rows().map(|r| r.uid.0).peekable();
            let absent = (1..self.view.uid_next.0).filter(|uid| there.next_if_eq(uid).is_none());
            return Ok(absent.collect());
        }
        let gone = reader.vanished(self.view.mailbox, since).await?;
        let mut uids: Vec<u32> = gone.iter().map(|(_, uid)| uid.0).collect();
        uids.sort_unstable();
        Ok(uids)
    }
}

/// How the client's own change is told back.
#[derive(Clone, Copy)]
pub(super) enum Echo<'a> {
    All,
    /// `.SILENT`: not these, or only their MODSEQ.
    Silent(&'a [Uid]),
}

impl Session {
    /// Brings the client up to date; `renumber`: expunges may be told.
    pub(super) async fn sync(&mut self, link: &mut Link, renumber: bool) -> Result<(), Failure> {
        self.sync_echo(link, renumber, Echo::All).await
    }

    pub(super) async fn sync_echo(&mut self, link: &mut Link, renumber: bool, echo: Echo<'_>) -> Result<(), Failure> {
        let (Some(login), Some(selected)) = (&self.login, &mut self.selected) else { return Ok(()) };
        let mail = &self.door.options.mail;
        let newer = match mail.refresh(&login.scope, &selected.view).await {
            Ok(newer) => newer,
            Err(e) if e.kind == base::Kind::NotFound => {
                self.selected = None;
                render::status_line(&mut link.out, None, render::Condition::Bye, None, "The mailbox was deleted");
                return Err(Failure::Gone);
            }
            Err(e) => return Err(e.into()),
        };
        if Arc::ptr_eq(&newer, &selected.view) {
            return Ok(());
        }
        let mut changes = selected.view.changes_to(&newer);
        let waits = !changes.expunged.is_empty() && !renumber;
        if changes.changed.len() + changes.added > 0 {
            let keywords = mail.keyword_names(&login.scope).await?;
            if keywords != selected.keywords {
                selected.keywords = keywords;
                flags_line(&mut link.out, &selected.keywords);
            }
        }
        let enabled = if waits { Enabled { condstore: false, ..self.enabled } } else { self.enabled };
        if waits {
            let with_modseqs = !self.enabled.condstore;
            changes.changed.retain(|uid| flags_of(&selected.view, *uid) != flags_of(&newer, *uid));
            selected.view = Arc::new(selected.view.with_flags_of(&newer, &changes.changed, with_modseqs));
        } else {
            tell_expunged(&mut link.out, &selected.view, &changes.expunged, enabled.qresync);
            selected.view = newer;
            if changes.added > 0 {
                render::counted(&mut link.out, selected.view.len() as u64, "EXISTS");
            }
        }
        for uid in changes.changed {
            let Some((seq, row)) = selected.view.find(uid) else { continue };
            let silent = matches!(echo, Echo::Silent(own) if own.binary_search(&uid).is_ok());
            if !silent || enabled.condstore {
                flags_fetch(&mut link.out, seq, row, &selected.keywords, enabled, !silent);
            }
            link.flush_if_large().await?;
        }
        Ok(())
    }
}

fn flags_of(view: &View, uid: Uid) -> Option<u64> {
    view.find(uid).map(|(_, row)| row.flags)
}

fn tell_expunged(out: &mut Vec<u8>, old: &View, uids: &[Uid], qresync: bool) {
    if qresync {
        let mut set = NumSet::new();
        uids.iter().for_each(|u| set.push(u.0));
        if !set.is_empty() {
            render::vanished(out, false, &set);
        }
        return;
    }
    for uid in uids.iter().rev() {
        if let Some((seq, _)) = old.find(*uid) {
            render::counted(out, u64::from(seq), "EXPUNGE");
        }
    }
}

/// An untagged FETCH with what every changed message shows.
pub(super) fn flags_fetch(
    out: &mut Vec<u8>,
    seq: u32,
    row: &Row,
    keywords: &KeywordNames,
    enabled: Enabled,
    with_flags: bool,
) {
    let mut line = FetchLine::begin(out, seq);
    render::uid(line.item(), row.uid.0);
    if with_flags {
        render::flags(line.item(), keywords.names(row.flags));
    }
    if enabled.condstore {
        render::mod_seq(line.item(), row.modseq.0);
    }
    line.end();
}

/// `* FLAGS` with the system flags and the account's keywords.
pub(super) fn flags_line(out: &mut Vec<u8>, keywords: &KeywordNames) {
    let system = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
    render::flag_list(out, system.into_iter().chain(keywords.keywords().iter().map(String::as_str)));
}
