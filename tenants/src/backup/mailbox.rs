//! SUMMARY    Which mailbox an address was, at the time of a dump.
//! LIMITS     FOUND_MAX
//! INVARIANTS Reads only the ranges that it names: one row of the domain, one of the address, one of the mailbox; all mailboxes only
//!            when the address led to none, since one that was deleted keeps its address only in its own row.

use crate::{
    Code, Error, Result,
    db::{Value, key_of, parsed},
};
use base::{AccountId, Address, Domain, TenantId};
use serde_json::Value as Json;
use std::{collections::BTreeMap, ops::Range};

/// Mailboxes that may have had one address, one after the other.
const FOUND_MAX: usize = 1_000;

/// What a mailbox was at the time of the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpedMailboxState {
    Live,
    /// It was deleted and could be restored.
    Deleted,
    /// Its mail was destroyed, or on the way to be.
    Purged,
}

/// A mailbox as a dump has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpedMailbox {
    pub id: AccountId,
    pub tenant: TenantId,
    /// Its main address, canonical.
    pub address: String,
    pub display_name: String,
    pub state: DumpedMailboxState,
    pub created_at_ms: i64,
    pub deleted_at_ms: Option<i64>,
}

enum Step {
    /// The domain may be another name of one.
    Domain(Address),
    Address(Address),
    /// The one with this id.
    Id(AccountId),
    /// All: those with this address.
    All(String),
    Over,
}

/// A search in a dump. For each range of `range`, all rows of the dump in it are given to `row`, until there is no range any more;
/// then `found` has what there is.
pub struct MailboxSearch {
    step: Step,
    /// What the rows of this range led to.
    next: Option<Step>,
    begun: bool,
    found: Vec<DumpedMailbox>,
}

impl MailboxSearch {
    /// By an address: the main one, an alias of one mailbox, or one at another name of the domain. Whoever had it then comes alone;
    /// when nobody had it, all that had it as their main address before they were deleted.
    pub fn by_address(address: &Address) -> MailboxSearch {
        MailboxSearch { step: Step::Domain(address.clone()), next: None, begun: false, found: Vec::new() }
    }

    pub fn by_id(id: AccountId) -> MailboxSearch {
        MailboxSearch { step: Step::Id(id), next: None, begun: false, found: Vec::new() }
    }

    /// The keys of the dump that are to be read next; `None`: it is over.
    pub fn range(&mut self) -> Result<Option<Range<Vec<u8>>>> {
        if self.begun {
            let next = self.next.take();
            self.step = match std::mem::replace(&mut self.step, Step::Over) {
                // Nothing was there that leads elsewhere.
                Step::Domain(address) => next.unwrap_or(Step::Address(address)),
                Step::Address(address) => next.unwrap_or_else(|| Step::All(address.canonical())),
                Step::Id(_) | Step::All(_) | Step::Over => Step::Over,
            };
        }
        self.begun = true;
        Ok(match &self.step {
            Step::Domain(address) => Some(point("domain", &[address.domain().as_str()])?),
            Step::Address(address) => Some(point("address", &[address.domain().as_str(), &address.canonical_local()])?),
            Step::Id(id) => Some(point("mailbox", &[&id.to_string()])?),
            Step::All(_) => Some(Range { start: key_of("mailbox", [])?, end: b"mailbox\x01".to_vec() }),
            Step::Over => None,
        })
    }

    /// A row of the dump in the range. `Invalid`, with the table's name: it is not as a dump has it.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match &self.step {
            Step::Domain(address) if key == point("domain", &[address.domain().as_str()])?.start => {
                let row = Columns::new("domain", value)?;
                if let Some(name) = row.text("alias_of")? {
                    let domain = Domain::parse(&name).map_err(|_| row.damaged("alias_of"))?;
                    self.next = Some(Step::Address(address.at(domain)));
                }
            }
            Step::Address(address)
                if key == point("address", &[address.domain().as_str(), &address.canonical_local()])?.start =>
            {
                let row = Columns::new("address", value)?;
                if let Some(account) = row.text("account")? {
                    self.next = Some(Step::Id(account.parse().map_err(|_| row.damaged("account"))?));
                }
            }
            Step::Id(id) if key == point("mailbox", &[&id.to_string()])?.start => {
                self.found.push(mailbox(&Columns::new("mailbox", value)?)?);
            }
            Step::All(address) if key.starts_with(&key_of("mailbox", [])?) => {
                let row = Columns::new("mailbox", value)?;
                if row.text("address")?.as_ref() == Some(address) {
                    if self.found.len() >= FOUND_MAX {
                        let message = format!("More than {FOUND_MAX} mailboxes had the address (FOUND_MAX): ask by id");
                        return Err(Error::new(Code::LimitReached, "address", message));
                    }
                    self.found.push(mailbox(&row)?);
                }
            }
            // Of another range.
            Step::Domain(_) | Step::Address(_) | Step::Id(_) | Step::All(_) | Step::Over => {}
        }
        Ok(())
    }

    /// What was found; more than one only when the address was nobody's then: who had it before, in the order of their ids.
    pub fn found(self) -> Vec<DumpedMailbox> {
        self.found
    }
}

/// The one key with these texts.
fn point(table: &str, texts: &[&str]) -> Result<Range<Vec<u8>>> {
    let values: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
    let start = key_of(table, &values)?;
    // No key is the beginning of another one, so nothing else is between.
    let end = [start.as_slice(), &[0]].concat();
    Ok(Range { start, end })
}

fn mailbox(row: &Columns) -> Result<DumpedMailbox> {
    let (live, purge_at) = (row.number("live")?, row.number("purge_at")?);
    let state = match (live, purge_at) {
        (Some(1), _) => DumpedMailboxState::Live,
        (_, Some(_)) => DumpedMailboxState::Deleted,
        (_, None) => DumpedMailboxState::Purged,
    };
    let id = |column| row.text(column)?.ok_or_else(|| row.damaged(column));
    Ok(DumpedMailbox {
        id: id("id")?.parse().map_err(|_| row.damaged("id"))?,
        tenant: id("tenant")?.parse().map_err(|_| row.damaged("tenant"))?,
        address: id("address")?,
        display_name: id("display_name")?,
        state,
        created_at_ms: row.number("created_at")?.ok_or_else(|| row.damaged("created_at"))?,
        deleted_at_ms: row.number("deleted_at")?,
    })
}

/// A row's columns: a dump of an older schema may lack the newer ones, which are null then.
struct Columns {
    table: &'static str,
    columns: BTreeMap<String, Json>,
}

impl Columns {
    fn new(table: &'static str, value: &[u8]) -> Result<Columns> {
        Ok(Columns { table, columns: parsed(table, value)? })
    }

    fn text(&self, column: &str) -> Result<Option<String>> {
        match self.columns.get(column) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.damaged(column)),
        }
    }

    fn number(&self, column: &str) -> Result<Option<i64>> {
        match self.columns.get(column) {
            None | Some(Json::Null) => Ok(None),
            Some(other) => other.as_i64().map(Some).ok_or_else(|| self.damaged(column)),
        }
    }

    fn damaged(&self, column: &str) -> Error {
        let message = format!("The dump is damaged: table {}, column {column}", self.table);
        Error::new(Code::Invalid, "dump", message)
    }
}
