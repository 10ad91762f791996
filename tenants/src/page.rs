//! SUMMARY    A page of a list: so many items after, or before, a cursor.

/// Which part of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The item it begins after, or ends before; the list's end when missing.
    pub cursor: Option<String>,
    /// The last items before the cursor instead of the first after it. They come in the list's order all the same.
    pub backward: bool,
    /// Items at most.
    pub limit: u32,
}

/// Sorts after every text that can be a cursor.
const LAST: &str = "\u{10ffff}";

impl Page {
    /// The first items of a list.
    pub fn first(limit: u32) -> Page {
        Page { cursor: None, backward: false, limit }
    }

    /// The cursor, or the end of the list where the page begins.
    pub(crate) fn from(&self) -> &str {
        let end = if self.backward { LAST } else { "" };
        self.cursor.as_deref().unwrap_or(end)
    }

    /// The statement for its direction.
    pub(crate) fn pick(&self, forward: &'static str, backward: &'static str) -> &'static str {
        if self.backward { backward } else { forward }
    }

    /// Rows of a statement in the list's order.
    pub(crate) fn ordered<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.backward {
            rows.reverse();
        }
        rows
    }
}
