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
    /// `store.master_key`.
    Master([u8; 32]),
}

impl Keys {
    /// Of a data folder with everything in it.
    pub fn in_folder(data: &Path) -> Keys {
        Keys::Folder(data.to_owned())
    }

    pub fn of(config: &Config) -> Result<Keys, String> {
        match &config.store.master_key {
            Some(path) => read_key(path).map(Keys::Master).map_err(|e| format!("store.master_key: {e}")),
            None => Ok(Keys::in_folder(&config.data)),
        }
    }

    /// Wraps the keys of tenants.
    pub fn master(&self) -> Result<[u8; 32], String> {
        match self {
            Keys::Folder(data) => secret_key(&data.join("master.key")),
            Keys::Master(key) => Ok(*key),
        }
    }

    /// Seals secrets of the control plane's database, and the portal's cookies.
    pub fn sealing(&self) -> Result<[u8; 32], String> {
        self.named("sealing.key")
    }

    /// Seals keys that sign for domains.
    pub fn domains(&self) -> Result<[u8; 32], String> {
        self.named("domains.key")
    }

    fn named(&self, name: &str) -> Result<[u8; 32], String> {
        match self {
            Keys::Folder(data) => secret_key(&data.join(name)),
            Keys::Master(key) => derive(name, key),
        }
    }
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
        let (one, two) = (Keys::Master([7; 32]), Keys::Master([7; 32]));
        let all = |keys: &Keys| [keys.master().unwrap(), keys.sealing().unwrap(), keys.domains().unwrap()];
        assert_eq!(all(&one), all(&two));
        let [master, sealing, domains] = all(&one);
        assert!(master != sealing && sealing != domains && domains != master);
        assert_ne!(all(&Keys::Master([8; 32])), all(&one));
        let folder = tempfile::tempdir().unwrap();
        let kept = all(&Keys::in_folder(folder.path()));
        assert_eq!(all(&Keys::in_folder(folder.path())), kept, "made once");
    }
}
