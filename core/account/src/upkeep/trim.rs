//! SUMMARY    Trims the change log and the list of expunged messages of every account that has enough of both.
//! STANDARDS  RFC 8620 §5.2 (cannotCalculateChanges), RFC 7162 §3.2.5.2 (a server remembers expunged messages for a while)
//! LIMITS     LOG_MARKS_MAX, CHANGES_TRIM_MAX
//! INVARIANTS The floor is raised first, in a commit of its own; only what lies at or below it is cleared, so whoever reads
//!            above the floor of its own version finds everything. The floor never falls.

use super::{Upkeep, job::Held};
use crate::{
    Accounts, Result, keys,
    record::{self, AccountState, LogMark, LogMarks},
    txn::TenantTxn,
    unit_of_work,
};
use base::{
    AccountId, MailboxId, ModSeq, TenantId, Timestamp,
    limits::{CHANGES_TRIM_MAX, LOG_MARKS_MAX},
};
use std::time::Duration;
use store::kv::{KeyRange, PageLimit, Read};

/// Accounts after which the place is noted.
const NOTED_EVERY: usize = 100;

/// What of a change log is kept: whatever is young, and the newest of it whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKeep {
    /// Units of work.
    pub units: u64,
    pub age: Duration,
}

/// What is to be written for an account: a higher floor, other marks.
#[derive(Debug, PartialEq)]
struct Plan {
    floor: u64,
    marks: LogMarks,
}

/// Decides from the marks what is old, and sets a new mark when it is time. None when nothing changes.
fn plan(state: &AccountState, marks: &LogMarks, keep: LogKeep, now: Timestamp) -> Option<Plan> {
    let mut next = marks.marks.clone();
    // A mark of the future was set by a clock that was wrong.
    next.retain(|mark| mark.at_ms <= now.0);
    let old = next.iter().rposition(|mark| now.since(Timestamp(mark.at_ms)) >= keep.age);
    let mut floor = state.log_floor;
    if let Some(old) = old {
        next.drain(..old);
        let aged = next.first().map_or(0, |mark| mark.modseq);
        floor = floor.max(aged.min(state.modseq.saturating_sub(keep.units)));
        next.retain(|mark| mark.modseq > floor);
    }
    let spacing = keep.age / LOG_MARKS_MAX as u32;
    let known = next.last().map_or(floor, |mark| mark.modseq);
    let is_time = next.last().is_none_or(|mark| now.since(Timestamp(mark.at_ms)) >= spacing);
    if state.modseq > known && is_time && next.len() <= LOG_MARKS_MAX {
        next.push(LogMark { modseq: state.modseq, at_ms: now.0 });
    }
    let plan = Plan { floor, marks: LogMarks { marks: next } };
    (plan.floor != state.log_floor || plan.marks != *marks).then_some(plan)
}

impl Upkeep {
    pub(super) async fn trim(&self, held: &Held<'_>) -> Result<u64> {
        let record = held.read().await?;
        let first = (TenantId(record.tenant), AccountId(record.account));
        let (mut trimmed, mut seen) = (0, 0);
        for tenant in self.tenants_from(first.0).await? {
            let mut last = (tenant == first.0 && first.1.0 > 0).then_some(first.1);
            while let Some(account) = next_account(&self.accounts, tenant, last).await? {
                trimmed += self.trim_account(tenant, account).await?;
                last = Some(account);
                seen += 1;
                if seen % NOTED_EVERY == 0 {
                    held.reached(tenant, last).await?;
                    self.rest().await;
                }
            }
        }
        Ok(trimmed)
    }

    async fn trim_account(&self, tenant: TenantId, account: AccountId) -> Result<u64> {
        let (accounts, keep) = (&self.accounts, self.options.keep);
        let now = accounts.clock().now();
        let Some((state, marks)) = read(accounts, tenant, account).await? else { return Ok(0) };
        let mut floor = state.log_floor;
        if plan(&state, &marks, keep, now).is_some() {
            floor = unit_of_work!(accounts, &[account], accounts.op(), work => {
                let mut txn = TenantTxn::new(work.txn(), tenant);
                let Some((state, marks)) = read_in(&mut txn, account).await? else { return Ok(0) };
                let Some(plan) = plan(&state, &marks, keep, now) else { return Ok(state.log_floor) };
                txn.set(&keys::log_marks(account), &record::encode(&plan.marks));
                if plan.floor != state.log_floor {
                    let state = AccountState { log_floor: plan.floor, ..state };
                    txn.set(&keys::state(account), &record::encode(&state));
                }
                Ok(plan.floor)
            })?;
        }
        if floor == 0 { Ok(0) } else { self.clear_below(tenant, account, ModSeq(floor)).await }
    }

    /// Clears what lies at or below the floor, also what an earlier pass left.
    pub(super) async fn clear_below(&self, tenant: TenantId, account: AccountId, floor: ModSeq) -> Result<u64> {
        let mut cleared = 0;
        for kind in keys::CHANGE_TYPES {
            cleared += self.clear_pages(tenant, &keys::changes_until(account, kind, floor)).await?;
        }
        for mailbox in mailboxes(&self.accounts, tenant, account).await? {
            cleared += self.clear_pages(tenant, &keys::vanished_until(account, mailbox, floor)).await?;
        }
        Ok(cleared)
    }

    pub(super) async fn clear_pages(&self, tenant: TenantId, range: &KeyRange) -> Result<u64> {
        let (accounts, mut cleared) = (&self.accounts, 0);
        loop {
            let mut txn = accounts.0.kv.begin_read();
            let limit = PageLimit::rows(CHANGES_TRIM_MAX);
            let page = TenantTxn::new(&mut *txn, tenant).page(range, limit, Read::Snapshot).await?;
            if page.rows.is_empty() {
                return Ok(cleared);
            }
            // Nothing is ever written below the floor, so there is nothing to conflict with. Point by point: a range would
            // stop the committer for the time of a scan.
            unit_of_work!(accounts, &[], accounts.op(), work => {
                let mut txn = TenantTxn::new(work.txn(), tenant);
                page.rows.iter().for_each(|(key, _)| txn.clear(key));
                Ok(())
            })?;
            cleared += page.rows.len() as u64;
            if !page.more {
                return Ok(cleared);
            }
            self.rest().await;
        }
    }
}

/// The account with the next higher id that has a key.
pub(crate) async fn next_account(
    accounts: &Accounts,
    tenant: TenantId,
    after: Option<AccountId>,
) -> Result<Option<AccountId>> {
    let mut txn = accounts.0.kv.begin_read();
    next_account_in(&mut TenantTxn::new(&mut *txn, tenant), after).await
}

pub(crate) async fn next_account_in(txn: &mut TenantTxn<'_>, after: Option<AccountId>) -> Result<Option<AccountId>> {
    let from = after.map_or(Some(0), |after| after.0.checked_add(1));
    let Some(from) = from.map(AccountId) else { return Ok(None) };
    let page = txn.page(&keys::accounts_from(from), PageLimit::rows(1), Read::Snapshot).await?;
    Ok(page.rows.first().and_then(|(key, _)| keys::be64(key, 1)).map(AccountId))
}

async fn read(accounts: &Accounts, tenant: TenantId, account: AccountId) -> Result<Option<(AccountState, LogMarks)>> {
    let mut txn = accounts.0.kv.begin_read();
    read_in(&mut TenantTxn::new(&mut *txn, tenant), account).await
}

async fn read_in(txn: &mut TenantTxn<'_>, account: AccountId) -> Result<Option<(AccountState, LogMarks)>> {
    let Some(state) = txn.get(&keys::state(account)).await? else { return Ok(None) };
    let marks = txn.get(&keys::log_marks(account)).await?;
    let marks = marks.map(|bytes| record::decode(&bytes, "log marks")).transpose()?.unwrap_or_default();
    Ok(Some((record::decode(&state, "account state")?, marks)))
}

async fn mailboxes(accounts: &Accounts, tenant: TenantId, account: AccountId) -> Result<Vec<MailboxId>> {
    let mut txn = accounts.0.kv.begin_read();
    let rows = TenantTxn::new(&mut *txn, tenant).all(&keys::objects(account, keys::MAILBOX), Read::Snapshot).await?;
    let id = |key: &[u8]| keys::decode_object(key).and_then(|id| u32::try_from(id).ok()).map(MailboxId);
    Ok(rows.iter().filter_map(|(key, _)| id(key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;
    const KEEP: LogKeep = LogKeep { units: 10, age: Duration::from_millis(8 * DAY as u64) };

    /// An account that changes `per_day` times a day; its floor after each day.
    fn floors(per_day: u64, days: i64) -> Vec<u64> {
        let (mut state, mut marks) = (AccountState::default(), LogMarks::default());
        let mut floors = Vec::new();
        for day in 0..days {
            state.modseq += per_day;
            if let Some(plan) = plan(&state, &marks, KEEP, Timestamp(day * DAY + 1)) {
                assert!(plan.floor >= state.log_floor && plan.marks.marks.len() <= LOG_MARKS_MAX + 1);
                (state.log_floor, marks) = (plan.floor, plan.marks);
            }
            floors.push(state.log_floor);
        }
        floors
    }

    #[test]
    fn what_is_old_goes_and_the_newest_stays() {
        // 100 changes a day: after eight days the log reaches back eight days.
        let busy = floors(100, 30);
        assert!(busy[..8].iter().all(|floor| *floor == 0), "{busy:?}");
        assert!((8..30).all(|day| busy[day] == (day as u64 - 7) * 100), "{busy:?}");
        // One change a day: ten units are more than eight days.
        let calm = floors(1, 30);
        assert!((0..30).all(|day| calm[day] == (day as u64 + 1).saturating_sub(10)), "{calm:?}");
        // An account that rests is not written to for ever.
        let state = AccountState { modseq: 5, ..AccountState::default() };
        let first = plan(&state, &LogMarks::default(), KEEP, Timestamp(0)).unwrap();
        assert_eq!(plan(&state, &first.marks, KEEP, Timestamp(100 * DAY)), None);
    }

    #[test]
    fn a_clock_that_was_ahead_is_forgotten() {
        let state = AccountState { modseq: 500, ..AccountState::default() };
        let ahead = LogMarks { marks: vec![LogMark { modseq: 400, at_ms: 900 * DAY }] };
        let plan = plan(&state, &ahead, KEEP, Timestamp(DAY)).unwrap();
        assert_eq!(plan.marks.marks, [LogMark { modseq: 500, at_ms: DAY }]);
        assert_eq!(plan.floor, 0);
    }
}
