//! SUMMARY    How often requests may be repeated: tokens that all of them share.
//! LIMITS     S3_RETRY_TOKENS_MAX, S3_RETRY_COST
//! INVARIANTS When the server is away the tokens are soon used up, and requests end with their first failure.

use crate::limits::{S3_RETRY_COST, S3_RETRY_TOKENS_MAX};
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) struct Budget(AtomicU32);

impl Budget {
    pub(super) fn full() -> Self {
        Budget(AtomicU32::new(S3_RETRY_TOKENS_MAX))
    }

    /// Pays for one repetition, if there is enough.
    pub(super) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |tokens| tokens.checked_sub(S3_RETRY_COST)).is_ok()
    }

    /// A success.
    pub(super) fn give(&self) {
        let more = |tokens: u32| (tokens < S3_RETRY_TOKENS_MAX).then(|| tokens + 1);
        // An error says that it is full.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_end_and_successes_pay_for_them() {
        let budget = Budget::full();
        budget.give();
        let granted = (0..S3_RETRY_TOKENS_MAX).filter(|_| budget.take()).count();
        assert_eq!(granted, (S3_RETRY_TOKENS_MAX / S3_RETRY_COST) as usize);
        (1..S3_RETRY_COST).for_each(|_| budget.give());
        assert!(!budget.take());
        budget.give();
        assert!(budget.take());
    }
}
