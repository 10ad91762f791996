//! SUMMARY    Connections to PostgreSQL as this store wants them, and its tables.

use super::{OpenError, PostgresOptions};
use base::limits::KV_TXN_MS_MAX;
use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// Newest format of the tables that this program reads.
const FORMAT: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// First half of the advisory lock under which one node commits; the second is a hash of the schema's name.
const LOCK_CLASS: i32 = 0x7068_6b76;

/// How long a connection may take to come.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// A connection in a transaction that says nothing for so long is ended by the server: it holds a snapshot, or the lock.
const IDLE_IN_TRANSACTION_MS: u64 = 3 * KV_TXN_MS_MAX;

#[derive(Clone)]
pub(super) struct Connect {
    options: PgConnectOptions,
    replicas: Vec<PgConnectOptions>,
    schema: String,
    connections: u32,
}

fn read_url(url: &str) -> Result<PgConnectOptions, OpenError> {
    let invalid = || OpenError::Invalid("the URL of PostgreSQL begins with postgres:// and names a host".to_owned());
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(invalid());
    }
    PgConnectOptions::from_str(url).map(|options| options.application_name("posthouse")).map_err(|_| invalid())
}

impl Connect {
    pub(super) fn new(options: &PostgresOptions) -> Result<Connect, OpenError> {
        let schema = options.schema.clone();
        let is_word = schema.starts_with(|c: char| c.is_ascii_lowercase())
            && schema.len() <= 63
            && schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_word {
            return Err(OpenError::Schema(format!(
                "{schema:?}: a lower-case word of at most 63 letters, digits and _"
            )));
        }
        let replicas = options.replicas.iter().map(|url| read_url(url)).collect::<Result<_, _>>()?;
        Ok(Connect { options: read_url(&options.url)?, replicas, schema, connections: options.connections.max(2) })
    }

    /// What every connection is told. Row estimates of fresh tables must not choose the plans: every statement has its index.
    fn settings(&self) -> String {
        format!(
            "SET search_path = {}; SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; \
             SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; SET synchronous_commit = on",
            self.schema
        )
    }

    fn pool_of(&self, options: &PgConnectOptions) -> PgPool {
        let settings = self.settings();
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(CONNECT_WAIT)
            .idle_timeout(Duration::from_secs(300))
            // A connection that died is found by its first statement, and another one taken (txn.rs).
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(
                    async move { connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(settings))).await.map(|_| ()) },
                )
            })
            .connect_lazy_with(options.clone())
    }

    pub(super) fn pool(&self) -> PgPool {
        self.pool_of(&self.options)
    }

    pub(super) fn replicas(&self) -> Vec<PgPool> {
        self.replicas.iter().map(|options| self.pool_of(options)).collect()
    }

    /// A connection of its own, for committing.
    pub(super) async fn connection(&self) -> Result<PgConnection, sqlx::Error> {
        let connect = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(self.settings()))).await?;
            Ok(connection)
        };
        tokio::time::timeout(CONNECT_WAIT, connect).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Takes the lock under which one node commits, until the transaction ends.
    pub(super) fn lock_statement(&self) -> String {
        format!("DO $$ BEGIN PERFORM pg_advisory_xact_lock({LOCK_CLASS}, hashtext('{}')); END $$", self.schema)
    }

    pub(super) async fn make_tables(&self) -> Result<(), OpenError> {
        let server = |why: sqlx::Error| OpenError::Server(why.to_string());
        let mut connection = self.connection().await.map_err(server)?;
        let mut txn = connection.begin().await.map_err(server)?;
        let begin = format!("{}; CREATE SCHEMA IF NOT EXISTS {}", self.lock_statement(), self.schema);
        txn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(begin))).await.map_err(server)?;
        let known: bool = sqlx::query_scalar("SELECT to_regclass('kv_format') IS NOT NULL")
            .fetch_one(&mut *txn)
            .await
            .map_err(server)?;
        if known {
            let format: i32 =
                sqlx::query_scalar("SELECT max(format) FROM kv_format").fetch_one(&mut *txn).await.map_err(server)?;
            if format > FORMAT {
                return Err(OpenError::Format(format));
            }
        }
        txn.execute(sqlx::raw_sql(SCHEMA)).await.map_err(server)?;
        txn.commit().await.map_err(server)
    }
}
