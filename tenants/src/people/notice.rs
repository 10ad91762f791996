//! SUMMARY    What is to be mailed to people: rows that whoever sends notices takes.
//! SECURITY   The text has secrets (invitations): it is sealed, and opens for the row it is in only.

use crate::{
    Error, Result, Service,
    db::{Connection, query},
    rows::fresh_id,
};
use base::TenantId;
use serde::Serialize;

/// A notice to be sent.
pub(crate) struct NewNotice<'a, T> {
    pub(crate) tenant: Option<TenantId>,
    /// What it is about: the template it is written by.
    pub(crate) kind: &'static str,
    pub(crate) recipient: &'a str,
    pub(crate) locale: &'a str,
    /// What the template is filled with.
    pub(crate) facts: T,
}

impl Service {
    /// Puts a notice in line, in the transaction of what it tells.
    pub(crate) async fn put_notice<T: Serialize>(&self, txn: &mut Connection, notice: NewNotice<'_, T>) -> Result<()> {
        let id = fresh_id("ntc_")?;
        let facts = serde_json::to_vec(&notice.facts)
            .map_err(|e| Error::new(crate::Code::Internal, "", format!("a notice: {e}")))?;
        query(
            "INSERT INTO outgoing_notice (id, tenant, kind, recipient, locale, sealed, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(notice.tenant.map(|t| t.to_string()))
        .bind(notice.kind)
        .bind(notice.recipient)
        .bind(notice.locale)
        .bind(self.keys.seal(&id, &facts)?)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }

    /// Notices that wait, the oldest first, opened: for whoever sends them, on this machine. (id, kind, recipient, facts)
    pub async fn notices_due(&self, limit: u32) -> Result<Vec<(String, String, String, serde_json::Value)>> {
        let mut connection = self.pool().acquire().await?;
        let rows = query("SELECT * FROM outgoing_notice WHERE sent_at IS NULL ORDER BY created_at, id LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut connection)
            .await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = crate::rows::text(row, "id")?;
            let facts = self.keys.open(&id, &crate::rows::text(row, "sealed")?)?;
            let facts = serde_json::from_slice(&facts)
                .map_err(|e| Error::new(crate::Code::Internal, "", format!("a notice: {e}")))?;
            due.push((id, crate::rows::text(row, "kind")?, crate::rows::text(row, "recipient")?, facts));
        }
        Ok(due)
    }
}
