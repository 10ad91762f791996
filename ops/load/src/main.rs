//! SUMMARY    `load`: drives mail servers over their sockets and measures them; any server, ours and others alike.
//! INVARIANTS One thread and hand-written clients: the driver shares the machine with what it measures, so it must be cheap.

#![allow(dead_code, reason = "idle, crash and corpus, which follow, use the rest of the clients")]

mod command;
mod deliver;
mod error;
mod imap;
mod message;
mod net;
mod process;
mod smtp;
mod stats;

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
        }
    })
}
