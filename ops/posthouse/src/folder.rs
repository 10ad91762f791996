//! SUMMARY    What a data folder holds before anything is written to it: nothing, ours, or somebody else's files.
//! INVARIANTS A command that was given the wrong folder leaves it as it is.

use crate::{
    config::{Config, Role},
    demo,
    stores::{at, make_folder},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Names that are told of a folder that is not ours.
const NAMES_SHOWN: usize = 3;
/// What a fresh file system has.
const IGNORED: &str = "lost+found";

/// What a first start makes before there is a store.
const OURS: [&str; 6] = ["master.key", "kv", "restoring.partial", demo::CLOCK, demo::ACCOUNT, demo::LETTERS];

/// Says that a restore has not ended; the snapshot's name is in it.
const RESTORING: &str = "restoring";
/// Bytes of that.
const RESTORING_BYTES_MAX: u64 = 256;

/// Of a control plane on SQLite.
const CONTROL_DATABASE: &str = "control.sqlite";

enum Holds {
    Nothing,
    Posthouse,
    Others(Vec<String>),
}

fn look(data: &Path) -> Result<Holds, String> {
    let at = |e: std::io::Error| format!("{}: {e}", data.display());
    let entries = match std::fs::read_dir(data) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Holds::Nothing),
        entries => entries.map_err(at)?,
    };
    if data.join("master.key").exists() && data.join("kv").exists() {
        return Ok(Holds::Posthouse);
    }
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at)?.file_name().to_string_lossy().into_owned();
        // A first start that was cut off leaves the key alone, or what the demo pays with.
        if name != IGNORED && !OURS.contains(&name.as_str()) && names.len() < NAMES_SHOWN {
            names.push(name);
        }
    }
    if names.is_empty() { Ok(Holds::Nothing) } else { Ok(Holds::Others(names)) }
}

/// The planes that a folder holds something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    pub data: bool,
    pub control: bool,
}

/// For commands that look at what is there.
pub fn planes(data: &Path) -> Result<Planes, String> {
    is_whole(data)?;
    let planes =
        Planes { data: matches!(look(data)?, Holds::Posthouse), control: data.join(CONTROL_DATABASE).exists() };
    if planes.data || planes.control {
        return Ok(planes);
    }
    Err(format!(
        "{} holds no Posthouse data; name the server's folder with --data DIR or POSTHOUSE_DATA, or its configuration with --config FILE \
         when its store is shared",
        data.display()
    ))
}

/// What a running server has locked where no store of its own is.
const LOCK: &str = "server.lock";

/// A data folder in use by this server, for as long as this is kept.
pub struct Held(#[expect(dead_code, reason = "the lock goes when the file is closed")] File);

/// For a server: the folder is one for it, and where no embedded store keeps others from it, it is locked: a second one would take its control
/// socket and its cache.
pub fn hold(config: &Config) -> Result<Option<Held>, String> {
    may_hold(&config.data, &config.role)?;
    let has_store = !config.store.is_shared() && !matches!(config.role, Role::Control { .. });
    if has_store {
        return Ok(None);
    }
    let data = &config.data;
    make_folder(data)?;
    let path = data.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| at(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held(file))),
        Err(TryLockError::WouldBlock) => {
            Err(format!("{} is in use by another server: each has a folder of its own", data.display()))
        }
        Err(TryLockError::Error(e)) => Err(at(&path, e)),
    }
}

/// A restore under way: until it has ended nothing else opens the folder.
pub struct Restoring {
    path: PathBuf,
    /// The snapshot, and the parts that are there, a line each.
    lines: Vec<String>,
}

/// Begins a restore of a snapshot in an empty folder, or goes on with what was cut off.
pub fn begin_restore(data: &Path, snapshot: &str) -> Result<Restoring, String> {
    let (path, shown) = (data.join(RESTORING), data.display());
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => {
            file.take(RESTORING_BYTES_MAX).read_to_string(&mut text).map_err(|e| at(&path, e))?;
        }
        Err(e) if e.kind() == ErrorKind::NotFound => match look(data)? {
            Holds::Nothing => {}
            Holds::Posthouse => {
                return Err(format!("{shown} has a store already: a backup is restored into an empty folder"));
            }
            Holds::Others(names) => {
                return Err(format!("{shown} holds other things ({}); name an empty folder", names.join(", ")));
            }
        },
        Err(e) => return Err(at(&path, e)),
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    match lines.first() {
        Some(known) if known != snapshot => {
            return Err(format!(
                "{shown} is being restored from snapshot {known}: name that with --snapshot, or empty the folder"
            ));
        }
        Some(_) => {}
        None => lines.push(snapshot.to_owned()),
    }
    make_folder(data)?;
    let restoring = Restoring { path, lines };
    restoring.write()?;
    Ok(restoring)
}

impl Restoring {
    /// Whether a part was about to be opened when the restore was cut off: all of it is there.
    pub fn has(&self, part: &str) -> bool {
        self.lines.iter().skip(1).any(|line| line == part)
    }

    /// All of a part is there; it is opened next.
    pub fn note(&mut self, part: &str) -> Result<(), String> {
        if !self.has(part) {
            self.lines.push(part.to_owned());
        }
        self.write()
    }

    fn write(&self) -> Result<(), String> {
        let (path, partial) = (&self.path, self.path.with_extension("partial"));
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&partial);
        let text = self.lines.join("\n") + "\n";
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        written.and_then(|()| std::fs::rename(&partial, path)).map_err(|e| at(path, e))?;
        let folder = path.parent().unwrap_or(path);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| at(folder, e))
    }

    /// Everything is there.
    pub fn end(self) -> Result<(), String> {
        std::fs::remove_file(&self.path).map_err(|e| at(&self.path, e))
    }
}

/// Refuses a folder that is being restored.
fn is_whole(data: &Path) -> Result<(), String> {
    match data.join(RESTORING).exists() {
        false => Ok(()),
        true => Err(format!(
            "{} is being restored: let `ctl restore all` end (the same command goes on where it was cut off)",
            data.display()
        )),
    }
}

/// One plane apart does not begin in the folder of the other one, or of both.
fn may_hold(data: &Path, role: &Role) -> Result<(), String> {
    is_whole(data)?;
    let shown = data.display();
    match role {
        Role::Data { .. } if data.join(CONTROL_DATABASE).exists() => Err(format!(
            "{shown} holds a control plane too ({CONTROL_DATABASE}), and role = \"data\" would leave it behind: move {CONTROL_DATABASE}*, \
             operator.token, sealing.key and domains.key to the control plane's own folder first (docs/runbooks/planes.md)"
        )),
        Role::Control { .. } if data.join("kv").exists() => {
            Err(format!("{shown} holds a store: role = \"control\" has a folder of its own (docs/runbooks/planes.md)"))
        }
        Role::All | Role::Data { .. } | Role::Control { .. } => Ok(()),
    }
}

/// For the demo, which fills it.
pub fn may_hold_demo(data: &Path) -> Result<(), String> {
    let shown = data.display();
    match look(data)? {
        Holds::Nothing => Ok(()),
        Holds::Posthouse if data.join("demo.json").exists() || !data.join("operator.token").exists() => Ok(()),
        Holds::Posthouse => Err(format!(
            "{shown} holds the data of a server, and the demo would put sample tenants into it; name another folder with --data DIR"
        )),
        Holds::Others(names) => Err(format!(
            "{shown} holds other things ({}); name a new or empty folder with --data DIR",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_opens_a_folder_until_its_restore_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("new");
        drop(begin_restore(&data, "20261128-a").unwrap());
        assert!(may_hold(&data, &Role::All).is_err_and(|why| why.contains("being restored")));
        assert!(planes(&data).is_err_and(|why| why.contains("being restored")));
        assert!(begin_restore(&data, "20261129-b").is_err_and(|why| why.contains("20261128-a")));
        begin_restore(&data, "20261128-a").unwrap().note("store").unwrap();
        let again = begin_restore(&data, "20261128-a").unwrap();
        assert!(again.has("store") && !again.has("database"));
        again.end().unwrap();
        assert!(may_hold(&data, &Role::All).is_ok());
    }

    #[test]
    fn a_restore_leaves_alone_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("letters.txt"), "mine").unwrap();
        assert!(begin_restore(folder.path(), "a").is_err_and(|why| why.contains("letters.txt")));
        std::fs::remove_file(folder.path().join("letters.txt")).unwrap();
        std::fs::write(folder.path().join("master.key"), [0; 32]).unwrap();
        std::fs::create_dir(folder.path().join("kv")).unwrap();
        assert!(begin_restore(folder.path(), "a").is_err_and(|why| why.contains("already")));
    }
}
