//! SUMMARY    A mailbox as a session sees it: rows in uid order, shared between sessions, brought up to date by the change log.
//! LIMITS     VIEW_CHUNK_ROWS
//! INVARIANTS A view never changes; `refresh` gives a newer one that shares all chunks that did not change, so that a delivery
//!            costs a session the same in a mailbox of ten and of a million messages.

use crate::{Mail, Result};
use account::{AccountScope, CanRead, ChangeKind, ObjectType, Reader, record::RowRecord};
use base::{AccountId, EmailId, Kind, MailboxId, ModSeq, ThreadId, Uid, UidValidity};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// Rows of a chunk; a full one is split in two.
const VIEW_CHUNK_ROWS: usize = 512;
/// Rows of all views kept for the next session; beyond it all are dropped.
const CACHED_ROWS_MAX: usize = 200_000;

/// One message of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub uid: Uid,
    pub size: u32,
    pub email: EmailId,
    pub modseq: ModSeq,
    pub flags: u64,
    /// INTERNALDATE, seconds since the epoch.
    pub received_at_secs: i64,
    pub saved_at_secs: i64,
    pub thread: ThreadId,
}

impl Row {
    fn new(uid: Uid, r: &RowRecord) -> Self {
        Row {
            uid,
            size: r.size,
            email: EmailId(r.email),
            modseq: ModSeq(r.modseq),
            flags: r.flags,
            received_at_secs: r.received_at_secs,
            saved_at_secs: r.saved_at_secs,
            thread: ThreadId(r.thread),
        }
    }
}

/// A mailbox at one modseq. Sequence numbers are 1-based positions.
#[derive(Debug, Clone)]
pub struct View {
    pub mailbox: MailboxId,
    pub uid_validity: UidValidity,
    pub uid_next: Uid,
    /// HIGHESTMODSEQ of the mailbox.
    pub modseq: ModSeq,
    /// Modseq of the account up to which changes are in.
    synced: ModSeq,
    chunks: Vec<Arc<Vec<Row>>>,
    len: usize,
}

/// What lies between two views.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ViewChanges {
    /// Uids that are gone, ascending.
    pub expunged: Vec<Uid>,
    /// Uids whose row changed, ascending; new ones are not among them.
    pub changed: Vec<Uid>,
    /// Messages that are new.
    pub added: usize,
}

impl View {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Rows in uid order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.chunks.iter().flat_map(|c| c.iter())
    }

    /// The row at a sequence number (1-based).
    pub fn at(&self, seq: u32) -> Option<&Row> {
        let mut index = (seq as usize).checked_sub(1)?;
        for chunk in &self.chunks {
            match chunk.get(index) {
                Some(row) => return Some(row),
                None => index -= chunk.len(),
            }
        }
        None
    }

    /// Sequence number and row of a uid.
    pub fn find(&self, uid: Uid) -> Option<(u32, &Row)> {
        let mut before = 0;
        for chunk in &self.chunks {
            if chunk.last().is_some_and(|last| last.uid >= uid) {
                let at = chunk.binary_search_by_key(&uid, |r| r.uid).ok()?;
                return Some((u32::try_from(before + at + 1).ok()?, chunk.get(at)?));
            }
            before += chunk.len();
        }
        None
    }

    /// Rows with uids in `from..=to`, with their sequence numbers.
    pub fn range(&self, from: Uid, to: Uid) -> impl Iterator<Item = (u32, &Row)> {
        let mut before = 0usize;
        let starts: Vec<(usize, &Arc<Vec<Row>>)> = self
            .chunks
            .iter()
            .map(|c| {
                let start = before;
                before += c.len();
                (start, c)
            })
            .filter(|(_, c)| c.last().is_some_and(|r| r.uid >= from) && c.first().is_some_and(|r| r.uid <= to))
            .collect();
        starts.into_iter().flat_map(move |(start, chunk)| {
            let first = chunk.partition_point(|r| r.uid < from);
            let numbered = (start + first + 1..).zip(chunk.iter().skip(first));
            numbered.take_while(move |(_, r)| r.uid <= to).map(|(n, r)| (n as u32, r))
        })
    }

    /// First unseen message's sequence number.
    pub fn first_unseen(&self) -> Option<u32> {
        self.rows().position(|r| r.flags & account::SEEN == 0).and_then(|i| u32::try_from(i + 1).ok())
    }

    /// Difference to a newer view of the same mailbox. Shared chunks are skipped.
    pub fn changes_to(&self, newer: &View) -> ViewChanges {
        let mut changes = ViewChanges::default();
        let (mut old, mut new) = (Walk::new(self), Walk::new(newer));
        loop {
            Walk::skip_shared(&mut old, &mut new);
            match (old.row().copied(), new.row().copied()) {
                (Some(a), Some(b)) if a.uid == b.uid => {
                    if a != b {
                        changes.changed.push(a.uid);
                    }
                    old.step();
                    new.step();
                }
                (Some(a), Some(b)) if a.uid < b.uid => {
                    changes.expunged.push(a.uid);
                    old.step();
                }
                (_, Some(_)) => {
                    changes.added += 1;
                    new.step();
                }
                (Some(a), None) => {
                    changes.expunged.push(a.uid);
                    old.step();
                }
                (None, None) => return changes,
            }
        }
    }

    /// This view with the flags of a newer one, for a session that may not be told yet which messages went and came. It stays at
    /// its modseq. `with_modseqs`: the rows' modseqs too; without them the same changes are found again later.
    pub fn with_flags_of(&self, newer: &View, changed: &[Uid], with_modseqs: bool) -> View {
        let mut view = self.clone();
        for uid in changed {
            let (Some((_, old)), Some((_, new))) = (self.find(*uid), newer.find(*uid)) else { continue };
            let modseq = if with_modseqs { new.modseq } else { old.modseq };
            view.set(Row { modseq, ..*new });
        }
        view
    }

    fn set(&mut self, row: Row) {
        let at = self.chunks.partition_point(|c| c.last().is_some_and(|l| l.uid < row.uid));
        let at = if at == self.chunks.len() { at.saturating_sub(1) } else { at };
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![row]));
            self.len += 1;
            return;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by_key(&row.uid, |r| r.uid) {
            Ok(i) => {
                if let Some(slot) = chunk.get_mut(i) {
                    *slot = row;
                }
            }
            Err(i) => {
                self.len += 1;
                if i == chunk.len() && chunk.len() >= VIEW_CHUNK_ROWS {
                    let mut fresh = Vec::with_capacity(16);
                    fresh.push(row);
                    self.chunks.insert(at + 1, Arc::new(fresh));
                } else {
                    chunk.insert(i, row);
                }
            }
        }
    }

    fn remove(&mut self, uid: Uid) {
        let at = self.chunks.partition_point(|c| c.last().is_some_and(|l| l.uid < uid));
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(i) = chunk.binary_search_by_key(&uid, |r| r.uid) {
            Arc::make_mut(chunk).remove(i);
            self.len -= 1;
            if chunk.is_empty() {
                self.chunks.remove(at);
            }
        }
    }
}

/// A position in a view.
struct Walk<'v> {
    chunks: &'v [Arc<Vec<Row>>],
    chunk: usize,
    index: usize,
}

impl<'v> Walk<'v> {
    fn new(view: &'v View) -> Self {
        Walk { chunks: &view.chunks, chunk: 0, index: 0 }
    }
    fn row(&self) -> Option<&'v Row> {
        self.chunks.get(self.chunk)?.get(self.index)
    }
    fn step(&mut self) {
        self.index += 1;
        if self.chunks.get(self.chunk).is_some_and(|c| self.index >= c.len()) {
            self.chunk += 1;
            self.index = 0;
        }
    }
    fn skip_shared(a: &mut Self, b: &mut Self) {
        while a.index == 0
            && b.index == 0
            && let (Some(x), Some(y)) = (a.chunks.get(a.chunk), b.chunks.get(b.chunk))
            && Arc::ptr_eq(x, y)
        {
            a.chunk += 1;
            b.chunk += 1;
        }
    }
}

/// Views of mailboxes that were opened lately.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<(AccountId, MailboxId), Arc<View>>>);

impl Cache {
    fn find(&self, account: AccountId, mailbox: MailboxId) -> Option<Arc<View>> {
        self.0.lock().get(&(account, mailbox)).cloned()
    }

    fn keep(&self, account: AccountId, view: &Arc<View>) {
        let mut views = self.0.lock();
        views.insert((account, view.mailbox), view.clone());
        if views.values().map(|v| v.len() + 1).sum::<usize>() > CACHED_ROWS_MAX {
            views.retain(|_, v| Arc::strong_count(v) > 1);
            if views.values().map(|v| v.len() + 1).sum::<usize>() > CACHED_ROWS_MAX {
                views.clear();
            }
        }
    }

    fn forget(&self, account: AccountId, mailbox: MailboxId) {
        self.0.lock().remove(&(account, mailbox));
    }
}

impl Mail {
    /// Opens a mailbox at the newest durable version; `NotFound` if there is none.
    pub async fn open<R: CanRead>(&self, scope: &AccountScope<R>, mailbox: MailboxId) -> Result<Arc<View>> {
        if let Some(known) = self.0.views.find(scope.account(), mailbox) {
            return self.refresh(scope, &known).await;
        }
        let mut reader = self.accounts().read(scope);
        let view = Arc::new(load(&mut reader, mailbox).await?);
        self.0.views.keep(scope.account(), &view);
        Ok(view)
    }

    /// The newest view of the same mailbox; the same one if nothing changed. `NotFound` when the mailbox is gone.
    pub async fn refresh<R: CanRead>(&self, scope: &AccountScope<R>, view: &Arc<View>) -> Result<Arc<View>> {
        let newest = match self.0.views.find(scope.account(), view.mailbox) {
            Some(known) if known.synced >= view.synced => known,
            _ => view.clone(),
        };
        let mut reader = self.accounts().read(scope);
        match catch_up(&mut reader, &newest).await {
            Ok(None) => Ok(newest),
            Ok(Some(next)) => {
                let next = Arc::new(next);
                self.0.views.keep(scope.account(), &next);
                Ok(next)
            }
            Err(e) if e.kind == Kind::TooOld => {
                reader.renew();
                let view = Arc::new(load(&mut reader, newest.mailbox).await?);
                self.0.views.keep(scope.account(), &view);
                Ok(view)
            }
            Err(e) => {
                self.0.views.forget(scope.account(), view.mailbox);
                Err(e)
            }
        }
    }
}

async fn load(reader: &mut Reader, mailbox: MailboxId) -> Result<View> {
    let mut view = header(reader, mailbox).await?;
    let mut next = Some(Uid(1));
    let mut chunk = Vec::with_capacity(VIEW_CHUNK_ROWS);
    while let Some(from) = next {
        let page = reader.rows(mailbox, from).await?;
        for (uid, record) in &page.rows {
            chunk.push(Row::new(*uid, record));
            view.len += 1;
            if chunk.len() == VIEW_CHUNK_ROWS {
                view.chunks.push(Arc::new(std::mem::replace(&mut chunk, Vec::with_capacity(VIEW_CHUNK_ROWS))));
            }
        }
        next = page.next;
    }
    if !chunk.is_empty() {
        chunk.shrink_to_fit();
        view.chunks.push(Arc::new(chunk));
    }
    Ok(view)
}

async fn header(reader: &mut Reader, mailbox: MailboxId) -> Result<View> {
    let gone = || account::Error::not_found("mailbox");
    let record = reader.mailbox(mailbox).await?.ok_or_else(gone)?;
    let state = reader.mailbox_state(mailbox).await?.ok_or_else(gone)?;
    let account = reader.state().await?.ok_or_else(gone)?;
    Ok(View {
        mailbox,
        uid_validity: UidValidity(record.uid_validity),
        uid_next: Uid(state.uid_next),
        modseq: ModSeq(state.modseq),
        synced: ModSeq(account.modseq),
        chunks: Vec::new(),
        len: 0,
    })
}

/// Applies the change log after `view`; `None` when there is nothing new in this mailbox.
async fn catch_up(reader: &mut Reader, view: &View) -> Result<Option<View>> {
    let now = header(reader, view.mailbox).await?;
    if now.synced == view.synced {
        return Ok(None);
    }
    let mut next = View { chunks: view.chunks.clone(), len: view.len, ..now };
    for (_, uid) in reader.vanished(view.mailbox, view.synced).await? {
        next.remove(uid);
    }
    for change in reader.changes(ObjectType::Email, view.synced).await? {
        if change.kind == ChangeKind::Destroyed {
            continue;
        }
        for place in change.memberships.iter().filter(|m| m.mailbox == view.mailbox.0) {
            let uid = Uid(place.uid);
            if let Some(record) = reader.row(view.mailbox, uid).await? {
                next.set(Row::new(uid, &record));
            }
        }
    }
    Ok(Some(next))
}
