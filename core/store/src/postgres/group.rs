//! SUMMARY    A group of validated commits as one set of rows to write.

use super::log::Written;
use crate::layer::{Layer, Patch, Slice};
use sqlx::PgConnection;

/// Longer keys do not fit into an index row (schema.sql).
pub(super) const KEY_INDEXED_BYTES_MAX: usize = 2_500;

/// Rows of one of the two tables.
#[derive(Default)]
struct Rows<'a> {
    gone: Vec<&'a [u8]>,
    put_keys: Vec<&'a [u8]>,
    put_values: Vec<&'a [u8]>,
    add_keys: Vec<&'a [u8]>,
    add_deltas: Vec<i64>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, key: &'a Slice, patch: &'a Patch) {
        match patch {
            Patch::Put(value) => {
                self.put_keys.push(key);
                self.put_values.push(value);
            }
            Patch::Gone => self.gone.push(key),
            Patch::Add(delta) => {
                self.add_keys.push(key);
                self.add_deltas.push(*delta);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.put_keys.is_empty() && self.add_keys.is_empty()
    }
}

/// What the group's log row says.
pub(super) struct LogRow {
    pub last: u64,
    pub batch: [u8; 16],
    pub written: Written,
    /// Log rows that are older go; zero: none.
    pub keep_seconds: f64,
}

/// Writes `net` and the log row within the transaction of `connection`.
pub(super) async fn apply(connection: &mut PgConnection, net: &Layer, log: &LogRow) -> Result<(), sqlx::Error> {
    let (clear_from, clear_to): (Vec<&[u8]>, Vec<&[u8]>) = net.clears().map(|(f, t)| (f.as_ref(), t.as_ref())).unzip();
    let (mut rows, mut long) = (Rows::default(), Rows::default());
    for (key, patch) in net.patches() {
        if key.len() <= KEY_INDEXED_BYTES_MAX { &mut rows } else { &mut long }.push(key, patch);
    }
    sqlx::query("SELECT kv_apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(clear_from)
        .bind(clear_to)
        .bind(rows.gone)
        .bind(rows.put_keys)
        .bind(rows.put_values)
        .bind(rows.add_keys)
        .bind(rows.add_deltas)
        .bind(i64::try_from(log.last).unwrap_or(i64::MAX))
        .bind(i32::try_from(log.written.len()).unwrap_or(i32::MAX))
        .bind(log.batch.as_slice())
        .bind(log.written.encode())
        .bind(log.keep_seconds)
        .execute(&mut *connection)
        .await?;
    if !long.is_empty() {
        sqlx::query("SELECT kv_apply_long($1, $2, $3, $4, $5)")
            .bind(long.gone)
            .bind(long.put_keys)
            .bind(long.put_values)
            .bind(long.add_keys)
            .bind(long.add_deltas)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
