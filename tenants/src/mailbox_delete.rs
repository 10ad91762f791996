//! SUMMARY    Deleting a mailbox, restoring it while it is kept, purging it for ever.
//! LIMITS     MAILBOX_RETENTION_DAYS, MAILBOX_RETENTION_DAYS_MAX, PURGED_AT_ONCE
//! INVARIANTS A deleted mailbox takes no mail and lets nobody in; its address stays its own. Restoring gives back id, mail,
//!            credentials and addresses. Purging leaves tombstones: no later owner of the address reaches anything of it (M1).
//!            What is held is not purged (M2). A time of purging that was told is not brought forward.

use crate::{
    Actor, Code, Done, Error, Mailbox, MailboxState, Permission, Permissions, Result, Service, Tenant, Terms,
    address::{address_of, stored},
    allocation::Limit,
    db::{Connection, query},
    hold::standing,
    limits::{MAILBOX_RETENTION_DAYS, MAILBOX_RETENTION_DAYS_MAX, PURGED_AT_ONCE},
    mailbox::shown,
    mailbox_create::FULL,
    rows::{domain_of, id, json_list, optional},
    terms::{Request, Start},
};
use base::{AccountId, TenantId};
use control::Change;

const DAY_MS: i64 = 24 * 3_600_000;

impl Service {
    /// Deletes a mailbox: nobody logs in, no mail is taken, until it is restored, or purged when its time is over. `InUse`
    /// while it is a catch-all, `Forbidden` while a tenant above suspends it.
    pub async fn mailbox_delete(&self, actor: &Actor, terms: &Terms, account: AccountId) -> Result<Done<Mailbox>> {
        let request = Request::new("mailboxDelete", account.to_string());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.mailbox_in(&mut work.txn, actor, Permission::MailboxDelete, account).await?;
        work.expect(mailbox.version)?;
        self.no_foreign_hold(&mut work.txn, actor, &mailbox).await?;
        self.not_behind_catch_all(&mut work.txn, &stored(&mailbox.address)?, "mailboxId").await?;
        let days = self.mailbox_retention(&mut work.txn, mailbox.tenant).await?;
        let now = self.now().0;
        query("UPDATE mailbox SET live = 0, deleted_at = $2, purge_at = $3, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .bind(now)
            .bind(now.saturating_add(days.saturating_mul(DAY_MS)))
            .execute(&mut work.txn)
            .await?;
        self.finish_mailbox(work, actor, "mailboxDelete", &mailbox).await
    }

    /// A mailbox that a tenant above holds stays as it is.
    pub(crate) async fn no_foreign_hold(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<()> {
        for hold in &mailbox.holds {
            if !self.is_above(&mut *txn, actor, hold.placed_by).await? {
                // The words of a hold that only keeps from purging are its placer's.
                let (_, reason, _) = standing(std::slice::from_ref(hold));
                let colon = if reason.is_empty() { "" } else { ": " };
                let message = format!("A tenant above holds the mailbox; it stays until that ends{colon}{reason}");
                return Err(Error::new(Code::Forbidden, "mailboxId", message));
            }
        }
        Ok(())
    }

    /// Takes a deletion back: id, mail, address and credentials are as they were, but for those revoked meanwhile.
    /// `LimitReached`, `Taken` (the domain changed hands), `NotFound` when it is not deleted, or purged.
    pub async fn mailbox_restore(&self, actor: &Actor, terms: &Terms, account: AccountId) -> Result<Done<Mailbox>> {
        let request = Request::new("mailboxRestore", account.to_string());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let txn = &mut work.txn;
        let mailbox = self.deleted_in(txn, actor, Permission::MailboxDelete, account).await?;
        self.room_for(txn, mailbox.tenant, Limit::Mailboxes, 1, "mailboxId", FULL).await?;
        self.domain_for(txn, mailbox.tenant, domain_of(&mailbox.address)).await.map_err(|e| e.missing("mailboxId"))?;
        self.still_own(txn, &mailbox).await?;
        query("UPDATE mailbox SET live = 1, deleted_at = NULL, purge_at = NULL, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .execute(&mut *txn)
            .await?;
        // It may open others' mailboxes again.
        let opened = query("SELECT mailbox FROM delegate WHERE account = $1 ORDER BY mailbox")
            .bind(account.to_string())
            .fetch_all(&mut *txn)
            .await?;
        let opened: Vec<AccountId> = opened.iter().map(|r| id(r, "mailbox")).collect::<Result<_>>()?;
        let mut batch = self.accounts_again(txn, &opened).await?;
        batch.push(self.account_snapshot(txn, account).await?);
        batch.push(self.address_change(txn, &stored(&mailbox.address)?).await?);
        self.audit(txn, actor, mailbox.tenant, "mailboxRestore", &account.to_string(), &mailbox.address).await?;
        let restored = self.mailbox_row(txn, account).await?;
        work.expect(mailbox.version)?;
        self.finish(work, restored, &batch).await
    }

    /// A domain that changed hands meanwhile took the address away. `Taken`.
    async fn still_own(&self, txn: &mut Connection, mailbox: &Mailbox) -> Result<()> {
        let address = stored(&mailbox.address)?;
        let row =
            query("SELECT 1 AS n FROM address WHERE domain = $1 AND local = $2 AND account = $3 AND kind = 'account'")
                .bind(address.domain().as_str())
                .bind(address.canonical_local())
                .bind(mailbox.id.to_string())
                .fetch_optional(txn)
                .await?;
        row.map(drop).ok_or_else(|| Error::new(Code::Taken, "mailboxId", "The address is not the tenant's any more"))
    }

    /// Ends a deleted mailbox before its time: credentials go, its addresses become tombstones. `Held` (M2), `NotFound` when
    /// it is not deleted.
    pub async fn mailbox_purge(&self, actor: &Actor, terms: &Terms, account: AccountId) -> Result<Done<Mailbox>> {
        let request = Request::new("mailboxPurge", account.to_string());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let mailbox = self.deleted_in(&mut work.txn, actor, Permission::MailboxPurge, account).await?;
        work.expect(mailbox.version)?;
        let batch = self.purge(&mut work.txn, actor, &mailbox).await?;
        let gone = Mailbox { has_password: false, purge_at_ms: None, version: mailbox.version + 1, ..mailbox };
        self.finish(work, gone, &batch).await
    }

    /// A deleted mailbox the actor reaches.
    async fn deleted_in(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        account: AccountId,
    ) -> Result<Mailbox> {
        let mailbox = self.mailbox_or_deleted(txn, actor, permission, account).await?;
        if mailbox.state == MailboxState::Deleted {
            return Ok(mailbox);
        }
        Err(Error::new(Code::NotFound, "mailboxId", "The mailbox is not deleted"))
    }

    /// Everything that holds a mailbox lets it be purged. `Held`.
    async fn not_held(&self, txn: &mut Connection, mailbox: &Mailbox) -> Result<()> {
        let (domain, key) = (domain_of(&mailbox.address), mailbox.id.to_string());
        let mut own = self.holds_on(txn, &[domain, key.as_str()]).await?;
        let above = self.tenant_holds(txn, &[mailbox.tenant]).await?.of(&mailbox.tenant.to_string());
        let all = [above, own.of(domain), own.of(&key)].concat();
        let (capabilities, reason, _) = standing(&all);
        match capabilities.purge_allowed {
            true => Ok(()),
            // The words of a hold that only keeps from purging are its placer's.
            false if reason.is_empty() => Err(Error::new(Code::Held, "mailboxId", "A hold keeps the mailbox")),
            false => Err(Error::new(Code::Held, "mailboxId", format!("A hold keeps the mailbox: {reason}"))),
        }
    }

    /// Purges a deleted mailbox; gives what the data plane is to know.
    async fn purge(&self, txn: &mut Connection, actor: &Actor, mailbox: &Mailbox) -> Result<Vec<Change>> {
        self.not_held(txn, mailbox).await?;
        let key = mailbox.id.to_string();
        let mut batch = Vec::new();
        let owned = query("SELECT * FROM address WHERE account = $1 ORDER BY domain, local")
            .bind(&key)
            .fetch_all(&mut *txn)
            .await?;
        for row in &owned {
            batch.extend(self.leave_address(txn, &stored(&address_of(row)?)?).await?);
        }
        batch.extend(self.leave_groups(txn, mailbox.tenant, &mailbox.address).await?);
        let opened =
            query("DELETE FROM delegate WHERE account = $1 RETURNING mailbox").bind(&key).fetch_all(&mut *txn).await?;
        for sql in [
            "DELETE FROM delegate WHERE mailbox = $1",
            "DELETE FROM send_as WHERE mailbox = $1",
            "DELETE FROM credential WHERE mailbox = $1",
            "DELETE FROM migration WHERE mailbox = $1",
            "UPDATE mailbox SET live = 0, purge_at = NULL, display_name = '', name_key = '', version = version + 1 WHERE id = $1",
        ] {
            query(sql).bind(&key).execute(&mut *txn).await?;
        }
        let opened: Vec<AccountId> = opened.iter().map(|r| id(r, "mailbox")).collect::<Result<_>>()?;
        batch.extend(self.accounts_again(txn, &opened).await?);
        batch.push(self.account_snapshot(txn, mailbox.id).await?);
        self.audit(txn, actor, mailbox.tenant, "mailboxPurge", &key, &mailbox.address).await?;
        Ok(batch)
    }

    /// Purges mailboxes whose time is over and that nothing holds, a part at a time, and tells the data plane. Gives how many.
    pub async fn purge_due(&self) -> Result<usize> {
        let mut reader = self.pool().acquire().await?;
        let due = query(
            "SELECT id FROM mailbox WHERE purge_at IS NOT NULL AND purge_at <= $1 AND NOT EXISTS (SELECT 1 FROM hold h \
             WHERE h.subject = mailbox.id AND h.released_at IS NULL AND (' ' || h.blocks || ' ') LIKE '% PURGE_ALLOWED %') \
             ORDER BY purge_at LIMIT $2",
        )
        .bind(self.now().0)
        .bind(PURGED_AT_ONCE)
        .fetch_all(&mut reader)
        .await?;
        drop(reader);
        let mut purged = 0;
        for row in &due {
            purged += usize::from(self.purge_one_due(id(row, "id")?).await?);
        }
        Ok(purged)
    }

    /// Purges one whose time was over a moment ago; `false` when that has changed, or it is held from above.
    async fn purge_one_due(&self, account: AccountId) -> Result<bool> {
        let mut txn = self.begin().await?;
        let rows =
            query(concat!(shown!(), " FROM mailbox m WHERE m.id = $1 AND m.purge_at IS NOT NULL AND m.purge_at <= $2"))
                .bind(account.to_string())
                .bind(self.now().0)
                .fetch_all(&mut txn)
                .await?;
        let Some(mailbox) = self.mailboxes_of(&mut txn, &rows).await?.pop() else { return Ok(false) };
        let system = Actor::of(mailbox.tenant, Permissions::NONE, false, "system".into());
        match self.purge(&mut txn, &system, &mailbox).await {
            Ok(batch) => self.tell(&mut txn, &batch).await?,
            Err(e) if e.code == Code::Held => {
                // It is asked again in a day, so that those behind it get their turn.
                txn.rollback().await?;
                self.purge_later(account).await?;
                return Ok(false);
            }
            Err(e) => return Err(e),
        }
        txn.commit().await?;
        Ok(true)
    }

    async fn purge_later(&self, account: AccountId) -> Result<()> {
        let mut txn = self.begin().await?;
        query("UPDATE mailbox SET purge_at = $2 WHERE id = $1 AND purge_at IS NOT NULL")
            .bind(account.to_string())
            .bind(self.now().0.saturating_add(DAY_MS))
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    /// How many days a deleted mailbox of a tenant is kept: as it, or the nearest above that says so, has it.
    pub(crate) async fn mailbox_retention(&self, txn: &mut Connection, tenant: TenantId) -> Result<i64> {
        let said = self.days_above(txn, tenant, "mailbox_retention_days").await?;
        Ok(said.unwrap_or(MAILBOX_RETENTION_DAYS))
    }

    /// What a tenant, or the nearest above it that says so, has in a column of days.
    pub(crate) async fn days_above(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        column: &'static str,
    ) -> Result<Option<i64>> {
        let line = self.line(txn, tenant).await?;
        let rows = query(
            "SELECT id, mailbox_retention_days, email_recovery_days FROM tenant \
             WHERE id IN (SELECT value FROM json_each($1))",
        )
        .bind(json_list(&line))
        .fetch_all(txn)
        .await?;
        for above in line.iter() {
            for row in &rows {
                if id::<TenantId>(row, "id")? == *above
                    && let Some(days) = optional(row, column)?
                {
                    return Ok(Some(days));
                }
            }
        }
        Ok(None)
    }

    /// Says how many days deleted mailboxes of a tenant, and of those below without a word of their own, are kept from now on;
    /// `None`: as the tenant above. What is deleted already keeps its day.
    pub async fn mailbox_retention_set(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        days: Option<u32>,
    ) -> Result<Done<Tenant>> {
        if days.is_some_and(|d| i64::from(d) > MAILBOX_RETENTION_DAYS_MAX) {
            let message = format!("At most {MAILBOX_RETENTION_DAYS_MAX} days (MAILBOX_RETENTION_DAYS_MAX)");
            return Err(Error::new(Code::Invalid, "days", message));
        }
        let request = Request::new("mailboxRetentionSet", format!("{tenant} {days:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::TenantUpdate, tenant).await?;
        let before = self.tenant_in(&mut work.txn, tenant).await?;
        work.expect(before.version)?;
        query("UPDATE tenant SET mailbox_retention_days = $2, version = version + 1 WHERE id = $1")
            .bind(tenant.to_string())
            .bind(days.map(i64::from))
            .execute(&mut work.txn)
            .await?;
        let detail = days.map(|d| d.to_string()).unwrap_or_default();
        self.audit(&mut work.txn, actor, tenant, "mailboxRetentionSet", &tenant.to_string(), &detail).await?;
        let batch = [self.entitlement(&mut work.txn, tenant).await?];
        let after = self.tenant_in(&mut work.txn, tenant).await?;
        self.finish(work, after, &batch).await
    }
}
