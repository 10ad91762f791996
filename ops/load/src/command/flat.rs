//! SUMMARY    `load flat`: does a delivery cost the same in a full mailbox as in an empty one?

use clap::Args;
use serde::Serialize;

use super::MeasureArgs;
use crate::{
    deliver::{DeliverArgs, all_accepted, deliver, expand},
    error::{Result, check},
    message::Generator,
    process::Meter,
};

#[derive(Debug, Args)]
pub struct FlatArgs {
    /// `--messages` is the number delivered for each measurement; give one recipient.
    #[command(flatten)]
    deliver: DeliverArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Messages in the mailbox when a measurement begins.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,50000,200000")]
    levels: Vec<u64>,
    /// Messages the mailbox has already.
    #[arg(long, default_value_t = 0)]
    found: u64,
}

#[derive(Debug, Serialize)]
struct Level {
    messages: u64,
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_ms_per_delivery: f64,
    /// Cost relative to the first level.
    ratio: f64,
    pss_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    sample: u64,
    levels: Vec<Level>,
    ratio_max: f64,
}

pub async fn run(args: FlatArgs) -> Result<()> {
    let rcpts = expand(&args.deliver.rcpt)?;
    if rcpts.len() != 1 || args.measure.server_pid.is_empty() || args.deliver.messages == 0 {
        return Err(check("flat needs one --rcpt, --server-pid, and --messages for each measurement"));
    }
    let generator = std::sync::Arc::new(Generator::new(args.deliver.seed, 1));
    let mut in_mailbox = args.found;
    let mut levels: Vec<Level> = Vec::new();
    for goal in &args.levels {
        let fill = DeliverArgs { messages: goal.saturating_sub(in_mailbox), first: in_mailbox, ..args.deliver.clone() };
        all_accepted(&deliver(&fill, rcpts.clone(), generator.clone()).await?)?;
        in_mailbox += fill.messages;
        let sample = DeliverArgs { first: in_mailbox, ..args.deliver.clone() };
        let meter = Meter::start(&args.measure.tree())?;
        let delivered = deliver(&sample, rcpts.clone(), generator.clone()).await?;
        all_accepted(&delivered)?;
        let cost = meter.cost(delivered.accepted)?.ok_or_else(|| check("no server was measured"))?;
        let first = levels.first().map_or(cost.server_cpu_s_per_1000, |l| l.cpu_ms_per_delivery);
        levels.push(Level {
            messages: in_mailbox,
            per_s: delivered.per_s,
            p50_ms: delivered.latency.p50_ms,
            p99_ms: delivered.latency.p99_ms,
            cpu_ms_per_delivery: cost.server_cpu_s_per_1000,
            ratio: cost.server_cpu_s_per_1000 / first,
            pss_bytes: cost.pss_bytes,
        });
        in_mailbox += delivered.accepted;
        eprintln!(
            "{in_mailbox} messages: {:.3} ms CPU per delivery, {:.0}/s",
            cost.server_cpu_s_per_1000, delivered.per_s
        );
    }
    let ratio_max = levels.iter().map(|l| l.ratio).fold(0.0, f64::max);
    args.measure.print(&Report { sample: args.deliver.messages, levels, ratio_max })
}
