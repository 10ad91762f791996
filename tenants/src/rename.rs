//! SUMMARY    Giving a mailbox another address.
//! INVARIANTS The account id stays, and its mail with it. The old address stays the tenant's: a tombstone, or an alias of the
//!            new one. Aliases, groups and masked addresses of the tenant that led to the old address lead to the new one;
//!            delegates and the right of others to send from it stay.

use crate::{
    Actor, Code, Done, Error, Mailbox, Permission, Result, Service, Terms,
    address::{Lead, address_of, key_of, stored, targets_of},
    db::{Connection, query},
    rows::id,
    terms::{Request, Start},
};
use base::{AccountId, Address, TenantId};
use control::Change;

/// What becomes of the address a mailbox had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldAddress {
    /// Mail for it is refused.
    Tombstone,
    /// It leads to the new address.
    Alias,
}

/// A mailbox's next address.
#[derive(Debug, Clone)]
pub struct Rename {
    pub address: String,
    pub old: OldAddress,
}

impl Service {
    /// Gives a mailbox another address on a domain of its tenant. `Taken`, `NotFound` (mailbox, domain), `InUse` (the old
    /// address is the catch-all of its domain and would become a tombstone), `Forbidden` while a tenant above holds it.
    pub async fn mailbox_rename(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: AccountId,
        to: &Rename,
    ) -> Result<Done<Mailbox>> {
        let new = Address::parse(&to.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let request = Request::new("mailboxRename", format!("{account} {to:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MailboxUpdate, account).await?;
        let batch = self.renamed(&mut work.txn, actor, &mailbox, &new, to.old).await?;
        let renamed = self.mailbox_row(&mut work.txn, account).await?;
        work.expect(mailbox.version)?;
        self.finish(work, renamed, &batch).await
    }

    /// Gives a mailbox that the actor may change its new address; what the data plane is to know.
    pub(crate) async fn renamed(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        mailbox: &Mailbox,
        new: &Address,
        old: OldAddress,
    ) -> Result<Vec<Change>> {
        self.no_foreign_hold(txn, actor, mailbox).await?;
        let (domain, tenant) = (new.domain().as_str(), Some(mailbox.tenant));
        let home = self.home(txn, actor, Permission::MailboxUpdate, domain, tenant).await;
        home.map_err(|e| e.missing("address"))?;
        let was = stored(&mailbox.address)?;
        if was.canonical() == new.canonical() {
            return Err(Error::new(Code::Invalid, "address", "The mailbox has this address"));
        }
        // With another address the mailbox is not that person's any more, and what it holds is all the same.
        self.may_open(txn, actor, mailbox).await?;
        self.may_lead(txn, actor, mailbox.tenant, &[new.canonical()], "address").await?;
        if old == OldAddress::Tombstone {
            self.not_catch_all(txn, &was, "address").await?;
        }
        self.own_address(txn, mailbox.tenant, new, Lead::account(mailbox.id)).await?;
        let mut batch = self.leave_for(txn, mailbox.tenant, &was, new, old).await?;
        batch.extend(self.lead_elsewhere(txn, mailbox.tenant, &was, new).await?);
        query("UPDATE mailbox SET address = $2, domain = $3, version = version + 1 WHERE id = $1")
            .bind(mailbox.id.to_string())
            .bind(new.canonical())
            .bind(new.domain().as_str())
            .execute(txn)
            .await?;
        batch.push(self.address_change(txn, new).await?);
        batch.push(self.account_snapshot(txn, mailbox.id).await?);
        let detail = format!("{} to {}", was.canonical(), new.canonical());
        self.audit(txn, actor, mailbox.tenant, "mailboxRename", &mailbox.id.to_string(), &detail).await?;
        Ok(batch)
    }

    /// What becomes of the old address, and of the right of others to send from it.
    async fn leave_for(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        was: &Address,
        new: &Address,
        old: OldAddress,
    ) -> Result<Vec<Change>> {
        let senders = query("DELETE FROM send_as WHERE address = $1 RETURNING mailbox")
            .bind(was.canonical())
            .fetch_all(&mut *txn)
            .await?;
        for row in &senders {
            self.grant_send_as(txn, tenant, id(row, "mailbox")?, &new.canonical()).await?;
        }
        let mut batch = match old {
            OldAddress::Tombstone => self.leave_address(txn, was).await?,
            OldAddress::Alias => {
                query(
                    "UPDATE address SET kind = 'forward', account = NULL, version = version + 1 WHERE domain = $1 AND local = $2",
                )
                .bind(was.domain().as_str())
                .bind(was.canonical_local())
                .execute(&mut *txn)
                .await?;
                self.lead_to(txn, tenant, was, &[new.canonical()]).await?;
                vec![self.address_change(txn, was).await?]
            }
        };
        let senders: Vec<AccountId> = senders.iter().map(|r| id(r, "mailbox")).collect::<Result<_>>()?;
        batch.extend(self.accounts_again(txn, &senders).await?);
        Ok(batch)
    }

    /// Points the tenant's aliases, groups and masked addresses from one address to another.
    async fn lead_elsewhere(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        was: &Address,
        new: &Address,
    ) -> Result<Vec<Change>> {
        let (was, new) = (was.canonical(), new.canonical());
        let rows = query(
            "SELECT a.* FROM address_target t JOIN address a ON a.domain = t.domain AND a.local = t.local \
             WHERE t.target = $1 AND a.tenant = $2 ORDER BY a.domain, a.local",
        )
        .bind(&was)
        .bind(tenant.to_string())
        .fetch_all(&mut *txn)
        .await?;
        let mut batch = Vec::new();
        for row in rows {
            let mut targets = targets_of(&row)?;
            targets.retain(|t| ![&was, &new].contains(&&key_of(t)));
            targets.push(new.clone());
            let address = stored(&address_of(&row)?)?;
            self.lead_to(txn, tenant, &address, &targets).await?;
            batch.push(self.address_again(txn, &address).await?);
        }
        Ok(batch)
    }
}
