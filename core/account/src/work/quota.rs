//! SUMMARY    Charging emails to mailbox and tenant, giving back, and telling of thresholds.
//! INVARIANTS Mailbox and tenant are charged in one transaction, both or none. What is told of a crossing is in that commit too.

use super::AccountWork;
use crate::{
    Error, Result, pool,
    pool::Taken,
    quota::{Crossing, Fill, QuotaNotice, alarm_below_zero, refusal},
};
use base::{Kind, Timestamp};

/// What an email may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Mail from others: the limits of mailbox and tenant, and their grace.
    Incoming,
    /// What the user stores: the limits.
    Own,
    /// What the server has to tell the user: it is not counted, so there is always room for it.
    Notice,
}

impl AccountWork<'_> {
    /// A threshold of the mailbox that this unit of work has crossed upwards, once.
    pub fn take_quota_notice(&mut self) -> Option<QuotaNotice> {
        self.loaded_mut().notice.take()
    }

    /// Charges one email to account and tenant, both or none. `OverQuota`, and `OverQuotaLong` for incoming mail that finds no
    /// room for the third day: then nothing is charged.
    pub(super) async fn charge(&mut self, size: i64, charge: Charge) -> Result<()> {
        let entitlement = self.standing().entitlement.clone();
        let bound = self.mailbox_limit().map(|limit| match charge {
            Charge::Incoming => pool::with_grace(limit, entitlement.storage_grace_bytes),
            Charge::Own => limit,
            Charge::Notice => i64::MAX,
        });
        if charge == Charge::Notice {
            self.count(0, 1);
            return Ok(());
        }
        if bound.is_some_and(|bound| self.state().used_bytes.saturating_add(size) > bound) {
            return Err(self.full(charge).await?);
        }
        let whose = (self.tenant, self.account);
        match self.work.take_from_pool(whose, &entitlement, size, charge).await? {
            Taken::Charged => {}
            Taken::Full { since } => {
                let kind = since.map_or(Kind::OverQuota, |since| refusal(since, self.work.now));
                return Err(Error::new(kind, "the storage of the organisation is full"));
            }
        }
        self.count(size, 1);
        self.watch(false).await
    }

    /// Gives back what one email was charged.
    pub(super) async fn uncharge(&mut self, size: i64) -> Result<()> {
        let (whose, entitlement) = ((self.tenant, self.account), self.standing().entitlement.clone());
        self.count(-size, -1);
        alarm_below_zero("mailbox", self.tenant, Some(self.account), self.state().used_bytes);
        self.work.free_to_pool(whose, &entitlement, size).await?;
        self.watch(false).await
    }

    fn mailbox_limit(&self) -> Option<i64> {
        self.standing().profile.quota_bytes_max.map(pool::bytes)
    }

    /// The mailbox has no room. Of incoming mail that is remembered: a sender is told for how long to try.
    async fn full(&mut self, charge: Charge) -> Result<Error> {
        let kind = match charge {
            Charge::Incoming => {
                self.watch(true).await?;
                refusal(Timestamp(self.state().over_since_ms), self.work.now)
            }
            Charge::Own | Charge::Notice => Kind::OverQuota,
        };
        Ok(Error::new(kind, "mailbox storage is full"))
    }

    /// Looks at the use after a change, or after a refusal: since when it is over, and whether a threshold was crossed.
    async fn watch(&mut self, refused: bool) -> Result<()> {
        let (now, used) = (self.work.now, self.state().used_bytes);
        let limit = self.mailbox_limit();
        let is_over = refused || limit.is_some_and(|limit| used > limit);
        let loaded = self.loaded_mut();
        let since = &mut loaded.state.over_since_ms;
        match (is_over, *since) {
            (true, 0) => (*since, loaded.marked) = (now.0, true),
            (false, 1..) => (*since, loaded.marked) = (0, true),
            (true, _) | (false, _) => {}
        }
        let Some(limit) = limit else {
            loaded.state.quota_told = 0;
            return Ok(());
        };
        let fill = Fill { used, limit, refused };
        let Some(crossing) = fill.crossing(loaded.state.quota_told) else { return Ok(()) };
        loaded.marked = true;
        (loaded.state.quota_told, loaded.notice) = match crossing {
            Crossing::Reached(percent) => (percent, Some(fill.notice(percent))),
            Crossing::Relieved => (0, None),
        };
        let (tenant, account) = (self.tenant, self.account);
        self.work.note_event(tenant, Some(account), fill.event(crossing)).await
    }

    fn count(&mut self, bytes: i64, emails: i64) {
        let loaded = self.loaded_mut();
        loaded.dirty = true;
        loaded.state.used_bytes += bytes;
        loaded.state.emails += emails;
        loaded.bytes_delta += bytes;
        loaded.emails_delta += emails;
    }
}
