//! SUMMARY    `load smtp`: durable delivery, measured to the acknowledgement and, on request, to the mailbox.
//! INVARIANTS A relay acknowledges when it has queued; `--until-empty` and `--until-imap` go on measuring until the last
//!            message has arrived.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;

use super::MeasureArgs;
use crate::{
    deliver::{DeliverArgs, Delivered, deliver, expand},
    error::{Result, check},
    imap::Client,
    message::Generator,
    net::Target,
    process::{Cost, Meter},
    stats::per_second,
};

/// Pause between two looks at a queue or a mailbox.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Depth of a queue directory.
const QUEUE_DEPTH_MAX: usize = 8;

#[derive(Debug, Args)]
pub struct SmtpArgs {
    #[command(flatten)]
    deliver: DeliverArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Queue directories of the server: the run lasts until no file is left in any.
    #[arg(long, value_delimiter = ',')]
    until_empty: Vec<PathBuf>,
    /// IMAP door: the run lasts until the INBOX of every recipient has grown by its share.
    #[arg(long)]
    until_imap: Option<String>,
    /// Password of every recipient for `--until-imap`.
    #[arg(long, default_value = "pass")]
    password: String,
    /// Longest wait for the last message, seconds.
    #[arg(long, default_value_t = 600)]
    wait_s: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    connections: usize,
    size: Vec<usize>,
    #[serde(flatten)]
    delivered: Delivered,
    /// Until the last message was in its mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived_per_s: Option<f64>,
    #[serde(flatten)]
    cost: Option<Cost>,
}

pub async fn run(args: SmtpArgs) -> Result<()> {
    let rcpts = expand(&args.deliver.rcpt)?;
    let generator = Generator::new(args.deliver.seed, rcpts.len() as u64).into();
    let before = args.counts(&rcpts).await?;
    let meter = Meter::start(&args.measure.tree())?;
    let delivered = deliver(&args.deliver, rcpts.clone(), generator).await?;
    let arrived = args.wait_for_arrival(&rcpts, before, delivered.accepted, &meter).await?;
    let cost = meter.cost(delivered.accepted)?;
    let failed = delivered.failed;
    args.measure.print(&Report {
        connections: args.deliver.connections,
        size: args.deliver.size.clone(),
        arrived_s: arrived.map(|a| a.as_secs_f64()),
        arrived_per_s: arrived.map(|a| per_second(delivered.accepted, a)),
        delivered,
        cost,
    })?;
    if failed > 0 { Err(check(format!("{failed} messages were not accepted"))) } else { Ok(()) }
}

impl SmtpArgs {
    /// Messages in all INBOXes of the recipients; 0 when nobody asked.
    async fn counts(&self, rcpts: &[String]) -> Result<u64> {
        let Some(address) = &self.until_imap else { return Ok(0) };
        let target = Target { address: address.clone(), tls: false, source: None };
        let mut total = 0;
        for user in rcpts {
            total += Client::login(&target, user, &self.password).await?.status_messages("INBOX").await?;
        }
        Ok(total)
    }

    async fn wait_for_arrival(
        &self,
        rcpts: &[String],
        before: u64,
        accepted: u64,
        meter: &Meter,
    ) -> Result<Option<Duration>> {
        if self.until_empty.is_empty() && self.until_imap.is_none() {
            return Ok(None);
        }
        let give_up = Instant::now() + Duration::from_secs(self.wait_s);
        while !self.until_empty.iter().all(|d| is_empty(d, 0)) {
            pause(give_up, "the queue is not empty").await?;
        }
        // The queue being empty is the end of the work; the count below only proves it.
        let mut arrived = meter.elapsed();
        while self.until_imap.is_some() && self.counts(rcpts).await? < before + accepted {
            pause(give_up, "messages are missing in the mailboxes").await?;
            arrived = meter.elapsed();
        }
        Ok(Some(arrived))
    }
}

async fn pause(give_up: Instant, why: &str) -> Result<()> {
    if Instant::now() > give_up {
        return Err(check(format!("gave up waiting: {why}")));
    }
    tokio::time::sleep(LOOK_EVERY).await;
    Ok(())
}

/// No file below a directory; one that vanishes while we look counts as empty.
fn is_empty(directory: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return true };
    entries.flatten().all(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() && depth < QUEUE_DEPTH_MAX => is_empty(&entry.path(), depth + 1),
        Ok(_) => false,
        Err(_) => true,
    })
}
