//! SUMMARY    Folders for mailboxes: any path of any mailbox gets segments that are safe, and no other's.
//! SECURITY   Paths are chosen by people who may want to write elsewhere, or over another's files.
//! LIMITS     MAILBOXES_MAX, MAILBOX_DEPTH_MAX (what is deeper becomes one segment), ARCHIVE_LEVEL_BYTES_MAX
//! INVARIANTS The same set of mailboxes gives the same folders, in whatever order they come. A mailbox's folder is below its parent's.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base::limits::{MAILBOX_DEPTH_MAX, MAILBOXES_MAX};

use super::segment::{Cleaned, clean, fold};
use crate::{Error, Sha256};

/// Where the mailboxes of one account stand in an archive: for each path (levels with `/` between them) its segments.
///
/// A level that can stay as it is does. One that cannot (a character, a dot at its end, the name of a device, its length, the end of
/// a file's name) is made safe and gets eight digits of the SHA-256 of its path as a mark, `report~e9de1265`. So does the later, in
/// order of bytes, of two that differ only in case or composition. What a mailbox is really called stands in the metadata.
pub fn mailbox_folders<'a>(paths: &[&'a str]) -> Result<BTreeMap<&'a str, Vec<String>>, Error> {
    if paths.len() > MAILBOXES_MAX {
        return Err(Error::Limit("MAILBOXES_MAX"));
    }
    let mut nodes: BTreeSet<(&str, &str)> = BTreeSet::new();
    for path in paths {
        nodes.extend(levels(path).map(|end| (parent(path, end), end)));
    }
    // Those that can stay as they are come first.
    let mut cleaned: Vec<_> = nodes.iter().map(|(above, own)| (clean(level(above, own)), *above, *own)).collect();
    cleaned.sort_by_key(|(clean, _, own)| (clean.altered, *own));
    let mut taken: HashSet<(&str, String)> = HashSet::new();
    let mut segments: BTreeMap<&str, String> = BTreeMap::new();
    for (clean, above, own) in cleaned {
        segments.insert(own, take(&mut taken, above, own, clean));
    }
    let folder = |path: &&'a str| {
        let found = levels(path).map(|end| segments.get(end).cloned().unwrap_or_default());
        (*path, found.collect())
    };
    Ok(paths.iter().map(folder).collect())
}

/// The path up to each of its levels.
fn levels(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('/').map(|(at, _)| at).take(MAILBOX_DEPTH_MAX - 1);
    inner.filter_map(|at| path.get(..at)).chain([path])
}

/// What a level stands below: the path before it with its `/`; empty at the top.
fn parent<'a>(path: &'a str, end: &'a str) -> &'a str {
    let inner = path.match_indices('/').map(|(at, _)| at + 1).take(MAILBOX_DEPTH_MAX - 1);
    inner.filter(|at| *at <= end.len()).last().and_then(|at| path.get(..at)).unwrap_or_default()
}

fn level<'a>(above: &str, own: &'a str) -> &'a str {
    own.get(above.len()..).unwrap_or_default()
}

fn take<'a>(taken: &mut HashSet<(&'a str, String)>, above: &'a str, own: &str, clean: Cleaned) -> String {
    let mut segment = clean.segment.clone();
    let mark = Sha256::of(own.as_bytes()).short();
    if clean.altered {
        segment = format!("{}~{mark}", clean.segment);
    }
    let mut n = 1_u32;
    // Ends: there are fewer names than MAILBOXES_MAX times MAILBOX_DEPTH_MAX.
    while !taken.insert((above, fold(&segment).into_owned())) {
        segment = if n == 1 { format!("{}~{mark}", clean.segment) } else { format!("{}~{mark}-{n}", clean.segment) };
        n += 1;
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;
    use proptest::prelude::*;

    fn folders(paths: &[&str]) -> Vec<String> {
        let found = mailbox_folders(paths).unwrap();
        paths.iter().map(|p| found.get(p).unwrap().join("/")).collect()
    }

    #[test]
    fn what_can_stay_stays() {
        let paths = ["INBOX", "Work/2026/Q1", "Größe 10 %", "台北", "a.b", "x~y", "concert", "Work"];
        assert_eq!(folders(&paths), paths);
    }

    #[test]
    fn what_cannot_is_marked() {
        let check = |path: &str, folder: &str| {
            assert_eq!(folders(&[path]), [folder]);
            Name::new(folder).unwrap();
        };
        check("..", "_~5ec1f7e7");
        check("../etc/passwd", "_~5ec1f7e7/etc/passwd");
        check("a:b", "a_b~6783a31e");
        check("NUL", "_NUL~ae6de182");
        check("report.", "report~e9de1265");
        check("", "_~e3b0c442");
        check("/", "_~e3b0c442/_~8a5edab2");
        check("x.mbox", "x.mbox~2301e80c");
        check(".hidden", "_hidden~16924190");
        check("a\\b", "a_b~c62016d0");
        assert_eq!(folders(&["Sent", "SENT"]), ["Sent~c16bc82b", "SENT"]);
        assert_eq!(folders(&["e\u{301}", "é"]), ["é", "é~4a99557e"]);
    }

    #[test]
    fn a_mark_is_no_way_to_another_mailbox() {
        let stolen = folders(&["a:"]).remove(0);
        let paths = ["a:", stolen.as_str(), &stolen.to_uppercase()];
        let found = folders(&paths);
        assert_eq!(found.iter().map(|f| fold(f).into_owned()).collect::<BTreeSet<_>>().len(), 3, "{found:?}");
        assert_eq!(folders(&["a:", &stolen]), [format!("{stolen}-2"), stolen]);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let long = "ä".repeat(500);
        let (deep, many) = ("x/".repeat(400), vec!["a"; MAILBOXES_MAX + 1]);
        let paths = [long.as_str(), deep.as_str(), &format!("{long}/{long}")];
        for found in mailbox_folders(&paths).unwrap().values() {
            assert!(found.len() <= MAILBOX_DEPTH_MAX && Name::new(&found.join("/")).is_ok(), "{found:?}");
        }
        assert!(mailbox_folders(&many).is_err());
    }

    proptest! {
        #[test]
        fn any_mailboxes_have_folders_of_their_own(
            paths in prop::collection::btree_set(r#"([aAbB.:/ ~_\\é\x{301}\x{202e}]|e\x{301}|NUL|\.mbox){0,8}"#, 0..20),
            whatever in prop::collection::btree_set(any::<String>(), 0..4),
        ) {
            let paths: Vec<&str> = paths.union(&whatever).map(String::as_str).collect();
            let found = mailbox_folders(&paths).unwrap();
            let mut seen = BTreeSet::new();
            for folder in found.values() {
                let name = folder.join("/");
                prop_assert!(Name::new(&name).is_ok(), "{name:?}");
                prop_assert!(seen.insert(folder.iter().map(|s| fold(s).into_owned()).collect::<Vec<_>>()), "{name:?}");
            }
            let backwards: Vec<&str> = paths.iter().rev().copied().collect();
            prop_assert_eq!(found, mailbox_folders(&backwards).unwrap());
        }
    }
}
