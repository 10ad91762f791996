//! SUMMARY    Folders for accounts: each has its own, named by its address.
//! SECURITY   Addresses are chosen by people: none is a way to another account's folder.
//! INVARIANTS The same accounts in the same order have the same folders.

use std::collections::HashSet;

use base::AccountId;

use super::segment::{clean, fold};
use crate::{Error, Name, Sha256};

/// The folders of the accounts of one export, taken one after the other.
#[derive(Debug, Default)]
pub struct AccountFolders {
    taken: HashSet<String>,
}

impl AccountFolders {
    /// The folder that an account has or is going to have; `take` keeps it. One whose address cannot be a name as it is, or differs
    /// from an earlier one's in case or composition only, is marked with eight digits of the SHA-256 of its id.
    pub fn folder(&self, address: &str, id: AccountId) -> Result<Name, Error> {
        let cleaned = clean(address);
        let marked = format!("{}~{}", cleaned.segment, Sha256::of(id.to_string().as_bytes()).short());
        let mut segment = if cleaned.altered { marked.clone() } else { cleaned.segment };
        let mut n = 1_u32;
        // Ends: each round is a name that another account has.
        while self.taken.contains(&*fold(&segment)) {
            segment = if n == 1 { marked.clone() } else { format!("{marked}-{n}") };
            n += 1;
        }
        Name::new(&segment)
    }

    /// Nobody else gets this folder.
    pub fn take(&mut self, folder: &Name) {
        self.taken.insert(fold(folder.as_str()).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_accounts_share_a_folder() {
        let mut folders = AccountFolders::default();
        let mut check = |address: &str, id: u64, expect: &str| {
            let folder = folders.folder(address, AccountId(id)).unwrap();
            assert_eq!(folders.folder(address, AccountId(id)).unwrap(), folder);
            folders.take(&folder);
            assert_eq!(folder.as_str(), expect);
        };
        check("ann@example.org", 1, "ann@example.org");
        check("Ann@Example.org", 2, "Ann@Example.org~067f2ab2");
        check("ann@example.org", 3, "ann@example.org~231114db");
        check("ann@example.org~c92524c2", 9, "ann@example.org~c92524c2");
        check("ann@example.org", 4, "ann@example.org~c92524c2-2");
        check("../etc", 5, "_._etc~d8c8e571");
        check("", 6, "_~18e98b8d");
        check("con", 7, "_con~12ea4f6b");
    }
}
