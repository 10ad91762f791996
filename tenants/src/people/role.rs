//! SUMMARY    Roles: the standard ones, and permission sets that a tenant makes itself.
//! SECURITY   A role is made and changed only by who has all that is in it, before and after.
//! LIMITS     ROLES_MAX
//! INVARIANTS A role is of one tenant and given out there only. A role that somebody has is not deleted.

use super::grantable;
use crate::{
    Actor, Code, Done, Error, Page, Permission, Permissions, Result, Service, StandardRole, Terms,
    actor::Object,
    db::{Connection, Row, query},
    limits::ROLES_MAX,
    page::list,
    rows::{fresh_id, id, number, short, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// A role of a tenant as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// `rol_…`
    pub id: String,
    pub tenant: TenantId,
    pub name: String,
    /// Names with spaces between.
    pub permissions: String,
    pub version: i64,
}

/// A role to be made.
#[derive(Debug, Clone)]
pub struct NewRole {
    pub tenant: TenantId,
    pub name: String,
    pub permissions: Permissions,
}

/// Changes of a role; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    pub name: Option<String>,
    pub permissions: Option<Permissions>,
}

fn named(name: &str) -> Result<&str> {
    short(name, "name")?;
    let name = name.trim();
    if name.is_empty() || StandardRole::by_name(name).is_some() || name.starts_with("rol_") {
        return Err(Error::new(Code::Invalid, "name", "A role has a name that is none of the standard roles'"));
    }
    Ok(name)
}

impl Service {
    pub async fn role_create(&self, actor: &Actor, terms: &Terms, new: &NewRole) -> Result<Done<Role>> {
        let name = named(&new.name)?;
        let request = Request::new("roleCreate", format!("{new:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::RoleWrite, new.tenant).await?;
        grantable(self.powers(&mut work.txn, actor, new.tenant, Object::Whole).await?, new.permissions)?;
        let count = query("SELECT COUNT(*) AS n FROM role WHERE tenant = $1")
            .bind(new.tenant.to_string())
            .fetch_one(&mut work.txn)
            .await?;
        if number(&count, "n")? >= ROLES_MAX {
            let message = format!("A tenant has at most {ROLES_MAX} roles (ROLES_MAX)");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        let id = fresh_id("rol_")?;
        let made = query(
            "INSERT INTO role (id, tenant, name, permissions, version, created_at) VALUES ($1, $2, $3, $4, 1, $5) \
             ON CONFLICT (tenant, name) DO NOTHING",
        )
        .bind(&id)
        .bind(new.tenant.to_string())
        .bind(name)
        .bind(new.permissions.to_string())
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        if made == 0 {
            return Err(Error::new(Code::Taken, "name", "The tenant has a role of that name"));
        }
        self.audit(&mut work.txn, actor, new.tenant, "roleCreate", &id, &new.permissions.to_string()).await?;
        let role = self.role_row(&mut work.txn, &id).await?;
        self.finish(work, role, &[]).await
    }

    /// Changes a role for all who have it. What they made by permissions that it loses ends.
    pub async fn role_update(&self, actor: &Actor, terms: &Terms, role: &str, patch: &RolePatch) -> Result<Done<Role>> {
        let request = Request::new("roleUpdate", format!("{role} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.role_in(&mut work.txn, actor, role).await?;
        work.expect(now.version)?;
        let before = Permissions::parse(&now.permissions)?;
        let after = patch.permissions.unwrap_or(before);
        self.may_touch(&mut work.txn, actor, now.tenant, role).await?;
        grantable(self.powers(&mut work.txn, actor, now.tenant, Object::Whole).await?, after)?;
        let name = patch.name.as_ref().unwrap_or(&now.name);
        let clash = query("SELECT 1 AS n FROM role WHERE tenant = $1 AND name = $2 AND id <> $3")
            .bind(now.tenant.to_string())
            .bind(named(name)?)
            .bind(role)
            .fetch_optional(&mut work.txn)
            .await?;
        if clash.is_some() {
            return Err(Error::new(Code::Taken, "name", "The tenant has a role of that name"));
        }
        query("UPDATE role SET name = $2, permissions = $3, version = version + 1 WHERE id = $1")
            .bind(role)
            .bind(named(name)?)
            .bind(after.to_string())
            .execute(&mut work.txn)
            .await?;
        if !after.covers(before) {
            for row in query("SELECT DISTINCT person FROM membership WHERE role = $1")
                .bind(role)
                .fetch_all(&mut work.txn)
                .await?
            {
                self.end_what_was_made(&mut work.txn, &text(&row, "person")?, now.tenant).await?;
            }
        }
        self.audit(&mut work.txn, actor, now.tenant, "roleUpdate", role, &after.to_string()).await?;
        work.rights = true;
        let role = self.role_row(&mut work.txn, role).await?;
        self.finish(work, role, &[]).await
    }

    /// Deletes a role. `InUse` while somebody has it or is invited to it.
    pub async fn role_delete(&self, actor: &Actor, terms: &Terms, role: &str) -> Result<Done<Role>> {
        let mut work = match self.start(actor, terms, Request::new("roleDelete", role.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.role_in(&mut work.txn, actor, role).await?;
        work.expect(now.version)?;
        self.may_touch(&mut work.txn, actor, now.tenant, role).await?;
        let used = query(
            "SELECT 1 AS n FROM membership WHERE role = $1 UNION SELECT 1 AS n FROM service_account WHERE role = $1 \
             UNION SELECT 1 AS n FROM identity_provider WHERE role = $1 \
             UNION SELECT 1 AS n FROM invitation WHERE role = $1 AND accepted_at IS NULL AND revoked_at IS NULL \
             AND expires_at > $2",
        )
        .bind(role)
        .bind(self.now().0)
        .fetch_optional(&mut work.txn)
        .await?;
        if used.is_some() {
            return Err(Error::new(
                Code::InUse,
                "id",
                "Somebody has the role, is invited to it or gets it by signing in",
            ));
        }
        query("DELETE FROM role WHERE id = $1").bind(role).execute(&mut work.txn).await?;
        self.audit(&mut work.txn, actor, now.tenant, "roleDelete", role, &now.name).await?;
        work.rights = true;
        self.finish(work, now, &[]).await
    }

    /// Roles that a tenant made, by id, a page of them; and how many there are.
    pub async fn roles(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Role>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::MemberRead, tenant).await?;
        let list = list!("role WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// What a role of a tenant permits. `NotFound` for another tenant's.
    pub(crate) async fn role_permissions(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        role: &str,
    ) -> Result<Permissions> {
        if let Some(standard) = StandardRole::by_name(role) {
            return Ok(standard.permissions());
        }
        let row = query("SELECT permissions FROM role WHERE id = $1 AND tenant = $2")
            .bind(role)
            .bind(tenant.to_string())
            .fetch_optional(txn)
            .await?;
        Permissions::parse(&text(&row.ok_or_else(|| Error::not_found("role"))?, "permissions")?)
    }

    async fn role_in(&self, txn: &mut Connection, actor: &Actor, role: &str) -> Result<Role> {
        let found = self.role_row(txn, role).await?;
        let permitted = self.permit(txn, actor, Permission::RoleWrite, found.tenant).await;
        permitted.map_err(|e| e.missing("id")).map(|()| found)
    }

    async fn role_row(&self, txn: &mut Connection, role: &str) -> Result<Role> {
        let row = query("SELECT * FROM role WHERE id = $1").bind(role).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("id"))?)
    }
}

fn from_row(row: &Row) -> Result<Role> {
    Ok(Role {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        name: text(row, "name")?,
        permissions: text(row, "permissions")?,
        version: number(row, "version")?,
    })
}
