//! SUMMARY    The whole database as rows of a dump, as it was at one moment.
//! SECURITY   Everything of everybody, past the lock between tenants: for who backs the server up.
//! LIMITS     PAGE_ROWS_MAX, PAGE_BYTES_MAX
//! INVARIANTS One read transaction from the first row to the last: what others commit meanwhile is not in it, and nobody waits for
//!            it. Keys rise strictly over the whole dump. Nothing is sorted or gathered in memory: each table is read in the order
//!            of its primary key. The same rows give the same bytes on both engines.

use super::{
    Connection, Engine, Held, Pool, connections,
    dump_row::{DumpRow, END, End, HEAD, key_of, refused},
    query,
    schema::{Schema, Table},
    statement::{Value, prepared},
};
use crate::{Code, Database, Error, Result, error::failed, rows::number};
use sqlx::{AssertSqlSafe, PgPool, SqlSafeStr};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

/// Rows of a page.
const PAGE_ROWS_MAX: i64 = 512;
/// Bytes of the texts of a page; one row alone may be longer.
const PAGE_BYTES_MAX: i64 = 4 * 1024 * 1024;

/// What has been read so far.
enum Stage {
    Head(DumpRow),
    /// The table of this place, behind a key.
    Table(usize, Option<Vec<Value>>),
    End,
    Over,
    /// A page failed; what would follow might be of another moment.
    Broken,
}

/// A dump under way: the database as it was when it was begun.
pub struct Dump {
    // Before the pool: it goes back to it.
    connection: Connection,
    _apart: Option<PgPool>,
    schema: Arc<Schema>,
    stage: Stage,
    last: Vec<u8>,
    rows: u64,
}

impl Dump {
    /// Begins a dump of a database that no service of this process has open. Its schema is not brought up to date. `NotFound`: there
    /// is none; `Unavailable`: a restore into it is not finished; `Invalid`: it is of a newer release.
    pub async fn open(database: Database) -> Result<Dump> {
        if let Database::Sqlite(path) = &database
            && !tokio::fs::try_exists(path).await.map_err(failed)?
        {
            return Err(Error::not_found("database"));
        }
        let pool = Pool::connect(database).await?;
        pool.refuse_unfinished().await?;
        pool.dump().await
    }

    /// The next rows, PAGE_ROWS_MAX at most and about PAGE_BYTES_MAX bytes; a single row may be longer. None: that was all. After an
    /// error the dump is to be begun anew.
    pub async fn page(&mut self) -> Result<Vec<DumpRow>> {
        match mem::replace(&mut self.stage, Stage::Broken) {
            Stage::Head(row) => {
                self.stage = Stage::Table(0, None);
                Ok(vec![self.next(row)?])
            }
            Stage::Table(place, behind) => self.tables(place, behind).await,
            Stage::End => {
                let end = serde_json::to_vec(&End { rows: self.rows }).map_err(failed)?;
                self.stage = Stage::Over;
                Ok(vec![self.next((key_of(END, [])?, end))?])
            }
            Stage::Over => {
                self.stage = Stage::Over;
                Ok(Vec::new())
            }
            Stage::Broken => Err(Error::new(Code::Internal, "", "The dump failed before: begin it anew")),
        }
    }

    /// The next page that has rows, from that table on.
    async fn tables(&mut self, mut place: usize, mut behind: Option<Vec<Value>>) -> Result<Vec<DumpRow>> {
        let schema = self.schema.clone();
        while let Some(table) = schema.tables.get(place) {
            let rows = self.read(table, behind.take()).await?;
            if let Some(last) = rows.last() {
                self.stage = Stage::Table(place, Some(table.key_values(last).cloned().collect()));
                self.rows += rows.len() as u64;
                return rows.iter().map(|values| self.next(table.written(values)?)).collect();
            }
            place += 1;
        }
        self.stage = Stage::End;
        Box::pin(self.page()).await
    }

    /// So many rows as a page may have, by their sizes first: no page is larger in memory than it may be.
    async fn read(&mut self, table: &Table, behind: Option<Vec<Value>>) -> Result<Vec<Vec<Value>>> {
        let asked = |text: String, many: i64| {
            let mut values = behind.clone().unwrap_or_default();
            values.push(many.into());
            prepared(AssertSqlSafe(text).into_sql_str(), values)
        };
        let sizes = asked(table.sizes(behind.is_some()), PAGE_ROWS_MAX).fetch_all(&mut self.connection).await?;
        let (mut many, mut bytes) = (0, 0_i64);
        for size in &sizes {
            bytes = bytes.saturating_add(number(size, "n")?);
            if many > 0 && bytes > PAGE_BYTES_MAX {
                break;
            }
            many += 1;
        }
        if many == 0 {
            return Ok(Vec::new());
        }
        let rows = asked(table.page(behind.is_some()), many).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| table.values(row)).collect()
    }

    /// Looks whether it stands behind the one before: a database that sorts otherwise would leave rows out.
    fn next(&mut self, row: DumpRow) -> Result<DumpRow> {
        if row.0 <= self.last {
            self.stage = Stage::Broken;
            return Err(refused(&super::dump_row::table_of(&row.0), "the database does not sort it byte by byte"));
        }
        self.last.clone_from(&row.0);
        Ok(row)
    }
}

impl Pool {
    /// Begins a dump: from here on, what is committed is not in it.
    pub(crate) async fn dump(&self) -> Result<Dump> {
        let (held, apart) = match &self.engine {
            Engine::Sqlite { read, .. } => {
                let mut lease = read.apart().await?.acquire().await?;
                lease.with(|connection| Ok(connection.execute_batch("BEGIN")?)).await?;
                (Held::Sqlite(lease), None)
            }
            Engine::Postgres { all, .. } => {
                // One of its own: a long dump takes no connection from requests.
                let apart = connections().max_connections(1).connect_lazy_with((*all.connect_options()).clone());
                let mut txn = apart.begin().await?;
                sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *txn).await?;
                (Held::PostgresTxn(txn), Some(apart))
            }
        };
        let mut connection = Connection { held, statements: Arc::default() };
        if !super::empty::tables(&mut connection).await?.contains(HEAD) {
            return Err(Error::new(
                Code::NotFound,
                "database",
                "The database is none of Posthouse, or was never started",
            ));
        }
        let rows = query("SELECT version FROM _sqlx_migrations WHERE success AND version > 0 ORDER BY version");
        let rows = rows.fetch_all(&mut connection).await?;
        let versions = rows.iter().map(|row| number(row, "version")).collect::<Result<BTreeSet<i64>>>()?;
        let schema = Schema::after(versions).await?;
        let head = schema.head(counters(&mut connection, &schema).await?)?;
        let (schema, stage) = (Arc::new(schema), Stage::Head(head));
        Ok(Dump { connection, _apart: apart, schema, stage, last: Vec::new(), rows: 0 })
    }
}

/// The highest number that was given out, by table that the database numbers. PostgreSQL's are those of now, of the dump's moment
/// or later: never too low.
async fn counters(connection: &mut Connection, schema: &Schema) -> Result<BTreeMap<String, i64>> {
    let sqlite = "SELECT seq AS n FROM sqlite_sequence WHERE name = $1 AND $2 = $2";
    let postgres = "SELECT pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass) AS n";
    let text = if matches!(connection.held, Held::Sqlite(_)) { sqlite } else { postgres };
    let mut counters = BTreeMap::new();
    for table in &schema.tables {
        let Some(serial) = &table.serial else { continue };
        let row = query(text).bind(&table.name).bind(serial).fetch_optional(connection).await?;
        let last = row.map(|row| row.number("n")).transpose()?.flatten();
        counters.extend(last.filter(|last| *last > 0).map(|last| (table.name.clone(), last)));
    }
    Ok(counters)
}
