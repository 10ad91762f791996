//! SUMMARY    One version of the store for as long as reading it takes: a REPEATABLE READ transaction on a connection of its own.
//! LIMITS     SNAPSHOT_IDLE_MS_MAX
//! INVARIANTS Taken on the primary, so all that was acknowledged is in it. While it is held the server cleans up nothing that was
//!            deleted since: the tables grow by that. It ends with the connection: a server that restarts ends it.

use super::{
    Shared,
    txn::{BEGIN, Fetched, fetch_rows, limit_of, read_failed, version_of},
};
use crate::kv::{BoxFuture, KeyRange, KvSnapshot, Page, PageLimit, ReadError};
use crate::page;
use base::limits::KV_KEYS_END;
use sqlx::{Executor, PgConnection};

/// How long the server waits for the next page before it ends the snapshot of who has forgotten it, milliseconds.
const SNAPSHOT_IDLE_MS_MAX: u64 = 3_600_000;

/// `None` once the server has ended it.
struct PostgresSnapshot(Option<PgConnection>);

/// Takes a snapshot, which stands still from before this returns.
pub(super) async fn take(shared: &Shared) -> Result<Box<dyn KvSnapshot>, ReadError> {
    let fatal = |why: sqlx::Error| ReadError::Fatal(format!("PostgreSQL: {why}"));
    let mut connection = shared.connect.connection().await.map_err(fatal)?;
    let begin = format!("SET idle_in_transaction_session_timeout = {SNAPSHOT_IDLE_MS_MAX}; {BEGIN}");
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(begin))).await.map_err(fatal)?;
    // The server takes it with the first statement that reads.
    version_of(&mut connection).await.map_err(fatal)?;
    Ok(Box::new(PostgresSnapshot(Some(connection))))
}

impl PostgresSnapshot {
    async fn read(&mut self, range: KeyRange, limit: PageLimit) -> Result<Page, ReadError> {
        let Some(connection) = &mut self.0 else { return Err(ReadError::TooOld) };
        let to = range.to.min(KV_KEYS_END.to_vec());
        let range = KeyRange { from: range.from, to };
        if range.is_empty() {
            return Ok(Page::default());
        }
        let limit = limit_of(limit);
        match fetch_rows(connection, &range, limit, false).await {
            Ok((rows, more)) => {
                let base = Fetched(rows);
                let built = page::build(&range.from, &range.to, limit, false, &[], &base).map_err(ReadError::Fatal)?;
                Ok(Page { more: built.more || more, ..built })
            }
            Err(why) => {
                let why = read_failed(&why);
                if why == ReadError::TooOld {
                    self.0 = None;
                }
                Err(why)
            }
        }
    }
}

impl KvSnapshot for PostgresSnapshot {
    fn page<'a>(&'a mut self, range: &KeyRange, limit: PageLimit) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(self.read(range.clone(), limit))
    }
}
