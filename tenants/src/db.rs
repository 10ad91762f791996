//! SUMMARY    The database behind one set of statements: SQLite or PostgreSQL.
//! STANDARDS  docs/decisions/0015-two-sql-engines-one-set-of-statements.md
//! SECURITY   Statements are texts of the program; values are bound, never spliced.
//! LIMITS     READERS_MAX, TURN_WAIT, SQLITE_CACHE_KIB, SQLITE_WRITER_CACHE_KIB,
//!            SQLITE_CHECKPOINT_PAGES
//! INVARIANTS One writer at a time on either engine (SQLite: BEGIN IMMEDIATE; PostgreSQL: one advisory lock), so what a
//!            mutation has read stays true until its commit, and the outbox is numbered in the order of the commits. Writers
//!            of this process wait in the order they came, and hold no connection meanwhile: readers always find one. Texts
//!            compare byte by byte.

mod dump;
mod dump_row;
#[cfg(test)]
mod dump_tests;
mod empty;
mod fill;
mod many;
mod migrate;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod reach_tests;
mod schema;
mod sqlite;
mod statement;

pub use dump::Dump;
pub use dump_row::DumpRow;
pub(crate) use dump_row::{key_of, parsed};
pub use fill::Fill;
pub(crate) use many::Many;
pub use statement::{Query, Row, Value, query};

use crate::{Code, Error, Result, error::busy};
use base::TenantId;
use sqlite::{Connections, Lease, Settings};
use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Connections of a pool for reading; on PostgreSQL of the one for all else too.
const READERS_MAX: u32 = 8;
/// Pages that a connection to SQLite that reads keeps in memory until the next commit, KiB.
const SQLITE_CACHE_KIB: u32 = 4 * 1024;
/// Pages that the one that writes keeps, KiB: with the default of 2 MiB a large database is read from the file again and again.
const SQLITE_WRITER_CACHE_KIB: u32 = 64 * 1024;
/// Pages of the write-ahead log after which SQLite writes them into the file: the same page is written less often.
const SQLITE_CHECKPOINT_PAGES: u32 = 4_000;
/// Key of the advisory lock that writers take on PostgreSQL.
const WRITER_LOCK: i64 = 0x706f_7374;
/// How often, how long and how far apart the write-ahead log is tried to be emptied.
const CHECKPOINTS_MAX: usize = 50;
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for a connection, or for the turn to write.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// Where the control plane keeps its rows.
#[derive(Clone)]
pub enum Database {
    /// A file of this process alone.
    Sqlite(PathBuf),
    /// A PostgreSQL database, made with `LC_COLLATE 'C'`; several processes may share it. The tables stand in a schema, which
    /// is made when it is missing.
    Postgres { server: Box<PgConnectOptions>, schema: String },
}

impl Database {
    /// `postgres://user:password@host/name`; the parameters are those of libpq. `Invalid` when it is none.
    pub fn postgres(url: &str, schema: &str) -> Result<Database> {
        let invalid = |field, why: String| Error::new(Code::Invalid, field, why);
        let server =
            PgConnectOptions::from_str(url).map_err(|e| invalid("url", format!("not a PostgreSQL URL: {e}")))?;
        if schema.is_empty() || !schema.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            return Err(invalid("schema", "a schema has lower-case letters, digits and underscores".into()));
        }
        let server = server.options([("search_path", schema)]);
        Ok(Database::Postgres { server: Box::new(server), schema: schema.to_owned() })
    }
}

#[derive(Clone)]
enum Engine {
    Sqlite {
        /// The one connection that writes: no other one's commit makes its pages stale, so it need not read them again.
        write: Arc<Connections>,
        read: Arc<Connections>,
    },
    Postgres {
        /// For the server's own work: they see everything.
        all: PgPool,
        /// For reading on behalf of a tenant: what they see is said whenever one is taken.
        reach: PgPool,
    },
}

/// The connections of a process to its database.
#[derive(Clone)]
pub(crate) struct Pool {
    engine: Engine,
    /// Statements that ran, for the tests that count them.
    statements: Arc<AtomicU64>,
    /// Writers of this process take their turn in the order they came; the engines alone promise none.
    turn: Arc<Mutex<()>>,
}

impl Pool {
    /// Connects, and brings the schema up to date. `Unavailable` while a restore into the database is not finished.
    pub(crate) async fn open(database: Database) -> Result<Pool> {
        let pool = Pool::connect(database).await?;
        pool.refuse_unfinished().await?;
        pool.migrate().await?;
        Ok(pool)
    }

    /// Connects, whatever schema there is.
    async fn connect(database: Database) -> Result<Pool> {
        let engine = match database {
            Database::Sqlite(path) => {
                let write = sqlite(&path, 1, SQLITE_WRITER_CACHE_KIB).await?;
                Engine::Sqlite { write, read: sqlite(&path, READERS_MAX as usize, SQLITE_CACHE_KIB).await? }
            }
            Database::Postgres { server, schema } => {
                let reach = connections().test_before_acquire(false).connect_lazy_with(*server.clone());
                Engine::Postgres { all: postgres(*server, &schema).await?, reach }
            }
        };
        Ok(Pool { engine, statements: Arc::default(), turn: Arc::default() })
    }

    async fn migrate(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite { write, .. } => migrate::sqlite(&mut write.acquire().await?, None).await,
            Engine::Postgres { all, .. } => migrate::postgres(all).await,
        }
    }

    /// A connection that reads.
    pub(crate) async fn acquire(&self) -> Result<Connection> {
        let held = match &self.engine {
            Engine::Sqlite { read, .. } => Held::Sqlite(read.acquire().await?),
            Engine::Postgres { all, .. } => Held::Postgres(all.acquire().await?),
        };
        Ok(Connection { held, statements: self.statements.clone() })
    }

    /// A connection that reads what is of a tenant and of those below it: on PostgreSQL it sees nothing else.
    pub(crate) async fn acquire_in(&self, tenant: TenantId) -> Result<Connection> {
        let held = match &self.engine {
            Engine::Sqlite { read, .. } => Held::Sqlite(read.acquire().await?),
            Engine::Postgres { reach, .. } => Held::Postgres(reaching(reach, tenant).await?),
        };
        Ok(Connection { held, statements: self.statements.clone() })
    }

    /// A transaction that will write: it waits its turn at the beginning.
    pub(crate) async fn begin(&self) -> Result<Txn> {
        let turn = tokio::time::timeout(TURN_WAIT, self.turn.clone().lock_owned()).await.map_err(|_| busy())?;
        let held = match &self.engine {
            Engine::Sqlite { write, .. } => {
                let mut lease = write.acquire().await?;
                lease.begin().await?;
                Held::SqliteTxn(lease)
            }
            Engine::Postgres { all, .. } => {
                let mut txn = all.begin().await?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITER_LOCK).execute(&mut *txn).await?;
                Held::PostgresTxn(txn)
            }
        };
        Ok(Txn { connection: Connection { held, statements: self.statements.clone() }, _turn: turn })
    }

    /// Makes the database's files forget what was deleted. SQLite: what is deleted is written over, and the write-ahead log is emptied.
    /// PostgreSQL: dead rows leave their pages, whose free bytes keep what they were until something is written there.
    pub(crate) async fn forget(&self, tables: &[&'static str]) -> Result<()> {
        match &self.engine {
            Engine::Sqlite { write, .. } => {
                for _ in 0..CHECKPOINTS_MAX {
                    let turn =
                        tokio::time::timeout(TURN_WAIT, self.turn.clone().lock_owned()).await.map_err(|_| busy())?;
                    let empty = |connection: &mut _| sqlite::empty_log(connection, CHECKPOINT_PAUSE, TURN_WAIT);
                    if write.acquire().await?.with(empty).await? {
                        return Ok(());
                    }
                    // Somebody reads what stands in it, a dump for long: writers do not wait for that.
                    drop(turn);
                    tokio::time::sleep(CHECKPOINT_PAUSE).await;
                }
                Err(busy())
            }
            Engine::Postgres { all, .. } => {
                for table in tables {
                    sqlx::raw_sql(AssertSqlSafe(format!("VACUUM {table}"))).execute(all).await?;
                }
                Ok(())
            }
        }
    }

    /// How many statements have run since the start.
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

async fn sqlite(path: &Path, max: usize, cache_kib: u32) -> Result<Arc<Connections>> {
    Connections::open(path, Settings { max, cache_kib, checkpoint_pages: SQLITE_CHECKPOINT_PAGES, wait: TURN_WAIT })
        .await
}

fn connections() -> PgPoolOptions {
    PgPoolOptions::new().max_connections(READERS_MAX).acquire_timeout(TURN_WAIT)
}

/// Takes a connection and says what it sees. The statement stands for the pool's own question whether the connection is still
/// good, so it costs nothing more.
async fn reaching(pool: &PgPool, tenant: TenantId) -> Result<PoolConnection<Postgres>> {
    let reach = tenant.to_string();
    let mut left = READERS_MAX;
    loop {
        let mut connection = pool.acquire().await?;
        let say = sqlx::query("SELECT set_config('posthouse.reach', $1, false)").bind(&reach);
        match say.execute(&mut *connection).await {
            Ok(_) => return Ok(connection),
            Err(e) if left == 0 => return Err(e.into()),
            Err(_) => {
                left -= 1;
                drop(connection.close().await);
            }
        }
    }
}

async fn postgres(options: PgConnectOptions, schema: &str) -> Result<PgPool> {
    let pool = connections().connect_lazy_with(options.options([("posthouse.reach", "*")]));
    // Pages of lists go by comparison of texts: it must be the one of bytes.
    let row = sqlx::query_scalar::<_, bool>("SELECT 'a' > 'B' AND 'a-b' < 'aa'").fetch_one(&pool).await?;
    if !row {
        let message = "The PostgreSQL database sorts texts by a language: make it with \
                       CREATE DATABASE … TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'";
        return Err(Error::new(Code::Invalid, "", message));
    }
    // Two that begin at once may both find it missing.
    let make = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    let known = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(schema);
    if known.fetch_optional(&pool).await?.is_none() && sqlx::query(make).execute(&pool).await.is_err() {
        tracing::info!(schema, "another process made the schema");
    }
    Ok(pool)
}

enum Held {
    Sqlite(Lease),
    SqliteTxn(Lease),
    Postgres(PoolConnection<Postgres>),
    PostgresTxn(Transaction<'static, Postgres>),
}

/// A connection, or the one of a transaction.
pub struct Connection {
    held: Held,
    statements: Arc<AtomicU64>,
}

/// The engine's own connection.
enum Link<'c> {
    Sqlite(&'c mut Lease),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    fn link(&mut self) -> Link<'_> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &mut self.held {
            Held::Sqlite(c) | Held::SqliteTxn(c) => Link::Sqlite(c),
            Held::Postgres(c) => Link::Postgres(c),
            Held::PostgresTxn(t) => Link::Postgres(t),
        }
    }

    /// From here on a part of the transaction can be taken back alone.
    pub(crate) async fn savepoint(&mut self) -> Result<()> {
        query("SAVEPOINT part").execute(self).await.map(drop)
    }

    /// Keeps what was done since the savepoint.
    pub(crate) async fn keep(&mut self) -> Result<()> {
        query("RELEASE SAVEPOINT part").execute(self).await.map(drop)
    }

    /// Takes back what was done since the savepoint.
    pub(crate) async fn take_back(&mut self) -> Result<()> {
        query("ROLLBACK TO SAVEPOINT part").execute(self).await?;
        self.keep().await
    }
}

/// A transaction; dropped without a commit it did not happen.
pub struct Txn {
    connection: Connection,
    _turn: OwnedMutexGuard<()>,
}

impl Deref for Txn {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Txn {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Txn {
    pub async fn commit(self) -> Result<()> {
        match self.connection.held {
            Held::SqliteTxn(t) => t.commit().await?,
            Held::PostgresTxn(t) => t.commit().await?,
            Held::Sqlite(_) | Held::Postgres(_) => {}
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<()> {
        match self.connection.held {
            Held::PostgresTxn(t) => t.rollback().await?,
            // It goes back without what was not committed.
            Held::SqliteTxn(_) | Held::Sqlite(_) | Held::Postgres(_) => {}
        }
        Ok(())
    }
}
