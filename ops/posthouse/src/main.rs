//! SUMMARY    The one binary: `serve`, `demo`, `ctl`. It composes everything, and alone reads the environment.

mod config;
mod ctl;
mod demo;
mod http;
mod server;
mod upkeep;

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Mail for companies that sell mailboxes.
#[derive(Parser)]
#[command(name = "posthouse", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve {
        /// Configuration file (TOML).
        #[arg(long, env = "POSTHOUSE_CONFIG")]
        config: PathBuf,
    },
    /// Runs a complete server on loopback with sample tenants and mail.
    Demo {
        /// Folder that keeps everything.
        #[arg(long, default_value = "posthouse-data")]
        data: PathBuf,
        /// Prints one line of JSON once it serves, and nothing else.
        #[arg(long)]
        json: bool,
    },
    /// Looks at and changes a stopped server's data.
    Ctl(ctl::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTHOUSE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,posthouse=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return failed(&format!("runtime: {e}")),
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Serve { config } => server::serve(&config).await,
            Command::Demo { data, json } => demo::run(&data, json).await,
            Command::Ctl(arguments) => ctl::run(arguments).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("posthouse: {why}");
    ExitCode::FAILURE
}
