//! SUMMARY    Bulk mutations: one transaction, a result for each item.
//! LIMITS     BULK_ITEMS_MAX
//! INVARIANTS Results stand in the order of the items. All or nothing: one refused item leaves nothing of any.

use crate::{Applied, Code, Done, Error, Result, Service, limits::BULK_ITEMS_MAX, terms::Work};
use control::Change;
use serde::{Deserialize, Serialize};

/// What becomes of a bulk when an item is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// Nothing is done.
    AllOrNothing,
    /// The others are done.
    Continue,
}

/// What became of an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Item<T> {
    Done(T),
    Refused(ItemError),
}

/// Why an item was refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ItemError {
    pub code: Code,
    pub field: String,
    pub message: String,
}

impl From<Error> for ItemError {
    fn from(e: Error) -> Self {
        ItemError { code: e.code, field: e.field.to_owned(), message: e.message }
    }
}

/// A bulk has one item at least and not too many.
pub(crate) fn bulk_size(items: usize, field: &'static str) -> Result<()> {
    if items == 0 || items > BULK_ITEMS_MAX {
        let message = format!("A bulk has 1 to {BULK_ITEMS_MAX} items (BULK_ITEMS_MAX)");
        return Err(Error::new(Code::Invalid, field, message));
    }
    Ok(())
}

/// Lifts the refusal of an item into its result; a failure of ours ends the whole.
pub(crate) fn lifted<T, U>(items: &mut Vec<Item<T>>, made: Result<U>) -> Result<Option<U>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(e) if e.code == Code::Internal => Err(e),
        Err(e) => {
            items.push(Item::Refused(e.into()));
            Ok(None)
        }
    }
}

impl Service {
    /// Ends a bulk as its policy says.
    pub(crate) async fn finish_bulk<T: Serialize>(
        &self,
        work: Work,
        items: Vec<Item<T>>,
        batch: &[Change],
        policy: ErrorPolicy,
    ) -> Result<Done<Vec<Item<T>>>> {
        let refused = items.iter().any(|item| matches!(item, Item::Refused(_)));
        if policy == ErrorPolicy::Continue || !refused {
            return self.finish(work, items, batch).await;
        }
        work.txn.rollback().await?;
        let aborted = |item| match item {
            Item::Done(_) => Item::Refused(Error::new(Code::Aborted, "", "Another item was refused").into()),
            refused @ Item::Refused(_) => refused,
        };
        Ok(Done { object: items.into_iter().map(aborted).collect(), applied: Applied::Done })
    }
}
