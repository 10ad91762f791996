//! SUMMARY    The one task of a node that writes: lock, hear what others wrote, validate all that waits by then, write it, commit once.
//! INVARIANTS What failed before COMMIT was sent is not there. What failed with it is looked up by its batch id under the lock,
//!            which the old connection's transaction holds for as long as it lives; only when that cannot be done in
//!            RESOLVE_WAIT is it told as unknown. After any failure the window of recent commits is read again.

use super::{
    Shared, Waiter, Waiting,
    connect::Connect,
    group::{self, LogRow},
    log::Written,
};
use crate::{kv::CommitError, layer::Layer, resolver::Resolver};
use base::limits::KV_TXN_MS_MAX;
use sqlx::{Executor, PgConnection, Row};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Log rows are kept for so long: longer than any transaction, so that it is validated against all it has not seen.
const LOG_KEEP_SECONDS: f64 = 3.0 * KV_TXN_MS_MAX as f64 / 1_000.0;
/// How often old log rows go.
const PRUNE_EVERY: Duration = Duration::from_secs(5);
/// How long a group waits for a server that is away before it is told that nothing was written.
const SERVER_WAIT: Duration = Duration::from_secs(5);
/// How long it is tried to find out whether a group was committed.
const RESOLVE_WAIT: Duration = Duration::from_secs(30);
/// Between two attempts to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);
/// A node that stops in the middle of a commit keeps the lock for so long.
const LOCK_IDLE_MS: u64 = 3_000;

/// What became of a group.
enum Failed {
    /// Nothing was written.
    Before(sqlx::Error),
    /// COMMIT was sent and its answer did not come.
    Unknown(sqlx::Error),
    /// The log is not what it should be.
    Damaged(String),
}

/// Those of a group that may commit.
struct Valid {
    answers: Vec<(Waiter, u64)>,
    net: Layer,
    written: Written,
}

pub(super) struct Committer {
    shared: Arc<Shared>,
    connect: Connect,
    connection: Option<PgConnection>,
    /// The window of recent commits; None: to be read from the log.
    resolver: Option<Resolver>,
    epoch: Instant,
    pruned: Instant,
}

impl Committer {
    /// Connected, and with the log read.
    pub(super) async fn new(shared: Arc<Shared>, connect: Connect) -> Result<Committer, super::OpenError> {
        let server = |why: String| super::OpenError::Server(why);
        let connection = Some(connect.connection().await.map_err(|e| server(e.to_string()))?);
        let now = Instant::now();
        let mut committer = Committer { shared, connect, connection, resolver: None, epoch: now, pruned: now };
        committer.lock().await.map_err(|why| server(why.to_string()))?;
        committer.end().await.map_err(|why| server(why.to_string()))?;
        Ok(committer)
    }

    pub(super) async fn run(mut self) {
        while let Some(group) = self.shared.next_group().await {
            let began = Instant::now();
            let commits = self.commit(group).await;
            metrics::histogram!("store_commit_seconds").record(began.elapsed().as_secs_f64());
            metrics::counter!("store_commit_groups_total").increment(1);
            metrics::counter!("store_commits_total").increment(commits);
        }
        self.shared.stopped.send_replace(true);
    }

    /// Answers everybody of the group and those that join it; how many they were.
    async fn commit(&mut self, mut group: Vec<Waiting>) -> u64 {
        if let Err(why) = self.lock_within(SERVER_WAIT).await {
            tracing::warn!(%why, "PostgreSQL does not take commits");
            // Nothing was written, and another run may find the server again.
            let commits = group.len() as u64;
            group.into_iter().for_each(|waiting| tell(waiting.answer, Err(CommitError::TooOld)));
            return commits;
        }
        self.shared.join(&mut group);
        let commits = group.len() as u64;
        let valid = self.validate(group);
        if valid.answers.is_empty() {
            let ended = self.end().await;
            self.after(&ended);
            return commits;
        }
        let batch = batch_id();
        let last = valid.answers.last().map_or(0, |(_, version)| *version);
        let result = match self.write(&valid, batch, last).await {
            Ok(()) => Ok(()),
            Err(Failed::Before(why)) => {
                self.forget();
                Err(refused(&why))
            }
            Err(Failed::Damaged(why)) => {
                self.forget();
                Err(CommitError::Fatal(why))
            }
            Err(Failed::Unknown(why)) => {
                tracing::warn!(%why, "the answer to a commit did not come");
                self.forget();
                self.resolve(batch).await
            }
        };
        if result.is_ok() {
            self.shared.learn(last);
        }
        for (answer, version) in valid.answers {
            tell(answer, result.clone().map(|()| version));
        }
        commits
    }

    /// Begins a transaction, takes the lock, and enters what others wrote; connects again where that helps.
    async fn lock_within(&mut self, wait: Duration) -> Result<(), String> {
        let until = Instant::now() + wait;
        loop {
            let why = match self.lock().await {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            self.forget();
            if Instant::now() >= until {
                metrics::counter!("store_failures_total").increment(1);
                return Err(why);
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }

    async fn lock(&mut self) -> Result<(), String> {
        if self.connection.is_none() {
            self.resolver = None;
            self.connection = Some(self.connect.connection().await.map_err(|why| why.to_string())?);
        }
        let Some(connection) = &mut self.connection else { return Err("no connection".to_owned()) };
        let seen = self.resolver.as_ref().map(Resolver::version);
        let begin = format!(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = {LOCK_IDLE_MS}; {}; {}",
            self.connect.lock_statement(),
            news(seen)
        );
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(begin));
        let mut rows = connection.fetch_all(statement).await.map_err(|why| why.to_string())?;
        let first = rows.first().map(first_of).transpose().map_err(|why| why.to_string())?;
        let is_gapless = first.is_none_or(|first| seen.is_some_and(|seen| first == seen + 1));
        if !is_gapless || seen.is_none() {
            self.resolver = None;
            rows = connection
                .fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(news(None))))
                .await
                .map_err(|e| e.to_string())?;
        }
        self.enter(&rows)
    }

    /// Enters what the log tells.
    fn enter(&mut self, rows: &[sqlx::postgres::PgRow]) -> Result<(), String> {
        let now_ms = self.now_ms();
        for row in rows {
            let first = first_of(row).map_err(|why| why.to_string())?;
            let resolver = self.resolver.get_or_insert_with(|| Resolver::new(first - 1));
            if resolver.version() + 1 != first {
                return Err(format!("kv_log: commits between {} and {first} are missing", resolver.version()));
            }
            let writes: &[u8] = &row.try_get::<Vec<u8>, _>("writes").map_err(|why| why.to_string())?;
            for writes in Written::read(writes)?.write_sets(&self.shared.hasher) {
                resolver.commit(writes, now_ms);
            }
        }
        let resolver = self.resolver.get_or_insert_with(|| Resolver::new(0));
        self.shared.learn(resolver.version());
        Ok(())
    }

    /// Answers those that cannot commit.
    fn validate(&mut self, group: Vec<Waiting>) -> Valid {
        let now_ms = self.now_ms();
        let mut valid =
            Valid { answers: Vec::with_capacity(group.len()), net: Layer::default(), written: Written::default() };
        let Some(resolver) = &mut self.resolver else { return valid };
        for Waiting { txn, answer } in group {
            match txn.validate(resolver, &self.shared.hasher, &[], now_ms, |_| Ok(None)) {
                Ok((version, writes)) => {
                    valid.written.push(&writes);
                    valid.net.absorb(writes);
                    valid.answers.push((answer, version));
                }
                Err(why) => tell(answer, Err(why)),
            }
        }
        valid
    }

    async fn write(&mut self, valid: &Valid, batch: [u8; 16], last: u64) -> Result<(), Failed> {
        let prune = self.pruned.elapsed() >= PRUNE_EVERY;
        let log = LogRow {
            last,
            batch,
            written: valid.written.clone(),
            keep_seconds: if prune { LOG_KEEP_SECONDS } else { 0.0 },
        };
        let Some(connection) = &mut self.connection else { return Err(Failed::Damaged("no connection".to_owned())) };
        group::apply(connection, &valid.net, &log).await.map_err(Failed::Before)?;
        match connection.execute(sqlx::raw_sql("COMMIT")).await {
            Ok(_) => {}
            // The server says itself that it did not commit.
            Err(why @ sqlx::Error::Database(_)) if !is_server_ending(&why) => return Err(Failed::Before(why)),
            Err(why) => return Err(Failed::Unknown(why)),
        }
        if prune {
            self.pruned = Instant::now();
        }
        Ok(())
    }

    /// Ends a transaction that wrote nothing.
    async fn end(&mut self) -> Result<(), sqlx::Error> {
        match &mut self.connection {
            Some(connection) => connection.execute(sqlx::raw_sql("ROLLBACK")).await.map(|_| ()),
            None => Ok(()),
        }
    }

    fn after(&mut self, ended: &Result<(), sqlx::Error>) {
        if ended.is_err() {
            self.forget();
        }
    }

    /// Whether a group is in the log, once its old transaction cannot be under way any more.
    async fn resolve(&mut self, batch: [u8; 16]) -> Result<(), CommitError> {
        if let Err(why) = self.lock_within(RESOLVE_WAIT).await {
            tracing::error!(%why, "whether a group was committed is not known");
            return Err(CommitError::Unknown);
        }
        let Some(connection) = &mut self.connection else { return Err(CommitError::Unknown) };
        let found = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM kv_log WHERE batch = $1)")
            .bind(batch.as_slice())
            .fetch_one(connection)
            .await;
        let ended = self.end().await;
        self.after(&ended);
        match found {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitError::Conflict),
            Err(_) => Err(CommitError::Unknown),
        }
    }

    /// Lets the connection go: what it was doing ends with it.
    fn forget(&mut self) {
        self.connection = None;
        self.resolver = None;
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Log rows after `seen`.
fn news(seen: Option<u64>) -> String {
    format!("SELECT last, count, writes FROM kv_log WHERE last > {} ORDER BY last", seen.unwrap_or(0))
}

/// First version of a log row.
fn first_of(row: &sqlx::postgres::PgRow) -> Result<u64, sqlx::Error> {
    let (last, count): (i64, i32) = (row.try_get("last")?, row.try_get("count")?);
    Ok(u64::try_from(last - i64::from(count) + 1).unwrap_or_default().max(1))
}

fn tell(answer: Waiter, result: Result<u64, CommitError>) {
    // Whoever went away does not care.
    let _ = answer.send(result);
}

fn batch_id() -> [u8; 16] {
    let mut id = [0; 16];
    if aws_lc_rs::rand::fill(&mut id).is_err() {
        // Only the look-up after a broken connection needs it: a zero id is found by nobody else's group in the window.
        tracing::error!("no randomness for the id of a group of commits");
    }
    id
}

/// The server goes down, or is not up yet: <https://www.postgresql.org/docs/15/errcodes-appendix.html>, classes 57P and 08.
pub(super) fn is_server_ending(why: &sqlx::Error) -> bool {
    match why {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "25P03")
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Nothing was written: whether another run can help.
fn refused(why: &sqlx::Error) -> CommitError {
    let passes = is_server_ending(why)
        || why.as_database_error().and_then(|e| e.code().map(|code| code.into_owned())).is_some_and(|code| {
            // Serialization, deadlock, lock timeout; read-only after a failover.
            ["40001", "40P01", "55P03", "25006"].contains(&code.as_str())
        });
    tracing::warn!(%why, passes, "a group of commits was not written");
    if passes { CommitError::Conflict } else { CommitError::Fatal(format!("PostgreSQL: {why}")) }
}
