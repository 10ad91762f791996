//! SUMMARY    What every `Ephemeral` keeps: all or none, never more than the rate, what is given back is there again.
//! INVARIANTS Needs no clock of its own: the rates run over hours, so that nothing runs off meanwhile.

use super::{Outcome, ensure};
use crate::ephemeral::{Ask, Ephemeral, Rate};
use std::{sync::Arc, time::Duration};

/// Who takes at the same time, and how often each.
const TAKERS: usize = 32;
const ROUNDS: usize = 20;

const fn rate(burst: u32) -> Rate {
    Rate { burst, per: Duration::from_secs(100 * 3600) }
}

fn ask(key: &[u8], cost: u32, burst: u32) -> Ask<'_> {
    Ask { key, cost, rate: rate(burst) }
}

/// Runs every check on fresh keys of a backend.
pub async fn ephemeral(cells: Arc<dyn Ephemeral>) -> Outcome {
    all_or_none(&*cells).await?;
    together(cells.clone()).await?;
    counters(&*cells).await
}

async fn all_or_none(cells: &dyn Ephemeral) -> Outcome {
    let (few, many) = (b"none few".as_slice(), b"none many".as_slice());
    let both = |cost| [ask(many, cost, 100), ask(few, cost, 5)];
    ensure(cells.take_all(&both(3)).await.is_ok(), "what fits is granted")?;
    let refused = cells.take_all(&both(3)).await;
    ensure(matches!(refused, Err(s) if s.ask == 1 && s.wait < Duration::MAX), "the ask that is short is named")?;
    let never = cells.take_all(&both(6)).await;
    ensure(matches!(never, Err(s) if s.ask == 1 && s.wait == Duration::MAX), "what never fits says so")?;
    ensure(cells.take(many, 97, rate(100)).await.is_ok(), "a refusal takes nothing from the others")?;
    ensure(cells.take(many, 1, rate(100)).await.is_err(), "what was granted is taken")?;
    cells.give_back(&[ask(many, 97, 100)]).await;
    ensure(cells.take(many, 97, rate(100)).await.is_ok(), "what is given back is there again")?;
    cells.give_back(&[ask(few, 1_000, 5)]).await;
    ensure(cells.take(few, 6, rate(5)).await.is_err(), "giving back makes no more than the burst")?;
    let twice = [ask(b"twice", 3, 5), ask(b"twice", 3, 5)];
    ensure(cells.take_all(&twice).await.is_err(), "asks of one key add up")?;
    ensure(cells.take(b"twice", 5, rate(5)).await.is_ok(), "and nothing was taken")?;
    ensure(cells.take_all(&[ask(b"zero", 0, 0)]).await.is_ok(), "a cost of nothing is granted")?;
    ensure(cells.take(b"zero", 1, rate(0)).await == Err(Duration::MAX), "zero means zero")
}

/// Never more than the rate, whoever takes at the same time.
async fn together(cells: Arc<dyn Ephemeral>) -> Outcome {
    let mut takers = tokio::task::JoinSet::new();
    for n in 0..TAKERS {
        let cells = cells.clone();
        takers.spawn(async move {
            let own = format!("own {n}");
            let mut granted = 0;
            for _ in 0..ROUNDS {
                let asks = [ask(own.as_bytes(), 1, 1_000), ask(b"shared", 1, 100), ask(b"wide", 1, 1_000)];
                granted += u32::from(cells.take_all(&asks).await.is_ok());
                tokio::task::yield_now().await;
            }
            (own, granted)
        });
    }
    let mut all = 0;
    while let Some(done) = takers.join_next().await {
        let (own, granted) = done?;
        all += granted;
        ensure(cells.take(own.as_bytes(), 1_000 - granted, rate(1_000)).await.is_ok(), "refusals took from nobody")?;
    }
    ensure(all == 100, format!("a burst of 100 granted {all}"))?;
    ensure(cells.take(b"wide", 900, rate(1_000)).await.is_ok(), "nor from what they share")
}

async fn counters(cells: &dyn Ephemeral) -> Outcome {
    let ttl = Duration::from_secs(3600);
    ensure(cells.add(b"count", 2, ttl).await == 2 && cells.add(b"count", 3, ttl).await == 5, "a counter adds")?;
    ensure(cells.count(b"count").await == 5, "and is read")?;
    cells.forget(b"count").await;
    ensure(cells.count(b"count").await == 0, "and forgotten")
}
