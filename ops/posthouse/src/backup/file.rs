//! SUMMARY    Files of the data folder that belong to a backup: keys, the operator's token, the certificate that was made here.
//! LIMITS     BACKUP_FILE_BYTES_MAX
//! INVARIANTS Names are those of this list, so nothing that a backup says is written elsewhere. A file that is there is not written over.

use crate::stores::at;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Bytes of one file.
const BACKUP_FILE_BYTES_MAX: u64 = 1 << 20;
/// The key of a store's master, wherever the configuration has it.
pub(super) const MASTER: &str = "master.key";

/// Sorted, as streams are.
const NAMES: [&str; 7] =
    ["demo.json", "domains.key", MASTER, "operator.token", "sealing.key", "tls/cert.pem", "tls/key.pem"];

/// Where a file of the list is.
fn place(data: &Path, master: Option<&Path>, name: &str) -> PathBuf {
    match master {
        Some(master) if name == MASTER => master.to_owned(),
        Some(_) | None => data.join(name),
    }
}

/// What there is, by name.
pub(super) fn read(data: &Path, master: Option<&Path>) -> Result<Vec<(&'static str, Zeroizing<Vec<u8>>)>, String> {
    let mut found = Vec::new();
    for name in NAMES {
        let path = place(data, master, name);
        let file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(|e| at(&path, e))?,
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(BACKUP_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| at(&path, e))?;
        if bytes.len() as u64 > BACKUP_FILE_BYTES_MAX {
            return Err(at(&path, "BACKUP_FILE_BYTES_MAX: it is too long to be what its name says"));
        }
        found.push((name, bytes));
    }
    Ok(found)
}

/// Puts one back. Errors: a name that is not in the list, a file with other content in its place.
pub(super) fn write(data: &Path, master: Option<&Path>, name: &str, bytes: &[u8]) -> Result<(), String> {
    let known = NAMES.into_iter().find(|known| *known == name);
    let path =
        place(data, master, known.ok_or_else(|| format!("the backup has a file {name:?}, which is none of ours"))?);
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| at(folder, e))?;
    }
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path) {
        Ok(mut file) => file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| at(&path, e)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            // A restore that was cut off put it there, or the key of the configuration is the one that the backup has.
            match fs::read(&path).map_err(|e| at(&path, e))? == bytes {
                true => Ok(()),
                false => Err(at(&path, "it is there already, and is not the one of the backup")),
            }
        }
        Err(e) => Err(at(&path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_put_back_and_nothing_else() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = two.path().join("elsewhere.key");
        fs::create_dir(one.path().join("tls")).unwrap();
        for (name, text) in [(MASTER, "m"), ("tls/cert.pem", "c"), ("operator.token", "t"), ("control.sqlite", "-")] {
            fs::write(one.path().join(name), text).unwrap();
        }
        let found = read(one.path(), None).unwrap();
        assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [MASTER, "operator.token", "tls/cert.pem"]);
        for _ in 0..2 {
            for (name, bytes) in &found {
                write(two.path(), Some(&key), name, bytes).unwrap();
            }
        }
        assert_eq!(fs::read(&key).unwrap(), b"m");
        assert_eq!(fs::read(two.path().join("tls/cert.pem")).unwrap(), b"c");
        assert!(write(two.path(), Some(&key), MASTER, b"other").is_err_and(|why| why.contains("already")));
        for name in ["../x", "kv/x", "/etc/passwd", ""] {
            assert!(write(two.path(), None, name, b"x").is_err(), "{name}");
        }
        assert!(NAMES.is_sorted());
    }
}
