//! SUMMARY    Mailboxes: a person's account with its address and credentials.
//! LIMITS     the tenant's max_mailboxes, checked in the transaction that creates
//! INVARIANTS An account id is never given twice. Deleting leaves a tombstone of the address; creating it again, by the same
//!            tenant only, makes a new account that cannot reach the old one's mail.

use crate::{
    Actor, Applied, Code, Error, Result, Service,
    outbox::address_snapshot,
    password,
    rows::{fresh_id, fresh_number, id, number, optional, text, to_sql},
};
use base::{AccountId, Address, TenantId};
use control::Usage;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

/// A mailbox as shown.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub id: AccountId,
    pub tenant: TenantId,
    pub address: String,
    pub display_name: String,
    pub quota_bytes_max: Option<u64>,
    pub suspended: bool,
    pub version: i64,
}

/// A mailbox to be made.
#[derive(Debug, Clone)]
pub struct NewMailbox {
    pub address: String,
    pub display_name: String,
    pub password: String,
    pub quota_bytes_max: Option<u64>,
}

/// Changes of a mailbox; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct MailboxPatch {
    pub display_name: Option<String>,
    /// `Some(None)` = unlimited.
    pub quota_bytes_max: Option<Option<u64>>,
    pub password: Option<String>,
    /// `Some(Some(reason))` suspends, `Some(None)` resumes.
    pub hold: Option<Option<String>>,
}

impl Service {
    /// Makes a mailbox on a domain of the tenant that owns it. `Taken`, `LimitReached`, `NotFound` (domain).
    pub async fn mailbox_create(&self, actor: &Actor, new: &NewMailbox) -> Result<(Mailbox, Applied)> {
        let address = Address::parse(&new.address).map_err(|e| Error::new(Code::Invalid, "address", e.to_string()))?;
        let verifiers = password::verifiers(&new.password, self.password_cost).await?;
        let mut txn = self.begin_as(actor).await?;
        let domain = self.domain_in(&mut txn, actor, address.domain().as_str()).await?;
        let account = self.insert_mailbox(&mut txn, domain.tenant, &address, new, &verifiers).await?;
        self.audit(&mut txn, actor, domain.tenant, "mailboxCreate", &account.to_string(), &address.canonical()).await?;
        let batch = [self.account_snapshot(&mut txn, account).await?, self.address_change(&mut txn, &address).await?];
        self.tell(&mut txn, &batch).await?;
        let mailbox = self.mailbox_row(&mut txn, account).await?;
        txn.commit().await?;
        Ok((mailbox, self.settle().await))
    }

    /// The rows of a new mailbox, within the tenant's limit: account, password, address.
    pub(crate) async fn insert_mailbox(
        &self,
        txn: &mut SqliteConnection,
        tenant: TenantId,
        address: &Address,
        new: &NewMailbox,
        verifiers: &password::Verifiers,
    ) -> Result<AccountId> {
        self.mailbox_room(txn, tenant).await?;
        let account = AccountId(fresh_number()?);
        sqlx::query(
            "INSERT INTO mailbox (id, tenant, address, display_name, quota_bytes_max, live, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, 1, 1, $6)",
        )
        .bind(account.to_string())
        .bind(tenant.to_string())
        .bind(address.canonical())
        .bind(&new.display_name)
        .bind(to_sql(new.quota_bytes_max, "quotaBytesMax")?)
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        self.add_credential(txn, tenant, account, "password", "password", verifiers).await?;
        self.own_address(txn, tenant, address, "account", Some(account), None).await?;
        Ok(account)
    }

    pub async fn mailbox_update(
        &self,
        actor: &Actor,
        account: AccountId,
        patch: &MailboxPatch,
    ) -> Result<(Mailbox, Applied)> {
        let verifiers = match &patch.password {
            Some(password) => Some(password::verifiers(password, self.password_cost).await?),
            None => None,
        };
        let mut txn = self.begin_as(actor).await?;
        let mailbox = self.mailbox_in(&mut txn, actor, account).await?;
        let quota = patch.quota_bytes_max.unwrap_or(mailbox.quota_bytes_max);
        sqlx::query("UPDATE mailbox SET display_name = $2, quota_bytes_max = $3, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .bind(patch.display_name.as_ref().unwrap_or(&mailbox.display_name))
            .bind(to_sql(quota, "quotaBytesMax")?)
            .execute(&mut *txn)
            .await?;
        if let Some(verifiers) = &verifiers {
            sqlx::query("DELETE FROM credential WHERE mailbox = $1 AND kind = 'password'")
                .bind(account.to_string())
                .execute(&mut *txn)
                .await?;
            self.add_credential(&mut txn, mailbox.tenant, account, "password", "password", verifiers).await?;
        }
        if let Some(hold) = &patch.hold {
            self.hold(&mut txn, actor, mailbox.tenant, &account.to_string(), hold.as_deref()).await?;
        }
        self.finish_mailbox(txn, actor, "mailboxUpdate", &mailbox).await
    }

    /// Deletes a mailbox: its address becomes a tombstone, its mail can be reached by nobody.
    pub async fn mailbox_delete(&self, actor: &Actor, account: AccountId) -> Result<(Mailbox, Applied)> {
        let mut txn = self.begin_as(actor).await?;
        let mailbox = self.mailbox_in(&mut txn, actor, account).await?;
        sqlx::query("UPDATE mailbox SET live = 0, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        sqlx::query("UPDATE address SET kind = 'tombstone', account = NULL, version = version + 1 WHERE account = $1")
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        sqlx::query("DELETE FROM credential WHERE mailbox = $1").bind(account.to_string()).execute(&mut *txn).await?;
        self.finish_mailbox(txn, actor, "mailboxDelete", &mailbox).await
    }

    pub async fn mailbox(&self, actor: &Actor, account: AccountId) -> Result<Mailbox> {
        let mut connection = self.pool().acquire().await?;
        self.mailbox_in(&mut connection, actor, account).await
    }

    /// Live mailboxes of a tenant, by id, after `after`; and how many there are.
    pub async fn mailboxes(
        &self,
        actor: &Actor,
        tenant: TenantId,
        after: &str,
        first: u32,
    ) -> Result<(Vec<Mailbox>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        let rows = sqlx::query(
            "SELECT m.*, EXISTS (SELECT 1 FROM hold h WHERE h.subject = m.id AND h.released_at IS NULL) AS held \
             FROM mailbox m WHERE tenant = $1 AND live = 1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(tenant.to_string())
        .bind(after)
        .bind(i64::from(first))
        .fetch_all(&mut *connection)
        .await?;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM mailbox WHERE tenant = $1 AND live = 1")
            .bind(tenant.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, number(&count, "n")?))
    }

    /// What a mailbox uses now, as the data plane counts it.
    pub async fn mailbox_usage(&self, actor: &Actor, account: AccountId) -> Result<Usage> {
        let mailbox = self.mailbox(actor, account).await?;
        let usage = self.relay.control.account_usage(mailbox.tenant, account).await;
        usage.map_err(|e| Error::new(Code::Internal, "", e.to_string()))
    }

    async fn mailbox_room(&self, txn: &mut SqliteConnection, tenant: TenantId) -> Result<()> {
        let limit = self.tenant_in(txn, tenant).await?.limits.max_mailboxes;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM mailbox WHERE tenant = $1 AND live = 1")
            .bind(tenant.to_string())
            .fetch_one(txn)
            .await?;
        let used = u64::try_from(number(&count, "n")?).unwrap_or(0);
        if limit.is_some_and(|max| used >= max) {
            return Err(Error::new(Code::LimitReached, "address", "The tenant has all the mailboxes it may have"));
        }
        Ok(())
    }

    pub(crate) async fn add_credential(
        &self,
        txn: &mut SqliteConnection,
        tenant: TenantId,
        account: AccountId,
        kind: &str,
        label: &str,
        verifiers: &password::Verifiers,
    ) -> Result<String> {
        let credential = fresh_id("crd_")?;
        sqlx::query(
            "INSERT INTO credential (id, tenant, mailbox, kind, label, argon2, scram, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&credential)
        .bind(tenant.to_string())
        .bind(account.to_string())
        .bind(kind)
        .bind(label)
        .bind(&verifiers.argon2)
        .bind(&verifiers.scram)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(credential)
    }

    pub(crate) async fn finish_mailbox(
        &self,
        mut txn: sqlx::Transaction<'static, sqlx::Sqlite>,
        actor: &Actor,
        action: &str,
        before: &Mailbox,
    ) -> Result<(Mailbox, Applied)> {
        self.audit(&mut txn, actor, before.tenant, action, &before.id.to_string(), &before.address).await?;
        let mut batch = vec![self.account_snapshot(&mut txn, before.id).await?];
        if let Ok(address) = Address::parse(&before.address) {
            batch.push(self.address_change(&mut txn, &address).await?);
        }
        self.tell(&mut txn, &batch).await?;
        let mailbox = self.mailbox_row(&mut txn, before.id).await?;
        txn.commit().await?;
        Ok((mailbox, self.settle().await))
    }

    pub(crate) async fn address_change(
        &self,
        txn: &mut SqliteConnection,
        address: &Address,
    ) -> Result<control::Change> {
        let row = sqlx::query("SELECT * FROM address WHERE domain = $1 AND local = $2")
            .bind(address.domain().as_str())
            .bind(address.canonical_local())
            .fetch_one(txn)
            .await?;
        address_snapshot(&row)
    }

    pub(crate) async fn mailbox_row(&self, txn: &mut SqliteConnection, account: AccountId) -> Result<Mailbox> {
        let row = sqlx::query(
            "SELECT m.*, EXISTS (SELECT 1 FROM hold h WHERE h.subject = m.id AND h.released_at IS NULL) AS held \
             FROM mailbox m WHERE id = $1",
        )
        .bind(account.to_string())
        .fetch_optional(txn)
        .await?;
        from_row(&row.ok_or_else(|| Error::not_found("mailboxId"))?)
    }

    /// A live mailbox the actor reaches.
    pub(crate) async fn mailbox_in(
        &self,
        txn: &mut SqliteConnection,
        actor: &Actor,
        account: AccountId,
    ) -> Result<Mailbox> {
        let missing = || Error::not_found("mailboxId");
        let mailbox = self.mailbox_row(txn, account).await?;
        self.reach(txn, actor, mailbox.tenant).await.map_err(|_| missing())?;
        let live =
            sqlx::query("SELECT live FROM mailbox WHERE id = $1").bind(account.to_string()).fetch_one(txn).await?;
        if number(&live, "live")? == 0 { Err(missing()) } else { Ok(mailbox) }
    }
}

fn from_row(row: &SqliteRow) -> Result<Mailbox> {
    Ok(Mailbox {
        id: id(row, "id")?,
        tenant: id(row, "tenant")?,
        address: text(row, "address")?,
        display_name: text(row, "display_name")?,
        quota_bytes_max: optional(row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
        suspended: number(row, "held")? != 0,
        version: number(row, "version")?,
    })
}
