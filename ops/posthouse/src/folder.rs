//! SUMMARY    What a data folder holds before anything is written to it: nothing, ours, or somebody else's files.
//! INVARIANTS A command that was given the wrong folder leaves it as it is.

use crate::{
    config::{Config, Role},
    demo,
    stores::{at, make_folder},
};
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Names that are told of a folder that is not ours.
const NAMES_SHOWN: usize = 3;
/// What a fresh file system has.
const IGNORED: &str = "lost+found";

/// What a first start makes before there is a store.
const OURS: [&str; 5] = ["master.key", "kv", demo::CLOCK, demo::ACCOUNT, demo::LETTERS];

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
        if name != IGNORED && names.len() < NAMES_SHOWN {
            names.push(name);
        }
    }
    // A first start that was cut off leaves the key alone, or what the demo pays with.
    let ours = names.iter().all(|n| OURS.contains(&n.as_str()));
    if names.is_empty() || ours { Ok(Holds::Nothing) } else { Ok(Holds::Others(names)) }
}

/// The planes that a folder holds something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    pub data: bool,
    pub control: bool,
}

/// For commands that look at what is there.
pub fn planes(data: &Path) -> Result<Planes, String> {
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

/// One plane apart does not begin in the folder of the other one, or of both.
fn may_hold(data: &Path, role: &Role) -> Result<(), String> {
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
