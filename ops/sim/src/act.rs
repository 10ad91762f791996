//! SUMMARY    The operations of the simulated clients, and what was told to them.
//! INVARIANTS What an operation tells is all that the model learns from it.

use crate::{
    post,
    scan::{BOUNCES, NOTICES, is_notice},
    tap::{OPERATION, Warrant},
    world::{Node, Person, World},
};
use account::{RouteError, Sender};
use base::{Address, Kind, MailboxId, ModSeq, Uid};
use bytes::Bytes;
use futures_util::future::{Either, select};
use mail::{
    Accept, Change, EnvelopeRecipient, Error, Expunge, Flags, Mail, NewMessage, NewPath, Operation, Source, View,
};
use std::{fmt, pin::pin, sync::Arc, time::Duration};

/// Longest time of an operation in a storm; beyond it it hangs.
const OPERATION_TIME_MAX: Duration = Duration::from_secs(600);

/// A message, told by its number wherever it is.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) marker: u64,
    pub(crate) bytes: Bytes,
}

/// One request of one client.
#[derive(Clone)]
pub(crate) enum Act {
    /// To addresses; the people behind each of them.
    Deliver {
        letter: Letter,
        to: Vec<(Address, Vec<usize>)>,
    },
    Append {
        mailbox: MailboxId,
        letters: Vec<Letter>,
        flags: Vec<&'static str>,
    },
    Store {
        mailbox: MailboxId,
        uids: Vec<Uid>,
        operation: Operation,
        flags: Vec<&'static str>,
        unchanged_since: Option<ModSeq>,
    },
    Copy {
        from: MailboxId,
        to: MailboxId,
        uids: Vec<Uid>,
    },
    Move {
        from: MailboxId,
        to: MailboxId,
        uids: Vec<Uid>,
    },
    Expunge {
        mailbox: MailboxId,
        uids: Vec<Uid>,
        all: bool,
    },
    Create {
        path: String,
    },
    Rename {
        id: MailboxId,
        inbox: bool,
        path: String,
    },
    Delete {
        id: MailboxId,
    },
    Fetch {
        mailbox: MailboxId,
        uids: Vec<Uid>,
    },
    /// For other hosts.
    Submit {
        letter: Letter,
        to: Vec<Address>,
    },
    /// A worker looks at the queue.
    Work,
    /// A node says that it lives, and looks after its peers.
    Tend,
    /// A session looks for news of the mailbox it has open.
    Refresh {
        view: Arc<View>,
    },
}

/// What an operation was told.
#[derive(Debug)]
pub(crate) enum Ack {
    /// For each address of the envelope whether it was taken.
    Delivered(Vec<Result<(), Kind>>),
    Appended(Vec<Uid>),
    /// Uids left alone.
    Stored(Vec<Uid>),
    Placed(Vec<(Uid, Uid)>),
    Expunged(Vec<Uid>),
    Created(MailboxId),
    Done,
    /// Uids with the number of the message that was read.
    Fetched(Vec<(Uid, u64)>),
    Refreshed(Arc<View>),
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Told(Ack),
    /// Refused for good: it did nothing.
    Refused(Kind),
    /// It may have happened.
    Unsure(String),
    /// What must never be told.
    Broken(String),
}

/// A request on its way to a node.
pub(crate) struct Step {
    pub(crate) node: usize,
    /// Whose account; nobody's for deliveries.
    pub(crate) who: Option<usize>,
    pub(crate) act: Act,
    pub(crate) warrant: Arc<Warrant>,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |uids: &[Uid]| uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        match self {
            Act::Deliver { letter, to } => {
                let to: Vec<String> = to.iter().map(|(a, _)| a.to_string()).collect();
                write!(f, "deliver m{} ({} bytes) to {}", letter.marker, letter.bytes.len(), to.join(" "))
            }
            Act::Append { mailbox, letters, flags } => {
                let letters: Vec<String> = letters.iter().map(|l| format!("m{}", l.marker)).collect();
                write!(f, "append {} to {} {flags:?}", letters.join(" "), mailbox.0)
            }
            Act::Store { mailbox, uids, operation, flags, unchanged_since } => {
                write!(f, "store {} in {}: {operation:?} {flags:?} since {unchanged_since:?}", ids(uids), mailbox.0)
            }
            Act::Copy { from, to, uids } => write!(f, "copy {} from {} to {}", ids(uids), from.0, to.0),
            Act::Move { from, to, uids } => write!(f, "move {} from {} to {}", ids(uids), from.0, to.0),
            Act::Expunge { mailbox, uids, all } => write!(f, "expunge {} in {} all={all}", ids(uids), mailbox.0),
            Act::Create { path } => write!(f, "create {path}"),
            Act::Rename { id, path, inbox } => write!(f, "rename {} to {path} inbox={inbox}", id.0),
            Act::Delete { id } => write!(f, "delete {}", id.0),
            Act::Submit { letter, to } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                write!(f, "submit m{} to {}", letter.marker, to.join(" "))
            }
            Act::Work => f.write_str("work on the queue"),
            Act::Tend => f.write_str("look after the nodes"),
            Act::Fetch { mailbox, uids } => write!(f, "fetch {} in {}", ids(uids), mailbox.0),
            Act::Refresh { view } => write!(f, "refresh {} from modseq {}", view.mailbox.0, view.modseq),
        }
    }
}

impl Step {
    /// Sends the request; the answer, or the node's death.
    pub(crate) async fn perform(&self, node: &Node, world: &World) -> Outcome {
        let work = OPERATION.scope(self.warrant.clone(), self.run(node, world));
        let work = pin!(tokio::time::timeout(OPERATION_TIME_MAX, work));
        let death = pin!(node.fuse.death());
        match select(work, death).await {
            Either::Left((Ok(Ok(ack)), _)) => Outcome::Told(ack),
            Either::Left((Ok(Err(e)), _)) => match e.kind {
                Kind::Unavailable => Outcome::Unsure(e.to_string()),
                Kind::Corrupt => Outcome::Broken(e.to_string()),
                kind => Outcome::Refused(kind),
            },
            Either::Left((Err(_), _)) => Outcome::Broken("the operation does not end".to_owned()),
            Either::Right(_) => Outcome::Unsure("the node died".to_owned()),
        }
    }

    async fn run(&self, node: &Node, world: &World) -> Result<Ack, Error> {
        let mail = &node.mail;
        match &self.act {
            Act::Tend => return tend(node).await,
            Act::Deliver { letter, to } => return deliver(mail, &world.people, letter, to).await,
            Act::Work => return post::work(mail, &world.host).await,
            _ => {}
        }
        let person = self.who.and_then(|n| world.people.get(n)).ok_or_else(|| Error::not_found("person"))?;
        let scope = &person.scope;
        match &self.act {
            Act::Deliver { .. } | Act::Work | Act::Tend => Err(Error::not_found("person")),
            Act::Submit { letter, to } => post::submit(mail, person, letter, to).await,
            Act::Append { mailbox, letters, flags } => {
                let flags = Flags::from_names(flags.iter().copied());
                let new: Vec<NewMessage> = letters
                    .iter()
                    .map(|l| NewMessage { bytes: l.bytes.clone(), flags: flags.clone(), received_at: None })
                    .collect();
                mail.append(scope, *mailbox, &new).await.map(Ack::Appended)
            }
            Act::Store { mailbox, uids, operation, flags, unchanged_since } => {
                let flags = Flags::from_names(flags.iter().copied());
                let change = Change { operation: *operation, flags, unchanged_since: *unchanged_since };
                let outcome = mail.store_flags(scope, *mailbox, uids, &change).await?;
                Ok(Ack::Stored(outcome.modified.into_iter().chain(outcome.missing).collect()))
            }
            Act::Copy { from, to, uids } => mail.copy(scope, *from, *to, uids).await.map(Ack::Placed),
            Act::Move { from, to, uids } => {
                let moved = mail.move_messages(scope, *from, *to, uids).await?;
                moved.stopped.map_or(Ok(Ack::Placed(moved.pairs)), Err)
            }
            Act::Expunge { mailbox, uids, all } => {
                let what = if *all { Expunge::All(uids) } else { Expunge::Deleted(uids) };
                mail.expunge(scope, *mailbox, what).await.map(Ack::Expunged)
            }
            Act::Create { path } => mail.create_mailbox(scope, &NewPath::parse(path)?, "").await.map(Ack::Created),
            Act::Rename { id, path, .. } => {
                mail.rename_mailbox(scope, *id, &NewPath::parse(path)?).await.map(|()| Ack::Done)
            }
            Act::Delete { id } => mail.delete_mailbox(scope, *id).await.map(|()| Ack::Done),
            Act::Fetch { mailbox, uids } => {
                let view = mail.open(scope, *mailbox).await?;
                let mut read = Vec::new();
                for uid in uids {
                    let Some((_, row)) = view.find(*uid) else { continue };
                    match mail.accounts().read(scope).body(row.email, None).await {
                        Ok(body) => read.push((*uid, number(&body))),
                        Err(e) if e.kind == Kind::NotFound => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(Ack::Fetched(read))
            }
            Act::Refresh { view } => mail.refresh(scope, view).await.map(Ack::Refreshed),
        }
    }
}

/// As a node does every second.
async fn tend(node: &Node) -> Result<Ack, Error> {
    let accounts = node.mail.accounts();
    match accounts.beat().await {
        Err(e) if e.kind == Kind::TooOld => drop(accounts.join("sim", &[]).await?),
        beaten => beaten?,
    }
    // Looks of one node come one after the other.
    let mut peers = std::mem::take(&mut *node.peers.lock());
    let watched = accounts.watch(&mut peers).await;
    *node.peers.lock() = peers;
    watched.map(|_| Ack::Done)
}

async fn deliver(mail: &Mail, people: &[Person], letter: &Letter, to: &[(Address, Vec<usize>)]) -> Result<Ack, Error> {
    let mut recipients = Vec::with_capacity(to.len());
    for (address, _) in to {
        let route = match mail.accounts().route(address, Sender::Stranger).await {
            Ok(route) => route,
            Err(RouteError::Failed(e)) => return Err(Error { kind: Kind::Throttled, ..e }),
            Err(other) => return Err(Error::corrupt(format!("{address} leads nowhere: {other:?}"))),
        };
        recipients.push(EnvelopeRecipient {
            address: address.clone(),
            route: Some(route),
            notify: 0,
            orcpt: String::new(),
        });
    }
    let sender = people.first().map(|p| &p.address);
    let request = Accept::new(Source::Relay, sender, &recipients, &letter.bytes);
    let accepted = mail.accept(request).await?;
    Ok(Ack::Delivered(accepted.results.into_iter().map(|r| r.map_err(|e| e.kind)).collect()))
}

/// The number that the model knows a stored message by; 0 for what is none of ours.
fn number(body: &[u8]) -> u64 {
    match post::bounce(body) {
        Some((about, _)) => BOUNCES + about,
        None if is_notice(body) => NOTICES,
        None => marker(body).unwrap_or(0),
    }
}

/// The number of a message, from its bytes.
pub(crate) fn marker(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..bytes.len().min(1_000))?;
    let text = String::from_utf8_lossy(head);
    text.split("X-Sim: ").nth(1)?.split("\r\n").next()?.parse().ok()
}
