//! SUMMARY    Giving a mailbox another address.
//! INVARIANTS The account id stays, and its mail with it. The old address stays the tenant's: a tombstone, or an alias of the
//!            new one. Aliases of the tenant that led to the old address lead to the new one.

use crate::{
    Actor, Code, Done, Error, Mailbox, Permission, Result, Service, Terms,
    db::{Connection, query},
    rows::{like, text},
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
    /// address is the catch-all of its domain and would become a tombstone).
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
        let txn = &mut work.txn;
        let mailbox = self.mailbox_in(txn, actor, Permission::MailboxUpdate, account).await?;
        let domain = self.domain_in(txn, actor, Permission::MailboxUpdate, new.domain().as_str()).await?;
        if domain.tenant != mailbox.tenant {
            return Err(Error::not_found("domain"));
        }
        let was = Address::parse(&mailbox.address).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        if to.old == OldAddress::Tombstone {
            self.not_catch_all(txn, &was, "address").await?;
        }
        self.own_address(txn, mailbox.tenant, &new, "account", Some(account), None).await?;
        let mut batch = self.leave_address(txn, &was, &new, to.old).await?;
        batch.extend(self.lead_elsewhere(txn, mailbox.tenant, &was, &new).await?);
        query("UPDATE mailbox SET address = $2, domain = $3, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .bind(new.canonical())
            .bind(new.domain().as_str())
            .execute(txn)
            .await?;
        batch.push(self.address_change(txn, &new).await?);
        batch.push(self.account_snapshot(txn, account).await?);
        let detail = format!("{} to {}", was.canonical(), new.canonical());
        self.audit(txn, actor, mailbox.tenant, "mailboxRename", &account.to_string(), &detail).await?;
        let renamed = self.mailbox_row(txn, account).await?;
        work.expect(mailbox.version)?;
        self.finish(work, renamed, &batch).await
    }

    async fn leave_address(
        &self,
        txn: &mut Connection,
        was: &Address,
        new: &Address,
        old: OldAddress,
    ) -> Result<Vec<Change>> {
        let (kind, targets) = match old {
            OldAddress::Tombstone => ("tombstone", None),
            OldAddress::Alias => ("forward", Some(body(&[new.canonical()])?)),
        };
        query(
            "UPDATE address SET kind = $3, account = NULL, targets = $4, version = version + 1 WHERE domain = $1 AND local = $2",
        )
        .bind(was.domain().as_str())
        .bind(was.canonical_local())
        .bind(kind)
        .bind(targets)
        .execute(&mut *txn)
        .await?;
        Ok(vec![self.address_change(txn, was).await?])
    }

    /// Points the tenant's aliases from one address to another.
    async fn lead_elsewhere(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        was: &Address,
        new: &Address,
    ) -> Result<Vec<Change>> {
        let (was, new) = (was.canonical(), new.canonical());
        let rows = query("SELECT * FROM address WHERE tenant = $1 AND kind = 'forward' AND targets LIKE $2 ESCAPE '!'")
            .bind(tenant.to_string())
            .bind(format!("%{}%", like(&was)))
            .fetch_all(&mut *txn)
            .await?;
        let mut batch = Vec::new();
        for row in rows {
            let alias = crate::alias::from_row(&row)?;
            // LIKE also finds longer addresses that end so.
            if !alias.targets.contains(&was) {
                continue;
            }
            let mut targets: Vec<String> = alias.targets.into_iter().filter(|t| *t != was && *t != new).collect();
            targets.push(new.clone());
            query("UPDATE address SET targets = $3, version = version + 1 WHERE domain = $1 AND local = $2")
                .bind(text(&row, "domain")?)
                .bind(text(&row, "local")?)
                .bind(body(&targets)?)
                .execute(&mut *txn)
                .await?;
            let address = Address::parse(&alias.address).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
            batch.push(self.address_change(txn, &address).await?);
        }
        Ok(batch)
    }
}

fn body(targets: &[String]) -> Result<String> {
    serde_json::to_string(targets).map_err(|e| Error::new(Code::Internal, "", e.to_string()))
}
