//! SUMMARY    Mailboxes here for folders and labels of a source: those that are there by role or path, others made.
//! LIMITS     MAILBOXES_MAX, MAILBOX_PATH_BYTES_MAX, MAILBOX_DEPTH_MAX
//! INVARIANTS Where no mailbox can be made, its messages go to INBOX; a name that is not taken becomes the nearest that is. Both are told.

use std::collections::HashMap;

use account::{AccountScope, Owner};
use base::{Kind, MailboxId};
use mail::{Mail, NewPath};

use crate::{
    Result,
    folder::{Folder, Label},
    report::{Report, Told, What},
};

/// Names of mailboxes of roles that are not there.
const NAMES: [(&str, &str); 6] = [
    ("inbox", "INBOX"),
    ("sent", "Sent"),
    ("drafts", "Drafts"),
    ("trash", "Trash"),
    ("junk", "Junk"),
    ("archive", "Archive"),
];

/// Mailboxes of the account.
pub(crate) struct Places<'a> {
    mail: &'a Mail,
    scope: &'a AccountScope<Owner>,
    by_path: HashMap<String, MailboxId>,
    roles: HashMap<String, (String, MailboxId)>,
}

impl<'a> Places<'a> {
    pub(crate) async fn new(mail: &'a Mail, scope: &'a AccountScope<Owner>, dry_run: bool) -> Result<Places<'a>> {
        if !dry_run {
            // An account that has no mailboxes yet gets those that each has.
            mail.ensure_mailbox(scope, &NewPath::parse("INBOX")?, "inbox", true).await?;
        }
        let (mut by_path, mut roles) = (HashMap::new(), HashMap::new());
        for mailbox in mail.mailboxes(scope).await? {
            if !mailbox.record.role.is_empty() {
                roles.entry(mailbox.record.role).or_insert_with(|| (mailbox.path.clone(), mailbox.id));
            }
            by_path.insert(mailbox.path, mailbox.id);
        }
        Ok(Places { mail, scope, by_path, roles })
    }

    /// The path of a folder here.
    pub(crate) fn path(&self, folder: &Folder) -> String {
        match (self.roles.get(folder.role), folder.has_labels) {
            (_, true) => "as its labels say".to_owned(),
            (Some((path, _)), false) => path.clone(),
            (None, false) => {
                let levels: Vec<&str> = folder.levels.iter().map(String::as_str).collect();
                NewPath::nearest(&levels).0
            }
        }
    }

    /// The mailbox of a folder.
    pub(crate) async fn of_folder(&mut self, folder: &Folder, report: &mut Report) -> Result<MailboxId> {
        if let Some((_, id)) = self.roles.get(folder.role) {
            return Ok(*id);
        }
        self.at(&folder.levels, folder.role, folder.is_subscribed, report).await
    }

    /// Mailboxes of labels, each once; without any: the archive.
    pub(crate) async fn of_labels(&mut self, labels: &[Label], report: &mut Report) -> Result<Vec<MailboxId>> {
        let mut ids = Vec::new();
        let archive = [Label::Role("archive")];
        for label in if labels.is_empty() { &archive[..] } else { labels } {
            let id = match label {
                Label::Role(role) => match self.roles.get(*role) {
                    Some((_, id)) => *id,
                    None => {
                        let name = NAMES.iter().find(|(own, _)| own == role).map_or("INBOX", |(_, name)| name);
                        self.at(&[name.to_owned()], role, true, report).await?
                    }
                },
                Label::Path(levels) => self.at(levels, "", true, report).await?,
            };
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    async fn at(
        &mut self,
        levels: &[String],
        role: &'static str,
        is_subscribed: bool,
        report: &mut Report,
    ) -> Result<MailboxId> {
        let asked = levels.join("/");
        let levels: Vec<&str> = levels.iter().map(String::as_str).collect();
        let (path, is_another) = NewPath::nearest(&levels);
        if let Some(id) = self.by_path.get(&path) {
            return Ok(*id);
        }
        if is_another {
            let why = format!("no mailbox can be called so here: it is {path:?}");
            report.tell(Told { what: What::NotKept, folder: asked.clone(), uid: None, why });
        }
        match self.mail.ensure_mailbox(self.scope, &NewPath::parse(&path)?, role, is_subscribed).await {
            Ok((id, is_new)) => {
                report.mailboxes_made += u64::from(is_new);
                if is_new && !role.is_empty() {
                    self.roles.insert(role.to_owned(), (path.clone(), id));
                }
                self.by_path.insert(path, id);
                Ok(id)
            }
            Err(e) if matches!(e.kind, Kind::LimitExceeded | Kind::Invalid) => {
                let inbox = self.mail.ensure_mailbox(self.scope, &NewPath::parse("INBOX")?, "inbox", true).await?.0;
                let why = format!("the mailbox cannot be made ({}): its messages go to INBOX", e.context);
                report.tell(Told { what: What::NotKept, folder: asked, uid: None, why });
                self.by_path.insert(path, inbox);
                Ok(inbox)
            }
            Err(e) => Err(e.into()),
        }
    }
}
