//! SUMMARY    Values with where they come from: the file's table flattened, the environment over it, the defaults below.
//! INVARIANTS A later source replaces a whole value, never a part of it. An empty variable takes a value of the file away.

use super::{
    key::{self, KEYS, Key, OTHER_NAMES, PREFIX},
    value::{Sni, Value},
};
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    /// Name of the variable.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Environment(name) => f.write_str(name),
        }
    }
}

/// All values that are set, by path.
#[derive(Debug, Default)]
pub struct Loaded {
    values: BTreeMap<&'static str, (Value, Source)>,
}

impl Loaded {
    /// The defaults alone.
    pub fn defaults() -> Loaded {
        let with = |k: &'static Key| Some((k.path, (k.default_value()?, Source::Default)));
        Loaded { values: KEYS.iter().filter_map(with).collect() }
    }

    /// Defaults, then the file, then the variables with our prefix. `Err`: everything that is wrong, a line each.
    pub fn read(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Loaded, String> {
        let mut loaded = Loaded::defaults();
        let mut wrong = Vec::new();
        if let Some(path) = file {
            let table = read_table(path)?;
            loaded.take_table(path, "", &table, &mut wrong);
        }
        let mut variables: Vec<_> = variables.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort();
        for (name, text) in variables.iter().filter(|(name, _)| !OTHER_NAMES.contains(&name.as_str())) {
            if let Err(why) = loaded.take_variable(name, text) {
                wrong.push(format!("{name} (environment): {why}"));
            }
        }
        if wrong.is_empty() { Ok(loaded) } else { Err(wrong.join("\n")) }
    }

    fn take_table(&mut self, file: &Path, above: &str, table: &toml::Table, wrong: &mut Vec<String>) {
        for (name, value) in table {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            let taken = match (key::of_path(&path), value) {
                (Some(key), _) => key.kind.read_toml(value).map(|v| {
                    self.values.insert(key.path, (v, Source::File(file.to_owned())));
                }),
                (None, toml::Value::Table(section)) if is_section(&path) => {
                    self.take_table(file, &path, section, wrong);
                    Ok(())
                }
                (None, _) => Err(unknown(&path)),
            };
            if let Err(why) = taken {
                wrong.push(format!("{}: {path}: {why}", file.display()));
            }
        }
    }

    fn take_variable(&mut self, name: &str, text: &str) -> Result<(), String> {
        let Some(key) = KEYS.iter().find(|k| k.env() == name) else {
            let names: Vec<String> = KEYS.iter().map(Key::env).collect();
            return Err(match key::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("unknown; did you mean {near}?"),
                None => "unknown; `posthouse serve --help` lists the names".to_owned(),
            });
        };
        if text.is_empty() {
            self.values.remove(key.path);
            if let Some(default) = key.default_value() {
                self.values.insert(key.path, (default, Source::Default));
            }
            return Ok(());
        }
        // A secret in the wrong form must not end in a log.
        let value = key.kind.read_text(text).map_err(|e| if key.secret { "not valid".to_owned() } else { e })?;
        self.values.insert(key.path, (value, Source::Environment(name.to_owned())));
        Ok(())
    }

    pub(super) fn set(&mut self, path: &'static str, value: Value) {
        self.values.insert(path, (value, Source::Default));
    }

    /// The value of a key and where it comes from.
    pub fn value(&self, path: &str) -> Option<&(Value, Source)> {
        self.values.get(path)
    }

    /// Whether it was given, and something else than its default: a file that shows defaults says nothing new.
    pub fn is_set(&self, path: &str) -> bool {
        let default = key::of_path(path).and_then(Key::default_value);
        self.value(path).is_some_and(|(value, source)| *source != Source::Default && Some(value) != default.as_ref())
    }

    pub fn text(&self, path: &str) -> Option<String> {
        match self.value(path)? {
            (Value::Text(text), _) => Some(text.clone()),
            _ => None,
        }
    }
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        match self.value(path)? {
            (Value::Path(p), _) => Some(p.clone()),
            _ => None,
        }
    }
    pub fn address(&self, path: &str) -> Option<SocketAddr> {
        match self.value(path)? {
            (Value::Address(address), _) => Some(*address),
            _ => None,
        }
    }
    pub fn addresses(&self, path: &str) -> Vec<SocketAddr> {
        match self.value(path) {
            Some((Value::Addresses(list), _)) => list.clone(),
            _ => Vec::new(),
        }
    }
    pub fn flag(&self, path: &str) -> bool {
        matches!(self.value(path), Some((Value::Flag(true), _)))
    }
    pub fn number(&self, path: &str) -> Option<u64> {
        match self.value(path)? {
            (Value::Count(n) | Value::Size(n), _) => Some(*n),
            _ => None,
        }
    }
    /// A count that has a default.
    pub fn count(&self, path: &str) -> Result<usize, String> {
        let n = self.number(path).and_then(|n| usize::try_from(n).ok());
        n.ok_or_else(|| format!("{path}: a whole number is needed"))
    }
    pub fn time(&self, path: &str) -> Option<Duration> {
        match self.value(path)? {
            (Value::Time(time), _) => Some(*time),
            _ => None,
        }
    }
    pub fn sni(&self, path: &str) -> Vec<Sni> {
        match self.value(path) {
            Some((Value::Sni(list), _)) => list.clone(),
            _ => Vec::new(),
        }
    }
}

fn read_table(path: &Path) -> Result<toml::Table, String> {
    let at = |e: &dyn fmt::Display| format!("{}: {e}", path.display());
    let size = std::fs::metadata(path).map_err(|e| at(&e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(at(&"larger than any configuration (FILE_BYTES_MAX)"));
    }
    std::fs::read_to_string(path).map_err(|e| at(&e))?.parse().map_err(|e: toml::de::Error| at(&e))
}

fn is_section(path: &str) -> bool {
    KEYS.iter().any(|k| k.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(path: &str) -> String {
    let sections = [
        "listen",
        "tls",
        "smart_host",
        "sql",
        "plane",
        "queue",
        "upkeep",
        "exports",
        "migrations",
        "dns",
        "domains",
        "billing",
    ];
    match key::nearest(path, KEYS.iter().map(|k| k.path).chain(sections)) {
        Some(near) => format!("unknown key; did you mean {near}?"),
        None => "unknown key; `posthouse config --example` shows all of them".to_owned(),
    }
}
