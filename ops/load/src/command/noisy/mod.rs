//! SUMMARY    `load noisy`: what one tenant feels while another does all it can: deliveries, FETCHes and API calls of B, paced,
//!            alone and beside A, which submits and calls the API on many connections without a pause.
//! INVARIANTS The server has one core for itself and the generator another one; A's side of the generator gives way to B's, so
//!            that B is not measured behind A's requests in this process. Alone and beside take turns, so that a machine that
//!            gets busier hits both; what counts is the median over the rounds.

mod loud;
mod quiet;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;

use super::MeasureArgs;
use crate::{
    api::Client,
    demo::{Demo, Doors},
    error::{Result, check},
    net::Target,
    stats::{Latencies, Quantiles},
    world::{ApiArgs, Customer, customer, mailboxes},
};
use loud::{Loud, Rates};
use quiet::{Felt, Quiet};

/// Mailboxes of each of the two.
const MAILBOXES: u64 = 4;
/// Bytes of a message.
const MESSAGE_BYTES: usize = 4096;
/// How long A runs before B is measured beside it, and pause after A was stopped.
const SETTLE: Duration = Duration::from_secs(2);
/// Numbers of the customers.
const LOUD: u64 = 0;
const QUIET: u64 = 1;

#[derive(Debug, Clone, Args)]
pub struct NoisyArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// The server's binary; it is started as `BIN demo --json --data DIR`.
    #[arg(long)]
    bin: PathBuf,
    /// Data folder.
    #[arg(long)]
    data: PathBuf,
    /// The server's cores.
    #[arg(long, value_delimiter = ',', default_value = "0")]
    server_cores: Vec<usize>,
    /// The generator's cores.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    load_cores: Vec<usize>,
    /// B's requests of each kind each second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds that A runs without B in each round.
    #[arg(long, default_value_t = 3)]
    loud_seconds: u64,
    /// Measurements alone and beside A.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// A's connections that submit.
    #[arg(long, default_value_t = 16)]
    submitters: usize,
    /// A's connections to the API.
    #[arg(long, default_value_t = 16)]
    callers: usize,
}

/// One kind of B's requests, medians over the rounds.
#[derive(Debug, Serialize)]
struct Compared {
    /// Of each measurement.
    samples: u64,
    alone: Quantiles,
    beside: Quantiles,
    p50_ratio: f64,
    p99_ratio: f64,
    /// p99 of each round, milliseconds.
    alone_p99_ms: Vec<f64>,
    beside_p99_ms: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Report {
    delivery: Compared,
    fetch: Compared,
    api: Compared,
    /// What A got through while B did nothing, and while it was measured: medians over the rounds.
    loud_alone: Rates,
    loud_beside: Rates,
}

pub async fn run(args: NoisyArgs) -> Result<()> {
    let mut demo = Demo::start_on(&args.bin, &args.data, &args.server_cores)?;
    pin(&args.load_cores)?;
    let (_, doors) = demo.doors().await?;
    let world = World::make(doors).await?;
    let quiet = Arc::new(Quiet::new(&args, &world)?);
    quiet.fill().await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut loud_alone, mut loud_beside) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        tokio::time::sleep(SETTLE).await;
        alone.push(quiet.clone().feel().await?);
        tokio::time::sleep(SETTLE).await;
        let loud = Loud::start(&args, &world)?;
        let before = loud.count();
        tokio::time::sleep(Duration::from_secs(args.loud_seconds)).await;
        loud_alone.push(loud.since(before));
        // The first of B's requests would be measured while A is told of company.
        quiet.clone().warm().await?;
        let before = loud.count();
        beside.push(quiet.clone().feel().await?);
        loud_beside.push(loud.since(before));
        loud.stop()?;
    }
    demo.stop().await?;
    args.measure.print(&Report {
        delivery: compared(&alone, &beside, |f| &f.delivery),
        fetch: compared(&alone, &beside, |f| &f.fetch),
        api: compared(&alone, &beside, |f| &f.api),
        loud_alone: Rates::median(&loud_alone),
        loud_beside: Rates::median(&loud_beside),
    })
}

/// Keeps this process on its cores.
fn pin(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).map_err(|e| check(format!("cores {cores:?}: {e}")))
}

/// The two tenants, and where the server is.
struct World {
    api: ApiArgs,
    doors: Doors,
    loud: Customer,
    quiet: Customer,
    /// A mailbox of the quiet one.
    mailbox: String,
}

impl World {
    async fn make(doors: Doors) -> Result<World> {
        let (url, token) = (doors.api.url(), doors.operator_token.clone());
        let api = ApiArgs { api: url, token, run: "noisy".to_owned(), hashed: false };
        let mut client = Client::new(&doors.api);
        let mut made = Vec::new();
        for number in [LOUD, QUIET] {
            let customer = customer(&mut client, &api, None, number, MAILBOXES).await?;
            let ids = mailboxes(&mut client, &api, &customer, number, 0..MAILBOXES).await?;
            made.push((customer, ids));
        }
        let (Some((quiet, ids)), Some((loud, _))) = (made.pop(), made.pop()) else {
            return Err(check("two customers"));
        };
        let mailbox = ids.into_iter().next().ok_or_else(|| check("a mailbox"))?;
        Ok(World { api, doors, loud, quiet, mailbox })
    }
}

fn compared(alone: &[Felt], beside: &[Felt], of: fn(&Felt) -> &Latencies) -> Compared {
    let each = |felt: &[Felt]| -> Vec<Quantiles> { felt.iter().map(|f| of(f).quantiles()).collect() };
    let (before, after) = (each(alone), each(beside));
    let p99 = |all: &[Quantiles]| all.iter().map(|q| q.p99_ms).collect::<Vec<_>>();
    let (alone_p99_ms, beside_p99_ms) = (p99(&before), p99(&after));
    let (before, after) = (Quantiles::median(&before), Quantiles::median(&after));
    Compared {
        samples: alone.first().map_or(0, |f| of(f).count()),
        p50_ratio: after.p50_ms / before.p50_ms,
        p99_ratio: after.p99_ms / before.p99_ms,
        alone: before,
        beside: after,
        alone_p99_ms,
        beside_p99_ms,
    }
}

fn plain(address: &str) -> Target {
    Target { address: address.to_owned(), tls: false, source: None }
}
