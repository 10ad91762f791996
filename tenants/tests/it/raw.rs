//! SUMMARY    The database as somebody sees it who has its password, past the service.

use crate::desk::Desk;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

/// The server that the tests run on; `None`: files.
#[allow(clippy::disallowed_methods, reason = "which engine the tests run on is told by the environment")]
pub fn postgres() -> Option<PgConnectOptions> {
    Some(std::env::var("POSTHOUSE_TEST_POSTGRES").ok()?.parse().unwrap())
}

async fn pg(desk: &Desk, options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    let schema = crate::desk::schema(&desk.file);
    PgPool::connect_with(options.options([("search_path", schema.as_str()), ("posthouse.reach", "*")])).await
}

async fn sqlite(desk: &Desk) -> Result<SqlitePool, sqlx::Error> {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(&desk.file)).await
}

/// Runs statements.
pub async fn run(desk: &Desk, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    match postgres() {
        Some(options) => sqlx::raw_sql(sql).execute(&pg(desk, options).await?).await.map(drop),
        None => sqlx::raw_sql(sql).execute(&sqlite(desk).await?).await.map(drop),
    }
}

/// The texts of a column.
pub async fn texts(desk: &Desk, sql: &'static str) -> Vec<String> {
    match postgres() {
        Some(options) => sqlx::query_scalar(sql).fetch_all(&pg(desk, options).await.unwrap()).await.unwrap(),
        None => sqlx::query_scalar(sql).fetch_all(&sqlite(desk).await.unwrap()).await.unwrap(),
    }
}
