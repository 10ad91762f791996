//! SUMMARY    `load api`: simple queries over keep-alive connections: how many each second, and how long each takes.
//! INVARIANTS Queries cost, and buckets are per token: the queries go round over customers, each with a token of its own.

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
use serde_json::json;
use tokio::task::JoinSet;

use super::MeasureArgs;
use crate::{
    api::{Client, Endpoint},
    deliver::at_turn,
    error::{Error, Result, check},
    process::{Cost, Meter},
    stats::{Latencies, Quantiles, per_second},
    world::{ApiArgs, customer, mailboxes},
};

/// Mailboxes of each customer: a page is full.
const MAILBOXES: u64 = 20;

#[derive(Debug, Args)]
pub struct LoadApiArgs {
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Customers the queries go round over; they are made when they are missing.
    #[arg(long, default_value_t = 64)]
    customers: u64,
    #[arg(long, default_value_t = 8)]
    connections: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Kinds of queries.
    #[arg(long, value_delimiter = ',', default_value = "viewer,tenant,mailbox,page")]
    kinds: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Kind {
    queries: u64,
    #[serde(flatten)]
    took: Quantiles,
}

#[derive(Debug, Serialize)]
struct Report {
    connections: usize,
    queries: u64,
    per_s: f64,
    throttled: u64,
    kinds: BTreeMap<String, Kind>,
    #[serde(flatten)]
    cost: Option<Cost>,
}

/// One query as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Ready {
    pub kind: String,
    pub token: String,
    pub body: Vec<u8>,
}

struct Run {
    endpoint: Endpoint,
    queries: Vec<Ready>,
    next: AtomicU64,
    until: Instant,
}

#[derive(Default)]
struct Tally {
    kinds: BTreeMap<String, Latencies>,
    throttled: u64,
}

pub async fn run(args: LoadApiArgs) -> Result<()> {
    let mut queries = Vec::new();
    let mut client = Client::new(&args.api.endpoint()?);
    for number in 0..args.customers.max(1) {
        queries.extend(ready(&mut client, &args, number).await?);
    }
    let meter = Meter::start(&args.measure.tree())?;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let run = Arc::new(Run { endpoint: args.api.endpoint()?, queries, next: AtomicU64::new(0), until });
    let mut tasks = JoinSet::new();
    for _ in 0..args.connections.max(1) {
        tasks.spawn(connection(run.clone()));
    }
    let mut all = Tally::default();
    while let Some(joined) = tasks.join_next().await {
        let tally = joined.map_err(|e| check(format!("a connection's task ended: {e}")))??;
        all.throttled += tally.throttled;
        for (kind, latencies) in tally.kinds {
            all.kinds.entry(kind).or_default().append(latencies);
        }
    }
    let elapsed = meter.elapsed();
    let kinds: BTreeMap<String, Kind> = all
        .kinds
        .into_iter()
        .map(|(kind, took)| (kind, Kind { queries: took.count(), took: took.quantiles() }))
        .collect();
    let queries = kinds.values().map(|k| k.queries).sum();
    args.measure.print(&Report {
        connections: args.connections,
        queries,
        per_s: per_second(queries, elapsed),
        throttled: all.throttled,
        kinds,
        cost: meter.cost(queries)?,
    })
}

async fn ready(client: &mut Client, args: &LoadApiArgs, number: u64) -> Result<Vec<Ready>> {
    let customer = customer(client, &args.api, None, number, MAILBOXES).await?;
    let made = mailboxes(client, &args.api, &customer, number, 0..MAILBOXES).await?;
    let one = at_turn(&made, number).cloned().unwrap_or_default();
    args.kinds.iter().map(|kind| query(kind, &customer.id, &one, &customer.token)).collect()
}

/// A query of a kind.
pub fn query(kind: &str, tenant: &str, mailbox: &str, token: &str) -> Result<Ready> {
    let (text, variables) = match kind {
        "viewer" => ("{ viewer { id name } }", json!({})),
        "tenant" => ("query($id: ID!) { tenant(id: $id) { id name maxMailboxes suspended } }", json!({ "id": tenant })),
        "mailbox" => ("query($id: ID!) { mailbox(id: $id) { id address displayName } }", json!({ "id": mailbox })),
        "page" => (
            "query($id: ID!) { mailboxes(tenantId: $id, first: 20) { nodes { id address } pageInfo { hasNextPage endCursor } } }",
            json!({ "id": tenant }),
        ),
        other => return Err(check(format!("{other}: kinds are viewer, tenant, mailbox, page"))),
    };
    Ok(Ready { kind: kind.to_owned(), token: token.to_owned(), body: Client::body(text, &variables) })
}

async fn connection(run: Arc<Run>) -> Result<Tally> {
    let mut client = Client::new(&run.endpoint);
    let mut tally = Tally::default();
    while Instant::now() < run.until {
        let Some(query) = at_turn(&run.queries, run.next.fetch_add(1, Ordering::Relaxed)) else { break };
        let began = Instant::now();
        let answer = client.post(&query.token, &query.body).await?;
        match answer.status {
            200 if memchr::memmem::find(&answer.body, b"\"errors\"").is_none() => {
                tally.kinds.entry(query.kind.clone()).or_default().push(began.elapsed());
            }
            429 => tally.throttled += 1,
            code => {
                return Err(Error::Refused { code, text: String::from_utf8_lossy(&answer.body).into_owned() });
            }
        }
    }
    Ok(tally)
}
