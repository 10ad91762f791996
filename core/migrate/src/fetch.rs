//! SUMMARY    Messages of an open folder: several commands in flight, bodies collected, handed over in batches.
//! STANDARDS  RFC 9051 §6.4.5 (BODY.PEEK), §5.5 (several commands in progress)
//! SECURITY   Only what was asked for is taken, once. Sizes are those of the bytes that came.
//! LIMITS     MIGRATE_FETCHES_MAX, MIGRATE_BATCH_EMAILS_MAX, MIGRATE_BATCH_BYTES_MAX, MESSAGE_BYTES_MAX
//! INVARIANTS Whatever a source sends for small sizes, what is held are batches of MIGRATE_BATCH_BYTES_MAX and one message. What a command
//!            refused is asked one by one; what is refused then is told.

use std::collections::{BTreeSet, VecDeque};

use base::{
    Timestamp,
    limits::{MIGRATE_BATCH_BYTES_MAX, MIGRATE_BATCH_EMAILS_MAX, MIGRATE_FETCHES_MAX},
};
use bytes::Bytes;
use tokio::sync::mpsc;
use wire::imap::{
    NumSet,
    client::{Body, Fetched, Response, State, Status},
};

use crate::{Error, Result, link::Heard, report::cut, session::Session};

/// Responses until a command ends, beside those that it asked for.
const RESPONSES_OTHER: usize = 100_000;

/// A message as it came.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) uid: u32,
    /// As they are now; `None`: it did not say.
    pub(crate) flags: Option<Vec<String>>,
    pub(crate) labels: Vec<String>,
    pub(crate) date: Option<Timestamp>,
    pub(crate) bytes: Bytes,
}

/// Messages that came, and those that cannot come.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) got: Vec<Got>,
    pub(crate) failed: Vec<(u32, String)>,
    /// Messages that the source did not answer for: they are gone by now, or the next pass tries again.
    pub(crate) absent: usize,
    bytes: usize,
}

/// A command under way.
struct Flight {
    tag: String,
    asked: BTreeSet<u32>,
    is_single: bool,
    /// Why an answer since it began could not be read.
    unread: Option<&'static str>,
    batch: Batch,
}

/// Fetches messages; `wanted`: uid and size, ascending. Ends early, and without an error, when nobody takes batches any more.
pub(crate) async fn fetch(
    session: &mut Session,
    wanted: &[(u32, u64)],
    labels: bool,
    to: &mpsc::Sender<Batch>,
) -> Result<()> {
    let items =
        if labels { "UID FLAGS INTERNALDATE X-GM-LABELS BODY.PEEK[]" } else { "UID FLAGS INTERNALDATE BODY.PEEK[]" };
    let mut queue: VecDeque<Vec<u32>> = batches(wanted);
    let (mut flying, mut others): (VecDeque<Flight>, usize) = (VecDeque::new(), 0);
    loop {
        while flying.len() < MIGRATE_FETCHES_MAX
            && let Some(uids) = queue.pop_front()
        {
            let set: NumSet = uids.iter().copied().collect();
            let command = session.link.writer.uid_fetch(&set, items, None, false);
            session.link.send(&command).await?;
            let is_single = uids.len() == 1;
            let asked = uids.into_iter().collect();
            flying.push_back(Flight { tag: command.tag, asked, is_single, unread: None, batch: Batch::default() });
        }
        if flying.is_empty() {
            return Ok(());
        }
        let heard = tokio::select! {
            biased;
            () = to.closed() => return Ok(()),
            heard = session.link.next() => heard?,
        };
        others += 1;
        let ready = match heard {
            Heard { response: Response::Fetched(item), body } => took(&mut flying, *item, body),
            Heard { response: Response::Status(status), .. } => match ended(&mut flying, status)? {
                Some((batch, again)) => {
                    others = 0;
                    again.into_iter().rev().for_each(|uid| queue.push_front(vec![uid]));
                    Some(batch)
                }
                None => None,
            },
            Heard { response: Response::Unread(why), .. } => {
                flying.iter_mut().for_each(|flight| flight.unread = Some(why));
                None
            }
            Heard { .. } => None,
        };
        if others > RESPONSES_OTHER {
            return Err(Error::Garbled("it answers without end".to_owned()));
        }
        if let Some(batch) = ready
            && to.send(batch).await.is_err()
        {
            return Ok(());
        }
    }
}

/// What is asked at once.
fn batches(wanted: &[(u32, u64)]) -> VecDeque<Vec<u32>> {
    let mut batches = VecDeque::new();
    let (mut batch, mut bytes): (Vec<u32>, u64) = (Vec::new(), 0);
    for (uid, size) in wanted {
        let is_full =
            batch.len() >= MIGRATE_BATCH_EMAILS_MAX || bytes.saturating_add(*size) > MIGRATE_BATCH_BYTES_MAX as u64;
        if is_full && !batch.is_empty() {
            batches.push_back(std::mem::take(&mut batch));
            bytes = 0;
        }
        batch.push(*uid);
        bytes = bytes.saturating_add(*size);
    }
    if !batch.is_empty() {
        batches.push_back(batch);
    }
    batches
}

/// Takes a message that was asked for; a batch that is large enough goes.
fn took(flying: &mut VecDeque<Flight>, item: Fetched, body: Option<Option<Vec<u8>>>) -> Option<Batch> {
    let uid = item.uid?;
    let bytes = match (item.body?, body) {
        (Body::Pieces(_), Some(Some(bytes))) | (Body::Inline(bytes), _) => Ok(bytes),
        (Body::Pieces(size), _) => Err(format!("the message has {size} bytes (MESSAGE_BYTES_MAX)")),
        (Body::Missing, _) => Err("the source has no bytes of it".to_owned()),
    };
    let flight = flying.iter_mut().find(|flight| flight.asked.contains(&uid))?;
    flight.asked.remove(&uid);
    match bytes {
        Err(why) => flight.batch.failed.push((uid, why)),
        Ok(bytes) => {
            flight.batch.bytes += bytes.len();
            let Fetched { flags, internal_date, labels, .. } = item;
            let labels = labels.unwrap_or_default();
            flight.batch.got.push(Got { uid, flags, labels, date: internal_date, bytes: bytes.into() });
        }
    }
    (flight.batch.bytes >= MIGRATE_BATCH_BYTES_MAX).then(|| std::mem::take(&mut flight.batch))
}

/// A command has ended: its batch, and what is to be asked one by one.
fn ended(flying: &mut VecDeque<Flight>, status: Status) -> Result<Option<(Batch, Vec<u32>)>> {
    let Some(tag) = &status.tag else {
        return match status.state {
            State::Bye => Err(Error::Lost(format!("the source says good-bye: {}", status.text))),
            State::Ok | State::No | State::Bad | State::PreAuth => Ok(None),
        };
    };
    let Some(at) = flying.iter().position(|flight| flight.tag == *tag) else { return Ok(None) };
    let Some(Flight { asked, is_single, unread, mut batch, .. }) = flying.remove(at) else { return Ok(None) };
    if status.state == State::Ok {
        match unread.filter(|_| is_single) {
            Some(why) => batch.failed.extend(asked.iter().map(|uid| (*uid, why.to_owned()))),
            // One of them may be the one that could not be read: alone it is known.
            None if unread.is_some() => return Ok(Some((batch, asked.into_iter().collect()))),
            None => batch.absent = asked.len(),
        }
        return Ok(Some((batch, Vec::new())));
    }
    if is_single {
        batch.failed.extend(asked.iter().map(|uid| (*uid, cut(&status.text))));
        return Ok(Some((batch, Vec::new())));
    }
    Ok(Some((batch, asked.into_iter().collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_number_and_bytes() {
        let many: Vec<(u32, u64)> = (1..=450).map(|uid| (uid, 10)).collect();
        let sizes: Vec<usize> = batches(&many).iter().map(Vec::len).collect();
        assert_eq!(sizes, [200, 200, 50]);
        let large = [(1, 10), (2, MIGRATE_BATCH_BYTES_MAX as u64), (3, u64::MAX), (4, 1)];
        assert_eq!(batches(&large), [vec![1], vec![2], vec![3], vec![4]]);
        assert!(batches(&[]).is_empty());
    }
}
