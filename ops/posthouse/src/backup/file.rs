//! SUMMARY    Files of the data folder that belong to a backup: keys, the operator's token, the certificate that was made here.
//! LIMITS     BACKUP_FILE_BYTES_MAX
//! INVARIANTS Names are those of this list, so nothing that a backup says is written elsewhere. A file that is there is not written over.

use crate::stores::{DOMAINS, Keys, MASTER, SEALING, at, derive, restored};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};
use zeroize::Zeroizing;

/// Bytes of one file.
const BACKUP_FILE_BYTES_MAX: u64 = 1 << 20;
/// Besides the keys.
const NAMES: [&str; 4] = ["demo.json", "operator.token", "tls/cert.pem", "tls/key.pem"];

/// A file of the list: its name, its content.
pub(super) type Kept = (&'static str, Zeroizing<Vec<u8>>);

/// What there is, by name, sorted. Keys as they are in force, wherever they come from.
pub(super) fn read(data: &Path, keys: &Keys) -> Result<Vec<Kept>, String> {
    let mut found: Vec<_> = keys.known()?.into_iter().map(|(name, key)| (name, Zeroizing::new(key.to_vec()))).collect();
    for name in NAMES {
        let path = data.join(name);
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
    found.sort_unstable_by_key(|(name, _)| *name);
    Ok(found)
}

/// Puts files back: keys where the configuration has them (`master`), or in the folder. Errors: a name that is not in the list, a file
/// with other content in its place.
pub(super) fn write(data: &Path, master: Option<&Path>, files: &[(String, Zeroizing<Vec<u8>>)]) -> Result<(), String> {
    let backed_up = files.iter().find(|(name, _)| name == MASTER).and_then(|(_, key)| key.as_slice().try_into().ok());
    for (name, bytes) in files {
        let is_key = [MASTER, SEALING, DOMAINS].contains(&name.as_str());
        if !is_key && !NAMES.contains(&name.as_str()) {
            return Err(format!("the backup has a file {name:?}, which is none of ours"));
        }
        let path = match (master, &backed_up) {
            (Some(master), _) if name == MASTER => master.to_owned(),
            // What follows from the master key needs no file.
            (Some(_), Some(key)) if is_key && derive(name, key)? == bytes.as_slice() => continue,
            (Some(_), _) if is_key => data.join(restored(name)),
            _ => data.join(name),
        };
        put(&path, bytes)?;
    }
    Ok(())
}

/// Puts a file where there is none, or the same.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| at(folder, e))?;
    }
    // Whole or not at all: half a key is no key.
    let partial = path.with_extension("partial");
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&partial);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|e| at(&partial, e))?;
    let linked = fs::hard_link(&partial, path);
    fs::remove_file(&partial).map_err(|e| at(&partial, e))?;
    match linked {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            // A restore that was cut off put it there, or the key of the configuration is the one that the backup has.
            match fs::read(path).map_err(|e| at(path, e))? == bytes {
                true => Ok(()),
                false => Err(at(path, "it is there already, and is not the one of the backup")),
            }
        }
        Err(e) => Err(at(path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data: &Path, master: Option<&Path>, files: &[(&str, &[u8])]) -> Result<(), String> {
        let files: Vec<_> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), Zeroizing::new(bytes.to_vec()))).collect();
        write(data, master, &files)
    }

    #[test]
    fn what_was_read_is_put_back_and_nothing_else() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(one.path().join("tls")).unwrap();
        for (name, text) in [("tls/cert.pem", "c"), ("operator.token", "t"), ("control.sqlite", "-")] {
            fs::write(one.path().join(name), text).unwrap();
        }
        fs::write(one.path().join(MASTER), [1; 32]).unwrap();
        let found = read(one.path(), &Keys::in_folder(one.path())).unwrap();
        assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [MASTER, "operator.token", "tls/cert.pem"]);
        let files: Vec<_> = found.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        for _ in 0..2 {
            write(two.path(), None, &files).unwrap();
        }
        assert_eq!(fs::read(two.path().join(MASTER)).unwrap(), [1; 32]);
        assert!(written(two.path(), None, &[(MASTER, b"other")]).is_err_and(|why| why.contains("already")));
        for name in ["../x", "kv/x", "/etc/passwd", ""] {
            assert!(written(two.path(), None, &[(name, b"x")]).is_err(), "{name}");
        }
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn keys_of_a_folder_and_keys_of_a_master_key_become_each_other() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = one.path().join("elsewhere.key");
        let (master, sealing) = ([7; 32], [8; 32]);
        written(one.path(), Some(&path), &[(MASTER, &master), (SEALING, &sealing)]).unwrap();
        let configured = Keys::Master(master, one.path().to_owned());
        assert_eq!((fs::read(&path).unwrap().as_slice(), configured.sealing().unwrap()), (master.as_slice(), sealing));
        // And back into a folder, where the derived one is a file too.
        let known = configured.known().unwrap();
        let files: Vec<(&str, &[u8])> = known.iter().map(|(name, key)| (*name, key.as_slice())).collect();
        written(two.path(), None, &files).unwrap();
        let folder = Keys::in_folder(two.path());
        assert_eq!(folder.sealing().unwrap(), sealing);
        assert_eq!(folder.domains().unwrap(), configured.domains().unwrap());
    }
}
