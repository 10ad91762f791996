//! SUMMARY    Names of one archive: none twice, none a file and a folder at once, whatever the file system.
//! LIMITS     ARCHIVE_ENTRIES_MAX entries, and as many folders that only their files name
//! INVARIANTS Names are kept as 128 bits of their SHA-256: two that would meet by chance are refused, never mixed up.

use std::collections::HashMap;

use base::limits::ARCHIVE_ENTRIES_MAX;

use crate::{Error, Name, Sha256};

use super::fold;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    /// A folder that has no entry of its own (yet).
    Implied,
}

/// The names of an archive so far.
#[derive(Default)]
pub(crate) struct Names {
    known: HashMap<[u8; 16], Kind>,
}

impl Names {
    /// Takes a name, or says that it, or a part of it, is taken.
    pub fn add(&mut self, name: &Name, folder: bool) -> Result<(), Error> {
        let folded: Vec<_> = name.as_str().split('/').map(fold).collect();
        let folded = folded.join("/");
        let own = key(&folded);
        let twice = || Err(Error::Twice(name.to_string()));
        match (self.known.get(&own), folder) {
            (None, _) | (Some(Kind::Implied), true) => {}
            (Some(_), _) => return twice(),
        }
        for (at, _) in folded.match_indices('/') {
            let above = key(folded.get(..at).unwrap_or_default());
            match self.known.get(&above) {
                Some(Kind::File) => return twice(),
                Some(Kind::Folder | Kind::Implied) => {}
                None => self.keep(above, Kind::Implied)?,
            }
        }
        self.keep(own, if folder { Kind::Folder } else { Kind::File })
    }

    fn keep(&mut self, key: [u8; 16], kind: Kind) -> Result<(), Error> {
        if self.known.len() >= 2 * ARCHIVE_ENTRIES_MAX {
            return Err(Error::Limit("ARCHIVE_ENTRIES_MAX"));
        }
        self.known.insert(key, kind);
        Ok(())
    }
}

fn key(folded: &str) -> [u8; 16] {
    let Sha256(hash) = Sha256::of(folded.as_bytes());
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_one_file_anywhere() {
        let mut names = Names::default();
        let mut check = |name: &str, folder: bool, taken: bool| {
            let added = names.add(&Name::new(name).unwrap(), folder);
            assert_eq!(added.is_err(), taken, "{name}: {added:?}");
        };
        check("a/b", false, false);
        check("a/b", false, true);
        check("A/B", false, true);
        check("a", false, true);
        check("a", true, false);
        check("a", true, true);
        check("a/b/c", false, true);
        check("a/c", false, false);
        check("Größe", false, false);
        check("GRO\u{308}SSE", false, true);
        check("\u{17f}ent", false, false);
        check("sent", false, true);
    }
}
