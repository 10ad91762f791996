//! SUMMARY    The log of what the control plane wants to hear of: thresholds that were crossed, limits that were met.
//! LIMITS     EVENTS_KEPT_MAX, EVENTS_PAGE_MAX
//! INVARIANTS An event is written in the commit that it is about. Numbers come from one counter that only events touch: they rise in the
//!            order of the commits and have no holes, so a reader who goes on behind the last one it saw misses none that is kept.

use crate::{
    Accounts, Error, Result, keys,
    record::{self, EventRecord},
    txn::SystemTxn,
    work::Work,
};
use base::{
    AccountId, Kind, TenantId,
    limits::{EVENTS_KEPT_MAX, EVENTS_PAGE_MAX},
};
use control::{Event, EventKind};
use store::kv::PageLimit;

impl Work {
    /// Tells the control plane of something, in this commit.
    pub(crate) async fn note_event(
        &mut self,
        tenant: TenantId,
        account: Option<AccountId>,
        kind: EventKind,
    ) -> Result<()> {
        let at = self.now();
        let mut txn = SystemTxn::new(self.txn());
        let last = txn.get(&keys::system_event_counter()).await?;
        let seq = last.as_deref().and_then(|bytes| keys::be64(bytes, 0)).unwrap_or(0) + 1;
        let event = Event { seq, at, tenant, account, kind };
        let body = serde_json::to_vec(&event).map_err(|e| Error::new(Kind::Invalid, e.to_string()))?;
        txn.set(&keys::system_event_counter(), &seq.to_be_bytes())?;
        txn.set(&keys::system_event(seq), &record::encode(&EventRecord { body }))?;
        match seq.checked_sub(EVENTS_KEPT_MAX) {
            Some(oldest) if oldest > 0 => txn.clear(&keys::system_event(oldest)),
            Some(_) | None => Ok(()),
        }
    }
}

impl Accounts {
    /// Events behind `after`, oldest first, EVENTS_PAGE_MAX at most.
    pub(crate) async fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Event>> {
        let rows = usize::try_from(limit).unwrap_or(usize::MAX).min(EVENTS_PAGE_MAX);
        let range = keys::system_events_after(after);
        if rows == 0 || range.is_empty() {
            return Ok(Vec::new());
        }
        let mut txn = self.0.kv.begin_read();
        let page = SystemTxn::new(&mut *txn).page(&range, PageLimit::rows(rows)).await?;
        page.rows.iter().map(|(_, value)| parse(value)).collect()
    }
}

fn parse(value: &[u8]) -> Result<Event> {
    let record: EventRecord = record::decode(value, "event")?;
    serde_json::from_slice(&record.body).map_err(|e| Error {
        kind: Kind::Corrupt,
        context: "event".to_owned(),
        source: Some(Box::new(e)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountOptions, MasterKey, unit_of_work};
    use base::{SystemClock, rng::SeededRng};
    use control::Control;
    use std::sync::Arc;
    use store::{MemKv, blob::FsObjects};

    fn accounts() -> Accounts {
        Accounts::new(AccountOptions {
            kv: Arc::new(MemKv::new()),
            objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SeededRng::new(3)),
        })
    }

    async fn note(accounts: &Accounts, limit: String) {
        let kind = EventKind::SendLimitReached { limit };
        let noted: Result<()> = unit_of_work!(accounts, &[], accounts.op(), work => {
            work.note_event(TenantId(1), None, kind.clone()).await
        });
        noted.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn numbers_rise_without_holes_and_the_oldest_go() {
        let accounts = accounts();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let accounts = accounts.clone();
                tokio::spawn(async move {
                    for n in 0..EVENTS_KEPT_MAX / 4 + 5 {
                        note(&accounts, format!("{writer} {n}")).await;
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let page = accounts.events(after, 700).await.unwrap();
            assert!(page.len() <= 700);
            let Some(last) = page.last() else { break };
            after = last.seq;
            seen.extend(page.into_iter().map(|event| event.seq));
        }
        assert_eq!(seen, (21..=EVENTS_KEPT_MAX + 20).collect::<Vec<u64>>());
        assert_eq!(accounts.events(u64::MAX, 10).await.unwrap(), []);
        assert_eq!(accounts.events(0, 0).await.unwrap(), []);
    }
}
