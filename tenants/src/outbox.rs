//! SUMMARY    Telling the data plane: the outbox, and the relay that empties it in order.
//! LIMITS     OUTBOX_BATCH_MAX, OUTBOX_ROWS_AT_ONCE
//! INVARIANTS Batches are applied in the order of their commits; one that cannot be applied stays first and is tried again.
//!            A batch holds whole snapshots, so that applying it twice, or after a newer one, is harmless. So a row that was
//!            told may stand a while: the next mutation takes it away in its own commit, or the relay does.
//! SECURITY   Keys that sign for domains are sealed in it, as everywhere in the database.

use crate::{
    Code, Error, Result, Service,
    db::{Connection, Row, query},
    limits::{OUTBOX_BATCH_MAX, OUTBOX_ROWS_AT_ONCE},
    rows::{number, text},
};
use control::{Change, Control};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
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
    /// The last row that the data plane took, and the last one known to be gone from the table.
    told: AtomicI64,
    cleared: AtomicI64,
}

impl Relay {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Relay { control, turn: Mutex::new(()), told: AtomicI64::new(0), cleared: AtomicI64::new(0) }
    }
}

impl Service {
    /// Puts a batch into the outbox of this transaction, and takes away what was told meanwhile.
    pub async fn tell(&self, txn: &mut Connection, batch: &[Change]) -> Result<()> {
        self.clear_told(txn).await?;
        for part in batch.chunks(OUTBOX_BATCH_MAX) {
            let part = part.iter().map(|change| self.as_kept(change)).collect::<Result<Vec<_>>>()?;
            let body = serde_json::to_string(&part).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
            query("INSERT INTO outbox (batch, created_at) VALUES ($1, $2)")
                .bind(body)
                .bind(self.now().0)
                .execute(&mut *txn)
                .await?;
        }
        Ok(())
    }

    async fn clear_told(&self, txn: &mut Connection) -> Result<()> {
        let told = self.relay.told.load(Ordering::Acquire);
        if told > self.relay.cleared.load(Ordering::Acquire) {
            query("DELETE FROM outbox WHERE seq <= $1").bind(told).execute(txn).await?;
        }
        Ok(())
    }

    /// Brings everything committed to the data plane, or says that it is pending.
    pub async fn settle(&self) -> Applied {
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
        let mut rows_at_once = OUTBOX_ROWS_AT_ONCE;
        loop {
            let told = self.relay.told.load(Ordering::Acquire);
            let rows = query("SELECT seq, batch FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(told)
                .bind(rows_at_once)
                .fetch_all(&mut connection)
                .await?;
            let Some((last, mut batch)) = together(&rows)? else { return Ok(()) };
            batch.iter_mut().for_each(|change| self.open_kept(change));
            match self.relay.control.apply(batch).await {
                Ok(()) => self.relay.told.fetch_max(last, Ordering::AcqRel),
                // What goes before the one that cannot be applied is told all the same.
                Err(_) if rows_at_once > 1 && rows.len() > 1 => {
                    rows_at_once = 1;
                    continue;
                }
                Err(e) => return Err(Error::new(Code::Internal, "", e.to_string())),
            };
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
        self.drain().await?;
        self.clear().await
    }

    /// Takes what was told out of the table, when no mutation came to do it.
    pub(crate) async fn clear(&self) -> Result<()> {
        let told = self.relay.told.load(Ordering::Acquire);
        if told > self.relay.cleared.load(Ordering::Acquire) {
            let mut txn = self.begin().await?;
            self.clear_told(&mut txn).await?;
            txn.commit().await?;
            self.relay.cleared.fetch_max(told, Ordering::AcqRel);
        }
        Ok(())
    }
}

/// Before a private key that is sealed.
const SEALED: &str = "sealed:";

/// What a key in the outbox is bound to.
fn place(domain: &str, selector: &str) -> String {
    format!("outbox {domain} {selector}")
}

impl Service {
    /// A change as the database keeps it.
    fn as_kept<'c>(&self, change: &'c Change) -> Result<Cow<'c, Change>> {
        let (Change::Domain(domain), Some(sealing)) = (change, &self.domains.sealing_key) else {
            return Ok(Cow::Borrowed(change));
        };
        let mut domain = domain.clone();
        for key in &mut domain.dkim {
            let sealed = sealing.seal(&place(&domain.domain, &key.selector), key.private_key.as_bytes())?;
            key.private_key = format!("{SEALED}{sealed}");
        }
        Ok(Cow::Owned(Change::Domain(domain)))
    }

    /// Opens what `as_kept` sealed. A key that does not open signs nothing; the rest is told: nothing behind it may wait for ever.
    fn open_kept(&self, change: &mut Change) {
        let Change::Domain(domain) = change else { return };
        let name = domain.domain.clone();
        domain.dkim.retain_mut(|key| {
            let Some(sealed) = key.private_key.strip_prefix(SEALED) else { return true };
            let sealing = self.domains.sealing_key.as_ref();
            let opened = sealing.and_then(|sealing| sealing.open(&place(&name, &key.selector), sealed).ok());
            match opened.and_then(|key| String::from_utf8(key).ok()) {
                Some(opened) => key.private_key = opened,
                None => {
                    tracing::error!(domain = name, selector = key.selector, "a key of the outbox does not open");
                    return false;
                }
            }
            true
        });
    }
}

/// The batches of rows as one, as far as one transaction of the data plane takes them whole; and the last row that is in it.
fn together(rows: &[Row]) -> Result<Option<(i64, Vec<Change>)>> {
    let mut taken: Option<(i64, Vec<Change>)> = None;
    for row in rows {
        let batch: Vec<Change> = serde_json::from_str(&text(row, "batch")?)
            .map_err(|e| Error::new(Code::Internal, "", format!("outbox: {e}")))?;
        let seq = number(row, "seq")?;
        match &mut taken {
            None => taken = Some((seq, batch)),
            Some((_, known)) if known.len() + batch.len() > OUTBOX_BATCH_MAX => break,
            Some((last, known)) => {
                *last = seq;
                known.extend(batch);
            }
        }
    }
    Ok(taken)
}
