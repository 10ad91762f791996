//! SUMMARY    Many rows by few statements.
//! LIMITS     ROWS_OF_STATEMENT
//! INVARIANTS The texts are made of parts of the program and of numbers of values; there are as many of them as sizes.

use super::{Connection, statement::Value};
use crate::Result;
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::{borrow::Cow, fmt::Write};

/// Rows of one statement: few sizes, so that prepared statements are used again. The largest has less values than either
/// engine takes (SQLite 32,766, PostgreSQL 65,535) at up to 500 columns.
const ROWS_OF_STATEMENT: [usize; 4] = [64, 16, 4, 1];

/// Rows to be inserted.
pub(crate) struct Many {
    head: Cow<'static, str>,
    tail: &'static str,
    columns: usize,
    values: Vec<Value>,
}

impl Many {
    /// `head` is `INSERT INTO table (a, b)`; `tail` what follows the rows.
    pub(crate) fn new(head: &'static str, tail: &'static str) -> Many {
        Many { columns: head.matches(',').count() + 1, head: head.into(), tail, values: Vec::new() }
    }

    /// The same for a table and columns that are known by the schema only.
    pub(super) fn into(head: String, columns: usize) -> Many {
        Many { head: head.into(), tail: "", columns, values: Vec::new() }
    }

    /// One row: as many values as there are columns.
    pub(super) fn push(&mut self, values: Vec<Value>) {
        debug_assert_eq!(values.len(), self.columns, "{}", self.head);
        self.values.extend(values);
    }

    /// One row: as many values as `head` names columns.
    pub(crate) fn row<const N: usize>(&mut self, values: [Value; N]) {
        debug_assert_eq!(N, self.columns, "{}", self.head);
        self.values.extend(values);
    }

    /// Rows that were inserted or changed.
    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<u64> {
        let Many { head, tail, columns, values } = self;
        let (mut left, mut values, mut done) = (values.len() / columns.max(1), values.into_iter(), 0);
        while left > 0 {
            let rows = ROWS_OF_STATEMENT.into_iter().find(|rows| *rows <= left).unwrap_or(1);
            let text = AssertSqlSafe(text(&head, tail, rows, columns)).into_sql_str();
            done += super::statement::prepared(text, values.by_ref().take(rows * columns).collect())
                .execute(connection)
                .await?;
            left -= rows;
        }
        Ok(done)
    }
}

fn text(head: &str, tail: &str, rows: usize, columns: usize) -> String {
    let mut text = format!("{head} VALUES ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a text does not fail.
            let _ = write!(text, "{comma}${}", row * columns + column + 1);
        }
        text.push(')');
    }
    text.push(' ');
    text.push_str(tail);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_through_all_rows() {
        assert_eq!(
            text("INSERT INTO t (a, b)", "ON CONFLICT DO NOTHING", 2, 2),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"
        );
    }
}
