//! SUMMARY    Clears the marks of done operations that no attempt can look for any more.
//! LIMITS     OP_MARK_MS_MAX, CHANGES_TRIM_MAX
//! INVARIANTS A mark is cleared long after the last attempt of its operation can have been under way. Stores whose commits
//!            always end known have no marks.

use super::Upkeep;
use crate::{Result, keys, txn::SystemTxn, unit_of_work};
use base::{
    Timestamp,
    limits::{CHANGES_TRIM_MAX, OP_MARK_MS_MAX},
};
use store::kv::PageLimit;

impl Upkeep {
    pub(super) async fn clear_marks(&self) -> Result<u64> {
        let (accounts, now) = (&self.accounts, self.accounts.clock().now());
        let (mut cleared, mut range) = (0, keys::system_ops());
        loop {
            let mut txn = accounts.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(CHANGES_TRIM_MAX)).await?;
            let Some((last, _)) = page.rows.last() else { return Ok(cleared) };
            range.from = [last.as_ref(), &[0]].concat();
            let old: Vec<_> = page.rows.iter().filter(|(_, value)| is_old(value, now)).map(|(key, _)| key).collect();
            if !old.is_empty() {
                unit_of_work!(accounts, &[], accounts.op(), work => {
                    let mut txn = SystemTxn::new(work.txn());
                    old.iter().try_for_each(|key| txn.clear(key))
                })?;
                cleared += old.len() as u64;
            }
            if !page.more {
                return Ok(cleared);
            }
            self.rest().await;
        }
    }
}

/// Whether an operation's mark is past its use. One that cannot be read has none.
fn is_old(mark: &[u8], now: Timestamp) -> bool {
    let at = keys::be64(mark, 0).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    now.0.saturating_sub(at) >= OP_MARK_MS_MAX
}
