//! SUMMARY    Small readings of SQL rows, and fresh ids.

use crate::{Code, Error, Result, db::Row, limits::NAME_CHARS_MAX, visible::seen};

fn missing(column: &str) -> Error {
    Error::new(Code::Internal, "", format!("the column {column} has no value"))
}

pub fn text(row: &Row, column: &str) -> Result<String> {
    row.text(column)?.ok_or_else(|| missing(column))
}

pub fn number(row: &Row, column: &str) -> Result<i64> {
    row.number(column)?.ok_or_else(|| missing(column))
}

pub fn optional(row: &Row, column: &str) -> Result<Option<i64>> {
    row.number(column)
}

/// An id column of a known kind; anything else is a damaged database.
pub fn id<T: std::str::FromStr>(row: &Row, column: &str) -> Result<T> {
    text(row, column)?.parse().map_err(|_| Error::new(Code::Internal, "", "a stored id is damaged"))
}

/// Random bytes of the cryptographic provider.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::new(Code::Internal, "", "no randomness"))?;
    Ok(bytes)
}

pub fn fresh_number() -> Result<u64> {
    // 63 bits: fits the signed integers of SQL and leaves the highest ids unused.
    Ok(u64::from_be_bytes(random::<8>()?) >> 1)
}

/// A random id of a kind that only SQL knows.
pub fn fresh_id(prefix: &str) -> Result<String> {
    Ok(random::<10>()?.iter().fold(prefix.to_owned(), |id, b| format!("{id}{b:02x}")))
}

/// A limit as SQL stores it. `None` = unlimited.
pub(crate) fn to_sql(limit: Option<u64>, field: &'static str) -> Result<Option<i64>> {
    let too_large = |_| Error::new(Code::Invalid, field, "The number is too large");
    limit.map(i64::try_from).transpose().map_err(too_large)
}

/// A list for `json_each`.
pub fn json_list<T: ToString>(items: &[T]) -> String {
    serde_json::Value::from(items.iter().map(T::to_string).collect::<Vec<_>>()).to_string()
}

/// A name or label that is not too long, and all of which is seen.
pub(crate) fn short(name: &str, field: &'static str) -> Result<()> {
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let message = format!("A name is one line of at most {NAME_CHARS_MAX} characters (NAME_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, field, message));
    }
    seen(name, field)
}

/// A text to look for with LIKE … ESCAPE '!'.
pub(crate) fn like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// The domain of a canonical address.
pub(crate) fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}
