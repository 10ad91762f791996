//! SUMMARY    What publishing would change. Pure.
//! INVARIANTS Unknown is left alone. Content that is not ours goes only when it was confirmed.

use super::called;
use crate::{
    Code, Error, Result,
    dns::Kind,
    records::{Checked, Status},
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    pub name: String,
    pub kind: Kind,
    pub delete: Vec<String>,
    pub add: Vec<String>,
}

pub(super) struct Plan {
    pub(super) changes: Vec<RecordChange>,
    pub(super) withheld: Vec<String>,
}

pub(super) fn plan(seen: &[Checked], owned: &HashSet<(String, String, String)>, confirmed: &[String]) -> Plan {
    let mut plan = Plan { changes: Vec::new(), withheld: Vec::new() };
    for record in seen {
        let (name, kind) = (record.name.clone(), record.kind);
        let add: Vec<String> = record.expected.iter().filter(|e| !record.observed.contains(e)).cloned().collect();
        let ours = |content: &String| owned.contains(&(name.clone(), kind.name().to_owned(), content.clone()));
        let free = record.stale.iter().all(ours)
            || confirmed.iter().any(|c| c.trim().eq_ignore_ascii_case(&called(&name, kind)));
        match record.status {
            Status::Match | Status::Unknown => {}
            Status::Missing => plan.changes.push(RecordChange { name, kind, delete: Vec::new(), add }),
            Status::Conflict if free => {
                plan.changes.push(RecordChange { name, kind, delete: record.stale.clone(), add });
            }
            Status::Conflict => plan.withheld.push(called(&name, kind)),
        }
    }
    plan
}

/// `Invalid` when no look-up was answered: then there is no plan, which is not the same as a plan without changes.
pub(super) fn something_known(seen: &[Checked]) -> Result<()> {
    match seen.first() {
        Some(first) if seen.iter().all(|record| record.status == Status::Unknown) => {
            let why = format!("No look-up in DNS was answered, so nothing was published; try again. {}", first.hint);
            Err(Error::new(Code::Invalid, "", why))
        }
        Some(_) | None => Ok(()),
    }
}

/// One line for the audit log.
pub(super) fn summary(changes: &[RecordChange]) -> String {
    let line = |c: &RecordChange| format!("{} (-{} +{})", called(&c.name, c.kind), c.delete.len(), c.add.len());
    changes.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Facet, Purpose};

    fn record(status: Status, stale: &[&str]) -> Checked {
        let stale: Vec<String> = stale.iter().map(|s| (*s).to_owned()).collect();
        Checked {
            purpose: Purpose::Mx,
            facet: Facet::Receive,
            name: "x.example".into(),
            kind: Kind::Mx,
            expected: vec!["10 new.".into()],
            observed: stale.clone(),
            status,
            hint: String::new(),
            stale,
            required: true,
        }
    }

    #[test]
    fn what_is_not_ours_goes_only_when_it_is_confirmed() {
        let conflict = [record(Status::Conflict, &["5 old."])];
        let none = HashSet::new();
        let kept = plan(&conflict, &none, &[]);
        assert_eq!((kept.changes.len(), kept.withheld), (0, vec!["x.example MX".to_owned()]));
        let confirmed = plan(&conflict, &none, &["X.example mx".to_owned()]);
        assert_eq!(
            (confirmed.changes[0].delete.as_slice(), confirmed.withheld.len()),
            (["5 old.".to_owned()].as_slice(), 0)
        );
        let ours = HashSet::from([("x.example".to_owned(), "MX".to_owned(), "5 old.".to_owned())]);
        assert_eq!(plan(&conflict, &ours, &[]).changes[0].add, ["10 new."]);
    }

    #[test]
    fn d4_unknown_publishes_nothing() {
        let unknown = || record(Status::Unknown, &[]);
        assert!(plan(&[unknown()], &HashSet::new(), &[]).changes.is_empty());
        assert_eq!(something_known(&[unknown(), unknown()]).unwrap_err().code, Code::Invalid);
        assert!(something_known(&[unknown(), record(Status::Match, &[])]).is_ok());
        assert_eq!(plan(&[record(Status::Missing, &[])], &HashSet::new(), &[]).changes.len(), 1);
    }
}
