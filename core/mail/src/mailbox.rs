//! SUMMARY    The mailbox tree by path: list, create, rename, delete, subscribe.
//! STANDARDS  RFC 9051 §6.3.4-6.3.8, RFC 6154 (special use)
//! LIMITS     MAILBOX_PATH_BYTES_MAX, MAILBOX_DEPTH_MAX, EMAILS_PER_WORK_MAX
//! INVARIANTS `/` separates levels and is in no name. INBOX is one name whatever its case, is never deleted, and renaming it
//!            moves its messages away and leaves it empty.

use crate::{Error, Expunge, Mail, Result};
use account::{
    AccountScope, AccountWork, CanRead, NewMailbox, Owner,
    record::{MailboxRecord, MailboxState},
    unit_of_work,
};
use base::{
    Kind, MailboxId, Uid,
    limits::{MAILBOX_DEPTH_MAX, MAILBOX_PATH_BYTES_MAX},
};
use std::collections::HashMap;

/// Level separator of paths.
pub const SEPARATOR: char = '/';

/// A mailbox with its path.
#[derive(Debug, Clone)]
pub struct MailboxInfo {
    pub id: MailboxId,
    /// `Parent/Child`, UTF-8; INBOX in capitals.
    pub path: String,
    pub record: MailboxRecord,
    pub has_children: bool,
}

/// A path that may be given to a mailbox: checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPath(Vec<String>);

impl NewPath {
    /// Errors: `Invalid` (empty level, control characters, wildcards), `LimitExceeded`.
    pub fn parse(path: &str) -> Result<Self> {
        if path.len() > MAILBOX_PATH_BYTES_MAX {
            return Err(Error::limit("MAILBOX_PATH_BYTES_MAX"));
        }
        let path = path.strip_suffix(SEPARATOR).unwrap_or(path);
        let mut levels: Vec<String> = path.split(SEPARATOR).map(str::to_owned).collect();
        if levels.len() > MAILBOX_DEPTH_MAX {
            return Err(Error::limit("MAILBOX_DEPTH_MAX"));
        }
        let bad = |l: &String| l.is_empty() || l.chars().any(|c| c.is_control() || matches!(c, '%' | '*'));
        if levels.iter().any(bad) {
            return Err(Error::new(
                Kind::Invalid,
                "a mailbox name has no empty levels, control characters or wildcards",
            ));
        }
        if let Some(first) = levels.first_mut()
            && first.eq_ignore_ascii_case("INBOX")
        {
            *first = "INBOX".to_owned();
        }
        Ok(NewPath(levels))
    }

    /// The nearest path of these levels that this server takes, and whether it is another one.
    pub fn nearest(levels: &[&str]) -> (String, bool) {
        let mut taken: Vec<String> = levels.iter().take(MAILBOX_DEPTH_MAX).map(|level| tidied(level)).collect();
        if let Some(first) = taken.first_mut()
            && first.eq_ignore_ascii_case("INBOX")
        {
            *first = "INBOX".to_owned();
        }
        let bytes: usize = taken.iter().map(|level| level.len() + 1).sum();
        if bytes > MAILBOX_PATH_BYTES_MAX {
            let room = (MAILBOX_PATH_BYTES_MAX / taken.len().max(1)).saturating_sub(1);
            for level in &mut taken {
                level.truncate(level.floor_char_boundary(room));
            }
        }
        let same = taken.len() == levels.len()
            && taken
                .iter()
                .zip(levels)
                .enumerate()
                .all(|(n, (new, old))| new == old || (n == 0 && new.eq_ignore_ascii_case(old)));
        (taken.join("/"), !same)
    }

    /// Its levels, from the top.
    pub fn levels(&self) -> &[String] {
        &self.0
    }
}

impl Mail {
    /// Every mailbox in order of path, INBOX first.
    pub async fn mailboxes<R: CanRead>(&self, scope: &AccountScope<R>) -> Result<Vec<MailboxInfo>> {
        let records = self.accounts().read(scope).mailboxes().await?;
        let by_id: HashMap<u32, &MailboxRecord> = records.iter().map(|(id, r)| (id.0, r)).collect();
        let mut infos: Vec<MailboxInfo> = records
            .iter()
            .map(|(id, record)| MailboxInfo {
                id: *id,
                path: path_of(&by_id, record),
                record: record.clone(),
                has_children: records.iter().any(|(_, r)| r.parent == id.0),
            })
            .collect();
        infos.sort_by(|a, b| (a.path != "INBOX", &a.path).cmp(&(b.path != "INBOX", &b.path)));
        Ok(infos)
    }

    /// The mailbox at a path; `NotFound` if there is none.
    pub async fn mailbox_at<R: CanRead>(
        &self,
        scope: &AccountScope<R>,
        path: &str,
    ) -> Result<(MailboxId, MailboxRecord)> {
        let path = NewPath::parse(path).map_err(|_| Error::not_found("mailbox"))?;
        let mut reader = self.accounts().read(scope);
        let mut at = None;
        for level in &path.0 {
            at = Some(reader.mailbox_named(at, level).await?.ok_or_else(|| Error::not_found("mailbox"))?);
        }
        let id = at.ok_or_else(|| Error::not_found("mailbox"))?;
        let record = reader.mailbox(id).await?.ok_or_else(|| Error::not_found("mailbox"))?;
        Ok((id, record))
    }

    /// Counters of a mailbox; `NotFound` if it is gone.
    pub async fn mailbox_state<R: CanRead>(&self, scope: &AccountScope<R>, id: MailboxId) -> Result<MailboxState> {
        self.accounts().read(scope).mailbox_state(id).await?.ok_or_else(|| Error::not_found("mailbox"))
    }

    /// Creates a mailbox and the missing levels above it. Errors: `AlreadyExists`, `Invalid`, `LimitExceeded`.
    pub async fn create_mailbox(&self, scope: &AccountScope<Owner>, path: &NewPath, role: &str) -> Result<MailboxId> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let (parent, name) = descend(&mut account, path).await?;
            account.create_mailbox(NewMailbox { name, parent, role, subscribed: true }).await
        })
    }

    /// The mailbox at a path, made with all levels above it where there is none: then it gets the role and the subscription. Whether it was
    /// made. Errors: `LimitExceeded`.
    pub async fn ensure_mailbox(
        &self,
        scope: &AccountScope<Owner>,
        path: &NewPath,
        role: &str,
        subscribed: bool,
    ) -> Result<(MailboxId, bool)> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let (parent, name) = descend(&mut account, path).await?;
            if let Some(id) = account.mailbox_named(parent, name).await? {
                return Ok((id, false));
            }
            Ok((account.create_mailbox(NewMailbox { name, parent, role, subscribed }).await?, true))
        })
    }

    /// Renames a mailbox, its children with it; INBOX's messages move to the new mailbox instead (RFC 9051 §6.3.6).
    pub async fn rename_mailbox(&self, scope: &AccountScope<Owner>, id: MailboxId, to: &NewPath) -> Result<()> {
        let accounts = self.accounts();
        let (_, record) = self.record(scope, id).await?;
        if record.role == "inbox" {
            let target = self.create_mailbox(scope, to, "").await?;
            let uids = self.all_uids(scope, id).await?;
            let moved = self.move_messages(scope, id, target, &uids).await?;
            if let Some(error) = moved.stopped {
                return Err(error);
            }
            return Ok(());
        }
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let (parent, name) = descend(&mut account, to).await?;
            let mut above = parent;
            while let Some(level) = above {
                if level == id {
                    return Err(Error::new(Kind::Invalid, "a mailbox cannot be moved below itself"));
                }
                let record = account.mailbox(level).await?;
                above = (record.parent != 0).then_some(MailboxId(record.parent));
            }
            account.rename_mailbox(id, parent, name).await
        })
    }

    /// Deletes a mailbox with its messages. Errors: `Invalid` (INBOX, has children), `NotFound`.
    pub async fn delete_mailbox(&self, scope: &AccountScope<Owner>, id: MailboxId) -> Result<()> {
        let (infos, record) = self.record(scope, id).await?;
        if record.role == "inbox" {
            return Err(Error::new(Kind::Invalid, "INBOX cannot be deleted"));
        }
        if infos.iter().any(|(_, r)| r.parent == id.0) {
            return Err(Error::new(Kind::Invalid, "the mailbox has child mailboxes"));
        }
        let accounts = self.accounts();
        for _ in 0..EMPTYING_ROUNDS_MAX {
            let uids = self.all_uids(scope, id).await?;
            self.expunge(scope, id, Expunge::All(&uids)).await?;
            let destroyed: Result<()> = unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
                work.account(scope).await?.destroy_mailbox(id).await
            });
            match destroyed {
                // Mail arrived meanwhile: empty it again.
                Err(e) if e.kind == Kind::Invalid => {}
                other => return other,
            }
        }
        Err(Error::new(Kind::Unavailable, "mail keeps arriving in the mailbox"))
    }

    /// Subscribes or unsubscribes.
    pub async fn subscribe(&self, scope: &AccountScope<Owner>, id: MailboxId, subscribed: bool) -> Result<()> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            work.account(scope).await?.update_mailbox(id, |r| r.subscribed = subscribed).await
        })
    }

    async fn record(
        &self,
        scope: &AccountScope<Owner>,
        id: MailboxId,
    ) -> Result<(Vec<(MailboxId, MailboxRecord)>, MailboxRecord)> {
        let all = self.accounts().read(scope).mailboxes().await?;
        let found = all.iter().find(|(m, _)| *m == id).map(|(_, r)| r.clone());
        Ok((all, found.ok_or_else(|| Error::not_found("mailbox"))?))
    }

    async fn all_uids(&self, scope: &AccountScope<Owner>, id: MailboxId) -> Result<Vec<Uid>> {
        let mut reader = self.accounts().read(scope);
        let (mut uids, mut next) = (Vec::new(), Some(Uid(1)));
        while let Some(from) = next {
            reader.renew();
            let page = reader.rows(id, from).await?;
            uids.extend(page.rows.iter().map(|(uid, _)| *uid));
            next = page.next;
        }
        Ok(uids)
    }
}

/// A level without what no name has.
fn tidied(level: &str) -> String {
    let taken = |c: char| match c {
        '%' | '*' | '/' => '_',
        c if c.is_control() => ' ',
        c => c,
    };
    if level.is_empty() { "_".to_owned() } else { level.chars().map(taken).collect() }
}

/// Rounds of emptying a mailbox into which mail keeps arriving.
const EMPTYING_ROUNDS_MAX: usize = 10;

/// Parent of the last level, making missing levels; and the last level's name.
async fn descend<'p>(account: &mut AccountWork<'_>, path: &'p NewPath) -> Result<(Option<MailboxId>, &'p str)> {
    let (name, above) = path.0.split_last().ok_or_else(|| Error::new(Kind::Invalid, "an empty mailbox name"))?;
    let mut parent = None;
    for level in above {
        parent = Some(match account.mailbox_named(parent, level).await? {
            Some(id) => id,
            None => account.create_mailbox(NewMailbox { name: level, parent, role: "", subscribed: true }).await?,
        });
    }
    Ok((parent, name))
}

fn path_of(by_id: &HashMap<u32, &MailboxRecord>, record: &MailboxRecord) -> String {
    let mut levels = vec![record.name.as_str()];
    let mut parent = record.parent;
    while let Some(above) = by_id.get(&parent)
        && levels.len() <= MAILBOX_DEPTH_MAX
    {
        levels.push(&above.name);
        parent = above.parent;
    }
    levels.reverse();
    levels.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(NewPath::parse("inbox/Work").unwrap().0, ["INBOX", "Work"]);
        assert_eq!(NewPath::parse("A/B/").unwrap().0, ["A", "B"]);
        assert!(NewPath::parse("").is_err());
        assert!(NewPath::parse("a//b").is_err());
        assert!(NewPath::parse("a*").is_err());
        assert!(NewPath::parse(&"x/".repeat(30)).is_err());
    }

    #[test]
    fn names_become_the_nearest_that_are_taken() {
        for (levels, expect, changed) in [
            (&["inbox", "Work"][..], "INBOX/Work", false),
            (&["a*", "b%c"], "a_/b_c", true),
            (&["a", "", "c\n"], "a/_/c ", true),
            (&["Größe"], "Größe", false),
        ] {
            assert_eq!(NewPath::nearest(levels), (expect.to_owned(), changed));
        }
        let long = "ä".repeat(400);
        let (path, changed) = NewPath::nearest(&[&long, &long]);
        assert!(changed && NewPath::parse(&path).is_ok(), "{}", path.len());
        let (path, changed) = NewPath::nearest(&["x"; 30]);
        assert!(changed && NewPath::parse(&path).is_ok());
    }
}
