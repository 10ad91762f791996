//! SUMMARY    Telling the data plane: the outbox, and the relay that empties it in order.
//! LIMITS     OUTBOX_BATCH_MAX
//! INVARIANTS Batches are applied in the order of their commits; one that cannot be applied stays first and is tried again.
//!            A batch holds whole snapshots, so that applying it twice, or after a newer one, is harmless.

use crate::{
    Code, Error, Result, Service,
    db::{Connection, query},
    limits::OUTBOX_BATCH_MAX,
    rows::{number, text},
};
use control::{Change, Control};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, watch};

/// Longest wait of a mutation for the data plane.
const APPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between tries of the background relay.
const RELAY_PAUSE: Duration = Duration::from_secs(1);

/// Whether the data plane has taken a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// It does not answer; the change will be applied when it does.
    Pending,
}

pub(crate) struct Relay {
    pub(crate) control: Arc<dyn Control>,
    turn: Mutex<()>,
}

impl Relay {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Relay { control, turn: Mutex::new(()) }
    }
}

impl Service {
    /// Puts a batch into the outbox of this transaction.
    pub(crate) async fn tell(&self, txn: &mut Connection, batch: &[Change]) -> Result<()> {
        for part in batch.chunks(OUTBOX_BATCH_MAX) {
            let body = serde_json::to_string(part).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
            query("INSERT INTO outbox (batch, created_at) VALUES ($1, $2)")
                .bind(body)
                .bind(self.now().0)
                .execute(&mut *txn)
                .await?;
        }
        Ok(())
    }

    /// Brings everything committed to the data plane, or says that it is pending.
    pub(crate) async fn settle(&self) -> Applied {
        match tokio::time::timeout(APPLY_TIMEOUT, self.drain()).await {
            Ok(Ok(())) => Applied::Done,
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "data plane did not take a change");
                Applied::Pending
            }
            Err(_) => Applied::Pending,
        }
    }

    async fn drain(&self) -> Result<()> {
        let _turn = self.relay.turn.lock().await;
        let mut connection = self.pool().acquire().await?;
        loop {
            let next =
                query("SELECT seq, batch FROM outbox ORDER BY seq LIMIT 1").fetch_optional(&mut connection).await?;
            let Some(row) = next else { return Ok(()) };
            let batch: Vec<Change> = serde_json::from_str(&text(&row, "batch")?)
                .map_err(|e| Error::new(Code::Internal, "", format!("outbox: {e}")))?;
            self.relay.control.apply(batch).await.map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
            query("DELETE FROM outbox WHERE seq = $1").bind(number(&row, "seq")?).execute(&mut connection).await?;
        }
    }

    /// Relays what is pending until `stop`.
    pub async fn run_relay(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(e) = self.relay_turn().await {
                tracing::warn!(error = %e, "relay");
            }
            tokio::select! {
                () = tokio::time::sleep(RELAY_PAUSE) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// What one turn does: holds, deleted mailboxes and imports whose time is over end, and all that waits goes out.
    async fn relay_turn(&self) -> Result<()> {
        self.write_uses().await?;
        self.expire_holds().await?;
        self.purge_due().await?;
        self.forget_imports().await?;
        self.drain().await
    }
}
