//! SUMMARY    Emails that left their last mailbox, kept for a while so that they can be brought back.
//! LIMITS     EXPUNGED_BYTES_MAX, EXPUNGED_EVICTED_MAX
//! INVARIANTS No quota counts what is kept; it lives in the free room of the mailbox: beyond the mailbox's limit (else the
//!            tenant's) for used and kept bytes together the oldest goes, with the next expunge or by upkeep; new mail never waits for it. What is held is neither forgotten nor
//!            bounded (M2), nor is what an export needs; of a purged account nothing is kept. A brought-back email is a new one: ids never return.

use super::{AccountWork, email::owner};
use crate::{
    Error, Result, Standing,
    export::pinned_since,
    keys, pool,
    record::{EmailRecord, ExpungedRecord},
};
use base::{
    AccountId, EmailId, MailboxId, Timestamp,
    limits::{EXPUNGED_BYTES_MAX, EXPUNGED_EVICTED_MAX},
};
use store::kv::{PageLimit, Read};

const DAY_MS: i64 = 24 * 3_600_000;

/// An expunged email: when it left its last mailbox, and its former id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpungedId {
    pub at: Timestamp,
    pub email: EmailId,
}

impl AccountWork<'_> {
    /// The last mailbox let go of an email, whose record this unit of work has read: its bytes are kept, or go.
    pub(super) async fn let_go(&mut self, id: EmailId, email: &EmailRecord, from: MailboxId) -> Result<()> {
        let (account, tenant) = (self.account(), self.tenant());
        let kept_as = ExpungedId { at: self.work.now(), email: id };
        let blob = super::blob_ref(&email.blob)?;
        // What the server had to tell is nobody's to lose; an export has what it listed.
        let is_kept = self.is_pinned() || !email.uncharged && self.has_room_for(i64::from(email.size)).await?;
        if !is_kept {
            return self.work.unlink_blob(tenant, &blob, &owner(account, id)).await;
        }
        self.work.relink_blob(tenant, &blob, &owner(account, id), &expunged_owner(account, kept_as));
        let kept = ExpungedRecord {
            blob: email.blob.clone(),
            size: email.size,
            received_at_secs: email.received_at_secs,
            keywords: email.keywords,
            mailbox: from.0,
            uncharged: email.uncharged,
        };
        self.write(&keys::expunged(account, kept_as.at, id), &kept);
        self.count_expunged(i64::from(kept.size), 1);
        Ok(())
    }

    /// What is kept of an expunged email; `NotFound` when it was brought back or forgotten.
    pub async fn expunged(&mut self, id: ExpungedId) -> Result<ExpungedRecord> {
        let kept = self.read(&keys::expunged(self.account, id.at, id.email), "expunged email").await?;
        kept.ok_or_else(|| Error::not_found("expunged email"))
    }

    /// Forgets an expunged email: its bytes go, unless something else has them too. `NotFound`.
    pub async fn forget_expunged(&mut self, id: ExpungedId) -> Result<()> {
        let kept = self.expunged(id).await?;
        let (account, tenant) = (self.account(), self.tenant());
        let blob = super::blob_ref(&kept.blob)?;
        self.tenant_txn().clear(&keys::expunged(account, id.at, id.email));
        self.work.unlink_blob(tenant, &blob, &expunged_owner(account, id)).await?;
        self.count_expunged(-i64::from(kept.size), -1);
        Ok(())
    }

    /// Whether an export needs what is expunged now.
    fn is_pinned(&self) -> bool {
        !self.standing().profile.purged && pinned_since(self.state(), self.work.now()).is_some()
    }

    /// Whether an email of this size is to be kept. The oldest that are kept make room for it.
    async fn has_room_for(&mut self, size: i64) -> Result<bool> {
        if !keeps_expunged(self.standing()) {
            return Ok(false);
        }
        let Some(limit) = keep_limit(self.standing()) else { return Ok(true) };
        let room = limit.saturating_sub(self.state().used_bytes);
        if size > room {
            return Ok(false);
        }
        let is_full = |work: &Self| work.state().expunged_bytes.saturating_add(size) > room;
        if is_full(self) {
            for id in self.oldest_expunged(EXPUNGED_EVICTED_MAX).await? {
                self.forget_expunged(id).await?;
                if !is_full(self) {
                    break;
                }
            }
        }
        Ok(!is_full(self))
    }

    async fn oldest_expunged(&mut self, most: usize) -> Result<Vec<ExpungedId>> {
        let range = keys::all_expunged(self.account);
        let page = self.tenant_txn().page(&range, PageLimit::rows(most), Read::Serializable).await?;
        let ids = page.rows.iter().map(|(key, _)| {
            let (at, email) = keys::decode_expunged(key)?;
            Some(ExpungedId { at, email })
        });
        ids.collect::<Option<_>>().ok_or_else(|| Error::corrupt("key of an expunged email"))
    }

    fn count_expunged(&mut self, bytes: i64, emails: i64) {
        let loaded = self.loaded_mut();
        loaded.state.expunged_bytes += bytes;
        loaded.state.expunged_emails += emails;
        // No client needs to look: what is expunged is in no mailbox.
        loaded.marked = true;
    }
}

/// The earliest time of an expunge that can be brought back now: what is older waits to be forgotten. `None`: a hold keeps it all.
pub(crate) fn kept_since(standing: &Standing, now: Timestamp) -> Option<Timestamp> {
    let days = i64::from(standing.entitlement.expunged_days);
    let since = if days == 0 { i64::MAX } else { now.0.saturating_sub(days * DAY_MS) };
    (!is_held(standing)).then_some(Timestamp(since))
}

/// Whether anything is kept of what leaves an account.
pub(crate) fn keeps_expunged(standing: &Standing) -> bool {
    !standing.profile.purged && (standing.entitlement.expunged_days > 0 || is_held(standing))
}

/// Bytes that used and kept emails of an account may take together; `None`: a hold keeps them all.
pub(crate) fn keep_limit(standing: &Standing) -> Option<i64> {
    let (own, tenant) = (standing.profile.quota_bytes_max, standing.entitlement.storage_bytes_max);
    (!is_held(standing)).then(|| own.or(tenant).map_or(EXPUNGED_BYTES_MAX, pool::bytes))
}

/// Whether a legal hold is on the account or its tenant. Other holds that keep from purging keep the mailbox, and what it has.
fn is_held(standing: &Standing) -> bool {
    standing.entitlement.legal_hold || standing.profile.legal_hold
}

/// Owner bytes of a blob link held by an expunged email.
pub(crate) fn expunged_owner(account: AccountId, id: ExpungedId) -> Vec<u8> {
    let at = u64::try_from(id.at.0).unwrap_or(0);
    [b"x".as_slice(), &account.0.to_be_bytes(), &at.to_be_bytes(), &id.email.0.to_be_bytes()].concat()
}
