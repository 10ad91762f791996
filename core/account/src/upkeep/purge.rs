//! SUMMARY    The mail of purged accounts goes: email by email with all that is owed for it, then what else was kept of them.
//! LIMITS     PURGE_EMAILS_MAX
//! INVARIANTS Nobody opens a purged account, so nothing comes in meanwhile. Its profile stays and says what became of it. May be
//!            cut off anywhere and done again: the account's state goes last.

use super::{Upkeep, job::Held, next_account};
use crate::{
    Result, keys,
    record::{self, AccountState},
    scope::{AccountScope, Owner},
    txn::TenantTxn,
    unit_of_work,
};
use base::{AccountId, EmailId, Kind, MailboxId, ModSeq, TenantId, limits::PURGE_EMAILS_MAX};
use store::kv::{PageLimit, Read};

/// Accounts after which the place is noted.
const NOTED_EVERY: usize = 100;

impl Upkeep {
    /// Removes what is left of purged accounts; gives how many emails.
    pub(super) async fn purge(&self, held: &Held<'_>) -> Result<u64> {
        let record = held.read().await?;
        let first = (TenantId(record.tenant), AccountId(record.account));
        let (mut purged, mut seen) = (0, 0);
        for tenant in self.tenants_from(first.0).await? {
            let mut last = (tenant == first.0 && first.1.0 > 0).then_some(first.1);
            while let Some(account) = next_account(&self.accounts, tenant, last).await? {
                purged += self.purge_account(tenant, account).await?;
                last = Some(account);
                seen += 1;
                if seen % NOTED_EVERY == 0 {
                    held.reached(tenant, last).await?;
                    self.rest().await;
                }
            }
        }
        Ok(purged)
    }

    async fn purge_account(&self, tenant: TenantId, account: AccountId) -> Result<u64> {
        if !self.is_to_purge(tenant, account).await? {
            return Ok(0);
        }
        let mut purged = 0;
        loop {
            let emails = self.some_emails(tenant, account).await?;
            if emails.is_empty() {
                break;
            }
            self.remove_emails(tenant, account, &emails).await?;
            purged += emails.len() as u64;
            self.rest().await;
        }
        self.accounts.forget_migrations(tenant, account).await?;
        self.forget_all(tenant, account).await?;
        self.remove_rest(tenant, account).await?;
        tracing::info!(%tenant, %account, emails = purged, "the mail of a purged mailbox was removed");
        Ok(purged)
    }

    /// Whether an account is purged and something of it is left.
    async fn is_to_purge(&self, tenant: TenantId, account: AccountId) -> Result<bool> {
        let mut txn = self.accounts.0.kv.begin_read();
        let standing = self.accounts.standing_in(&mut *txn, tenant, account).await?;
        if !standing.is_some_and(|s| s.profile.purged) {
            return Ok(false);
        }
        Ok(TenantTxn::new(&mut *txn, tenant).get(&keys::state(account)).await?.is_some())
    }

    async fn some_emails(&self, tenant: TenantId, account: AccountId) -> Result<Vec<EmailId>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let range = keys::objects(account, keys::EMAIL);
        let page =
            TenantTxn::new(&mut *txn, tenant).page(&range, PageLimit::rows(PURGE_EMAILS_MAX), Read::Snapshot).await?;
        Ok(page.rows.iter().filter_map(|(key, _)| keys::decode_object(key)).map(EmailId).collect())
    }

    async fn remove_emails(&self, tenant: TenantId, account: AccountId, emails: &[EmailId]) -> Result<()> {
        let accounts = &self.accounts;
        unit_of_work!(accounts, &[account], accounts.op(), work => {
            let mut opened = work.account(&AccountScope::<Owner>::issue(tenant, account)).await?;
            for id in emails {
                let email = match opened.email(*id).await {
                    Err(e) if e.kind == Kind::NotFound => continue,
                    found => found?,
                };
                for membership in email.memberships {
                    opened.remove_email(*id, MailboxId(membership.mailbox)).await?;
                }
            }
            Ok(())
        })
    }

    /// Removes logs and what is known of recipients page by page, then all that names each other at once.
    async fn remove_rest(&self, tenant: TenantId, account: AccountId) -> Result<()> {
        let accounts = &self.accounts;
        let floor = unit_of_work!(accounts, &[account], accounts.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let Some(state) = txn.get(&keys::state(account)).await? else { return Ok(0) };
            let state: AccountState = record::decode(&state, "account state")?;
            let floor = state.modseq;
            txn.set(&keys::state(account), &record::encode(&AccountState { log_floor: floor, ..state }));
            Ok(floor)
        })?;
        self.clear_below(tenant, account, ModSeq(floor)).await?;
        self.clear_pages(tenant, &keys::all_known(account)).await?;
        unit_of_work!(accounts, &[account], accounts.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let left = txn.all(&keys::account_all(account), Read::Serializable).await?;
            let profile = keys::profile(account);
            left.iter().filter(|(key, _)| **key != profile[..]).for_each(|(key, _)| txn.clear(key));
            Ok(())
        })
    }
}
