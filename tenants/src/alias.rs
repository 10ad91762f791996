//! SUMMARY    Aliases: addresses that lead to others, with a label, switched on or off.
//! LIMITS     ROUTE_TARGETS_MAX, BULK_ITEMS_MAX, NAME_CHARS_MAX
//! INVARIANTS A mailbox may send from an alias that is switched on and leads to it and nowhere else.

use crate::{
    Actor, Code, Done, Error, ErrorPolicy, Item, Page, Permission, Result, Service, Terms,
    address::{Lead, address_of, key_of, parsed, targets_of},
    bulk::{bulk_size, lifted},
    db::{Connection, Row, query},
    rows::{number, short, text},
    terms::{Request, Start},
};
use base::{Address, TenantId, limits::ROUTE_TARGETS_MAX};
use control::Change;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An alias as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Alias {
    pub address: String,
    pub targets: Vec<String>,
    /// What it is for.
    pub label: String,
    /// Mail for one that is switched off is refused.
    pub enabled: bool,
    pub version: i64,
}

/// An alias to be made.
#[derive(Debug, Clone, Default)]
pub struct NewAlias {
    pub address: String,
    pub targets: Vec<String>,
    pub label: String,
    /// Made, but switched off.
    pub disabled: bool,
    /// Whose it is on a shared domain; the actor's tenant when missing.
    pub tenant: Option<TenantId>,
}

/// Changes of an alias; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct AliasPatch {
    pub targets: Option<Vec<String>>,
    pub label: Option<String>,
    pub enabled: Option<bool>,
}

/// A change of an alias, and where it led before.
struct AliasChange {
    action: &'static str,
    tenant: TenantId,
    address: Address,
    before: Vec<String>,
    targets: Vec<String>,
}

/// Where an alias is to lead.
fn parse_targets(address: &Address, targets: &[String]) -> Result<Vec<Address>> {
    if targets.is_empty() || targets.len() > ROUTE_TARGETS_MAX {
        return Err(Error::new(Code::Invalid, "targets", "An alias leads to one address at least, 100 at most"));
    }
    let targets = parsed(targets, "targets")?;
    if targets.iter().any(|t| t.canonical() == address.canonical()) {
        return Err(Error::new(Code::Invalid, "targets", "An alias cannot lead to itself"));
    }
    Ok(targets)
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

    pub(crate) async fn alias_made(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewAlias,
    ) -> Result<(Alias, Vec<Change>)> {
        let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let targets = parse_targets(&address, &new.targets)?;
        short(&new.label, "label")?;
        let targets = self.kept(txn, targets, Some("targets")).await?;
        let tenant = self.home(txn, actor, Permission::AddressWrite, address.domain().as_str(), new.tenant).await?;
        self.may_lead(txn, actor, tenant, &[address.canonical()], "address").await?;
        let lead = Lead { enabled: !new.disabled, label: &new.label, ..Lead::to("forward", &targets) };
        self.own_address(txn, tenant, &address, lead).await?;
        let change = AliasChange { action: "aliasCreate", tenant, address, before: Vec::new(), targets };
        self.alias_told(txn, actor, change).await
    }

    /// Gives an alias other targets or another label, switches it on or off.
    pub async fn alias_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        address: &str,
        patch: &AliasPatch,
    ) -> Result<Done<Alias>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let wanted = patch.targets.as_ref().map(|t| parse_targets(&address, t)).transpose()?;
        short(patch.label.as_deref().unwrap_or(""), "label")?;
        let request = Request::new("aliasUpdate", format!("{} {patch:?}", address.canonical()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, before) = self.alias_in(&mut work.txn, actor, &address).await?;
        work.expect(before.version)?;
        if patch.targets.is_some() || patch.enabled.is_some() {
            self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        }
        query("UPDATE address SET label = $3, enabled = $4, version = version + 1 WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(patch.label.as_ref().unwrap_or(&before.label))
            .bind(i64::from(patch.enabled.unwrap_or(before.enabled)))
            .execute(&mut work.txn)
            .await?;
        let targets = match wanted {
            Some(wanted) => self.kept(&mut work.txn, wanted, Some("targets")).await?,
            None => before.targets.clone(),
        };
        self.lead_to(&mut work.txn, tenant, &address, &targets).await?;
        let switched = patch.enabled.is_some_and(|enabled| enabled != before.enabled);
        let senders = if switched { self.senders_again(&mut work.txn, &address).await? } else { Vec::new() };
        let change = AliasChange { action: "aliasUpdate", tenant, address, before: before.targets, targets };
        let (alias, mut batch) = self.alias_told(&mut work.txn, actor, change).await?;
        batch.extend(senders);
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
        self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        self.not_behind_catch_all(&mut work.txn, &address, "address").await?;
        let mut batch = self.leave_address(&mut work.txn, &address).await?;
        let affected: Vec<String> = before.targets.iter().map(|t| key_of(t)).collect();
        batch.extend(self.owners_again(&mut work.txn, tenant, &affected.iter().collect::<Vec<_>>()).await?);
        self.audit(&mut work.txn, actor, tenant, "aliasDelete", &address.canonical(), "").await?;
        let gone = Alias { targets: Vec::new(), version: before.version + 1, ..before };
        self.finish(work, gone, &batch).await
    }

    /// An alias the actor reaches, and whose it is.
    async fn alias_in(&self, txn: &mut Connection, actor: &Actor, address: &Address) -> Result<(TenantId, Alias)> {
        let (tenant, row) = self.address_in(txn, actor, Permission::AddressWrite, address, "forward").await?;
        Ok((tenant, from_row(&row)?))
    }

    /// Aliases of a tenant that the actor reaches, in order of domain and local part, a page of them; and how many there are.
    pub async fn aliases(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Alias>, i64)> {
        let mut connection = self.reader(actor).await?;
        let (rows, count) = self.addresses_of(&mut connection, actor, "forward", tenant, page).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
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
        let affected: BTreeSet<String> = before.iter().chain(&targets).map(|t| key_of(t)).collect();
        batch.extend(self.owners_again(txn, tenant, &affected.iter().collect::<Vec<_>>()).await?);
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(txn)
            .await?;
        Ok((from_row(&row)?, batch))
    }
}

fn from_row(row: &Row) -> Result<Alias> {
    Ok(Alias {
        address: address_of(row)?,
        targets: targets_of(row)?,
        label: text(row, "label")?,
        enabled: number(row, "enabled")? != 0,
        version: number(row, "version")?,
    })
}
