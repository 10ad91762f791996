//! SUMMARY    SQLite: a short statement runs where it is asked for, a long one on a thread that may wait.
//! STANDARDS  docs/decisions/0031-short-statements-run-where-they-are-asked-for.md
//! LIMITS     HERE_MAX, HERE_STEPS, STEPS_BETWEEN, YIELD_AFTER, STATEMENTS_KEPT, COSTS_MAX
//! INVARIANTS A connection serves one at a time, and goes back to the others when who has it goes away, wherever it is then. What
//!            goes back inside a transaction is rolled back first. A statement that writes is never interrupted: SQLite would
//!            take back the whole transaction with it.

use super::statement::Value;
use crate::{
    Error, Result,
    error::{busy, failed},
};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, types::ValueRef};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a statement may have taken lately, to run where it is asked for.
const HERE_MAX: Duration = Duration::from_micros(200);
/// Steps of SQLite's machine, in STEPS_BETWEEN, after which a statement that reads goes on elsewhere: about 0.3 ms.
const HERE_STEPS: u32 = 10;
/// Steps of SQLite's machine between two looks at how many are left.
const STEPS_BETWEEN: i32 = 1_000;
/// How long the statements of one connection take before others get their turn.
const YIELD_AFTER: Duration = Duration::from_micros(200);
/// Prepared statements of a connection.
const STATEMENTS_KEPT: usize = 512;
/// Statements of which a connection knows what they took; beyond it all are forgotten.
const COSTS_MAX: usize = 4_096;

/// How the connections to a file are opened.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Connections at most.
    pub(super) max: usize,
    pub(super) cache_kib: u32,
    /// Pages of the write-ahead log after which they are written into the file.
    pub(super) checkpoint_pages: u32,
    /// Longest wait for a connection, or for another process that has the file.
    pub(super) wait: Duration,
}

/// Connections to one file, taken and given back.
pub(super) struct Connections {
    path: PathBuf,
    settings: Settings,
    idle: Mutex<Vec<Mutex<Opened>>>,
    seats: Arc<Semaphore>,
}

impl Connections {
    /// Opens the first one, so that what is wrong with the file is told now.
    pub(super) async fn open(path: &Path, settings: Settings) -> Result<Arc<Connections>> {
        let seats = Arc::new(Semaphore::new(settings.max));
        let connections = Connections { path: path.to_owned(), settings, idle: Mutex::default(), seats };
        let connections = Arc::new(connections);
        connections.acquire().await?;
        Ok(connections)
    }

    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease> {
        let seat = tokio::time::timeout(self.settings.wait, self.seats.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = seat else { return Err(busy()) };
        let idle = self.idle().pop();
        let opened = match idle {
            Some(opened) => opened,
            None => {
                let (path, settings) = (self.path.clone(), self.settings.clone());
                let opened =
                    tokio::task::spawn_blocking(move || Opened::new(&path, &settings)).await.map_err(failed)??;
                Mutex::new(opened)
            }
        };
        let seat = Seat { opened: Some(Box::new(opened)), home: self.clone(), _permit: permit };
        Ok(Lease { seat: Some(seat), ran: Duration::ZERO })
    }

    /// One connection more to the same file, for somebody who keeps it for long.
    pub(super) async fn apart(&self) -> Result<Arc<Connections>> {
        Connections::open(&self.path, Settings { max: 1, ..self.settings.clone() }).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Mutex<Opened>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with what is known of its statements.
struct Opened {
    connection: Connection,
    /// How often the statement that runs may go on for STEPS_BETWEEN; without end at `u32::MAX`.
    left: Arc<AtomicU32>,
    costs: Costs,
}

impl Opened {
    fn new(path: &Path, settings: &Settings) -> rusqlite::Result<Opened> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(settings.wait)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What is deleted is written over: the file keeps nothing of who was purged.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "cache_size", -i64::from(settings.cache_kib))?;
        connection.pragma_update(None, "wal_autocheckpoint", settings.checkpoint_pages)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let left = Arc::new(AtomicU32::new(u32::MAX));
        let counts = left.clone();
        let over = move || match counts.load(Ordering::Relaxed) {
            u32::MAX => false,
            left => {
                counts.store(left.saturating_sub(1), Ordering::Relaxed);
                left == 0
            }
        };
        connection.progress_handler(STEPS_BETWEEN, Some(over))?;
        Ok(Opened { connection, left, costs: Costs::default() })
    }

    /// Runs it on this thread; `None` when it is, or turns out to be, too long for that, and nothing was done.
    fn here(&mut self, sql: &str, values: &[Value], rows_max: usize) -> rusqlite::Result<Option<Answer>> {
        let key = self.costs.key(sql);
        let known = self.costs.of(key);
        if known.is_some_and(|took| took > HERE_MAX) {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        let reads = statement.readonly();
        if !reads && known.is_none() {
            return Ok(None);
        }
        let began = Instant::now();
        self.left.store(if reads { HERE_STEPS } else { u32::MAX }, Ordering::Relaxed);
        let answer = run(&mut statement, values, rows_max);
        self.left.store(u32::MAX, Ordering::Relaxed);
        drop(statement);
        match answer {
            Err(e) if reads && e.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                self.costs.note(key, HERE_MAX * 2);
                Ok(None)
            }
            Err(e) => Err(e),
            Ok(rows) => {
                self.costs.note(key, began.elapsed());
                Ok(Some(Answer { rows, changes: self.connection.changes() }))
            }
        }
    }

    /// Runs it however long it takes.
    fn there(&mut self, sql: &str, values: &[Value], rows_max: usize) -> rusqlite::Result<Answer> {
        let began = Instant::now();
        let rows = run(&mut self.connection.prepare_cached(sql)?, values, rows_max)?;
        self.costs.note(self.costs.key(sql), began.elapsed());
        Ok(Answer { rows, changes: self.connection.changes() })
    }
}

/// What statements took lately: the longest time, which fades.
#[derive(Default)]
struct Costs {
    keys: RandomState,
    took: HashMap<u64, Duration>,
}

impl Costs {
    fn key(&self, sql: &str) -> u64 {
        self.keys.hash_one(sql)
    }

    fn of(&self, key: u64) -> Option<Duration> {
        self.took.get(&key).copied()
    }

    fn note(&mut self, key: u64, took: Duration) {
        if self.took.len() >= COSTS_MAX && !self.took.contains_key(&key) {
            self.took.clear();
        }
        let known = self.took.entry(key).or_default();
        *known = took.max(*known - *known / 8);
    }
}

/// Brings all of the write-ahead log into the file and empties it; false when somebody reads from it for longer than `wait`. Other
/// statements wait for other processes as long as `usual`.
pub(super) fn empty_log(connection: &mut Connection, wait: Duration, usual: Duration) -> Result<bool> {
    connection.busy_timeout(wait)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(usual)?;
    Ok(busy? == 0)
}

/// A place among those that have a connection; dropped, it is the next one's.
struct Seat {
    /// `None` only while this is dropped. Never locked, since it serves one at a time: it is what may be shared by threads.
    opened: Option<Box<Mutex<Opened>>>,
    home: Arc<Connections>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    fn opened(&mut self) -> Option<&mut Opened> {
        self.opened.as_mut().map(|opened| opened.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let clean = |opened: &mut Opened| {
            opened.connection.is_autocommit() || opened.connection.execute_batch("ROLLBACK").is_ok()
        };
        if self.opened().is_some_and(clean) {
            self.home.idle().extend(self.opened.take().map(|opened| *opened));
        }
    }
}

/// A connection that is one's own until this is dropped.
pub(super) struct Lease {
    /// `None` while a thread works with it, and after that thread ended by a bug.
    seat: Option<Seat>,
    /// How long statements ran here since others had their turn.
    ran: Duration,
}

impl Lease {
    /// Runs a statement: at most so many rows of it are read. Errors: whatever SQLite says.
    pub(super) async fn run(
        &mut self,
        sql: impl AsRef<str> + Send + 'static,
        values: Vec<Value>,
        rows_max: usize,
    ) -> Result<Answer> {
        let began = Instant::now();
        let opened = self.seat.as_mut().and_then(Seat::opened).ok_or_else(lost)?;
        let Some(answer) = opened.here(sql.as_ref(), &values, rows_max)? else {
            return self.there(move |opened| opened.there(sql.as_ref(), &values, rows_max)).await;
        };
        self.ran += began.elapsed();
        if self.ran >= YIELD_AFTER {
            self.ran = Duration::ZERO;
            tokio::task::yield_now().await;
        }
        Ok(answer)
    }

    /// Begins a transaction that will write.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let seat = self.seat.as_mut().ok_or_else(lost)?;
        let wait = seat.home.settings.wait;
        let connection = &seat.opened().ok_or_else(lost)?.connection;
        connection.busy_timeout(Duration::ZERO)?;
        let begun = connection.execute_batch(BEGIN);
        connection.busy_timeout(wait)?;
        match begun {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                // Another process has the file.
                self.there(|opened| opened.connection.execute_batch(BEGIN)).await
            }
            other => Ok(other?),
        }
    }

    /// Makes it lasting.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.there(|opened| opened.connection.execute_batch("COMMIT")).await
    }

    /// Does something with the connection on a thread that may wait.
    pub(super) async fn with<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.there(move |opened| Ok(act(&mut opened.connection))).await?
    }

    async fn there<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Opened) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut seat = self.seat.take().ok_or_else(lost)?;
        // Whoever waits for it may go away: the seat is given back by the thread then.
        let work = tokio::task::spawn_blocking(move || {
            let done = seat.opened().map(act);
            (seat, done)
        });
        let (seat, done) = work.await.map_err(failed)?;
        self.seat = Some(seat);
        Ok(done.ok_or_else(lost)??)
    }
}

const BEGIN: &str = "BEGIN IMMEDIATE";

/// What came of a statement.
pub(super) struct Answer {
    pub(super) rows: Vec<Cells>,
    /// Rows that the last statement that writes has changed.
    pub(super) changes: u64,
}

/// A row.
pub struct Cells {
    names: Arc<[Box<str>]>,
    cells: Vec<Value>,
}

impl Cells {
    /// A value by the name of its column, the last one of that name; NULL is `Text(None)`.
    pub(super) fn get(&self, column: &str) -> Result<&Value> {
        let at = self.names.iter().rposition(|name| **name == *column);
        at.and_then(|at| self.cells.get(at)).ok_or_else(|| wrong(column))
    }
}

/// There is no such column, or it is of another type: an error of the program.
pub(super) fn wrong(column: &str) -> Error {
    failed(format_args!("no column {column}, or of another type"))
}

fn run(statement: &mut CachedStatement<'_>, values: &[Value], rows_max: usize) -> rusqlite::Result<Vec<Cells>> {
    for index in 1..=statement.parameter_count() {
        // `$3` is the third value, wherever it stands.
        let number = statement.parameter_name(index).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        match number.and_then(|number| values.get(number.checked_sub(1)?)) {
            Some(Value::Text(text)) => statement.raw_bind_parameter(index, text.as_deref())?,
            Some(Value::Number(number)) => statement.raw_bind_parameter(index, number)?,
            None => return Err(rusqlite::Error::InvalidParameterCount(values.len(), index)),
        }
    }
    let names: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(names.len());
        for index in 0..names.len() {
            cells.push(match row.get_ref(index)? {
                ValueRef::Null => Value::Text(None),
                ValueRef::Integer(number) => Value::Number(Some(number)),
                ValueRef::Text(text) => Value::Text(Some(String::from_utf8_lossy(text).into_owned())),
                other => {
                    let name = names.get(index).map_or_else(String::new, |name| name.to_string());
                    return Err(rusqlite::Error::InvalidColumnType(index, name, other.data_type()));
                }
            });
        }
        found.push(Cells { names: names.clone(), cells });
        if found.len() >= rows_max {
            break;
        }
    }
    Ok(found)
}

fn lost() -> Error {
    failed("the connection is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened(max: usize) -> (tempfile::TempDir, Arc<Connections>) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { max, cache_kib: 1024, checkpoint_pages: 100, wait: Duration::from_secs(10) };
        let connections = Connections::open(&folder.path().join("t.sqlite"), settings).await.unwrap();
        let mut lease = connections.acquire().await.unwrap();
        lease.run("CREATE TABLE t (n INTEGER, s TEXT)", vec![], 1).await.unwrap();
        drop(lease);
        (folder, connections)
    }

    const COUNTS: &str = "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < $1) \
                          SELECT COUNT(*) AS n FROM up";

    async fn counted(lease: &mut Lease, to: i64) -> i64 {
        let answer = lease.run(COUNTS, vec![to.into()], 1).await.unwrap();
        match answer.rows[0].get("n").unwrap() {
            Value::Number(Some(n)) => *n,
            _ => panic!("a number"),
        }
    }

    #[tokio::test]
    async fn a_long_statement_that_reads_goes_on_elsewhere_and_answers_the_same() {
        let (_folder, connections) = opened(1).await;
        let mut lease = connections.acquire().await.unwrap();
        assert_eq!(counted(&mut lease, 10).await, 10);
        assert_eq!(counted(&mut lease, 300_000).await, 300_000);
        let costs = |lease: &mut Lease| {
            let costs = &lease.seat.as_mut().unwrap().opened().unwrap().costs;
            costs.of(costs.key(COUNTS)).unwrap()
        };
        assert!(costs(&mut lease) > HERE_MAX, "it is known to be long");
        // A busy machine makes single ones long again.
        let mut runs = 0;
        while costs(&mut lease) > HERE_MAX {
            assert_eq!(counted(&mut lease, 10).await, 10);
            runs += 1;
            assert!(runs < 100_000, "it is known to be short again at some time: {:?}", costs(&mut lease));
        }
    }

    #[tokio::test]
    async fn values_are_bound_by_their_number_and_read_by_name() {
        let (_folder, connections) = opened(1).await;
        let mut lease = connections.acquire().await.unwrap();
        for n in 0..3 {
            let values = vec!["text".into(), Value::Number(Some(n))];
            let answer = lease.run("INSERT INTO t (n, s) VALUES ($2, $1)", values, usize::MAX).await.unwrap();
            assert_eq!(answer.changes, 1);
        }
        let rows = lease.run("SELECT s, n, NULL AS none FROM t WHERE n >= $1", vec![1.into()], 1).await.unwrap().rows;
        assert_eq!(rows.len(), 1, "no more than were asked for");
        assert!(matches!(rows[0].get("s").unwrap(), Value::Text(Some(s)) if s == "text"));
        assert!(matches!(rows[0].get("n").unwrap(), Value::Number(Some(1))));
        assert!(matches!(rows[0].get("none").unwrap(), Value::Text(None)));
        assert!(rows[0].get("m").is_err());
        assert!(lease.run("SELECT $2", vec![1.into()], 1).await.is_err(), "there is no second value");
    }

    #[tokio::test]
    async fn who_goes_away_gives_back_a_connection_without_a_transaction() {
        let (_folder, connections) = opened(1).await;
        let mut lease = connections.acquire().await.unwrap();
        lease.begin().await.unwrap();
        lease.run("INSERT INTO t (n) VALUES ($1)", vec![1.into()], usize::MAX).await.unwrap();
        // It is polled once, so a thread has the connection, and then dropped.
        let mut goes = Box::pin(async move { counted(&mut lease, 3_000_000).await });
        assert!(futures_util::poll!(goes.as_mut()).is_pending());
        drop(goes);
        let mut next = connections.acquire().await.unwrap();
        next.begin().await.unwrap();
        let rows = next.run("SELECT COUNT(*) AS n FROM t", vec![], 1).await.unwrap().rows;
        assert!(matches!(rows[0].get("n").unwrap(), Value::Number(Some(0))), "what was not committed is not there");
        next.run("INSERT INTO t (n) VALUES ($1)", vec![2.into()], usize::MAX).await.unwrap();
        next.commit().await.unwrap();
        let mut reads = connections.acquire().await.unwrap();
        let rows = reads.run("SELECT n FROM t", vec![], usize::MAX).await.unwrap().rows;
        assert!(matches!(rows[0].get("n").unwrap(), Value::Number(Some(2))));
    }

    #[tokio::test]
    async fn a_file_that_another_process_writes_is_waited_for() {
        let (folder, connections) = opened(1).await;
        let other = Connection::open(folder.path().join("t.sqlite")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; INSERT INTO t (n) VALUES (1)").unwrap();
        let mut lease = connections.acquire().await.unwrap();
        let mut begins = Box::pin(lease.begin());
        assert!(futures_util::poll!(begins.as_mut()).is_pending());
        other.execute_batch("COMMIT").unwrap();
        begins.await.unwrap();
        assert_eq!(lease.run("SELECT n FROM t", vec![], usize::MAX).await.unwrap().rows.len(), 1);
    }
}
