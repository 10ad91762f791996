//! SUMMARY    What the clients do next: weighted, from the seed, over what the last scan showed.
//! LIMITS     CONCURRENT_MAX, UIDS_MAX, LETTER_BYTES_MAX

use crate::{
    act::{Act, Letter, Step},
    client::Clients,
    scan::{AccountScan, Library, MailboxScan, Scan},
    tap::Warrant,
    world::World,
};
use base::{Address, MailboxId, ModSeq, Rng, Uid};
use mail::Operation;

/// Operations under way at once.
const CONCURRENT_MAX: u64 = 6;
/// Messages of one operation.
const UIDS_MAX: u64 = 6;
/// Bytes of a large message: several blocks of a blob.
const LETTER_BYTES_MAX: u64 = 300_000;
const PATHS: [&str; 8] = ["A", "B", "A/x", "B/y", "INBOX/z", "A/x/deep", "Ärger", "Trash/old"];
const FLAGS: [&str; 7] = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "$Forwarded", "Later"];

/// Makes steps for one world.
pub(crate) struct Chooser<'w> {
    pub(crate) world: &'w World,
    pub(crate) scan: &'w Scan,
    pub(crate) clients: &'w Clients,
    pub(crate) library: &'w mut Library,
    /// Deliveries whose outcome is not known: the sending host tries them again.
    pub(crate) again: &'w mut Vec<Act>,
}

impl Chooser<'_> {
    fn below(&self, bound: usize) -> usize {
        self.world.rng.below(bound as u64) as usize
    }

    fn chance(&self, percent: u64) -> bool {
        self.world.rng.below(100) < percent
    }

    fn one_of<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// The operations of one round.
    pub(crate) fn round(&mut self) -> Vec<Step> {
        let wanted = 1 + self.world.rng.below(CONCURRENT_MAX);
        let busy = self.below(self.world.people.len());
        (0..wanted).filter_map(|_| self.step(busy)).collect()
    }

    /// Most of a round happens in one account, so that its operations meet.
    fn step(&mut self, busy: usize) -> Option<Step> {
        let who = if self.chance(70) { busy } else { self.below(self.world.people.len()) };
        let act = self.act(who)?;
        let node = self.below(self.world.nodes.len());
        let of = |n: &usize| self.world.people.get(*n).map(|p| p.tenant.0);
        let (who, warrant) = match &act {
            Act::Work => (None, Warrant::worker(1..=self.world.tenants)),
            Act::Tend => (None, Warrant::tender(1..=self.world.tenants)),
            Act::Deliver { to, .. } => (None, Warrant::new(to.iter().flat_map(|(_, p)| p).filter_map(of))),
            _ => (Some(who), Warrant::new(of(&who))),
        };
        Some(Step { node, who, act, warrant })
    }

    fn act(&mut self, who: usize) -> Option<Act> {
        let dice = self.world.rng.below(100);
        let account = self.scan.accounts.get(who)?;
        if self.chance(15) {
            // A bounce to who is over quota is lost: those who may be send nothing.
            let sends = self.world.people.get(who).is_some_and(|p| !p.may_be_full()) && self.chance(50);
            return Some(if sends {
                self.submit()
            } else if self.chance(40) {
                Act::Tend
            } else {
                Act::Work
            });
        }
        if account.mailboxes.is_empty() || dice < 25 {
            return Some(self.deliver(who));
        }
        let (mailbox, seen) = self.mailbox(account)?;
        let (to, _) = self.mailbox(account)?;
        let uids = self.uids(seen);
        Some(match dice {
            25..32 => self.append(mailbox),
            32..50 => self.store(mailbox, seen, uids),
            50..58 => Act::Copy { from: mailbox, to, uids },
            58..68 => Act::Move { from: mailbox, to, uids },
            68..76 => Act::Expunge { mailbox, uids, all: self.chance(50) },
            76..82 => Act::Create { path: self.path() },
            82..86 => Act::Rename { id: mailbox, inbox: seen.inbox, path: self.path() },
            86..90 => Act::Delete { id: mailbox },
            90..95 => Act::Fetch { mailbox, uids },
            _ => Act::Refresh { view: self.clients.session(who, mailbox)? },
        })
    }

    fn mailbox<'s>(&self, account: &'s AccountScan) -> Option<(MailboxId, &'s MailboxScan)> {
        // INBOX twice as often as others, and full ones rather than empty ones.
        let all: Vec<(&MailboxId, &MailboxScan)> = account.mailboxes.iter().collect();
        let full: Vec<(&MailboxId, &MailboxScan)> = all.iter().filter(|(_, m)| !m.rows.is_empty()).copied().collect();
        let pool = if !full.is_empty() && self.chance(60) { full } else { all };
        self.one_of(&pool).map(|(id, m)| (**id, *m))
    }

    /// Some uids of a mailbox, all of them, or one that may be gone.
    fn uids(&self, mailbox: &MailboxScan) -> Vec<Uid> {
        let there: Vec<Uid> = mailbox.rows.keys().copied().collect();
        if self.chance(10) {
            return there;
        }
        let mut some: Vec<Uid> =
            (0..1 + self.world.rng.below(UIDS_MAX)).filter_map(|_| self.one_of(&there).copied()).collect();
        if self.chance(10) {
            some.push(
                Uid(1 + self.world.rng.below(u64::from(mailbox.view.uid_next.0.saturating_sub(1)).max(1)) as u32),
            );
        }
        some.retain(|u| *u < mailbox.view.uid_next);
        some.sort_unstable();
        some.dedup();
        some
    }

    fn path(&self) -> String {
        self.one_of(&PATHS).copied().unwrap_or("A").to_owned()
    }

    fn deliver(&mut self, who: usize) -> Act {
        if self.chance(30)
            && let Some(act) = self.again.pop()
        {
            return act;
        }
        let mut to: Vec<(Address, Vec<usize>)> = Vec::new();
        let person = |n: usize| self.world.people.get(n).map(|p| (p.address.clone(), vec![n]));
        to.extend(person(who));
        for _ in 0..self.world.rng.below(3) {
            to.extend(person(self.below(self.world.people.len())));
        }
        if self.chance(20) {
            to.extend(self.one_of(&self.world.aliases).map(|a| (a.address.clone(), a.people.clone())));
        }
        if self.chance(10) {
            to.remove(0);
        }
        if to.is_empty() {
            to.extend(person(who));
        }
        to.sort_by_key(|(a, _)| a.to_string());
        to.dedup_by_key(|(a, _)| a.to_string());
        Act::Deliver { letter: self.letter(), to }
    }

    fn submit(&mut self) -> Act {
        let mut to = Vec::new();
        for _ in 0..1 + self.world.rng.below(4) {
            let name = self.one_of(&["ok", "later", "no"]).copied().unwrap_or("ok");
            let (n, host) = (self.world.rng.below(3), self.world.rng.below(2));
            to.extend(Address::parse(&format!("{name}{n}@remote{host}.example")));
        }
        to.sort_by_key(ToString::to_string);
        to.dedup();
        Act::Submit { letter: self.letter(), to }
    }

    fn append(&mut self, mailbox: MailboxId) -> Act {
        let letters = (0..1 + self.world.rng.below(3)).map(|_| self.old_or_new()).collect();
        Act::Append { mailbox, letters, flags: self.flags() }
    }

    fn old_or_new(&mut self) -> Letter {
        let old = self.library.letters.len() as u64;
        if old > 0 && self.chance(30) {
            let marker = 1 + self.world.rng.below(old);
            if let Some(bytes) = self.library.letters.get(&marker) {
                return Letter { marker, bytes: bytes.clone() };
            }
        }
        self.letter()
    }

    fn store(&self, mailbox: MailboxId, seen: &MailboxScan, uids: Vec<Uid>) -> Act {
        let operation = match self.below(3) {
            0 => Operation::Set,
            1 => Operation::Add,
            _ => Operation::Remove,
        };
        let newest = seen.view.modseq.0;
        let since = ModSeq(newest.saturating_sub(self.world.rng.below(4)));
        let unchanged_since = self.chance(20).then_some(since);
        Act::Store { mailbox, uids, operation, flags: self.flags(), unchanged_since }
    }

    fn flags(&self) -> Vec<&'static str> {
        FLAGS.iter().filter(|_| self.chance(30)).copied().collect()
    }

    /// A new message; some answer older ones, some are large.
    pub(crate) fn letter(&mut self) -> Letter {
        let marker = self.library.letters.len() as u64 + 1;
        let rng = &self.world.rng;
        let size = match rng.below(60) {
            0 => rng.below(LETTER_BYTES_MAX),
            1..20 => rng.below(4_000),
            _ => rng.below(300),
        };
        let mut text = format!("From: s@elsewhere.example\r\nSubject: topic {}\r\n", marker % 5);
        text += &format!("Message-ID: <m{marker}@sim.example>\r\nX-Sim: {marker}\r\n");
        if rng.below(2) == 0 && marker > 1 {
            text += &format!("In-Reply-To: <m{}@sim.example>\r\n", 1 + rng.below(marker - 1));
        }
        text += "\r\n";
        while (text.len() as u64) < size {
            text += &format!("{:016x}{:016x}\r\n", rng.next_u64(), rng.next_u64());
        }
        let letter = Letter { marker, bytes: text.into_bytes().into() };
        self.library.letters.insert(marker, letter.bytes.clone());
        letter
    }
}
