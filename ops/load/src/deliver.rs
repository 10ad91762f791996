//! SUMMARY    The delivery engine: N connections send M distinct messages and remember what was acknowledged.
//! INVARIANTS One message is acknowledged once. With a rate, latency counts from the moment a message was due, so a slow
//!            server cannot hide behind a slow sender.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    error::{Error, Result, check},
    message::Generator,
    net::Target,
    smtp::{Body, Client, Dialect, Transaction},
    stats::{Latencies, Quantiles, per_second},
};

/// Failures of one connection after which it gives up.
const FAILURES_MAX: u32 = 100;
/// Addresses one pattern may stand for.
const PATTERN_MAX: u64 = 1_000_000;

/// Options of everything that delivers.
#[derive(Debug, Clone, Args)]
pub struct DeliverArgs {
    /// HOST:PORT of the SMTP or LMTP door.
    #[arg(long)]
    pub target: String,
    /// Speak LMTP.
    #[arg(long)]
    pub lmtp: bool,
    /// TLS from the first byte.
    #[arg(long)]
    pub tls: bool,
    /// STARTTLS first.
    #[arg(long)]
    pub starttls: bool,
    /// AUTH PLAIN as USER:PASSWORD.
    #[arg(long)]
    pub auth: Option<String>,
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    #[arg(long, default_value_t = 1000)]
    pub messages: u64,
    /// Bytes of a message; several are taken in turn.
    #[arg(long, value_delimiter = ',', default_value = "4096")]
    pub size: Vec<usize>,
    /// Recipients, dealt in turn; `u{1..16}@example.test` stands for sixteen.
    #[arg(long, value_delimiter = ',', required = true)]
    pub rcpt: Vec<String>,
    #[arg(long, default_value = "bounces@sender.example")]
    pub from: String,
    /// Messages per second over all connections; as fast as they go without.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Transactions after which a connection is closed and opened anew.
    #[arg(long)]
    pub reconnect_every: Option<u64>,
    /// Send with BDAT instead of DATA.
    #[arg(long)]
    pub bdat: bool,
    /// Seed of the messages.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of the first message: runs into the same mailboxes stay distinct.
    #[arg(long, default_value_t = 0)]
    pub first: u64,
}

/// What happened.
#[derive(Debug, Serialize)]
pub struct Delivered {
    pub accepted: u64,
    pub failed: u64,
    pub elapsed_s: f64,
    pub per_s: f64,
    pub latency: Quantiles,
    pub errors: BTreeMap<String, u64>,
    /// The text of the first error.
    pub first_error: Option<String>,
}

#[derive(Default)]
struct Tally {
    accepted: u64,
    failed: u64,
    latencies: Latencies,
    errors: BTreeMap<String, u64>,
    first_error: Option<String>,
}

struct Run {
    args: DeliverArgs,
    rcpts: Vec<String>,
    generator: Arc<Generator>,
    next: AtomicU64,
    began: Instant,
}

/// Delivers `args.messages` messages. The generator is made before: making one costs a moment that no measurement should contain.
pub async fn deliver(args: &DeliverArgs, rcpts: Vec<String>, generator: Arc<Generator>) -> Result<Delivered> {
    if args.size.is_empty() || rcpts.is_empty() {
        return Err(check("no size or no recipient given"));
    }
    let began = Instant::now();
    let run = Arc::new(Run { args: args.clone(), rcpts, generator, next: AtomicU64::new(0), began });
    let mut tasks = JoinSet::new();
    for _ in 0..args.connections.max(1) {
        tasks.spawn(connection(run.clone()));
    }
    let mut total = Tally::default();
    while let Some(joined) = tasks.join_next().await {
        let tally = joined.map_err(|e| check(format!("a connection's task ended: {e}")))?;
        total.accepted += tally.accepted;
        total.failed += tally.failed;
        total.latencies.append(tally.latencies);
        total.first_error = total.first_error.or(tally.first_error);
        for (label, count) in tally.errors {
            *total.errors.entry(label).or_default() += count;
        }
    }
    let elapsed = began.elapsed();
    Ok(Delivered {
        accepted: total.accepted,
        failed: total.failed,
        elapsed_s: elapsed.as_secs_f64(),
        per_s: per_second(total.accepted, elapsed),
        latency: total.latencies.quantiles(),
        errors: total.errors,
        first_error: total.first_error,
    })
}

/// One connection's life: take the next number, send that message, until none is left.
async fn connection(run: Arc<Run>) -> Tally {
    let mut tally = Tally::default();
    let mut client: Option<(Client, u64)> = None;
    let mut message = Vec::new();
    let mut failures = 0;
    loop {
        let nth = run.next.fetch_add(1, Ordering::Relaxed);
        if nth >= run.args.messages {
            break;
        }
        let due = run.wait_until_due(nth).await;
        match run.one(nth, &mut client, &mut message).await {
            Ok(began) => {
                tally.accepted += 1;
                tally.latencies.push(due.unwrap_or(began).elapsed());
            }
            Err(e) => {
                client = None;
                tally.failed += 1;
                failures += 1;
                *tally.errors.entry(e.label()).or_default() += 1;
                tally.first_error.get_or_insert_with(|| e.to_string());
                if failures >= FAILURES_MAX {
                    break;
                }
            }
        }
    }
    if let Some((client, _)) = client {
        client.quit().await;
    }
    tally
}

impl Run {
    async fn wait_until_due(&self, nth: u64) -> Option<Instant> {
        let rate = self.args.rate.filter(|r| *r > 0.0)?;
        let due = self.began + Duration::from_secs_f64(nth as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        Some(due)
    }

    /// Sends message `nth`; answers when its transaction began.
    async fn one(&self, nth: u64, slot: &mut Option<(Client, u64)>, message: &mut Vec<u8>) -> Result<Instant> {
        let index = self.args.first + nth;
        let to = at_turn(&self.rcpts, index).map_or("", String::as_str);
        message.clear();
        self.generator.write(index, at_turn(&self.args.size, index).copied().unwrap_or(4096), to, message);
        if let (Some(every), Some((_, sent))) = (self.args.reconnect_every, slot.as_ref())
            && *sent >= every
            && let Some((old, _)) = slot.take()
        {
            old.quit().await;
        }
        let began = Instant::now();
        let (mut client, sent) = match slot.take() {
            Some(open) => open,
            None => (Client::open(&self.args.target(), &self.args.dialect()).await?, 0),
        };
        let body = if self.args.bdat { Body::Chunk } else { Body::Data };
        client.send(&Transaction { from: &self.args.from, to: &[to], message, body }).await?;
        *slot = Some((client, sent + 1));
        Ok(began)
    }
}

impl DeliverArgs {
    pub fn target(&self) -> Target {
        Target { address: self.target.clone(), tls: self.tls, source: None }
    }

    pub fn dialect(&self) -> Dialect {
        Dialect { lmtp: self.lmtp, starttls: self.starttls, auth: self.auth.clone() }
    }
}

/// The item whose turn it is.
pub fn at_turn<T>(items: &[T], index: u64) -> Option<&T> {
    items.get((index % (items.len().max(1) as u64)) as usize)
}

/// Expands every `{A..B}` of the patterns into the numbers from A to B.
pub fn expand(patterns: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for pattern in patterns {
        let Some((before, rest)) = pattern.split_once('{') else {
            all.push(pattern.clone());
            continue;
        };
        let range = rest.split_once('}').and_then(|(range, after)| {
            let (a, b) = range.split_once("..")?;
            Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?, after))
        });
        let (a, b, after) = range.ok_or_else(|| check(format!("{pattern}: write {{A..B}}")))?;
        if b.saturating_sub(a) >= PATTERN_MAX {
            return Err(check(format!("{pattern}: more than {PATTERN_MAX} addresses (PATTERN_MAX)")));
        }
        all.extend((a..=b).map(|n| format!("{before}{n}{after}")));
    }
    Ok(all)
}

/// Fails when anything was refused or lost.
pub fn all_accepted(delivered: &Delivered) -> Result<()> {
    match (&delivered.first_error, delivered.failed) {
        (Some(first), failed) => Err(Error::Check(format!("{failed} messages were not accepted; first: {first}"))),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_expand() {
        let expand = |p: &[&str]| expand(&p.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(expand(&["u{1..3}@a", "x@b"]).unwrap(), ["u1@a", "u2@a", "u3@a", "x@b"]);
        assert!(expand(&["u{1-3}@a"]).is_err());
        assert!(expand(&["u{1..99999999}@a"]).is_err());
    }

    #[test]
    fn turns_go_round() {
        assert_eq!(at_turn(&["a", "b"], 3), Some(&"b"));
        assert_eq!(at_turn::<u8>(&[], 3), None);
    }
}
