//! SUMMARY    The database as somebody sees it who has its password, past the service.

use crate::desk::Desk;
use rusqlite::Connection;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgConnectOptions};

/// The server that the tests run on; `None`: files.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
pub fn postgres() -> Option<PgConnectOptions> {
    Some(std::env::var("POSTHOUSE_TEST_POSTGRES").ok()?.parse().unwrap())
}

async fn pg(desk: &Desk, options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    let schema = crate::desk::schema(&desk.file);
    PgPool::connect_with(options.options([("search_path", schema.as_str()), ("posthouse.reach", "*")])).await
}

fn sqlite(desk: &Desk) -> Connection {
    let connection = Connection::open(&desk.file).unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    connection
}

/// Runs statements; what the database says when it refuses.
pub async fn run(desk: &Desk, sql: &str) -> Result<(), String> {
    match postgres() {
        Some(options) => {
            let pool = pg(desk, options).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.map(drop).map_err(|e| e.to_string())
        }
        None => sqlite(desk).execute_batch(sql).map_err(|e| e.to_string()),
    }
}

/// The texts of a column.
pub async fn texts(desk: &Desk, sql: &'static str) -> Vec<String> {
    match postgres() {
        Some(options) => sqlx::query_scalar(sql).fetch_all(&pg(desk, options).await.unwrap()).await.unwrap(),
        None => {
            let connection = sqlite(desk);
            let mut statement = connection.prepare(sql).unwrap();
            statement.raw_query().mapped(|row| row.get(0)).collect::<Result<_, _>>().unwrap()
        }
    }
}
