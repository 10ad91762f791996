//! SUMMARY    Folders of a source and where they go here: roles by attribute and by usual names, prefixes, labels.
//! STANDARDS  RFC 6154 (special use), RFC 9051 §6.3.9; Gmail's X-GM-EXT-1
//! LIMITS     MIGRATE_FOLDERS_MAX
//! INVARIANTS A role is one folder's: whose attribute says so, else the first of a usual name. Folders that show messages of other folders are
//!            passed over, but for Gmail's All Mail, whose labels are the mailboxes.

use std::collections::HashSet;

use archive::{intake::role_of_name, metadata::Role};
use base::limits::MIGRATE_FOLDERS_MAX;
use wire::imap::{
    Pattern,
    client::{Listed, Namespaces, Prefix},
};

use crate::{
    Error, Result,
    report::{Told, What},
};

/// A folder that is brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// As the source writes it.
    pub(crate) raw: Vec<u8>,
    /// For people, and for filters: levels with `/` between.
    pub(crate) name: String,
    pub(crate) levels: Vec<String>,
    /// As `account` has it; empty = none.
    pub(crate) role: &'static str,
    pub(crate) is_subscribed: bool,
    /// Gmail's All Mail.
    pub(crate) has_labels: bool,
}

/// Which folders are wanted: LIST patterns over names with `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) include: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
}

impl Filter {
    fn takes(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// Attributes and the role that each is.
const ATTRIBUTES: [(&str, &str); 5] =
    [("\\Sent", "sent"), ("\\Drafts", "drafts"), ("\\Trash", "trash"), ("\\Junk", "junk"), ("\\Archive", "archive")];
/// Folders that show messages of others.
const VIRTUAL: [&str; 3] = ["\\All", "\\Flagged", "\\Important"];

/// What of a listing is brought, INBOX first; what is passed over is told.
pub(crate) fn folders(
    listed: &[Listed],
    namespaces: &Namespaces,
    (filter, gmail): (&Filter, bool),
    told: &mut Vec<Told>,
) -> Result<Vec<Folder>> {
    let subscribed: HashSet<&[u8]> = listed.iter().filter(|l| l.is_subscribed).map(|l| l.raw.as_slice()).collect();
    let knows_subscriptions = listed.iter().any(|l| l.is_subscribed || has(l, "\\Subscribed"));
    let all: Vec<&Listed> = listed.iter().filter(|l| !l.is_subscribed).collect();
    let with_labels = gmail && all.iter().any(|l| has(l, "\\All"));
    let foreign = |listed: &Listed| {
        let mut prefixes = namespaces.others.iter().chain(&namespaces.shared).filter(|prefix| !prefix.name.is_empty());
        prefixes.any(|prefix| is_below(&listed.name, prefix))
    };
    let (strangers, all): (Vec<&Listed>, Vec<&Listed>) = all.into_iter().partition(|listed| foreign(listed));
    for listed in strangers.into_iter().filter(|listed| !has(listed, "\\Noselect")) {
        let why = "it is somebody else's, or shared".to_owned();
        told.push(Told { what: What::PassedOver, folder: listed.name.clone(), uid: None, why });
    }
    let prefixed = is_prefixed(&all);
    let (mut folders, mut seen): (Vec<Folder>, HashSet<&[u8]>) = (Vec::new(), HashSet::new());
    for listed in all {
        if !seen.insert(&listed.raw) {
            continue;
        }
        let levels = levels(listed, prefixed);
        let name = levels.join("/");
        if has(listed, "\\Noselect") || has(listed, "\\NonExistent") || name.is_empty() || !filter.takes(&name) {
            continue;
        }
        let has_labels = with_labels && has(listed, "\\All");
        let is_apart = has(listed, "\\Junk") || has(listed, "\\Trash");
        if with_labels && !has_labels && !is_apart {
            continue;
        }
        if !has_labels && VIRTUAL.iter().any(|attribute| has(listed, attribute)) {
            let why = "it shows messages of other folders".to_owned();
            told.push(Told { what: What::PassedOver, folder: name, uid: None, why });
            continue;
        }
        if folders.len() >= MIGRATE_FOLDERS_MAX {
            return Err(Error::Denied("it has too many folders (MIGRATE_FOLDERS_MAX)".to_owned()));
        }
        let role = ATTRIBUTES.iter().find(|(attribute, _)| has(listed, attribute)).map_or("", |(_, role)| role);
        let role = if levels == ["INBOX"] { "inbox" } else { role };
        let is_subscribed =
            !knows_subscriptions || has(listed, "\\Subscribed") || subscribed.contains(listed.raw.as_slice());
        folders.push(Folder { raw: listed.raw.clone(), name, levels, role, is_subscribed, has_labels });
    }
    name_roles(&mut folders);
    folders.sort_by(|a, b| (a.role != "inbox", &a.name).cmp(&(b.role != "inbox", &b.name)));
    Ok(folders)
}

fn has(listed: &Listed, attribute: &str) -> bool {
    listed.attributes.iter().any(|own| own.eq_ignore_ascii_case(attribute))
}

/// Whether a mailbox belongs to a namespace: below its prefix, or the prefix itself.
fn is_below(name: &str, prefix: &Prefix) -> bool {
    let bare = prefix.delimiter.and_then(|delimiter| prefix.name.strip_suffix(delimiter)).unwrap_or(&prefix.name);
    name.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || prefix.delimiter.is_none_or(|d| rest.starts_with(d)))
}

/// Whether everything is below INBOX, as Courier and old Cyrus have it: then its level says nothing.
fn is_prefixed(all: &[&Listed]) -> bool {
    let mut below = 0;
    for listed in all {
        let Some(delimiter) = listed.delimiter else { return false };
        let (first, rest) = match listed.name.split_once(delimiter) {
            Some((first, rest)) => (first, rest),
            None => (listed.name.as_str(), ""),
        };
        if !first.eq_ignore_ascii_case("INBOX") {
            return false;
        }
        below += usize::from(!rest.is_empty());
    }
    below > 0
}

fn levels(listed: &Listed, prefixed: bool) -> Vec<String> {
    let mut levels: Vec<String> = match listed.delimiter {
        Some(delimiter) => listed.name.split(delimiter).map(str::to_owned).collect(),
        None => vec![listed.name.clone()],
    };
    // A delimiter at the end is no level.
    levels.retain(|level| !level.is_empty());
    if let Some(first) = levels.first_mut()
        && first.eq_ignore_ascii_case("INBOX")
    {
        *first = "INBOX".to_owned();
    }
    if prefixed && levels.len() > 1 {
        levels.remove(0);
    }
    levels
}

/// Roles that no attribute gave, by usual names at the top.
fn name_roles(folders: &mut [Folder]) {
    let mut taken: HashSet<&'static str> = HashSet::new();
    for folder in folders.iter_mut() {
        // Two of one attribute: the second keeps its own name.
        if !folder.role.is_empty() && !taken.insert(folder.role) {
            folder.role = "";
        }
    }
    for folder in folders.iter_mut().filter(|folder| folder.role.is_empty() && !folder.has_labels) {
        let [name] = folder.levels.as_slice() else { continue };
        let role = role_named(name);
        if !role.is_empty() && taken.insert(role) {
            folder.role = role;
        }
    }
}

fn role_named(name: &str) -> &'static str {
    match role_of_name(name) {
        Some(Role::Sent) => "sent",
        Some(Role::Drafts) => "drafts",
        Some(Role::Trash) => "trash",
        Some(Role::Junk) => "junk",
        Some(Role::Archive) => "archive",
        // INBOX is INBOX alone: another one of such a name is a folder.
        Some(
            Role::Inbox
            | Role::All
            | Role::Flagged
            | Role::Important
            | Role::Subscribed
            | Role::Memos
            | Role::Scheduled
            | Role::Snoozed
            | Role::Other,
        )
        | None => "",
    }
}

/// A mailbox that a label of Gmail stands for; `None`: it is a flag, or none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Role(&'static str),
    Path(Vec<String>),
}

pub(crate) fn label(name: &str) -> Option<Label> {
    let role = match name.to_ascii_lowercase().as_str() {
        "\\inbox" => "inbox",
        "\\sent" => "sent",
        "\\draft" | "\\drafts" => "drafts",
        "\\junk" | "\\spam" => "junk",
        "\\trash" => "trash",
        // Flags of the message say the one; the other is Gmail's guess.
        _ if name.starts_with('\\') => return None,
        _ => {
            let levels: Vec<String> = name.split('/').filter(|l| !l.is_empty()).map(str::to_owned).collect();
            return (!levels.is_empty()).then_some(Label::Path(levels));
        }
    };
    Some(Label::Role(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, delimiter: char, attributes: &[&str]) -> Listed {
        Listed {
            is_subscribed: false,
            attributes: attributes.iter().map(|a| (*a).to_owned()).collect(),
            delimiter: Some(delimiter),
            name: name.to_owned(),
            raw: name.as_bytes().to_vec(),
        }
    }

    fn found(all: &[Listed], filter: &Filter, gmail: bool, told: &mut Vec<Told>) -> Vec<Folder> {
        folders(all, &Namespaces::default(), (filter, gmail), told).unwrap()
    }

    fn names(all: &[Listed], gmail: bool) -> Vec<(String, &'static str)> {
        let folders = found(all, &Filter::default(), gmail, &mut Vec::new());
        folders.into_iter().map(|f| (f.name, f.role)).collect()
    }

    fn expect(all: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        all.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect()
    }

    #[test]
    fn folders_below_inbox_lose_the_level() {
        let courier = ["INBOX", "INBOX.Sent", "INBOX.Work.Old"].map(|name| listed(name, '.', &[]));
        assert_eq!(names(&courier, false), expect(&[("INBOX", "inbox"), ("Sent", "sent"), ("Work/Old", "")]));
        let other = ["inbox", "INBOX/Sent", "Work"].map(|name| listed(name, '/', &[]));
        assert_eq!(names(&other, false), expect(&[("INBOX", "inbox"), ("INBOX/Sent", ""), ("Work", "")]));
    }

    #[test]
    fn an_attribute_beats_a_usual_name() {
        let all = [
            listed("Sent", '/', &[]),
            listed("Gesendete Elemente", '/', &["\\Sent"]),
            listed("Deleted Items", '/', &[]),
            listed("Papierkorb", '/', &[]),
            listed("Public", '/', &["\\Noselect"]),
            listed("INBOX", '/', &[]),
        ];
        let wanted = expect(&[
            ("INBOX", "inbox"),
            ("Deleted Items", "trash"),
            ("Gesendete Elemente", "sent"),
            ("Papierkorb", ""),
            ("Sent", ""),
        ]);
        assert_eq!(names(&all, false), wanted);
    }

    #[test]
    fn gmail_is_its_mail_with_labels() {
        let all = [
            listed("INBOX", '/', &[]),
            listed("[Gmail]", '/', &["\\Noselect"]),
            listed("[Gmail]/All Mail", '/', &["\\All"]),
            listed("[Gmail]/Spam", '/', &["\\Junk"]),
            listed("[Gmail]/Sent Mail", '/', &["\\Sent"]),
            listed("[Gmail]/Starred", '/', &["\\Flagged"]),
            listed("Work", '/', &[]),
        ];
        assert_eq!(names(&all, true), expect(&[("[Gmail]/All Mail", ""), ("[Gmail]/Spam", "junk")]));
        // Without its extension: folder by folder, and what shows others' messages is told.
        let mut told = Vec::new();
        let folders = found(&all, &Filter::default(), false, &mut told);
        assert_eq!((folders.len(), told.len()), (4, 2));
        assert_eq!(label("\\Inbox"), Some(Label::Role("inbox")));
        assert_eq!(label("\\Important"), None);
        assert_eq!(label("a/b"), Some(Label::Path(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn folders_of_others_are_passed_over() {
        let all =
            ["INBOX", "INBOX.Sent", "user.ben", "user.ben.Work", "users", "#shared.all"].map(|n| listed(n, '.', &[]));
        let prefix = |name: &str| Prefix { name: name.to_owned(), delimiter: Some('.') };
        let namespaces = Namespaces {
            personal: vec![prefix("INBOX.")],
            others: vec![prefix("user.")],
            shared: vec![prefix("#shared.")],
        };
        let mut told = Vec::new();
        let found = folders(&all, &namespaces, (&Filter::default(), false), &mut told).unwrap();
        assert_eq!(found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["INBOX", "INBOX/Sent", "users"]);
        assert_eq!(
            told.iter().map(|t| t.folder.as_str()).collect::<Vec<_>>(),
            ["user.ben", "user.ben.Work", "#shared.all"]
        );
    }

    #[test]
    fn filters_and_subscriptions() {
        let mut all = vec![listed("INBOX", '/', &[]), listed("Work/Old", '/', &[]), listed("Work/New", '/', &[])];
        all.push(Listed { is_subscribed: true, ..listed("Work/New", '/', &[]) });
        let filter = Filter { include: vec![Pattern::new("", "Work/*")], exclude: vec![Pattern::new("", "*/Old")] };
        let chosen = found(&all, &filter, false, &mut Vec::new());
        assert_eq!(chosen.iter().map(|f| (f.name.as_str(), f.is_subscribed)).collect::<Vec<_>>(), [("Work/New", true)]);
        let all = found(&all, &Filter::default(), false, &mut Vec::new());
        assert!(!all[0].is_subscribed);
    }
}
