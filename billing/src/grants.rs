//! SUMMARY    What a plan or a part of it lets a customer have; sums of it.
//! INVARIANTS Nothing named grants nothing; unlimited and anything is unlimited.

use serde::{Deserialize, Serialize};
use tenants::Limits;

/// Additions to a customer's limits: `Some(0)` nothing, `None` unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grants {
    pub domains: Option<u64>,
    pub mailboxes: Option<u64>,
    /// Bytes, pooled over all mailboxes.
    pub storage_bytes: Option<u64>,
    pub recipients_per_hour: Option<u64>,
    pub recipients_per_day: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub new_recipients_per_day: Option<u64>,
}

impl Default for Grants {
    fn default() -> Grants {
        Grants {
            domains: Some(0),
            mailboxes: Some(0),
            storage_bytes: Some(0),
            recipients_per_hour: Some(0),
            recipients_per_day: Some(0),
            new_recipients_per_day: Some(0),
        }
    }
}

impl Grants {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Grants) -> Grants {
        self.with(other, |a, b| Some(a?.saturating_add(b?)))
    }

    /// So many of it.
    #[must_use]
    pub fn times(self, count: u64) -> Grants {
        // None of what is unlimited is nothing.
        let many = |n: Option<u64>| if count == 0 { Some(0) } else { n.map(|n| n.saturating_mul(count)) };
        self.with(self, |n, _| many(n))
    }

    fn with(self, other: Grants, f: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Grants {
        Grants {
            domains: f(self.domains, other.domains),
            mailboxes: f(self.mailboxes, other.mailboxes),
            storage_bytes: f(self.storage_bytes, other.storage_bytes),
            recipients_per_hour: f(self.recipients_per_hour, other.recipients_per_hour),
            recipients_per_day: f(self.recipients_per_day, other.recipients_per_day),
            new_recipients_per_day: f(self.new_recipients_per_day, other.new_recipients_per_day),
        }
    }

    /// As limits of the tenant.
    pub fn limits(self, storage_grace_bytes: u64) -> Limits {
        Limits {
            max_domains: self.domains,
            max_mailboxes: self.mailboxes,
            storage_bytes_max: self.storage_bytes,
            messages_per_hour_max: self.recipients_per_hour,
            recipients_per_day_max: self.recipients_per_day,
            new_recipients_per_day_max: self.new_recipients_per_day,
            storage_grace_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_and_anything_is_unlimited() {
        let some = Grants { domains: None, mailboxes: Some(2), ..Grants::default() };
        let sum = some.plus(some.times(3));
        assert_eq!((sum.domains, sum.mailboxes, sum.storage_bytes), (None, Some(8), Some(0)));
        assert_eq!(some.times(0), Grants::default());
        assert_eq!(Grants { mailboxes: Some(u64::MAX), ..some }.times(2).mailboxes, Some(u64::MAX));
    }
}
