//! SUMMARY    A dump is written into an empty database.
//! SECURITY   The rows may be anybody's: what is not as a dump of a known schema has it is refused with the table's name. Values are
//!            bound; names in statements are the schema's own.
//! LIMITS     BATCH_ROWS_MAX, BATCH_BYTES_MAX
//! INVARIANTS Rows come in as the dump has them, in transactions of bounded size; foreign keys are looked at when all are there, so
//!            no order of tables, and no circle of them, matters. Until that end no service opens the database, and a fill that is
//!            begun anew starts over. Nothing is changed on the way: the audit log's chain is the one that was dumped.

use super::{
    Connection, Held, Many, Pool,
    dump_row::{END, End, FORMAT, HEAD, Head, key_of, refused, table_of},
    empty::{Constraint, UNFINISHED, made},
    migrate, query,
    schema::{Schema, hex},
    statement::Value,
};
use crate::{Code, Database, Error, Result};
use std::{collections::BTreeSet, mem};

/// Rows of a transaction.
const BATCH_ROWS_MAX: usize = 2_048;
/// Bytes of the dump's rows in a transaction; one row alone may be longer.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

enum Stage {
    /// Nothing was changed so far.
    Begun,
    Filling(Box<Filling>),
    /// The end of the dump was there.
    Whole(Box<Filling>),
    /// A row was refused, or the database failed.
    Broken,
}

struct Filling {
    schema: Schema,
    head: Head,
    away: Vec<Constraint>,
    /// Rows of the next transaction: place of the table, values.
    batch: Vec<(usize, Vec<Value>)>,
    bytes: usize,
    rows: u64,
}

/// A restore under way.
pub struct Fill {
    pool: Pool,
    stage: Stage,
    last: Vec<u8>,
}

impl Fill {
    /// Connects to a database of either engine that is empty, was started but has no tenant, or has a fill in it that was not
    /// finished. Nothing is changed before the first row. `InUse`: it has a tenant; `Invalid`: it has tables of somebody else.
    pub async fn begin(database: Database) -> Result<Fill> {
        let pool = Pool::connect(database).await?;
        pool.refuse_full().await?;
        Ok(Fill { pool, stage: Stage::Begun, last: Vec::new() })
    }

    /// The next row of the dump, in the dump's order. `Invalid`, with the name of the table: it is not as a dump has it, or the dump
    /// is of a newer release. After an error the database is as unusable as after a crash, and the fill is to be begun anew.
    pub async fn row(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let stage = mem::replace(&mut self.stage, Stage::Broken);
        let table = table_of(key);
        if key <= self.last.as_slice() {
            return Err(refused(&table, "a row is out of order, or there twice"));
        }
        self.last = key.to_vec();
        self.stage = match stage {
            Stage::Begun if key == key_of(HEAD, [])? => Stage::Filling(Box::new(self.head(value).await?)),
            Stage::Begun => return Err(refused(&table, "a row stands before the dump's head")),
            Stage::Filling(mut filling) if key == key_of(END, [])? => {
                let end: End = serde_json::from_slice(value).map_err(|e| refused(END, e))?;
                if end.rows != filling.rows {
                    let why = format!("the dump had {} rows, and {} of them came", end.rows, filling.rows);
                    return Err(refused(END, why));
                }
                filling.write(&self.pool).await?;
                Stage::Whole(filling)
            }
            Stage::Filling(mut filling) => {
                filling.take(&table, key, value)?;
                if filling.batch.len() >= BATCH_ROWS_MAX || filling.bytes >= BATCH_BYTES_MAX {
                    filling.write(&self.pool).await?;
                }
                Stage::Filling(filling)
            }
            Stage::Whole(_) => return Err(refused(&table, "a row stands behind the dump's end")),
            Stage::Broken => return Err(broken()),
        };
        Ok(())
    }

    /// Ends it: looks at foreign keys, lets numbers go on behind those that were given out, opens the database to services, and brings
    /// it to this release's schema. Rows of tables that were written. `Invalid`: the dump is not whole, or a row names another one
    /// that is not there.
    pub async fn finish(self) -> Result<u64> {
        let filling = match self.stage {
            Stage::Whole(filling) => filling,
            Stage::Broken => return Err(broken()),
            Stage::Begun | Stage::Filling(_) => return Err(refused(END, "the dump is not whole: its end is missing")),
        };
        let mut txn = self.pool.begin().await?;
        for constraint in &filling.away {
            let put_back = constraint.put_back(&mut txn).await;
            put_back.map_err(|_| refused(&constraint.table, "a row names another one that is not there"))?;
        }
        let sqlite = matches!(txn.held, Held::SqliteTxn(_));
        if sqlite {
            foreign_keys(&mut txn).await?;
        }
        filling.counters(&mut txn, sqlite).await?;
        made(format!("DROP TABLE {UNFINISHED}")).execute(&mut txn).await?;
        txn.commit().await?;
        self.pool.look_at_foreign_keys(true).await?;
        self.pool.migrate().await?;
        Ok(filling.rows)
    }

    /// The dump's head: the database is made empty, with the schema that the dump is of.
    async fn head(&self, value: &[u8]) -> Result<Filling> {
        let head: Head = serde_json::from_slice(value).map_err(|e| refused(HEAD, e))?;
        if head.format != FORMAT {
            let why = format!("the dump has the format {}, this release reads {FORMAT}", head.format);
            return Err(refused(HEAD, why));
        }
        let schema = Schema::after(known(&head)?).await?;
        for (table, last) in &head.counters {
            let serial = schema.place(table).and_then(|place| schema.tables.get(place)?.serial.as_ref());
            if serial.is_none() || *last <= 0 {
                return Err(refused(&table_of(table.as_bytes()), "the dump's head has a counter that cannot be"));
            }
        }
        let away = self.pool.make_empty(&schema).await?;
        Ok(Filling { schema, head, away, batch: Vec::new(), bytes: 0, rows: 0 })
    }
}

fn broken() -> Error {
    Error::new(Code::Internal, "dump", "The restore failed before: begin it anew")
}

/// The steps of the dump's schema, all of which this release knows as they were.
fn known(head: &Head) -> Result<BTreeSet<i64>> {
    let steps = migrate::steps();
    let newest = steps.last().map_or(0, |step| step.version);
    for (version, checksum) in &head.steps {
        let Some(step) = steps.iter().find(|step| step.version == *version) else {
            let why = format!(
                "the dump is of a newer release: it has step {version} of the schema, this one ends at {newest}"
            );
            return Err(refused(HEAD, why));
        };
        if hex(&step.checksum) != *checksum {
            return Err(refused(
                HEAD,
                format!("step {version} of the dump's schema is another one than this release's"),
            ));
        }
    }
    let versions: BTreeSet<i64> = head.steps.iter().map(|(version, _)| *version).collect();
    match versions.is_empty() || versions.len() != head.steps.len() {
        true => Err(refused(HEAD, "the dump has no steps of a schema, or one of them twice")),
        false => Ok(versions),
    }
}

impl Filling {
    fn take(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<()> {
        let place = self.schema.place(table).ok_or_else(|| refused(table, "it is unknown"))?;
        let known = self.schema.tables.get(place).ok_or_else(|| refused(table, "it is unknown"))?;
        self.batch.push((place, known.read(key, value)?));
        self.bytes = self.bytes.saturating_add(value.len());
        self.rows += 1;
        Ok(())
    }

    /// Writes what was taken, in one transaction.
    async fn write(&mut self, pool: &Pool) -> Result<()> {
        self.bytes = 0;
        let mut rows = mem::take(&mut self.batch).into_iter().peekable();
        let mut txn = pool.begin().await?;
        while let Some((place, values)) = rows.next() {
            let Some(table) = self.schema.tables.get(place) else { continue };
            let mut many = Many::into(table.head(), table.columns.len());
            many.push(values);
            while let Some((_, values)) = rows.next_if(|(next, _)| *next == place) {
                many.push(values);
            }
            let written = many.execute(&mut txn).await;
            written.map_err(|e| Error { message: format!("Table {}: {}", table.name, e.message), ..e })?;
        }
        txn.commit().await
    }

    /// Numbers go on behind the highest that was given out, also when the row that had it is gone.
    async fn counters(&self, connection: &mut Connection, sqlite: bool) -> Result<()> {
        for table in &self.schema.tables {
            let Some(serial) = &table.serial else { continue };
            let text = format!("SELECT MAX(\"{serial}\") AS n FROM \"{}\"", table.name);
            let highest = made(text).fetch_one(connection).await?.number("n")?.unwrap_or(0);
            let last = highest.max(self.head.counters.get(&table.name).copied().unwrap_or(0));
            if last <= 0 {
                continue;
            }
            if !sqlite {
                let set = query("SELECT setval(pg_get_serial_sequence($1, $2)::regclass, $3) AS n");
                set.bind(&table.name).bind(serial).bind(last).fetch_one(connection).await?;
                continue;
            }
            let set = query("UPDATE sqlite_sequence SET seq = $2 WHERE name = $1").bind(&table.name).bind(last);
            if set.execute(connection).await? == 0 {
                let add = query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)");
                add.bind(&table.name).bind(last).execute(connection).await?;
            }
        }
        Ok(())
    }
}

/// SQLite's own look at all foreign keys.
async fn foreign_keys(connection: &mut Connection) -> Result<()> {
    let asked = query("SELECT \"table\" AS held_by FROM pragma_foreign_key_check LIMIT 1");
    match asked.fetch_optional(connection).await? {
        None => Ok(()),
        Some(row) => Err(refused(&crate::rows::text(&row, "held_by")?, "a row names another one that is not there")),
    }
}
