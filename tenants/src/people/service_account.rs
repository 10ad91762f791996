//! SUMMARY    Service accounts: programs with a name, a role of their own and several tokens, so that one replaces another while
//!            both are good.
//! SECURITY   Who makes or changes one, or gives it a token, has all of its role. It stays when its maker goes.
//! INVARIANTS A deleted account's tokens are revoked in the same transaction.

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Selector, Service, StandardRole, Terms,
    db::{Connection, Row, query},
    page::list,
    rows::{fresh_id, id, number, short, text},
    terms::{Request, Start, Work},
};
use base::TenantId;

/// A service account as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// `svc_…`
    pub id: String,
    pub tenant: TenantId,
    pub name: String,
    pub role: String,
    pub on: Selector,
    pub version: i64,
}

/// A service account to be made.
#[derive(Debug, Clone)]
pub struct NewServiceAccount {
    pub tenant: TenantId,
    pub name: String,
    pub role: String,
    pub on: Selector,
}

impl Service {
    pub async fn service_account_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewServiceAccount,
    ) -> Result<Done<ServiceAccount>> {
        short(&new.name, "name")?;
        if new.name.trim().is_empty() {
            return Err(Error::new(Code::Invalid, "name", "A service account has a name"));
        }
        let request = Request::new("serviceAccountCreate", format!("{new:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.service_account_again(done).await,
        };
        self.permit(&mut work.txn, actor, Permission::TokenWrite, new.tenant).await?;
        not_owner(&new.role)?;
        self.may_give(&mut work.txn, actor, new.tenant, &new.role, &new.on).await?;
        let (id, (kind, list)) = (fresh_id("svc_")?, new.on.stored());
        let made = query(
            "INSERT INTO service_account (id, tenant, name, role, on_kind, on_list, bound, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT (tenant, name) DO NOTHING",
        )
        .bind(&id)
        .bind(new.tenant.to_string())
        .bind(new.name.trim())
        .bind(&new.role)
        .bind(kind)
        .bind(list)
        .bind(i64::from(actor.bound))
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        if made == 0 {
            return Err(Error::new(Code::Taken, "name", "The tenant has a service account of that name"));
        }
        self.audit(&mut work.txn, actor, new.tenant, "serviceAccountCreate", &id, &new.role).await?;
        self.finish_service_account(work, &id).await
    }

    /// Gives an account another role and objects; its tokens have those at once.
    pub async fn service_account_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        account: &str,
        role: &str,
        on: &Selector,
    ) -> Result<Done<ServiceAccount>> {
        let request = Request::new("serviceAccountUpdate", format!("{account} {role} {on:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.service_account_again(done).await,
        };
        let now = self.service_account_to_change(&mut work.txn, actor, account).await?;
        work.expect(now.version)?;
        not_owner(role)?;
        self.may_give(&mut work.txn, actor, now.tenant, role, on).await?;
        let (kind, list) = on.stored();
        query("UPDATE service_account SET role = $2, on_kind = $3, on_list = $4, version = version + 1 WHERE id = $1")
            .bind(account)
            .bind(role)
            .bind(kind)
            .bind(list)
            .execute(&mut work.txn)
            .await?;
        self.audit(&mut work.txn, actor, now.tenant, "serviceAccountUpdate", account, role).await?;
        self.finish_service_account(work, account).await
    }

    /// Ends an account and its tokens.
    pub async fn service_account_delete(&self, actor: &Actor, terms: &Terms, account: &str) -> Result<Done<String>> {
        let request = Request::new("serviceAccountDelete", account.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.service_account_to_change(&mut work.txn, actor, account).await?;
        work.expect(now.version)?;
        query("UPDATE api_token SET revoked_at = $2 WHERE service_account = $1 AND revoked_at IS NULL")
            .bind(account)
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        query("DELETE FROM service_account WHERE id = $1").bind(account).execute(&mut work.txn).await?;
        self.audit(&mut work.txn, actor, now.tenant, "serviceAccountDelete", account, &now.name).await?;
        work.rights = true;
        self.finish(work, account.to_owned(), &[]).await
    }

    /// Service accounts of a tenant, by id, a page of them; and how many there are.
    pub async fn service_accounts(
        &self,
        actor: &Actor,
        tenant: TenantId,
        page: &Page,
    ) -> Result<(Vec<ServiceAccount>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TokenRead, tenant).await?;
        let list = list!("service_account WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// An account of a tenant.
    pub(crate) async fn service_account_in(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        account: &str,
    ) -> Result<ServiceAccount> {
        let found = self.service_account_row(txn, account).await.map_err(|e| e.missing("serviceAccountId"))?;
        if found.tenant == tenant { Ok(found) } else { Err(Error::not_found("serviceAccountId")) }
    }

    async fn service_account_to_change(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        account: &str,
    ) -> Result<ServiceAccount> {
        let now = self.service_account_row(txn, account).await?;
        let permitted = self.permit(txn, actor, Permission::TokenWrite, now.tenant).await;
        permitted.map_err(|e| e.missing("id"))?;
        self.may_touch(txn, actor, now.tenant, &now.role).await.map(|()| now)
    }

    async fn service_account_row(&self, txn: &mut Connection, account: &str) -> Result<ServiceAccount> {
        let row = query("SELECT * FROM service_account WHERE id = $1").bind(account).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("id"))?)
    }

    async fn finish_service_account(&self, mut work: Work, account: &str) -> Result<Done<ServiceAccount>> {
        work.rights = true;
        let account = self.service_account_row(&mut work.txn, account).await?;
        Ok(self.finish(work, account.id.clone(), &[]).await?.map(|_| account))
    }

    async fn service_account_again(&self, done: Done<String>) -> Result<Done<ServiceAccount>> {
        let mut connection = self.pool().acquire().await?;
        let account = self.service_account_row(&mut connection, &done.object).await?;
        Ok(done.map(|_| account))
    }
}

/// A program owns nothing.
fn not_owner(role: &str) -> Result<()> {
    match role == StandardRole::Owner.name() {
        true => Err(Error::new(Code::Invalid, "role", "A service account is no owner: give it the role admin")),
        false => Ok(()),
    }
}

fn from_row(row: &Row) -> Result<ServiceAccount> {
    Ok(ServiceAccount {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        name: text(row, "name")?,
        role: text(row, "role")?,
        on: Selector::of_row(row)?,
        version: number(row, "version")?,
    })
}
