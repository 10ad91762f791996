//! SUMMARY    Rate cells and counters that all nodes share, on Redis; while it is away, those of the process.
//! SECURITY   Keys come from hostile traffic: long ones are hashed, and every one expires. How many there are is bounded by what Redis
//!            may use (`maxmemory` with an eviction policy); one that was evicted opens a limit too early and blocks nobody.
//! LIMITS     CELLS_ANSWER_MS_MAX, CELLS_TTL_MS_MAX, CELLS_KEY_BYTES_MAX
//! INVARIANTS An answer comes within CELLS_ANSWER_MS_MAX, with or without Redis. Whoever asks is never told that a cache is away: then
//!            a limit holds per process. All keys have one hash tag, so that a cluster keeps the cells of one step on one node.

use super::{RedisOptions, keeper::Keeper, script};
use crate::limits::{CELLS_ANSWER_MS_MAX, CELLS_KEY_BYTES_MAX, CELLS_TTL_MS_MAX};
use ::redis::{FromRedisValue, RedisResult, Script, aio::MultiplexedConnection, cmd};
use base::Clock;
use std::{future::Future, sync::Arc, time::Duration};
use store::{
    ephemeral::{Ask, Ephemeral, MemEphemeral, Short},
    kv::BoxFuture,
};
use tokio::time::timeout;

/// Cells on Redis.
pub struct RedisEphemeral {
    keeper: Keeper,
    /// `{prefix}:`
    prefix: Vec<u8>,
    take_all: Script,
    give_back: Script,
    add: Script,
    own: MemEphemeral,
}

/// What a key is for: rate cells and counters of one name do not meet.
#[derive(Clone, Copy)]
enum Use {
    Rate,
    Count,
}

impl RedisEphemeral {
    /// Begins to connect; needs a tokio runtime. `clock` is for the cells of the process. Fails on options that can never work.
    pub fn start(options: &RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(RedisEphemeral {
            keeper: Keeper::start(options.client()?),
            prefix: format!("{{{}}}:", options.prefix).into_bytes(),
            take_all: Script::new(script::TAKE_ALL),
            give_back: Script::new(script::GIVE_BACK),
            add: Script::new(script::ADD),
            own: MemEphemeral::new(clock),
        })
    }

    /// Whether the cells are shared now, and if not, why.
    pub fn health(&self) -> Result<(), String> {
        self.keeper.health()
    }

    fn key(&self, of: Use, key: &[u8]) -> Vec<u8> {
        let mut out = self.prefix.clone();
        out.push(match of {
            Use::Rate => b'r',
            Use::Count => b'c',
        });
        if key.len() > CELLS_KEY_BYTES_MAX {
            out.push(b'#');
            out.extend_from_slice(blake3::hash(key).as_bytes());
        } else {
            out.push(b':');
            out.extend_from_slice(key);
        }
        out
    }

    /// What Redis answers; None if it does not.
    async fn ask<T, F: Future<Output = RedisResult<T>>>(
        &self,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Option<T> {
        let answer = match self.keeper.connection() {
            Some(connection) => self.answer(work(connection)).await,
            None => None,
        };
        let from = if answer.is_some() { "redis" } else { "process" };
        metrics::counter!("cells_answers_total", "from" => from).increment(1);
        answer
    }

    async fn answer<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Option<T> {
        let (why, is_broken) = match timeout(Duration::from_millis(CELLS_ANSWER_MS_MAX), work).await {
            Ok(Ok(answer)) => return Some(answer),
            // Redis itself is there and answers: full, read-only, loading.
            Ok(Err(why)) => (why.to_string(), why.is_io_error()),
            Err(_) => ("no answer within CELLS_ANSWER_MS_MAX".to_owned(), true),
        };
        metrics::counter!("cells_errors_total").increment(1);
        if is_broken {
            self.keeper.broke(why);
        } else {
            tracing::debug!(%why, "redis refuses");
        }
        None
    }

    /// Runs a script over the cells of these asks.
    async fn over<T: FromRedisValue>(&self, script: &Script, asks: &[Ask<'_>]) -> Option<T> {
        let mut invocation = script.arg(CELLS_TTL_MS_MAX);
        let mut keys: Vec<Vec<u8>> = Vec::with_capacity(asks.len());
        for ask in asks.iter().filter(|ask| ask.cost > 0) {
            let key = self.key(Use::Rate, ask.key);
            let number = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                invocation.key(key.as_slice());
                keys.push(key);
                keys.len() - 1
            });
            let per_micros = u64::try_from(ask.rate.per.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
            invocation.arg(number + 1).arg(ask.cost).arg(ask.rate.burst).arg(per_micros);
        }
        self.ask(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await
    }

    async fn take_shared(&self, asks: &[Ask<'_>]) -> Option<Result<(), Short>> {
        let (short, wait): (usize, String) = self.over(&self.take_all, asks).await?;
        let Some(short) = short.checked_sub(1) else { return Some(Ok(())) };
        let (ask, _) = asks.iter().enumerate().filter(|(_, ask)| ask.cost > 0).nth(short)?;
        let wait = wait.parse().map_or(Duration::MAX, Duration::from_micros);
        Some(Err(Short { ask, wait }))
    }
}

impl Ephemeral for RedisEphemeral {
    fn take_all<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, Result<(), Short>> {
        Box::pin(async move {
            if asks.iter().all(|ask| ask.cost == 0) {
                return Ok(());
            }
            match self.take_shared(asks).await {
                Some(answer) => answer,
                None => self.own.take_all(asks).await,
            }
        })
    }

    /// To Redis, and to the process too where Redis did not know all of it: it was taken there while Redis was away or full.
    fn give_back<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let wanted = asks.iter().filter(|ask| ask.cost > 0).count();
            if wanted > 0 && self.over::<usize>(&self.give_back, asks).await != Some(wanted) {
                self.own.give_back(asks).await;
            }
        })
    }

    fn add<'a>(&'a self, key: &'a [u8], delta: i64, ttl: Duration) -> BoxFuture<'a, i64> {
        Box::pin(async move {
            let ttl_ms = u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(CELLS_TTL_MS_MAX);
            let mut invocation = self.add.key(self.key(Use::Count, key));
            invocation.arg(delta).arg(ttl_ms);
            let sum =
                self.ask(|mut connection| async move { invocation.invoke_async::<String>(&mut connection).await });
            match sum.await.and_then(|sum| sum.parse().ok()) {
                Some(sum) => sum,
                None => self.own.add(key, delta, ttl).await,
            }
        })
    }

    fn count<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, i64> {
        Box::pin(async move {
            let mut get = cmd("GET");
            get.arg(self.key(Use::Count, key));
            let value = self.ask(|mut connection| async move { get.query_async::<Option<i64>>(&mut connection).await });
            match value.await {
                Some(Some(value)) => value,
                // Also what the process counted while Redis was away or full.
                Some(None) | None => self.own.count(key).await,
            }
        })
    }

    fn forget<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut unlink = cmd("UNLINK");
            unlink.arg(self.key(Use::Rate, key)).arg(self.key(Use::Count, key));
            let _: Option<i64> =
                self.ask(|mut connection| async move { unlink.query_async::<i64>(&mut connection).await }).await;
            // Both may have counted.
            self.own.forget(key).await;
        })
    }
}
