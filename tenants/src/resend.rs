//! SUMMARY    Telling the data plane everything again: from time to time, and at once when its store is another or an older one.
//! LIMITS     RESEND_PAGE, RESEND_BYTES, RESEND_PAUSE, PLANE_LOOK
//! INVARIANTS One page of snapshots is in memory at a time, whatever the number of mailboxes. A page goes past the outbox: a
//!            snapshot's version is read before its content, so it is never newer than what it holds, and a change that was
//!            committed meanwhile comes after it with a higher one. What was seen of a store is kept only after a whole pass.

use crate::{
    Code, Error, Result, Service,
    db::query,
    limits::{PLANE_LOOK, RESEND_BYTES, RESEND_PAGE, RESEND_PAUSE},
    rows::{id, text},
    snapshot::address_snapshot,
};
use control::{Change, Hello};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// The setting that keeps what was seen last of the data plane.
const SEEN: &str = "plane_seen";

/// The setting by which a migration asks for everything to be sent again.
const ASKED: &str = "resend";

/// What is sent, in this order: mail is taken for a domain once all behind it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Tenants,
    Mailboxes,
    Addresses,
    Domains,
}

/// Where a pass stands: behind this row of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    part: Part,
    after: (String, String),
}

impl Cursor {
    const fn of(part: Part) -> Cursor {
        Cursor { part, after: (String::new(), String::new()) }
    }

    /// The beginning of the next part, if there is one.
    fn next_part(&self) -> Option<Cursor> {
        match self.part {
            Part::Tenants => Some(Cursor::of(Part::Mailboxes)),
            Part::Mailboxes => Some(Cursor::of(Part::Addresses)),
            Part::Addresses => Some(Cursor::of(Part::Domains)),
            Part::Domains => None,
        }
    }
}

impl Service {
    /// Sends every snapshot again, page by page; how many.
    pub async fn resend_all(&self) -> Result<u64> {
        self.pass(Duration::ZERO).await
    }

    /// Looks every PLANE_LOOK whether the data plane stands on the store that it stood on; passes over everything when it does
    /// not, and every `interval` to be sure. Until `stop`, which cuts a pass off.
    pub async fn run_resend(self: Arc<Self>, interval: Duration, mut stop: watch::Receiver<bool>) {
        let stopped = async move {
            // A sender that is gone is an end too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => {}
            () = self.resend_forever(interval) => {}
        }
    }

    async fn resend_forever(&self, interval: Duration) {
        let mut due = Instant::now() + interval;
        loop {
            match self.resend_if(due <= Instant::now()).await {
                Ok(true) => due = Instant::now() + interval,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the data plane was not told everything again"),
            }
            tokio::time::sleep(PLANE_LOOK).await;
        }
    }

    /// Passes over everything if it is due or the store is not the one that was seen last; whether it did. `Internal` when the
    /// data plane went away meanwhile: nothing is kept, and the next look passes again.
    pub async fn resend_if(&self, due: bool) -> Result<bool> {
        let asked = self.asked().await?;
        // First what was seen, then what is: the other way round an own store could look older than it is.
        let seen = self.seen().await?;
        // A data plane that is away is looked for again, and the relay says so.
        let Ok(hello) = self.relay.control.hello().await else { return Ok(false) };
        let same = seen.as_ref().is_some_and(|seen| seen.store == hello.store && seen.applied <= hello.applied);
        if same && !due && asked.is_none() {
            if seen.as_ref() != Some(&hello) {
                self.keep_seen(&hello).await?;
            }
            return Ok(false);
        }
        let urgent = seen.is_some() && !same;
        tracing::info!(store = hello.store, urgent, "the data plane is told everything again");
        let sent = self.pass(if urgent { Duration::ZERO } else { RESEND_PAUSE }).await?;
        let now = self.relay.control.hello().await.map_err(unavailable)?;
        // Replaced once more meanwhile: the next look finds out.
        if now.store == hello.store && now.applied >= hello.applied {
            self.keep_seen(&now).await?;
        }
        if let Some(asked) = asked {
            self.answered(asked).await?;
        }
        tracing::info!(sent, "the data plane was told everything again");
        Ok(true)
    }

    /// All parts, a pause after each page.
    async fn pass(&self, pause: Duration) -> Result<u64> {
        let (mut sent, mut next) = (0, Some(Cursor::of(Part::Tenants)));
        while let Some(cursor) = next {
            let (batch, behind) = self.resend_page(&cursor).await?;
            sent += batch.len() as u64;
            for part in parts(batch)? {
                self.relay.control.apply(part).await.map_err(unavailable)?;
                tokio::time::sleep(pause).await;
            }
            next = behind;
        }
        Ok(sent)
    }

    /// Snapshots behind the cursor, and where to go on.
    async fn resend_page(&self, cursor: &Cursor) -> Result<(Vec<Change>, Option<Cursor>)> {
        let mut connection = self.pool().acquire().await?;
        let statement = match cursor.part {
            Part::Tenants => "SELECT id AS a, '' AS b FROM tenant WHERE id > $1 ORDER BY id LIMIT $2",
            Part::Mailboxes => "SELECT id AS a, '' AS b FROM mailbox WHERE id > $1 ORDER BY id LIMIT $2",
            Part::Domains => "SELECT name AS a, '' AS b FROM domain WHERE name > $1 ORDER BY name LIMIT $2",
            Part::Addresses => {
                "SELECT address.*, domain AS a, local AS b FROM address WHERE (domain, local) > ($1, $3) \
                 ORDER BY domain, local LIMIT $2"
            }
        };
        let mut asked = query(statement).bind(&cursor.after.0).bind(RESEND_PAGE);
        if cursor.part == Part::Addresses {
            asked = asked.bind(&cursor.after.1);
        }
        let rows = asked.fetch_all(&mut connection).await?;
        let mut batch = Vec::with_capacity(rows.len());
        for row in &rows {
            batch.push(match cursor.part {
                Part::Tenants => self.entitlement(&mut connection, id(row, "a")?).await?,
                Part::Mailboxes => self.account_snapshot(&mut connection, id(row, "a")?).await?,
                Part::Addresses => address_snapshot(row)?,
                Part::Domains => self.domain_snapshot(&mut connection, &text(row, "a")?).await?,
            });
        }
        let next = match rows.last() {
            Some(last) => Some(Cursor { part: cursor.part, after: (text(last, "a")?, text(last, "b")?) }),
            None => cursor.next_part(),
        };
        Ok((batch, next))
    }

    /// What a new release left when it words snapshots otherwise: they are to be sent again.
    async fn asked(&self) -> Result<Option<String>> {
        let mut connection = self.pool().acquire().await?;
        let row =
            query("SELECT value FROM setting WHERE name = $1").bind(ASKED).fetch_optional(&mut connection).await?;
        row.map(|row| text(&row, "value")).transpose()
    }

    /// Forgets it, unless it was asked once more meanwhile.
    async fn answered(&self, asked: String) -> Result<()> {
        let mut txn = self.begin().await?;
        let forget = query("DELETE FROM setting WHERE name = $1 AND value = $2").bind(ASKED).bind(asked);
        forget.execute(&mut txn).await?;
        txn.commit().await
    }

    /// What was seen last of the data plane.
    async fn seen(&self) -> Result<Option<Hello>> {
        let mut connection = self.pool().acquire().await?;
        let row = query("SELECT value FROM setting WHERE name = $1").bind(SEEN).fetch_optional(&mut connection).await?;
        // What an older release wrote is as good as nothing.
        Ok(row.map(|row| text(&row, "value")).transpose()?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn keep_seen(&self, hello: &Hello) -> Result<()> {
        let value = serde_json::to_string(hello).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let mut txn = self.begin().await?;
        query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(SEEN)
        .bind(value)
        .execute(&mut txn)
        .await?;
        txn.commit().await
    }
}

/// A page of large groups is more than one transaction takes.
fn parts(batch: Vec<Change>) -> Result<Vec<Vec<Change>>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for change in batch {
        let own = serde_json::to_string(&change).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?.len();
        if bytes + own > RESEND_BYTES && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        part.push(change);
        bytes += own;
    }
    if !part.is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

fn unavailable(e: control::ControlError) -> Error {
    Error::new(Code::Internal, "", e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::TenantId;
    use control::{AddressSnapshot, Destination};

    #[test]
    fn a_page_of_large_snapshots_is_sent_in_parts_and_nothing_is_left_out() {
        let member = "somebody@elsewhere.example".to_owned();
        let one = |n: usize| {
            let destination = Destination::Forward(vec![member.clone(); RESEND_BYTES / member.len() / 3]);
            let (local, domain) = (format!("group{n}"), "a.example".to_owned());
            Change::Address(AddressSnapshot { local, domain, version: 1, tenant: TenantId(1), destination })
        };
        let batch: Vec<Change> = (0..7).map(one).collect();
        let parts = parts(batch.clone()).unwrap();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
        assert_eq!(parts.concat(), batch);
    }
}
