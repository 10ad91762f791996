//! SUMMARY    A row of a dump: its key, which sorts as the database does, and its value, JSON; and back.
//! SECURITY   Rows that are read back may be anybody's: what is not as a dump writes it is refused with the table's name.
//! INVARIANTS Key: name of the table, 0x00, the values of the primary key. A text is 0x02, its bytes, 0x00 (no text has a NUL); a
//!            number is 0x01 and 8 bytes, big end first, the sign turned. So keys compare as the values do, and no key is the
//!            beginning of another one. Value: a JSON object, column to text, whole number or null, columns in the order of their
//!            names. The head sorts before all tables, the end behind them.

use super::{
    schema::{Kind, Schema, Table},
    statement::{Row, Value},
};
use crate::{Code, Error, Result};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// Key and value of a row of a dump.
pub type DumpRow = (Vec<u8>, Vec<u8>);

/// Where the head stands: among the names of tables, the one of the steps that were taken.
pub(super) const HEAD: &str = "_sqlx_migrations";
/// Where the end stands.
pub(super) const END: &str = "~end";
/// Version of the format.
pub(super) const FORMAT: u32 = 1;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
/// Characters of a name that are shown when it is refused.
const NAME_SHOWN_MAX: usize = 64;

/// What stands before the rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) format: u32,
    /// Version and checksum (hex) of every step of the schema.
    pub(super) steps: Vec<(i64, String)>,
    /// The highest number that was given out, by table that the database numbers; rows that had it may be gone.
    pub(super) counters: BTreeMap<String, i64>,
}

/// What stands behind the rows: a dump without it is not whole.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// Rows of tables.
    pub(super) rows: u64,
}

/// The key of a table's row, or how the keys of a table begin.
pub(crate) fn key_of<'v>(table: &str, values: impl IntoIterator<Item = &'v Value>) -> Result<Vec<u8>> {
    let mut key = [table.as_bytes(), &[0]].concat();
    for value in values {
        match value {
            Value::Text(Some(text)) if !text.contains('\0') => {
                key.push(TEXT);
                key.extend_from_slice(text.as_bytes());
                key.push(0);
            }
            Value::Number(Some(number)) => {
                key.push(NUMBER);
                key.extend_from_slice(&(number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
            }
            _ => return Err(refused(table, "a value of its primary key is missing, or has a NUL character")),
        }
    }
    Ok(key)
}

/// A row, or what it is about, is not as a dump has it.
pub(super) fn refused(table: &str, why: impl fmt::Display) -> Error {
    Error::new(Code::Invalid, "dump", format!("The dump is refused. Table {table}: {why}"))
}

/// The name of the table in a key that may be anything.
pub(super) fn table_of(key: &[u8]) -> String {
    let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
    let name: String = String::from_utf8_lossy(name).chars().take(NAME_SHOWN_MAX).collect();
    name.escape_debug().collect()
}

impl Table {
    /// The values of a row as the database gives it, in the order of the columns.
    pub(super) fn values(&self, row: &Row) -> Result<Vec<Value>> {
        let value = |column: &super::schema::Column| match column.kind {
            Kind::Text => row.text(&column.name).map(Value::Text),
            Kind::Number => row.number(&column.name).map(Value::Number),
        };
        let values = self.columns.iter().map(value).collect::<Result<_>>();
        values.map_err(|e| Error { message: format!("Table {}: {}", self.name, e.message), ..e })
    }

    /// The values of the primary key, in its order.
    pub(super) fn key_values<'v>(&self, values: &'v [Value]) -> impl Iterator<Item = &'v Value> {
        self.key.iter().filter_map(|place| values.get(*place))
    }

    /// As it stands in a dump.
    pub(super) fn written(&self, values: &[Value]) -> Result<DumpRow> {
        let key = key_of(&self.name, self.key_values(values))?;
        let columns: BTreeMap<&str, serde_json::Value> =
            self.columns.iter().map(|c| c.name.as_str()).zip(values.iter().map(json)).collect();
        Ok((key, serde_json::to_vec(&columns).map_err(|e| refused(&self.name, e))?))
    }

    /// Values in the order of the columns, from a row of a dump. `Invalid`, with the table's name: a column is missing, unknown,
    /// there twice or of another type; the key is another row's.
    pub(super) fn read(&self, key: &[u8], value: &[u8]) -> Result<Vec<Value>> {
        let refuse = |column: &str, why: &str| refused(&self.name, format_args!("column {column} {why}"));
        let mut columns = parsed(&self.name, value)?;
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let cell = columns.remove(&column.name).ok_or_else(|| refuse(&column.name, "is missing"))?;
            values.push(match (column.kind, cell) {
                (_, serde_json::Value::Null) if column.required => {
                    return Err(refuse(&column.name, "is null"));
                }
                (Kind::Text, serde_json::Value::Null) => Value::Text(None),
                (Kind::Number, serde_json::Value::Null) => Value::Number(None),
                (Kind::Text, serde_json::Value::String(text)) if !text.contains('\0') => Value::Text(Some(text)),
                (Kind::Number, serde_json::Value::Number(number)) if number.is_i64() => Value::Number(number.as_i64()),
                _ => return Err(refuse(&column.name, "has a value of another type")),
            });
        }
        if let Some(strange) = columns.keys().next() {
            return Err(refuse(&strange.chars().take(NAME_SHOWN_MAX).collect::<String>(), "is unknown"));
        }
        match key_of(&self.name, self.key_values(&values))? == key {
            true => Ok(values),
            false => Err(refused(&self.name, "a key is not the one of its row")),
        }
    }
}

impl Schema {
    /// The first row of a dump.
    pub(super) fn head(&self, counters: BTreeMap<String, i64>) -> Result<DumpRow> {
        let head = Head { format: FORMAT, steps: self.steps.clone(), counters };
        Ok((key_of(HEAD, [])?, serde_json::to_vec(&head).map_err(|e| refused(HEAD, e))?))
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.clone().map_or(serde_json::Value::Null, serde_json::Value::String),
        Value::Number(number) => number.map_or(serde_json::Value::Null, serde_json::Value::from),
    }
}

/// The columns of a row, by their names; a column that is there twice is `Invalid`.
pub(crate) fn parsed(table: &str, value: &[u8]) -> Result<BTreeMap<String, serde_json::Value>> {
    serde_json::from_slice::<Columns>(value).map(|columns| columns.0).map_err(|e| refused(table, e))
}

struct Columns(BTreeMap<String, serde_json::Value>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of columns")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Columns, A::Error> {
                let mut columns = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if columns.insert(name, value).is_some() {
                        return Err(A::Error::custom("a column is there twice"));
                    }
                }
                Ok(Columns(columns))
            }
        }
        from.deserialize_map(Reads)
    }
}
