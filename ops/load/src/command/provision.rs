//! SUMMARY    `load provision`: makes customers with mailboxes by the thousands, through the public API and nothing else.
//! INVARIANTS Every mutation has a key: a run that was cut short is started again with the same options and makes what is
//!            missing. Memory does not grow with the number of customers, but for the resellers' tokens.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::MeasureArgs;
use crate::{
    api::Client,
    error::{Result, check},
    process::{Cost, Meter, Tree},
    stats::{Latencies, Quantiles, per_second},
    world::{ApiArgs, BULK_MAX, Customer, Room, customer, mailboxes, reseller},
};

/// Pause between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Depth of a data folder.
const FOLDER_DEPTH_MAX: usize = 8;

#[derive(Debug, Args)]
pub struct ProvisionArgs {
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    #[arg(long, default_value_t = 10_000)]
    tenants: u64,
    /// Mailboxes of each tenant.
    #[arg(long, default_value_t = 100)]
    mailboxes: u64,
    /// Tenants below one reseller.
    #[arg(long, default_value_t = 100)]
    per_reseller: u64,
    /// Requests under way at once.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Data folder of the server: the report says how large its parts are.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize)]
struct Sizes {
    sql_bytes: u64,
    kv_bytes: u64,
    all_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    tenants: u64,
    mailboxes: u64,
    elapsed_s: f64,
    mailboxes_per_s: f64,
    /// One bulk mutation of at most 100 mailboxes, waits for the throttle apart.
    bulk: Quantiles,
    throttled: u64,
    reconnects: u64,
    rss_bytes_max: u64,
    sizes: Option<Sizes>,
    #[serde(flatten)]
    cost: Option<Cost>,
}

/// What the connections share.
struct Run {
    args: ProvisionArgs,
    resellers: Vec<Customer>,
    next: AtomicU64,
    made: AtomicU64,
    bulks: Mutex<Latencies>,
    throttled: AtomicU64,
    reconnects: AtomicU64,
}

pub async fn run(args: ProvisionArgs) -> Result<()> {
    if args.tenants == 0 || args.mailboxes == 0 || args.per_reseller == 0 {
        return Err(check("tenants, mailboxes and per-reseller are at least 1"));
    }
    let tree = args.measure.tree();
    let meter = Meter::start(&tree)?;
    let run = Arc::new(Run {
        resellers: resellers(&args).await?,
        args,
        next: AtomicU64::new(0),
        made: AtomicU64::new(0),
        bulks: Mutex::default(),
        throttled: AtomicU64::new(0),
        reconnects: AtomicU64::new(0),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..run.args.connections.max(1) {
        tasks.spawn(connection(run.clone()));
    }
    let rss_bytes_max = watch(&run, &tree, &mut tasks).await?;
    let (elapsed, made) = (meter.elapsed(), run.made.load(Ordering::Relaxed));
    run.args.measure.print(&Report {
        tenants: run.args.tenants,
        mailboxes: made,
        elapsed_s: elapsed.as_secs_f64(),
        mailboxes_per_s: per_second(made, elapsed),
        bulk: run.bulks.lock().unwrap_or_else(PoisonError::into_inner).quantiles(),
        throttled: run.throttled.load(Ordering::Relaxed),
        reconnects: run.reconnects.load(Ordering::Relaxed),
        rss_bytes_max,
        sizes: run.args.data.as_deref().map(sizes),
        cost: meter.cost(made)?,
    })
}

async fn resellers(args: &ProvisionArgs) -> Result<Vec<Customer>> {
    let mut client = Client::new(&args.api.endpoint()?);
    let room = Room { tenants: args.per_reseller, mailboxes: args.mailboxes };
    let mut all = Vec::new();
    for number in 0..args.tenants.div_ceil(args.per_reseller) {
        all.push(reseller(&mut client, &args.api, number, &room).await?);
    }
    Ok(all)
}

/// One connection's life: take the next customer, make it and its mailboxes, until none is left.
async fn connection(run: Arc<Run>) -> Result<()> {
    let args = &run.args;
    let mut client = Client::new(&args.api.endpoint()?);
    let mut latencies = Latencies::default();
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if number >= args.tenants {
            break;
        }
        let above = run.resellers.get((number / args.per_reseller) as usize);
        let customer = customer(&mut client, &args.api, above, number, args.mailboxes).await?;
        let mut from = 0;
        while from < args.mailboxes {
            let to = args.mailboxes.min(from + BULK_MAX);
            mailboxes(&mut client, &args.api, &customer, number, from..to).await?;
            latencies.push(client.took);
            run.made.fetch_add(to - from, Ordering::Relaxed);
            from = to;
        }
    }
    run.bulks.lock().unwrap_or_else(PoisonError::into_inner).append(latencies);
    run.throttled.fetch_add(client.throttled, Ordering::Relaxed);
    run.reconnects.fetch_add(client.reconnects, Ordering::Relaxed);
    Ok(())
}

/// Tells how it goes until all connections have ended; gives the highest resident memory that was seen.
async fn watch(run: &Run, tree: &Tree, tasks: &mut JoinSet<Result<()>>) -> Result<u64> {
    let goal = run.args.tenants * run.args.mailboxes;
    let (began, mut rss_max) = (Instant::now(), 0);
    let mut tick = tokio::time::interval(TELL_EVERY);
    let (mut before, mut cpu_before) = (0, 0.0);
    loop {
        tokio::select! {
            joined = tasks.join_next() => match joined {
                None => return Ok(rss_max),
                Some(joined) => joined.map_err(|e| check(format!("a connection's task ended: {e}")))??,
            },
            _ = tick.tick() => {
                let made = run.made.load(Ordering::Relaxed);
                let usage = if tree.is_empty() { Default::default() } else { tree.usage()? };
                rss_max = rss_max.max(usage.rss_bytes);
                if made > before {
                    eprintln!(
                        "{:.0} s: {made} of {goal} mailboxes, {:.0}/s, {:.3} ms of server CPU each, {} MiB resident",
                        began.elapsed().as_secs_f64(),
                        (made - before) as f64 / TELL_EVERY.as_secs_f64(),
                        (usage.cpu_s - cpu_before) * 1_000.0 / (made - before) as f64,
                        usage.rss_bytes >> 20,
                    );
                }
                (before, cpu_before) = (made, usage.cpu_s);
            }
        }
    }
}

fn sizes(data: &Path) -> Sizes {
    let mut sizes = Sizes { all_bytes: bytes_below(data, 0), kv_bytes: bytes_below(&data.join("kv"), 0), sql_bytes: 0 };
    for name in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
        sizes.sql_bytes += fs::metadata(data.join(name)).map_or(0, |m| m.len());
    }
    sizes
}

/// Bytes of all files below a folder; one that vanishes meanwhile counts as empty.
fn bytes_below(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() && depth < FOLDER_DEPTH_MAX => bytes_below(&entry.path(), depth + 1),
        Ok(m) if m.is_file() => m.len(),
        Ok(_) | Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}
