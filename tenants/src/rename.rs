//! SUMMARY    Giving a mailbox another address.
//! INVARIANTS The account id stays, and its mail with it. The old address stays the tenant's: a tombstone, or an alias of the
//!            new one. Aliases of the tenant that led to the old address lead to the new one.

use crate::{Actor, Applied, Code, Error, Mailbox, Result, Service, rows::text};
use base::{AccountId, Address, TenantId};
use control::Change;
use sqlx::SqliteConnection;

/// What becomes of the address a mailbox had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldAddress {
    /// Mail for it is refused.
    Tombstone,
    /// It leads to the new address.
    Alias,
}

impl Service {
    /// Gives a mailbox another address on a domain of its tenant. `Taken`, `NotFound` (mailbox, domain), `InUse` (the old
    /// address is the catch-all of its domain and would become a tombstone).
    pub async fn mailbox_rename(
        &self,
        actor: &Actor,
        account: AccountId,
        address: &str,
        old: OldAddress,
    ) -> Result<(Mailbox, Applied)> {
        let new = Address::parse(address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let mut txn = self.begin_as(actor).await?;
        let mailbox = self.mailbox_in(&mut txn, actor, account).await?;
        let domain = self.domain_in(&mut txn, actor, new.domain().as_str()).await?;
        if domain.tenant != mailbox.tenant {
            return Err(Error::not_found("domain"));
        }
        let was = Address::parse(&mailbox.address).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        if old == OldAddress::Tombstone {
            self.not_catch_all(&mut txn, &was).await?;
        }
        self.own_address(&mut txn, mailbox.tenant, &new, "account", Some(account), None).await?;
        let mut batch = self.leave_address(&mut txn, &was, &new, old).await?;
        batch.extend(self.lead_elsewhere(&mut txn, mailbox.tenant, &was, &new).await?);
        sqlx::query("UPDATE mailbox SET address = $2, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .bind(new.canonical())
            .execute(&mut *txn)
            .await?;
        batch.push(self.address_change(&mut txn, &new).await?);
        batch.push(self.account_snapshot(&mut txn, account).await?);
        let detail = format!("{} to {}", was.canonical(), new.canonical());
        self.audit(&mut txn, actor, mailbox.tenant, "mailboxRename", &account.to_string(), &detail).await?;
        self.tell(&mut txn, &batch).await?;
        let renamed = self.mailbox_row(&mut txn, account).await?;
        txn.commit().await?;
        Ok((renamed, self.settle().await))
    }

    async fn not_catch_all(&self, txn: &mut SqliteConnection, address: &Address) -> Result<()> {
        let used = sqlx::query("SELECT 1 AS n FROM domain WHERE name = $1 AND catch_all = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical())
            .fetch_optional(txn)
            .await?;
        match used {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::InUse, "address", "Give the domain another catch-all address first")),
        }
    }

    async fn leave_address(
        &self,
        txn: &mut SqliteConnection,
        was: &Address,
        new: &Address,
        old: OldAddress,
    ) -> Result<Vec<Change>> {
        let (kind, targets) = match old {
            OldAddress::Tombstone => ("tombstone", None),
            OldAddress::Alias => ("forward", Some(body(&[new.canonical()])?)),
        };
        sqlx::query(
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
        txn: &mut SqliteConnection,
        tenant: TenantId,
        was: &Address,
        new: &Address,
    ) -> Result<Vec<Change>> {
        let (was, new) = (was.canonical(), new.canonical());
        let rows =
            sqlx::query("SELECT * FROM address WHERE tenant = $1 AND kind = 'forward' AND instr(targets, $2) > 0")
                .bind(tenant.to_string())
                .bind(&was)
                .fetch_all(&mut *txn)
                .await?;
        let mut batch = Vec::new();
        for row in rows {
            let alias = crate::alias::from_row(&row)?;
            // `instr` also finds longer addresses that end so.
            if !alias.targets.contains(&was) {
                continue;
            }
            let mut targets: Vec<String> = alias.targets.into_iter().filter(|t| *t != was && *t != new).collect();
            targets.push(new.clone());
            sqlx::query("UPDATE address SET targets = $3, version = version + 1 WHERE domain = $1 AND local = $2")
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
