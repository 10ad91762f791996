//! SUMMARY    Where messages go: mailboxes that are there by role or name, others made.
//! LIMITS     MAILBOX_PATH_BYTES_MAX, MAILBOX_DEPTH_MAX, MAILBOXES_MAX
//! INVARIANTS What is there already is left as it is. A name that this server does not take becomes the nearest that it takes, and where
//!            no mailbox can be made its messages go to the one that was chosen: both are told.

use std::collections::HashMap;

use account::{AccountScope, Owner};
use archive::{
    intake::{Mailboxes, Target},
    metadata::{Role, Trouble},
};
use base::{Kind, MailboxId};
use mail::{Mail, NewPath, Result};

use crate::report::{Report, problem};

/// Mailboxes of the account that is imported into.
pub(crate) struct Places<'a> {
    mail: &'a Mail,
    scope: &'a AccountScope<Owner>,
    /// All goes below it, if it has levels.
    into: Vec<String>,
    by_target: HashMap<Target, MailboxId>,
    by_path: HashMap<String, MailboxId>,
    /// Paths of mailboxes that have a role.
    roles: HashMap<String, String>,
    /// A dry run makes none: the number that the last of those stands for which it would make.
    dry: Option<u32>,
}

/// A mailbox that is wanted.
struct Wanted<'t> {
    levels: Vec<&'t str>,
    role: Option<Role>,
    subscribed: bool,
}

impl<'a> Places<'a> {
    pub(crate) async fn new(
        mail: &'a Mail,
        scope: &'a AccountScope<Owner>,
        into: Option<&NewPath>,
        dry_run: bool,
    ) -> Result<Places<'a>> {
        if !dry_run {
            // An account that has no mailboxes yet gets those that each has.
            mail.ensure_mailbox(scope, &NewPath::parse("INBOX")?, "inbox", true).await?;
        }
        let (mut by_path, mut roles) = (HashMap::new(), HashMap::new());
        for mailbox in mail.mailboxes(scope).await? {
            if !mailbox.record.role.is_empty() {
                roles.entry(mailbox.record.role.clone()).or_insert_with(|| mailbox.path.clone());
            }
            by_path.insert(mailbox.path, mailbox.id);
        }
        let into = into.map(|path| path.levels().to_vec()).unwrap_or_default();
        let dry = dry_run.then_some(u32::MAX);
        Ok(Places { mail, scope, into, by_target: HashMap::new(), by_path, roles, dry })
    }

    /// Finds or makes the mailboxes of an export, those above first.
    pub(crate) async fn prepare(&mut self, said: &Mailboxes, report: &mut Report) -> Result<()> {
        let mut all: Vec<_> = said.iter().collect();
        all.sort_by_key(|mailbox| (mailbox.full_name.matches('/').count(), mailbox.id.0));
        // Where the mailboxes of the export went, by their paths in it.
        let mut went: HashMap<(base::AccountId, &str), String> = HashMap::new();
        for mailbox in all {
            let account = mailbox.account_id.0;
            let (above, name) = mailbox.full_name.rsplit_once('/').unwrap_or(("", &mailbox.full_name));
            let role = mailbox.role.filter(|role| self.into.is_empty() && *role != Role::Other);
            let there = role.and_then(|role| self.roles.get(named(role))).cloned();
            let path = match (there, went.get(&(account, above))) {
                (Some(path), _) => path,
                (None, Some(parent)) => format!("{parent}/{name}"),
                (None, None) => mailbox.full_name.clone(),
            };
            // What is above was put below `into` already.
            let below = went.contains_key(&(account, above));
            let own = (!below).then_some(&self.into).into_iter().flatten().map(String::as_str);
            let into: Vec<String> = own.map(str::to_owned).collect();
            let levels = into.iter().map(String::as_str).chain(path.split('/')).collect();
            let wanted = Wanted { levels, role, subscribed: mailbox.is_subscribed };
            let (id, path) = self.at(wanted, report).await?;
            went.insert((account, &mailbox.full_name), path);
            self.by_target.insert(Target::Mailbox { account, mailbox: mailbox.id.0 }, id);
        }
        Ok(())
    }

    /// The mailbox of a target.
    pub(crate) async fn find(&mut self, target: &Target, report: &mut Report) -> Result<MailboxId> {
        if let Some(id) = self.by_target.get(target) {
            return Ok(*id);
        }
        let into = self.into.clone();
        let mut levels: Vec<&str> = into.iter().map(String::as_str).collect();
        let mut role = None;
        match target {
            Target::Role(wanted) => {
                role = Some(*wanted).filter(|role| into.is_empty() && *role != Role::Other);
                levels.push(shown(*wanted));
            }
            Target::Path(path) => levels.extend(path.iter().map(String::as_str)),
            // One that the export says nothing of, or more of them than are taken.
            Target::Chosen | Target::Mailbox { .. } => {}
        }
        let there = role.and_then(|role| self.roles.get(named(role))).cloned();
        let levels = match &there {
            Some(path) => path.split('/').collect(),
            None if levels.is_empty() => vec!["INBOX"],
            None => levels,
        };
        let (id, _) = self.at(Wanted { levels, role, subscribed: true }, report).await?;
        self.by_target.insert(target.clone(), id);
        Ok(id)
    }

    /// The mailbox at a path and what that path is here.
    async fn at(&mut self, wanted: Wanted<'_>, report: &mut Report) -> Result<(MailboxId, String)> {
        let asked = wanted.levels.join("/");
        let (path, changed) = NewPath::nearest(&wanted.levels);
        if changed {
            let why = format!("no mailbox can be called {asked:?} here: it is {path:?}");
            report.tell(problem(Trouble::NotKept, "", None, &why));
        }
        if let Some(id) = self.by_path.get(&path) {
            return Ok((*id, path));
        }
        match self.make(&path, &wanted).await {
            Ok((id, is_new)) => {
                report.mailboxes_made += u64::from(is_new);
                if let (Some(role), true) = (wanted.role, is_new) {
                    self.roles.entry(named(role).to_owned()).or_insert_with(|| path.clone());
                }
                self.by_path.insert(path.clone(), id);
                Ok((id, path))
            }
            Err(e) if matches!(e.kind, Kind::LimitExceeded | Kind::Invalid) => {
                let why = format!("the mailbox {path:?} cannot be made ({}): its messages are in INBOX", e.context);
                report.tell(problem(Trouble::NotKept, "", None, &why));
                let inbox = "INBOX".to_owned();
                let id = match self.by_path.get(&inbox) {
                    Some(id) => *id,
                    None => self.make(&inbox, &wanted).await?.0,
                };
                Ok((id, inbox))
            }
            Err(e) => Err(e),
        }
    }

    async fn make(&mut self, path: &str, wanted: &Wanted<'_>) -> Result<(MailboxId, bool)> {
        let parsed = NewPath::parse(path)?;
        if let Some(number) = &mut self.dry {
            *number -= 1;
            return Ok((MailboxId(*number), true));
        }
        let role = wanted.role.filter(|role| !self.roles.contains_key(named(*role))).map_or("", named);
        self.mail.ensure_mailbox(self.scope, &parsed, role, wanted.subscribed).await
    }
}

/// A role as the store has it; of those that it has none for, none.
fn named(role: Role) -> &'static str {
    match role {
        Role::Inbox => "inbox",
        Role::Sent => "sent",
        Role::Drafts => "drafts",
        Role::Trash => "trash",
        Role::Junk => "junk",
        Role::Archive => "archive",
        Role::All => "all",
        Role::Flagged => "flagged",
        Role::Important => "important",
        Role::Subscribed => "subscribed",
        Role::Memos => "memos",
        Role::Scheduled => "scheduled",
        Role::Snoozed => "snoozed",
        Role::Other => "",
    }
}

/// The name of a mailbox of that role where none is known.
fn shown(role: Role) -> &'static str {
    match role {
        Role::Inbox => "INBOX",
        Role::Sent => "Sent",
        Role::Drafts => "Drafts",
        Role::Trash => "Trash",
        Role::Junk => "Junk",
        Role::Archive => "Archive",
        Role::All => "All mail",
        Role::Flagged => "Flagged",
        Role::Important => "Important",
        Role::Subscribed => "Subscribed",
        Role::Memos => "Notes",
        Role::Scheduled => "Scheduled",
        Role::Snoozed => "Snoozed",
        Role::Other => "Other",
    }
}
