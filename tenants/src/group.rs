//! SUMMARY    Distribution groups: one address, many members, a rule of who may write to it.
//! LIMITS     GROUP_MEMBERS_MAX, ROUTE_DEPTH_MAX, NAME_CHARS_MAX
//! INVARIANTS Groups may be members of groups, never in a round.

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    address::{Lead, address_of, key_of, parsed, posting_name, posting_of, targets_of},
    db::{Connection, Row, query},
    limits::GROUP_MEMBERS_MAX,
    rows::{number, short, text},
    terms::{Request, Start, Work},
};
use base::{Address, TenantId};
use control::{Change, Posting};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A group as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    pub address: String,
    pub tenant: TenantId,
    pub name: String,
    /// In the order in which they came.
    pub members: Vec<String>,
    pub posting: Posting,
    /// Mail for one that is switched off is refused.
    pub enabled: bool,
    pub version: i64,
}

/// A group to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    pub address: String,
    pub name: String,
    pub members: Vec<String>,
    pub posting: Posting,
    /// Whose it is on a shared domain; the actor's tenant when missing.
    pub tenant: Option<TenantId>,
}

/// Changes of a group; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct GroupPatch {
    pub name: Option<String>,
    pub posting: Option<Posting>,
    pub enabled: Option<bool>,
    /// Members that come; who is one already stays where they are.
    pub add: Vec<String>,
    /// Members that go; who is none is no error.
    pub remove: Vec<String>,
}

impl GroupPatch {
    /// What the audit log calls it.
    fn action(&self) -> &'static str {
        match (self.name.is_some() || self.posting.is_some() || self.enabled.is_some(), self.add.is_empty()) {
            (true, _) => "groupUpdate",
            (false, false) => "groupMembersAdd",
            (false, true) => "groupMembersRemove",
        }
    }
}

/// What comes to a list of members, at its end, each once. `Invalid` when it gets too long.
pub(crate) fn joined(mut members: Vec<String>, add: Vec<String>) -> Result<Vec<String>> {
    let mut keys: HashSet<String> = members.iter().map(|m| key_of(m)).collect();
    for member in add {
        if keys.insert(key_of(&member)) {
            members.push(member);
        }
    }
    if members.len() > GROUP_MEMBERS_MAX {
        let message = format!("A group has at most {GROUP_MEMBERS_MAX} members (GROUP_MEMBERS_MAX)");
        return Err(Error::new(Code::LimitReached, "members", message));
    }
    Ok(members)
}

impl Service {
    /// Makes a group. `Taken`, `NotFound` (domain), `LimitReached`, `Invalid` (a round).
    pub async fn group_create(&self, actor: &Actor, terms: &Terms, new: &NewGroup) -> Result<Done<Group>> {
        let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        short(&new.name, "name")?;
        let members = bounded(&new.members)?;
        let request = Request::new("groupCreate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = address.domain().as_str();
        let tenant = self.home(&mut work.txn, actor, Permission::AddressWrite, domain, new.tenant).await?;
        self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        let members = joined(Vec::new(), self.kept(&mut work.txn, members, Some("members")).await?)?;
        let lead = Lead { label: &new.name, posting: Some(new.posting), ..Lead::to("group", &members) };
        self.own_address(&mut work.txn, tenant, &address, lead).await.map_err(of_members)?;
        self.finish_group(work, actor, "groupCreate", &address, (&members.join(" "), Vec::new())).await
    }

    /// Names a group, says who may write to it, switches it on or off, takes members in and out.
    pub async fn group_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        address: &str,
        patch: &GroupPatch,
    ) -> Result<Done<Group>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        short(patch.name.as_deref().unwrap_or(""), "name")?;
        let (add, remove) = (bounded(&patch.add)?, bounded(&patch.remove)?);
        let action = patch.action();
        let request = Request::new(action, format!("{} {patch:?}", address.canonical()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, row) = self.address_in(&mut work.txn, actor, Permission::AddressWrite, &address, "group").await?;
        let group = from_row(&row)?;
        work.expect(group.version)?;
        if !patch.add.is_empty() || !patch.remove.is_empty() || patch.enabled.is_some() {
            self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        }
        query(
            "UPDATE address SET label = $3, posting = $4, enabled = $5, version = version + 1 WHERE domain = $1 AND local = $2",
        )
        .bind(address.domain().as_str())
        .bind(address.canonical_local())
        .bind(patch.name.as_ref().unwrap_or(&group.name))
        .bind(posting_name(patch.posting.unwrap_or(group.posting)))
        .bind(i64::from(patch.enabled.unwrap_or(group.enabled)))
        .execute(&mut work.txn)
        .await?;
        let add = self.kept(&mut work.txn, add, Some("members")).await?;
        let remove = self.kept(&mut work.txn, remove, None).await?;
        let detail = [&add[..], &remove[..]].concat().join(" ");
        let gone: HashSet<String> = remove.iter().map(|m| key_of(m)).collect();
        let mut members = group.members.clone();
        members.retain(|m| !gone.contains(&key_of(m)));
        let members = joined(members, add)?;
        if members.is_empty() && !group.members.is_empty() {
            self.not_catch_all(&mut work.txn, &address, "members").await?;
        }
        self.lead_to(&mut work.txn, tenant, &address, &members).await.map_err(of_members)?;
        let senders = match patch.enabled {
            Some(enabled) if enabled != group.enabled => self.senders_again(&mut work.txn, &address).await?,
            Some(_) | None => Vec::new(),
        };
        self.finish_group(work, actor, action, &address, (&detail, senders)).await
    }

    /// Deletes a group; its address becomes a tombstone. `InUse` while it is a catch-all.
    pub async fn group_delete(&self, actor: &Actor, terms: &Terms, address: &str) -> Result<Done<Group>> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let request = Request::new("groupDelete", address.canonical());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let (tenant, row) = self.address_in(&mut work.txn, actor, Permission::AddressWrite, &address, "group").await?;
        let group = from_row(&row)?;
        work.expect(group.version)?;
        self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        self.not_behind_catch_all(&mut work.txn, &address, "address").await?;
        let batch = self.leave_address(&mut work.txn, &address).await?;
        self.audit(&mut work.txn, actor, tenant, "groupDelete", &address.canonical(), "").await?;
        let gone = Group { members: Vec::new(), version: group.version + 1, ..group };
        self.finish(work, gone, &batch).await
    }

    /// A group by its address.
    pub async fn group(&self, actor: &Actor, address: &str) -> Result<Group> {
        let address = Address::parse(address).map_err(|_| Error::not_found("address"))?;
        let mut connection = self.reader(actor).await?;
        let found = self.address_in(&mut connection, actor, Permission::AddressRead, &address, "group").await?;
        from_row(&found.1)
    }

    /// Groups of a tenant that the actor reaches, in order of domain and local part, a page of them; and how many there are.
    pub async fn groups(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Group>, i64)> {
        let mut connection = self.reader(actor).await?;
        let (rows, count) = self.addresses_of(&mut connection, actor, "group", tenant, page).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Takes an address out of the groups of its tenant that it is a member of.
    pub(crate) async fn leave_groups(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        member: &str,
    ) -> Result<Vec<Change>> {
        let rows = query(
            "SELECT a.* FROM address_target t JOIN address a ON a.domain = t.domain AND a.local = t.local \
             WHERE t.target = $1 AND a.tenant = $2 AND a.kind = 'group' ORDER BY a.domain, a.local",
        )
        .bind(member)
        .bind(tenant.to_string())
        .fetch_all(&mut *txn)
        .await?;
        let mut batch = Vec::new();
        for row in &rows {
            let group = from_row(row)?;
            let address = crate::address::stored(&group.address)?;
            let left: Vec<String> = group.members.into_iter().filter(|m| key_of(m) != member).collect();
            self.lead_to(txn, tenant, &address, &left).await?;
            batch.push(self.address_again(txn, &address).await?);
        }
        Ok(batch)
    }

    async fn finish_group(
        &self,
        mut work: Work,
        actor: &Actor,
        action: &str,
        address: &Address,
        (detail, also): (&str, Vec<Change>),
    ) -> Result<Done<Group>> {
        let row = query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(&mut work.txn)
            .await?;
        let group = from_row(&row)?;
        self.audit(&mut work.txn, actor, group.tenant, action, &group.address, detail).await?;
        let mut batch = vec![self.address_change(&mut work.txn, address).await?];
        batch.extend(also);
        self.finish(work, group, &batch).await
    }
}

/// Members of one request.
fn bounded(members: &[String]) -> Result<Vec<Address>> {
    if members.len() > GROUP_MEMBERS_MAX {
        let message = format!("At most {GROUP_MEMBERS_MAX} members at once (GROUP_MEMBERS_MAX)");
        return Err(Error::new(Code::LimitReached, "members", message));
    }
    parsed(members, "members")
}

/// What an alias calls targets are members here.
fn of_members(e: Error) -> Error {
    if e.field == "targets" { Error { field: "members", ..e } } else { e }
}

pub(crate) fn from_row(row: &Row) -> Result<Group> {
    Ok(Group {
        address: address_of(row)?,
        tenant: crate::rows::id(row, "tenant")?,
        name: text(row, "label")?,
        members: targets_of(row)?,
        posting: posting_of(row)?,
        enabled: number(row, "enabled")? != 0,
        version: number(row, "version")?,
    })
}
