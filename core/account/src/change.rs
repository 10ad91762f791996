//! SUMMARY    The change log: what RFC 8620 /changes, QRESYNC and views read to catch up.
//! INVARIANTS One entry per changed object and unit of work. Entries at or below `log_floor` may be missing.

use crate::{
    keys,
    record::{ChangeRecord, Membership},
};
use base::ModSeq;

/// Types of objects that have a change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectType {
    Mailbox,
    Email,
    Thread,
}

impl ObjectType {
    pub(crate) fn tag(self) -> u8 {
        match self {
            ObjectType::Mailbox => keys::MAILBOX,
            ObjectType::Email => keys::EMAIL,
            ObjectType::Thread => keys::THREAD,
        }
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    Created,
    Updated,
    Destroyed,
}

impl ChangeKind {
    fn code(self) -> u32 {
        match self {
            ChangeKind::Created => 1,
            ChangeKind::Updated => 2,
            ChangeKind::Destroyed => 3,
        }
    }

    fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(ChangeKind::Created),
            2 => Some(ChangeKind::Updated),
            3 => Some(ChangeKind::Destroyed),
            _ => None,
        }
    }

    /// The net effect of two changes in one unit of work; `None` when nothing remains to tell.
    pub(crate) fn then(self, later: ChangeKind) -> Option<ChangeKind> {
        match (self, later) {
            (ChangeKind::Created, ChangeKind::Destroyed) => None,
            (ChangeKind::Created, _) => Some(ChangeKind::Created),
            (_, later) => Some(later),
        }
    }
}

/// One change as read from the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub modseq: ModSeq,
    pub id: u64,
    pub kind: ChangeKind,
    /// For emails: where it is after the change.
    pub memberships: Vec<Membership>,
    /// For mailboxes: only its counters changed.
    pub counters_only: bool,
}

pub(crate) fn to_record(kind: ChangeKind, memberships: Vec<Membership>, counters_only: bool) -> ChangeRecord {
    ChangeRecord { kind: kind.code(), memberships, counters_only }
}

pub(crate) fn from_record(modseq: ModSeq, id: u64, record: ChangeRecord) -> Option<Change> {
    let kind = ChangeKind::from_code(record.kind)?;
    Some(Change { modseq, id, kind, memberships: record.memberships, counters_only: record.counters_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_effects() {
        use ChangeKind::{Created, Destroyed, Updated};
        assert_eq!(Created.then(Destroyed), None);
        assert_eq!(Created.then(Updated), Some(Created));
        assert_eq!(Updated.then(Destroyed), Some(Destroyed));
        assert_eq!(Updated.then(Updated), Some(Updated));
    }
}
