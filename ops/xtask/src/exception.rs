//! SUMMARY    `ops/xtask/exceptions.toml`: what is over a size limit today. The list may only shrink.
//! INVARIANTS An entry holds the exact size. A thing that grew, that shrank or that fits is a finding: the entry is
//!            lowered or removed in the same change.

use std::{collections::BTreeMap, fs};

const PATH: &str = "ops/xtask/exceptions.toml";
/// Entries of the list. Lower it with the list; raising it takes a decision note.
const EXCEPTIONS_MAX: usize = 0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Function,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Kind::File => "file_lines",
            Kind::Function => "function_lines",
        }
    }
}

/// The list, and what of it was used.
pub struct Exceptions {
    entries: BTreeMap<(Kind, String), Entry>,
    findings: Vec<String>,
}

struct Entry {
    lines: usize,
    used: bool,
}

impl Exceptions {
    pub fn read() -> Result<Self, String> {
        let text = fs::read_to_string(PATH).map_err(|e| format!("{PATH}: {e}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e| format!("{PATH}: {e}"))?;
        let mut entries = BTreeMap::new();
        for kind in [Kind::File, Kind::Function] {
            for (name, value) in table.get(kind.key()).and_then(toml::Value::as_table).into_iter().flatten() {
                let lines = value.as_integer().and_then(|n| usize::try_from(n).ok());
                let lines = lines.ok_or_else(|| format!("{PATH}: {name}: a number of lines is needed"))?;
                entries.insert((kind, name.clone()), Entry { lines, used: false });
            }
        }
        Ok(Exceptions { entries, findings: Vec::new() })
    }

    /// Whether a thing over its limit is on the list with this size.
    pub fn allow(&mut self, kind: Kind, name: &str, lines: usize) -> bool {
        let Some(entry) = self.entries.get_mut(&(kind, name.to_owned())) else { return false };
        entry.used = true;
        if lines < entry.lines {
            self.findings.push(format!("{PATH}: {name} has {lines} lines now, lower its entry from {}", entry.lines));
        }
        lines <= entry.lines
    }

    /// What is wrong with the list itself. Asked after everything was measured.
    pub fn findings(self) -> Vec<String> {
        let unused = self.entries.iter().filter(|(_, entry)| !entry.used);
        let unused = unused.map(|((_, name), _)| format!("{PATH}: {name} needs no exception any more, remove it"));
        let count = self.entries.len();
        let grown = (count > EXCEPTIONS_MAX).then(|| format!("{PATH}: {count} entries, at most {EXCEPTIONS_MAX}"));
        self.findings.iter().cloned().chain(unused).chain(grown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Exceptions, Kind};

    #[test]
    fn an_exception_is_exact_and_needed() {
        let list = || Exceptions::parse("[file_lines]\n\"a.rs\" = 700\n").expect("parses");
        let mut same = list();
        assert!(same.allow(Kind::File, "a.rs", 700) && !same.allow(Kind::File, "b.rs", 700));
        let mut grown = list();
        assert!(!grown.allow(Kind::File, "a.rs", 701));
        let mut shrunk = list();
        assert!(
            shrunk.allow(Kind::File, "a.rs", 690) && shrunk.findings().iter().any(|f| f.contains("lower its entry"))
        );
        assert!(list().findings().iter().any(|f| f.contains("remove it")));
    }
}
