//! SUMMARY    What a crash run knows of each message, and what it may find in the mailboxes in the end.
//! INVARIANTS Acknowledged: in every recipient's mailbox at least once. Any message: in no mailbox more often than it was
//!            tried with an unknown or positive outcome, and never more than twice. Never acknowledged and never unknown:
//!            not there. Every copy: the very bytes that were sent.

use std::collections::HashMap;

use serde::Serialize;

/// Violations that are spelled out.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Default, Clone)]
struct Entry {
    acknowledged: bool,
    /// Attempts that ended without an answer.
    unknown: u8,
    recipients: Vec<usize>,
    /// Copies found, by account.
    found: HashMap<usize, u32>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<u64, Entry>,
    strangers: u64,
    corrupt: u64,
    shown: Vec<String>,
}

#[derive(Debug, Default, Serialize, PartialEq)]
pub struct Balance {
    pub tried: u64,
    pub acknowledged: u64,
    /// Messages with at least one attempt of unknown outcome.
    pub unknown: u64,
    pub copies: u64,
    /// Second copies that an unknown outcome explains.
    pub explained_duplicates: u64,
    pub missing: u64,
    pub excess: u64,
    pub corrupt: u64,
    /// In a mailbox, but never sent by this run.
    pub strangers: u64,
    pub violations: Vec<String>,
}

impl Ledger {
    pub fn tried(&mut self, index: u64, recipients: &[usize]) {
        self.entries.entry(index).or_insert_with(|| Entry { recipients: recipients.to_vec(), ..Entry::default() });
    }

    pub fn acknowledged(&mut self, index: u64) {
        self.entries.entry(index).or_default().acknowledged = true;
    }

    /// An attempt ended without an answer; how many have so far.
    pub fn unknown(&mut self, index: u64) -> u8 {
        let entry = self.entries.entry(index).or_default();
        entry.unknown = entry.unknown.saturating_add(1);
        entry.unknown
    }

    pub fn acknowledged_count(&self) -> u64 {
        self.entries.values().filter(|e| e.acknowledged).count() as u64
    }

    /// One copy was found; None when the bytes are no message of this run.
    pub fn found(&mut self, account: usize, index: Option<u64>, intact: bool) {
        let Some(entry) = index.and_then(|i| self.entries.get_mut(&i)) else {
            self.strangers += 1;
            return;
        };
        *entry.found.entry(account).or_default() += 1;
        if !intact {
            self.corrupt += 1;
            self.show(format!("message {} in account {account} is not what was sent", index.unwrap_or_default()));
        }
    }

    pub fn balance(mut self) -> Balance {
        let mut b = Balance { tried: self.entries.len() as u64, ..Balance::default() };
        let entries = std::mem::take(&mut self.entries);
        for (index, entry) in &entries {
            b.acknowledged += u64::from(entry.acknowledged);
            b.unknown += u64::from(entry.unknown > 0);
            let allowed = (u32::from(entry.acknowledged) + u32::from(entry.unknown)).min(2);
            for account in &entry.recipients {
                let copies = entry.found.get(account).copied().unwrap_or(0);
                b.copies += u64::from(copies);
                if entry.acknowledged && copies == 0 {
                    b.missing += 1;
                    self.show(format!("message {index} was acknowledged and is not in account {account}"));
                } else if copies > allowed {
                    b.excess += 1;
                    self.show(format!("message {index} is {copies} times in account {account}, {allowed} allowed"));
                } else {
                    b.explained_duplicates += u64::from(copies > 1);
                }
            }
            for account in entry.found.keys().filter(|a| !entry.recipients.contains(a)) {
                b.excess += 1;
                self.show(format!("message {index} is in account {account}, who was no recipient"));
            }
        }
        Balance { corrupt: self.corrupt, strangers: self.strangers, violations: self.shown, ..b }
    }

    fn show(&mut self, text: String) {
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(text);
        }
    }
}

impl Balance {
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.excess == 0 && self.corrupt == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(acknowledged: bool, unknown: u8, copies: u32) -> Balance {
        let mut l = Ledger::default();
        l.tried(1, &[0]);
        if acknowledged {
            l.acknowledged(1);
        }
        for _ in 0..unknown {
            l.unknown(1);
        }
        for _ in 0..copies {
            l.found(0, Some(1), true);
        }
        l.balance()
    }

    #[test]
    fn what_may_be_in_a_mailbox() {
        for (acknowledged, unknown, copies, holds) in [
            (true, 0, 1, true),
            (true, 0, 0, false),
            (true, 0, 2, false),
            (true, 1, 2, true),
            (true, 1, 1, true),
            (true, 1, 3, false),
            (true, 2, 3, false),
            (false, 1, 0, true),
            (false, 1, 1, true),
            (false, 2, 2, true),
            (false, 0, 1, false),
            (false, 0, 0, true),
        ] {
            let b = check(acknowledged, unknown, copies);
            assert_eq!(b.holds(), holds, "{acknowledged} {unknown} {copies}: {b:?}");
        }
    }

    #[test]
    fn every_recipient_counts_and_nobody_else_has_it() {
        let mut l = Ledger::default();
        l.tried(1, &[0, 1]);
        l.acknowledged(1);
        l.found(0, Some(1), true);
        l.found(2, Some(1), true);
        l.found(0, Some(99), true);
        let b = l.balance();
        assert_eq!((b.missing, b.excess, b.strangers), (1, 1, 1));
    }

    #[test]
    fn changed_bytes_are_a_violation() {
        let mut l = Ledger::default();
        l.tried(1, &[0]);
        l.acknowledged(1);
        l.found(0, Some(1), false);
        assert!(!l.balance().holds());
    }
}
