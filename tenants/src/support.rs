//! SUMMARY    Support by consent: a tenant lets the provider's people in, for a time and a purpose, and sees who came.
//! STANDARDS  docs/decisions/0026-the-provider-asks-before-it-looks.md
//! SECURITY   Only the tenant's own people and tokens grant; nobody above does it for them. Whoever takes a grant up is in the
//!            tenant's audit log before it sees anything, and each of its changes carries both names.
//! LIMITS     SUPPORT_LIFE_MAX, REASON_CHARS_MAX
//! INVARIANTS A grant ends by its time, by the tenant, and by whoever above may revoke it; never later.

use crate::{
    Actor, Code, Done, Error, Feature, Page, Permission, Result, Service, SupportScope, Terms,
    actor::{Object, Support},
    db::{Connection, Row, query},
    limits::{REASON_CHARS_MAX, SUPPORT_LIFE_MAX},
    page::list,
    rows::{fresh_id, id, number, text},
    terms::{Request, Start, Work},
};
use base::{TenantId, Timestamp};
use std::time::Duration;

/// A grant as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportGrant {
    /// `sup_…`
    pub id: String,
    pub tenant: TenantId,
    pub scope: SupportScope,
    pub reason: String,
    pub granted_by: String,
    pub expires_at_ms: i64,
    pub version: i64,
}

/// A grant to be made.
#[derive(Debug, Clone)]
pub struct NewSupportGrant {
    pub tenant: TenantId,
    pub scope: SupportScope,
    /// What it is for: one line.
    pub reason: String,
    pub life: Duration,
}

impl Service {
    /// Lets the provider's people into the actor's own tenant.
    pub async fn support_grant_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewSupportGrant,
    ) -> Result<Done<SupportGrant>> {
        checked(new)?;
        let request = Request::new("supportGrantCreate", format!("{new:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.support_again(done).await,
        };
        self.permit(&mut work.txn, actor, Permission::SupportGrant, new.tenant).await?;
        if actor.tenant != new.tenant || self.line(&mut work.txn, new.tenant).await?.len() == 1 {
            let message = "A tenant lets the provider in itself; nobody does it for it";
            return Err(Error::new(Code::Forbidden, "tenantId", message));
        }
        self.featured(&mut work.txn, Feature::SupportAccess, new.tenant).await?;
        let grant = fresh_id("sup_")?;
        query(
            "INSERT INTO support_grant (id, tenant, scope, reason, granted_by, expires_at, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        )
        .bind(&grant)
        .bind(new.tenant.to_string())
        .bind(new.scope.name())
        .bind(new.reason.trim())
        .bind(&actor.name)
        .bind(self.now().plus(new.life).0)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        let detail = format!("{} {}", new.scope.name(), new.reason.trim());
        self.audit(&mut work.txn, actor, new.tenant, "supportGrantCreate", &grant, &detail).await?;
        self.finish_support(work, &grant).await
    }

    /// Ends a grant at once.
    pub async fn support_grant_revoke(&self, actor: &Actor, terms: &Terms, grant: &str) -> Result<Done<SupportGrant>> {
        let request = Request::new("supportGrantRevoke", grant.to_owned());
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.support_again(done).await,
        };
        let now = self.support_row(&mut work.txn, grant).await?;
        let permitted = self.permit(&mut work.txn, actor, Permission::SupportGrant, now.tenant).await;
        permitted.map_err(|e| e.missing("id"))?;
        work.expect(now.version)?;
        query("UPDATE support_grant SET revoked_at = COALESCE(revoked_at, $2), version = version + 1 WHERE id = $1")
            .bind(grant)
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, now.tenant, "supportGrantRevoke", grant, "").await?;
        self.finish_support(work, grant).await
    }

    /// Takes a grant up: from here on the actor may do there what it lets. The tenant's audit log says so.
    pub async fn support_grant_use(&self, actor: &Actor, terms: &Terms, grant: &str) -> Result<Done<SupportGrant>> {
        let request = Request::new("supportGrantUse", format!("{grant} {}", actor.name));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.support_again(done).await,
        };
        let now = self.open_support(&mut work.txn, actor, grant).await?;
        work.expect(now.version)?;
        query(
            "INSERT INTO support_use (support_grant, principal, opened_at) VALUES ($1, $2, $3) \
             ON CONFLICT (support_grant, principal) DO NOTHING",
        )
        .bind(grant)
        .bind(&actor.name)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        let detail = format!("{} by {}", now.scope.name(), now.granted_by);
        self.audit(&mut work.txn, actor, now.tenant, "supportGrantUse", grant, &detail).await?;
        self.finish_support(work, grant).await
    }

    /// A grant that is in force, of somebody who may use such.
    async fn open_support(&self, txn: &mut Connection, actor: &Actor, grant: &str) -> Result<SupportGrant> {
        let missing = || Error::not_found("id");
        let root = self.line(txn, actor.tenant).await?.len() == 1;
        if !root || !self.powers(txn, actor, actor.tenant, Object::Whole).await?.has(Permission::SupportUse) {
            return Err(missing());
        }
        let row = query("SELECT * FROM support_grant WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2")
            .bind(grant)
            .bind(self.now().0)
            .fetch_optional(txn)
            .await?;
        from_row(&row.ok_or_else(missing)?)
    }

    /// Grants of a tenant in force, by id, a page of them; and how many there are. Without a tenant: all there are, for the
    /// provider's people who may use them.
    pub async fn support_grants(
        &self,
        actor: &Actor,
        tenant: Option<TenantId>,
        page: &Page,
    ) -> Result<(Vec<SupportGrant>, i64)> {
        let mut connection = self.reader(actor).await?;
        let of = match tenant {
            Some(tenant) => {
                self.permit(&mut connection, actor, Permission::AuditRead, tenant).await?;
                tenant.to_string()
            }
            None => {
                let root = self.line(&mut connection, actor.tenant).await?.len() == 1;
                if !root {
                    return Err(Error::not_found("tenantId"));
                }
                self.permit(&mut connection, actor, Permission::SupportUse, actor.tenant).await?;
                "all".to_owned()
            }
        };
        let list = list!(
            "support_grant WHERE ($1 = 'all' OR tenant = $1) AND revoked_at IS NULL AND expires_at > CAST($2 AS BIGINT)",
            by "id", "$3", "$4"
        );
        let from = page.from::<String>()?;
        let scope = [of, self.now().0.to_string()];
        let (rows, count) = page.rows(&mut connection, &list, &scope, vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Grants in force that somebody took up.
    pub(crate) async fn support_of(&self, txn: &mut Connection, principal: &str) -> Result<Vec<Support>> {
        let rows = query(
            "SELECT g.* FROM support_use u JOIN support_grant g ON g.id = u.support_grant WHERE u.principal = $1 \
             AND g.revoked_at IS NULL AND g.expires_at > $2",
        )
        .bind(principal)
        .bind(self.now().0)
        .fetch_all(txn)
        .await?;
        let support = |row: &Row| {
            let SupportGrant { id, tenant, scope, granted_by, expires_at_ms, .. } = from_row(row)?;
            Ok(Support { id, tenant, scope, granted_by, expires_at: Timestamp(expires_at_ms) })
        };
        rows.iter().map(support).collect()
    }

    async fn finish_support(&self, mut work: Work, grant: &str) -> Result<Done<SupportGrant>> {
        work.rights = true;
        let grant = self.support_row(&mut work.txn, grant).await?;
        Ok(self.finish(work, grant.id.clone(), &[]).await?.map(|_| grant))
    }

    async fn support_again(&self, done: Done<String>) -> Result<Done<SupportGrant>> {
        let mut connection = self.pool().acquire().await?;
        let grant = self.support_row(&mut connection, &done.object).await?;
        Ok(done.map(|_| grant))
    }

    async fn support_row(&self, txn: &mut Connection, grant: &str) -> Result<SupportGrant> {
        let row = query("SELECT * FROM support_grant WHERE id = $1").bind(grant).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("id"))?)
    }
}

fn checked(new: &NewSupportGrant) -> Result<()> {
    let reason = new.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let message = format!("A reason is one line of 1 to {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "reason", message));
    }
    if new.life.is_zero() || new.life > SUPPORT_LIFE_MAX {
        let hours = SUPPORT_LIFE_MAX.as_secs() / 3600;
        let message = format!("Support is let in for {hours} hours at most (SUPPORT_LIFE_MAX)");
        return Err(Error::new(Code::Invalid, "lifeSeconds", message));
    }
    Ok(())
}

fn from_row(row: &Row) -> Result<SupportGrant> {
    let scope = text(row, "scope")?;
    let scope = SupportScope::EVERY.into_iter().find(|s| s.name() == scope);
    Ok(SupportGrant {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        scope: scope.ok_or_else(|| Error::new(Code::Internal, "", "a stored scope is damaged"))?,
        reason: text(row, "reason")?,
        granted_by: text(row, "granted_by")?,
        expires_at_ms: number(row, "expires_at")?,
        version: number(row, "version")?,
    })
}
