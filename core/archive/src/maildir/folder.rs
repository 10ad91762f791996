//! SUMMARY    Folders of a Maildir: `.Work.2026` is the mailbox `Work/2026`, and the Maildir itself is INBOX.
//! LIMITS     MAILBOXES_MAX, MAILDIR_NAME_BYTES_MAX
//! INVARIANTS The same set of mailboxes gives the same folders, none twice on any file system, in whatever order they come.
//!
//! A dot divides levels, so one that is part of a level is written in base64, `&AC4-`, as Courier does; so are the characters that
//! Windows refuses. Programs that want printable characters as they are show such a name undecoded: no message is lost by it. What a
//! mailbox is really called stands in the metadata.

use std::collections::{BTreeMap, HashSet};

use base::limits::{MAILBOXES_MAX, MAILDIR_NAME_BYTES_MAX};
use base64::{Engine, alphabet::IMAP_MUTF7, engine::GeneralPurpose, engine::general_purpose::NO_PAD};
use wire::imap::{MailboxName, Names, name::encode_utf7};

use crate::{Error, Sha256, name::fold};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Printable characters that are written in base64.
const SPECIAL: [char; 12] = ['.', '/', '\\', ':', '*', '?', '"', '<', '>', '|', '~', '%'];

/// Room for what tells a folder from others, `~12345678-10000`, bytes.
const MARK_BYTES: usize = 16;

/// The folder of each mailbox of an account; empty for INBOX. One that would be too long, or that differs from another's in case only,
/// is marked with eight digits of the SHA-256 of its path, as in `archive::name::mailbox_folders`.
pub fn folders<'a>(paths: &[&'a str]) -> Result<BTreeMap<&'a str, String>, Error> {
    if paths.len() > MAILBOXES_MAX {
        return Err(Error::Limit("MAILBOXES_MAX"));
    }
    let mut encoded: Vec<(bool, &str, String)> = paths.iter().map(|path| encode(path)).collect();
    encoded.sort();
    encoded.dedup();
    let (mut taken, mut out) = (HashSet::new(), BTreeMap::new());
    for (cut, path, folder) in encoded {
        let mark = Sha256::of(path.as_bytes()).short();
        let mut own = if cut { format!("{folder}~{mark}") } else { folder.clone() };
        let mut n = 1_u32;
        // Ends: there are no more than MAILBOXES_MAX.
        while !taken.insert(fold(&own).into_owned()) {
            own = if n == 1 { format!("{folder}~{mark}") } else { format!("{folder}~{mark}-{n}") };
            n += 1;
        }
        out.insert(path, own);
    }
    Ok(out)
}

/// Whether the folder says less than the path, the path, and the folder.
fn encode(path: &str) -> (bool, &str, String) {
    if path == "INBOX" {
        return (false, path, String::new());
    }
    let mut folder: String = path.split('/').map(|level| format!(".{}", encode_level(level))).collect();
    let cut = folder.len() > MAILDIR_NAME_BYTES_MAX - MARK_BYTES;
    if cut {
        // All of it is ASCII. Not within a shift to base64.
        folder.truncate(MAILDIR_NAME_BYTES_MAX - MARK_BYTES);
        let open = folder.rfind('&').filter(|at| !folder.get(*at..).is_some_and(|shift| shift.contains('-')));
        folder.truncate(open.unwrap_or(folder.len()));
    }
    let folder = folder.trim_end_matches('.').to_owned();
    // An empty level at the end, or nothing left.
    let cut = cut || folder.is_empty() || path.ends_with('/');
    (cut, path, if folder.is_empty() { ".".to_owned() } else { folder })
}

fn encode_level(level: &str) -> String {
    let mut out = String::with_capacity(level.len());
    let edge = |at: usize, c: char| c == ' ' && (at == 0 || at + 1 == level.len());
    let mut plain = 0;
    for (at, c) in level.char_indices().filter(|(at, c)| SPECIAL.contains(c) || edge(*at, *c)) {
        out.push_str(&encode_utf7(level.get(plain..at).unwrap_or_default()));
        let unit = u16::try_from(u32::from(c)).unwrap_or_default();
        out.push_str(&format!("&{}-", BASE64.encode(unit.to_be_bytes())));
        plain = at + c.len_utf8();
    }
    out.push_str(&encode_utf7(level.get(plain..).unwrap_or_default()));
    out
}

/// The mailbox that a folder of a Maildir is, levels with `/` between them; None if it is no folder of Maildir++. A level that is not
/// modified UTF-7 is taken as it is.
pub fn folder_path(folder: &[u8]) -> Option<String> {
    if folder.is_empty() {
        return Some("INBOX".to_owned());
    }
    let levels = folder.strip_prefix(b".").filter(|levels| !levels.is_empty() && *levels != b".")?;
    let decoded: Vec<String> = levels.split(|b| *b == b'.').map(decode_level).collect();
    Some(decoded.join("/"))
}

fn decode_level(level: &[u8]) -> String {
    // `MailboxName` would make `inbox` of a deeper level capitals.
    let text = [&b"."[..], level].concat();
    match MailboxName::decode(&text, Names::ModifiedUtf7) {
        Ok(name) => name.as_str().get(1..).unwrap_or_default().replace('/', "_"),
        Err(_) => String::from_utf8_lossy(level).replace(['/', '\0'], "_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;
    use proptest::prelude::*;

    fn folder(path: &str) -> String {
        folders(&[path]).unwrap().remove(path).unwrap()
    }

    #[test]
    fn folders_come_back() {
        let check = |path: &str, expect: &str| {
            assert_eq!(folder(path), expect);
            assert_eq!(folder_path(expect.as_bytes()).as_deref(), Some(path));
        };
        check("INBOX", "");
        check("INBOX/a", ".INBOX.a");
        check("Sub/Folder", ".Sub.Folder");
        check("a.b/c", ".a&AC4-b.c");
        check("Größe & mehr", ".Gr&APYA3w-e &- mehr");
        check("台北/日本語", ".&U,BTFw-.&ZeVnLIqe-");
        check("..", ".&AC4-&AC4-");
        check("a: \"b\"", ".a&ADo- &ACI-b&ACI-");
        check(" x ", ".&ACA-x&ACA-");
        check("x/inbox", ".x.inbox");
    }

    #[test]
    fn folders_of_others() {
        let check = |folder: &[u8], expect: Option<&str>| assert_eq!(folder_path(folder).as_deref(), expect);
        check(".Größe".as_bytes(), Some("Größe"));
        check(b".a&b", Some("a&b"));
        check(b".a\xff", Some("a\u{fffd}"));
        check(b".a&AC8-b", Some("a_b"));
        check(b"cur", None);
        check(b".", None);
        check(b"..", None);
    }

    #[test]
    fn folders_that_would_meet_are_marked() {
        let found = folders(&["Sent", "SENT", "a", "a/"]).unwrap();
        let all: HashSet<String> = found.values().map(|f| fold(f).into_owned()).collect();
        assert_eq!((all.len(), found["SENT"].as_str(), found["a"].as_str()), (4, ".SENT", ".a"), "{found:?}");
        assert!(found["Sent"].starts_with(".Sent~"));
        let long = "ä".repeat(500);
        assert!(folder(&long).len() <= MAILDIR_NAME_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_mailboxes_have_folders_of_their_own(
            paths in prop::collection::btree_set(r#"([aA./ ~&é:\-]|INBOX|ä{90}){0,6}"#, 0..12),
            whatever in prop::collection::btree_set(any::<String>(), 0..4),
        ) {
            let paths: Vec<&str> = paths.union(&whatever).map(String::as_str).collect();
            let found = folders(&paths).unwrap();
            let mut seen = HashSet::new();
            for (path, folder) in &found {
                prop_assert!(folder.is_ascii() && folder.len() <= MAILDIR_NAME_BYTES_MAX, "{folder:?}");
                prop_assert!(seen.insert(fold(folder).into_owned()), "{folder:?}");
                if !folder.is_empty() {
                    prop_assert!(Name::new(&format!("Maildir/{folder}/cur")).is_ok(), "{folder:?}");
                }
                if !folder.contains('~') {
                    prop_assert_eq!(folder_path(folder.as_bytes()), Some((*path).to_owned()));
                }
            }
            let backwards: Vec<&str> = paths.iter().rev().copied().collect();
            prop_assert_eq!(found, folders(&backwards).unwrap());
        }

        #[test]
        fn any_bytes_are_a_folder_or_none(folder in prop::collection::vec(any::<u8>(), 0..20)) {
            folder_path(&folder);
            folder_path(&[b".", &folder[..]].concat());
        }
    }
}
