//! SUMMARY    LIST with its extensions, and LSUB.
//! STANDARDS  RFC 9051 §6.3.9, RFC 5258, RFC 5819 (STATUS), RFC 6154 (SPECIAL-USE), RFC 3501 §6.3.9 (LSUB)

use super::{
    error::Failure,
    session::{Flow, Session},
};
use crate::Link;
use mail::MailboxInfo;
use wire::imap::{List, Pattern, render};

impl Session {
    pub(super) async fn list(&mut self, link: &mut Link, tag: &str, list: List) -> Result<Flow, Failure> {
        if !list.extended && list.patterns.iter().all(String::is_empty) {
            render::list(&mut link.out, &["\\Noselect"], None, self.names(), false);
            return self.ok(link, tag, "LIST done");
        }
        let (mail, scope) = self.reader()?;
        let patterns: Vec<Pattern> = list.patterns.iter().map(|p| Pattern::new(&list.reference, p)).collect();
        let mailboxes = mail.mailboxes(&scope).await?;
        for info in &mailboxes {
            if !patterns.iter().any(|p| p.matches(&info.path)) {
                continue;
            }
            let below = format!("{}/", info.path);
            let child_info = list.selection.recursive_match
                && mailboxes.iter().any(|m| m.record.subscribed && m.path.starts_with(&below));
            let chosen = (!list.selection.subscribed || info.record.subscribed)
                && (!list.selection.special_use || special_use(info).is_some());
            if !chosen && !child_info {
                continue;
            }
            let subscribed = list.returns.subscribed || list.selection.subscribed;
            let attributes = attributes(info, subscribed);
            render::list(&mut link.out, &attributes, Some(&info.path), self.names(), child_info);
            if !list.returns.status.is_empty() && chosen {
                let at = (info.id, info.record.uid_validity);
                self.status_of(link, &mail, &scope, &info.path, at, &list.returns.status).await?;
            }
            link.flush_if_large().await?;
        }
        self.ok(link, tag, "LIST done")
    }

    pub(super) async fn lsub(
        &mut self,
        link: &mut Link,
        tag: &str,
        reference: &str,
        pattern: &str,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        let pattern = Pattern::new(reference, pattern);
        for info in mail.mailboxes(&scope).await? {
            if info.record.subscribed && pattern.matches(&info.path) {
                render::lsub(&mut link.out, &attributes(&info, false), &info.path, self.names());
            }
        }
        self.ok(link, tag, "LSUB done")
    }
}

fn special_use(info: &MailboxInfo) -> Option<&'static str> {
    match info.record.role.as_str() {
        "drafts" => Some("\\Drafts"),
        "sent" => Some("\\Sent"),
        "archive" => Some("\\Archive"),
        "junk" => Some("\\Junk"),
        "trash" => Some("\\Trash"),
        _ => None,
    }
}

fn attributes(info: &MailboxInfo, subscribed: bool) -> Vec<&'static str> {
    let mut out = vec![if info.has_children { "\\HasChildren" } else { "\\HasNoChildren" }];
    if subscribed && info.record.subscribed {
        out.push("\\Subscribed");
    }
    out.extend(special_use(info));
    out
}
