//! SUMMARY    Pages of lists that go by a moment and an id, the newest first.
//! INVARIANTS A page begins behind an item that is there: a cursor that names none is refused.

use tenants::{
    Code, Error, Page, Result,
    sql::{Connection, Query, Row, number},
};

/// The statements of a list. Behind the values of its scope come a moment, an id and how many at most.
pub(crate) struct Newest {
    pub forward: &'static str,
    pub backward: &'static str,
    pub count: &'static str,
    /// The moment of an item as `at`; behind the scope comes what the cursor names.
    pub moment: &'static str,
}

impl Newest {
    /// The rows of a page in the list's order, and how many the whole list has. `cursor` is what the page's cursor names.
    pub(crate) async fn rows(
        &self,
        connection: &mut Connection,
        page: &Page,
        scope: &[String],
        cursor: &[String],
    ) -> Result<(Vec<Row>, i64)> {
        let scoped = |sql: &'static str| scope.iter().fold(tenants::sql::query(sql), Query::bind);
        let end = if page.backward { i64::MIN } else { i64::MAX };
        let (at, id) = match cursor.last() {
            None => (end, String::new()),
            Some(id) => {
                let moment = cursor.iter().fold(scoped(self.moment), Query::bind);
                let row = moment.fetch_optional(&mut *connection).await?.ok_or_else(|| not_a_cursor(page))?;
                (number(&row, "at")?, id.clone())
            }
        };
        let sql = if page.backward { self.backward } else { self.forward };
        let select = scoped(sql).bind(at).bind(id).bind(i64::from(page.limit));
        let mut rows = select.fetch_all(&mut *connection).await?;
        if page.backward {
            rows.reverse();
        }
        if !page.counted {
            return Ok((rows, 0));
        }
        Ok((rows, number(&scoped(self.count).fetch_one(connection).await?, "n")?))
    }
}

pub(crate) fn not_a_cursor(page: &Page) -> Error {
    let field = if page.backward { "before" } else { "after" };
    Error::new(Code::Invalid, field, "This is not a cursor of this list")
}
