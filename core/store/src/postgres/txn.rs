//! SUMMARY    One transaction on PostgreSQL: reads in a snapshot of the server with its own writes merged over them.
//! LIMITS     KV_KEY_BYTES_MAX, KV_TXN_MS_MAX, KV_KEYS_END, KV_PAGE_ROWS_MAX, KV_PAGE_BYTES_MAX
//! INVARIANTS The snapshot is taken with the first read. A connection is given back at KV_TXN_MS_MAX, whether or not its
//!            transaction was dropped: a snapshot keeps the server from cleaning up.

use super::{Shared, committer::is_server_ending, group::KEY_INDEXED_BYTES_MAX};
use crate::{
    draft::Draft,
    kv::{BoxFuture, CommitError, Committed, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError, Version},
    layer::{Patch, Slice},
    page::{self, Base, Scan},
};
use base::limits::{KV_KEY_BYTES_MAX, KV_KEYS_END, KV_PAGE_BYTES_MAX, KV_PAGE_ROWS_MAX, KV_TXN_MS_MAX};
use bytes::Bytes;
use parking_lot::Mutex as Plain;
use sqlx::{PgConnection, PgPool, Postgres, Row, Transaction};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const VERSION: &str = "SELECT coalesce(max(last), 0) FROM kv_log";
/// How long a read waits for a server that is away.
const READ_WAIT: Duration = Duration::from_secs(10);
/// Between two attempts to reach a server that is starting.
const PAUSE: Duration = Duration::from_millis(50);
/// How often connections of old transactions are looked for.
const OLD_LOOK: Duration = Duration::from_millis(500);

/// The server's side of a transaction; None before the first read and after its end.
type Snapshot = Mutex<Option<Transaction<'static, Postgres>>>;
type Slot = Arc<Snapshot>;

/// Transactions with a connection, oldest first.
#[derive(Default)]
pub(crate) struct OpenTransactions(Plain<VecDeque<(Instant, Weak<Snapshot>)>>);

/// Gives connections back whose transactions are too old, until the store is gone.
pub(crate) async fn end_old(shared: Weak<Shared>) {
    let age = Duration::from_millis(KV_TXN_MS_MAX);
    loop {
        tokio::time::sleep(OLD_LOOK).await;
        let Some(shared) = shared.upgrade() else { return };
        loop {
            let old = {
                let mut open = shared.open.0.lock();
                match open.front() {
                    Some((began, _)) if began.elapsed() > age => open.pop_front(),
                    _ => break,
                }
            };
            if let Some(slot) = old.and_then(|(_, slot)| slot.upgrade())
                && let Ok(mut slot) = slot.try_lock()
            {
                drop(slot.take());
            }
        }
    }
}

pub(crate) struct PostgresTxn {
    shared: Arc<Shared>,
    draft: Draft,
    slot: Slot,
    began: Instant,
    opened: bool,
    /// Newest commit the node knew when the transaction began: what was promised not to change is checked from there.
    floor: u64,
    /// Last commit in the snapshot, once it was asked for.
    version: Option<u64>,
    /// Values read so far: the snapshot stands still.
    seen: HashMap<Vec<u8>, Option<Slice>>,
}

pub(super) fn read_failed(why: &sqlx::Error) -> ReadError {
    if is_server_ending(why) {
        // The snapshot is gone; a new transaction may find the server again.
        return ReadError::TooOld;
    }
    ReadError::Fatal(format!("PostgreSQL: {why}"))
}

/// A snapshot on `pool`, waiting for a server that is just starting.
async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, ReadError> {
    let until = Instant::now() + READ_WAIT;
    loop {
        match pool.begin_with(BEGIN).await {
            Ok(txn) => return Ok(txn),
            Err(why) if is_server_ending(&why) && Instant::now() < until => tokio::time::sleep(PAUSE).await,
            Err(why) => return Err(ReadError::Fatal(format!("PostgreSQL: {why}"))),
        }
    }
}

pub(super) async fn version_of(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let version: i64 = sqlx::query_scalar(VERSION).fetch_one(connection).await?;
    Ok(u64::try_from(version).unwrap_or_default())
}

impl PostgresTxn {
    pub(super) fn new(shared: Arc<Shared>, writable: bool) -> Self {
        let floor = shared.known();
        PostgresTxn {
            shared,
            draft: Draft::new(writable),
            slot: Slot::default(),
            began: Instant::now(),
            opened: false,
            floor,
            version: None,
            seen: HashMap::new(),
        }
    }

    fn is_too_old(&self) -> bool {
        self.began.elapsed() > Duration::from_millis(KV_TXN_MS_MAX)
    }

    /// Takes the snapshot.
    async fn open(&mut self) -> Result<(), ReadError> {
        if self.opened {
            return Ok(());
        }
        let mut txn = None;
        if !self.draft.is_writable() {
            txn = self.on_replica().await;
        }
        let txn = match txn {
            Some(txn) => txn,
            None => begin(&self.shared.pool).await?,
        };
        // From here on it ages: what it waited for a connection does not count against it.
        self.began = Instant::now();
        self.slot = Arc::new(Mutex::new(Some(txn)));
        self.shared.open.0.lock().push_back((self.began, Arc::downgrade(&self.slot)));
        self.opened = true;
        Ok(())
    }

    /// A snapshot on a replica, if there is one that has all the primary has acknowledged.
    async fn on_replica(&mut self) -> Option<Transaction<'static, Postgres>> {
        let replicas = &self.shared.replicas;
        let replica = replicas.get(usize::try_from(self.floor).unwrap_or_default() % replicas.len().max(1))?;
        let newest: i64 = sqlx::query_scalar(VERSION).fetch_one(&self.shared.pool).await.ok()?;
        let mut txn = replica.begin_with(BEGIN).await.ok()?;
        let version = version_of(&mut txn).await.ok()?;
        (i64::try_from(version).unwrap_or_default() >= newest).then_some(txn)
    }

    async fn fetch(&mut self, key: &[u8]) -> Result<Option<Slice>, ReadError> {
        if let Some(value) = self.seen.get(key) {
            return Ok(value.clone());
        }
        self.open().await?;
        let mut slot = self.slot.lock().await;
        let connection = slot.as_mut().ok_or(ReadError::TooOld)?;
        let statement = if key.len() <= KEY_INDEXED_BYTES_MAX {
            "SELECT value FROM kv WHERE key = $1"
        } else {
            "SELECT value FROM kv_long WHERE head = substr($1, 1, 2000) AND key = $1"
        };
        let row = sqlx::query(statement).bind(key).fetch_optional(&mut **connection).await;
        let row = row.map_err(|why| read_failed(&why))?;
        let value = row.map(|row| row.try_get::<&[u8], _>(0).map(Slice::from)).transpose();
        let value = value.map_err(|why| read_failed(&why))?;
        drop(slot);
        self.seen.insert(key.to_vec(), value.clone());
        Ok(value)
    }

    async fn read_point(&mut self, key: Vec<u8>, read: Read) -> Result<Option<Bytes>, ReadError> {
        if key.len() > KV_KEY_BYTES_MAX {
            return Err(ReadError::KeyTooLarge);
        }
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        if key.is_empty() || key.as_slice() >= KV_KEYS_END {
            return Ok(None);
        }
        self.draft.note_point(&self.shared.hasher, &key, read);
        let base = match self.draft.own.lookup(&key) {
            Some(Patch::Put(_) | Patch::Gone) => None,
            Some(Patch::Add(_)) | None => self.fetch(&key).await?,
        };
        let base = Fetched(base.map(|value| (Slice::from(key.as_slice()), value)).into_iter().collect());
        let found = page::lookup(&key, &[&self.draft.own], &base).map_err(ReadError::Fatal)?;
        Ok(found.map(page::to_bytes))
    }

    async fn read_page(
        &mut self,
        range: KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> Result<Page, ReadError> {
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        let mut range = range;
        if range.to.as_slice() > KV_KEYS_END {
            range.to = KV_KEYS_END.to_vec();
        }
        let limit = limit_of(limit);
        if range.is_empty() {
            return Ok(Page::default());
        }
        self.open().await?;
        let (whole_from, whole_to) = (range.from.clone(), range.to.clone());
        let mut page = Page::default();
        let mut room = limit;
        loop {
            let (rows, more) = self.fetch_page(&range, room, reverse).await?;
            // What is built may reach as far as what was fetched.
            let (mut from, mut to) = (range.from.clone(), range.to.clone());
            if let Some((last, _)) = rows.last().filter(|_| more) {
                if reverse {
                    from = last.to_vec();
                } else {
                    to = [last.as_ref(), &[0]].concat();
                }
            }
            let base = Fetched(rows);
            let built = page::build(&from, &to, room, reverse, &[&self.draft.own], &base).map_err(ReadError::Fatal)?;
            page.more = built.more || more;
            room.rows -= built.rows.len();
            room.bytes = room.bytes.saturating_sub(built.rows.iter().map(|(key, value)| key.len() + value.len()).sum());
            page.rows.extend(built.rows);
            if built.more || !more || room.rows == 0 || room.bytes == 0 {
                self.draft.note_page(&whole_from, &whole_to, &page, reverse, read);
                return Ok(page);
            }
            // This transaction cleared some of what was fetched: on behind it.
            if reverse {
                range.to = from;
            } else {
                range.from = to;
            }
        }
    }

    /// Committed rows of `range` in the order asked for, and whether there are more.
    async fn fetch_page(
        &mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
    ) -> Result<(Vec<(Slice, Slice)>, bool), ReadError> {
        let mut slot = self.slot.lock().await;
        let connection = slot.as_mut().ok_or(ReadError::TooOld)?;
        fetch_rows(connection, range, limit, reverse).await.map_err(|why| read_failed(&why))
    }

    /// The version that its reads saw, for validation; closes the snapshot.
    async fn read_version(&mut self) -> Result<u64, CommitError> {
        if !self.opened {
            return Ok(self.floor);
        }
        let mut slot = self.slot.lock().await;
        let mut txn = slot.take().ok_or(CommitError::TooOld)?;
        let version = match self.version {
            Some(version) => version,
            None => version_of(&mut txn).await.map_err(|why| {
                if is_server_ending(&why) {
                    CommitError::TooOld
                } else {
                    CommitError::Fatal(format!("PostgreSQL: {why}"))
                }
            })?,
        };
        Ok(version)
    }

    async fn finish(mut self: Box<Self>) -> Result<Committed, CommitError> {
        if self.draft.is_read_only() {
            self.open().await.map_err(|why| match why {
                ReadError::TooOld | ReadError::KeyTooLarge => CommitError::TooOld,
                ReadError::Fatal(why) => CommitError::Fatal(why),
            })?;
        }
        let version = self.read_version().await?;
        if self.draft.is_read_only() {
            return Ok(Committed::alone(Version(version)));
        }
        let prepared = self.draft.prepare(&self.shared.hasher, version);
        let answer = self.shared.enqueue(prepared)?;
        match answer.await {
            Ok(result) => result.map(|version| Committed::alone(Version(version))),
            Err(_) => Err(CommitError::Unknown),
        }
    }
}

/// A page: at most $3 rows, cut after the row with which it has $4 bytes; and how many rows it would have had uncut.
macro_rules! page_of {
    ($order:literal) => {
        concat!(
            "SELECT key, value, total FROM (SELECT key, value, count(*) OVER () AS total, ",
            "sum(octet_length(key) + octet_length(value)) OVER (ORDER BY key ",
            $order,
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (",
            "(SELECT key, value FROM kv WHERE key >= $1 AND key < $2 ORDER BY key ",
            $order,
            " LIMIT $3) UNION ALL ",
            "(SELECT key, value FROM kv_long WHERE head >= substr($1, 1, 2000) AND head <= substr($2, 1, 2000) ",
            "AND key >= $1 AND key < $2 ORDER BY key ",
            $order,
            " LIMIT $3) ORDER BY key ",
            $order,
            " LIMIT $3) page) cut ",
            "WHERE before IS NULL OR before < $4 ORDER BY key ",
            $order
        )
    };
}
const ASCENDING: &str = page_of!("ASC");
const DESCENDING: &str = page_of!("DESC");

/// Rows of `range` in the order asked for, and whether there are more.
pub(super) async fn fetch_rows(
    connection: &mut PgConnection,
    range: &KeyRange,
    limit: PageLimit,
    reverse: bool,
) -> Result<(Vec<(Slice, Slice)>, bool), sqlx::Error> {
    let statement = if reverse { DESCENDING } else { ASCENDING };
    let rows = sqlx::query(statement)
        .bind(range.from.as_slice())
        .bind(range.to.as_slice())
        .bind(i64::try_from(limit.rows + 1).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit.bytes).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    let mut total = 0;
    for row in &rows {
        let (key, value) = (row.try_get::<&[u8], _>(0)?, row.try_get::<&[u8], _>(1)?);
        found.push((Slice::from(key), Slice::from(value)));
        total = row.try_get::<i64, _>(2)?;
    }
    let mut more = i64::try_from(found.len()).unwrap_or(i64::MAX) < total;
    if found.len() > limit.rows {
        found.truncate(limit.rows);
        more = true;
    }
    Ok((found, more))
}

/// What a page may hold at most.
pub(super) fn limit_of(limit: PageLimit) -> PageLimit {
    PageLimit { rows: limit.rows.clamp(1, KV_PAGE_ROWS_MAX), bytes: limit.bytes.clamp(1, KV_PAGE_BYTES_MAX) }
}

/// Rows in the order they were fetched in.
pub(super) struct Fetched(pub(super) Vec<(Slice, Slice)>);

impl Base for Fetched {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, String> {
        Ok(self.0.iter().find(|(known, _)| known.as_ref() == key).map(|(_, value)| value.clone()))
    }

    fn scan(&self, _from: &[u8], _to: &[u8], _reverse: bool) -> Scan<'_> {
        Box::new(self.0.iter().cloned().map(Ok))
    }
}

impl KvTxn for PostgresTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        let key = key.to_vec();
        Box::pin(self.read_point(key, read))
    }

    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let range = range.clone();
        Box::pin(self.read_page(range, limit, reverse, read))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.draft.set(key, value);
    }

    fn clear(&mut self, key: &[u8]) {
        self.draft.clear(key);
    }

    fn clear_range(&mut self, range: &KeyRange) {
        self.draft.clear_range(range);
    }

    fn add(&mut self, key: &[u8], delta: i64) {
        self.draft.add(key, delta);
    }

    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.draft.set_versionstamped(prefix, suffix, value);
    }

    fn must_not_change(&mut self, range: &KeyRange) {
        self.draft.must_not_change(range);
    }

    fn is_read_only(&self) -> bool {
        self.draft.is_read_only()
    }

    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        self.draft.check(self.is_too_old())?;
        // On a task of its own: a commit goes on though its caller goes away.
        let finished = tokio::spawn(self.finish());
        Ok(Box::pin(async move { finished.await.unwrap_or(Err(CommitError::Unknown)) }))
    }
}
