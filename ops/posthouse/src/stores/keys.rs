//! SUMMARY    The keys of a process: files in its data folder, or all from one file that nodes have in common.
//! SECURITY   Keys are derived from 32 random bytes as SHA-256 of a name and those; no two names are each other's beginning.
//! INVARIANTS Nodes that share a store derive the same keys; a node never makes a key that others would have to know.

use super::{read_key, secret_key};
use crate::config::Config;
use std::path::{Path, PathBuf};

/// Where keys come from.
pub enum Keys {
    /// A file each, made at the first start.
    Folder(PathBuf),
    /// `store.master_key`, and the folder in which a restore may have left other keys than those derived from it.
    Master([u8; 32], PathBuf),
}

impl Keys {
    /// Of a data folder with everything in it.
    pub fn in_folder(data: &Path) -> Keys {
        Keys::Folder(data.to_owned())
    }

    /// Of a `store.master_key`.
    pub fn configured(path: &Path, data: &Path) -> Result<Keys, String> {
        let key = read_key(path).map_err(|e| format!("store.master_key: {e}"))?;
        Ok(Keys::Master(key, data.to_owned()))
    }

    pub fn of(config: &Config) -> Result<Keys, String> {
        match &config.store.master_key {
            Some(path) => Keys::configured(path, &config.data),
            None => Ok(Keys::in_folder(&config.data)),
        }
    }

    /// Wraps the keys of tenants.
    pub fn master(&self) -> Result<[u8; 32], String> {
        match self {
            Keys::Folder(data) => secret_key(&data.join(MASTER)),
            Keys::Master(key, _) => Ok(*key),
        }
    }

    /// Seals secrets of the control plane's database, and the portal's cookies.
    pub fn sealing(&self) -> Result<[u8; 32], String> {
        self.named(SEALING)
    }

    /// Seals keys that sign for domains.
    pub fn domains(&self) -> Result<[u8; 32], String> {
        self.named(DOMAINS)
    }

    fn named(&self, name: &str) -> Result<[u8; 32], String> {
        match self {
            Keys::Folder(data) => secret_key(&data.join(name)),
            Keys::Master(key, data) => {
                let restored = data.join(restored(name));
                if restored.exists() { read_key(&restored) } else { derive(name, key) }
            }
        }
    }

    /// Keys by the names that their files have in a data folder, where there are any: nothing is made.
    pub fn known(&self) -> Result<Vec<(&'static str, [u8; 32])>, String> {
        let mut found = Vec::new();
        for name in [DOMAINS, MASTER, SEALING] {
            match self {
                Keys::Folder(data) if !data.join(name).exists() => {}
                _ => found.push((name, if name == MASTER { self.master()? } else { self.named(name)? })),
            }
        }
        Ok(found)
    }
}

/// Files of the keys in a data folder.
pub const DOMAINS: &str = "domains.key";
pub const MASTER: &str = "master.key";
pub const SEALING: &str = "sealing.key";

/// The file of a key that was restored from where it was not derived from a master key.
pub fn restored(name: &str) -> String {
    format!("restored-{name}")
}

/// A key for one use.
pub fn derive(name: &str, master: &[u8; 32]) -> Result<[u8; 32], String> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[name.as_bytes(), master].concat());
    digest.as_ref().try_into().map_err(|_| "digest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_one_master_key_have_the_same_keys_and_no_two_are_equal() {
        let folder = tempfile::tempdir().unwrap();
        let of = |key| Keys::Master([key; 32], folder.path().to_owned());
        let (one, two) = (of(7), of(7));
        let all = |keys: &Keys| [keys.master().unwrap(), keys.sealing().unwrap(), keys.domains().unwrap()];
        assert_eq!(all(&one), all(&two));
        let [master, sealing, domains] = all(&one);
        assert!(master != sealing && sealing != domains && domains != master);
        assert_ne!(all(&of(8)), all(&one));
        std::fs::write(folder.path().join("restored-sealing.key"), [9; 32]).unwrap();
        assert_eq!(all(&one), [master, [9; 32], domains], "as it was restored");
        let kept = all(&Keys::in_folder(folder.path()));
        assert_eq!(all(&Keys::in_folder(folder.path())), kept, "made once");
    }
}
