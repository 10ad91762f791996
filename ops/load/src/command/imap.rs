//! SUMMARY    `load imap`: fetches a whole mailbox again and again; messages per second and per CPU second of the server.

use clap::Args;
use serde::Serialize;

use super::{LoginArgs, MeasureArgs};
use crate::{
    error::{Result, check},
    imap::Client,
    process::{Cost, Meter},
    stats::per_second,
};

#[derive(Debug, Args)]
pub struct ImapArgs {
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    #[arg(long, default_value = "INBOX")]
    mailbox: String,
    /// Items of UID FETCH 1:*.
    #[arg(long, default_value = "FLAGS")]
    fetch: String,
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Rounds before the measurement begins.
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Log in and select anew for every round.
    #[arg(long)]
    reconnect: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    fetch: String,
    mailbox_messages: u64,
    rounds: u64,
    messages: u64,
    bytes: u64,
    elapsed_s: f64,
    per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_server_cpu_s: Option<f64>,
    #[serde(flatten)]
    cost: Option<Cost>,
}

pub async fn run(args: ImapArgs) -> Result<()> {
    let command = format!("UID FETCH 1:* ({})", args.fetch.trim_matches(['(', ')']));
    let (mut client, exists) = args.open().await?;
    for _ in 0..args.warm_up {
        client.count_fetch(&command).await?;
    }
    let meter = Meter::start(&args.measure.tree())?;
    let (mut messages, mut bytes) = (0, 0);
    for round in 0..args.rounds {
        if args.reconnect && round > 0 {
            client = args.open().await?.0;
        }
        let counted = client.count_fetch(&command).await?;
        if counted.messages < exists {
            return Err(check(format!("{} of {exists} messages were answered", counted.messages)));
        }
        messages += counted.messages;
        bytes += counted.bytes;
    }
    let elapsed = meter.elapsed();
    let cost = meter.cost(messages)?;
    args.measure.print(&Report {
        fetch: args.fetch.clone(),
        mailbox_messages: exists,
        rounds: args.rounds,
        messages,
        bytes,
        elapsed_s: elapsed.as_secs_f64(),
        per_s: per_second(messages, elapsed),
        per_server_cpu_s: cost.filter(|c| c.server_cpu_s > 0.0).map(|c| messages as f64 / c.server_cpu_s),
        cost,
    })
}

impl ImapArgs {
    async fn open(&self) -> Result<(Client, u64)> {
        let mut client = Client::login(&self.login.target(), &self.login.user, &self.login.password).await?;
        let exists = client.select(&self.mailbox, true).await?;
        Ok((client, exists))
    }
}
