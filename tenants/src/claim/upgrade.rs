//! SUMMARY    What a schema step cannot compute: tokens, reversed names and looks of rows that were there before claims were.
//! INVARIANTS Done at every start, on what lacks it; a second start finds nothing to do.

use super::name;
use crate::{
    Result, Service,
    db::query,
    rows::{fresh_id, text},
};

impl Service {
    /// Fills in what rows of older schemas lack.
    pub(crate) async fn complete_claims(&self) -> Result<()> {
        let mut txn = self.begin().await?;
        for row in query("SELECT name FROM domain WHERE reversed = ''").fetch_all(&mut txn).await? {
            let domain = text(&row, "name")?;
            query("UPDATE domain SET reversed = $2, skeleton = $3 WHERE name = $1")
                .bind(&domain)
                .bind(name::reversed(&domain))
                .bind(name::looks(&domain))
                .execute(&mut txn)
                .await?;
        }
        for row in query("SELECT name, tenant FROM claim WHERE token = ''").fetch_all(&mut txn).await? {
            query("UPDATE claim SET token = $3, due_at = $4 WHERE name = $1 AND tenant = $2")
                .bind(text(&row, "name")?)
                .bind(text(&row, "tenant")?)
                .bind(fresh_id("")?)
                .bind(self.now().0)
                .execute(&mut txn)
                .await?;
        }
        txn.commit().await
    }
}
