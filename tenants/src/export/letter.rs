//! SUMMARY    Who is told of an export by mail: owners and users when it is asked for, who asked when it is ready.
//! SECURITY   No link is mailed, but to the page in the portal: who reads somebody's mail does not get all of it by that.

use super::{Export, NewExport, one};
use crate::{
    Actor, Result, Service, StandardRole,
    db::{Connection, query},
    limits::EXPORT_WAIT,
    people::NewNotice,
    rows::text,
};
use base::{AccountId, TenantId, Timestamp};
use serde::Serialize;

/// Somebody who is told.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    email: String,
    locale: String,
}

#[derive(Serialize)]
struct Facts<'a> {
    tenant: &'a str,
    /// As it was given; may be empty.
    reason: &'a str,
    export: String,
    /// The mailbox, where it is of one.
    mailbox: String,
    /// Who asked.
    by: String,
    /// When it begins, or is destroyed.
    at_ms: i64,
    /// Whether it can be stopped before it begins.
    waits: bool,
}

impl Service {
    /// Owners of a tenant who could stop an export that is not of the one mailbox of who asks: all but who asks.
    pub(super) async fn other_owners(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        new: &NewExport,
    ) -> Result<Vec<Reader>> {
        if let Some(mailbox) = one(&new.mailboxes)
            && self.is_own(txn, actor, mailbox).await?
        {
            return Ok(Vec::new());
        }
        let rows = query(
            "SELECT DISTINCT p.email, p.locale FROM membership m JOIN person p ON p.id = m.person \
             WHERE m.tenant = $1 AND m.role = $2 AND p.id <> $3 ORDER BY p.email",
        )
        .bind(new.tenant.to_string())
        .bind(StandardRole::Owner.name())
        .bind(actor.person().unwrap_or_default())
        .fetch_all(txn)
        .await?;
        rows.iter().map(|row| Ok(Reader { email: text(row, "email")?, locale: text(row, "locale")? })).collect()
    }

    /// Whether the tenant lost an owner lately who could have stopped it.
    pub(super) async fn lost_an_owner(&self, txn: &mut Connection, actor: &Actor, new: &NewExport) -> Result<bool> {
        if let Some(mailbox) = one(&new.mailboxes)
            && self.is_own(txn, actor, mailbox).await?
        {
            return Ok(false);
        }
        let since = self.now().0.saturating_sub(i64::try_from(EXPORT_WAIT.as_millis()).unwrap_or(i64::MAX));
        let row = query(
            "SELECT 1 AS n FROM audit WHERE tenant = $1 AND action IN ('memberRemove', 'memberUpdate', 'ownershipTransfer') \
             AND at > $2 LIMIT 1",
        )
        .bind(new.tenant.to_string())
        .bind(since)
        .fetch_optional(txn)
        .await?;
        Ok(row.is_some())
    }

    /// Whether a mailbox is that of who asks: its user, or a person whose proven address it has. A right on it is no word of its user.
    pub(super) async fn is_own(&self, txn: &mut Connection, actor: &Actor, mailbox: AccountId) -> Result<bool> {
        if actor.user() == Some(mailbox) {
            return Ok(true);
        }
        let Some(person) = actor.itself() else { return Ok(false) };
        let same = "SELECT 1 AS n FROM mailbox m JOIN person p ON LOWER(p.email) = m.address WHERE m.id = $1 AND p.id = $2 AND p.verified = 1";
        let row = query(same).bind(mailbox.to_string()).bind(person).fetch_optional(txn).await?;
        Ok(row.is_some())
    }

    /// Tells those who should know, in the transaction in which an export is asked for.
    pub(super) async fn tell_of_export(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        export: &Export,
        owners: &[Reader],
    ) -> Result<()> {
        let mut readers = owners.to_vec();
        if let Some(mailbox) = self.mailbox_of_export(txn, export).await? {
            readers.push(Reader { email: mailbox, locale: self.locale_of(txn, actor).await? });
        }
        let (by, waits) = (self.asker(txn, &export.asked_by).await?, export.starts_at > export.created_at);
        let by = by.map_or_else(|| export.asked_by.clone(), |reader| reader.email);
        for reader in &readers {
            self.put_export_notice(txn, export, reader, ("export-asked", &by), (export.starts_at, waits)).await?;
        }
        Ok(())
    }

    /// Mails who asked for an export, if that is a person or the user of a mailbox.
    pub(super) async fn mail_of_export(
        &self,
        txn: &mut Connection,
        export: &Export,
        kind: &'static str,
        at: Option<Timestamp>,
    ) -> Result<()> {
        let Some(reader) = self.asker(txn, &export.asked_by).await? else { return Ok(()) };
        let by = reader.email.clone();
        self.put_export_notice(txn, export, &reader, (kind, &by), (at.unwrap_or(self.now()), false)).await
    }

    async fn put_export_notice(
        &self,
        txn: &mut Connection,
        export: &Export,
        reader: &Reader,
        (kind, by): (&'static str, &str),
        (at, waits): (Timestamp, bool),
    ) -> Result<()> {
        let row =
            query("SELECT name FROM tenant WHERE id = $1").bind(export.tenant.to_string()).fetch_one(&mut *txn).await?;
        let (name, mailbox) = (text(&row, "name")?, self.mailbox_of_export(txn, export).await?.unwrap_or_default());
        let (id, by) = (export.id.to_string(), by.to_owned());
        let facts = Facts { tenant: &name, reason: &export.reason, export: id, mailbox, by, at_ms: at.0, waits };
        let (recipient, locale) = (reader.email.as_str(), reader.locale.as_str());
        self.put_notice(txn, NewNotice { tenant: None::<TenantId>, kind, recipient, locale, facts }).await
    }

    /// Address of the one mailbox that an export is of.
    async fn mailbox_of_export(&self, txn: &mut Connection, export: &Export) -> Result<Option<String>> {
        let Some(mailbox) = one(&export.mailboxes) else { return Ok(None) };
        let row = query("SELECT address FROM mailbox WHERE id = $1 AND tenant = $2 AND live = 1")
            .bind(mailbox.to_string())
            .bind(export.tenant.to_string())
            .fetch_optional(txn)
            .await?;
        row.map(|row| text(&row, "address")).transpose()
    }

    /// Who asked, where mail reaches it.
    async fn asker(&self, txn: &mut Connection, asked_by: &str) -> Result<Option<Reader>> {
        let sql = match asked_by.starts_with("per_") {
            true => "SELECT email, locale FROM person WHERE id = $1",
            false => "SELECT address AS email, 'en' AS locale FROM mailbox WHERE live = 1 AND id = $1",
        };
        let row = query(sql).bind(asked_by).fetch_optional(txn).await?;
        row.map(|row| Ok(Reader { email: text(&row, "email")?, locale: text(&row, "locale")? })).transpose()
    }

    async fn locale_of(&self, txn: &mut Connection, actor: &Actor) -> Result<String> {
        match actor.person() {
            Some(person) => Ok(self.person_in(txn, person).await?.locale),
            None => Ok("en".to_owned()),
        }
    }
}
