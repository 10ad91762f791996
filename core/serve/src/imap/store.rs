//! SUMMARY    STORE, COPY, MOVE, EXPUNGE and their UID forms.
//! STANDARDS  RFC 9051 §6.4.3, §6.4.6-6.4.9; RFC 7162 §3.1.3 (UNCHANGEDSINCE); RFC 4315 (COPYUID); RFC 6851 (MOVE)

use super::{
    error::Failure,
    selected::Echo,
    session::{Flow, Session},
};
use crate::Link;
use base::{Kind, ModSeq, Uid};
use mail::{Change, Expunge, Flags, Moved, Operation};
use wire::imap::{
    NumSet, SequenceSet, Store, StoreAction, Transfer,
    render::{self, Code, Condition},
};

impl Session {
    pub(super) async fn store(&mut self, link: &mut Link, tag: &str, store: Store) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        if selected.read_only {
            return Err(Failure::No(Some(Code::Word("READ-ONLY")), "The mailbox is open read-only".into()));
        }
        self.enabled.condstore |= store.unchanged_since.is_some();
        let rows = selected.resolve(&store.set, store.uid)?;
        let mut uids: Vec<Uid> = rows.iter().map(|(_, r)| r.uid).collect();
        uids.sort_unstable();
        let change = Change {
            operation: match store.action {
                StoreAction::Replace => Operation::Set,
                StoreAction::Add => Operation::Add,
                StoreAction::Remove => Operation::Remove,
            },
            flags: Flags::from_names(store.flags.iter().map(|f| f.as_str())),
            unchanged_since: store.unchanged_since.map(ModSeq),
        };
        let outcome = mail.store_flags(&scope, selected.view.mailbox, &uids, &change).await?;
        let echo = if store.silent { Echo::Silent(&uids) } else { Echo::All };
        self.sync_echo(link, store.uid, echo).await?;
        let mut modified = NumSet::new();
        for uid in &outcome.modified {
            let seq = self.selected.as_ref().and_then(|s| s.view.find(*uid)).map(|(n, _)| n);
            if let Some(n) = if store.uid { Some(uid.0) } else { seq } {
                modified.push(n);
            }
        }
        let code = (!modified.is_empty()).then_some(Code::Modified(&modified));
        render::status_line(&mut link.out, Some(tag), Condition::Ok, code.as_ref(), "STORE done");
        Ok(Flow::On)
    }

    pub(super) async fn transfer(
        &mut self,
        link: &mut Link,
        tag: &str,
        transfer: Transfer,
        moving: bool,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        if moving && selected.read_only {
            return Err(Failure::No(Some(Code::Word("READ-ONLY")), "The mailbox is open read-only".into()));
        }
        let from = selected.view.mailbox;
        let uids: Vec<Uid> = selected.resolve(&transfer.set, transfer.uid)?.iter().map(|(_, r)| r.uid).collect();
        let (to, record) = match mail.mailbox_at(&scope, transfer.mailbox.as_str()).await {
            Err(e) if e.kind == Kind::NotFound => {
                return Err(Failure::No(Some(Code::Word("TRYCREATE")), "No such mailbox".into()));
            }
            at => at?,
        };
        let Moved { pairs, stopped } = if moving {
            mail.move_messages(&scope, from, to, &uids).await?
        } else {
            Moved { pairs: mail.copy(&scope, from, to, &uids).await?, stopped: None }
        };
        let (mut old, mut new) = (NumSet::new(), NumSet::new());
        for (a, b) in &pairs {
            old.push(a.0);
            new.push(b.0);
        }
        let code = Code::CopyUid { uid_validity: record.uid_validity, from: &old, to: &new };
        let code = (!pairs.is_empty()).then_some(code);
        if moving {
            // RFC 6851 §4.3: COPYUID comes untagged, before the expunges.
            render::status_line(&mut link.out, None, Condition::Ok, code.as_ref(), "moved");
            self.sync(link, true).await?;
            // RFC 6851 §3.3: what was moved has been told above, the rest is where it was.
            return match stopped {
                Some(error) => Err(error.into()),
                None => self.ok(link, tag, "MOVE done"),
            };
        }
        self.sync(link, true).await?;
        render::status_line(&mut link.out, Some(tag), Condition::Ok, code.as_ref(), "COPY done");
        Ok(Flow::On)
    }

    pub(super) async fn expunge(
        &mut self,
        link: &mut Link,
        tag: &str,
        only: Option<SequenceSet>,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        self.sync(link, true).await?;
        let Some(selected) = &self.selected else { return Err(Failure::Bad("Select a mailbox first")) };
        if selected.read_only {
            return Err(Failure::No(Some(Code::Word("READ-ONLY")), "The mailbox is open read-only".into()));
        }
        let deleted = |flags: u64| flags & account::DELETED != 0;
        let uids: Vec<Uid> = match only {
            Some(set) => {
                selected.resolve(&set, true)?.iter().filter(|(_, r)| deleted(r.flags)).map(|(_, r)| r.uid).collect()
            }
            None => selected.view.rows().filter(|r| deleted(r.flags)).map(|r| r.uid).collect(),
        };
        mail.expunge(&scope, selected.view.mailbox, Expunge::Deleted(&uids)).await?;
        self.sync(link, true).await?;
        let highest = self.selected.as_ref().map(|s| Code::HighestModSeq(s.view.modseq.0));
        let code = highest.filter(|_| self.enabled.qresync);
        render::status_line(&mut link.out, Some(tag), Condition::Ok, code.as_ref(), "EXPUNGE done");
        Ok(Flow::On)
    }
}
