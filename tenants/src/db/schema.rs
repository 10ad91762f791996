//! SUMMARY    What tables there are after some steps of the schema, for what treats all of them alike.
//! INVARIANTS Read from the steps themselves, taken in memory: the same on both engines, also for steps that are long past. Tables
//!            are in the order of their names, byte by byte; every one has a primary key; columns are texts and whole numbers.

use super::migrate;
use crate::{Code, Error, Result, error::failed};
use rusqlite::Connection;
use std::{collections::BTreeSet, fmt::Write};

/// What SQLite makes for itself.
const OWN_TABLES: &str = "sqlite_";

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// It is never NULL.
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Places of the columns of the primary key, in its order.
    pub(super) key: Vec<usize>,
    /// The column that the database numbers.
    pub(super) serial: Option<String>,
}

/// The tables after some steps.
#[derive(Debug)]
pub(super) struct Schema {
    /// Version and checksum (hex) of each step, in order: those of the texts for SQLite, on either engine.
    pub(super) steps: Vec<(i64, String)>,
    pub(super) tables: Vec<Table>,
}

impl Schema {
    /// The schema after these steps, which are all known: another version is `Invalid`.
    pub(super) async fn after(versions: BTreeSet<i64>) -> Result<Schema> {
        tokio::task::spawn_blocking(move || read(&versions)).await.map_err(failed)?
    }

    /// The schema of this release.
    pub(super) async fn newest() -> Result<Schema> {
        Schema::after(migrate::steps().iter().map(|step| step.version).collect()).await
    }

    pub(super) fn place(&self, table: &str) -> Option<usize> {
        self.tables.binary_search_by(|t| t.name.as_str().cmp(table)).ok()
    }
}

fn read(versions: &BTreeSet<i64>) -> Result<Schema> {
    let known = migrate::steps();
    if let Some(strange) = versions.iter().find(|v| known.iter().all(|step| step.version != **v)) {
        let message = format!("Step {strange} of the schema is of a newer release: this one does not know it");
        return Err(Error::new(Code::Invalid, "", message));
    }
    let connection = Connection::open_in_memory()?;
    let mut steps = Vec::new();
    for step in known.iter().filter(|step| versions.contains(&step.version)) {
        connection.execute_batch(step.sql.as_str())?;
        steps.push((step.version, hex(&step.checksum)));
    }
    Ok(Schema { steps, tables: tables(&connection)? })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let mut asked = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let own = rows.into_iter().filter(|(name, _)| !name.starts_with(OWN_TABLES));
    own.map(|(name, text)| table(connection, name, &text)).collect()
}

fn table(connection: &Connection, name: String, text: &str) -> Result<Table> {
    let strange = |why: &str| failed(format_args!("table {name}: {why}"));
    let mut asked =
        connection.prepare(r#"SELECT name, type, "notnull", pk FROM pragma_table_info(?1) ORDER BY cid"#)?;
    let rows = asked.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let rows: Vec<(String, String, bool, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for (place, (column, kind, required, in_key)) in rows.into_iter().enumerate() {
        let kind = match kind.as_str() {
            "TEXT" => Kind::Text,
            "BIGINT" | "INTEGER" => Kind::Number,
            _ => return Err(strange("a column is neither a text nor a whole number")),
        };
        if in_key > 0 {
            key.push((in_key, place));
        }
        columns.push(Column { name: column, kind, required: required || in_key > 0 });
    }
    key.sort_unstable();
    let key: Vec<usize> = key.into_iter().map(|(_, place)| place).collect();
    let first = key.first().and_then(|place| columns.get(*place)).ok_or_else(|| strange("it has no primary key"))?;
    let serial = text.contains("AUTOINCREMENT").then(|| first.name.clone());
    Ok(Table { columns, key, serial, name })
}

impl Table {
    /// The columns of the primary key, in its order.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|place| self.columns.get(*place))
    }

    /// `INSERT INTO … (…)`, all columns in their order.
    pub(super) fn head(&self) -> String {
        format!("INSERT INTO \"{}\" ({})", self.name, quoted(self.columns.iter()))
    }

    /// The first rows, or those behind the key that `$1`, `$2`, … are the values of; last, how many. In the order of the key.
    pub(super) fn page(&self, behind: bool) -> String {
        self.select(&quoted(self.columns.iter()), behind)
    }

    /// The same rows as bytes of their texts, `n`.
    pub(super) fn sizes(&self, behind: bool) -> String {
        let texts = self.columns.iter().filter(|column| column.kind == Kind::Text);
        let sizes = texts.fold("CAST(0 AS BIGINT)".to_owned(), |sum, column| {
            format!("{sum} + COALESCE(octet_length(\"{}\"), 0)", column.name)
        });
        self.select(&format!("{sizes} AS n"), behind)
    }

    fn select(&self, what: &str, behind: bool) -> String {
        let (key, many) = (quoted(self.key_columns()), self.key.len());
        let place = |n: usize| format!("${n}");
        let values = (1..=many).map(place).collect::<Vec<_>>().join(", ");
        let (from, last) = match behind {
            true => (format!(" WHERE ({key}) > ({values})"), many + 1),
            false => (String::new(), 1),
        };
        format!("SELECT {what} FROM \"{}\"{from} ORDER BY {key} LIMIT ${last}", self.name)
    }
}

fn quoted<'c>(columns: impl Iterator<Item = &'c Column>) -> String {
    columns.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}
