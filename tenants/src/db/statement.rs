//! SUMMARY    A statement with its values, run on either engine; rows as both give them.
//! INVARIANTS Values are texts and whole numbers: nothing else is stored.

use super::{Connection, Link, sqlite};
use crate::{Code, Error, Result};
use sqlx::{Row as _, SqlStr, postgres::PgRow};

/// A value to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

macro_rules! value {
    ($($from:ty => $kind:ident($v:ident -> $to:expr)),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self {
                Value::$kind($to)
            }
        })*
    };
}
value! {
    String => Text(v -> Some(v)),
    &String => Text(v -> Some(v.clone())),
    &str => Text(v -> Some(v.to_owned())),
    Option<String> => Text(v -> v),
    Option<&String> => Text(v -> v.cloned()),
    Option<&str> => Text(v -> v.map(str::to_owned)),
    i64 => Number(v -> Some(v)),
    Option<i64> => Number(v -> v),
}

/// A statement of the program; `$1` is the first value.
pub fn query(sql: &'static str) -> Query {
    Query { sql: SqlStr::from_static(sql), values: Vec::new() }
}

/// A statement whose text was put together from parts of the program.
pub(super) fn prepared(sql: SqlStr, values: Vec<Value>) -> Query {
    Query { sql, values }
}

pub struct Query {
    sql: SqlStr,
    values: Vec<Value>,
}

/// The statement with its values, for PostgreSQL.
fn bound(query: Query) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
    let mut statement = sqlx::query(query.sql);
    for value in query.values {
        statement = match value {
            Value::Text(v) => statement.bind(v),
            Value::Number(v) => statement.bind(v),
        };
    }
    statement
}

impl Query {
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// PostgreSQL has no NUL characters in texts: neither engine is given one. `Invalid`.
    fn checked(self) -> Result<Self> {
        let has_nul = |value: &Value| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
        match self.values.iter().any(has_nul) {
            true => Err(Error::new(Code::Invalid, "", "A text has no NUL characters")),
            false => Ok(self),
        }
    }

    /// Rows that it changed.
    pub async fn execute(self, connection: &mut Connection) -> Result<u64> {
        let query = self.checked()?;
        Ok(match connection.link() {
            Link::Sqlite(c) => c.run(query.sql, query.values, usize::MAX).await?.changes,
            Link::Postgres(c) => bound(query).execute(c).await?.rows_affected(),
        })
    }

    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>> {
        let query = self.checked()?;
        Ok(match connection.link() {
            Link::Sqlite(c) => {
                c.run(query.sql, query.values, usize::MAX).await?.rows.into_iter().map(Row::Sqlite).collect()
            }
            Link::Postgres(c) => bound(query).fetch_all(c).await?.into_iter().map(Row::Postgres).collect(),
        })
    }

    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<Row>> {
        let query = self.checked()?;
        Ok(match connection.link() {
            Link::Sqlite(c) => c.run(query.sql, query.values, 1).await?.rows.pop().map(Row::Sqlite),
            Link::Postgres(c) => bound(query).fetch_optional(c).await?.map(Row::Postgres),
        })
    }

    /// The one row that there is; none is an error of the program.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<Row> {
        self.fetch_optional(connection).await?.ok_or_else(|| Error::from(sqlx::Error::RowNotFound))
    }
}

/// A row of either engine.
pub enum Row {
    Sqlite(sqlite::Cells),
    Postgres(PgRow),
}

impl Row {
    pub fn text(&self, column: &str) -> Result<Option<String>> {
        match self {
            Row::Sqlite(r) => match r.get(column)? {
                Value::Text(text) => Ok(text.clone()),
                Value::Number(_) => Err(sqlite::wrong(column)),
            },
            Row::Postgres(r) => Ok(r.try_get(column)?),
        }
    }

    pub fn number(&self, column: &str) -> Result<Option<i64>> {
        match self {
            Row::Sqlite(r) => match r.get(column)? {
                Value::Number(number) => Ok(*number),
                Value::Text(None) => Ok(None),
                Value::Text(Some(_)) => Err(sqlite::wrong(column)),
            },
            // A literal of a statement is a shorter integer there.
            Row::Postgres(r) => match r.try_get::<Option<i64>, _>(column) {
                Ok(n) => Ok(n),
                Err(_) => Ok(r.try_get::<Option<i32>, _>(column)?.map(i64::from)),
            },
        }
    }
}
