//! SUMMARY    `load idle`: thousands of IMAP connections in IDLE, and what each costs the server in resident memory.
//! INVARIANTS Memory is read from the server's own pages: kernel socket buffers are not in it.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::Command,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::MeasureArgs;
use crate::{
    deliver::{at_turn, expand},
    error::{Result, check},
    imap::Client,
    net::Target,
    process::Usage,
};

/// Bytes one idle connection reads at once.
const READ_BYTES: usize = 1024;
/// Descriptors besides the connections.
const DESCRIPTORS_SPARE: usize = 100;

#[derive(Debug, Args)]
pub struct IdleArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// HOST:PORT of the IMAP door.
    #[arg(long)]
    target: String,
    #[arg(long)]
    tls: bool,
    /// Accounts, taken in turn; `{A..B}` expands.
    #[arg(long, value_delimiter = ',', required = true)]
    user: Vec<String>,
    /// Passwords, taken in the same turn.
    #[arg(long, value_delimiter = ',', required = true)]
    password: Vec<String>,
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// Logins under way at once.
    #[arg(long, default_value_t = 16)]
    parallel: usize,
    /// Loopback source addresses (127.0.0.1 and up), for servers with limits per address.
    #[arg(long, default_value_t = 50)]
    sources: u8,
    /// Rest before each measurement, seconds.
    #[arg(long, default_value_t = 3)]
    settle_s: u64,
}

#[derive(Debug, Serialize)]
struct Step {
    connections: usize,
    server: Usage,
    /// Growth of private pages since the start, per connection.
    bytes_per_connection: f64,
    /// The same since the step before.
    bytes_per_connection_step: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    tls: bool,
    before: Usage,
    steps: Vec<Step>,
    opened_s: f64,
    /// From the first step to the last: what one more connection costs a warm server.
    bytes_per_connection_marginal: f64,
    dropped: usize,
}

pub async fn run(args: IdleArgs) -> Result<()> {
    let tree = args.measure.tree();
    if tree.is_empty() {
        return Err(check("idle measures a server: give --server-pid"));
    }
    allow_descriptors(args.connections + DESCRIPTORS_SPARE)?;
    let users = expand(&args.user)?;
    let before = tree.usage()?;
    let mut steps: Vec<Step> = Vec::new();
    let mut open = JoinSet::new();
    let began = Instant::now();
    let mut opened_s = 0.0;
    let (mut count, mut last) = (0, before);
    for step in 1..=args.steps.max(1) {
        let goal = args.connections * step / args.steps.max(1);
        let from = Instant::now();
        args.open_until(&users, count, goal, &mut open).await?;
        opened_s += from.elapsed().as_secs_f64();
        tokio::time::sleep(Duration::from_secs(args.settle_s)).await;
        let now = tree.usage()?;
        steps.push(Step {
            connections: goal,
            server: now,
            bytes_per_connection: growth(before, now, goal),
            bytes_per_connection_step: growth(last, now, goal - count),
        });
        eprintln!(
            "{goal} connections after {:.1} s: {} KB private",
            began.elapsed().as_secs_f64(),
            now.private_bytes / 1024
        );
        (count, last) = (goal, now);
    }
    let marginal = match (steps.first(), steps.last()) {
        (Some(a), Some(b)) if b.connections > a.connections => {
            growth(a.server, b.server, b.connections - a.connections)
        }
        _ => growth(before, last, count),
    };
    // A task ends only when its connection was closed by the server.
    let mut dropped = 0;
    while open.try_join_next().is_some() {
        dropped += 1;
    }
    args.measure.print(&Report {
        tls: args.tls,
        before,
        steps,
        opened_s,
        bytes_per_connection_marginal: marginal,
        dropped,
    })?;
    if dropped > 0 { Err(check(format!("{dropped} connections were closed by the server"))) } else { Ok(()) }
}

impl IdleArgs {
    /// Opens connections `from..to`, `parallel` at a time; each then waits in a task of its own.
    async fn open_until(&self, users: &[String], from: usize, to: usize, open: &mut JoinSet<()>) -> Result<()> {
        let mut logins = JoinSet::new();
        let mut next = from;
        loop {
            while next < to && logins.len() < self.parallel.max(1) {
                logins.spawn(login(self.target(next), turn(users, next), turn(&self.password, next)));
                next += 1;
            }
            let Some(done) = logins.join_next().await else { return Ok(()) };
            let mut client = done.map_err(|e| check(e.to_string()))??;
            // Reading until the connection ends; whatever the server says meanwhile is of no interest.
            open.spawn(async move { while client.unsolicited().await.is_ok() {} });
        }
    }

    fn target(&self, n: usize) -> Target {
        let host = 1 + (n % usize::from(self.sources.clamp(1, 250))) as u8;
        let source = self.target.starts_with("127.").then_some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)));
        Target { address: self.target.clone(), tls: self.tls, source }
    }
}

async fn login(target: Target, user: String, password: String) -> Result<Client> {
    let mut client = Client::login_sized(&target, &user, &password, READ_BYTES).await?;
    client.select("INBOX", false).await?;
    client.idle().await?;
    Ok(client)
}

fn turn(items: &[String], n: usize) -> String {
    at_turn(items, n as u64).cloned().unwrap_or_default()
}

fn growth(from: Usage, to: Usage, connections: usize) -> f64 {
    (to.private_bytes as f64 - from.private_bytes as f64) / connections.max(1) as f64
}

/// Raises this process's limit of open files with prlimit(1); a no is explained.
fn allow_descriptors(count: usize) -> Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let soft = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max open files")?.split_ascii_whitespace().next()?.parse::<usize>().ok());
    if soft.is_some_and(|s| s >= count) {
        return Ok(());
    }
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={count}:{count}")]).status();
    match raised {
        Ok(status) if status.success() => Ok(()),
        _ => Err(check(format!("{count} open files are needed: run `ulimit -n {count}` first"))),
    }
}
