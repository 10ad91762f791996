//! SUMMARY    What holds on a faulty store: the retry loop applies every operation exactly once and loses none.

use super::{Failure, Outcome, ensure};
use crate::{
    kv::{KeyRange, Kv, KvTxn, PageLimit, Read},
    layer::decode_i64,
    retry::{Error, Retry, run},
};
use base::{OpId, rng::SeededRng};
use std::sync::Arc;

/// Moves amounts between accounts on `tasks` tasks; the sum must stay, and each operation must count once.
pub async fn retried(kv: &Arc<dyn Kv>, tasks: u64, rounds: u64) -> Outcome {
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let kv = Arc::clone(kv);
            tokio::spawn(async move {
                let rng = SeededRng::new(task + 100);
                for round in 0..rounds {
                    let op = OpId(task * rounds + round);
                    let retry = Retry { kv: &kv, op, done_prefix: Some(b"done/"), rng: &rng };
                    run::<_, Error, _>(retry, |txn| Box::pin(transfer(txn, task % 3, (task + round) % 3))).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in running {
        task.await??;
    }
    let (mut sum, mut count) = (0, 0);
    for n in 0..3 {
        sum += number(kv, format!("account/{n}").as_bytes()).await?;
        count += number(kv, format!("moves/{n}").as_bytes()).await?;
    }
    ensure(sum == 0, format!("money appeared: {sum}"))?;
    ensure(count == (tasks * rounds) as i64, format!("{count} of {} operations counted", tasks * rounds))
}

async fn transfer(txn: &mut dyn KvTxn, from: u64, to: u64) -> Result<(), Error> {
    for (account, delta) in [(from, -1), (to, 1)] {
        let key = format!("account/{account}");
        let before = txn.get(key.as_bytes(), Read::Serializable).await?;
        let after = before.as_deref().map_or(0, decode_i64) + delta;
        txn.set(key.as_bytes(), &after.to_le_bytes());
    }
    txn.add(format!("moves/{from}").as_bytes(), 1);
    Ok(())
}

/// Reads under faults: a read of a store in bad weather may need more than one try.
async fn number(kv: &Arc<dyn Kv>, key: &[u8]) -> Result<i64, Failure> {
    let range = KeyRange::prefix(key);
    let mut last = None;
    for _ in 0..base::limits::KV_ATTEMPTS_MAX {
        match kv.begin_read().range(&range, PageLimit::rows(1), false, Read::Snapshot).await {
            Ok(page) => return Ok(page.rows.first().map_or(0, |(_, value)| decode_i64(value))),
            Err(why) => last = Some(why),
        }
    }
    Err(last.map_or_else(|| "no attempt".into(), Failure::from))
}
