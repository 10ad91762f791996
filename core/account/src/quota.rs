//! SUMMARY    Quotas: what is crossed when, for how long a refusal is temporary, and what a user is shown.
//! STANDARDS  RFC 3463 §3.3 (X.2.2), RFC 9208
//! LIMITS     QUOTA_NOTICE_PERCENTS, QUOTA_RELIEF_PERCENT, OVER_QUOTA_TEMPORARY_MS
//! INVARIANTS A threshold is told once when it is crossed upwards, and again only after the use has fallen below QUOTA_RELIEF_PERCENT.
//!            A user is shown nothing of other people's use: the room of the pool is shown as a limit of the user's own.

use crate::{
    Accounts, Result,
    control::counter,
    keys, pool,
    record::{self, AccountState},
    txn::TenantTxn,
};
use base::{
    AccountId, Kind, TenantId, Timestamp,
    limits::{OVER_QUOTA_TEMPORARY_MS, QUOTA_NOTICE_PERCENTS, QUOTA_RELIEF_PERCENT},
};
use control::EventKind;
use std::time::Duration;
use store::kv::Read;

/// Percent of a limit from which on a refusal means that it is full, not that the message was large.
const FULL_PERCENT: i64 = 95;

/// A threshold of a mailbox's quota that was crossed upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaNotice {
    pub percent: u32,
    pub used_bytes: u64,
    pub limit_bytes: u64,
}

/// What a user may know of the storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaView {
    pub used_bytes: u64,
    /// The mailbox's own quota; `None`: it has none.
    pub mailbox_bytes_max: Option<u64>,
    /// Up to where the pool of the organisation lets this mailbox grow; `Some` only if that is what limits.
    pub pool_bytes_max: Option<u64>,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) used: i64,
    pub(crate) limit: i64,
    /// Mail was refused for want of room.
    pub(crate) refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crossing {
    Reached(u32),
    Relieved,
}

impl Fill {
    fn is_at(self, percent: i64) -> bool {
        i128::from(self.used) * 100 >= i128::from(self.limit) * i128::from(percent)
    }

    /// Highest threshold that is reached; 0: none.
    fn level(self) -> u32 {
        // Of nothing there are no parts.
        if self.limit <= 0 {
            return 0;
        }
        if self.refused && self.is_at(FULL_PERCENT) {
            return 100;
        }
        QUOTA_NOTICE_PERCENTS.iter().rev().copied().find(|p| self.is_at(i64::from(*p))).unwrap_or(0)
    }

    /// What is to be told, when `told` was the last threshold that was.
    pub(crate) fn crossing(self, told: u32) -> Option<Crossing> {
        match self.level() {
            level if level > told => Some(Crossing::Reached(level)),
            _ if told > 0 && !self.is_at(i64::from(QUOTA_RELIEF_PERCENT)) => Some(Crossing::Relieved),
            _ => None,
        }
    }

    pub(crate) fn event(self, crossing: Crossing) -> EventKind {
        let (used_bytes, limit_bytes) = (unsigned(self.used), unsigned(self.limit));
        match crossing {
            Crossing::Reached(percent) => EventKind::QuotaReached { percent, used_bytes, limit_bytes },
            Crossing::Relieved => EventKind::QuotaRelieved { used_bytes, limit_bytes },
        }
    }

    pub(crate) fn notice(self, percent: u32) -> QuotaNotice {
        QuotaNotice { percent, used_bytes: unsigned(self.used), limit_bytes: unsigned(self.limit) }
    }
}

/// What a refusal is to a sender: temporary for a while, then permanent.
pub(crate) fn refusal(over_since: Timestamp, now: Timestamp) -> Kind {
    if now.since(over_since) < Duration::from_millis(OVER_QUOTA_TEMPORARY_MS) {
        Kind::OverQuota
    } else {
        Kind::OverQuotaLong
    }
}

pub(crate) fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

/// A counter that fell below zero counted something that was not there.
pub(crate) fn alarm_below_zero(what: &'static str, tenant: TenantId, account: Option<AccountId>, bytes: i64) {
    if bytes < 0 {
        metrics::counter!("posthouse_quota_below_zero_total", "counter" => what).increment(1);
        tracing::error!(%tenant, ?account, bytes, what, "a quota counter is below zero: run `posthouse ctl quota verify`");
    }
}

impl Accounts {
    /// What limits a user's mailbox. `None`: there is no such account.
    pub async fn quota(&self, tenant: TenantId, account: AccountId) -> Result<Option<QuotaView>> {
        let mut txn = self.0.kv.begin_read();
        let Some(standing) = self.standing_as(&mut *txn, (tenant, account), Read::Snapshot).await? else {
            return Ok(None);
        };
        let mut txn = TenantTxn::new(&mut *txn, tenant);
        let state = txn.get_snapshot(&keys::state(account)).await?;
        let state: AccountState = state.map(|b| record::decode(&b, "account state")).transpose()?.unwrap_or_default();
        let pooled = match standing.entitlement.storage_bytes_max {
            None => None,
            Some(limit) => {
                let used = counter(txn.get_snapshot(&keys::tenant_used_bytes()).await?.as_deref());
                Some(state.used_bytes.saturating_add(pool::bytes(limit).saturating_sub(used).max(0)))
            }
        };
        let mailbox_bytes_max = standing.profile.quota_bytes_max;
        let limits = |bytes: &i64| mailbox_bytes_max.is_none_or(|own| *bytes < pool::bytes(own));
        let pool_bytes_max = pooled.filter(limits).map(unsigned);
        Ok(Some(QuotaView { used_bytes: unsigned(state.used_bytes), mailbox_bytes_max, pool_bytes_max }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(told: u32, used: i64, limit: i64, refused: bool) -> Option<Crossing> {
        Fill { used, limit, refused }.crossing(told)
    }

    #[test]
    fn thresholds_are_told_once_upwards_and_again_after_relief() {
        use Crossing::{Reached, Relieved};
        assert_eq!(crossing(0, 79, 100, false), None);
        assert_eq!(crossing(0, 80, 100, false), Some(Reached(80)));
        assert_eq!(crossing(80, 94, 100, false), None);
        assert_eq!(crossing(80, 100, 100, false), Some(Reached(100)));
        assert_eq!(crossing(100, 130, 100, true), None);
        assert_eq!(crossing(80, 76, 100, false), None, "not yet relieved");
        assert_eq!(crossing(80, 75, 100, false), None);
        assert_eq!(crossing(80, 74, 100, false), Some(Relieved));
        assert_eq!(crossing(0, 74, 100, false), None);
        assert_eq!(crossing(95, 96, 100, true), Some(Reached(100)), "full: mail is refused");
        assert_eq!(crossing(0, 10, 100, true), None, "the message was large");
        assert_eq!(crossing(0, 0, 0, true), None);
        assert_eq!(crossing(0, i64::MAX, i64::MAX, false), Some(Reached(100)));
    }

    #[test]
    fn a_refusal_is_temporary_for_three_days() {
        let at = |days: u64| refusal(Timestamp(0), Timestamp(0).plus(Duration::from_secs(days * 86_400)));
        assert_eq!([at(0), at(2), at(3), at(9)].map(Kind::is_temporary), [true, true, false, false]);
    }
}
