//! SUMMARY    Clients that were here before: a QRESYNC cache, an open session, a follower of the change log; each against a fresh one.
//! STANDARDS  RFC 7162 §3.2.5 (QRESYNC), RFC 8620 §5.2 (/changes)
//! INVARIANTS They learn only what the server tells since their own last state; afterwards they know what a new client knows.

use crate::{
    scan::{AccountScan, MailboxScan, Scan},
    world::{Person, World, said},
};
use account::{ChangeKind, ObjectType};
use base::{EmailId, Kind, MailboxId, ModSeq, Rng, Uid, UidValidity};
use mail::{Mail, Row, View};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Reads of a stormy node before it counts as down.
const TRIES_MAX: usize = 200;

/// A mailbox in a QRESYNC client's cache.
#[derive(Default)]
struct Cached {
    uid_validity: Option<UidValidity>,
    modseq: ModSeq,
    flags: BTreeMap<Uid, u64>,
}

/// What a /changes client holds of an account.
#[derive(Default)]
struct Followed {
    since: ModSeq,
    emails: BTreeMap<EmailId, BTreeSet<(u32, u32)>>,
    mailboxes: BTreeMap<u64, (String, u32)>,
}

/// All long-lived clients of a world.
#[derive(Default)]
pub(crate) struct Clients {
    caches: BTreeMap<(usize, MailboxId), Cached>,
    sessions: BTreeMap<(usize, MailboxId), Arc<View>>,
    followers: BTreeMap<usize, Followed>,
}

impl Clients {
    /// The view of the session that has this mailbox open.
    pub(crate) fn session(&self, person: usize, mailbox: MailboxId) -> Option<Arc<View>> {
        self.sessions.get(&(person, mailbox)).cloned()
    }

    /// A session got news.
    pub(crate) fn refreshed(&mut self, person: usize, view: Arc<View>) {
        self.sessions.insert((person, view.mailbox), view);
    }

    /// Some of the clients come back (all, if `all`) and must then agree with the scan.
    pub(crate) async fn sync(&mut self, world: &World, quiet: &Mail, scan: &Scan, all: bool) -> Result<(), String> {
        let gone = |n: &usize, id: &MailboxId| !scan.accounts.get(*n).is_some_and(|a| a.mailboxes.contains_key(id));
        self.caches.retain(|(n, id), _| !gone(n, id));
        self.sessions.retain(|(n, id), _| !gone(n, id));
        for (n, (person, account)) in world.people.iter().zip(&scan.accounts).enumerate() {
            let comes = |percent| all || world.rng.below(100) < percent;
            for (id, mailbox) in &account.mailboxes {
                let wrong = |who: &str, what: String| format!("{}, mailbox {}: {who} {what}", person.address, id.0);
                if comes(30) {
                    let cache = self.caches.entry((n, *id)).or_default();
                    resync(cache, quiet, person, mailbox).await.map_err(|e| wrong("the QRESYNC client", e))?;
                }
                if comes(30) {
                    let node = world.rng.below(world.nodes.len() as u64) as usize;
                    let server = world.nodes.get(node).map_or(quiet, |node| &node.mail);
                    let open = self.sessions.get(&(n, *id)).cloned();
                    let view = look(server, person, *id, open, mailbox).await.map_err(|e| wrong("the session", e))?;
                    self.sessions.insert((n, *id), view);
                }
            }
            if comes(30) {
                let follower = self.followers.entry(n).or_default();
                follow(follower, quiet, person, account).await.map_err(|e| format!("{}: {e}", person.address))?;
            }
        }
        Ok(())
    }
}

/// `SELECT … (QRESYNC (uidvalidity modseq))`: VANISHED (EARLIER), then FETCH of what changed since.
async fn resync(cache: &mut Cached, quiet: &Mail, person: &Person, mailbox: &MailboxScan) -> Result<(), String> {
    let view = &mailbox.view;
    if cache.uid_validity.replace(view.uid_validity).is_some_and(|known| known != view.uid_validity) {
        return Err("sees another UIDVALIDITY in the same mailbox".to_owned());
    }
    if view.modseq < cache.modseq {
        return Err("sees HIGHESTMODSEQ go back".to_owned());
    }
    let mut reader = quiet.accounts().read(&person.scope);
    for (modseq, uid) in reader.vanished(view.mailbox, cache.modseq).await.map_err(said)? {
        cache.flags.remove(&uid);
        if modseq > view.modseq || mailbox.rows.contains_key(&uid) {
            return Err(format!("is told that {uid} vanished, at {modseq}"));
        }
    }
    for row in mailbox.rows.values() {
        if row.modseq > view.modseq {
            return Err(format!("sees {} ahead of HIGHESTMODSEQ", row.uid));
        }
        if row.modseq > cache.modseq {
            cache.flags.insert(row.uid, row.flags);
        }
    }
    let fresh: BTreeMap<Uid, u64> = mailbox.rows.values().map(|r| (r.uid, r.flags)).collect();
    if cache.flags != fresh {
        return Err(format!("has {:?} since {}, a new one {fresh:?}", cache.flags, cache.modseq));
    }
    cache.modseq = view.modseq;
    Ok(())
}

/// A session refreshes its view on a node whose cache has seen the storm.
async fn look(
    server: &Mail,
    person: &Person,
    id: MailboxId,
    open: Option<Arc<View>>,
    fresh: &MailboxScan,
) -> Result<Arc<View>, String> {
    for _ in 0..TRIES_MAX {
        let looked = match &open {
            Some(view) => server.refresh(&person.scope, view).await,
            None => server.open(&person.scope, id).await,
        };
        let view = match looked {
            Err(e) if e.kind == Kind::Unavailable => continue,
            other => other.map_err(said)?,
        };
        let rows: BTreeMap<Uid, Row> = view.rows().map(|r| (r.uid, *r)).collect();
        let counts = (view.uid_next, view.modseq, view.uid_validity, view.len());
        let expected = (fresh.view.uid_next, fresh.view.modseq, fresh.view.uid_validity, fresh.rows.len());
        if rows != fresh.rows || counts != expected {
            return Err(format!("sees {rows:?} {counts:?}, a new one {:?} {expected:?}", fresh.rows));
        }
        if !view.rows().zip(1..).all(|(row, seq)| view.find(row.uid).is_some_and(|(at, r)| at == seq && r == row)) {
            return Err("finds its rows at other sequence numbers".to_owned());
        }
        return Ok(view);
    }
    Err("cannot read".to_owned())
}

/// Email/changes and Mailbox/changes, then /get of what they name.
async fn follow(follower: &mut Followed, quiet: &Mail, person: &Person, account: &AccountScan) -> Result<(), String> {
    let mut reader = quiet.accounts().read(&person.scope);
    for change in reader.changes(ObjectType::Email, follower.since).await.map_err(said)? {
        let id = EmailId(change.id);
        match (change.kind, reader.email(id).await.map_err(said)?) {
            (ChangeKind::Created | ChangeKind::Updated, Some(email)) => {
                let places = email.memberships.iter().map(|m| (m.mailbox, m.uid)).collect();
                follower.emails.insert(id, places);
            }
            (ChangeKind::Created | ChangeKind::Updated | ChangeKind::Destroyed, None) => {
                follower.emails.remove(&id);
            }
            (ChangeKind::Destroyed, Some(_)) => return Err(format!("email {} is destroyed and there", id.0)),
        }
    }
    for change in reader.changes(ObjectType::Mailbox, follower.since).await.map_err(said)? {
        let id = u32::try_from(change.id).map_err(said)?;
        match reader.mailbox(MailboxId(id)).await.map_err(said)? {
            Some(mailbox) => drop(follower.mailboxes.insert(change.id, (mailbox.name, mailbox.parent))),
            None => drop(follower.mailboxes.remove(&change.id)),
        }
    }
    let emails = account.emails();
    if follower.emails != emails {
        return Err(format!("a follower has {:?} since {}, a new one {emails:?}", follower.emails, follower.since));
    }
    let of = |(id, m): (&MailboxId, &MailboxScan)| (u64::from(id.0), (m.name.clone(), m.parent));
    let mailboxes: BTreeMap<u64, (String, u32)> = account.mailboxes.iter().map(of).collect();
    if follower.mailboxes != mailboxes {
        return Err(format!("a follower has mailboxes {:?}, a new one {mailboxes:?}", follower.mailboxes));
    }
    follower.since = ModSeq(account.modseq);
    Ok(())
}
