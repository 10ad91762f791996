//! SUMMARY    A copy of more messages than one transaction takes: what it has placed is on record until all of it is.
//! STANDARDS  RFC 9051 §6.4.7 (a COPY that fails leaves the mailbox as it was)
//! LIMITS     EMAILS_PER_WORK_MAX (a part), KV_PAGE_ROWS_MAX (parts read at once)
//! INVARIANTS A part is recorded in the transaction that places it, and the records go in the one that places the last part: whatever
//!            records a crash leaves belong to a copy that is not whole. Taking back twice does no harm: uids are not used again.

use super::AccountWork;
use crate::{
    Accounts, Error, Result, keys,
    node::NodeId,
    record::{self, CopyPart},
    scope::{AccountScope, Owner},
    txn::SystemTxn,
    unit_of_work,
};
use base::{AccountId, EmailId, Kind, MailboxId, OpId, TenantId, Uid};
use store::kv::{KeyRange, PageLimit};

impl AccountWork<'_> {
    /// Notes what this unit of work has placed as part `part` (from 0) of the copy `copy`.
    pub fn note_copy(&mut self, copy: OpId, part: u32, to: MailboxId, uids: &[Uid]) -> Result<()> {
        let key = keys::system_copy(self.tenant, self.account, copy, part);
        let node = self.work.handle().node().0;
        let value = CopyPart { mailbox: to.0, uids: uids.iter().map(|uid| uid.0).collect(), node };
        SystemTxn::new(self.work.txn()).set(&key, &record::encode(&value))
    }

    /// This unit of work has placed the last part: the copy stands. `parts` were noted.
    pub fn finish_copy(&mut self, copy: OpId, parts: u32) -> Result<()> {
        let (tenant, account) = (self.tenant, self.account);
        let mut txn = SystemTxn::new(self.work.txn());
        (0..parts).try_for_each(|part| txn.clear(&keys::system_copy(tenant, account, copy, part)))
    }
}

impl Accounts {
    /// Takes a copy back that was not finished; call when it has ended.
    pub async fn undo_copy(&self, scope: &AccountScope<Owner>, copy: OpId) -> Result<()> {
        self.undo_parts(keys::system_copy_parts(scope.tenant(), scope.account(), copy), None).await.map(|_| ())
    }

    /// Takes back what copies left that the death of their node cut off; gives the parts.
    pub(crate) async fn undo_copies(&self, of: NodeId) -> Result<usize> {
        self.undo_parts(keys::system_copies(), Some(of)).await
    }

    async fn undo_parts(&self, mut range: KeyRange, of: Option<NodeId>) -> Result<usize> {
        let mut undone = 0;
        loop {
            let mut txn = self.0.kv.begin_read();
            let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::MAX).await?;
            drop(txn);
            for (key, stored) in &page.rows {
                let part: CopyPart = record::decode(stored, "part of a copy")?;
                if of.is_some_and(|of| of.0 != part.node) {
                    continue;
                }
                let (tenant, account) = keys::decode_copy(key).ok_or_else(|| Error::corrupt("key of a copy"))?;
                self.undo_part(key, tenant, account).await?;
                undone += 1;
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(undone) };
            range.from = [last.as_ref(), &[0]].concat();
        }
    }

    async fn undo_part(&self, key: &[u8], tenant: TenantId, account: AccountId) -> Result<()> {
        let scope: AccountScope<Owner> = AccountScope::issue(tenant, account);
        unit_of_work!(self, &[account], self.op(), work => {
            let stored = SystemTxn::new(work.txn()).get(key).await?;
            // Taken back by another, or finished after all.
            let Some(stored) = stored else { return Ok(()) };
            if work.is_erased(tenant).await? {
                return SystemTxn::new(work.txn()).clear(key);
            }
            let part: CopyPart = record::decode(&stored, "part of a copy")?;
            match work.account(&scope).await {
                Ok(mut account) => account.take_out(MailboxId(part.mailbox), &part.uids).await?,
                // The account was removed, and the copies with it.
                Err(e) if e.kind == Kind::NotFound => {}
                Err(e) => return Err(e),
            }
            SystemTxn::new(work.txn()).clear(key)
        })
    }
}

impl AccountWork<'_> {
    async fn take_out(&mut self, mailbox: MailboxId, uids: &[u32]) -> Result<()> {
        for uid in uids {
            if let Some(row) = self.row(mailbox, Uid(*uid)).await? {
                self.unplace_email(EmailId(row.email), mailbox).await?;
            }
        }
        Ok(())
    }
}
