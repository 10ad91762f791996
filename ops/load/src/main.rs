//! SUMMARY    `load`: drives mail servers over their sockets and measures them; any server, ours and others alike.
//! INVARIANTS One thread and hand-written clients: the driver shares the machine with what it measures, so it must be cheap.

mod api;
mod browser;
mod command;
mod deliver;
mod demo;
mod error;
mod imap;
mod ledger;
mod message;
mod net;
mod process;
mod smtp;
mod stats;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::{Result, check};

/// Load generator and checker for SMTP, LMTP and IMAP servers.
#[derive(Debug, Parser)]
#[command(name = "load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deliver messages over SMTP or LMTP: rate, latency, cost.
    Smtp(command::smtp::SmtpArgs),
    /// Fetch a whole mailbox: rate and cost.
    Imap(command::imap::ImapArgs),
    /// Bring a mailbox to a number of messages through APPEND.
    Fill(command::fill::FillArgs),
    /// Hold thousands of IDLE connections: memory of each.
    Idle(command::idle::IdleArgs),
    /// Kill the server again and again while it takes mail: nothing acknowledged may be lost.
    Crash(command::crash::CrashArgs),
    /// Send every file of a folder and compare what comes back.
    Corpus(command::corpus::CorpusArgs),
    /// Fill a tenant up to its limit over many connections while the server is killed: exact, and no drift.
    Quota(command::quota::QuotaArgs),
    /// Take every message, after a delay, and count: the far side of a queue.
    Sink(command::sink::SinkArgs),
    /// Cost of a delivery as the mailbox grows.
    Flat(command::flat::FlatArgs),
    /// Make customers with mailboxes through the API: rate, cost, memory, sizes.
    Provision(command::provision::ProvisionArgs),
    /// Look recipients up and check logins among many mailboxes: time of each.
    Lookup(command::lookup::LookupArgs),
    /// Ask the API simple queries: rate, latency, cost.
    Api(command::api::LoadApiArgs),
    /// Look at pages of the portal at a rate: time of each, weight of the first.
    Portal(command::portal::PortalArgs),
    /// What one tenant feels while another does all it can.
    Noisy(command::noisy::NoisyArgs),
    /// How long after the API's answer every door goes by a new limit.
    Limit(command::limit::LimitArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("load: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| check(e.to_string()))?;
    runtime.block_on(async {
        match cli.command {
            Command::Smtp(args) => command::smtp::run(args).await,
            Command::Imap(args) => command::imap::run(args).await,
            Command::Fill(args) => command::fill::run(args).await,
            Command::Idle(args) => command::idle::run(args).await,
            Command::Crash(args) => command::crash::run(args).await,
            Command::Corpus(args) => command::corpus::run(args).await,
            Command::Quota(args) => command::quota::run(args).await,
            Command::Sink(args) => command::sink::run(args).await,
            Command::Flat(args) => command::flat::run(args).await,
            Command::Provision(args) => command::provision::run(args).await,
            Command::Lookup(args) => command::lookup::run(args).await,
            Command::Api(args) => command::api::run(args).await,
            Command::Portal(args) => command::portal::run(args).await,
            Command::Noisy(args) => command::noisy::run(args).await,
            Command::Limit(args) => command::limit::run(args).await,
        }
    })
}
