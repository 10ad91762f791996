//! SUMMARY    Which account of an export is brought in: the one that was asked for, or the only one.

use std::collections::{BTreeMap, BTreeSet};

use archive::{
    intake::{Item, Origin},
    zip::read::Entry,
};
use base::Kind;
use mail::{Error, Result};

use crate::archives::Archive;

/// Addresses that an error names.
const NAMED_MAX: usize = 50;

/// Leaves in the plans what is of the account `only`, and what is of no account. Errors: `Invalid`, which names the accounts.
pub(crate) fn choose(archives: &mut [Archive], only: Option<&str>) -> Result<()> {
    let accounts = accounts(archives);
    let named = || {
        let some: Vec<&str> = accounts.keys().take(NAMED_MAX).map(String::as_str).collect();
        let more = accounts.len().saturating_sub(some.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", some.join(", "))
    };
    let chosen = match only {
        None if accounts.len() > 1 => {
            let why = format!("there are several mailboxes in it, choose one: {}", named());
            return Err(Error::new(Kind::Invalid, why));
        }
        None => return Ok(()),
        Some(only) => accounts.iter().find(|(address, _)| address.eq_ignore_ascii_case(only)),
    };
    let Some((_, folders)) = chosen else {
        let why = match accounts.len() {
            0 => "there is no mailbox with an address in it".to_owned(),
            _ => format!("there is no such mailbox in it, but: {}", named()),
        };
        return Err(Error::new(Kind::Invalid, why));
    };
    for archive in archives {
        let plan = &mut archive.plan;
        let all: BTreeSet<String> = accounts.values().flatten().cloned().collect();
        let is_chosen = |folder: &str| folders.contains(folder);
        let of_chosen = |entry: &Entry| is_chosen(owner(&entry.name, &all).unwrap_or_default());
        plan.mailboxes.retain(&of_chosen);
        plan.emails.retain(&of_chosen);
        plan.items.retain(|item| match &item.origin {
            Origin::Ours(folder) => is_chosen(folder),
            Origin::Takeout | Origin::Anybody => true,
        });
        plan.bytes = plan.items.iter().filter_map(Item::bytes).sum();
    }
    Ok(())
}

/// The accounts by address, with their folders. One that does not say its address is called as its folder is.
fn accounts(archives: &[Archive]) -> BTreeMap<String, BTreeSet<String>> {
    let described: BTreeMap<&str, &str> = archives
        .iter()
        .flat_map(|a| &a.accounts)
        .map(|(folder, address)| (folder.as_str(), address.as_str()))
        .collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in archives.iter().flat_map(|archive| &archive.plan.items) {
        let Origin::Ours(folder) = &item.origin else { continue };
        let last = folder.rsplit('/').next().unwrap_or_default();
        let address = described.get(&**folder).copied().unwrap_or(last);
        found.entry(address.to_owned()).or_default().insert(folder.to_string());
    }
    // Accounts without mail have mailboxes all the same.
    for (folder, address) in described {
        found.entry(address.to_owned()).or_default().insert(folder.to_owned());
    }
    found
}

/// The folder of these that a name is in: the innermost.
fn owner<'a>(name: &'a str, folders: &BTreeSet<String>) -> Option<&'a str> {
    let ends = name.match_indices('/').map(|(at, _)| at);
    ends.filter_map(|at| name.get(..at)).rfind(|folder| folders.contains(*folder))
}
