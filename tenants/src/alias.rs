//! SUMMARY    Aliases, and the rule of who owns an address.
//! LIMITS     ROUTE_TARGETS_MAX, BULK_ITEMS_MAX
//! INVARIANTS An address has at most one owner over all time: a tombstone is only given back to the tenant that had it.

use crate::{
    Actor, Code, Done, Error, ErrorPolicy, Item, Page, Permission, Result, Service, Terms,
    bulk::{bulk_size, lifted},
    db::{Connection, Row, query},
    page::Statements,
    rows::{number, text},
    terms::{Request, Start},
};
use base::{AccountId, Address, TenantId, limits::ROUTE_TARGETS_MAX};
use control::Change;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An alias as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// An alias that is well formed.
struct Ready {
    address: Address,
    targets: Vec<String>,
    body: String,
}

fn ready(new: &NewAlias) -> Result<Ready> {
    let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
    if new.targets.is_empty() || new.targets.len() > ROUTE_TARGETS_MAX {
        return Err(Error::new(Code::Invalid, "targets", "An alias leads to one address at least, 100 at most"));
    }
    let parse = |t: &String| Address::parse(t).map(|a| a.canonical());
    let targets: std::result::Result<Vec<String>, _> = new.targets.iter().map(parse).collect();
    let targets = targets.map_err(|e| Error::new(Code::Invalid, "targets", e.to_string()))?;
    if targets.contains(&address.canonical()) {
        return Err(Error::new(Code::Invalid, "targets", "An alias cannot lead to itself"));
    }
    let body = serde_json::to_string(&targets).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
    Ok(Ready { address, targets, body })
}

/// The statements of a list of a tenant's aliases, of domains that fulfil a condition on `$2`.
macro_rules! aliases {
    ($domains:literal) => {
        Statements {
            forward: concat!(
                "SELECT * FROM address WHERE tenant = $1 AND kind = 'forward' AND ",
                $domains,
                " AND (domain, local) > ($3, $4) ORDER BY domain, local LIMIT $5"
            ),
            backward: concat!(
                "SELECT * FROM address WHERE tenant = $1 AND kind = 'forward' AND ",
                $domains,
                " AND (domain, local) < ($3, $4) ORDER BY domain DESC, local DESC LIMIT $5"
            ),
            count: concat!("SELECT COUNT(*) AS n FROM address WHERE tenant = $1 AND kind = 'forward' AND ", $domains),
        }
    };
}

impl Service {
    /// Makes an alias. `Taken`, `NotFound` (domain).
    pub async fn alias_create(&self, actor: &Actor, terms: &Terms, new: &NewAlias) -> Result<Done<Alias>> {
        let request = Request::new("aliasCreate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (alias, batch) = self.alias_made(&mut work.txn, actor, new).await?;
        self.finish(work, alias, &batch).await
    }

    /// Makes aliases in one transaction; the results stand in the order of the items.
    pub async fn aliases_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &[NewAlias],
        policy: ErrorPolicy,
    ) -> Result<Done<Vec<Item<Alias>>>> {
        bulk_size(new.len(), "aliases")?;
        let request = Request::new("aliasesCreate", format!("{policy:?} {new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (mut items, mut batch) = (Vec::with_capacity(new.len()), Vec::new());
        for new in new {
            work.txn.savepoint().await?;
            let made = self.alias_made(&mut work.txn, actor, new).await;
            if let Some((alias, changes)) = lifted(&mut items, made)? {
                work.txn.keep().await?;
                items.push(Item::Done(alias));
                batch.extend(changes);
            } else {
                work.txn.take_back().await?;
            }
        }
        self.finish_bulk(work, items, &batch, policy).await
    }

    async fn alias_made(&self, txn: &mut Connection, actor: &Actor, new: &NewAlias) -> Result<(Alias, Vec<Change>)> {
        let Ready { address, targets, body } = ready(new)?;
        let domain = self.domain_in(txn, actor, Permission::AddressWrite, address.domain().as_str()).await?;
        self.own_address(txn, domain.tenant, &address, "forward", None, Some(&body)).await?;
        let change = AliasChange { action: "aliasCreate", tenant: domain.tenant, address, before: Vec::new(), targets };
        self.alias_told(txn, actor, change).await
    }

    /// Gives an alias other targets.
    pub async fn alias_update(&self, actor: &Actor, terms: &Terms, new: &NewAlias) -> Result<Done<Alias>> {
        let Ready { address, targets, body } = ready(new)?;
        let request = Request::new("aliasUpdate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, before) = self.alias_in(&mut work.txn, actor, &address).await?;
        work.expect(before.version)?;
        query("UPDATE address SET targets = $3, version = version + 1 WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(&body)
            .execute(&mut work.txn)
            .await?;
        let change = AliasChange { action: "aliasUpdate", tenant, address, before: before.targets, targets };
        let (alias, batch) = self.alias_told(&mut work.txn, actor, change).await?;
        self.finish(work, alias, &batch).await
    }

    /// Deletes an alias; its address becomes a tombstone. `InUse` while it is a catch-all.
    pub async fn alias_delete(&self, actor: &Actor, terms: &Terms, address: &str) -> Result<Done<Alias>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let request = Request::new("aliasDelete", address.canonical());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, before) = self.alias_in(&mut work.txn, actor, &address).await?;
        work.expect(before.version)?;
        self.not_catch_all(&mut work.txn, &address, "address").await?;
        query(
            "UPDATE address SET kind = 'tombstone', targets = NULL, version = version + 1 WHERE domain = $1 AND local = $2",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .execute(&mut work.txn)
        .await?;
        let change =
            AliasChange { action: "aliasDelete", tenant, address, before: before.targets, targets: Vec::new() };
        let (alias, batch) = self.alias_told(&mut work.txn, actor, change).await?;
        self.finish(work, alias, &batch).await
    }

    /// An alias the actor reaches, and whose it is.
    async fn alias_in(&self, txn: &mut Connection, actor: &Actor, address: &Address) -> Result<(TenantId, Alias)> {
        let domain = self.domain_in(txn, actor, Permission::AddressWrite, address.domain().as_str()).await?;
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2 AND kind = 'forward'")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_optional(txn)
            .await?;
        Ok((domain.tenant, from_row(&row.ok_or_else(|| Error::not_found("address"))?)?))
    }

    /// Aliases of a tenant that the actor reaches, in order of domain and local part, a page of them; and how many there are.
    pub async fn aliases(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Alias>, i64)> {
        let mut connection = self.pool().acquire().await?;
        let reach = self.reach(&mut connection, actor, Permission::AddressRead, tenant).await?;
        // The same statements for who reaches all: nothing is compared then.
        let domains = if reach.whole { "all".to_owned() } else { reach.domain_list() };
        let list = match reach.whole {
            true => aliases!("$2 = 'all'"),
            false => aliases!("domain IN (SELECT value FROM json_each($2))"),
        };
        let cursor = page.from::<String>()?;
        let (local, domain) = match cursor.rsplit_once('@') {
            Some(both) => both,
            None if page.cursor.is_none() => ("", cursor.as_str()),
            None => return Err(page.not_a_cursor()),
        };
        let from = vec![domain.into(), local.into()];
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string(), domains], from).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Makes an address the tenant's; `Taken` while it has an owner, or had one elsewhere.
    pub(crate) async fn own_address(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        address: &Address,
        kind: &str,
        account: Option<AccountId>,
        targets: Option<&str>,
    ) -> Result<()> {
        let done = query(
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
        if done == 0 {
            return Err(Error::new(Code::Taken, "address", "The address is in use, or was somebody else's"));
        }
        Ok(())
    }

    /// The audit entry of a change and what the data plane is to know.
    async fn alias_told(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        change: AliasChange,
    ) -> Result<(Alias, Vec<Change>)> {
        let AliasChange { action, tenant, address, before, targets } = change;
        self.audit(txn, actor, tenant, action, &address.canonical(), &targets.join(" ")).await?;
        let mut batch = vec![self.address_change(txn, &address).await?];
        // Who may send from the alias changed with it: for those it led to as for those it leads to.
        let affected: BTreeSet<&String> = before.iter().chain(&targets).collect();
        for target in affected {
            let row = query(
                "UPDATE mailbox SET version = version + 1 WHERE address = $1 AND tenant = $2 AND live = 1 RETURNING id",
            )
            .bind(target)
            .bind(tenant.to_string())
            .fetch_optional(&mut *txn)
            .await?;
            if let Some(row) = row {
                batch.push(self.account_snapshot(txn, crate::rows::id(&row, "id")?).await?);
            }
        }
        let row = query("SELECT version FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(txn)
            .await?;
        Ok((Alias { address: address.canonical(), targets, version: number(&row, "version")? }, batch))
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Alias> {
    Ok(Alias {
        address: format!("{}@{}", text(row, "local")?, text(row, "domain")?),
        targets: serde_json::from_str(&text(row, "targets")?)
            .map_err(|e| Error::new(Code::Internal, "", e.to_string()))?,
        version: number(row, "version")?,
    })
}
