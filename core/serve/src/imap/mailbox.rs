//! SUMMARY    SELECT, EXAMINE, CLOSE, CREATE, DELETE, RENAME, SUBSCRIBE, STATUS.
//! STANDARDS  RFC 9051 §6.3; RFC 7162 §3.2.5 (QRESYNC); RFC 6154 (USE); RFC 9208 (QUOTA); RFC 8474 (MAILBOXID)

use super::{
    error::Failure,
    selected::{Selected, flags_fetch, flags_line},
    session::{Flow, Session},
};
use crate::Link;
use account::{AccountScope, Owner, ReadOnly};
use base::{MailboxId, ModSeq, limits::MESSAGE_BYTES_MAX};
use mail::{Expunge, Mail, NewPath};
use wire::imap::{
    MailboxName, NumSet, QResync, Select, SpecialUse, StatusItem,
    render::{self, Code, Condition},
};

impl Session {
    /// Mail and the right to read; every caller runs after login.
    pub(super) fn reader(&self) -> Result<(Mail, AccountScope<ReadOnly>), Failure> {
        let login = self.login.as_ref().ok_or(Failure::Bad("Log in first"))?;
        Ok((self.door.options.mail.clone(), login.scope))
    }

    /// Mail and the right to change; NOPERM for a delegate who may only read.
    pub(super) fn owner(&self) -> Result<(Mail, AccountScope<Owner>), Failure> {
        let login = self.login.as_ref().ok_or(Failure::Bad("Log in first"))?;
        Ok((self.door.options.mail.clone(), login.owner()?))
    }

    pub(super) async fn select(
        &mut self,
        link: &mut Link,
        tag: &str,
        select: Select,
        examine: bool,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        // For who may only read, SELECT is EXAMINE (RFC 9051 §6.3.2).
        let examine = examine || self.owner().is_err();
        if self.selected.take().is_some() {
            render::status_line(&mut link.out, None, Condition::Ok, Some(&Code::Word("CLOSED")), "Left the mailbox");
        }
        let (id, record) = mail.mailbox_at(&scope, select.mailbox.as_str()).await?;
        let view = mail.open(&scope, id).await?;
        let keywords = mail.keyword_names(&scope).await?;
        self.enabled.condstore |= select.condstore;
        let out = &mut link.out;
        flags_line(out, &keywords);
        render::counted(out, view.len() as u64, "EXISTS");
        if !self.enabled.rev2 {
            render::counted(out, 0, "RECENT");
            if let Some(seq) = view.first_unseen() {
                render::status_line(out, None, Condition::Ok, Some(&Code::Unseen(seq)), "first unseen");
            }
        }
        let permanent = Code::PermanentFlags { keywords: keywords.keywords(), new: true, none: examine };
        render::status_line(out, None, Condition::Ok, Some(&permanent), "kept flags");
        render::status_line(out, None, Condition::Ok, Some(&Code::UidValidity(record.uid_validity)), "");
        render::status_line(out, None, Condition::Ok, Some(&Code::UidNext(view.uid_next.0)), "");
        render::status_line(out, None, Condition::Ok, Some(&Code::HighestModSeq(view.modseq.0)), "");
        render::status_line(out, None, Condition::Ok, Some(&Code::MailboxId(&id.to_string())), "");
        if self.enabled.rev2 {
            render::list(out, &[], Some(select.mailbox.as_str()), self.names(), false);
        }
        self.selected = Some(Box::new(Selected { view, keywords, read_only: examine, saved: NumSet::new() }));
        if let Some(resync) = select.qresync.filter(|_| self.enabled.qresync) {
            self.resync(link, record.uid_validity, &resync).await?;
        }
        let code = Code::Word(if examine { "READ-ONLY" } else { "READ-WRITE" });
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&code), "selected");
        Ok(Flow::On)
    }

    /// RFC 7162 §3.2.5: what vanished and changed since the client's modseq.
    async fn resync(&mut self, link: &mut Link, uid_validity: u32, resync: &QResync) -> Result<(), Failure> {
        if resync.uid_validity != uid_validity {
            return Ok(());
        }
        let (mail, scope) = self.reader()?;
        let Some(selected) = &self.selected else { return Ok(()) };
        let last = selected.view.uid_next.0.saturating_sub(1);
        let known = resync.known_uids.as_ref().map(|s| s.resolve(last, None));
        let mut gone = NumSet::new();
        let uids = selected.vanished(&mut mail.accounts().read(&scope), ModSeq(resync.modseq)).await?;
        uids.into_iter().filter(|u| known.as_ref().is_none_or(|k| k.contains(*u))).for_each(|u| gone.push(u));
        if !gone.is_empty() {
            render::vanished(&mut link.out, true, &gone);
        }
        for (seq, row) in (1..).zip(selected.view.rows()) {
            if row.modseq.0 > resync.modseq && known.as_ref().is_none_or(|k| k.contains(row.uid.0)) {
                flags_fetch(&mut link.out, seq, row, &selected.keywords, self.enabled, true);
                link.flush_if_large().await?;
            }
        }
        Ok(())
    }

    pub(super) async fn close(&mut self, link: &mut Link, tag: &str, expunge: bool) -> Result<Flow, Failure> {
        if let Some(selected) = self.selected.take()
            && expunge
            && !selected.read_only
        {
            let (mail, scope) = self.owner()?;
            let view = mail.refresh(&scope, &selected.view).await?;
            let deleted: Vec<_> = view.rows().filter(|r| r.flags & account::DELETED != 0).map(|r| r.uid).collect();
            mail.expunge(&scope, view.mailbox, Expunge::Deleted(&deleted)).await?;
        }
        self.ok(link, tag, "closed")
    }

    pub(super) async fn create(
        &mut self,
        link: &mut Link,
        tag: &str,
        name: &MailboxName,
        uses: &[SpecialUse],
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let role = match uses {
            [] => String::new(),
            [SpecialUse::Archive | SpecialUse::Drafts | SpecialUse::Junk | SpecialUse::Sent | SpecialUse::Trash] => {
                uses.first().map(|u| u.as_str().trim_start_matches('\\').to_lowercase()).unwrap_or_default()
            }
            _ => return Err(Failure::No(Some(Code::Word("USEATTR")), "That use is not supported".into())),
        };
        let taken = !role.is_empty() && mail.mailboxes(&scope).await?.iter().any(|m| m.record.role == role);
        if taken {
            return Err(Failure::No(Some(Code::Word("USEATTR")), "Another mailbox has that use".into()));
        }
        let id = mail.create_mailbox(&scope, &NewPath::parse(name.as_str())?, &role).await?.to_string();
        render::status_line(&mut link.out, Some(tag), Condition::Ok, Some(&Code::MailboxId(&id)), "created");
        Ok(Flow::On)
    }

    pub(super) async fn delete(&mut self, link: &mut Link, tag: &str, name: &MailboxName) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let (id, _) = mail.mailbox_at(&scope, name.as_str()).await?;
        if self.selected.as_ref().is_some_and(|s| s.view.mailbox == id) {
            self.selected = None;
        }
        mail.delete_mailbox(&scope, id).await?;
        self.ok(link, tag, "deleted")
    }

    pub(super) async fn rename(
        &mut self,
        link: &mut Link,
        tag: &str,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let (id, _) = mail.mailbox_at(&scope, from.as_str()).await?;
        mail.rename_mailbox(&scope, id, &NewPath::parse(to.as_str())?).await?;
        // Of INBOX the messages went: a client that has it selected is told now.
        self.sync(link, true).await?;
        self.ok(link, tag, "renamed")
    }

    pub(super) async fn subscribe(
        &mut self,
        link: &mut Link,
        tag: &str,
        name: &MailboxName,
        on: bool,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.owner()?;
        let (id, _) = mail.mailbox_at(&scope, name.as_str()).await?;
        mail.subscribe(&scope, id, on).await?;
        self.ok(link, tag, "done")
    }

    pub(super) async fn status(
        &mut self,
        link: &mut Link,
        tag: &str,
        name: &MailboxName,
        items: &[StatusItem],
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        let (id, record) = mail.mailbox_at(&scope, name.as_str()).await?;
        self.status_of(link, &mail, &scope, name.as_str(), (id, record.uid_validity), items).await?;
        self.ok(link, tag, "STATUS done")
    }

    pub(super) async fn status_of(
        &mut self,
        link: &mut Link,
        mail: &Mail,
        scope: &AccountScope<ReadOnly>,
        path: &str,
        (id, uid_validity): (MailboxId, u32),
        items: &[StatusItem],
    ) -> Result<(), Failure> {
        let state = mail.mailbox_state(scope, id).await?;
        self.enabled.condstore |= items.contains(&StatusItem::HighestModSeq);
        let value = |item: &StatusItem| match item {
            StatusItem::Messages => Some(u64::from(state.emails)),
            StatusItem::Recent => Some(0),
            StatusItem::UidNext => Some(u64::from(state.uid_next)),
            StatusItem::UidValidity => Some(u64::from(uid_validity)),
            StatusItem::Unseen => Some(u64::from(state.unseen)),
            StatusItem::Deleted => Some(u64::from(state.deleted)),
            StatusItem::Size => Some(state.size_bytes),
            StatusItem::HighestModSeq => Some(state.modseq),
            StatusItem::AppendLimit => Some(MESSAGE_BYTES_MAX as u64),
            StatusItem::MailboxId | StatusItem::DeletedStorage => None,
        };
        let values: Vec<(StatusItem, u64)> = items.iter().filter_map(|i| Some((*i, value(i)?))).collect();
        let shown = items.contains(&StatusItem::MailboxId).then(|| id.to_string());
        render::status(&mut link.out, path, self.names(), &values, shown.as_deref());
        Ok(())
    }
}
