//! SUMMARY    Migrations begun: one, or one for each of many mailboxes from one host.
//! LIMITS     BULK_ITEMS_MAX, MIGRATIONS_PER_TENANT_MAX, MIGRATIONS_PER_MAILBOX_MAX, MIGRATION_ORDER_PAUSE
//! INVARIANTS A row and its audit entry are committed before the data plane is told. Asked again with the same key, what the data plane did not take yet is told
//!            again with the secret that comes with it.

use super::{Migration, MigrationAsked, SECURITIES, SIGN_INS, checked, name};
use crate::{
    Actor, Code, Done, Error, ErrorPolicy, Item, Result, Service, Terms,
    bulk::{bulk_size, lifted},
    db::{Connection, query},
    export::fresh_job,
    rows::{id, number},
    terms::{Request, Start},
};
use base::{AccountId, TenantId};
use control::{
    ControlError, MIGRATIONS_PER_MAILBOX_MAX, MIGRATIONS_PER_TENANT_MAX, MigrationOrder, MigrationSecret,
    MigrationSource,
};
use std::time::Duration;

/// After this time it is looked whether the data plane has taken a migration.
pub(super) const MIGRATION_ORDER_PAUSE: Duration = Duration::from_secs(300);

/// The mailbox that mail is brought into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationInto {
    Mailbox(AccountId),
    /// Of this tenant, by its address.
    Address(TenantId, String),
}

/// A migration to be begun.
#[derive(Debug, Clone)]
pub struct NewMigration {
    pub into: MigrationInto,
    pub source: MigrationSource,
    pub secret: MigrationSecret,
}

impl Service {
    /// Begins a migration. Errors: `NotFound`, `Forbidden`, `StepUpRequired`, `LimitReached`, `Invalid`, `Unavailable` (the same again, with the same key, goes on).
    pub async fn migration_start(&self, actor: &Actor, terms: &Terms, new: &NewMigration) -> Result<Done<Migration>> {
        let passwords = [new.secret.reveal()];
        // Of the secret `Debug` shows nothing.
        let request = Request::with_passwords("migrationStart", format!("{new:?}"), &passwords);
        let done = match self.start::<Migration>(actor, terms, request).await? {
            Start::Fresh(mut work) => {
                let migration = self.migration_made(&mut work.txn, actor, new).await?;
                self.finish(work, migration, &[]).await?
            }
            Start::Repeated(done) => done,
        };
        if terms.dry_run {
            return Ok(done);
        }
        self.order_migration(done.object.id, &new.secret).await?;
        let object = self.migration(actor, done.object.id).await?;
        match object.asked {
            MigrationAsked::Refused => Err(Error::new(Code::Invalid, "host", object.why)),
            _ => Ok(Done { object, applied: done.applied }),
        }
    }

    /// Begins many, as the policy says. What the data plane refuses of them is told in their state.
    pub async fn migrations_start(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &[NewMigration],
        policy: ErrorPolicy,
    ) -> Result<Done<Vec<Item<Migration>>>> {
        bulk_size(new.len(), "accounts")?;
        let passwords: Vec<&str> = new.iter().map(|one| one.secret.reveal()).collect();
        let request = Request::with_passwords("migrationStartMany", format!("{policy:?} {new:?}"), &passwords);
        let mut done = match self.start::<Vec<Item<Migration>>>(actor, terms, request).await? {
            Start::Fresh(mut work) => {
                let mut items = Vec::with_capacity(new.len());
                for one in new {
                    let made = self.migration_made(&mut work.txn, actor, one).await;
                    if let Some(made) = lifted(&mut items, made)? {
                        items.push(Item::Done(made));
                    }
                }
                self.finish_bulk(work, items, &[], policy).await?
            }
            Start::Repeated(done) => done,
        };
        if terms.dry_run {
            return Ok(done);
        }
        for (item, one) in done.object.iter_mut().zip(new) {
            if let Item::Done(migration) = item {
                self.order_migration(migration.id, &one.secret).await?;
                *migration = self.migration(actor, migration.id).await?;
            }
        }
        Ok(done)
    }

    /// The row of a migration, and its audit entry.
    async fn migration_made(&self, txn: &mut Connection, actor: &Actor, new: &NewMigration) -> Result<Migration> {
        checked(&new.source, &new.secret)?;
        let mailbox = match &new.into {
            MigrationInto::Mailbox(mailbox) => *mailbox,
            MigrationInto::Address(tenant, address) => {
                let row = query("SELECT id FROM mailbox WHERE tenant = $1 AND address = $2 AND live = 1")
                    .bind(tenant.to_string())
                    .bind(address.trim().to_lowercase())
                    .fetch_optional(&mut *txn)
                    .await?;
                id(&row.ok_or_else(|| Error::not_found("mailbox"))?, "id")?
            }
        };
        let mailbox = self.may_migrate(txn, actor, mailbox).await?;
        self.room_for_migration(txn, mailbox.tenant, mailbox.id).await?;
        let (now, source) = (self.now(), &new.source);
        let job = fresh_job(now)?;
        query(
            "INSERT INTO migration (id, tenant, mailbox, host, port, security, username, sign_in, asked_by, state, why, due_at, version, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ORDERING', '', $10, 1, $11)",
        )
        .bind(job.to_string())
        .bind(mailbox.tenant.to_string())
        .bind(mailbox.id.to_string())
        .bind(source.host.trim())
        .bind(i64::from(source.port))
        .bind(name(&SECURITIES, &source.security))
        .bind(source.user.trim())
        .bind(name(&SIGN_INS, &source.sign_in))
        .bind(actor.caller())
        .bind(now.plus(MIGRATION_ORDER_PAUSE).0)
        .bind(now.0)
        .execute(&mut *txn)
        .await?;
        let detail =
            format!("{} from {} at {}:{}", mailbox.address, source.user.trim(), source.host.trim(), source.port);
        self.audit(txn, actor, mailbox.tenant, "migrationStart", &job.to_string(), &detail).await?;
        self.migration_row(txn, job).await
    }

    async fn room_for_migration(&self, txn: &mut Connection, tenant: TenantId, mailbox: AccountId) -> Result<()> {
        let count = "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN mailbox = $2 THEN 1 ELSE 0 END), 0) AS own FROM migration \
                     WHERE tenant = $1 AND state IN ('ORDERING', 'TAKEN')";
        let row = query(count).bind(tenant.to_string()).bind(mailbox.to_string()).fetch_one(txn).await?;
        let has = |column, limit: usize| number(&row, column).map(|n| n >= i64::try_from(limit).unwrap_or(i64::MAX));
        let reached = |message: String| Err(Error::new(Code::LimitReached, "", message));
        if has("own", MIGRATIONS_PER_MAILBOX_MAX)? {
            return reached(format!(
                "{MIGRATIONS_PER_MAILBOX_MAX} migrations into the mailbox have not ended (MIGRATIONS_PER_MAILBOX_MAX): end one"
            ));
        }
        if has("n", MIGRATIONS_PER_TENANT_MAX)? {
            return reached(format!(
                "{MIGRATIONS_PER_TENANT_MAX} migrations have not ended (MIGRATIONS_PER_TENANT_MAX): end some"
            ));
        }
        Ok(())
    }

    /// Tells the data plane of one that it may not have yet.
    async fn order_migration(&self, job: base::JobId, secret: &MigrationSecret) -> Result<()> {
        let migration = self.migration_row(&mut self.connection().await?, job).await?;
        if migration.asked != MigrationAsked::Ordering {
            return Ok(());
        }
        let order = MigrationOrder {
            tenant: migration.tenant,
            job,
            account: migration.mailbox,
            source: migration.source.clone(),
            secret: secret.clone(),
            asked_by: migration.asked_by.clone(),
        };
        match self.relay.control.migrate(order).await {
            Ok(()) => self.migration_taken(job).await,
            Err(ControlError::Invalid(why)) => self.refuse_migration(&migration, &why).await,
            Err(e) => Err(super::away(e)),
        }
    }
}
