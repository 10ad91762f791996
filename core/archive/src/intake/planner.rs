//! SUMMARY    Makes the plan of an archive from the names in it.
//! INVARIANTS Names alone decide; all of them must be known, since what is ours, and where a Maildir begins, other names say.
//!
//! Ours is what is below a folder with `mailboxes.jsonl`, or with `mail` in which there are `emails-NNNN.jsonl`: only the first archive
//! of an account has the former. `Takeout/*/*.mbox` is Google's. Files in `cur` and `new` are of a Maildir: its folders begin with a dot
//! (Maildir++), or are folders below it. Of all else the folders are the levels, without those that all of it has in common.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use base::limits::{INTAKE_MAILBOXES_MAX, INTAKE_PASSED_NAMES_MAX, INTAKE_PROBLEMS_MAX};

use super::names::{self, ends_with, stem};
use super::{Item, Kind, Origin, Plan, Source, Target, problem, shown};
use crate::maildir::{folder_path, parse_file_name};
use crate::mbox::gmail_labels;
use crate::metadata::Trouble;
use crate::zip::read::{Entry, Listed};

/// The folder of an account in which its mailboxes are, in our own archives.
const MAIL: &str = "mail";

/// What a name may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Mail(Kind),
    Mailboxes,
    Emails,
    Problems,
    Keywords,
}

/// Makes a plan: give it all that the directory lists, then `finish`.
#[derive(Default)]
pub struct Planner {
    found: Vec<(Form, Entry)>,
    plan: Plan,
}

impl Planner {
    pub fn new() -> Self {
        Planner::default()
    }

    /// Takes the next that the directory lists.
    pub fn add(&mut self, listed: Listed) {
        match listed {
            Listed::Entry(entry) if entry.is_folder() => {}
            Listed::Entry(entry) => match form(&entry.name) {
                Some(form) => self.found.push((form, entry)),
                None => self.pass(&entry.name),
            },
            Listed::Refused { name, fault } => match form(&name) {
                None | Some(Form::Mail(Kind::Unsure)) => self.pass(&name),
                Some(Form::Mail(_)) => self.tell(Trouble::MessageUnreadable, &name, &fault.to_string()),
                Some(_) => self.tell(Trouble::MetadataMalformed, &name, &fault.to_string()),
            },
        }
    }

    /// All was given.
    pub fn finish(mut self) -> Plan {
        let found = std::mem::take(&mut self.found);
        let mut layout = Layout::of(&found);
        let mut seen = HashSet::new();
        for (form, entry) in found {
            let origin = layout.origin(form, &entry.name);
            // Lines of metadata name files: of two with one name, they mean the first.
            let twice = matches!(origin, Some(Origin::Ours(_))) && !seen.insert(entry.name.clone());
            match (form, origin) {
                (Form::Mailboxes, _) if !twice => self.plan.mailboxes.push(entry),
                (Form::Emails, _) if !twice => self.plan.emails.push(entry),
                (Form::Problems, Some(Origin::Ours(_))) if !twice => self.plan.problems_before.push(entry),
                (Form::Keywords, _) => {
                    layout.keywords.insert(folder(&entry.name).to_owned(), self.plan.keywords.len());
                    self.plan.keywords.push(entry);
                }
                (_, None) | (Form::Problems, _) => self.pass(&entry.name),
                _ if twice => self.tell(Trouble::MessageUnreadable, &entry.name, "its name is in the archive twice"),
                (Form::Mail(kind), Some(origin)) => self.item(kind, origin, entry, &mut layout),
                (Form::Mailboxes | Form::Emails, _) => {}
            }
        }
        for item in self.plan.items.iter_mut().filter(|item| item.kind == Kind::MaildirFile) {
            item.keywords = layout.keywords.get(folder(folder(item.name()))).copied();
        }
        self.plan
    }

    fn item(&mut self, kind: Kind, origin: Origin, entry: Entry, layout: &mut Layout) {
        let target = layout.target(kind, &origin, &entry.name);
        self.plan.bytes = self.plan.bytes.saturating_add(entry.bytes);
        self.plan.items.push(Item { source: Source::Entry(entry), kind, origin, target, keywords: None });
    }

    fn pass(&mut self, name: &str) {
        self.plan.passed_over.entries += 1;
        if self.plan.passed_over.names.len() < INTAKE_PASSED_NAMES_MAX {
            self.plan.passed_over.names.push(shown(name));
        }
    }

    fn tell(&mut self, what: Trouble, name: &str, why: &str) {
        if self.plan.problems.len() < INTAKE_PROBLEMS_MAX {
            self.plan.problems.push(problem(what, name, None, why));
        } else {
            self.plan.problems_left_out += 1;
        }
    }
}

/// The part before the last `/`; empty if there is none.
fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn file(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, file)| file)
}

fn levels(folder: &str) -> impl Iterator<Item = &str> {
    folder.split('/').filter(|level| !level.is_empty())
}

/// What a name may be; None: no mail.
fn form(name: &str) -> Option<Form> {
    let (above, own) = (folder(name), file(name));
    // What macOS puts beside each file.
    if own.is_empty() || own.starts_with("._") || levels(above).any(|level| level == "__MACOSX") {
        return None;
    }
    match own {
        "mailboxes.jsonl" => return Some(Form::Mailboxes),
        "problems.jsonl" => return Some(Form::Problems),
        "dovecot-keywords" => return Some(Form::Keywords),
        _ if is_numbered(own, "emails-", ".jsonl") => return Some(Form::Emails),
        _ if is_numbered(own, "problems-", ".jsonl") => return Some(Form::Problems),
        _ => {}
    }
    if matches!(file(above), "cur" | "new") {
        return parse_file_name(own.as_bytes()).map(|_| Form::Mail(Kind::MaildirFile));
    }
    if file(above) == "tmp" {
        return None;
    }
    // Apple's Mail exports a folder `Name.mbox` with a file `mbox`.
    if ends_with(own, ".mbox") || ends_with(own, ".mbx") || (own == "mbox" && ends_with(above, ".mbox")) {
        return Some(Form::Mail(Kind::Mbox));
    }
    if ends_with(own, ".eml") {
        return Some(Form::Mail(Kind::Eml));
    }
    (!own.contains('.') && !is_maildir_file(own)).then_some(Form::Mail(Kind::Unsure))
}

/// A name with a number, as in our own archives.
fn is_numbered(own: &str, begin: &str, end: &str) -> bool {
    let number = own.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end)).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// The account's folder of a folder with metadata of emails: what is above the first `mail`, or itself.
fn above_mail(own: &str) -> &str {
    let all: Vec<&str> = levels(own).collect();
    let Some(at) = all.iter().position(|level| *level == MAIL) else { return own };
    let bytes: usize = all.iter().take(at).map(|level| level.len() + 1).sum();
    own.get(..bytes.saturating_sub(1)).unwrap_or_default()
}

/// Files that programs keep in a Maildir.
fn is_maildir_file(own: &str) -> bool {
    ["maildirfolder", "maildirsize", "subscriptions", "courierimapsubscribed"].contains(&own)
        || own.starts_with("dovecot-")
        || own.starts_with("courierimap")
}

/// What all names together say.
#[derive(Default)]
struct Layout {
    /// Folders of our accounts.
    ours: HashMap<String, Arc<str>>,
    /// Where Maildirs begin: the folder that has `cur`, or those of Maildir++.
    roots: BTreeSet<String>,
    /// Levels that all roots have in common; that all other mail has.
    roots_shared: usize,
    shared: Vec<String>,
    targets: HashMap<Target, Arc<Target>>,
    keywords: HashMap<String, usize>,
}

impl Layout {
    fn of(found: &[(Form, Entry)]) -> Layout {
        let mut layout = Layout::default();
        let of = |wanted: Form| found.iter().filter(move |(form, _)| *form == wanted).map(|(_, e)| folder(&e.name));
        for own in of(Form::Mailboxes) {
            layout.ours.entry(own.to_owned()).or_insert_with(|| own.into());
        }
        for own in of(Form::Emails) {
            if layout.account(own).is_none() {
                let own = above_mail(own);
                layout.ours.entry(own.to_owned()).or_insert_with(|| own.into());
            }
        }
        let others: Vec<(Kind, &str)> = found.iter().filter_map(|(form, entry)| layout.others(*form, entry)).collect();
        // Of our own accounts too, whose roots share nothing with others'.
        let maildirs = found.iter().filter(|(form, _)| *form == Form::Mail(Kind::MaildirFile));
        let folders: BTreeSet<&str> = maildirs.map(|(_, entry)| folder(folder(&entry.name))).collect();
        for own in folders.iter().map(|own| if file(own).starts_with('.') { folder(own) } else { own }) {
            // Folders come in order: those above first.
            if above(&layout.roots, own).is_none() {
                layout.roots.insert(own.to_owned());
            }
        }
        let strangers = layout.roots.iter().filter(|root| layout.account(root).is_none());
        let mut roots = strangers.map(|root| levels(root).collect::<Vec<_>>());
        let first = roots.next().unwrap_or_default();
        layout.roots_shared = roots.fold(first, |all, one| common(&all, &one)).len();
        layout.shared = shared(&others).into_iter().map(str::to_owned).collect();
        layout
    }

    /// Mail that is neither ours nor Google's nor a Maildir's.
    fn others<'a>(&self, form: Form, entry: &'a Entry) -> Option<(Kind, &'a str)> {
        let Form::Mail(kind) = form else { return None };
        let anybody = self.origin(form, &entry.name) == Some(Origin::Anybody);
        (anybody && kind != Kind::MaildirFile).then_some((kind, &*entry.name))
    }

    /// The account's folder that a name is in.
    fn account(&self, name: &str) -> Option<&Arc<str>> {
        if self.ours.is_empty() {
            return None;
        }
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        let inner = ends.filter_map(|at| self.ours.get(name.get(..at)?)).next_back();
        inner.or_else(|| self.ours.get(""))
    }

    /// Whose a file is. None: it is no mail after all.
    fn origin(&self, form: Form, name: &str) -> Option<Origin> {
        if let Some(folder) = self.account(name) {
            return (form != Form::Mail(Kind::Unsure)).then(|| Origin::Ours(folder.clone()));
        }
        if levels(name).next() == Some("Takeout") && name.contains('/') {
            let is_mail = form == Form::Mail(Kind::Mbox) && levels(name).count() == 3;
            return is_mail.then_some(Origin::Takeout);
        }
        Some(Origin::Anybody)
    }

    fn target(&mut self, kind: Kind, origin: &Origin, name: &str) -> Arc<Target> {
        let target = match (kind, origin) {
            (Kind::MaildirFile, _) => self.maildir(folder(folder(name)), origin),
            (_, Origin::Takeout) => takeout(stem(file(name))),
            (Kind::Mbox | Kind::Unsure | Kind::Eml, Origin::Ours(folder)) => {
                names::target(ours(kind, name.get(folder.len()..).unwrap_or_default()))
            }
            (Kind::Mbox | Kind::Unsure | Kind::Eml, Origin::Anybody) => {
                let same = folders_of(name).zip(&self.shared).take_while(|(a, b)| a == b).count();
                names::target(path(kind, name).skip(same))
            }
        };
        if self.targets.len() >= INTAKE_MAILBOXES_MAX && !self.targets.contains_key(&target) {
            return Arc::new(Target::Chosen);
        }
        self.targets.entry(target.clone()).or_insert_with(|| Arc::new(target)).clone()
    }

    /// The mailbox of a folder that has `cur`.
    fn maildir(&self, own: &str, origin: &Origin) -> Target {
        let (above_own, dotted) = if file(own).starts_with('.') { (folder(own), Some(file(own))) } else { (own, None) };
        let root = above(&self.roots, above_own).unwrap_or(above_own);
        let skipped = match origin {
            Origin::Ours(_) => levels(root).count(),
            Origin::Takeout | Origin::Anybody => self.roots_shared,
        };
        let mailbox = dotted.and_then(|own| folder_path(own.as_bytes())).unwrap_or_default();
        let all: Vec<&str> = levels(above_own).skip(skipped).chain(levels(&mailbox)).collect();
        names::target(if all.is_empty() { vec!["INBOX"] } else { all })
    }
}

/// The folder of these in which another is, or which it is.
fn above<'a>(roots: &BTreeSet<String>, own: &'a str) -> Option<&'a str> {
    let ends = own.match_indices('/').map(|(at, _)| at).chain([own.len()]);
    let mut all = [""].into_iter().chain(ends.filter_map(|at| own.get(..at)));
    all.find(|above| roots.contains(*above))
}

/// Levels of the mailbox that a file is, or that its folder is.
fn path(kind: Kind, name: &str) -> impl Iterator<Item = &str> {
    let own = if kind == Kind::Eml || file(name) == "mbox" { None } else { Some(file(name)) };
    levels(folder(name)).chain(own).map(stem)
}

/// The same of a file of our own, in its account's folder: `mail/Work/messages-0001.mbox` is of `Work`.
fn ours(kind: Kind, inside: &str) -> Vec<&str> {
    if !is_numbered(file(inside), "messages-", ".mbox") {
        return path(kind, inside).collect();
    }
    let all: Vec<&str> = levels(folder(inside)).collect();
    all.strip_prefix(&[MAIL]).map_or(all.clone(), <[&str]>::to_vec)
}

/// Folders above a file; those of Apple's Mail that are a mailbox are none.
fn folders_of(name: &str) -> impl Iterator<Item = &str> {
    levels(folder(name)).take_while(|level| !ends_with(level, ".mbox"))
}

/// What a file of Takeout is called: a label.
fn takeout(label: &str) -> Target {
    let labels = gmail_labels(format!("\"{label}\"").as_bytes());
    match labels.roles.first() {
        Some(role) => Target::Role(*role),
        None => names::target([label]),
    }
}

/// The folders that all files have in common, but for one that has messages itself: it is a mailbox. Files that are perhaps no mail
/// have no say, if there are others.
fn shared<'a>(others: &[(Kind, &'a str)]) -> Vec<&'a str> {
    let sure = others.iter().any(|(kind, _)| *kind != Kind::Unsure);
    let counted = || others.iter().filter(|(kind, _)| !sure || *kind != Kind::Unsure);
    let mut all = counted().map(|(_, name)| folders_of(name).collect::<Vec<_>>());
    let first = all.next().unwrap_or_default();
    let mut shared = all.fold(first, |all, one| common(&all, &one));
    if counted().any(|(kind, name)| *kind == Kind::Eml && folders_of(name).count() == shared.len()) {
        shared.pop();
    }
    shared
}

fn common<'a>(a: &[&'a str], b: &[&str]) -> Vec<&'a str> {
    a.iter().zip(b).take_while(|(a, b)| a == b).map(|(a, _)| *a).collect()
}
