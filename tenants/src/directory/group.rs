//! SUMMARY    Groups as a customer's directory keeps them in step: distribution groups, their members by id.
//! STANDARDS  RFC 7643 §4.2 (what such a group has)
//! SECURITY   A directory stays in the actor's own tenant, not even below it. What is elsewhere does not exist.
//! LIMITS     GROUP_MEMBERS_MAX, EXTERNAL_ID_CHARS_MAX, NAME_CHARS_MAX
//! INVARIANTS A group's id is its address, which never changes. Members that are no mailbox and no group of the tenant (addresses
//!            elsewhere) are not the directory's: it does not see them, and what it writes leaves them.

use super::{Entry, missing};
use crate::{
    Actor, Code, Done, Error, Group, Permission, Result, Service, Terms,
    address::{Lead, stored},
    db::{Connection, Row, query},
    group::{from_row, joined},
    rows::{json_list, number, short, text},
    terms::{Request, Start},
};
use base::{AccountId, Address};
use control::Posting;
use serde::{Deserialize, Serialize};

/// A group as a directory sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DirectoryGroup {
    pub group: Group,
    pub external_id: Option<String>,
    pub members: Vec<DirectoryMember>,
}

/// A member that the directory knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryMember {
    /// Of a user its mailbox's id, of a group its address.
    pub id: String,
    pub address: String,
    pub is_group: bool,
}

/// A group to be made.
#[derive(Debug, Clone, Default)]
pub struct NewDirectoryGroup {
    /// Made of the name, on the tenant's only domain, when missing.
    pub address: Option<String>,
    pub name: String,
    pub external_id: Option<String>,
    /// Ids of members.
    pub members: Vec<String>,
}

/// Changes of a group; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct DirectoryGroupPatch {
    pub name: Option<String>,
    pub external_id: Option<Option<String>>,
    /// The members there are to be.
    pub members: Option<Vec<String>>,
    /// Members that come, after that.
    pub add: Vec<String>,
    /// Members that go, last; who is none is no error.
    pub remove: Vec<String>,
}

impl Service {
    /// Makes a group to which members and everybody else may write. `Taken`, `NotFound` (domain, member), `LimitReached`.
    pub async fn directory_group_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewDirectoryGroup,
    ) -> Result<Done<DirectoryGroup>> {
        short(&new.name, "displayName")?;
        let external = external(new.external_id.clone())?;
        let request = Request::new("directoryGroupCreate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let address = self.group_address(&mut work.txn, actor, new).await?;
        let members = self.member_addresses(&mut work.txn, actor, &new.members).await?;
        let members = joined(Vec::new(), members)?;
        let domain = address.domain().as_str();
        let tenant = self.home(&mut work.txn, actor, Permission::AddressWrite, domain, Some(actor.tenant)).await?;
        self.may_lead(&mut work.txn, actor, tenant, &[address.canonical()], "address").await?;
        let lead = Lead {
            label: &new.name,
            site: external.as_deref().unwrap_or(""),
            posting: Some(Posting::Anyone),
            ..Lead::to("group", &members)
        };
        self.own_address(&mut work.txn, tenant, &address, lead).await.map_err(of_members)?;
        let detail = members.join(" ");
        self.audit(&mut work.txn, actor, tenant, "groupCreate", &address.canonical(), &detail).await?;
        let batch = [self.address_change(&mut work.txn, &address).await?];
        let made = self.directory_group_in(&mut work.txn, actor, &address, Permission::AddressRead).await?;
        self.finish(work, made, &batch).await
    }

    /// Changes a group: all of it or nothing. What is as it is asked for is not written again.
    pub async fn directory_group_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
        patch: &DirectoryGroupPatch,
    ) -> Result<Done<DirectoryGroup>> {
        let address = Address::parse(id).map_err(missing)?;
        short(patch.name.as_deref().unwrap_or(""), "displayName")?;
        let request = Request::new("directoryGroupUpdate", format!("{} {patch:?}", address.canonical()));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.directory_group_in(&mut work.txn, actor, &address, Permission::AddressWrite).await?;
        work.expect(now.group.version)?;
        let members = self.members_after(&mut work.txn, actor, &now, patch).await?;
        let name = patch.name.clone().unwrap_or_else(|| now.group.name.clone());
        let external = external(patch.external_id.clone().unwrap_or_else(|| now.external_id.clone()))?;
        if members == now.group.members && name == now.group.name && external == now.external_id {
            return self.finish(work, now, &[]).await;
        }
        if members != now.group.members {
            self.may_lead(&mut work.txn, actor, now.group.tenant, &[address.canonical()], "members").await?;
        }
        query("UPDATE address SET label = $3, site = $4, version = version + 1 WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .bind(&name)
            .bind(external.unwrap_or_default())
            .execute(&mut work.txn)
            .await?;
        if members != now.group.members {
            if members.is_empty() {
                self.not_catch_all(&mut work.txn, &address, "members").await?;
            }
            self.lead_to(&mut work.txn, now.group.tenant, &address, &members).await.map_err(of_members)?;
        }
        let detail = members.join(" ");
        self.audit(&mut work.txn, actor, now.group.tenant, "groupUpdate", &address.canonical(), &detail).await?;
        let batch = [self.address_change(&mut work.txn, &address).await?];
        let after = self.directory_group_in(&mut work.txn, actor, &address, Permission::AddressRead).await?;
        self.finish(work, after, &batch).await
    }

    /// Deletes a group; its address becomes a tombstone. `InUse` while it is a catch-all.
    pub async fn directory_group_delete(&self, actor: &Actor, terms: &Terms, id: &str) -> Result<Done<Group>> {
        let address = Address::parse(id).map_err(missing)?;
        let mut connection = self.reader(actor).await?;
        self.directory_group_in(&mut connection, actor, &address, Permission::AddressWrite).await?;
        drop(connection);
        self.group_delete(actor, terms, &address.canonical()).await.map_err(|e| match e.code {
            Code::NotFound => missing(e),
            _ => e,
        })
    }

    /// A group by its id.
    pub async fn directory_group(&self, actor: &Actor, id: &str) -> Result<DirectoryGroup> {
        let address = Address::parse(id).map_err(missing)?;
        let mut connection = self.reader(actor).await?;
        self.directory_group_in(&mut connection, actor, &address, Permission::AddressRead).await
    }

    /// Groups behind one, by address: for who looks at all of them.
    pub async fn directory_group_scan(
        &self,
        actor: &Actor,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DirectoryGroup>> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::AddressRead, actor.tenant).await?;
        let (local, domain) = after.and_then(|address| address.rsplit_once('@')).unwrap_or_default();
        let rows = query(
            "SELECT * FROM address WHERE tenant = $1 AND kind = 'group' AND (domain, local) > ($2, $3) \
             ORDER BY domain, local LIMIT $4",
        )
        .bind(actor.tenant.to_string())
        .bind(domain)
        .bind(local)
        .bind(i64::from(limit))
        .fetch_all(&mut connection)
        .await?;
        self.directory_groups_of(&mut connection, actor, &rows).await
    }

    /// The groups with an identifier of the directory's own.
    pub async fn directory_group_find(&self, actor: &Actor, external_id: &str) -> Result<Vec<DirectoryGroup>> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::AddressRead, actor.tenant).await?;
        // No row has a zero byte, and no statement is asked for one.
        if external_id.is_empty() || external_id.contains('\0') {
            return Ok(Vec::new());
        }
        let rows =
            query("SELECT * FROM address WHERE tenant = $1 AND kind = 'group' AND site = $2 ORDER BY domain, local")
                .bind(actor.tenant.to_string())
                .bind(external_id)
                .fetch_all(&mut connection)
                .await?;
        self.directory_groups_of(&mut connection, actor, &rows).await
    }

    /// Groups from an offset on, by address, and how many there are.
    pub async fn directory_groups(
        &self,
        actor: &Actor,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<DirectoryGroup>, usize)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::AddressRead, actor.tenant).await?;
        let tenant = actor.tenant.to_string();
        let count = query("SELECT COUNT(*) AS n FROM address WHERE tenant = $1 AND kind = 'group'").bind(&tenant);
        let total = number(&count.fetch_one(&mut connection).await?, "n")?;
        let rows = query(
            "SELECT * FROM address WHERE tenant = $1 AND kind = 'group' ORDER BY domain, local LIMIT $2 OFFSET $3",
        )
        .bind(&tenant)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(offset).unwrap_or(i64::MAX))
        .fetch_all(&mut connection)
        .await?;
        let groups = self.directory_groups_of(&mut connection, actor, &rows).await?;
        Ok((groups, usize::try_from(total).unwrap_or(0)))
    }

    async fn directory_group_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        address: &Address,
        permission: Permission,
    ) -> Result<DirectoryGroup> {
        let (tenant, row) = self
            .address_in(txn, actor, permission, address, "group")
            .await
            .map_err(|e| if e.code == Code::NotFound { missing(e) } else { e })?;
        if tenant != actor.tenant {
            return Err(missing(()));
        }
        self.directory_groups_of(txn, actor, &[row]).await?.pop().ok_or_else(|| missing(()))
    }

    /// Groups with those of their members that are the tenant's, by two statements for all.
    async fn directory_groups_of(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        rows: &[Row],
    ) -> Result<Vec<DirectoryGroup>> {
        let groups = rows.iter().map(from_row).collect::<Result<Vec<Group>>>()?;
        let addresses: Vec<&String> = groups.iter().flat_map(|g| &g.members).collect();
        let found = query(
            "SELECT address, id, 0 AS is_group FROM mailbox WHERE tenant = $1 AND live = 1 \
             AND address IN (SELECT value FROM json_each($2)) UNION ALL \
             SELECT local || '@' || domain AS address, local || '@' || domain AS id, 1 AS is_group FROM address \
             WHERE tenant = $1 AND kind = 'group' AND local || '@' || domain IN (SELECT value FROM json_each($2))",
        )
        .bind(actor.tenant.to_string())
        .bind(json_list(&addresses))
        .fetch_all(txn)
        .await?;
        let mut known = std::collections::HashMap::new();
        for row in &found {
            let (address, id) = (text(row, "address")?, text(row, "id")?);
            let is_group = number(row, "is_group")? != 0;
            known.insert(address.clone(), DirectoryMember { id, address, is_group });
        }
        let seen = |(row, group): (&Row, Group)| {
            let members = group.members.iter().filter_map(|m| known.get(m).cloned()).collect();
            let external_id = Some(text(row, "site")?).filter(|id| !id.is_empty());
            Ok(DirectoryGroup { group, external_id, members })
        };
        rows.iter().zip(groups).map(seen).collect()
    }

    /// The members of a group after a patch.
    async fn members_after(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        now: &DirectoryGroup,
        patch: &DirectoryGroupPatch,
    ) -> Result<Vec<String>> {
        let mut members = now.group.members.clone();
        if let Some(wanted) = &patch.members {
            let wanted = self.member_addresses(txn, actor, wanted).await?;
            members.retain(|m| wanted.contains(m) || !now.members.iter().any(|known| known.address == *m));
            members = joined(members, wanted)?;
        }
        let add = self.member_addresses(txn, actor, &patch.add).await?;
        let mut members = joined(members, add)?;
        let gone = |address: &String| {
            let known = now.members.iter().find(|known| known.address == *address);
            patch.remove.iter().any(|id| id == address || known.is_some_and(|known| known.id == *id))
        };
        members.retain(|m| !gone(m));
        Ok(members)
    }

    /// The addresses of members, by their ids. `NotFound`.
    async fn member_addresses(&self, txn: &mut Connection, actor: &Actor, ids: &[String]) -> Result<Vec<String>> {
        let rows = query(
            "SELECT id, address FROM mailbox WHERE tenant = $1 AND live = 1 AND id IN (SELECT value FROM json_each($2)) \
             UNION ALL SELECT local || '@' || domain AS id, local || '@' || domain AS address FROM address \
             WHERE tenant = $1 AND kind = 'group' AND local || '@' || domain IN (SELECT value FROM json_each($2))",
        )
        .bind(actor.tenant.to_string())
        .bind(json_list(&ids.iter().map(|id| key(id)).collect::<Vec<_>>()))
        .fetch_all(txn)
        .await?;
        let mut known = std::collections::HashMap::new();
        for row in &rows {
            known.insert(text(row, "id")?, text(row, "address")?);
        }
        let address = |id: &String| known.get(&key(id)).cloned().ok_or_else(|| Error::not_found("members"));
        ids.iter().map(address).collect()
    }

    /// The address of a new group: as asked for, or its name, on the tenant's only domain.
    async fn group_address(&self, txn: &mut Connection, actor: &Actor, new: &NewDirectoryGroup) -> Result<Address> {
        let invalid = |why: &str| Error::new(Code::Invalid, "address", why);
        if let Some(address) = &new.address {
            return Address::parse(address).map_err(|e| invalid(&e.to_string()));
        }
        if let Ok(address) = Address::parse(&new.name) {
            return Ok(address);
        }
        let rows =
            query("SELECT name FROM domain WHERE tenant = $1 AND live = 1 AND alias_of IS NULL ORDER BY name LIMIT 2")
                .bind(actor.tenant.to_string())
                .fetch_all(txn)
                .await?;
        let [only] = rows.as_slice() else {
            return Err(invalid("The tenant has not one domain: name the group's address"));
        };
        let local = local_of(&new.name);
        if local.is_empty() {
            return Err(invalid("No address can be made of this name: name the group's address"));
        }
        stored(&format!("{local}@{}", text(only, "name")?)).map_err(|_| invalid("No address can be made of this name"))
    }
}

/// An id as it is compared.
fn key(id: &str) -> String {
    match id.parse::<AccountId>() {
        Ok(account) => account.to_string(),
        Err(_) => Address::parse(id).map_or_else(|_| id.replace('\0', ""), |address| address.canonical()),
    }
}

/// `Sales & Service` becomes `sales-service`.
fn local_of(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-").chars().take(64).collect()
}

fn external(external_id: Option<String>) -> Result<Option<String>> {
    Ok(Entry { external_id, given_name: None, family_name: None }.checked()?.external_id)
}

/// What an alias calls targets are members here.
fn of_members(e: Error) -> Error {
    if e.field == "targets" { Error { field: "members", ..e } } else { e }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_of_a_name() {
        for (name, local) in
            [("Sales", "sales"), ("Sales & Service", "sales-service"), (" -- ", ""), ("Büro 1", "b-ro-1")]
        {
            assert_eq!(local_of(name), local);
        }
    }
}
