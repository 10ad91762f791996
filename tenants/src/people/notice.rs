//! SUMMARY    What is to be mailed to people: rows that whoever sends notices takes.
//! SECURITY   The text has secrets (invitations): it is sealed, opens for the row it is in only, and goes when the notice was sent.
//! LIMITS     NOTICE_LEASE, NOTICE_BACKOFF_MAX, NOTICE_LIFE, NOTICES_SWEPT
//! INVARIANTS A notice is sent at least once: it is taken for a time, and is due again unless it was told to be sent. Its id is the
//!            same each time, so that its message is.

use super::mail_key;
use crate::{
    Code, Error, Result, Service,
    db::{Connection, Row, query},
    limits::{NOTICE_BACKOFF_MAX, NOTICE_LEASE, NOTICE_LIFE, NOTICES_SWEPT},
    rows::{fresh_id, number, text},
};
use base::{TenantId, Timestamp};
use serde::Serialize;

/// A notice to be sent.
#[derive(Debug, Clone)]
pub struct NewNotice<'a, T> {
    pub tenant: Option<TenantId>,
    /// What it is about: the template it is written by.
    pub kind: &'static str,
    pub recipient: &'a str,
    pub locale: &'a str,
    /// What the template is filled with.
    pub facts: T,
}

/// A notice that is due, opened.
#[derive(Debug, Clone)]
pub struct OutgoingNotice {
    /// `ntc_…`, the same whenever it is taken.
    pub id: String,
    /// On whose behalf; none: the provider's.
    pub tenant: Option<TenantId>,
    /// `invitation` (facts: tenant, secret, expires_at_ms), `password-reset` (secret, expires_at_ms), `signup-…`, `billing-…` (tenant,
    /// stage, of_ms, dates, owed, link; amount, number; plan, next), `export-…` (tenant, export, mailbox, by, at_ms, waits).
    pub kind: String,
    /// An address.
    pub recipient: String,
    /// A language tag.
    pub locale: String,
    pub facts: serde_json::Value,
    pub created_at: Timestamp,
}

impl Service {
    /// Puts a notice in line, in the transaction of what it tells.
    pub async fn put_notice<T: Serialize>(&self, txn: &mut Connection, notice: NewNotice<'_, T>) -> Result<()> {
        let id = fresh_id("ntc_")?;
        let facts =
            serde_json::to_vec(&notice.facts).map_err(|e| Error::new(Code::Internal, "", format!("a notice: {e}")))?;
        query(
            "INSERT INTO outgoing_notice (id, tenant, kind, recipient, recipient_key, locale, sealed, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(&id)
        .bind(notice.tenant.map(|t| t.to_string()))
        .bind(notice.kind)
        .bind(notice.recipient)
        .bind(mail_key(notice.recipient))
        .bind(notice.locale)
        .bind(self.keys.seal(&id, &facts)?)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }

    /// Notices that wait, the oldest first: to look at. Nothing is taken.
    pub async fn notices_due(&self, limit: u32) -> Result<Vec<OutgoingNotice>> {
        self.answer_forgotten().await?;
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT * FROM outgoing_notice WHERE sent_at IS NULL ORDER BY created_at, id LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut connection)
            .await?;
        rows.iter().map(|row| self.opened(row)).collect()
    }

    /// Takes notices that are due, the oldest first: nobody else takes them for NOTICE_LEASE, longer each time.
    pub async fn notices_take(&self, limit: u32) -> Result<Vec<OutgoingNotice>> {
        self.answer_forgotten().await?;
        let now = self.now();
        let lease = i64::try_from(NOTICE_LEASE.as_millis()).unwrap_or(i64::MAX);
        let most = i64::try_from(NOTICE_BACKOFF_MAX.as_millis()).unwrap_or(i64::MAX);
        // Mostly nothing is due, and nobody is kept from writing to learn it.
        let due =
            query("SELECT 1 AS n FROM outgoing_notice WHERE sent_at IS NULL AND due_at <= $1 LIMIT 1").bind(now.0);
        if due.fetch_optional(&mut self.pool().acquire().await?).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut txn = self.begin().await?;
        let rows = query(
            "UPDATE outgoing_notice SET attempts = attempts + 1, due_at = $1 + CASE WHEN attempts >= 10 OR $2 * (1 << \
             CAST(attempts AS INTEGER)) > $3 THEN $3 ELSE $2 * (1 << CAST(attempts AS INTEGER)) END WHERE id IN \
             (SELECT id FROM outgoing_notice WHERE sent_at IS NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $4) RETURNING *",
        )
        .bind(now.0)
        .bind(lease)
        .bind(most)
        .bind(i64::from(limit))
        .fetch_all(&mut txn)
        .await?;
        txn.commit().await?;
        let mut taken = rows.iter().map(|row| self.opened(row)).collect::<Result<Vec<_>>>()?;
        taken.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(taken)
    }

    /// A notice was sent, or is not to be: its secrets go, and it is not due again.
    pub async fn notice_done(&self, id: &str) -> Result<()> {
        let now = self.now();
        let mut txn = self.begin().await?;
        query("UPDATE outgoing_notice SET sent_at = $2, sealed = '' WHERE id = $1 AND sent_at IS NULL")
            .bind(id)
            .bind(now.0)
            .execute(&mut txn)
            .await?;
        query("DELETE FROM outgoing_notice WHERE id IN (SELECT id FROM outgoing_notice WHERE sent_at <= $1 LIMIT $2)")
            .bind(now.0.saturating_sub(i64::try_from(NOTICE_LIFE.as_millis()).unwrap_or(i64::MAX)))
            .bind(NOTICES_SWEPT)
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    /// A notice is never sent: what had been recorded as told was not.
    pub async fn notice_given_up(&self, notice: &OutgoingNotice) -> Result<()> {
        let tenant = notice.facts.get("closing").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
        let told = notice.facts.get("told_ms").and_then(serde_json::Value::as_i64);
        if let (Some(tenant), Some(told)) = (tenant, told) {
            let mut txn = self.begin().await?;
            self.untell_closing(&mut txn, tenant, Timestamp(told)).await?;
            txn.commit().await?;
        }
        self.notice_done(&notice.id).await
    }

    /// The tenant at the root: what belongs to nobody else is the provider's.
    pub async fn provider(&self) -> Result<TenantId> {
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT id FROM tenant WHERE parent IS NULL").fetch_optional(&mut connection).await?;
        crate::rows::id(&row.ok_or_else(|| Error::not_found("tenantId"))?, "id")
    }

    fn opened(&self, row: &Row) -> Result<OutgoingNotice> {
        let damaged = || Error::new(Code::Internal, "", "a stored notice is damaged");
        let id = text(row, "id")?;
        let facts = serde_json::from_slice(&self.keys.open(&id, &text(row, "sealed")?)?).map_err(|_| damaged())?;
        Ok(OutgoingNotice {
            tenant: row.text("tenant")?.map(|t| t.parse().map_err(|_| damaged())).transpose()?,
            kind: text(row, "kind")?,
            recipient: text(row, "recipient")?,
            locale: text(row, "locale")?,
            created_at: Timestamp(number(row, "created_at")?),
            facts,
            id,
        })
    }
}
