//! SUMMARY    Forgets what became of outgoing mail some time ago.
//! LIMITS     QUEUE_ENDED_MS_KEPT
//! INVARIANTS Nothing is written where it clears: what ends, ends now.

use super::{Upkeep, job::Held};
use crate::{Result, keys};
use base::{Timestamp, limits::QUEUE_ENDED_MS_KEPT};

/// Tenants after which the place is noted.
const NOTED_EVERY: usize = 100;

impl Upkeep {
    /// Clears what ended long ago, tenant by tenant; gives how many items.
    pub(super) async fn clear_ended(&self, held: &Held<'_>) -> Result<u64> {
        let until = Timestamp(self.accounts.clock().now().0.saturating_sub(QUEUE_ENDED_MS_KEPT));
        let first = base::TenantId(held.read().await?.tenant);
        let mut cleared = 0;
        for (n, tenant) in self.tenants_from(first).await?.into_iter().enumerate() {
            cleared += self.clear_pages(tenant, &keys::queue_ended_until(until)).await?;
            if n % NOTED_EVERY == NOTED_EVERY - 1 {
                held.reached(tenant, None).await?;
                self.rest().await;
            }
        }
        Ok(cleared)
    }
}
