//! SUMMARY    A page of a list: so many items after, or before, a cursor.

use crate::{
    Code, Error, Result,
    db::{Connection, Row, Value, query},
    rows::number,
};
use std::str::FromStr;

/// Which part of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The item it begins after, or ends before; the list's end when missing.
    pub cursor: Option<String>,
    /// The last items before the cursor instead of the first after it. They come in the list's order all the same.
    pub backward: bool,
    /// Items at most.
    pub limit: u32,
    /// Whether the items of the whole list are counted, which reads all of it: else it is said to have none.
    pub counted: bool,
}

/// Sorts after every text that can be a cursor.
pub const LAST: &str = "\u{10ffff}";

impl Page {
    /// The first items of a list.
    pub fn first(limit: u32) -> Page {
        Page { cursor: None, backward: false, limit, counted: true }
    }

    /// The cursor as a text to compare with: the end of the list where the page begins when there is none.
    /// `Invalid` when it is none of this list's.
    pub(crate) fn from<T: FromStr + ToString>(&self) -> Result<String> {
        let end = if self.backward { LAST } else { "" };
        let Some(cursor) = &self.cursor else { return Ok(end.to_owned()) };
        let read = cursor.parse::<T>().map_err(|_| self.not_a_cursor())?;
        Ok(read.to_string())
    }

    /// The same of a list in order of domain and local part, whose cursors are addresses.
    pub(crate) fn address_from(&self) -> Result<(String, String)> {
        let cursor = self.from::<String>()?;
        match cursor.rsplit_once('@') {
            Some((local, domain)) => Ok((domain.to_owned(), local.to_owned())),
            None if self.cursor.is_none() => Ok((cursor, String::new())),
            None => Err(self.not_a_cursor()),
        }
    }

    pub fn not_a_cursor(&self) -> Error {
        let field = if self.backward { "before" } else { "after" };
        Error::new(Code::Invalid, field, "This is not a cursor of this list")
    }

    /// The rows of the page in the list's order, and how many the whole list has.
    /// `scope` binds the first parameters of the statements, `from` the next ones.
    pub async fn rows(
        &self,
        connection: &mut Connection,
        list: &Statements,
        scope: &[String],
        from: Vec<Value>,
    ) -> Result<(Vec<Row>, i64)> {
        let mut select = query(if self.backward { list.backward } else { list.forward });
        for value in scope {
            select = select.bind(value);
        }
        for value in from {
            select = select.bind(value);
        }
        let mut rows = select.bind(i64::from(self.limit)).fetch_all(&mut *connection).await?;
        if self.backward {
            rows.reverse();
        }
        if !self.counted {
            return Ok((rows, 0));
        }
        let mut count = query(list.count);
        for value in scope {
            count = count.bind(value);
        }
        Ok((rows, number(&count.fetch_one(connection).await?, "n")?))
    }
}

/// The statements of a list.
pub struct Statements {
    pub forward: &'static str,
    pub backward: &'static str,
    pub count: &'static str,
}

/// The statements of a list in ascending order of a unique column: `$scope` are the rows it is of, a table and a condition, with the
/// parameters before `$from`, the cursor; `$limit` is the last one.
macro_rules! list {
    ($scope:literal, by $key:literal, $from:literal, $limit:literal) => {
        crate::page::Statements {
            forward: concat!(
                "SELECT * FROM ",
                $scope,
                " AND ",
                $key,
                " > ",
                $from,
                " ORDER BY ",
                $key,
                " LIMIT ",
                $limit
            ),
            backward: concat!(
                "SELECT * FROM ",
                $scope,
                " AND ",
                $key,
                " < ",
                $from,
                " ORDER BY ",
                $key,
                " DESC LIMIT ",
                $limit
            ),
            count: concat!("SELECT COUNT(*) AS n FROM ", $scope),
        }
    };
}
pub(crate) use list;
