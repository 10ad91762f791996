//! SUMMARY    What begins with one request and ends with another: kept sealed, for a short time, taken once.
//! LIMITS     CEREMONY_LIFE, CEREMONIES_SWEPT

use crate::{
    Code, Error, Result, Service,
    db::{Connection, query},
    limits::{CEREMONIES_SWEPT, CEREMONY_LIFE},
    rows::{fresh_id, text},
};
use serde::{Serialize, de::DeserializeOwned};

impl Service {
    /// Keeps a state of `subject` (a person, or nobody); gives the id it is taken by.
    pub(crate) async fn keep_ceremony<T: Serialize>(&self, kind: &str, subject: &str, state: &T) -> Result<String> {
        let id = fresh_id("cer_")?;
        let state = serde_json::to_vec(state).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let mut txn = self.begin().await?;
        query("DELETE FROM ceremony WHERE id IN (SELECT id FROM ceremony WHERE expires_at <= $1 LIMIT $2)")
            .bind(self.now().0)
            .bind(CEREMONIES_SWEPT)
            .execute(&mut txn)
            .await?;
        query("INSERT INTO ceremony (id, kind, subject, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&id)
            .bind(kind)
            .bind(subject)
            .bind(self.keys.seal(&id, &state)?)
            .bind(self.now().plus(CEREMONY_LIFE).0)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(id)
    }

    /// Takes a state; nobody takes it again. `None` when there is none, of that kind and subject, in time.
    pub(crate) async fn take_ceremony<T: DeserializeOwned>(
        &self,
        kind: &str,
        subject: &str,
        id: &str,
    ) -> Result<Option<T>> {
        let mut txn = self.begin().await?;
        let state = self.take_ceremony_in(&mut txn, kind, subject, id).await?;
        txn.commit().await?;
        Ok(state)
    }

    /// The same, in a transaction: taken once that commits.
    pub(crate) async fn take_ceremony_in<T: DeserializeOwned>(
        &self,
        txn: &mut Connection,
        kind: &str,
        subject: &str,
        id: &str,
    ) -> Result<Option<T>> {
        let row = query(
            "DELETE FROM ceremony WHERE id = $1 AND kind = $2 AND subject = $3 AND expires_at > $4 RETURNING sealed",
        )
        .bind(id)
        .bind(kind)
        .bind(subject)
        .bind(self.now().0)
        .fetch_optional(txn)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let state = self.keys.open(id, &text(&row, "sealed")?)?;
        serde_json::from_slice(&state).map(Some).map_err(|e| Error::new(Code::Internal, "", e.to_string()))
    }
}
