//! SUMMARY    What must be stored after a round, given what was stored before it and what each client was told.
//! INVARIANTS Told = happened exactly once. Refused = did not happen. Unsure = wholly or not at all. Nothing else happens.

use crate::{
    act::{Ack, Act, Outcome, Step},
    expect::{Expect, Known},
    scan::{AccountScan, BOUNCES, Library, MailboxScan, Scan},
    world::Person,
};
use base::{Kind, MailboxId};
use mail::Operation;
use std::collections::{BTreeMap, BTreeSet};

/// Checks a round.
pub(crate) fn check(
    before: &Scan,
    after: &Scan,
    library: &Library,
    people: &[Person],
    done: &[(Step, Outcome)],
) -> Result<(), String> {
    let mut expect: Vec<Expect> = people.iter().map(|_| Expect::default()).collect();
    sweeps(before, done, &mut expect);
    for (step, outcome) in done {
        let noted = match &step.act {
            Act::Deliver { letter, to } => delivery(&mut expect, people, letter.marker, to, outcome),
            act => match step.who.and_then(|n| Some((n, expect.get_mut(n)?, before.accounts.get(n)?))) {
                Some((person, expect, account)) => expect.note(&Known { person, account, library }, act, outcome),
                None => Ok(()),
            },
        };
        noted.map_err(|what| format!("{}: {what}", step.act))?;
    }
    for (n, (person, expect)) in people.iter().zip(&expect).enumerate() {
        if let (Some(old), Some(new)) = (before.accounts.get(n), after.accounts.get(n)) {
            let checked = Pair { n, old, new, expect, library }.check(person);
            checked.map_err(|what| format!("{}: {what}", person.address))?;
        }
    }
    groups(before, after, library, (people, &expect), done)
}

/// Q2: what shares a pool holds no more than limit and grace, or than it held before the limit came.
pub(crate) fn check_pool(before: &Scan, after: &Scan, people: &[Person], most: u64) -> Result<(), String> {
    let held = |scan: &Scan| -> u64 {
        scan.accounts.iter().zip(people).filter(|(_, person)| person.pooled).map(|(account, _)| account.bytes).sum()
    };
    match held(after) {
        bytes if bytes > most.max(held(before)) => Err(format!("the pool holds {bytes} bytes, over its limit {most}")),
        _ => Ok(()),
    }
}

/// Mailboxes that are emptied as a whole: what was told of single messages in them need not hold at the end.
fn sweeps(before: &Scan, done: &[(Step, Outcome)], expect: &mut [Expect]) {
    for (step, _) in done {
        let Some(n) = step.who else { continue };
        let (Some(expect), Some(account)) = (expect.get_mut(n), before.accounts.get(n)) else { continue };
        match &step.act {
            Act::Delete { id } if account.mailboxes.get(id).is_some_and(|m| !m.inbox) => {
                expect.deleted.insert(*id);
                expect.swept.insert(*id);
            }
            Act::Rename { id, inbox: true, .. } => drop(expect.swept.insert(*id)),
            _ => {}
        }
    }
}

/// One copy for each person behind the addresses that were taken; one at most where nobody knows.
fn delivery(
    expect: &mut [Expect],
    people: &[Person],
    marker: u64,
    to: &[(base::Address, Vec<usize>)],
    outcome: &Outcome,
) -> Result<(), String> {
    let everybody: BTreeSet<usize> = to.iter().flat_map(|(_, p)| p).copied().collect();
    let results = match outcome {
        Outcome::Told(Ack::Delivered(results)) if results.len() == to.len() => results,
        Outcome::Told(_) => return Err("an answer to something else".to_owned()),
        Outcome::Refused(Kind::Throttled) => return Ok(()),
        Outcome::Refused(kind) => return Err(format!("refused: {kind:?}")),
        Outcome::Unsure(_) | Outcome::Broken(_) => {
            for n in everybody {
                expect.get_mut(n).into_iter().for_each(|e| e.count(marker, 0, 1));
            }
            return Ok(());
        }
    };
    for n in everybody {
        let (Some(expect), Some(person)) = (expect.get_mut(n), people.get(n)) else { continue };
        let mut ways = to.iter().zip(results).filter(|((_, p), _)| p.contains(&n));
        let alone = ways.clone().find(|((_, p), _)| p.len() == 1).map(|(_, r)| r.is_ok());
        let stored = match (person.may_be_full(), alone) {
            (true, Some(stored)) => Some(stored),
            (true, None) => None,
            (false, _) if ways.all(|(_, r)| r.is_ok()) => Some(true),
            (false, _) => return Err(format!("refused for {}, who has room", person.address)),
        };
        match stored {
            Some(true) => {
                expect.count(marker, 1, 1);
                *expect.arrived.entry(marker).or_default() += 1;
            }
            Some(false) => {}
            None => expect.count(marker, 0, 1),
        }
    }
    Ok(())
}

/// An address that was taken leads to a copy; a delivery nobody knows the end of reached all of its people, or none.
fn groups(
    before: &Scan,
    after: &Scan,
    library: &Library,
    (people, expect): (&[Person], &[Expect]),
    done: &[(Step, Outcome)],
) -> Result<(), String> {
    let copies = |scan: &Scan, n: usize, marker: u64| {
        let rows = scan.accounts.get(n).into_iter().flat_map(AccountScan::rows);
        rows.filter(|(_, r)| library.marker(n, r.email) == marker).count() as i64
    };
    for (step, outcome) in done {
        let Act::Deliver { letter, to } = &step.act else { continue };
        let marker = letter.marker;
        let arrived = |n: usize| {
            let told = expect.get(n).and_then(|e| e.arrived.get(&marker)).copied();
            told.map_or(0, |times| i64::try_from(times).unwrap_or(i64::MAX))
        };
        let more = |n: usize| copies(after, n, marker) - copies(before, n, marker);
        let bounds = |n: usize| expect.get(n).map_or((0, 0), |e| e.bounds(marker));
        match outcome {
            Outcome::Told(Ack::Delivered(results)) => {
                for ((address, behind), result) in to.iter().zip(results) {
                    // What was taken away beside what came: an older copy of the message may be.
                    let sure: i64 = behind.iter().map(|n| (bounds(*n).0 - arrived(*n)).min(0)).sum();
                    let came: i64 = behind.iter().map(|n| more(*n)).sum();
                    if result.is_ok() && came < 1 + sure {
                        return Err(format!("m{marker} was taken for {address} and nobody has it"));
                    }
                }
            }
            Outcome::Unsure(_) => {
                let free = |n: &usize| expect.get(*n).is_some_and(|e| e.bounds(marker) == (0, 1));
                let everybody: BTreeSet<usize> = to.iter().flat_map(|(_, p)| p).copied().collect();
                let reached: BTreeSet<i64> = everybody
                    .iter()
                    .filter(|n| people.get(**n).is_some_and(|p| !p.may_be_full()) && free(n))
                    .map(|n| more(*n))
                    .collect();
                if reached.len() > 1 {
                    return Err(format!("m{marker} reached some of its people and not others"));
                }
            }
            Outcome::Told(_) | Outcome::Refused(_) | Outcome::Broken(_) => {}
        }
    }
    Ok(())
}

/// One account before and after.
struct Pair<'c> {
    n: usize,
    old: &'c AccountScan,
    new: &'c AccountScan,
    expect: &'c Expect,
    library: &'c Library,
}

impl Pair<'_> {
    fn check(&self, person: &Person) -> Result<(), String> {
        if person.quota.is_some_and(|q| self.new.bytes > q) {
            return Err(format!("holds {} bytes, over quota", self.new.bytes));
        }
        if self.new.modseq < self.old.modseq {
            return Err("its modseq went back".to_owned());
        }
        self.copies()?;
        self.mailboxes()?;
        for (id, new) in &self.new.mailboxes {
            let Some(old) = self.old.mailboxes.get(id) else { continue };
            self.mailbox(*id, old, new).map_err(|what| format!("mailbox {}: {what}", id.0))?;
        }
        self.flags()
    }

    /// Every message is there as often as it must be, wherever.
    fn copies(&self) -> Result<(), String> {
        let count = |scan: &AccountScan| {
            let mut copies: BTreeMap<u64, i64> = BTreeMap::new();
            for (_, row) in scan.rows() {
                *copies.entry(self.library.marker(self.n, row.email)).or_default() += 1;
            }
            copies
        };
        let (old, new) = (count(self.old), count(self.new));
        let markers: BTreeSet<u64> = old.keys().chain(new.keys()).copied().chain(self.expect.markers()).collect();
        for marker in markers {
            let of = |copies: &BTreeMap<u64, i64>| copies.get(&marker).copied().unwrap_or(0);
            let (least, most) = self.expect.bounds(marker);
            let (least, most) = ((of(&old) + least).max(0), of(&old) + most);
            if of(&new) < least {
                return Err(format!("m{marker} is lost: {} copies of {least}", of(&new)));
            }
            if of(&new) > most && marker < BOUNCES {
                return Err(format!("m{marker} is there too often: {} copies, at most {most}", of(&new)));
            }
        }
        Ok(())
    }

    fn mailboxes(&self) -> Result<(), String> {
        let expect = self.expect;
        for id in self.old.mailboxes.keys().filter(|id| !self.new.mailboxes.contains_key(id)) {
            if !expect.deleted.contains(id) {
                return Err(format!("mailbox {} is lost", id.0));
            }
        }
        if let Some(id) = expect.destroyed.iter().find(|id| self.new.mailboxes.contains_key(id)) {
            return Err(format!("mailbox {} was deleted and is there", id.0));
        }
        for (id, path) in &expect.created {
            let there = self.new.mailboxes.get(id);
            if there.is_none_or(|m| expect.renames == 0 && m.path != *path) || self.old.mailboxes.contains_key(id) {
                return Err(format!("mailbox {} was created as {path} and is not there", id.0));
            }
        }
        for (id, path) in &expect.renamed {
            let elsewhere = self.new.mailboxes.get(id).is_some_and(|m| m.path != *path);
            if expect.renames == 1 && elsewhere {
                return Err(format!("mailbox {} was renamed to {path} and is not there", id.0));
            }
        }
        let fresh = self.new.mailboxes.keys().any(|id| !self.old.mailboxes.contains_key(id));
        // The standard mailboxes come with the first message.
        if fresh && !expect.may_create && !self.old.mailboxes.is_empty() {
            return Err("a mailbox nobody created".to_owned());
        }
        let paths: BTreeSet<&str> = self.new.mailboxes.values().map(|m| m.path.as_str()).collect();
        if paths.len() != self.new.mailboxes.len() {
            return Err("two mailboxes of one name".to_owned());
        }
        Ok(())
    }

    fn mailbox(&self, id: MailboxId, old: &MailboxScan, new: &MailboxScan) -> Result<(), String> {
        let (was, is) = (&old.view, &new.view);
        if is.uid_validity != was.uid_validity || is.uid_next < was.uid_next || is.modseq < was.modseq {
            return Err("UIDVALIDITY changed, or UIDNEXT or HIGHESTMODSEQ went back".to_owned());
        }
        if new.rows != old.rows && is.modseq == was.modseq {
            return Err("its messages changed and HIGHESTMODSEQ did not".to_owned());
        }
        if let Some(uid) = new.rows.keys().find(|u| **u >= is.uid_next) {
            return Err(format!("uid {uid} is not below UIDNEXT"));
        }
        if let Some(uid) = new.rows.keys().find(|u| !old.rows.contains_key(u) && **u < was.uid_next) {
            return Err(format!("uid {uid} was used again"));
        }
        for (uid, row) in &new.rows {
            let Some(before) = old.rows.get(uid) else { continue };
            let same = mail::Row { modseq: row.modseq, flags: row.flags, ..*before };
            if same != *row || row.modseq < before.modseq {
                return Err(format!("uid {uid} was {before:?}, is {row:?}"));
            }
        }
        if self.expect.swept.contains(&id) {
            return Ok(());
        }
        for uid in old.rows.keys().filter(|u| !new.rows.contains_key(u)) {
            if !self.expect.gone.contains(&(id, *uid)) && !self.expect.maybe_gone.contains(&(id, *uid)) {
                return Err(format!("uid {uid} vanished"));
            }
        }
        if let Some((_, uid)) = self.expect.gone.iter().find(|(m, u)| *m == id && new.rows.contains_key(u)) {
            return Err(format!("uid {uid} was removed and is there"));
        }
        for (_, uid, marker) in self.expect.placed.iter().filter(|(m, ..)| *m == id) {
            if new.rows.get(uid).is_none_or(|r| self.library.marker(self.n, r.email) != *marker) {
                return Err(format!("m{marker} was put at uid {uid} and is not there"));
            }
        }
        let fresh = |marker: u64| {
            let rows = new.rows.iter().filter(|(uid, _)| !old.rows.contains_key(uid));
            rows.filter(|(_, r)| self.library.marker(self.n, r.email) == marker).count()
        };
        match self.expect.arrived.iter().find(|(marker, copies)| new.inbox && fresh(**marker) < **copies) {
            Some((marker, _)) => Err(format!("m{marker} was delivered and is not in INBOX")),
            None => Ok(()),
        }
    }

    /// Flags change where somebody changed them, and to what was asked for where one client alone did.
    fn flags(&self) -> Result<(), String> {
        for (mailbox, before) in self.old.rows() {
            let Some(row) = self.new.row(mailbox, before.uid) else { continue };
            let touched = self.expect.flag_tries.get(&row.email).copied().unwrap_or(0);
            let at = format!("mailbox {} uid {}", mailbox.0, row.uid);
            if touched == 0 && (row.flags, row.modseq) != (before.flags, before.modseq) {
                return Err(format!("{at}: flags nobody changed: {before:?} is {row:?}"));
            }
            if row.flags != before.flags && row.modseq == before.modseq {
                return Err(format!("{at}: flags changed and MODSEQ did not"));
            }
            let told = self.expect.stored.iter().filter(|s| s.mailbox == mailbox && s.uids.contains(&row.uid));
            for store in told.filter(|_| touched == 1) {
                let asked = store.flags.iter().filter_map(|f| self.new.keywords.bit(f)).fold(0, |a, b| a | b);
                let wanted = match store.operation {
                    Operation::Set => asked,
                    Operation::Add => before.flags | asked,
                    Operation::Remove => before.flags & !asked,
                };
                if row.flags != wanted {
                    return Err(format!("{at}: flags {:b}, told {wanted:b}", row.flags));
                }
            }
        }
        Ok(())
    }
}
