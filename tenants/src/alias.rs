//! SUMMARY    Aliases, and the rule of who owns an address.
//! LIMITS     ROUTE_TARGETS_MAX
//! INVARIANTS An address has at most one owner over all time: a tombstone is only given back to the tenant that had it.

use crate::{
    Actor, Applied, Code, Error, Result, Service,
    rows::{number, text},
};
use base::{AccountId, Address, TenantId, limits::ROUTE_TARGETS_MAX};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use std::collections::BTreeSet;

/// An alias as shown.
#[derive(Debug, Clone)]
pub struct Alias {
    pub address: String,
    pub targets: Vec<String>,
    pub version: i64,
}

/// An alias to be made or changed.
#[derive(Debug, Clone)]
pub struct NewAlias {
    pub address: String,
    pub targets: Vec<String>,
}

/// A change of an alias, and where it led before.
struct AliasChange {
    action: &'static str,
    tenant: TenantId,
    address: Address,
    before: Vec<String>,
    targets: Vec<String>,
}

impl Service {
    /// Makes an alias, or gives an existing one (`replace`) other targets.
    pub async fn alias_put(&self, actor: &Actor, new: &NewAlias, replace: bool) -> Result<(Alias, Applied)> {
        let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        if new.targets.is_empty() || new.targets.len() > ROUTE_TARGETS_MAX {
            return Err(Error::new(Code::Invalid, "targets", "An alias leads to one address at least, 100 at most"));
        }
        let parse = |t: &String| Address::parse(t).map(|a| a.canonical());
        let targets: std::result::Result<Vec<String>, _> = new.targets.iter().map(parse).collect();
        let targets = targets.map_err(|e| Error::new(Code::Invalid, "targets", e.to_string()))?;
        let body = serde_json::to_string(&targets).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let mut txn = self.begin_as(actor).await?;
        let domain = self.domain_in(&mut txn, actor, address.domain().as_str()).await?;
        let before = self.alias_targets(&mut txn, &address).await?;
        if replace {
            let done = sqlx::query(
                "UPDATE address SET targets = $3, version = version + 1 WHERE domain = $1 AND local = $2 AND kind = 'forward'",
            )
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(&body)
            .execute(&mut *txn)
            .await?;
            if done.rows_affected() == 0 {
                return Err(Error::not_found("address"));
            }
        } else {
            self.own_address(&mut txn, domain.tenant, &address, "forward", None, Some(&body)).await?;
        }
        let action = if replace { "aliasUpdate" } else { "aliasCreate" };
        let change = AliasChange { action, tenant: domain.tenant, address, before, targets };
        self.finish_alias(txn, actor, change).await
    }

    /// Deletes an alias; its address becomes a tombstone.
    pub async fn alias_delete(&self, actor: &Actor, address: &str) -> Result<(Alias, Applied)> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let mut txn = self.begin_as(actor).await?;
        let domain = self.domain_in(&mut txn, actor, address.domain().as_str()).await?;
        let before = self.alias_targets(&mut txn, &address).await?;
        let done = sqlx::query(
            "UPDATE address SET kind = 'tombstone', targets = NULL, version = version + 1 \
             WHERE domain = $1 AND local = $2 AND kind = 'forward'",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .execute(&mut *txn)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("address"));
        }
        let (action, targets) = ("aliasDelete", Vec::new());
        let change = AliasChange { action, tenant: domain.tenant, address, before, targets };
        self.finish_alias(txn, actor, change).await
    }

    /// Aliases of a tenant in order of domain and local part, after the address `after`; and how many there are.
    pub async fn aliases(&self, actor: &Actor, tenant: TenantId, after: &str, first: u32) -> Result<(Vec<Alias>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        let (local, domain) = after.rsplit_once('@').unwrap_or_default();
        let rows = sqlx::query(
            "SELECT * FROM address WHERE tenant = $1 AND kind = 'forward' AND (domain, local) > ($2, $3) \
             ORDER BY domain, local LIMIT $4",
        )
        .bind(tenant.to_string())
        .bind(domain)
        .bind(local)
        .bind(i64::from(first))
        .fetch_all(&mut *connection)
        .await?;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM address WHERE tenant = $1 AND kind = 'forward'")
            .bind(tenant.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, number(&count, "n")?))
    }

    /// Makes an address the tenant's; `Taken` while it has an owner, or had one elsewhere.
    pub(crate) async fn own_address(
        &self,
        txn: &mut SqliteConnection,
        tenant: TenantId,
        address: &Address,
        kind: &str,
        account: Option<AccountId>,
        targets: Option<&str>,
    ) -> Result<()> {
        let done = sqlx::query(
            "INSERT INTO address (domain, local, tenant, kind, account, targets, version) VALUES ($1, $2, $3, $4, $5, $6, 1) \
             ON CONFLICT (domain, local) DO UPDATE SET kind = $4, account = $5, targets = $6, version = address.version + 1 \
             WHERE address.kind = 'tombstone' AND address.tenant = $3",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .bind(tenant.to_string())
        .bind(kind)
        .bind(account.map(|a| a.to_string()))
        .bind(targets)
        .execute(txn)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::new(Code::Taken, "address", "The address is in use, or was somebody else's"));
        }
        Ok(())
    }

    /// Where an alias leads now; empty when it is none.
    async fn alias_targets(&self, txn: &mut SqliteConnection, address: &Address) -> Result<Vec<String>> {
        let row = sqlx::query("SELECT * FROM address WHERE domain = $1 AND local = $2 AND kind = 'forward'")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_optional(txn)
            .await?;
        Ok(row.as_ref().map(from_row).transpose()?.map(|alias| alias.targets).unwrap_or_default())
    }

    async fn finish_alias(
        &self,
        mut txn: sqlx::Transaction<'static, sqlx::Sqlite>,
        actor: &Actor,
        change: AliasChange,
    ) -> Result<(Alias, Applied)> {
        let AliasChange { action, tenant, address, before, targets } = change;
        self.audit(&mut txn, actor, tenant, action, &address.canonical(), &targets.join(" ")).await?;
        let mut batch = vec![self.address_change(&mut txn, &address).await?];
        // Who may send from the alias changed with it: for those it led to as for those it leads to.
        let affected: BTreeSet<&String> = before.iter().chain(&targets).collect();
        for target in affected {
            let row = sqlx::query("SELECT id FROM mailbox WHERE address = $1 AND tenant = $2 AND live = 1")
                .bind(target)
                .bind(tenant.to_string())
                .fetch_optional(&mut *txn)
                .await?;
            if let Some(row) = row {
                sqlx::query("UPDATE mailbox SET version = version + 1 WHERE id = $1")
                    .bind(text(&row, "id")?)
                    .execute(&mut *txn)
                    .await?;
                batch.push(self.account_snapshot(&mut txn, crate::rows::id(&row, "id")?).await?);
            }
        }
        self.tell(&mut txn, &batch).await?;
        let row = sqlx::query("SELECT version FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(&mut *txn)
            .await?;
        let alias = Alias { address: address.canonical(), targets, version: number(&row, "version")? };
        txn.commit().await?;
        Ok((alias, self.settle().await))
    }
}

pub(crate) fn from_row(row: &SqliteRow) -> Result<Alias> {
    Ok(Alias {
        address: format!("{}@{}", text(row, "local")?, text(row, "domain")?),
        targets: serde_json::from_str(&text(row, "targets")?)
            .map_err(|e| Error::new(Code::Internal, "", e.to_string()))?,
        version: number(row, "version")?,
    })
}
