//! SUMMARY    Names of files and folders as mailboxes: levels, and what mailboxes of well-known names are for.
//! LIMITS     MAILBOX_DEPTH_MAX, MAILBOX_PATH_BYTES_MAX (what is deeper or longer is cut)

use base::limits::{MAILBOX_DEPTH_MAX, MAILBOX_PATH_BYTES_MAX};
use unicode_normalization::UnicodeNormalization;

use super::Target;
use crate::metadata::Role;

/// Names that programs give to mailboxes, in lower case. Those of Gmail are in `mbox::gmail_labels`.
const ROLES: [(Role, &[&str]); 6] = [
    (Role::Inbox, &["inbox", "posteingang", "boîte de réception"]),
    (
        Role::Sent,
        &[
            "sent",
            "sent items",
            "sent messages",
            "sent mail",
            "gesendet",
            "gesendete objekte",
            "gesendete elemente",
            "envoyés",
            "éléments envoyés",
            "messages envoyés",
        ],
    ),
    (Role::Drafts, &["drafts", "draft", "entwürfe", "brouillons"]),
    (
        Role::Trash,
        &[
            "trash",
            "deleted items",
            "deleted messages",
            "bin",
            "papierkorb",
            "gelöschte elemente",
            "corbeille",
            "éléments supprimés",
        ],
    ),
    (
        Role::Junk,
        &[
            "junk",
            "spam",
            "junk e-mail",
            "junk mail",
            "junk email",
            "junk-e-mail",
            "indésirables",
            "courrier indésirable",
            "pourriel",
        ],
    ),
    (Role::Archive, &["archive", "archives", "archiv", "archived"]),
];

/// Ends that files and folders of mailboxes have.
const ENDS: [&str; 4] = [".mbox", ".mbx", ".sbd", ".eml"];

/// A name without the end that says what it is.
pub(super) fn stem(name: &str) -> &str {
    let end = ENDS.iter().find(|end| ends_with(name, end));
    let cut = name.len() - end.map_or(0, |end| end.len());
    name.get(..cut).filter(|stem| !stem.is_empty()).unwrap_or(name)
}

/// Whether a name has an end, in whatever case.
pub(super) fn ends_with(name: &str, end: &str) -> bool {
    let at = name.len().checked_sub(end.len());
    at.and_then(|at| name.get(at..)).is_some_and(|own| own.eq_ignore_ascii_case(end))
}

/// The mailbox of these levels. None at all: the one that was chosen. One of a well-known name: the one of its role.
pub(super) fn target<'a>(levels: impl IntoIterator<Item = &'a str>) -> Target {
    let mut room = MAILBOX_PATH_BYTES_MAX;
    let mut path: Vec<String> = Vec::new();
    for level in levels {
        let tidied = tidy(level, room);
        if tidied.is_empty() || path.len() >= MAILBOX_DEPTH_MAX {
            continue;
        }
        room = room.saturating_sub(tidied.len() + 1);
        path.push(tidied);
    }
    match path.as_slice() {
        [] => Target::Chosen,
        [name] => role(name).map_or(Target::Path(path.clone()), Target::Role),
        _ => Target::Path(path),
    }
}

/// What a mailbox of a well-known name is for.
pub fn role(name: &str) -> Option<Role> {
    let lower = name.to_lowercase();
    ROLES.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(role, _)| *role)
}

/// Composed, without control characters and spaces around, at most so many bytes.
fn tidy(level: &str, bytes_max: usize) -> String {
    let plain: String = level.nfc().map(|c| if c.is_control() || c == '/' { ' ' } else { c }).collect();
    let plain = plain.trim();
    plain.get(..plain.floor_char_boundary(bytes_max)).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_mailboxes() {
        let path = |levels: &[&str]| Target::Path(levels.iter().map(|l| (*l).to_owned()).collect());
        assert_eq!(target([]), Target::Chosen);
        assert_eq!(target(["", " "]), Target::Chosen);
        assert_eq!(target(["INBOX"]), Target::Role(Role::Inbox));
        assert_eq!(target(["Gelo\u{308}schte Elemente"]), Target::Role(Role::Trash));
        assert_eq!(target(["a", "Inbox"]), path(&["a", "Inbox"]));
        assert_eq!(target([" a\n", "b/c"]), path(&["a", "b c"]));
        let Target::Path(deep) = target(std::iter::repeat_n("x", 100)) else { panic!() };
        assert_eq!(deep.len(), MAILBOX_DEPTH_MAX);
        let Target::Path(long) = target(["ä".repeat(400).as_str(), "ä".repeat(400).as_str()]) else { panic!() };
        assert!(long.join("/").len() <= MAILBOX_PATH_BYTES_MAX);
    }

    #[test]
    fn ends_are_cut() {
        for (name, expect) in
            [("a.mbox", "a"), ("a.MBOX", "a"), (".mbox", ".mbox"), ("a.sbd", "a"), ("a.b", "a.b"), ("ä", "ä")]
        {
            assert_eq!(stem(name), expect);
        }
    }
}
